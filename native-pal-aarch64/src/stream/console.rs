//! `console:` — the streams the command was given: standard input, output and error.
//!
//! They are somebody else's: their flags are never changed, and a read or write may block in the kernel, where an
//! interrupt ends it. Terminal settings go through the attribute calls.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{access, attr as valid, node, stream as bits};
use pal_abi::{Attr, PalError};
use rustix::io::Errno;
use rustix::termios::{self, QueueSelector, Winsize};

use super::{Ops, Stream, Transfer, io};
use crate::handle::{Export, WaitSource};
use crate::policy::file_error;
use crate::sys::mem::Source;
use crate::sys::terminal::{self, When, is_behind};
use crate::user::Buffer;

/// An inherited descriptor.
#[derive(Debug)]
pub(crate) struct Console {
    fd: OwnedFd,
    name: &'static [u8],
    kind: u32,
    terminal: bool,
}

impl Console {
    fn is_file(&self) -> bool {
        self.kind == node::FILE
    }
}

/// A stream around an inherited descriptor (a duplicate of it).
pub(crate) fn from_fd(fd: OwnedFd, name: &'static [u8], flags: u32) -> Arc<Stream> {
    let kind = rustix::fs::fstat(&fd).map_or(node::UNKNOWN, |s| super::node::kind_of(s.st_mode));
    let terminal = termios::isatty(&fd);
    let mut flags = flags;
    if terminal {
        flags |= bits::TERMINAL;
    }
    Stream::new(Console { fd, name, kind, terminal }, flags)
}

/// One of the command's own streams; `None` where it was started with that descriptor closed.
pub(crate) fn standard(number: u32) -> Option<Arc<Stream>> {
    let (fd, name): (BorrowedFd<'_>, &'static [u8]) = match number {
        0 => (rustix::stdio::stdin(), b"console:stdin"),
        1 => (rustix::stdio::stdout(), b"console:stdout"),
        _ => (rustix::stdio::stderr(), b"console:stderr"),
    };
    let mode = rustix::fs::fcntl_getfl(fd).ok()?;
    let flags = match mode & rustix::fs::OFlags::RWMODE {
        rustix::fs::OFlags::RDONLY => bits::READ,
        rustix::fs::OFlags::WRONLY => bits::WRITE,
        _ => bits::READ | bits::WRITE,
    };
    Some(from_fd(fd.try_clone_to_owned().ok()?, name, flags))
}

/// Opens `console:`: standard input to read, standard output to write.
///
/// # Errors
/// `NotFound` where the command has no such stream.
pub(crate) fn open(rest: &[u8], wanted: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    let number = match rest {
        b"" if wanted & access::WRITE != 0 => 1,
        b"" | b"stdin" => 0,
        b"stdout" => 1,
        b"stderr" => 2,
        _ => return Err(PalError::NotFound),
    };
    let stream = standard(number).ok_or(PalError::NotFound)?;
    stream.set_flags(super::node::stream_flags(wanted, options));
    Ok(stream)
}

impl Ops for Console {
    fn kind(&self) -> u32 {
        self.kind
    }

    // An inherited descriptor has a position that other programs of this host share, a file too: `(a; b) > out` would else
    // write one over the other, and so would two descriptors of one `2>&1`. Hence it is a stream without offsets.
    fn read(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        if self.terminal {
            wait_for_foreground(self.fd.as_fd(), libc::SIGTTIN);
        }
        io::read_foreign(self.fd.as_fd(), buf, nonblocking)
    }

    fn write(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::write_foreign(self.fd.as_fd(), buf, nonblocking)
    }

    fn never_blocks(&self) -> bool {
        self.is_file()
    }

    fn is_console(&self) -> bool {
        true
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        if self.is_file() { super::always_ready(which) } else { super::polled(self.fd.as_fd(), which) }
    }

    fn map_source(&self, offset: u64, _prot: u32, flags: u32) -> Result<Source<'_>, PalError> {
        if !self.is_file() {
            return Err(PalError::NoDevice);
        }
        let fd = self.fd.as_fd();
        Ok(if flags & pal_abi::flags::map::PRIVATE == 0 {
            Source::Shared(fd, offset)
        } else {
            Source::Private(fd, offset)
        })
    }

    fn set_length(&self, length: u64) -> Result<(), PalError> {
        if !self.is_file() {
            return Err(PalError::WrongType);
        }
        match rustix::fs::ftruncate(&self.fd, length) {
            Err(Errno::INVAL) => Err(PalError::Denied), // not open to write
            other => other.map_err(file_error),
        }
    }

    fn flush(&self) -> Result<(), PalError> {
        match rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.fd)) {
            Err(Errno::INVAL | Errno::ROFS) => Ok(()),
            other => other.map_err(file_error),
        }
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(self.name.to_vec())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        super::node::file_attributes(self.fd.as_fd(), attr).map_err(file_error)?;
        if self.is_file() {
            attr.position = rustix::fs::tell(&self.fd).unwrap_or(0);
        } else if let Ok(available) = rustix::io::ioctl_fionread(&self.fd) {
            attr.available = available;
            attr.valid |= valid::COUNTS;
        }
        if self.terminal {
            terminal_attributes(self.fd.as_fd(), attr).map_err(file_error)?;
        }
        Ok(())
    }

    fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        if mask & !(valid::FLAGS | TERMINAL_ATTRIBUTES) != 0
            || (mask & TERMINAL_ATTRIBUTES != 0 && !self.terminal)
        {
            return Err(PalError::NotSupported);
        }
        set_terminal_attributes(self.fd.as_fd(), attr, mask)
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        let number = match self.name {
            b"console:stdin" => 0,
            b"console:stdout" => 1,
            b"console:stderr" => 2,
            _ => 3,
        };
        Ok(Export { tag: crate::export::CONSOLE, data: vec![number], fds: vec![fd] })
    }
}

/// Stops the command while it is in the background of its terminal, as the host would stop any program there. It would
/// not stop a member, which ignores what the terminal sends, but refuse it.
pub(crate) fn wait_for_foreground(fd: BorrowedFd<'_>, signal: i32) {
    if is_behind(fd) {
        // Without a supervisor the host's refusal stands.
        let _ = crate::family::stop(signal);
    }
}

/// What of the attributes belongs to a terminal.
pub(crate) const TERMINAL_ATTRIBUTES: u32 = valid::TERMIOS
    | valid::TERMIOS_DRAIN
    | valid::TERMIOS_FLUSH
    | valid::WINDOW
    | valid::DISCARD_INPUT
    | valid::DISCARD_OUTPUT;

/// Fills in the terminal's settings and window size.
pub(crate) fn terminal_attributes(fd: BorrowedFd<'_>, attr: &mut Attr) -> Result<(), Errno> {
    let settings = terminal::settings(fd)?;
    attr.input_flags = settings.c_iflag;
    attr.output_flags = settings.c_oflag;
    attr.control_flags = settings.c_cflag;
    attr.local_flags = settings.c_lflag;
    attr.line = settings.c_line;
    attr.characters = settings.c_cc;
    (attr.input_speed, attr.output_speed) = (settings.c_ispeed, settings.c_ospeed);
    attr.valid |= valid::TERMIOS;
    if let Ok(window) = termios::tcgetwinsize(fd) {
        (attr.rows, attr.columns) = (window.ws_row, window.ws_col);
        (attr.pixels_x, attr.pixels_y) = (window.ws_xpixel, window.ws_ypixel);
        attr.valid |= valid::WINDOW;
    }
    Ok(())
}

/// Sets the terminal's settings and window size.
pub(crate) fn set_terminal_attributes(fd: BorrowedFd<'_>, attr: &Attr, mask: u32) -> Result<(), PalError> {
    wait_for_foreground(fd, libc::SIGTTOU);
    change_terminal(fd, attr, mask)
}

/// Sets the settings and window size of a terminal that no host process is in the background of.
pub(crate) fn change_terminal(fd: BorrowedFd<'_>, attr: &Attr, mask: u32) -> Result<(), PalError> {
    let discards =
        [(valid::DISCARD_INPUT, QueueSelector::IFlush), (valid::DISCARD_OUTPUT, QueueSelector::OFlush)];
    for (_, queue) in discards.into_iter().filter(|(bit, _)| mask & bit != 0) {
        termios::tcflush(fd, queue).map_err(file_error)?;
    }
    let when = if mask & valid::TERMIOS_FLUSH != 0 {
        Some(When::Flush)
    } else if mask & valid::TERMIOS_DRAIN != 0 {
        Some(When::Drain)
    } else {
        (mask & valid::TERMIOS != 0).then_some(When::Now)
    };
    if let Some(when) = when {
        let settings = terminal::Settings {
            c_iflag: attr.input_flags,
            c_oflag: attr.output_flags,
            c_cflag: attr.control_flags,
            c_lflag: attr.local_flags,
            c_line: attr.line,
            c_cc: attr.characters,
            c_ispeed: attr.input_speed,
            c_ospeed: attr.output_speed,
        };
        terminal::set_settings(fd, when, &settings).map_err(file_error)?;
    }
    if mask & valid::WINDOW != 0 {
        let window = Winsize {
            ws_row: attr.rows,
            ws_col: attr.columns,
            ws_xpixel: attr.pixels_x,
            ws_ypixel: attr.pixels_y,
        };
        termios::tcsetwinsize(fd, window).map_err(file_error)?;
    }
    Ok(())
}
