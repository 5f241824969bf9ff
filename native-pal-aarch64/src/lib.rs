//! The native PAL: the 64-bit ABI on Linux, for AArch64 and x86-64 hosts.
//!
//! Knows nothing of guests or of x86-32. What it serves is whoever was given its table.
//!
//! - [`pal`]: the table's calls, each handed to the module that knows it;
//! - [`boot`]: from the command's configuration to the first upcall;
//! - `handle`: numbers above, counted typed objects below; `user`: caller memory, copied in and out;
//! - `wait`: all blocking, interruptible; `objects`, `event`, `completion`, `word`: what is waited for;
//! - `memory`: address space; `stream`, `nodes`: every named resource; `policy`: which of them exist;
//! - `thread`, `host_thread`, `exception`, `process`, `family`: execution; `quiesce`: standing still for a copy;
//! - `sys`, `arch`: the unsafe rooms.

#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "what differs between processors is instructions and register images")]
mod arch;
mod birth;
pub mod boot;
mod completion;
mod event;
mod exception;
mod export;
mod family;
mod handle;
mod host_thread;
mod memory;
mod misc;
mod nodes;
mod objects;
pub mod pal;
mod policy;
mod process;
mod quiesce;
mod sockets;
mod stream;
mod supervisor;
#[expect(unsafe_code, reason = "the host's calls, made safe")]
mod sys;
mod thread;
mod user;
mod wait;
mod word;

pub use boot::{Config, Mapping, start};
pub use pal::NativePal;
