//! Job control: a process in the background of its terminal is stopped when it reads there, or changes the terminal.
//!
//! # Source
//! termios(4) of POSIX, "Terminal Access Control"; `__tty_check_change` of Linux.

use core::sync::atomic::Ordering::Relaxed;

use super::info::SigInfo;
use super::set::{SIG_IGN, SIGTTIN, SIGTTOU};
use super::stop::is_orphaned;
use crate::error::Errno;
use crate::fs::file::OpenFile;
use crate::fs::terminal;
use crate::sys::family::memory;
use crate::task::family;
use crate::task::process::process;
use crate::task::thread::Thread;

/// Whether the terminal is another group's at the moment.
fn is_background() -> bool {
    let (me, foreground) = (process().member(), family::foreground());
    memory().terminal_session.load(Relaxed) == me.session() && foreground != 0 && foreground != me.group()
}

/// Sends the group of a process in the background a signal for what it is about to do.
fn check(thread: &Thread, signal: u32) -> Result<(), Errno> {
    if !is_background() {
        return Ok(());
    }
    if thread.blocked.has(signal) || process().action(signal).handler == SIG_IGN {
        return if signal == SIGTTIN { Err(Errno::EIO) } else { Ok(()) };
    }
    let group = process().member().group();
    if is_orphaned(group) {
        return Err(Errno::EIO);
    }
    family::all().filter(|to| to.group() == group).for_each(|to| family::post(to, &SigInfo::kernel(signal)));
    Err(Errno::ERESTARTSYS)
}

/// Before a read.
///
/// # Errors
/// `ERESTARTSYS` where a signal was sent; `EIO` where that would not stop the process.
pub fn before_read(thread: &Thread, file: &OpenFile) -> Result<(), Errno> {
    match file.host() {
        Some(host) if host.terminal => check(thread, SIGTTIN),
        _ => Ok(()),
    }
}

/// Before a write, which only some terminals mind.
///
/// # Errors
/// As [`before_read`].
pub fn before_write(thread: &Thread, file: &OpenFile) -> Result<(), Errno> {
    match file.host() {
        Some(host) if host.terminal && is_background() && terminal::minds_writes(host)? => {
            check(thread, SIGTTOU)
        }
        _ => Ok(()),
    }
}

/// Before a change of the terminal.
///
/// # Errors
/// As [`before_read`].
pub fn before_change(thread: &Thread) -> Result<(), Errno> {
    check(thread, SIGTTOU)
}
