//! sendfile(2), copy_file_range(2).

use super::Call;
use super::arg::{Fd, Hex, Ptr};
use super::read::broken;
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{Object, OpenFile, o};
use crate::fs::table;
use crate::signal::interruptible;

const PIECE: u32 = 32 * 1024;

/// Copies at most `count` bytes, from an offset of the input that moves.
fn transfer(call: &Call<'_>, out: &OpenFile, input: &OpenFile, at: &mut u64, count: u32) -> SysResult {
    let mut buffer = alloc::vec![0; PIECE as usize];
    let mut done = 0u32;
    while done < count {
        let want = (count - done).min(PIECE) as usize;
        let got = match input.read_at(*at, &mut buffer[..want]) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        };
        let mut sent = 0;
        while sent < got {
            let piece = &buffer[sent as usize..got as usize];
            match interruptible(call.thread, || out.write_bytes(piece)) {
                Ok(n) => sent += n,
                Err(error) if done + sent == 0 => return Err(error),
                Err(_) => {
                    *at += u64::from(sent);
                    return Ok(done + sent);
                }
            }
        }
        *at += u64::from(got);
        done += got;
    }
    Ok(done)
}

fn send(call: &Call<'_>, out: Fd, input: Fd, given: Option<u64>, count: u32) -> Result<(u32, u64), Errno> {
    let (out, input) = (table::get(out.0)?, table::get(input.0)?);
    if !out.writable || !input.readable {
        return Err(Errno::EBADF);
    }
    let readable_at = match &input.object {
        Object::Host(host) => host.seekable,
        Object::Text(_) => true,
        _ => false,
    };
    if !readable_at {
        return Err(if given.is_some() { Errno::ESPIPE } else { Errno::EINVAL });
    }
    if out.slot.flags() & o::APPEND != 0 {
        return Err(Errno::EINVAL);
    }
    let count = count.min(crate::fs::file::MAX_TRANSFER);
    let mut at = given.unwrap_or_else(|| input.slot.offset().get());
    let done = broken(transfer(call, &out, &input, &mut at, count))?;
    if given.is_none() {
        input.slot.offset().set(at);
    }
    Ok((done, at))
}

pub(super) fn sendfile(call: &mut Call<'_>, out: Fd, input: Fd, offset: Ptr, count: u32) -> SysResult {
    if offset.0 == 0 {
        return Ok(send(call, out, input, None, count)?.0);
    }
    let at = u64::from(user::read_u32(offset.0)?);
    let (done, at) = send(call, out, input, Some(at), count)?;
    user::write_u32(offset.0, u32::try_from(at).map_err(|_| Errno::EOVERFLOW)?)?;
    Ok(done)
}

pub(super) fn sendfile64(call: &mut Call<'_>, out: Fd, input: Fd, offset: Ptr, count: u32) -> SysResult {
    if offset.0 == 0 {
        return Ok(send(call, out, input, None, count)?.0);
    }
    let at = user::read_u64(offset.0)?;
    let (done, at) = send(call, out, input, Some(at), count)?;
    user::write_u64(offset.0, at)?;
    Ok(done)
}

pub(super) fn copy_file_range(
    call: &mut Call<'_>,
    input: Fd,
    in_off: Ptr,
    out: Fd,
    out_off: Ptr,
    len: u32,
    flags: Hex,
) -> SysResult {
    if flags.0 != 0 {
        return Err(Errno::EINVAL);
    }
    let (from, to) = (table::get(input.0)?, table::get(out.0)?);
    if !from.readable || !to.writable || to.slot.flags() & o::APPEND != 0 {
        return Err(Errno::EBADF);
    }
    for file in [&from, &to] {
        match file.host() {
            Some(host) if host.seekable => {}
            _ if matches!(file.object, Object::Directory(_)) => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
    }
    let given = |at: Ptr| if at.0 == 0 { Ok(None) } else { user::read_u64(at.0).map(Some) };
    let (in_at, out_at) = (given(in_off)?, given(out_off)?);
    let mut at = in_at.unwrap_or_else(|| from.slot.offset().get());
    // The output's offset serves as the place to write, and goes back where one was given.
    let kept = to.slot.offset().get();
    if let Some(place) = out_at {
        to.slot.offset().set(place);
    }
    let result = transfer(call, &to, &from, &mut at, len.min(crate::fs::file::MAX_TRANSFER));
    let out_end = to.slot.offset().get();
    if out_at.is_some() {
        to.slot.offset().set(kept);
    }
    let done = result?;
    match in_at {
        Some(_) => user::write_u64(in_off.0, at)?,
        None => from.slot.offset().set(at),
    }
    if out_at.is_some() {
        user::write_u64(out_off.0, out_end)?;
    }
    Ok(done)
}
