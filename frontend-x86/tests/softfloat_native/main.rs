//! The soft-float core against this processor: values, exception flags, C1, masked and unmasked.
//!
//! Each test draws operands that are random in their class and adversarial in their bits, under every rounding and
//! precision control, runs the same operation natively, and compares everything that can be seen. `SOFTFLOAT_CASES` sets
//! the number of cases of one operation, `SOFTFLOAT_SEED` the seed.
#![cfg(target_arch = "x86_64")]
#![expect(clippy::cast_possible_truncation, reason = "random bits are cut to size everywhere here")]

mod native_sse;
mod native_x87;
mod operands;
mod report;
mod sse;
mod transcendental;
mod x87;
