//! SIGSEGV and SIGBUS offered to the engine, as the native PAL does it.

use super::{GIB4, GUARD, Window};
use frontend_x86::engine::{Engine, HostFault, HostFaultKind, HostRegisters};
use frontend_x86::memory::GuestAddr;
use jit::Jit;
use std::cell::Cell;
use std::sync::OnceLock;

static ENGINE: OnceLock<&'static Jit<Window>> = OnceLock::new();

thread_local! {
    static BASE: Cell<u64> = const { Cell::new(0) };
}

struct Registers<'a>(&'a mut libc::ucontext_t);

#[cfg(target_arch = "x86_64")]
impl Registers<'_> {
    fn slot(&mut self, number: usize) -> &mut i64 {
        const ORDER: [i32; 8] = [
            libc::REG_RAX,
            libc::REG_RCX,
            libc::REG_RDX,
            libc::REG_RBX,
            libc::REG_RSP,
            libc::REG_RBP,
            libc::REG_RSI,
            libc::REG_RDI,
        ];
        &mut self.0.uc_mcontext.gregs[ORDER[number] as usize]
    }
    fn wrote(&self) -> bool {
        self.0.uc_mcontext.gregs[libc::REG_ERR as usize] & 2 != 0
    }
}

#[cfg(target_arch = "x86_64")]
impl HostRegisters for Registers<'_> {
    fn pc(&self) -> u64 {
        self.0.uc_mcontext.gregs[libc::REG_RIP as usize] as u64
    }
    fn set_pc(&mut self, value: u64) {
        self.0.uc_mcontext.gregs[libc::REG_RIP as usize] = value.cast_signed();
    }
    fn sp(&self) -> u64 {
        self.0.uc_mcontext.gregs[libc::REG_RSP as usize] as u64
    }
    fn set_sp(&mut self, value: u64) {
        self.0.uc_mcontext.gregs[libc::REG_RSP as usize] = value.cast_signed();
    }
    fn register(&self, _: usize) -> u64 {
        0
    }
    fn set_register(&mut self, number: usize, value: u64) {
        *self.slot(number) = value.cast_signed();
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers<'_> {
    /// Whether the instruction at the program counter writes memory. Arm ARM C4.1.
    fn wrote(&self) -> bool {
        // SAFETY: the program counter points to code that was just executed.
        let word = unsafe { *(self.0.uc_mcontext.pc as *const u32) };
        let bit = |n: u32| word >> n & 1 != 0;
        let exclusive = word >> 24 & 0x3f == 0b00_1000;
        let register = word >> 27 & 7 == 0b111 && !bit(25);
        if exclusive {
            !bit(22)
        } else if register && !bit(24) && bit(21) && word >> 10 & 3 == 0 {
            true
        } else if register && !bit(26) {
            word >> 22 & 3 == 0
        } else {
            !bit(22)
        }
    }
}

#[cfg(target_arch = "aarch64")]
impl HostRegisters for Registers<'_> {
    fn pc(&self) -> u64 {
        self.0.uc_mcontext.pc
    }
    fn set_pc(&mut self, value: u64) {
        self.0.uc_mcontext.pc = value;
    }
    fn sp(&self) -> u64 {
        self.0.uc_mcontext.sp
    }
    fn set_sp(&mut self, value: u64) {
        self.0.uc_mcontext.sp = value;
    }
    fn register(&self, number: usize) -> u64 {
        self.0.uc_mcontext.regs[number]
    }
    fn set_register(&mut self, number: usize, value: u64) {
        self.0.uc_mcontext.regs[number] = value;
    }
}

extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's own structures for this signal.
    let info = unsafe { &*info };
    // SAFETY: as above.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    // SAFETY: SIGSEGV and SIGBUS carry an address.
    let address = unsafe { info.si_addr() } as u64;
    let mut registers = Registers(context);
    let base = BASE.get();
    let distance = address.wrapping_sub(base).wrapping_add(GUARD as u64);
    let guest = (base != 0 && distance < (GIB4 + 2 * GUARD) as u64)
        .then(|| GuestAddr(address.wrapping_sub(base) as u32));
    let kind = if signal == libc::SIGBUS { HostFaultKind::InPage } else { HostFaultKind::Access };
    let fault = HostFault { address, guest, write: registers.wrote(), kind };
    let taken = ENGINE.get().is_some_and(|engine| engine.host_fault(&fault, &mut registers));
    if !taken {
        // SAFETY: restores the default action; the access faults again and ends the process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Installs the handler, once; faults of this thread are of the window at `base`.
pub fn install(engine: &'static Jit<Window>, base: u64) {
    BASE.set(base);
    ENGINE.get_or_init(|| {
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            // SAFETY: all zero is a valid action.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
            // SAFETY: a handler that is async-signal-safe.
            unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
        }
        engine
    });
}

/// Faults of this thread are of the window at `base`.
pub fn attach(base: u64) {
    BASE.set(base);
}
