//! Floating point in integers, with x86's results and x86's flags.
//!
//! - [`Control`] and [`Mxcsr`] say how to round and which exceptions are masked; every operation takes one of them.
//! - Every operation gives an [`Outcome`]: the value and the [`Status`] bits it raised. The six exception flags have the
//!   same places in the x87 status word and in MXCSR. Flags are those of this one operation; the caller accumulates.
//! - [`x87`] works on [`F80`] with precision control and the x87's NaN rule; [`sse`] works on the bits of binary32 and
//!   binary64 with FTZ, DAZ and the SSE NaN rule.
//! - Between them lie exact reals: a finite operand becomes a [`Finite`], an operation on it makes a [`Real`] of 128
//!   significant bits whose lowest is sticky, and that is rounded once.
//!
//! Unmasked exceptions: where an unmasked exception that is detected before computing (IE, DE, ZE) is raised, no other flag
//! is, and the value is of no use: the destination must stay as it was ([`Outcome::is_written`]). Unmasked overflow
//! and underflow give the x87's result with its exponent wrapped; for SSE and for stores to memory nothing is written.
//!
//! Tests against the processor are in `tests/softfloat_native.rs`.

mod control;
mod extended;
mod format;
mod real;
mod round;
pub mod sse;
mod status;
pub mod x87;

pub use control::{Control, Mxcsr, Precision, Rounding};
pub use extended::{Class, F80};
pub use format::{Binary32, Binary64, Format};
pub use real::{Finite, Real};
pub use status::{Outcome, Status};
