//! `waitset:` — a persistent set of objects. Records written to it change the set; records read from it tell what is
//! ready. An object in the set is kept alive by it; readiness consumes nothing.
//!
//! Each member stands for one descriptor of its own in an epoll instance (a duplicate, since the host knows a member
//! by description and number). What never waits has no descriptor there and is always ready.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pal_abi::flags::{NEVER, event, node, ready, stream as bits, wait_flags, wait_op};
use pal_abi::{Handle, Layout, PalError, ReadyRecord, WaitRecord};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use super::{Ops, Stream, Transfer};
use crate::handle::{Object, WaitSource, table};
use crate::sys::copy;
use crate::sys::errno::pal_error;
use crate::user::Buffer;
use crate::wait;

/// Records of one read or write.
const BATCH: usize = 256;

#[derive(Debug)]
struct Member {
    handle: Handle,
    /// Keeps the object alive.
    object: Arc<dyn Object>,
    /// The duplicate in the epoll instance; `None` for what is always ready.
    fd: Option<OwnedFd>,
    mask: u32,
    flags: u32,
    cookie: u64,
    /// An always-ready one-shot or edge member that was reported.
    reported: bool,
}

#[derive(Debug)]
struct Set {
    members: BTreeMap<u64, Member>,
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
    let set = WaitSet { epoll, set: Mutex::new(Set { members: BTreeMap::new(), next: 1 }) };
    Ok(Stream::new(set, bits::READ | bits::WRITE | nonblock))
}

/// The host's events for a member. `READABLE` of an object that is no stream is its being signalled.
fn host_events(member: &Member) -> EventFlags {
    let mut events = EventFlags::from_bits_retain(member.mask);
    for (flag, host) in [
        (wait_flags::EDGE, EventFlags::ET),
        (wait_flags::ONE_SHOT, EventFlags::ONESHOT),
        (wait_flags::EXCLUSIVE, EventFlags::EXCLUSIVE),
    ] {
        if member.flags & flag != 0 {
            events |= host;
        }
    }
    events
}

/// The descriptor to watch for an object; `None` for what is always ready.
fn source(object: &Arc<dyn Object>) -> Result<Option<OwnedFd>, PalError> {
    let source = match (object.as_ref() as &dyn std::any::Any).downcast_ref::<Stream>() {
        Some(stream) => match stream.ops.event_source(event::READABLE) {
            WaitSource::None => stream.ops.event_source(event::WRITABLE),
            source => source,
        },
        None => object.wait_source(),
    };
    match source {
        WaitSource::None => Err(PalError::WrongType),
        WaitSource::Ready => Ok(None),
        WaitSource::Poll(fd, _) => fd.try_clone_to_owned().map(Some).map_err(|_| PalError::TooMany),
    }
}

impl WaitSet {
    fn set(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, record: &WaitRecord) -> Result<(), PalError> {
        let known = ready::READABLE
            | ready::URGENT
            | ready::WRITABLE
            | ready::ERROR
            | ready::CLOSED
            | ready::READ_CLOSED;
        let flags = wait_flags::EDGE | wait_flags::ONE_SHOT | wait_flags::EXCLUSIVE;
        if record.mask & !known != 0 || record.flags & !flags != 0 {
            return Err(PalError::Invalid);
        }
        let mut set = self.set();
        let found = set.members.iter().find(|(_, m)| m.handle == record.handle).map(|(id, _)| *id);
        match (record.op, found) {
            (wait_op::ADD, Some(_)) => Err(PalError::Exists),
            (wait_op::ADD, None) => self.add(&mut set, record),
            (wait_op::CHANGE, Some(id)) => {
                let member = set.members.get_mut(&id).ok_or(PalError::NotFound)?;
                (member.mask, member.flags, member.cookie) = (record.mask, record.flags, record.cookie);
                member.reported = false;
                match &member.fd {
                    Some(fd) => epoll::modify(&self.epoll, fd, EventData::new_u64(id), host_events(member))
                        .map_err(pal_error),
                    None => Ok(()),
                }
            }
            (wait_op::REMOVE, Some(id)) => {
                if let Some(Member { fd: Some(fd), .. }) = set.members.remove(&id) {
                    epoll::delete(&self.epoll, &fd).map_err(pal_error)?;
                }
                Ok(())
            }
            (wait_op::CHANGE | wait_op::REMOVE, None) => Err(PalError::NotFound),
            _ => Err(PalError::Invalid),
        }
    }

    fn add(&self, set: &mut Set, record: &WaitRecord) -> Result<(), PalError> {
        let object = table().object(record.handle)?;
        let id = set.next;
        let mut member = Member {
            handle: record.handle,
            fd: source(&object)?,
            object,
            mask: record.mask,
            flags: record.flags,
            cookie: record.cookie,
            reported: false,
        };
        self.register(id, &mut member)?;
        set.next += 1;
        set.members.insert(id, member);
        Ok(())
    }

    fn register(&self, id: u64, member: &mut Member) -> Result<(), PalError> {
        let events = host_events(member);
        if let Some(fd) = &member.fd {
            match epoll::add(&self.epoll, fd, EventData::new_u64(id), events) {
                Err(Errno::PERM) => member.fd = None, // a regular file: always ready
                other => other.map_err(pal_error)?,
            }
        }
        Ok(())
    }

    /// What is ready now.
    fn ready(&self, max: usize) -> Result<Vec<ReadyRecord>, PalError> {
        let mut set = self.set();
        let mut records: Vec<ReadyRecord> = Vec::new();
        for member in set.members.values_mut().filter(|m| m.fd.is_none()) {
            let ready = member.mask & (ready::READABLE | ready::WRITABLE);
            if ready != 0 && !member.reported && records.len() < max {
                records.push(ReadyRecord { cookie: member.cookie, handle: member.handle, ready });
                member.reported = member.flags & (wait_flags::EDGE | wait_flags::ONE_SHOT) != 0;
            }
        }
        let room = max - records.len();
        if room > 0 {
            let mut events = Vec::with_capacity(room.min(BATCH));
            let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&now)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(pal_error(errno)),
            }
            for Event { flags, data } in events {
                if let Some(member) = set.members.get(&data.u64()) {
                    let ready = flags.bits();
                    records.push(ReadyRecord { cookie: member.cookie, handle: member.handle, ready });
                }
            }
        }
        Ok(records)
    }

    fn has_always_ready(&self) -> bool {
        self.set().members.values().any(|m| m.fd.is_none() && !m.reported && m.mask & 5 != 0)
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
            event::READABLE if self.has_always_ready() => WaitSource::Ready,
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
        let mut set = self.set();
        let mut members = std::mem::take(&mut set.members);
        for (id, member) in &mut members {
            member.fd = source(&member.object).unwrap_or(None);
            // A member that cannot be watched any more is silent.
            let _ = self.register(*id, member);
        }
        set.members = members;
    }
}
