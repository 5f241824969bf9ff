//! CVT*: between the two precisions and 32-bit integers.

use super::float::{Element, OWN, Shape, immediate, operand, operation};
use super::{is_mmx, vector, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::engine::Exception;
use crate::helper_table::VecHelper;
use crate::helpers::softfloat::sse::{self, Packed};
use crate::helpers::softfloat::{Binary32, Binary64, Format, Mxcsr, Outcome, Rounding};
use crate::operand::{place, read};
use crate::state::CpuState;
use iced_x86::Mnemonic;

/// A helper's own bit: towards zero instead of by MXCSR.
pub(crate) const TRUNCATING: u32 = 1;

/// `CVTSS2SD`, `CVTSD2SS` — the low element; the rest of the destination stays.
pub fn cvt_scalar<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (helper, element) = match i.mnemonic() {
        Mnemonic::Cvtss2sd => (VecHelper::F32ToF64, Element::F32),
        Mnemonic::Cvtsd2ss => (VecHelper::F64ToF32, Element::F64),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    operation(e, i, helper, element, Shape::Scalar, 0)
}

/// The packed conversions. Where elements grow, the low half of the source is read; where they shrink, the high half of
/// the destination becomes zero.
pub fn cvt_packed<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if is_mmx(i) {
        return Flow::Raise(Exception::InvalidOpcode);
    }
    let (helper, half, own) = match i.mnemonic() {
        Mnemonic::Cvtps2pd => (VecHelper::F32ToF64, true, 0),
        Mnemonic::Cvtpd2ps => (VecHelper::F64ToF32, false, 0),
        Mnemonic::Cvtdq2ps => (VecHelper::I32ToF32, false, 0),
        Mnemonic::Cvtdq2pd => (VecHelper::I32ToF64, true, 0),
        Mnemonic::Cvtps2dq => (VecHelper::F32ToI32, false, 0),
        Mnemonic::Cvttps2dq => (VecHelper::F32ToI32, false, TRUNCATING),
        Mnemonic::Cvtpd2dq => (VecHelper::F64ToI32, false, 0),
        Mnemonic::Cvttpd2dq => (VecHelper::F64ToI32, false, TRUNCATING),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let shape = if half { Shape::Scalar } else { Shape::Packed };
    let b = operand(e, i, 1, shape, Width::B64);
    let zero = e.vec_zero();
    let result = e.vec_helper(helper, zero, b, immediate(Element::F32, Shape::Packed, own));
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// `CVTSI2SS`, `CVTSI2SD` — into the low element.
pub fn cvt_from_register<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let helper = if i.mnemonic() == Mnemonic::Cvtsi2ss { VecHelper::I32ToF32 } else { VecHelper::I32ToF64 };
    let src = place(e, i, 1);
    let integer = read(e, Width::B32, src);
    let zero = e.vec_zero();
    let b = e.insert(zero, Width::B32, 0, integer);
    let a = vector(e, i, 0);
    let result = e.vec_helper(helper, a, b, immediate(Element::F32, Shape::Scalar, 0));
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// `CVTSS2SI`, `CVTTSS2SI`, `CVTSD2SI`, `CVTTSD2SI` — the low element into a general register.
pub fn cvt_to_register<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (helper, width, own) = match i.mnemonic() {
        Mnemonic::Cvtss2si => (VecHelper::F32ToI32, Width::B32, 0),
        Mnemonic::Cvttss2si => (VecHelper::F32ToI32, Width::B32, TRUNCATING),
        Mnemonic::Cvtsd2si => (VecHelper::F64ToI32, Width::B64, 0),
        Mnemonic::Cvttsd2si => (VecHelper::F64ToI32, Width::B64, TRUNCATING),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let b = operand(e, i, 1, Shape::Scalar, width);
    let zero = e.vec_zero();
    let result = e.vec_helper(helper, zero, b, immediate(Element::F32, Shape::Scalar, own));
    let value = e.extract(result, Width::B32, 0);
    let dst = crate::operand::register_operand(i, 0).unwrap_or(Reg::Full(crate::state::Gpr::Eax));
    e.set_reg(dst, value);
    Flow::Next
}

/// Converts elements of `from` bits of `b` into elements of `to` bits over `a`.
#[expect(clippy::cast_possible_truncation, reason = "elements are cut out of vectors")]
fn elements(
    cpu: &mut CpuState,
    a: u128,
    b: u128,
    imm: u32,
    (from, to): (u32, u32),
    f: impl Fn(u64, Mxcsr) -> Outcome<u64>,
) -> u128 {
    let scalar = imm & immediate(Element::F32, Shape::Scalar, 0) != 0;
    let count = if scalar { 1 } else { 128 / from.max(to) };
    let mask = |bits: u32| u128::from(u64::MAX >> (64 - bits));
    let mxcsr = super::mxcsr(cpu);
    let mut packed = Packed::new(mxcsr);
    let mut result = a;
    for n in 0..count {
        let value = packed.take(f((b >> (n * from) & mask(from)) as u64, mxcsr));
        result = result & !(mask(to) << (n * to)) | u128::from(value) << (n * to);
    }
    cpu.mxcsr = packed.finish().0.0;
    result
}

/// binary32 to binary64.
pub fn f32_to_f64_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    elements(cpu, a, b, imm, (32, 64), sse::convert::<Binary32, Binary64>)
}

/// binary64 to binary32.
pub fn f64_to_f32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    elements(cpu, a, b, imm, (64, 32), sse::convert::<Binary64, Binary32>)
}

#[expect(clippy::cast_possible_truncation, reason = "an element of 32 bits")]
fn signed(bits: u64) -> i64 {
    i64::from((bits as u32).cast_signed())
}

/// Integers to binary32.
pub fn i32_to_f32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    elements(cpu, a, b, imm, (32, 32), |v, m| sse::from_integer::<Binary32>(signed(v), m))
}

/// Integers to binary64.
pub fn i32_to_f64_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    elements(cpu, a, b, imm, (32, 64), |v, m| sse::from_integer::<Binary64>(signed(v), m))
}

fn to_integer<F: Format>(v: u64, imm: u32, m: Mxcsr) -> Outcome<u64> {
    let rounding = if imm >> OWN & TRUNCATING != 0 { Rounding::Zero } else { m.rounding() };
    sse::to_integer::<F>(v, rounding, m).map(|n| u64::from(n.cast_unsigned()))
}

/// binary32 to integers.
pub fn f32_to_i32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    elements(cpu, a, b, imm, (32, 32), |v, m| to_integer::<Binary32>(v, imm, m))
}

/// binary64 to integers.
pub fn f64_to_i32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    elements(cpu, a, b, imm, (64, 32), |v, m| to_integer::<Binary64>(v, imm, m))
}
