//! The downcalls as the rest of the library OS likes them: results returned, handles closed when dropped.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pal_abi::arg::{InBytes, Out, OutBytes};
use pal_abi::flags::{clock, query};
use pal_abi::{Attr, Handle, Layout as _, Pal as _, PalError, Status};

pub use crate::sys::tables::{cloning, family, nodes, pal, passing, sockets, words};

/// A handle that is ours to close.
#[derive(Debug, PartialEq, Eq)]
pub struct Owned(Handle);

impl Owned {
    /// Takes over a handle.
    #[must_use]
    pub const fn new(handle: Handle) -> Self {
        Self(handle)
    }

    /// The handle, still ours.
    #[must_use]
    pub const fn get(&self) -> Handle {
        self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if !self.0.is_none() {
            // A handle that is not there any more needs no closing.
            _ = pal().object_close(self.0);
        }
    }
}

/// Whether the layer below rang: set by whatever an interruption ended.
static RUNG: AtomicBool = AtomicBool::new(false);

/// Notes an interruption.
pub fn note_ring() {
    RUNG.store(true, Relaxed);
}

/// Whether there was an interruption since the last time this was asked.
#[must_use]
pub fn take_ring() -> bool {
    RUNG.load(Relaxed) && RUNG.swap(false, Relaxed)
}

/// Looks at how a call that may be interrupted ended.
fn heard<T>(result: Result<T, PalError>) -> Result<T, PalError> {
    if matches!(result, Err(PalError::Interrupted)) {
        note_ring();
    }
    result
}

/// Opens a URI.
///
/// # Errors
/// Those of `StreamOpen`.
pub fn open(uri: &[u8], access: u32, options: u32) -> Result<Owned, PalError> {
    let mut handle = Handle::NONE;
    heard(pal().stream_open(uri.into(), uri.len(), access, 7, options, (&mut handle).into()))?;
    Ok(Owned(handle))
}

/// Reads; tells how many bytes came. 0 is the end.
///
/// # Errors
/// Those of `StreamRead`.
pub fn read(stream: Handle, offset: u64, buf: OutBytes<'_>, len: u32) -> Result<u32, PalError> {
    let mut done = 0usize;
    match heard(pal().stream_read(stream, offset, buf, len as usize, (&mut done).into(), Out::NONE))? {
        Status::EndOfStream => Ok(0),
        _ => Ok(u32::try_from(done).unwrap_or(len).min(len)),
    }
}

/// Writes; tells how many bytes went.
///
/// # Errors
/// Those of `StreamWrite`.
pub fn write(stream: Handle, offset: u64, buf: InBytes<'_>, len: u32) -> Result<u32, PalError> {
    let mut done = 0usize;
    heard(pal().stream_write(stream, offset, buf, len as usize, (&mut done).into(), Out::NONE))?;
    Ok(u32::try_from(done).unwrap_or(len).min(len))
}

#[expect(clippy::cast_possible_truncation, reason = "a few hundred bytes")]
const ATTR_SIZE: u32 = size_of::<Attr>() as u32;

/// The attributes of an open stream.
///
/// # Errors
/// Those of `StreamAttributesQueryByHandle`.
pub fn attributes(stream: Handle) -> Result<Attr, PalError> {
    let mut attr = Attr::ZERO;
    pal().stream_attributes_query_by_handle(stream, (&mut attr).into(), ATTR_SIZE)?;
    Ok(attr)
}

/// The attributes of what a URI names, of a link itself where `follow` is not wanted.
///
/// # Errors
/// Those of `StreamAttributesQuery`.
pub fn attributes_of(uri: &[u8], last: crate::fs::path::Last) -> Result<Attr, PalError> {
    let mut attr = Attr::ZERO;
    let flags = if last == crate::fs::path::Last::Keep { query::NOFOLLOW } else { 0 };
    pal().stream_attributes_query(uri.into(), uri.len(), (&mut attr).into(), ATTR_SIZE, flags)?;
    Ok(attr)
}

/// Sets attributes.
///
/// # Errors
/// Those of `StreamAttributesSetByHandle`.
pub fn set_attributes(stream: Handle, attr: &Attr, mask: u32) -> Result<(), PalError> {
    pal().stream_attributes_set_by_handle(stream, attr.into(), ATTR_SIZE, mask).map(drop)
}

/// A clock, in nanoseconds.
#[must_use]
pub fn clock_ns(which: u32) -> u64 {
    let mut time = 0u64;
    // The clocks of the table always exist.
    _ = pal().system_time_query(which, (&mut time).into());
    time
}

/// The monotonic clock, on which deadlines are.
#[must_use]
pub fn now() -> u64 {
    clock_ns(clock::MONOTONIC)
}

/// Prints a line for the developer.
pub fn debug(text: &[u8]) {
    // Best effort by definition.
    _ = pal().debug_string_print(text.into(), text.len());
}

/// Waits for one of some handles; `None`: the deadline came.
///
/// # Errors
/// `Interrupted`.
pub fn wait_any(handles: &[Handle], deadline: u64) -> Result<Option<u32>, PalError> {
    let bytes: Vec<u8> = handles.iter().flat_map(|h| h.0.to_le_bytes()).collect();
    let mut index = 0u32;
    let list = bytes.as_slice().into();
    match heard(pal().objects_wait_any(list, bytes.len(), deadline, 0, (&mut index).into()))? {
        Status::Timeout => Ok(None),
        _ => Ok(Some(index)),
    }
}

/// A stream's event.
///
/// # Errors
/// Those of `StreamGetEvent`.
pub fn event(stream: Handle, which: u32) -> Result<Owned, PalError> {
    let mut handle = Handle::NONE;
    pal().stream_get_event(stream, which, (&mut handle).into())?;
    Ok(Owned(handle))
}

/// What is the case with a stream, of `flags::ready`, by one of its events.
#[must_use]
pub fn readiness(event: Handle) -> u32 {
    let mut state = 0u32;
    // It is an event of ours.
    _ = pal().event_peek(event, (&mut state).into());
    state
}

/// Random bytes.
pub fn random(bytes: &mut [u8]) {
    let len = bytes.len();
    // Never short, and the buffer is ours.
    _ = pal().random_bits_read(bytes.into(), len);
}
