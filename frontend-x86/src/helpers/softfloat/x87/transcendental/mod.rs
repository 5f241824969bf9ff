//! FSIN, FCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1.
//!
//! Results are computed with 128-bit significands and rounded once, so they are those of the exact function, bar cases
//! closer to a rounding boundary than about 2⁻⁵⁰ of the last place. The hardware is within about 0.6 of its last place
//! and gives the neighbouring number in some two of a hundred cases. Angles are reduced with the π that the hardware
//! has, which is cut to 66 bits.

mod circular;
mod constants;
mod exponential;
mod wide;

pub use circular::{arctangent, cosine, sine, tangent};
pub use exponential::{power_of_two_minus_one, y_log2_x, y_log2_x_plus_one};
