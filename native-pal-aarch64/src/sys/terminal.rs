//! The settings of the real terminal, kept so that they can be given back.

use std::os::fd::BorrowedFd;

use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};

/// The settings as they were; none without a terminal.
#[derive(Debug)]
pub(crate) struct Terminal(Option<(BorrowedFd<'static>, Termios)>);

impl Terminal {
    /// Notes the settings of the terminal that standard input, output or error is.
    pub(crate) fn save() -> Self {
        let standard = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
        let terminal = standard.into_iter().find(|fd| isatty(fd));
        Self(terminal.and_then(|fd| tcgetattr(fd).ok().map(|settings| (fd, settings))))
    }

    /// Puts them back. SIGTTOU must be blocked, so that this works from the background too.
    pub(crate) fn restore(&self) {
        if let Some((fd, settings)) = &self.0 {
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(fd, OptionalActions::Now, settings);
        }
    }
}
