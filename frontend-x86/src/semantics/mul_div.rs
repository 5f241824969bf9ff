//! Products and quotients: MUL IMUL DIV IDIV.

use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::engine::Exception;
use crate::flags::FlagRule;
use crate::operand::{place, read, write};
use crate::state::Gpr;

/// Twice the width.
const fn double(w: Width) -> Width {
    match w {
        Width::B8 => Width::B16,
        Width::B16 => Width::B32,
        Width::B32 | Width::B64 => Width::B64,
    }
}

/// The upper half of a double-width value.
fn upper<E: Emit>(e: &mut E, w: Width, wide: E::Int) -> E::Int {
    let by = e.imm(Width::B8, u64::from(w.bits()));
    let high = e.shr(wide, by);
    e.zext(w, high)
}

/// Writes a double-width value to AX, DX:AX or EDX:EAX.
fn write_double<E: Emit>(e: &mut E, w: Width, low: E::Int, high: E::Int) {
    e.set_reg(Reg::low_part(Gpr::Eax, w), low);
    let above = if w == Width::B8 { Reg::High(Gpr::Eax) } else { Reg::low_part(Gpr::Edx, w) };
    e.set_reg(above, high);
}

/// Reads AX, DX:AX or EDX:EAX.
fn read_double<E: Emit>(e: &mut E, w: Width) -> E::Int {
    if w == Width::B8 {
        return e.reg(Reg::Word(Gpr::Eax));
    }
    let (low, high) = (e.reg(Reg::low_part(Gpr::Eax, w)), e.reg(Reg::low_part(Gpr::Edx, w)));
    let (low, high) = (e.zext(double(w), low), e.zext(double(w), high));
    let by = e.imm(Width::B8, u64::from(w.bits()));
    let high = e.shl(high, by);
    e.or(high, low)
}

/// How an operand becomes twice as wide.
type Extend<E> = fn(&mut E, Width, <E as Emit>::Int) -> <E as Emit>::Int;

/// The double-width product, in halves.
fn product<E: Emit>(e: &mut E, a: E::Int, b: E::Int, extend: Extend<E>) -> (E::Int, E::Int) {
    let w = e.width(a);
    let (wide_a, wide_b) = (extend(e, double(w), a), extend(e, double(w), b));
    let wide = e.mul(wide_a, wide_b);
    (e.zext(w, wide), upper(e, w, wide))
}

/// CF and OF where the upper half is more than an extension of the lower.
fn product_flags<E: Emit>(e: &mut E, low: E::Int, high: E::Int, extension: E::Int) {
    let excess = e.xor(high, extension);
    e.set_flags(FlagRule::Mul, low, excess, low);
}

/// The sign of a value in every bit.
fn sign<E: Emit>(e: &mut E, v: E::Int) -> E::Int {
    let by = e.imm(Width::B8, u64::from(e.width(v).bits()));
    e.sar(v, by)
}

/// `MUL` — unsigned, accumulator × operand into the double accumulator.
pub fn mul<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let src = place(e, i, 0);
    let b = read(e, w, src);
    let a = e.reg(Reg::low_part(Gpr::Eax, w));
    let (low, high) = product(e, a, b, E::zext);
    write_double(e, w, low, high);
    let zero = e.imm(w, 0);
    product_flags(e, low, high, zero);
    Flow::Next
}

/// `IMUL` — signed; with one operand like MUL, with two or three the lower half into the first.
pub fn imul<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let count = i.operands();
    let (a, b) = match count {
        1 => {
            let src = place(e, i, 0);
            let b = read(e, w, src);
            (e.reg(Reg::low_part(Gpr::Eax, w)), b)
        }
        _ => {
            let (first, second) = (place(e, i, count - 2), place(e, i, count - 1));
            (read(e, w, first), read(e, w, second))
        }
    };
    let (low, high) = product(e, a, b, E::sext);
    if count == 1 {
        write_double(e, w, low, high);
    } else {
        let dst = place(e, i, 0);
        write(e, dst, low);
    }
    let extension = sign(e, low);
    product_flags(e, low, high, extension);
    Flow::Next
}

/// Divides the double accumulator; #DE for a divisor of zero and for a quotient that does not fit, which is when
/// widening it again gives another value.
fn divide<E: Emit>(
    e: &mut E,
    i: &Insn,
    extend: Extend<E>,
    quotient: fn(&mut E, E::Int, E::Int) -> E::Int,
    remainder: fn(&mut E, E::Int, E::Int) -> E::Int,
) -> FlowOf<E> {
    let w = i.width();
    let src = place(e, i, 0);
    let b = read(e, w, src);
    let zero = e.imm(w, 0);
    let by_zero = e.eq(b, zero);
    e.raise_if(by_zero, Exception::Divide);
    let a = read_double(e, w);
    let b = extend(e, double(w), b);
    let wide = quotient(e, a, b);
    let rest = remainder(e, a, b);
    let low = e.zext(w, wide);
    let again = extend(e, double(w), low);
    let fits = e.eq(again, wide);
    let overflows = e.negate(fits);
    e.raise_if(overflows, Exception::Divide);
    let rest = e.zext(w, rest);
    write_double(e, w, low, rest);
    Flow::Next
}

/// `DIV` — unsigned.
pub fn div<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    divide(e, i, E::zext, E::udiv, E::urem)
}

/// `IDIV` — signed, towards zero.
pub fn idiv<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    divide(e, i, E::sext, E::sdiv, E::srem)
}
