//! The signal mask and the dispositions of a process.

use core::mem::MaybeUninit;

/// Signals that are blocked until this is dropped.
#[derive(Debug)]
pub(crate) struct Blocked(libc::sigset_t);

fn filled() -> libc::sigset_t {
    let mut set = MaybeUninit::zeroed();
    // SAFETY: the set is ours.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    // SAFETY: zeroed and filled.
    unsafe { set.assume_init() }
}

/// Blocks all signals of the calling thread.
pub(crate) fn block_all() -> Blocked {
    let full = filled();
    let mut old = filled();
    // SAFETY: both sets are ours.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const full, &raw mut old) };
    Blocked(old)
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set is ours.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, core::ptr::null_mut()) };
    }
}

/// Unblocks all signals of the calling thread.
pub(crate) fn unblock_all() {
    // SAFETY: all zero is an empty set.
    let empty: libc::sigset_t = unsafe { core::mem::zeroed() };
    // SAFETY: the set is ours.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const empty, core::ptr::null_mut()) };
}

/// Ignores a signal.
pub(crate) fn ignore(signal: libc::c_int) {
    // SAFETY: no handler is involved.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Restores the default action of a signal.
pub(crate) fn default(signal: libc::c_int) {
    // SAFETY: no handler is involved.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Stops this process by a signal, while all are blocked; comes back when somebody has continued it. Signals of job
/// control do not stop a process nobody could continue.
pub(crate) fn stop_by(signal: libc::c_int) {
    // SAFETY: all zero is an empty `sigaction`: the default action.
    let default: libc::sigaction = unsafe { core::mem::zeroed() };
    let mut old = default;
    // SAFETY: both are ours. SIGSTOP has no other action, which is no harm.
    unsafe { libc::sigaction(signal, &raw const default, &raw mut old) };
    let mut others = filled();
    // SAFETY: the set is ours.
    unsafe { libc::sigdelset(&raw mut others, signal) };
    let mut before = filled();
    // SAFETY: both sets are ours.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const others, &raw mut before) };
    super::fork::kill(super::fork::process_id(), signal);
    drop(Blocked(before));
    // SAFETY: as it was.
    unsafe { libc::sigaction(signal, &raw const old, core::ptr::null_mut()) };
}

/// Sleeps until a signal was handled.
pub(crate) fn pause() {
    // SAFETY: takes nothing.
    unsafe { libc::pause() };
}
