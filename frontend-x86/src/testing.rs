//! A guest memory on plain arrays, for tests here and in crates that use this one (feature `testing`).
//!
//! Pages with permissions, behind one lock: every access is atomic and ordered. There is no window, so engines interpret.

use crate::engine::{Exception, Exit};
use crate::interp::StepResult;
use crate::memory::{Access, Fault, FaultKind, GuestAddr, GuestMemory, Resolution, Watch};
use crate::state::{CpuState, Gpr};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const PAGE: usize = 4096;

/// A reproducible source of test values (xorshift64*; Vigna, 2016).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Values that follow from a seed other than 0.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u32) -> u32 {
        ((self.bits() >> 32) % end as u64) as u32
    }
}

/// Where [`Bench::new`] maps code (8 pages), data (2 pages with nothing around them) and a stack (2 pages).
pub const CODE: u32 = 0x0010_0000;
/// See [`CODE`].
pub const DATA: u32 = 0x0020_0000;
/// The end of the stack; see [`CODE`].
pub const STACK: u32 = 0x0030_2000;

/// A processor with code, data and a stack, for tests of single instructions.
#[derive(Debug)]
pub struct Bench {
    /// Its state.
    pub cpu: CpuState,
    /// Its memory.
    pub memory: TestMemory,
}

impl Bench {
    /// A processor about to execute `code`, ESP at [`STACK`].
    #[must_use]
    pub fn new(code: &[u8]) -> Self {
        let memory = TestMemory::new();
        memory.map(CODE, 8, Permissions::RWX);
        memory.map(DATA, 2, Permissions::RW);
        memory.map(STACK - 0x2000, 2, Permissions::RW);
        memory.poke(CODE, code);
        let mut cpu = CpuState { eip: CODE, ..CpuState::default() };
        cpu.gpr[Gpr::Esp as usize] = STACK;
        Self { cpu, memory }
    }

    /// The same with registers set.
    #[must_use]
    pub fn with(mut self, registers: &[(Gpr, u32)]) -> Self {
        for (r, value) in registers {
            self.cpu.gpr[*r as usize] = *value;
        }
        self
    }

    /// The value of a register.
    #[must_use]
    pub fn get(&self, r: Gpr) -> u32 {
        self.cpu.gpr[r as usize]
    }

    /// Executes one instruction.
    pub fn step(&mut self) -> StepResult {
        crate::interp::step_at(&mut self.cpu, &self.memory)
    }

    /// Executes one instruction that must end in an exception.
    ///
    /// # Panics
    /// If it does not.
    pub fn step_into_exception(&mut self) -> Exception {
        match self.step() {
            StepResult::Exit(Exit::Exception(exception)) => exception,
            other => panic!("{other:?} instead of an exception"),
        }
    }

    /// A 32-bit word of memory.
    #[must_use]
    pub fn word(&self, at: u32) -> u32 {
        let bytes = self.memory.peek(at, 4);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
}

/// What a page allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permissions {
    /// Data reads.
    pub read: bool,
    /// Data writes.
    pub write: bool,
    /// Instruction fetches.
    pub execute: bool,
}

impl Permissions {
    /// Nothing allowed.
    pub const NONE: Self = Self { read: false, write: false, execute: false };
    /// Data that does not change.
    pub const R: Self = Self { read: true, write: false, execute: false };
    /// Data.
    pub const RW: Self = Self { read: true, write: true, execute: false };
    /// Code.
    pub const RX: Self = Self { read: true, write: false, execute: true };
    /// Everything allowed.
    pub const RWX: Self = Self { read: true, write: true, execute: true };

    const fn allows(self, access: Access) -> bool {
        match access {
            Access::Read => self.read,
            Access::Write => self.write,
            Access::Execute => self.execute,
        }
    }
}

#[derive(Debug)]
struct Page {
    permissions: Permissions,
    /// Gone after the first access that faults.
    guard: bool,
    bytes: Box<[u8; PAGE]>,
}

/// See the module head.
#[derive(Debug, Default)]
pub struct TestMemory {
    pages: Mutex<BTreeMap<u32, Page>>,
}

impl TestMemory {
    /// A memory with nothing mapped.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn pages(&self) -> MutexGuard<'_, BTreeMap<u32, Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Maps `count` zeroed pages from the page of `at` on.
    pub fn map(&self, at: u32, count: u32, permissions: Permissions) {
        for page in at >> 12..(at >> 12) + count {
            let fresh = Page { permissions, guard: false, bytes: Box::new([0; PAGE]) };
            self.pages().insert(page, fresh);
        }
    }

    /// Unmaps `count` pages.
    pub fn unmap(&self, at: u32, count: u32) {
        for page in at >> 12..(at >> 12) + count {
            self.pages().remove(&page);
        }
    }

    /// Changes what mapped pages allow.
    pub fn protect(&self, at: u32, count: u32, permissions: Permissions) {
        for page in at >> 12..(at >> 12) + count {
            if let Some(page) = self.pages().get_mut(&page) {
                page.permissions = permissions;
            }
        }
    }

    /// Makes a mapped page a one-shot guard page.
    pub fn guard(&self, at: u32) {
        if let Some(page) = self.pages().get_mut(&(at >> 12)) {
            page.guard = true;
        }
    }

    /// Writes bytes whatever the permissions; bytes on unmapped pages are dropped.
    pub fn poke(&self, at: u32, bytes: &[u8]) {
        let mut pages = self.pages();
        for (at, range) in pieces(GuestAddr(at), bytes.len()) {
            let (page, offset) = split(at);
            if let Some(page) = pages.get_mut(&page) {
                page.bytes[offset..offset + range.len()].copy_from_slice(&bytes[range]);
            }
        }
    }

    /// Reads bytes whatever the permissions; unmapped bytes are zero.
    #[must_use]
    pub fn peek(&self, at: u32, len: usize) -> Vec<u8> {
        let pages = self.pages();
        let mut bytes = vec![0; len];
        for (at, range) in pieces(GuestAddr(at), len) {
            let (page, offset) = split(at);
            if let Some(page) = pages.get(&page) {
                bytes[range.clone()].copy_from_slice(&page.bytes[offset..offset + range.len()]);
            }
        }
        bytes
    }

    /// The first byte of `[at, at + len)` that does not allow the access.
    fn check(
        pages: &mut BTreeMap<u32, Page>,
        at: GuestAddr,
        len: usize,
        access: Access,
    ) -> Result<(), (usize, Fault)> {
        let mut done = 0;
        while done < len {
            let addr = GuestAddr(at.0.wrapping_add(truncate(done)));
            let fail = |kind| Err((done, Fault { addr, access, kind }));
            match pages.get_mut(&addr.page()) {
                None => return fail(FaultKind::NotMapped),
                Some(page) if page.guard => {
                    page.guard = false;
                    return fail(FaultKind::Guard);
                }
                Some(page) if !page.permissions.allows(access) => return fail(FaultKind::Protection),
                Some(_) => done += PAGE - split(addr.0).1,
            }
        }
        Ok(())
    }

    fn read(&self, at: GuestAddr, buffer: &mut [u8], access: Access) -> (usize, Option<Fault>) {
        let mut pages = self.pages();
        let (len, fault) = match Self::check(&mut pages, at, buffer.len(), access) {
            Ok(()) => (buffer.len(), None),
            Err((done, fault)) => (done, Some(fault)),
        };
        for (at, range) in pieces(at, len) {
            let (page, offset) = split(at);
            buffer[range.clone()].copy_from_slice(&pages[&page].bytes[offset..offset + range.len()]);
        }
        (len, fault)
    }

    fn write(&self, at: GuestAddr, bytes: &[u8]) -> (usize, Option<Fault>) {
        let mut pages = self.pages();
        let (len, fault) = match Self::check(&mut pages, at, bytes.len(), Access::Write) {
            Ok(()) => (bytes.len(), None),
            Err((done, fault)) => (done, Some(fault)),
        };
        for (at, range) in pieces(at, len) {
            let (page, offset) = split(at);
            if let Some(page) = pages.get_mut(&page) {
                page.bytes[offset..offset + range.len()].copy_from_slice(&bytes[range]);
            }
        }
        (len, fault)
    }

    fn load<const N: usize>(&self, at: GuestAddr) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        match self.read(at, &mut bytes, Access::Read).1 {
            None => Ok(bytes),
            Some(fault) => Err(fault),
        }
    }

    fn store(&self, at: GuestAddr, bytes: &[u8]) -> Result<(), Fault> {
        self.probe_write(at, truncate(bytes.len()))?;
        self.write(at, bytes).1.map_or(Ok(()), Err)
    }
}

fn truncate(n: usize) -> u32 {
    u32::try_from(n).expect("accesses are short")
}

/// The parts of `[at, at + len)` that lie in one page each: their address, and where they lie in the whole.
fn pieces(at: GuestAddr, len: usize) -> impl Iterator<Item = (u32, core::ops::Range<usize>)> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let start = done;
        let here = at.0.wrapping_add(truncate(start));
        done = len.min(start + PAGE - split(here).1);
        (start < len).then_some((here, start..done))
    })
}

const fn split(at: u32) -> (u32, usize) {
    (at >> 12, (at & 0xfff) as usize)
}

impl GuestMemory for TestMemory {
    fn load8(&self, at: GuestAddr) -> Result<u8, Fault> {
        self.load(at).map(u8::from_le_bytes)
    }
    fn load16(&self, at: GuestAddr) -> Result<u16, Fault> {
        self.load(at).map(u16::from_le_bytes)
    }
    fn load32(&self, at: GuestAddr) -> Result<u32, Fault> {
        self.load(at).map(u32::from_le_bytes)
    }
    fn load64(&self, at: GuestAddr) -> Result<u64, Fault> {
        self.load(at).map(u64::from_le_bytes)
    }
    fn load128(&self, at: GuestAddr) -> Result<u128, Fault> {
        self.load(at).map(u128::from_le_bytes)
    }
    fn store8(&self, at: GuestAddr, value: u8) -> Result<(), Fault> {
        self.store(at, &value.to_le_bytes())
    }
    fn store16(&self, at: GuestAddr, value: u16) -> Result<(), Fault> {
        self.store(at, &value.to_le_bytes())
    }
    fn store32(&self, at: GuestAddr, value: u32) -> Result<(), Fault> {
        self.store(at, &value.to_le_bytes())
    }
    fn store64(&self, at: GuestAddr, value: u64) -> Result<(), Fault> {
        self.store(at, &value.to_le_bytes())
    }
    fn store128(&self, at: GuestAddr, value: u128) -> Result<(), Fault> {
        self.store(at, &value.to_le_bytes())
    }

    fn compare_exchange(&self, at: GuestAddr, bytes: u32, expected: u64, new: u64) -> Result<u64, Fault> {
        let mut pages = self.pages();
        let len = bytes as usize;
        Self::check(&mut pages, at, len, Access::Write).map_err(|(_, fault)| fault)?;
        let place = |n: usize| split(at.0.wrapping_add(truncate(n)));
        let mut old = [0; 8];
        for (n, slot) in old[..len].iter_mut().enumerate() {
            let (page, offset) = place(n);
            *slot = pages[&page].bytes[offset];
        }
        if old == expected.to_le_bytes() {
            for (n, byte) in new.to_le_bytes()[..len].iter().enumerate() {
                let (page, offset) = place(n);
                if let Some(page) = pages.get_mut(&page) {
                    page.bytes[offset] = *byte;
                }
            }
        }
        Ok(u64::from_le_bytes(old))
    }

    fn fetch(&self, at: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        match self.read(at, buf, Access::Execute) {
            (0, Some(fault)) => Err(fault),
            (done, _) => Ok(done),
        }
    }
    fn read_bytes(&self, at: GuestAddr, buf: &mut [u8]) -> (usize, Option<Fault>) {
        self.read(at, buf, Access::Read)
    }
    fn write_bytes(&self, at: GuestAddr, bytes: &[u8]) -> (usize, Option<Fault>) {
        self.write(at, bytes)
    }
    fn probe_write(&self, at: GuestAddr, len: u32) -> Result<(), Fault> {
        Self::check(&mut self.pages(), at, len as usize, Access::Write).map_err(|(_, fault)| fault)
    }
    fn watch_code(&self, _: u32) -> Watch {
        Watch::Unwatchable
    }
    fn resolve_fault(&self, at: GuestAddr, access: Access) -> Resolution {
        match Self::check(&mut self.pages(), at, 1, access) {
            Ok(()) => Resolution::Retry,
            Err((_, fault)) => Resolution::Fault(fault),
        }
    }
    fn window_base(&self) -> Option<u64> {
        None
    }
    fn timestamp(&self) -> u64 {
        0x0123_4567_89ab_cdef
    }
    fn random(&self) -> Option<u32> {
        Some(0x600d_5eed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straddling_store_faults_before_it_writes() {
        let memory = TestMemory::new();
        memory.map(0x1000, 1, Permissions::RW);
        let fault = memory.store32(GuestAddr(0x1ffe), u32::MAX).unwrap_err();
        assert_eq!(
            fault,
            Fault { addr: GuestAddr(0x2000), access: Access::Write, kind: FaultKind::NotMapped }
        );
        assert_eq!(memory.peek(0x1ffe, 2), [0, 0]);
    }

    #[test]
    fn a_guard_page_faults_once() {
        let memory = TestMemory::new();
        memory.map(0x1000, 1, Permissions::RW);
        memory.guard(0x1000);
        assert_eq!(memory.load8(GuestAddr(0x1000)).unwrap_err().kind, FaultKind::Guard);
        assert_eq!(memory.load8(GuestAddr(0x1000)), Ok(0));
    }
}
