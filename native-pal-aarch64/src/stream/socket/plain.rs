//! A socket of the group `Sockets`, as a stream.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{NEVER, access, attr as valid, event, family, node, open};
use pal_abi::{Attr, PalError};
use rustix::io::Errno;
use rustix::net::SocketFlags;

use super::super::node::stream_flags;
use super::super::{Ops, Stream, Transfer, io, polled};
use super::{options, tcp};
use crate::handle::{Export, WaitSource};
use crate::sockets;
use crate::user::Buffer;
use crate::wait;

/// A socket, in whatever state it is.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    /// Of `flags::family`.
    pub(crate) family: u32,
    /// Of `flags::socket_kind`.
    pub(crate) kind: u32,
}

impl Socket {
    /// A socket, which is non-blocking on the host.
    pub(crate) fn new(fd: OwnedFd, family: u32, kind: u32) -> Self {
        Self { fd, family, kind }
    }

    /// Its descriptor.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The stream; `options` of `flags::open`.
    pub(crate) fn into_stream(self, options: u32) -> Arc<Stream> {
        Stream::new(self, stream_flags(access::READ | access::WRITE, options & open::NONBLOCK))
    }
}

/// A socket that was passed on.
///
/// # Errors
/// `Invalid` where the descriptor is no socket.
pub(crate) fn import(fd: OwnedFd, flags: u32) -> Result<Arc<Stream>, PalError> {
    Ok(Stream::new(sockets::from_fd(fd).map_err(|_| PalError::Invalid)?, flags))
}

impl Ops for Socket {
    fn kind(&self) -> u32 {
        node::SOCKET
    }

    fn read(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::read_waiting(self.fd(), buf, nonblocking)
    }

    fn write(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::write_waiting(self.fd(), buf, nonblocking)
    }

    fn accept(&self, options: u32, nonblocking: bool) -> Result<Option<Arc<Stream>>, PalError> {
        loop {
            match rustix::net::accept_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) if self.family == family::UNIX && !sockets::is_ours(fd.as_fd()) => {} // a stranger
                Ok(fd) => return Ok(Some(Self::new(fd, self.family, self.kind).into_stream(options))),
                Err(Errno::AGAIN) if nonblocking => return Ok(None),
                Err(Errno::AGAIN) => wait::ready(self.fd(), libc::POLLIN, NEVER).map(drop)?,
                // That client has gone again, or never got through: the next one.
                Err(
                    Errno::INTR | Errno::CONNABORTED | Errno::PROTO | Errno::NETDOWN | Errno::HOSTUNREACH,
                ) => {}
                Err(Errno::MFILE | Errno::NFILE) => return Err(PalError::TooMany),
                Err(Errno::NOMEM | Errno::NOBUFS) => return Err(PalError::NoMemory),
                Err(Errno::OPNOTSUPP) => return Err(PalError::WrongType),
                Err(Errno::INVAL) => return Err(PalError::Invalid), // it does not listen
                Err(_) => return Err(PalError::Broken),
            }
        }
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        if which == event::CLIENT {
            WaitSource::Poll(self.fd(), libc::POLLIN)
        } else {
            polled(self.fd(), which)
        }
    }

    fn delete(&self, mode: u32) -> Result<(), PalError> {
        tcp::shut(&self.fd, mode)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(b"socket:".to_vec())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        attr.available = rustix::io::ioctl_fionread(&self.fd).unwrap_or(0);
        attr.socket_family = match self.family {
            family::INET => 4,
            family::INET6 => 6,
            _ => 0,
        };
        attr.socket_type = self.kind;
        attr.valid |= valid::COUNTS;
        if let Ok(stat) = rustix::fs::fstat(&self.fd) {
            attr.inode = stat.st_ino;
            attr.mode = 0o777;
            attr.block_size = 4096;
            attr.valid |= valid::MODE;
        }
        Ok(())
    }

    fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        options::set(&self.fd, attr, mask & !valid::FLAGS)
    }

    fn socket(&self) -> Result<&Socket, PalError> {
        Ok(self)
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: crate::export::SOCKET, data: Vec::new(), fds: vec![fd] })
    }
}
