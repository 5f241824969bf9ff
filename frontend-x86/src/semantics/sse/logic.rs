//! Bitwise operations on whole registers; PS, PD and integer forms are the same operation.

use crate::decode::Insn;
use crate::emit::{Emit, FlowOf, VecBitOp};

fn logic<E: Emit>(e: &mut E, i: &Insn, op: VecBitOp) -> FlowOf<E> {
    super::packed(e, i, |e, a, b| e.vec_bits(op, a, b))
}

/// `ANDPS`, `ANDPD`, `PAND`.
pub fn and<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    logic(e, i, VecBitOp::And)
}

/// `ANDNPS`, `ANDNPD`, `PANDN`.
pub fn andn<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    logic(e, i, VecBitOp::AndNot)
}

/// `ORPS`, `ORPD`, `POR`.
pub fn or<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    logic(e, i, VecBitOp::Or)
}

/// `XORPS`, `XORPD`, `PXOR`.
pub fn xor<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    logic(e, i, VecBitOp::Xor)
}
