//! CVT* and ROUNDSS in all their forms.

use super::super::control::{Mxcsr, Rounding};
use super::super::format::{self, Format};
use super::super::real::Finite;
use super::super::round::{self, to_format};
use super::super::status::{Outcome, Status};
use super::{Number, check, with_denormal};

/// `CVTSS2SD`, `CVTSD2SS` — from format `F` to format `G`.
#[must_use]
pub fn convert<F: Format, G: Format>(a: u64, mxcsr: Mxcsr) -> Outcome<u64> {
    let sign = format::is_negative::<F>(a);
    let (x, denormal) = match check::<F>(a, mxcsr) {
        Ok(operand) => operand,
        Err(nan) => {
            // The payload keeps its leading bits.
            let payload = (nan.value & F::FRACTION) << (64 - F::PRECISION) >> (64 - G::PRECISION);
            return nan.map(|_| format::infinity::<G>(sign) | payload & G::FRACTION);
        }
    };
    let outcome = match x {
        Number::Zero => Outcome::exact(format::zero::<G>(sign)),
        Number::Infinity => Outcome::exact(format::infinity::<G>(sign)),
        Number::Finite(x) => to_format::<G>(x.to_real(), mxcsr),
    };
    with_denormal(outcome, denormal, mxcsr)
}

/// `CVTSI2SS`, `CVTSI2SD`, `CVTDQ2PS`, … — from a signed integer.
#[must_use]
pub fn from_integer<F: Format>(value: i64, mxcsr: Mxcsr) -> Outcome<u64> {
    if value == 0 {
        return Outcome::exact(0);
    }
    to_format::<F>(Finite::from_magnitude(value < 0, value.unsigned_abs()).to_real(), mxcsr)
}

/// `CVTSS2SI`, `CVTTSD2SI`, … — to a signed integer of 32 bits. What does not fit, and NaNs, give 0x8000_0000 with IE.
#[must_use]
pub fn to_integer<F: Format>(a: u64, rounding: Rounding, mxcsr: Mxcsr) -> Outcome<i32> {
    let indefinite = Outcome::new(i32::MIN, Status::IE);
    match check::<F>(a, mxcsr) {
        Ok((Number::Zero, _)) => Outcome::exact(0),
        Ok((Number::Finite(f), _)) => match round::to_integer(f.to_real(), rounding) {
            Some((magnitude, raised)) => {
                let value = magnitude.cast_signed();
                match i32::try_from(if f.sign { value.wrapping_neg() } else { value }) {
                    Ok(fits) if magnitude >> 63 == 0 => Outcome::new(fits, raised),
                    _ => indefinite,
                }
            }
            None => indefinite,
        },
        _ => indefinite,
    }
}

/// `ROUNDSS` — to an integral number of the same format. `PE` is for the caller to drop where bit 3 of the immediate
/// says so.
#[must_use]
pub fn round_to_integral<F: Format>(a: u64, rounding: Rounding, mxcsr: Mxcsr) -> Outcome<u64> {
    let sign = format::is_negative::<F>(a);
    match check::<F>(a, mxcsr) {
        Err(nan) => nan,
        Ok((Number::Infinity, _)) => Outcome::exact(a),
        Ok((Number::Zero, _)) => Outcome::exact(format::zero::<F>(sign)),
        Ok((Number::Finite(f), _)) => match round::to_integer(f.to_real(), rounding) {
            Some((0, raised)) => Outcome::new(format::zero::<F>(sign), raised),
            // An integer of at least PRECISION bits is integral already, so this one has no more than those.
            Some((magnitude, raised)) if !raised.is_empty() => {
                let g = Finite::from_magnitude(sign, magnitude);
                Outcome::new(format::pack::<F>(sign, g.exp, g.sig), raised)
            }
            _ => Outcome::exact(a),
        },
    }
}
