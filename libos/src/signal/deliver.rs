//! The way back to the application: pending signals are taken, frames are built, interrupted calls are restarted.
//!
//! # Source
//! `arch_do_signal_or_restart`, `handle_signal` and `get_signal` of Linux.

use pal_abi::ContextI386;

use super::frame::Delivery;
use super::info::SigInfo;
use super::set::{DefaultAction, SIG_DFL, SIGSEGV, SigAction, SigSet, default_action, sa};
use super::{force, fpstate, host, pending, stop, waiting};
use crate::arch::context::{self, EAX};
use crate::arch::{cpu, user};
use crate::error::Errno;
use crate::loader::vdso;
use crate::task::exit::{self, Ending};
use crate::task::process::{process, trace};
use crate::task::thread::Thread;
use crate::task::threads;

/// `restart_syscall`.
const NR_RESTART: u32 = 0;

/// The error a context's EAX holds.
fn error_in(context: &ContextI386) -> Option<Errno> {
    let number = u16::try_from(context.gpr[EAX].wrapping_neg()).ok()?;
    (1..4096).contains(&number).then_some(Errno(number))
}

/// Makes a context ready for the application. `call` is the number of the system call it comes from, if any.
pub fn deliver(context: &mut ContextI386, thread: &mut Thread, mut call: Option<u32>) {
    host::look();
    let cell = threads::current();
    loop {
        if cell.is_doomed() {
            exit::abandon(thread);
            return;
        }
        stop::wait_while_stopped(thread);
        cell.tell_blocked(thread.blocked);
        let due = waiting() & !thread.blocked;
        if due.is_empty() {
            break;
        }
        let Some(info) = pending::take(process().member().0, cell.member().0, due) else { break };
        let action = process().action(info.signal);
        if process().traces(trace::SIGNALS) {
            crate::syscall::trace::signal(&info);
        }
        if action.ignores(info.signal) {
            continue;
        }
        if action.is_handler() {
            if let Some(number) = call.take() {
                end_call(context, thread, number, action);
            }
            run_handler(context, thread, action, info);
            continue;
        }
        match default_action(info.signal) {
            DefaultAction::Stop => stop::stop(thread, info.signal),
            DefaultAction::Ignore | DefaultAction::Continue => {}
            DefaultAction::Terminate | DefaultAction::Core => {
                exit::end(context, thread, Ending::Killed(info.signal));
                // Whoever goes on here comes from `vfork`, which is not restarted.
                call = None;
            }
        }
    }
    if let Some(number) = call {
        match error_in(context) {
            Some(Errno::ERESTARTSYS | Errno::ERESTARTNOINTR | Errno::ERESTARTNOHAND) => {
                rewind(context, number)
            }
            Some(Errno::ERESTART_RESTARTBLOCK) => rewind(context, NR_RESTART),
            _ => {}
        }
    }
    if let Some(mask) = thread.saved_mask.take() {
        thread.blocked = mask;
    }
    cell.tell_blocked(thread.blocked);
    hand_on(thread);
}

/// Signals for the process that this thread does not take any more may be another's to take.
fn hand_on(thread: &Thread) {
    let member = process().member().0;
    let mut left = pending::set(&member.shared) & thread.blocked;
    while let Some(signal) = left.first() {
        threads::alert(member, signal);
        left = left & !SigSet::of(signal);
    }
}

/// Points back at the `int 0x80`.
const fn rewind(context: &mut ContextI386, number: u32) {
    context.gpr[EAX] = number;
    context.eip = context.eip.wrapping_sub(2);
}

/// What an interrupted call becomes when a handler runs.
fn end_call(context: &mut ContextI386, thread: &mut Thread, number: u32, action: SigAction) {
    match error_in(context) {
        Some(Errno::ERESTARTSYS) if action.flags & sa::RESTART != 0 => rewind(context, number),
        Some(Errno::ERESTARTNOINTR) => rewind(context, number),
        Some(Errno::ERESTARTSYS | Errno::ERESTARTNOHAND | Errno::ERESTART_RESTARTBLOCK) => {
            thread.restart = None;
            context.gpr[EAX] = crate::error::to_eax(Err(Errno::EINTR));
        }
        _ => {}
    }
}

/// Sends a signal's thread into the SIGSEGV of a handler that cannot be run; a handler of that itself is given up.
fn fail(thread: &mut Thread, signal: u32) {
    if signal == SIGSEGV {
        process().actions.lock()[(SIGSEGV - 1) as usize] = SigAction::default();
    }
    force(thread, &SigInfo::kernel(SIGSEGV));
}

/// Makes a thread that was interrupted by the layer below ready to go on.
pub fn interrupted(context: &mut ContextI386, thread: &mut Thread) {
    if thread.rseq.interrupt(context).is_err() {
        force(thread, &SigInfo::kernel(SIGSEGV));
    }
    deliver(context, thread, None);
}

fn run_handler(context: &mut ContextI386, thread: &mut Thread, action: SigAction, info: SigInfo) {
    let signal = info.signal;
    if thread.rseq.interrupt(context).is_err() {
        fail(thread, signal);
    }
    let page = process().mm.lock().vdso;
    let fxsave = context::floating_point(context);
    let delivery = Delivery {
        context,
        fxsave: &fxsave,
        extended: cpu::has_xsave(),
        action,
        info,
        mask: thread.saved_mask.unwrap_or(thread.blocked),
        fault: thread.fault,
        alt: thread.alt,
        returns: (page + vdso::ENTRIES.sigreturn, page + vdso::ENTRIES.rt_sigreturn),
    };
    let frame = delivery.frame();
    let written =
        user::write(frame.fp_address, &frame.fp).and_then(|()| user::write(frame.address, &frame.bytes));
    if written.is_err() {
        fail(thread, signal);
        return;
    }
    let mut resumed = *context;
    delivery.enter(&frame, &mut resumed);
    *context = resumed;
    // A handler begins with a fresh floating-point unit.
    context.fxsave = fpstate::initial();
    context.header.has_fp = 1;
    if action.flags & sa::RESETHAND != 0 {
        process().actions.lock()[(signal - 1) as usize % 64].handler = SIG_DFL;
    }
    thread.saved_mask = None;
    thread.blocked = thread.blocked | action.mask;
    if action.flags & sa::NODEFER == 0 {
        thread.blocked = thread.blocked | SigSet::of(signal);
    }
    thread.blocked = super::blockable(thread.blocked);
}
