//! Bitwise operations: AND OR XOR NOT TEST.

use super::arith::update;
use crate::decode::Insn;
use crate::emit::{AtomicOp, Emit, Flow, FlowOf};
use crate::flags::FlagRule;
use crate::operand::{place, read};

fn binary<E: Emit>(e: &mut E, i: &Insn, op: AtomicOp, f: fn(&mut E, E::Int, E::Int) -> E::Int) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let b = read(e, w, src);
    let (a, result) = update(e, i, w, dst, (op, b), |e, a| f(e, a, b));
    e.set_flags(FlagRule::Logic, a, b, result);
    Flow::Next
}

/// `AND`.
pub fn and<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    binary(e, i, AtomicOp::And, E::and)
}

/// `OR`.
pub fn or<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    binary(e, i, AtomicOp::Or, E::or)
}

/// `XOR`.
pub fn xor<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    binary(e, i, AtomicOp::Xor, E::xor)
}

/// `TEST` — the flags of AND alone.
pub fn test<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let a = read(e, w, dst);
    let b = read(e, w, src);
    let result = e.and(a, b);
    e.set_flags(FlagRule::Logic, a, b, result);
    Flow::Next
}

/// `NOT` — no flag changes.
pub fn not<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let dst = place(e, i, 0);
    let ones = e.imm(w, u64::MAX);
    update(e, i, w, dst, (AtomicOp::Xor, ones), |e, a| e.not(a));
    Flow::Next
}
