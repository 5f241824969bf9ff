//! Address space: reservations, committed pages, protections, stream mappings.
//!
//! Only what was handed out here can be changed here: [`spans::Spans`] knows it all, under one lock, and the PAL's
//! own memory is never in it. The page is the host's (4, 16 or 64 KiB); a layer that promises smaller ones does so
//! itself. Reserved pages have no access and no commit charge; committing gives access, decommitting maps fresh
//! inaccessible pages over the old ones.

mod guard;
mod spans;

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use pal_abi::arg::{InOut, Out};
use pal_abi::flags::{alloc, free as freeing, map as mapping, prot as bits};
use pal_abi::{Handle, PalError, PalResult, Status};
use rustix::io::Errno;

use crate::handle::table;
use crate::stream::Stream;
use crate::sys::mem::{self, Place, Source};
use crate::user;
use spans::{Spans, State};

static SPANS: Mutex<Spans> = Mutex::new(Spans::new());

fn lock() -> MutexGuard<'static, Spans> {
    SPANS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The host's page size.
pub(crate) fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(rustix::param::page_size)
}

/// The lowest and the first unusable address of what may be asked for.
pub(crate) fn address_limits() -> Range<usize> {
    // Below is Linux's usual mmap_min_addr; above, what 47-bit (x86-64) and 48-bit (aarch64) user space ends at.
    let top = if cfg!(target_arch = "aarch64") { 1 << 48 } else { 0x7fff_ffff_f000 };
    0x1_0000..top
}

/// The pages that `base` and `size` touch.
///
/// # Errors
/// `Invalid` where there are none, or the end is beyond the address space.
fn pages(base: usize, size: usize, page: usize) -> Result<Range<usize>, PalError> {
    let end = base.checked_add(size).and_then(|end| end.checked_next_multiple_of(page));
    match end {
        Some(end) if size != 0 && end <= address_limits().end => Ok(base / page * page..end),
        _ => Err(PalError::Invalid),
    }
}

/// As [`pages`], for calls that take whole pages: `base` must be one.
fn whole_pages(base: usize, size: usize) -> Result<Range<usize>, PalError> {
    if !base.is_multiple_of(page_size()) {
        return Err(PalError::Invalid);
    }
    pages(base, size, page_size())
}

/// The host's protection for one of `flags::prot`. A guard has none; the host may not have write without read.
fn host_prot(prot: u32) -> u32 {
    if prot & bits::GUARD != 0 {
        return 0;
    }
    let read = if prot & (bits::READ | bits::WRITE | bits::WRITE_COPY) == 0 { 0 } else { libc::PROT_READ };
    let write = if prot & (bits::WRITE | bits::WRITE_COPY) == 0 { 0 } else { libc::PROT_WRITE };
    let execute = if prot & bits::EXECUTE == 0 { 0 } else { libc::PROT_EXEC };
    (read | write | execute).cast_unsigned()
}

fn check_prot(prot: u32) -> Result<(), PalError> {
    let known = bits::READ | bits::WRITE | bits::EXECUTE | bits::GUARD | bits::WRITE_COPY;
    if prot & !known == 0 { Ok(()) } else { Err(PalError::Invalid) }
}

fn map_error(errno: Errno) -> PalError {
    match errno {
        Errno::EXIST => PalError::Conflict,
        Errno::NOMEM | Errno::AGAIN | Errno::NFILE => PalError::NoMemory,
        Errno::ACCESS => PalError::Denied,
        Errno::PERM => PalError::NotPermitted,
        Errno::NODEV => PalError::NoDevice,
        Errno::TXTBSY => PalError::TextBusy,
        _ => PalError::Invalid,
    }
}

/// `VirtualMemoryAllocate`.
pub(crate) fn allocate(base: InOut<'_, usize>, size: InOut<'_, usize>, what: u32, prot: u32) -> PalResult {
    let (at, bytes) = (user::read_inout(base)?, user::read_inout(size)?);
    check_prot(prot)?;
    let kind = what & (alloc::RESERVE | alloc::COMMIT);
    if what & !(kind | alloc::LOW4G) != 0 || kind == 0 || (at == 0 && kind == alloc::COMMIT) {
        return Err(PalError::Invalid);
    }
    // Both are written back: better to know now whether they can be.
    user::write_inout(base, at)?;
    user::write_inout(size, bytes)?;
    let mut spans = lock();
    let range = if kind == alloc::COMMIT {
        let range = pages(at, bytes, page_size())?;
        commit(&mut spans, &range, prot)?;
        range
    } else {
        let wanted = pages(at, bytes, page_size())?;
        let reserved = if at != 0 {
            if wanted.start < address_limits().start {
                return Err(PalError::Invalid);
            }
            if !spans.is_free(&wanted) {
                return Err(PalError::Conflict);
            }
            mem::map(Place::Free(wanted.start), wanted.len(), 0, Source::Anonymous).map_err(map_error)?
        } else if what & alloc::LOW4G != 0 {
            low_hole(&spans, wanted.len())?
        } else {
            mem::map(Place::Anywhere, wanted.len(), 0, Source::Anonymous).map_err(map_error)?
        };
        let range = reserved..reserved + wanted.len();
        spans.set(&range, State::Reserved);
        if kind & alloc::COMMIT != 0
            && let Err(error) = commit(&mut spans, &range, prot)
        {
            let _ = release(&mut spans, &range);
            return Err(error);
        }
        range
    };
    user::write_inout(base, range.start)?;
    user::write_inout(size, range.len())?;
    Ok(Status::Ok)
}

/// Reserves somewhere below 4 GiB, from the top down so that low addresses stay free for those who need them.
fn low_hole(spans: &Spans, size: usize) -> Result<usize, PalError> {
    const STEP: usize = 16 << 20;
    let Some(mut at) = (1_usize << 32).checked_sub(size) else { return Err(PalError::NoMemory) };
    at -= at % page_size();
    while at >= address_limits().start {
        if spans.is_free(&(at..at + size)) && mem::map(Place::Free(at), size, 0, Source::Anonymous).is_ok() {
            return Ok(at);
        }
        at = at.saturating_sub(STEP);
    }
    Err(PalError::NoMemory)
}

/// Puts memory behind a range inside reservations. Pages committed before keep their contents.
fn commit(spans: &mut Spans, range: &Range<usize>, prot: u32) -> Result<(), PalError> {
    let parts = spans.covering(range).ok_or(PalError::NotFound)?;
    if parts.iter().any(|(_, state)| matches!(state, State::Mapped { .. })) {
        return Err(PalError::Conflict);
    }
    apply(spans, range, prot, &parts)
}

/// Gives every part of a range a protection, on the host and in the books.
fn apply(
    spans: &mut Spans,
    range: &Range<usize>,
    prot: u32,
    parts: &[(Range<usize>, State)],
) -> Result<(), PalError> {
    guard::disarm(range.start, range.end);
    mem::protect(range.start, range.len(), host_prot(prot)).map_err(map_error)?;
    if prot & bits::GUARD != 0 {
        guard::arm(range.start, range.end, page_size(), prot & !bits::GUARD)?;
    }
    for (part, state) in parts {
        let state = match *state {
            State::Mapped { inside, .. } => State::Mapped { prot, inside },
            State::Reserved | State::Committed(_) => State::Committed(prot),
        };
        spans.set(part, state);
    }
    Ok(())
}

/// Makes a range reserved pages, losing what they held.
fn decommit(spans: &mut Spans, range: &Range<usize>) -> Result<(), PalError> {
    guard::disarm(range.start, range.end);
    mem::map(Place::Replace(range.start), range.len(), 0, Source::Anonymous).map_err(map_error)?;
    spans.set(range, State::Reserved);
    Ok(())
}

fn release(spans: &mut Spans, range: &Range<usize>) -> Result<(), PalError> {
    guard::disarm(range.start, range.end);
    mem::unmap(range.start, range.len()).map_err(map_error)?;
    spans.remove(range);
    Ok(())
}

/// `VirtualMemoryFree`.
pub(crate) fn free(base: usize, size: usize, what: u32) -> PalResult {
    let range = whole_pages(base, size)?;
    let mut spans = lock();
    match what {
        freeing::DECOMMIT | freeing::RELEASE => {}
        _ => return Err(PalError::Invalid),
    }
    spans.covering(&range).ok_or(PalError::NotFound)?;
    if what == freeing::DECOMMIT {
        decommit(&mut spans, &range)?;
    } else {
        release(&mut spans, &range)?;
    }
    Ok(Status::Ok)
}

/// `VirtualMemoryProtect`.
pub(crate) fn protect(base: usize, size: usize, prot: u32, old: Out<'_, u32>) -> PalResult {
    check_prot(prot)?;
    let range = whole_pages(base, size)?;
    let mut spans = lock();
    let parts = spans.covering(&range).ok_or(PalError::NotFound)?;
    let mut before = None;
    for (_, state) in &parts {
        let prot = state.prot().ok_or(PalError::NotFound)?;
        before.get_or_insert(prot);
    }
    let mut before = before.ok_or(PalError::NotFound)?;
    if before & bits::GUARD != 0 && !guard::is_armed(range.start) {
        before &= !bits::GUARD; // it was hit
    }
    user::write_if(old, before)?;
    apply(&mut spans, &range, prot, &parts)?;
    Ok(Status::Ok)
}

/// `StreamMap`.
pub(crate) fn map_stream(
    stream: Handle,
    base: InOut<'_, usize>,
    size: usize,
    offset: u64,
    prot: u32,
    flags: u32,
) -> PalResult {
    let stream = table().get::<Stream>(stream)?;
    let at = user::read_inout(base)?;
    check_prot(prot)?;
    let page = page_size();
    if prot & bits::GUARD != 0
        || flags & !mapping::PRIVATE != 0
        || !at.is_multiple_of(page)
        || !offset.is_multiple_of(page as u64)
        || offset.checked_add(size as u64).is_none_or(|end| i64::try_from(end).is_err())
        || (prot & bits::WRITE_COPY != 0 && flags & mapping::PRIVATE == 0)
    {
        return Err(PalError::Invalid);
    }
    let wanted = pages(at, size, page)?;
    user::write_inout(base, at)?;
    let source = stream.ops.map_source(offset, prot, flags)?;
    let mut spans = lock();
    let (place, inside) = if at == 0 {
        (Place::Anywhere, false)
    } else if spans.is_free(&wanted) {
        (Place::Free(wanted.start), false)
    } else {
        let parts = spans.covering(&wanted).ok_or(PalError::Conflict)?;
        if parts.iter().any(|(_, state)| *state != State::Reserved) {
            return Err(PalError::Conflict);
        }
        (Place::Replace(wanted.start), true)
    };
    let start = mem::map(place, wanted.len(), host_prot(prot), source).map_err(map_error)?;
    spans.set(&(start..start + wanted.len()), State::Mapped { prot, inside });
    user::write_inout(base, start)?;
    Ok(Status::Ok)
}

/// `StreamUnmap`.
pub(crate) fn unmap_stream(base: usize, size: usize) -> PalResult {
    let range = whole_pages(base, size)?;
    let mut spans = lock();
    let parts = spans.covering(&range).ok_or(PalError::NotFound)?;
    if parts.iter().any(|(_, state)| !matches!(state, State::Mapped { .. })) {
        return Err(PalError::NotFound);
    }
    for (part, state) in parts {
        match state {
            State::Mapped { inside: true, .. } => decommit(&mut spans, &part)?,
            _ => release(&mut spans, &part)?,
        }
    }
    Ok(Status::Ok)
}

/// Whether all of a range was handed out and has memory behind it.
pub(crate) fn is_backed(base: usize, size: usize) -> bool {
    let Ok(range) = pages(base, size, page_size()) else { return false };
    lock().covering(&range).is_some_and(|parts| parts.iter().all(|(_, s)| s.prot().is_some()))
}

/// Whether an access to `addr` hit a guard page, which is an ordinary page from now on. For signal handlers.
pub(crate) fn guard_hit(addr: usize) -> bool {
    let page = page_size();
    guard::hit(addr / page * page, page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_round_outwards_to_pages_of_any_size() {
        for page in [4 << 10, 16 << 10, 64 << 10] {
            assert_eq!(pages(page + 1, 1, page), Ok(page..2 * page));
            assert_eq!(pages(page - 1, 2, page), Ok(0..2 * page));
            assert_eq!(pages(page, 0, page), Err(PalError::Invalid));
            assert_eq!(pages(usize::MAX - 1, 1, page), Err(PalError::Invalid));
            assert_eq!(pages(1, usize::MAX, page), Err(PalError::Invalid));
        }
    }
}
