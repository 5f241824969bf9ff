//! `file:` — regular files, FIFOs and nodes opened by path only.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use pal_abi::flags::{APPEND_OFFSET, access, delete as deleting, map, node, open, prot, stream as bits};
use pal_abi::{Attr, PalError};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::node::{NodeBase, magic_path};
use super::{Node, Ops, Stream, Transfer, dir, io, node as nodes};
use crate::handle::{Export, WaitSource};
use crate::policy::resolve::Last;
use crate::policy::{Location, Place, file_error, policy};
use crate::sys::mem::Source;
use crate::user::Buffer;

/// A regular file, or a node opened by path only.
#[derive(Debug)]
pub(crate) struct File {
    base: NodeBase,
    /// Another description of the same file with `O_APPEND`, where the host has no appending write.
    append: OnceLock<OwnedFd>,
    writes: bool,
}

/// Opens a guest path as the kind of stream it turns out to be.
///
/// # Errors
/// Those of `StreamOpen`.
pub(crate) fn open(path: &[u8], wanted: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    let keeps = options & (open::NOFOLLOW | open::CREATE_NEW) != 0;
    let last = if keeps { Last::Keep } else { Last::Follow };
    // A link put in the place of the last component between resolution and open is `Loop`: look again.
    for _ in 0..8 {
        match policy().resolve(path, last)? {
            Place::Virtual(path) => return dir::open_virtual(path, wanted, options),
            Place::Host(location) => match open_at(location, wanted, options) {
                Err(PalError::Loop) if !keeps => {}
                other => return other,
            },
        }
    }
    Err(PalError::Loop)
}

/// Opens what is at a location.
///
/// # Errors
/// Those of `StreamOpen`.
pub(crate) fn open_at(location: Location, wanted: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    let base = NodeBase::open(location, wanted, options)?;
    Ok(stream_of(base, wanted, options))
}

/// Opens what is at `location`, and remembers `found` as where it was found.
///
/// # Errors
/// Those of `OpenAt`.
pub(crate) fn open_found(
    location: Location,
    wanted: u32,
    options: u32,
    found: Location,
) -> Result<Arc<Stream>, PalError> {
    let base = NodeBase::open(location, wanted, options)?.found_at(found);
    Ok(stream_of(base, wanted, options))
}

/// Opens the object of a node again.
///
/// # Errors
/// Those of `OpenAt`.
pub(crate) fn reopen(
    base: &NodeBase,
    wanted: u32,
    options: u32,
    found: Location,
) -> Result<Arc<Stream>, PalError> {
    Ok(stream_of(base.reopen(wanted, options, found)?, wanted, options))
}

fn stream_of(base: NodeBase, wanted: u32, options: u32) -> Arc<Stream> {
    let flags = nodes::stream_flags(wanted, options);
    match base.kind {
        node::DIRECTORY => Stream::new(dir::Dir::new(base), flags),
        node::FIFO if !base.path_only => Stream::new(super::pipe::Fifo::new(base), flags),
        _ => {
            let seekable = if base.path_only { 0 } else { bits::SEEKABLE };
            let writes = wanted & access::WRITE != 0 && !base.path_only;
            Stream::new(File { base, append: OnceLock::new(), writes }, flags | seekable)
        }
    }
}

impl File {
    fn usable(&self) -> Result<(), PalError> {
        if self.base.path_only { Err(PalError::Denied) } else { Ok(()) }
    }

    /// Writes at the end, atomically.
    fn append(&self, buf: Buffer) -> Result<usize, Errno> {
        match io::append(self.base.fd.as_fd(), buf) {
            Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {}
            other => return other,
        }
        let fd = match self.append.get() {
            Some(fd) => fd,
            None => {
                let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC;
                let fd =
                    rustix::fs::open(magic_path(self.base.fd.as_fd()), flags, rustix::fs::Mode::empty())?;
                self.append.get_or_init(|| fd)
            }
        };
        io::write(fd.as_fd(), buf)
    }
}

impl Ops for File {
    fn kind(&self) -> u32 {
        self.base.kind
    }

    fn read(&self, offset: u64, buf: Buffer, _nonblocking: bool) -> Result<Transfer, PalError> {
        self.usable()?;
        let done = io::read_at(self.base.fd.as_fd(), buf, offset).map_err(file_error)?;
        Ok(Transfer::read(done, buf.len))
    }

    fn write(&self, offset: u64, buf: Buffer, _nonblocking: bool) -> Result<Transfer, PalError> {
        self.usable()?;
        if !self.writes {
            return Err(PalError::Denied);
        }
        let done = if offset == APPEND_OFFSET {
            self.append(buf)
        } else {
            io::write_at(self.base.fd.as_fd(), buf, offset)
        };
        done.map(Transfer::of).map_err(file_error)
    }

    fn never_blocks(&self) -> bool {
        true
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        super::always_ready(which)
    }

    fn map_source(&self, offset: u64, wanted: u32, flags: u32) -> Result<Source<'_>, PalError> {
        self.usable()?;
        let fd = self.base.fd.as_fd();
        if flags & map::PRIVATE != 0 {
            return Ok(Source::Private(fd, offset));
        }
        if wanted & prot::WRITE != 0 && !self.writes {
            return Err(PalError::Denied);
        }
        Ok(Source::Shared(fd, offset))
    }

    fn set_length(&self, length: u64) -> Result<(), PalError> {
        if self.base.read_only() {
            return Err(PalError::ReadOnly);
        }
        self.usable()?;
        match rustix::io::retry_on_intr(|| rustix::fs::ftruncate(&self.base.fd, length)) {
            Err(Errno::INVAL) if !self.writes => Err(PalError::Denied),
            Err(Errno::INVAL) if i64::try_from(length).is_err() => Err(PalError::Invalid),
            other => other.map_err(file_error),
        }
    }

    fn flush(&self) -> Result<(), PalError> {
        self.usable()?;
        match rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.base.fd)) {
            Err(Errno::INVAL | Errno::ROFS) => Ok(()), // nothing to make durable there
            other => other.map_err(file_error),
        }
    }

    fn delete(&self, mode: u32) -> Result<(), PalError> {
        match mode {
            deleting::ALL => self.base.delete(),
            deleting::READ | deleting::WRITE => Err(PalError::NotSupported),
            _ => Err(PalError::Invalid),
        }
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
        crate::export::node(&self.base, self.writes)
    }
}

/// A file from another process.
pub(crate) fn import(base: NodeBase, writes: bool) -> File {
    File { base, append: OnceLock::new(), writes }
}

/// The number of a descriptor as a system-call argument.
pub(crate) fn number(fd: BorrowedFd<'_>) -> usize {
    usize::try_from(fd.as_raw_fd()).unwrap_or(usize::MAX)
}
