//! The map of the application's memory: disjoint areas by address, and where free space is.
//!
//! Pure bookkeeping: what the layer below has to do follows from the areas a change touches. Neighbours that
//! continue each other are joined, as `/proc/self/maps` shows.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::fs::file::OpenFile;
use crate::layout::{MMAP_BASE, MMAP_MIN};

/// Protection: readable.
pub const PROT_READ: u32 = 1;
/// Protection: writable.
pub const PROT_WRITE: u32 = 2;
/// Protection: executable.
pub const PROT_EXEC: u32 = 4;

/// What stands behind an area.
#[derive(Clone, Debug)]
pub enum Backing {
    /// Zeroes.
    Anonymous,
    /// The heap (`brk`).
    Heap,
    /// The stack.
    Stack,
    /// The vDSO.
    Vdso,
    /// A mapped stream, from `offset` on.
    File {
        /// What was mapped.
        file: Arc<OpenFile>,
        /// Where in it the area begins.
        offset: u64,
        /// Whether the memory below is a map of the stream, not a copy of its bytes.
        mapped: bool,
    },
    /// Anonymous memory to share with children: a stream of the layer below.
    Shared {
        /// The stream.
        memory: Arc<crate::mm::shared::SharedMemory>,
        /// Where in it the area begins.
        offset: u64,
    },
}

/// A run of pages of one kind.
#[derive(Clone, Debug)]
pub struct Vma {
    /// First address.
    pub start: u32,
    /// Address behind the last.
    pub end: u32,
    /// `PROT_*`.
    pub prot: u32,
    /// `MAP_SHARED` rather than `MAP_PRIVATE`.
    pub shared: bool,
    /// What stands behind it.
    pub backing: Backing,
}

impl Vma {
    /// Its bytes.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.end - self.start
    }

    /// Whether the memory below came by `StreamMap`.
    #[must_use]
    pub const fn is_stream_map(&self) -> bool {
        matches!(self.backing, Backing::File { mapped: true, .. } | Backing::Shared { .. })
    }

    /// The part from `start` to `end`.
    #[must_use]
    pub fn part(&self, start: u32, end: u32) -> Self {
        let mut part = self.clone();
        let skipped = u64::from(start - self.start);
        (part.start, part.end) = (start, end);
        match &mut part.backing {
            Backing::File { offset, .. } | Backing::Shared { offset, .. } => *offset += skipped,
            _ => {}
        }
        part
    }

    /// Whether `next`, which begins where this ends, is more of the same.
    fn continues(&self, next: &Self) -> bool {
        if self.end != next.start || self.prot != next.prot || self.shared != next.shared {
            return false;
        }
        match (&self.backing, &next.backing) {
            (Backing::Anonymous, Backing::Anonymous) | (Backing::Heap, Backing::Heap) => true,
            (
                Backing::File { file: a, offset: x, mapped: m },
                Backing::File { file: b, offset: y, mapped: n },
            ) => Arc::ptr_eq(a, b) && m == n && x + u64::from(self.size()) == *y,
            _ => false,
        }
    }
}

/// The areas, by their first address.
#[derive(Debug, Default)]
pub struct VmaTree {
    areas: BTreeMap<u32, Vma>,
}

impl VmaTree {
    /// No areas.
    #[must_use]
    pub const fn new() -> Self {
        Self { areas: BTreeMap::new() }
    }

    /// All areas in order.
    pub fn iter(&self) -> impl Iterator<Item = &Vma> {
        self.areas.values()
    }

    /// The area an address lies in.
    #[must_use]
    pub fn find(&self, addr: u32) -> Option<&Vma> {
        self.areas.range(..=addr).next_back().map(|(_, vma)| vma).filter(|vma| addr < vma.end)
    }

    /// Copies of the parts of areas that lie in a range, in order.
    #[must_use]
    pub fn overlap(&self, start: u32, end: u32) -> Vec<Vma> {
        let first = self.find(start).map_or(start, |vma| vma.start);
        self.areas
            .range(first..end)
            .map(|(_, vma)| vma.part(vma.start.max(start), vma.end.min(end)))
            .collect()
    }

    /// Whether areas cover a range without a hole.
    #[must_use]
    pub fn covers(&self, start: u32, end: u32) -> bool {
        let mut at = start;
        while at < end {
            match self.find(at) {
                Some(vma) => at = vma.end,
                None => return false,
            }
        }
        true
    }

    /// Whether a range is free.
    #[must_use]
    pub fn is_free(&self, start: u32, end: u32) -> bool {
        self.find(start).is_none() && self.areas.range(start..end).next().is_none()
    }

    /// Takes a range out of the map; gives what was there.
    pub fn remove(&mut self, start: u32, end: u32) -> Vec<Vma> {
        let removed = self.overlap(start, end);
        for part in &removed {
            let key = self.find(part.start).map_or(part.start, |vma| vma.start);
            if let Some(whole) = self.areas.remove(&key) {
                if whole.start < part.start {
                    self.areas.insert(whole.start, whole.part(whole.start, part.start));
                }
                if part.end < whole.end {
                    self.areas.insert(part.end, whole.part(part.end, whole.end));
                }
            }
        }
        removed
    }

    /// Adds an area where the map is free, joined with its neighbours.
    pub fn insert(&mut self, mut new: Vma) {
        if let Some(before) =
            new.start.checked_sub(1).and_then(|at| self.find(at)).filter(|b| b.continues(&new))
        {
            let start = before.start;
            let joined = before.part(start, before.end);
            self.areas.remove(&start);
            new = Vma { end: new.end, ..joined };
        }
        if let Some(after) = self.areas.get(&new.end).filter(|after| new.continues(after)) {
            let (key, end) = (after.start, after.end);
            self.areas.remove(&key);
            new.end = end;
        }
        self.areas.insert(new.start, new);
    }

    /// Changes the protection of every area in a range.
    pub fn protect(&mut self, start: u32, end: u32, prot: u32) {
        for mut part in self.remove(start, end) {
            part.prot = prot;
            self.insert(part);
        }
    }

    /// Finds `size` free bytes, from the top of the map area downwards; above it only when below is full.
    #[must_use]
    pub fn find_free(&self, size: u32) -> Option<u32> {
        let mut top = MMAP_BASE;
        for vma in self.areas.range(..MMAP_BASE).rev().map(|(_, vma)| vma) {
            if vma.end < top && top - vma.end >= size {
                return Some(top - size);
            }
            top = top.min(vma.start);
        }
        (top >= size && top - size >= MMAP_MIN).then(|| top - size)
    }

    /// Bytes mapped.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.areas.values().map(Vma::size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(start: u32, end: u32, prot: u32) -> Vma {
        Vma { start, end, prot, shared: false, backing: Backing::Anonymous }
    }

    fn ranges(tree: &VmaTree) -> Vec<(u32, u32, u32)> {
        tree.iter().map(|v| (v.start, v.end, v.prot)).collect()
    }

    #[test]
    fn neighbours_join_and_holes_split() {
        let mut tree = VmaTree::new();
        tree.insert(area(0x1000, 0x3000, 3));
        tree.insert(area(0x5000, 0x6000, 3));
        tree.insert(area(0x3000, 0x5000, 3));
        assert_eq!(ranges(&tree), [(0x1000, 0x6000, 3)]);
        assert_eq!(tree.remove(0x2000, 0x3000).len(), 1);
        assert_eq!(ranges(&tree), [(0x1000, 0x2000, 3), (0x3000, 0x6000, 3)]);
        assert!(!tree.covers(0x1000, 0x4000));
        assert!(tree.is_free(0x2000, 0x3000));
        assert!(!tree.is_free(0x2000, 0x3001));
    }

    #[test]
    fn protect_splits_and_joins_again() {
        let mut tree = VmaTree::new();
        tree.insert(area(0x1000, 0x5000, 3));
        tree.protect(0x2000, 0x3000, 1);
        assert_eq!(ranges(&tree), [(0x1000, 0x2000, 3), (0x2000, 0x3000, 1), (0x3000, 0x5000, 3)]);
        tree.protect(0x2000, 0x3000, 3);
        assert_eq!(ranges(&tree), [(0x1000, 0x5000, 3)]);
    }

    #[test]
    fn free_space_is_found_from_the_top() {
        let mut tree = VmaTree::new();
        assert_eq!(tree.find_free(0x1000), Some(MMAP_BASE - 0x1000));
        tree.insert(area(MMAP_BASE - 0x3000, MMAP_BASE, 3));
        assert_eq!(tree.find_free(0x1000), Some(MMAP_BASE - 0x4000));
        tree.remove(MMAP_BASE - 0x2000, MMAP_BASE - 0x1000);
        assert_eq!(tree.find_free(0x1000), Some(MMAP_BASE - 0x2000));
        assert_eq!(tree.find_free(0x2000), Some(MMAP_BASE - 0x5000));
        assert_eq!(tree.find_free(0xf000_0000), None);
    }
}
