//! `anon:` — shareable memory. `anon:BYTES` has a length from the start.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{APPEND_OFFSET, attr as valid, node, stream as bits};
use pal_abi::{Attr, PalError};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

use super::node::stream_flags;
use super::{Ops, Stream, Transfer, io};
use crate::handle::{Export, WaitSource};
use crate::policy::file_error;
use crate::sys::mem::Source;
use crate::user::Buffer;

/// Memory behind a descriptor.
#[derive(Debug)]
pub(crate) struct Anon {
    fd: OwnedFd,
}

/// Opens `anon:`.
///
/// # Errors
/// Those of `StreamOpen`.
pub(crate) fn open(rest: &[u8], wanted: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    let length: u64 = match std::str::from_utf8(rest) {
        Ok("") => 0,
        Ok(text) => text.parse().map_err(|_| PalError::Invalid)?,
        Err(_) => return Err(PalError::Invalid),
    };
    let fd = memfd_create(c"trunnion", MemfdFlags::CLOEXEC).map_err(file_error)?;
    if length > 0 {
        set_length(&fd, length)?;
    }
    Ok(from_fd(fd, stream_flags(wanted, options)))
}

/// Memory behind a descriptor that was passed on.
pub(crate) fn from_fd(fd: OwnedFd, flags: u32) -> Arc<Stream> {
    Stream::new(Anon { fd }, flags | bits::SEEKABLE)
}

fn set_length(fd: &OwnedFd, length: u64) -> Result<(), PalError> {
    match rustix::fs::ftruncate(fd, length) {
        Err(Errno::INVAL) => Err(PalError::TooBig),
        other => other.map_err(file_error),
    }
}

impl Ops for Anon {
    fn kind(&self) -> u32 {
        node::MEMORY
    }

    fn read(&self, offset: u64, buf: Buffer, _: bool) -> Result<Transfer, PalError> {
        let done = io::read_at(self.fd.as_fd(), buf, offset).map_err(file_error)?;
        Ok(Transfer::read(done, buf.len))
    }

    fn write(&self, offset: u64, buf: Buffer, _: bool) -> Result<Transfer, PalError> {
        let offset = if offset == APPEND_OFFSET {
            rustix::fs::fstat(&self.fd).map_err(file_error)?.st_size.cast_unsigned()
        } else {
            offset
        };
        io::write_at(self.fd.as_fd(), buf, offset).map(Transfer::of).map_err(file_error)
    }

    fn never_blocks(&self) -> bool {
        true
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        super::always_ready(which)
    }

    fn map_source(&self, offset: u64, _prot: u32, flags: u32) -> Result<Source<'_>, PalError> {
        let fd = self.fd.as_fd();
        Ok(if flags & pal_abi::flags::map::PRIVATE == 0 {
            Source::Shared(fd, offset)
        } else {
            Source::Private(fd, offset)
        })
    }

    fn set_length(&self, length: u64) -> Result<(), PalError> {
        set_length(&self.fd, length)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(b"anon:".to_vec())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        super::node::file_attributes(self.fd.as_fd(), attr).map_err(file_error)?;
        attr.kind = node::MEMORY;
        attr.valid &= !(valid::UID | valid::GID);
        Ok(())
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: crate::export::ANON, data: Vec::new(), fds: vec![fd] })
    }
}
