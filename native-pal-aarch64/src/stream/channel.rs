//! Two-way byte streams between picoprocesses, over which handles travel too.
//!
//! Bytes and handles have a socket each, so a read never swallows a handle and a handle is received whole.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use pal_abi::flags::{delete, event, node};
use pal_abi::{Attr, PalError, flags};
use rustix::net::Shutdown;

use super::{Ops, Stream, Transfer, io};
use crate::family;
use crate::handle::{Export, WaitSource};
use crate::user::Buffer;

/// One end.
#[derive(Debug)]
pub(crate) struct Channel {
    data: OwnedFd,
    handles: OwnedFd,
    /// The other end of an unnamed `pipe:` pair, until `StreamWaitForClient` takes it.
    other: Mutex<Option<Arc<Stream>>>,
}

impl Channel {
    /// An end made of an AF_UNIX stream socket and an AF_UNIX message socket.
    ///
    /// # Errors
    /// `NoMemory` where the host cannot make them non-blocking.
    pub(crate) fn new(data: OwnedFd, handles: OwnedFd) -> Result<Self, PalError> {
        for fd in [&data, &handles] {
            rustix::io::ioctl_fionbio(fd, true).map_err(|_| PalError::NoMemory)?;
        }
        Ok(Self { data, handles, other: Mutex::new(None) })
    }

    /// This end, with the other one to be taken from it.
    pub(crate) fn with_other(mut self, other: Arc<Stream>) -> Self {
        self.other = Mutex::new(Some(other));
        self
    }

    /// The stream of this end.
    pub(crate) fn into_stream(self) -> Arc<Stream> {
        Stream::new(self, flags::stream::READ | flags::stream::WRITE)
    }
}

/// Both ends of a channel.
///
/// # Errors
/// `TooMany`.
pub(crate) fn pair() -> Result<(Channel, Channel), PalError> {
    let (one, other) = family::stream_pair()?;
    let (one_handles, other_handles) = family::message_pair()?;
    Ok((Channel::new(one, one_handles)?, Channel::new(other, other_handles)?))
}

/// The channel whose descriptors these are.
pub(crate) fn import(fds: Vec<OwnedFd>) -> Result<Arc<Stream>, PalError> {
    let mut fds = fds.into_iter();
    match (fds.next(), fds.next()) {
        (Some(data), Some(handles)) => Ok(Channel { data, handles, other: Mutex::new(None) }.into_stream()),
        _ => Err(PalError::Broken),
    }
}

impl Ops for Channel {
    fn kind(&self) -> u32 {
        node::SOCKET
    }

    fn read(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::read_waiting(self.data.as_fd(), buf, nonblocking)
    }

    fn write(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::write_waiting(self.data.as_fd(), buf, nonblocking)
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        let events = match which {
            event::READABLE => libc::POLLIN,
            event::WRITABLE => libc::POLLOUT,
            event::ERROR => libc::POLLERR,
            event::CLOSED => libc::POLLHUP,
            event::READ_CLOSED => libc::POLLRDHUP,
            _ => return WaitSource::None,
        };
        WaitSource::Poll(self.data.as_fd(), events)
    }

    fn accept(&self, _options: u32, _nonblocking: bool) -> Result<Option<Arc<Stream>>, PalError> {
        let other = self.other.lock().unwrap_or_else(PoisonError::into_inner).take();
        other.map(Some).ok_or(PalError::WrongType)
    }

    fn delete(&self, mode: u32) -> Result<(), PalError> {
        let how = match mode {
            delete::ALL => Shutdown::Both,
            delete::READ => Shutdown::Read,
            delete::WRITE => Shutdown::Write,
            _ => return Err(PalError::Invalid),
        };
        rustix::net::shutdown(&self.data, how).map_err(|_| PalError::NotConnected)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(b"pipe:".to_vec())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        attr.available = rustix::io::ioctl_fionread(&self.data).map_err(|_| PalError::Io)?;
        attr.valid |= flags::attr::COUNTS;
        Ok(())
    }

    fn channel(&self) -> Result<BorrowedFd<'_>, PalError> {
        Ok(self.handles.as_fd())
    }

    fn export(&self) -> Result<Export, PalError> {
        let copy = |fd: &OwnedFd| fd.try_clone().map_err(|_| PalError::TooMany);
        Ok(Export {
            tag: crate::export::CHANNEL,
            data: Vec::new(),
            fds: vec![copy(&self.data)?, copy(&self.handles)?],
        })
    }
}
