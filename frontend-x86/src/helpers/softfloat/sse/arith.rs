//! ADDSS, SUBSS, MULSS, DIVSS, SQRTSS, MINSS, MAXSS and their double and packed forms.

use super::super::control::Mxcsr;
use super::super::format::{self, Format};
use super::super::round::to_format;
use super::super::status::{Outcome, Status};
use super::super::x87::Relation;
use super::compare::order;
use super::{Number, check, check_pair, invalid, with_denormal};

/// a + b
#[must_use]
#[inline]
pub fn add<F: Format>(a: u64, b: u64, mxcsr: Mxcsr) -> Outcome<u64> {
    sum::<F>(a, b, false, mxcsr)
}

/// a − b
#[must_use]
#[inline]
pub fn sub<F: Format>(a: u64, b: u64, mxcsr: Mxcsr) -> Outcome<u64> {
    sum::<F>(a, b, true, mxcsr)
}

fn sum<F: Format>(a: u64, b: u64, negate: bool, mxcsr: Mxcsr) -> Outcome<u64> {
    let (x, y, denormal) = match check_pair::<F>(a, b, mxcsr) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let (a_sign, b_sign) = (format::is_negative::<F>(a), format::is_negative::<F>(b) ^ negate);
    let cancelled = mxcsr.rounding().sign_of_cancellation();
    let outcome = match (x, y) {
        (Number::Finite(x), Number::Finite(y)) => match x.plus(y.negate_if(negate)) {
            Some(r) => to_format::<F>(r, mxcsr),
            None => Outcome::exact(format::zero::<F>(cancelled)),
        },
        (Number::Infinity, Number::Infinity) if a_sign != b_sign => return invalid::<F>(),
        (Number::Infinity, _) => Outcome::exact(format::infinity::<F>(a_sign)),
        (_, Number::Infinity) => Outcome::exact(format::infinity::<F>(b_sign)),
        (Number::Zero, Number::Zero) => {
            Outcome::exact(format::zero::<F>(if a_sign == b_sign { a_sign } else { cancelled }))
        }
        (Number::Finite(x), Number::Zero) => to_format::<F>(x.to_real(), mxcsr),
        (Number::Zero, Number::Finite(y)) => to_format::<F>(y.negate_if(negate).to_real(), mxcsr),
    };
    with_denormal(outcome, denormal, mxcsr)
}

/// a × b
#[must_use]
pub fn mul<F: Format>(a: u64, b: u64, mxcsr: Mxcsr) -> Outcome<u64> {
    let (x, y, denormal) = match check_pair::<F>(a, b, mxcsr) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let sign = format::is_negative::<F>(a ^ b);
    let outcome = match (x, y) {
        (Number::Finite(x), Number::Finite(y)) => to_format::<F>(x.times(y), mxcsr),
        (Number::Zero, Number::Infinity) | (Number::Infinity, Number::Zero) => return invalid::<F>(),
        (Number::Infinity, _) | (_, Number::Infinity) => Outcome::exact(format::infinity::<F>(sign)),
        (Number::Zero, _) | (_, Number::Zero) => Outcome::exact(format::zero::<F>(sign)),
    };
    with_denormal(outcome, denormal, mxcsr)
}

/// a ÷ b
#[must_use]
pub fn div<F: Format>(a: u64, b: u64, mxcsr: Mxcsr) -> Outcome<u64> {
    let (x, y, denormal) = match check_pair::<F>(a, b, mxcsr) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let sign = format::is_negative::<F>(a ^ b);
    let outcome = match (x, y) {
        (Number::Finite(x), Number::Finite(y)) => to_format::<F>(x.over(y), mxcsr),
        (Number::Zero, Number::Zero) | (Number::Infinity, Number::Infinity) => return invalid::<F>(),
        (Number::Infinity, _) => Outcome::exact(format::infinity::<F>(sign)),
        (_, Number::Infinity) | (Number::Zero, _) => Outcome::exact(format::zero::<F>(sign)),
        // ZE goes before DE: a denormal dividend raises nothing of its own.
        (Number::Finite(_), Number::Zero) => {
            return Outcome::new(format::infinity::<F>(sign), Status::ZE);
        }
    };
    with_denormal(outcome, denormal, mxcsr)
}

/// √a
#[must_use]
pub fn sqrt<F: Format>(a: u64, mxcsr: Mxcsr) -> Outcome<u64> {
    let (x, denormal) = match check::<F>(a, mxcsr) {
        Ok(operand) => operand,
        Err(outcome) => return outcome,
    };
    let negative = format::is_negative::<F>(a);
    let outcome = match x {
        Number::Zero => Outcome::exact(format::zero::<F>(negative)),
        _ if negative => return invalid::<F>(),
        Number::Infinity => Outcome::exact(a),
        Number::Finite(x) => to_format::<F>(x.root(), mxcsr),
    };
    with_denormal(outcome, denormal, mxcsr)
}

/// The lesser: `a` if a < b, in every other case (equal, zeros of any sign, NaNs, which raise IE) `b` as it is.
#[must_use]
pub fn min<F: Format>(a: u64, b: u64, mxcsr: Mxcsr) -> Outcome<u64> {
    choose::<F>(a, b, Relation::Less, mxcsr)
}

/// The greater: `a` if a > b, in every other case `b` as it is.
#[must_use]
pub fn max<F: Format>(a: u64, b: u64, mxcsr: Mxcsr) -> Outcome<u64> {
    choose::<F>(a, b, Relation::Greater, mxcsr)
}

fn choose<F: Format>(a: u64, b: u64, wanted: Relation, mxcsr: Mxcsr) -> Outcome<u64> {
    let outcome = order::<F>(a, b, mxcsr);
    let chosen = if outcome.value == wanted { a } else { b };
    let flushed = mxcsr.denormals_are_zeros() && format::is_denormal::<F>(chosen);
    outcome.map(|_| if flushed { chosen & F::SIGN } else { chosen })
}
