//! FPREM and FPREM1: exact remainders, reduced step by step.

use super::super::control::Control;
use super::super::extended::F80;
use super::super::real::{Finite, Real, divide};
use super::super::round::to_extended;
use super::super::status::{Outcome, Status};
use super::nan::check_pair;
use super::{INVALID, Number, with_denormal};

/// `FPREM` — a − b · trunc(a ÷ b). C2 tells that the reduction is not complete; else C0, C3, C1 are bits 2, 1, 0 of
/// the quotient.
#[must_use]
pub fn remainder_truncating(a: F80, b: F80, control: Control) -> Outcome<F80> {
    remainder(a, b, control, |_, _, _| false)
}

/// `FPREM1` — a − b · nearest(a ÷ b), IEEE 754's remainder.
#[must_use]
pub fn remainder_nearest(a: F80, b: F80, control: Control) -> Outcome<F80> {
    remainder(a, b, control, |quotient, rest, divisor| {
        let other = divisor - rest;
        rest > other || (rest == other && quotient & 1 != 0)
    })
}

/// `round_up(quotient, rest, divisor)` tells whether the truncated quotient is to be one more.
fn remainder(a: F80, b: F80, control: Control, round_up: fn(u64, u128, u128) -> bool) -> Outcome<F80> {
    let (x, y, denormal) = match check_pair(a, b) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let outcome = match (x, y) {
        (Number::Infinity, _) | (_, Number::Zero) => return INVALID,
        (Number::Zero, _) => Outcome::exact(a),
        (Number::Finite(x), Number::Infinity) => to_extended(x.to_real(), control.extended()),
        (Number::Finite(x), Number::Finite(y)) => reduce(x, y, control, round_up),
    };
    with_denormal(outcome, denormal, control)
}

fn reduce(x: Finite, y: Finite, control: Control, round_up: fn(u64, u128, u128) -> bool) -> Outcome<F80> {
    let distance = x.exp - y.exp;
    if distance < -1 {
        // |a| < |b| ÷ 2: the quotient is 0 either way.
        return to_extended(x.to_real(), control.extended());
    }
    if distance >= 64 {
        // Between 32 and 63 bits of the quotient are taken off, so that its exponent ends at a multiple of 32.
        let bits = (distance.cast_unsigned() & 31) | 32;
        let (_, rest) = divide(u128::from(x.sig) << bits, y.sig);
        let outcome = finish(x.sign, y.exp + distance - bits.cast_signed(), u128::from(rest) << 1, control);
        return Outcome::new(outcome.value, outcome.raised | Status::C2);
    }
    // In units of half of y's last place: the rest where the distance is −1 would have a fraction otherwise.
    let (quotient, rest, divisor) = if distance < 0 {
        (0, u128::from(x.sig), u128::from(y.sig) << 1)
    } else {
        let (quotient, rest) = divide_wide(x.sig, distance.cast_unsigned(), y.sig);
        (quotient, u128::from(rest) << 1, u128::from(y.sig) << 1)
    };
    let (quotient, rest, sign) = if round_up(quotient, rest, divisor) {
        (quotient.wrapping_add(1), divisor - rest, !x.sign)
    } else {
        (quotient, rest, x.sign)
    };
    let bits = Status::C0.when(quotient & 4 != 0)
        | Status::C3.when(quotient & 2 != 0)
        | Status::C1.when(quotient & 1 != 0);
    if rest == 0 {
        return Outcome::new(F80::zero(x.sign), bits);
    }
    let outcome = finish(sign, y.exp, rest, control);
    // The remainder is exact; C1 is a quotient bit.
    Outcome::new(outcome.value, outcome.raised | bits)
}

/// (`sig` << `count`) divided by `divisor`, `count` < 64.
fn divide_wide(sig: u64, count: u32, divisor: u64) -> (u64, u64) {
    if count == 0 {
        return if sig >= divisor { (1, sig - divisor) } else { (0, sig) };
    }
    divide(u128::from(sig) << count, divisor)
}

/// ±`rest` · 2^(`exp` − 64) as a register.
fn finish(sign: bool, exp: i32, rest: u128, control: Control) -> Outcome<F80> {
    if rest == 0 {
        return Outcome::exact(F80::zero(sign));
    }
    to_extended(Real::normalised(sign, exp + 63, rest), control.extended())
}
