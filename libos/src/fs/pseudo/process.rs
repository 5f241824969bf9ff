//! Files of `/proc` about one process. What others may see of it stands in family memory.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::sync::atomic::Ordering::Relaxed;

use super::{number, parts};
use crate::layout::{PAGE, STACK_TOP};
use crate::mm::vma::{Backing, PROT_EXEC, PROT_READ, PROT_WRITE};
use crate::signal::pending;
use crate::signal::set::{SIG_DFL, SIG_IGN, SigSet};
use crate::task::family::{self, Seen};
use crate::task::process::process;

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
        let foreground = family::foreground();
        format!(
            "{pid} ({}) {} {} {} {} 0 {} 4194304 0 0 0 0 {cpu} 0 0 0 20 0 1 0 {} {} {} 4294967295 0 0 {stack} 0 0 {} 0 \
             {} {} 0 0 0 {} 0 0 0 0 0 0 0 0 {} 0 0 0 0 {}\n",
            String::from_utf8_lossy(&p.comm()),
            p.letter(),
            p.parent(),
            p.group(),
            p.session(),
            if foreground == 0 { -1 } else { foreground.cast_signed() },
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
        let uid = p.uid();
        format!(
            "Name:\t{}\nUmask:\t{:04o}\nState:\t{state}\nTgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\nPPid:\t{}\nTracerPid:\t0\n\
             Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{}\t{}\t{}\t{}\nFDSize:\t64\nGroups:\t{} \nVmPeak:\t{kb:8} kB\n\
             VmSize:\t{kb:8} kB\nVmLck:\t       0 kB\nVmHWM:\t{kb:8} kB\nVmRSS:\t{kb:8} kB\nVmSwap:\t       0 kB\n\
             Threads:\t1\nSigQ:\t{}/{}\nSigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n",
            String::from_utf8_lossy(&p.comm()),
            process().fs.lock().umask,
            p.parent(),
            ids.gid,
            ids.egid,
            ids.sgid,
            ids.egid,
            ids.gid,
            pending::queued(p),
            p.0.signal_limit.load(Relaxed),
            pending::set(&p.0.private).0,
            pending::set(&p.0.shared).0,
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

pub(super) fn limits() -> Vec<u8> {
    let files = process().limits.lock().files();
    format!(
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max stack size            8388608              unlimited            bytes     \n\
         Max open files            {files:<20} {files:<20} files     \n"
    )
    .into_bytes()
}

pub(super) fn maps() -> Vec<u8> {
    let mm = process().mm.lock();
    let mut text = String::new();
    for vma in mm.tree.iter() {
        let bit = |mask: u32, letter: char| if vma.prot & mask != 0 { letter } else { '-' };
        let start = text.len();
        let (offset, device, inode, name) = match &vma.backing {
            Backing::Anonymous => (0, None, 0, Vec::new()),
            Backing::Heap => (0, None, 0, b"[heap]".to_vec()),
            Backing::Stack => (0, None, 0, b"[stack]".to_vec()),
            Backing::Vdso => (0, None, 0, b"[vdso]".to_vec()),
            Backing::Shared { offset, .. } => (*offset, None, 1, b"/dev/zero (deleted)".to_vec()),
            Backing::File { file, offset, .. } => {
                let stat = file.stat().unwrap_or_default();
                (*offset, Some(stat.device), stat.inode, file.path.clone())
            }
        };
        let device = device.unwrap_or_default();
        // A string takes whatever it is given.
        _ = write!(
            text,
            "{:08x}-{:08x} {}{}{}{} {offset:08x} {:02x}:{:02x} {inode}",
            vma.start,
            vma.end,
            bit(PROT_READ, 'r'),
            bit(PROT_WRITE, 'w'),
            bit(PROT_EXEC, 'x'),
            if vma.shared { 's' } else { 'p' },
            device.major,
            device.minor,
        );
        text.push(' ');
        if !name.is_empty() {
            while text.len() - start < 73 {
                text.push(' ');
            }
            text.push_str(&String::from_utf8_lossy(&name));
        }
        text.push('\n');
    }
    text.into_bytes()
}
