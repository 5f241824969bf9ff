//! getsockopt(2), setsockopt(2). What a 64-bit kernel has in another form is turned here; what needs a state of the
//! program's own is kept here; the rest is the layer below's.

use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use pal_abi::flags::family;

use super::Call;
use super::arg::{Fd, Ptr};
use super::network::{get, of};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::net::message::credentials;
use crate::net::{Direction, SOL_SOCKET, Socket, errno};
use crate::pal::sockets;

mod name {
    pub(super) const TYPE: u32 = 3;
    pub(super) const PASSCRED: u32 = 16;
    pub(super) const PEERCRED: u32 = 17;
    pub(super) const RCVTIMEO: u32 = 20;
    pub(super) const SNDTIMEO: u32 = 21;
    pub(super) const DOMAIN: u32 = 39;
    pub(super) const RCVTIMEO_NEW: u32 = 66;
    pub(super) const SNDTIMEO_NEW: u32 = 67;
}

/// The longest value.
const VALUE_MAX: usize = 512;

/// Whose limit an option is, and whether its words are 64 bits wide.
const fn limit(name: u32) -> Option<(Direction, bool)> {
    match name {
        name::RCVTIMEO => Some((Direction::Receive, false)),
        name::SNDTIMEO => Some((Direction::Send, false)),
        name::RCVTIMEO_NEW => Some((Direction::Receive, true)),
        name::SNDTIMEO_NEW => Some((Direction::Send, true)),
        _ => None,
    }
}

fn limit_bytes(ns: u64, wide: bool) -> Vec<u8> {
    let (seconds, micros) = (ns / 1_000_000_000, ns % 1_000_000_000 / 1000);
    if wide {
        [seconds, micros].iter().flat_map(|word| word.to_le_bytes()).collect()
    } else {
        let narrow = |word: u64| u32::try_from(word).unwrap_or(i32::MAX.cast_unsigned());
        [seconds, micros].iter().flat_map(|&word| narrow(word).to_le_bytes()).collect()
    }
}

/// The nanoseconds of a `timeval`; 0: for ever. A negative one is over at once.
fn limit_of(bytes: &[u8], wide: bool) -> Result<u64, Errno> {
    let word = |n: usize| -> Option<i64> {
        if wide {
            bytes.get(8 * n..)?.first_chunk().map(|b| i64::from_le_bytes(*b))
        } else {
            bytes.get(4 * n..)?.first_chunk().map(|b| i64::from(i32::from_le_bytes(*b)))
        }
    };
    let (seconds, micros) = (word(0).ok_or(Errno::EINVAL)?, word(1).ok_or(Errno::EINVAL)?);
    if !(0..1_000_000).contains(&micros) {
        return Err(Errno::EDOM);
    }
    if seconds < 0 {
        return Ok(1);
    }
    let ns = seconds.cast_unsigned().saturating_mul(1_000_000_000);
    Ok(ns.saturating_add(micros.cast_unsigned() * 1000))
}

/// The value of an option that the library OS answers itself.
fn own(socket: &Socket, name: u32) -> Option<Vec<u8>> {
    let word = |value: u32| Some(value.to_le_bytes().to_vec());
    match name {
        name::TYPE => word(socket.kind),
        name::DOMAIN => word(socket.family),
        name::PASSCRED if socket.family == family::UNIX => word(socket.tells_sender().into()),
        _ => limit(name).map(|(of, wide)| limit_bytes(socket.limit(of), wide)),
    }
}

pub(super) fn getsockopt(
    _: &mut Call<'_>,
    fd: Fd,
    level: u32,
    name: u32,
    value_at: Ptr,
    len_at: Ptr,
) -> SysResult {
    let file = get(fd)?;
    let socket = of(&file)?;
    let room = user::read_u32(len_at.0)?;
    if room.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let own = if level == SOL_SOCKET { own(socket, name) } else { None };
    let value = match own {
        Some(value) => value,
        None => {
            let is_peer = (level, name) == (SOL_SOCKET, name::PEERCRED);
            let cap = if is_peer { 16 } else { (room as usize).min(VALUE_MAX) };
            let value = below(socket, level, name, cap)?;
            if is_peer { credentials(&value).to_vec() } else { value }
        }
    };
    let told = value.len().min(room as usize);
    user::write(value_at.0, &value[..told])?;
    user::write_u32(len_at.0, u32::try_from(told).unwrap_or(0))?;
    Ok(0)
}

fn below(socket: &Socket, level: u32, name: u32, cap: usize) -> Result<Vec<u8>, Errno> {
    let (mut value, mut len) = (alloc::vec![0; cap], 0u32);
    let to = if cap == 0 { pal_abi::arg::OutBytes::NONE } else { value.as_mut_slice().into() };
    sockets().socket_get_option(socket.handle(), level, name, to, cap, (&mut len).into()).map_err(errno)?;
    value.truncate(len as usize);
    Ok(value)
}

pub(super) fn setsockopt(
    _: &mut Call<'_>,
    fd: Fd,
    level: u32,
    name: u32,
    value_at: Ptr,
    len: u32,
) -> SysResult {
    let file = get(fd)?;
    let socket = of(&file)?;
    if len.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let mut value = alloc::vec![0; (len as usize).min(VALUE_MAX)];
    user::read(value_at.0, &mut value)?;
    if level == SOL_SOCKET {
        if let Some((of, wide)) = limit(name) {
            socket.set_limit(of, limit_of(&value, wide)?);
            return Ok(0);
        }
        if name == name::PASSCRED && socket.family == family::UNIX {
            let word = value.first_chunk().map(|b| u32::from_le_bytes(*b)).ok_or(Errno::EINVAL)?;
            socket.passes_credentials.store(word != 0, Relaxed);
        }
    }
    let from = if value.is_empty() { pal_abi::arg::InBytes::NONE } else { value.as_slice().into() };
    sockets().socket_set_option(socket.handle(), level, name, from, value.len()).map_err(|error| {
        match error {
            // Of a device, or an address of one.
            pal_abi::PalError::NoDevice => Errno::ENODEV,
            other => errno(other),
        }
    })?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_time_have_two_forms() {
        for wide in [false, true] {
            let bytes = limit_bytes(3_000_250_000, wide);
            assert_eq!(bytes.len(), if wide { 16 } else { 8 });
            assert_eq!(limit_of(&bytes, wide), Ok(3_000_250_000));
        }
        assert_eq!(limit_of(&[0; 7], false), Err(Errno::EINVAL));
        assert_eq!(limit_of(&[0, 0, 0, 0, 0x40, 0x42, 0x0f, 0], false), Err(Errno::EDOM));
        assert_eq!(limit_of(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], false), Ok(1));
    }
}
