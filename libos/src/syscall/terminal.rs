//! ioctl(2) of terminals.
//!
//! # Source
//! ioctl_tty(2), ioctl_console(2); `drivers/tty/tty_io.c`, `tty_jobctrl.c` and `pty.c` of Linux.

use core::sync::atomic::Ordering::Relaxed;

use super::Call;
use super::arg::Ptr;
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{HostFile, o};
use crate::fs::terminal::{self, Line, Side, TERMIOS, TERMIOS2, When};
use crate::fs::{pty, stat, table};
use crate::pal;
use crate::signal::job;
use crate::signal::set::{SIGINT, SIGQUIT, SIGTSTP, SIGWINCH};
use crate::task::family as members;
use crate::task::process::process;

mod request {
    pub(super) const TCGETS: u32 = 0x5401;
    pub(super) const TCSETS: u32 = 0x5402;
    pub(super) const TCSETSW: u32 = 0x5403;
    pub(super) const TCSETSF: u32 = 0x5404;
    pub(super) const TCSBRK: u32 = 0x5409;
    pub(super) const TCXONC: u32 = 0x540a;
    pub(super) const TCFLSH: u32 = 0x540b;
    pub(super) const TIOCSCTTY: u32 = 0x540e;
    pub(super) const TIOCGPGRP: u32 = 0x540f;
    pub(super) const TIOCSPGRP: u32 = 0x5410;
    pub(super) const TIOCOUTQ: u32 = 0x5411;
    pub(super) const TIOCGWINSZ: u32 = 0x5413;
    pub(super) const TIOCSWINSZ: u32 = 0x5414;
    pub(super) const TIOCNOTTY: u32 = 0x5422;
    pub(super) const TIOCGSID: u32 = 0x5429;
    pub(super) const TCGETS2: u32 = 0x802c_542a;
    pub(super) const TCSETS2: u32 = 0x402c_542b;
    pub(super) const TCSETSW2: u32 = 0x402c_542c;
    pub(super) const TCSETSF2: u32 = 0x402c_542d;
    pub(super) const TCSBRKP: u32 = 0x5425;
    pub(super) const TIOCGPTPEER: u32 = 0x5441;
    pub(super) const TIOCSPTLCK: u32 = 0x4004_5431;
    pub(super) const TIOCSIG: u32 = 0x4004_5436;
    pub(super) const TIOCGPTN: u32 = 0x8004_5430;
    pub(super) const TIOCGDEV: u32 = 0x8004_5432;
    pub(super) const TIOCGPTLCK: u32 = 0x8004_5439;
}

fn set(host: &HostFile, arg: Ptr, long: bool, when: When) -> SysResult {
    let mut bytes = [0; TERMIOS2];
    let len = if long { TERMIOS2 } else { TERMIOS };
    user::read(arg.0, &mut bytes[..len])?;
    terminal::set_settings(host, &bytes[..len], when)?;
    Ok(0)
}

/// Whether a request changes the terminal, which from the background it must not.
const fn changes(request: u32) -> bool {
    use request::{
        TCFLSH, TCSBRK, TCSBRKP, TCSETS, TCSETS2, TCSETSF, TCSETSF2, TCSETSW, TCSETSW2, TCXONC, TIOCSPGRP,
    };
    matches!(
        request,
        TCSETS
            | TCSETSW
            | TCSETSF
            | TCSETS2
            | TCSETSW2
            | TCSETSF2
            | TCSBRK
            | TCSBRKP
            | TCXONC
            | TCFLSH
            | TIOCSPGRP
    )
}

/// A request to a file of the layer below.
pub(super) fn request(call: &Call<'_>, host: &HostFile, request: u32, arg: Ptr) -> SysResult {
    let line = host.terminal.ok_or(Errno::ENOTTY)?;
    if pty::has_hung_up(line) {
        return Err(if request == request::TIOCSPGRP { Errno::ENOTTY } else { Errno::EIO });
    }
    if changes(request) {
        job::before_change(call.thread, line)?;
    }
    match request {
        request::TCGETS => user::write(arg.0, &terminal::settings(host)?[..TERMIOS])?,
        request::TCGETS2 => user::write(arg.0, &terminal::settings(host)?)?,
        request::TCSETS => return set(host, arg, false, When::Now),
        request::TCSETSW => return set(host, arg, false, When::Drain),
        request::TCSETSF => return set(host, arg, false, When::Flush),
        request::TCSETS2 => return set(host, arg, true, When::Now),
        request::TCSETSW2 => return set(host, arg, true, When::Drain),
        request::TCSETSF2 => return set(host, arg, true, When::Flush),
        request::TIOCGWINSZ => user::write(arg.0, &terminal::window(host)?)?,
        request::TIOCSWINSZ => resize(host, line, user::read_array(arg.0)?)?,
        request::TCSBRK | request::TCSBRKP => terminal::drain(host)?,
        request::TCFLSH => terminal::discard(host, arg.0)?,
        request::TCXONC if arg.0 > 3 => return Err(Errno::EINVAL),
        // Output is never held back.
        request::TCXONC => {}
        request::TIOCOUTQ => {
            let queued = pal::attributes(host.handle.get())?.queued;
            user::write_u32(arg.0, u32::try_from(queued).unwrap_or(u32::MAX))?;
        }
        _ if line.side() == Side::Master => return of_master(line, request, arg),
        _ => return of_session(line, request, arg),
    }
    Ok(0)
}

/// `TIOCSWINSZ`: those in the foreground of a pseudo-terminal are told. Of the command's own the host tells.
fn resize(host: &HostFile, line: Line, window: [u8; 8]) -> Result<(), Errno> {
    let before = terminal::window(host)?;
    terminal::set_window(host, window)?;
    if line.pts().is_some() && before != window {
        pty::signal_foreground(line, SIGWINCH);
    }
    Ok(())
}

/// Requests about sessions and groups. The master may ask them of any session's terminal.
fn of_session(line: Line, request: u32, arg: Ptr) -> SysResult {
    let (words, me) = (pty::terminal(line), process().member());
    let is_mine = words.session.load(Relaxed) == me.session();
    let may_ask = is_mine || line.side() == Side::Master;
    match request {
        request::TIOCGPGRP if may_ask => user::write_u32(arg.0, words.foreground.load(Relaxed))?,
        request::TIOCSPGRP if is_mine => {
            let group = user::read_u32(arg.0)?;
            if group.cast_signed() < 0 {
                return Err(Errno::EINVAL);
            }
            let member = members::all().find(|p| p.group() == group).ok_or(Errno::ESRCH)?;
            if member.session() != me.session() {
                return Err(Errno::EPERM);
            }
            words.foreground.store(group, Relaxed);
        }
        request::TIOCGSID if may_ask => match words.session.load(Relaxed) {
            0 => return Err(Errno::ENOTTY),
            session => user::write_u32(arg.0, session)?,
        },
        request::TIOCSCTTY => {
            let privileged = process().ids.lock().euid == 0;
            pty::control(line, me, arg.0 == 1 && privileged)?;
        }
        // One process of a session cannot be without its terminal: only the leader gives it up, for all.
        request::TIOCNOTTY if is_mine && line.side() == Side::Slave => pty::leave(me, false),
        request::TIOCGDEV => {
            let pts = line.pts().ok_or(Errno::ENOTTY)?;
            user::write_u32(arg.0, stat::Device { major: pty::MAJOR, minor: pts }.encode())?;
        }
        _ => return Err(Errno::ENOTTY),
    }
    Ok(0)
}

/// Requests that only a master knows.
fn of_master(line: Line, request: u32, arg: Ptr) -> SysResult {
    match request {
        request::TIOCGPTN => user::write_u32(arg.0, line.pts().unwrap_or(0))?,
        request::TIOCSPTLCK => pty::set_lock(line, user::read_u32(arg.0)? != 0),
        request::TIOCGPTLCK => user::write_u32(arg.0, u32::from(pty::is_locked(line)))?,
        request::TIOCGPTPEER => {
            let file = pty::open_slave(line, arg.0)?;
            return table::add(file, arg.0 & o::CLOEXEC != 0);
        }
        request::TIOCSIG => match arg.0 {
            signal @ (SIGINT | SIGQUIT | SIGTSTP) => pty::signal_foreground(line, signal),
            _ => return Err(Errno::EINVAL),
        },
        _ => return of_session(line, request, arg),
    }
    Ok(0)
}
