//! FRNDINT, FSCALE, FXTRACT.

use super::super::control::Control;
use super::super::extended::F80;
use super::super::real::{Finite, Real};
use super::super::round::{self, to_extended};
use super::super::status::{Outcome, Status};
use super::convert::from_integer;
use super::nan::{check, check_pair};
use super::{INVALID, Number, with_denormal};

/// `FRNDINT` — rounds to an integer by the rounding control.
#[must_use]
pub fn round_to_integer(a: F80, control: Control) -> Outcome<F80> {
    let (x, denormal) = match check(a) {
        Ok(operand) => operand,
        Err(outcome) => return outcome,
    };
    let outcome = match x {
        Number::Finite(x) if x.exp < 63 => match round::to_integer(x.to_real(), control.rounding()) {
            Some((0, raised)) => Outcome::new(F80::zero(x.sign), raised),
            Some((magnitude, raised)) => {
                let f = Finite::from_magnitude(x.sign, magnitude);
                Outcome::new(F80::pack(f.sign, f.exp, f.sig), raised)
            }
            None => Outcome::exact(a),
        },
        _ => Outcome::exact(a),
    };
    with_denormal(outcome, denormal, control)
}

/// `FSCALE` — a · 2^trunc(b).
#[must_use]
pub fn scale(a: F80, b: F80, control: Control) -> Outcome<F80> {
    let (x, y, denormal) = match check_pair(a, b) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let outcome = match (x, y) {
        (Number::Infinity, Number::Infinity) if b.sign() => return INVALID,
        (Number::Zero, Number::Infinity) if !b.sign() => return INVALID,
        (_, Number::Infinity) if b.sign() => Outcome::exact(F80::zero(a.sign())),
        (_, Number::Infinity) => Outcome::exact(F80::infinity(a.sign())),
        (Number::Zero | Number::Infinity, _) => Outcome::exact(a),
        (Number::Finite(x), Number::Zero) => to_extended(x.to_real(), control.extended()),
        (Number::Finite(x), Number::Finite(y)) => {
            let by = integer_part(y);
            to_extended(Real { exp: x.exp + by, ..x.to_real() }, control.extended())
        }
    };
    with_denormal(outcome, denormal, control)
}

/// The integer part, limited to ±65536: beyond that every scaled number is out of range.
#[expect(clippy::cast_possible_truncation, reason = "limited to 17 bits")]
const fn integer_part(y: Finite) -> i32 {
    const LIMIT: i32 = 1 << 16;
    let magnitude = match y.exp {
        i32::MIN..0 => 0,
        0..16 => (y.sig >> (63 - y.exp)) as i32,
        _ => LIMIT,
    };
    if y.sign { -magnitude } else { magnitude }
}

/// What FXTRACT leaves: the exponent in the old ST(0), the significand pushed above it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extracted {
    /// The unbiased exponent as a number.
    pub exponent: F80,
    /// The significand, 1 ≤ |s| < 2, with the sign.
    pub significand: F80,
}

/// `FXTRACT` — takes a number apart.
#[must_use]
pub fn extract(a: F80, control: Control) -> Outcome<Extracted> {
    let (x, denormal) = match check(a) {
        Ok(operand) => operand,
        Err(outcome) => return outcome.map(|v| Extracted { exponent: v, significand: v }),
    };
    let outcome = match x {
        Number::Zero => Outcome::new(Extracted { exponent: F80::infinity(true), significand: a }, Status::ZE),
        Number::Infinity => Outcome::exact(Extracted { exponent: F80::infinity(false), significand: a }),
        Number::Finite(x) => Outcome::exact(Extracted {
            exponent: from_integer(x.exp as i64),
            significand: F80::pack(x.sign, 0, x.sig),
        }),
    };
    with_denormal(outcome, denormal, control)
}
