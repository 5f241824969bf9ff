//! epoll_create(2), epoll_ctl(2), epoll_wait(2) and their variants.

use pal_abi::flags::NEVER;

use super::Call;
use super::arg::{Fd, Hex, Ptr};
use super::poll::{deadline_of, read_mask, with_mask};
use super::time::Form;
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::epoll::{self, EpollEvent, op};
use crate::fs::file::{Object, o};
use crate::fs::table;
use crate::pal::now;
use crate::signal::set::SigSet;

/// Bytes of `struct epoll_event` on i386.
const SIZE: u32 = 12;
/// The most events one call gives (`EP_MAX_EVENTS`).
const EVENTS_MAX: i32 = i32::MAX / 12;

pub(super) fn epoll_create(call: &mut Call<'_>, size: i32) -> SysResult {
    if size <= 0 { Err(Errno::EINVAL) } else { epoll_create1(call, Hex(0)) }
}

pub(super) fn epoll_create1(_: &mut Call<'_>, flags: Hex) -> SysResult {
    if flags.0 & !o::CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    table::add(epoll::open()?, flags.0 & o::CLOEXEC != 0)
}

pub(super) fn epoll_ctl(_: &mut Call<'_>, set: Fd, operation: u32, fd: Fd, event: Ptr) -> SysResult {
    let mut wanted = EpollEvent { events: 0, data: 0 };
    if operation != op::DEL {
        let [a, b, c, d, data @ ..] = user::read_array::<{ SIZE as usize }>(event.0)?;
        wanted = EpollEvent { events: u32::from_le_bytes([a, b, c, d]), data: u64::from_le_bytes(data) };
    }
    let (set, file) = (usable(set)?, usable(fd)?);
    epoll::control(&set, operation, fd.0, &file, wanted)?;
    Ok(0)
}

/// The file of a descriptor, were it not opened for its name only.
fn usable(fd: Fd) -> Result<alloc::sync::Arc<crate::fs::file::OpenFile>, Errno> {
    table::get(fd.0).and_then(|file| match file.object {
        Object::Path(_) => Err(Errno::EBADF),
        _ => Ok(file),
    })
}

fn wait(
    call: &mut Call<'_>,
    set: Fd,
    events: Ptr,
    max: i32,
    deadline: u64,
    mask: Option<SigSet>,
) -> SysResult {
    with_mask(call, mask, |call| {
        if max <= 0 || max > EVENTS_MAX {
            return Err(Errno::EINVAL);
        }
        let max = max.unsigned_abs();
        let file = usable(set)?;
        let Object::Epoll(epoll) = &file.object else { return Err(Errno::EINVAL) };
        // No handler makes it go on.
        let found = epoll.wait(call.thread, max as usize, deadline).map_err(|error| match error {
            Errno::ERESTARTSYS => Errno::EINTR,
            other => other,
        })?;
        let mut done = 0;
        for event in found {
            let at = events.0.wrapping_add(done * SIZE);
            let mut bytes = [0; SIZE as usize];
            bytes[..4].copy_from_slice(&event.events.to_le_bytes());
            bytes[4..].copy_from_slice(&event.data.to_le_bytes());
            match user::write(at, &bytes) {
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
                Ok(()) => done += 1,
            }
        }
        Ok(done)
    })
}

/// When a wait of some milliseconds ends.
fn deadline_ms(timeout: i32) -> u64 {
    match u64::try_from(timeout) {
        Ok(0) => 0,
        Ok(ms) => now() + ms * 1_000_000,
        Err(_) => NEVER,
    }
}

pub(super) fn epoll_wait(call: &mut Call<'_>, set: Fd, events: Ptr, max: i32, timeout: i32) -> SysResult {
    wait(call, set, events, max, deadline_ms(timeout), None)
}

pub(super) fn epoll_pwait(
    call: &mut Call<'_>,
    set: Fd,
    events: Ptr,
    max: i32,
    timeout: i32,
    mask: Ptr,
    size: u32,
) -> SysResult {
    let mask = read_mask(mask, size)?;
    wait(call, set, events, max, deadline_ms(timeout), mask)
}

pub(super) fn epoll_pwait2(
    call: &mut Call<'_>,
    set: Fd,
    events: Ptr,
    max: i32,
    timeout: Ptr,
    mask: Ptr,
    size: u32,
) -> SysResult {
    let deadline = deadline_of(timeout, Form::Wide)?;
    let mask = read_mask(mask, size)?;
    wait(call, set, events, max, deadline, mask)
}
