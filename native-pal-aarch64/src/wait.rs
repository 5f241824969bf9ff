//! Blocking: every call that can wait does so here, and a `ThreadInterrupt` ends each of them.
//!
//! Each thread has a [`Waiter`]. `interrupt` sets its `pending` word and sends the interrupt signal; the waits enter
//! the kernel through `sys::cancel`, which loses neither. The interrupt is consumed by the call that answers
//! `Interrupted`. A signal for something else only makes the wait begin again, with the same absolute deadline. As on
//! Linux, what need not wait is not interrupted: a pending interrupt stays so while what is waited for is there.
//!
//! [`inside`] counts how deep the thread is in the PAL, for `exception`: an interrupt that arrives while it is 0 is
//! dispatched at once, else it stays pending.

use std::cell::Cell;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use pal_abi::PalError;
use pal_abi::flags::NEVER;
use rustix::io::Errno;

use crate::quiesce;
use crate::sys::{cancel, signal};

/// What a thread needs to be interrupted.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    /// 0, [`NEW`] or [`KEPT`].
    pending: AtomicU32,
    /// The kernel's thread number; 0 before the thread runs, [`ENDED`] after. Should the number be another thread's
    /// by the time a signal is sent, that thread has nothing pending and ignores it.
    tid: AtomicI32,
}

/// The `tid` of a thread that has ended.
const ENDED: i32 = -1;

impl Waiter {
    /// Interrupts the thread. Does nothing to a thread that has ended. For signal handlers too.
    ///
    /// # Errors
    /// `NotFound` where the thread has ended.
    pub(crate) fn interrupt(&self) -> Result<(), PalError> {
        let is_new = self.pending.swap(NEW, Ordering::SeqCst) != NEW;
        match self.tid.load(Ordering::SeqCst) {
            ENDED => Err(PalError::NotFound),
            // It looks when it starts to run.
            0 => Ok(()),
            tid => {
                if is_new {
                    signal::send_interrupt(tid);
                }
                Ok(())
            }
        }
    }

    /// Consumes a pending interrupt.
    pub(crate) fn take(&self) -> bool {
        self.pending.swap(0, Ordering::SeqCst) != 0
    }

    /// Makes an interrupt pending without a signal: for the thread itself.
    pub(crate) fn set(&self) {
        self.pending.store(NEW, Ordering::SeqCst);
    }

    /// The thread is gone without having ended: it was not copied by `ProcessClone`.
    pub(crate) fn lose(&self) {
        self.set_tid(ENDED);
    }

    fn set_tid(&self, tid: i32) {
        self.tid.store(tid, Ordering::SeqCst);
    }
}

/// The thread's waiter; its end unties the waiter from the kernel's number.
struct Mine(Arc<Waiter>);

impl Drop for Mine {
    fn drop(&mut self) {
        WAITER.set(core::ptr::null());
        self.0.set_tid(ENDED);
    }
}

/// An interrupt that its thread has not been told of.
const NEW: u32 = 1;
/// An interrupt that was dispatched and left for the next interruptible downcall (`KEEP_PENDING`).
const KEPT: u32 = 2;

thread_local! {
    static INSIDE: Cell<u32> = const { Cell::new(0) };
    /// What `MINE` holds, for signal handlers; null before it is made and after it is gone.
    static WAITER: Cell<*const Waiter> = const { Cell::new(core::ptr::null()) };
    /// The waiter this thread shall have, where its creator made it.
    static GIVEN: Cell<Option<Arc<Waiter>>> = const { Cell::new(None) };
    static MINE: Mine = {
        let waiter = GIVEN.take().unwrap_or_default();
        waiter.set_tid(signal::thread_id());
        WAITER.set(Arc::as_ptr(&waiter));
        Mine(waiter)
    };
}

/// Makes `waiter` that of the calling thread, which has used none yet. An interrupt that came before is dispatched.
pub(crate) fn adopt(waiter: Arc<Waiter>) {
    GIVEN.set(Some(waiter));
    drop((me(), Inside::enter()));
}

/// The thread's stack above the PAL is left for good: it stays inside to its end, and no interrupt is dispatched.
pub(crate) fn stay_inside() {
    if INSIDE.replace(1) == 0 {
        quiesce::enter();
    }
}

/// After [`stay_inside`]: counts the thread no longer, since it ends or sleeps for ever.
pub(crate) fn leave_for_good() {
    quiesce::leave();
}

/// Counts the calling thread as standing still while `f` is asleep in the kernel (see [`quiesce`]).
fn asleep<R>(f: impl FnOnce() -> R) -> R {
    let is_inside = INSIDE.get() > 0;
    if is_inside {
        quiesce::leave();
    }
    let result = f();
    if is_inside {
        quiesce::enter();
    }
    result
}

/// The calling thread's waiter. First use allocates; not for signal handlers.
#[must_use]
pub(crate) fn me() -> Arc<Waiter> {
    MINE.with(|mine| Arc::clone(&mine.0))
}

/// The calling thread's waiter, if it has one. For signal handlers too.
fn current() -> Option<&'static Waiter> {
    // SAFETY: null, or kept alive by `MINE` of this thread, which resets the pointer before it goes.
    #[expect(unsafe_code, reason = "a thread-local reference that a signal handler may follow")]
    unsafe {
        WAITER.get().as_ref()
    }
}

/// Consumes an interrupt that the thread has not been told of, to dispatch it. For signal handlers.
pub(crate) fn take_new() -> bool {
    current().is_some_and(|w| w.pending.compare_exchange(NEW, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok())
}

/// Leaves a dispatched interrupt for the next interruptible downcall. For signal handlers.
pub(crate) fn keep() {
    if let Some(waiter) = current() {
        // One that came meanwhile is newer, and stays.
        let _ = waiter.pending.compare_exchange(0, KEPT, Ordering::SeqCst, Ordering::SeqCst);
    }
}

/// In the child of `ProcessClone`: the one thread has another number, and nothing is pending.
pub(crate) fn after_clone() {
    MINE.with(|mine| {
        mine.0.set_tid(signal::thread_id());
        mine.0.take();
    });
}

/// How deep the calling thread is in the PAL. For signal handlers too.
#[must_use]
pub(crate) fn inside() -> u32 {
    INSIDE.with(Cell::get)
}

/// Marks the calling thread as inside the PAL while it lives.
#[derive(Debug)]
pub(crate) struct Inside(());

impl Inside {
    /// Enters.
    #[must_use]
    pub(crate) fn enter() -> Self {
        let depth = INSIDE.get();
        INSIDE.set(depth + 1);
        if depth == 0 {
            quiesce::enter();
        }
        Self(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let depth = INSIDE.get().saturating_sub(1);
        INSIDE.set(depth);
        if depth == 0 {
            quiesce::leave();
        }
        // An interrupt that came while the thread was inside, and that no call took, is dispatched on the way out.
        if depth == 0 && current().is_some_and(|w| w.pending.load(Ordering::SeqCst) == NEW) {
            signal::send_interrupt(signal::thread_id());
        }
    }
}

/// Runs `f` as if above the PAL: an interrupt is dispatched at once. For the upcalls.
pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> R {
    let depth = INSIDE.replace(0);
    if depth > 0 {
        quiesce::leave();
    }
    let result = f();
    if depth > 0 {
        quiesce::enter();
    }
    INSIDE.set(depth);
    result
}

/// Makes a system call that may block, interruptibly. EINTR means that a `ThreadInterrupt` was consumed.
///
/// Not for calls whose repetition is not the same call (`connect`, relative timeouts).
///
/// # Errors
/// Those of the system call.
pub(crate) fn syscall(number: libc::c_long, args: [usize; 6]) -> Result<usize, Errno> {
    MINE.with(|mine| {
        loop {
            // SAFETY: this crate passes descriptors, numbers, its own live memory, or caller memory (invariant 1).
            #[expect(unsafe_code, reason = "the one door to interruptible system calls")]
            let result = asleep(|| unsafe { cancel::syscall(&mine.0.pending, number, args) });
            match result {
                Err(Errno::INTR) if !mine.0.take() => {}
                other => return other,
            }
        }
    })
}

/// Makes a system call that waits for nobody; what is pending stays so.
///
/// # Errors
/// Those of the system call, without EINTR.
pub(crate) fn prompt(number: libc::c_long, args: [usize; 6]) -> Result<usize, Errno> {
    loop {
        match once(number, args) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

/// Makes a system call once; what is pending stays so.
///
/// # Errors
/// Those of the system call; EINTR where a signal came while it waited.
fn once(number: libc::c_long, args: [usize; 6]) -> Result<usize, Errno> {
    static NOTHING: AtomicU32 = AtomicU32::new(0);
    // SAFETY: as for `syscall`.
    #[expect(unsafe_code, reason = "a system call by its number, into caller memory")]
    asleep(|| unsafe { cancel::syscall(&NOTHING, number, args) })
}

/// Makes a system call on a descriptor that may block in the kernel, interruptibly where it does.
///
/// # Errors
/// Those of the system call; EINTR as for [`syscall`].
pub(crate) fn transfer(
    fd: BorrowedFd<'_>,
    events: i16,
    number: libc::c_long,
    args: [usize; 6],
) -> Result<usize, Errno> {
    let is_ready = || is_ready(&mut [pollfd(fd, events)]);
    loop {
        let is_pending = MINE.with(|mine| mine.0.pending.load(Ordering::SeqCst) != 0);
        // Should somebody else take what was ready, the call waits until the next signal at the longest.
        if is_pending && is_ready() {
            match once(number, args) {
                Err(Errno::INTR) => {}
                other => return other,
            }
        }
        match syscall(number, args) {
            // It came on the way into the kernel, where the call would not have waited.
            Err(Errno::INTR) if is_ready() => MINE.with(|mine| mine.0.set()),
            other => return other,
        }
    }
}

/// Whether one of the descriptors has events now; those are filled in.
pub(crate) fn is_ready(fds: &mut [libc::pollfd]) -> bool {
    let now = timespec(0);
    let args =
        [fds.as_mut_ptr().expose_provenance(), fds.len(), (&raw const now).expose_provenance(), 0, 8, 0];
    prompt(libc::SYS_ppoll, args).is_ok_and(|ready| ready > 0)
}

/// The monotonic clock in nanoseconds.
#[must_use]
pub(crate) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

fn timespec(ns: u64) -> libc::timespec {
    libc::timespec {
        tv_sec: i64::try_from(ns / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(ns % 1_000_000_000).unwrap_or(0),
    }
}

/// One descriptor to poll.
pub(crate) fn pollfd(fd: BorrowedFd<'_>, events: i16) -> libc::pollfd {
    libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 }
}

/// Waits until a descriptor has events or the deadline (monotonic ns; 0 polls, `NEVER` waits) passes.
///
/// Returns how many descriptors have events; 0 at the deadline. With no descriptors it sleeps.
///
/// # Errors
/// `Interrupted`, also at once where an interrupt is pending and there are no events; `NoMemory`.
pub(crate) fn poll(fds: &mut [libc::pollfd], deadline: u64) -> Result<usize, PalError> {
    MINE.with(|mine| {
        loop {
            let left = timespec(deadline.saturating_sub(now()));
            let timeout = if deadline == NEVER { 0 } else { (&raw const left).expose_provenance() };
            let args = [fds.as_mut_ptr().expose_provenance(), fds.len(), timeout, 0, 8, 0];
            // SAFETY: the array and the timeout live across the call; no signal mask is given.
            #[expect(unsafe_code, reason = "ppoll by its number, to be interruptible")]
            let result = asleep(|| unsafe { cancel::syscall(&mine.0.pending, libc::SYS_ppoll, args) });
            match result {
                Ok(ready) => return Ok(ready),
                Err(Errno::INTR) if is_ready(fds) => {
                    return Ok(fds.iter().filter(|fd| fd.revents != 0).count());
                }
                Err(Errno::INTR) if mine.0.take() => return Err(PalError::Interrupted),
                Err(Errno::INTR) => {}
                Err(Errno::NOMEM) => return Err(PalError::NoMemory),
                Err(_) => return Err(PalError::Invalid),
            }
        }
    })
}

/// Waits for one descriptor. `Ok(false)` at the deadline.
///
/// # Errors
/// Those of [`poll`].
pub(crate) fn ready(fd: BorrowedFd<'_>, events: i16, deadline: u64) -> Result<bool, PalError> {
    Ok(poll(&mut [pollfd(fd, events)], deadline)? > 0)
}

/// Waits while the word at `addr` (caller memory) holds `expected`. Shared words are known by their object.
///
/// # Errors
/// EAGAIN where it holds something else, ETIMEDOUT at the deadline, EINTR, EFAULT.
pub(crate) fn futex_wait(addr: usize, expected: u32, deadline: u64) -> Result<(), Errno> {
    let until = timespec(deadline);
    let timeout = if deadline == NEVER { 0 } else { (&raw const until).expose_provenance() };
    // FUTEX_WAIT_BITSET takes an absolute monotonic deadline; without the private flag, the object is the key.
    let operation = libc::FUTEX_WAIT_BITSET as usize;
    syscall(libc::SYS_futex, [addr, operation, expected as usize, timeout, 0, u32::MAX as usize]).map(drop)
}

/// Wakes at most `count` waiters of the word at `addr`.
///
/// # Errors
/// EFAULT, EINVAL.
pub(crate) fn futex_wake(addr: usize, count: u32) -> Result<u32, Errno> {
    crate::sys::mem::futex_wake(addr, count)
}
