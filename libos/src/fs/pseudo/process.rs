//! Files of `/proc` about one process. What others may see of it stands in family memory.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::sync::atomic::Ordering::Relaxed;

use super::{number, parts};
use crate::fs::{pty, table};
use crate::layout::{PAGE, STACK_TOP};
use crate::signal::pending;
use crate::signal::set::{SIG_DFL, SIG_IGN, SigSet};
use crate::task::family::{self, Seen};
use crate::task::limits::INFINITY;
use crate::task::process::process;
use crate::task::threads;

/// Owner and group of what lies below `/proc`.
pub(super) fn owner(path: &[u8]) -> (u32, u32) {
    let pid = parts(path).get(1).and_then(|name| number(name));
    match pid.and_then(family::find) {
        Some(seen) => (seen.uid(), process().ids.lock().egid),
        None => (0, 0),
    }
}

fn seen(pid: u32, make: impl FnOnce(Seen) -> String) -> Vec<u8> {
    family::find(pid).map(make).unwrap_or_default().into_bytes()
}

pub(super) fn stat(pid: u32) -> Vec<u8> {
    seen(pid, |p| {
        let cpu = p.cpu_ms() / 10;
        let (mut brk, mut stack, mut pending) = ((0, 0), 0, SigSet::EMPTY);
        let (mut ignored, mut caught) = (SigSet::EMPTY, SigSet::EMPTY);
        if pid == process().pid() {
            let mm = process().mm.lock();
            brk = (mm.brk_start, mm.brk);
            stack = mm.stack_start;
            pending = p.pending();
            (ignored, caught) = dispositions();
        }
        let foreground = pty::foreground_of(p.session());
        format!(
            "{pid} ({}) {} {} {} {} {} {} 4194304 0 0 0 0 {cpu} 0 0 0 20 0 {} 0 {} {} {} 4294967295 0 0 {stack} 0 0 {} 0 \
             {} {} 0 0 0 {} 0 0 0 0 0 0 0 0 {} 0 0 0 0 {}\n",
            String::from_utf8_lossy(&p.comm()),
            p.letter(),
            p.parent(),
            p.group(),
            p.session(),
            pty::device_of(p.session()),
            if foreground == 0 { -1 } else { foreground.cast_signed() },
            family::all_threads().filter(|t| t.process() == pid).count(),
            p.start_ticks(),
            u64::from(p.pages()) * u64::from(PAGE),
            p.pages(),
            pending.words()[0] & 0x7fff_ffff,
            ignored.words()[0] & 0x7fff_ffff,
            caught.words()[0] & 0x7fff_ffff,
            p.exit_signal(),
            brk.0,
            p.status(),
        )
    })
}

fn dispositions() -> (SigSet, SigSet) {
    let actions = process().actions.lock();
    let (mut ignored, mut caught) = (SigSet::EMPTY, SigSet::EMPTY);
    for (signal, action) in (1u32..).zip(actions.iter()) {
        match action.handler {
            SIG_DFL => {}
            SIG_IGN => ignored = ignored | SigSet::of(signal),
            _ => caught = caught | SigSet::of(signal),
        }
    }
    (ignored, caught)
}

pub(super) fn statm(pid: u32) -> Vec<u8> {
    seen(pid, |p| format!("{0} {0} 0 0 0 {0} 0\n", p.pages()))
}

pub(super) fn status(pid: u32) -> Vec<u8> {
    seen(pid, |p| {
        let ids = process().ids.lock();
        let kb = p.pages() * 4;
        let state = match p.letter() {
            'R' => "R (running)",
            'T' => "T (stopped)",
            'Z' => "Z (zombie)",
            _ => "S (sleeping)",
        };
        let (ignored, caught) = dispositions();
        let (uid, cpus) = (p.uid(), process().cpus);
        let threads = family::all_threads().filter(|t| t.process() == pid).count();
        let capabilities: u64 = if ids.euid == 0 { (1 << 41) - 1 } else { 0 };
        let all_cpus = if cpus >= 32 { u32::MAX } else { (1 << cpus) - 1 };
        let cpu_list = if cpus == 1 { String::from("0") } else { format!("0-{}", cpus - 1) };
        let groups: String = ids.groups.iter().map(|group| format!("{group} ")).collect();
        format!(
            "Name:\t{}\nUmask:\t{:04o}\nState:\t{state}\nTgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\nPPid:\t{}\nTracerPid:\t0\n\
             Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{}\t{}\t{}\t{}\nFDSize:\t64\nGroups:\t{groups}\nNStgid:\t{pid}\nNSpid:\t{pid}\nNSpgid:\t{}\nNSsid:\t{}\nVmPeak:\t{kb:8} kB\n\
             VmSize:\t{kb:8} kB\nVmLck:\t       0 kB\nVmPin:\t       0 kB\nVmHWM:\t{kb:8} kB\nVmRSS:\t{kb:8} kB\n\
             RssAnon:\t{kb:8} kB\nRssFile:\t       0 kB\nRssShmem:\t       0 kB\nVmData:\t{kb:8} kB\n\
             VmStk:\t     132 kB\nVmExe:\t       4 kB\nVmLib:\t       0 kB\nVmPTE:\t      32 kB\nVmSwap:\t       0 kB\n\
             CoreDumping:\t0\nTHP_enabled:\t1\nThreads:\t{threads}\nSigQ:\t{}/{}\nSigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n\
             CapInh:\t0000000000000000\nCapPrm:\t{capabilities:016x}\nCapEff:\t{capabilities:016x}\n\
             CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\n\
             Seccomp_filters:\t0\nSpeculation_Store_Bypass:\tvulnerable\nSpeculationIndirectBranch:\talways enabled\n\
             Cpus_allowed:\t{all_cpus:x}\nCpus_allowed_list:\t{cpu_list}\nMems_allowed:\t1\nMems_allowed_list:\t0\n\
             voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n",
            String::from_utf8_lossy(&p.comm()),
            process().fs.lock().umask,
            p.parent(),
            ids.gid,
            ids.egid,
            ids.sgid,
            ids.egid,
            p.group(),
            p.session(),
            pending::queued(p),
            p.0.signal_limit.load(Relaxed),
            pending::set(&p.0.private).0,
            pending::set(&p.0.shared).0,
            threads::current().blocks().0,
            ignored.0,
            caught.0,
        )
    })
}

pub(super) fn cmdline(pid: u32) -> Vec<u8> {
    family::find(pid).map(|p| p.cmdline()).unwrap_or_default()
}

pub(super) fn comm_line(pid: u32) -> Vec<u8> {
    let mut text = family::find(pid).map(|p| p.comm()).unwrap_or_default();
    text.push(b'\n');
    text
}

pub(super) fn environ() -> Vec<u8> {
    let (start, end) = process().mm.lock().env;
    let mut bytes = alloc::vec![0; end.saturating_sub(start).min(STACK_TOP) as usize];
    // The program may have unmapped its stack: then the file is empty.
    if crate::arch::user::read(start, &mut bytes).is_err() {
        bytes.clear();
    }
    bytes
}

pub(super) fn auxv() -> Vec<u8> {
    process().mm.lock().aux.iter().flat_map(|(k, v)| [k.to_le_bytes(), v.to_le_bytes()].concat()).collect()
}

/// The limits of this process; another's are not seen, and its own began as these.
pub(super) fn limits(_pid: u32) -> Vec<u8> {
    const NAMES: [(&str, &str); 16] = [
        ("Max cpu time", "seconds"),
        ("Max file size", "bytes"),
        ("Max data size", "bytes"),
        ("Max stack size", "bytes"),
        ("Max core file size", "bytes"),
        ("Max resident set", "bytes"),
        ("Max processes", "processes"),
        ("Max open files", "files"),
        ("Max locked memory", "bytes"),
        ("Max address space", "bytes"),
        ("Max file locks", "locks"),
        ("Max pending signals", "signals"),
        ("Max msgqueue size", "bytes"),
        ("Max nice priority", ""),
        ("Max realtime priority", ""),
        ("Max realtime timeout", "us"),
    ];
    let limits = process().limits.lock().0;
    let mut text = format!("{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    let shown = |limit: u64| if limit == INFINITY { String::from("unlimited") } else { format!("{limit}") };
    for ((name, unit), (soft, hard)) in NAMES.into_iter().zip(limits) {
        let (soft, hard) = (shown(soft), shown(hard));
        // A string takes whatever it is given.
        _ = if unit.is_empty() {
            writeln!(text, "{name:<25} {soft:<20} {hard:<20}           ")
        } else {
            writeln!(text, "{name:<25} {soft:<20} {hard:<20} {unit:<10}")
        };
    }
    text.into_bytes()
}

/// Users and groups are those of the layer below, one for one.
pub(super) fn id_map(_pid: u32) -> Vec<u8> {
    format!("{:>10} {:>10} {:>10}\n", 0, 0, u32::MAX).into_bytes()
}

/// Transfers are not counted.
pub(super) fn io() -> Vec<u8> {
    b"rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"
        .to_vec()
}

/// A file of `fdinfo`; nothing once the descriptor is closed.
pub(super) fn descriptor(fd: u32) -> Vec<u8> {
    let Ok(file) = table::get(fd) else { return Vec::new() };
    let (position, flags) = (file.slot.offset().get(), file.slot.flags());
    let inode = file.stat().map_or(0, |stat| stat.inode);
    format!("pos:\t{position}\nflags:\t0{flags:o}\nmnt_id:\t1\nino:\t{inode}\n").into_bytes()
}
