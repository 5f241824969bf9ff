//! The end of a process.

use alloc::vec::Vec;
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release};

use pal_abi::Pal as _;
use pal_abi::flags::clock;

use super::clone::release_parent;
use super::family::{self, INIT_PID, flag, state};
use super::process::process;
use super::thread::Thread;
use crate::arch::user;
use crate::fs::shared;
use crate::pal::{clock_ns, pal};
use crate::signal::info::{SigInfo, code};
use crate::signal::pending;
use crate::signal::set::{COUNT, SIGCHLD};

/// CPU time this process has used, in milliseconds.
#[must_use]
pub fn cpu_ms() -> u32 {
    u32::try_from(clock_ns(clock::PROCESS_CPU) / 1_000_000).unwrap_or(u32::MAX)
}

/// Ends the process with an exit code.
pub fn exited(thread: &mut Thread, exit_code: u32) -> ! {
    end(thread, (exit_code & 0xff) << 8, code::CLD_EXITED, exit_code & 0xff, exit_code & 0xff)
}

/// Ends the process because of a signal.
pub fn killed(thread: &mut Thread, signal: u32) -> ! {
    end(thread, signal, code::CLD_KILLED, signal, 128 + signal)
}

fn end(thread: &mut Thread, status: u32, code: i32, value: u32, host_code: u32) -> ! {
    let me = process().member();
    if thread.clear_child_tid != 0 {
        // Nobody is left to care about a bad address.
        _ = user::write_u32(thread.clear_child_tid, 0);
    }
    close_streams();
    shared::release_all();
    me.0.cpu_ms.store(cpu_ms().saturating_add(process().children_cpu_ms.load(Relaxed)), Relaxed);
    me.0.status.store(status, Relaxed);
    let mut orphans = Vec::new();
    let parent = {
        let _guard = family::lock();
        for child in family::all().filter(|child| child.parent() == me.pid()) {
            child.0.parent.store(INIT_PID, Relaxed);
            if child.state() == state::ZOMBIE {
                child.0.state.store(state::FREE, Release);
            } else if child.0.death_signal.load(Relaxed) != 0 {
                orphans.push(child);
            }
        }
        let parent = family::find(me.parent()).filter(|parent| parent.state() != state::ZOMBIE);
        let keeps = parent.is_some_and(|p| p.flags() & flag::NO_ZOMBIES == 0 || me.exit_signal() != SIGCHLD);
        pending::clear(me.0);
        me.0.state.store(if keeps { state::ZOMBIE } else { state::FREE }, Release);
        parent
    };
    release_parent(false);
    for orphan in orphans {
        let signal = orphan.0.death_signal.load(Relaxed).clamp(1, COUNT);
        family::post(orphan, &SigInfo { signal, first: me.pid(), second: me.uid(), ..SigInfo::default() });
    }
    if let Some(parent) = parent {
        if me.exit_signal() != 0 {
            let info = SigInfo::child(code, me.pid(), me.uid(), value);
            family::post(parent, &SigInfo { signal: me.exit_signal(), ..info });
        } else {
            family::ring(parent.0);
        }
    }
    leave(host_code)
}

/// Closes what others may be waiting on, before the parent hears of the end.
fn close_streams() {
    let mut files = process().files.lock();
    let fds: Vec<u32> = files.iter().filter(|(_, e)| !e.file.is_seekable()).map(|(fd, _)| fd).collect();
    let closed: Vec<_> = fds.into_iter().map(|fd| files.replace(fd, None)).collect();
    drop(files);
    drop(closed);
}

/// Leaves the host process.
pub fn leave(host_code: u32) -> ! {
    loop {
        // Does not return.
        _ = pal().process_exit(host_code.cast_signed());
    }
}

/// Marks a child ended that the host killed without its own doing.
pub fn note_death(child: family::Seen, host_code: i32) {
    let _guard = family::lock();
    if matches!(child.state(), state::RUNNING | state::STOPPED) {
        let signal = host_code.checked_neg().filter(|s| *s > 0);
        let status = signal.map_or((host_code & 0xff) << 8, |s| s & 0x7f).cast_unsigned();
        child.0.status.store(status, Relaxed);
        child.0.flags.fetch_and(!flag::VFORK, AcqRel);
        pending::clear(child.0);
        child.0.state.store(state::ZOMBIE, Release);
    }
}
