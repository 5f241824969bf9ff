//! ROUNDPS and its relatives, DPPS and DPPD. SDM vol. 2A, "DPPD", 2B, "ROUNDPD".

#![expect(clippy::cast_possible_truncation, reason = "elements are cut out of vectors")]

use super::float::{Element, OWN, Shape, operation};
use super::packed;
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf};
use crate::engine::Exception;
use crate::helper_table::VecHelper;
use crate::helpers::softfloat::sse::{self, Packed};
use crate::helpers::softfloat::{Binary32, Binary64, Format, Mxcsr, Outcome, Rounding, Status};
use crate::state::CpuState;
use iced_x86::Mnemonic;

/// `ROUNDPS`, `ROUNDPD`, `ROUNDSS`, `ROUNDSD` — to integral floats, as the immediate says.
pub fn round<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    use Element::{F32, F64};
    let (helper, element, shape) = match i.mnemonic() {
        Mnemonic::Roundps => (VecHelper::RoundF32, F32, Shape::Packed),
        Mnemonic::Roundpd => (VecHelper::RoundF64, F64, Shape::Packed),
        Mnemonic::Roundss => (VecHelper::RoundF32, F32, Shape::Scalar),
        Mnemonic::Roundsd => (VecHelper::RoundF64, F64, Shape::Scalar),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    operation(e, i, helper, element, shape, u32::from(i.raw().immediate8() & 15))
}

/// One element. The instruction's immediate: rounding in the low two bits, or MXCSR's where bit 2 is set; bit 3 keeps PE
/// from being raised.
fn rounded<F: Format>(x: u64, own: u32, mxcsr: Mxcsr) -> Outcome<u64> {
    let mode = if own & 4 != 0 { mxcsr.rounding() } else { Rounding::from_code(own) };
    let mut outcome = sse::round_to_integral::<F>(x, mode, mxcsr);
    if own & 8 != 0 {
        outcome.raised = outcome.raised & Status::BEFORE;
    }
    outcome
}

/// binary32 to integral ones.
pub fn round_f32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    super::float::elements(cpu, a, b, imm, |_, y, m| rounded::<Binary32>(y, imm >> OWN, m))
}

/// binary64 to integral ones.
pub fn round_f64_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    super::float::elements(cpu, a, b, imm, |_, y, m| rounded::<Binary64>(y, imm >> OWN, m))
}

/// `DPPS`, `DPPD` — the sum of the products that the immediate's upper half chooses, in the elements that its lower half
/// chooses; the others become zero.
pub fn dot<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let helper = if i.mnemonic() == Mnemonic::Dpps { VecHelper::DotF32 } else { VecHelper::DotF64 };
    let imm = u32::from(i.raw().immediate8());
    packed(e, i, |e, a, b| e.vec_helper(helper, a, b, imm))
}

/// One step of several operations; `None` where it raised what is not masked, which ends the instruction.
fn step<const N: usize>(cpu: &mut CpuState, outcomes: [Outcome<u64>; N]) -> Option<[u64; N]> {
    let mut gathered = Packed::new(super::mxcsr(cpu));
    let values = outcomes.map(|outcome| gathered.take(outcome));
    let (mxcsr, raised) = gathered.finish();
    cpu.mxcsr = mxcsr.0;
    (!raised).then_some(values)
}

/// The products that are chosen, zero for the others.
fn products<F: Format, const N: usize>(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> Option<[u64; N]> {
    let mxcsr = super::mxcsr(cpu);
    let element = |v: u128, n: usize| (v >> (n as u32 * F::BITS)) as u64 & (u64::MAX >> (64 - F::BITS));
    step(
        cpu,
        core::array::from_fn(|n| {
            if imm >> (4 + n) & 1 != 0 {
                sse::mul::<F>(element(a, n), element(b, n), mxcsr)
            } else {
                Outcome::exact(0)
            }
        }),
    )
}

/// `sum` in the elements that are chosen.
fn spread<F: Format>(sum: u64, imm: u32) -> u128 {
    (0..128 / F::BITS).filter(|n| imm >> n & 1 != 0).fold(0, |r, n| r | u128::from(sum) << (n * F::BITS))
}

/// `DPPS`: pairs are added first.
pub fn dot_f32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    let mut sum = || {
        let [p, q, r, s] = products::<Binary32, 4>(cpu, a, b, imm)?;
        let mxcsr = super::mxcsr(cpu);
        let [low, high] = step(cpu, [sse::add::<Binary32>(p, q, mxcsr), sse::add::<Binary32>(r, s, mxcsr)])?;
        let [sum] = step(cpu, [sse::add::<Binary32>(low, high, mxcsr)])?;
        Some(sum)
    };
    sum().map_or(a, |sum| spread::<Binary32>(sum, imm))
}

/// `DPPD`.
pub fn dot_f64_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    let mut sum = || {
        let [p, q] = products::<Binary64, 2>(cpu, a, b, imm)?;
        let mxcsr = super::mxcsr(cpu);
        let [sum] = step(cpu, [sse::add::<Binary64>(p, q, mxcsr)])?;
        Some(sum)
    };
    sum().map_or(a, |sum| spread::<Binary64>(sum, imm))
}
