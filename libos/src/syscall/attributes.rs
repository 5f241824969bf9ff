//! chmod(2), chown(2), utimensat(2), truncate(2), access(2), umask(2).

use pal_abi::flags::{attr, node, open as options};
use pal_abi::{Attr, Layout as _, Pal as _, TimeStamp};

use super::Call;
use super::arg::{Fd, Hex, Mode, Path, Ptr, wide};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::Object;
use crate::fs::lookup::{self, AT_FDCWD};
use crate::fs::path::Last;
use crate::fs::stat::{Stat, mode as kind};
use crate::fs::{host, table};
use crate::loader::exec::may_execute;
use crate::pal::{self, Owned, pal};
use crate::task::process::process;

const CWD: Fd = Fd(AT_FDCWD);
const SYMLINK_NOFOLLOW: u32 = 0x100;
const EMPTY_PATH: u32 = 0x1000;

/// A node to change: by name, or an open file's.
enum Target {
    Named(Owned),
    Open(alloc::sync::Arc<crate::fs::file::OpenFile>),
}

impl Target {
    fn set(&self, change: &Attr, mask: u32) -> SysResult {
        let handle = match self {
            Self::Named(handle) => handle.get(),
            Self::Open(file) => file.handle()?,
        };
        pal::set_attributes(handle, change, mask)?;
        Ok(0)
    }
}

fn named(dir: Fd, path: &[u8], last: Last) -> Result<Target, Errno> {
    let at = lookup::absolute(dir.0, path)?;
    if let Some(clean) = lookup::plain(&at)
        && let Ok(node) = host::open_node(&clean, last)
    {
        return Ok(Target::Named(node));
    }
    let resolved = lookup::resolve(&at, last)?;
    if let Some(found) = crate::fs::pseudo::lookup(&resolved) {
        found?;
        return Err(Errno::EPERM);
    }
    Ok(Target::Named(host::open_node(&resolved, Last::Keep)?))
}

fn at_dir(dir: Fd, path: Path, flags: u32) -> Result<Target, Errno> {
    let path = path.read()?;
    if path.is_empty() && flags & EMPTY_PATH != 0 && dir.0 != AT_FDCWD {
        return Ok(Target::Open(table::get(dir.0)?));
    }
    let last = if flags & SYMLINK_NOFOLLOW != 0 { Last::Keep } else { Last::Follow };
    named(dir, &path, last)
}

fn with_mode(mode: Mode) -> Attr {
    let mut change = Attr::ZERO;
    change.mode = mode.0 & 0o7777;
    change
}

pub(super) fn chmod(call: &mut Call<'_>, path: Path, mode: Mode) -> SysResult {
    fchmodat(call, CWD, path, mode)
}

pub(super) fn fchmodat(_: &mut Call<'_>, dir: Fd, path: Path, mode: Mode) -> SysResult {
    named(dir, &path.read()?, Last::Follow)?.set(&with_mode(mode), attr::MODE)
}

pub(super) fn fchmod(_: &mut Call<'_>, fd: Fd, mode: Mode) -> SysResult {
    Target::Open(table::get(fd.0)?).set(&with_mode(mode), attr::MODE)
}

fn change_owner(target: &Target, uid: u32, gid: u32) -> SysResult {
    let mut change = Attr::ZERO;
    (change.uid, change.gid) = (uid, gid);
    let keep = |id: u32, bit| if id == u32::MAX { 0 } else { bit };
    target.set(&change, keep(uid, attr::UID) | keep(gid, attr::GID))
}

/// A 16-bit number: 65535 means "leave it".
const fn widen(id: u32) -> u32 {
    if id & 0xffff == 0xffff { u32::MAX } else { id & 0xffff }
}

pub(super) fn chown(_: &mut Call<'_>, path: Path, uid: u32, gid: u32) -> SysResult {
    change_owner(&named(CWD, &path.read()?, Last::Follow)?, uid, gid)
}

pub(super) fn chown16(call: &mut Call<'_>, path: Path, uid: u32, gid: u32) -> SysResult {
    chown(call, path, widen(uid), widen(gid))
}

pub(super) fn lchown(_: &mut Call<'_>, path: Path, uid: u32, gid: u32) -> SysResult {
    change_owner(&named(CWD, &path.read()?, Last::Keep)?, uid, gid)
}

pub(super) fn lchown16(call: &mut Call<'_>, path: Path, uid: u32, gid: u32) -> SysResult {
    lchown(call, path, widen(uid), widen(gid))
}

pub(super) fn fchown(_: &mut Call<'_>, fd: Fd, uid: u32, gid: u32) -> SysResult {
    change_owner(&Target::Open(table::get(fd.0)?), uid, gid)
}

pub(super) fn fchown16(call: &mut Call<'_>, fd: Fd, uid: u32, gid: u32) -> SysResult {
    fchown(call, fd, widen(uid), widen(gid))
}

pub(super) fn fchownat(_: &mut Call<'_>, dir: Fd, path: Path, uid: u32, gid: u32, flags: Hex) -> SysResult {
    if flags.0 & !(SYMLINK_NOFOLLOW | EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    change_owner(&at_dir(dir, path, flags.0)?, uid, gid)
}

/// One of the two times to set.
#[derive(Clone, Copy)]
enum Moment {
    Now,
    Omit,
    At(TimeStamp),
}

fn moment(seconds: i64, nanoseconds: u32) -> Result<Moment, Errno> {
    match nanoseconds {
        0x3fff_ffff => Ok(Moment::Now),
        0x3fff_fffe => Ok(Moment::Omit),
        0..=999_999_999 => Ok(Moment::At(TimeStamp { seconds, nanoseconds, reserved: 0 })),
        _ => Err(Errno::EINVAL),
    }
}

fn set_times(target: &Target, times: [Moment; 2]) -> SysResult {
    let (mut change, mut mask) = (Attr::ZERO, 0);
    match times[0] {
        Moment::Now => mask |= attr::ATIME_NOW,
        Moment::Omit => {}
        Moment::At(time) => (change.atime, mask) = (time, mask | attr::ATIME),
    }
    match times[1] {
        Moment::Now => mask |= attr::MTIME_NOW,
        Moment::Omit => {}
        Moment::At(time) => (change.mtime, mask) = (time, mask | attr::MTIME),
    }
    if mask == 0 { Ok(0) } else { target.set(&change, mask) }
}

fn seconds32(at: u32) -> Result<i64, Errno> {
    Ok(i64::from(user::read_u32(at)?.cast_signed()))
}

fn utimens(dir: Fd, path: Path, times: [Moment; 2], flags: u32) -> SysResult {
    if flags & !(SYMLINK_NOFOLLOW | EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    // Without a path the descriptor itself is meant.
    let target = if path.0 == 0 && dir.0 != AT_FDCWD {
        Target::Open(table::get(dir.0)?)
    } else {
        at_dir(dir, path, flags)?
    };
    set_times(&target, times)
}

pub(super) fn utimensat(_: &mut Call<'_>, dir: Fd, path: Path, times: Ptr, flags: Hex) -> SysResult {
    let mut both = [Moment::Now; 2];
    if times.0 != 0 {
        for (n, slot) in (0u32..).zip(&mut both) {
            let at = times.0.wrapping_add(n * 8);
            *slot = moment(seconds32(at)?, user::read_u32(at.wrapping_add(4))?)?;
        }
    }
    utimens(dir, path, both, flags.0)
}

pub(super) fn utimensat64(_: &mut Call<'_>, dir: Fd, path: Path, times: Ptr, flags: Hex) -> SysResult {
    let mut both = [Moment::Now; 2];
    if times.0 != 0 {
        for (n, slot) in (0u32..).zip(&mut both) {
            let at = times.0.wrapping_add(n * 16);
            *slot = moment(user::read_u64(at)?.cast_signed(), user::read_u32(at.wrapping_add(8))?)?;
        }
    }
    utimens(dir, path, both, flags.0)
}

pub(super) fn futimesat(_: &mut Call<'_>, dir: Fd, path: Path, times: Ptr) -> SysResult {
    let mut both = [Moment::Now; 2];
    if times.0 != 0 {
        for (n, slot) in (0u32..).zip(&mut both) {
            let at = times.0.wrapping_add(n * 8);
            let micros = user::read_u32(at.wrapping_add(4))?;
            if micros >= 1_000_000 {
                return Err(Errno::EINVAL);
            }
            *slot = moment(seconds32(at)?, micros * 1000)?;
        }
    }
    utimens(dir, path, both, 0)
}

pub(super) fn utimes(call: &mut Call<'_>, path: Path, times: Ptr) -> SysResult {
    futimesat(call, CWD, path, times)
}

pub(super) fn utime(_: &mut Call<'_>, path: Path, times: Ptr) -> SysResult {
    let mut both = [Moment::Now; 2];
    if times.0 != 0 {
        both = [moment(seconds32(times.0)?, 0)?, moment(seconds32(times.0.wrapping_add(4))?, 0)?];
    }
    utimens(CWD, path, both, 0)
}

pub(super) fn truncate(_: &mut Call<'_>, path: Path, len: i32) -> SysResult {
    truncate_to(path, u64::try_from(len).map_err(|_| Errno::EINVAL)?)
}

pub(super) fn truncate64(_: &mut Call<'_>, path: Path, low: u32, high: u32) -> SysResult {
    truncate_to(path, wide(low, high))
}

fn check_length(len: u64) -> Result<u64, Errno> {
    if i64::try_from(len).is_err() { Err(Errno::EINVAL) } else { Ok(len) }
}

fn truncate_to(path: Path, len: u64) -> SysResult {
    let len = check_length(len)?;
    let at = lookup::resolve(&lookup::absolute(AT_FDCWD, &path.read()?)?, Last::Follow)?;
    let stat = lookup::stat(&at, Last::Keep)?;
    match stat.kind() {
        kind::REGULAR => {}
        kind::DIRECTORY => return Err(Errno::EISDIR),
        _ => return Err(Errno::EINVAL),
    }
    let file = pal::open(&host::uri(&at), pal_abi::flags::access::WRITE, options::EXISTING)?;
    pal().stream_set_length(file.get(), len)?;
    Ok(0)
}

pub(super) fn ftruncate(_: &mut Call<'_>, fd: Fd, len: i32) -> SysResult {
    ftruncate_to(fd, u64::try_from(len).map_err(|_| Errno::EINVAL)?)
}

pub(super) fn ftruncate64(_: &mut Call<'_>, fd: Fd, low: u32, high: u32) -> SysResult {
    ftruncate_to(fd, wide(low, high))
}

fn ftruncate_to(fd: Fd, len: u64) -> SysResult {
    let len = check_length(len)?;
    let file = table::get(fd.0)?;
    match &file.object {
        Object::Path(_) => return Err(Errno::EBADF),
        Object::Host(host) if file.writable && (host.seekable || host.kind == node::FILE) => {}
        _ => return Err(Errno::EINVAL),
    }
    pal().stream_set_length(file.handle()?, len)?;
    Ok(0)
}

pub(super) fn access(call: &mut Call<'_>, path: Path, mode: Mode) -> SysResult {
    faccessat2(call, CWD, path, mode, Hex(0))
}

pub(super) fn faccessat(call: &mut Call<'_>, dir: Fd, path: Path, mode: Mode) -> SysResult {
    faccessat2(call, dir, path, mode, Hex(0))
}

pub(super) fn faccessat2(_: &mut Call<'_>, dir: Fd, path: Path, mode: Mode, flags: Hex) -> SysResult {
    const EACCESS: u32 = 0x200;
    if mode.0 & !7 != 0 || flags.0 & !(SYMLINK_NOFOLLOW | EMPTY_PATH | EACCESS) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = path.read()?;
    let last = if flags.0 & SYMLINK_NOFOLLOW != 0 { Last::Keep } else { Last::Follow };
    if path.is_empty() && flags.0 & EMPTY_PATH != 0 && dir.0 != AT_FDCWD {
        return permitted(&table::get(dir.0)?.stat()?, mode.0);
    }
    permitted(&lookup::stat(&lookup::absolute(dir.0, &path)?, last)?, mode.0)
}

fn permitted(stat: &Stat, wanted: u32) -> SysResult {
    const EXECUTE: u32 = 1;
    let ids = process().ids.lock().clone();
    if wanted & EXECUTE != 0 {
        let search = ids.uid == 0 && stat.kind() == kind::DIRECTORY;
        if !search && !may_execute(stat, &ids) {
            return Err(Errno::EACCES);
        }
    }
    if ids.uid == 0 {
        return Ok(0);
    }
    let shift = if ids.uid == stat.uid {
        6
    } else if ids.in_group(stat.gid) {
        3
    } else {
        0
    };
    let missing = wanted & 6 & !(stat.mode >> shift);
    if missing == 0 { Ok(0) } else { Err(Errno::EACCES) }
}

pub(super) fn umask(_: &mut Call<'_>, mask: Mode) -> SysResult {
    Ok(core::mem::replace(&mut process().fs.lock().umask, mask.0 & 0o777))
}
