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

/// Who sent a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Sender {
    /// Another program.
    Program = 0,
    /// The kernel itself: the terminal.
    Kernel = 1,
}

static NOTED: AtomicU64 = AtomicU64::new(0);
static FROM_KERNEL: AtomicU64 = AtomicU64::new(0);

extern "C" fn note(number: libc::c_int, info: *const libc::siginfo_t, _: *const libc::c_void) {
    // SAFETY: the kernel gives what SA_SIGINFO promises; a null pointer is no promise.
    if unsafe { info.as_ref() }.is_some_and(|info| info.si_code == libc::SI_KERNEL) {
        FROM_KERNEL.fetch_or(1 << number, Ordering::SeqCst);
    }
    NOTED.fetch_or(1 << number, Ordering::SeqCst);
}

/// Notes a signal from now on.
pub(crate) fn watch(number: libc::c_int) {
    // SAFETY: all zero is an empty `sigaction`.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    let handler: extern "C" fn(libc::c_int, *const libc::siginfo_t, *const libc::c_void) = note;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler only touches atomics.
    unsafe { libc::sigaction(number, &raw const action, core::ptr::null_mut()) };
}

/// A signal that was noted.
pub(crate) fn next() -> Option<(libc::c_int, Sender)> {
    let noted = NOTED.load(Ordering::SeqCst);
    if noted == 0 {
        return None;
    }
    let number = noted.trailing_zeros();
    let bit = 1 << number;
    NOTED.fetch_and(!bit, Ordering::SeqCst);
    let is_kernels = FROM_KERNEL.fetch_and(!bit, Ordering::SeqCst) & bit != 0;
    i32::try_from(number)
        .ok()
        .map(|number| (number, if is_kernels { Sender::Kernel } else { Sender::Program }))
}

/// Forgets what was noted: in a new member.
pub(crate) fn forget() {
    NOTED.store(0, Ordering::SeqCst);
    FROM_KERNEL.store(0, Ordering::SeqCst);
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
