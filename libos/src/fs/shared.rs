//! The part of an open file that survives a fork in common: offset and status flags, in family memory.
//!
//! Each process holds a reference to a slot for as long as it has the file open, through however many descriptors, and
//! another one for each time that the file was sent to it.

use alloc::collections::BTreeMap;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::pty;
use crate::error::Errno;
use crate::sys::family::{self, FILES, FamilyGuard, SharedFile};
use crate::sys::lock::Lock;

/// The references of this process, by slot.
static LIVE: Lock<BTreeMap<usize, u32>> = Lock::new(BTreeMap::new());

/// A reference to a slot.
#[derive(Debug)]
pub struct Slot(usize);

impl Slot {
    /// Takes a free slot.
    ///
    /// # Errors
    /// `ENFILE`.
    pub fn new(flags: u32) -> Result<Self, Errno> {
        let memory = family::memory();
        let from = memory.next_file.load(Relaxed) as usize;
        for step in 0..FILES {
            let index = (from + step) % FILES;
            let slot = &memory.files[index];
            if slot.refs.compare_exchange(0, 1, Acquire, Relaxed).is_ok() {
                slot.offset_low.store(0, Relaxed);
                slot.offset_high.store(0, Relaxed);
                slot.flags.store(flags, Relaxed);
                slot.terminal.store(0, Relaxed);
                memory.next_file.store(u32::try_from(index + 1).unwrap_or(0), Relaxed);
                return Ok(Self::counted(index));
            }
        }
        Err(Errno::ENFILE)
    }

    fn counted(index: usize) -> Self {
        *LIVE.lock().entry(index).or_default() += 1;
        Self(index)
    }

    /// Takes over a reference that another process, or this one, lent.
    ///
    /// # Errors
    /// `EINVAL` for a number that is no slot in use.
    pub fn adopt(number: usize) -> Result<Self, Errno> {
        let used = |file: &SharedFile| file.refs.load(Relaxed) != 0;
        if family::memory().files.get(number).is_some_and(used) {
            Ok(Self::counted(number))
        } else {
            Err(Errno::EINVAL)
        }
    }

    /// Adds a reference that is nobody's yet.
    pub fn lend(&self) {
        self.get().refs.fetch_add(1, Relaxed);
    }

    /// Takes back a reference that nobody took over.
    pub fn take_back(&self) {
        release(self.get(), 1);
    }

    fn get(&self) -> &'static SharedFile {
        &family::memory().files[self.0 % FILES]
    }

    /// The status flags.
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.get().flags.load(Relaxed)
    }

    /// Changes the status flags.
    pub fn set_flags(&self, flags: u32) {
        self.get().flags.store(flags, Relaxed);
    }

    /// Holds the offset against the other processes that share it.
    #[must_use]
    pub fn offset(&self) -> Offset {
        let file = self.get();
        Offset { file, _guard: file.lock.lock() }
    }

    /// Notes which side of which pseudo-terminal the file is.
    pub fn set_terminal(&self, side: u32) {
        self.get().terminal.store(side, Relaxed);
    }

    /// A number that names the open file among all of the family.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut live = LIVE.lock();
        if let Some(count) = live.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                live.remove(&self.0);
            }
        }
        drop(live);
        release(self.get(), 1);
    }
}

/// Gives references back. With the last one a pseudo-terminal loses one of its files.
fn release(file: &SharedFile, count: u32) {
    let side = file.terminal.load(Relaxed);
    if file.refs.fetch_sub(count, AcqRel) == count && side != 0 {
        pty::closed(side);
    }
}

/// The offset, held.
#[derive(Debug)]
pub struct Offset {
    file: &'static SharedFile,
    _guard: FamilyGuard<'static>,
}

impl Offset {
    /// The offset.
    #[must_use]
    pub fn get(&self) -> u64 {
        u64::from(self.file.offset_low.load(Relaxed)) | u64::from(self.file.offset_high.load(Relaxed)) << 32
    }

    /// Moves it.
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    pub fn set(&self, offset: u64) {
        self.file.offset_low.store(offset as u32, Relaxed);
        self.file.offset_high.store((offset >> 32) as u32, Relaxed);
    }
}

/// Takes one more reference to every slot in use: those of the child a fork is about to make.
pub fn share_all() {
    for (&index, &count) in LIVE.lock().iter() {
        family::memory().files[index].refs.fetch_add(count, Relaxed);
    }
}

/// Gives the references of this process back: at its end, or after a fork that failed.
pub fn release_all() {
    for (&index, &count) in LIVE.lock().iter() {
        release(&family::memory().files[index], count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_holds_64_bit_offsets_and_returns_to_the_pool() {
        family::install_for_test();
        let slot = Slot::new(2).unwrap();
        slot.offset().set(0x1_2345_6789);
        assert_eq!(slot.offset().get(), 0x1_2345_6789);
        assert_eq!(slot.flags(), 2);
        let file = slot.get();
        drop(slot);
        assert_eq!(file.refs.load(Relaxed), 0);
    }
}
