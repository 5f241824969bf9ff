//! Processes: their numbers and relations, fork, exec, exit, wait.
//!
//! A process has one thread so far; `clone` refuses to make more. The state of a process is [`process`], that of
//! its thread [`thread`], and what processes know of each other [`family`].

pub mod clone;
pub mod credentials;
pub mod exit;
pub mod family;
pub mod limits;
pub mod process;
pub mod rseq;
pub mod thread;
pub mod vfork;
pub mod wait;
