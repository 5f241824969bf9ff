//! What lies where: a map from addresses to spans of equal state. Pure bookkeeping, in pages already.

use std::collections::BTreeMap;
use std::ops::Range;

/// The state of pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Address space without memory.
    Reserved,
    /// Memory, with a protection of `flags::prot`.
    Committed(u32),
    /// A mapped stream, with a protection; `inside` a reservation, to which it returns.
    Mapped {
        /// Of `flags::prot`.
        prot: u32,
        /// Whether unmapping leaves the pages reserved.
        inside: bool,
    },
}

impl State {
    /// The protection, where there is something to protect.
    pub(crate) fn prot(self) -> Option<u32> {
        match self {
            Self::Reserved => None,
            Self::Committed(prot) | Self::Mapped { prot, .. } => Some(prot),
        }
    }
}

/// The spans of an address space; addresses in no span are free or not ours.
#[derive(Debug, Default)]
pub(crate) struct Spans(BTreeMap<usize, (usize, State)>);

impl Spans {
    /// None.
    pub(crate) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The parts of `range` that are ours, in order, cut to it.
    pub(crate) fn within(&self, range: &Range<usize>) -> Vec<(Range<usize>, State)> {
        let first = self.0.range(..range.start).next_back().map_or(range.start, |(start, _)| *start);
        self.0
            .range(first..range.end)
            .filter(|(_, (end, _))| *end > range.start)
            .map(|(start, (end, state))| ((*start).max(range.start)..(*end).min(range.end), *state))
            .collect()
    }

    /// Whether nothing of `range` is ours.
    pub(crate) fn is_free(&self, range: &Range<usize>) -> bool {
        self.within(range).is_empty()
    }

    /// The parts of `range`, if they cover it without a hole.
    pub(crate) fn covering(&self, range: &Range<usize>) -> Option<Vec<(Range<usize>, State)>> {
        let parts = self.within(range);
        let mut at = range.start;
        for (part, _) in &parts {
            if part.start != at {
                return None;
            }
            at = part.end;
        }
        (at == range.end).then_some(parts)
    }

    /// Takes `range` out.
    pub(crate) fn remove(&mut self, range: &Range<usize>) {
        let touched: Vec<usize> = {
            let first = self.0.range(..range.start).next_back().map_or(range.start, |(start, _)| *start);
            self.0
                .range(first..range.end)
                .filter(|(_, (end, _))| *end > range.start)
                .map(|(s, _)| *s)
                .collect()
        };
        for start in touched {
            if let Some((end, state)) = self.0.remove(&start) {
                if start < range.start {
                    self.0.insert(start, (range.start, state));
                }
                if end > range.end {
                    self.0.insert(range.end, (end, state));
                }
            }
        }
    }

    /// Gives `range` a state, whatever it had, and joins it with equal neighbours.
    pub(crate) fn set(&mut self, range: &Range<usize>, state: State) {
        self.remove(range);
        let (mut start, mut end) = (range.start, range.end);
        if let Some((before, (upto, other))) = self.0.range(..start).next_back().map(|(s, v)| (*s, *v))
            && upto == start
            && other == state
        {
            self.0.remove(&before);
            start = before;
        }
        if let Some((upto, other)) = self.0.get(&end).copied()
            && other == state
        {
            self.0.remove(&end);
            end = upto;
        }
        self.0.insert(start, (end, state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Committed, Reserved};

    #[test]
    fn setting_the_middle_splits_and_equal_neighbours_join() {
        let mut spans = Spans::new();
        spans.set(&(0x1000..0x9000), Reserved);
        spans.set(&(0x3000..0x5000), Committed(1));
        assert_eq!(
            spans.within(&(0..0x10000)),
            [(0x1000..0x3000, Reserved), (0x3000..0x5000, Committed(1)), (0x5000..0x9000, Reserved)]
        );
        spans.set(&(0x3000..0x5000), Reserved);
        assert_eq!(spans.within(&(0..0x10000)), [(0x1000..0x9000, Reserved)]);
    }

    #[test]
    fn a_hole_is_not_covered() {
        let mut spans = Spans::new();
        spans.set(&(0x1000..0x2000), Reserved);
        spans.set(&(0x3000..0x4000), Reserved);
        assert!(spans.covering(&(0x1000..0x4000)).is_none());
        assert!(spans.covering(&(0..0x2000)).is_none());
        assert_eq!(spans.covering(&(0x1800..0x2000)), Some(vec![(0x1800..0x2000, Reserved)]));
        assert!(spans.is_free(&(0x2000..0x3000)) && !spans.is_free(&(0x1fff..0x3000)));
    }

    #[test]
    fn removing_keeps_both_ends() {
        let mut spans = Spans::new();
        spans.set(&(0x1000..0x9000), Committed(3));
        spans.remove(&(0x2000..0x3000));
        assert_eq!(
            spans.within(&(0..0x10000)),
            [(0x1000..0x2000, Committed(3)), (0x3000..0x9000, Committed(3))]
        );
    }
}
