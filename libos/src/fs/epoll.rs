//! epoll(7): sets of open files, of which each is known by its descriptor and itself.
//!
//! Streams of the layer below are watched by its wait set, at no cost for those that are idle; edges, one-shots and
//! who of several waiters wakes are its affair. Files of our own are looked at here, at each wait. A set in a set is
//! both: what it watches below is the wait set's, what it watches here is looked at.
//!
//! A registration ends when its open file does ([`Links`]), since the wait set would keep the stream alive.
//!
//! # Source
//! `fs/eventpoll.c` of Linux.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use pal_abi::flags::{POLL, access, event, node, open as options, ready, wait_flags, wait_op};
use pal_abi::{Handle, Layout as _, PalError, ReadyRecord, WaitRecord};

use super::device::Device;
use super::file::{HostFile, Object, OpenFile, o};
use super::poll::bit;
use crate::error::Errno;
use crate::pal;
use crate::signal::set::SigSet;
use crate::signal::{self, pending};
use crate::sys::lock::Lock;
use crate::task::thread::Thread;
use crate::task::threads;

/// `EPOLLEXCLUSIVE`, `EPOLLWAKEUP`, `EPOLLONESHOT`, `EPOLLET`.
mod how {
    pub(super) const EXCLUSIVE: u32 = 1 << 28;
    pub(super) const WAKEUP: u32 = 1 << 29;
    pub(super) const ONE_SHOT: u32 = 1 << 30;
    pub(super) const EDGE: u32 = 1 << 31;
}

/// What may go with `EPOLLEXCLUSIVE`.
const EXCLUSIVE_OK: u32 = bit::IN
    | bit::OUT
    | bit::RDNORM
    | bit::WRNORM
    | bit::RDBAND
    | bit::WRBAND
    | bit::ERR
    | bit::HUP
    | how::WAKEUP
    | how::EDGE
    | how::EXCLUSIVE;
/// All that a file can be ready for.
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
/// How deep sets nest (`EP_MAX_NESTS`).
const NESTS_MAX: u32 = 4;

/// What `epoll_ctl` does.
pub mod op {
    #![allow(missing_docs, reason = "epoll_ctl(2) has them")]
    pub const ADD: u32 = 1;
    pub const DEL: u32 = 2;
    pub const MOD: u32 = 3;
}

/// What is wanted of a file, or came of it: `struct epoll_event`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpollEvent {
    /// `EPOLL*`.
    pub events: u32,
    /// The program's own.
    pub data: u64,
}

/// What is ready: the cookie, and what the program hears of it.
type Found = (u64, EpollEvent);

#[derive(Debug)]
struct Item {
    file: Weak<OpenFile>,
    wanted: EpollEvent,
    /// The stream in the wait set, of files that have one.
    below: Option<Handle>,
    /// A one-shot that was told.
    disabled: bool,
    /// Of an edge: the count of arrivals it was told at last.
    told: Option<u32>,
}

#[derive(Debug, Default)]
struct State {
    /// By cookie. Cookies are not used again.
    items: BTreeMap<u64, Item>,
    /// The cookies, by open file and descriptor.
    cookies: BTreeMap<(usize, u32), u64>,
    /// The items to look at here.
    here: BTreeSet<u64>,
    last: u64,
    /// Whether those here come last the next time.
    here_last: bool,
}

/// A set.
#[derive(Debug)]
pub struct Epoll {
    below: HostFile,
    state: Lock<State>,
}

/// The sets a file is in; it leaves them at its end.
#[derive(Debug)]
pub struct Links(Lock<Vec<(Weak<OpenFile>, u32)>>);

/// How a file takes part in sets.
enum Place {
    /// As a stream of the layer below.
    Below(Handle),
    /// It is looked at here.
    Here,
    /// Both.
    Nested(Handle),
}

/// Where a file is watched.
///
/// # Errors
/// `EPERM` for what cannot be waited for.
fn place(file: &OpenFile) -> Result<Place, Errno> {
    if let Some(host) = file.host() {
        // What the host gives as standard input may be a file, or a memory device, which is one to Linux.
        let device = || pal::attributes(host.handle.get()).map_or(0, |attr| attr.node_device);
        let waits = match host.kind {
            node::FILE | node::BLOCK => false,
            node::CHARACTER => host.terminal.is_some() || device() >> 32 != 1,
            _ => true,
        };
        if host.seekable || !waits {
            return Err(Errno::EPERM);
        }
        return Ok(Place::Below(host.handle.get()));
    }
    match &file.object {
        Object::Epoll(nested) => Ok(Place::Nested(nested.below.handle.get())),
        Object::Signals(_) | Object::Socket(_) | Object::Device(Device::Random) => Ok(Place::Here),
        _ => Err(Errno::EPERM),
    }
}

/// The set that a file is.
fn of(file: &OpenFile) -> Option<&Epoll> {
    match &file.object {
        Object::Epoll(epoll) => Some(epoll),
        _ => None,
    }
}

impl Epoll {
    /// An empty set.
    ///
    /// # Errors
    /// `EMFILE`, `ENOMEM`.
    pub fn new() -> Result<Self, Errno> {
        let handle = pal::open(b"waitset:", access::READ | access::WRITE, options::NONBLOCK)?;
        let attr = pal::attributes(handle.get())?;
        Ok(Self { below: HostFile::new(handle, &attr), state: Lock::new(State::default()) })
    }

    fn change(&self, op: u32, handle: Handle, cookie: u64, events: u32) -> Result<(), Errno> {
        let mut flags = 0;
        for (bit, flag) in [
            (how::EDGE, wait_flags::EDGE),
            (how::ONE_SHOT, wait_flags::ONE_SHOT),
            (how::EXCLUSIVE, wait_flags::EXCLUSIVE),
        ] {
            if events & bit != 0 {
                flags |= flag;
            }
        }
        let record = WaitRecord { op, handle, mask: events & KNOWN, flags, cookie };
        let bytes = record.as_bytes();
        let size = u32::try_from(bytes.len()).unwrap_or(0);
        pal::write(self.below.handle.get(), 0, bytes.into(), size).map(drop).map_err(|error| match error {
            // The host's descriptors stand for the memory of Linux's sets.
            PalError::TooMany => Errno::ENOMEM,
            other => other.into(),
        })
    }

    fn add(
        &self,
        mine: &Arc<OpenFile>,
        key: (usize, u32),
        file: &Arc<OpenFile>,
        wanted: EpollEvent,
    ) -> Result<(), Errno> {
        let place = place(file)?;
        let mut state = self.state.lock();
        state.last += 1;
        let cookie = state.last;
        let (below, here) = match place {
            Place::Below(handle) => (Some(handle), false),
            Place::Nested(handle) => (Some(handle), true),
            Place::Here => (None, true),
        };
        if let Some(handle) = below {
            self.change(wait_op::ADD, handle, cookie, wanted.events)?;
        }
        if here {
            state.here.insert(cookie);
        }
        state.cookies.insert(key, cookie);
        let file_of_item = Arc::downgrade(file);
        state.items.insert(cookie, Item { file: file_of_item, wanted, below, disabled: false, told: None });
        drop(state);
        let mut links = file.links.0.lock();
        links.retain(|(set, _)| set.strong_count() > 0);
        links.push((Arc::downgrade(mine), key.1));
        drop(links);
        if here {
            // Who waits already is to look at it, too.
            threads::interrupt_others();
        }
        Ok(())
    }

    /// Takes a file out; `false`: it is not in.
    fn remove(&self, key: (usize, u32)) -> bool {
        let mut state = self.state.lock();
        let Some(cookie) = state.cookies.remove(&key) else { return false };
        state.here.remove(&cookie);
        if let Some(Item { below: Some(handle), .. }) = state.items.remove(&cookie) {
            // A stream that is gone already is in no set.
            _ = self.change(wait_op::REMOVE, handle, cookie, 0);
        }
        true
    }

    fn modify(&self, cookie: u64, wanted: EpollEvent) -> Result<(), Errno> {
        let mut state = self.state.lock();
        let item = state.items.get_mut(&cookie).ok_or(Errno::ENOENT)?;
        if item.wanted.events & how::EXCLUSIVE != 0 {
            return Err(Errno::EINVAL);
        }
        if let Some(handle) = item.below {
            self.change(wait_op::CHANGE, handle, cookie, wanted.events)?;
        }
        (item.wanted, item.disabled, item.told) = (wanted, false, None);
        let here = state.here.contains(&cookie);
        drop(state);
        if here {
            threads::interrupt_others();
        }
        Ok(())
    }

    /// The files to look at here, with what is wanted of them.
    fn here(&self) -> Vec<(u64, Arc<OpenFile>, u32)> {
        let state = self.state.lock();
        let items = state.here.iter().filter_map(|cookie| Some((*cookie, state.items.get(cookie)?)));
        items.filter_map(|(cookie, item)| Some((cookie, item.file.upgrade()?, item.wanted.events))).collect()
    }

    /// The signals whose arrival makes a file of it ready.
    #[must_use]
    pub fn signals(&self) -> SigSet {
        self.here().iter().fold(SigSet::EMPTY, |all, (_, file, _)| all | file.watched_signals())
    }

    /// What is ready of the files to look at here. Sources that may tell of it later are added to `wait`.
    fn look(&self, max: usize, takes: bool, wait: &mut Vec<Handle>) -> Vec<Found> {
        let mut found = Vec::new();
        for (cookie, file, events) in self.here() {
            if found.len() >= max {
                break;
            }
            // What is ready below of a set within is told by the wait set.
            let is_ready = match of(&file) {
                Some(nested) if nested.look(1, false, wait).is_empty() => 0,
                Some(_) => events & (bit::IN | bit::RDNORM),
                None => file.ready(events & KNOWN, wait),
            };
            // What arrived by now is told with it.
            let arrivals = pending::arrivals();
            let mut state = self.state.lock();
            let Some(item) = state.items.get_mut(&cookie).filter(|item| !item.disabled) else { continue };
            let is_edge = item.wanted.events & how::EDGE != 0;
            if is_ready == 0 || is_edge && item.told == Some(arrivals) {
                continue;
            }
            found.push((cookie, EpollEvent { events: is_ready, data: item.wanted.data }));
            if takes {
                item.told = Some(arrivals);
                if item.wanted.events & how::ONE_SHOT != 0 {
                    item.disabled = true;
                    if let Some(handle) = item.below {
                        // Silent until it is modified.
                        _ = self.change(wait_op::CHANGE, handle, cookie, how::ONE_SHOT);
                    }
                }
            }
        }
        found
    }

    /// What the wait set has.
    fn take_below(&self, max: usize) -> Result<Vec<Found>, Errno> {
        const SIZE: usize = size_of::<ReadyRecord>();
        let room = max.min(self.state.lock().items.len());
        let mut bytes = alloc::vec![0; room * SIZE];
        let len = u32::try_from(bytes.len()).unwrap_or(0);
        let done = match pal::read(self.below.handle.get(), 0, bytes.as_mut_slice().into(), len) {
            _ if room == 0 => 0,
            Err(PalError::WouldBlock | PalError::Interrupted) => 0,
            other => other? as usize,
        };
        let mut state = self.state.lock();
        let records = bytes.chunks_exact(SIZE).take(done / SIZE).filter_map(ReadyRecord::read_from);
        let told = records.filter_map(|record| {
            let item = state.items.get_mut(&record.cookie)?;
            item.disabled = item.wanted.events & how::ONE_SHOT != 0;
            Some((record.cookie, EpollEvent { events: record.ready, data: item.wanted.data }))
        });
        Ok(told.collect())
    }

    fn take(&self, max: usize, wait: &mut Vec<Handle>) -> Result<Vec<Found>, Errno> {
        let (has_here, here_last) = {
            let mut state = self.state.lock();
            state.here_last = !state.here_last;
            (!state.here.is_empty(), state.here_last)
        };
        if !has_here {
            return self.take_below(max);
        }
        // Neither keeps the other from being heard.
        let mut found = if here_last { self.take_below(max)? } else { self.look(max, true, wait) };
        let rest = max - found.len();
        if rest > 0 {
            let mut more = if here_last { self.look(rest, true, wait) } else { self.take_below(rest)? };
            // A set within may be ready for both.
            more.retain(|(cookie, _)| !found.iter().any(|(known, _)| known == cookie));
            found.extend(more);
        }
        Ok(found)
    }

    /// Waits until something is ready, and takes it: at most `max`. Nothing at the deadline.
    ///
    /// # Errors
    /// `ERESTARTSYS` where a signal is due.
    pub fn wait(&self, thread: &Thread, max: usize, deadline: u64) -> Result<Vec<EpollEvent>, Errno> {
        loop {
            // Told before looking, so that nothing arrives in between.
            let _watch = signal::watch(self.signals());
            let mut handles: Vec<Handle> = self.below.event(event::READABLE).into_iter().collect();
            let found = self.take(max, &mut handles)?;
            if !found.is_empty() || deadline == POLL || pal::now() >= deadline {
                return Ok(found.into_iter().map(|(_, event)| event).collect());
            }
            handles.truncate(pal_abi::flags::WAIT_ANY_MAX);
            signal::sleep(thread, &handles, deadline)?;
        }
    }

    /// Of `events`, what is the case of the set itself: it can be read while something in it is ready.
    pub fn ready(&self, events: u32, wait: &mut Vec<Handle>) -> u32 {
        let below = self.below.event(event::READABLE);
        let is_ready = !self.look(1, false, wait).is_empty()
            || below.is_some_and(|event| pal::readiness(event) & ready::READABLE != 0);
        wait.extend(below);
        if is_ready { events & (bit::IN | bit::RDNORM) } else { 0 }
    }

    /// How many levels of sets are in it; beyond what is allowed where `sought` is among them.
    fn depth(&self, sought: &OpenFile, at: u32) -> u32 {
        let mut depth = 0;
        for (_, file, _) in self.here() {
            let Some(nested) = of(&file) else { continue };
            if core::ptr::eq(&raw const *file, sought) || at > NESTS_MAX {
                return NESTS_MAX + 1;
            }
            depth = depth.max(nested.depth(sought, at + 1) + 1);
        }
        depth
    }
}

/// How many levels of sets a set is in.
fn height(file: &OpenFile, at: u32) -> u32 {
    let sets: Vec<Arc<OpenFile>> = file.links.0.lock().iter().filter_map(|(set, _)| set.upgrade()).collect();
    let above = sets.iter().map(|set| if at > NESTS_MAX { 0 } else { height(set, at + 1) + 1 });
    above.max().unwrap_or(0)
}

fn key(file: &Arc<OpenFile>, fd: u32) -> (usize, u32) {
    (Arc::as_ptr(file).addr(), fd)
}

/// epoll_ctl(2): `set` and the file behind `fd` are open, `wanted` was given where the operation has it.
///
/// # Errors
/// As epoll_ctl(2).
pub fn control(
    set: &Arc<OpenFile>,
    operation: u32,
    fd: u32,
    file: &Arc<OpenFile>,
    mut wanted: EpollEvent,
) -> Result<(), Errno> {
    place(file)?;
    let epoll = of(set).filter(|_| !Arc::ptr_eq(set, file)).ok_or(Errno::EINVAL)?;
    // Nothing suspends here, and no program may say that it must not.
    wanted.events &= !how::WAKEUP;
    if operation != op::DEL && wanted.events & how::EXCLUSIVE != 0 {
        let fits = operation == op::ADD && of(file).is_none() && wanted.events & !EXCLUSIVE_OK == 0;
        if !fits {
            return Err(Errno::EINVAL);
        }
    }
    if operation == op::ADD
        && let Some(nested) = of(file)
    {
        let depth = nested.depth(set, 0);
        if depth > NESTS_MAX || depth + 1 + height(set, 0) > NESTS_MAX {
            return Err(Errno::ELOOP);
        }
    }
    let key = key(file, fd);
    let found = epoll.state.lock().cookies.get(&key).copied();
    wanted.events |= bit::ERR | bit::HUP;
    match (operation, found) {
        (op::ADD, None) => epoll.add(set, key, file, wanted),
        (op::ADD, Some(_)) => Err(Errno::EEXIST),
        (op::DEL, Some(_)) => {
            epoll.remove(key);
            Ok(())
        }
        (op::MOD, Some(cookie)) => epoll.modify(cookie, wanted),
        (op::DEL | op::MOD, None) => Err(Errno::ENOENT),
        _ => Err(Errno::EINVAL),
    }
}

impl Default for Links {
    fn default() -> Self {
        Self::new()
    }
}

impl Links {
    /// Of a file that is in none.
    #[must_use]
    pub const fn new() -> Self {
        Self(Lock::new(Vec::new()))
    }

    /// Takes a file that has come to its end out of all sets.
    pub fn cut(&self, file: *const OpenFile) {
        let links = core::mem::take(&mut *self.0.lock());
        for (set, fd) in links {
            if let Some(set) = set.upgrade()
                && let Some(epoll) = of(&set)
            {
                epoll.remove((file.addr(), fd));
            }
        }
    }
}

/// A new set as an open file.
///
/// # Errors
/// `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn open() -> Result<Arc<OpenFile>, Errno> {
    let object = Object::Epoll(Epoll::new()?);
    Ok(Arc::new(OpenFile::new(object, o::RDWR, b"anon_inode:[eventpoll]".to_vec())?))
}
