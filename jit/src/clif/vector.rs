//! Vectors: 128 bits without lanes; an operation casts to the lanes it names.

use super::{Clif, Int, int_type, state_offset};
use crate::outcome::{Kind, Outcome, encode_exception};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8X16, I16X8, I32, I32X4, I64, I64X2};
use cranelift_codegen::ir::{
    ConstantData, Endianness, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Type, Value,
};
use frontend_x86::emit::{Lane, VecBitOp, VecOp, VecShift, Width};
use frontend_x86::engine::Exception;
use frontend_x86::helper_table::VecHelper;
use frontend_x86::state::CpuState;
use std::mem::offset_of;

const fn lane_type(lane: Lane) -> Type {
    match lane {
        Lane::I8x16 => I8X16,
        Lane::I16x8 => I16X8,
        Lane::I32x4 => I32X4,
        Lane::I64x2 => I64X2,
    }
}

const fn lanes_of(w: Width) -> Type {
    match w {
        Width::B8 => I8X16,
        Width::B16 => I16X8,
        Width::B32 => I32X4,
        Width::B64 => I64X2,
    }
}

fn xmm_offset(n: u8) -> i32 {
    state_offset(offset_of!(CpuState, xmm) + 16 * usize::from(n & 7))
}

impl Clif<'_> {
    fn cast(&mut self, to: Type, v: Value) -> Value {
        if self.b.func.dfg.value_type(v) == to {
            return v;
        }
        self.b.ins().bitcast(to, MemFlagsData::new().with_endianness(Endianness::Little), v)
    }

    pub(super) fn read_xmm(&mut self, n: u8) -> Value {
        let flags = MemFlagsData::trusted().with_alias_region(Some(self.regions.xmm));
        self.b.ins().load(I8X16, flags, self.state, xmm_offset(n))
    }

    pub(super) fn write_xmm(&mut self, n: u8, v: Value) {
        let flags = MemFlagsData::trusted().with_alias_region(Some(self.regions.xmm));
        self.b.ins().store(flags, v, self.state, xmm_offset(n));
    }

    pub(super) fn constant_vector(&mut self, bytes: [u8; 16]) -> Value {
        let constant = self.b.func.dfg.constants.insert(ConstantData::from(bytes.as_slice()));
        self.b.ins().vconst(I8X16, constant)
    }

    pub(super) fn insert_lane(&mut self, base: Value, w: Width, lane: u8, v: Value) -> Value {
        let cast = self.cast(lanes_of(w), base);
        let v = self.resize(v, int_type(w));
        let inserted = self.b.ins().insertlane(cast, v, lane);
        self.cast(I8X16, inserted)
    }

    pub(super) fn extract_lane(&mut self, v: Value, w: Width, lane: u8) -> Int {
        let cast = self.cast(lanes_of(w), v);
        Int { v: self.b.ins().extractlane(cast, lane), w }
    }

    pub(super) fn bitwise(&mut self, op: VecBitOp, a: Value, b: Value) -> Value {
        match op {
            VecBitOp::And => self.b.ins().band(a, b),
            VecBitOp::AndNot => self.b.ins().band_not(b, a),
            VecBitOp::Or => self.b.ins().bor(a, b),
            VecBitOp::Xor => self.b.ins().bxor(a, b),
        }
    }

    pub(super) fn lanewise(&mut self, op: VecOp, lane: Lane, a: Value, b: Value) -> Value {
        let ty = lane_type(lane);
        let (a, b) = (self.cast(ty, a), self.cast(ty, b));
        let result = match (op, lane) {
            (VecOp::Add, _) => self.b.ins().iadd(a, b),
            (VecOp::Sub, _) => self.b.ins().isub(a, b),
            (VecOp::CmpEq, _) => self.b.ins().icmp(IntCC::Equal, a, b),
            (VecOp::CmpGtSigned, _) => self.b.ins().icmp(IntCC::SignedGreaterThan, a, b),
            (VecOp::MinUnsigned, Lane::I64x2) => self.choose(IntCC::UnsignedLessThan, a, b),
            (VecOp::MaxUnsigned, Lane::I64x2) => self.choose(IntCC::UnsignedGreaterThan, a, b),
            (VecOp::MinSigned, Lane::I64x2) => self.choose(IntCC::SignedLessThan, a, b),
            (VecOp::MaxSigned, Lane::I64x2) => self.choose(IntCC::SignedGreaterThan, a, b),
            (VecOp::MinUnsigned, _) => self.b.ins().umin(a, b),
            (VecOp::MaxUnsigned, _) => self.b.ins().umax(a, b),
            (VecOp::MinSigned, _) => self.b.ins().smin(a, b),
            (VecOp::MaxSigned, _) => self.b.ins().smax(a, b),
        };
        self.cast(I8X16, result)
    }

    /// In each lane `a` where the comparison holds, else `b`.
    fn choose(&mut self, cc: IntCC, a: Value, b: Value) -> Value {
        let mask = self.b.ins().icmp(cc, a, b);
        self.b.ins().bitselect(mask, a, b)
    }

    pub(super) fn shift_lanes(&mut self, kind: VecShift, lane: Lane, a: Value, count: u32) -> Value {
        let ty = lane_type(lane);
        let bits = ty.lane_bits();
        let v = self.cast(ty, a);
        let result = match kind {
            VecShift::Shl | VecShift::Shr if count >= bits => return self.constant_vector([0; 16]),
            VecShift::Shl => self.b.ins().ishl_imm_u(v, i64::from(count)),
            VecShift::Shr => self.b.ins().ushr_imm_u(v, i64::from(count)),
            VecShift::Sar => self.b.ins().sshr_imm_u(v, i64::from(count.min(bits - 1))),
        };
        self.cast(I8X16, result)
    }

    pub(super) fn shuffle_bytes(&mut self, a: Value, b: Value, pick: [u8; 16]) -> Value {
        let zeroed = pick.iter().any(|&p| p > 31);
        let mask = pick.map(|p| if p > 31 { 0 } else { p });
        let immediate = self.b.func.dfg.immediates.push(ConstantData::from(mask.as_slice()));
        let shuffled = self.b.ins().shuffle(a, b, immediate);
        if !zeroed {
            return shuffled;
        }
        let keep = self.constant_vector(pick.map(|p| if p > 31 { 0 } else { 0xff }));
        self.b.ins().band(shuffled, keep)
    }

    pub(super) fn top_bits(&mut self, v: Value) -> Int {
        Int { v: self.b.ins().vhigh_bits(I32, v), w: Width::B32 }
    }

    /// Calls a vector helper; #XM where it says so, with the state as it was when the instruction began.
    pub(super) fn call_vec_helper(&mut self, h: VecHelper, a: Value, b: Value, imm: u32) -> Value {
        let slot = match self.vector_slot {
            Some(slot) => slot,
            None => self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 32, 4)),
        };
        self.vector_slot = Some(slot);
        self.b.ins().stack_store(I64, a, slot, 0);
        self.b.ins().stack_store(I64, b, slot, 16);
        let operands = self.b.ins().stack_addr(I64, slot, 0);
        let index = VecHelper::ALL.iter().position(|&x| x == h).expect("a row of the table");
        let args = [self.state, self.iconst(I64, index as u64), operands, self.iconst(I64, u64::from(imm))];
        let raised = self.call_words(self.env.out_of_line.vec_helper, &args);
        let raised = self.compare_zero(IntCC::NotEqual, raised);
        let outcome = Outcome::new(Kind::Raise, encode_exception(Exception::Simd));
        self.leave_where(raised, self.insn.eip(), outcome);
        self.b.ins().stack_load(I64, I8X16, slot, 0)
    }
}
