//! Float arithmetic inline, where its result and its flags are provably the processor's; else the helper decides.
//!
//! Under MXCSR's usual rounding, with all exceptions masked, neither FTZ nor DAZ, and the precision flag set already, an
//! operation on operands that are not denormal whose result is normal, finite and above the least normal number can
//! raise nothing but that flag: it is what every IEEE processor computes, in round to nearest, which is what translated
//! code runs under. A NaN or an infinity among the operands shows in the result, or as a zero.

use super::Clif;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I32, I32X4, I64, I64X2};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value};
use frontend_x86::emit::Width;
use frontend_x86::helper_table::{Arithmetic, Ieee, VecHelper};
use frontend_x86::state::CpuState;
use std::mem::offset_of;

/// MXCSR's precision flag, DAZ, masks, rounding control and FTZ; and what they must be.
const CONTROL: (i64, i64) = (0xffe0, 0x1fa0);

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

impl Clif<'_> {
    /// A vector helper's operation on the lowest element of `a` and `b`, inline where it may be.
    pub(super) fn ieee(&mut self, operation: Ieee, h: VecHelper, a: Value, b: Value, imm: u32) -> Value {
        let format = if operation.width == Width::B32 { BINARY32 } else { BINARY64 };
        let (x, y) = (self.element(format.floats, a), self.element(format.floats, b));
        let result = match operation.arithmetic {
            Arithmetic::Add => self.b.ins().fadd(x, y),
            Arithmetic::Sub => self.b.ins().fsub(x, y),
            Arithmetic::Mul => self.b.ins().fmul(x, y),
            Arithmetic::Div => self.b.ins().fdiv(x, y),
            Arithmetic::Sqrt => self.b.ins().sqrt(y),
        };
        let usable = self.is_plain(format, operation.arithmetic, a, b, result);
        let (quick, exact, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.append_block_param(done, I8X16);
        self.b.set_cold_block(exact);
        self.b.ins().brif(usable, quick, &[], exact, &[]);
        self.b.switch_to_block(exact);
        let slow = self.call_vec_helper(h, a, b, imm);
        self.b.ins().jump(done, &[slow.into()]);
        self.b.switch_to_block(quick);
        let lanes = self.bits(format.floats, a);
        let inserted = self.b.ins().insertlane(lanes, result, 0);
        let fast = self.bits(I8X16, inserted);
        self.b.ins().jump(done, &[fast.into()]);
        self.b.switch_to_block(done);
        self.b.block_params(done)[0]
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
        let mxcsr = self.load_state(I32, offset_of!(CpuState, mxcsr));
        let control = self.b.ins().band_imm_u(mxcsr, CONTROL.0);
        let mut holds = self.b.ins().icmp_imm_u(IntCC::Equal, control, CONTROL.1);
        let implicit = 1u64 << format.stored;
        let source = self.element(format.words, b);
        if arithmetic == Arithmetic::Sqrt {
            // Positive and normal; then so is the root.
            let above = self.plus(format, source, implicit.wrapping_neg());
            let limit = self.iconst(format.word, (format.top - 1) << format.stored);
            let normal = self.compare(IntCC::UnsignedLessThan, above, limit);
            return self.b.ins().band(holds, normal);
        }
        // Without its sign a denormal is between 0 and the least normal number.
        for word in [self.element(format.words, a), source] {
            let size = self.b.ins().ishl_imm_u(word, 1);
            let below = self.plus(format, size, u64::MAX);
            let limit = self.iconst(format.word, 2 * implicit - 1);
            let plain = self.compare(IntCC::UnsignedGreaterThanOrEqual, below, limit);
            holds = self.b.ins().band(holds, plain);
        }
        let word = self.b.ins().bitcast(format.word, little(), result);
        let size = self.b.ins().ishl_imm_u(word, 1);
        let above = self.plus(format, size, (4 * implicit).wrapping_neg());
        let limit = self.iconst(format.word, 2 * (format.top - 2) << format.stored);
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

    fn bits(&mut self, to: Type, v: Value) -> Value {
        if self.b.func.dfg.value_type(v) == to { v } else { self.b.ins().bitcast(to, little(), v) }
    }
}

fn little() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}
