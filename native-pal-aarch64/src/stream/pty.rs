//! `pty:` — pseudo-terminals of the host: the line discipline is the kernel's.
//!
//! What `StreamOpen` gives is the master. Its slave is had, any number of times, with `StreamWaitForClient` of any of the
//! terminal's streams; with `PATH_ONLY` that gives the terminal's *name*, which holds neither side open and is good for
//! nothing else. Who holds none of them cannot reach the terminal: no URI names one that exists.
//!
//! None is ever the controlling terminal of a host process, so the kernel sends no signal for what is typed or when it
//! hangs up: sessions and groups are those of the library OS.

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{access, attr as valid, node, open as options_of, stream as bits};
use pal_abi::{Attr, PalError};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};

use super::node::stream_flags;
use super::{Ops, Stream, Transfer, console, io};
use crate::handle::{Export, WaitSource};
use crate::policy::file_error;
use crate::sys::errno::pal_error;
use crate::user::Buffer;

/// Which side a stream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Master = 0,
    Slave = 1,
    /// Neither: what lies in the file system, opened for its name.
    Name = 2,
}

/// A stream of a pseudo-terminal.
#[derive(Debug)]
pub(crate) struct Pty {
    fd: OwnedFd,
    side: Side,
}

/// Makes a pseudo-terminal: its master.
///
/// # Errors
/// Those of `StreamOpen`.
pub(crate) fn open(rest: &[u8], wanted: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    if !rest.is_empty() {
        return Err(PalError::NotFound);
    }
    let both = access::READ | access::WRITE;
    if wanted & both != both {
        return Err(PalError::Invalid);
    }
    let fd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).map_err(file_error)?;
    // Who may open the slave, and when, is decided above: nobody else has a way to it.
    unlockpt(&fd).map_err(pal_error)?;
    Ok(stream(fd, Side::Master, stream_flags(both, options)))
}

fn stream(fd: OwnedFd, side: Side, flags: u32) -> Arc<Stream> {
    let flags = if side == Side::Name { flags } else { flags | bits::TERMINAL };
    Stream::new(Pty { fd, side }, flags)
}

/// A stream from another process of the family.
pub(crate) fn import(fd: OwnedFd, side: u8, flags: u32) -> Arc<Stream> {
    let side = match side {
        0 => Side::Master,
        1 => Side::Slave,
        _ => Side::Name,
    };
    stream(fd, side, flags)
}

impl Pty {
    /// Opens the slave, or what names it.
    fn peer(&self, mode: OFlags) -> Result<OwnedFd, Errno> {
        let mode = mode | OFlags::NOCTTY | OFlags::CLOEXEC;
        if self.side != Side::Master {
            let own = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
            return rustix::fs::open(own, mode, Mode::empty());
        }
        if mode.contains(OFlags::PATH) {
            return rustix::fs::open(ptsname(&self.fd, Vec::new())?, mode, Mode::empty());
        }
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        match ioctl_tiocgptpeer(&self.fd, flags) {
            // An older host, or an emulator, knows it by name only.
            Err(Errno::INVAL | Errno::NOTTY | Errno::NOSYS) => {
                rustix::fs::open(ptsname(&self.fd, Vec::new())?, mode, Mode::empty())
            }
            result => result,
        }
    }
}

impl Ops for Pty {
    fn kind(&self) -> u32 {
        node::CHARACTER
    }

    fn read(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::read_foreign(self.fd.as_fd(), buf, nonblocking)
    }

    fn write(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::write_foreign(self.fd.as_fd(), buf, nonblocking)
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        if self.side == Side::Name { WaitSource::None } else { super::polled(self.fd.as_fd(), which) }
    }

    fn accept_options(&self) -> u32 {
        options_of::NONBLOCK | options_of::PATH_ONLY
    }

    fn accept(&self, options: u32, _nonblocking: bool) -> Result<Option<Arc<Stream>>, PalError> {
        let path_only = options & options_of::PATH_ONLY != 0;
        let fd =
            self.peer(if path_only { OFlags::PATH } else { OFlags::RDWR }).map_err(|errno| match errno {
                Errno::MFILE | Errno::NFILE | Errno::NOMEM => PalError::TooMany,
                // The master is closed.
                _ => PalError::Broken,
            })?;
        Ok(Some(if path_only {
            stream(fd, Side::Name, 0)
        } else {
            stream(fd, Side::Slave, stream_flags(access::READ | access::WRITE, options))
        }))
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(b"pty:".to_vec())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        super::node::file_attributes(self.fd.as_fd(), attr).map_err(file_error)?;
        if self.side == Side::Name {
            return Ok(());
        }
        if let Ok(available) = rustix::io::ioctl_fionread(&self.fd) {
            attr.available = available;
            attr.valid |= valid::COUNTS;
        }
        match console::terminal_attributes(self.fd.as_fd(), attr) {
            // After a hang-up there are none.
            Err(Errno::IO) => Ok(()),
            result => result.map_err(file_error),
        }
    }

    fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        let terminal = mask & console::TERMINAL_ATTRIBUTES;
        if mask & !(valid::FLAGS | terminal) != 0 || terminal != 0 && self.side == Side::Name {
            return Err(PalError::NotSupported);
        }
        console::change_terminal(self.fd.as_fd(), attr, mask)
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: crate::export::PTY, data: vec![self.side as u8], fds: vec![fd] })
    }
}
