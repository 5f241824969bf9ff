//! What decoded or translated code was derived from: guest pages with their generations, and the bytes.
//!
//! Code is current while the generations are those from before its bytes were read. When one has grown, the code is good
//! again if the bytes are still the same, as they are after data beside it was written, or the program was executed
//! anew: then the pages are watched first and the bytes compared afterwards, so no change goes unseen.

use crate::pages::Pages;
use frontend_x86::memory::{GuestAddr, GuestMemory};
use std::sync::Arc;

/// Has a page watched; its generation from before, or `None` where that cannot be.
pub(crate) type WatchPage<'a> = dyn FnMut(u32) -> Option<u32> + 'a;

/// A page, and its generation from before bytes were read from it.
pub(crate) type Generation = (u32, u32);

/// Consecutive bytes of code.
type Run = (GuestAddr, Box<[u8]>);

/// See the module head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    seen: Vec<Generation>,
    /// Empty if something changed while they were read.
    bytes: Arc<[Run]>,
}

impl Origin {
    /// Has a page watched unless it was already. False: it cannot be.
    pub(crate) fn note(&mut self, page: u32, watch: &mut WatchPage<'_>) -> bool {
        if self.seen.iter().any(|known| known.0 == page) {
            return true;
        }
        let generation = watch(page);
        self.seen.extend(generation.map(|generation| (page, generation)));
        generation.is_some()
    }

    /// Keeps the bytes of `[start, end)` ranges on the pages noted, for [`Self::is_unchanged`].
    pub(crate) fn keep_bytes<M: GuestMemory>(
        &mut self,
        memory: &M,
        pages: &Pages,
        ranges: impl Iterator<Item = (u32, u32)>,
    ) {
        let read = |(start, end): (u32, u32)| {
            let mut bytes = vec![0; end.wrapping_sub(start) as usize];
            let whole = memory.fetch(GuestAddr(start), &mut bytes) == Ok(bytes.len());
            whole.then(|| (GuestAddr(start), bytes.into_boxed_slice()))
        };
        let bytes: Option<Arc<[Run]>> = ranges.map(read).collect();
        // What was derived comes from these bytes only if nobody changed them in between.
        self.bytes = bytes.filter(|_| self.is_current(pages)).unwrap_or_default();
    }

    /// Whether nothing has changed since.
    pub(crate) fn is_current(&self, pages: &Pages) -> bool {
        is_current(&self.seen, pages)
    }

    /// Whether the bytes are still the same, although pages may have changed; they are watched again, with their
    /// generations from before the comparison.
    pub(crate) fn is_unchanged<M: GuestMemory>(&mut self, memory: &M, watch: &mut WatchPage<'_>) -> bool {
        !self.bytes.is_empty()
            && renew(&mut self.seen, watch)
            && self.bytes.iter().all(|(at, bytes)| holds(memory, *at, bytes))
    }
}

/// Has pages watched again. False: one cannot be.
pub(crate) fn renew(seen: &mut [Generation], watch: &mut WatchPage<'_>) -> bool {
    seen.iter_mut().all(|(page, known)| watch(*page).map(|now| *known = now).is_some())
}

/// Whether none of these pages has changed.
#[inline]
pub(crate) fn is_current(seen: &[Generation], pages: &Pages) -> bool {
    seen.iter().all(|&(page, generation)| pages.now(page) == generation)
}

/// Whether these bytes of code lie at `at`.
pub(crate) fn holds<M: GuestMemory>(memory: &M, mut at: GuestAddr, bytes: &[u8]) -> bool {
    let mut buffer = [0; 64];
    bytes.chunks(buffer.len()).all(|part| {
        let now = &mut buffer[..part.len()];
        let same = memory.fetch(at, now) == Ok(part.len()) && now == part;
        at = at.wrapping_add(u32::try_from(part.len()).expect("a part is small"));
        same
    })
}
