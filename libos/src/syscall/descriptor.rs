//! dup(2), fcntl(2), pipe(2), flock(2), fsync(2), fallocate(2), posix_fadvise(2).

use alloc::sync::Arc;

use pal_abi::flags::{hole, lock as locks, lock_kind};
use pal_abi::{LockRange, Pal as _, PalError};

use super::Call;
use super::arg::{Fd, Hex, Ptr, wide};
use super::memfd;
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{Object, OpenFile, o};
use crate::fs::pipe as pipes;
use crate::fs::table::{self, Entry};
use crate::pal::{self, pal};
use crate::signal::interruptible;
use crate::task::process::process;

pub(super) fn dup(_: &mut Call<'_>, fd: Fd) -> SysResult {
    table::add(table::get(fd.0)?, false)
}

pub(super) fn dup2(call: &mut Call<'_>, old: Fd, new: Fd) -> SysResult {
    if old == new {
        table::get(old.0)?;
        return Ok(new.0);
    }
    dup3(call, old, new, Hex(0))
}

pub(super) fn dup3(_: &mut Call<'_>, old: Fd, new: Fd, flags: Hex) -> SysResult {
    if flags.0 & !o::CLOEXEC != 0 || old == new {
        return Err(Errno::EINVAL);
    }
    let file = table::get(old.0)?;
    if new.0 >= process().limits.lock().files() {
        return Err(Errno::EBADF);
    }
    let entry = Entry { file, close_on_exec: flags.0 & o::CLOEXEC != 0 };
    let replaced = process().files.lock().replace(new.0, Some(entry));
    drop(replaced);
    Ok(new.0)
}

pub(super) fn pipe(call: &mut Call<'_>, fds: Ptr) -> SysResult {
    pipe2(call, fds, Hex(0))
}

pub(super) fn pipe2(_: &mut Call<'_>, fds: Ptr, flags: Hex) -> SysResult {
    if flags.0 & !(o::CLOEXEC | o::NONBLOCK | o::DIRECT) != 0 {
        return Err(Errno::EINVAL);
    }
    let (reader, writer) = pipes::pipe(flags.0 & o::NONBLOCK)?;
    add_pair(fds, reader, writer, flags.0 & o::CLOEXEC != 0)
}

/// Gives two files descriptors and stores those.
pub(super) fn add_pair(fds: Ptr, one: Arc<OpenFile>, two: Arc<OpenFile>, close_on_exec: bool) -> SysResult {
    let one = table::add(one, close_on_exec)?;
    let stored = table::add(two, close_on_exec).and_then(|two| {
        let stored = user::write_u32(fds.0, one).and_then(|()| user::write_u32(fds.0.wrapping_add(4), two));
        if stored.is_err() {
            table::close(two)?;
        }
        stored
    });
    if let Err(error) = stored {
        table::close(one)?;
        return Err(error);
    }
    Ok(0)
}

pub(super) fn fcntl(call: &mut Call<'_>, fd: Fd, command: u32, arg: Hex) -> SysResult {
    // The 64-bit locks came with fcntl64.
    if (12..=14).contains(&command) { Err(Errno::EINVAL) } else { fcntl64(call, fd, command, arg) }
}

pub(super) fn fcntl64(call: &mut Call<'_>, fd: Fd, command: u32, arg: Hex) -> SysResult {
    const DUPFD: u32 = 0;
    const DUPFD_CLOEXEC: u32 = 1030;
    let file = table::get(fd.0)?;
    let path_only = matches!(file.object, Object::Path(_));
    if path_only && !matches!(command, DUPFD | DUPFD_CLOEXEC | 1..=3) {
        return Err(Errno::EBADF);
    }
    match command {
        DUPFD | DUPFD_CLOEXEC => {
            let limit = process().limits.lock().files();
            let entry = Entry { file, close_on_exec: command == DUPFD_CLOEXEC };
            process().files.lock().insert(entry, arg.0, limit)
        }
        1 => Ok(u32::from(process().files.lock().entry(fd.0)?.close_on_exec)),
        2 => {
            process().files.lock().entry(fd.0)?.close_on_exec = arg.0 & 1 != 0;
            Ok(0)
        }
        3 => Ok(file.slot.flags()),
        4 => {
            file.slot.set_flags(file.slot.flags() & !o::SETTABLE | arg.0 & o::SETTABLE);
            Ok(0)
        }
        5..=7 => lock_range(call, &file, command, Ptr(arg.0), Form::Old),
        12..=14 => lock_range(call, &file, command - 7, Ptr(arg.0), Form::New),
        36..=38 if user::read_u32(arg.0.wrapping_add(20))? != 0 => Err(Errno::EINVAL),
        36..=38 => lock_range(call, &file, command - 31, Ptr(arg.0), Form::New),
        // Owner and signal of asynchronous input: there is none.
        8 | 10 => Ok(0),
        9 | 11 => Ok(0),
        15 => Ok(0),
        16 => {
            user::write_u64(arg.0, 0)?;
            Ok(0)
        }
        1024..=1025 => Err(Errno::EINVAL),
        1031 | 1032 if file.host().is_some_and(|h| h.kind == pal_abi::flags::node::FIFO) => Ok(65536),
        1031 | 1032 => Err(Errno::EBADF),
        1033 => memfd::add_seals(&file, arg.0),
        1034 => memfd::seals(&file),
        _ => Err(Errno::EINVAL),
    }
}

/// The two forms of `struct flock`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Old,
    New,
}

fn lock_range(call: &mut Call<'_>, file: &OpenFile, command: u32, at: Ptr, form: Form) -> SysResult {
    const GETLK: u32 = 5;
    const SETLKW: u32 = 7;
    let head = user::read_u32(at.0)?;
    let (kind, whence) = (head & 0xffff, head >> 16);
    let signed = |offset: u32| -> Result<i64, Errno> {
        match form {
            Form::Old => Ok(i64::from(user::read_u32(at.0.wrapping_add(4 + offset / 2))?.cast_signed())),
            Form::New => Ok(user::read_u64(at.0.wrapping_add(4 + offset))?.cast_signed()),
        }
    };
    let (start, mut len) = (signed(0)?, signed(8)?);
    let base = match whence {
        0 => 0,
        1 => file.slot.offset().get(),
        2 => file.stat()?.size,
        _ => return Err(Errno::EINVAL),
    };
    let mut start = base.checked_add_signed(start).ok_or(Errno::EINVAL)?;
    if len < 0 {
        start = start.checked_add_signed(len).ok_or(Errno::EINVAL)?;
        len = -len;
    }
    let kind = match kind {
        0 if !file.readable && command != GETLK => return Err(Errno::EBADF),
        1 if !file.writable && command != GETLK => return Err(Errno::EBADF),
        0 => lock_kind::READ,
        1 => lock_kind::WRITE,
        2 => lock_kind::UNLOCKED,
        _ => return Err(Errno::EINVAL),
    };
    let handle = file.handle().map_err(|_| Errno::EINVAL)?;
    let mut range = LockRange { kind, owner: 0, start, length: len.unsigned_abs() };
    let what = match command {
        GETLK => locks::TEST,
        SETLKW => locks::WAIT,
        _ => locks::TRY,
    };
    let size = u32::try_from(size_of::<LockRange>()).unwrap_or(0);
    interruptible(call.thread, || {
        pal::nodes().lock(handle, what, (&mut range).into(), size).map_err(|e| match e {
            PalError::WouldBlock => Errno::EAGAIN,
            other => other.into(),
        })
    })?;
    if command == GETLK {
        if range.kind == lock_kind::UNLOCKED {
            user::write(at.0, &2u16.to_le_bytes())?;
        } else {
            user::write_u32(at.0, range.kind)?;
            match form {
                Form::Old => {
                    let small = |v: u64| u32::try_from(v).map_err(|_| Errno::EOVERFLOW);
                    user::write_u32(at.0.wrapping_add(4), small(range.start)?)?;
                    user::write_u32(at.0.wrapping_add(8), small(range.length)?)?;
                    user::write_u32(at.0.wrapping_add(12), range.owner)?;
                }
                Form::New => {
                    user::write_u64(at.0.wrapping_add(4), range.start)?;
                    user::write_u64(at.0.wrapping_add(12), range.length)?;
                    user::write_u32(at.0.wrapping_add(20), range.owner)?;
                }
            }
        }
    }
    Ok(0)
}

pub(super) fn flock(call: &mut Call<'_>, fd: Fd, operation: Hex) -> SysResult {
    const NB: u32 = 4;
    let file = table::get(fd.0)?;
    let kind = match operation.0 & !NB {
        1 => lock_kind::READ,
        2 => lock_kind::WRITE,
        8 => lock_kind::UNLOCKED,
        _ => return Err(Errno::EINVAL),
    };
    let handle = file.handle().map_err(|_| Errno::EBADF)?;
    let what = locks::WHOLE | if operation.0 & NB != 0 { locks::TRY } else { locks::WAIT };
    let mut range = LockRange { kind, owner: 0, start: 0, length: 0 };
    let size = u32::try_from(size_of::<LockRange>()).unwrap_or(0);
    interruptible(call.thread, || Ok(pal::nodes().lock(handle, what, (&mut range).into(), size)?))?;
    Ok(0)
}

pub(super) fn fsync(_: &mut Call<'_>, fd: Fd) -> SysResult {
    let file = table::get(fd.0)?;
    match &file.object {
        Object::Host(host) if host.seekable => drop(pal().stream_flush(host.handle.get())?),
        Object::Directory(_) => {}
        Object::Path(_) => return Err(Errno::EBADF),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// sync_file_range(2) and syncfs(2): the descriptor is all that can be wrong.
pub(super) fn sync_file_range(_: &mut Call<'_>, fd: Fd) -> SysResult {
    table::get(fd.0)?;
    Ok(0)
}

pub(super) fn readahead(_: &mut Call<'_>, fd: Fd) -> SysResult {
    if table::get(fd.0)?.readable { Ok(0) } else { Err(Errno::EBADF) }
}

pub(super) fn fadvise(_: &mut Call<'_>, fd: Fd) -> SysResult {
    let file = table::get(fd.0)?;
    let pipe = file.host().is_some_and(|h| h.kind == pal_abi::flags::node::FIFO);
    if pipe { Err(Errno::ESPIPE) } else { Ok(0) }
}

pub(super) fn fallocate(
    _: &mut Call<'_>,
    fd: Fd,
    mode: Hex,
    low: u32,
    high: u32,
    len_low: u32,
    len_high: u32,
) -> SysResult {
    let file = table::get(fd.0)?;
    let (mut at, len) = (wide(low, high), wide(len_low, len_high));
    if len == 0 || i64::try_from(at.saturating_add(len)).is_err() {
        return Err(Errno::EINVAL);
    }
    if !file.writable {
        return Err(Errno::EBADF);
    }
    let what = match mode.0 {
        0 => hole::ALLOCATE,
        1 => hole::RESERVE,
        3 => hole::PUNCH,
        0x10 => hole::ZERO,
        _ => return Err(Errno::EOPNOTSUPP),
    };
    if !file.is_seekable() {
        return Err(if file.is_unnamed() { Errno::ENODEV } else { Errno::ESPIPE });
    }
    pal::nodes().hole(file.handle().map_err(|_| Errno::ENODEV)?, what, (&mut at).into(), len)?;
    Ok(0)
}
