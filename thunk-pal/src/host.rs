//! The upcalls that this layer takes from below: new threads, host faults, interrupts.
//!
//! The dispatch runs inside a signal handler of the layer below: it takes no lock and allocates nothing, except on
//! its way to a fatal end. It dereferences only the two records that the layer below hands it, which that layer keeps
//! valid for the call.

use crate::guest::{Base, Failure, recover};
use crate::layer::Layer;
use crate::special::{ThreadStart, thread_main};
use crate::thread::current_signals;
use frontend_x86::engine::{HostFault, HostFaultKind, HostRegisters};
use frontend_x86::memory::GuestAddr;
use pal_abi::flags::{exception, exception_flags, fault};
use pal_abi::layout::{ContextHeader, Exception};
use pal_abi::{Pal, UpcallTable};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(target_arch = "aarch64")]
use pal_abi::layout::ContextAarch64 as Context;
#[cfg(target_arch = "x86_64")]
use pal_abi::layout::ContextX86_64 as Context;

/// ELF `e_machine` of this host.
pub(crate) const HOST_ISA: u32 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };

/// Host pages that lie in a guard of the window count as guest addresses beyond its ends.
const GUARD: u64 = 1 << 20;

/// Starts of threads that the layer below has not run yet, by token: what passes through it is a number.
static PARKED: Mutex<BTreeMap<u64, Box<ThreadStart>>> = Mutex::new(BTreeMap::new());
static NEXT_TOKEN: AtomicU64 = AtomicU64::new(1);

fn parked() -> std::sync::MutexGuard<'static, BTreeMap<u64, Box<ThreadStart>>> {
    PARKED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Keeps a start for the thread that will ask for it.
pub(crate) fn park(start: Box<ThreadStart>) -> u64 {
    let token = NEXT_TOKEN.fetch_add(1, Ordering::Relaxed);
    parked().insert(token, start);
    token
}

/// Takes a start back.
pub(crate) fn unpark(token: u64) -> Option<Box<ThreadStart>> {
    parked().remove(&token)
}

/// The table that is registered below.
pub(crate) fn upcalls() -> UpcallTable {
    let thread_start: pal_abi::LibOsThreadStart = thread_start;
    let dispatch: pal_abi::LibOsExceptionDispatch = dispatch;
    UpcallTable {
        size: size_of::<UpcallTable>() as u32,
        version: 1,
        thread_start: (thread_start as *const ()).expose_provenance() as u64,
        exception_dispatch: (dispatch as *const ()).expose_provenance() as u64,
    }
}

unsafe extern "C" fn thread_start(_start: usize, param: usize) {
    let layer = Layer::get();
    if let Some(start) = unpark(param as u64) {
        thread_main(layer, *start);
    }
    loop {
        let _ = layer.pal.thread_exit(pal_abi::arg::Out::NONE);
    }
}

/// `LibOsExceptionDispatch` of this layer.
///
/// # Safety
/// The layer below passes an EXCEPTION and a CONTEXT of this host, valid and not otherwise used during the call.
unsafe extern "C" fn dispatch(record: *mut Exception, context: *mut ContextHeader) {
    // SAFETY: the layer below's promise.
    let record = unsafe { &mut *record };
    // SAFETY: the layer below's promise; every context begins with the header.
    let isa = unsafe { (*context).isa };
    let Some(layer) = Layer::try_get() else { return };
    if isa != HOST_ISA {
        layer.fatal("the layer below gave a context of another processor");
    }
    // SAFETY: the header says that it is the whole context of this host.
    let context = &mut Registers(unsafe { &mut *context.cast::<Context>() });
    match record.code {
        exception::INTERRUPT => match current_signals() {
            Some(signals) => {
                signals.seen.store(true, Ordering::SeqCst);
                if signals.in_app.load(Ordering::SeqCst) {
                    signals.interrupt.store(1, Ordering::SeqCst);
                } else {
                    record.flags |= exception_flags::KEEP_PENDING;
                }
            }
            None => record.flags |= exception_flags::KEEP_PENDING,
        },
        exception::TERMINATE => {
            let _ = layer.pal.process_exit(128 + 15);
        }
        _ => host_fault(layer, record, context),
    }
}

fn host_fault(layer: &Layer, record: &Exception, context: &mut Registers<'_>) {
    let (kind, failure) = match record.code {
        exception::IN_PAGE_ERROR => (HostFaultKind::InPage, Failure::InPage),
        exception::ILLEGAL => (HostFaultKind::Illegal, Failure::Access),
        exception::DIVIDE | exception::FLOAT => (HostFaultKind::Arithmetic, Failure::Access),
        _ => (HostFaultKind::Access, Failure::Access),
    };
    if let Some(recovery) = recover(context.pc()) {
        context.set_register(recovery.status_register, failure.status());
        context.set_pc(recovery.pc);
        return;
    }
    let fault = HostFault {
        address: record.address,
        guest: guest_address(layer.window.base, record.address),
        write: record.info[0] == u64::from(fault::WRITE),
        kind,
    };
    if layer.engine.host_fault(&fault, context) {
        return;
    }
    layer.fatal(&format!(
        "internal error: host exception {} (signal {}) at pc {:#x}, address {:#x}",
        record.code,
        record.native,
        context.pc(),
        record.address
    ));
}

/// The guest address of a host address in the window or in one of its guards, modulo 2³².
fn guest_address(base: Base, host: u64) -> Option<GuestAddr> {
    let start = base.host(0);
    let window = start.wrapping_sub(GUARD)..start.wrapping_add((1 << 32) + GUARD);
    window.contains(&host).then(|| GuestAddr(host.wrapping_sub(start) as u32))
}

/// A CONTEXT of this host as the engine sees it.
struct Registers<'a>(&'a mut Context);

#[cfg(target_arch = "x86_64")]
impl HostRegisters for Registers<'_> {
    fn pc(&self) -> u64 {
        self.0.rip
    }
    fn set_pc(&mut self, value: u64) {
        self.0.rip = value;
    }
    fn sp(&self) -> u64 {
        self.0.gpr[4]
    }
    fn set_sp(&mut self, value: u64) {
        self.0.gpr[4] = value;
    }
    fn register(&self, number: usize) -> u64 {
        self.0.gpr[number & 15]
    }
    fn set_register(&mut self, number: usize, value: u64) {
        self.0.gpr[number & 15] = value;
    }
}

#[cfg(target_arch = "aarch64")]
impl HostRegisters for Registers<'_> {
    fn pc(&self) -> u64 {
        self.0.pc
    }
    fn set_pc(&mut self, value: u64) {
        self.0.pc = value;
    }
    fn sp(&self) -> u64 {
        self.0.sp
    }
    fn set_sp(&mut self, value: u64) {
        self.0.sp = value;
    }
    fn register(&self, number: usize) -> u64 {
        self.0.x.get(number).copied().unwrap_or(0)
    }
    fn set_register(&mut self, number: usize, value: u64) {
        if let Some(register) = self.0.x.get_mut(number) {
            *register = value;
        }
    }
}
