//! Single bits: BT BTS BTR BTC BSF BSR POPCNT.

use super::shift::nonzero;
use crate::decode::Insn;
use crate::emit::{AtomicOp, Emit, Flow, FlowOf, Width};
use crate::flags::{AF, CF, Flag, OF, PF, SF, ZF};
use crate::operand::{Place, linear_plus, place, read, write};

/// The place that holds the bit, and a mask of that one bit. A register offset reaches any bit around the address, in
/// steps of the operand's size; an immediate is taken modulo the width. SDM vol. 2A, "BT".
fn bit_string<E: Emit>(e: &mut E, i: &Insn) -> (Place<E::Int>, E::Int) {
    let w = i.width();
    let src = place(e, i, 1);
    let offset = read(e, w, src);
    let dst = if let (true, Place::Reg(_)) = (i.is_memory(0), src) {
        let offset = e.sext(Width::B32, offset);
        let log_bits = e.imm(Width::B8, u64::from(w.bits().trailing_zeros()));
        let log_bytes = e.imm(Width::B8, u64::from(w.bytes().trailing_zeros()));
        let elements = e.sar(offset, log_bits);
        let bytes = e.shl(elements, log_bytes);
        Place::Mem(linear_plus(e, i, w, bytes))
    } else {
        place(e, i, 0)
    };
    let within = e.imm(w, u64::from(w.bits()) - 1);
    let at = e.and(offset, within);
    let one = e.imm(w, 1);
    (dst, e.shl(one, at))
}

/// CF = whether the bit was set in `old`.
fn carry_from<E: Emit>(e: &mut E, old: E::Int, mask: E::Int) {
    let bit = e.and(old, mask);
    let set = nonzero(e, bit);
    e.set_flag(Flag::Cf, set);
}

/// `BT` — CF = the bit.
pub fn bt<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (dst, mask) = bit_string(e, i);
    let old = read(e, i.width(), dst);
    carry_from(e, old, mask);
    Flow::Next
}

/// `BTS` — CF = the bit, then sets it.
pub fn bts<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (dst, mask) = bit_string(e, i);
    let (old, _) = super::arith::update(e, i, i.width(), dst, (AtomicOp::Or, mask), |e, a| e.or(a, mask));
    carry_from(e, old, mask);
    Flow::Next
}

/// `BTR` — CF = the bit, then clears it.
pub fn btr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (dst, mask) = bit_string(e, i);
    let others = e.not(mask);
    let (old, _) =
        super::arith::update(e, i, i.width(), dst, (AtomicOp::And, others), |e, a| e.and(a, others));
    carry_from(e, old, mask);
    Flow::Next
}

/// `BTC` — CF = the bit, then inverts it.
pub fn btc<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (dst, mask) = bit_string(e, i);
    let (old, _) = super::arith::update(e, i, i.width(), dst, (AtomicOp::Xor, mask), |e, a| e.xor(a, mask));
    carry_from(e, old, mask);
    Flow::Next
}

/// `POPCNT` — number of bits that are set; ZF: none is; the other flags are cleared. SDM vol. 2B.
pub fn popcnt<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let src = place(e, i, 1);
    let value = read(e, i.width(), src);
    let count = e.popcnt(value);
    let dst = place(e, i, 0);
    write(e, dst, count);
    let zero = e.imm(i.width(), 0);
    let none = e.eq(value, zero);
    let (set, clear) = (e.imm(Width::B32, u64::from(ZF)), e.imm(Width::B32, 0));
    let flags = e.select(none, set, clear);
    e.set_eflags(CF | PF | AF | ZF | SF | OF, flags);
    Flow::Next
}

/// `BSF` — number of the lowest set bit; for 0 ZF is set and the destination keeps its value.
pub fn bsf<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    scan(e, i, E::ctz)
}

/// `BSR` — number of the highest set bit; for 0 ZF is set and the destination keeps its value.
pub fn bsr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    scan(e, i, |e, a| {
        let leading = e.clz(a);
        let w = e.width(a);
        let top = e.imm(w, u64::from(w.bits()) - 1);
        e.sub(top, leading)
    })
}

fn scan<E: Emit>(e: &mut E, i: &Insn, find: impl FnOnce(&mut E, E::Int) -> E::Int) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let a = read(e, w, src);
    let old = read(e, w, dst);
    let found = nonzero(e, a);
    let number = find(e, a);
    let result = e.select(found, number, old);
    write(e, dst, result);
    let none = e.negate(found);
    e.set_flag(Flag::Zf, none);
    Flow::Next
}
