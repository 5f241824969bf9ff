//! The end of a process, and of a thread.

use alloc::vec::Vec;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use pal_abi::flags::{NEVER, clock};
use pal_abi::{ContextI386, Pal as _};

use super::clone::release_parent;
use super::family::{self, INIT_PID, Seen, flag, state};
use super::process::process;
use super::thread::Thread;
use super::{robust, threads, vfork};
use crate::arch::user;
use crate::fs::{pty, shared};
use crate::pal::{clock_ns, pal, wait_any};
use crate::signal::info::{SigInfo, code};
use crate::signal::pending;
use crate::signal::set::{COUNT, SIGCHLD};
use crate::syscall::futex;

/// CPU time this process has used, in milliseconds.
#[must_use]
pub fn cpu_ms() -> u32 {
    u32::try_from(clock_ns(clock::PROCESS_CPU) / 1_000_000).unwrap_or(u32::MAX)
}

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With an exit code, of which eight bits count.
    Exited(u32),
    /// By a signal.
    Killed(u32),
}

impl Ending {
    /// The status of `wait4`.
    const fn status(self) -> u32 {
        match self {
            Self::Exited(exit_code) => (exit_code & 0xff) << 8,
            Self::Killed(signal) => signal,
        }
    }

    /// What the parent's signal says.
    fn news(self, me: Seen) -> SigInfo {
        match self {
            Self::Exited(exit_code) => SigInfo::child(code::CLD_EXITED, me.pid(), me.uid(), exit_code & 0xff),
            Self::Killed(signal) => SigInfo::child(code::CLD_KILLED, me.pid(), me.uid(), signal),
        }
    }

    /// The exit code of the host process, as shells count.
    const fn host_code(self) -> u32 {
        match self {
            Self::Exited(exit_code) => exit_code & 0xff,
            Self::Killed(signal) => 128 + signal,
        }
    }
}

/// Ends the calling thread; the process as well, if it is the last one. Comes back as [`end`] does, or with the thread on
/// its way out (`Cell::leaves`).
pub fn end_thread(context: &mut ContextI386, thread: &mut Thread, code: u32) {
    let me = process();
    if !threads::current().member().is_thread() {
        me.exit_code.store(code & 0xff | 0x100, Relaxed);
    }
    if vfork::has_lender() || !threads::retire() {
        // The status of a process is that of its first thread.
        let code = me.exit_code.load(Relaxed);
        end(context, thread, Ending::Exited(code));
        return;
    }
    leave_process(thread);
}

/// Ends the calling thread because its process goes on without it.
pub fn abandon(thread: &mut Thread) {
    threads::retire();
    leave_process(thread);
}

/// What a thread leaves that is not the last one.
fn leave_process(thread: &mut Thread) {
    let_go(thread);
    let member = threads::current().member();
    if member.is_thread() {
        let _guard = family::lock();
        free(member);
    }
}

/// Takes a thread's entry out of the family, under its lock.
fn free(thread: Seen) {
    pending::clear(thread.0);
    thread.0.state.store(state::FREE, Release);
}

/// Tells those who wait for a thread's end, or for what it holds.
fn let_go(thread: &mut Thread) {
    robust::release(thread.robust_list.0, threads::current().tid());
    thread.robust_list = (0, 0);
    if thread.clear_child_tid != 0 {
        // Nobody is left to care about a bad address.
        if user::write_u32(thread.clear_child_tid, 0).is_ok() {
            futex::wake_one(thread.clear_child_tid);
        }
        thread.clear_child_tid = 0;
    }
}

/// Waits for another thread that ends the process, and takes this one with it.
pub fn stand_still() -> ! {
    loop {
        // Whatever ends the wait, there is nothing to go on to.
        _ = wait_any(&[], NEVER);
    }
}

/// Ends the process. Comes back only where its memory was lent to it: as the lender, whose `vfork` returns.
pub fn end(context: &mut ContextI386, thread: &mut Thread, ending: Ending) {
    if process().ender.compare_exchange(0, threads::current().tid(), AcqRel, Acquire).is_err() {
        stand_still();
    }
    let_go(thread);
    if !vfork::has_lender() {
        close_streams();
    }
    report(ending);
    if !vfork::give_back(context, thread) {
        shared::release_all();
        leave(ending.host_code());
    }
}

/// Leaves what is to be known of the process, and tells its parent.
fn report(ending: Ending) {
    let me = process().member();
    let used = cpu_ms().saturating_sub(vfork::cpu_ms_before());
    me.0.cpu_ms.store(used.saturating_add(process().children_cpu_ms.load(Relaxed)), Relaxed);
    me.0.status.store(ending.status(), Relaxed);
    // Once it is a zombie, its place may be another's at any moment.
    let (news, signal) = (ending.news(me), me.exit_signal());
    release_parent();
    pty::leave(me, true);
    let (parent, orphans) = {
        let _guard = family::lock();
        family::all_threads().filter(|t| t.is_thread() && t.process() == me.pid()).for_each(free);
        let orphans = orphan_children(me);
        let parent = family::find(me.parent()).filter(|parent| parent.state() != state::ZOMBIE);
        let keeps = parent.is_some_and(|p| p.flags() & flag::NO_ZOMBIES == 0 || me.exit_signal() != SIGCHLD);
        pending::clear(me.0);
        me.0.state.store(if keeps { state::ZOMBIE } else { state::FREE }, Release);
        (parent, orphans)
    };
    orphans.into_iter().for_each(tell_orphan);
    if let Some(parent) = parent {
        if signal != 0 {
            family::post(parent, &SigInfo { signal, ..news });
        } else {
            family::rouse(parent.0);
        }
    }
}

/// Gives the children of a process that ends to nobody, under the family lock; those that are to be told, and by whom.
fn orphan_children(parent: Seen) -> Vec<(Seen, SigInfo)> {
    let mut told = Vec::new();
    for child in family::all().filter(|child| child.parent() == parent.pid()) {
        child.0.parent.store(INIT_PID, Relaxed);
        let signal = child.0.death_signal.load(Relaxed);
        if child.state() == state::ZOMBIE {
            child.0.state.store(state::FREE, Release);
        } else if signal != 0 {
            let signal = signal.clamp(1, COUNT);
            told.push((
                child,
                SigInfo { signal, first: parent.pid(), second: parent.uid(), ..SigInfo::default() },
            ));
        }
    }
    told
}

/// Sends what a child asked to be sent at its parent's end (PR_SET_PDEATHSIG).
fn tell_orphan((child, news): (Seen, SigInfo)) {
    family::post(child, &news);
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

/// Marks a child ended that the host killed without its own doing, and with it all that ran in its memory (`vfork`).
pub fn note_death(pid: u32, host_code: i32) {
    let guard = family::lock();
    let mut orphans = Vec::new();
    let ran = |p: &Seen| matches!(p.state(), state::RUNNING | state::STOPPED);
    let Some(child) = family::find(pid).filter(ran) else { return };
    let signal = host_code.checked_neg().filter(|s| *s > 0);
    let status = signal.map_or((host_code & 0xff) << 8, |s| s & 0x7f).cast_unsigned();
    let (host, me) = (child.0.family.load(Acquire), process().pid());
    // A copy that did not live to tell its number was alone.
    let with_it = |p: &Seen| p.pid() == child.pid() || host != u32::MAX && p.0.family.load(Acquire) == host;
    for dead in family::all_threads().filter(ran).filter(with_it) {
        if dead.is_thread() {
            free(dead);
            continue;
        }
        orphans.extend(orphan_children(dead));
        dead.0.status.store(status, Relaxed);
        dead.0.flags.fetch_and(!flag::VFORK, AcqRel);
        pending::clear(dead.0);
        // The parent of one that had borrowed the memory is dead, too.
        dead.0.state.store(if dead.parent() == me { state::ZOMBIE } else { state::FREE }, Release);
    }
    drop(guard);
    orphans.into_iter().for_each(tell_orphan);
}
