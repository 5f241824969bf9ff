//! The file systems the library OS makes up: `/dev`, `/proc` and `/sys`.
//!
//! All names here are absolute paths without links and `..`. Contents are made when a file is read.

mod maps;
mod proc;
mod process;
mod sys;
mod system;
mod threads;
mod tree;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::device::Device;
use super::dirent::Entry;
use super::path::{components, is_below};
use super::pty;
use super::stat::{self, Stat, Time, mode};
use crate::error::Errno;

/// The device number of `/dev`.
pub const DEV: stat::Device = stat::Device { major: 0, minor: 5 };
/// The device number of `/proc`.
pub const PROC: stat::Device = stat::Device { major: 0, minor: 22 };

/// The device number of `/sys`.
pub const SYS: stat::Device = stat::Device { major: 0, minor: 23 };

/// Makes the contents of a file.
pub type Text = Arc<dyn Fn() -> Result<Vec<u8>, Errno> + Send + Sync>;

/// What a name means.
pub enum Node {
    /// A directory.
    Directory,
    /// A file with generated contents.
    Text(Text),
    /// A link to a path.
    Link(Vec<u8>),
    /// A link to an open file that has no path.
    Descriptor(u32),
    /// A memory device.
    Device(Device),
    /// The controlling terminal.
    Terminal,
    /// What makes pseudo-terminals.
    Ptmx,
    /// The slave of one.
    Pts(u32),
}

impl core::fmt::Debug for Node {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Directory => "Directory",
            Self::Text(_) => "Text",
            Self::Link(_) => "Link",
            Self::Descriptor(_) => "Descriptor",
            Self::Device(_) => "Device",
            Self::Terminal => "Terminal",
            Self::Ptmx => "Ptmx",
            Self::Pts(_) => "Pts",
        })
    }
}

const DEV_LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Whether a path lies in one of the file systems of this module.
#[must_use]
pub fn is_ours(path: &[u8]) -> bool {
    [&b"/dev"[..], b"/proc", b"/sys"].iter().any(|root| is_below(path, root))
}

/// What a path means here; `None` where the layer below is to be asked.
#[must_use]
pub fn lookup(path: &[u8]) -> Option<Result<Node, Errno>> {
    if let Some(rest) = below(path, b"/proc") {
        return Some(proc::lookup(rest));
    }
    if let Some(rest) = below(path, b"/sys") {
        return sys::lookup(rest.strip_prefix(b"/").unwrap_or(rest));
    }
    let rest = below(path, b"/dev")?;
    if rest.is_empty() {
        return Some(Ok(Node::Directory));
    }
    let name = rest.strip_prefix(b"/")?;
    match name {
        b"tty" => return Some(Ok(Node::Terminal)),
        b"ptmx" | b"pts/ptmx" => return Some(Ok(Node::Ptmx)),
        b"pts" => return Some(Ok(Node::Directory)),
        _ => {}
    }
    if let Some(pts) = name.strip_prefix(b"pts/") {
        let there = number(pts).filter(|pts| pty::find(*pts).is_some());
        return Some(there.map(Node::Pts).ok_or(Errno::ENOENT));
    }
    if let Some((_, device)) = Device::ALL.iter().find(|(n, _)| n.as_bytes() == name) {
        return Some(Ok(Node::Device(*device)));
    }
    let link = DEV_LINKS.iter().find(|(n, _)| n.as_bytes() == name);
    link.map(|(_, target)| Ok(Node::Link(target.as_bytes().to_vec())))
}

fn below<'a>(path: &'a [u8], root: &[u8]) -> Option<&'a [u8]> {
    is_below(path, root).then(|| &path[root.len()..])
}

/// An entry of a listing; its position is filled in by the listing.
fn entry(folder: &[u8], name: &[u8], kind: u8) -> Entry {
    let path = super::path::join(folder, name);
    Entry { inode: inode(&path), next: 0, kind, name: name.to_vec() }
}

const DT_CHR: u8 = 2;
const DT_DIR: u8 = 4;
const DT_REG: u8 = 8;
const DT_LNK: u8 = 10;

/// The names the library OS itself puts into a directory; `None` where it has none.
#[must_use]
pub fn names(path: &[u8]) -> Option<Vec<Entry>> {
    if path == b"/" {
        return Some([&b"dev"[..], b"proc", b"sys"].map(|name| entry(path, name, DT_DIR)).to_vec());
    }
    if path == b"/dev" {
        let mut all: Vec<Entry> =
            Device::ALL.iter().map(|(n, _)| entry(path, n.as_bytes(), DT_CHR)).collect();
        all.extend([entry(path, b"tty", DT_CHR), entry(path, b"ptmx", DT_CHR), entry(path, b"pts", DT_DIR)]);
        all.extend(DEV_LINKS.iter().map(|(n, _)| entry(path, n.as_bytes(), DT_LNK)));
        return Some(all);
    }
    if path == b"/dev/pts" {
        let mut all: Vec<Entry> =
            pty::all().map(|n| entry(path, format!("{n}").as_bytes(), DT_CHR)).collect();
        all.push(entry(path, b"ptmx", DT_CHR));
        return Some(all);
    }
    if let Some(rest) = below(path, b"/sys") {
        return sys::names(rest.strip_prefix(b"/").unwrap_or(rest));
    }
    proc::names(below(path, b"/proc")?)
}

/// A stable number for a path (FNV-1a).
fn inode(path: &[u8]) -> u64 {
    u64::from(path.iter().fold(0x811c_9dc5u32, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193)) | 1)
}

fn made_up(path: &[u8], mode: u32, links: u32) -> Stat {
    let proc = is_below(path, b"/proc");
    let sys = is_below(path, b"/sys");
    let now = crate::pal::clock_ns(pal_abi::flags::clock::WALL);
    let time = Time {
        seconds: i64::try_from(now / 1_000_000_000).unwrap_or(0),
        nanoseconds: u32::try_from(now % 1_000_000_000).unwrap_or(0),
    };
    let (uid, gid) = if proc { process::owner(path) } else { (0, 0) };
    Stat {
        device: match (proc, sys) {
            (true, _) => PROC,
            (_, true) => SYS,
            _ => DEV,
        },
        inode: inode(path),
        mode,
        links,
        uid,
        gid,
        block_size: if proc { 1024 } else { 4096 },
        atime: time,
        mtime: time,
        ctime: time,
        ..Stat::default()
    }
}

/// What `stat` tells of a directory of ours.
#[must_use]
pub fn directory_stat(path: &[u8]) -> Stat {
    let links = 2 + names(path).map_or(0, |all| all.iter().filter(|e| e.kind == DT_DIR).count());
    made_up(
        path,
        mode::DIRECTORY | 0o555 | if is_below(path, b"/dev") { 0o200 } else { 0 },
        u32::try_from(links).unwrap_or(2),
    )
}

/// What `stat` tells of a generated file.
#[must_use]
pub fn text_stat(path: &[u8]) -> Stat {
    made_up(path, mode::REGULAR | 0o444, 1)
}

/// What `stat` tells of a link of ours.
#[must_use]
pub fn link_stat(path: &[u8]) -> Stat {
    Stat { size: if is_below(path, b"/proc") { 64 } else { 13 }, ..made_up(path, mode::LINK | 0o777, 1) }
}

/// What `stat` tells of `/dev/tty`.
#[must_use]
pub fn terminal_stat() -> Stat {
    Stat { node: stat::Device { major: 5, minor: 0 }, ..made_up(b"/dev/tty", mode::CHARACTER | 0o666, 1) }
}

/// What `stat` tells of `/dev/ptmx`.
#[must_use]
pub fn ptmx_stat() -> Stat {
    Stat { node: stat::Device { major: 5, minor: 2 }, ..made_up(b"/dev/ptmx", mode::CHARACTER | 0o666, 1) }
}

/// A decimal number without sign or leading zeros.
fn number(text: &[u8]) -> Option<u32> {
    let plain =
        !text.is_empty() && text.iter().all(u8::is_ascii_digit) && (text[0] != b'0' || text.len() == 1);
    if plain { core::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

/// The components below a root, as they are matched on.
fn parts(rest: &[u8]) -> Vec<&[u8]> {
    components(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_links_have_fixed_names() {
        assert!(matches!(lookup(b"/dev/null"), Some(Ok(Node::Device(Device::Null)))));
        assert!(matches!(lookup(b"/dev/stdin"), Some(Ok(Node::Link(t))) if t == b"/proc/self/fd/0"));
        assert!(lookup(b"/dev/sda").is_none());
        assert!(lookup(b"/device").is_none());
        assert!(names(b"/").unwrap().iter().any(|e| e.name == b"proc"));
        assert!(names(b"/etc").is_none());
        assert_eq!(number(b"012"), None);
        assert_eq!(number(b"12"), Some(12));
    }
}
