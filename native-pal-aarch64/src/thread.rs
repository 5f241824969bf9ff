//! Threads of the picoprocess.
//!
//! A thread has two stacks: its *home* stack, which the host's thread library made and Rust's runtime lives by, and the
//! stack its creator gave, on which `LibOsThreadStart` runs. `ThreadExit` goes home first; then nothing uses the given
//! stack any more, and the word is zeroed. Signal handlers, and so exception dispatches, run on a third.
//!
//! The first thread runs the same way, so it can end before the others. The last one to end ends the process.
//! [`rung`] passes the doorbell of the family on to the first thread that lives.

use std::cell::Cell;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pal_abi::arg::{In, Out};
use pal_abi::flags::thread;
use pal_abi::{Handle, PalError, PalResult, Status, ThreadParams};
use rustix::event::EventfdFlags;

use crate::handle::{Object, WaitSource, table};
use crate::sys::{self, fatal, stack, upcall};
use crate::wait::Waiter;
use crate::{exception, family, host_thread, user, wait};

/// Bytes of the stack of signal handlers: the frame with all vector state, and what a layer's dispatcher needs.
const SIGNAL_STACK_BYTES: usize = 256 << 10;
/// Bytes of the home stack.
const HOME_STACK_BYTES: usize = 128 << 10;
/// Bytes of the stack of a thread whose creator gave none, and of the first.
const OWN_STACK_BYTES: usize = 8 << 20;
/// The least a creator may give.
const LEAST_STACK_BYTES: u64 = 16 << 10;

/// A thread, as handles know it. Signalled when it has ended.
#[derive(Debug)]
pub(crate) struct Thread {
    waiter: Arc<Waiter>,
    end: OwnedFd,
    /// Ended in another way than through `end`: it was not copied by `ProcessClone`.
    is_lost: AtomicBool,
}

impl Object for Thread {
    fn wait_source(&self) -> WaitSource<'_> {
        if self.is_lost.load(Ordering::Acquire) {
            WaitSource::Ready
        } else {
            WaitSource::Poll(self.end.as_fd(), libc::POLLIN)
        }
    }

    fn after_clone(&self) {
        if Arc::ptr_eq(&self.waiter, &wait::me()) {
            // The descriptor is shared with the parent's thread, which goes its own way.
            if let Ok(own) = event() {
                sys::fd::replace(&own, &self.end);
            }
        } else {
            self.waiter.lose();
            self.is_lost.store(true, Ordering::Release);
        }
    }
}

fn event() -> Result<OwnedFd, PalError> {
    rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|_| PalError::TooMany)
}

impl Thread {
    fn new() -> Result<Arc<Self>, PalError> {
        let waiter = Arc::new(Waiter::default());
        Ok(Arc::new(Self { waiter, end: event()?, is_lost: AtomicBool::new(false) }))
    }
}

thread_local! {
    /// Where the home stack was left.
    static HOME: Cell<usize> = const { Cell::new(0) };
    /// What `ThreadExit` zeroes when the thread is home, or 0.
    static WORD: Cell<usize> = const { Cell::new(0) };
}

/// The threads that live, the oldest first.
static LIVING: Mutex<Vec<Arc<Thread>>> = Mutex::new(Vec::new());

/// The waiter of the oldest thread; holds a reference that is never given back, for the sake of signal handlers.
static FIRST: AtomicPtr<Waiter> = AtomicPtr::new(core::ptr::null_mut());

fn living() -> std::sync::MutexGuard<'static, Vec<Arc<Thread>>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the oldest thread the one that hears the doorbell.
fn elect(threads: &[Arc<Thread>]) {
    let first =
        threads.first().map_or(core::ptr::null_mut(), |t| Arc::into_raw(Arc::clone(&t.waiter)).cast_mut());
    if first == FIRST.load(Ordering::Acquire) {
        sys::shared::give_back(first);
    } else {
        FIRST.store(first, Ordering::Release);
    }
}

/// The doorbell was rung: interrupts the first thread. Runs in a signal handler.
pub(crate) fn rung() {
    if let Some(first) = sys::shared::leaked(&FIRST) {
        // A first thread that is just ending is followed by one that finds its own reasons to look.
        let _ = first.interrupt();
    }
}

/// In a copy of the process: of the threads, only the calling one is left.
pub(crate) fn after_clone() {
    let me = wait::me();
    let mut threads = living();
    threads.retain(|t| Arc::ptr_eq(&t.waiter, &me));
    elect(&threads);
}

/// What a new thread does.
struct Plan {
    start: Start,
    stack_top: usize,
    own_stack: Option<stack::Stack>,
    signal_stack: stack::Stack,
    thread: Arc<Thread>,
}

/// The upcall a thread begins with.
enum Start {
    /// `LibOsThreadStart`.
    Thread(usize, usize),
    /// Anything else, for the first.
    First(Box<dyn FnOnce() + Send>),
}

/// Runs a plan on the calling thread: on its home stack before and after.
fn live(mut plan: Plan) {
    sys::mask::unblock_all();
    plan.signal_stack.use_for_signals();
    let thread = Arc::clone(&plan.thread);
    wait::adopt(Arc::clone(&thread.waiter));
    let plan_at = (&raw mut plan).expose_provenance();
    stack::run_on(enter, plan_at, plan.stack_top, &HOME);
    // Home again.
    let word = WORD.replace(0);
    if word != 0 {
        // A word that became unwritable meanwhile harms only its owner.
        let _ = sys::copy::write(word, &0_u32);
    }
    drop(plan.own_stack.take());
    end(&thread);
    stack::no_signal_stack();
}

/// The first function on a given stack.
extern "C" fn enter(plan: usize) -> ! {
    let start =
        sys::shared::at(plan, |plan: &mut Plan| core::mem::replace(&mut plan.start, Start::Thread(0, 0)));
    match start {
        Start::First(begin) => begin(),
        Start::Thread(start, param) => match exception::upcalls() {
            Some(table) => upcall::thread_start(&table, start, param),
            None => fatal::line(format_args!("fatal: a thread was created before its start was registered")),
        },
    }
    go_home()
}

fn go_home() -> ! {
    wait::stay_inside();
    stack::go_back(&HOME)
}

/// Takes a thread that has come home off the books.
fn end(thread: &Arc<Thread>) {
    let mut threads = living();
    threads.retain(|t| !Arc::ptr_eq(t, thread));
    elect(&threads);
    if threads.is_empty() {
        drop(threads);
        family::exit(0);
    }
    drop(threads);
    thread.waiter.lose();
    // Writing 1 to a fresh event counter cannot fail.
    let _ = rustix::io::write(&thread.end, &1_u64.to_ne_bytes());
}

/// Runs `begin` as the first thread of the process, on the calling host thread. Gives it its handle.
pub(crate) fn run_first(begin: impl FnOnce(Handle) + Send + 'static) -> ! {
    let made = || -> Result<(Plan, Handle), PalError> {
        let thread = Thread::new()?;
        let own_stack = stack::Stack::new(OWN_STACK_BYTES).map_err(|_| PalError::NoMemory)?;
        let signal_stack = stack::Stack::new(SIGNAL_STACK_BYTES).map_err(|_| PalError::NoMemory)?;
        let handle = table().insert(Arc::clone(&thread) as Arc<dyn Object>)?;
        let start = Start::First(Box::new(move || begin(handle)));
        Ok((
            Plan { start, stack_top: own_stack.top(), own_stack: Some(own_stack), signal_stack, thread },
            handle,
        ))
    };
    match made() {
        Ok((plan, _)) => {
            let mut threads = living();
            threads.push(Arc::clone(&plan.thread));
            elect(&threads);
            drop(threads);
            live(plan);
            // The others go on; this host thread is the process's own and cannot end before them.
            wait::leave_for_good();
            loop {
                sys::mask::pause();
            }
        }
        Err(error) => {
            fatal::line(format_args!("cannot start the first thread: {error}"));
            family::exit(1)
        }
    }
}

pub(crate) fn create(params: In<'_, ThreadParams>, size: u32, handle: Out<'_, Handle>) -> PalResult {
    if (size as usize) < size_of::<ThreadParams>() {
        return Err(PalError::Invalid);
    }
    let params = user::read(params)?;
    let place = user::place(handle)?;
    let top = stack_top(&params)?;
    if params.flags & !thread::ALT_STACK != 0 || params.reserved != 0 {
        return Err(PalError::Invalid);
    }
    let start = usize::try_from(params.start).map_err(|_| PalError::Invalid)?;
    let param = usize::try_from(params.param).map_err(|_| PalError::Invalid)?;
    let own_stack = match top {
        Some(_) => None,
        None => Some(stack::Stack::new(OWN_STACK_BYTES).map_err(|_| PalError::NoMemory)?),
    };
    let signal_stack = stack::Stack::new(SIGNAL_STACK_BYTES).map_err(|_| PalError::NoMemory)?;
    let thread = Thread::new()?;
    let stack_top = top.or(own_stack.as_ref().map(stack::Stack::top)).ok_or(PalError::NoMemory)?;
    let start = Start::Thread(start, param);
    let plan = Plan { start, stack_top, own_stack, signal_stack, thread: Arc::clone(&thread) };

    // Counted before it runs, so that its creator may end meanwhile.
    living().push(Arc::clone(&thread));
    if let Err(error) = host_thread::spawn(HOME_STACK_BYTES, move || live(plan)) {
        living().retain(|t| !Arc::ptr_eq(t, &thread));
        return Err(error);
    }
    // It was writable a moment ago; should it be gone now, the thread runs all the same.
    place.give(thread)?;
    Ok(Status::Ok)
}

/// One past the given stack, aligned; `None` where the PAL is to provide one.
fn stack_top(params: &ThreadParams) -> Result<Option<usize>, PalError> {
    if params.stack_base == 0 {
        return if params.stack_size == 0 { Ok(None) } else { Err(PalError::Invalid) };
    }
    if params.stack_size < LEAST_STACK_BYTES {
        return Err(PalError::Invalid);
    }
    let top = params.stack_base.checked_add(params.stack_size).ok_or(PalError::Invalid)?;
    let top = usize::try_from(top).map_err(|_| PalError::Invalid)? & !15;
    // What the first call pushes must be there: a stack that is not would be a fault nobody can take.
    sys::copy::write(top - 8, &0_u64).map_err(|_| PalError::Fault)?;
    Ok(Some(top))
}

pub(crate) fn exit(word: Out<'_, u32>) -> PalResult {
    if !word.is_none() {
        sys::copy::read::<u32>(word.addr())?;
    }
    if HOME.get() == 0 {
        // A thread of the layer above's own making: its stack is not ours to leave.
        return Err(PalError::NotSupported);
    }
    WORD.set(word.addr());
    go_home()
}

pub(crate) fn yield_execution() -> PalResult {
    rustix::thread::sched_yield();
    Ok(Status::Ok)
}

pub(crate) fn delay_execution(deadline: u64) -> PalResult {
    wait::poll(&mut [], deadline)?;
    Ok(Status::Ok)
}

pub(crate) fn interrupt(thread: Handle) -> PalResult {
    table().get::<Thread>(thread)?.waiter.interrupt()?;
    Ok(Status::Ok)
}

pub(crate) fn set_tls_base(which: u32, value: usize) -> PalResult {
    crate::arch::set_tls_base(which, value)
}
