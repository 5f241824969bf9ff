//! Decimal adjustments: AAA AAS AAM AAD DAA DAS. SDM vol. 2A.

use super::shift::nonzero;
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::engine::Exception;
use crate::flags::{Flag, FlagRule};
use crate::state::Gpr;

const AL: Reg = Reg::Low(Gpr::Eax);
const AH: Reg = Reg::High(Gpr::Eax);
const AX: Reg = Reg::Word(Gpr::Eax);

/// Whether the low digit of `al` is above 9, or AF.
fn low_digit_carries<E: Emit>(e: &mut E, al: E::Int) -> E::Bool {
    let (mask, nine) = (e.imm(Width::B8, 15), e.imm(Width::B8, 9));
    let digit = e.and(al, mask);
    let above = e.ult(nine, digit);
    let adjust = e.flag(Flag::Af);
    e.either(above, adjust)
}

/// Replaces AF and CF of the sum or difference whose flags were set: the others, where the manual leaves them undefined,
/// are those of the adjusting operation on this hardware.
fn set_carries<E: Emit>(e: &mut E, adjust: E::Bool, carry: E::Bool) {
    e.set_flag(Flag::Af, adjust);
    e.set_flag(Flag::Cf, carry);
}

/// `amount` where `c` holds, else 0.
fn amount_if<E: Emit>(e: &mut E, w: Width, c: E::Bool, amount: u64) -> E::Int {
    let (amount, zero) = (e.imm(w, amount), e.imm(w, 0));
    e.select(c, amount, zero)
}

/// Whether AL is above 0x99, or CF.
fn high_digit_carries<E: Emit>(e: &mut E, al: E::Int) -> E::Bool {
    let limit = e.imm(Width::B8, 0x99);
    let above = e.ult(limit, al);
    let carry = e.flag(Flag::Cf);
    e.either(above, carry)
}

/// `DAA` — after an addition of packed digits.
pub fn daa<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let al = e.reg(AL);
    let (low, high) = (low_digit_carries(e, al), high_digit_carries(e, al));
    let (six, sixty) = (amount_if(e, Width::B8, low, 6), amount_if(e, Width::B8, high, 0x60));
    let by = e.add(six, sixty);
    let sum = e.add(al, by);
    e.set_reg(AL, sum);
    e.set_flags(FlagRule::Add, al, by, sum);
    set_carries(e, low, high);
    Flow::Next
}

/// `DAS` — after a subtraction of packed digits.
pub fn das<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let al = e.reg(AL);
    let (low, high) = (low_digit_carries(e, al), high_digit_carries(e, al));
    let (six, sixty) = (amount_if(e, Width::B8, low, 6), amount_if(e, Width::B8, high, 0x60));
    let by = e.add(six, sixty);
    let difference = e.sub(al, by);
    // Subtracting 6 from a smaller AL borrows too.
    let borrows = e.ult(al, six);
    let carry = e.either(high, borrows);
    e.set_reg(AL, difference);
    e.set_flags(FlagRule::Sub, al, by, difference);
    set_carries(e, low, carry);
    Flow::Next
}

/// `AAA`, `AAS` — AX ± 0x106 where the digit carries; AL keeps its low digit.
fn adjust_unpacked<E: Emit>(e: &mut E, rule: FlagRule, f: fn(&mut E, E::Int, E::Int) -> E::Int) -> FlowOf<E> {
    let al = e.reg(AL);
    let carries = low_digit_carries(e, al);
    let by = amount_if(e, Width::B16, carries, 0x106);
    let ax = e.reg(AX);
    let adjusted = f(e, ax, by);
    let mask = e.imm(Width::B16, 0xff0f);
    let result = e.and(adjusted, mask);
    e.set_reg(AX, result);
    e.set_flags(rule, ax, by, adjusted);
    set_carries(e, carries, carries);
    Flow::Next
}

/// `AAA` — after an addition of unpacked digits.
pub fn aaa<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    adjust_unpacked(e, FlagRule::Add, E::add)
}

/// `AAS` — after a subtraction of unpacked digits.
pub fn aas<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    adjust_unpacked(e, FlagRule::Sub, E::sub)
}

/// `AAM` — AH and AL = quotient and remainder of AL by the immediate; #DE for 0.
pub fn aam<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let base = e.imm(Width::B8, i.immediate(0));
    let usable = nonzero(e, base);
    let zero = e.negate(usable);
    e.raise_if(zero, Exception::Divide);
    let al = e.reg(AL);
    let (quotient, rest) = (e.udiv(al, base), e.urem(al, base));
    e.set_reg(AH, quotient);
    e.set_reg(AL, rest);
    e.set_flags(FlagRule::Logic, rest, rest, rest);
    Flow::Next
}

/// `AAD` — AL = AL + AH × the immediate, AH = 0.
pub fn aad<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let base = e.imm(Width::B8, i.immediate(0));
    let (al, ah) = (e.reg(AL), e.reg(AH));
    let tens = e.mul(ah, base);
    let sum = e.add(al, tens);
    let wide = e.zext(Width::B16, sum);
    e.set_reg(AX, wide);
    e.set_flags(FlagRule::Add, al, tens, sum);
    Flow::Next
}

/// `SALC` — AL = CF in every bit; undocumented by Intel, there on every processor.
pub fn salc<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let carry = e.flag(Flag::Cf);
    let value = amount_if(e, Width::B8, carry, 0xff);
    e.set_reg(AL, value);
    Flow::Next
}
