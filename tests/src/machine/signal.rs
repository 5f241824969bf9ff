//! SIGSEGV and SIGBUS offered to the engine under test, as the native PAL does it.
//!
//! Unsafe here: reading and editing the signal frame, installing the handler. Invariant: the handler only touches its
//! frame, a thread-local cell without destructor, and an engine that is never freed.

#![expect(clippy::cast_sign_loss, reason = "signal frames have signed fields")]

use super::window::GUARD;
use core::cell::Cell;
use frontend_x86::engine::{Engine, HostFault, HostFaultKind};
use frontend_x86::memory::GuestAddr;
use std::sync::OnceLock;

static ENGINE: OnceLock<&'static dyn Engine> = OnceLock::new();

thread_local! {
    static BASE: Cell<usize> = const { Cell::new(0) };
}

pub(super) struct Registers<'a>(pub(super) &'a mut libc::mcontext_t);

#[cfg(target_arch = "x86_64")]
mod arch {
    use super::Registers;
    use frontend_x86::engine::HostRegisters;

    /// RAX RCX RDX RBX RSP RBP RSI RDI, then R8–R15, and RIP, error code in a frame.
    const ORDER: [usize; 16] = [13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7];
    const RIP: usize = 16;
    const ERR: usize = 19;

    impl Registers<'_> {
        pub(in crate::machine) fn wrote(&self) -> bool {
            self.0.gregs[ERR] & 2 != 0
        }
    }

    impl HostRegisters for Registers<'_> {
        fn pc(&self) -> u64 {
            self.0.gregs[RIP] as u64
        }
        fn set_pc(&mut self, value: u64) {
            self.0.gregs[RIP] = value.cast_signed();
        }
        fn sp(&self) -> u64 {
            self.register(4)
        }
        fn set_sp(&mut self, value: u64) {
            self.set_register(4, value);
        }
        fn register(&self, number: usize) -> u64 {
            self.0.gregs[ORDER[number]] as u64
        }
        fn set_register(&mut self, number: usize, value: u64) {
            self.0.gregs[ORDER[number]] = value.cast_signed();
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arch {
    use super::Registers;
    use frontend_x86::engine::HostRegisters;

    impl Registers<'_> {
        /// Whether the fault was one of a write: ESR_EL1's WnR bit where the frame has the record (qemu-user and Linux give
        /// it), a load otherwise.
        pub(in crate::machine) fn wrote(&self) -> bool {
            const ESR_MAGIC: u32 = 0x4553_5201;
            let records = (&raw const *self.0).wrapping_add(1).cast::<u8>().wrapping_sub(4096);
            let mut at = 0;
            while at + 16 <= 4096 {
                // SAFETY: the 4096 reserved bytes at the end of the frame hold records {magic, size, …}.
                let head = unsafe { records.add(at).cast::<[u32; 4]>().read_unaligned() };
                match head {
                    [ESR_MAGIC, _, low, _] => return low >> 6 & 1 != 0,
                    [_, size, ..] if size >= 16 => at += size as usize,
                    _ => break,
                }
            }
            false
        }
    }

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
            self.0.regs[number]
        }
        fn set_register(&mut self, number: usize, value: u64) {
            self.0.regs[number] = value;
        }
    }
}

extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's record for this signal.
    let info = unsafe { &*info };
    // SAFETY: SIGSEGV and SIGBUS have an address.
    let address = unsafe { info.si_addr() }.addr();
    // SAFETY: the kernel's frame, ours until we return.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let mut registers = Registers(&mut context.uc_mcontext);
    let base = BASE.get();
    let distance = address.wrapping_sub(base).wrapping_add(GUARD);
    let inside = base != 0 && distance < (1 << 32) + 2 * GUARD;
    let guest = inside.then(|| GuestAddr(address.wrapping_sub(base) as u32));
    let kind = if signal == libc::SIGBUS { HostFaultKind::InPage } else { HostFaultKind::Access };
    let fault = HostFault { address: address as u64, guest, write: registers.wrote(), kind };
    if !ENGINE.get().is_some_and(|engine| engine.host_fault(&fault, &mut registers)) {
        // SAFETY: restores the default action; the access faults again and ends the process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Faults of this thread are of the window at `base`, which `engine` uses.
pub(super) fn attach(engine: &'static dyn Engine, base: usize) {
    BASE.set(base);
    ENGINE.get_or_init(|| {
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            // SAFETY: all zero is a valid sigaction.
            let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
            // SAFETY: the handler is async-signal-safe by the engine's contract.
            unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) };
        }
        engine
    });
}
