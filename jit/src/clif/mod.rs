//! Builds Cranelift IR from instructions: [`Emit`](frontend_x86::emit::Emit) over IR values.
//!
//! Exact state, by write-through: guest registers are SSA variables; those whose copy in the state is stale (`dirty`)
//! and the flags are stored before anything that may leave the region, above all before each guest access, because every one
//! may fault. By the vocabulary's contract an instruction accesses memory before it writes a register, so what is
//! stored is the state at the instruction's beginning, and that is what a fault shows.
//!
//! XMM registers live in the state; Cranelift forwards stores to loads there, since they have an alias region of their own.
//!
//! A fault finds its EIP through the trap code of the access, which is its instruction's number in the region. Source
//! locations do not tell it: Cranelift moves code, folds accesses into later instructions, and forgets where they came from.

mod control;
mod flags;
mod float;
mod memory;
mod prune;
mod string;
mod vector;
mod vocabulary;

use control::Exits;
pub(crate) use control::Kept;

use crate::enter::{OutOfLine, scratch_offset};
use crate::region::GuestRegion;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{
    AbiParam, AliasRegion, AliasRegionData, Block, Inst, InstBuilder, MemFlagsData, SigRef, Signature,
    SourceLoc, StackSlot, TrapCode, Type, Value, ValueDef,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, Variable};
use flags::FlagState;
use frontend_x86::decode::Insn;
use frontend_x86::emit::Width;
use frontend_x86::engine::MemoryOrder;
use frontend_x86::flags::LazyFlags;
use frontend_x86::state::{CpuState, Gpr};
use std::collections::HashMap;
use std::mem::offset_of;

/// How many trap codes tell instructions apart, and so how many a region may have at most.
pub(crate) const TRAP_CODES: usize = 250;

/// The instruction that an access with this trap code belongs to.
pub(crate) fn access_number(code: TrapCode) -> Option<usize> {
    usize::from(code.as_raw().get()).checked_sub(1).filter(|n| *n < TRAP_CODES)
}

/// An integer value with its width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Int {
    v: Value,
    w: Width,
}

/// The type of a width.
const fn int_type(w: Width) -> Type {
    match w {
        Width::B8 => I8,
        Width::B16 => I16,
        Width::B32 => I32,
        Width::B64 => I64,
    }
}

/// What does not change from region to region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Environment {
    pub(crate) out_of_line: OutOfLine,
    pub(crate) order: MemoryOrder,
    /// Whether the host gives plain accesses x86's order and does unaligned atomic ones (x86-64).
    pub(crate) strong_host: bool,
    /// Number of entries of the lookup table, a power of two.
    pub(crate) lookup_entries: u64,
    /// The address by which code refers to an instruction that is kept for it.
    pub(crate) kept_address: fn(&Insn) -> u64,
}

/// Alias regions of the memory that translated code touches.
#[derive(Clone, Copy, Debug)]
struct Regions {
    guest: AliasRegion,
    registers: AliasRegion,
    xmm: AliasRegion,
    thread: AliasRegion,
}

/// Signatures of the functions that translated code calls.
#[derive(Clone, Copy, Debug)]
struct Signatures {
    region: SigRef,
    /// By number of 64-bit arguments, 0 to 6; the result has 64 bits.
    words: [SigRef; 7],
    flags: SigRef,
}

/// The builder of one region.
pub(crate) struct Clif<'a> {
    b: FunctionBuilder<'a>,
    env: Environment,
    region: &'a GuestRegion,
    blocks: Vec<Block>,
    /// Flags at the beginning of blocks with one predecessor.
    inherited: HashMap<usize, (FlagState, bool)>,
    state: Value,
    window: Value,
    gpr: [Variable; 8],
    /// CF at the beginning of blocks with several predecessors.
    carry: Variable,
    dirty: u8,
    flags: FlagState,
    /// Whether the flags in the state are stale.
    flags_dirty: bool,
    regions: Regions,
    signatures: Signatures,
    insn: Insn,
    /// Index of the block that is being built.
    current: usize,
    /// Number of the instruction within the region.
    number: usize,
    /// Addresses that are known as a value and a small displacement.
    displaced: Vec<(Value, Value, i32)>,
    /// Whether the instruction may have set TF or AC.
    modes_touched: bool,
    /// Whether the instruction called what may have changed the region's own code.
    leave_asked: bool,
    exits: Exits,
    /// Calls that only compute flags.
    flag_calls: Vec<Inst>,
    /// Where operands of vector helpers lie.
    vector_slot: Option<StackSlot>,
    /// EIP of every instruction, by number.
    eips: Vec<u32>,
}

/// What building a region gave besides the function.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// Direct exits by number.
    pub(crate) exits: Vec<u32>,
    /// Instructions that the code refers to.
    pub(crate) insns: Vec<Kept>,
    /// EIPs by instruction number.
    pub(crate) eips: Vec<u32>,
}

/// The signature of every region.
pub(crate) fn region_signature() -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend([AbiParam::new(I64), AbiParam::new(I64)]);
    signature.returns.push(AbiParam::new(I64));
    signature
}

fn import_signatures(b: &mut FunctionBuilder<'_>) -> Signatures {
    let words = [0usize, 1, 2, 3, 4, 5, 6].map(|n| {
        let mut s = Signature::new(CallConv::SystemV);
        s.params.extend((0..n).map(|_| AbiParam::new(I64)));
        s.returns.push(AbiParam::new(I64));
        b.import_signature(s)
    });
    let mut s = Signature::new(CallConv::SystemV);
    s.params.extend((0..4).map(|_| AbiParam::new(I32)));
    s.returns.push(AbiParam::new(I32));
    let flags = b.import_signature(s);
    Signatures { region: b.import_signature(region_signature()), words, flags }
}

impl<'a> Clif<'a> {
    /// Builds the whole of `region` into the function behind `b`.
    pub(crate) fn build(
        mut b: FunctionBuilder<'a>,
        env: Environment,
        region: &'a GuestRegion,
    ) -> (FunctionBuilder<'a>, Built) {
        let start = b.create_block();
        b.append_block_params_for_function_params(start);
        b.switch_to_block(start);
        let (state, window) = (b.block_params(start)[0], b.block_params(start)[1]);
        let signatures = import_signatures(&mut b);
        let gpr = [(); 8].map(|()| b.declare_var(I32));
        let carry = b.declare_var(I8);
        let blocks = region.blocks.iter().map(|_| b.create_block()).collect();
        let mut alias = |user_id: u32, description: &'static str| {
            b.func.dfg.alias_regions.insert(AliasRegionData { user_id, description: description.into() })
        };
        let regions = Regions {
            guest: alias(0, "guest"),
            registers: alias(1, "registers"),
            xmm: alias(2, "xmm"),
            thread: alias(3, "thread"),
        };
        let insn = region.blocks[0].insns[0].insn;
        let mut clif = Self {
            b,
            env,
            region,
            blocks,
            inherited: HashMap::new(),
            state,
            window,
            gpr,
            carry,
            dirty: 0,
            flags: FlagState::in_memory(),
            flags_dirty: false,
            regions,
            signatures,
            insn,
            current: 0,
            number: 0,
            displaced: Vec::new(),
            modes_touched: false,
            leave_asked: false,
            exits: Exits::default(),
            flag_calls: Vec::new(),
            vector_slot: None,
            eips: Vec::new(),
        };
        clif.enter_region();
        for at in 0..region.blocks.len() {
            clif.build_block(at);
        }
        clif.b.seal_all_blocks();
        if !clif.flag_calls.is_empty() {
            prune::unneeded_calls(clif.b.func, &clif.flag_calls);
        }
        let built = Built { exits: clif.exits.targets, insns: clif.exits.insns, eips: clif.eips };
        (clif.b, built)
    }

    /// Loads the registers that the region uses and goes to its first block.
    fn enter_region(&mut self) {
        self.b.set_srcloc(SourceLoc::new(0));
        for r in Gpr::ALL {
            let value = if self.region.registers >> r as u8 & 1 != 0 {
                self.load_register(r)
            } else {
                self.b.ins().iconst(I32, 0)
            };
            self.b.def_var(self.gpr[r as usize], value);
        }
        self.test_interrupt(self.region.blocks[0].start);
        self.go_to(0);
    }

    fn load_register(&mut self, r: Gpr) -> Value {
        self.load_state(I32, offset_of!(CpuState, gpr) + 4 * r as usize)
    }

    fn build_block(&mut self, at: usize) {
        let region = self.region;
        let block = &region.blocks[at];
        self.b.switch_to_block(self.blocks[at]);
        self.current = at;
        self.dirty = block.dirty_in;
        (self.flags, self.flags_dirty) = match self.inherited.remove(&at) {
            Some(inherited) => inherited,
            None => self.joined_flags(block),
        };
        let mut open = true;
        for i in &block.insns {
            open = self.build_insn(&i.insn);
            if !open {
                break;
            }
        }
        if open {
            let next = block.insns.last().map_or(block.start, |i| i.insn.next_eip());
            self.jump(next);
        }
    }

    /// Builds one instruction; whether the block goes on behind it.
    fn build_insn(&mut self, insn: &Insn) -> bool {
        self.insn = *insn;
        self.number = self.eips.len();
        self.eips.push(insn.eip());
        self.displaced.clear();
        self.modes_touched = false;
        self.leave_asked = false;
        self.b.set_srcloc(SourceLoc::new(u32::try_from(self.number + 1).expect("a bounded region")));
        let flow = frontend_x86::table::emit(self, insn);
        self.finish(flow)
    }

    // ---- small tools

    fn constant(&self, v: Value) -> Option<u64> {
        let v = self.b.func.dfg.resolve_aliases(v);
        let ValueDef::Result(inst, 0) = self.b.func.dfg.value_def(v) else { return None };
        let cranelift_codegen::ir::InstructionData::UnaryImm {
            opcode: cranelift_codegen::ir::Opcode::Iconst,
            imm,
        } = self.b.func.dfg.insts[inst]
        else {
            return None;
        };
        let bits = self.b.func.dfg.value_type(v).bits();
        Some(imm.bits().cast_unsigned() & (u64::MAX >> (64 - bits)))
    }

    fn iconst(&mut self, ty: Type, k: u64) -> Value {
        let kept = k & (u64::MAX >> (64 - ty.bits()));
        self.b.ins().iconst(ty, kept.cast_signed())
    }

    fn compare(&mut self, cc: IntCC, a: Value, b: Value) -> Value {
        self.b.ins().icmp(cc, a, b)
    }

    fn compare_zero(&mut self, cc: IntCC, a: Value) -> Value {
        let ty = self.b.func.dfg.value_type(a);
        let zero = self.b.ins().iconst(ty, 0);
        self.compare(cc, a, zero)
    }

    /// Zero-extends or truncates.
    fn resize(&mut self, v: Value, to: Type) -> Value {
        let from = self.b.func.dfg.value_type(v);
        match from.bits().cmp(&to.bits()) {
            std::cmp::Ordering::Less => match self.constant(v) {
                Some(k) => self.iconst(to, k),
                None => self.b.ins().uextend(to, v),
            },
            std::cmp::Ordering::Equal => v,
            std::cmp::Ordering::Greater => match self.constant(v) {
                Some(k) => self.iconst(to, k),
                None => self.b.ins().ireduce(to, v),
            },
        }
    }

    fn state_flags(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.regions.registers))
    }

    fn load_state(&mut self, ty: Type, offset: usize) -> Value {
        let flags = self.state_flags();
        self.b.ins().load(ty, flags, self.state, state_offset(offset))
    }

    fn store_state(&mut self, v: Value, offset: usize) {
        let flags = self.state_flags();
        self.b.ins().store(flags, v, self.state, state_offset(offset));
    }

    fn load_scratch(&mut self, index: usize) -> Value {
        self.load_state(I64, scratch_offset(index))
    }

    /// The flags of a guest access: it may trap, with the code of this instruction.
    fn guest_flags(&self) -> MemFlagsData {
        let code = u8::try_from(self.number + 1).expect("at most 250 instructions");
        MemFlagsData::new()
            .with_trap_code(Some(TrapCode::unwrap_user(code)))
            .with_alias_region(Some(self.regions.guest))
    }

    fn call_words(&mut self, function: u64, args: &[Value]) -> Value {
        let callee = self.iconst(I64, function);
        let call = self.b.ins().call_indirect(self.signatures.words[args.len()], callee, args);
        self.b.inst_results(call)[0]
    }

    /// Stores what the state does not have yet: registers and flags.
    fn write_back(&mut self) {
        self.write_back_registers();
        self.write_back_flags();
    }

    fn write_back_registers(&mut self) {
        for r in Gpr::ALL {
            if self.dirty >> r as u8 & 1 != 0 {
                let value = self.b.use_var(self.gpr[r as usize]);
                self.store_state(value, offset_of!(CpuState, gpr) + 4 * r as usize);
            }
        }
        self.dirty = 0;
    }

    /// Takes all registers and the flags from the state again.
    fn read_again(&mut self) {
        for r in Gpr::ALL {
            let value = self.load_register(r);
            self.b.def_var(self.gpr[r as usize], value);
        }
        self.dirty = 0;
        self.flags = FlagState::in_memory();
        self.flags_dirty = false;
    }
}

impl std::fmt::Debug for Clif<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clif").field("insn", &self.insn).finish_non_exhaustive()
    }
}

fn state_offset(offset: usize) -> i32 {
    i32::try_from(offset).expect("the state is small")
}

/// Places in [`FLAG_WORDS`].
const KIND: usize = 0;
/// See [`KIND`].
const B: usize = 2;
/// See [`KIND`].
const R: usize = 3;
/// Offsets of the words of the recorded flags: kind, a, b, r.
const FLAG_WORDS: [usize; 4] = {
    let flags = offset_of!(CpuState, flags);
    [
        flags + offset_of!(LazyFlags, kind),
        flags + offset_of!(LazyFlags, a),
        flags + offset_of!(LazyFlags, b),
        flags + offset_of!(LazyFlags, r),
    ]
};
