//! `tcp:` and `tcp.srv:`.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{NEVER, access, delete as deleting, event, node, open};
use pal_abi::{Attr, PalError, Status};
use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, SocketType, sockopt};

use super::super::node::stream_flags;
use super::super::{Ops, Stream, Transfer, io, polled};
use super::{address, new, open_error, options as socket_options};
use crate::handle::{Export, WaitSource};
use crate::sys::errno::pal_error;
use crate::user::Buffer;
use crate::wait;

/// Connections that may wait to be accepted; Linux's own bound is lower where it is set so.
const BACKLOG: i32 = 4096;

/// One end of a connection.
#[derive(Debug)]
struct Tcp(OwnedFd);

/// A listener.
#[derive(Debug)]
struct TcpServer(OwnedFd);

pub(super) fn stream(fd: OwnedFd, flags: u32) -> Arc<Stream> {
    Stream::new(Tcp(fd), flags)
}

pub(super) fn server(fd: OwnedFd, flags: u32) -> Arc<Stream> {
    Stream::new(TcpServer(fd), flags)
}

/// Connects.
pub(super) fn connect(
    remote: SocketAddr,
    local: Option<SocketAddr>,
    wanted: u32,
    options: u32,
) -> Result<(Arc<Stream>, Status), PalError> {
    if wanted & !(access::READ | access::WRITE) != 0 || wanted == 0 {
        return Err(PalError::Invalid);
    }
    let fd = new(remote, SocketType::STREAM, options)?;
    if let Some(local) = local {
        rustix::net::bind(&fd, &local).map_err(open_error)?;
    }
    let flags = stream_flags(access::READ | access::WRITE, options);
    match rustix::net::connect(&fd, &remote) {
        Ok(()) => {}
        Err(Errno::INPROGRESS) if options & open::NONBLOCK != 0 => {
            return Ok((stream(fd, flags), Status::Pending));
        }
        Err(Errno::INPROGRESS) => {
            wait::ready(fd.as_fd(), libc::POLLOUT, NEVER)?;
            sockopt::socket_error(&fd).map_err(open_error)?.map_err(open_error)?;
        }
        Err(errno) => return Err(open_error(errno)),
    }
    Ok((stream(fd, flags), Status::Ok))
}

/// Listens.
pub(super) fn listen(local: SocketAddr, options: u32) -> Result<Arc<Stream>, PalError> {
    let fd = new(local, SocketType::STREAM, options)?;
    rustix::net::bind(&fd, &local).map_err(open_error)?;
    rustix::net::listen(&fd, BACKLOG).map_err(open_error)?;
    Ok(server(fd, stream_flags(0, options)))
}

/// The address of a socket's own end.
pub(super) fn local_name(fd: &OwnedFd) -> Result<SocketAddr, PalError> {
    let name = rustix::net::getsockname(fd).map_err(pal_error)?;
    address::from_host(name).ok_or(PalError::NotSupported)
}

/// The address of a socket's peer.
pub(super) fn peer_name(fd: &OwnedFd) -> Result<SocketAddr, PalError> {
    match rustix::net::getpeername(fd) {
        Ok(Some(name)) => address::from_host(name).ok_or(PalError::NotSupported),
        Ok(None) | Err(Errno::NOTCONN) => Err(PalError::NotConnected),
        Err(errno) => Err(pal_error(errno)),
    }
}

/// Shuts sides of a socket.
pub(super) fn shut(fd: &OwnedFd, mode: u32) -> Result<(), PalError> {
    let how = match mode {
        deleting::ALL => Shutdown::Both,
        deleting::READ => Shutdown::Read,
        deleting::WRITE => Shutdown::Write,
        _ => return Err(PalError::Invalid),
    };
    match rustix::net::shutdown(fd, how) {
        Ok(()) => Ok(()),
        Err(Errno::NOTCONN) => Err(PalError::NotConnected),
        Err(_) => Err(PalError::NotSupported),
    }
}

fn copy(fd: &OwnedFd, tag: u32) -> Result<Export, PalError> {
    let fd = fd.try_clone().map_err(|_| PalError::TooMany)?;
    Ok(Export { tag, data: Vec::new(), fds: vec![fd] })
}

impl Ops for Tcp {
    fn kind(&self) -> u32 {
        node::SOCKET
    }

    fn read(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::read_waiting(self.0.as_fd(), buf, nonblocking)
    }

    fn write(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::write_waiting(self.0.as_fd(), buf, nonblocking)
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        if which == event::CLIENT { WaitSource::None } else { polled(self.0.as_fd(), which) }
    }

    fn delete(&self, mode: u32) -> Result<(), PalError> {
        shut(&self.0, mode)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        let (remote, local) = (peer_name(&self.0)?, local_name(&self.0)?);
        Ok(format!("tcp:{remote}?local={local}").into_bytes())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        socket_options::query(&self.0, attr)
    }

    fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        socket_options::set(&self.0, attr, mask)
    }

    fn export(&self) -> Result<Export, PalError> {
        copy(&self.0, crate::export::TCP)
    }
}

impl Ops for TcpServer {
    fn kind(&self) -> u32 {
        node::SOCKET
    }

    fn accept(&self, options: u32, nonblocking: bool) -> Result<Option<Arc<Stream>>, PalError> {
        loop {
            match rustix::net::accept_with(&self.0, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => {
                    let flags = stream_flags(access::READ | access::WRITE, options & open::NONBLOCK);
                    return Ok(Some(stream(fd, flags)));
                }
                Err(Errno::AGAIN) if nonblocking => return Ok(None),
                Err(Errno::AGAIN) => {
                    wait::ready(self.0.as_fd(), libc::POLLIN, NEVER)?;
                }
                // That client has gone again, or never got through: the next one.
                Err(
                    Errno::INTR | Errno::CONNABORTED | Errno::PROTO | Errno::NETDOWN | Errno::HOSTUNREACH,
                ) => {}
                Err(Errno::MFILE | Errno::NFILE) => return Err(PalError::TooMany),
                Err(Errno::NOMEM | Errno::NOBUFS) => return Err(PalError::NoMemory),
                Err(_) => return Err(PalError::Broken),
            }
        }
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        match which {
            event::CLIENT | event::READABLE => WaitSource::Poll(self.0.as_fd(), libc::POLLIN),
            event::ERROR | event::CLOSED => polled(self.0.as_fd(), which),
            _ => WaitSource::None,
        }
    }

    fn delete(&self, mode: u32) -> Result<(), PalError> {
        shut(&self.0, mode)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(format!("tcp.srv:{}", local_name(&self.0)?).into_bytes())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        socket_options::query(&self.0, attr)
    }

    fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        socket_options::set(&self.0, attr, mask)
    }

    fn export(&self) -> Result<Export, PalError> {
        copy(&self.0, crate::export::TCP_SERVER)
    }
}
