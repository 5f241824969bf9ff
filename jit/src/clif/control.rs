//! How control moves: between blocks, out of the region, to out-of-line functions.

use super::flags::FlagState;
use super::{Clif, Int, state_offset};
use crate::enter::scratch;
use crate::outcome::{Kind, Outcome, encode_exception};
use crate::region::GuestBlock;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{ExtFuncData, ExternalName, InstBuilder, MemFlagsData, UserExternalName, Value};
use frontend_x86::decode::Insn;
use frontend_x86::emit::{Flow, Target};
use frontend_x86::engine::Exception;
use frontend_x86::flags::Flag;
use frontend_x86::state::{CpuState, INTERRUPT_BEFORE_STATE};
use std::mem::offset_of;

/// An instruction that code refers to by its address, which therefore stays.
#[derive(Debug)]
pub(crate) struct Kept(Box<Insn>);

/// What the code of a region refers to.
#[derive(Debug, Default)]
pub(crate) struct Exits {
    /// Targets of direct exits, by number.
    pub(crate) targets: Vec<u32>,
    /// Instructions executed out of line.
    pub(crate) insns: Vec<Kept>,
}

impl Clif<'_> {
    /// Turns the flow of an instruction into branches; whether the block goes on.
    pub(super) fn finish(&mut self, flow: Flow<Int, Value>) -> bool {
        let next = self.insn.next_eip();
        match flow {
            Flow::Next if self.modes_touched => self.leave(next, Outcome::new(Kind::Continue, 0)),
            Flow::Next => {
                if self.leave_asked {
                    self.test_interrupt(next);
                }
                return true;
            }
            Flow::EndBlock => self.leave(next, Outcome::new(Kind::Continue, 0)),
            Flow::Jump(target) | Flow::Call(target) => match target {
                Target::Direct(to) => self.jump(to),
                Target::Indirect(to) => self.jump_indirect(to.v),
            },
            Flow::Return(to) => self.jump_indirect(to.v),
            Flow::Far(to) => self.leave_to(to.v),
            Flow::Branch { taken, to } => self.branch(taken, to, next),
            Flow::Raise(e) => {
                let eip = if e.is_trap() { next } else { self.insn.eip() };
                self.leave(eip, Outcome::new(Kind::Raise, encode_exception(e)));
            }
            Flow::Gate(n) => self.leave(next, Outcome::new(Kind::Gate, u32::from(n))),
        }
        false
    }

    fn branch(&mut self, taken: Value, to: u32, next: u32) {
        if let Some(k) = self.constant(taken) {
            return self.jump(if k != 0 { to } else { next });
        }
        let (then_block, else_block) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(taken, then_block, &[], else_block, &[]);
        let before = (self.dirty, self.flags.clone(), self.flags_dirty);
        self.b.switch_to_block(else_block);
        self.jump(next);
        (self.dirty, self.flags, self.flags_dirty) = before;
        self.b.switch_to_block(then_block);
        self.jump(to);
    }

    /// Goes to a constant EIP: a block of the region, or out.
    pub(super) fn jump(&mut self, to: u32) {
        // Only edges that the region's analysis has counted lead to its blocks.
        let known = |at: &&usize| self.region.blocks[self.current].successors.contains(at);
        match self.region.index.get(&to).filter(known) {
            Some(&at) => {
                if at <= self.current {
                    self.test_interrupt(to);
                }
                self.go_to(at);
            }
            None => self.exit_to(to),
        }
    }

    /// Goes to a block of the region, in the form of state that it expects.
    pub(super) fn go_to(&mut self, at: usize) {
        let region = self.region;
        let block = &region.blocks[at];
        for r in frontend_x86::state::Gpr::ALL {
            let bit = 1 << r as u8;
            if self.dirty & bit != 0 && block.dirty_in & bit == 0 {
                let value = self.b.use_var(self.gpr[r as usize]);
                self.store_state(value, offset_of!(CpuState, gpr) + 4 * r as usize);
            }
        }
        if block.predecessors == 1 {
            self.inherited.insert(at, (self.flags.clone(), self.flags_dirty));
        } else {
            if block.carry_live_in {
                let carry = self.flag_value(Flag::Cf);
                self.b.def_var(self.carry, carry);
            }
            if block.flags_live_in {
                self.write_back_flags();
            }
        }
        self.b.ins().jump(self.blocks[at], &[]);
    }

    /// The flags at the beginning of a block with several predecessors.
    pub(super) fn joined_flags(&mut self, block: &GuestBlock) -> (FlagState, bool) {
        let mut flags = FlagState::in_memory();
        if block.carry_live_in {
            flags.know(Flag::Cf, self.b.use_var(self.carry));
        }
        (flags, false)
    }

    /// Leaves where the interrupt word or the engine's own is set; `eip` is where the guest stands.
    pub(super) fn test_interrupt(&mut self, eip: u32) {
        let flags = MemFlagsData::trusted().with_alias_region(Some(self.regions.thread));
        let offset = -i32::try_from(INTERRUPT_BEFORE_STATE).expect("small");
        let at = self.b.ins().iadd_imm_s(self.state, i64::from(offset));
        // Atomic, so that it is not merged with an earlier one.
        let word = self.b.ins().atomic_load(I64, flags, at);
        let (leave, go_on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(leave);
        self.b.ins().brif(word, leave, &[], go_on, &[]);
        let before = (self.dirty, self.flags.clone(), self.flags_dirty);
        self.b.switch_to_block(leave);
        self.leave(eip, Outcome::new(Kind::Interrupted, 0));
        (self.dirty, self.flags, self.flags_dirty) = before;
        self.b.switch_to_block(go_on);
    }

    /// Stores everything and returns to the dispatcher.
    pub(super) fn leave(&mut self, eip: u32, outcome: Outcome) {
        self.write_back();
        self.store_eip(eip);
        let value = self.iconst(I64, outcome.0);
        self.b.ins().return_(&[value]);
    }

    pub(super) fn store_eip(&mut self, eip: u32) {
        let value = self.iconst(I32, u64::from(eip));
        self.store_state(value, offset_of!(CpuState, eip));
    }

    /// Leaves to another region through a link.
    fn exit_to(&mut self, to: u32) {
        if self.modes_touched {
            return self.leave(to, Outcome::new(Kind::Continue, 0));
        }
        self.write_back();
        let number = u32::try_from(self.exits.targets.len()).expect("a bounded region");
        self.exits.targets.push(to);
        let name = self.b.func.declare_imported_user_function(UserExternalName::new(0, number));
        let function = self.b.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature: self.signatures.region,
            colocated: true,
            patchable: false,
        });
        self.b.ins().return_call(function, &[self.state, self.window]);
    }

    /// Leaves to a computed EIP, by the dispatcher.
    fn leave_to(&mut self, eip: Value) {
        self.write_back();
        self.store_state(eip, offset_of!(CpuState, eip));
        let value = self.iconst(I64, Outcome::new(Kind::Continue, 0).0);
        self.b.ins().return_(&[value]);
    }

    /// Leaves to a computed EIP, by the lookup table.
    fn jump_indirect(&mut self, eip: Value) {
        if self.modes_touched {
            return self.leave_to(eip);
        }
        self.write_back();
        let table = self.load_scratch(scratch::LOOKUP);
        let hash = {
            let high = self.b.ins().ushr_imm_u(eip, crate::lookup::FOLD);
            let mixed = self.b.ins().bxor(eip, high);
            let index = self.b.ins().band_imm_u(mixed, (self.env.lookup_entries - 1).cast_signed());
            self.b.ins().uextend(I64, index)
        };
        let offset = self.b.ins().ishl_imm_u(hash, 3);
        let slot = self.b.ins().iadd(table, offset);
        let flags = MemFlagsData::trusted().with_alias_region(Some(self.regions.thread));
        let entry = self.b.ins().load(I64, flags, slot, 0);
        let seen = self.b.ins().ireduce(I32, entry);
        let hit = self.compare(IntCC::Equal, seen, eip);
        let (found, missed) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(missed);
        self.b.ins().brif(hit, found, &[], missed, &[]);
        self.b.switch_to_block(missed);
        self.store_state(eip, offset_of!(CpuState, eip));
        let value = self.iconst(I64, Outcome::new(Kind::Lookup, 0).0);
        self.b.ins().return_(&[value]);
        self.b.switch_to_block(found);
        let code = self.load_scratch(scratch::CODE);
        let distance = self.b.ins().ushr_imm_u(entry, 32);
        let target = self.b.ins().iadd(code, distance);
        self.b.ins().return_call_indirect(self.signatures.region, target, &[self.state, self.window]);
    }

    /// Raises `e` where `c` holds, with the state as it was when the instruction began.
    pub(super) fn raise_where(&mut self, c: Value, e: Exception) {
        let eip = if e.is_trap() { self.insn.next_eip() } else { self.insn.eip() };
        self.leave_where(c, eip, Outcome::new(Kind::Raise, encode_exception(e)));
    }

    /// Leaves where `c` holds.
    pub(super) fn leave_where(&mut self, c: Value, eip: u32, outcome: Outcome) {
        if self.constant(c) == Some(0) {
            return;
        }
        let (leave, go_on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(leave);
        self.b.ins().brif(c, leave, &[], go_on, &[]);
        let before = (self.dirty, self.flags.clone(), self.flags_dirty);
        self.b.switch_to_block(leave);
        self.leave(eip, outcome);
        (self.dirty, self.flags, self.flags_dirty) = before;
        self.b.switch_to_block(go_on);
    }

    /// Executes the whole instruction on the interpreter and takes the state from there.
    pub(super) fn interpret_out_of_line(&mut self) {
        self.write_back();
        self.store_eip(self.insn.eip());
        let insn = Kept(Box::new(self.insn));
        let address = self.iconst(I64, (self.env.kept_address)(&insn.0));
        self.exits.insns.push(insn);
        let result = self.call_words(self.env.out_of_line.interpret, &[self.state, address]);
        let two = self.iconst(I64, 2);
        let exits = self.compare(IntCC::Equal, result, two);
        self.leave_where_stored(exits, Outcome::new(Kind::Pending, 0));
        let moved = self.compare_zero(IntCC::NotEqual, result);
        self.leave_where_stored(moved, Outcome::new(Kind::Continue, 0));
        self.read_again();
    }

    /// Leaves where `c` holds with the state as it is in memory, EIP included.
    pub(super) fn leave_where_stored(&mut self, c: Value, outcome: Outcome) {
        let (leave, go_on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(leave);
        self.b.ins().brif(c, leave, &[], go_on, &[]);
        self.b.switch_to_block(leave);
        let value = self.iconst(I64, outcome.0);
        self.b.ins().return_(&[value]);
        self.b.switch_to_block(go_on);
    }

    /// The base of a segment.
    pub(super) fn load_segment_base(&mut self, s: frontend_x86::state::Segment) -> Value {
        use frontend_x86::state::SegmentState;
        let offset = offset_of!(CpuState, segments)
            + s as usize * size_of::<SegmentState>()
            + offset_of!(SegmentState, base);
        let flags = self.state_flags();
        self.b.ins().load(I32, flags, self.state, state_offset(offset))
    }
}
