//! `pipe:` and `pipe.srv:` — byte streams inside a family.
//!
//! `pipe:` alone makes an unnamed pair: what `StreamOpen` gives is one end, the other is taken, once, with
//! `StreamWaitForClient`. Opened to read only, they are the reading and the writing end of a pipe; opened to read and
//! write, the two ends of a connection, which also carries handles. `pipe.srv:NAME` listens and `pipe:NAME` connects;
//! the names are the family's own (abstract addresses under the instance's random number, peers checked by user).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use pal_abi::flags::{NEVER, access, attr as valid, delete as deleting, event, node, stream as bits};
use pal_abi::{Attr, PalError};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, shutdown,
    socket_with, sockopt,
};
use rustix::pipe::{PipeFlags, pipe_with};

use super::node::{NodeBase, stream_flags};
use super::{Node, Ops, Stream, Transfer, io};
use crate::handle::{Export, WaitSource};
use crate::sys::errno::pal_error;
use crate::user::Buffer;
use crate::wait;

/// Bytes of a pipe's name: what an address has room for beside the instance.
const NAME_MAX: usize = 64;

/// One end.
#[derive(Debug)]
pub(crate) struct Pipe {
    fd: OwnedFd,
    /// The other end of an unnamed pair, until it is taken.
    other: Mutex<Option<Arc<Stream>>>,
    socket: bool,
    name: Vec<u8>,
}

/// Opens `pipe:`.
///
/// # Errors
/// Those of `StreamOpen`.
pub(crate) fn open(name: &[u8], wanted: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    let both = access::READ | access::WRITE;
    let wanted = wanted & both;
    if wanted == 0 {
        return Err(PalError::Invalid);
    }
    if !name.is_empty() {
        return connect(name, options);
    }
    let flags = stream_flags(wanted, options);
    if wanted == access::READ {
        let (reading, writing) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(pal_error)?;
        let writing = end(writing, false, None, bits::WRITE | flags & bits::NONBLOCK);
        return Ok(end(reading, false, Some(writing), flags));
    }
    if wanted != both {
        return Err(PalError::Invalid);
    }
    let (one, other) = super::channel::pair()?;
    let other = other.into_stream();
    other.set_flags(flags);
    let one = one.with_other(other).into_stream();
    one.set_flags(flags);
    Ok(one)
}

fn end(fd: OwnedFd, socket: bool, other: Option<Arc<Stream>>, flags: u32) -> Arc<Stream> {
    Stream::new(Pipe { fd, other: Mutex::new(other), socket, name: Vec::new() }, flags)
}

/// An end that was passed on.
pub(crate) fn import(fd: OwnedFd, socket: bool, flags: u32) -> Arc<Stream> {
    end(fd, socket, None, flags)
}

fn address(name: &[u8]) -> Result<SocketAddrUnix, PalError> {
    if name.len() > NAME_MAX {
        return Err(PalError::NameTooLong);
    }
    let mut full = b"trunnion-".to_vec();
    full.extend(crate::boot::instance_id().iter().flat_map(|b| format!("{b:02x}").into_bytes()));
    full.push(b'-');
    full.extend_from_slice(name);
    SocketAddrUnix::new_abstract_name(&full).map_err(pal_error)
}

/// Whether the peer is the same user as this process.
fn is_ours(fd: BorrowedFd<'_>) -> bool {
    sockopt::socket_peercred(fd).is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

fn connect(name: &[u8], options: u32) -> Result<Arc<Stream>, PalError> {
    let address = address(name)?;
    let fd = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )
    .map_err(pal_error)?;
    loop {
        match rustix::net::connect(&fd, &address) {
            Ok(()) => break,
            Err(Errno::AGAIN) if options & pal_abi::flags::open::NONBLOCK == 0 => {
                // The server's queue is full, and nothing tells when it is not: look again soon.
                wait::poll(&mut [], wait::now() + 1_000_000)?;
            }
            Err(Errno::AGAIN) => return Err(PalError::Busy),
            Err(Errno::CONNREFUSED) => return Err(PalError::NotFound), // nobody has that name
            Err(errno) => return Err(pal_error(errno)),
        }
    }
    if !is_ours(fd.as_fd()) {
        return Err(PalError::Denied);
    }
    let flags = stream_flags(access::READ | access::WRITE, options);
    let pipe = Pipe { fd, other: Mutex::new(None), socket: true, name: name.to_vec() };
    Ok(Stream::new(pipe, flags))
}

impl Ops for Pipe {
    fn kind(&self) -> u32 {
        if self.socket { node::SOCKET } else { node::FIFO }
    }

    fn read(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::read_waiting(self.fd.as_fd(), buf, nonblocking)
    }

    fn write(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::write_waiting(self.fd.as_fd(), buf, nonblocking)
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        if which == event::CONTROL || which == event::CLIENT {
            WaitSource::None
        } else {
            super::polled(self.fd.as_fd(), which)
        }
    }

    fn accept(&self, _: u32, _: bool) -> Result<Option<Arc<Stream>>, PalError> {
        let other = self.other.lock().unwrap_or_else(PoisonError::into_inner).take();
        other.map(Some).ok_or(PalError::WrongType)
    }

    fn delete(&self, mode: u32) -> Result<(), PalError> {
        let how = match mode {
            deleting::ALL => Shutdown::Both,
            deleting::READ => Shutdown::Read,
            deleting::WRITE => Shutdown::Write,
            _ => return Err(PalError::Invalid),
        };
        if !self.socket {
            return Err(PalError::NotSupported);
        }
        shutdown(&self.fd, how).map_err(pal_error)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok([b"pipe:", &self.name[..]].concat())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        if let Ok(available) = rustix::io::ioctl_fionread(&self.fd) {
            attr.available = available;
            attr.valid |= valid::COUNTS;
        }
        if let Ok(stat) = rustix::fs::fstat(&self.fd) {
            attr.inode = stat.st_ino;
            attr.mode = 0o600;
            attr.block_size = 4096;
            attr.valid |= valid::MODE;
        }
        Ok(())
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: crate::export::PIPE, data: vec![u8::from(self.socket)], fds: vec![fd] })
    }
}

/// A listening `pipe.srv:`.
#[derive(Debug)]
pub(crate) struct PipeServer {
    fd: OwnedFd,
    name: Vec<u8>,
}

/// Opens `pipe.srv:`.
///
/// # Errors
/// Those of `StreamOpen`; `Exists` where the name is taken.
pub(crate) fn serve(name: &[u8], wanted: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    if name.is_empty() {
        return Err(PalError::Invalid);
    }
    let address = address(name)?;
    let fd = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )
    .map_err(pal_error)?;
    bind(&fd, &address).map_err(|e| if e == Errno::ADDRINUSE { PalError::Exists } else { pal_error(e) })?;
    listen(&fd, 128).map_err(pal_error)?;
    Ok(serving(fd, name, stream_flags(wanted, options)))
}

/// A listening socket that was passed on, or just made.
pub(crate) fn serving(fd: OwnedFd, name: &[u8], flags: u32) -> Arc<Stream> {
    Stream::new(PipeServer { fd, name: name.to_vec() }, flags)
}

impl Ops for PipeServer {
    fn kind(&self) -> u32 {
        node::SOCKET
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        match which {
            event::CLIENT | event::READABLE => WaitSource::Poll(self.fd.as_fd(), libc::POLLIN),
            event::ERROR => WaitSource::Poll(self.fd.as_fd(), libc::POLLERR),
            _ => WaitSource::None,
        }
    }

    fn accept(&self, options: u32, nonblocking: bool) -> Result<Option<Arc<Stream>>, PalError> {
        loop {
            match accept_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) if is_ours(fd.as_fd()) => {
                    let flags = stream_flags(access::READ | access::WRITE, options);
                    return Ok(Some(end(fd, true, None, flags)));
                }
                Ok(_) | Err(Errno::CONNABORTED) => {} // a stranger, or gone again
                Err(Errno::AGAIN) if nonblocking => return Ok(None),
                Err(Errno::AGAIN) => wait::ready(self.fd.as_fd(), libc::POLLIN, NEVER).map(drop)?,
                Err(errno) => return Err(pal_error(errno)),
            }
        }
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok([b"pipe.srv:", &self.name[..]].concat())
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: crate::export::PIPE_SERVER, data: self.name.clone(), fds: vec![fd] })
    }
}

/// A FIFO found in the file system.
#[derive(Debug)]
pub(crate) struct Fifo {
    base: NodeBase,
}

impl Fifo {
    /// An open FIFO, non-blocking on the host.
    pub(crate) fn new(base: NodeBase) -> Self {
        Self { base }
    }
}

impl Ops for Fifo {
    fn kind(&self) -> u32 {
        node::FIFO
    }

    fn read(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::read_waiting(self.base.fd.as_fd(), buf, nonblocking)
    }

    fn write(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::write_waiting(self.base.fd.as_fd(), buf, nonblocking)
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        super::polled(self.base.fd.as_fd(), which)
    }

    fn delete(&self, mode: u32) -> Result<(), PalError> {
        if mode == deleting::ALL { self.base.delete() } else { Err(PalError::NotSupported) }
    }

    fn rename(&self, uri: &[u8], flags: u32) -> Result<(), PalError> {
        let path = uri.strip_prefix(b"file:").ok_or(PalError::Invalid)?;
        self.base.rename(path, flags)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok([b"file:", &self.base.location().path[..]].concat())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        self.base.attributes(attr)
    }

    fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        self.base.set_attributes(attr, mask)
    }

    fn node(&self) -> Result<Node<'_>, PalError> {
        Ok(Node { fd: self.base.fd.as_fd(), base: &self.base })
    }

    fn export(&self) -> Result<Export, PalError> {
        crate::export::node(&self.base, false)
    }
}
