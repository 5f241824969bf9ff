//! The arithmetic flags while code is built: the operation they follow from, known at translation time where possible.
//!
//! Conditions are built from the operands of the operation (`cmp; jl` becomes a signed compare), single flags by the
//! formulas of [`frontend_x86::flags`], and nothing is computed that nothing reads. Only where the rule itself is not known
//! (flags from before the region, or after a shift by a variable count) is a function called.

use super::{B, Clif, FLAG_WORDS, KIND, R};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I32, I64};
use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Value, ValueDef};
use frontend_x86::emit::Width;
use frontend_x86::flags::{ARITHMETIC, Cond, Flag, FlagRule, LazyFlags};

/// All flags.
pub(super) const FLAGS: [Flag; 6] = [Flag::Cf, Flag::Pf, Flag::Af, Flag::Zf, Flag::Sf, Flag::Of];

/// What the flags follow from, before single ones are replaced.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    /// What the state records.
    Memory,
    /// An operation of a known rule, its operands at width `w`.
    Rule { rule: FlagRule, w: Width, a: Value, b: Value, r: Value },
    /// An operation whose rule is computed: kind, a, b, r, 32 bits each.
    Computed([Value; 4]),
}

/// The flags at a point of the region.
#[derive(Clone, Debug)]
pub(super) struct FlagState {
    base: Base,
    /// Single flags that are known as truth values, by index in [`FLAGS`]; they override the base.
    known: [Option<Value>; 6],
    /// Whether `known` says the same as the base.
    agrees: bool,
    /// Grows with every change.
    version: u32,
}

impl FlagState {
    pub(super) const fn in_memory() -> Self {
        Self { base: Base::Memory, known: [None; 6], agrees: true, version: 0 }
    }

    /// Whether these are the same flags: nothing was recorded or replaced in between.
    pub(super) const fn unchanged_since(&self, before: &Self) -> bool {
        self.version == before.version
    }

    /// Adds what is known besides about a flag of the base.
    pub(super) fn know(&mut self, f: Flag, v: Value) {
        self.known[index(f)] = Some(v);
    }
}

fn index(f: Flag) -> usize {
    match f {
        Flag::Cf => 0,
        Flag::Pf => 1,
        Flag::Af => 2,
        Flag::Zf => 3,
        Flag::Sf => 4,
        Flag::Of => 5,
    }
}

impl Clif<'_> {
    pub(super) fn record_flags(&mut self, rule: FlagRule, w: Width, a: Value, b: Value, r: Value) {
        let version = self.flags.version + 1;
        self.flags =
            FlagState { base: Base::Rule { rule, w, a, b, r }, known: [None; 6], agrees: true, version };
        self.flags_dirty = true;
    }

    /// Replaces one flag.
    pub(super) fn replace_flag(&mut self, f: Flag, v: Value) {
        self.flags.known[index(f)] = Some(v);
        self.flags.agrees = false;
        self.flags.version += 1;
        self.flags_dirty = true;
    }

    /// Replaces all flags by EFLAGS bits, 32 bits wide.
    pub(super) fn replace_flags(&mut self, bits: Value) {
        let kept = self.b.ins().band_imm_u(bits, i64::from(ARITHMETIC));
        self.record_flags(FlagRule::Raw, Width::B8, kept, kept, kept);
    }

    /// Records an operation where `c` holds and leaves the flags as they are elsewhere.
    pub(super) fn record_flags_where(&mut self, c: Value, rule: FlagRule, w: Width, [a, b, r]: [Value; 3]) {
        let old = self.flag_words();
        let kind = self.iconst(I32, u64::from(LazyFlags::kind(rule, w)));
        let new = [kind, a, b, r].map(|v| self.resize(v, I32));
        let mut chosen = new;
        for (slot, (new, old)) in chosen.iter_mut().zip(new.into_iter().zip(old)) {
            *slot = self.b.ins().select(c, new, old);
        }
        let version = self.flags.version + 1;
        self.flags = FlagState { base: Base::Computed(chosen), known: [None; 6], agrees: true, version };
        self.flags_dirty = true;
    }

    /// The four words that record the flags.
    fn flag_words(&mut self) -> [Value; 4] {
        if !self.flags.agrees {
            let bits = self.flag_bits();
            let raw = self.iconst(I32, 0);
            return [raw, bits, raw, raw];
        }
        match self.flags.base {
            Base::Memory => FLAG_WORDS.map(|at| self.load_state(I32, at)),
            Base::Rule { rule, w, a, b, r } => {
                let kind = self.iconst(I32, u64::from(LazyFlags::kind(rule, w)));
                [kind, a, b, r].map(|v| self.resize(v, I32))
            }
            Base::Computed(words) => words,
        }
    }

    /// Stores the flags if the state does not have them.
    pub(super) fn write_back_flags(&mut self) {
        if !self.flags_dirty {
            return;
        }
        // Only the words that the rule looks at.
        let needed = match (self.flags.agrees, self.flags.base) {
            (false, _) => [true, true, false, false],
            (true, Base::Rule { rule, .. }) => match rule {
                FlagRule::Raw => [true, true, false, false],
                FlagRule::Logic => [true, false, false, true],
                FlagRule::Inc | FlagRule::Dec | FlagRule::Mul => [true, false, true, true],
                FlagRule::Add | FlagRule::Sub => [true, true, true, false],
                FlagRule::Shl | FlagRule::Shr | FlagRule::Sar | FlagRule::Adc | FlagRule::Sbb => [true; 4],
            },
            (true, Base::Memory) => [false; 4],
            (true, Base::Computed(_)) => [true; 4],
        };
        let words = self.flag_words();
        let stored = self.store_constants(words, needed);
        for (((word, at), needed), stored) in words.into_iter().zip(FLAG_WORDS).zip(needed).zip(stored) {
            if needed && !stored {
                self.store_state(word, at);
            }
        }
        self.flags_dirty = false;
    }

    /// Stores the kind together with a neighbour that is constant too; which words that were.
    fn store_constants(&mut self, words: [Value; 4], needed: [bool; 4]) -> [bool; 4] {
        const { assert!(FLAG_WORDS[B] + 4 == FLAG_WORDS[KIND] && FLAG_WORDS[KIND] + 4 == FLAG_WORDS[R]) };
        let mut stored = [false; 4];
        for (low, high) in [(B, KIND), (KIND, R)] {
            if let (true, Some(l), Some(h)) =
                (needed[low] && needed[high], self.constant(words[low]), self.constant(words[high]))
            {
                let both = self.iconst(I64, l | h << 32);
                self.store_state(both, FLAG_WORDS[low]);
                (stored[low], stored[high]) = (true, true);
                break;
            }
        }
        stored
    }

    /// All six flags as EFLAGS bits.
    pub(super) fn flag_bits(&mut self) -> Value {
        if self.flags.agrees {
            match self.flags.base {
                Base::Rule { rule: FlagRule::Raw, a, .. } => return a,
                Base::Memory | Base::Computed(_) => return self.call_flags(),
                Base::Rule { .. } => {}
            }
        }
        let mut bits = None;
        for f in FLAGS {
            let holds = self.flag_value(f);
            let wide = self.resize(holds, I32);
            let placed = self.b.ins().ishl_imm_u(wide, i64::from((f as u32).trailing_zeros()));
            bits = Some(bits.map_or(placed, |bits| self.b.ins().bor(bits, placed)));
        }
        bits.expect("six flags")
    }

    /// Has the base evaluated out of line; from then on it is known as bits.
    fn call_flags(&mut self) -> Value {
        let words = match self.flags.base {
            Base::Memory => FLAG_WORDS.map(|at| self.load_state(I32, at)),
            Base::Computed(words) => words,
            Base::Rule { .. } => unreachable!("rules are evaluated inline"),
        };
        let callee = self.iconst(I64, self.env.out_of_line.flags);
        let call = self.b.ins().call_indirect(self.signatures.flags, callee, &words);
        self.flag_calls.push(call);
        let bits = self.b.inst_results(call)[0];
        self.flags.base = Base::Rule { rule: FlagRule::Raw, w: Width::B8, a: bits, b: bits, r: bits };
        bits
    }

    /// One flag as a truth value.
    pub(super) fn flag_value(&mut self, f: Flag) -> Value {
        if let Some(v) = self.flags.known[index(f)] {
            return v;
        }
        if !matches!(self.flags.base, Base::Rule { .. }) {
            self.call_flags();
        }
        let Base::Rule { rule, w, a, b, r } = self.flags.base else { unreachable!("just evaluated") };
        let v = self.flag_by_rule(f, rule, w, a, b, r);
        self.flags.known[index(f)] = Some(v);
        v
    }

    /// Bit `at` of a value as a truth value.
    fn bit(&mut self, v: Value, at: u32) -> Value {
        let ty = self.b.func.dfg.value_type(v);
        if at + 1 == ty.bits() {
            return self.compare_zero(IntCC::SignedLessThan, v);
        }
        let masked = self.b.ins().band_imm_u(v, 1i64 << at);
        self.compare_zero(IntCC::NotEqual, masked)
    }

    fn truth(&mut self, k: bool) -> Value {
        self.iconst(I8, u64::from(k))
    }

    /// One flag of an operation. The formulas are those of `LazyFlags::bits`.
    fn flag_by_rule(&mut self, f: Flag, rule: FlagRule, w: Width, a: Value, b: Value, r: Value) -> Value {
        let top = w.bits() - 1;
        let ty = self.b.func.dfg.value_type(r);
        match (f, rule) {
            (_, FlagRule::Raw) => {
                let masked = self.b.ins().band_imm_u(a, i64::from(f as u32));
                self.compare_zero(IntCC::NotEqual, masked)
            }
            (Flag::Zf, _) => self.compare_zero(IntCC::Equal, r),
            (Flag::Sf, _) => self.compare_zero(IntCC::SignedLessThan, r),
            (Flag::Pf, _) => self.parity(r),
            (Flag::Cf, FlagRule::Logic) | (Flag::Of, FlagRule::Logic | FlagRule::Sar) => self.truth(false),
            (Flag::Af, FlagRule::Add | FlagRule::Sub | FlagRule::Adc | FlagRule::Sbb) => {
                let x = self.b.ins().bxor(a, b);
                let x = self.b.ins().bxor(x, r);
                self.bit(x, 4)
            }
            (Flag::Af, FlagRule::Inc | FlagRule::Dec) => {
                let low = self.b.ins().band_imm_u(r, 15);
                let wanted = self.iconst(ty, if rule == FlagRule::Inc { 0 } else { 15 });
                self.compare(IntCC::Equal, low, wanted)
            }
            (Flag::Af, _) => self.truth(matches!(rule, FlagRule::Shl | FlagRule::Shr | FlagRule::Sar)),
            (Flag::Cf, FlagRule::Add) => self.compare(IntCC::UnsignedLessThan, r, a),
            (Flag::Cf, FlagRule::Adc) => {
                let both = self.b.ins().band(a, b);
                let either = self.b.ins().bor(a, b);
                let lost = self.b.ins().band_not(either, r);
                let carry = self.b.ins().bor(both, lost);
                self.bit(carry, top)
            }
            (Flag::Cf, FlagRule::Sub) => self.compare(IntCC::UnsignedLessThan, a, b),
            (Flag::Cf, FlagRule::Sbb) => {
                let only_b = self.b.ins().band_not(b, a);
                let differ = self.b.ins().bxor(a, b);
                let same = self.b.ins().band_not(r, differ);
                let borrow = self.b.ins().bor(only_b, same);
                self.bit(borrow, top)
            }
            (Flag::Of, FlagRule::Add | FlagRule::Adc) => {
                let x = self.b.ins().bxor(a, r);
                let y = self.b.ins().bxor(b, r);
                let both = self.b.ins().band(x, y);
                self.bit(both, top)
            }
            (Flag::Of, FlagRule::Sub | FlagRule::Sbb) => {
                let x = self.b.ins().bxor(a, b);
                let y = self.b.ins().bxor(a, r);
                let both = self.b.ins().band(x, y);
                self.bit(both, top)
            }
            (Flag::Cf, FlagRule::Inc | FlagRule::Dec | FlagRule::Mul) | (Flag::Of, FlagRule::Mul) => {
                self.compare_zero(IntCC::NotEqual, b)
            }
            (Flag::Of, FlagRule::Inc | FlagRule::Dec) => {
                let k = if rule == FlagRule::Inc { 1 << top } else { (1u64 << top) - 1 };
                let wanted = self.iconst(ty, k);
                self.compare(IntCC::Equal, r, wanted)
            }
            (Flag::Cf, FlagRule::Shl | FlagRule::Shr | FlagRule::Sar) => self.shifted_out(rule, w, a, b),
            (Flag::Of, FlagRule::Shl) => {
                // Not `flag_value`: CF may have been replaced since.
                let carry = self.shifted_out(rule, w, a, b);
                let sign = self.compare_zero(IntCC::SignedLessThan, r);
                let differ = self.b.ins().bxor(carry, sign);
                if w == Width::B32 {
                    return differ;
                }
                let limit = self.iconst(ty, u64::from(w.bits()));
                let within = self.compare(IntCC::UnsignedLessThanOrEqual, b, limit);
                self.b.ins().band(differ, within)
            }
            (Flag::Of, FlagRule::Shr) => {
                let sign = self.compare_zero(IntCC::SignedLessThan, a);
                let one = self.iconst(ty, 1);
                let once = self.compare(IntCC::Equal, b, one);
                self.b.ins().band(sign, once)
            }
        }
    }

    /// The last bit that a shift by `b` (1–31) moved out.
    fn shifted_out(&mut self, rule: FlagRule, w: Width, a: Value, b: Value) -> Value {
        let wide = self.resize(a, I32);
        let count = self.resize(b, I32);
        let bits = i64::from(w.bits());
        match rule {
            FlagRule::Shl => {
                // The bit at `bits`, after a shift that has room for it: 64 bits are enough for every count.
                let room = self.b.ins().uextend(I64, wide);
                let moved = self.b.ins().ishl(room, count);
                self.bit(moved, w.bits())
            }
            FlagRule::Shr => {
                let before = self.b.ins().iadd_imm_s(count, -1);
                let moved = self.b.ins().ushr(wide, before);
                self.bit(moved, 0)
            }
            _ => {
                let signed = if w == Width::B32 { wide } else { self.b.ins().sextend(I32, a) };
                let before = self.b.ins().iadd_imm_s(count, -1);
                let limit = self.iconst(I32, (bits - 1).cast_unsigned());
                let before = self.b.ins().umin(before, limit);
                let moved = self.b.ins().sshr(signed, before);
                self.bit(moved, 0)
            }
        }
    }

    /// Even parity of the low byte.
    fn parity(&mut self, r: Value) -> Value {
        let byte = self.resize(r, I32);
        let x = self.b.ins().ushr_imm_u(byte, 4);
        let x = self.b.ins().bxor(byte, x);
        // A 16-entry table in a constant: bit n is set where n has an odd number of ones.
        let nibble = self.b.ins().band_imm_u(x, 15);
        let table = self.iconst(I32, 0x6996);
        let odd = self.b.ins().ushr(table, nibble);
        let odd = self.b.ins().band_imm_u(odd, 1);
        self.compare_zero(IntCC::Equal, odd)
    }

    /// Whether a condition holds.
    pub(super) fn condition(&mut self, c: Cond) -> Value {
        if let (true, Base::Rule { rule, a, b, r, .. }) = (self.flags.agrees, self.flags.base)
            && let Some(v) = self.condition_by_operands(c, rule, a, b, r)
        {
            return v;
        }
        let positive = match c {
            Cond::O | Cond::No => self.flag_value(Flag::Of),
            Cond::B | Cond::Ae => self.flag_value(Flag::Cf),
            Cond::E | Cond::Ne => self.flag_value(Flag::Zf),
            Cond::S | Cond::Ns => self.flag_value(Flag::Sf),
            Cond::P | Cond::Np => self.flag_value(Flag::Pf),
            Cond::Be | Cond::A => {
                let (carry, zero) = (self.flag_value(Flag::Cf), self.flag_value(Flag::Zf));
                self.b.ins().bor(carry, zero)
            }
            Cond::L | Cond::Ge => self.flags_less(),
            Cond::Le | Cond::G => {
                let (less, zero) = (self.flags_less(), self.flag_value(Flag::Zf));
                self.b.ins().bor(less, zero)
            }
        };
        if c as u8 & 1 == 0 { positive } else { self.not(positive) }
    }

    fn flags_less(&mut self) -> Value {
        let (sign, overflow) = (self.flag_value(Flag::Sf), self.flag_value(Flag::Of));
        self.b.ins().bxor(sign, overflow)
    }

    /// A condition as one compare of the operands, where there is one.
    fn condition_by_operands(
        &mut self,
        c: Cond,
        rule: FlagRule,
        a: Value,
        b: Value,
        r: Value,
    ) -> Option<Value> {
        use IntCC::{
            Equal, NotEqual, SignedGreaterThan, SignedGreaterThanOrEqual, SignedLessThan,
            SignedLessThanOrEqual, UnsignedGreaterThan, UnsignedGreaterThanOrEqual, UnsignedLessThan,
            UnsignedLessThanOrEqual,
        };
        let compare = match c {
            Cond::E => Equal,
            Cond::Ne => NotEqual,
            Cond::B => UnsignedLessThan,
            Cond::Ae => UnsignedGreaterThanOrEqual,
            Cond::Be => UnsignedLessThanOrEqual,
            Cond::A => UnsignedGreaterThan,
            Cond::L => SignedLessThan,
            Cond::Ge => SignedGreaterThanOrEqual,
            Cond::Le => SignedLessThanOrEqual,
            Cond::G => SignedGreaterThan,
            _ => return None,
        };
        let signed = matches!(c, Cond::L | Cond::Ge | Cond::Le | Cond::G);
        let equality = matches!(c, Cond::E | Cond::Ne);
        let ty = self.b.func.dfg.value_type(r);
        match rule {
            FlagRule::Sub => Some(self.compare(compare, a, b)),
            // CF = OF = 0: what remains is the sign and zero of the result.
            FlagRule::Logic if signed => Some(self.compare_zero(compare, r)),
            FlagRule::Dec if signed => {
                let one = self.iconst(ty, 1);
                Some(self.compare(compare, a, one))
            }
            FlagRule::Inc if signed => {
                let minus_one = self.iconst(ty, u64::MAX);
                Some(self.compare(compare, a, minus_one))
            }
            FlagRule::Raw => None,
            _ if equality => Some(self.compare_zero(compare, r)),
            _ => None,
        }
    }

    /// The opposite of a truth value.
    pub(super) fn not(&mut self, v: Value) -> Value {
        if let Some(k) = self.constant(v) {
            return self.truth(k == 0);
        }
        let dfg = &self.b.func.dfg;
        if let ValueDef::Result(inst, 0) = dfg.value_def(dfg.resolve_aliases(v))
            && let InstructionData::IntCompare { opcode: Opcode::Icmp, args, cond } = dfg.insts[inst]
        {
            use cranelift_codegen::ir::condcodes::CondCode;
            return self.b.ins().icmp(cond.complement(), args[0], args[1]);
        }
        self.b.ins().bxor_imm_u(v, 1)
    }
}
