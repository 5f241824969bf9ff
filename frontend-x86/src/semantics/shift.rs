//! Shifts: SHL SHR SAR SHLD SHRD. SDM vol. 2B, "SAL/SAR/SHL/SHR", "SHLD", "SHRD".
//!
//! The count is taken modulo 32 at every width; a count of zero changes no flag.

use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::flags::{Flag, FlagRule};
use crate::operand::{Place, place, read, write};

/// Whether a count is known not to be zero.
pub(super) enum Moved<B> {
    /// It is an immediate of zero.
    Never,
    /// It is another immediate.
    Always,
    /// It is in CL.
    If(B),
}

/// The count in operand `n`, modulo 32, at width `w`.
pub(super) fn count<E: Emit>(e: &mut E, i: &Insn, n: u32, w: Width) -> (E::Int, Moved<E::Bool>) {
    let src = place(e, i, n);
    if let Place::Imm(k) = src {
        let moved = if k % 32 == 0 { Moved::Never } else { Moved::Always };
        return (e.imm(w, u64::from(k % 32)), moved);
    }
    let byte = read(e, Width::B8, src);
    let mask = e.imm(Width::B8, 31);
    let count = e.and(byte, mask);
    let moved = nonzero(e, count);
    (e.zext(w, count), Moved::If(moved))
}

/// Sets flags where the count is not zero.
pub(super) fn when_moved<E: Emit>(e: &mut E, moved: Moved<E::Bool>, set: impl FnOnce(&mut E)) {
    match moved {
        Moved::Never => {}
        Moved::Always => set(e),
        Moved::If(c) => e.when(c, set),
    }
}

/// Records a rule where the count is not zero.
fn set_flags_moved<E: Emit>(
    e: &mut E,
    moved: Moved<E::Bool>,
    rule: FlagRule,
    a: E::Int,
    n: E::Int,
    result: E::Int,
) {
    match moved {
        Moved::Never => {}
        Moved::Always => e.set_flags(rule, a, n, result),
        Moved::If(c) => e.set_flags_if(c, rule, a, n, result),
    }
}

/// Whether a value is not zero.
pub(super) fn nonzero<E: Emit>(e: &mut E, v: E::Int) -> E::Bool {
    let zero = e.imm(e.width(v), 0);
    let is_zero = e.eq(v, zero);
    e.negate(is_zero)
}

fn shift<E: Emit>(e: &mut E, i: &Insn, rule: FlagRule, f: fn(&mut E, E::Int, E::Int) -> E::Int) -> FlowOf<E> {
    let w = i.width();
    let dst = place(e, i, 0);
    let (n, moved) = count(e, i, 1, w);
    let a = read(e, w, dst);
    let result = f(e, a, n);
    write(e, dst, result);
    set_flags_moved(e, moved, rule, a, n, result);
    Flow::Next
}

/// `SHL`, `SAL` — shift left.
pub fn shl<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    shift(e, i, FlagRule::Shl, E::shl)
}

/// `SHR` — shift right, zeros coming in.
pub fn shr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    shift(e, i, FlagRule::Shr, E::shr)
}

/// `SAR` — shift right, the sign coming in.
pub fn sar<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    shift(e, i, FlagRule::Sar, E::sar)
}

/// Three words side by side, the lowest last, as one of 64 bits. Of words of 32 bits the highest drops out.
fn beside<E: Emit>(e: &mut E, w: Width, words: [E::Int; 3]) -> E::Int {
    let by = e.imm(Width::B8, u64::from(w.bits()));
    let [high, middle, low] = words.map(|word| e.zext(Width::B64, word));
    let both = e.shl(high, by);
    let both = e.or(both, middle);
    let all = e.shl(both, by);
    e.or(all, low)
}

/// `SHLD` — shifts left, the top bits of the source coming in. A 16-bit operand shifted by more than 16 (undefined in the
/// manual) takes bits of the source a second time, as this hardware does.
pub fn shld<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let (n, moved) = count(e, i, 2, w);
    let a = read(e, w, dst);
    let b = read(e, w, src);
    // The destination's place in the row: two words up where three fit into 64 bits, else one.
    let (row, up) = if w == Width::B16 { (beside(e, w, [a, b, b]), 2) } else { (beside(e, w, [a, a, b]), 1) };
    let shifted = e.shl(row, n);
    let back = e.imm(Width::B8, u64::from(w.bits() * up));
    let top = e.shr(shifted, back);
    let result = e.zext(w, top);
    write(e, dst, result);
    set_flags_moved(e, moved, FlagRule::Shl, a, n, result);
    Flow::Next
}

/// `SHRD` — shifts right, the low bits of the source coming in; OF is the difference of the two top bits.
pub fn shrd<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let (n, moved) = count(e, i, 2, w);
    let a = read(e, w, dst);
    let b = read(e, w, src);
    let row = beside(e, w, [b, b, a]);
    let shifted = e.shr(row, n);
    let result = e.zext(w, shifted);
    write(e, dst, result);
    when_moved(e, moved, |e| {
        e.set_flags(FlagRule::Shr, a, n, result);
        let overflow = super::rotate::top_bits_differ(e, result);
        e.set_flag(Flag::Of, overflow);
    });
    Flow::Next
}
