//! Addresses of sockets in the program's memory.

use alloc::vec::Vec;

use crate::arch::user;
use crate::error::Errno;

/// Bytes of an address, at most (`sockaddr_storage`).
pub const MAX: usize = 128;

/// Reads an address.
///
/// # Errors
/// `EINVAL` for a length that cannot be, `EFAULT`.
pub fn read(at: u32, len: u32) -> Result<Vec<u8>, Errno> {
    let mut bytes = alloc::vec![0; (len as usize).min(MAX + 1)];
    if bytes.len() > MAX {
        return Err(Errno::EINVAL);
    }
    user::read(at, &mut bytes)?;
    Ok(bytes)
}

/// Writes an address, as much of it as there is room for, and tells its whole length.
///
/// # Errors
/// `EINVAL` for a negative room, `EFAULT`.
pub fn write(address: &[u8], at: u32, len_at: u32) -> Result<(), Errno> {
    let room = user::read_u32(len_at)?;
    if room.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    user::write(at, &address[..address.len().min(room as usize)])?;
    user::write_u32(len_at, u32::try_from(address.len()).unwrap_or(0))
}

/// The family an address names.
#[must_use]
pub fn family(address: &[u8]) -> Option<u32> {
    address.first_chunk::<2>().map(|bytes| u32::from(u16::from_le_bytes(*bytes)))
}
