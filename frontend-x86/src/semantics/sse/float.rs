//! What the float instructions share: elements of a register, and how a helper is told which of them count.

use super::{source, vector, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::helper_table::VecHelper;
use crate::helpers::softfloat::sse::Packed;
use crate::helpers::softfloat::{Mxcsr, Outcome};
use crate::operand::linear;
use crate::state::CpuState;

/// What an element is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Element {
    F32,
    F64,
}

impl Element {
    pub(super) const fn width(self) -> Width {
        match self {
            Self::F32 => Width::B32,
            Self::F64 => Width::B64,
        }
    }
}

/// Which elements an instruction works on; those left keep what the destination had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    Packed,
    Scalar,
}

/// Bits of a helper's immediate: the elements are binary64; only the lowest counts. What lies above is the helper's.
const DOUBLE: u32 = 1;
const SCALAR: u32 = 2;
/// Where a helper's own part of the immediate begins.
pub(super) const OWN: u32 = 2;

/// Whether a helper with this immediate works on the lowest elements alone.
pub(crate) const fn is_scalar(imm: u32) -> bool {
    imm & SCALAR != 0
}

/// Whether a conversion with this immediate rounds towards zero.
pub(crate) const fn is_truncating(imm: u32) -> bool {
    imm >> OWN & super::convert::TRUNCATING != 0
}

/// A helper's immediate.
pub(super) const fn immediate(element: Element, shape: Shape, own: u32) -> u32 {
    let double = if matches!(element, Element::F64) { DOUBLE } else { 0 };
    let scalar = if matches!(shape, Shape::Scalar) { SCALAR } else { 0 };
    double | scalar | own << OWN
}

/// Operand `n` as a vector: a register, 16 aligned bytes of memory, or one element from memory.
pub(super) fn operand<E: Emit>(e: &mut E, i: &Insn, n: u32, shape: Shape, width: Width) -> E::Vec {
    if shape == Shape::Packed || !i.is_memory(n) {
        return source(e, i, n);
    }
    let at = linear(e, i);
    let value = e.load(width, at);
    let zero = e.vec_zero();
    e.insert(zero, width, 0, value)
}

/// destination = helper(destination, source)
pub(super) fn operation<E: Emit>(
    e: &mut E,
    i: &Insn,
    helper: VecHelper,
    element: Element,
    shape: Shape,
    own: u32,
) -> FlowOf<E> {
    let b = operand(e, i, 1, shape, element.width());
    let a = vector(e, i, 0);
    let result = e.vec_helper(helper, a, b, immediate(element, shape, own));
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// Applies `f` to each pair of elements that counts, and gathers what they raise in MXCSR.
pub(super) fn elements(
    cpu: &mut CpuState,
    a: u128,
    b: u128,
    imm: u32,
    f: impl Fn(u64, u64, Mxcsr) -> Outcome<u64>,
) -> u128 {
    numbered_elements(cpu, a, b, imm, |_, x, y, mxcsr| f(x, y, mxcsr))
}

/// Likewise with the number of the element.
#[expect(clippy::cast_possible_truncation, reason = "elements are cut out of vectors")]
pub(super) fn numbered_elements(
    cpu: &mut CpuState,
    a: u128,
    b: u128,
    imm: u32,
    f: impl Fn(u32, u64, u64, Mxcsr) -> Outcome<u64>,
) -> u128 {
    let bits = if imm & DOUBLE != 0 { 64 } else { 32 };
    let count = if imm & SCALAR != 0 { 1 } else { 128 / bits };
    let mask = u128::from(u64::MAX >> (64 - bits));
    let mxcsr = Mxcsr(cpu.mxcsr);
    let mut packed = Packed::new(mxcsr);
    let mut result = a;
    for n in 0..count {
        let at = n * bits;
        let (x, y) = ((a >> at & mask) as u64, (b >> at & mask) as u64);
        let value = packed.take(f(n, x, y, mxcsr));
        result = result & !(mask << at) | u128::from(value) << at;
    }
    cpu.mxcsr = packed.finish().0.0;
    result
}
