//! Which NaN comes out. SDM vol. 1, table 4-7.

use super::super::extended::{F80, Operand};
use super::super::status::{Outcome, Status};
use super::{INVALID, Number};

/// The outcome of an operation on one operand that is a NaN or rejected; otherwise the number and whether it raises DE.
#[inline]
pub(super) fn check(a: F80) -> Result<(Number, bool), Outcome<F80>> {
    match a.operand() {
        Operand::Finite(f) => Ok((Number::Finite(f), false)),
        Operand::Denormal(f) => Ok((Number::Finite(f), true)),
        Operand::Zero => Ok((Number::Zero, false)),
        Operand::Infinity => Ok((Number::Infinity, false)),
        Operand::Nan => Err(Outcome::new(a.quieted(), Status::IE.when(a.is_signaling()))),
        Operand::Unsupported => Err(INVALID),
    }
}

/// Likewise for two operands.
#[inline]
pub(super) fn check_pair(a: F80, b: F80) -> Result<(Number, Number, bool), Outcome<F80>> {
    match (check(a), check(b)) {
        (Ok((x, dx)), Ok((y, dy))) => Ok((x, y, dx | dy)),
        _ => Err(propagate(a, b)),
    }
}

/// The result where at least one of two operands is a NaN or rejected.
#[cold]
fn propagate(a: F80, b: F80) -> Outcome<F80> {
    if a.operand() == Operand::Unsupported || b.operand() == Operand::Unsupported {
        return INVALID;
    }
    let raised = Status::IE.when(a.is_signaling() || b.is_signaling());
    let value = match (a.is_nan(), b.is_nan()) {
        (true, false) => a,
        (false, _) => b,
        (true, true) => match (a.is_signaling(), b.is_signaling()) {
            // A quiet NaN wins over a signalling one, whatever their significands.
            (true, false) => b,
            (false, true) => a,
            _ => larger(a, b),
        },
    };
    Outcome::new(value.quieted(), raised)
}

/// The NaN with the larger significand; of equal ones the positive.
const fn larger(a: F80, b: F80) -> F80 {
    if a.sig > b.sig || (a.sig == b.sig && !a.sign()) { a } else { b }
}
