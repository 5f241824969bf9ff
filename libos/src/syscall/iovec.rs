//! readv(2), writev(2), preadv(2), pwritev(2).

use alloc::sync::Arc;
use alloc::vec::Vec;

use pal_abi::Pal as _;

use super::Call;
use super::arg::{Fd, Hex, Ptr, wide};
use super::message;
use super::read::broken;
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{HostFile, OpenFile};
use crate::fs::poll::until_ready;
use crate::fs::table;
use crate::pal::pal;
use crate::signal::{self, interruptible, job};

const MAX: u32 = 1024;

/// The pieces of an I/O vector: address and length.
pub(super) fn pieces(list: Ptr, count: u32) -> Result<Vec<(u32, u32)>, Errno> {
    if count > MAX {
        return Err(Errno::EINVAL);
    }
    let mut all = Vec::new();
    let mut total = 0u32;
    for n in 0..count {
        let at = list.0.wrapping_add(n * 8);
        let (base, len) = (user::read_u32(at)?, user::read_u32(at.wrapping_add(4))?);
        total = total.checked_add(len).filter(|sum| *sum <= 0x7fff_ffff).ok_or(Errno::EINVAL)?;
        all.push((base, len));
    }
    Ok(all)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

/// The bytes of pieces, at most `max`, without the first `skip`.
///
/// # Errors
/// `EFAULT`.
pub(super) fn gather(pieces: &[(u32, u32)], skip: u32, max: u32) -> Result<Vec<u8>, Errno> {
    let total = pieces.iter().map(|(_, len)| *len).sum::<u32>().saturating_sub(skip).min(max);
    let (mut bytes, mut skip, mut at) = (alloc::vec![0; total as usize], skip, 0);
    for &(base, len) in pieces {
        let over = skip.min(len);
        skip -= over;
        let count = ((len - over) as usize).min(bytes.len() - at);
        user::read(base.wrapping_add(over), &mut bytes[at..at + count])?;
        at += count;
    }
    Ok(bytes)
}

/// Stores bytes in pieces.
///
/// # Errors
/// `EFAULT`.
pub(super) fn scatter(pieces: &[(u32, u32)], bytes: &[u8]) -> Result<(), Errno> {
    let mut rest = bytes;
    for &(base, len) in pieces {
        let (now, later) = rest.split_at(rest.len().min(len as usize));
        user::write(base, now)?;
        rest = later;
    }
    Ok(())
}

/// The most that is gathered for one transfer of a stream: what a pipe holds.
const STREAM_MAX: u32 = 65536;

/// A stream gets, or gives, all pieces in one transfer, so that messages stay whole.
fn whole(call: &Call<'_>, file: &OpenFile, pieces: &[(u32, u32)], direction: Direction) -> SysResult {
    if direction == Direction::Write {
        let buffer = gather(pieces, 0, STREAM_MAX)?;
        let len = u32::try_from(buffer.len()).map_err(|_| Errno::EINVAL)?;
        return signal::whole(call.thread, len, |from| {
            job::before_write(call.thread, file)?;
            file.write_bytes(buffer.get(from as usize..).unwrap_or(&[]))
        });
    }
    let total = pieces.iter().map(|(_, len)| *len).sum::<u32>().min(STREAM_MAX);
    let mut buffer = alloc::vec![0; total as usize];
    let got = interruptible(call.thread, || {
        job::before_read(call.thread, file)?;
        file.read_bytes(&mut buffer)
    })?;
    scatter(pieces, buffer.get(..got as usize).unwrap_or(&[]))?;
    Ok(got)
}

fn each(
    call: &Call<'_>,
    file: &Arc<OpenFile>,
    pieces: &[(u32, u32)],
    at: Option<u64>,
    direction: Direction,
) -> SysResult {
    let step = match direction {
        Direction::Read => OpenFile::read,
        Direction::Write => OpenFile::write,
    };
    let usable = match direction {
        Direction::Read => file.readable,
        Direction::Write => file.writable,
    };
    if file.socket().is_some() && at.is_none() {
        return message::transfer(call, file, pieces, direction);
    }
    // What is added to a counter must come in one piece.
    let is_gathered = |host: &HostFile| {
        !host.seekable && (direction == Direction::Read || host.kind != pal_abi::flags::node::COUNTER)
    };
    if usable && at.is_none() && pieces.len() > 1 && file.host().is_some_and(is_gathered) {
        return whole(call, file, pieces, direction);
    }
    let mut done = 0;
    if pieces.iter().all(|(_, len)| *len == 0) {
        return step(file, at, 0, 0);
    }
    for &(base, len) in pieces.iter().filter(|(_, len)| *len > 0) {
        let at = at.map(|at| at + u64::from(done));
        let moved = if done == 0 {
            until_ready(call.thread, file, || interruptible(call.thread, || step(file, at, base, len)))?
        } else {
            // What has been moved counts; an error shows at the next call.
            match step(file, at, base, len) {
                Ok(moved) => moved,
                Err(_) => break,
            }
        };
        done += moved;
        if moved < len {
            break;
        }
    }
    Ok(done)
}

pub(super) fn readv(call: &mut Call<'_>, fd: Fd, list: Ptr, count: u32) -> SysResult {
    let file = table::get(fd.0)?;
    each(call, &file, &pieces(list, count)?, None, Direction::Read)
}

pub(super) fn writev(call: &mut Call<'_>, fd: Fd, list: Ptr, count: u32) -> SysResult {
    let file = table::get(fd.0)?;
    broken(each(call, &file, &pieces(list, count)?, None, Direction::Write))
}

pub(super) fn preadv(call: &mut Call<'_>, fd: Fd, list: Ptr, count: u32, low: u32, high: u32) -> SysResult {
    let file = table::get(fd.0)?;
    each(call, &file, &pieces(list, count)?, Some(wide(low, high)), Direction::Read)
}

pub(super) fn pwritev(call: &mut Call<'_>, fd: Fd, list: Ptr, count: u32, low: u32, high: u32) -> SysResult {
    let file = table::get(fd.0)?;
    each(call, &file, &pieces(list, count)?, Some(wide(low, high)), Direction::Write)
}

/// What a transfer may be asked for: to be urgent, and to be durable at its end, which is done by syncing.
mod rwf {
    pub(super) const HIPRI: u32 = 1;
    pub(super) const DSYNC: u32 = 2;
    pub(super) const SYNC: u32 = 4;
}

/// The offset of a form where −1 means the file's own.
fn offset(low: u32, high: u32) -> Option<u64> {
    Some(wide(low, high)).filter(|at| *at != u64::MAX)
}

pub(super) fn preadv2(
    call: &mut Call<'_>,
    fd: Fd,
    list: Ptr,
    count: u32,
    low: u32,
    high: u32,
    flags: Hex,
) -> SysResult {
    let file = table::get(fd.0)?;
    if flags.0 & !(rwf::HIPRI | rwf::DSYNC | rwf::SYNC) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    each(call, &file, &pieces(list, count)?, offset(low, high), Direction::Read)
}

pub(super) fn pwritev2(
    call: &mut Call<'_>,
    fd: Fd,
    list: Ptr,
    count: u32,
    low: u32,
    high: u32,
    flags: Hex,
) -> SysResult {
    let file = table::get(fd.0)?;
    if flags.0 & !(rwf::HIPRI | rwf::DSYNC | rwf::SYNC) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let done = broken(each(call, &file, &pieces(list, count)?, offset(low, high), Direction::Write))?;
    if flags.0 & (rwf::DSYNC | rwf::SYNC) != 0
        && let Some(host) = file.host().filter(|host| host.seekable)
    {
        pal().stream_flush(host.handle.get())?;
    }
    Ok(done)
}
