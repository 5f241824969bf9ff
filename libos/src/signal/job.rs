//! Job control: a process in the background of its terminal is stopped when it reads there, or changes the terminal.
//!
//! # Source
//! termios(4) of POSIX, "Terminal Access Control"; `__tty_check_change` of Linux.

use core::sync::atomic::Ordering::Relaxed;

use super::info::SigInfo;
use super::set::{SIG_IGN, SIGTTIN, SIGTTOU};
use super::stop::is_orphaned;
use crate::error::Errno;
use crate::fs::file::{HostFile, OpenFile};
use crate::fs::pty;
use crate::fs::terminal::{self, Line, Side};
use crate::task::family;
use crate::task::process::process;
use crate::task::thread::Thread;

/// Whether a terminal of this session is another group's at the moment.
fn is_background(line: Line) -> bool {
    let (me, terminal) = (process().member(), pty::terminal(line));
    let foreground = terminal.foreground.load(Relaxed);
    terminal.session.load(Relaxed) == me.session() && foreground != 0 && foreground != me.group()
}

/// The terminal that a file is, where it is not the side of who types.
fn side_of_program(file: &OpenFile) -> Option<(&HostFile, Line)> {
    let host = file.host()?;
    host.terminal.filter(|line| line.side() == Side::Slave).map(|line| (host, line))
}

/// Sends the group of a process in the background a signal for what it is about to do.
fn check(thread: &Thread, line: Line, signal: u32) -> Result<(), Errno> {
    if !is_background(line) {
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
    match side_of_program(file) {
        Some((_, line)) => check(thread, line, SIGTTIN),
        None => Ok(()),
    }
}

/// Before a write, which only some terminals mind.
///
/// # Errors
/// As [`before_read`].
pub fn before_write(thread: &Thread, file: &OpenFile) -> Result<(), Errno> {
    match side_of_program(file) {
        Some((host, line)) if is_background(line) && terminal::minds_writes(host)? => {
            check(thread, line, SIGTTOU)
        }
        _ => Ok(()),
    }
}

/// Before a change of the terminal.
///
/// # Errors
/// As [`before_read`].
pub fn before_change(thread: &Thread, line: Line) -> Result<(), Errno> {
    check(thread, line, SIGTTOU)
}
