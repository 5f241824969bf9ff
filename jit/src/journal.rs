//! Guest memory with a journal: what was at each place before it was written, so that it can be undone.

use frontend_x86::memory::{Fault, GuestAddr, GuestMemory, Resolution, Watch};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A write: where, and what was there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Write {
    pub(crate) at: GuestAddr,
    pub(crate) before: Vec<u8>,
}

/// See the module head. For one thread: others' writes in between would be undone with it.
#[derive(Debug)]
pub(crate) struct Journal<M: GuestMemory> {
    memory: Arc<M>,
    writes: Mutex<Vec<Write>>,
    timed: AtomicBool,
}

impl<M: GuestMemory> Journal<M> {
    pub(crate) fn new(memory: Arc<M>) -> Self {
        Self { memory, writes: Mutex::default(), timed: AtomicBool::new(false) }
    }

    /// Whether something was read that is another thing each time: the time-stamp counter, random bits.
    pub(crate) fn timed(&self) -> bool {
        self.timed.load(Ordering::Relaxed)
    }

    fn note(&self, at: GuestAddr, len: usize) {
        let mut before = vec![0; len];
        let (done, _) = self.memory.read_bytes(at, &mut before);
        before.truncate(done);
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).push(Write { at, before });
    }

    /// Puts back what was there; what had been written, in order.
    pub(crate) fn undo(&self) -> Vec<(GuestAddr, Vec<u8>)> {
        let writes = std::mem::take(&mut *self.writes.lock().unwrap_or_else(PoisonError::into_inner));
        let after = writes
            .iter()
            .map(|w| {
                let mut bytes = vec![0; w.before.len()];
                self.memory.read_bytes(w.at, &mut bytes);
                (w.at, bytes)
            })
            .collect();
        for w in writes.iter().rev() {
            self.memory.write_bytes(w.at, &w.before);
        }
        after
    }
}

macro_rules! loads {
    ($($name:ident: $ty:ty;)*) => {
        $(fn $name(&self, at: GuestAddr) -> Result<$ty, Fault> { self.memory.$name(at) })*
    };
}

macro_rules! stores {
    ($($name:ident: $ty:ty;)*) => {
        $(fn $name(&self, at: GuestAddr, value: $ty) -> Result<(), Fault> {
            self.note(at, size_of::<$ty>());
            self.memory.$name(at, value)
        })*
    };
}

impl<M: GuestMemory> GuestMemory for Journal<M> {
    loads! { load8: u8; load16: u16; load32: u32; load64: u64; load128: u128; }
    stores! { store8: u8; store16: u16; store32: u32; store64: u64; store128: u128; }
    fn compare_exchange(&self, at: GuestAddr, bytes: u32, expected: u64, new: u64) -> Result<u64, Fault> {
        self.note(at, bytes as usize);
        self.memory.compare_exchange(at, bytes, expected, new)
    }
    fn fetch(&self, at: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault> {
        self.memory.fetch(at, buf)
    }
    fn read_bytes(&self, at: GuestAddr, buf: &mut [u8]) -> (usize, Option<Fault>) {
        self.memory.read_bytes(at, buf)
    }
    fn write_bytes(&self, at: GuestAddr, bytes: &[u8]) -> (usize, Option<Fault>) {
        self.note(at, bytes.len());
        self.memory.write_bytes(at, bytes)
    }
    fn probe_write(&self, at: GuestAddr, len: u32) -> Result<(), Fault> {
        self.memory.probe_write(at, len)
    }
    fn watch_code(&self, page: u32) -> Watch {
        self.memory.watch_code(page)
    }
    fn resolve_fault(&self, at: GuestAddr, access: frontend_x86::memory::Access) -> Resolution {
        self.memory.resolve_fault(at, access)
    }
    fn window_base(&self) -> Option<u64> {
        self.memory.window_base()
    }
    fn timestamp(&self) -> u64 {
        self.timed.store(true, Ordering::Relaxed);
        self.memory.timestamp()
    }
    fn random(&self) -> Option<u32> {
        self.timed.store(true, Ordering::Relaxed);
        self.memory.random()
    }
}
