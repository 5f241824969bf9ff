//! Decoded blocks for the interpreter, kept by each thread.
//!
//! A block is a straight run of instructions on pages that are watched, used while what it was decoded from is the same
//! ([`Origin`]).

use crate::origin::{Origin, WatchPage};
use crate::pages::Pages;
use crate::region::{NoRegion, fetch};
use frontend_x86::decode::Insn;
use frontend_x86::memory::GuestMemory;
use iced_x86::FlowControl;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of blocks kept.
const SLOTS: usize = 1 << 12;
/// Most instructions in one.
const LENGTH: usize = 32;

/// See the module head.
#[derive(Debug)]
pub(crate) struct Block {
    eip: u32,
    pub(crate) insns: Box<[Insn]>,
    origin: Origin,
    /// The engine's count of changes when it was last seen to be current.
    current_at: u64,
    /// How often it was executed.
    pub(crate) executions: u32,
}

/// The blocks of one thread in one engine.
#[derive(Debug)]
pub(crate) struct BlockCache {
    identity: u64,
    slots: Box<[Option<Box<Block>>]>,
}

/// What blocks are decoded from, and what tells whether they are current.
#[derive(Debug)]
pub(crate) struct Source<'a, M: GuestMemory> {
    pub(crate) memory: &'a M,
    pub(crate) pages: &'a Pages,
    /// Grows with every change of a page, after the page's generation and before its bytes.
    pub(crate) changes: &'a AtomicU64,
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

    /// The block at `eip`, decoded now if need be.
    pub(crate) fn block<M: GuestMemory>(
        &mut self,
        source: &Source<'_, M>,
        eip: u32,
        watch: &mut WatchPage<'_>,
    ) -> Result<&mut Block, NoRegion> {
        let slot = &mut self.slots[(eip ^ eip >> 12) as usize & (SLOTS - 1)];
        let changes = source.changes.load(Ordering::Acquire);
        let current = slot.as_mut().filter(|b| b.eip == eip).is_some_and(|b| {
            b.current_at == changes
                || b.origin.is_current(source.pages)
                || b.origin.is_unchanged(source.memory, watch)
        });
        if !current {
            let executions = slot.as_ref().filter(|b| b.eip == eip).map_or(0, |b| b.executions / 2);
            *slot = Some(Box::new(Block { executions, ..Block::decode(source, eip, watch)? }));
        }
        let block = slot.as_mut().expect("just filled");
        block.current_at = changes;
        Ok(block)
    }
}

impl Block {
    fn decode<M: GuestMemory>(
        source: &Source<'_, M>,
        eip: u32,
        watch: &mut WatchPage<'_>,
    ) -> Result<Self, NoRegion> {
        let mut insns: Vec<Insn> = Vec::new();
        let mut origin = Origin::default();
        let mut at = eip;
        while insns.len() < LENGTH {
            let insn = match fetch(source.memory, at, &mut |page| origin.note(page, watch)) {
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
        origin.keep_bytes(source.memory, source.pages, std::iter::once((eip, at)));
        Ok(Self { eip, insns: insns.into(), origin, current_at: 0, executions: 0 })
    }
}
