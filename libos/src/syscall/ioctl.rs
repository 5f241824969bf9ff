//! ioctl(2): the few requests every file knows; those of terminals are in `terminal`.

use pal_abi::flags::node;

use super::arg::{Fd, Hex, Ptr};
use super::{Call, terminal};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{HostFile, Object, OpenFile, o};
use crate::fs::table;
use crate::net::Socket;
use crate::pal;
use crate::task::process::process;

mod request {
    pub(super) const FIONREAD: u32 = 0x541b;
    pub(super) const FIONBIO: u32 = 0x5421;
    pub(super) const FIONCLEX: u32 = 0x5450;
    pub(super) const FIOCLEX: u32 = 0x5451;
    pub(super) const FIOASYNC: u32 = 0x5452;
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
            Some(host) => terminal::request(call, host, request.0, arg),
            None => Err(Errno::ENOTTY),
        },
    }
}

fn available(file: &OpenFile, arg: Ptr) -> SysResult {
    let bytes = match &file.object {
        Object::Host(host) if host.seekable => file.stat()?.size.saturating_sub(file.slot.offset().get()),
        Object::Host(HostFile { kind: node::COUNTER | node::TIMER, .. }) => return Err(Errno::ENOTTY),
        Object::Host(host) | Object::Socket(Socket { host, .. }) => {
            pal::attributes(host.handle.get())?.available
        }
        _ => return Err(Errno::ENOTTY),
    };
    user::write_u32(arg.0, u32::try_from(bytes).unwrap_or(0x7fff_ffff))?;
    Ok(0)
}
