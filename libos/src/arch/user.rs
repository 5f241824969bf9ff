//! Copies to and from the application's memory.
//!
//! The application shares our address space, so its pointers are allegations. Every access goes through the few
//! instructions below; when one of them faults, the exception dispatch finds the program counter in their range and
//! resumes at the fixup, and the copy reports how far it came. Nothing else in the library OS touches user memory.

use alloc::vec::Vec;

use pal_abi::arg::{In, InBytes, OutBytes};

use crate::error::Errno;
use crate::layout::{PAGE, USER_END};

/// The longest path, with its final zero byte (`PATH_MAX`).
pub const PATH_MAX: u32 = 4096;

/// Checks that a range lies in the application's half.
///
/// # Errors
/// `EFAULT`.
pub fn check(addr: u32, len: u32) -> Result<(), Errno> {
    match addr.checked_add(len) {
        Some(end) if end <= USER_END => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

#[cfg(target_arch = "x86")]
mod copy {
    use core::arch::global_asm;

    global_asm!(
        ".globl user_copy, user_copy_insn, user_copy_fixup, user_set, user_set_insn, user_set_fixup",
        ".hidden user_copy, user_copy_insn, user_copy_fixup, user_set, user_set_insn, user_set_fixup",
        // user_copy(destination, source, bytes) -> bytes not copied
        "user_copy:",
        "push esi",
        "push edi",
        "mov edi, [esp+12]",
        "mov esi, [esp+16]",
        "mov ecx, [esp+20]",
        "user_copy_insn:",
        "rep movsb",
        "user_copy_fixup:",
        "mov eax, ecx",
        "pop edi",
        "pop esi",
        "ret",
        // user_set(destination, byte, bytes) -> bytes not set
        "user_set:",
        "push edi",
        "mov edi, [esp+8]",
        "mov eax, [esp+12]",
        "mov ecx, [esp+16]",
        "user_set_insn:",
        "rep stosb",
        "user_set_fixup:",
        "mov eax, ecx",
        "pop edi",
        "ret",
        // Atomic operations: user_cas(address, old, new, &found) -> 0, or 1 after a fault
        ".globl user_cas, user_cas_insn, user_cas_fixup",
        ".hidden user_cas, user_cas_insn, user_cas_fixup",
        "user_cas:",
        "mov edx, [esp+4]",
        "mov eax, [esp+8]",
        "mov ecx, [esp+12]",
        "user_cas_insn:",
        "lock cmpxchg [edx], ecx",
        "mov ecx, [esp+16]",
        "mov [ecx], eax",
        "xor eax, eax",
        "ret",
        "user_cas_fixup:",
        "mov eax, 1",
        "ret",
    );

    unsafe extern "C" {
        pub(super) fn user_copy(to: usize, from: usize, len: usize) -> usize;
        pub(super) fn user_set(to: usize, byte: u32, len: usize) -> usize;
        pub(super) fn user_cas(at: usize, old: u32, new: u32, found: *mut u32) -> u32;
        static user_copy_insn: u8;
        static user_copy_fixup: u8;
        static user_set_insn: u8;
        static user_set_fixup: u8;
        static user_cas_insn: u8;
        static user_cas_fixup: u8;
    }

    /// Where a fault at `eip` continues, if it is one of ours.
    pub(crate) fn fixup(eip: u32) -> Option<u32> {
        let ranges = [
            (&raw const user_copy_insn, &raw const user_copy_fixup),
            (&raw const user_set_insn, &raw const user_set_fixup),
            (&raw const user_cas_insn, &raw const user_cas_fixup),
        ];
        ranges.iter().find(|(at, _)| at.addr() as u32 == eip).map(|(_, to)| to.addr() as u32)
    }
}

/// Off its own instruction set the library OS has no application: every access faults.
#[cfg(not(target_arch = "x86"))]
mod copy {
    pub(super) unsafe fn user_copy(_to: usize, _from: usize, len: usize) -> usize {
        len
    }
    pub(super) unsafe fn user_set(_to: usize, _byte: u32, len: usize) -> usize {
        len
    }
    pub(super) unsafe fn user_cas(_at: usize, _old: u32, _new: u32, _found: *mut u32) -> u32 {
        1
    }
}

#[cfg(target_arch = "x86")]
pub(crate) use copy::fixup;

/// Copies from the application; tells how many bytes could not be copied.
fn copy_in(addr: u32, to: &mut [u8]) -> usize {
    // SAFETY: the destination is ours; the source may fault, which the fixup handles.
    unsafe { copy::user_copy(to.as_mut_ptr().expose_provenance(), addr as usize, to.len()) }
}

/// Reads bytes of the application.
///
/// # Errors
/// `EFAULT`.
pub fn read(addr: u32, to: &mut [u8]) -> Result<(), Errno> {
    check(addr, len32(to.len())?)?;
    if copy_in(addr, to) == 0 { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Writes bytes to the application.
///
/// # Errors
/// `EFAULT`; what lay before the fault has been written.
pub fn write(addr: u32, from: &[u8]) -> Result<(), Errno> {
    check(addr, len32(from.len())?)?;
    // SAFETY: the source is ours; the destination is the application's and may fault, which the fixup handles.
    let left = unsafe { copy::user_copy(addr as usize, from.as_ptr().expose_provenance(), from.len()) };
    if left == 0 { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Fills the application's memory with one byte; tells how many bytes were set before a fault.
///
/// # Errors
/// `EFAULT` where none was.
pub fn fill(addr: u32, byte: u8, len: u32) -> Result<u32, Errno> {
    check(addr, len)?;
    // SAFETY: as in `write`.
    let left = unsafe { copy::user_set(addr as usize, u32::from(byte), len as usize) };
    let done = len - len32(left)?;
    if done == 0 && len != 0 { Err(Errno::EFAULT) } else { Ok(done) }
}

/// Compares a word with `old` and, if equal, stores `new`, atomically; gives what was found.
///
/// # Errors
/// `EFAULT`.
pub fn compare_exchange(addr: u32, old: u32, new: u32) -> Result<u32, Errno> {
    check(addr, 4)?;
    let mut found = 0;
    // SAFETY: the word is the application's and may fault, which the fixup handles; `found` is ours.
    let failed = unsafe { copy::user_cas(addr as usize, old, new, &raw mut found) };
    if failed == 0 { Ok(found) } else { Err(Errno::EFAULT) }
}

/// Reads `N` bytes.
///
/// # Errors
/// `EFAULT`.
pub fn read_array<const N: usize>(addr: u32) -> Result<[u8; N], Errno> {
    let mut bytes = [0; N];
    read(addr, &mut bytes)?;
    Ok(bytes)
}

/// Reads a 32-bit word.
///
/// # Errors
/// `EFAULT`.
pub fn read_u32(addr: u32) -> Result<u32, Errno> {
    read_array(addr).map(u32::from_le_bytes)
}

/// Reads a 64-bit word.
///
/// # Errors
/// `EFAULT`.
pub fn read_u64(addr: u32) -> Result<u64, Errno> {
    read_array(addr).map(u64::from_le_bytes)
}

/// Writes a 32-bit word.
///
/// # Errors
/// `EFAULT`.
pub fn write_u32(addr: u32, value: u32) -> Result<(), Errno> {
    write(addr, &value.to_le_bytes())
}

/// Writes a 64-bit word.
///
/// # Errors
/// `EFAULT`.
pub fn write_u64(addr: u32, value: u64) -> Result<(), Errno> {
    write(addr, &value.to_le_bytes())
}

/// Reads a zero-terminated string of fewer than `max` bytes.
///
/// # Errors
/// `EFAULT`; `ENAMETOOLONG` where no zero byte comes in time.
pub fn read_string(addr: u32, max: u32) -> Result<Vec<u8>, Errno> {
    let mut text = Vec::new();
    let mut at = addr;
    loop {
        // Never across a page before the page in hand is searched: what follows the zero may be unmapped.
        let piece = (PAGE - at % PAGE).min(256).min(max - len32(text.len())?);
        if piece == 0 {
            return Err(Errno::ENAMETOOLONG);
        }
        check(at, piece)?;
        let mut buffer = [0; 256];
        let buffer = &mut buffer[..piece as usize];
        if copy_in(at, buffer) != 0 {
            return Err(Errno::EFAULT);
        }
        if let Some(end) = buffer.iter().position(|&b| b == 0) {
            text.extend_from_slice(&buffer[..end]);
            return Ok(text);
        }
        text.extend_from_slice(buffer);
        at += piece;
    }
}

/// Reads a path.
///
/// # Errors
/// `EFAULT`, `ENAMETOOLONG`.
pub fn read_path(addr: u32) -> Result<Vec<u8>, Errno> {
    read_string(addr, PATH_MAX)
}

/// A buffer of the application for a downcall that reads it. The layer below checks the range again.
///
/// # Errors
/// `EFAULT`.
pub fn in_bytes(addr: u32, len: u32) -> Result<InBytes<'static>, Errno> {
    check(addr, len)?;
    // SAFETY: guest memory of the application, in which nothing of ours lies.
    Ok(unsafe { InBytes::from_addr(addr as usize) })
}

/// A buffer of the application for a downcall that writes it.
///
/// # Errors
/// `EFAULT`.
pub fn out_bytes(addr: u32, len: u32) -> Result<OutBytes<'static>, Errno> {
    check(addr, len)?;
    // SAFETY: guest memory of the application, in which nothing of ours lies.
    Ok(unsafe { OutBytes::from_addr(addr as usize) })
}

/// A word of the application for a downcall that reads it.
///
/// # Errors
/// `EFAULT`.
pub fn in_word(addr: u32) -> Result<In<'static, u32>, Errno> {
    check(addr, 4)?;
    // SAFETY: guest memory of the application, in which nothing of ours lies.
    Ok(unsafe { In::from_addr(addr as usize) })
}

fn len32(len: usize) -> Result<u32, Errno> {
    u32::try_from(len).map_err(|_| Errno::EFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_os_is_out_of_reach() {
        assert_eq!(check(USER_END - 4, 4), Ok(()));
        assert_eq!(check(USER_END - 4, 5), Err(Errno::EFAULT));
        assert_eq!(check(0xffff_fff0, 0x20), Err(Errno::EFAULT));
    }
}
