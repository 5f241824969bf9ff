//! The local descriptor table, by `modify_ldt`.
//!
//! This is the table that the program reads; the layer below has another, from which the processor loads. Both are the
//! process's: threads share them, `fork` copies them, a new program begins without.
//!
//! # Source
//! `arch/x86/kernel/ldt.c`: `read_ldt`, `read_default_ldt`, `write_ldt`; modify_ldt(2).

use alloc::vec::Vec;
use core::cmp::min;

use pal_abi::Pal as _;
use pal_abi::flags::tls;

use super::tls::UserDesc;
use super::user;
use crate::error::Errno;
use crate::pal::pal;
use crate::task::process::process;

/// `LDT_ENTRIES`.
const ENTRIES: u32 = 8192;
/// `LDT_ENTRY_SIZE`.
const ENTRY_SIZE: u32 = 8;
/// Bytes of the default table, all zero.
const DEFAULT_SIZE: u32 = 128;
/// Bytes of a `struct user_desc`.
const USER_DESC_SIZE: u32 = 16;

/// The descriptors up to the highest that was ever written.
pub type Table = Vec<[u8; 8]>;

/// `modify_ldt`.
///
/// # Errors
/// As modify_ldt(2).
pub fn modify(function: u32, at: u32, bytes: u32) -> Result<u32, Errno> {
    match function {
        0 => read(at, bytes),
        1 => write(at, bytes, Form::Old).map(|()| 0),
        2 => {
            let bytes = min(bytes, DEFAULT_SIZE);
            zero(at, bytes)?;
            Ok(bytes)
        }
        0x11 => write(at, bytes, Form::New).map(|()| 0),
        _ => Err(Errno::ENOSYS),
    }
}

fn zero(at: u32, bytes: u32) -> Result<(), Errno> {
    if user::fill(at, 0, bytes)? == bytes { Ok(()) } else { Err(Errno::EFAULT) }
}

fn read(at: u32, bytes: u32) -> Result<u32, Errno> {
    let held: Vec<u8> = process().ldt.lock().iter().flatten().copied().collect();
    if held.is_empty() {
        return Ok(0);
    }
    let bytes = min(bytes, ENTRIES * ENTRY_SIZE);
    let known = min(held.len(), bytes as usize);
    user::write(at, &held[..known])?;
    let known = u32::try_from(known).unwrap_or(bytes);
    if known < bytes {
        zero(at.wrapping_add(known), bytes - known)?;
    }
    Ok(bytes)
}

/// Which of the two write functions: the old one has no `useable`, and empties an entry by base and limit 0.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Old,
    New,
}

/// The descriptor that a request makes.
fn descriptor(wanted: &UserDesc, form: Form) -> Result<[u8; 8], Errno> {
    const NOT_PRESENT: u32 = 1 << 5;
    const USEABLE: u32 = 1 << 6;
    let conforming = wanted.flags >> 1 & 3 == 3;
    if conforming && (form == Form::Old || wanted.flags & NOT_PRESENT == 0) {
        return Err(Errno::EINVAL);
    }
    let nothing = form == Form::Old && wanted.base == 0 && wanted.limit == 0;
    if nothing || wanted.is_empty() {
        return Ok([0; 8]);
    }
    let flags = if form == Form::Old { wanted.flags & !USEABLE } else { wanted.flags };
    Ok(UserDesc { flags, ..*wanted }.encode())
}

fn write(at: u32, bytes: u32, form: Form) -> Result<(), Errno> {
    if bytes != USER_DESC_SIZE {
        return Err(Errno::EINVAL);
    }
    let wanted = UserDesc::read(at)?;
    if wanted.entry >= ENTRIES {
        return Err(Errno::EINVAL);
    }
    let made = descriptor(&wanted, form)?;
    let mut table = process().ldt.lock();
    let index = wanted.entry as usize;
    if table.len() <= index {
        table.resize(index + 1, [0; 8]);
    }
    table[index] = made;
    // Under the lock, so that both tables see writers in one order. The descriptor takes effect in this thread when the call
    // returns, as with Linux's `refresh_ldt_segments`, and in others when they next come out of the library OS.
    load(wanted.entry, &made);
    Ok(())
}

fn load(entry: u32, descriptor: &[u8; 8]) {
    // The layer below takes every descriptor of these entries.
    _ = pal().thread_set_tls_base(tls::LDT + entry, core::ptr::from_ref(descriptor).expose_provenance());
}

/// Empties the table, for a new program.
pub fn clear() {
    let table = core::mem::take(&mut *process().ldt.lock());
    for (entry, _) in (0..).zip(&table).filter(|(_, d)| **d != [0; 8]) {
        load(entry, &[0; 8]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(base: u32, limit: u32, flags: u32, form: Form) -> Result<u64, Errno> {
        descriptor(&UserDesc { entry: 3, base, limit, flags }, form).map(u64::from_le_bytes)
    }

    #[test]
    fn descriptors_are_those_of_a_native_kernel() {
        let new = |flags| of(0x1234_5678, 0x1_ffff, flags, Form::New);
        let old = |flags| of(0x1234_5678, 0x1_ffff, flags, Form::Old);
        assert_eq!(new(0x00), Ok(0x1201_f334_5678_ffff));
        assert_eq!(new(0x69), Ok(0x1251_7134_5678_ffff));
        assert_eq!(old(0x69), Ok(0x1241_7134_5678_ffff));
        assert_eq!(new(0x43), Ok(0x1251_f734_5678_ffff));
        assert_eq!(new(0x25), Ok(0x1241_7b34_5678_ffff));
        assert_eq!(new(0x26), Ok(0x1201_7f34_5678_ffff));
        assert_eq!(new(0x07), Err(Errno::EINVAL));
        assert_eq!(old(0x26), Err(Errno::EINVAL));
    }

    #[test]
    fn only_the_old_form_empties_by_base_and_limit() {
        assert_eq!(of(0, 0, 0, Form::Old), Ok(0));
        assert_eq!(of(0, 0, 0, Form::New), Ok(0x0000_f300_0000_0000));
        assert_eq!(of(0, 0, 0x28, Form::New), Ok(0));
    }
}
