//! Float arithmetic inline, where its result and its flags are provably the processor's; else the helper decides.
//!
//! Under MXCSR's usual rounding, with all exceptions masked, neither FTZ nor DAZ, and the precision flag set already, an
//! operation on operands that are not denormal whose result is normal, finite and above the least normal number can
//! raise nothing but that flag: it is what every IEEE processor computes, in round to nearest, which is what translated
//! code runs under. A NaN or an infinity among the operands shows in the result, or as a zero.

use super::Clif;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32X4, F64, F64X2, I8X16, I32, I32X4, I64, I64X2};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value};
use frontend_x86::emit::Width;
use frontend_x86::flags::{CF, ZF};
use frontend_x86::helper_table::{Arithmetic, Ieee, VecHelper};
use frontend_x86::state::CpuState;
use std::mem::offset_of;

/// MXCSR's precision flag, DAZ, masks, rounding control and FTZ; and what they must be.
const CONTROL: (i64, i64) = (0xffe0, 0x1fa0);

/// MXCSR's precision flag and its mask.
const PRECISION: i64 = 0x1020;

/// A binary format.
#[derive(Clone, Copy)]
struct Format {
    floats: Type,
    word: Type,
    words: Type,
    /// Bits of the significand that are stored.
    stored: u32,
    /// The exponent of infinities and NaNs.
    top: u64,
}

const BINARY32: Format = Format { floats: F32X4, word: I32, words: I32X4, stored: 23, top: 0xff };
const BINARY64: Format = Format { floats: F64X2, word: I64, words: I64X2, stored: 52, top: 0x7ff };

impl Format {
    const fn of(w: Width) -> Self {
        if matches!(w, Width::B32) { BINARY32 } else { BINARY64 }
    }
}

impl Clif<'_> {
    /// A vector helper's operation on the lowest elements of `a` and `b`, inline where it may be.
    pub(super) fn ieee(&mut self, operation: Ieee, h: VecHelper, [a, b]: [Value; 2], imm: u32) -> Value {
        let (usable, fast) = match operation {
            Ieee::Arithmetic(arithmetic, w) => self.arithmetic(arithmetic, Format::of(w), a, b),
            Ieee::Compare(w) => self.compare_floats(Format::of(w), a, b),
            Ieee::ToInteger(w) => self.integer_of(Format::of(w), a, b),
            // Every one has its binary64.
            Ieee::FromInteger => {
                let integer = self.element(I32X4, b);
                let float = self.b.ins().fcvt_from_sint(F64, integer);
                return self.with_element(F64X2, a, float);
            }
        };
        let (exact, done) = (self.b.create_block(), self.b.create_block());
        self.b.append_block_param(done, I8X16);
        self.b.set_cold_block(exact);
        self.b.ins().brif(usable, done, &[fast.into()], exact, &[]);
        self.b.switch_to_block(exact);
        let slow = self.call_vec_helper(h, a, b, imm);
        self.b.ins().jump(done, &[slow.into()]);
        self.b.switch_to_block(done);
        self.b.block_params(done)[0]
    }

    fn arithmetic(&mut self, op: Arithmetic, format: Format, a: Value, b: Value) -> (Value, Value) {
        let (x, y) = (self.element(format.floats, a), self.element(format.floats, b));
        let result = match op {
            Arithmetic::Add => self.b.ins().fadd(x, y),
            Arithmetic::Sub => self.b.ins().fsub(x, y),
            Arithmetic::Mul => self.b.ins().fmul(x, y),
            Arithmetic::Div => self.b.ins().fdiv(x, y),
            Arithmetic::Sqrt => self.b.ins().sqrt(y),
        };
        let usable = self.is_plain(format, op, a, b, result);
        (usable, self.with_element(format.floats, a, result))
    }

    /// Neither NaN nor denormal: nothing is raised, whatever MXCSR says.
    fn compare_floats(&mut self, format: Format, a: Value, b: Value) -> (Value, Value) {
        let (x, y) = (self.element(format.floats, a), self.element(format.floats, b));
        let mut usable = self.b.ins().fcmp(FloatCC::Ordered, x, y);
        for v in [a, b] {
            let word = self.element(format.words, v);
            let plain = self.is_not_denormal(format, word);
            usable = self.b.ins().band(usable, plain);
        }
        let (equal, less) =
            (self.b.ins().fcmp(FloatCC::Equal, x, y), self.b.ins().fcmp(FloatCC::LessThan, x, y));
        let [zf, cf, none] = [ZF, CF, 0].map(|flags| self.iconst(I32, u64::from(flags)));
        let flags = self.b.ins().select(less, cf, none);
        let flags = self.b.ins().select(equal, zf, flags);
        let zero = self.constant_vector([0; 16]);
        (usable, self.with_element(I32X4, zero, flags))
    }

    /// Within the limits of integers, it can raise nothing but the precision flag, which is masked and set.
    fn integer_of(&mut self, format: Format, a: Value, b: Value) -> (Value, Value) {
        let control = self.control(PRECISION, PRECISION);
        let word = self.element(format.words, b);
        let size = self.b.ins().ishl_imm_u(word, 1);
        // 2³¹
        let limit = self.iconst(format.word, (format.top / 2 + 31) << (format.stored + 1));
        let within = self.compare(IntCC::UnsignedLessThan, size, limit);
        let float = self.element(format.floats, b);
        let integer = self.b.ins().fcvt_to_sint_sat(I32, float);
        (self.b.ins().band(control, within), self.with_element(I32X4, a, integer))
    }

    /// Whether some bits of MXCSR are these.
    fn control(&mut self, mask: i64, wanted: i64) -> Value {
        let mxcsr = self.load_state(I32, offset_of!(CpuState, mxcsr));
        let control = self.b.ins().band_imm_u(mxcsr, mask);
        self.b.ins().icmp_imm_u(IntCC::Equal, control, wanted)
    }

    /// Without its sign a denormal is between 0 and the least normal number.
    fn is_not_denormal(&mut self, format: Format, word: Value) -> Value {
        let size = self.b.ins().ishl_imm_u(word, 1);
        let below = self.plus(format, size, u64::MAX);
        let limit = self.iconst(format.word, (2 << format.stored) - 1);
        self.compare(IntCC::UnsignedGreaterThanOrEqual, below, limit)
    }

    /// Whether result and flags are those that the module's head speaks of.
    fn is_plain(
        &mut self,
        format: Format,
        arithmetic: Arithmetic,
        a: Value,
        b: Value,
        result: Value,
    ) -> Value {
        let mut holds = self.control(CONTROL.0, CONTROL.1);
        let implicit = 1u64 << format.stored;
        let source = self.element(format.words, b);
        if arithmetic == Arithmetic::Sqrt {
            // Positive and normal; then so is the root.
            let above = self.plus(format, source, implicit.wrapping_neg());
            let limit = self.iconst(format.word, (format.top - 1) << format.stored);
            let normal = self.compare(IntCC::UnsignedLessThan, above, limit);
            return self.b.ins().band(holds, normal);
        }
        for word in [self.element(format.words, a), source] {
            let plain = self.is_not_denormal(format, word);
            holds = self.b.ins().band(holds, plain);
        }
        let word = self.b.ins().bitcast(format.word, little(), result);
        let size = self.b.ins().ishl_imm_u(word, 1);
        let above = self.plus(format, size, (4 * implicit).wrapping_neg());
        let limit = self.iconst(format.word, (format.top - 2) << (format.stored + 1));
        let mut good = self.compare(IntCC::UnsignedLessThan, above, limit);
        if matches!(arithmetic, Arithmetic::Add | Arithmetic::Sub) {
            // An exact cancellation.
            let zero = self.compare_zero(IntCC::Equal, size);
            good = self.b.ins().bor(good, zero);
        }
        self.b.ins().band(holds, good)
    }

    fn plus(&mut self, format: Format, v: Value, k: u64) -> Value {
        let k = self.iconst(format.word, k);
        self.b.ins().iadd(v, k)
    }

    /// The lowest element of a vector.
    fn element(&mut self, lanes: Type, v: Value) -> Value {
        let cast = self.bits(lanes, v);
        self.b.ins().extractlane(cast, 0)
    }

    /// A vector with another lowest element.
    fn with_element(&mut self, lanes: Type, v: Value, element: Value) -> Value {
        let cast = self.bits(lanes, v);
        let inserted = self.b.ins().insertlane(cast, element, 0);
        self.bits(I8X16, inserted)
    }

    fn bits(&mut self, to: Type, v: Value) -> Value {
        if self.b.func.dfg.value_type(v) == to { v } else { self.b.ins().bitcast(to, little(), v) }
    }
}

fn little() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}
