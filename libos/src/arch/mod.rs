//! What only this instruction set has: entry points, register contexts, copies to and from the application.
#![allow(unsafe_code, reason = "entry points and user memory are dealt with here")]

pub mod context;
pub mod cpu;
pub mod entry;
pub mod ldt;
#[cfg(target_arch = "x86")]
mod memory;
pub mod slot;
pub mod tls;
pub mod user;
