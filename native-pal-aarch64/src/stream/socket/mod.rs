//! `tcp:`, `tcp.srv:`, `udp:`, `udp.srv:` — the network, where the command allows it.
//!
//! ```text
//! tcp:REMOTE[?local=LOCAL]      a connection, made from LOCAL
//! tcp.srv:LOCAL                 a listener; port 0 is any, which GetName tells
//! udp:[REMOTE][?local=LOCAL]    datagrams, with REMOTE as the default peer and the only one heard
//! udp.srv:LOCAL                 datagrams from anybody
//! ```
//! Addresses are numbers: `127.0.0.1:80`, `[::1]:80`, `[fe80::1%2]:80`. Names are the library OS's business.

mod address;
mod options;
pub(crate) mod plain;
mod tcp;
mod udp;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use pal_abi::flags::open;
use pal_abi::{PalError, Status};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::Stream;
use crate::sys::errno::pal_error;

/// Opens one of the schemes; `Pending` where a connection is still being made.
///
/// # Errors
/// Those of `StreamOpen`.
pub(crate) fn open(
    scheme: &[u8],
    rest: &[u8],
    access: u32,
    options: u32,
) -> Result<(Arc<Stream>, Status), PalError> {
    if !crate::boot::config().network {
        return Err(PalError::Denied);
    }
    let known = open::NONBLOCK | open::REUSE_ADDRESS | open::REUSE_PORT | open::V6_ONLY;
    if options & !known != 0 {
        return Err(PalError::Invalid);
    }
    let ends = address::Ends::parse(rest)?;
    match (scheme, ends.remote, ends.local) {
        (b"tcp", Some(remote), local) => tcp::connect(remote, local, access, options),
        (b"tcp.srv", Some(local), None) => Ok((tcp::listen(local, options)?, Status::Ok)),
        (b"udp", remote, local) if remote.is_some() || local.is_some() => {
            Ok((udp::open(remote, local, access, options)?, Status::Ok))
        }
        (b"udp.srv", Some(local), None) => Ok((udp::open(None, Some(local), access, options)?, Status::Ok)),
        _ => Err(PalError::Invalid),
    }
}

/// The socket of an export.
///
/// # Errors
/// `NotSupported` for a tag that is none of these.
pub(crate) fn import(tag: u32, fd: OwnedFd, flags: u32) -> Result<Arc<Stream>, PalError> {
    match tag {
        crate::export::TCP => Ok(tcp::stream(fd, flags)),
        crate::export::TCP_SERVER => Ok(tcp::server(fd, flags)),
        crate::export::UDP => Ok(udp::stream(fd, flags)),
        crate::export::SOCKET => plain::import(fd, flags),
        _ => Err(PalError::NotSupported),
    }
}

/// A socket for `of`, with the options that must be set before it has an address.
fn new(of: SocketAddr, kind: SocketType, options: u32) -> Result<OwnedFd, PalError> {
    let family = if of.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = rustix::net::socket_with(family, kind, flags, None).map_err(open_error)?;
    if options & open::REUSE_ADDRESS != 0 {
        sockopt::set_socket_reuseaddr(&fd, true).map_err(open_error)?;
    }
    if options & open::REUSE_PORT != 0 {
        sockopt::set_socket_reuseport(&fd, true).map_err(open_error)?;
    }
    if of.is_ipv6() {
        sockopt::set_ipv6_v6only(&fd, options & open::V6_ONLY != 0).map_err(open_error)?;
    }
    Ok(fd)
}

/// The ABI's error for a socket that cannot be opened.
fn open_error(errno: rustix::io::Errno) -> PalError {
    match errno {
        // An address that is not this host's is no way to anybody.
        rustix::io::Errno::ADDRNOTAVAIL => PalError::Unreachable,
        other => pal_error(other),
    }
}
