//! TLS descriptors: three entries of the GDT, by `set_thread_area`.
//!
//! # Source
//! `arch/x86/kernel/tls.c`; SDM vol. 3A, "Segment Descriptors".

use pal_abi::Pal as _;
use pal_abi::flags::tls;

use super::user;
use crate::error::Errno;
use crate::pal::pal;
use crate::task::thread::{TLS_ENTRIES, TLS_FIRST, Thread};

/// `struct user_desc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserDesc {
    /// Number in the GDT, or −1: any.
    pub entry: u32,
    /// Base address.
    pub base: u32,
    /// Limit, in bytes or pages.
    pub limit: u32,
    /// `seg_32bit`, `contents`, `read_exec_only`, `limit_in_pages`, `seg_not_present`, `useable`, from bit 0.
    pub flags: u32,
}

impl UserDesc {
    /// Reads one.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read(at: u32) -> Result<Self, Errno> {
        let [entry, base, limit, flags] = words(user::read_array::<16>(at)?);
        Ok(Self { entry, base, limit, flags })
    }

    /// Whether it asks for an empty descriptor (`LDT_empty`).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.base == 0 && self.limit == 0 && self.flags & 0x7f == 0b010_1000
    }

    /// Whether all of it is zero (`LDT_zero`), which `set_thread_area` takes for an empty descriptor as well.
    fn is_zero(&self) -> bool {
        self.base == 0 && self.limit == 0 && self.flags & 0x7f == 0
    }

    /// The descriptor; an empty one is the caller's to see.
    #[must_use]
    pub fn encode(&self) -> [u8; 8] {
        let bit = |n: u32| self.flags >> n & 1;
        let contents = self.flags >> 1 & 3;
        let kind = (bit(3) ^ 1) << 1 | contents << 2 | 1; // accessed, writable, expand-down or code
        let present = bit(5) ^ 1;
        let low = self.limit & 0xffff | self.base << 16;
        let high = self.base >> 16 & 0xff
            | kind << 8
            | 1 << 12
            | 3 << 13
            | present << 15
            | self.limit & 0xf_0000
            | bit(6) << 20
            | bit(0) << 22
            | bit(4) << 23
            | self.base & 0xff00_0000;
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&low.to_le_bytes());
        bytes[4..].copy_from_slice(&high.to_le_bytes());
        bytes
    }

    /// What a descriptor means.
    #[must_use]
    pub fn decode(entry: u32, descriptor: &[u8; 8]) -> Self {
        let mut halves = [0; 4];
        halves.copy_from_slice(&descriptor[..4]);
        let low = u32::from_le_bytes(halves);
        halves.copy_from_slice(&descriptor[4..]);
        let high = u32::from_le_bytes(halves);
        if (low, high) == (0, 0) {
            return Self { entry, base: 0, limit: 0, flags: 0b010_1000 };
        }
        let bit = |n: u32| high >> n & 1;
        let flags = bit(22)
            | (high >> 10 & 3) << 1
            | (bit(9) ^ 1) << 3
            | bit(23) << 4
            | (bit(15) ^ 1) << 5
            | bit(20) << 6;
        Self {
            entry,
            base: low >> 16 | (high & 0xff) << 16 | high & 0xff00_0000,
            limit: low & 0xffff | high & 0xf_0000,
            flags,
        }
    }
}

fn words(bytes: [u8; 16]) -> [u32; 4] {
    let mut all = [0; 4];
    for (word, four) in all.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    }
    all
}

/// `set_thread_area`: gives the entry's number where the program left the choice.
///
/// # Errors
/// As set_thread_area(2).
pub fn set_at(thread: &mut Thread, at: u32) -> Result<Option<u32>, Errno> {
    let (index, chosen) = put(thread, at)?;
    load(thread, index);
    Ok(chosen)
}

/// Notes a descriptor, which is not in force yet: the number of its entry among the three, and the one chosen.
///
/// # Errors
/// As set_thread_area(2).
pub fn put(thread: &mut Thread, at: u32) -> Result<(u32, Option<u32>), Errno> {
    let wanted = UserDesc::read(at)?;
    let empty = wanted.is_empty() || wanted.is_zero();
    if !empty && (wanted.flags & 1 == 0 || wanted.flags >> 1 & 3 > 1 || wanted.flags >> 5 & 1 != 0) {
        // As 64-bit kernels: 32-bit data segments that are present, only.
        return Err(Errno::EINVAL);
    }
    let chosen = if wanted.entry == u32::MAX {
        let free = thread.tls.iter().position(|d| *d == [0; 8]).ok_or(Errno::ESRCH)?;
        Some(TLS_FIRST + u32::try_from(free).unwrap_or(0))
    } else {
        None
    };
    let entry = chosen.unwrap_or(wanted.entry);
    let index = entry.checked_sub(TLS_FIRST).filter(|n| (*n as usize) < TLS_ENTRIES).ok_or(Errno::EINVAL)?;
    if chosen.is_some() {
        user::write_u32(at, entry)?;
    }
    thread.tls[index as usize] = if empty { [0; 8] } else { wanted.encode() };
    Ok((index, chosen))
}

/// `get_thread_area`.
///
/// # Errors
/// As get_thread_area(2).
pub fn get_at(thread: &Thread, at: u32) -> Result<(), Errno> {
    let entry = user::read_u32(at)?;
    let index = entry.checked_sub(TLS_FIRST).filter(|n| (*n as usize) < TLS_ENTRIES).ok_or(Errno::EINVAL)?;
    let found = UserDesc::decode(entry, &thread.tls[index as usize]);
    for (n, word) in (0u32..).zip([found.entry, found.base, found.limit, found.flags]) {
        user::write_u32(at + n * 4, word)?;
    }
    Ok(())
}

fn load(thread: &Thread, index: u32) {
    let descriptor = &raw const thread.tls[index as usize];
    // A descriptor checked above is one the layer below takes.
    _ = pal().thread_set_tls_base(tls::GDT + TLS_FIRST + index, descriptor.expose_provenance());
}

/// Empties all entries, for a new program.
pub fn clear(thread: &mut Thread) {
    thread.tls = [[0; 8]; TLS_ENTRIES];
    load_all(thread);
}

/// Puts all entries of a thread that goes on into force.
pub fn load_all(thread: &Thread) {
    for index in 0..3 {
        load(thread, index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibcs_descriptor_is_a_flat_writable_segment() {
        // As glibc asks: base, 4 GiB in pages, 32 bits, useable.
        let wanted = UserDesc { entry: 12, base: 0x080f_0380, limit: 0xf_ffff, flags: 0b101_0001 };
        let bytes = wanted.encode();
        assert_eq!(u64::from_le_bytes(bytes), 0x08df_f30f_0380_ffff);
        assert_eq!(UserDesc::decode(12, &bytes), wanted);
    }
}
