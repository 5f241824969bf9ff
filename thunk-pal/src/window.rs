//! The guest's 4 GiB window: its page table, the host memory behind it, and guest accesses with exact faults.
//!
//! The host's page protections mirror the guest's map, so an access is simply made and a host fault is then explained
//! from the page table. Lock order: the map lock is never held while the engine is called.

use crate::guest::{Base, Failure};
use crate::pages::{PAGE, Page, PageTable};
use frontend_x86::memory::{Access, Fault, FaultKind, GuestAddr, GuestMemory, Resolution, Watch};
use pal_abi::Pal;
use std::sync::{Mutex, MutexGuard, OnceLock};

/// Forgets translations of pages: the engine's side of [`GuestMemory::watch_code`].
pub(crate) trait CodeListener: Send + Sync {
    fn invalidate(&self, first_page: u32, pages: u32);
}

/// The guest's memory over the layer below.
pub struct Window {
    pub(crate) base: Base,
    pub(crate) pages: PageTable,
    pub(crate) pal: &'static dyn Pal,
    map: Mutex<()>,
    /// Serialises atomic accesses that the host cannot do in one instruction.
    misaligned: Mutex<()>,
    listener: OnceLock<&'static dyn CodeListener>,
}

impl core::fmt::Debug for Window {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Window").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Proof that the map lock is held.
pub(crate) struct MapLock<'a> {
    window: &'a Window,
    _guard: MutexGuard<'a, ()>,
}

/// The pages that `[at, at + len)` touches, as (first, count).
pub(crate) fn pages_of(at: u32, len: u32) -> (u32, u32) {
    if len == 0 {
        return (at / PAGE, 0);
    }
    let last = u64::from(at) + u64::from(len) - 1;
    let first = at / PAGE;
    (first, u32::try_from(last / u64::from(PAGE)).expect("below 2^21") - first + 1)
}

impl Window {
    pub(crate) fn new(base: Base, pal: &'static dyn Pal) -> Self {
        Self {
            base,
            pages: PageTable::new(),
            pal,
            map: Mutex::new(()),
            misaligned: Mutex::new(()),
            listener: OnceLock::new(),
        }
    }

    /// Names who is told when watched pages change; once, before guest code runs.
    pub(crate) fn set_listener(&self, listener: &'static dyn CodeListener) {
        assert!(self.listener.set(listener).is_ok(), "one engine a window");
    }

    pub(crate) fn lock(&self) -> MapLock<'_> {
        let guard = self.map.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        MapLock { window: self, _guard: guard }
    }

    /// Holds every lock of the window, so that a clone of the process finds none held by a thread it does not have.
    pub(crate) fn hold(&self) -> impl Drop + '_ {
        struct Held<'a> {
            _map: MapLock<'a>,
            _misaligned: MutexGuard<'a, ()>,
        }
        impl Drop for Held<'_> {
            fn drop(&mut self) {}
        }
        Held {
            _map: self.lock(),
            _misaligned: self.misaligned.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }

    /// Runs `change` under the map lock at a moment when no page of the range is watched: whoever held translations of
    /// them has forgotten them before.
    pub(crate) fn with_unwatched<R>(
        &self,
        first: u32,
        count: u32,
        change: impl FnOnce(&MapLock<'_>) -> R,
    ) -> R {
        loop {
            let lock = self.lock();
            let watched: Vec<u32> =
                (first..first + count).filter(|&p| self.pages.get(p).has(Page::WATCHED)).collect();
            if watched.is_empty() {
                return change(&lock);
            }
            for &page in &watched {
                self.pages.set(page, self.pages.get(page).without(Page::WATCHED));
                self.pages.next_generation(page);
            }
            drop(lock);
            let listener = self.listener.get().expect("only an engine watches");
            for page in watched {
                listener.invalidate(page, 1);
            }
        }
    }

    /// Makes the host page agree with the page table again where the guest may write: before the host itself writes
    /// into a buffer of the guest.
    pub(crate) fn prepare_host_write(&self, at: u32, len: u32) {
        let (first, count) = pages_of(at, len);
        let count = count.min(crate::pages::PAGES - first);
        if !(first..first + count).any(|p| self.pages.get(p).has(Page::COMMITTED | Page::WRITE)) {
            return;
        }
        if (first..first + count).any(|p| self.pages.get(p).has(Page::WATCHED)) {
            self.with_unwatched(first, count, |lock| lock.apply(first, count));
        }
    }

    /// Whether any page of the range is watched now.
    pub(crate) fn is_watched(&self, at: u32, len: u32) -> bool {
        let (first, count) = pages_of(at, len);
        (first..first + count).any(|p| self.pages.get(p).has(Page::WATCHED))
    }

    /// Explains a failed access to `[at, at + bytes)`: `Ok` means try again.
    fn explain(&self, at: GuestAddr, bytes: u32, access: Access, failure: Failure) -> Result<(), Fault> {
        let end = at.0.saturating_add(bytes.max(1) - 1);
        let second = GuestAddr(end & !(PAGE - 1));
        let parts = [at, second];
        let parts = if second.page() == at.page() { &parts[..1] } else { &parts[..] };
        if end == u32::MAX && at.0.checked_add(bytes - 1).is_none() {
            // Runs over the end of the address space: the page at the top is never mapped, nor is the guard.
            return Err(Fault { addr: second, access, kind: FaultKind::NotMapped });
        }
        for &part in parts {
            if let Resolution::Fault(fault) = self.resolve_fault(part, access) {
                return Err(fault);
            }
        }
        match failure {
            Failure::Access => Ok(()),
            // The page table has nothing against it: the backing object ends before the (first) page.
            Failure::InPage => Err(Fault { addr: at, access, kind: FaultKind::InPage }),
        }
    }

    fn load(&self, at: GuestAddr, bytes: u32) -> Result<u64, Fault> {
        loop {
            match self.base.load(at.0, bytes) {
                Ok(value) => return Ok(value),
                Err(failure) => self.explain(at, bytes, Access::Read, failure)?,
            }
        }
    }

    fn store(&self, at: GuestAddr, bytes: u32, value: u64) -> Result<(), Fault> {
        if at.0 % PAGE + bytes > PAGE {
            self.probe_write(at, bytes)?;
        }
        loop {
            match self.base.store(at.0, bytes, value) {
                Ok(()) => return Ok(()),
                Err(failure) => self.explain(at, bytes, Access::Write, failure)?,
            }
        }
    }

    /// Compare and exchange of bytes that the host's instruction cannot do at once: one at a time among each other.
    fn compare_exchange_misaligned(
        &self,
        at: GuestAddr,
        bytes: u32,
        expected: u64,
        new: u64,
    ) -> Result<u64, Fault> {
        let _one = self.misaligned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.probe_write(at, bytes)?;
        let old = self.load(at, bytes)?;
        let mask = u64::MAX >> (64 - 8 * bytes);
        self.store(at, bytes, if old == expected & mask { new } else { old })?;
        Ok(old)
    }
}

impl MapLock<'_> {
    pub(crate) fn get(&self, page: u32) -> Page {
        self.window.pages.get(page)
    }

    pub(crate) fn set(&self, page: u32, word: Page) {
        self.window.pages.set(page, word);
    }

    /// Gives the host pages the protections that follow from the page table, in as few calls as runs of equal ones.
    pub(crate) fn apply(&self, first: u32, count: u32) {
        let mut page = first;
        let end = first + count;
        while page < end {
            let word = self.get(page);
            let run = (page..end)
                .take_while(|&p| {
                    self.get(p).host_protection() == word.host_protection()
                        && self.get(p).has(Page::COMMITTED) == word.has(Page::COMMITTED)
                })
                .count();
            let run = u32::try_from(run).expect("at most the range");
            if word.has(Page::COMMITTED) {
                let bytes = run as usize * PAGE as usize;
                let base = usize::try_from(self.window.base.host(page * PAGE)).expect("a 64-bit host");
                // A refusal leaves the page less accessible than the table says; the access then faults again.
                let _ = self.window.pal.virtual_memory_protect(
                    base,
                    bytes,
                    word.host_protection(),
                    pal_abi::arg::Out::NONE,
                );
            }
            page += run;
        }
    }
}

impl GuestMemory for Window {
    fn load8(&self, at: GuestAddr) -> Result<u8, Fault> {
        self.load(at, 1).map(|v| v as u8)
    }
    fn load16(&self, at: GuestAddr) -> Result<u16, Fault> {
        self.load(at, 2).map(|v| v as u16)
    }
    fn load32(&self, at: GuestAddr) -> Result<u32, Fault> {
        self.load(at, 4).map(|v| v as u32)
    }
    fn load64(&self, at: GuestAddr) -> Result<u64, Fault> {
        self.load(at, 8)
    }
    fn load128(&self, at: GuestAddr) -> Result<u128, Fault> {
        let low = self.load(at, 8)?;
        let high = self.load(at.wrapping_add(8), 8)?;
        Ok(u128::from(high) << 64 | u128::from(low))
    }
    fn store8(&self, at: GuestAddr, value: u8) -> Result<(), Fault> {
        self.store(at, 1, value.into())
    }
    fn store16(&self, at: GuestAddr, value: u16) -> Result<(), Fault> {
        self.store(at, 2, value.into())
    }
    fn store32(&self, at: GuestAddr, value: u32) -> Result<(), Fault> {
        self.store(at, 4, value.into())
    }
    fn store64(&self, at: GuestAddr, value: u64) -> Result<(), Fault> {
        self.store(at, 8, value)
    }
    fn store128(&self, at: GuestAddr, value: u128) -> Result<(), Fault> {
        if at.0 % PAGE + 16 > PAGE {
            self.probe_write(at, 16)?;
        }
        self.store(at, 8, value as u64)?;
        self.store(at.wrapping_add(8), 8, (value >> 64) as u64)
    }

    fn compare_exchange(&self, at: GuestAddr, bytes: u32, expected: u64, new: u64) -> Result<u64, Fault> {
        let aligned = at.0.is_multiple_of(bytes);
        if !aligned && (cfg!(target_arch = "aarch64") || at.0 % PAGE + bytes > PAGE) {
            return self.compare_exchange_misaligned(at, bytes, expected, new);
        }
        loop {
            match self.base.compare_exchange(at.0, bytes, expected, new) {
                Ok(old) => return Ok(old),
                Err(failure) => self.explain(at, bytes, Access::Write, failure)?,
            }
        }
    }

    fn fetch(&self, at: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        let mut done = 0;
        while done < buf.len() {
            let here = at.wrapping_add(u32::try_from(done).expect("a short buffer"));
            if done > 0 && here.0 == 0 {
                break;
            }
            if let Resolution::Fault(fault) = self.resolve_fault(here, Access::Execute) {
                return if done == 0 { Err(fault) } else { Ok(done) };
            }
            let in_page = (PAGE - here.0 % PAGE) as usize;
            let end = buf.len().min(done + in_page);
            let (got, failure) = self.base.copy_from(here.0, &mut buf[done..end]);
            done += got;
            if let Some(failure) = failure
                && done == 0
            {
                self.explain(here, 1, Access::Execute, failure)?;
            } else if failure.is_some() {
                break;
            }
        }
        Ok(done)
    }

    fn read_bytes(&self, at: GuestAddr, buf: &mut [u8]) -> (usize, Option<Fault>) {
        let mut done = 0;
        while done < buf.len() {
            let here = at.wrapping_add(done as u32);
            let end = buf.len().min(done + (PAGE - here.0 % PAGE) as usize);
            let (got, failure) = self.base.copy_from(here.0, &mut buf[done..end]);
            done += got;
            if let Some(failure) = failure
                && let Err(fault) = self.explain(at.wrapping_add(done as u32), 1, Access::Read, failure)
            {
                return (done, Some(fault));
            }
        }
        (done, None)
    }

    fn write_bytes(&self, at: GuestAddr, bytes: &[u8]) -> (usize, Option<Fault>) {
        let mut done = 0;
        while done < bytes.len() {
            let here = at.wrapping_add(done as u32);
            let end = bytes.len().min(done + (PAGE - here.0 % PAGE) as usize);
            let (put, failure) = self.base.copy_to(here.0, &bytes[done..end]);
            done += put;
            if let Some(failure) = failure
                && let Err(fault) = self.explain(at.wrapping_add(done as u32), 1, Access::Write, failure)
            {
                return (done, Some(fault));
            }
        }
        (done, None)
    }

    fn probe_write(&self, at: GuestAddr, len: u32) -> Result<(), Fault> {
        let (first, count) = pages_of(at.0, len);
        for page in first..first + count {
            let addr = GuestAddr(at.0.max(page.wrapping_mul(PAGE)));
            let word = self.pages.get(page);
            let kind = if page >= crate::pages::PAGES || !word.has(Page::COMMITTED) {
                FaultKind::NotMapped
            } else if word.has(Page::GUARD) {
                FaultKind::Guard
            } else if word.writable() {
                continue;
            } else {
                FaultKind::Protection
            };
            return Err(Fault { addr, access: Access::Write, kind });
        }
        Ok(())
    }

    fn watch_code(&self, page: u32) -> Watch {
        let lock = self.lock();
        let word = lock.get(page);
        if word.has(Page::UNWATCHABLE) {
            return Watch::Unwatchable;
        }
        if word.has(Page::COMMITTED) && !word.has(Page::WATCHED) {
            lock.set(page, word.with(Page::WATCHED));
            if word.writable() {
                lock.apply(page, 1);
            }
        }
        Watch::Watched(self.pages.generation(page))
    }

    fn resolve_fault(&self, at: GuestAddr, access: Access) -> Resolution {
        let word = self.pages.get(at.page());
        let fault = |kind| Resolution::Fault(Fault { addr: at, access, kind });
        if !word.has(Page::COMMITTED) {
            return fault(FaultKind::NotMapped);
        }
        if word.has(Page::GUARD) {
            let lock = self.lock();
            let word = lock.get(at.page());
            if !word.has(Page::COMMITTED | Page::GUARD) {
                return Resolution::Retry;
            }
            lock.set(at.page(), word.without(Page::GUARD));
            lock.apply(at.page(), 1);
            return fault(FaultKind::Guard);
        }
        let allowed = match access {
            Access::Read => word.readable(),
            Access::Write => word.writable(),
            Access::Execute => word.executable(),
        };
        if !allowed {
            return fault(FaultKind::Protection);
        }
        if access == Access::Write {
            self.with_unwatched(at.page(), 1, |lock| lock.apply(at.page(), 1));
        }
        Resolution::Retry
    }

    fn window_base(&self) -> Option<u64> {
        Some(self.base.host(0))
    }

    fn timestamp(&self) -> u64 {
        let mut now = 0u64;
        // The counter runs at 1 GHz on the monotonic clock.
        let _ = self.pal.system_time_query(pal_abi::flags::clock::MONOTONIC, (&mut now).into());
        now
    }

    fn random(&self) -> Option<u32> {
        let mut bits = [0; 4];
        let filled = self.pal.random_bits_read((&mut bits[..]).into(), 4);
        filled.is_ok().then(|| u32::from_le_bytes(bits))
    }
}
