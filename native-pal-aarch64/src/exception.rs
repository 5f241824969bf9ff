//! Host faults and interrupts as exceptions of the ABI, with exact host contexts.
//!
//! The handler of [`crate::sys::signal`] has already dealt with the recoverable stretches when [`deliver`] is asked.
//! What remains is, in this order: a one-shot guard page; a fault in code above the PAL, which goes to the layer's
//! `LibOsExceptionDispatch` *inside the signal handler*, and whose edits to the context become the signal frame's;
//! a fault inside the PAL, which the layer is told of (`IN_HOST`) before the process ends; or a fault nobody can take,
//! which ends the process with one line.
//!
//! Interrupts are dispatched only where the thread is above the ABI and in no dispatch; otherwise they stay pending.
//! The interrupt signal is blocked while any handler runs, so one that comes meanwhile is seen right after it.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use pal_abi::flags::{exception, exception_flags};
use pal_abi::{Exception, Layout, UpcallTable};

use crate::sys::{fatal, signal, upcall};
use crate::{arch, memory, wait};

/// Dispatches of one thread that may be unfinished at a time. A layer that faults in its dispatcher again and again
/// ends here, long before the signal stack does.
const DEPTH_MAX: u32 = 4;

/// `si_code`s of integer faults, which the `libc` crate lacks.
const FPE_INTDIV: i32 = 1;
const FPE_INTOVF: i32 = 2;

static UPCALL_SLOT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static DISPATCHES: Cell<u32> = const { Cell::new(0) };
}

/// Says where the layer above stores its `UpcallTable`.
pub(crate) fn set_upcall_slot(addr: usize) {
    UPCALL_SLOT.store(addr, Ordering::Release);
}

/// The upcalls that the layer above registered, if it has.
pub(crate) fn upcalls() -> Option<UpcallTable> {
    let slot = UPCALL_SLOT.load(Ordering::Acquire);
    let table: UpcallTable = crate::sys::copy::read(slot).ok()?;
    (table.size as usize >= size_of::<UpcallTable>() && table.version >= 1).then_some(table)
}

/// Installs the handlers of a picoprocess.
pub(crate) fn install() {
    signal::set_hook(deliver);
    signal::install_recovery();
    for number in [libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
        signal::install_fault(number);
    }
}

/// What a host signal means; `None` for those that are no exception.
fn describe(number: i32, info: &signal::Info, frame: &libc::ucontext_t) -> Option<Exception> {
    let mut what = Exception { native: number.cast_unsigned(), ..Exception::ZERO };
    match number {
        libc::SIGSEGV => {
            what.code = exception::ACCESS;
            what.address = info.address;
            what.info[0] = u64::from(arch::access_of(frame, info.address));
        }
        libc::SIGBUS if info.code == libc::BUS_ADRALN => {
            what.code = exception::ALIGNMENT;
            what.address = info.address;
        }
        libc::SIGBUS => {
            what.code = exception::IN_PAGE_ERROR;
            what.address = info.address;
            what.info[0] = u64::from(arch::access_of(frame, info.address));
        }
        libc::SIGILL => {
            what.code = exception::ILLEGAL;
            what.address = info.address;
        }
        libc::SIGFPE if info.code == FPE_INTDIV || info.code == FPE_INTOVF => {
            what.code = exception::DIVIDE;
            what.address = info.address;
        }
        libc::SIGFPE => {
            what.code = exception::FLOAT;
            what.address = info.address;
        }
        libc::SIGTRAP if info.code == libc::TRAP_TRACE => what.code = exception::STEP,
        libc::SIGTRAP => what.code = exception::BREAK,
        _ => return None,
    }
    what.info[1] = u64::from(info.code.cast_unsigned());
    Some(what)
}

/// Takes a signal that is no recovery. Runs in the signal handler.
fn deliver(number: i32, info: &signal::Info, frame: &mut libc::ucontext_t) -> bool {
    match number {
        signal::INTERRUPT => {
            interrupt(frame);
            true
        }
        signal::RING => {
            crate::thread::rung();
            true
        }
        _ => describe(number, info, frame).is_some_and(|what| {
            fault(number, what, frame);
            true
        }),
    }
}

/// Dispatches a pending interrupt, unless the thread is in the PAL or in a dispatch: then it stays pending.
fn interrupt(frame: &mut libc::ucontext_t) {
    if wait::inside() > 0 || DISPATCHES.get() > 0 || upcalls().is_none() || !wait::take_new() {
        return;
    }
    let what = Exception { code: exception::INTERRUPT, ..Exception::ZERO };
    if let Some(after) = dispatch(what, frame)
        && after.flags & exception_flags::KEEP_PENDING != 0
    {
        wait::keep();
    }
}

fn fault(number: i32, mut what: Exception, frame: &mut libc::ucontext_t) {
    let pc = signal::pc(frame);
    if wait::inside() == 0 && what.code == exception::ACCESS {
        let hit = usize::try_from(what.address).map(memory::guard_hit);
        if matches!(hit, Ok(true)) {
            what.code = exception::GUARD;
        }
    }
    let in_host = wait::inside() > 0;
    if in_host {
        what.flags |= exception_flags::IN_HOST;
    }
    if DISPATCHES.get() >= DEPTH_MAX {
        fatal::end(number, &what, pc, "faults while a fault is being dealt with");
    }
    if dispatch(what, frame).is_none() {
        fatal::end(number, &what, pc, "nobody to take it");
    }
    if in_host {
        fatal::end(number, &what, pc, "inside the PAL");
    }
}

/// Calls `LibOsExceptionDispatch` and applies its edits. `None` where none is registered.
fn dispatch(mut what: Exception, frame: &mut libc::ucontext_t) -> Option<Exception> {
    let table = upcalls()?;
    let depth = DISPATCHES.get();
    what.depth = depth;
    DISPATCHES.set(depth + 1);
    let mut context = arch::capture(frame);
    wait::outside(|| upcall::exception_dispatch(&table, &mut what, &mut context));
    arch::apply(&context, frame);
    DISPATCHES.set(depth);
    Some(what)
}
