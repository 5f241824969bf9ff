//! The settings of the real terminal, kept so that they can be given back.
//!
//! While the command is in the background of its terminal the settings are another program's: then they are neither
//! noted nor changed.

use std::os::fd::BorrowedFd;

use rustix::process::getpgrp;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr};

/// The settings as they were; none without a terminal.
#[derive(Debug)]
pub(crate) struct Terminal(Option<(BorrowedFd<'static>, Termios)>);

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
        Self(terminal.and_then(|fd| tcgetattr(fd).ok().map(|settings| (fd, settings))))
    }

    /// Puts them back.
    pub(crate) fn restore(&self) {
        if let Some((fd, settings)) = &self.0
            && !is_behind(*fd)
        {
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(fd, OptionalActions::Now, settings);
        }
    }
}
