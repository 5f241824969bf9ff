//! The proof against the processor: cases, the hardware that judges them, and the implementations that are judged.
//!
//! A [`case::Case`] is code and a state; its [`case::Outcome`] is everything user mode can see afterwards. [`hardware`] gets it
//! from the real processor, a [`machine::Machine`] from an implementation, [`compare`] says whether they agree. [`generate`]
//! makes cases, [`campaign`] runs many, [`mod@shrink`] makes a failing one small and [`mod@report`] shows it. [`ins`] is a case
//! as a line of text.

#![expect(
    clippy::cast_possible_truncation,
    reason = "addresses, sizes and register fields of a 32-bit machine are cut to size on purpose"
)]

pub mod allowed;
pub mod campaign;
pub mod case;
pub mod codec;
pub mod compare;
pub mod conformance;
mod coverage;
pub mod descriptors;
pub mod findings;
pub mod fuzz;
pub mod generate;
pub mod hardware;
pub mod ins;
pub mod kernels;
pub mod layout;
pub mod loops;
pub mod machine;
mod profiles;
pub mod report;
pub mod shrink;
pub mod undefined;
pub mod vectors;

pub use coverage::{conformance_table, coverage_markdown};
