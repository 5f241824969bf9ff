//! Changes of stack: running on another one, coming back, and a copy of the process made from a third.
//!
//! Both entries save the callee-saved registers on the stack they leave and tell where (`saved`). [`resume`] goes back
//! there: the entry then returns a second time, with the given value. That is sound where the saved stack is as it
//! was left, which is so when the first return has not happened: another stack of the same thread runs below
//! [`call_on`] (or of a thread that takes its place in a copy of the process), and below [`clone_on`] either another
//! stack (the thread is suspended, as by `vfork`) or a copy of the memory as it was.

use core::arch::global_asm;

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".text",
    ".globl trunnion_call_on",
    ".hidden trunnion_call_on",
    // (rdi = function, rsi = argument, rdx = top, rcx = &saved)
    "trunnion_call_on:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "mov [rcx], rsp",
    "mov rax, rdi",
    "mov rdi, rsi",
    "mov rsp, rdx",
    "xor ebp, ebp",
    "call rax",
    "ud2", // the function does not return
    ".globl trunnion_resume",
    ".hidden trunnion_resume",
    // (rdi = saved, rsi = value)
    "trunnion_resume:",
    "mov rsp, rdi",
    "mov rax, rsi",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    ".globl trunnion_clone_on",
    ".hidden trunnion_clone_on",
    // (rdi = flags, rsi = top, rdx = function, rcx = argument, r8 = &saved, r9 = &cleared)
    "trunnion_clone_on:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "mov [r8], rsp",
    "mov r12, rdx",
    "mov r13, rcx",
    "mov eax, 56", // clone
    "xor edx, edx",
    "mov r10, r9",
    "xor r8d, r8d",
    "syscall",
    "test rax, rax",
    "jz 2f",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    "2: xor ebp, ebp",
    "mov rdi, r13",
    "call r12",
    "mov edi, eax",
    "mov eax, 60", // exit
    "syscall",
    "ud2",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".text",
    ".globl trunnion_call_on",
    ".hidden trunnion_call_on",
    // (x0 = function, x1 = argument, x2 = top, x3 = &saved)
    "trunnion_call_on:",
    "sub sp, sp, #160",
    "stp x19, x20, [sp]",
    "stp x21, x22, [sp, #16]",
    "stp x23, x24, [sp, #32]",
    "stp x25, x26, [sp, #48]",
    "stp x27, x28, [sp, #64]",
    "stp x29, x30, [sp, #80]",
    "stp d8, d9, [sp, #96]",
    "stp d10, d11, [sp, #112]",
    "stp d12, d13, [sp, #128]",
    "stp d14, d15, [sp, #144]",
    "mov x9, sp",
    "str x9, [x3]",
    "mov x9, x0",
    "mov x0, x1",
    "mov sp, x2",
    "mov x29, xzr",
    "blr x9",
    "udf #0", // the function does not return
    ".globl trunnion_resume",
    ".hidden trunnion_resume",
    // (x0 = saved, x1 = value)
    "trunnion_resume:",
    "mov sp, x0",
    "mov x0, x1",
    "3: ldp x19, x20, [sp]",
    "ldp x21, x22, [sp, #16]",
    "ldp x23, x24, [sp, #32]",
    "ldp x25, x26, [sp, #48]",
    "ldp x27, x28, [sp, #64]",
    "ldp x29, x30, [sp, #80]",
    "ldp d8, d9, [sp, #96]",
    "ldp d10, d11, [sp, #112]",
    "ldp d12, d13, [sp, #128]",
    "ldp d14, d15, [sp, #144]",
    "add sp, sp, #160",
    "ret",
    ".globl trunnion_clone_on",
    ".hidden trunnion_clone_on",
    // (x0 = flags, x1 = top, x2 = function, x3 = argument, x4 = &saved, x5 = &cleared)
    "trunnion_clone_on:",
    "sub sp, sp, #160",
    "stp x19, x20, [sp]",
    "stp x21, x22, [sp, #16]",
    "stp x23, x24, [sp, #32]",
    "stp x25, x26, [sp, #48]",
    "stp x27, x28, [sp, #64]",
    "stp x29, x30, [sp, #80]",
    "stp d8, d9, [sp, #96]",
    "stp d10, d11, [sp, #112]",
    "stp d12, d13, [sp, #128]",
    "stp d14, d15, [sp, #144]",
    "mov x9, sp",
    "str x9, [x4]",
    "mov x19, x2",
    "mov x20, x3",
    "mov x2, xzr",
    "mov x3, xzr",
    "mov x4, x5",
    "mov x8, #220", // clone
    "svc #0",
    "cbnz x0, 3b",
    "mov x29, xzr",
    "mov x0, x20",
    "blr x19",
    "mov x8, #93", // exit
    "svc #0",
    "udf #0",
);

unsafe extern "C" {
    fn trunnion_call_on(
        function: extern "C" fn(usize) -> !,
        argument: usize,
        top: usize,
        saved: *mut usize,
    ) -> isize;
    fn trunnion_resume(saved: usize, value: isize) -> !;
    fn trunnion_clone_on(
        flags: usize,
        top: usize,
        function: unsafe extern "C" fn(usize) -> i32,
        argument: usize,
        saved: *mut usize,
        cleared: *mut u32,
    ) -> isize;
}

/// Runs `function(argument)` on the stack that ends at `top`; comes back when [`resume`] is given `*saved`.
///
/// # Safety
/// `top` is 16-byte aligned and the end of a stack that nothing else uses until then. No value with a destructor
/// is left below `function` that must run.
pub(crate) unsafe fn call_on(
    function: extern "C" fn(usize) -> !,
    argument: usize,
    top: usize,
    saved: *mut usize,
) -> isize {
    // SAFETY: the routine follows the C convention; the caller answers for the stack.
    unsafe { trunnion_call_on(function, argument, top, saved) }
}

/// Goes back to where `saved` was stored, which returns `value`.
///
/// # Safety
/// The stack at `saved` is as it was left (module head), and nothing on the present one is needed any more.
pub(crate) unsafe fn resume(saved: usize, value: isize) -> ! {
    // SAFETY: the caller answers for both stacks.
    unsafe { trunnion_resume(saved, value) }
}

/// [`call_on`], with the place to come back to kept in a cell of the calling thread.
pub(crate) fn run_on(
    function: extern "C" fn(usize) -> !,
    argument: usize,
    top: usize,
    home: &'static std::thread::LocalKey<core::cell::Cell<usize>>,
) {
    let saved = home.with(core::cell::Cell::as_ptr);
    // SAFETY: the stack is the thread's alone: it was given or made for it (`thread`).
    unsafe { call_on(function, argument, top, saved) };
    home.set(0);
}

/// Leaves the present stack for the one [`run_on`] was called on.
pub(crate) fn go_back(home: &'static std::thread::LocalKey<core::cell::Cell<usize>>) -> ! {
    // SAFETY: the cell was filled in by `run_on` of this thread, which has not come back: it is not 0.
    unsafe { resume(home.get(), 0) }
}

/// `clone(flags)` with a stack for the child, which runs `function(argument)` and exits with its result. Returns
/// the child's number or a negative error; a second time, in a copy of the process, by [`resume`]. With
/// `CLONE_CHILD_CLEARTID`, the kernel clears `*cleared` and wakes who waits on it when the child has ended.
///
/// # Safety
/// As [`call_on`]. The flags copy the memory, share it and suspend the caller, or make a thread; in the last case
/// nobody goes back to `saved`, and `cleared` lives until it is cleared.
pub(crate) unsafe fn clone_on(
    flags: usize,
    top: usize,
    function: unsafe extern "C" fn(usize) -> i32,
    argument: usize,
    saved: *mut usize,
    cleared: *mut u32,
) -> isize {
    // SAFETY: the routine follows the C convention; the caller answers for the stack and the flags.
    unsafe { trunnion_clone_on(flags, top, function, argument, saved, cleared) }
}

/// The base of FS: x86-64 Linux keeps a pointer to the thread block at its start.
#[cfg(target_arch = "x86_64")]
#[must_use]
pub(crate) fn fs_base() -> u64 {
    let base;
    // SAFETY: reads the first word of the thread block, which the ABI puts there.
    unsafe { core::arch::asm!("mov {}, fs:[0]", out(reg) base, options(nostack, readonly, preserves_flags)) };
    base
}

/// The base of GS.
#[cfg(target_arch = "x86_64")]
#[must_use]
pub(crate) fn gs_base() -> u64 {
    const ARCH_GET_GS: libc::c_int = 0x1004;
    let mut base = 0_u64;
    // SAFETY: writes one word at the given place.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_GET_GS, &raw mut base) };
    base
}

/// Sets the base of GS; `false` for an address that cannot be one.
#[cfg(target_arch = "x86_64")]
pub(crate) fn set_gs_base(value: usize) -> bool {
    const ARCH_SET_GS: libc::c_int = 0x1001;
    // SAFETY: nothing of this process's own uses GS.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, value) == 0 }
}

/// A mapped stack with a page below that faults.
#[derive(Debug)]
pub(crate) struct Stack {
    base: usize,
    bytes: usize,
}

/// What a fault below a stack hits.
const GUARD_BYTES: usize = 64 << 10;

impl Stack {
    /// Maps a stack of `bytes` (a multiple of 64 KiB), committed as it is used.
    ///
    /// # Errors
    /// ENOMEM.
    pub(crate) fn new(bytes: usize) -> Result<Self, rustix::io::Errno> {
        use super::mem::{Place, Source, map, protect};
        let base = map(Place::Anywhere, bytes + GUARD_BYTES, 3, Source::Anonymous)?;
        protect(base, GUARD_BYTES, 0)?;
        Ok(Self { base, bytes })
    }

    /// One past its highest address.
    #[must_use]
    pub(crate) fn top(&self) -> usize {
        self.base + GUARD_BYTES + self.bytes
    }

    /// Makes it the stack the calling thread's signal handlers run on.
    pub(crate) fn use_for_signals(&self) {
        let stack = libc::stack_t {
            ss_sp: core::ptr::with_exposed_provenance_mut(self.base + GUARD_BYTES),
            ss_flags: 0,
            ss_size: self.bytes,
        };
        // SAFETY: the range is mapped and lives until `no_signal_stack` or the end of the thread.
        unsafe { libc::sigaltstack(&raw const stack, core::ptr::null_mut()) };
    }
}

/// The stack of signal handlers that a thread has, for another one that takes its place.
pub(crate) struct SignalStack(libc::stack_t);

impl SignalStack {
    /// That of the calling thread.
    pub(crate) fn current() -> Self {
        let mut stack =
            libc::stack_t { ss_sp: core::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: the structure is ours.
        unsafe { libc::sigaltstack(core::ptr::null(), &raw mut stack) };
        Self(stack)
    }

    /// Makes it that of the calling thread, which has none and may be running on it.
    pub(crate) fn take_over(&self) {
        // SAFETY: whose stack it was, the calling thread is now.
        unsafe { libc::sigaltstack(&raw const self.0, core::ptr::null_mut()) };
    }
}

/// Takes the calling thread's signal stack away, before it is unmapped.
pub(crate) fn no_signal_stack() {
    let stack = libc::stack_t { ss_sp: core::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: disabling refers to no memory.
    unsafe { libc::sigaltstack(&raw const stack, core::ptr::null_mut()) };
}

impl Drop for Stack {
    fn drop(&mut self) {
        // A failure would only leave the range mapped.
        let _ = super::mem::unmap(self.base, self.bytes + GUARD_BYTES);
    }
}
