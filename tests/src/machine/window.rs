//! The windows of [`crate::layout`] as real memory in a 4 GiB reservation, for engines that translate.
//!
//! Every page is mapped twice: in the reservation, where translated code finds it with the guest's rights, and at an alias,
//! through which this module accesses it. A page that the engine watches loses the right to be written in the
//! reservation until it is written.
//!
//! Invariants that the unsafe blocks rely on:
//! - **Alias.** `aliases[w]` maps all of `WINDOWS[w]` for the life of the process, readable and writable.
//! - **One thread.** One guest thread runs on a window; its accesses through the alias are made between, or within calls
//!   from, its translated code.

use crate::case::{Case, Patch, changed_runs};
use crate::layout::{PAGE, WINDOWS, window_at};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::SeqCst};
use frontend_x86::engine::Engine;
use frontend_x86::memory::{Access, Fault, FaultKind, GuestAddr, GuestMemory, Resolution, Watch};
use std::io;
use std::sync::OnceLock;

const GIB4: usize = 1 << 32;
/// Unmapped on both sides of the window.
pub(super) const GUARD: usize = 1 << 20;

/// Guest memory of one translating engine.
pub(super) struct HostWindow {
    base: usize,
    aliases: [*mut u8; WINDOWS.len()],
    /// Pages that are watched, counted over all windows.
    watched: Vec<AtomicBool>,
    changes: AtomicU64,
    engine: OnceLock<&'static dyn Engine>,
}

impl core::fmt::Debug for HostWindow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HostWindow").field("base", &self.base).finish_non_exhaustive()
    }
}

// SAFETY: the aliases are mapped for ever ("Alias"), and accessed byte by byte as atomics while guests run.
unsafe impl Send for HostWindow {}
// SAFETY: as above.
unsafe impl Sync for HostWindow {}

fn page_number(w: usize, at: u32) -> usize {
    let before: u32 = WINDOWS[..w].iter().map(|w| w.pages).sum();
    (before + (at - WINDOWS[w].base) / PAGE) as usize
}

fn map(
    at: *mut libc::c_void,
    len: usize,
    prot: i32,
    flags: i32,
    fd: i32,
    offset: i64,
) -> io::Result<*mut u8> {
    // SAFETY: without MAP_FIXED at an address of the kernel's choice; with it inside our own reservation (`new`).
    let got = unsafe { libc::mmap(at, len, prot, flags, fd, offset) };
    if got == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(got.cast()) }
}

impl HostWindow {
    /// Reserves and maps. Never unmapped: an engine lives as long as its process.
    ///
    /// # Errors
    /// The host has no room for the reservation.
    pub(super) fn new() -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let room = map(null_mut(), 2 * GIB4 + 2 * GUARD, libc::PROT_NONE, flags, -1, 0)?;
        let base = (room.addr() + GUARD).next_multiple_of(GIB4);
        // SAFETY: the name is a C string.
        let fd = unsafe { libc::memfd_create(c"window".as_ptr(), 0) };
        let total: u32 = WINDOWS.iter().map(crate::layout::Window::len).sum();
        // SAFETY: takes integers only.
        if fd < 0 || unsafe { libc::ftruncate(fd, total.into()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let mut aliases = [null_mut(); WINDOWS.len()];
        let mut offset = 0;
        for (w, alias) in WINDOWS.iter().zip(&mut aliases) {
            let len = w.len() as usize;
            let both = libc::PROT_READ | libc::PROT_WRITE;
            *alias = map(null_mut(), len, both, libc::MAP_SHARED, fd, offset)?;
            let prot = if w.allow.write { both } else { libc::PROT_READ };
            let at = room.with_addr(base + w.base as usize).cast();
            map(at, len, prot, libc::MAP_SHARED | libc::MAP_FIXED, fd, offset)?;
            offset += i64::from(w.len());
        }
        let pages: u32 = WINDOWS.iter().map(|w| w.pages).sum();
        let watched = (0..pages).map(|_| AtomicBool::new(false)).collect();
        let this = Self { base, aliases, watched, changes: AtomicU64::new(1), engine: OnceLock::new() };
        for w in &WINDOWS {
            this.set(w.base, &vec![w.fill(); w.len() as usize]);
        }
        Ok(this)
    }

    /// Tells whom to report changes of code to. Once.
    pub(super) fn attach(&self, engine: &'static dyn Engine) {
        let _ = self.engine.set(engine);
    }

    /// Host address of guest address 0.
    pub(super) fn base(&self) -> usize {
        self.base
    }

    fn cell(&self, w: usize, at: u32) -> &AtomicU8 {
        let offset = (at - WINDOWS[w].base) as usize;
        // SAFETY: "Alias": the offset is below the window's length.
        let byte = unsafe { self.aliases[w].add(offset) };
        // SAFETY: "Alias"; every access through it is atomic.
        unsafe { AtomicU8::from_ptr(byte) }
    }

    pub(super) fn byte(&self, at: u32, access: Access) -> Result<&AtomicU8, Fault> {
        let fault = |kind| Fault { addr: GuestAddr(at), access, kind };
        let w = window_at(at).ok_or_else(|| fault(FaultKind::NotMapped))?;
        let allow = WINDOWS[w].allow;
        if access == Access::Write && !allow.write || access == Access::Execute && !allow.execute {
            return Err(fault(FaultKind::Protection));
        }
        if access == Access::Write {
            self.unwatch(w, at);
        }
        Ok(self.cell(w, at))
    }

    /// Which host protection the page at a mapped address has while nobody bars it.
    pub(super) fn protection(&self, w: usize, at: u32) -> i32 {
        if WINDOWS[w].allow.write && !self.watched[page_number(w, at)].load(SeqCst) {
            libc::PROT_READ | libc::PROT_WRITE
        } else {
            libc::PROT_READ
        }
    }

    /// Changes what translated code may do with a page. Async-signal-safe.
    pub(super) fn protect(&self, at: u32, prot: i32) {
        let page = self.base + (at & !(PAGE - 1)) as usize;
        let page = core::ptr::with_exposed_provenance_mut(page);
        // SAFETY: a mapped page of the reservation.
        let result = unsafe { libc::mprotect(page, PAGE as usize, prot) };
        assert_eq!(result, 0, "mprotect of a page of our own");
    }

    /// Before a page that may be watched is written: reports it, allows the write.
    fn unwatch(&self, w: usize, at: u32) {
        if !self.watched[page_number(w, at)].swap(false, SeqCst) {
            return;
        }
        self.changes.fetch_add(1, SeqCst);
        if let Some(engine) = self.engine.get() {
            engine.invalidate(at / PAGE, 1);
        }
        if WINDOWS[w].allow.write {
            self.protect(at, libc::PROT_READ | libc::PROT_WRITE);
        }
    }

    /// Writes past all rights, reporting changes of code.
    pub(super) fn set(&self, at: u32, bytes: &[u8]) {
        for (at, b) in (at..).zip(bytes) {
            if let Some(w) = window_at(at) {
                self.unwatch(w, at);
                self.cell(w, at).store(*b, SeqCst);
            }
        }
    }

    /// Puts a case's contents in place; what the writable windows hold then.
    pub(super) fn begin(&self, case: &Case) -> Vec<Patch> {
        for (at, bytes) in case.contents() {
            let room = window_at(at).map_or(0, |w| WINDOWS[w].end() - at) as usize;
            self.set(at, &bytes[..bytes.len().min(room)]);
        }
        self.writable()
    }

    /// What the writable windows hold.
    pub(super) fn writable(&self) -> Vec<Patch> {
        let writable = WINDOWS.iter().zip(self.aliases).filter(|(w, _)| w.allow.write);
        writable
            .map(|(w, alias)| {
                // SAFETY: "Alias", and "One thread": the guest is not running.
                let bytes = unsafe { core::slice::from_raw_parts(alias, w.len() as usize) };
                Patch { at: w.base, bytes: bytes.to_vec() }
            })
            .collect()
    }

    /// Puts back what [`HostWindow::writable`] gave.
    pub(super) fn restore(&self, contents: &[Patch]) {
        const PIECE: usize = 64;
        for (now, then) in self.writable().iter().zip(contents) {
            let pieces = now.bytes.chunks(PIECE).zip(then.bytes.chunks(PIECE));
            for (at, (now, then)) in (then.at..).step_by(PIECE).zip(pieces) {
                if now != then {
                    self.set(at, then);
                }
            }
        }
    }

    /// What the case changed; then everything is filled anew.
    pub(super) fn end(&self, case: &Case, before: &[Patch]) -> Vec<Patch> {
        let mut out = Vec::new();
        for (old, new) in before.iter().zip(self.writable()) {
            changed_runs(old.at, &old.bytes, &new.bytes, &mut out);
        }
        let placed = case.contents().map(|(at, b)| (at, b.len()));
        for (at, len) in placed.chain(out.iter().map(|p| (p.at, p.bytes.len()))) {
            let fill = window_at(at).map_or(0, |w| WINDOWS[w].fill());
            self.set(at, &vec![fill; len]);
        }
        out
    }
}

super::guest_memory! {
    HostWindow;
    fn watch_code(&self, page: u32) -> Watch {
        let at = page * PAGE;
        if let Some(w) = window_at(at) {
            self.watched[page_number(w, at)].store(true, SeqCst);
            self.protect(at, libc::PROT_READ);
        }
        Watch::Watched(self.changes.load(SeqCst))
    }
    fn window_base(&self) -> Option<u64> {
        Some(self.base as u64)
    }
    fn timestamp(&self) -> u64 {
        self.changes.load(SeqCst)
    }
    fn random(&self) -> Option<u32> {
        None
    }
}
