//! Stopping and continuing.

use core::sync::atomic::Ordering::{AcqRel, Release};

use super::host;
use super::info::{SigInfo, code};
use super::set::{SIGCONT, SIGKILL, SIGSTOP};
use crate::pal;
use crate::task::family::{self, Seen, flag, state};
use crate::task::process::process;
use crate::task::thread::Thread;
use crate::task::threads;

/// The wait status of a stopped process.
#[must_use]
pub const fn stopped_status(signal: u32) -> u32 {
    signal << 8 | 0x7f
}

/// Whether nobody in a group's session could continue it: then job control does not stop it.
#[must_use]
pub fn is_orphaned(group: u32) -> bool {
    !family::all().any(|p| {
        p.group() == group
            && p.state() != state::ZOMBIE
            && family::find(p.parent()).is_some_and(|q| q.group() != group && q.session() == p.session())
    })
}

fn tell_parent(me: Seen, code: i32, status: u32) {
    if let Some(parent) = family::find(me.parent()) {
        if parent.flags() & flag::NO_STOP_SIGNAL == 0 {
            family::post(parent, &SigInfo::child(code, me.pid(), me.uid(), status));
        } else {
            family::rouse(parent.0);
        }
    }
}

/// Whether this is the process for which the command stands.
fn is_first(me: Seen) -> bool {
    me.parent() == family::INIT_PID && me.pid() == family::FIRST_PID
}

/// Whether another process runs, which could continue this one.
fn others_run(me: Seen) -> bool {
    family::all().any(|p| p.pid() != me.pid() && p.state() == state::RUNNING)
}

/// Waits while another thread has stopped the process.
pub fn wait_while_stopped(thread: &Thread) {
    let me = process().member();
    threads::current().tell_blocked(thread.blocked);
    let mut waited = false;
    while me.state() == state::STOPPED && !me.pending().has(SIGKILL) && !threads::current().is_doomed() {
        waited = true;
        // Whatever ends the sleep, the condition above decides.
        _ = pal::wait_any(&[], pal_abi::flags::NEVER);
        host::look();
    }
    if waited {
        // The layer below may have told this one alone, and another is the one that stopped.
        threads::interrupt_others();
    }
}

/// Stops this process until it is continued or killed. The first process stops the command, so that it is the host's
/// shell that continues it, unless another process of the family can.
pub fn stop(_thread: &Thread, signal: u32) {
    let me = process().member();
    let host_decides = if signal == SIGSTOP { !others_run(me) } else { is_orphaned(me.group()) };
    if host_decides && is_first(me) {
        // Where it is refused, a signal of job control does nothing.
        _ = pal::family().family_stop(signal);
        return;
    }
    if signal != SIGSTOP && host_decides {
        return;
    }
    {
        let _guard = family::lock();
        if me.0.flags.fetch_and(!flag::STOPS, AcqRel) & flag::STOPS == 0 {
            return; // it has been continued already
        }
        me.0.status.store(stopped_status(signal), Release);
        me.0.flags.fetch_and(!flag::CONTINUE_NEWS, AcqRel);
        me.0.flags.fetch_or(flag::STOP_NEWS, AcqRel);
        me.0.state.store(state::STOPPED, Release);
    }
    threads::interrupt_others();
    tell_parent(me, code::CLD_STOPPED, signal);
    while me.state() == state::STOPPED && !me.pending().has(SIGKILL) {
        // Whatever ends the sleep, the condition above decides.
        _ = pal::wait_any(&[], pal_abi::flags::NEVER);
        host::look();
    }
    // One that is killed runs to its end.
    me.0.state.store(state::RUNNING, Release);
    threads::interrupt_others();
    me.0.flags.fetch_and(!flag::STOP_NEWS, AcqRel);
    if !me.pending().has(SIGKILL) {
        me.0.flags.fetch_or(flag::CONTINUE_NEWS, AcqRel);
        tell_parent(me, code::CLD_CONTINUED, SIGCONT);
    }
}
