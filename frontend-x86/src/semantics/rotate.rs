//! Rotates: ROL ROR RCL RCR. SDM vol. 2B, "RCL/RCR/ROL/ROR".
//!
//! The count is taken modulo 32; zero changes no flag. OF is defined for a count of 1; this hardware computes it by
//! the same rule for every count.

use super::shift::{count, nonzero, when_moved};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::flags::Flag;
use crate::operand::{place, read, write};

/// Bit `n` of a value.
fn bit<E: Emit>(e: &mut E, v: E::Int, n: u32) -> E::Bool {
    let mask = e.imm(e.width(v), 1 << n);
    let masked = e.and(v, mask);
    nonzero(e, masked)
}

/// a ≠ b
fn differ<E: Emit>(e: &mut E, a: E::Bool, b: E::Bool) -> E::Bool {
    let (x, y) = (e.from_bool(Width::B8, a), e.from_bool(Width::B8, b));
    let same = e.eq(x, y);
    e.negate(same)
}

/// Whether the two top bits differ.
pub(super) fn top_bits_differ<E: Emit>(e: &mut E, v: E::Int) -> E::Bool {
    let top = e.width(v).bits() - 1;
    let (sign, next) = (bit(e, v, top), bit(e, v, top - 1));
    differ(e, sign, next)
}

/// `ROL` — CF is the bit that came in below, OF the change of sign.
pub fn rol<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let dst = place(e, i, 0);
    let (n, moved) = count(e, i, 1, w);
    let a = read(e, w, dst);
    let result = e.rotl(a, n);
    write(e, dst, result);
    when_moved(e, moved, |e| {
        let (carry, sign) = (bit(e, result, 0), bit(e, result, w.bits() - 1));
        let overflow = differ(e, carry, sign);
        e.set_flag(Flag::Cf, carry);
        e.set_flag(Flag::Of, overflow);
    });
    Flow::Next
}

/// `ROR` — CF is the new top bit, OF the difference of the two top bits.
pub fn ror<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let dst = place(e, i, 0);
    let (n, moved) = count(e, i, 1, w);
    let a = read(e, w, dst);
    let result = e.rotr(a, n);
    write(e, dst, result);
    when_moved(e, moved, |e| {
        let carry = bit(e, result, w.bits() - 1);
        let overflow = top_bits_differ(e, result);
        e.set_flag(Flag::Cf, carry);
        e.set_flag(Flag::Of, overflow);
    });
    Flow::Next
}

/// The operand with CF above it, as 64 bits.
fn with_carry<E: Emit>(e: &mut E, w: Width, a: E::Int) -> E::Int {
    let carry = e.flag(Flag::Cf);
    let carry = e.from_bool(Width::B64, carry);
    let at = e.imm(Width::B8, u64::from(w.bits()));
    let (carry, a) = (e.shl(carry, at), e.zext(Width::B64, a));
    e.or(carry, a)
}

/// The count modulo one more than the width; 5 bits cannot reach 33.
fn carry_count<E: Emit>(e: &mut E, w: Width, n: E::Int) -> E::Int {
    if w == Width::B32 {
        return n;
    }
    let span = e.imm(w, u64::from(w.bits()) + 1);
    e.urem(n, span)
}

/// `RCL` — rotates left through CF.
pub fn rcl<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let dst = place(e, i, 0);
    let (masked, moved) = count(e, i, 1, w);
    let n = carry_count(e, w, masked);
    let a = read(e, w, dst);
    let wide = with_carry(e, w, a);
    let span = e.imm(w, u64::from(w.bits()) + 1);
    let back = e.sub(span, n);
    let (up, down) = (e.shl(wide, n), e.shr(wide, back));
    let both = e.or(up, down);
    let result = e.zext(w, both);
    write(e, dst, result);
    when_moved(e, moved, |e| {
        let (carry, sign) = (bit(e, both, w.bits()), bit(e, result, w.bits() - 1));
        let overflow = differ(e, carry, sign);
        e.set_flag(Flag::Cf, carry);
        e.set_flag(Flag::Of, overflow);
    });
    Flow::Next
}

/// `RCR` — rotates right through CF; OF is the difference of the two top bits of the result.
pub fn rcr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let dst = place(e, i, 0);
    let (masked, moved) = count(e, i, 1, w);
    let n = carry_count(e, w, masked);
    let a = read(e, w, dst);
    let wide = with_carry(e, w, a);
    let span = e.imm(w, u64::from(w.bits()) + 1);
    let back = e.sub(span, n);
    let (down, up) = (e.shr(wide, n), e.shl(wide, back));
    let both = e.or(up, down);
    let result = e.zext(w, both);
    write(e, dst, result);
    when_moved(e, moved, |e| {
        let carry = bit(e, both, w.bits());
        let overflow = top_bits_differ(e, result);
        e.set_flag(Flag::Cf, carry);
        e.set_flag(Flag::Of, overflow);
    });
    Flow::Next
}
