//! Addresses of the group: Linux's own for the Internet, numbers for UNIX sockets.
//!
//! A number stands for an abstract address under the instance's random number, so that families do not meet. Whoever
//! finds it all the same is told apart by the user.

use pal_abi::flags::family;
use pal_abi::{Layout, PalError, UnixName};

use crate::boot::instance_id;
use crate::sys::socket::Name;

/// Digits of a number.
const DIGITS: usize = 16;

/// What the abstract addresses of this family begin with, the address family and the zero byte included.
fn prefix() -> Vec<u8> {
    let mut bytes = u16::try_from(family::UNIX).unwrap_or(0).to_ne_bytes().to_vec();
    bytes.extend(b"\0trunnion-");
    bytes.extend(instance_id().iter().flat_map(|b| format!("{b:02x}").into_bytes()));
    bytes.extend(b"-u");
    bytes
}

/// The host's address for one of the caller's.
///
/// # Errors
/// `Invalid` for what is none; `NoFamily` for another family than the socket's.
pub(super) fn to_host(of: u32, bytes: &[u8]) -> Result<Name, PalError> {
    let first =
        bytes.first_chunk::<2>().map(|b| u32::from(u16::from_le_bytes(*b))).ok_or(PalError::Invalid)?;
    if of != family::UNIX || first == 0 {
        return Ok(Name::from_bytes(bytes));
    }
    if first != family::UNIX {
        return Err(PalError::NoFamily);
    }
    let name = UnixName::read_from(bytes).filter(|name| name.reserved == 0).ok_or(PalError::Invalid)?;
    let mut host = prefix();
    host.extend(format!("{:0DIGITS$x}", name.number).into_bytes());
    Ok(Name::from_bytes(&host))
}

/// The caller's address for one of the host's: of a UNIX socket without a name of this family, only the family.
pub(super) fn from_host(name: &Name) -> Vec<u8> {
    let bytes = name.bytes();
    let unix = u16::try_from(family::UNIX).unwrap_or(0).to_ne_bytes();
    if !bytes.starts_with(&unix) {
        return bytes.to_vec();
    }
    let number = bytes.strip_prefix(&prefix()[..]).and_then(|digits| {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == DIGITS)?;
        u64::from_str_radix(digits, 16).ok()
    });
    match number {
        Some(number) => UnixName { family: family::UNIX, reserved: 0, number }.as_bytes().to_vec(),
        None => unix.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_return_unchanged() {
        let name = UnixName { family: family::UNIX, reserved: 0, number: 0x1_2345 };
        let host = to_host(family::UNIX, name.as_bytes()).unwrap();
        assert!(host.bytes().len() < 108);
        assert_eq!(from_host(&host), name.as_bytes());
    }

    #[test]
    fn strangers_have_no_name() {
        for host in [&b"\x01\0"[..], b"\x01\0/run/server\0", b"\x01\0\0trunnion-00-u0000000000000001"] {
            assert_eq!(from_host(&Name::from_bytes(host)), [1, 0]);
        }
        assert_eq!(to_host(family::UNIX, &[2, 0, 0, 80]).err(), Some(PalError::NoFamily));
        assert_eq!(to_host(family::UNIX, b"\x01\0/run/server\0").err(), Some(PalError::Invalid));
        assert_eq!(to_host(family::UNIX, &[1]).err(), Some(PalError::Invalid));
    }
}
