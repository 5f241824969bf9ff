//! From a host fault to an exact guest state: which instruction an address in the arena belongs to.
//!
//! Everything here runs in a signal handler. The index only grows: regions are appended in the order of their addresses (the
//! arena hands out space upwards), each entry is written before the count that covers it, and nothing is removed
//! before the whole space is dropped. So a binary search over the first `count` entries needs no lock.

use crate::compile::FaultTable;
use crate::enter;
use frontend_x86::engine::{HostFault, HostRegisters};
use frontend_x86::state::CpuState;
use std::mem::offset_of;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Entries in one piece of the index.
const PIECE: usize = 256;
/// Pieces of the index: 65,536 regions in one space.
const PIECES: usize = 256;

#[derive(Debug)]
struct Entry {
    start: u32,
    end: u32,
    table: FaultTable,
}

/// Some entries, each written once.
type Piece = Box<[OnceLock<Entry>]>;

/// See the module head.
#[derive(Debug)]
pub(crate) struct FaultIndex {
    pieces: Box<[OnceLock<Piece>]>,
    count: AtomicUsize,
}

impl FaultIndex {
    pub(crate) fn new() -> Self {
        Self { pieces: (0..PIECES).map(|_| OnceLock::new()).collect(), count: AtomicUsize::new(0) }
    }

    /// Whether another region fits.
    pub(crate) fn has_room(&self) -> bool {
        self.count.load(Ordering::Relaxed) < PIECE * PIECES
    }

    /// Adds a region above all before. Called under the engine's lock.
    pub(crate) fn append(&self, start: u32, end: u32, table: FaultTable) {
        let n = self.count.load(Ordering::Relaxed);
        let piece = self.pieces[n / PIECE].get_or_init(|| (0..PIECE).map(|_| OnceLock::new()).collect());
        let fresh = piece[n % PIECE].set(Entry { start, end, table }).is_ok();
        assert!(fresh, "an entry is written once");
        self.count.store(n + 1, Ordering::Release);
    }

    fn entry(&self, n: usize) -> Option<&Entry> {
        self.pieces.get(n / PIECE)?.get()?.get(n % PIECE)?.get()
    }

    /// The EIP of the instruction that an offset in the arena belongs to. Async-signal-safe.
    pub(crate) fn eip(&self, offset: u32) -> Option<u32> {
        let (mut low, mut high) = (0, self.count.load(Ordering::Acquire));
        while low < high {
            let middle = low.midpoint(high);
            if self.entry(middle)?.start <= offset { low = middle + 1 } else { high = middle }
        }
        let entry = self.entry(low.checked_sub(1)?)?;
        if offset < entry.end { entry.table.eip(offset - entry.start) } else { None }
    }
}

/// Leaves translated code for a fault in it: records EIP and the fault, and diverts the thread.
pub(crate) fn divert(fault: &HostFault, registers: &mut dyn HostRegisters) -> bool {
    let Some((state, space)) = enter::in_code() else { return false };
    // SAFETY: `execute` borrows the space while the thread is in translated code, which this very thread is.
    let space = unsafe { &*space };
    let pc = registers.pc();
    if fault.guest.is_none() || !space.arena.contains(pc) {
        return false;
    }
    let Ok(offset) = u32::try_from(pc - space.arena.base()) else { return false };
    let Some(eip) = space.faults.eip(offset) else { return false };
    let at = state.cast::<u8>().wrapping_add(offset_of!(CpuState, eip)).cast::<u32>();
    // SAFETY: the state that this very thread runs translated code on; the word is aligned.
    let word = unsafe { AtomicU32::from_ptr(at) };
    word.store(eip, Ordering::Relaxed);
    enter::abandon(fault);
    registers.set_register(enter::STATE_REGISTER, state as u64);
    registers.set_pc(enter::leave_address());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_instruction_of_an_address() {
        let index = FaultIndex::new();
        for n in 0..600 {
            let table =
                FaultTable { exact: [(8, n), (12, n + 1)].into(), ranges: [(0, 7), (16, n + 2)].into() };
            index.append(n * 64, n * 64 + 32, table);
        }
        assert_eq!(index.eip(599 * 64 + 8), Some(599));
        assert_eq!(index.eip(300 * 64 + 12), Some(301));
        assert_eq!(index.eip(300 * 64 + 20), Some(302));
        assert_eq!(index.eip(300 * 64 + 9), Some(7));
        assert_eq!(index.eip(300 * 64 + 40), None);
    }
}
