//! Leaf routines in assembly that touch guest memory, and the table by which their faults are recovered.
//!
//! Each returns two words: the value, and a status (0 done, 1 access fault, 2 in-page error). A fault inside a routine
//! is recovered by setting the status register and going to the routine group's recovery point, which returns to
//! the routine's caller: no routine moves the stack pointer or keeps state outside its argument registers.

use core::arch::global_asm;

/// What a routine returns.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Raw {
    pub(super) value: u64,
    pub(super) status: u64,
}

// The routines are one object's, but codegen units split: the names must be global, and stay hidden.
macro_rules! hidden {
    ($($name:literal)*) => { global_asm!($(concat!(".globl trunnion_", $name, "\n.hidden trunnion_", $name)),*); };
}
hidden! {
    "guest_begin" "guest_end" "guest_recover" "guest_copy_begin" "guest_copy_end" "guest_copy_recover" "guest_copy"
    "guest_load8" "guest_load16" "guest_load32" "guest_load64"
    "guest_store8" "guest_store16" "guest_store32" "guest_store64"
    "guest_cas8" "guest_cas16" "guest_cas32" "guest_cas64"
}

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".text",
    ".balign 16",
    "trunnion_guest_begin:",
    // load: rdi address. A plain load is an acquire on x86.
    "trunnion_guest_load8:  movzx eax, byte ptr [rdi]; xor edx, edx; ret",
    "trunnion_guest_load16: movzx eax, word ptr [rdi]; xor edx, edx; ret",
    "trunnion_guest_load32: mov eax, dword ptr [rdi]; xor edx, edx; ret",
    "trunnion_guest_load64: mov rax, qword ptr [rdi]; xor edx, edx; ret",
    // store: rdi address, rsi value.
    "trunnion_guest_store8:  mov byte ptr [rdi], sil; xor edx, edx; ret",
    "trunnion_guest_store16: mov word ptr [rdi], si; xor edx, edx; ret",
    "trunnion_guest_store32: mov dword ptr [rdi], esi; xor edx, edx; ret",
    "trunnion_guest_store64: mov qword ptr [rdi], rsi; xor edx, edx; ret",
    // compare and exchange: rdi address, rsi expected, rdx new.
    "trunnion_guest_cas8:  mov rax, rsi; lock cmpxchg byte ptr [rdi], dl; movzx eax, al; xor edx, edx; ret",
    "trunnion_guest_cas16: mov rax, rsi; lock cmpxchg word ptr [rdi], dx; movzx eax, ax; xor edx, edx; ret",
    "trunnion_guest_cas32: mov rax, rsi; lock cmpxchg dword ptr [rdi], edx; mov eax, eax; xor edx, edx; ret",
    "trunnion_guest_cas64: mov rax, rsi; lock cmpxchg qword ptr [rdi], rdx; xor edx, edx; ret",
    "trunnion_guest_end:",
    "trunnion_guest_recover: ret",
    // copy: rdi destination, rsi source, rdx length; rcx counts down, and a fault leaves it exact.
    "trunnion_guest_copy_begin:",
    "trunnion_guest_copy: mov rcx, rdx; xor edx, edx; cld; rep movsb",
    "trunnion_guest_copy_end:",
    "trunnion_guest_copy_recover: mov rax, rcx; ret",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".text",
    ".balign 16",
    "trunnion_guest_begin:",
    "trunnion_guest_load8:  ldrb w0, [x0]; dmb ishld; mov x1, #0; ret",
    "trunnion_guest_load16: ldrh w0, [x0]; dmb ishld; mov x1, #0; ret",
    "trunnion_guest_load32: ldr w0, [x0]; dmb ishld; mov x1, #0; ret",
    "trunnion_guest_load64: ldr x0, [x0]; dmb ishld; mov x1, #0; ret",
    "trunnion_guest_store8:  dmb ish; strb w1, [x0]; mov x1, #0; ret",
    "trunnion_guest_store16: dmb ish; strh w1, [x0]; mov x1, #0; ret",
    "trunnion_guest_store32: dmb ish; str w1, [x0]; mov x1, #0; ret",
    "trunnion_guest_store64: dmb ish; str x1, [x0]; mov x1, #0; ret",
    // compare and exchange: x0 address, x1 expected, x2 new. A mismatch stores the old value again, so that it
    // faults as a write like x86's.
    "trunnion_guest_cas8:  and x1, x1, #0xff",
    "1: ldaxrb w3, [x0]; cmp w3, w1; csel w4, w2, w3, eq; stlxrb w5, w4, [x0]; cbnz w5, 1b; dmb ish; mov w0, w3; mov x1, #0; ret",
    "trunnion_guest_cas16: and x1, x1, #0xffff",
    "1: ldaxrh w3, [x0]; cmp w3, w1; csel w4, w2, w3, eq; stlxrh w5, w4, [x0]; cbnz w5, 1b; dmb ish; mov w0, w3; mov x1, #0; ret",
    "trunnion_guest_cas32:",
    "1: ldaxr w3, [x0]; cmp w3, w1; csel w4, w2, w3, eq; stlxr w5, w4, [x0]; cbnz w5, 1b; dmb ish; mov w0, w3; mov x1, #0; ret",
    "trunnion_guest_cas64:",
    "1: ldaxr x3, [x0]; cmp x3, x1; csel x4, x2, x3, eq; stlxr w5, x4, [x0]; cbnz w5, 1b; dmb ish; mov x0, x3; mov x1, #0; ret",
    "trunnion_guest_end:",
    "trunnion_guest_recover: ret",
    // copy: x0 destination, x1 source, x2 length; x2 counts down after each complete step.
    "trunnion_guest_copy_begin:",
    "trunnion_guest_copy: mov x5, #0",
    "1: cmp x2, #8; b.lo 2f; ldr x3, [x1]; str x3, [x0]; add x1, x1, #8; add x0, x0, #8; sub x2, x2, #8; b 1b",
    "2: cbz x2, 3f; ldrb w3, [x1]; strb w3, [x0]; add x1, x1, #1; add x0, x0, #1; sub x2, x2, #1; b 2b",
    "3: mov x1, #0",
    "trunnion_guest_copy_end:",
    "trunnion_guest_copy_recover: mov x0, x2; ret",
);

unsafe extern "C" {
    fn trunnion_guest_load8(at: u64) -> Raw;
    fn trunnion_guest_load16(at: u64) -> Raw;
    fn trunnion_guest_load32(at: u64) -> Raw;
    fn trunnion_guest_load64(at: u64) -> Raw;
    fn trunnion_guest_store8(at: u64, value: u64) -> Raw;
    fn trunnion_guest_store16(at: u64, value: u64) -> Raw;
    fn trunnion_guest_store32(at: u64, value: u64) -> Raw;
    fn trunnion_guest_store64(at: u64, value: u64) -> Raw;
    fn trunnion_guest_cas8(at: u64, expected: u64, new: u64) -> Raw;
    fn trunnion_guest_cas16(at: u64, expected: u64, new: u64) -> Raw;
    fn trunnion_guest_cas32(at: u64, expected: u64, new: u64) -> Raw;
    fn trunnion_guest_cas64(at: u64, expected: u64, new: u64) -> Raw;
    fn trunnion_guest_copy(to: u64, from: u64, len: u64) -> Raw;
    static trunnion_guest_begin: u8;
    static trunnion_guest_end: u8;
    static trunnion_guest_recover: u8;
    static trunnion_guest_copy_begin: u8;
    static trunnion_guest_copy_end: u8;
    static trunnion_guest_copy_recover: u8;
}

/// Loads `bytes` (1, 2, 4, 8) at a host address.
///
/// # Safety
/// `at` lies in the window or its guard.
#[inline]
pub(super) unsafe fn load(at: u64, bytes: u32) -> Raw {
    let routine = match bytes {
        1 => trunnion_guest_load8,
        2 => trunnion_guest_load16,
        4 => trunnion_guest_load32,
        _ => trunnion_guest_load64,
    };
    // SAFETY: the caller's promise; faults are recovered.
    unsafe { routine(at) }
}

/// Stores `bytes` (1, 2, 4, 8) at a host address.
///
/// # Safety
/// As [`load`].
#[inline]
pub(super) unsafe fn store(at: u64, bytes: u32, value: u64) -> Raw {
    let routine = match bytes {
        1 => trunnion_guest_store8,
        2 => trunnion_guest_store16,
        4 => trunnion_guest_store32,
        _ => trunnion_guest_store64,
    };
    // SAFETY: the caller's promise; faults are recovered.
    unsafe { routine(at, value) }
}

/// Compares and exchanges `bytes` (1, 2, 4, 8) at a host address.
///
/// # Safety
/// As [`load`]; on aarch64 `at` is a multiple of `bytes`.
#[inline]
pub(super) unsafe fn compare_exchange(at: u64, bytes: u32, expected: u64, new: u64) -> Raw {
    let routine = match bytes {
        1 => trunnion_guest_cas8,
        2 => trunnion_guest_cas16,
        4 => trunnion_guest_cas32,
        _ => trunnion_guest_cas64,
    };
    // SAFETY: the caller's promise; faults are recovered.
    unsafe { routine(at, expected, new) }
}

/// Copies `len` bytes; `value` of the result is how many were left when a fault stopped it.
///
/// # Safety
/// One side lies in the window or its guard, the other is valid host memory of `len` bytes.
#[inline]
pub(super) unsafe fn copy(to: u64, from: u64, len: u64) -> Raw {
    // SAFETY: the caller's promise; faults are recovered.
    unsafe { trunnion_guest_copy(to, from, len) }
}

/// How to go on after a fault inside a routine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    /// Where to go on.
    pub(crate) pc: u64,
    /// The register (host numbering) that receives the status.
    pub(crate) status_register: usize,
}

/// Tells how to recover if `pc` is inside a routine. Async-signal-safe.
pub(crate) fn recover(pc: u64) -> Option<Recovery> {
    // RDX is register 2 in x86-64's encoding; the second return word is in x1 on aarch64.
    let status_register = if cfg!(target_arch = "x86_64") { 2 } else { 1 };
    let at = |symbol: *const u8| symbol.addr() as u64;
    let groups = [
        (&raw const trunnion_guest_begin, &raw const trunnion_guest_end, &raw const trunnion_guest_recover),
        (
            &raw const trunnion_guest_copy_begin,
            &raw const trunnion_guest_copy_end,
            &raw const trunnion_guest_copy_recover,
        ),
    ];
    groups
        .into_iter()
        .find(|&(begin, end, _)| (at(begin)..at(end)).contains(&pc))
        .map(|(.., recover)| Recovery { pc: at(recover), status_register })
}
