//! Sockets: connected pairs, and local sockets that find no server. Other families are not supported yet and say so.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Call;
use super::arg::{Fd, Hex, Ptr};
use super::descriptor::add_pair;
use super::read;
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{Object, OpenFile, o};
use crate::fs::{pipe, table};
use crate::net::{AF_UNIX, Socket};

const TYPE: u32 = 15;
const STREAM: u32 = 1;

fn kind_of(kind: u32) -> Result<u32, Errno> {
    if kind & !(TYPE | o::CLOEXEC | o::NONBLOCK) != 0 || kind & TYPE == 0 {
        Err(Errno::EINVAL)
    } else {
        Ok(kind & TYPE)
    }
}

pub(super) fn socket(_: &mut Call<'_>, family: u32, kind: Hex, protocol: u32) -> SysResult {
    let form = kind_of(kind.0)?;
    if family != AF_UNIX {
        return Err(Errno::EAFNOSUPPORT);
    }
    if protocol != 0 && protocol != AF_UNIX {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let object = Object::Socket(Socket { kind: form });
    let file = OpenFile::new(object, o::RDWR | kind.0 & o::NONBLOCK, b"socket:[0]".to_vec())?;
    table::add(Arc::new(file), kind.0 & o::CLOEXEC != 0)
}

pub(super) fn socketpair(_: &mut Call<'_>, family: u32, kind: Hex, _protocol: u32, fds: Ptr) -> SysResult {
    let form = kind_of(kind.0)?;
    if family != AF_UNIX {
        return Err(Errno::EAFNOSUPPORT);
    }
    if form != STREAM {
        // Message boundaries cannot be kept yet.
        return Err(Errno::EOPNOTSUPP);
    }
    let (one, two) = pipe::pair(kind.0 & o::NONBLOCK)?;
    add_pair(fds, one, two, kind.0 & o::CLOEXEC != 0)
}

fn is_socket(file: &OpenFile) -> bool {
    matches!(file.object, Object::Socket(_)) || file.path.starts_with(b"socket:")
}

fn get(fd: Fd) -> Result<Arc<OpenFile>, Errno> {
    let file = table::get(fd.0)?;
    if is_socket(&file) { Ok(file) } else { Err(Errno::ENOTSOCK) }
}

/// What an unconnected socket answers to almost everything.
pub(super) fn unconnected(_: &mut Call<'_>, fd: Fd) -> SysResult {
    get(fd)?;
    Err(Errno::EOPNOTSUPP)
}

pub(super) fn not_connected(_: &mut Call<'_>, fd: Fd) -> SysResult {
    get(fd)?;
    Err(Errno::ENOTCONN)
}

/// No server listens: its name is looked for, and found missing or deaf.
pub(super) fn connect(_: &mut Call<'_>, fd: Fd, address: Ptr, len: u32) -> SysResult {
    let file = get(fd)?;
    if !matches!(file.object, Object::Socket(_)) || !(2..=110).contains(&len) {
        return Err(Errno::EINVAL);
    }
    let mut bytes = alloc::vec![0; len as usize];
    user::read(address.0, &mut bytes)?;
    if bytes[..2] != [1, 0] {
        return Err(Errno::EINVAL);
    }
    let path: Vec<u8> = bytes[2..].iter().copied().take_while(|b| *b != 0).collect();
    if path.is_empty() {
        return Err(Errno::ECONNREFUSED);
    }
    let at = crate::fs::lookup::absolute(crate::fs::lookup::AT_FDCWD, &path)?;
    crate::fs::lookup::stat(&at, crate::fs::path::Last::Follow)?;
    Err(Errno::ECONNREFUSED)
}

pub(super) fn sendto(call: &mut Call<'_>, fd: Fd, buf: Ptr, len: u32) -> SysResult {
    get(fd)?;
    read::write(call, fd, buf, len)
}

pub(super) fn recvfrom(call: &mut Call<'_>, fd: Fd, buf: Ptr, len: u32) -> SysResult {
    get(fd)?;
    read::read(call, fd, buf, len)
}

pub(super) fn shutdown(_: &mut Call<'_>, fd: Fd, how: u32) -> SysResult {
    use pal_abi::Pal as _;
    use pal_abi::flags::delete;
    let file = get(fd)?;
    let Some(host) = file.host() else { return Err(Errno::ENOTCONN) };
    let mode = match how {
        0 => delete::READ,
        1 => delete::WRITE,
        2 => delete::ALL,
        _ => return Err(Errno::EINVAL),
    };
    crate::pal::pal().stream_delete(host.handle.get(), mode)?;
    Ok(0)
}

pub(super) fn socketcall(call: &mut Call<'_>, which: u32, args: Ptr) -> SysResult {
    let word = |n: u32| user::read_u32(args.0.wrapping_add(n * 4));
    match which {
        1 => socket(call, word(0)?, Hex(word(1)?), word(2)?),
        2 | 4 | 5 | 6 | 14 | 15 | 18 => unconnected(call, Fd(word(0)?)),
        3 => connect(call, Fd(word(0)?), Ptr(word(1)?), word(2)?),
        7 | 16 | 17 => not_connected(call, Fd(word(0)?)),
        8 => socketpair(call, word(0)?, Hex(word(1)?), word(2)?, Ptr(word(3)?)),
        9 | 11 => sendto(call, Fd(word(0)?), Ptr(word(1)?), word(2)?),
        10 | 12 => recvfrom(call, Fd(word(0)?), Ptr(word(1)?), word(2)?),
        13 => shutdown(call, Fd(word(0)?), word(1)?),
        _ => Err(Errno::EINVAL),
    }
}
