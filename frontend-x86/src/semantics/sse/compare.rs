//! CMPPS and its relatives, COMISS and UCOMISS.

use super::float::{Element, OWN, Shape, operand, operation};
use super::vector;
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::engine::Exception;
use crate::flags::{AF, CF, OF, PF, SF, ZF};
use crate::helper_table::VecHelper;
use crate::helpers::softfloat::sse::{self, Predicate};
use crate::helpers::softfloat::x87::Quiet;
use crate::helpers::softfloat::{Binary32, Binary64, Outcome};
use crate::state::CpuState;
use iced_x86::Mnemonic;

/// `CMPPS`, `CMPSS`, `CMPPD`, `CMPSD` — all ones or zero in each element, by the predicate in the immediate.
pub fn cmp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    use Element::{F32, F64};
    let (helper, element, shape) = match i.mnemonic() {
        Mnemonic::Cmpps => (VecHelper::CompareF32, F32, Shape::Packed),
        Mnemonic::Cmpss => (VecHelper::CompareF32, F32, Shape::Scalar),
        Mnemonic::Cmppd => (VecHelper::CompareF64, F64, Shape::Packed),
        Mnemonic::Cmpsd => (VecHelper::CompareF64, F64, Shape::Scalar),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    operation(e, i, helper, element, shape, predicate(i))
}

/// The predicate: three bits of the immediate count.
fn predicate(i: &Insn) -> u32 {
    (i.immediate(2) & 7) as u32
}

/// Compares binary32 elements.
pub fn compare_f32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    let predicate = Predicate::from_code(imm >> OWN);
    super::float::elements(cpu, a, b, imm, |x, y, m| sse::compare::<Binary32>(x, y, predicate, m))
}

/// Compares binary64 elements.
pub fn compare_f64_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    let predicate = Predicate::from_code(imm >> OWN);
    super::float::elements(cpu, a, b, imm, |x, y, m| sse::compare::<Binary64>(x, y, predicate, m))
}

/// `COMISS`, `UCOMISS`, `COMISD`, `UCOMISD` — ZF, PF and CF tell; OF, SF and AF are cleared.
pub fn comis<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (helper, width) = match i.mnemonic() {
        Mnemonic::Comiss => (VecHelper::OrderF32, Width::B32),
        Mnemonic::Ucomiss => (VecHelper::UnorderedF32, Width::B32),
        Mnemonic::Comisd => (VecHelper::OrderF64, Width::B64),
        Mnemonic::Ucomisd => (VecHelper::UnorderedF64, Width::B64),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let b = operand(e, i, 1, Shape::Scalar, width);
    let a = vector(e, i, 0);
    let flags = e.vec_helper(helper, a, b, 0);
    let flags = e.extract(flags, Width::B32, 0);
    e.set_eflags(CF | PF | AF | ZF | SF | OF, flags);
    Flow::Next
}

#[expect(clippy::cast_possible_truncation, reason = "the lowest element")]
fn order(
    cpu: &mut CpuState,
    a: u128,
    b: u128,
    f: impl Fn(u64, u64) -> Outcome<crate::helpers::softfloat::x87::Relation>,
) -> u128 {
    let outcome = f(a as u64, b as u64);
    cpu.mxcsr = super::mxcsr(cpu).with(outcome.raised).0;
    u128::from(outcome.value.eflags())
}

/// The flags of COMISS.
pub fn order_f32_helper(cpu: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    let (m, low) = (super::mxcsr(cpu), |x: u64| x & 0xffff_ffff);
    order(cpu, a, b, |x, y| sse::relation::<Binary32>(low(x), low(y), Quiet::No, m))
}

/// The flags of UCOMISS.
pub fn unordered_f32_helper(cpu: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    let (m, low) = (super::mxcsr(cpu), |x: u64| x & 0xffff_ffff);
    order(cpu, a, b, |x, y| sse::relation::<Binary32>(low(x), low(y), Quiet::Yes, m))
}

/// The flags of COMISD.
pub fn order_f64_helper(cpu: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    let m = super::mxcsr(cpu);
    order(cpu, a, b, |x, y| sse::relation::<Binary64>(x, y, Quiet::No, m))
}

/// The flags of UCOMISD.
pub fn unordered_f64_helper(cpu: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    let m = super::mxcsr(cpu);
    order(cpu, a, b, |x, y| sse::relation::<Binary64>(x, y, Quiet::Yes, m))
}
