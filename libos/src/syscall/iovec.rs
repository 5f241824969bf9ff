//! readv(2), writev(2), preadv(2), pwritev(2).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Call;
use super::arg::{Fd, Ptr, wide};
use super::read::broken;
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{HostFile, OpenFile};
use crate::fs::poll::until_ready;
use crate::fs::table;
use crate::signal::{interruptible, job};

const MAX: u32 = 1024;

/// The pieces of an I/O vector: address and length.
fn pieces(list: Ptr, count: u32) -> Result<Vec<(u32, u32)>, Errno> {
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
enum Direction {
    Read,
    Write,
}

/// The most that is gathered for one transfer of a stream: what a pipe holds.
const STREAM_MAX: u32 = 65536;

/// A stream gets, or gives, all pieces in one transfer, so that messages stay whole.
fn whole(call: &Call<'_>, file: &OpenFile, pieces: &[(u32, u32)], direction: Direction) -> SysResult {
    let total = pieces.iter().map(|(_, len)| *len).sum::<u32>().min(STREAM_MAX);
    let mut buffer = alloc::vec![0; total as usize];
    if direction == Direction::Write {
        let mut at = 0;
        for &(base, len) in pieces {
            let len = (len as usize).min(buffer.len() - at);
            user::read(base, &mut buffer[at..at + len])?;
            at += len;
        }
        return interruptible(call.thread, || {
            job::before_write(call.thread, file)?;
            file.write_bytes(&buffer)
        });
    }
    let got = interruptible(call.thread, || {
        job::before_read(call.thread, file)?;
        file.read_bytes(&mut buffer)
    })?;
    let mut rest = buffer.get(..got as usize).unwrap_or(&[]);
    for &(base, len) in pieces {
        let (now, later) = rest.split_at(rest.len().min(len as usize));
        user::write(base, now)?;
        rest = later;
    }
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
