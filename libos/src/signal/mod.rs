//! Signals: what is pending stands in family memory, what is done at them in the process, what is blocked in the thread.
//!
//! They are delivered in one place only, on the way back to the application ([`deliver`]).

pub mod deliver;
pub mod fault;
pub mod fpstate;
pub mod frame;
pub mod host;
pub mod info;
pub mod job;
pub mod pending;
pub mod posix;
pub mod set;
pub mod stop;
pub mod timer;

use crate::error::{Errno, SysResult};
use crate::pal;
use crate::task::family::{self, Seen, flag};
use crate::task::process::process;
use crate::task::thread::Thread;
use crate::task::threads;
use core::sync::atomic::Ordering::Relaxed;
use pal_abi::{Handle, PalError};

use self::info::SigInfo;
use self::pending::Scope;
use self::set::{SIGKILL, SigAction, SigSet};

/// Whether a signal waits that the thread would take now. Ignored ones are thrown away on the way.
#[must_use]
pub fn is_due(thread: &Thread) -> bool {
    host::look();
    if threads::current().is_doomed() {
        return true;
    }
    loop {
        let due = waiting() & !thread.blocked;
        let Some(signal) = due.first() else { return false };
        if !process().action(signal).ignores(signal) {
            return true;
        }
        for member in [process().member(), threads::current().member()] {
            pending::discard(member.0, SigSet::of(signal));
        }
    }
}

/// What waits for the calling thread, or for any of its process.
#[must_use]
pub fn waiting() -> SigSet {
    pending::set(&process().member().0.shared) | pending::set(&threads::current().member().0.private)
}

/// Repeats a call that an interruption without a signal ended. As on Linux, a call that need not wait is not ended by a
/// signal that is due: whoever sent it rings after it was posted, which the call hears of where it waits.
///
/// # Errors
/// Those of the call; `ERESTARTSYS` where it waited and a signal is due.
pub fn interruptible<T>(thread: &Thread, mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::ERESTARTSYS) if !is_due(thread) => pal::note_ring(),
            result => return result,
        }
    }
}

/// Repeats a transfer to a stream until all is moved, where an interruption without a signal cut it short. `call` moves
/// what is left from an offset on.
///
/// # Errors
/// Those of the call, where nothing was moved before.
pub fn whole(thread: &Thread, len: u32, mut call: impl FnMut(u32) -> SysResult) -> SysResult {
    let mut done = 0;
    loop {
        match interruptible(thread, || call(done)) {
            Ok(moved) => done += moved,
            Err(_) if done > 0 => return Ok(done),
            error => return error,
        }
        // A call that waits moves less only where it was interrupted; one that does not says so the next time.
        if done >= len || is_due(thread) {
            return Ok(done);
        }
    }
}

/// Sleeps until one of the objects is signalled (its index), the deadline comes (`None`) or somebody rings (`None`).
///
/// # Errors
/// `ERESTARTSYS` where a signal is due.
pub fn sleep(thread: &Thread, handles: &[Handle], deadline: u64) -> Result<Option<u32>, Errno> {
    threads::current().tell_blocked(thread.blocked);
    if is_due(thread) {
        return Err(Errno::ERESTARTSYS);
    }
    let member = threads::current().member();
    member.0.flags.fetch_or(flag::SLEEPING, Relaxed);
    let until = deadline.min(timer::next());
    let result = pal::wait_any(handles, until);
    member.0.flags.fetch_and(!flag::SLEEPING, Relaxed);
    match result {
        Ok(None) if until != deadline => timer::ring(),
        Err(PalError::Interrupted) => {}
        _ => return Ok(result?),
    }
    if is_due(thread) { Err(Errno::ERESTARTSYS) } else { Ok(None) }
}

/// Has a thread wake at signals that it blocks, while this lives.
#[derive(Debug)]
pub struct Watch(bool);

/// Has the calling thread wake at the arrival of some signals, though it may block them.
#[must_use]
pub fn watch(signals: SigSet) -> Watch {
    if !signals.is_empty() {
        threads::current().tell_watched(signals);
    }
    Watch(!signals.is_empty())
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.0 {
            threads::current().tell_watched(SigSet::EMPTY);
        }
    }
}

/// Sends a signal to this process.
pub fn post_self(info: &SigInfo) {
    family::post(process().member(), info);
}

/// Sends a signal to this thread: of the kernel's, so that only its information may get lost.
fn post_thread(info: &SigInfo) {
    _ = pending::send(threads::current().member(), Scope::Thread, info);
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
    post_thread(info);
}

/// A signal a call raises against its own thread, as `write` does with SIGPIPE.
pub fn raise(signal: u32) {
    let me = process();
    post_thread(&SigInfo { signal, code: 0, first: me.pid(), second: me.ids.lock().uid, third: 0 });
}

/// Sends a signal to one process or thread, where this process may; signal 0 only asks.
fn send(to: Seen, scope: Scope, info: &SigInfo) -> Result<(), Errno> {
    if info.signal > set::COUNT {
        return Err(Errno::EINVAL);
    }
    let (me, ids) = (process().member(), process().ids.lock().clone());
    let same_session = info.signal == set::SIGCONT && to.session() == me.session();
    if ids.euid != 0 && ids.euid != to.uid() && ids.uid != to.uid() && !same_session {
        return Err(Errno::EPERM);
    }
    if info.signal == 0 || to.state() == family::state::ZOMBIE {
        return Ok(());
    }
    pending::send(to, scope, info)
}

/// Sends a signal to the process of a number.
///
/// # Errors
/// As kill(2) and rt_sigqueueinfo(2).
pub fn send_to(pid: u32, info: &SigInfo) -> SysResult {
    // The number of a thread stands for its process.
    let found = family::find_thread(pid).and_then(|seen| family::find(seen.process()));
    send(found.ok_or(Errno::ESRCH)?, Scope::Process, info)?;
    Ok(0)
}

/// Sends a signal to the thread of a number, of any process where `process` is 0.
///
/// # Errors
/// As tgkill(2).
pub fn send_to_thread(process: u32, tid: u32, info: &SigInfo) -> SysResult {
    let found = family::find_thread(tid).filter(|seen| process == 0 || seen.process() == process);
    send(found.ok_or(Errno::ESRCH)?, Scope::Thread, info)?;
    Ok(0)
}

/// Sends a signal to processes, as kill(2) chooses them.
///
/// # Errors
/// As kill(2).
pub fn kill(target: i32, info: &SigInfo) -> SysResult {
    let me = process().member();
    let group = match target {
        1.. => return send_to(target.cast_unsigned(), info),
        0 => me.group(),
        _ => target.unsigned_abs(),
    };
    let means = |to: &Seen| if target == -1 { to.pid() != me.pid() } else { to.group() == group };
    let results = family::all().filter(means).map(|to| send(to, Scope::Process, info));
    // One that it reached is enough; without, the last refusal counts.
    let best = |all: Result<(), Errno>, one| if all.is_ok() { all } else { one };
    results.fold(Err(Errno::ESRCH), best).map(|()| 0)
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
