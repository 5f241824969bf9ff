//! `waitset:` — a persistent set of objects. Records written to it change the set; records read from it tell what is
//! ready. An object in the set is kept alive by it; readiness consumes nothing. An object may be in it more than once,
//! under different cookies.
//!
//! The set is an epoll instance of the host, which knows a member by description and number: an object's own
//! descriptor serves for its first membership, a duplicate for each further one. What never waits is stood for by an
//! eventfd that is always ready.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pal_abi::flags::{NEVER, event, node, ready, stream as bits, wait_flags, wait_op};
use pal_abi::{Handle, Layout, PalError, ReadyRecord, WaitRecord};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::{Ops, Stream, Transfer};
use crate::handle::{Object, WaitSource, table};
use crate::sys::copy;
use crate::sys::errno::pal_error;
use crate::user::Buffer;
use crate::wait;

/// Records of one read.
const BATCH: usize = 1 << 16;
/// All of `flags::ready`.
const KNOWN: u32 = ready::READABLE
    | ready::URGENT
    | ready::WRITABLE
    | ready::ERROR
    | ready::CLOSED
    | ready::READ_NORMAL
    | ready::READ_BAND
    | ready::WRITE_NORMAL
    | ready::WRITE_BAND
    | ready::MESSAGE
    | ready::READ_CLOSED;

#[derive(Debug)]
struct Member {
    handle: Handle,
    /// Keeps the object alive.
    object: Arc<dyn Object>,
    /// The descriptor in the epoll instance, where it is not the object's own.
    stand_in: Option<OwnedFd>,
    mask: u32,
    flags: u32,
    cookie: u64,
}

#[derive(Debug)]
struct Set {
    members: BTreeMap<u64, Member>,
    /// The members' numbers, by what records call them.
    numbers: BTreeMap<(Handle, u64), u64>,
    /// Numbers are not used again: a report that was on its way finds nothing.
    next: u64,
}

/// A wait set.
#[derive(Debug)]
pub(crate) struct WaitSet {
    epoll: OwnedFd,
    set: Mutex<Set>,
}

/// Opens `waitset:`.
///
/// # Errors
/// `TooMany`, `NoMemory`; `Invalid` where something follows the colon.
pub(crate) fn open(rest: &[u8], options: u32) -> Result<Arc<Stream>, PalError> {
    if !rest.is_empty() {
        return Err(PalError::Invalid);
    }
    let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(pal_error)?;
    let nonblock = if options & pal_abi::flags::open::NONBLOCK == 0 { 0 } else { bits::NONBLOCK };
    let set = Set { members: BTreeMap::new(), numbers: BTreeMap::new(), next: 1 };
    Ok(Stream::new(WaitSet { epoll, set: Mutex::new(set) }, bits::READ | bits::WRITE | nonblock))
}

/// What the host can watch of an object; nothing for what is always ready.
fn source(object: &dyn Object) -> Result<Option<BorrowedFd<'_>>, PalError> {
    let source = match (object as &dyn std::any::Any).downcast_ref::<Stream>() {
        Some(stream) => match stream.ops.event_source(event::READABLE) {
            WaitSource::None => stream.ops.event_source(event::WRITABLE),
            source => source,
        },
        None => object.wait_source(),
    };
    match source {
        WaitSource::None => Err(PalError::WrongType),
        WaitSource::Ready => Ok(None),
        WaitSource::Poll(fd, _) => Ok(Some(fd)),
    }
}

impl Member {
    /// The host's events for it. `READABLE` of an object that is no stream is its being signalled.
    fn events(&self) -> EventFlags {
        let mut events = EventFlags::from_bits_retain(self.mask);
        for (flag, host) in [
            (wait_flags::EDGE, EventFlags::ET),
            (wait_flags::ONE_SHOT, EventFlags::ONESHOT),
            (wait_flags::EXCLUSIVE, EventFlags::EXCLUSIVE),
        ] {
            if self.flags & flag != 0 {
                events |= host;
            }
        }
        events
    }

    /// Its descriptor in the epoll instance.
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.stand_in {
            Some(fd) => Some(fd.as_fd()),
            None => source(self.object.as_ref()).ok().flatten(),
        }
    }

    /// Has the host watch it.
    fn register(&mut self, epoll: &OwnedFd, number: u64) -> Result<(), PalError> {
        let (events, data) = (self.events(), EventData::new_u64(number));
        self.stand_in = match source(self.object.as_ref())? {
            Some(fd) => match epoll::add(epoll, fd, data, events) {
                Err(Errno::EXIST) => Some(fd.try_clone_to_owned().map_err(|_| PalError::TooMany)?),
                Err(Errno::PERM) => Some(always_ready()?), // a regular file
                other => return other.map_err(pal_error),
            },
            None => Some(always_ready()?),
        };
        match &self.stand_in {
            Some(fd) => epoll::add(epoll, fd, data, events).map_err(pal_error),
            None => Ok(()),
        }
    }
}

/// A descriptor that can be read and written at all times.
fn always_ready() -> Result<OwnedFd, PalError> {
    eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(pal_error)
}

impl WaitSet {
    fn set(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, record: &WaitRecord) -> Result<(), PalError> {
        let flags = wait_flags::EDGE | wait_flags::ONE_SHOT | wait_flags::EXCLUSIVE;
        if record.mask & !KNOWN != 0 || record.flags & !flags != 0 {
            return Err(PalError::Invalid);
        }
        let mut set = self.set();
        let name = (record.handle, record.cookie);
        match (record.op, set.numbers.get(&name).copied()) {
            (wait_op::ADD, Some(_)) => Err(PalError::Exists),
            (wait_op::ADD, None) => self.add(&mut set, record),
            (wait_op::CHANGE, Some(number)) => {
                let member = set.members.get_mut(&number).ok_or(PalError::NotFound)?;
                (member.mask, member.flags) = (record.mask, record.flags);
                match member.fd() {
                    Some(fd) => epoll::modify(&self.epoll, fd, EventData::new_u64(number), member.events())
                        .map_err(pal_error),
                    None => Ok(()),
                }
            }
            (wait_op::REMOVE, Some(number)) => {
                set.numbers.remove(&name);
                let member = set.members.remove(&number);
                if let Some(fd) = member.as_ref().and_then(Member::fd) {
                    epoll::delete(&self.epoll, fd).map_err(pal_error)?;
                }
                drop(set);
                // Outside the lock: it may have been the last reference to a set.
                drop(member);
                Ok(())
            }
            (wait_op::CHANGE | wait_op::REMOVE, None) => Err(PalError::NotFound),
            _ => Err(PalError::Invalid),
        }
    }

    fn add(&self, set: &mut Set, record: &WaitRecord) -> Result<(), PalError> {
        let number = set.next;
        let mut member = Member {
            handle: record.handle,
            object: table().object(record.handle)?,
            stand_in: None,
            mask: record.mask,
            flags: record.flags,
            cookie: record.cookie,
        };
        member.register(&self.epoll, number)?;
        set.next += 1;
        set.numbers.insert((record.handle, record.cookie), number);
        set.members.insert(number, member);
        Ok(())
    }

    /// What is ready now.
    fn ready(&self, max: usize) -> Result<Vec<ReadyRecord>, PalError> {
        let set = self.set();
        let mut events = Vec::with_capacity(max.min(set.members.len()).max(1));
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&now)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(pal_error(errno)),
        }
        let found = events.into_iter().filter_map(|Event { flags, data }| {
            let member = set.members.get(&data.u64())?;
            Some(ReadyRecord { cookie: member.cookie, handle: member.handle, ready: flags.bits() })
        });
        Ok(found.collect())
    }
}

impl Ops for WaitSet {
    fn kind(&self) -> u32 {
        node::WAIT_SET
    }

    fn read(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        let max = (buf.len / size_of::<ReadyRecord>()).min(BATCH);
        if max == 0 {
            return Err(PalError::Invalid);
        }
        loop {
            let records = self.ready(max)?;
            if !records.is_empty() {
                let bytes: Vec<u8> = records.iter().flat_map(|r| r.as_bytes().to_vec()).collect();
                copy::write_bytes(buf.addr, &bytes)?;
                return Ok(Transfer::of(bytes.len()));
            }
            if nonblocking {
                return Err(PalError::WouldBlock);
            }
            wait::ready(self.epoll.as_fd(), libc::POLLIN, NEVER)?;
        }
    }

    fn write(&self, _: u64, buf: Buffer, _: bool) -> Result<Transfer, PalError> {
        const SIZE: usize = size_of::<WaitRecord>();
        if buf.len == 0 || !buf.len.is_multiple_of(SIZE) {
            return Err(PalError::Invalid);
        }
        for done in (0..buf.len).step_by(SIZE) {
            let result =
                copy::read::<WaitRecord>(buf.addr.wrapping_add(done)).and_then(|record| self.change(&record));
            match result {
                Ok(()) => {}
                // What was changed before stays changed, and is told.
                Err(_) if done > 0 => return Ok(Transfer::of(done)),
                Err(PalError::Exists | PalError::NotFound) => return Err(PalError::Invalid),
                Err(error) => return Err(error),
            }
        }
        Ok(Transfer::of(buf.len))
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        match which {
            event::READABLE => WaitSource::Poll(self.epoll.as_fd(), libc::POLLIN),
            event::WRITABLE => WaitSource::Ready,
            _ => WaitSource::None,
        }
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(b"waitset:".to_vec())
    }

    fn after_clone(&self) {
        // The instance is shared with the parent, and its members are descriptions of the parent: make another.
        if let Ok(fresh) = epoll::create(CreateFlags::CLOEXEC) {
            crate::sys::fd::replace(&fresh, &self.epoll);
        }
    }

    fn after_clones(&self) {
        for (number, member) in &mut self.set().members {
            // A member that cannot be watched any more is silent.
            let _ = member.register(&self.epoll, *number);
        }
    }
}
