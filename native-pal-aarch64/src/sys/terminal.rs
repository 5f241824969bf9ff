//! The real terminal: its settings, and those it had, kept so that they can be given back.
//!
//! While the command is in the background of its terminal the settings are another program's: then they are neither
//! noted nor changed.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::termios::{isatty, tcgetpgrp};

/// The kernel's own structure; the older one is its beginning.
pub(crate) type Settings = libc::termios2;

/// When new settings take effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum When {
    /// At once.
    Now = 0,
    /// When output has drained.
    Drain = 1,
    /// When output has drained; input is thrown away.
    Flush = 2,
}

/// Makes a request, or the older one where the host does not know it (qemu-user).
fn ioctl(fd: BorrowedFd<'_>, requests: [libc::Ioctl; 2], settings: *mut Settings) -> Result<(), Errno> {
    let mut result = Err(Errno::NOTTY);
    for request in requests {
        // SAFETY: both requests read or write at most this structure, which the callers own.
        let status = unsafe { libc::ioctl(fd.as_raw_fd(), request, settings) };
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        result = if status == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(error)) };
        if !matches!(result, Err(Errno::NOSYS | Errno::NOTTY)) {
            break;
        }
    }
    result
}

/// Reads the settings. Where only the older request is known, the speeds are 0.
///
/// # Errors
/// Those of the host.
pub(crate) fn settings(fd: BorrowedFd<'_>) -> Result<Settings, Errno> {
    // SAFETY: numbers, for which all zero is a value.
    let mut settings: Settings = unsafe { core::mem::zeroed() };
    ioctl(fd, [libc::TCGETS2, libc::TCGETS], &raw mut settings)?;
    Ok(settings)
}

/// Changes the settings.
///
/// # Errors
/// Those of the host.
pub(crate) fn set_settings(fd: BorrowedFd<'_>, when: When, settings: &Settings) -> Result<(), Errno> {
    let (mut settings, which) = (*settings, libc::Ioctl::from(when as u8));
    // Draining may be broken off by a signal that is nobody's interrupt.
    rustix::io::retry_on_intr(|| ioctl(fd, [libc::TCSETS2 + which, libc::TCSETS + which], &raw mut settings))
}

/// The settings as they were; none without a terminal.
pub(crate) struct Terminal(Option<(BorrowedFd<'static>, Settings)>);

/// Whether the terminal is somebody else's at the moment.
pub(crate) fn is_behind(fd: BorrowedFd<'_>) -> bool {
    // One that is not the command's own has no foreground for it.
    tcgetpgrp(fd).is_ok_and(|foreground| foreground != getpgrp())
}

impl Terminal {
    /// Notes the settings of the terminal that standard input, output or error is.
    pub(crate) fn save() -> Self {
        let standard = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
        let terminal = standard.into_iter().find(|fd| isatty(fd)).filter(|fd| !is_behind(*fd));
        Self(terminal.and_then(|fd| settings(fd).ok().map(|settings| (fd, settings))))
    }

    /// Puts them back.
    pub(crate) fn restore(&self) {
        if let Some((fd, settings)) = &self.0
            && !is_behind(*fd)
        {
            // A terminal that is gone needs nothing.
            let _ = set_settings(*fd, When::Now, settings);
        }
    }
}
