//! x87 operations on 80-bit values.
//!
//! Stack faults, condition codes of comparisons and what is popped are the caller's business; here are values and flags.
//! C1 in an outcome is "rounded up"; where it is not raised, it is to be cleared. Compilers rely on nothing else, but the
//! hardware does exactly this.

mod arith;
mod bcd;
mod compare;
mod convert;
mod integer;
mod nan;
mod remainder;
mod transcendental;

pub use arith::{Binary, add, binary, div, mul, sqrt, sub};
pub use bcd::{from_bcd, to_bcd};
pub use compare::{Quiet, Relation, compare, compare_widened, examine, examine_empty};
pub use convert::{Widened, from_float, from_integer, to_float, to_integer, to_integer_truncating, widen};
pub use integer::{Extracted, extract, round_to_integer, scale};
pub use remainder::{remainder_nearest, remainder_truncating};
pub use transcendental::{
    arctangent, cosine, power_of_two_minus_one, sine, tangent, y_log2_x, y_log2_x_plus_one,
};

use super::control::Control;
use super::extended::F80;
use super::real::Finite;
use super::status::{Outcome, Status};

/// What an invalid operation gives.
const INVALID: Outcome<F80> = Outcome::new(F80::INDEFINITE, Status::IE);

/// Adds DE to an outcome; an unmasked DE stands alone, because the operation is not carried out.
#[inline]
fn with_denormal<T>(outcome: Outcome<T>, denormal: bool, control: Control) -> Outcome<T> {
    if !denormal {
        return outcome;
    }
    if control.unmasks(Status::DE) {
        return Outcome::new(outcome.value, Status::DE);
    }
    outcome.and(Status::DE)
}

/// An operand that is not NaN and not rejected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Zero,
    Finite(Finite),
    Infinity,
}
