//! Guard pages: the first access raises GUARD and turns the page into an ordinary one.
//!
//! The list is consulted in signal handlers, so it neither allocates nor sleeps: entries are atomics, claimed and
//! released by compare-and-swap on the page address.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use pal_abi::PalError;

use super::host_prot;
use crate::sys::mem;

/// Guard pages a process can have at a time.
const CAPACITY: usize = 4096;

struct Entry {
    /// Page address; 0 free, 1 being filled.
    page: AtomicUsize,
    /// Protection after the hit, of `flags::prot`.
    prot: AtomicU32,
}

static GUARDS: [Entry; CAPACITY] =
    [const { Entry { page: AtomicUsize::new(0), prot: AtomicU32::new(0) } }; CAPACITY];
/// Entries above this index were never used.
static USED: AtomicUsize = AtomicUsize::new(0);

/// Makes pages guards; their host protection is none already.
///
/// # Errors
/// `NoMemory` where the list is full.
pub(super) fn arm(start: usize, end: usize, page_size: usize, prot: u32) -> Result<(), PalError> {
    for page in (start..end).step_by(page_size) {
        let entry = GUARDS
            .iter()
            .enumerate()
            .find(|(_, e)| e.page.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok());
        let Some((index, entry)) = entry else {
            disarm(start, page);
            return Err(PalError::NoMemory);
        };
        USED.fetch_max(index + 1, Ordering::Relaxed);
        entry.prot.store(prot, Ordering::Relaxed);
        entry.page.store(page, Ordering::Release);
    }
    Ok(())
}

/// Forgets guards in a range.
pub(super) fn disarm(start: usize, end: usize) {
    for entry in used() {
        let page = entry.page.load(Ordering::Acquire);
        if page > 1 && (start..end).contains(&page) {
            let _ = entry.page.compare_exchange(page, 0, Ordering::Release, Ordering::Relaxed);
        }
    }
}

/// Whether the page is a guard still.
pub(super) fn is_armed(page: usize) -> bool {
    used().iter().any(|e| e.page.load(Ordering::Acquire) == page)
}

/// If `page` is a guard: makes it an ordinary page, and says so. For signal handlers.
pub(super) fn hit(page: usize, page_size: usize) -> bool {
    for entry in used() {
        if entry.page.load(Ordering::Acquire) == page {
            let prot = entry.prot.load(Ordering::Relaxed);
            if entry.page.compare_exchange(page, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return mem::protect(page, page_size, host_prot(prot)).is_ok();
            }
        }
    }
    false
}

fn used() -> &'static [Entry] {
    GUARDS.get(..USED.load(Ordering::Relaxed)).unwrap_or(&[])
}
