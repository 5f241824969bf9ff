//! What each 32-bit x86 instruction means, written once.
//!
//! The life of an instruction: [`decode`] turns bytes into an [`decode::Insn`]; [`table`] finds its function under
//! [`semantics`]; the function speaks the vocabulary of [`emit::Emit`], with [`operand`] for places and [`flags`] for the
//! arithmetic flags. [`interp::Interp`] carries it out on a [`state::CpuState`] and a [`memory::GuestMemory`]; the JIT builds
//! code from the same function; [`effects::Effects`] derives what it touches. [`engine::Engine`] is the seam to what is around.
//!
//! This crate knows nothing of Cranelift, of the host, or of the ABI.

#![forbid(unsafe_code)]

pub mod cpuid;
pub mod decode;
pub mod descriptor;
pub mod effects;
pub mod emit;
pub mod engine;
pub mod flags;
pub mod helper_table;
pub mod helpers;
pub mod interp;
pub mod memory;
pub mod operand;
pub mod semantics;
pub mod shape;
pub mod state;
pub mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
