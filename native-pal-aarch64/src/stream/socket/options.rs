//! Socket options, through the attribute calls.

use std::os::fd::OwnedFd;
use std::time::Duration;

use pal_abi::flags::{attr as valid, socket as bits};
use pal_abi::{Attr, PalError};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};

use crate::sys::errno::pal_error;

/// Options an attribute call may switch.
const SWITCHES: u32 = bits::REUSE_ADDRESS
    | bits::REUSE_PORT
    | bits::KEEP_ALIVE
    | bits::NO_DELAY
    | bits::CORK
    | bits::BROADCAST
    | bits::V6_ONLY
    | bits::OOB_INLINE
    | bits::LINGER;
/// Attributes of a socket that can be set.
const SETTABLE: u32 = valid::FLAGS
    | valid::SOCKET_OPTIONS
    | valid::SEND_BUFFER
    | valid::RECEIVE_BUFFER
    | valid::LINGER
    | valid::TTL;

fn is_v6(fd: &OwnedFd) -> bool {
    sockopt::socket_domain(fd) == Ok(AddressFamily::INET6)
}

/// Fills in what is known of a socket. Its pending error is taken from the host.
pub(super) fn query(fd: &OwnedFd, attr: &mut Attr) -> Result<(), PalError> {
    let is_stream = sockopt::socket_type(fd).map_err(pal_error)? == SocketType::STREAM;
    let v6 = is_v6(fd);
    attr.socket_family = if v6 { 6 } else { 4 };
    attr.socket_type = if is_stream { 1 } else { 2 };
    attr.socket_error = match sockopt::socket_error(fd) {
        Ok(Err(errno)) => pal_error(errno).code(),
        _ => 0,
    };
    let linger = sockopt::socket_linger(fd).unwrap_or(None);
    let on = [
        (bits::REUSE_ADDRESS, sockopt::socket_reuseaddr(fd)),
        (bits::REUSE_PORT, sockopt::socket_reuseport(fd)),
        (bits::KEEP_ALIVE, sockopt::socket_keepalive(fd)),
        (bits::BROADCAST, sockopt::socket_broadcast(fd)),
        (bits::OOB_INLINE, sockopt::socket_oobinline(fd)),
        (bits::LISTENING, sockopt::socket_acceptconn(fd)),
        (bits::NO_DELAY, if is_stream { sockopt::tcp_nodelay(fd) } else { Ok(false) }),
        (bits::CORK, if is_stream { sockopt::tcp_cork(fd) } else { Ok(false) }),
        (bits::V6_ONLY, if v6 { sockopt::ipv6_v6only(fd) } else { Ok(false) }),
        (bits::LINGER, Ok(linger.is_some())),
    ];
    attr.socket_options =
        on.iter().filter(|(_, state)| *state == Ok(true)).fold(0, |all, (bit, _)| all | bit);
    attr.linger_s = linger.map_or(0, |time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX));
    attr.send_buffer = bytes(sockopt::socket_send_buffer_size(fd));
    attr.receive_buffer = bytes(sockopt::socket_recv_buffer_size(fd));
    attr.ttl = if v6 {
        sockopt::ipv6_unicast_hops(fd).map_or(0, u32::from)
    } else {
        sockopt::ip_ttl(fd).unwrap_or(0)
    };
    attr.available = rustix::io::ioctl_fionread(fd).unwrap_or(0);
    attr.valid |= valid::SOCKET
        | valid::SOCKET_OPTIONS
        | valid::LINGER
        | valid::SEND_BUFFER
        | valid::RECEIVE_BUFFER
        | valid::TTL
        | valid::COUNTS;
    Ok(())
}

fn bytes(size: Result<usize, Errno>) -> u32 {
    size.map_or(0, |size| u32::try_from(size).unwrap_or(u32::MAX))
}

/// Sets what `mask` selects.
pub(super) fn set(fd: &OwnedFd, attr: &Attr, mask: u32) -> Result<(), PalError> {
    if mask & !SETTABLE != 0 {
        return Err(PalError::NotSupported);
    }
    if mask & valid::SOCKET_OPTIONS != 0 {
        if attr.socket_mask & !SWITCHES != 0 {
            return Err(PalError::Invalid);
        }
        switch(fd, attr)?;
    }
    if mask & valid::SEND_BUFFER != 0 {
        sockopt::set_socket_send_buffer_size(fd, attr.send_buffer as usize).map_err(set_error)?;
    }
    if mask & valid::RECEIVE_BUFFER != 0 {
        sockopt::set_socket_recv_buffer_size(fd, attr.receive_buffer as usize).map_err(set_error)?;
    }
    if mask & valid::LINGER != 0 {
        let time = Duration::from_secs(attr.linger_s.into());
        sockopt::set_socket_linger(fd, Some(time)).map_err(set_error)?;
    }
    if mask & valid::TTL != 0 {
        if is_v6(fd) {
            let hops = u8::try_from(attr.ttl).map_err(|_| PalError::Invalid)?;
            sockopt::set_ipv6_unicast_hops(fd, Some(hops)).map_err(set_error)?;
        } else {
            sockopt::set_ip_ttl(fd, attr.ttl).map_err(set_error)?;
        }
    }
    Ok(())
}

/// Switches the options that `socket_mask` selects.
fn switch(fd: &OwnedFd, attr: &Attr) -> Result<(), PalError> {
    for bit in (0..u32::BITS).map(|n| 1 << n).filter(|bit| attr.socket_mask & bit != 0) {
        let on = attr.socket_options & bit != 0;
        let result = match bit {
            bits::REUSE_ADDRESS => sockopt::set_socket_reuseaddr(fd, on),
            bits::REUSE_PORT => sockopt::set_socket_reuseport(fd, on),
            bits::KEEP_ALIVE => sockopt::set_socket_keepalive(fd, on),
            bits::NO_DELAY => sockopt::set_tcp_nodelay(fd, on),
            bits::CORK => sockopt::set_tcp_cork(fd, on),
            bits::BROADCAST => sockopt::set_socket_broadcast(fd, on),
            bits::V6_ONLY => sockopt::set_ipv6_v6only(fd, on),
            bits::OOB_INLINE => sockopt::set_socket_oobinline(fd, on),
            _ => {
                let time = on.then(|| Duration::from_secs(attr.linger_s.into()));
                sockopt::set_socket_linger(fd, time)
            }
        };
        result.map_err(set_error)?;
    }
    Ok(())
}

/// The ABI's error for an option that cannot be set.
fn set_error(errno: Errno) -> PalError {
    match errno {
        Errno::INVAL | Errno::DOM | Errno::ISCONN => PalError::Invalid,
        Errno::PERM | Errno::ACCESS => PalError::NotPermitted,
        Errno::NOMEM | Errno::NOBUFS => PalError::NoMemory,
        _ => PalError::NotSupported,
    }
}
