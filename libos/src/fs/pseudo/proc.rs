//! The tree of `/proc`.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pal_abi::flags::node::MEMORY;

use super::super::dirent::Entry;
use super::tree::{self, File};
use super::{DT_DIR, DT_LNK, DT_REG, Node, Text, entry, maps, number, parts, process, system, threads};
use crate::error::Errno;
use crate::fs::file::HostFile;
use crate::fs::terminal::Side;
use crate::fs::{pty, table};
use crate::sys::family::{MEMBERS, TERMINALS};
use crate::task::family;
use crate::task::process::process;
use crate::task::threads::current;

/// Files about the machine.
const SYSTEM: &[File] = &[
    ("cmdline", || b"\n".to_vec()),
    ("cpuinfo", system::cpuinfo),
    ("devices", system::devices),
    ("diskstats", Vec::new),
    ("filesystems", system::filesystems),
    ("loadavg", system::loadavg),
    ("meminfo", system::meminfo),
    ("modules", Vec::new),
    ("partitions", || b"major minor  #blocks  name\n\n".to_vec()),
    ("stat", system::stat),
    ("swaps", system::swaps),
    ("uptime", system::uptime),
    ("version", system::version),
    ("vmstat", system::vmstat),
    ("sys/fs/file-max", || b"32768\n".to_vec()),
    ("sys/fs/file-nr", system::file_numbers),
    ("sys/fs/inotify/max_queued_events", || b"16384\n".to_vec()),
    ("sys/fs/inotify/max_user_instances", || b"128\n".to_vec()),
    ("sys/fs/inotify/max_user_watches", || b"65536\n".to_vec()),
    ("sys/fs/nr_open", || b"1048576\n".to_vec()),
    ("sys/fs/pipe-max-size", || b"1048576\n".to_vec()),
    ("sys/fs/pipe-user-pages-soft", || b"16384\n".to_vec()),
    ("sys/kernel/cap_last_cap", || b"40\n".to_vec()),
    ("sys/kernel/core_pattern", || b"core\n".to_vec()),
    ("sys/kernel/hostname", || [process().hostname(), b"\n".to_vec()].concat()),
    ("sys/kernel/domainname", || b"(none)\n".to_vec()),
    ("sys/kernel/ngroups_max", || b"65536\n".to_vec()),
    ("sys/kernel/osrelease", || b"6.1.0-trunnion\n".to_vec()),
    ("sys/kernel/ostype", || b"Linux\n".to_vec()),
    ("sys/kernel/overflowgid", || b"65534\n".to_vec()),
    ("sys/kernel/overflowuid", || b"65534\n".to_vec()),
    ("sys/kernel/perf_event_paranoid", || b"3\n".to_vec()),
    ("sys/kernel/pid_max", || b"32768\n".to_vec()),
    ("sys/kernel/pty/max", || format!("{}\n", TERMINALS - 1).into_bytes()),
    ("sys/kernel/pty/nr", || format!("{}\n", pty::all().count()).into_bytes()),
    ("sys/kernel/random/boot_id", system::boot_id),
    ("sys/kernel/random/entropy_avail", || b"256\n".to_vec()),
    ("sys/kernel/random/poolsize", || b"256\n".to_vec()),
    ("sys/kernel/random/uuid", system::uuid),
    ("sys/kernel/randomize_va_space", || b"2\n".to_vec()),
    ("sys/kernel/sem", || b"32000\t1024000000\t500\t32000\n".to_vec()),
    ("sys/kernel/shmall", || b"18446744073692774399\n".to_vec()),
    ("sys/kernel/shmmax", || b"18446744073692774399\n".to_vec()),
    ("sys/kernel/shmmni", || b"4096\n".to_vec()),
    ("sys/kernel/threads-max", || format!("{}\n", MEMBERS).into_bytes()),
    ("sys/kernel/version", || b"#1 SMP\n".to_vec()),
    ("sys/kernel/yama/ptrace_scope", || b"3\n".to_vec()),
    ("sys/net/core/somaxconn", || b"4096\n".to_vec()),
    ("sys/net/ipv4/ip_local_port_range", || b"32768\t60999\n".to_vec()),
    ("sys/vm/max_map_count", || b"65530\n".to_vec()),
    ("sys/vm/mmap_min_addr", || b"65536\n".to_vec()),
    ("sys/vm/nr_hugepages", || b"0\n".to_vec()),
    ("sys/vm/overcommit_memory", || b"0\n".to_vec()),
    ("sys/vm/overcommit_ratio", || b"50\n".to_vec()),
    ("sys/vm/swappiness", || b"60\n".to_vec()),
];

/// A file of a process: its name, and what makes its text.
type OfProcess = (&'static str, fn(u32) -> Vec<u8>);

/// Files of a process whose text every process may read, and those of its own.
const OPEN: &[OfProcess] = &[
    ("cgroup", |_| b"0::/\n".to_vec()),
    ("cmdline", process::cmdline),
    ("comm", process::comm_line),
    ("coredump_filter", |_| b"00000033\n".to_vec()),
    ("gid_map", process::id_map),
    ("limits", process::limits),
    ("loginuid", |_| b"4294967295".to_vec()),
    ("mountinfo", |_| system::mountinfo()),
    ("mounts", |_| system::mounts()),
    ("oom_adj", |_| b"0\n".to_vec()),
    ("oom_score", |_| b"0\n".to_vec()),
    ("oom_score_adj", |_| b"0\n".to_vec()),
    ("sessionid", |_| b"4294967295".to_vec()),
    ("setgroups", |_| b"allow\n".to_vec()),
    ("stat", process::stat),
    ("statm", process::statm),
    ("status", process::status),
    ("uid_map", process::id_map),
    ("wchan", |_| b"0".to_vec()),
];
const OWN: &[File] = &[
    ("auxv", process::auxv),
    ("environ", process::environ),
    ("io", process::io),
    ("maps", maps::maps),
    ("personality", || b"00000008\n".to_vec()),
    ("smaps", maps::smaps),
    ("smaps_rollup", maps::rollup),
];

fn text(make: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> Node {
    let make: Text = Arc::new(move || Ok(make()));
    Node::Text(make)
}

/// What a path below `/proc` means.
pub(super) fn lookup(rest: &[u8]) -> Result<Node, Errno> {
    let parts = parts(rest);
    let me = process().pid();
    let [first, tail @ ..] = parts.as_slice() else { return Ok(Node::Directory) };
    match *first {
        b"self" if tail.is_empty() => return Ok(Node::Link(format!("{me}").into_bytes())),
        b"thread-self" if tail.is_empty() => {
            return Ok(Node::Link(format!("{me}/task/{}", current().tid()).into_bytes()));
        }
        b"mounts" if tail.is_empty() => return Ok(Node::Link(b"self/mounts".to_vec())),
        _ => {}
    }
    if let Some(pid) = number(first) {
        let member = family::find(pid).ok_or(Errno::ENOENT)?;
        return match tail {
            [] | [b"task"] => Ok(Node::Directory),
            [b"task", thread, tail @ ..] => {
                let tid = number(thread).and_then(family::find_thread).filter(|t| t.process() == pid);
                let tid = tid.ok_or(Errno::ENOENT)?.pid();
                match tail {
                    [] => Ok(Node::Directory),
                    tail => threads::lookup(tid, tail).map_or_else(|| of_process(member.pid(), me, tail), Ok),
                }
            }
            tail => of_process(member.pid(), me, tail),
        };
    }
    tree::lookup(SYSTEM, &parts.join(&b'/')).ok_or(Errno::ENOENT)
}

fn of_process(pid: u32, me: u32, tail: &[&[u8]]) -> Result<Node, Errno> {
    let own = |node: fn() -> Node| if pid == me { Ok(node()) } else { Err(Errno::EACCES) };
    match tail {
        [name] if OPEN.iter().any(|(known, _)| known.as_bytes() == *name) => {
            let make = OPEN.iter().find(|(known, _)| known.as_bytes() == *name).ok_or(Errno::ENOENT)?.1;
            Ok(text(move || make(pid)))
        }
        [name] if OWN.iter().any(|(known, _)| known.as_bytes() == *name) => {
            let make = OWN.iter().find(|(known, _)| known.as_bytes() == *name).ok_or(Errno::ENOENT)?.1;
            if pid == me { Ok(text(make)) } else { Err(Errno::EACCES) }
        }
        [b"exe"] => own(|| Node::Link(process().exe())),
        [b"cwd"] => own(|| Node::Link(process().fs.lock().cwd.clone())),
        [b"root"] => own(|| Node::Link(b"/".to_vec())),
        [b"fd" | b"fdinfo"] => own(|| Node::Directory),
        [b"fdinfo", fd] if pid == me => {
            let fd = number(fd).ok_or(Errno::ENOENT)?;
            table::get(fd).map_err(|_| Errno::ENOENT)?;
            Ok(text(move || process::descriptor(fd)))
        }
        [b"fd", fd] if pid == me => {
            let fd = number(fd).ok_or(Errno::ENOENT)?;
            let file = table::get(fd).map_err(|_| Errno::ENOENT)?;
            // A path leads to what lies there now; what has none is the object itself.
            let slave = |host: &HostFile| {
                host.terminal.is_some_and(|line| line.pts().is_some() && line.side() == Side::Slave)
            };
            if file.path.starts_with(b"/")
                && file.host().is_none_or(|host| host.seekable && host.kind != MEMORY || slave(host))
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
            all.extend(tree::names(SYSTEM, b"/proc", b""));
            all.extend([link("mounts"), link("self"), link("thread-self")]);
            all
        }
        ([_], Some(_)) | ([_, b"task", _], Some(_)) => {
            let mut all = Vec::from([dir("fd"), dir("fdinfo"), link("cwd"), link("exe"), link("root")]);
            if parts.len() == 1 {
                all.push(dir("task"));
            }
            all.extend(OPEN.iter().map(|(name, _)| file(name)).chain(OWN.iter().map(|(name, _)| file(name))));
            all
        }
        ([_, b"task"], Some(pid)) => {
            let mine = family::all_threads().filter(|t| t.process() == pid);
            mine.map(|t| dir(&format!("{}", t.pid()))).collect()
        }
        ([_, b"fdinfo"], Some(pid)) if pid == process().pid() => {
            process().files.lock().iter().map(|(fd, _)| file(&format!("{fd}"))).collect()
        }
        ([_, b"fd"], Some(pid)) if pid == process().pid() => {
            process().files.lock().iter().map(|(fd, _)| link(&format!("{fd}"))).collect()
        }
        ([_, ..], Some(_)) => return None,
        _ => {
            let all = tree::names(SYSTEM, b"/proc", &parts.join(&b'/'));
            if all.is_empty() {
                return None;
            }
            all
        }
    })
}
