//! The unsafe room: what the host offers, made safe to call.
//!
//! Invariants the `SAFETY:` comments of this folder rest on:
//! 1. *Caller memory is hostile.* Addresses that came through the table are touched only by the kernel (which answers
//!    EFAULT) or by [`copy`], whose instructions are recoverable.
//! 2. *The PAL's own memory* (stacks, heap, statics) is never handed out, so `memory`'s calls cannot hit it.
//! 3. *Signal handlers* use only atomics, thread-local cells without destructors, and system calls.

pub(crate) mod cancel;
pub(crate) mod copy;
pub(crate) mod errno;
pub(crate) mod fatal;
pub(crate) mod fd;
pub(crate) mod flags;
pub(crate) mod fork;
pub(crate) mod icache;
pub(crate) mod mask;
pub(crate) mod mem;
pub(crate) mod parcel;
pub(crate) mod recover;
pub(crate) mod roster;
pub(crate) mod shared;
pub(crate) mod signal;
pub(crate) mod socket;
pub(crate) mod stack;
pub(crate) mod terminal;
pub(crate) mod twin;
pub(crate) mod upcall;
