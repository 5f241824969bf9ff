//! open(2), openat(2), creat(2), close(2), close_range(2).

use super::Call;
use super::arg::{Fd, Hex, Mode, Path};
use crate::error::{Errno, SysResult};
use crate::fs::file::o;
use crate::fs::lookup::{self, AT_FDCWD};
use crate::fs::{open as files, table};
use crate::signal::interruptible;
use crate::task::process::process;
use alloc::vec::Vec;

pub(super) fn openat(call: &mut Call<'_>, dir: Fd, path: Path, flags: Hex, mode: Mode) -> SysResult {
    let at = lookup::absolute(dir.0, &path.read()?)?;
    let mut flags = flags.0;
    if flags & o::PATH != 0 {
        flags &= o::PATH | o::DIRECTORY | o::NOFOLLOW | o::CLOEXEC;
    }
    let temporary = flags & o::TMPFILE == o::TMPFILE;
    let makes_a_folder = flags & (o::CREAT | o::DIRECTORY) == o::CREAT | o::DIRECTORY;
    if temporary && flags & o::ACCMODE == 0 || makes_a_folder {
        return Err(Errno::EINVAL);
    }
    let mode = mode.0 & 0o7777 & !process().fs.lock().umask;
    let file = interruptible(call.thread, || files::open(&at, flags, mode))?;
    table::add(file, flags & o::CLOEXEC != 0)
}

pub(super) fn open(call: &mut Call<'_>, path: Path, flags: Hex, mode: Mode) -> SysResult {
    openat(call, Fd(AT_FDCWD), path, flags, mode)
}

pub(super) fn creat(call: &mut Call<'_>, path: Path, mode: Mode) -> SysResult {
    openat(call, Fd(AT_FDCWD), path, Hex(o::CREAT | o::WRONLY | o::TRUNC), mode)
}

pub(super) fn close(_: &mut Call<'_>, fd: Fd) -> SysResult {
    table::close(fd.0)?;
    Ok(0)
}

pub(super) fn close_range(_: &mut Call<'_>, first: u32, last: u32, flags: Hex) -> SysResult {
    const CLOEXEC: u32 = 4;
    const UNSHARE: u32 = 2;
    if first > last || flags.0 & !(CLOEXEC | UNSHARE) != 0 {
        return Err(Errno::EINVAL);
    }
    let fds: Vec<u32> =
        process().files.lock().iter().map(|(fd, _)| fd).filter(|fd| (first..=last).contains(fd)).collect();
    for fd in fds {
        if flags.0 & CLOEXEC != 0 {
            if let Ok(entry) = process().files.lock().entry(fd) {
                entry.close_on_exec = true;
            }
        } else {
            table::close(fd)?;
        }
    }
    Ok(0)
}
