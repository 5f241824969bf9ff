//! `/sys`: as much of the machine as a C library and a build tool ask for. sysfs(5).

use alloc::format;
use alloc::vec::Vec;

use super::super::dirent::Entry;
use super::tree::{self, File};
use super::{DT_DIR, Node, entry, number};
use crate::error::Errno;
use crate::task::process::process;

const FILES: &[File] = &[
    ("devices/system/cpu/kernel_max", || b"63\n".to_vec()),
    ("devices/system/cpu/offline", || b"\n".to_vec()),
    ("devices/system/cpu/online", processors),
    ("devices/system/cpu/possible", processors),
    ("devices/system/cpu/present", processors),
    ("devices/system/node/online", || b"0\n".to_vec()),
    ("devices/system/node/possible", || b"0\n".to_vec()),
    ("kernel/mm/transparent_hugepage/enabled", || b"always madvise [never]\n".to_vec()),
    ("kernel/mm/transparent_hugepage/hpage_pmd_size", || b"2097152\n".to_vec()),
];

/// The folder that has one for each processor.
const CPU: &[u8] = b"devices/system/cpu";

/// `0` or `0-3`.
fn processors() -> Vec<u8> {
    match process().cpus {
        1 => b"0\n".to_vec(),
        n => format!("0-{}\n", n - 1).into_bytes(),
    }
}

/// What a path below `/sys` means. `None` where the layer below is to be asked: a root may bring its own folder.
pub(super) fn lookup(path: &[u8]) -> Option<Result<Node, Errno>> {
    let cpu = path.strip_prefix(CPU).and_then(|rest| rest.strip_prefix(b"/cpu")).and_then(number);
    if cpu.is_some_and(|n| n < process().cpus) {
        return Some(Ok(Node::Directory));
    }
    tree::lookup(FILES, path).map(Ok)
}

/// The names in a folder below `/sys`.
pub(super) fn names(path: &[u8]) -> Option<Vec<Entry>> {
    let mut all = tree::names(FILES, b"/sys", path);
    if path == CPU {
        let folder = [b"/sys/", path].concat();
        all.extend((0..process().cpus).map(|n| entry(&folder, format!("cpu{n}").as_bytes(), DT_DIR)));
    }
    match lookup(path) {
        Some(Ok(Node::Directory)) => Some(all),
        _ => None,
    }
}
