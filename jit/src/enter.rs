//! The way into translated code and out of it.
//!
//! Invariants:
//! - Translated functions have the signature `(state, window base) -> outcome` in Cranelift's `tail` convention and reach
//!   each other by tail calls only, so the stack at every one of their entries is the stack [`enter`] called with.
//! - [`enter`] saves every callee-saved register itself and leaves the stack pointer in the state's scratch area. Whoever
//!   abandons translated code (the fault handler) sets the program counter to [`leave_after_fault`] with the state's
//!   address in [`STATE_REGISTER`]: nothing else of the host registers needs to be right.
//! - Out-of-line functions get the state's address; it is the `CpuState` that `run` borrowed mutably, and nobody else
//!   looks at it meanwhile. They never unwind (panics abort) and run under the host's own floating-point control.

use crate::lookup::LookupTable;
use crate::outcome::Outcome;
use crate::space::Space;
use frontend_x86::decode::Insn;
use frontend_x86::engine::{Exit, HostFault};
use frontend_x86::flags::LazyFlags;
use frontend_x86::helper_table::{Helper, VecHelper};
use frontend_x86::interp::{self, StepResult};
use frontend_x86::memory::{GuestAddr, GuestMemory};
use frontend_x86::state::{CpuState, INTERRUPT_BEFORE_STATE};
use std::arch::naked_asm;
use std::cell::Cell;
use std::mem::offset_of;
use std::sync::atomic::{AtomicU32, Ordering};

/// Uses of [`CpuState::scratch`], by index.
pub(crate) mod scratch {
    /// Stack pointer of `enter`.
    pub(crate) const HOST_STACK: usize = 0;
    /// Address of the lookup table.
    pub(crate) const LOOKUP: usize = 1;
    /// Executable base of the code arena.
    pub(crate) const CODE: usize = 2;
    /// Address of the [`super::Running`].
    pub(crate) const RUNNING: usize = 3;
    /// A 64-bit result too wide for an outcome.
    pub(crate) const STATUS: usize = 4;
    /// Address of the slots that exits jump through.
    pub(crate) const SLOTS: usize = 5;
}

/// Offset of a scratch word within the state.
pub(crate) const fn scratch_offset(index: usize) -> usize {
    offset_of!(CpuState, scratch) + 8 * index
}

/// The host register (by the architecture's number) that [`leave_after_fault`] expects the state's address in.
#[cfg(target_arch = "x86_64")]
pub(crate) const STATE_REGISTER: usize = 7;
/// The host register (by the architecture's number) that [`leave_after_fault`] expects the state's address in.
#[cfg(target_arch = "aarch64")]
pub(crate) const STATE_REGISTER: usize = 2;

/// What belongs to one thread while it is in `run`.
#[derive(Debug)]
pub(crate) struct Running<'a, M: GuestMemory> {
    pub(crate) memory: &'a M,
    /// The word that asks it to leave translated code.
    pub(crate) leave: &'a AtomicU32,
    /// An exit that an out-of-line function decided on.
    pub(crate) pending: Cell<Option<Exit>>,
}

/// What the fault handler needs to know about the thread it interrupted.
#[derive(Debug)]
pub(crate) struct InCode {
    state: Cell<*mut CpuState>,
    space: Cell<*const Space>,
    fault: Cell<Option<HostFault>>,
}

thread_local! {
    // Constant initialisation and no destructor: reading it in a signal handler neither allocates nor locks.
    static IN_CODE: InCode = const { InCode { state: Cell::new(std::ptr::null_mut()), space: Cell::new(std::ptr::null()), fault: Cell::new(None) } };
}

/// The state and the space of this thread if it is in translated code. Async-signal-safe.
pub(crate) fn in_code() -> Option<(*mut CpuState, *const Space)> {
    IN_CODE.with(|in_code| {
        let state = in_code.state.get();
        (!state.is_null()).then(|| (state, in_code.space.get()))
    })
}

/// Records the fault that ends this thread's stay in translated code. Async-signal-safe.
pub(crate) fn abandon(fault: &HostFault) {
    IN_CODE.with(|in_code| in_code.fault.set(Some(*fault)));
}

/// The fault recorded by [`abandon`].
pub(crate) fn take_fault() -> Option<HostFault> {
    IN_CODE.with(|in_code| in_code.fault.take())
}

/// The address that the fault handler continues at.
pub(crate) fn leave_address() -> u64 {
    leave_after_fault as *const () as u64
}

/// Runs translated code of `space` from `offset` on until it returns. Indirect branches go by `lookup`.
pub(crate) fn execute<M: GuestMemory>(
    cpu: &mut CpuState,
    running: &Running<'_, M>,
    window: u64,
    space: &Space,
    lookup: &LookupTable,
    offset: u32,
) -> Outcome {
    let target = space.arena.base() + u64::from(offset);
    cpu.scratch[scratch::LOOKUP] = lookup.address();
    cpu.scratch[scratch::CODE] = space.arena.base();
    cpu.scratch[scratch::SLOTS] = space.slots.address();
    cpu.scratch[scratch::RUNNING] = std::ptr::from_ref(running) as u64;
    let state = std::ptr::from_mut(cpu);
    IN_CODE.with(|in_code| {
        in_code.space.set(space);
        in_code.state.set(state);
    });
    // SAFETY: `target` is published code of the signature that `enter` calls, the state is borrowed for the call.
    let outcome = unsafe { enter(state, window, target) };
    IN_CODE.with(|in_code| in_code.state.set(std::ptr::null_mut()));
    Outcome(outcome)
}

/// Calls published code that takes nothing, returns a 32-bit number and is no region.
pub(crate) fn call_plain(address: u64) -> u32 {
    // SAFETY: the caller published a function of this signature there.
    let function: extern "C" fn() -> u32 = unsafe { std::mem::transmute(address) };
    function()
}

/// The word behind the interrupt word, by which the engine itself asks a thread to leave translated code.
pub(crate) fn leave_word(interrupt: &AtomicU32) -> &AtomicU32 {
    const { assert!(INTERRUPT_BEFORE_STATE >= 8) };
    let word = std::ptr::from_ref(interrupt).wrapping_add(1);
    // SAFETY: `Engine::run` demands that the interrupt word lies 64 bytes before the state; the rest of those bytes is
    // the engine's, is aligned, and lives as long as the interrupt word.
    unsafe { &*word }
}

/// Calls translated code at `target` with `(state, window)`.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn enter(state: *mut CpuState, window: u64, target: u64) -> u64 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [rdi + {stack}], rsp",
        "call rdx",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        stack = const scratch_offset(scratch::HOST_STACK),
    )
}

/// Leaves translated code from anywhere, with the state's address in `rdi`.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn leave_after_fault() {
    naked_asm!(
        "mov rsp, [rdi + {stack}]",
        "movabs rax, {fault}",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        stack = const scratch_offset(scratch::HOST_STACK),
        fault = const Outcome::FAULT.0,
    )
}

/// Calls translated code at `target` with `(state, window)`: the `tail` convention has its arguments from x2 on and its
/// result in x2.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn enter(state: *mut CpuState, window: u64, target: u64) -> u64 {
    naked_asm!(
        "stp x29, x30, [sp, #-160]!",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "mov x9, sp",
        "str x9, [x0, {stack}]",
        "mov x16, x2",
        "mov x2, x0",
        "mov x3, x1",
        "blr x16",
        "mov x0, x2",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #160",
        "ret",
        stack = const scratch_offset(scratch::HOST_STACK),
    )
}

/// Leaves translated code from anywhere, with the state's address in `x2`.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn leave_after_fault() {
    naked_asm!(
        "ldr x9, [x2, {stack}]",
        "mov sp, x9",
        "movz x0, {kind}, lsl #32",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #160",
        "ret",
        stack = const scratch_offset(scratch::HOST_STACK),
        kind = const Outcome::FAULT.0 >> 32,
    )
}

/// Addresses of the out-of-line functions for one memory type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutOfLine {
    pub(crate) interpret: u64,
    pub(crate) helper: u64,
    pub(crate) vec_helper: u64,
    pub(crate) flags: u64,
    pub(crate) compare_exchange: u64,
    pub(crate) timestamp: u64,
    pub(crate) random: u64,
}

impl OutOfLine {
    pub(crate) fn of<M: GuestMemory>() -> Self {
        Self {
            interpret: interpret::<M> as *const () as u64,
            helper: helper as *const () as u64,
            vec_helper: vec_helper as *const () as u64,
            flags: flags as *const () as u64,
            compare_exchange: compare_exchange::<M> as *const () as u64,
            timestamp: timestamp::<M> as *const () as u64,
            random: random::<M> as *const () as u64,
        }
    }
}

/// The `Running` of the thread that owns a state.
///
/// # Safety
/// `cpu` must be the state that `execute::<M>` is running on.
unsafe fn running<'a, M: GuestMemory>(cpu: *const CpuState) -> &'a Running<'a, M> {
    // SAFETY: the caller vouches for `cpu`.
    let address = unsafe { (*cpu).scratch[scratch::RUNNING] };
    // SAFETY: `execute` put the address of its borrowed `Running<M>` there for as long as it runs.
    unsafe { &*(address as *const Running<'a, M>) }
}

/// Executes one instruction on the interpreter: 0 if it ended and EIP is behind it, 1 if EIP moved elsewhere, 2 if
/// an exit is pending. EIP must be at the instruction.
unsafe extern "C" fn interpret<M: GuestMemory>(cpu: *mut CpuState, insn: *const Insn) -> u64 {
    // SAFETY: called by translated code with its own state.
    let running = unsafe { running::<M>(cpu) };
    // SAFETY: the state is `run`'s, and translated code waits.
    let cpu = unsafe { &mut *cpu };
    // SAFETY: the instruction belongs to the region that calls and lives as long as its code.
    let insn = unsafe { &*insn };
    match interp::step(cpu, running.memory, insn) {
        // It may have changed the code of the region that calls.
        StepResult::Next if running.leave.load(Ordering::Relaxed) == 0 => 0,
        StepResult::Next | StepResult::Moved => 1,
        StepResult::Exit(exit) => {
            running.pending.set(Some(exit));
            2
        }
    }
}

/// Calls a scalar helper.
unsafe extern "C" fn helper(cpu: *mut CpuState, index: u64, a: u64, b: u64, c: u64, d: u64) -> u64 {
    // SAFETY: called by translated code with its own state, which waits.
    let cpu = unsafe { &mut *cpu };
    let index = usize::try_from(index).expect("a small index");
    Helper::ALL[index].function()(cpu, &[a, b, c, d])
}

/// Calls a vector helper on the two vectors at `operands`; the result replaces the first. Returns whether #XM is due.
unsafe extern "C" fn vec_helper(cpu: *mut CpuState, index: u64, operands: *mut [u128; 2], imm: u32) -> u64 {
    // SAFETY: called by translated code with its own state, which waits.
    let cpu = unsafe { &mut *cpu };
    // SAFETY: two vectors in the caller's frame, aligned to 16.
    let operands = unsafe { &mut *operands };
    let index = usize::try_from(index).expect("a small index");
    let (result, raised) = VecHelper::ALL[index].call(cpu, operands[0], operands[1], imm);
    operands[0] = result;
    u64::from(raised)
}

/// EFLAGS bits that follow from recorded operands.
extern "C" fn flags(kind: u32, a: u32, b: u32, r: u32) -> u32 {
    LazyFlags { kind, a, b, r }.bits()
}

/// A compare-exchange wherever it lies: 0 and the old value in the scratch area, or 2 with the fault pending.
unsafe extern "C" fn compare_exchange<M: GuestMemory>(
    cpu: *mut CpuState,
    address: u32,
    bytes: u32,
    expected: u64,
    new: u64,
) -> u64 {
    // SAFETY: called by translated code with its own state.
    let running = unsafe { running::<M>(cpu) };
    // SAFETY: the state is `run`'s, and translated code waits.
    let cpu = unsafe { &mut *cpu };
    match running.memory.compare_exchange(GuestAddr(address), bytes, expected, new) {
        Ok(old) => {
            cpu.scratch[scratch::STATUS] = old;
            0
        }
        Err(fault) => {
            running.pending.set(Some(Exit::Exception(frontend_x86::engine::Exception::Page(fault))));
            2
        }
    }
}

/// The time-stamp counter.
unsafe extern "C" fn timestamp<M: GuestMemory>(cpu: *mut CpuState) -> u64 {
    // SAFETY: called by translated code with its own state.
    unsafe { running::<M>(cpu) }.memory.timestamp()
}

/// Random bits.
unsafe extern "C" fn random<M: GuestMemory>(cpu: *mut CpuState) -> u64 {
    // SAFETY: called by translated code with its own state.
    let memory = unsafe { running::<M>(cpu) }.memory;
    frontend_x86::memory::random_word(memory.random())
}

/// The word by which a thread in `run` is asked to leave translated code.
#[derive(Debug)]
pub(crate) struct LeaveWord(*const AtomicU32);

// SAFETY: the word is atomic, and the list that holds the pointer is under the engine's lock, with which `run` takes it
// off before the word's borrow ends.
unsafe impl Send for LeaveWord {}

impl LeaveWord {
    pub(crate) fn new(word: &AtomicU32) -> Self {
        Self(word)
    }

    /// Whether it is this word.
    pub(crate) fn is(&self, word: &AtomicU32) -> bool {
        std::ptr::eq(self.0, word)
    }

    /// Asks.
    pub(crate) fn ask(&self) {
        // SAFETY: see `Send`: whoever reaches this holds the lock, so the word is alive.
        let word = unsafe { &*self.0 };
        word.store(1, Ordering::SeqCst);
    }
}
