//! Copies of the process, and what binds one to its supervisor.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use super::stack::{self, Stack};

/// Which side of a copy the caller finds itself on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// The process that was copied.
    Parent,
    /// The copy; only the calling thread is in it.
    Child,
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Copies a process that has one thread. Returns the child's number, 0 in the child.
///
/// # Errors
/// EAGAIN, ENOMEM.
pub(crate) fn fork() -> Result<i32, Errno> {
    // SAFETY: the child continues on a copy of the one thread there is.
    let pid = unsafe { libc::fork() };
    if pid < 0 { Err(last_errno()) } else { Ok(pid) }
}

/// What an intermediate process needs; lives on the stack of the thread that waits for it.
struct Job<'a> {
    /// Where that thread waits, for the copy to go on from.
    saved: AtomicUsize,
    /// What the intermediate does with the number of the copy.
    report: &'a dyn Fn(i32),
}

/// What [`stack::clone_on`] returns in the copy.
const IN_COPY: isize = isize::MIN;
/// The intermediate's stack.
const INTERMEDIATE_BYTES: usize = 64 << 10;

unsafe extern "C" fn intermediate(job: usize) -> i32 {
    let job: *const Job<'_> = core::ptr::with_exposed_provenance(job);
    // SAFETY: the thread that waits keeps the job; in an intermediate with memory of its own it is a copy.
    let job = unsafe { &*job };
    // SAFETY: only this thread of the program runs below here; glibc takes the locks of its heap around the copy.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: this memory is a copy from while the thread waited at `saved`.
        unsafe { stack::resume(job.saved.load(Ordering::Relaxed), IN_COPY) }
    }
    if pid < 0 {
        return last_errno().raw_os_error();
    }
    (job.report)(pid);
    0
}

/// Copies the process so that the copy is not its child but its nearest subreaper's, which a short-lived process in
/// between brings about: it shares this memory while the caller waits (`vfork`), copies it, reports the number of
/// the copy, and ends. An emulated host may make it a copy itself.
///
/// All signals must be blocked.
///
/// # Errors
/// EAGAIN, ENOMEM.
pub(crate) fn fork_away(report: &dyn Fn(i32)) -> Result<Side, Errno> {
    let between = Stack::new(INTERMEDIATE_BYTES)?;
    let job = Job { saved: AtomicUsize::new(0), report };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let flags = usize::try_from(flags).unwrap_or(0);
    let at = (&raw const job).expose_provenance();
    // SAFETY: the stack is used by nothing else; CLONE_VFORK suspends the caller while memory is shared.
    let result = unsafe { stack::clone_on(flags, between.top(), intermediate, at, job.saved.as_ptr()) };
    if result == IN_COPY {
        return Ok(Side::Child);
    }
    let pid = i32::try_from(result).unwrap_or(-libc::EAGAIN);
    if pid < 0 {
        return Err(Errno::from_raw_os_error(-pid));
    }
    match wait_for(pid) {
        0 => Ok(Side::Parent),
        status if libc::WIFEXITED(status) => Err(Errno::from_raw_os_error(libc::WEXITSTATUS(status))),
        _ => Err(Errno::AGAIN),
    }
}

/// Waits for a child of any kind; its wait status.
fn wait_for(pid: i32) -> i32 {
    let mut status = 0;
    loop {
        // SAFETY: the status is ours.
        let result = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) };
        if result == pid {
            return status;
        }
        if result < 0 && last_errno() != Errno::INTR {
            // Somebody set SIGCHLD to be ignored: the child is gone and left no status.
            return 0;
        }
    }
}

/// Binds the calling process's life to that of its parent, which must be `parent`. `false`: it is not, or no more.
pub(crate) fn die_with(parent: i32) -> bool {
    // SAFETY: takes numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    // Had the parent died before, its signal would never come.
    parent_id() == parent
}

/// In a copy that [`fork_away`] made: waits until the supervisor is its parent, which the process in between brings
/// about by ending, and binds its life to it. `false`: the supervisor is gone.
pub(crate) fn become_child_of(supervisor: i32) -> bool {
    let first = parent_id();
    let mut looks = 0_u32;
    while parent_id() == first && first != supervisor {
        looks += 1;
        if looks > 1_000_000 {
            return false;
        }
        rustix::thread::sched_yield();
    }
    die_with(supervisor)
}

/// The number of the parent.
#[must_use]
pub(crate) fn parent_id() -> i32 {
    // SAFETY: takes nothing.
    unsafe { libc::getppid() }
}

/// The number of the calling process.
#[must_use]
pub(crate) fn process_id() -> i32 {
    // SAFETY: takes nothing.
    unsafe { libc::getpid() }
}

/// Makes the calling process the parent of its orphaned descendants. `false`: this host cannot (qemu-user 7.2).
pub(crate) fn become_subreaper() -> bool {
    // SAFETY: takes numbers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 }
}

/// Copies the process, where no subreaper can adopt the copy, as a child that nobody reaps: SIGCHLD must be ignored.
///
/// # Errors
/// EAGAIN, ENOMEM.
pub(crate) fn fork_plain(report: &dyn Fn(i32)) -> Result<Side, Errno> {
    // SAFETY: only the calling thread goes on in the copy; glibc takes the locks of its heap around it.
    let pid = unsafe { libc::fork() };
    match pid {
        0 => Ok(Side::Child),
        1.. => {
            report(pid);
            Ok(Side::Parent)
        }
        _ => Err(last_errno()),
    }
}

/// Makes the kernel kill the calling process when the peer of a socket is gone, on which nothing is sent any more.
/// `false`: it is gone, or the host cannot.
pub(crate) fn die_with_peer(socket: BorrowedFd<'_>) -> bool {
    const F_SETSIG: libc::c_int = 10;
    let fd = socket.as_raw_fd();
    let settings =
        [(libc::F_SETOWN, process_id()), (F_SETSIG, libc::SIGKILL), (libc::F_SETFL, libc::O_ASYNC)];
    for (command, value) in settings {
        // SAFETY: takes numbers.
        if unsafe { libc::fcntl(fd, command, value) } < 0 {
            return false;
        }
    }
    // Had the peer gone before, its signal would never come.
    let mut poll = libc::pollfd { fd, events: 0, revents: 0 };
    // SAFETY: the array lives across the call.
    unsafe { libc::poll(&raw mut poll, 1, 0) == 0 }
}

/// Holds a process's number: signals through it reach that process only, and it is readable when the process ended.
///
/// # Errors
/// ENOSYS where the host cannot; ESRCH.
pub(crate) fn hold(pid: i32) -> Result<OwnedFd, Errno> {
    let pid = rustix::process::Pid::from_raw(pid).ok_or(Errno::SRCH)?;
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
}

/// Sends a signal to a process that is held.
///
/// # Errors
/// ESRCH, ENOSYS.
pub(crate) fn signal_through(held: BorrowedFd<'_>, signal: libc::c_int) -> Result<(), Errno> {
    // SAFETY: takes numbers and no information block.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, held.as_raw_fd(), signal, 0, 0) };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

/// Ends the process at once, with what `exit` takes.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: ends all threads; nothing is left to be kept sound.
    unsafe { libc::_exit(code) }
}

/// Sends a signal to a child, whose number is its own as long as it was not reaped.
pub(crate) fn kill(pid: i32, signal: libc::c_int) {
    // SAFETY: takes numbers.
    unsafe { libc::kill(pid, signal) };
}

/// An ended child that was not reaped yet, if there is one. `Err(ECHILD)`: there are no children.
///
/// # Errors
/// ECHILD.
pub(crate) fn ended_child() -> Result<Option<i32>, Errno> {
    // SAFETY: all zero is an information block.
    let mut info: libc::siginfo_t = unsafe { core::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the block is ours.
    if unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, flags) } < 0 {
        return Err(last_errno());
    }
    // SAFETY: `waitid` filled the block in, or left it zero.
    let pid = unsafe { info.si_pid() };
    Ok((pid != 0).then_some(pid))
}

/// Reaps an ended child: its exit code, or −n where signal n killed it.
pub(crate) fn reap(pid: i32) -> i32 {
    let status = wait_for(pid);
    if libc::WIFSIGNALED(status) { -libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) }
}

/// Sends a signal to a process that may be anybody's by now, provided that `is_still` says, when its number is held,
/// that it is the one that is meant. `None`: this host cannot hold numbers.
pub(crate) fn signal_held(pid: i32, signal: libc::c_int, is_still: impl FnOnce() -> bool) -> Option<bool> {
    let outcome = hold(pid)
        .and_then(|held| if is_still() { signal_through(held.as_fd(), signal) } else { Err(Errno::SRCH) });
    match outcome {
        Ok(()) => Some(true),
        Err(Errno::NOSYS) => None,
        Err(_) => Some(false),
    }
}
