//! The meanings: one function per mnemonic, over [`crate::emit::Emit`].
//!
//! A meaning reads its operands, computes, writes, sets flags, in this order; what can fault comes before the first
//! register or flag write. Names are the manual's; SDM volume 2 is the reference where none is given.

pub mod arith;
pub mod atomic;
pub mod bcd;
pub mod bits;
pub mod bmi;
pub mod cond;
pub mod control;
pub mod crc32;
pub mod logic;
pub mod mmx;
pub mod move_;
pub mod mul_div;
pub mod rotate;
pub mod segment;
pub mod shift;
pub mod sse;
pub mod stack;
pub mod string;
pub mod system;
pub mod x87;
