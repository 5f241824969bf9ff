//! System calls: the table, and one module per family of them.
//!
//! Each function takes the call in progress and its arguments and returns what EAX receives.

pub mod arg;
mod attributes;
mod copy;
mod descriptor;
mod directory;
mod epoll;
mod event;
pub mod futex;
mod futex_pi;
mod identity;
mod inotify;
mod ioctl;
mod iovec;
mod memfd;
mod memory;
mod message;
mod names;
mod network;
mod open;
mod policy;
mod poll;
mod prctl;
mod process;
mod read;
mod seek;
mod signal;
mod sockopt;
mod stat;
mod system;
mod table;
mod terminal;
mod time;
mod timer;
mod timerfd;
pub mod trace;
mod xattr;

use alloc::format;
use alloc::string::String;

use pal_abi::ContextI386;

use crate::arch::context::{self, EAX};
use crate::error::{Errno, SysResult, to_eax};
use crate::task::process::{process as this_process, trace as traced};
use crate::task::thread::Thread;

/// A system call in progress.
#[derive(Debug)]
pub struct Call<'a> {
    /// The registers, as the program will find them.
    pub context: &'a mut ContextI386,
    /// The calling thread.
    pub thread: &'a mut Thread,
    /// Whether EAX and a restart are decided by the result: not so after a signal return.
    pub finished: bool,
    /// Whether the caller is gone, and the registers are those of the process that had lent it its memory (`vfork`).
    pub gone: bool,
}

/// Serves a system call. Tells whether a signal may restart it.
pub fn dispatch(context: &mut ContextI386, thread: &mut Thread, number: u32) -> bool {
    let arguments = context::arguments(context);
    let entry = table::find(number);
    let tracing = this_process().traces(traced::SYSCALLS);
    let shown = if tracing { show(entry, number, arguments) } else { String::new() };
    if tracing && entry.is_some_and(|e| e.may_not_return()) {
        trace::entered(&shown);
    }
    let mut call = Call { context, thread, finished: true, gone: false };
    let result: SysResult = match entry {
        Some(entry) => (entry.run)(&mut call, arguments),
        None => Err(Errno::ENOSYS),
    };
    let (gone, finished) = (call.gone, call.finished && !call.gone);
    if tracing && !gone {
        trace::call(&shown, result);
    }
    if finished {
        context.gpr[EAX] = to_eax(result);
    }
    finished
}

fn show(entry: Option<&table::Entry>, number: u32, arguments: [u32; 6]) -> String {
    match entry {
        Some(entry) => {
            let mut text = String::from(entry.name);
            text.push('(');
            (entry.show)(arguments, &mut text);
            text.push(')');
            text
        }
        None => format!("{}({arguments:#x?})", table::name(number).unwrap_or("unknown")).replace('\n', ""),
    }
}
