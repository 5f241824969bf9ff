//! Signals: what is pending stands in family memory, what is done at them in the process, what is blocked in the thread.
//!
//! They are delivered in one place only, on the way back to the application ([`deliver`]).

pub mod deliver;
pub mod fault;
pub mod fpstate;
pub mod frame;
pub mod info;
pub mod set;
pub mod stop;
pub mod timer;

use crate::error::{Errno, SysResult};
use crate::pal;
use crate::task::family::{self, Seen, flag};
use crate::task::process::process;
use crate::task::thread::Thread;
use core::sync::atomic::Ordering::Relaxed;
use pal_abi::{Handle, PalError};

use self::info::SigInfo;
use self::set::{SIGKILL, SigAction, SigSet};

/// Whether a signal waits that the thread would take now. Ignored ones are thrown away on the way.
#[must_use]
pub fn is_due(thread: &Thread) -> bool {
    let member = process().member();
    loop {
        let due = member.pending() & !thread.blocked;
        let Some(signal) = due.first() else { return false };
        if !process().action(signal).ignores(signal) {
            return true;
        }
        _ = family::take(member.0, SigSet::of(signal));
    }
}

/// Repeats a call that an interruption without a signal ended.
///
/// # Errors
/// Those of the call; `ERESTARTSYS` where a signal is due.
pub fn interruptible<T>(thread: &Thread, mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        if is_due(thread) {
            return Err(Errno::ERESTARTSYS);
        }
        match call() {
            Err(Errno::ERESTARTSYS) => {}
            result => return result,
        }
    }
}

/// Sleeps until one of the objects is signalled (its index), the deadline comes (`None`) or somebody rings (`None`).
///
/// # Errors
/// `ERESTARTSYS` where a signal is due.
pub fn sleep(thread: &Thread, handles: &[Handle], deadline: u64) -> Result<Option<u32>, Errno> {
    if is_due(thread) {
        return Err(Errno::ERESTARTSYS);
    }
    let member = process().member();
    member.0.flags.fetch_or(flag::SLEEPING, Relaxed);
    let result = pal::wait_any(handles, deadline);
    member.0.flags.fetch_and(!flag::SLEEPING, Relaxed);
    match result {
        Ok(index) => Ok(index),
        Err(PalError::Interrupted) if is_due(thread) => Err(Errno::ERESTARTSYS),
        Err(PalError::Interrupted) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Sends a signal to this process.
pub fn post_self(info: &SigInfo) {
    family::post(process().member(), info);
}

/// Sends a signal that cannot be held back: a fault's. Where it is blocked or ignored, it kills.
pub fn force(thread: &mut Thread, info: &SigInfo) {
    let signal = info.signal;
    let blocked = thread.blocked.has(signal);
    {
        let mut actions = process().actions.lock();
        let action = &mut actions[(signal - 1) as usize % 64];
        if blocked || action.handler == set::SIG_IGN {
            *action = SigAction::default();
        }
    }
    thread.blocked = thread.blocked & !SigSet::of(signal);
    post_self(info);
}

/// Sends a signal to processes, as kill(2) chooses them.
///
/// # Errors
/// As kill(2).
pub fn kill(target: i32, info: &SigInfo) -> SysResult {
    let (me, ids) = (process().member(), process().ids.lock().clone());
    let may = |to: Seen| {
        let same_session = info.signal == set::SIGCONT && to.session() == me.session();
        ids.euid == 0 || ids.euid == to.uid() || ids.uid == to.uid() || same_session
    };
    let (mut found, mut allowed) = (false, false);
    let mut send = |to: Seen| {
        found = true;
        if may(to) {
            allowed = true;
            if info.signal != 0 && to.state() != family::state::ZOMBIE {
                family::post(to, info);
            }
        }
    };
    match target {
        1.. => {
            if let Some(to) = family::find(target.cast_unsigned()) {
                send(to);
            }
        }
        -1 => family::all().filter(|to| to.pid() != me.pid()).for_each(&mut send),
        _ => {
            let group = if target == 0 { me.group() } else { target.unsigned_abs() };
            // Oneself last: SIGKILL is served no sooner than at the end of the call, but order is cheap.
            family::all().filter(|to| to.group() == group).for_each(&mut send);
        }
    }
    match (found, allowed) {
        (false, _) => Err(Errno::ESRCH),
        (_, false) => Err(Errno::EPERM),
        _ => Ok(0),
    }
}

/// The mask a program may set.
#[must_use]
pub fn blockable(set: SigSet) -> SigSet {
    set & !SigSet::UNBLOCKABLE
}

/// Whether the process has been killed.
#[must_use]
pub fn is_killed() -> bool {
    process().member().pending().has(SIGKILL)
}
