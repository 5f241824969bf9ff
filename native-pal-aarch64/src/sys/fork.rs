//! Processes: how one begins and ends, and what binds it to its supervisor. [`super::twin`] copies one with threads.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

pub(super) fn last_errno() -> Errno {
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

/// Waits for a child of any kind; its wait status.
pub(super) fn wait_for(pid: i32) -> i32 {
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

/// In a copy that [`super::twin::fork_away`] made: waits until the supervisor is its parent, which the process in
/// between brings about by ending, and binds its life to it. `false`: the supervisor is gone.
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
