//! The tree of `/proc`.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use pal_abi::flags::node::MEMORY;

use super::super::dirent::Entry;
use super::{DT_DIR, DT_LNK, DT_REG, Node, Text, entry, number, parts, process, system};
use crate::error::Errno;
use crate::fs::table;
use crate::task::family;
use crate::task::process::process;

/// A file about the machine: its name, and what makes its text.
type SystemFile = (&'static str, fn() -> Vec<u8>);

const SYSTEM: [SystemFile; 10] = [
    ("cpuinfo", system::cpuinfo),
    ("filesystems", system::filesystems),
    ("loadavg", system::loadavg),
    ("meminfo", system::meminfo),
    ("stat", system::stat),
    ("swaps", system::swaps),
    ("uptime", system::uptime),
    ("version", system::version),
    ("vmstat", system::vmstat),
    ("devices", system::devices),
];

const SYSCTL: [(&str, &str); 8] = [
    ("sys/kernel/ostype", "Linux\n"),
    ("sys/kernel/osrelease", concat!("6.1.0-trunnion", "\n")),
    ("sys/kernel/pid_max", "32768\n"),
    ("sys/kernel/ngroups_max", "65536\n"),
    ("sys/kernel/cap_last_cap", "40\n"),
    ("sys/vm/overcommit_memory", "0\n"),
    ("sys/vm/max_map_count", "65530\n"),
    ("sys/fs/file-max", "32768\n"),
];

fn text(make: impl FnOnce() -> Vec<u8> + 'static) -> Node {
    let make: Text = Box::new(move || Ok(make()));
    Node::Text(make)
}

/// What a path below `/proc` means.
pub(super) fn lookup(rest: &[u8]) -> Result<Node, Errno> {
    let parts = parts(rest);
    let me = process().pid();
    let [first, tail @ ..] = parts.as_slice() else { return Ok(Node::Directory) };
    match *first {
        b"self" if tail.is_empty() => return Ok(Node::Link(format!("{me}").into_bytes())),
        b"thread-self" if tail.is_empty() => return Ok(Node::Link(format!("{me}/task/{me}").into_bytes())),
        b"mounts" if tail.is_empty() => return Ok(Node::Link(b"self/mounts".to_vec())),
        _ => {}
    }
    if let Some(pid) = number(first) {
        let member = family::find(pid).ok_or(Errno::ENOENT)?;
        return match tail {
            [] | [b"task"] => Ok(Node::Directory),
            [b"task", thread] if number(thread) == Some(pid) => Ok(Node::Directory),
            [b"task", thread, tail @ ..] if number(thread) == Some(pid) => of_process(member.pid(), me, tail),
            tail => of_process(member.pid(), me, tail),
        };
    }
    if let ([], Some((_, make))) = (tail, SYSTEM.iter().find(|(name, _)| name.as_bytes() == *first)) {
        return Ok(text(*make));
    }
    let path = parts.join(&b'/');
    if path == b"sys/kernel/hostname" {
        return Ok(text(|| [process().hostname(), b"\n".to_vec()].concat()));
    }
    if let Some((_, value)) = SYSCTL.iter().find(|(name, _)| name.as_bytes() == path) {
        return Ok(text(|| value.as_bytes().to_vec()));
    }
    let is_folder =
        |name: &str| name.as_bytes().strip_prefix(path.as_slice()).is_some_and(|r| r.starts_with(b"/"));
    if SYSCTL.iter().any(|(name, _)| is_folder(name)) { Ok(Node::Directory) } else { Err(Errno::ENOENT) }
}

fn of_process(pid: u32, me: u32, tail: &[&[u8]]) -> Result<Node, Errno> {
    let own = |node: fn() -> Node| if pid == me { Ok(node()) } else { Err(Errno::EACCES) };
    match tail {
        [b"stat"] => Ok(text(move || process::stat(pid))),
        [b"statm"] => Ok(text(move || process::statm(pid))),
        [b"status"] => Ok(text(move || process::status(pid))),
        [b"cmdline"] => Ok(text(move || process::cmdline(pid))),
        [b"comm"] => Ok(text(move || process::comm_line(pid))),
        [b"maps"] => own(|| text(process::maps)),
        [b"environ"] => own(|| text(process::environ)),
        [b"auxv"] => own(|| text(process::auxv)),
        [b"mounts"] => Ok(text(system::mounts)),
        [b"mountinfo"] => Ok(text(system::mountinfo)),
        [b"limits"] => own(|| text(process::limits)),
        [b"oom_score_adj"] => Ok(text(|| b"0\n".to_vec())),
        [b"exe"] => own(|| Node::Link(process().exe())),
        [b"cwd"] => own(|| Node::Link(process().fs.lock().cwd.clone())),
        [b"root"] => own(|| Node::Link(b"/".to_vec())),
        [b"fd"] => own(|| Node::Directory),
        [b"fd", fd] if pid == me => {
            let fd = number(fd).ok_or(Errno::ENOENT)?;
            let file = table::get(fd).map_err(|_| Errno::ENOENT)?;
            // A path leads to what lies there now; what has none is the object itself.
            if file.path.starts_with(b"/")
                && file.host().is_none_or(|host| host.seekable && host.kind != MEMORY)
            {
                Ok(Node::Link(file.path.clone()))
            } else {
                Ok(Node::Descriptor(fd))
            }
        }
        _ => Err(Errno::ENOENT),
    }
}

/// The names in a directory below `/proc`.
pub(super) fn names(rest: &[u8]) -> Option<Vec<Entry>> {
    let parts = parts(rest);
    let folder = [b"/proc", rest].concat();
    let file = |name: &str| entry(&folder, name.as_bytes(), DT_REG);
    let link = |name: &str| entry(&folder, name.as_bytes(), DT_LNK);
    let dir = |name: &str| entry(&folder, name.as_bytes(), DT_DIR);
    let pid = parts.first().and_then(|p| number(p));
    Some(match (parts.as_slice(), pid) {
        ([], _) => {
            let mut all: Vec<Entry> = family::pids().iter().map(|pid| dir(&format!("{pid}"))).collect();
            all.extend(SYSTEM.iter().map(|(name, _)| file(name)));
            all.extend([link("mounts"), link("self"), link("thread-self"), dir("sys")]);
            all
        }
        ([_], Some(_)) | ([_, b"task", _], Some(_)) => {
            let mut all = Vec::from([dir("fd"), dir("task"), link("cwd"), link("exe"), link("root")]);
            let files = [
                "auxv",
                "cmdline",
                "comm",
                "environ",
                "limits",
                "maps",
                "mountinfo",
                "mounts",
                "oom_score_adj",
                "stat",
                "statm",
                "status",
            ];
            all.extend(files.map(file));
            all
        }
        ([_, b"task"], Some(pid)) => Vec::from([dir(&format!("{pid}"))]),
        ([_, b"fd"], Some(pid)) if pid == process().pid() => {
            process().files.lock().iter().map(|(fd, _)| link(&format!("{fd}"))).collect()
        }
        ([_, ..], Some(_)) => return None,
        _ => {
            let path = [parts.join(&b'/'), b"/".to_vec()].concat();
            let mut all: Vec<Entry> = Vec::new();
            for name in SYSCTL.iter().map(|(name, _)| name.as_bytes()).chain([&b"sys/kernel/hostname"[..]]) {
                if let Some(rest) = name.strip_prefix(path.as_slice()) {
                    let child = rest.split(|&b| b == b'/').next().unwrap_or(rest);
                    let kind = if child.len() == rest.len() { DT_REG } else { DT_DIR };
                    if !all.iter().any(|e| e.name == child) {
                        all.push(entry(&folder, child, kind));
                    }
                }
            }
            if all.is_empty() {
                return None;
            }
            all
        }
    })
}
