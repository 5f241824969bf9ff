//! socket(2), socketpair(2), bind(2), listen(2), accept(2), connect(2), getsockname(2), getpeername(2), shutdown(2), and
//! socketcall(2), through which old programs reach all calls on sockets.

use alloc::sync::Arc;

use pal_abi::flags::{delete, event, family, socket_name};
use pal_abi::{Pal as _, PalError, Status};

use super::Call;
use super::arg::{Fd, Hex, Ptr};
use super::descriptor::add_pair;
use super::{message, sockopt};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{OpenFile, o};
use crate::fs::table;
use crate::net::{self, Direction, Socket, address, errno, unix};
use crate::pal::{pal, sockets};
use crate::signal::{interruptible, sleep};

const TYPE: u32 = 15;

fn kind_of(kind: u32) -> Result<u32, Errno> {
    if kind & !(TYPE | o::CLOEXEC | o::NONBLOCK) == 0 { Ok(kind & TYPE) } else { Err(Errno::EINVAL) }
}

/// A file that is a socket.
///
/// # Errors
/// `EBADF`, `ENOTSOCK`.
pub(super) fn get(fd: Fd) -> Result<Arc<OpenFile>, Errno> {
    let file = table::get(fd.0)?;
    if file.socket().is_some() { Ok(file) } else { Err(Errno::ENOTSOCK) }
}

/// The socket of a file that [`get`] gave.
///
/// # Errors
/// `ENOTSOCK`.
pub(super) fn of(file: &OpenFile) -> Result<&Socket, Errno> {
    file.socket().ok_or(Errno::ENOTSOCK)
}

pub(super) fn socket(_: &mut Call<'_>, family: u32, kind: Hex, protocol: u32) -> SysResult {
    let form = kind_of(kind.0)?;
    if family == family::UNIX && protocol > 1 {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let file = Socket::open(family, form, protocol)?.into_file(kind.0)?;
    table::add(file, kind.0 & o::CLOEXEC != 0)
}

pub(super) fn socketpair(_: &mut Call<'_>, family: u32, kind: Hex, protocol: u32, fds: Ptr) -> SysResult {
    let form = kind_of(kind.0)?;
    match family {
        family::UNIX if protocol > 1 => return Err(Errno::EPROTONOSUPPORT),
        family::UNIX => {}
        family::INET | family::INET6 => return Err(Errno::EOPNOTSUPP),
        _ => return Err(Errno::EAFNOSUPPORT),
    }
    let (one, two) = Socket::pair(form)?;
    add_pair(fds, one.into_file(kind.0)?, two.into_file(kind.0)?, kind.0 & o::CLOEXEC != 0)
}

pub(super) fn bind(_: &mut Call<'_>, fd: Fd, at: Ptr, len: u32) -> SysResult {
    let file = get(fd)?;
    of(&file)?.bind(&address::read(at.0, len)?)?;
    Ok(0)
}

pub(super) fn listen(_: &mut Call<'_>, fd: Fd, backlog: u32) -> SysResult {
    let file = get(fd)?;
    let socket = of(&file)?;
    sockets().socket_listen(socket.handle(), backlog).map_err(|error| match error {
        PalError::NoDestination => Errno::EINVAL,
        other => errno(other),
    })?;
    Ok(0)
}

pub(super) fn connect(call: &mut Call<'_>, fd: Fd, at: Ptr, len: u32) -> SysResult {
    let file = get(fd)?;
    let socket = of(&file)?;
    let peer = socket.meant(&address::read(at.0, len)?)?;
    let deadline = socket.deadline(Direction::Send);
    let why = if socket.family == family::UNIX { unix::connect_errno } else { errno };
    let result = interruptible(call.thread, || {
        socket.host.apply_blocking(file.slot.flags());
        let made = sockets().socket_connect(socket.handle(), peer.as_slice().into(), peer.len(), deadline);
        if made == Err(PalError::Interrupted) {
            crate::pal::note_ring();
        }
        match made.map_err(why)? {
            Status::Pending => Err(Errno::EINPROGRESS),
            _ => Ok(0),
        }
    });
    socket.interrupted(Direction::Send, result)
}

pub(super) fn accept(call: &mut Call<'_>, fd: Fd, at: Ptr, len_at: Ptr) -> SysResult {
    accept4(call, fd, at, len_at, Hex(0))
}

pub(super) fn accept4(call: &mut Call<'_>, fd: Fd, at: Ptr, len_at: Ptr, flags: Hex) -> SysResult {
    if flags.0 & !(o::CLOEXEC | o::NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = get(fd)?;
    let socket = of(&file)?;
    let client = socket.interrupted(Direction::Receive, wait_for_client(call, &file, socket))?;
    let peer = if at.0 == 0 { None } else { Some(client.name(socket_name::PEER)) };
    let new = table::add(client.into_file(flags.0)?, flags.0 & o::CLOEXEC != 0)?;
    let told = match peer {
        None => Ok(()),
        // It has gone again.
        Some(Err(_)) => Err(Errno::ECONNABORTED),
        Some(Ok(peer)) => address::write(&peer, at.0, len_at.0),
    };
    if let Err(error) = told {
        table::close(new)?;
        return Err(error);
    }
    Ok(new)
}

fn wait_for_client(call: &Call<'_>, file: &OpenFile, socket: &Socket) -> Result<Socket, Errno> {
    let nonblocking = file.slot.flags() & o::NONBLOCK != 0;
    if nonblocking || socket.limit(Direction::Receive) == 0 {
        let client = interruptible(call.thread, || net::accept(socket, file.slot.flags()))?;
        return client.ok_or(Errno::EAGAIN);
    }
    let deadline = socket.deadline(Direction::Receive);
    loop {
        if let Some(client) = net::accept(socket, file.slot.flags() | o::NONBLOCK)? {
            return Ok(client);
        }
        if crate::pal::now() >= deadline {
            return Err(Errno::EAGAIN);
        }
        let readable = socket.host.event(event::READABLE).ok_or(Errno::EINVAL)?;
        sleep(call.thread, &[readable], deadline)?;
    }
}

fn name(fd: Fd, which: u32, at: Ptr, len_at: Ptr) -> SysResult {
    let file = get(fd)?;
    address::write(&of(&file)?.name(which)?, at.0, len_at.0)?;
    Ok(0)
}

pub(super) fn getsockname(_: &mut Call<'_>, fd: Fd, at: Ptr, len_at: Ptr) -> SysResult {
    name(fd, socket_name::LOCAL, at, len_at)
}

pub(super) fn getpeername(_: &mut Call<'_>, fd: Fd, at: Ptr, len_at: Ptr) -> SysResult {
    name(fd, socket_name::PEER, at, len_at)
}

pub(super) fn shutdown(_: &mut Call<'_>, fd: Fd, how: u32) -> SysResult {
    let file = get(fd)?;
    let mode = match how {
        0 => delete::READ,
        1 => delete::WRITE,
        2 => delete::ALL,
        _ => return Err(Errno::EINVAL),
    };
    pal().stream_delete(of(&file)?.handle(), mode).map_err(errno)?;
    Ok(0)
}

/// Words that each call of socketcall(2) takes, by its number.
const WORDS: [usize; 21] = [0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4];

pub(super) fn socketcall(call: &mut Call<'_>, which: u32, args: Ptr) -> SysResult {
    let count = WORDS.get(which as usize).filter(|_| which > 0).ok_or(Errno::EINVAL)?;
    let mut w = [0; 6];
    for (n, word) in (0u32..).zip(&mut w[..*count]) {
        *word = user::read_u32(args.0.wrapping_add(4 * n))?;
    }
    let fd = Fd(w[0]);
    match which {
        1 => socket(call, w[0], Hex(w[1]), w[2]),
        2 => bind(call, fd, Ptr(w[1]), w[2]),
        3 => connect(call, fd, Ptr(w[1]), w[2]),
        4 => listen(call, fd, w[1]),
        5 => accept(call, fd, Ptr(w[1]), Ptr(w[2])),
        6 => getsockname(call, fd, Ptr(w[1]), Ptr(w[2])),
        7 => getpeername(call, fd, Ptr(w[1]), Ptr(w[2])),
        8 => socketpair(call, w[0], Hex(w[1]), w[2], Ptr(w[3])),
        9 => message::sendto(call, fd, Ptr(w[1]), w[2], Hex(w[3]), Ptr(0), 0),
        10 => message::recvfrom(call, fd, Ptr(w[1]), w[2], Hex(w[3]), Ptr(0), Ptr(0)),
        11 => message::sendto(call, fd, Ptr(w[1]), w[2], Hex(w[3]), Ptr(w[4]), w[5]),
        12 => message::recvfrom(call, fd, Ptr(w[1]), w[2], Hex(w[3]), Ptr(w[4]), Ptr(w[5])),
        13 => shutdown(call, fd, w[1]),
        14 => sockopt::setsockopt(call, fd, w[1], w[2], Ptr(w[3]), w[4]),
        15 => sockopt::getsockopt(call, fd, w[1], w[2], Ptr(w[3]), Ptr(w[4])),
        16 => message::sendmsg(call, fd, Ptr(w[1]), Hex(w[2])),
        17 => message::recvmsg(call, fd, Ptr(w[1]), Hex(w[2])),
        18 => accept4(call, fd, Ptr(w[1]), Ptr(w[2]), Hex(w[3])),
        19 => message::recvmmsg(call, fd, Ptr(w[1]), w[2], Hex(w[3]), Ptr(w[4])),
        _ => message::sendmmsg(call, fd, Ptr(w[1]), w[2], Hex(w[3])),
    }
}
