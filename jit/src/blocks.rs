//! Decoded blocks for the interpreter, kept by each thread.
//!
//! A block is a straight run of instructions on pages that are watched; it is used only while the generations of its
//! pages are those from before it was decoded.

use crate::pages::Pages;
use crate::region::{NoRegion, fetch};
use frontend_x86::decode::Insn;
use frontend_x86::memory::GuestMemory;
use iced_x86::FlowControl;
use std::cell::Cell;

/// Number of blocks kept.
const SLOTS: usize = 1 << 12;
/// Most instructions in one.
const LENGTH: usize = 32;

/// See the module head.
#[derive(Debug)]
pub(crate) struct Block {
    eip: u32,
    pub(crate) insns: Box<[Insn]>,
    /// Pages with the generations from before decoding.
    pages: Vec<(u32, u32)>,
    /// How often it was executed.
    pub(crate) executions: u32,
}

/// The blocks of one thread in one engine.
#[derive(Debug)]
pub(crate) struct BlockCache {
    identity: u64,
    slots: Box<[Option<Box<Block>>]>,
}

thread_local! {
    static CACHE: Cell<Option<Box<BlockCache>>> = const { Cell::new(None) };
}

impl BlockCache {
    /// This thread's cache for an engine.
    pub(crate) fn take(identity: u64) -> Box<Self> {
        match CACHE.take() {
            Some(cache) if cache.identity == identity => cache,
            _ => Box::new(Self { identity, slots: (0..SLOTS).map(|_| None).collect() }),
        }
    }

    /// Keeps it for the next time.
    pub(crate) fn put_back(self: Box<Self>) {
        CACHE.set(Some(self));
    }

    /// The block at `eip`, decoded now if need be; `decoded` says so.
    pub(crate) fn block<M: GuestMemory>(
        &mut self,
        memory: &M,
        pages: &Pages,
        eip: u32,
        watch: &mut dyn FnMut(u32) -> Option<u32>,
    ) -> Result<&mut Block, NoRegion> {
        let slot = &mut self.slots[(eip ^ eip >> 12) as usize & (SLOTS - 1)];
        let current = slot.as_ref().is_some_and(|b| b.eip == eip && b.is_current(pages));
        if !current {
            let executions = slot.as_ref().filter(|b| b.eip == eip).map_or(0, |b| b.executions / 2);
            *slot = Some(Box::new(Block { executions, ..Block::decode(memory, eip, watch)? }));
        }
        Ok(slot.as_mut().expect("just filled"))
    }
}

impl Block {
    #[inline]
    pub(crate) fn is_current(&self, pages: &Pages) -> bool {
        self.pages.iter().all(|&(page, generation)| pages.now(page) == generation)
    }

    fn decode<M: GuestMemory>(
        memory: &M,
        eip: u32,
        watch: &mut dyn FnMut(u32) -> Option<u32>,
    ) -> Result<Self, NoRegion> {
        let mut insns = Vec::new();
        let mut pages: Vec<(u32, u32)> = Vec::new();
        let mut at = eip;
        while insns.len() < LENGTH {
            let mut note = |page: u32| {
                if pages.iter().any(|p| p.0 == page) {
                    return true;
                }
                let generation = watch(page);
                pages.extend(generation.map(|g| (page, g)));
                generation.is_some()
            };
            let insn = match fetch(memory, at, &mut note) {
                Ok(insn) => insn,
                Err(reason) if insns.is_empty() => return Err(reason),
                Err(_) => break,
            };
            insns.push(insn);
            at = insn.next_eip();
            if insn.gate().is_some() || insn.raw().flow_control() != FlowControl::Next {
                break;
            }
        }
        Ok(Self { eip, insns: insns.into(), pages, executions: 0 })
    }
}
