//! The table by which indirect branches find their code without leaving it.
//!
//! Direct-mapped; an entry is one 64-bit word, EIP below and the code's offset in the arena above, so reading and
//! replacing it are single atomic accesses and a reader can never pair one EIP with another's code.

use crate::code::zeroed_words;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far EIP's upper part is folded onto its lower.
pub(crate) const FOLD: i64 = 12;
/// Number of entries.
pub(crate) const ENTRIES: usize = 1 << 14;

/// A word that no EIP finds at this index: EIP 0 is looked for at 0, and EIP 1 at 1.
const fn vacant(index: usize) -> u64 {
    if index == 0 { 1 } else { 0 }
}

/// See the module head.
#[derive(Debug)]
pub(crate) struct LookupTable {
    entries: Box<[AtomicU64]>,
}

#[expect(clippy::cast_possible_truncation, reason = "the index is masked")]
const fn slot(eip: u32) -> usize {
    (eip ^ eip >> FOLD as u32) as usize & (ENTRIES - 1)
}

impl LookupTable {
    pub(crate) fn new() -> Self {
        let entries = zeroed_words(ENTRIES);
        entries[0].store(vacant(0), Ordering::Relaxed);
        Self { entries }
    }

    /// Where generated code finds it.
    pub(crate) fn address(&self) -> u64 {
        self.entries.as_ptr() as u64
    }

    /// The code for `eip`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "halves of a word")]
    pub(crate) fn get(&self, eip: u32) -> Option<u32> {
        let entry = self.entries[slot(eip)].load(Ordering::Acquire);
        (entry as u32 == eip).then_some((entry >> 32) as u32)
    }

    pub(crate) fn insert(&self, eip: u32, offset: u32) {
        self.entries[slot(eip)].store(u64::from(eip) | u64::from(offset) << 32, Ordering::Release);
    }

    /// Forgets `eip`.
    pub(crate) fn remove(&self, eip: u32) {
        let index = slot(eip);
        if self.get(eip).is_some() {
            self.entries[index].store(vacant(index), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vacant_entries_match_no_address() {
        let table = LookupTable::new();
        for eip in (0..0x1_0000).chain([u32::MAX, 0x0804_8000]) {
            assert_eq!(table.get(eip), None, "{eip:#x}");
        }
        table.insert(0x0804_8123, 77);
        assert_eq!(table.get(0x0804_8123), Some(77));
        table.remove(0x0804_8123);
        assert_eq!(table.get(0x0804_8123), None);
    }
}
