//! Files of `/proc` about the machine.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::sync::atomic::Ordering::Relaxed;

use pal_abi::flags::clock;

use crate::arch::cpu;
use crate::pal;
use crate::sys::family::{FILES, memory};
use crate::task::family;
use crate::task::process::process;

const MEMORY_KB: u32 = 3 << 20;

pub(super) fn cpuinfo() -> Vec<u8> {
    let mut text = String::new();
    for n in 0..process().cpus {
        // A string takes whatever it is given.
        _ = write!(
            text,
            "processor\t: {n}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\nmodel name\t: {}\nstepping\t: {}\n\
             cpu MHz\t\t: 1000.000\nfdiv_bug\t: no\nf00f_bug\t: no\ncoma_bug\t: no\nfpu\t\t: yes\n\
             fpu_exception\t: yes\ncpuid level\t: {}\nwp\t\t: yes\nflags\t\t:{}\nbogomips\t: 2000.00\n\
             clflush size\t: 64\naddress sizes\t: 32 bits physical, 32 bits virtual\n\n",
            cpu::vendor(),
            cpu::family(),
            cpu::model(),
            cpu::brand(),
            cpu::stepping(),
            cpu::max_leaf(),
            cpu::flags(),
        );
    }
    text.into_bytes()
}

pub(super) fn meminfo() -> Vec<u8> {
    let total = MEMORY_KB;
    let used = process().mm.lock().tree.total() / 1024;
    let free = total.saturating_sub(used);
    format!(
        "MemTotal:       {total:8} kB\nMemFree:        {free:8} kB\nMemAvailable:   {free:8} kB\n\
         Buffers:               0 kB\nCached:                0 kB\nSwapCached:            0 kB\n\
         Active:         {used:8} kB\nInactive:              0 kB\nSwapTotal:             0 kB\n\
         SwapFree:              0 kB\nDirty:                 0 kB\nShmem:                 0 kB\n\
         Slab:                  0 kB\nSReclaimable:          0 kB\n"
    )
    .into_bytes()
}

pub(super) fn uptime() -> Vec<u8> {
    let hundredths = pal::clock_ns(clock::BOOT) / 10_000_000;
    format!("{}.{:02} {}.{:02}\n", hundredths / 100, hundredths % 100, hundredths / 100, hundredths % 100)
        .into_bytes()
}

pub(super) fn loadavg() -> Vec<u8> {
    let pids = family::pids();
    format!("0.00 0.00 0.00 1/{} {}\n", pids.len(), pids.iter().max().unwrap_or(&0)).into_bytes()
}

pub(super) fn filesystems() -> Vec<u8> {
    [
        "nodev\tsysfs",
        "nodev\ttmpfs",
        "nodev\tproc",
        "nodev\tdevtmpfs",
        "nodev\tdevpts",
        "\text4",
        "\text3",
        "\text2",
    ]
    .map(|line| format!("{line}\n"))
    .concat()
    .into_bytes()
}

pub(super) fn stat() -> Vec<u8> {
    let boot = (pal::clock_ns(clock::WALL) - pal::clock_ns(clock::BOOT)) / 1_000_000_000;
    let mut text = String::from("cpu  0 0 0 0 0 0 0 0 0 0\n");
    for n in 0..process().cpus {
        _ = writeln!(text, "cpu{n} 0 0 0 0 0 0 0 0 0 0");
    }
    _ = write!(
        text,
        "intr 0\nctxt 0\nbtime {boot}\nprocesses {}\nprocs_running 1\nprocs_blocked 0\n",
        family::pids().len()
    );
    text.into_bytes()
}

pub(super) fn swaps() -> Vec<u8> {
    b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_vec()
}

pub(super) fn version() -> Vec<u8> {
    b"Linux version 6.1.0-trunnion (trunnion) #1 SMP\n".to_vec()
}

pub(super) fn vmstat() -> Vec<u8> {
    format!(
        "nr_free_pages {}\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n",
        MEMORY_KB / 4
    )
    .into_bytes()
}

pub(super) fn devices() -> Vec<u8> {
    b"Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n\nBlock devices:\n".to_vec()
}

/// Number, parent, device, place, options, type, source.
const MOUNTS: [(u32, u32, &str, &str, &str, &str, &str); 6] = [
    (1, 0, "8:1", "/", "rw,relatime", "ext4", "/dev/root"),
    (2, 1, "0:22", "/proc", "rw,nosuid,nodev,noexec,relatime", "proc", "proc"),
    (3, 1, "0:23", "/sys", "ro,nosuid,nodev,noexec,relatime", "sysfs", "sysfs"),
    (4, 1, "0:5", "/dev", "rw,nosuid,relatime", "devtmpfs", "udev"),
    (5, 4, "0:24", "/dev/pts", "rw,nosuid,noexec,relatime", "devpts", "devpts"),
    (6, 4, "0:25", "/dev/shm", "rw,nosuid,nodev,noexec,relatime", "tmpfs", "tmpfs"),
];

pub(super) fn mounts() -> Vec<u8> {
    MOUNTS
        .map(|(_, _, _, place, options, kind, source)| format!("{source} {place} {kind} {options} 0 0\n"))
        .concat()
        .into_bytes()
}

pub(super) fn mountinfo() -> Vec<u8> {
    MOUNTS
        .map(|(id, parent, device, place, options, kind, source)| {
            format!("{id} {parent} {device} / {place} {options} - {kind} {source} {}\n", &options[..2])
        })
        .concat()
        .into_bytes()
}

/// Used, unused and possible files of the family.
pub(super) fn file_numbers() -> Vec<u8> {
    let used = memory().files.iter().filter(|file| file.refs.load(Relaxed) != 0).count();
    format!("{used}\t0\t{FILES}\n").into_bytes()
}

/// A random number in the form of RFC 4122, version 4.
fn identifier(mut bytes: [u8; 16]) -> Vec<u8> {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::new();
    for (n, byte) in bytes.into_iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // A string takes whatever it is given.
        _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    text.into_bytes()
}

pub(super) fn uuid() -> Vec<u8> {
    let mut bytes = [0; 16];
    pal::random(&mut bytes);
    identifier(bytes)
}

/// The same for the whole life of a family.
pub(super) fn boot_id() -> Vec<u8> {
    let mut bytes = [0; 16];
    for (to, word) in bytes.chunks_exact_mut(4).zip(&memory().boot_id) {
        to.copy_from_slice(&word.load(Relaxed).to_le_bytes());
    }
    identifier(bytes)
}
