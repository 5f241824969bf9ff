//! Segment descriptors and the local descriptor table. SDM vol. 3A, 3.4.5 and 5.3; APM vol. 2, 4.8.
//!
//! A process has one LDT, which its threads share as they share memory. Entries are whole 64-bit words, so a thread that
//! loads a selector while another changes its entry sees the old descriptor or the new one.

use crate::state::SegmentState;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// Bits of [`SegmentState::rights`].
pub mod rights {
    /// Data that can be written.
    pub const WRITABLE: u16 = 1 << 1;
    /// Code that can be read.
    pub const READABLE: u16 = WRITABLE;
    /// Data whose valid offsets lie above the limit.
    pub const EXPAND_DOWN: u16 = 1 << 2;
    /// Code.
    pub const CODE: u16 = 1 << 3;
    /// Code or data, not a system descriptor.
    pub const S: u16 = 1 << 4;
    /// Present.
    pub const PRESENT: u16 = 1 << 7;
    /// 64-bit code.
    pub const LONG: u16 = 1 << 13;
    /// 32-bit code; a stack that uses ESP; offsets up to 4 GiB where data expands down.
    pub const BIG: u16 = 1 << 14;
    /// Limit in units of 4 KiB.
    pub const GRANULAR: u16 = 1 << 15;
}

impl SegmentState {
    /// What a null selector loads.
    pub const NULL: Self = Self { base: 0, limit: 0, selector: 0, rights: 0 };

    /// An 8-byte descriptor in its expanded form. SDM vol. 3A, figure 3-8.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "fields of a descriptor")]
    pub fn expand(raw: u64, selector: u16) -> Self {
        let rights = (raw >> 40) as u16 & 0xf0ff;
        let base = (raw >> 16) as u32 & 0x00ff_ffff | (raw >> 32) as u32 & 0xff00_0000;
        let limit = raw as u32 & 0xffff | (raw >> 32) as u32 & 0x000f_0000;
        let limit = if rights & rights::GRANULAR != 0 { limit << 12 | 0xfff } else { limit };
        Self { base, limit, selector, rights }
    }

    const fn has(&self, right: u16) -> bool {
        self.rights & right != 0
    }

    /// Whether it covers `len` bytes from `first` on. A null selector covers nothing. SDM vol. 3A, 5.3.
    #[must_use]
    pub const fn covers(&self, first: u32, len: u32) -> bool {
        let last = first as u64 + len.saturating_sub(1) as u64;
        if self.rights & (rights::CODE | rights::EXPAND_DOWN) == rights::EXPAND_DOWN {
            let top = if self.has(rights::BIG) { u32::MAX } else { 0xffff };
            return first > self.limit && last <= top as u64;
        }
        self.rights != 0 && last <= self.limit as u64
    }

    /// Whether its descriptor is of data that can be written.
    #[inline]
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.rights & (rights::CODE | rights::WRITABLE) == rights::WRITABLE
    }

    /// Whether it can be read: all data, and code that says so.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.rights & (rights::CODE | rights::READABLE) != rights::CODE
    }

    /// Whether an access of `len` bytes at offset `first` is allowed.
    #[must_use]
    pub const fn allows(&self, first: u32, len: u32, write: bool) -> bool {
        self.covers(first, len) && if write { self.is_writable() } else { self.is_readable() }
    }

    /// Whether every access through it is allowed, as through the segments that Linux gives a program.
    #[inline]
    #[must_use]
    pub const fn is_unlimited_data(&self) -> bool {
        const KIND: u16 = rights::CODE | rights::EXPAND_DOWN | rights::WRITABLE;
        self.limit == u32::MAX && self.rights & KIND == rights::WRITABLE
    }

    /// Whether it is unlimited data at base 0, of 32 bits where that matters: what a flat DS, ES or SS is.
    #[must_use]
    pub const fn is_flat_data(&self) -> bool {
        self.base == 0 && self.is_unlimited_data() && self.has(rights::BIG)
    }

    /// Whether it is unlimited, readable 32-bit code at base 0: what a flat CS is.
    #[inline]
    #[must_use]
    pub const fn is_flat_code(&self) -> bool {
        const KIND: u16 = rights::CODE | rights::READABLE | rights::BIG | rights::LONG;
        const FLAT: u16 = rights::CODE | rights::READABLE | rights::BIG;
        self.base == 0 && self.limit == u32::MAX && self.rights & KIND == FLAT
    }

    /// Whether code in it is decoded as 16-bit code.
    #[must_use]
    pub const fn is_16_bit(&self) -> bool {
        !self.has(rights::BIG)
    }
}

/// Entries of a local descriptor table.
pub const LDT_ENTRIES: usize = 8192;

/// A local descriptor table. It takes no room until something is put in.
#[derive(Debug, Default)]
pub struct Ldt(OnceLock<Box<[AtomicU64]>>);

impl Ldt {
    /// The descriptor at `index`; 0 where there is none.
    #[must_use]
    pub fn get(&self, index: u16) -> u64 {
        let entry = self.0.get().and_then(|all| all.get(usize::from(index)));
        entry.map_or(0, |entry| entry.load(Ordering::Acquire))
    }

    /// Whether anything was ever put in: Linux gives a process its table then, and does not take it back.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.0.get().is_some()
    }

    /// Replaces the descriptor at `index`; false where there is no such entry. Segment registers keep what they hold
    /// until they are loaded again.
    pub fn set(&self, index: usize, descriptor: u64) -> bool {
        if index >= LDT_ENTRIES {
            return false;
        }
        let all = self.0.get_or_init(|| (0..LDT_ENTRIES).map(|_| AtomicU64::new(0)).collect());
        all[index].store(descriptor, Ordering::Release);
        true
    }
}

/// Two tables are the same where every selector finds the same.
impl PartialEq for Ldt {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self, other) || (0..=0x1fff).all(|index| self.get(index) == other.get(index))
    }
}

impl Eq for Ldt {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_expands_down_covers_what_is_above_its_limit() {
        let down = |rights| SegmentState { base: 0, limit: 0xfff, selector: 7, rights };
        let (small, big) = (down(0x00f7), down(0x40f7));
        assert!(small.covers(0x1000, 4) && big.covers(0x1000, 4));
        assert!(!small.covers(0xfff, 4));
        assert!(small.covers(0xfffc, 4) && !small.covers(0xfffd, 4));
        assert!(big.covers(0xffff_fffc, 4) && !big.covers(0xffff_fffd, 4));
    }

    #[test]
    fn a_null_selector_covers_nothing() {
        assert!(!SegmentState::default().covers(0, 1));
    }

    #[test]
    fn an_empty_table_has_no_descriptors() {
        let ldt = Ldt::default();
        assert_eq!(ldt.get(8191), 0);
        assert!(ldt.set(8191, 5) && !ldt.set(8192, 5));
        assert_eq!((ldt.get(8191), ldt.get(0)), (5, 0));
    }
}
