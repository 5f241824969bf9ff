//! The words that direct exits jump through where their branch is not patched itself: one for each exit of a space.
//!
//! They lie in this process's private memory, not in the arena, so that a cloned process and its parent can each turn
//! the exits of code that they share. A word is only ever accessed atomically or by the processor's jumps.

use crate::code::zeroed_words;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of exits in one space. Memory comes with their use.
pub(crate) const SLOTS: usize = 1 << 18;

/// See the module head.
#[derive(Debug)]
pub(crate) struct Slots(Box<[AtomicU64]>);

impl Slots {
    pub(crate) fn new() -> Self {
        Self(zeroed_words(SLOTS))
    }

    /// Where generated code finds them.
    pub(crate) fn address(&self) -> u64 {
        self.0.as_ptr() as u64
    }

    /// Sets where an exit leads: an executable address.
    pub(crate) fn set(&self, exit: u32, address: u64) {
        self.0[exit as usize].store(address, Ordering::Release);
    }
}
