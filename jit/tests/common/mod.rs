//! A guest memory as the extension makes it: a 4 GiB window of host memory with guards, watched pages write-protected, and
//! a signal handler that offers faults to the engine.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test harness over raw addresses"
)]

mod signal;

use frontend_x86::engine::Engine;
use frontend_x86::memory::{Access, Fault, FaultKind, GuestAddr, GuestMemory, Resolution, Watch};
use jit::{EngineKind, Jit, JitOptions};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

const GIB4: usize = 1 << 32;
const GUARD: usize = 1 << 20;
const PAGE: u32 = 4096;

/// Page states.
const READ: u8 = 1;
const WRITE: u8 = 2;
const WATCHED: u8 = 4;

pub struct Window {
    base: usize,
    pages: Box<[AtomicU8]>,
    engine: OnceLock<&'static Jit<Window>>,
    reports: AtomicU64,
}

/// An engine over a fresh window. Both live for ever: tests end with the process.
pub fn engine(options: JitOptions) -> (&'static Jit<Window>, Arc<Window>) {
    let window = Arc::new(Window::new());
    let engine: &'static Jit<Window> =
        Box::leak(Box::new(Jit::new(Arc::clone(&window), options).expect("an engine")));
    assert!(window.engine.set(engine).is_ok(), "set once");
    signal::install(engine, window.base as u64);
    (engine, window)
}

pub fn options(kind: EngineKind) -> JitOptions {
    JitOptions { kind, hot_threshold: 3, code_bytes: 16 << 20, ..JitOptions::default() }
}

impl Window {
    fn new() -> Self {
        let bytes = 2 * GIB4 + 2 * GUARD;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh reservation at an address of the kernel's choice.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(at, libc::MAP_FAILED, "a reservation of 8 GiB");
        let base = (at as usize + GUARD).next_multiple_of(GIB4);
        let pages = (0..1 << 20).map(|_| AtomicU8::new(0)).collect();
        Self { base, pages, engine: OnceLock::new(), reports: AtomicU64::new(1) }
    }

    /// Maps pages readable and writable.
    pub fn map(&self, first: u32, pages: u32) {
        self.protect(first, pages, READ | WRITE);
    }

    /// Gives pages these rights, and reports the change.
    pub fn protect(&self, first: u32, pages: u32, rights: u8) {
        if let Some(engine) = self.engine.get() {
            engine.invalidate(first, pages);
        }
        for page in first..first + pages {
            self.pages[page as usize].store(rights, Ordering::SeqCst);
            self.apply(page);
        }
    }

    pub fn read_only(&self, first: u32, pages: u32) {
        self.protect(first, pages, READ);
    }

    pub fn unmap(&self, first: u32, pages: u32) {
        self.protect(first, pages, 0);
    }

    fn apply(&self, page: u32) {
        let state = self.pages[page as usize].load(Ordering::SeqCst);
        let mut host = libc::PROT_NONE;
        if state & READ != 0 {
            host |= libc::PROT_READ;
        }
        if state & WRITE != 0 && state & WATCHED == 0 {
            host |= libc::PROT_WRITE;
        }
        let at = (self.base + page as usize * PAGE as usize) as *mut libc::c_void;
        // SAFETY: a page of the window's own reservation.
        let result = unsafe { libc::mprotect(at, PAGE as usize, host) };
        assert_eq!(result, 0, "mprotect");
    }

    fn unwatch(&self, page: u32) {
        self.pages[page as usize].fetch_and(!WATCHED, Ordering::SeqCst);
        self.reports.fetch_add(1, Ordering::SeqCst);
        if let Some(engine) = self.engine.get() {
            engine.invalidate(page, 1);
        }
        self.apply(page);
    }

    fn check(&self, at: GuestAddr, len: u32, access: Access) -> Result<(), Fault> {
        for offset in 0..len {
            let addr = at.wrapping_add(offset);
            let state = self.pages[addr.page() as usize].load(Ordering::SeqCst);
            let need = if access == Access::Write { WRITE } else { READ };
            if state & need == 0 {
                let kind = if state & 3 == 0 { FaultKind::NotMapped } else { FaultKind::Protection };
                return Err(Fault { addr, access, kind });
            }
            if access == Access::Write && state & WATCHED != 0 {
                self.unwatch(addr.page());
            }
        }
        Ok(())
    }

    /// Where the rest of a run of `len` bytes goes on after `done`, and how much of it lies in one page.
    fn run(&self, at: GuestAddr, done: usize, len: usize) -> (GuestAddr, usize) {
        let here = at.wrapping_add(done as u32);
        (here, (len - done).min((PAGE - here.0 % PAGE) as usize))
    }

    fn byte(&self, at: GuestAddr) -> &AtomicU8 {
        // SAFETY: an address in the window, whose page `check` found accessible.
        unsafe { AtomicU8::from_ptr((self.base + at.0 as usize) as *mut u8) }
    }

    fn get(&self, at: GuestAddr, len: u32) -> Result<u128, Fault> {
        self.check(at, len, Access::Read)?;
        if len == 4 && at.0.is_multiple_of(4) {
            // SAFETY: an aligned word in the window, whose page `check` found accessible.
            let word = unsafe { AtomicU32::from_ptr((self.base + at.0 as usize) as *mut u32) };
            return Ok(u128::from(word.load(Ordering::SeqCst)));
        }
        let byte = |i| u128::from(self.byte(at.wrapping_add(i)).load(Ordering::SeqCst)) << (8 * i);
        Ok((0..len).map(byte).sum())
    }

    fn put(&self, at: GuestAddr, len: u32, value: u128) -> Result<(), Fault> {
        self.check(at, len, Access::Write)?;
        if len == 4 && at.0.is_multiple_of(4) {
            // SAFETY: an aligned word in the window, whose page `check` found accessible.
            let word = unsafe { AtomicU32::from_ptr((self.base + at.0 as usize) as *mut u32) };
            word.store(value as u32, Ordering::SeqCst);
            return Ok(());
        }
        for i in 0..len {
            self.byte(at.wrapping_add(i)).store((value >> (8 * i)) as u8, Ordering::SeqCst);
        }
        Ok(())
    }

    pub fn write(&self, at: u32, bytes: &[u8]) {
        let (done, fault) = self.write_bytes(GuestAddr(at), bytes);
        assert_eq!((done, fault), (bytes.len(), None), "a write to mapped memory");
    }

    pub fn read(&self, at: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let (done, fault) = self.read_bytes(GuestAddr(at), &mut bytes);
        assert_eq!((done, fault), (len, None), "a read of mapped memory");
        bytes
    }

    pub fn read32(&self, at: u32) -> u32 {
        self.load32(GuestAddr(at)).expect("mapped")
    }
}

impl GuestMemory for Window {
    fn load8(&self, at: GuestAddr) -> Result<u8, Fault> {
        self.get(at, 1).map(|v| v as u8)
    }
    fn load16(&self, at: GuestAddr) -> Result<u16, Fault> {
        self.get(at, 2).map(|v| v as u16)
    }
    fn load32(&self, at: GuestAddr) -> Result<u32, Fault> {
        self.get(at, 4).map(|v| v as u32)
    }
    fn load64(&self, at: GuestAddr) -> Result<u64, Fault> {
        self.get(at, 8).map(|v| v as u64)
    }
    fn load128(&self, at: GuestAddr) -> Result<u128, Fault> {
        self.get(at, 16)
    }
    fn store8(&self, at: GuestAddr, value: u8) -> Result<(), Fault> {
        self.put(at, 1, value.into())
    }
    fn store16(&self, at: GuestAddr, value: u16) -> Result<(), Fault> {
        self.put(at, 2, value.into())
    }
    fn store32(&self, at: GuestAddr, value: u32) -> Result<(), Fault> {
        self.put(at, 4, value.into())
    }
    fn store64(&self, at: GuestAddr, value: u64) -> Result<(), Fault> {
        self.put(at, 8, value.into())
    }
    fn store128(&self, at: GuestAddr, value: u128) -> Result<(), Fault> {
        self.put(at, 16, value)
    }
    fn compare_exchange(&self, at: GuestAddr, bytes: u32, expected: u64, new: u64) -> Result<u64, Fault> {
        self.check(at, bytes, Access::Write)?;
        let old = self.get(at, bytes)? as u64;
        if old == expected {
            self.put(at, bytes, new.into())?;
        }
        Ok(old)
    }
    fn fetch(&self, at: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        let (done, fault) = self.read_bytes(at, buf);
        match fault {
            Some(fault) if done == 0 => Err(Fault { access: Access::Execute, ..fault }),
            _ => Ok(done),
        }
    }
    fn read_bytes(&self, at: GuestAddr, buf: &mut [u8]) -> (usize, Option<Fault>) {
        let mut done = 0;
        while done < buf.len() {
            let (from, run) = self.run(at, done, buf.len());
            if let Err(fault) = self.check(from, 1, Access::Read) {
                return (done, Some(fault));
            }
            let source = (self.base + from.0 as usize) as *const u8;
            // SAFETY: within one page of the window that `check` found accessible.
            unsafe { std::ptr::copy(source, buf[done..].as_mut_ptr(), run) };
            done += run;
        }
        (done, None)
    }
    fn write_bytes(&self, at: GuestAddr, bytes: &[u8]) -> (usize, Option<Fault>) {
        let mut done = 0;
        while done < bytes.len() {
            let (to, run) = self.run(at, done, bytes.len());
            if let Err(fault) = self.check(to, 1, Access::Write) {
                return (done, Some(fault));
            }
            let target = (self.base + to.0 as usize) as *mut u8;
            // SAFETY: within one page of the window that `check` found accessible.
            unsafe { std::ptr::copy(bytes[done..].as_ptr(), target, run) };
            done += run;
        }
        (done, None)
    }
    fn probe_write(&self, at: GuestAddr, len: u32) -> Result<(), Fault> {
        self.check(at, len, Access::Write)
    }
    fn watch_code(&self, page: u32) -> Watch {
        let before = self.pages[page as usize].fetch_or(WATCHED, Ordering::SeqCst);
        if before & WATCHED == 0 {
            self.apply(page);
        }
        Watch::Watched(self.reports.load(Ordering::SeqCst))
    }
    fn resolve_fault(&self, at: GuestAddr, access: Access) -> Resolution {
        match self.check(at, 1, access) {
            Ok(()) => Resolution::Retry,
            Err(fault) => Resolution::Fault(fault),
        }
    }
    fn window_base(&self) -> Option<u64> {
        Some(self.base as u64)
    }
    fn timestamp(&self) -> u64 {
        4711
    }
    fn random(&self) -> Option<u32> {
        Some(0x600d_5eed)
    }
}
