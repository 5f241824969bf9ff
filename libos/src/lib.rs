//! The library OS: a Linux i386 personality, as 32-bit guest code above the 45 downcalls.
//!
//! The life of a system call: the program executes `int 0x80`; the layer below calls the exception dispatch
//! ([`arch::entry`]) on the thread's upcall stack with the program's registers; [`syscall`] finds the row of the number in
//! its table and runs the function, which works on the state of the process ([`task`], [`mm`], [`fs`]) and asks the
//! layer below for what it cannot do itself ([`mod@pal`]); the result goes to EAX; [`signal`] delivers what is pending; the
//! dispatch returns, and with it the program.
//!
//! - [`loader`]: ELF images and scripts, the first stack, `execve`.
//! - [`net`]: sockets, as far as there are any.
//! - [`sys`]: the allocator, locks, family memory, the tables of downcalls.
//!
//! The same source is compiled for the host, where its pure parts are tested.

#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod arch;
pub mod error;
pub mod fs;
pub mod layout;
pub mod loader;
pub mod mm;
pub mod net;
pub mod pal;
pub mod signal;
pub mod sys;
pub mod syscall;
pub mod task;
