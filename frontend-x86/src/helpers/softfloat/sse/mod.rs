//! SSE operations on one element: the bits of a binary32 or binary64, under MXCSR.
//!
//! C1 in an outcome means nothing here. Where an unmasked exception is raised nothing is written; an unmasked IE, DE or
//! ZE keeps the exceptions found while rounding from being raised. In a packed operation that holds for all elements
//! together, which is the caller's business: see [`Packed`].

mod approximate;
mod arith;
mod compare;
mod convert;
mod packed;

pub use approximate::{reciprocal, reciprocal_root};
pub use arith::{add, div, max, min, mul, sqrt, sub};
pub use compare::{Predicate, compare, relation};
pub use convert::{convert, from_integer, round_to_integral, to_integer};
pub use packed::Packed;

use super::control::Mxcsr;
use super::format::{self, Format};
use super::real::Finite;
use super::status::{Outcome, Status};

/// An operand that is not NaN.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Zero,
    Finite(Finite),
    Infinity,
}

/// What an invalid operation gives.
const fn invalid<F: Format>() -> Outcome<u64> {
    Outcome::new(F::INDEFINITE, Status::IE)
}

/// Takes an operand apart under DAZ: the number and whether it raises DE, or the quiet NaN it gives.
#[inline]
fn check<F: Format>(a: u64, mxcsr: Mxcsr) -> Result<(Number, bool), Outcome<u64>> {
    match format::operand::<F>(a) {
        format::Operand::Finite(f) => Ok((Number::Finite(f), false)),
        format::Operand::Denormal(_) if mxcsr.denormals_are_zeros() => Ok((Number::Zero, false)),
        format::Operand::Denormal(f) => Ok((Number::Finite(f), true)),
        format::Operand::Zero => Ok((Number::Zero, false)),
        format::Operand::Infinity => Ok((Number::Infinity, false)),
        format::Operand::Nan => {
            Err(Outcome::new(a | F::QUIET, Status::IE.when(format::is_signaling::<F>(a))))
        }
    }
}

/// Likewise for two operands. Of two NaNs the first comes out. SDM vol. 1, table 4-7.
#[inline]
fn check_pair<F: Format>(a: u64, b: u64, mxcsr: Mxcsr) -> Result<(Number, Number, bool), Outcome<u64>> {
    match (check::<F>(a, mxcsr), check::<F>(b, mxcsr)) {
        (Ok((x, dx)), Ok((y, dy))) => Ok((x, y, dx | dy)),
        (Err(first), Err(second)) => Err(first.and(second.raised)),
        (Err(nan), _) | (_, Err(nan)) => Err(nan),
    }
}

/// Adds DE to an outcome; an unmasked DE stands alone, because the operation is not carried out.
#[inline]
fn with_denormal<T>(outcome: Outcome<T>, denormal: bool, mxcsr: Mxcsr) -> Outcome<T> {
    if !denormal {
        return outcome;
    }
    if mxcsr.unmasks(Status::DE) {
        return Outcome::new(outcome.value, Status::DE);
    }
    outcome.and(Status::DE)
}
