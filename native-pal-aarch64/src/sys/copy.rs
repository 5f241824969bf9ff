//! Copies from and to caller memory that survive a bad address.
//!
//! The accesses are instructions of one known stretch; a fault in it goes on at the landing, which tells how much
//! was left. The signal handler of [`super::signal`] must be installed.

use core::arch::global_asm;
use core::mem::MaybeUninit;
use core::ops::Range;

use pal_abi::{Handle, Layout, PalError};

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".text",
    ".globl trunnion_copy",
    ".hidden trunnion_copy",
    ".hidden trunnion_copy_begin",
    ".hidden trunnion_copy_end",
    // (rdi = to, rsi = from, rdx = bytes) -> bytes not copied
    "trunnion_copy:",
    "mov rcx, rdx",
    ".globl trunnion_copy_begin",
    "trunnion_copy_begin:",
    "rep movsb",
    ".globl trunnion_copy_end",
    "trunnion_copy_end:",
    "mov rax, rcx",
    "ret",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".text",
    ".globl trunnion_copy",
    ".hidden trunnion_copy",
    ".hidden trunnion_copy_begin",
    ".hidden trunnion_copy_end",
    // (x0 = to, x1 = from, x2 = bytes) -> bytes not copied
    "trunnion_copy:",
    ".globl trunnion_copy_begin",
    "trunnion_copy_begin:",
    "2: cmp x2, #16",
    "b.lo 3f",
    "ldp x3, x4, [x1], #16",
    "stp x3, x4, [x0], #16",
    "sub x2, x2, #16",
    "b 2b",
    "3: cbz x2, trunnion_copy_end",
    "ldrb w3, [x1], #1",
    "strb w3, [x0], #1",
    "sub x2, x2, #1",
    "b 3b",
    ".globl trunnion_copy_end",
    "trunnion_copy_end:",
    "mov x0, x2",
    "ret",
);

unsafe extern "C" {
    fn trunnion_copy(to: *mut u8, from: *const u8, bytes: usize) -> usize;
    static trunnion_copy_begin: u8;
    static trunnion_copy_end: u8;
}

/// The stretch and its landing.
pub(super) fn stretch() -> (Range<usize>, usize) {
    let begin = (&raw const trunnion_copy_begin).addr();
    let end = (&raw const trunnion_copy_end).addr();
    (begin..end, end)
}

/// Types of which any bytes are a value.
///
/// # Safety
/// No padding, no invalid bit patterns.
pub(crate) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($ty:ty),*) => { $(
        // SAFETY: integers, or transparent around one.
        unsafe impl Plain for $ty {}
    )* };
}
plain!(u8, u16, u32, u64, i32, i64, usize, Handle);

macro_rules! plain_layout {
    ($($ty:ident),*) => { $(
        // SAFETY: `Layout` promises the same.
        unsafe impl Plain for pal_abi::$ty where Self: Layout {}
    )* };
}
plain_layout!(
    AddressRange,
    Attr,
    DirRecord,
    FsInfo,
    IoResult,
    LockRange,
    ProcessParams,
    ReadyRecord,
    SockAddr,
    SocketMessage,
    ThreadParams,
    UpcallTable,
    TimerSetting,
    WaitRecord,
    WatchRecord
);

/// Copies bytes out of caller memory.
///
/// # Errors
/// `Fault` where not all of it can be read.
pub(crate) fn read_bytes(from: usize, to: &mut [u8]) -> Result<(), PalError> {
    let source: *const u8 = core::ptr::with_exposed_provenance(from);
    // SAFETY: `to` is ours; `from` may be anything, the stretch recovers (invariant 1).
    let left = unsafe { trunnion_copy(to.as_mut_ptr(), source, to.len()) };
    if left == 0 { Ok(()) } else { Err(PalError::Fault) }
}

/// Copies bytes into caller memory.
///
/// # Errors
/// `Fault` where not all of it can be written; a beginning may have been.
pub(crate) fn write_bytes(to: usize, from: &[u8]) -> Result<(), PalError> {
    let target: *mut u8 = core::ptr::with_exposed_provenance_mut(to);
    // SAFETY: `from` is ours; `to` is what the caller asked to be written, the stretch recovers (invariant 1).
    let left = unsafe { trunnion_copy(target, from.as_ptr(), from.len()) };
    if left == 0 { Ok(()) } else { Err(PalError::Fault) }
}

/// Reads a value out of caller memory.
///
/// # Errors
/// `Fault`.
pub(crate) fn read<T: Plain>(from: usize) -> Result<T, PalError> {
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: the bytes of `value` are ours and initialised.
    let bytes = unsafe { core::slice::from_raw_parts_mut(value.as_mut_ptr().cast::<u8>(), size_of::<T>()) };
    read_bytes(from, bytes)?;
    // SAFETY: any bytes are a value of a `Plain` type.
    Ok(unsafe { value.assume_init() })
}

/// Writes a value into caller memory.
///
/// # Errors
/// `Fault`.
pub(crate) fn write<T: Plain>(to: usize, value: &T) -> Result<(), PalError> {
    // SAFETY: a `Plain` type has no uninitialised bytes.
    let bytes =
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) };
    write_bytes(to, bytes)
}
