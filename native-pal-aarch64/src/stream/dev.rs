//! `dev:` — the few devices a program takes for granted. What the guest names is one of these, never a host path.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{APPEND_OFFSET, access, attr as valid, node};
use pal_abi::{Attr, PalError};
use rustix::fs::{Mode, OFlags};

use super::node::stream_flags;
use super::{Ops, Stream, Transfer, console, io};
use crate::handle::{Export, WaitSource};
use crate::policy::file_error;
use crate::sys::mem::Source;
use crate::user::Buffer;

/// A device and the host file that is it.
#[derive(Debug)]
pub(crate) struct Device {
    fd: OwnedFd,
    name: &'static str,
    terminal: bool,
}

const DEVICES: [(&str, &str); 6] = [
    ("null", "/dev/null"),
    ("zero", "/dev/zero"),
    ("full", "/dev/full"),
    ("random", "/dev/random"),
    ("urandom", "/dev/urandom"),
    ("tty", "/dev/tty"),
];

/// Opens a device by name.
///
/// # Errors
/// Those of `StreamOpen`.
pub(crate) fn open(name: &[u8], wanted: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    let (name, path) = DEVICES.iter().find(|(n, _)| n.as_bytes() == name).ok_or(PalError::NotFound)?;
    let mode = match wanted & (access::READ | access::WRITE) {
        access::READ => OFlags::RDONLY,
        access::WRITE => OFlags::WRONLY,
        0 => return Err(PalError::Invalid),
        _ => OFlags::RDWR,
    };
    let flags = mode | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = rustix::fs::open(*path, flags, Mode::empty()).map_err(file_error)?;
    Ok(from_fd(fd, name, stream_flags(wanted, options)))
}

/// A device from a descriptor that was passed on.
pub(crate) fn import(fd: OwnedFd, name: &[u8], flags: u32) -> Result<Arc<Stream>, PalError> {
    let (name, _) = DEVICES.iter().find(|(n, _)| n.as_bytes() == name).ok_or(PalError::Invalid)?;
    Ok(from_fd(fd, name, flags))
}

fn from_fd(fd: OwnedFd, name: &'static str, flags: u32) -> Arc<Stream> {
    let terminal = name == "tty";
    let flags = if terminal { flags | pal_abi::flags::stream::TERMINAL } else { flags };
    Stream::new(Device { fd, name, terminal }, flags)
}

impl Ops for Device {
    fn kind(&self) -> u32 {
        node::CHARACTER
    }

    fn read(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        if self.terminal {
            console::wait_for_foreground(self.fd.as_fd(), libc::SIGTTIN);
        }
        io::read_foreign(self.fd.as_fd(), buf, nonblocking)
    }

    fn write(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::write_foreign(self.fd.as_fd(), buf, nonblocking)
    }

    fn never_blocks(&self) -> bool {
        !self.terminal
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        super::polled(self.fd.as_fd(), which)
    }

    fn map_source(&self, offset: u64, _: u32, flags: u32) -> Result<Source<'_>, PalError> {
        if self.name != "zero" || offset == APPEND_OFFSET {
            return Err(PalError::NoDevice);
        }
        let fd = self.fd.as_fd();
        Ok(if flags & pal_abi::flags::map::PRIVATE == 0 {
            Source::Shared(fd, offset)
        } else {
            Source::Private(fd, offset)
        })
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok([b"dev:", self.name.as_bytes()].concat())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        super::node::file_attributes(self.fd.as_fd(), attr).map_err(file_error)?;
        if self.terminal {
            console::terminal_attributes(self.fd.as_fd(), attr).map_err(file_error)?;
        }
        Ok(())
    }

    fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        let terminal = mask & console::TERMINAL_ATTRIBUTES;
        if mask & !(valid::FLAGS | terminal) != 0 || (terminal != 0 && !self.terminal) {
            return Err(PalError::NotSupported);
        }
        console::set_terminal_attributes(self.fd.as_fd(), attr, mask)
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: crate::export::DEVICE, data: self.name.as_bytes().to_vec(), fds: vec![fd] })
    }
}
