//! The vocabulary itself: `Emit` for [`Clif`]. Most primitives are one IR instruction.

use super::{Clif, Int, int_type};
use crate::outcome::{Kind, Outcome};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Value, ValueDef};
use frontend_x86::decode::{Insn, MemoryAccess};
use frontend_x86::emit::{AtomicOp, Emit, Lane, Reg, StringInsn, VecBitOp, VecOp, VecShift, Width};
use frontend_x86::engine::Exception;
use frontend_x86::flags::{ARITHMETIC, Cond, Flag, FlagRule};
use frontend_x86::helper_table::{Helper, Scope, VecHelper};
use frontend_x86::operand::Address;
use frontend_x86::state::{CpuState, Segment, SegmentState, X87State, eflags};
use std::mem::offset_of;

/// Where the significand of x87 register `n` lies in the state.
const fn x87_register(n: u8) -> usize {
    offset_of!(CpuState, x87) + offset_of!(X87State, regs) + 16 * (n & 7) as usize
}

impl Clif<'_> {
    /// Whether a count is known to be smaller than `bits`: a constant, or masked by one.
    fn count_below(&self, n: Value, bits: u32) -> bool {
        if let Some(k) = self.constant(n) {
            return k < u64::from(bits);
        }
        let dfg = &self.b.func.dfg;
        let ValueDef::Result(inst, 0) = dfg.value_def(dfg.resolve_aliases(n)) else { return false };
        match dfg.insts[inst] {
            InstructionData::Binary { opcode: Opcode::Band, args } => {
                args.iter().any(|&x| self.constant(x).is_some_and(|k| k < u64::from(bits)))
            }
            InstructionData::Unary { opcode: Opcode::Uextend, arg } => self.count_below(arg, bits),
            _ => false,
        }
    }

    /// A shift, and what it gives for counts of at least the width.
    fn shift(&mut self, a: Int, n: Int, shifted: Value, beyond: impl FnOnce(&mut Self) -> Value) -> Int {
        let bits = a.w.bits();
        if self.count_below(n.v, bits) {
            return Int { v: shifted, w: a.w };
        }
        let beyond = beyond(self);
        if self.constant(n.v).is_some() {
            return Int { v: beyond, w: a.w };
        }
        // Counts are compared at 64 bits, where every width fits.
        let count = self.resize(n.v, I64);
        let limit = self.iconst(I64, u64::from(bits));
        let within = self.compare(IntCC::UnsignedLessThan, count, limit);
        Int { v: self.b.ins().select(within, shifted, beyond), w: a.w }
    }

    /// A count for an IR shift, which takes it modulo the width.
    fn count(&mut self, n: Int) -> Value {
        if n.w == Width::B64 { self.resize(n.v, I32) } else { n.v }
    }

    /// The divisor, with 1 in place of what must not be divided by.
    fn safe_divisor(&mut self, b: Int, bad: Value) -> Value {
        let one = self.iconst(int_type(b.w), 1);
        self.b.ins().select(bad, one, b.v)
    }

    fn is_zero(&mut self, v: Value) -> Value {
        self.compare_zero(IntCC::Equal, v)
    }

    /// Whether a / b overflows signed or divides by zero.
    fn bad_signed_division(&mut self, a: Int, b: Int) -> (Value, Value) {
        let zero = self.is_zero(b.v);
        let ty = int_type(a.w);
        let (least, minus_one) = (self.iconst(ty, 1 << (a.w.bits() - 1)), self.iconst(ty, u64::MAX));
        let is_least = self.compare(IntCC::Equal, a.v, least);
        let is_minus_one = self.compare(IntCC::Equal, b.v, minus_one);
        let overflows = self.b.ins().band(is_least, is_minus_one);
        (zero, self.b.ins().bor(zero, overflows))
    }
}

macro_rules! binary {
    ($($name:ident => $instruction:ident;)*) => {
        $(fn $name(&mut self, a: Int, b: Int) -> Int {
            debug_assert_eq!(a.w, b.w, "operands of equal width");
            Int { v: self.b.ins().$instruction(a.v, b.v), w: a.w }
        })*
    };
}

macro_rules! unary {
    ($($name:ident => $instruction:ident;)*) => {
        $(fn $name(&mut self, a: Int) -> Int {
            Int { v: self.b.ins().$instruction(a.v), w: a.w }
        })*
    };
}

impl Emit for Clif<'_> {
    type Int = Int;
    type Bool = Value;
    type Vec = Value;

    fn imm(&mut self, w: Width, k: u64) -> Int {
        Int { v: self.iconst(int_type(w), k), w }
    }
    fn bool(&mut self, k: bool) -> Value {
        self.iconst(I8, u64::from(k))
    }
    fn reg(&mut self, r: Reg) -> Int {
        let full = self.b.use_var(self.gpr[r.gpr() as usize]);
        let w = r.width();
        let v = match r {
            Reg::Full(_) => full,
            Reg::Word(_) | Reg::Low(_) => self.resize(full, int_type(w)),
            Reg::High(_) => {
                let moved = self.b.ins().ushr_imm_u(full, 8);
                self.resize(moved, int_type(w))
            }
        };
        Int { v, w }
    }
    fn set_reg(&mut self, r: Reg, v: Int) {
        let variable = self.gpr[r.gpr() as usize];
        let value = match r {
            Reg::Full(_) => self.resize(v.v, I32),
            Reg::Word(_) | Reg::Low(_) | Reg::High(_) => {
                let full = self.b.use_var(variable);
                let at = if matches!(r, Reg::High(_)) { 8 } else { 0 };
                let part = self.resize(v.v, int_type(r.width()));
                let wide = self.resize(part, I32);
                let placed = if at == 0 { wide } else { self.b.ins().ishl_imm_u(wide, at) };
                let hole = !(r.width().mask() << at) & u64::from(u32::MAX);
                let rest = self.b.ins().band_imm_u(full, hole.cast_signed());
                self.b.ins().bor(rest, placed)
            }
        };
        self.b.def_var(variable, value);
        self.dirty |= 1 << r.gpr() as u8;
    }
    fn segment_base(&mut self, s: Segment) -> Int {
        Int { v: self.load_segment_base(s), w: Width::B32 }
    }
    fn selector(&mut self, s: Segment) -> Int {
        let at = offset_of!(CpuState, segments)
            + s as usize * size_of::<SegmentState>()
            + offset_of!(SegmentState, selector);
        Int { v: self.load_state(I16, at), w: Width::B16 }
    }

    fn width(&self, v: Int) -> Width {
        v.w
    }
    binary! {
        add => iadd;
        sub => isub;
        mul => imul;
        and => band;
        or => bor;
        xor => bxor;
    }
    unary! {
        not => bnot;
        clz => clz;
        ctz => ctz;
        popcnt => popcnt;
    }
    fn udiv(&mut self, a: Int, b: Int) -> Int {
        let zero = self.is_zero(b.v);
        let divisor = self.safe_divisor(b, zero);
        let quotient = self.b.ins().udiv(a.v, divisor);
        let nothing = self.iconst(int_type(a.w), 0);
        Int { v: self.b.ins().select(zero, nothing, quotient), w: a.w }
    }
    fn urem(&mut self, a: Int, b: Int) -> Int {
        let zero = self.is_zero(b.v);
        let divisor = self.safe_divisor(b, zero);
        let remainder = self.b.ins().urem(a.v, divisor);
        Int { v: self.b.ins().select(zero, a.v, remainder), w: a.w }
    }
    fn sdiv(&mut self, a: Int, b: Int) -> Int {
        let (zero, bad) = self.bad_signed_division(a, b);
        // Where it overflows, the division by 1 gives the wrapped value.
        let divisor = self.safe_divisor(b, bad);
        let quotient = self.b.ins().sdiv(a.v, divisor);
        let nothing = self.iconst(int_type(a.w), 0);
        Int { v: self.b.ins().select(zero, nothing, quotient), w: a.w }
    }
    fn srem(&mut self, a: Int, b: Int) -> Int {
        let (zero, bad) = self.bad_signed_division(a, b);
        let divisor = self.safe_divisor(b, bad);
        let remainder = self.b.ins().srem(a.v, divisor);
        Int { v: self.b.ins().select(zero, a.v, remainder), w: a.w }
    }
    fn shl(&mut self, a: Int, n: Int) -> Int {
        let count = self.count(n);
        let shifted = self.b.ins().ishl(a.v, count);
        self.shift(a, n, shifted, |c| c.iconst(int_type(a.w), 0))
    }
    fn shr(&mut self, a: Int, n: Int) -> Int {
        let count = self.count(n);
        let shifted = self.b.ins().ushr(a.v, count);
        self.shift(a, n, shifted, |c| c.iconst(int_type(a.w), 0))
    }
    fn sar(&mut self, a: Int, n: Int) -> Int {
        let count = self.count(n);
        let shifted = self.b.ins().sshr(a.v, count);
        self.shift(a, n, shifted, |c| c.b.ins().sshr_imm_u(a.v, i64::from(a.w.bits() - 1)))
    }
    fn rotl(&mut self, a: Int, n: Int) -> Int {
        let count = self.count(n);
        Int { v: self.b.ins().rotl(a.v, count), w: a.w }
    }
    fn rotr(&mut self, a: Int, n: Int) -> Int {
        let count = self.count(n);
        Int { v: self.b.ins().rotr(a.v, count), w: a.w }
    }
    fn bswap(&mut self, a: Int) -> Int {
        if a.w == Width::B8 { a } else { Int { v: self.b.ins().bswap(a.v), w: a.w } }
    }
    fn zext(&mut self, w: Width, a: Int) -> Int {
        Int { v: self.resize(a.v, int_type(w)), w }
    }
    fn sext(&mut self, w: Width, a: Int) -> Int {
        let v = if w > a.w { self.b.ins().sextend(int_type(w), a.v) } else { self.resize(a.v, int_type(w)) };
        Int { v, w }
    }

    fn eq(&mut self, a: Int, b: Int) -> Value {
        self.compare(IntCC::Equal, a.v, b.v)
    }
    fn ult(&mut self, a: Int, b: Int) -> Value {
        self.compare(IntCC::UnsignedLessThan, a.v, b.v)
    }
    fn slt(&mut self, a: Int, b: Int) -> Value {
        self.compare(IntCC::SignedLessThan, a.v, b.v)
    }
    fn both(&mut self, a: Value, b: Value) -> Value {
        self.b.ins().band(a, b)
    }
    fn either(&mut self, a: Value, b: Value) -> Value {
        self.b.ins().bor(a, b)
    }
    fn negate(&mut self, a: Value) -> Value {
        self.not(a)
    }
    fn from_bool(&mut self, w: Width, c: Value) -> Int {
        Int { v: self.resize(c, int_type(w)), w }
    }
    fn select(&mut self, c: Value, a: Int, b: Int) -> Int {
        Int { v: self.b.ins().select(c, a.v, b.v), w: a.w }
    }

    fn address(&mut self, a: &Address) -> Int {
        Int { v: self.linear(a), w: Width::B32 }
    }
    fn in_segment(&mut self, s: Segment, offset: Int, _: u32, _: MemoryAccess) -> Int {
        Int { v: self.segmented(s, offset.v), w: Width::B32 }
    }
    // SS and CS are flat while translated code runs.
    fn stack(&mut self, offset: Int, _: u32, _: MemoryAccess) -> Int {
        offset
    }
    fn stack_pointer(&mut self, offset: Int) -> Int {
        offset
    }
    fn code_target(&mut self, _: Int) {}
    // Nor does translated code run while AC is set.
    fn check_aligned(&mut self, _: Int, _: u32) {}
    fn load(&mut self, w: Width, addr: Int) -> Int {
        Int { v: self.load_int(w, addr.v), w }
    }
    fn store(&mut self, addr: Int, v: Int) {
        self.store_int(addr.v, v.v, v.w);
    }
    fn probe_write(&mut self, addr: Int, len: u32) {
        self.probe(addr.v, len);
    }
    fn atomic(&mut self, op: AtomicOp, addr: Int, v: Int) -> Int {
        Int { v: self.locked(op, addr.v, v), w: v.w }
    }
    fn atomic_cas(&mut self, addr: Int, expected: Int, new: Int) -> Int {
        Int { v: self.locked_exchange(addr.v, expected, new.v), w: expected.w }
    }
    fn fence(&mut self) {
        self.b.ins().fence();
    }
    fn string(&mut self, s: StringInsn) {
        if !self.string_element(s) {
            self.interpret_out_of_line();
        }
    }

    fn set_flags(&mut self, rule: FlagRule, a: Int, b: Int, r: Int) {
        self.record_flags(rule, r.w, a.v, b.v, r.v);
    }
    fn set_flags_if(&mut self, c: Value, rule: FlagRule, a: Int, b: Int, r: Int) {
        match self.constant(c) {
            Some(0) => {}
            Some(_) => self.record_flags(rule, r.w, a.v, b.v, r.v),
            None => self.record_flags_where(c, rule, r.w, [a.v, b.v, r.v]),
        }
    }
    fn set_flag(&mut self, f: Flag, v: Value) {
        self.replace_flag(f, v);
    }
    fn flag(&mut self, f: Flag) -> Value {
        self.flag_value(f)
    }
    fn cond(&mut self, c: Cond) -> Value {
        self.condition(c)
    }
    fn eflags(&mut self) -> Int {
        let arithmetic = self.flag_bits();
        let others = self.load_state(I32, offset_of!(CpuState, eflags));
        Int { v: self.b.ins().bor(others, arithmetic), w: Width::B32 }
    }
    fn set_eflags(&mut self, mask: u32, v: Int) {
        if mask & ARITHMETIC != 0 {
            let bits = if mask & ARITHMETIC == ARITHMETIC {
                v.v
            } else {
                let old = self.flag_bits();
                let kept = self.b.ins().band_imm_u(old, i64::from(ARITHMETIC & !mask));
                let new = self.b.ins().band_imm_u(v.v, i64::from(ARITHMETIC & mask));
                self.b.ins().bor(kept, new)
            };
            self.replace_flags(bits);
        }
        let rest = mask & !ARITHMETIC;
        if rest != 0 {
            let at = offset_of!(CpuState, eflags);
            let old = self.load_state(I32, at);
            let kept = self.b.ins().band_imm_u(old, i64::from(!rest));
            let new = self.b.ins().band_imm_u(v.v, i64::from(rest));
            let both = self.b.ins().bor(kept, new);
            let fixed = self.b.ins().bor_imm_u(both, i64::from(eflags::FIXED | eflags::IF));
            self.store_state(fixed, at);
            self.modes_touched |= rest & (eflags::TF | eflags::AC) != 0;
        }
    }

    fn when(&mut self, c: Value, then: impl FnOnce(&mut Self)) {
        match self.constant(c) {
            Some(0) => return,
            Some(_) => return then(self),
            None => {}
        }
        let (inside, outside, join) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.ins().brif(c, inside, &[], outside, &[]);
        let before = (self.dirty, self.flags.clone(), self.flags_dirty);
        self.b.switch_to_block(inside);
        then(self);
        let changed = !self.flags.unchanged_since(&before.1);
        // Where the two ways come together changed flags are in the state: neither side's values reach beyond.
        if changed {
            self.write_back_flags();
        }
        self.b.ins().jump(join, &[]);
        let dirty = self.dirty;
        (self.dirty, self.flags, self.flags_dirty) = before;
        self.b.switch_to_block(outside);
        if changed {
            self.write_back_flags();
        }
        self.b.ins().jump(join, &[]);
        self.dirty |= dirty;
        self.b.switch_to_block(join);
        if changed {
            self.flags = super::flags::FlagState::in_memory();
        }
        self.displaced.clear();
    }
    fn raise_if(&mut self, c: Value, e: Exception) {
        self.raise_where(c, e);
    }
    fn raise_status(&mut self, status: Int) {
        self.store_state(status.v, crate::enter::scratch_offset(crate::enter::scratch::STATUS));
        let raised = self.compare_zero(IntCC::SignedLessThan, status.v);
        self.leave_where(raised, self.insn.eip(), Outcome::new(Kind::Status, 0));
    }
    fn timestamp(&mut self) -> Int {
        Int { v: self.call_words(self.env.out_of_line.timestamp, &[self.state]), w: Width::B64 }
    }
    fn random(&mut self) -> Int {
        Int { v: self.call_words(self.env.out_of_line.random, &[self.state]), w: Width::B64 }
    }

    fn xmm(&mut self, n: u8) -> Value {
        self.read_xmm(n)
    }
    fn set_xmm(&mut self, n: u8, v: Value) {
        self.write_xmm(n, v);
    }
    fn mmx(&mut self, n: u8) -> Int {
        Int { v: self.load_state(I64, x87_register(n)), w: Width::B64 }
    }
    fn set_mmx(&mut self, n: u8, v: Int) {
        self.store_state(v.v, x87_register(n));
        let ones = self.iconst(I64, 0xffff);
        self.store_state(ones, x87_register(n) + 8);
    }
    fn set_x87_tags(&mut self, valid: bool) {
        let x87 = offset_of!(CpuState, x87);
        for (at, value) in
            [(offset_of!(X87State, top), 0), (offset_of!(X87State, valid), if valid { 0xff } else { 0 })]
        {
            let value = self.iconst(I8, value);
            self.store_state(value, x87 + at);
        }
    }
    fn x87_pending(&mut self) -> Value {
        let status = self.load_state(I16, offset_of!(CpuState, x87) + offset_of!(X87State, status));
        let summary = self.b.ins().band_imm_u(status, i64::from(X87State::SUMMARY));
        self.compare_zero(IntCC::NotEqual, summary)
    }
    fn load_vec(&mut self, addr: Int, aligned: bool) -> Value {
        self.load_vector(addr.v, aligned)
    }
    fn store_vec(&mut self, addr: Int, v: Value, aligned: bool) {
        self.store_vector(addr.v, v, aligned);
    }
    fn vec_zero(&mut self) -> Value {
        self.constant_vector([0; 16])
    }
    fn insert(&mut self, base: Value, w: Width, lane: u8, v: Int) -> Value {
        self.insert_lane(base, w, lane, v.v)
    }
    fn extract(&mut self, v: Value, w: Width, lane: u8) -> Int {
        self.extract_lane(v, w, lane)
    }
    fn vec_bits(&mut self, op: VecBitOp, a: Value, b: Value) -> Value {
        self.bitwise(op, a, b)
    }
    fn vec_op(&mut self, op: VecOp, lane: Lane, a: Value, b: Value) -> Value {
        self.lanewise(op, lane, a, b)
    }
    fn vec_shift(&mut self, kind: VecShift, lane: Lane, a: Value, count: u32) -> Value {
        self.shift_lanes(kind, lane, a, count)
    }
    fn shuffle(&mut self, a: Value, b: Value, pick: [u8; 16]) -> Value {
        self.shuffle_bytes(a, b, pick)
    }
    fn byte_mask(&mut self, v: Value) -> Int {
        self.top_bits(v)
    }

    fn helper(&mut self, h: Helper, args: &[Int]) -> Int {
        if h.scope() == Scope::Whole {
            self.write_back();
        }
        let index = Helper::ALL.iter().position(|&x| x == h).expect("a row of the table");
        let mut words = vec![self.state, self.iconst(I64, index as u64)];
        for arg in args {
            words.push(self.resize(arg.v, I64));
        }
        while words.len() < 6 {
            words.push(self.iconst(I64, 0));
        }
        let v = self.call_words(self.env.out_of_line.helper, &words);
        if h.scope() == Scope::Whole {
            self.read_again();
        }
        Int { v, w: Width::B64 }
    }
    fn vec_helper(&mut self, h: VecHelper, a: Value, b: Value, imm: u32) -> Value {
        match h.ieee(imm) {
            Some(operation) => self.ieee(operation, h, [a, b], imm),
            None => self.call_vec_helper(h, a, b, imm),
        }
    }

    fn insn(&self) -> &Insn {
        &self.insn
    }
}
