//! FADD, FSUB, FMUL, FDIV, FSQRT: the operations under precision control.

use super::super::control::Control;
use super::super::extended::F80;
use super::super::round::to_extended;
use super::super::status::{Outcome, Status};
use super::nan::{check, check_pair};
use super::{INVALID, Number, Widened, with_denormal};

/// The operations with two operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binary {
    /// a + b
    Add,
    /// a × b
    Mul,
    /// a − b
    Sub,
    /// b − a
    SubReversed,
    /// a ÷ b
    Div,
    /// b ÷ a
    DivReversed,
}

/// One of the operations with two operands, the second from memory: where it was a denormal there, it may be a normal
/// number in `b`.
#[must_use]
pub fn binary(operation: Binary, a: F80, b: Widened, control: Control) -> Outcome<F80> {
    match operation {
        Binary::Add => sum(a, b.value, false, b.denormal, control),
        Binary::Mul => product(a, b.value, b.denormal, control),
        Binary::Sub => sum(a, b.value, true, b.denormal, control),
        Binary::SubReversed => sum(b.value, a, true, b.denormal, control),
        Binary::Div => quotient(a, b.value, b.denormal, control),
        Binary::DivReversed => quotient(b.value, a, b.denormal, control),
    }
}

/// `FADD` — a + b.
#[must_use]
#[inline]
pub fn add(a: F80, b: F80, control: Control) -> Outcome<F80> {
    sum(a, b, false, false, control)
}

/// `FSUB` — a − b.
#[must_use]
#[inline]
pub fn sub(a: F80, b: F80, control: Control) -> Outcome<F80> {
    sum(a, b, true, false, control)
}

fn sum(a: F80, b: F80, negate: bool, denormal: bool, control: Control) -> Outcome<F80> {
    if let (Some(x), Some(y), false) = (a.normal(), b.normal(), denormal) {
        return match x.plus(y.negate_if(negate)) {
            Some(r) => to_extended(r, control),
            None => Outcome::exact(F80::zero(control.rounding().sign_of_cancellation())),
        };
    }
    let (x, y, denormals) = match check_pair(a, b) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let b_sign = b.sign() ^ negate;
    let outcome = match (x, y) {
        (Number::Finite(x), Number::Finite(y)) => match x.plus(y.negate_if(negate)) {
            Some(r) => to_extended(r, control),
            None => Outcome::exact(F80::zero(control.rounding().sign_of_cancellation())),
        },
        (Number::Infinity, Number::Infinity) if a.sign() != b_sign => INVALID,
        (Number::Infinity, _) => Outcome::exact(a),
        (_, Number::Infinity) => Outcome::exact(b.negate_if(negate)),
        (Number::Zero, Number::Zero) => {
            let sign = if a.sign() == b_sign { b_sign } else { control.rounding().sign_of_cancellation() };
            Outcome::exact(F80::zero(sign))
        }
        // x + 0 is rounded to the precision in force, too.
        (Number::Finite(x), Number::Zero) => to_extended(x.to_real(), control),
        (Number::Zero, Number::Finite(y)) => to_extended(y.negate_if(negate).to_real(), control),
    };
    with_denormal(outcome, denormal | denormals, control)
}

/// `FMUL` — a × b.
#[must_use]
pub fn mul(a: F80, b: F80, control: Control) -> Outcome<F80> {
    product(a, b, false, control)
}

fn product(a: F80, b: F80, denormal: bool, control: Control) -> Outcome<F80> {
    if let (Some(x), Some(y), false) = (a.normal(), b.normal(), denormal) {
        return to_extended(x.times(y), control);
    }
    let (x, y, denormals) = match check_pair(a, b) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let sign = a.sign() ^ b.sign();
    let outcome = match (x, y) {
        (Number::Finite(x), Number::Finite(y)) => to_extended(x.times(y), control),
        (Number::Zero, Number::Infinity) | (Number::Infinity, Number::Zero) => return INVALID,
        (Number::Infinity, _) | (_, Number::Infinity) => Outcome::exact(F80::infinity(sign)),
        (Number::Zero, _) | (_, Number::Zero) => Outcome::exact(F80::zero(sign)),
    };
    with_denormal(outcome, denormal | denormals, control)
}

/// `FDIV` — a ÷ b.
#[must_use]
pub fn div(a: F80, b: F80, control: Control) -> Outcome<F80> {
    quotient(a, b, false, control)
}

fn quotient(a: F80, b: F80, denormal: bool, control: Control) -> Outcome<F80> {
    if let (Some(x), Some(y), false) = (a.normal(), b.normal(), denormal) {
        return to_extended(x.over(y), control);
    }
    let (x, y, denormals) = match check_pair(a, b) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let sign = a.sign() ^ b.sign();
    let outcome = match (x, y) {
        (Number::Finite(x), Number::Finite(y)) => to_extended(x.over(y), control),
        (Number::Zero, Number::Zero) | (Number::Infinity, Number::Infinity) => return INVALID,
        (Number::Infinity, _) => Outcome::exact(F80::infinity(sign)),
        (_, Number::Infinity) | (Number::Zero, _) => Outcome::exact(F80::zero(sign)),
        // ZE goes before DE: a denormal dividend raises nothing of its own.
        (Number::Finite(_), Number::Zero) => return Outcome::new(F80::infinity(sign), Status::ZE),
    };
    with_denormal(outcome, denormal | denormals, control)
}

/// `FSQRT` — √a.
#[must_use]
pub fn sqrt(a: F80, control: Control) -> Outcome<F80> {
    let (x, denormal) = match check(a) {
        Ok(operand) => operand,
        Err(outcome) => return outcome,
    };
    let outcome = match x {
        Number::Zero => Outcome::exact(a),
        _ if a.sign() => return INVALID,
        Number::Infinity => Outcome::exact(a),
        Number::Finite(x) => to_extended(x.root(), control),
    };
    with_denormal(outcome, denormal, control)
}
