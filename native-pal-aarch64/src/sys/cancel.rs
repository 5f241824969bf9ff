//! System calls that a `ThreadInterrupt` can end without losing it.
//!
//! The word `pending` is tested and the kernel entered by instructions of one known stretch. A signal that arrives
//! inside it, after the test and before the kernel has taken over, finds its return address there and moves it to
//! the landing, which answers EINTR; once the kernel has taken over, the signal ends the call with EINTR by itself
//! (its handler is installed without `SA_RESTART`). So `pending` set before, during or after the test always ends
//! the call. A call whose effect has happened already returns its result, and the interrupt stays pending.

use core::arch::global_asm;
use core::ops::Range;
use core::sync::atomic::AtomicU32;

use rustix::io::Errno;

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".text",
    ".globl trunnion_cancel_syscall",
    ".hidden trunnion_cancel_syscall",
    ".hidden trunnion_cancel_begin",
    ".hidden trunnion_cancel_end",
    ".hidden trunnion_cancel_landing",
    // (rdi = &pending, rsi = number, rdx = &[argument; 6])
    "trunnion_cancel_syscall:",
    "mov rax, rsi",
    "mov rcx, rdi",
    "mov rdi, [rdx]",
    "mov rsi, [rdx + 8]",
    "mov r10, [rdx + 24]",
    "mov r8, [rdx + 32]",
    "mov r9, [rdx + 40]",
    "mov rdx, [rdx + 16]",
    ".globl trunnion_cancel_begin",
    "trunnion_cancel_begin:",
    "cmp dword ptr [rcx], 0",
    "jne trunnion_cancel_landing",
    "syscall",
    ".globl trunnion_cancel_end",
    "trunnion_cancel_end:",
    "ret",
    ".globl trunnion_cancel_landing",
    "trunnion_cancel_landing:",
    "mov rax, -4", // -EINTR
    "ret",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".text",
    ".globl trunnion_cancel_syscall",
    ".hidden trunnion_cancel_syscall",
    ".hidden trunnion_cancel_begin",
    ".hidden trunnion_cancel_end",
    ".hidden trunnion_cancel_landing",
    // (x0 = &pending, x1 = number, x2 = &[argument; 6])
    "trunnion_cancel_syscall:",
    "mov x9, x0",
    "mov x8, x1",
    "ldp x4, x5, [x2, #32]",
    "ldp x0, x1, [x2]",
    "ldp x2, x3, [x2, #16]",
    ".globl trunnion_cancel_begin",
    "trunnion_cancel_begin:",
    "ldar w9, [x9]",
    "cbnz w9, trunnion_cancel_landing",
    "svc #0",
    ".globl trunnion_cancel_end",
    "trunnion_cancel_end:",
    "ret",
    ".globl trunnion_cancel_landing",
    "trunnion_cancel_landing:",
    "mov x0, #-4", // -EINTR
    "ret",
);

unsafe extern "C" {
    fn trunnion_cancel_syscall(pending: *const AtomicU32, number: usize, args: *const [usize; 6]) -> isize;
    static trunnion_cancel_begin: u8;
    static trunnion_cancel_end: u8;
    static trunnion_cancel_landing: u8;
}

/// The stretch and its landing.
pub(super) fn stretch() -> (Range<usize>, usize) {
    let begin = (&raw const trunnion_cancel_begin).addr();
    let end = (&raw const trunnion_cancel_end).addr();
    (begin..end, (&raw const trunnion_cancel_landing).addr())
}

/// Makes a system call, or answers EINTR where `pending` is not 0 before the kernel takes over.
///
/// # Safety
/// As for the system call itself: pointers must be valid for it, or be caller memory that only the kernel touches.
///
/// # Errors
/// Those of the system call.
pub(crate) unsafe fn syscall(
    pending: &AtomicU32,
    number: libc::c_long,
    args: [usize; 6],
) -> Result<usize, Errno> {
    let number = usize::try_from(number).map_err(|_| Errno::NOSYS)?;
    // SAFETY: the stub follows the C convention; the caller answers for the system call.
    let result = unsafe { trunnion_cancel_syscall(pending, number, &raw const args) };
    match usize::try_from(result) {
        Ok(value) => Ok(value),
        Err(_) => Err(Errno::from_raw_os_error(i32::try_from(-result).unwrap_or(libc::EIO))),
    }
}
