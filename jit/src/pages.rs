//! Generations of guest pages: a number for each page that code was read from, which grows when its bytes change.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Pages in one piece of the table.
const PIECE: usize = 1024;

/// See the module head. 0 means that nothing was read from a page.
#[derive(Debug)]
pub(crate) struct Pages {
    pieces: Box<[OnceLock<Box<[AtomicU32]>>]>,
}

impl Pages {
    pub(crate) fn new() -> Self {
        Self { pieces: (0..(1 << 20) / PIECE).map(|_| OnceLock::new()).collect() }
    }

    fn cell(&self, page: u32) -> Option<&AtomicU32> {
        self.pieces[page as usize / PIECE].get().map(|piece| &piece[page as usize % PIECE])
    }

    /// Whether [`Self::begin`] can do without the engine's lock.
    pub(crate) fn has(&self, page: u32) -> bool {
        self.cell(page).is_some()
    }

    /// The generation before bytes are read from a page. Where [`Self::has`] is false the engine's lock must be held,
    /// so that no piece is half made when the process is cloned.
    pub(crate) fn begin(&self, page: u32) -> u32 {
        let piece = self.pieces[page as usize / PIECE]
            .get_or_init(|| (0..PIECE).map(|_| AtomicU32::new(0)).collect());
        let cell = &piece[page as usize % PIECE];
        match cell.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => 1,
            Err(now) => now,
        }
    }

    /// The generation now.
    pub(crate) fn now(&self, page: u32) -> u32 {
        self.cell(page).map_or(0, |cell| cell.load(Ordering::Acquire))
    }

    /// Notes that the bytes of these pages change; whether anything was ever read from one.
    pub(crate) fn change(&self, first: u32, pages: u32) -> bool {
        let mut any = false;
        let end = (first as usize + pages as usize).min(1 << 20);
        let mut page = first as usize;
        while page < end {
            let Some(piece) = self.pieces[page / PIECE].get() else {
                page = (page / PIECE + 1) * PIECE;
                continue;
            };
            let cell = &piece[page % PIECE];
            if cell.load(Ordering::SeqCst) != 0 {
                // 0 stays reserved, even after 2³² changes.
                let grown = cell.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
                if grown == 0 {
                    cell.store(1, Ordering::SeqCst);
                }
                any = true;
            }
            page += 1;
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_with_code_change() {
        let pages = Pages::new();
        assert!(!pages.change(0, 1 << 20));
        let before = pages.begin(77);
        assert_eq!((pages.now(77), pages.now(78)), (before, 0));
        assert!(pages.change(0, 1 << 20));
        assert_ne!(pages.now(77), before);
        assert!(!pages.change(78, u32::MAX));
    }
}
