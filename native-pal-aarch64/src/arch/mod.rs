//! What differs between the two hosts: register contexts in signal frames, and thread-local bases.
//!
//! Each file offers the same names. Nothing else in the crate knows the instruction set, save the assembly of
//! `sys/{cancel,copy,stack,icache}.rs`.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::{Context, access_of, apply, capture, set_tls_base};

#[cfg(any(test, target_arch = "aarch64"))]
mod a64;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{Context, access_of, apply, capture, set_tls_base};
