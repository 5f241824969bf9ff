//! The guest's address space: calls 1–3, 11 and 12, kept in the page table and carried out inside the window.
//!
//! The whole window stays reserved below, whatever the guest reserves: nothing else can come to lie in it. A range is
//! checked in full before anything changes.

use crate::pages::{PAGE, PAGES, Page};
use crate::window::{MapLock, Window};
use pal_abi::arg::Out;
use pal_abi::flags::{alloc, free, map, prot};
use pal_abi::{Handle, PalError, PalResult, Status};

/// Lowest guest address that can be allocated: a null pointer with a small offset must fault.
pub(crate) const ADDR_MIN: u32 = 0x1000;
/// First guest address that can not.
pub(crate) const ADDR_MAX: u32 = 0xffff_e000;

/// A range of whole pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl Range {
    /// The pages that `[base, base + size)` touches, if it lies in what can be allocated.
    fn new(base: u32, size: u32) -> Result<Self, PalError> {
        let end = base.checked_add(size).ok_or(PalError::Invalid)?;
        if size == 0 || base < ADDR_MIN || end > ADDR_MAX {
            return Err(PalError::Invalid);
        }
        let first = base / PAGE;
        Ok(Self { first, count: end.div_ceil(PAGE) - first })
    }
    pub(crate) fn base(self) -> u32 {
        self.first * PAGE
    }
    pub(crate) fn size(self) -> u32 {
        self.count * PAGE
    }
    pub(crate) fn pages(self) -> core::ops::Range<u32> {
        self.first..self.first + self.count
    }
}

fn host(window: &Window, range: Range) -> (usize, usize) {
    let base = usize::try_from(window.base.host(range.base())).expect("a 64-bit host");
    (base, range.size() as usize)
}

/// What the guest's protection bits may be.
fn check_protection(protection: u32) -> Result<u16, PalError> {
    let known = prot::READ | prot::WRITE | prot::EXECUTE | prot::GUARD;
    if protection & !(known | prot::WRITE_COPY) != 0 {
        return Err(PalError::Invalid);
    }
    Ok((protection & known) as u16)
}

impl Window {
    /// `VirtualMemoryAllocate`: `(base, size)` as they became.
    pub(crate) fn allocate(
        &self,
        base: u32,
        size: u32,
        what: u32,
        protection: u32,
    ) -> Result<Range, PalError> {
        let protection = check_protection(protection)?;
        if what & !(alloc::RESERVE | alloc::COMMIT | alloc::LOW4G) != 0
            || what & (alloc::RESERVE | alloc::COMMIT) == 0
        {
            return Err(PalError::Invalid);
        }
        let lock = self.lock();
        let reserve = what & alloc::RESERVE != 0;
        let range = if base == 0 {
            if !reserve {
                return Err(PalError::Invalid);
            }
            find_free(&lock, size)?
        } else {
            Range::new(base, size)?
        };
        for page in range.pages() {
            let word = lock.get(page);
            if reserve && word != Page::FREE {
                return Err(PalError::Conflict);
            }
            if !reserve && !word.has(Page::RESERVED) {
                return Err(PalError::NotFound);
            }
            if !reserve && word.has(Page::STREAM) {
                return Err(PalError::Conflict);
            }
        }
        if what & alloc::COMMIT == 0 {
            for page in range.pages() {
                lock.set(page, Page::FREE.with(Page::RESERVED));
            }
            return Ok(range);
        }
        let fresh = Page::FREE.with(Page::RESERVED | Page::COMMITTED).with_protection(protection);
        let mut page = range.first;
        while page < range.first + range.count {
            let committed = lock.get(page).has(Page::COMMITTED);
            let run = (page..range.first + range.count)
                .take_while(|&p| lock.get(p).has(Page::COMMITTED) == committed)
                .count() as u32;
            let part = Range { first: page, count: run };
            if !committed {
                self.commit(part, fresh.host_protection())?;
                for p in part.pages() {
                    lock.set(p, fresh);
                }
            }
            page += run;
        }
        Ok(range)
    }

    fn commit(&self, range: Range, host_protection: u32) -> Result<(), PalError> {
        let (mut base, mut size) = host(self, range);
        self.pal
            .virtual_memory_allocate((&mut base).into(), (&mut size).into(), alloc::COMMIT, host_protection)
            .map(|_| ())
    }

    /// `VirtualMemoryFree`.
    pub(crate) fn free(&self, base: u32, size: u32, what: u32) -> PalResult {
        if what != free::DECOMMIT && what != free::RELEASE {
            return Err(PalError::Invalid);
        }
        let range = Range::new(base, size)?;
        self.with_unwatched(range.first, range.count, |lock| {
            if range.pages().any(|p| !lock.get(p).has(Page::RESERVED) || lock.get(p).has(Page::STREAM)) {
                return Err(PalError::NotFound);
            }
            for_runs(lock, range, Page::COMMITTED, |part, committed| {
                if committed {
                    let (base, size) = host(self, part);
                    self.pal.virtual_memory_free(base, size, free::DECOMMIT)?;
                }
                let word = if what == free::RELEASE { Page::FREE } else { Page::FREE.with(Page::RESERVED) };
                part.pages().for_each(|p| lock.set(p, word));
                Ok(())
            })
        })
    }

    /// `VirtualMemoryProtect`: the old protection of the first page.
    pub(crate) fn protect(&self, base: u32, size: u32, protection: u32) -> Result<u32, PalError> {
        let protection = check_protection(protection)?;
        let range = Range::new(base, size)?;
        self.with_unwatched(range.first, range.count, |lock| {
            if range.pages().any(|p| !lock.get(p).has(Page::COMMITTED)) {
                return Err(PalError::NotFound);
            }
            let old = u32::from(lock.get(range.first).protection());
            // Where the layer below refuses (a read-only stream mapped shared), nothing may have changed above.
            let wanted = Page::FREE.with(Page::COMMITTED).with_protection(protection).host_protection();
            let (base, size) = host(self, range);
            self.pal.virtual_memory_protect(base, size, wanted, Out::NONE)?;
            for page in range.pages() {
                lock.set(page, lock.get(page).with_protection(protection));
            }
            Ok(old)
        })
    }

    /// `StreamMap`: where it went.
    pub(crate) fn map_stream(
        &self,
        stream: Handle,
        base: u32,
        size: u32,
        offset: u64,
        protection: u32,
        flags: u32,
    ) -> Result<Range, PalError> {
        let bits = check_protection(protection)?;
        let lock = self.lock();
        let range = if base == 0 { find_free(&lock, size)? } else { Range::new(base, size)? };
        if range.base() != base && base != 0 {
            return Err(PalError::Invalid);
        }
        if range.pages().any(|p| lock.get(p).has(Page::COMMITTED)) {
            return Err(PalError::Conflict);
        }
        let private = flags & map::PRIVATE != 0;
        let mut word = Page::FREE.with(Page::COMMITTED | Page::STREAM).with_protection(bits);
        // Whoever can write the stream can change the pages of a shared map; a private map's pages change only where
        // this process writes them.
        if !private {
            word = word.with(Page::UNWATCHABLE);
        }
        let (mut host_base, host_size) = host(self, range);
        let host_protection = word.host_protection() | protection & prot::WRITE_COPY;
        self.pal.stream_map(stream, (&mut host_base).into(), host_size, offset, host_protection, flags)?;
        for page in range.pages() {
            let reserved = lock.get(page).has(Page::RESERVED);
            lock.set(page, if reserved { word.with(Page::RESERVED) } else { word });
        }
        Ok(range)
    }

    /// `StreamUnmap`.
    pub(crate) fn unmap_stream(&self, base: u32, size: u32) -> PalResult {
        let range = Range::new(base, size)?;
        self.with_unwatched(range.first, range.count, |lock| {
            if range.pages().any(|p| !lock.get(p).has(Page::STREAM)) {
                return Err(PalError::NotFound);
            }
            let (base, size) = host(self, range);
            self.pal.stream_unmap(base, size)?;
            for page in range.pages() {
                let word = if lock.get(page).has(Page::RESERVED) {
                    Page::FREE.with(Page::RESERVED)
                } else {
                    Page::FREE
                };
                lock.set(page, word);
            }
            Ok(Status::Ok)
        })
    }

    /// Keeps code on these pages from being translated while the host may write them at any time.
    pub(crate) fn pin_for_host_writes(&self, at: u32, len: u32) {
        let (first, count) = crate::window::pages_of(at, len);
        let count = count.min(PAGES - first);
        self.with_unwatched(first, count, |lock| {
            for page in first..first + count {
                let word = lock.get(page);
                if word.has(Page::COMMITTED) {
                    lock.set(page, word.with(Page::UNWATCHABLE));
                }
            }
            lock.apply(first, count);
        });
    }
}

/// Calls `act` for each run of pages that agree on `bit`.
fn for_runs(
    lock: &MapLock<'_>,
    range: Range,
    bit: u16,
    mut act: impl FnMut(Range, bool) -> Result<(), PalError>,
) -> PalResult {
    let end = range.first + range.count;
    let mut page = range.first;
    while page < end {
        let set = lock.get(page).has(bit);
        let count = (page..end).take_while(|&p| lock.get(p).has(bit) == set).count() as u32;
        act(Range { first: page, count }, set)?;
        page += count;
    }
    Ok(Status::Ok)
}

/// The highest free range of that size.
fn find_free(lock: &MapLock<'_>, size: u32) -> Result<Range, PalError> {
    let count = size.div_ceil(PAGE);
    if count == 0 {
        return Err(PalError::Invalid);
    }
    let mut run = 0;
    for page in (ADDR_MIN / PAGE..ADDR_MAX / PAGE).rev() {
        run = if lock.get(page) == Page::FREE { run + 1 } else { 0 };
        if run == count {
            return Ok(Range { first: page, count });
        }
    }
    Err(PalError::NoMemory)
}
