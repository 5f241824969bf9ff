//! Events and semaphores, each an eventfd: the host keeps the state, so waiting is polling and nothing is lost.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use pal_abi::arg::Out;
use pal_abi::{Handle, PalError, PalResult, Status};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;

use crate::handle::{Export, Object, WaitSource, table};
use crate::stream::StreamEvent;
use crate::user;

/// Whether a wait resets an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reset {
    /// No: a notification event.
    Manual,
    /// Yes: a synchronization event.
    Auto,
}

/// An event. It is set while its eventfd is readable.
#[derive(Debug)]
pub(crate) struct Event {
    fd: OwnedFd,
    reset: Reset,
}

fn new_eventfd(initial: u32, flags: EventfdFlags) -> Result<OwnedFd, PalError> {
    eventfd(initial, flags | EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|errno| match errno {
        Errno::MFILE | Errno::NFILE => PalError::TooMany,
        _ => PalError::NoMemory,
    })
}

/// Adds to an eventfd's counter.
fn add(fd: &OwnedFd, count: u64) {
    // EAGAIN: the counter is at its end, so the event is set as it should be.
    let _ = rustix::io::write(fd, &count.to_ne_bytes());
}

/// Takes from an eventfd's counter; whether there was anything.
fn take(fd: &OwnedFd) -> bool {
    rustix::io::read(fd, &mut [0_u8; 8]).is_ok()
}

fn is_readable(fd: &OwnedFd) -> bool {
    let zero = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&zero)) {
            Err(Errno::INTR) => {}
            result => return result.is_ok_and(|n| n > 0),
        }
    }
}

impl Event {
    /// A new event.
    ///
    /// # Errors
    /// `TooMany`, `NoMemory`.
    pub(crate) fn new(initial: bool, reset: Reset) -> Result<Self, PalError> {
        Ok(Self { fd: new_eventfd(u32::from(initial), EventfdFlags::empty())?, reset })
    }

    /// An event that was passed on.
    pub(crate) fn import(fd: OwnedFd, reset: Reset) -> Self {
        Self { fd, reset }
    }

    /// Sets it.
    pub(crate) fn set(&self) {
        add(&self.fd, 1);
    }

    fn clear(&self) {
        take(&self.fd);
    }

    /// Whether it is set.
    pub(crate) fn is_set(&self) -> bool {
        is_readable(&self.fd)
    }
}

impl Object for Event {
    fn wait_source(&self) -> WaitSource<'_> {
        WaitSource::Poll(self.fd.as_fd(), libc::POLLIN)
    }

    fn consume(&self) -> bool {
        self.reset == Reset::Manual || take(&self.fd)
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export {
            tag: crate::export::EVENT,
            data: vec![u8::from(self.reset == Reset::Auto)],
            fds: vec![fd],
        })
    }

    fn after_clone(&self) {
        // The copy gets a state of its own behind the same number.
        if let Ok(fresh) = Self::new(self.is_set(), self.reset) {
            crate::sys::fd::replace(&fresh.fd, &self.fd);
        }
    }
}

/// A semaphore: the count is in the eventfd; the copy beside it serves `Peek` and the bound.
#[derive(Debug)]
pub(crate) struct Semaphore {
    fd: OwnedFd,
    count: Mutex<u32>,
    max: u32,
}

impl Semaphore {
    fn new(initial: u32, max: u32) -> Result<Self, PalError> {
        Ok(Self { fd: new_eventfd(initial, EventfdFlags::SEMAPHORE)?, count: Mutex::new(initial), max })
    }

    fn count(&self) -> std::sync::MutexGuard<'_, u32> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Object for Semaphore {
    fn wait_source(&self) -> WaitSource<'_> {
        WaitSource::Poll(self.fd.as_fd(), libc::POLLIN)
    }

    fn consume(&self) -> bool {
        let mut count = self.count();
        let taken = take(&self.fd);
        if taken {
            *count = count.saturating_sub(1);
        }
        taken
    }

    fn after_clone(&self) {
        let count = self.count();
        if let Ok(fresh) = new_eventfd(*count, EventfdFlags::SEMAPHORE) {
            crate::sys::fd::replace(&fresh, &self.fd);
        }
    }
}

fn create(initial: u32, reset: Reset, to: Out<'_, Handle>) -> PalResult {
    if initial > 1 {
        return Err(PalError::Invalid);
    }
    user::give_object(to, Arc::new(Event::new(initial == 1, reset)?))?;
    Ok(Status::Ok)
}

/// `NotificationEventCreate`.
pub(crate) fn notification_event_create(initial: u32, event: Out<'_, Handle>) -> PalResult {
    create(initial, Reset::Manual, event)
}

/// `SynchronizationEventCreate`.
pub(crate) fn synchronization_event_create(initial: u32, event: Out<'_, Handle>) -> PalResult {
    create(initial, Reset::Auto, event)
}

/// `SemaphoreCreate`.
pub(crate) fn semaphore_create(initial: u32, max: u32, semaphore: Out<'_, Handle>) -> PalResult {
    if max == 0 || initial > max {
        return Err(PalError::Invalid);
    }
    user::give_object(semaphore, Arc::new(Semaphore::new(initial, max)?))?;
    Ok(Status::Ok)
}

/// `EventSet`.
pub(crate) fn event_set(event: Handle) -> PalResult {
    table().get::<Event>(event)?.set();
    Ok(Status::Ok)
}

/// `EventClear`.
pub(crate) fn event_clear(event: Handle) -> PalResult {
    table().get::<Event>(event)?.clear();
    Ok(Status::Ok)
}

/// `EventPeek`.
pub(crate) fn event_peek(event: Handle, state: Out<'_, u32>) -> PalResult {
    let value = match table().get::<Event>(event) {
        Ok(event) => u32::from(event.is_set()),
        Err(PalError::WrongType) => table().get::<StreamEvent>(event)?.readiness(),
        Err(error) => return Err(error),
    };
    user::write(state, value)?;
    Ok(Status::Ok)
}

/// `SemaphoreRelease`.
pub(crate) fn semaphore_release(semaphore: Handle, number: u32, previous: Out<'_, u32>) -> PalResult {
    let semaphore = table().get::<Semaphore>(semaphore)?;
    if number == 0 {
        return Err(PalError::Invalid);
    }
    let mut count = semaphore.count();
    let sum = count.checked_add(number).filter(|sum| *sum <= semaphore.max).ok_or(PalError::Overflow)?;
    user::write_if(previous, *count)?;
    *count = sum;
    add(&semaphore.fd, u64::from(number));
    Ok(Status::Ok)
}

/// `SemaphorePeek`.
pub(crate) fn semaphore_peek(semaphore: Handle, count: Out<'_, u32>) -> PalResult {
    let semaphore = table().get::<Semaphore>(semaphore)?;
    let now = *semaphore.count();
    user::write(count, now)?;
    Ok(Status::Ok)
}
