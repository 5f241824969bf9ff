//! Asynchronous reads and writes.
//!
//! What can be done at once is done at once. The rest is done by a thread of the PAL, one per operation, through the
//! same interruptible calls; cancelling interrupts that thread and waits for it, so afterwards nobody touches the
//! buffer. A closed handle cancels.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pal_abi::arg::Out;
use pal_abi::flags::{NEVER, event};
use pal_abi::{Handle, IoResult, PalError, PalResult, Status, encode};

use crate::event::{Event, Reset};
use crate::handle::{Object, WaitSource, table};
use crate::host_thread;
use crate::stream::{Stream, Transfer};
use crate::user::{self, Buffer};
use crate::wait::{self, Inside, Waiter};

/// Bytes of the stack of the thread that does one.
const WORKER_STACK_BYTES: usize = 64 << 10;
/// Asynchronous operations a process can have at a time.
const OPERATIONS_MAX: usize = 1024;

/// Reading or writing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// `StreamRead`.
    Read,
    /// `StreamWrite`.
    Write,
}

#[derive(Debug)]
struct State {
    result: Option<(PalResult, usize)>,
    cancelled: bool,
    /// The thread at work, once it has begun.
    worker: Option<Arc<Waiter>>,
}

/// An operation: what the worker and the handle share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    done: Event,
}

/// What the handle refers to.
#[derive(Debug)]
pub(crate) struct Operation(Arc<Shared>);

static RUNNING: Mutex<usize> = Mutex::new(0);

fn running() -> MutexGuard<'static, usize> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, result: PalResult, done: usize) {
        let mut state = self.state();
        if state.result.is_none() {
            state.result = Some((result, done));
        }
        state.worker = None;
        drop(state);
        self.done.set();
    }

    /// The worker's whole life.
    fn work(&self, direction: Direction, stream: &Stream, offset: u64, buf: Buffer) {
        let me = wait::me();
        {
            let mut state = self.state();
            if state.cancelled {
                drop(state);
                return self.finish(Err(PalError::Cancelled), 0);
            }
            state.worker = Some(Arc::clone(&me));
        }
        let (result, done) = match transfer(direction, stream, offset, buf, false) {
            Ok(transfer) => (transfer.status, transfer.done),
            // Nobody but `cancel` interrupts this thread.
            Err(PalError::Interrupted) => (Err(PalError::Cancelled), 0),
            Err(error) => (Err(error), 0),
        };
        self.finish(result, done);
    }

    fn cancel(&self) {
        let mut interrupted = false;
        loop {
            {
                let mut state = self.state();
                state.cancelled = true;
                if state.result.is_some() {
                    break;
                }
                if let Some(worker) = &state.worker {
                    // It may be just before or after its wait; the interrupt stays pending for it.
                    let _ = worker.interrupt();
                }
            }
            // This does not take long, and is no interruptible call: an interrupt of this thread is kept for later.
            let WaitSource::Poll(fd, events) = self.done.wait_source() else { return };
            if wait::ready(fd, events, NEVER) == Err(PalError::Interrupted) {
                interrupted = true;
            }
        }
        if interrupted {
            wait::me().set();
        }
    }
}

fn transfer(
    direction: Direction,
    stream: &Stream,
    offset: u64,
    buf: Buffer,
    nonblocking: bool,
) -> Result<Transfer, PalError> {
    match direction {
        Direction::Read => stream.ops.read(offset, buf, nonblocking),
        Direction::Write => stream.ops.write(offset, buf, nonblocking),
    }
}

/// Whether the transfer would not wait now.
fn is_ready(direction: Direction, stream: &Stream) -> Result<bool, PalError> {
    let which = if direction == Direction::Read { event::READABLE } else { event::WRITABLE };
    match stream.ops.event_source(which) {
        WaitSource::Ready => Ok(true),
        WaitSource::Poll(fd, events) => wait::ready(fd.as_fd(), events, 0),
        WaitSource::None => Ok(true), // the transfer itself tells what is wrong
    }
}

/// Does a transfer, or begins it and gives a handle to it.
pub(crate) fn start(
    direction: Direction,
    stream: Arc<Stream>,
    offset: u64,
    buf: Buffer,
    done: Out<'_, usize>,
    completion: Out<'_, Handle>,
) -> PalResult {
    user::probe(completion)?;
    // A write that could be cut short is left to the worker, which writes all of it.
    let at_once =
        stream.ops.never_blocks() || (direction == Direction::Read && is_ready(direction, &stream)?);
    if at_once || stream.nonblocking() {
        let transfer = match direction {
            Direction::Read => stream.read(offset, buf)?,
            Direction::Write => stream.write(offset, buf)?,
        };
        user::write(done, transfer.done)?;
        return transfer.status;
    }
    let place = user::place(completion)?;
    let mut count = running();
    if *count >= OPERATIONS_MAX {
        return Err(PalError::TooMany);
    }
    let shared = Arc::new(Shared {
        state: Mutex::new(State { result: None, cancelled: false, worker: None }),
        done: Event::new(false, Reset::Manual)?,
    });
    let worker = Arc::clone(&shared);
    host_thread::spawn(WORKER_STACK_BYTES, move || {
        let _inside = Inside::enter();
        worker.work(direction, &stream, offset, buf);
        *running() -= 1;
        // Both may be the last reference, and belong to the inside.
        drop((worker, stream));
    })?;
    *count += 1;
    drop(count);
    // Where the handle cannot be told, dropping the operation cancels it.
    place.give(Arc::new(Operation(shared)))?;
    Ok(Status::Pending)
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Object for Operation {
    fn wait_source(&self) -> WaitSource<'_> {
        self.0.done.wait_source()
    }

    fn after_clone(&self) {
        // Its thread does not exist here, and its event is the parent's.
        self.0.done.after_clone();
        self.0.finish(Err(PalError::Cancelled), 0);
        *running() = 0;
    }
}

/// `AsyncPoll`.
pub(crate) fn poll(operation: Handle, result: Out<'_, IoResult>) -> PalResult {
    let operation = table().get::<Operation>(operation)?;
    let state = operation.0.state().result;
    let (status, done) = match state {
        Some((result, done)) => (encode(result), done as u64),
        None => (Status::Pending.code(), 0),
    };
    user::write(result, IoResult { status, reserved: 0, done })?;
    Ok(Status::Ok)
}

/// `AsyncCancel`.
pub(crate) fn cancel(operation: Handle) -> PalResult {
    table().get::<Operation>(operation)?.0.cancel();
    Ok(Status::Ok)
}
