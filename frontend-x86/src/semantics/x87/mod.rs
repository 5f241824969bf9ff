//! The x87. SDM vol. 1, chapter 8.
//!
//! The unit's arithmetic is out of line: a meaning reads memory operands with `Emit` and leaves the rest to a helper, which
//! is told about the instruction by a [`site::Site`]. An unmasked exception does not fault the instruction that
//! raises it but the next waiting one (#MF); helpers answer with that status, before anything has changed.
//!
//! A store is three steps, so that a fault of the store leaves the unit as it was: compute the value, store it, then commit
//! flags and stack.

pub mod arith;
pub mod compare;
pub mod control;
pub mod environment;
pub mod load_store;
pub mod register;
mod site;
pub mod state_image;
mod unit;
pub mod xsave;

use crate::engine::Exception;

/// What a helper answers where #MF is due.
fn math_fault() -> u64 {
    Exception::Math.status()
}
