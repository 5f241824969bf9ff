//! Pure functions that compute what is too long to write with `Emit` primitives.
//!
//! Nothing here touches processor state or memory: values and control words go in, values and flags come out, and
//! the host's own floating-point unit is never used, so results are the same on every host.

pub mod aes;
pub mod sha;
pub mod softfloat;
