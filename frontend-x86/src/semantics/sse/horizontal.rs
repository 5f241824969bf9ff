//! SSE3: neighbours of a vector of floats added, and floats duplicated. SDM vol. 1, chapter 12.3.

use super::float::{Element, Shape, immediate, operation};
use super::shuffle::pick;
use super::{packed, scalar_source, source, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::engine::Exception;
use crate::helper_table::VecHelper;
use crate::helpers::softfloat::{Binary32, Binary64, sse};
use crate::state::CpuState;
use iced_x86::Mnemonic;

/// `HADDPS`, `HADDPD`, `HSUBPS`, `HSUBPD` — sums and differences of neighbours, the destination's first. SDM vol. 2A.
pub fn horizontal<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    use Element::{F32, F64};
    let (helper, element) = match i.mnemonic() {
        Mnemonic::Haddps => (VecHelper::AddF32, F32),
        Mnemonic::Haddpd => (VecHelper::AddF64, F64),
        Mnemonic::Hsubps => (VecHelper::SubF32, F32),
        Mnemonic::Hsubpd => (VecHelper::SubF64, F64),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let bytes = if element == F32 { 4 } else { 8 };
    packed(e, i, |e, a, b| {
        let lower = e.shuffle(a, b, pick(bytes, |n| 2 * n));
        let upper = e.shuffle(a, b, pick(bytes, |n| 2 * n + 1));
        e.vec_helper(helper, lower, upper, immediate(element, Shape::Packed, 0))
    })
}

/// `ADDSUBPS`, `ADDSUBPD` — differences of the even elements, sums of the odd ones. SDM vol. 2A.
pub fn addsub<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    match i.mnemonic() {
        Mnemonic::Addsubps => operation(e, i, VecHelper::AddSubF32, Element::F32, Shape::Packed, 0),
        Mnemonic::Addsubpd => operation(e, i, VecHelper::AddSubF64, Element::F64, Shape::Packed, 0),
        _ => Flow::Raise(Exception::InvalidOpcode),
    }
}

/// Differences and sums of binary32.
pub fn addsub_f32_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    super::float::numbered_elements(cpu, a, b, imm, |n, x, y, m| {
        if n % 2 == 0 { sse::sub::<Binary32>(x, y, m) } else { sse::add::<Binary32>(x, y, m) }
    })
}

/// Differences and sums of binary64.
pub fn addsub_f64_helper(cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    super::float::numbered_elements(cpu, a, b, imm, |n, x, y, m| {
        if n % 2 == 0 { sse::sub::<Binary64>(x, y, m) } else { sse::add::<Binary64>(x, y, m) }
    })
}

/// `MOVSLDUP`, `MOVSHDUP` — the even or the odd elements of the source, each twice. SDM vol. 2B.
pub fn duplicate<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let odd = u8::from(i.mnemonic() == Mnemonic::Movshdup);
    let b = source(e, i, 1);
    let result = e.shuffle(b, b, pick(4, |n| n & 2 | odd));
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// `MOVDDUP` — the low 64 bits of the source twice; memory may lie anywhere. SDM vol. 2B.
pub fn movddup<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let low = scalar_source(e, i, 1, Width::B64);
    let zero = e.vec_zero();
    let half = e.insert(zero, Width::B64, 0, low);
    let result = e.insert(half, Width::B64, 1, low);
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}
