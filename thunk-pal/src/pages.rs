//! What the guest's map says about each of its 2²⁰ pages: one word a page, readable without a lock.
//!
//! Words change only under the window's map lock; readers without it see either side of a change, as a processor's
//! page walk would.

use core::sync::atomic::{AtomicU16, AtomicU32, Ordering};

/// Pages in 4 GiB.
pub(crate) const PAGES: u32 = 1 << 20;
/// Bytes in a guest page, on every host.
pub(crate) const PAGE: u32 = 4096;

/// The word of one page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Page(u16);

impl Page {
    pub(crate) const FREE: Self = Self(0);
    pub(crate) const READ: u16 = 1;
    pub(crate) const WRITE: u16 = 2;
    pub(crate) const EXECUTE: u16 = 4;
    pub(crate) const GUARD: u16 = 8;
    /// The protection bits, with the values of the ABI's `flags::prot`.
    pub(crate) const PROTECTION: u16 = 15;
    /// The guest reserved it.
    pub(crate) const RESERVED: u16 = 1 << 4;
    /// Memory stands behind it.
    pub(crate) const COMMITTED: u16 = 1 << 5;
    /// That memory is a stream's.
    pub(crate) const STREAM: u16 = 1 << 6;
    /// Writes are reported before they take effect: the host page is not writable.
    pub(crate) const WATCHED: u16 = 1 << 7;
    /// Writes cannot be seen: another process or the host may make them.
    pub(crate) const UNWATCHABLE: u16 = 1 << 8;

    pub(crate) const fn has(self, bits: u16) -> bool {
        self.0 & bits == bits
    }
    pub(crate) const fn with(self, bits: u16) -> Self {
        Self(self.0 | bits)
    }
    pub(crate) const fn without(self, bits: u16) -> Self {
        Self(self.0 & !bits)
    }
    /// The guest's protection bits.
    pub(crate) const fn protection(self) -> u16 {
        self.0 & Self::PROTECTION
    }
    pub(crate) const fn with_protection(self, bits: u16) -> Self {
        Self(self.0 & !Self::PROTECTION | bits & Self::PROTECTION)
    }
    /// Whether the page may be read: x86's paging has no way to allow writing or execution without it.
    pub(crate) const fn readable(self) -> bool {
        self.0 & Self::COMMITTED != 0
            && self.0 & Self::GUARD == 0
            && self.0 & (Self::READ | Self::WRITE | Self::EXECUTE) != 0
    }
    pub(crate) const fn writable(self) -> bool {
        self.readable() && self.0 & Self::WRITE != 0
    }
    pub(crate) const fn executable(self) -> bool {
        self.readable() && self.0 & Self::EXECUTE != 0
    }
    /// The host protection (`flags::prot`) that makes the host's page walk agree: guest code never runs natively, so
    /// nothing is executable, and a watched page is not writable.
    pub(crate) const fn host_protection(self) -> u32 {
        let mut host = 0;
        if self.readable() {
            host |= Self::READ as u32;
        }
        if self.writable() && self.0 & Self::WATCHED == 0 {
            host |= Self::WRITE as u32;
        }
        host
    }
}

/// All page words, and for each page how often its watch was broken.
#[derive(Debug)]
pub(crate) struct PageTable {
    words: Box<[AtomicU16]>,
    generations: Box<[AtomicU32]>,
}

impl PageTable {
    pub(crate) fn new() -> Self {
        Self {
            words: (0..PAGES).map(|_| AtomicU16::new(0)).collect(),
            generations: (0..PAGES).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    pub(crate) fn get(&self, page: u32) -> Page {
        self.words.get(page as usize).map_or(Page::FREE, |w| Page(w.load(Ordering::Acquire)))
    }

    /// Sets a page's word; the caller holds the map lock.
    pub(crate) fn set(&self, page: u32, word: Page) {
        self.words[page as usize].store(word.0, Ordering::Release);
    }

    pub(crate) fn generation(&self, page: u32) -> u64 {
        u64::from(self.generations[page as usize].load(Ordering::Acquire))
    }

    pub(crate) fn next_generation(&self, page: u32) {
        self.generations[page as usize].fetch_add(1, Ordering::AcqRel);
    }
}
