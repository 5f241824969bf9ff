//! ioctl(2): terminals, and the few requests every file knows.

use core::sync::atomic::Ordering::Relaxed;

use pal_abi::flags::node;

use super::Call;
use super::arg::{Fd, Hex, Ptr};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{HostFile, Object, OpenFile, o};
use crate::fs::table;
use crate::fs::terminal::{self, TERMIOS, TERMIOS2, When};
use crate::pal;
use crate::signal::job;
use crate::sys::family;
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
    pub(super) const FIONREAD: u32 = 0x541b;
    pub(super) const FIONBIO: u32 = 0x5421;
    pub(super) const TIOCNOTTY: u32 = 0x5422;
    pub(super) const TIOCGSID: u32 = 0x5429;
    pub(super) const FIONCLEX: u32 = 0x5450;
    pub(super) const FIOCLEX: u32 = 0x5451;
    pub(super) const FIOASYNC: u32 = 0x5452;
    pub(super) const TCGETS2: u32 = 0x802c_542a;
    pub(super) const TCSETS2: u32 = 0x402c_542b;
    pub(super) const TCSETSW2: u32 = 0x402c_542c;
    pub(super) const TCSETSF2: u32 = 0x402c_542d;
}

pub(super) fn ioctl(call: &mut Call<'_>, fd: Fd, request: Hex, arg: Ptr) -> SysResult {
    let file = table::get(fd.0)?;
    if matches!(file.object, Object::Path(_)) {
        return Err(Errno::EBADF);
    }
    match request.0 {
        request::FIOCLEX | request::FIONCLEX => {
            process().files.lock().entry(fd.0)?.close_on_exec = request.0 == request::FIOCLEX;
            Ok(0)
        }
        request::FIONBIO => {
            let bit = if user::read_u32(arg.0)? != 0 { o::NONBLOCK } else { 0 };
            file.slot.set_flags(file.slot.flags() & !o::NONBLOCK | bit);
            Ok(0)
        }
        request::FIOASYNC => Ok(0),
        _ if matches!(file.object, Object::Epoll(_)) => Err(Errno::EINVAL),
        request::FIONREAD => available(&file, arg),
        _ => match file.host() {
            Some(host) if host.terminal => terminal_request(call, host, request.0, arg),
            _ => Err(Errno::ENOTTY),
        },
    }
}

fn available(file: &OpenFile, arg: Ptr) -> SysResult {
    let bytes = match &file.object {
        Object::Host(host) if host.seekable => file.stat()?.size.saturating_sub(file.slot.offset().get()),
        Object::Host(HostFile { kind: node::COUNTER | node::TIMER, .. }) => return Err(Errno::ENOTTY),
        Object::Host(host) => pal::attributes(host.handle.get())?.available,
        _ => return Err(Errno::ENOTTY),
    };
    user::write_u32(arg.0, u32::try_from(bytes).unwrap_or(0x7fff_ffff))?;
    Ok(0)
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
    use request::{TCFLSH, TCSBRK, TCSETS, TCSETS2, TCSETSF, TCSETSF2, TCSETSW, TCSETSW2, TCXONC, TIOCSPGRP};
    matches!(
        request,
        TCSETS | TCSETSW | TCSETSF | TCSETS2 | TCSETSW2 | TCSETSF2 | TCSBRK | TCXONC | TCFLSH | TIOCSPGRP
    )
}

fn terminal_request(call: &Call<'_>, host: &HostFile, request: u32, arg: Ptr) -> SysResult {
    let shared = family::memory();
    let me = process().member();
    if changes(request) {
        job::before_change(call.thread)?;
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
        request::TIOCSWINSZ => terminal::set_window(host, user::read_array(arg.0)?)?,
        request::TIOCGPGRP if shared.terminal_session.load(Relaxed) == me.session() => {
            user::write_u32(arg.0, members::foreground())?;
        }
        request::TIOCSPGRP if shared.terminal_session.load(Relaxed) == me.session() => {
            let group = user::read_u32(arg.0)?;
            if group.cast_signed() < 0 {
                return Err(Errno::EINVAL);
            }
            let member = members::all().find(|p| p.group() == group).ok_or(Errno::ESRCH)?;
            if member.session() != me.session() {
                return Err(Errno::EPERM);
            }
            shared.foreground.store(group, Relaxed);
        }
        request::TIOCGSID if shared.terminal_session.load(Relaxed) == me.session() => {
            user::write_u32(arg.0, me.session())?;
        }
        request::TIOCSCTTY => {
            let owner = shared.terminal_session.load(Relaxed);
            if owner != me.session() {
                if owner != 0 || me.session() != me.pid() {
                    return Err(Errno::EPERM);
                }
                shared.terminal_session.store(me.session(), Relaxed);
                shared.foreground.store(me.group(), Relaxed);
            }
        }
        request::TIOCNOTTY if shared.terminal_session.load(Relaxed) == me.session() => {
            if me.session() == me.pid() {
                shared.terminal_session.store(0, Relaxed);
                shared.foreground.store(0, Relaxed);
            }
        }
        request::TCSBRK => terminal::settle(host, When::Drain)?,
        // Input can be thrown away, output cannot be called back.
        request::TCFLSH if matches!(arg.0, 0 | 2) => terminal::settle(host, When::Flush)?,
        request::TCFLSH | request::TCXONC if arg.0 > 3 => return Err(Errno::EINVAL),
        request::TCFLSH | request::TCXONC => {}
        request::TIOCOUTQ => {
            let queued = pal::attributes(host.handle.get())?.queued;
            user::write_u32(arg.0, u32::try_from(queued).unwrap_or(u32::MAX))?;
        }
        _ => return Err(Errno::ENOTTY),
    }
    Ok(0)
}
