//! send(2), recv(2) and their relatives: sendto, recvfrom, sendmsg, recvmsg, sendmmsg, recvmmsg.

use alloc::vec::Vec;

use pal_abi::arg::{InBytes, OutBytes};
use pal_abi::flags::{NEVER, control, message as bits};

use super::Call;
use super::arg::{Fd, Hex, Ptr};
use super::iovec::{self, Direction as Way};
use super::network::{get, of};
use super::time::{Form, read_timespec};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{MAX_TRANSFER, OpenFile, o};
use crate::fs::table;
use crate::net::message::{Ancillary, NO_SIGNAL, Received, Record, credentials, push_record};
use crate::net::rights::{self, Parcel};
use crate::net::{Direction, SOL_SOCKET, Socket, address};
use crate::pal::now;
use crate::signal::set::SIGPIPE;
use crate::signal::{interruptible, raise, whole};
use crate::task::process::process;

/// `MSG_CMSG_COMPAT`, which no program may ask for.
const COMPAT: u32 = 0x8000_0000;
/// `MSG_CMSG_CLOEXEC`.
const CLOEXEC: u32 = 0x4000_0000;
/// `MSG_WAITFORONE`.
const WAIT_FOR_ONE: u32 = 0x1_0000;
/// Bytes of `struct msghdr`.
const HEADER: u32 = 28;
/// Bytes of an address that are looked at (`sockaddr_storage`).
const NAME_MAX: u32 = 128;
/// Bytes of `struct cmsghdr`.
const CMSG: u32 = 12;
/// Control data, at most (`net.core.optmem_max`, and room for all descriptors).
const CONTROL_MAX: u32 = 20480;
/// The most that a message of pieces has, or that a stream takes of them at a time.
const GATHER_MAX: u32 = 4 << 20;

/// `struct msghdr`.
struct Header {
    name: u32,
    name_len: u32,
    pieces: Vec<(u32, u32)>,
    control: u32,
    control_len: u32,
}

impl Header {
    fn read(at: u32) -> Result<Self, Errno> {
        let mut words = [0; 6];
        for (n, word) in (0u32..).zip(&mut words) {
            *word = user::read_u32(at.wrapping_add(4 * n))?;
        }
        let [name, name_len, list, count, control, control_len] = words;
        let pieces = iovec::pieces(Ptr(list), count)
            .map_err(|error| if count > 1024 { Errno::EMSGSIZE } else { error })?;
        if name != 0 && name_len.cast_signed() < 0 {
            return Err(Errno::EINVAL);
        }
        Ok(Self { name, name_len, pieces, control, control_len })
    }

    fn bytes(&self) -> u32 {
        self.pieces.iter().map(|(_, len)| *len).sum()
    }
}

/// Raises SIGPIPE with EPIPE, unless that is not wanted.
fn broken(result: SysResult, flags: u32) -> SysResult {
    if result == Err(Errno::EPIPE) && flags & NO_SIGNAL == 0 {
        raise(SIGPIPE);
    }
    result
}

/// Bytes to be sent.
#[derive(Clone, Copy)]
enum Bytes<'a> {
    /// The program's: address and number.
    User(u32, u32),
    /// Gathered ones.
    Own(&'a [u8]),
}

impl Bytes<'_> {
    fn len(self) -> u32 {
        match self {
            Self::User(_, len) => len,
            Self::Own(bytes) => u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        }
    }

    /// Those from an offset on.
    fn after(&self, offset: u32) -> Result<(InBytes<'_>, u32), Errno> {
        let rest = self.len() - offset;
        Ok(match self {
            Self::User(at, _) => (user::in_bytes(at.wrapping_add(offset), rest)?, rest),
            Self::Own(bytes) => (bytes.get(offset as usize..).unwrap_or(&[]).into(), rest),
        })
    }
}

fn send(
    call: &Call<'_>,
    file: &OpenFile,
    from: Bytes<'_>,
    flags: u32,
    to: &[u8],
    ancillary: &mut Ancillary,
) -> SysResult {
    let socket = of(file)?;
    let to = if to.is_empty() { Vec::new() } else { socket.meant(to)? };
    let deadline = socket.deadline(Direction::Send);
    let mut send =
        |offset| socket.send(file.slot.flags(), from.after(offset)?, flags, &to, ancillary, deadline);
    let result = if socket.is_stream() {
        whole(call.thread, from.len(), send)
    } else {
        interruptible(call.thread, || send(0))
    };
    broken(socket.interrupted(Direction::Send, result), flags)
}

pub(super) fn sendto(
    call: &mut Call<'_>,
    fd: Fd,
    buf: Ptr,
    len: u32,
    flags: Hex,
    to: Ptr,
    to_len: u32,
) -> SysResult {
    let file = get(fd)?;
    let to = if to.0 == 0 { Vec::new() } else { address::read(to.0, to_len)? };
    let len = len.min(MAX_TRANSFER);
    send(call, &file, Bytes::User(buf.0, len), flags.0, &to, &mut Ancillary::default())
}

fn receive(
    call: &Call<'_>,
    file: &OpenFile,
    (at, len): (OutBytes<'_>, u32),
    flags: u32,
    wants_control: bool,
    until: u64,
) -> Result<Received, Errno> {
    let socket = of(file)?;
    let deadline = socket.deadline(Direction::Receive).min(until);
    let result = interruptible(call.thread, || {
        socket.receive(file.slot.flags(), (at, len), flags, deadline, wants_control)
    });
    socket.interrupted(Direction::Receive, result)
}

pub(super) fn recvfrom(
    call: &mut Call<'_>,
    fd: Fd,
    buf: Ptr,
    len: u32,
    flags: Hex,
    from: Ptr,
    len_at: Ptr,
) -> SysResult {
    let file = get(fd)?;
    let len = len.min(MAX_TRANSFER);
    let got = receive(call, &file, (user::out_bytes(buf.0, len)?, len), flags.0, false, NEVER)?;
    // What nobody can take is closed.
    drop(files(&got, flags.0));
    if from.0 != 0 {
        address::write(&seen(of(&file)?, &got), from.0, len_at.0)?;
    }
    Ok(got.done)
}

fn seen(socket: &Socket, got: &Received) -> Vec<u8> {
    if got.address.is_empty() { Vec::new() } else { socket.seen(&got.address) }
}

/// What a program's control data are for the layer below.
fn ancillary(at: u32, len: u32) -> Result<Ancillary, Errno> {
    let mut result = Ancillary::default();
    if at == 0 || len == 0 {
        return Ok(result);
    }
    if len > CONTROL_MAX {
        return Err(Errno::ENOBUFS);
    }
    let mut bytes = alloc::vec![0; len as usize];
    user::read(at, &mut bytes)?;
    let mut rest = bytes.as_slice();
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..).and_then(|b| b.first_chunk::<4>()).map_or(0, |b| u32::from_le_bytes(*b))
    };
    while rest.len() >= CMSG as usize {
        let (size, level, kind) = (word(rest, 0) as usize, word(rest, 4), word(rest, 8));
        let data = rest.get(CMSG as usize..size).ok_or(Errno::EINVAL)?;
        match (level, kind) {
            (SOL_SOCKET, control::RIGHTS) => {
                if !result.parcel.is_empty() {
                    return Err(Errno::EINVAL);
                }
                let fds: Vec<u32> = data.chunks_exact(4).map(|fd| word(fd, 0)).collect();
                result.parcel = Parcel::of(&fds)?;
            }
            (SOL_SOCKET, control::CREDENTIALS) => check_credentials(data)?,
            (SOL_SOCKET, _) => return Err(Errno::EINVAL),
            _ => push_record(&mut result.records, level, kind, data),
        }
        rest = rest.get(size.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(result)
}

/// Whether the caller may say that it is these. The receiver is told who it is in any case.
fn check_credentials(data: &[u8]) -> Result<(), Errno> {
    let words: [u32; 3] = core::array::from_fn(|n| {
        data.get(4 * n..).and_then(|b| b.first_chunk()).map_or(u32::MAX, |b| u32::from_le_bytes(*b))
    });
    if data.len() != 12 {
        return Err(Errno::EINVAL);
    }
    let ids = process().ids.lock();
    let is_mine = words[0] == process().pid()
        && [ids.uid, ids.euid, ids.suid].contains(&words[1])
        && [ids.gid, ids.egid, ids.sgid].contains(&words[2]);
    if is_mine || ids.euid == 0 { Ok(()) } else { Err(Errno::EPERM) }
}

fn send_message(call: &Call<'_>, file: &OpenFile, at: u32, flags: u32) -> SysResult {
    if flags & COMPAT != 0 {
        return Err(Errno::EINVAL);
    }
    let socket = of(file)?;
    let header = Header::read(at)?;
    let to = if header.name == 0 || header.name_len == 0 {
        Vec::new()
    } else {
        address::read(header.name, header.name_len.min(NAME_MAX))?
    };
    let mut with = ancillary(header.control, header.control_len)?;
    if let [(base, len)] = header.pieces[..] {
        return send(call, file, Bytes::User(base, len), flags, &to, &mut with);
    }
    if !socket.is_stream() && header.bytes() > GATHER_MAX {
        return Err(Errno::EMSGSIZE);
    }
    let mut done = 0;
    loop {
        let bytes = iovec::gather(&header.pieces, done, GATHER_MAX)?;
        match send(call, file, Bytes::Own(&bytes), flags, &to, &mut with) {
            Ok(sent) => done += sent,
            Err(_) if done > 0 => return Ok(done),
            error => return error,
        }
        if done >= header.bytes() || file.slot.flags() & o::NONBLOCK != 0 || flags & bits::DONT_WAIT != 0 {
            return Ok(done);
        }
    }
}

pub(super) fn sendmsg(call: &mut Call<'_>, fd: Fd, at: Ptr, flags: Hex) -> SysResult {
    let file = get(fd)?;
    send_message(call, &file, at.0, flags.0)
}

/// The files that came with a message.
fn files(got: &Received, flags: u32) -> Vec<alloc::sync::Arc<OpenFile>> {
    let rights = |r: &Record<'_>| (r.level, r.kind) == (SOL_SOCKET, control::RIGHTS);
    let records = got.records().into_iter().filter(rights);
    records.flat_map(|r| rights::received(r.data, flags & bits::PEEK != 0)).collect()
}

/// Control data on their way to a program.
struct Writer {
    at: u32,
    left: u32,
    is_cut: bool,
}

impl Writer {
    /// Writes a message, or as much of it as there is room for (`put_cmsg`).
    fn put(&mut self, level: u32, kind: u32, data: &[u8]) -> Result<(), Errno> {
        let Some(room) = self.left.checked_sub(CMSG) else {
            self.is_cut = true;
            return Ok(());
        };
        let room = room.min(u32::try_from(data.len()).unwrap_or(u32::MAX));
        self.is_cut |= (room as usize) < data.len();
        let size = CMSG + room;
        for (n, word) in (0u32..).zip([size, level, kind]) {
            user::write_u32(self.at.wrapping_add(4 * n), word)?;
        }
        user::write(self.at.wrapping_add(CMSG), &data[..room as usize])?;
        let step = size.next_multiple_of(4).min(self.left);
        self.at = self.at.wrapping_add(step);
        self.left -= step;
        Ok(())
    }

    /// Gives descriptors to files, as many as there is room for; the others are closed.
    fn put_files(
        &mut self,
        files: Vec<alloc::sync::Arc<OpenFile>>,
        close_on_exec: bool,
    ) -> Result<(), Errno> {
        if files.is_empty() {
            return Ok(());
        }
        let room = (self.left.saturating_sub(CMSG) / 4) as usize;
        self.is_cut |= room < files.len();
        let mut numbers = Vec::new();
        for file in files.into_iter().take(room) {
            match table::add(file, close_on_exec) {
                Ok(fd) => numbers.extend(fd.to_le_bytes()),
                Err(_) => {
                    self.is_cut = true;
                    break;
                }
            }
        }
        if numbers.is_empty() { Ok(()) } else { self.put(SOL_SOCKET, control::RIGHTS, &numbers) }
    }
}

/// The first two words of a time, which 32-bit programs know as 32 bits wide.
fn narrow_time(data: &[u8]) -> Vec<u8> {
    data.chunks(8).take(2).flat_map(|word| word.iter().copied().take(4)).collect()
}

fn receive_message(call: &Call<'_>, file: &OpenFile, at: u32, flags: u32, until: u64) -> SysResult {
    /// `SCM_TIMESTAMP`, `SCM_TIMESTAMPNS`.
    const TIMES: [u32; 2] = [29, 35];
    if flags & COMPAT != 0 {
        return Err(Errno::EINVAL);
    }
    let socket = of(file)?;
    let header = Header::read(at)?;
    let wants_control = header.control != 0 && header.control_len != 0;
    let got = match header.pieces[..] {
        [(base, len)] => {
            receive(call, file, (user::out_bytes(base, len)?, len), flags, wants_control, until)?
        }
        _ => {
            let mut bytes = alloc::vec![0; header.bytes().min(GATHER_MAX) as usize];
            let len = u32::try_from(bytes.len()).unwrap_or(0);
            let got = receive(call, file, (bytes.as_mut_slice().into(), len), flags, wants_control, until)?;
            bytes.truncate(got.done.min(len) as usize);
            iovec::scatter(&header.pieces, &bytes)?;
            got
        }
    };
    let room = if wants_control { header.control_len } else { 0 };
    let mut writer = Writer { at: header.control, left: room, is_cut: false };
    for Record { level, kind, data } in got.records() {
        match (level, kind) {
            (SOL_SOCKET, control::RIGHTS) => {}
            (SOL_SOCKET, control::CREDENTIALS) if !socket.tells_sender() => {}
            (SOL_SOCKET, control::CREDENTIALS) => writer.put(level, kind, &credentials(data))?,
            (SOL_SOCKET, kind) if TIMES.contains(&kind) => writer.put(level, kind, &narrow_time(data))?,
            _ => writer.put(level, kind, data)?,
        }
    }
    writer.put_files(files(&got, flags), flags & CLOEXEC != 0)?;
    if header.name != 0 {
        let from = seen(socket, &got);
        let told = from.len().min(header.name_len as usize);
        user::write(header.name, &from[..told])?;
        user::write_u32(at.wrapping_add(4), u32::try_from(from.len()).unwrap_or(0))?;
    }
    let cut = if writer.is_cut { bits::CONTROL_CUT } else { 0 };
    user::write_u32(at.wrapping_add(20), room - writer.left)?;
    user::write_u32(at.wrapping_add(24), got.flags | cut | flags & CLOEXEC)?;
    Ok(got.done)
}

pub(super) fn recvmsg(call: &mut Call<'_>, fd: Fd, at: Ptr, flags: Hex) -> SysResult {
    let file = get(fd)?;
    receive_message(call, &file, at.0, flags.0, NEVER)
}

/// Bytes of `struct mmsghdr`.
const MANY: u32 = HEADER + 4;
/// Most messages of one call (`UIO_MAXIOV`).
const MESSAGES_MAX: u32 = 1024;

/// Makes a call for one message after the other; how many it made. An error counts where it is the first.
fn each(count: u32, at: u32, mut one: impl FnMut(u32, u32) -> SysResult) -> SysResult {
    for n in 0..count {
        let header = at.wrapping_add(n * MANY);
        let moved = one(n, header).and_then(|moved| {
            user::write_u32(header.wrapping_add(HEADER), moved)?;
            Ok(moved)
        });
        match moved {
            Ok(_) => {}
            Err(error) if n == 0 => return Err(error),
            Err(_) => return Ok(n),
        }
    }
    Ok(count)
}

pub(super) fn sendmmsg(call: &mut Call<'_>, fd: Fd, at: Ptr, count: u32, flags: Hex) -> SysResult {
    let file = get(fd)?;
    each(count.min(MESSAGES_MAX), at.0, |_, header| send_message(call, &file, header, flags.0))
}

fn receive_many(call: &Call<'_>, fd: Fd, at: Ptr, count: u32, flags: u32, timeout: (Ptr, Form)) -> SysResult {
    let until = match timeout.0.0 {
        0 => NEVER,
        _ => now().saturating_add(read_timespec(timeout.0, timeout.1)?),
    };
    let file = get(fd)?;
    each(count.min(MESSAGES_MAX), at.0, |n, header| {
        let more = if n > 0 && flags & WAIT_FOR_ONE != 0 { bits::DONT_WAIT } else { 0 };
        // As on Linux, the time limit is looked at between messages; it ends no wait for the first.
        if n > 0 && now() >= until {
            return Err(Errno::EAGAIN);
        }
        receive_message(call, &file, header, flags & !WAIT_FOR_ONE | more, NEVER)
    })
}

pub(super) fn recvmmsg(
    call: &mut Call<'_>,
    fd: Fd,
    at: Ptr,
    count: u32,
    flags: Hex,
    timeout: Ptr,
) -> SysResult {
    receive_many(call, fd, at, count, flags.0, (timeout, Form::Narrow))
}

pub(super) fn recvmmsg64(
    call: &mut Call<'_>,
    fd: Fd,
    at: Ptr,
    count: u32,
    flags: Hex,
    timeout: Ptr,
) -> SysResult {
    receive_many(call, fd, at, count, flags.0, (timeout, Form::Wide))
}

/// readv(2) and writev(2) on a socket: a message without anything beside its bytes.
///
/// # Errors
/// As readv(2) and writev(2).
pub(super) fn transfer(call: &Call<'_>, file: &OpenFile, pieces: &[(u32, u32)], way: Way) -> SysResult {
    match way {
        Way::Write => {
            let bytes = iovec::gather(pieces, 0, GATHER_MAX)?;
            // The caller raises SIGPIPE.
            send(call, file, Bytes::Own(&bytes), NO_SIGNAL, &[], &mut Ancillary::default())
        }
        Way::Read => {
            let total = pieces.iter().map(|(_, len)| *len).sum::<u32>().min(GATHER_MAX);
            let mut bytes = alloc::vec![0; total as usize];
            let got = receive(call, file, (bytes.as_mut_slice().into(), total), 0, false, NEVER)?;
            drop(files(&got, 0));
            iovec::scatter(pieces, bytes.get(..got.done as usize).unwrap_or(&[]))?;
            Ok(got.done)
        }
    }
}
