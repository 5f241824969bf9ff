//! The supervisor's signals: noted by handlers, taken one at a time, awaited together with a descriptor.
//!
//! All signals are blocked but while [`wait`] sleeps, so none is missed between looking and sleeping.

use core::sync::atomic::{AtomicU64, Ordering};
use std::os::fd::{AsRawFd, BorrowedFd};

/// The signals the supervisor deals with. SIGCONT is not one: it does its work by itself.
pub(crate) const WATCHED: &[libc::c_int] = &[
    libc::SIGCHLD,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGWINCH,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGUSR1,
    libc::SIGUSR2,
];

static NOTED: AtomicU64 = AtomicU64::new(0);

extern "C" fn note(number: libc::c_int) {
    NOTED.fetch_or(1 << number, Ordering::SeqCst);
}

/// Notes a signal from now on.
pub(crate) fn watch(number: libc::c_int) {
    // SAFETY: all zero is an empty `sigaction`.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    let handler: extern "C" fn(libc::c_int) = note;
    action.sa_sigaction = handler as usize;
    // SAFETY: the handler only touches an atomic.
    unsafe { libc::sigaction(number, &raw const action, core::ptr::null_mut()) };
}

/// A signal that was noted.
pub(crate) fn next() -> Option<libc::c_int> {
    let noted = NOTED.load(Ordering::SeqCst);
    if noted == 0 {
        return None;
    }
    let number = noted.trailing_zeros();
    NOTED.fetch_and(!(1 << number), Ordering::SeqCst);
    i32::try_from(number).ok()
}

/// Forgets what was noted: in a new member.
pub(crate) fn forget() {
    NOTED.store(0, Ordering::SeqCst);
}

/// Sleeps until a signal comes or one of the descriptors can be read.
pub(crate) fn wait<'a>(fds: impl Iterator<Item = BorrowedFd<'a>>) {
    let mut polled: Vec<_> =
        fds.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: all zero is an empty set.
    let open: libc::sigset_t = unsafe { core::mem::zeroed() };
    // SAFETY: the array and the set live across the call.
    unsafe { libc::ppoll(polled.as_mut_ptr(), polled.len() as u64, core::ptr::null(), &raw const open) };
}

/// Whether a descriptor can be read.
pub(crate) fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut polled = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the array lives across the call.
    unsafe { libc::poll(&raw mut polled, 1, 0) > 0 }
}

/// Sleeps a tenth of a second, for a report to be looked at.
pub(crate) fn nap() {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    // SAFETY: the time lives across the call; nothing is written back.
    unsafe { libc::nanosleep(&raw const time, core::ptr::null_mut()) };
}
