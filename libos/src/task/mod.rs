//! Processes: their numbers and relations, fork, exec, exit, wait.
//!
//! The state of a process is [`process`], that of a thread [`thread`]; which threads there are stands in [`threads`], and
//! what processes know of each other in [`family`].

pub mod clone;
pub mod credentials;
pub mod exit;
pub mod family;
pub mod limits;
pub mod process;
pub mod robust;
pub mod rseq;
pub mod thread;
pub mod threads;
pub mod vfork;
pub mod wait;
