//! chdir(2), fchdir(2), getcwd(2), getdents(2).

use super::Call;
use super::arg::{Fd, Path, Ptr};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::dirent::Form;
use crate::fs::file::Object;
use crate::fs::lookup::{self, AT_FDCWD};
use crate::fs::path::Last;
use crate::fs::stat::{Stat, mode};
use crate::fs::table;
use crate::task::process::process;
use alloc::vec::Vec;

fn enter(path: Vec<u8>, stat: &Stat) -> SysResult {
    if stat.kind() != mode::DIRECTORY {
        return Err(Errno::ENOTDIR);
    }
    let ids = process().ids.lock().clone();
    let shift = if ids.euid == stat.uid {
        6
    } else if ids.in_group(stat.gid) {
        3
    } else {
        0
    };
    if ids.euid != 0 && stat.mode >> shift & 1 == 0 {
        return Err(Errno::EACCES);
    }
    process().fs.lock().cwd = path;
    Ok(0)
}

pub(super) fn chdir(_: &mut Call<'_>, path: Path) -> SysResult {
    let at = lookup::absolute(AT_FDCWD, &path.read()?)?;
    let stat = lookup::stat(&at, Last::Follow)?;
    enter(lookup::resolve(&at, Last::Follow)?, &stat)
}

pub(super) fn fchdir(_: &mut Call<'_>, fd: Fd) -> SysResult {
    let file = table::get(fd.0)?;
    enter(file.path.clone(), &file.stat()?)
}

pub(super) fn getcwd(_: &mut Call<'_>, buf: Ptr, size: u32) -> SysResult {
    let mut path = process().fs.lock().cwd.clone();
    path.push(0);
    let len = u32::try_from(path.len()).map_err(|_| Errno::ERANGE)?;
    if len > size {
        return Err(Errno::ERANGE);
    }
    user::write(buf.0, &path)?;
    Ok(len)
}

fn list(fd: Fd, buf: Ptr, size: u32, form: Form) -> SysResult {
    let file = table::get(fd.0)?;
    let Object::Directory(directory) = &file.object else { return Err(Errno::ENOTDIR) };
    let room = size.min(1 << 20) as usize;
    let offset = file.slot.offset();
    let (bytes, next) = directory.read(offset.get(), form, room)?;
    user::write(buf.0, &bytes)?;
    offset.set(next);
    u32::try_from(bytes.len()).map_err(|_| Errno::EINVAL)
}

pub(super) fn getdents(_: &mut Call<'_>, fd: Fd, buf: Ptr, size: u32) -> SysResult {
    list(fd, buf, size, Form::Old)
}

pub(super) fn getdents64(_: &mut Call<'_>, fd: Fd, buf: Ptr, size: u32) -> SysResult {
    list(fd, buf, size, Form::New)
}
