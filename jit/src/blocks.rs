//! Decoded blocks for the interpreter, kept by each thread.
//!
//! A block is a straight run of instructions on pages that are watched, used while what it was decoded from is the same
//! ([`crate::origin`]). Blocks lie behind each other in one store, which is emptied as a whole when it is full. Their counts
//! are apart from them, and stay: of a large program that runs on and on through more than the store holds, what is hot
//! still becomes so; and a cloned process writes few of the pages that it shares with its parent.

use crate::origin::{self, Generation, WatchPage};
use crate::pages::Pages;
use crate::region::{NoRegion, fetch};
use frontend_x86::cpuid::Profile;
use frontend_x86::decode::Insn;
use frontend_x86::memory::{GuestAddr, GuestMemory};
use iced_x86::FlowControl;
use std::cell::Cell;
use std::ops::Range;

/// Number of slots, a power of two.
const SLOTS: usize = 1 << 16;
/// Most instructions in one block.
const LENGTH: usize = 32;
/// Instructions in the store, and so blocks at most, and bytes at most 15 times as many.
const STORED: usize = 1 << 18;

/// A block.
#[derive(Clone, Debug)]
struct Block {
    eip: u32,
    insns: Range<u32>,
    /// The bytes it was decoded from; empty if they changed meanwhile.
    bytes: Range<u32>,
    /// Its pages; twice the same if there is one.
    seen: [Generation; 2],
}

/// Blocks, and what they refer to by ranges. Their memory comes with their use.
#[derive(Debug)]
struct Store {
    blocks: Vec<Block>,
    insns: Vec<Insn>,
    bytes: Vec<u8>,
}

/// The blocks of one thread in one engine.
#[derive(Debug)]
pub(crate) struct BlockCache {
    identity: u64,
    /// The processor that its bytes were decoded for.
    profile: Profile,
    /// Where blocks are in the store, from 1; 0 for a vacant slot.
    slots: Box<[u32]>,
    /// How often the blocks of a slot were executed: one that follows another there is compiled sooner, which does no harm.
    executions: Box<[u32]>,
    store: Store,
}

/// A block that is current.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) insns: &'a [Insn],
    /// How often it was executed before, or others in its slot.
    pub(crate) executions: &'a mut u32,
}

thread_local! {
    static CACHE: Cell<Option<Box<BlockCache>>> = const { Cell::new(None) };
}

const fn slot(eip: u32) -> usize {
    (eip ^ eip >> 16) as usize & (SLOTS - 1)
}

const fn range(r: &Range<u32>) -> Range<usize> {
    r.start as usize..r.end as usize
}

/// The range from `start` to the end of a part of the store.
fn since<T>(part: &[T], start: usize) -> Range<u32> {
    let number = |n: usize| u32::try_from(n).expect("the store is bounded");
    number(start)..number(part.len())
}

impl BlockCache {
    fn new(identity: u64, profile: Profile) -> Self {
        Self {
            identity,
            profile,
            slots: vec![0; SLOTS].into(),
            executions: vec![0; SLOTS].into(),
            store: Store {
                blocks: Vec::with_capacity(STORED),
                insns: Vec::with_capacity(STORED),
                bytes: Vec::with_capacity(STORED * 4),
            },
        }
    }

    /// This thread's cache for an engine and a processor.
    pub(crate) fn take(identity: u64, profile: Profile) -> Box<Self> {
        match CACHE.take() {
            Some(cache) if (cache.identity, cache.profile) == (identity, profile) => cache,
            _ => Box::new(Self::new(identity, profile)),
        }
    }

    /// Keeps it for the next time.
    pub(crate) fn put_back(self: Box<Self>) {
        CACHE.set(Some(self));
    }

    /// The block at `eip`, decoded now if need be.
    pub(crate) fn block<M: GuestMemory>(
        &mut self,
        memory: &M,
        pages: &Pages,
        eip: u32,
        watch: &mut WatchPage<'_>,
    ) -> Result<Found<'_>, NoRegion> {
        let place = self.slots[slot(eip)] as usize;
        let known = place.checked_sub(1).filter(|&at| self.store.blocks[at].eip == eip);
        let at = match known {
            Some(at) if origin::is_current(&self.store.blocks[at].seen, pages) => at,
            Some(at) if self.store.is_unchanged(at, memory, watch) => at,
            _ => {
                if known.is_some() {
                    // Its bytes changed: code that is written again and again is not worth compiling.
                    self.executions[slot(eip)] /= 2;
                }
                if self.store.is_full() {
                    self.store.clear();
                    self.slots.fill(0);
                }
                let block = self.store.decode(memory, pages, eip, self.profile, watch)?;
                self.store.blocks.push(block);
                let count = self.store.blocks.len();
                self.slots[slot(eip)] = u32::try_from(count).expect("the store is bounded");
                count - 1
            }
        };
        let insns = &self.store.insns[range(&self.store.blocks[at].insns)];
        Ok(Found { insns, executions: &mut self.executions[slot(eip)] })
    }
}

impl Store {
    fn is_full(&self) -> bool {
        self.insns.len() + LENGTH > STORED
    }

    fn clear(&mut self) {
        self.blocks.clear();
        self.insns.clear();
        self.bytes.clear();
    }

    /// Whether a block would be decoded from the same bytes although its pages have changed.
    fn is_unchanged<M: GuestMemory>(&mut self, at: usize, memory: &M, watch: &mut WatchPage<'_>) -> bool {
        let block = &mut self.blocks[at];
        let bytes = &self.bytes[range(&block.bytes)];
        !bytes.is_empty()
            && origin::renew(&mut block.seen, watch)
            && origin::holds(memory, GuestAddr(block.eip), bytes)
    }

    fn decode<M: GuestMemory>(
        &mut self,
        memory: &M,
        pages: &Pages,
        eip: u32,
        profile: Profile,
        watch: &mut WatchPage<'_>,
    ) -> Result<Block, NoRegion> {
        let starts = (self.insns.len(), self.bytes.len());
        let mut seen: Option<[Generation; 2]> = None;
        let mut note = |page: u32| {
            if seen.is_some_and(|seen| seen.iter().any(|known| known.0 == page)) {
                return true;
            }
            // 32 instructions of 15 bytes lie on two pages at most.
            let Some(generation) = watch(page) else { return false };
            seen = Some([seen.map_or((page, generation), |seen| seen[0]), (page, generation)]);
            true
        };
        let mut at = eip;
        while self.insns.len() < starts.0 + LENGTH {
            let insn = match fetch(memory, at, profile, &mut note) {
                Ok(insn) => insn,
                Err(reason) if self.insns.len() == starts.0 => return Err(reason),
                Err(_) => break,
            };
            self.insns.push(insn);
            at = insn.next_eip();
            if insn.gate().is_some() || insn.raw().flow_control() != FlowControl::Next {
                break;
            }
        }
        let seen = seen.expect("an instruction was fetched");
        self.bytes.resize(starts.1 + at.wrapping_sub(eip) as usize, 0);
        let bytes = &mut self.bytes[starts.1..];
        let got = memory.fetch(GuestAddr(eip), bytes);
        // Only what nobody changed between decoding and now is what was decoded.
        if got != Ok(bytes.len()) || !origin::is_current(&seen, pages) {
            self.bytes.truncate(starts.1);
        }
        Ok(Block { eip, insns: since(&self.insns, starts.0), bytes: since(&self.bytes, starts.1), seen })
    }
}
