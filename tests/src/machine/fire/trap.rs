//! What happens when translated code touches a barred page: the access is counted, the page is opened for that one host
//! instruction, and closed again. Or, where its turn has come, the page is gone, or the interrupt word is set.
//!
//! Unsafe here: the signal handlers and their frames, the page that instructions are executed on. Invariants: handlers
//! touch their frame, atomics, and an [`Active`] that is never freed; one thread at a time is under fire.
//!
//! One host instruction alone is executed with the trap flag on x86-64; on AArch64 from a page of copies, each with a BRK
//! behind it. Accesses of translated code are not relative to the program counter, so a copy does the same. A load-exclusive
//! is not stepped, since its store would find the reservation gone: its page stays open until the next trap.

use super::super::signal::Registers;
use super::super::window::GUARD;
use super::block::Block;
use super::ground::Ground;
use crate::layout::{PAGE, WINDOWS, window_at};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use frontend_x86::engine::{Engine, HostFault, HostFaultKind, HostRegisters};
use frontend_x86::memory::GuestAddr;

/// What the handlers work on.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) ground: &'static Ground,
    pub(super) engine: &'static dyn EngineDebug,
    pub(super) block: Block,
    /// Where translated code is.
    pub(super) code: &'static CodeRange,
    /// Looks of translated code at the interrupt word until it is set; 0 when it is not to be.
    pub(super) polls: AtomicU64,
    /// Guest addresses of pages that are open for one instruction; 0 for none.
    opened: [AtomicU32; 4],
    /// Whether the interrupt word's page is.
    word_open: AtomicBool,
    stepping: AtomicBool,
    /// Where the instruction that is executed alone stands.
    home: AtomicU64,
}

/// An engine that can be printed, which a trait object must be told.
pub(super) trait EngineDebug: Engine + core::fmt::Debug {}
impl<T: Engine + core::fmt::Debug> EngineDebug for T {}

/// Where the newest code memory is mapped executable.
#[derive(Debug, Default)]
pub(super) struct CodeRange {
    pub(super) start: AtomicUsize,
    pub(super) bytes: AtomicUsize,
}

impl CodeRange {
    fn contains(&self, pc: u64) -> bool {
        (pc as usize).wrapping_sub(self.start.load(SeqCst)) < self.bytes.load(SeqCst)
    }
}

impl Active {
    pub(super) fn new(
        ground: &'static Ground,
        engine: &'static dyn EngineDebug,
        block: Block,
        code: &'static CodeRange,
    ) -> Self {
        Self {
            ground,
            engine,
            block,
            code,
            polls: AtomicU64::new(0),
            opened: [const { AtomicU32::new(0) }; 4],
            word_open: AtomicBool::new(false),
            stepping: AtomicBool::new(false),
            home: AtomicU64::new(0),
        }
    }

    /// Answers a fault; false if it is none of ours.
    fn fault(&self, address: usize, kind: HostFaultKind, registers: &mut Registers<'_>) -> bool {
        if self.block.holds_word(address) && !self.word_open.load(SeqCst) {
            let due = |polls: u64| polls == 1;
            if self.code.contains(registers.pc())
                && self.polls.load(SeqCst) != 0
                && due(self.polls.fetch_sub(1, SeqCst))
            {
                self.block.word().store(1, SeqCst);
            }
            self.word_open.store(true, SeqCst);
            self.block.bar(false);
            self.begin_step(registers);
            return true;
        }
        let base = self.ground.window.base();
        if address.wrapping_sub(base).wrapping_add(GUARD) >= (1 << 32) + 2 * GUARD {
            return false;
        }
        let guest = address.wrapping_sub(base) as u32;
        let write = registers.wrote();
        let opens = self.ground.is_barred() && self.may_open(address.wrapping_sub(base), write);
        if opens && !self.ground.count(guest, write) {
            let slot =
                self.opened.iter().find(|slot| slot.load(SeqCst) == 0).expect("few pages in one access");
            slot.store(guest & !(PAGE - 1), SeqCst);
            let w = window_at(guest).expect("only mapped pages are opened");
            self.ground.window.protect(guest, self.ground.window.protection(w, guest));
            if arch::steps(registers) {
                self.begin_step(registers);
            }
            return true;
        }
        self.abandon_step(registers);
        let fault = HostFault { address: address as u64, guest: Some(GuestAddr(guest)), write, kind };
        self.engine.host_fault(&fault, registers)
    }

    /// Whether the access would have succeeded without the bar.
    fn may_open(&self, offset: usize, write: bool) -> bool {
        let Ok(guest) = u32::try_from(offset) else { return false };
        let Some(w) = window_at(guest) else { return false };
        let page = guest & !(PAGE - 1);
        (!write || WINDOWS[w].allow.write) && self.opened.iter().all(|slot| slot.load(SeqCst) != page)
    }

    /// Bars what was opened for one instruction.
    fn close(&self) {
        for slot in &self.opened {
            let page = slot.swap(0, SeqCst);
            if page != 0 && self.ground.is_barred() {
                self.ground.window.protect(page, libc::PROT_NONE);
            }
        }
        if self.word_open.swap(false, SeqCst) {
            self.block.bar(true);
        }
    }

    fn begin_step(&self, registers: &mut Registers<'_>) {
        if !self.stepping.swap(true, SeqCst) {
            self.home.store(registers.pc(), SeqCst);
            arch::begin(registers);
        }
    }

    /// After a step, or instead of it.
    fn abandon_step(&self, registers: &mut Registers<'_>) {
        if self.stepping.swap(false, SeqCst) {
            arch::cancel(registers, self.home.load(SeqCst));
        }
        self.close();
    }

    fn stepped(&self, registers: &mut Registers<'_>) -> bool {
        if !self.stepping.swap(false, SeqCst) {
            return false;
        }
        arch::end(registers, self.home.load(SeqCst));
        self.close();
        true
    }
}

#[cfg(target_arch = "x86_64")]
mod arch {
    use super::Registers;

    const EFLAGS: usize = 17;
    const TRAP: i64 = 1 << 8;

    /// Whether the instruction can be executed alone.
    pub(super) const fn steps(_registers: &Registers<'_>) -> bool {
        true
    }
    pub(super) fn begin(registers: &mut Registers<'_>) {
        registers.0.gregs[EFLAGS] |= TRAP;
    }
    pub(super) fn cancel(registers: &mut Registers<'_>, _home: u64) {
        registers.0.gregs[EFLAGS] &= !TRAP;
    }
    pub(super) fn end(registers: &mut Registers<'_>, home: u64) {
        cancel(registers, home);
    }
}

#[cfg(target_arch = "aarch64")]
mod arch {
    use super::Registers;
    use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
    use frontend_x86::engine::HostRegisters;

    /// Words on the page of copies; a copy and its BRK are two.
    const WORDS: usize = 16384;
    const BRK: u32 = 0xd420_0000;
    static COPIES: AtomicUsize = AtomicUsize::new(0);

    /// Maps the page of copies. Before the first step.
    pub(super) fn prepare() {
        if COPIES.load(SeqCst) != 0 {
            return;
        }
        let prot = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let got = unsafe { libc::mmap(core::ptr::null_mut(), WORDS * 4, prot, flags, -1, 0) };
        assert_ne!(got, libc::MAP_FAILED, "a page for copies");
        COPIES.store(got.expose_provenance(), SeqCst);
    }

    fn word(n: usize) -> &'static AtomicU32 {
        let at = core::ptr::with_exposed_provenance_mut::<u32>(COPIES.load(SeqCst)).wrapping_add(n);
        // SAFETY: an aligned word of the mapping, which stays for ever; `n` is below `WORDS`.
        unsafe { AtomicU32::from_ptr(at) }
    }

    /// The address of an instruction's copy, made now if there is none.
    fn copy(instruction: u32) -> u64 {
        let mut at = 0;
        while word(at).load(SeqCst) != instruction {
            if word(at).load(SeqCst) == 0 {
                word(at + 1).store(BRK, SeqCst);
                word(at).store(instruction, SeqCst);
                let address = word(at).as_ptr();
                // SAFETY: maintains caches for two words of our own. Arm ARM B2.4.4.
                unsafe {
                    core::arch::asm!(
                        "dc cvau, {0}", "dc cvau, {1}", "dsb ish", "ic ivau, {0}", "ic ivau, {1}", "dsb ish", "isb",
                        in(reg) address, in(reg) address.wrapping_add(1)
                    );
                }
                break;
            }
            at += 2;
            assert!(at + 1 < WORDS, "few different instructions access memory");
        }
        word(at).as_ptr() as u64
    }

    fn instruction(registers: &Registers<'_>) -> u32 {
        let at = core::ptr::with_exposed_provenance::<u32>(registers.pc() as usize);
        // SAFETY: the instruction that was just executed.
        unsafe { at.read() }
    }

    /// Whether the instruction can be executed alone: no load-exclusive can. Arm ARM C4.1, "Load/store exclusive".
    pub(super) fn steps(registers: &Registers<'_>) -> bool {
        instruction(registers) & 0x3fc0_0000 != 0x0840_0000
    }

    pub(super) fn begin(registers: &mut Registers<'_>) {
        let instruction = instruction(registers);
        registers.set_pc(copy(instruction));
    }
    pub(super) fn cancel(registers: &mut Registers<'_>, home: u64) {
        registers.set_pc(home);
    }
    pub(super) fn end(registers: &mut Registers<'_>, home: u64) {
        registers.set_pc(home + 4);
    }
}

static ACTIVE: AtomicPtr<Active> = AtomicPtr::new(core::ptr::null_mut());

fn active() -> Option<&'static Active> {
    // SAFETY: null, or one that is never freed.
    unsafe { ACTIVE.load(SeqCst).as_ref() }
}

extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's record for this signal.
    let info = unsafe { &*info };
    // SAFETY: the kernel's frame, ours until we return.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let mut registers = Registers(&mut context.uc_mcontext);
    let taken = active().is_some_and(|active| {
        if signal == libc::SIGTRAP {
            return active.stepped(&mut registers);
        }
        let kind = if signal == libc::SIGBUS { HostFaultKind::InPage } else { HostFaultKind::Access };
        // SAFETY: SIGSEGV and SIGBUS have an address.
        let address = unsafe { info.si_addr() }.addr();
        active.fault(address, kind, &mut registers)
    });
    if !taken {
        // SAFETY: restores the default action; what happened happens again and ends the process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// From now on signals are about this.
pub(super) fn attach(active: &'static Active) {
    #[cfg(target_arch = "aarch64")]
    arch::prepare();
    ACTIVE.store(core::ptr::from_ref(active).cast_mut(), SeqCst);
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGTRAP] {
        // SAFETY: all zero is a valid sigaction.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        // SAFETY: the handler keeps to what the module's head says.
        unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) };
    }
}
