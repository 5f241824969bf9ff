//! The Sockets group: sockets as Linux has them, with the host's doing all the work.
//!
//! Every socket is non-blocking on the host, and waited for here. The network is there where the command allows it; UNIX
//! sockets are the family's own (`address`).

mod address;
mod control;
mod message;
mod options;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use pal_abi::arg::{InBytes, Out, OutBytes};
use pal_abi::flags::{family, socket_kind, socket_name};
use pal_abi::{Handle, PalError, PalResult, Status};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, sockopt};

use crate::handle::table;
use crate::stream::Stream;
use crate::stream::socket::plain::Socket;
use crate::sys::errno::pal_error;
use crate::sys::socket as host;
use crate::{user, wait};

pub(crate) use message::{receive, send};
pub(crate) use options::{get_option, set_option};

/// The ABI's error for a socket's.
fn error(errno: Errno) -> PalError {
    match errno {
        Errno::ADDRNOTAVAIL => PalError::AddressUnavailable,
        Errno::NETUNREACH | Errno::NETDOWN => PalError::NetUnreachable,
        Errno::ISCONN => PalError::Connected,
        Errno::AFNOSUPPORT => PalError::NoFamily,
        Errno::PROTONOSUPPORT | Errno::SOCKTNOSUPPORT | Errno::PROTOTYPE => PalError::NoProtocol,
        Errno::NOPROTOOPT => PalError::NoOption,
        Errno::DESTADDRREQ => PalError::NoDestination,
        Errno::TOOMANYREFS => PalError::TooMany,
        other => pal_error(other),
    }
}

fn stream(handle: Handle) -> Result<Arc<Stream>, PalError> {
    table().get::<Stream>(handle)
}

fn socket(of: &Stream) -> Result<&Socket, PalError> {
    of.ops.socket()
}

fn host_kind(of: u32, kind: u32) -> Result<SocketType, PalError> {
    match kind {
        socket_kind::STREAM => Ok(SocketType::STREAM),
        socket_kind::DATAGRAM => Ok(SocketType::DGRAM),
        socket_kind::SEQUENCED => Ok(SocketType::SEQPACKET),
        // Linux takes a raw UNIX socket for one of datagrams.
        3 if of == family::UNIX => Ok(SocketType::DGRAM),
        10 if of == family::UNIX => Err(PalError::NoProtocol),
        // Raw ones are for the privileged, whom a guest never is.
        3 | 10 => Err(PalError::NotPermitted),
        0..=10 => Err(PalError::NoProtocol),
        _ => Err(PalError::Invalid),
    }
}

const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// `SocketOpen`.
pub(crate) fn open(of: u32, kind: u32, protocol: u32, to: Out<'_, Handle>) -> PalResult {
    let domain = match of {
        family::UNIX => AddressFamily::UNIX,
        family::INET => AddressFamily::INET,
        family::INET6 => AddressFamily::INET6,
        _ => return Err(PalError::NoFamily),
    };
    let host_kind = host_kind(of, kind)?;
    if of != family::UNIX && !crate::boot::config().network {
        return Err(PalError::Denied);
    }
    let place = user::place(to)?;
    let protocol = core::num::NonZeroU32::new(protocol).map(Protocol::from_raw);
    let fd = rustix::net::socket_with(domain, host_kind, FLAGS, protocol).map_err(|errno| match errno {
        Errno::INVAL => PalError::NoProtocol,
        other => error(other),
    })?;
    place.give(Socket::new(fd, of, host_kind.as_raw()).into_stream(0))?;
    Ok(Status::Ok)
}

/// `SocketPair`.
pub(crate) fn pair(kind: u32, one: Out<'_, Handle>, other: Out<'_, Handle>) -> PalResult {
    let host_kind = host_kind(family::UNIX, kind)?;
    let (one, other) = (user::place(one)?, user::place(other)?);
    let (near, far) = rustix::net::socketpair(AddressFamily::UNIX, host_kind, FLAGS, None).map_err(error)?;
    one.give(Socket::new(near, family::UNIX, host_kind.as_raw()).into_stream(0))?;
    other.give(Socket::new(far, family::UNIX, host_kind.as_raw()).into_stream(0))?;
    Ok(Status::Ok)
}

fn address_of(socket: &Socket, address: InBytes<'_>, len: usize) -> Result<host::Name, PalError> {
    if len > host::NAME_MAX {
        return Err(PalError::Invalid);
    }
    address::to_host(socket.family, &user::bytes(address, len, host::NAME_MAX)?)
}

/// `SocketBind`.
pub(crate) fn bind(handle: Handle, address: InBytes<'_>, len: usize) -> PalResult {
    let stream = stream(handle)?;
    let socket = socket(&stream)?;
    let name = address_of(socket, address, len)?;
    let must_tell = socket.family == family::UNIX
        && socket.kind == socket_kind::DATAGRAM
        && !sockopt::socket_passcred(socket.fd()).map_err(error)?;
    if must_tell {
        // Who sends to it must show who it is: see `message`.
        sockopt::set_socket_passcred(socket.fd(), true).map_err(error)?;
    }
    host::bind(socket.fd(), &name).map_err(|errno| {
        if must_tell {
            // With it, one without a name would get one of the host's choice when it sends.
            let _ = sockopt::set_socket_passcred(socket.fd(), false);
        }
        error(errno)
    })?;
    Ok(Status::Ok)
}

/// `SocketListen`.
pub(crate) fn listen(handle: Handle, backlog: u32) -> PalResult {
    let stream = stream(handle)?;
    let socket = socket(&stream)?;
    rustix::net::listen(socket.fd(), backlog.cast_signed()).map_err(|errno| match errno {
        // A UNIX socket without a name.
        Errno::INVAL if socket.family == family::UNIX => PalError::NoDestination,
        other => error(other),
    })?;
    Ok(Status::Ok)
}

/// Whether the peer of a UNIX socket is the same user as this process.
pub(crate) fn is_ours(fd: BorrowedFd<'_>) -> bool {
    let own = rustix::process::geteuid().as_raw();
    host::peer(fd).is_ok_and(|peer| peer.is_some_and(|peer| peer.uid == own))
}

/// Time between two looks at a full queue of a UNIX server, which nothing tells the end of.
const LOOK_AGAIN_NS: u64 = 1_000_000;

/// `SocketConnect`.
pub(crate) fn connect(handle: Handle, address: InBytes<'_>, len: usize, deadline: u64) -> PalResult {
    let stream = stream(handle)?;
    let socket = socket(&stream)?;
    let name = address_of(socket, address, len)?;
    loop {
        match host::connect(socket.fd(), &name) {
            Ok(()) if socket.family == family::UNIX && socket.kind != socket_kind::DATAGRAM => {
                return if is_ours(socket.fd()) { Ok(Status::Ok) } else { Err(PalError::Refused) };
            }
            Ok(()) => return Ok(Status::Ok),
            Err(Errno::INPROGRESS) if stream.nonblocking() => return Ok(Status::Pending),
            Err(Errno::ALREADY) if stream.nonblocking() => return Err(PalError::Busy),
            Err(Errno::INPROGRESS | Errno::ALREADY) => {
                // What came of it, the next `connect` tells.
                if !wait::ready(socket.fd(), libc::POLLOUT, deadline)? {
                    return Ok(Status::Pending);
                }
            }
            Err(Errno::AGAIN) if socket.family == family::UNIX && !stream.nonblocking() => {
                if wait::now() >= deadline {
                    return Err(PalError::WouldBlock);
                }
                wait::poll(&mut [], deadline.min(wait::now() + LOOK_AGAIN_NS))?;
            }
            Err(errno) => return Err(error(errno)),
        }
    }
}

/// `SocketGetName`.
pub(crate) fn get_name(
    handle: Handle,
    which: u32,
    address: OutBytes<'_>,
    cap: usize,
    len: Out<'_, u32>,
) -> PalResult {
    let stream = stream(handle)?;
    let socket = socket(&stream)?;
    if which > socket_name::PEER {
        return Err(PalError::Invalid);
    }
    let name = host::name(socket.fd(), which == socket_name::PEER).map_err(error)?;
    user::give(&address::from_host(&name), address, cap, len)?;
    Ok(Status::Ok)
}

/// A socket that was accepted or passed on.
pub(crate) fn from_fd(fd: OwnedFd) -> Result<Socket, PalError> {
    let of = sockopt::socket_domain(fd.as_fd()).map_err(error)?;
    let kind = sockopt::socket_type(fd.as_fd()).map_err(error)?;
    Ok(Socket::new(fd, u32::from(of.as_raw()), kind.as_raw()))
}
