//! The rooms below the kernel proper: memory of our own, locks, and the tables of downcalls.
//!
//! With `arch`, the only place where unsafe code is allowed.
#![allow(unsafe_code, reason = "raw memory and the downcall tables are dealt with here")]

pub mod family;
pub mod gate;
#[cfg(target_arch = "x86")]
mod heap;
pub mod lock;
pub mod shared;
pub mod tables;
