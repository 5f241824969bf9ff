//! The hardware oracle: runs cases on the real processor, as 32-bit code.
//!
//! A worker process (a child running [`worker::main`]) receives batches over a pipe. It is a 64-bit process that enters
//! the 32-bit code segment for each case: its own code and data lie above 4 GiB, where the case cannot reach them, and
//! the whole lower 4 GiB belongs to the case. Every case ends in a signal; the kernel's signal frame carries the
//! complete state out, and the same frame, edited, carries the next case in ([`enter`]). A seccomp filter turns system
//! calls of the case into signals too ([`sandbox`]).

use crate::case::{Case, Outcome, Stop};
#[cfg(not(target_arch = "x86_64"))]
use std::path::Path;

#[cfg(target_arch = "x86_64")]
mod enter;
#[cfg(target_arch = "x86_64")]
mod sandbox;
#[cfg(target_arch = "x86_64")]
pub mod worker;

#[cfg(target_arch = "x86_64")]
mod client;
#[cfg(target_arch = "x86_64")]
pub use client::Hardware;

/// Why there is no hardware oracle here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unavailable(pub String);

impl core::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Unavailable {}

/// Whether missing hardware is an error: `TRUNNION_REQUIRE_NATIVE=1`.
#[must_use]
pub fn required() -> bool {
    std::env::var_os("TRUNNION_REQUIRE_NATIVE").is_some_and(|v| !v.is_empty() && v != "0")
}

/// Stands for the oracle on hosts that cannot run i386 code.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Debug)]
pub struct Hardware(core::convert::Infallible);

#[cfg(not(target_arch = "x86_64"))]
impl Hardware {
    /// Always fails here.
    ///
    /// # Errors
    /// This host is not an x86-64.
    pub fn start(_program: &Path, _args: &[&str]) -> Result<Self, Unavailable> {
        Err(Unavailable("this host is not an x86-64 processor".into()))
    }

    /// Never called: there is no value of this type here.
    pub fn run(&mut self, _cases: &[Case]) -> Vec<Outcome> {
        match self.0 {}
    }
}

/// The outcome of a case that could not be run.
#[must_use]
pub fn broken(case: &Case) -> Outcome {
    Outcome { stop: Stop::Broken, state: case.state.clone(), memory: Vec::new() }
}
