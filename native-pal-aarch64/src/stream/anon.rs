//! `anon:` — shareable memory. `anon:BYTES` has a length from the start, `anon:BYTES,sealable` can be given seals.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{APPEND_OFFSET, attr as valid, node, stream as bits};
use pal_abi::{Attr, PalError};
use rustix::fs::{MemfdFlags, Mode, SealFlags, fchmod, fcntl_add_seals, fcntl_get_seals, memfd_create};
use rustix::io::Errno;

use super::node::stream_flags;
use super::{Ops, Stream, Transfer, io};
use crate::handle::{Export, WaitSource};
use crate::policy::file_error;
use crate::sys::errno::pal_error;
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
    let text = std::str::from_utf8(rest).map_err(|_| PalError::Invalid)?;
    let (length, seals) = match text.strip_suffix(",sealable") {
        Some(length) => (length, MemfdFlags::ALLOW_SEALING),
        None => (text, MemfdFlags::empty()),
    };
    let length: u64 = if length.is_empty() { 0 } else { length.parse().map_err(|_| PalError::Invalid)? };
    let fd = memfd_create(c"trunnion", MemfdFlags::CLOEXEC | seals).map_err(file_error)?;
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

    fn memory(&self) -> Option<BorrowedFd<'_>> {
        Some(self.fd.as_fd())
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(b"anon:".to_vec())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        super::node::file_attributes(self.fd.as_fd(), attr).map_err(file_error)?;
        attr.kind = node::MEMORY;
        attr.valid &= !(valid::UID | valid::GID);
        if let Ok(seals) = fcntl_get_seals(&self.fd) {
            attr.seals = seals.bits();
            attr.valid |= valid::SEALS;
        }
        Ok(())
    }

    fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        if mask & !(valid::FLAGS | valid::MODE | valid::SEALS) != 0 {
            return Err(PalError::NotSupported);
        }
        if mask & valid::MODE != 0 {
            fchmod(&self.fd, Mode::from_raw_mode(attr.mode & 0o7777)).map_err(file_error)?;
        }
        if mask & valid::SEALS != 0 {
            fcntl_add_seals(&self.fd, SealFlags::from_bits_retain(attr.seals)).map_err(pal_error)?;
        }
        Ok(())
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: crate::export::ANON, data: Vec::new(), fds: vec![fd] })
    }
}
