//! Finding a region: the blocks that are compiled together, and what is known about them before code is built.
//!
//! A region has one entry. It follows direct branches, forwards and backwards, within a bound of instructions and pages; calls,
//! returns, indirect branches and whatever ends a block leave it. Blocks are listed in depth-first order, so a block
//! with a single predecessor comes after it, and every cycle has an edge to the same or an earlier block: those edges
//! test for interrupts.

use frontend_x86::cpuid::Profile;
use frontend_x86::decode::{DecodeError, Insn};
use frontend_x86::effects::Effects;
use frontend_x86::flags::{ARITHMETIC, CF};
use frontend_x86::memory::GuestMemory;
use iced_x86::{FlowControl, Mnemonic};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Bounds of a region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) instructions: usize,
    /// With 1, not even a branch to the block itself stays inside.
    pub(crate) blocks: usize,
    pub(crate) pages: usize,
}

/// An instruction with what it touches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuestInsn {
    pub(crate) insn: Insn,
    pub(crate) effects: Effects,
}

/// A straight run of instructions.
#[derive(Debug)]
pub(crate) struct GuestBlock {
    pub(crate) start: u32,
    pub(crate) insns: Vec<GuestInsn>,
    /// Blocks of the region that it may go to.
    pub(crate) successors: Vec<usize>,
    /// Number of edges into it, the region's entry counted.
    pub(crate) predecessors: usize,
    /// Registers whose copy in the state may be stale when it begins.
    pub(crate) dirty_in: u8,
    /// Whether the flags it begins with can be seen by anything.
    pub(crate) flags_live_in: bool,
    /// Whether the CF it begins with is read by an instruction.
    pub(crate) carry_live_in: bool,
}

/// What is compiled at once.
#[derive(Debug)]
pub(crate) struct GuestRegion {
    pub(crate) blocks: Vec<GuestBlock>,
    pub(crate) index: HashMap<u32, usize>,
    /// Pages that its bytes lie on.
    pub(crate) pages: BTreeSet<u32>,
    /// Registers that any of its instructions touches.
    pub(crate) registers: u8,
}

impl GuestRegion {
    /// Where its instructions lie: the start and end of each block.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (u32, u32)> {
        self.blocks.iter().map(|block| {
            let end = block.insns.last().map_or(block.start, |last| last.insn.next_eip());
            (block.start, end)
        })
    }
}

/// Why there is no region at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoRegion {
    /// The first instruction is on a page whose changes cannot be seen.
    Unwatchable,
    /// The first instruction cannot be decoded.
    Undecodable,
}

/// Fetches and decodes the instruction at `eip` if `watch` accepts the pages it lies on.
pub(crate) fn fetch<M: GuestMemory>(
    memory: &M,
    eip: u32,
    profile: Profile,
    watch: &mut dyn FnMut(u32) -> bool,
) -> Result<Insn, NoRegion> {
    if !watch(eip >> 12) {
        return Err(NoRegion::Unwatchable);
    }
    let insn = Insn::fetch(memory, eip, profile).map_err(|_: DecodeError| NoRegion::Undecodable)?;
    let last = eip.wrapping_add(insn.len() - 1);
    if last >> 12 == eip >> 12 {
        return Ok(insn);
    }
    if !watch(last >> 12) {
        return Err(NoRegion::Unwatchable);
    }
    // The second page was fetched from before it was watched.
    Insn::fetch(memory, eip, profile).map_err(|_: DecodeError| NoRegion::Undecodable)
}

/// Whether a block ends behind an instruction, and where it may go by direct branches.
fn direct_successors(insn: &Insn, effects: &Effects) -> Option<Vec<u32>> {
    if insn.gate().is_some() || insn.raw().is_jmp_far() {
        return Some(Vec::new());
    }
    match insn.raw().flow_control() {
        FlowControl::ConditionalBranch => Some(vec![insn.next_eip(), insn.branch_target()]),
        FlowControl::UnconditionalBranch => Some(vec![insn.branch_target()]),
        // Where it raises nothing, it goes on.
        FlowControl::Interrupt if insn.mnemonic() == Mnemonic::Into => Some(vec![insn.next_eip()]),
        FlowControl::Next if !effects.ends_block => None,
        _ => Some(Vec::new()),
    }
}

/// Finds the region at `entry`.
///
/// # Errors
/// [`NoRegion`], about the first instruction; what cannot be followed later is left out.
pub(crate) fn discover<M: GuestMemory>(
    memory: &M,
    entry: u32,
    profile: Profile,
    limits: Limits,
    watch: &mut dyn FnMut(u32) -> bool,
) -> Result<GuestRegion, NoRegion> {
    let mut insns: BTreeMap<u32, GuestInsn> = BTreeMap::new();
    let mut leaders = BTreeSet::from([entry]);
    let mut pages = BTreeSet::new();
    let mut queue = std::collections::VecDeque::from([entry]);
    while let Some(start) = queue.pop_front() {
        let mut eip = start;
        while !insns.contains_key(&eip) && insns.len() < limits.instructions {
            if !pages.contains(&(eip >> 12)) && pages.len() >= limits.pages {
                break;
            }
            let insn = match fetch(memory, eip, profile, watch) {
                Ok(insn) => insn,
                Err(reason) if insns.is_empty() => return Err(reason),
                Err(_) => break,
            };
            pages.insert(eip >> 12);
            pages.insert(eip.wrapping_add(insn.len() - 1) >> 12);
            let effects = Effects::of(&insn);
            insns.insert(eip, GuestInsn { insn, effects });
            let Some(targets) = direct_successors(&insn, &effects) else {
                eip = insn.next_eip();
                continue;
            };
            for target in targets {
                if leaders.len() < limits.blocks && leaders.insert(target) {
                    queue.push_back(target);
                }
            }
            break;
        }
    }
    Ok(arrange(entry, &insns, &leaders, pages, limits.blocks > 1))
}

/// Cuts the instructions into blocks, in depth-first order. Without `loops` every branch leaves.
fn arrange(
    entry: u32,
    insns: &BTreeMap<u32, GuestInsn>,
    leaders: &BTreeSet<u32>,
    pages: BTreeSet<u32>,
    loops: bool,
) -> GuestRegion {
    let mut blocks: Vec<GuestBlock> = Vec::new();
    let mut targets: Vec<Vec<u32>> = Vec::new();
    let mut index = HashMap::new();
    let mut stack = vec![entry];
    while let Some(start) = stack.pop() {
        if index.contains_key(&start) || !insns.contains_key(&start) || !leaders.contains(&start) {
            continue;
        }
        let mut body: Vec<GuestInsn> = Vec::new();
        let mut eip = start;
        let next = loop {
            let Some(at) = insns.get(&eip) else { break vec![eip] };
            if eip != start && leaders.contains(&eip) {
                break vec![eip];
            }
            body.push(*at);
            if let Some(next) = direct_successors(&at.insn, &at.effects) {
                break next;
            }
            eip = at.insn.next_eip();
        };
        stack.extend(next.iter().rev());
        index.insert(start, blocks.len());
        targets.push(next);
        blocks.push(GuestBlock {
            start,
            insns: body,
            successors: Vec::new(),
            predecessors: 0,
            dirty_in: 0,
            flags_live_in: false,
            carry_live_in: false,
        });
    }
    blocks[0].predecessors = 1;
    if !loops {
        index.clear();
    }
    for (at, next) in targets.iter().enumerate() {
        for target in next {
            if let Some(&to) = index.get(target) {
                blocks[at].successors.push(to);
                blocks[to].predecessors += 1;
            }
        }
    }
    let registers = blocks
        .iter()
        .flat_map(|b| &b.insns)
        .fold(0, |all, i| all | i.effects.gpr_read | i.effects.gpr_written);
    let mut region = GuestRegion { blocks, index, pages, registers };
    region.find_dirty();
    region.find_live_flags(&targets);
    region
}

impl GuestRegion {
    /// Which registers may be stale at block starts: forwards, to a fixed point. An instruction that may fault stores
    /// everything before it writes anything. What is stale where a loop is entered is stored there, once, unless the loop
    /// itself makes it stale again.
    fn find_dirty(&mut self) {
        let mut is_loop = vec![false; self.blocks.len()];
        for (at, block) in self.blocks.iter().enumerate() {
            block.successors.iter().filter(|&&to| to <= at).for_each(|&to| is_loop[to] = true);
        }
        let mut changed = true;
        while changed {
            changed = false;
            for at in 0..self.blocks.len() {
                let block = &self.blocks[at];
                let mut dirty = block.dirty_in;
                for i in &block.insns {
                    if i.effects.may_fault || i.effects.helper_whole {
                        dirty = 0;
                    }
                    dirty |= i.effects.gpr_written;
                }
                for to in block.successors.clone() {
                    if is_loop[to] && at < to {
                        continue;
                    }
                    let before = self.blocks[to].dirty_in;
                    self.blocks[to].dirty_in |= dirty;
                    changed |= self.blocks[to].dirty_in != before;
                }
            }
        }
    }

    /// Whether flags and CF are live at block starts: backwards, to a fixed point. Whatever leaves the region and
    /// whatever may fault shows all flags.
    fn find_live_flags(&mut self, targets: &[Vec<u32>]) {
        let mut changed = true;
        while changed {
            changed = false;
            for at in (0..self.blocks.len()).rev() {
                let block = &self.blocks[at];
                let leaves = targets[at].is_empty() || targets[at].len() != block.successors.len();
                let mut live = leaves || block.successors.iter().any(|&s| self.blocks[s].flags_live_in);
                let mut carry = block.successors.iter().any(|&s| self.blocks[s].carry_live_in);
                for i in block.insns.iter().rev() {
                    let e = &i.effects;
                    live = e.may_fault
                        || e.helper_whole
                        || e.flags_read != 0
                        || live && e.flags_always_written != ARITHMETIC;
                    carry = e.flags_read & CF != 0 || carry && e.flags_always_written & CF == 0;
                }
                changed |= (live, carry) != (block.flags_live_in, block.carry_live_in);
                self.blocks[at].flags_live_in = live;
                self.blocks[at].carry_live_in = carry;
            }
        }
    }

    /// Number of instructions.
    pub(crate) fn instructions(&self) -> usize {
        self.blocks.iter().map(|b| b.insns.len()).sum()
    }
}
