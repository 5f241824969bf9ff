//! Copies of a process that has several threads; the copy has one, which goes on as the caller.
//!
//! A copy is never made by the calling thread itself but by somebody *in between*, who runs on a stack of its own with
//! the caller's thread block while the caller stands still: so to glibc it is the caller who forks. In the copy it
//! goes back to where the caller stands, and is the caller from there on.

use core::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::thread::futex;

use super::fork::{last_errno, wait_for};
use super::stack::{self, SignalStack, Stack};

/// Which side of a copy the caller finds itself on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// The process that was copied.
    Parent,
    /// The copy; only the calling thread is in it.
    Child,
}

/// What the one in between needs; lives on the stack of the thread that stands still for it.
struct Job<'a> {
    /// Where that thread stands, for the copy to go on from.
    saved: AtomicUsize,
    /// What is done with the number of the copy.
    report: &'a dyn Fn(i32),
    /// The host's error, if there is no copy.
    error: AtomicI32,
    /// A stack for a thread in between.
    top: usize,
}

/// What the place that was left returns in the copy.
const IN_COPY: isize = isize::MIN;
/// The stack of whoever is in between.
const STACK_BYTES: usize = 64 << 10;

impl<'a> Job<'a> {
    fn new(report: &'a dyn Fn(i32), top: usize) -> Self {
        Self { saved: AtomicUsize::new(0), report, error: AtomicI32::new(0), top }
    }

    fn address(&self) -> usize {
        core::ptr::from_ref(self).expose_provenance()
    }
}

/// The job at an address that [`Job::address`] told.
fn job<'a>(address: usize) -> &'a Job<'a> {
    let job: *const Job<'_> = core::ptr::with_exposed_provenance(address);
    // SAFETY: the thread that stands still keeps the job; in a process with memory of its own it is a copy.
    unsafe { &*job }
}

/// Makes the copy. The result is what a process in between exits with.
unsafe extern "C" fn in_between(address: usize) -> i32 {
    let job = job(address);
    // SAFETY: only this thread of the program runs below here; glibc takes the locks of its heap around the copy.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: this memory is a copy from while the caller stood at `saved`.
        unsafe { stack::resume(job.saved.load(Ordering::Relaxed), IN_COPY) }
    }
    let error = if pid < 0 { last_errno().raw_os_error() } else { 0 };
    if pid > 0 {
        (job.report)(pid);
    }
    job.error.store(error, Ordering::Release);
    error
}

fn flags(flags: libc::c_int) -> usize {
    usize::try_from(flags).unwrap_or(0)
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
    let between = Stack::new(STACK_BYTES)?;
    let job = Job::new(report, 0);
    let flags = flags(libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD);
    let (saved, none) = (job.saved.as_ptr(), core::ptr::null_mut());
    // SAFETY: the stack is used by nothing else; CLONE_VFORK suspends the caller while memory is shared.
    let result = unsafe { stack::clone_on(flags, between.top(), in_between, job.address(), saved, none) };
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

/// Copies the process, where no subreaper can adopt the copy, as a child that nobody reaps: SIGCHLD must be ignored.
///
/// A *thread* in between makes it, and becomes the copy's only one, because it is the newest. An emulator of processes
/// numbers their threads, each one above the highest there is. In a copy it forgets the threads that were not copied;
/// qemu-user 7.2 forgets them in its list but not in its plugins' table, and aborts when a number comes again that
/// is still there. Above the newest thread none does.
///
/// All signals must be blocked, and nobody may begin a thread meanwhile.
///
/// # Errors
/// EAGAIN, ENOMEM.
pub(crate) fn fork_plain(report: &dyn Fn(i32)) -> Result<Side, Errno> {
    let (waiting, between) = (Stack::new(STACK_BYTES)?, Stack::new(STACK_BYTES)?);
    let job = Job::new(report, between.top());
    let signals = SignalStack::current();
    // SAFETY: the stack is used by nothing else, and `stand_still` has nothing to drop.
    let result = unsafe { stack::call_on(stand_still, job.address(), waiting.top(), job.saved.as_ptr()) };
    if result == IN_COPY {
        signals.take_over(); // a new thread begins without one
        return Ok(Side::Child);
    }
    match job.error.load(Ordering::Acquire) {
        0 => Ok(Side::Parent),
        error => Err(Errno::from_raw_os_error(error)),
    }
}

/// On the waiting stack, so that the caller's stays as it was left: begins the thread in between and waits for its end.
extern "C" fn stand_still(address: usize) -> ! {
    let job = job(address);
    let lives = AtomicU32::new(1);
    let mut unused = 0;
    let flags = flags(
        libc::CLONE_VM
            | libc::CLONE_FS
            | libc::CLONE_FILES
            | libc::CLONE_SIGHAND
            | libc::CLONE_THREAD
            | libc::CLONE_SYSVSEM
            | libc::CLONE_CHILD_CLEARTID,
    );
    let (saved, cleared) = (&raw mut unused, lives.as_ptr());
    // SAFETY: its stack is used by nothing else; nobody resumes at `unused`; `lives` is waited for.
    let result = unsafe { stack::clone_on(flags, job.top, in_between, address, saved, cleared) };
    if result < 0 {
        job.error.store(i32::try_from(-result).unwrap_or(libc::EAGAIN), Ordering::Release);
    } else {
        while lives.load(Ordering::Acquire) != 0 {
            // The kernel wakes as if the word were shared. Any way to come back is a reason to look again.
            let _ = futex::wait(&lives, futex::Flags::empty(), 1, None);
        }
    }
    // SAFETY: the caller has stood still there.
    unsafe { stack::resume(job.saved.load(Ordering::Relaxed), 0) }
}
