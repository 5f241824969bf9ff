//! ADD SUB MUL DIV MIN MAX SQRT, packed and scalar, in both precisions. Computed out of line by soft-float.

use super::float::{Element, Shape, operation};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf};
use crate::engine::Exception;
use crate::helper_table::VecHelper;
use crate::helpers::softfloat::{Binary32, Binary64, sse};
use crate::state::CpuState;
use iced_x86::Mnemonic;

/// All of them: destination = destination ∘ source, element by element; the square root takes the source alone.
pub fn arith<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    use Element::{F32, F64};
    use Shape::{Packed, Scalar};
    let (helper, element, shape) = match i.mnemonic() {
        Mnemonic::Addps => (VecHelper::AddF32, F32, Packed),
        Mnemonic::Addss => (VecHelper::AddF32, F32, Scalar),
        Mnemonic::Addpd => (VecHelper::AddF64, F64, Packed),
        Mnemonic::Addsd => (VecHelper::AddF64, F64, Scalar),
        Mnemonic::Subps => (VecHelper::SubF32, F32, Packed),
        Mnemonic::Subss => (VecHelper::SubF32, F32, Scalar),
        Mnemonic::Subpd => (VecHelper::SubF64, F64, Packed),
        Mnemonic::Subsd => (VecHelper::SubF64, F64, Scalar),
        Mnemonic::Mulps => (VecHelper::MulF32, F32, Packed),
        Mnemonic::Mulss => (VecHelper::MulF32, F32, Scalar),
        Mnemonic::Mulpd => (VecHelper::MulF64, F64, Packed),
        Mnemonic::Mulsd => (VecHelper::MulF64, F64, Scalar),
        Mnemonic::Divps => (VecHelper::DivF32, F32, Packed),
        Mnemonic::Divss => (VecHelper::DivF32, F32, Scalar),
        Mnemonic::Divpd => (VecHelper::DivF64, F64, Packed),
        Mnemonic::Divsd => (VecHelper::DivF64, F64, Scalar),
        Mnemonic::Minps => (VecHelper::MinF32, F32, Packed),
        Mnemonic::Minss => (VecHelper::MinF32, F32, Scalar),
        Mnemonic::Minpd => (VecHelper::MinF64, F64, Packed),
        Mnemonic::Minsd => (VecHelper::MinF64, F64, Scalar),
        Mnemonic::Maxps => (VecHelper::MaxF32, F32, Packed),
        Mnemonic::Maxss => (VecHelper::MaxF32, F32, Scalar),
        Mnemonic::Maxpd => (VecHelper::MaxF64, F64, Packed),
        Mnemonic::Maxsd => (VecHelper::MaxF64, F64, Scalar),
        Mnemonic::Sqrtps => (VecHelper::SqrtF32, F32, Packed),
        Mnemonic::Sqrtss => (VecHelper::SqrtF32, F32, Scalar),
        Mnemonic::Sqrtpd => (VecHelper::SqrtF64, F64, Packed),
        Mnemonic::Sqrtsd => (VecHelper::SqrtF64, F64, Scalar),
        Mnemonic::Rcpps => (VecHelper::ReciprocalF32, F32, Packed),
        Mnemonic::Rcpss => (VecHelper::ReciprocalF32, F32, Scalar),
        Mnemonic::Rsqrtps => (VecHelper::ReciprocalRootF32, F32, Packed),
        Mnemonic::Rsqrtss => (VecHelper::ReciprocalRootF32, F32, Scalar),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    operation(e, i, helper, element, shape, 0)
}

/// Defines helpers: `imm` is the shape.
macro_rules! helpers {
    ($($(#[$doc:meta])* $name:ident = $function:path;)*) => { $(
        $(#[$doc])*
        pub fn $name(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
            super::float::elements(cpu, a, b, imm, $function)
        }
    )* };
}

helpers! {
    /// Sums of binary32.
    add_f32_helper = sse::add::<Binary32>;
    /// Sums of binary64.
    add_f64_helper = sse::add::<Binary64>;
    /// Differences of binary32.
    sub_f32_helper = sse::sub::<Binary32>;
    /// Differences of binary64.
    sub_f64_helper = sse::sub::<Binary64>;
    /// Products of binary32.
    mul_f32_helper = sse::mul::<Binary32>;
    /// Products of binary64.
    mul_f64_helper = sse::mul::<Binary64>;
    /// Quotients of binary32.
    div_f32_helper = sse::div::<Binary32>;
    /// Quotients of binary64.
    div_f64_helper = sse::div::<Binary64>;
    /// Lesser of two binary32.
    min_f32_helper = sse::min::<Binary32>;
    /// Lesser of two binary64.
    min_f64_helper = sse::min::<Binary64>;
    /// Greater of two binary32.
    max_f32_helper = sse::max::<Binary32>;
    /// Greater of two binary64.
    max_f64_helper = sse::max::<Binary64>;
}

/// Square roots of binary32.
pub fn sqrt_f32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    super::float::elements(cpu, a, b, imm, |_, b, m| sse::sqrt::<Binary32>(b, m))
}

/// Square roots of binary64.
pub fn sqrt_f64_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    super::float::elements(cpu, a, b, imm, |_, b, m| sse::sqrt::<Binary64>(b, m))
}

/// Approximate reciprocals: right to 12 bits, within the manual's bound of 1.5 · 2⁻¹². They raise nothing.
pub fn reciprocal_f32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    super::float::elements(cpu, a, b, imm, |_, b, _| sse::reciprocal(b))
}

/// Approximate reciprocals of square roots, likewise.
pub fn reciprocal_root_f32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    super::float::elements(cpu, a, b, imm, |_, b, _| sse::reciprocal_root(b))
}
