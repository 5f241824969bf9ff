//! `watch:` — what happens to nodes, each stream an inotify instance of the host. `Watch` puts a node under watch and
//! gives its number; the number written to the stream ends that. Reads give whole `WatchRecord`s, which are the host's
//! own, in the order in which things happened.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{event, node, open as options_of, stream as bits};
use pal_abi::{Attr, PalError};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

use super::{Ops, Stream, Transfer, io};
use crate::handle::{Export, WaitSource};
use crate::policy::file_error;
use crate::sys::copy;
use crate::user::Buffer;

/// An instance.
#[derive(Debug)]
pub(crate) struct Watches {
    fd: OwnedFd,
}

/// Opens `watch:`.
///
/// # Errors
/// `TooMany`; `Invalid` where something follows the colon.
pub(crate) fn open(rest: &[u8], options: u32) -> Result<Arc<Stream>, PalError> {
    if !rest.is_empty() {
        return Err(PalError::Invalid);
    }
    let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(file_error)?;
    let nonblock = if options & options_of::NONBLOCK == 0 { 0 } else { bits::NONBLOCK };
    Ok(Stream::new(Watches { fd }, bits::READ | bits::WRITE | nonblock))
}

/// An instance that was passed on.
pub(crate) fn import(fd: OwnedFd, flags: u32) -> Arc<Stream> {
    Stream::new(Watches { fd }, flags)
}

/// Puts a node under watch in an instance; the number of the watch.
///
/// # Errors
/// `TooMany`, `Denied`, `Exists`, `NotDir`, `Invalid`.
pub(crate) fn add(instance: BorrowedFd<'_>, node: BorrowedFd<'_>, mask: u32) -> Result<u32, PalError> {
    let flags = WatchFlags::from_bits_retain(mask);
    match inotify::add_watch(instance, super::node::magic_path(node), flags) {
        Ok(number) => Ok(number.cast_unsigned()),
        Err(Errno::NOSPC) => Err(PalError::TooMany), // the user's watches are used up
        Err(errno) => Err(file_error(errno)),
    }
}

impl Ops for Watches {
    fn kind(&self) -> u32 {
        node::WATCH
    }

    fn read(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::read_waiting(self.fd.as_fd(), buf, nonblocking)
    }

    fn write(&self, _: u64, buf: Buffer, _: bool) -> Result<Transfer, PalError> {
        if buf.len != size_of::<u32>() {
            return Err(PalError::Invalid);
        }
        let mut number = [0; 4];
        copy::read_bytes(buf.addr, &mut number)?;
        let number = i32::from_ne_bytes(number);
        inotify::remove_watch(&self.fd, number).map_err(file_error)?;
        Ok(Transfer::of(buf.len))
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        match which {
            event::WRITABLE => WaitSource::None,
            which => super::polled(self.fd.as_fd(), which),
        }
    }

    fn watches(&self) -> Result<BorrowedFd<'_>, PalError> {
        Ok(self.fd.as_fd())
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(b"watch:".to_vec())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        super::unnamed_attributes(self.fd.as_fd(), node::WATCH, attr)?;
        attr.available = rustix::io::ioctl_fionread(&self.fd).map_err(file_error)?;
        attr.valid |= pal_abi::flags::attr::COUNTS;
        Ok(())
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: crate::export::WATCH, data: Vec::new(), fds: vec![fd] })
    }
}
