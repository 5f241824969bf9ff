//! stat(2) in all its forms, statfs(2).

use alloc::vec::Vec;

use pal_abi::{FsInfo, Layout as _};

use super::Call;
use super::arg::{Fd, Hex, Path, Ptr};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::OpenFile;
use crate::fs::lookup::{self, AT_FDCWD};
use crate::fs::path::Last;
use crate::fs::stat::Stat;
use crate::fs::{host, pseudo, table};
use crate::pal;

const SYMLINK_NOFOLLOW: u32 = 0x100;
const NO_AUTOMOUNT: u32 = 0x800;
const EMPTY_PATH: u32 = 0x1000;
const STATX_SYNC: u32 = 0x6000;

fn named(path: Path, last: Last) -> Result<Stat, Errno> {
    lookup::stat(&lookup::absolute(AT_FDCWD, &path.read()?)?, last)
}

fn put_old(at: Ptr, stat: &Stat) -> SysResult {
    user::write(at.0, &stat.encode_stat()?)?;
    Ok(0)
}

fn put_64(at: Ptr, stat: &Stat) -> SysResult {
    user::write(at.0, &stat.encode_stat64())?;
    Ok(0)
}

pub(super) fn stat(_: &mut Call<'_>, path: Path, at: Ptr) -> SysResult {
    put_old(at, &named(path, Last::Follow)?)
}

pub(super) fn lstat(_: &mut Call<'_>, path: Path, at: Ptr) -> SysResult {
    put_old(at, &named(path, Last::Keep)?)
}

pub(super) fn fstat(_: &mut Call<'_>, fd: Fd, at: Ptr) -> SysResult {
    put_old(at, &table::get(fd.0)?.stat()?)
}

pub(super) fn stat64(_: &mut Call<'_>, path: Path, at: Ptr) -> SysResult {
    put_64(at, &named(path, Last::Follow)?)
}

pub(super) fn lstat64(_: &mut Call<'_>, path: Path, at: Ptr) -> SysResult {
    put_64(at, &named(path, Last::Keep)?)
}

pub(super) fn fstat64(_: &mut Call<'_>, fd: Fd, at: Ptr) -> SysResult {
    put_64(at, &table::get(fd.0)?.stat()?)
}

fn at_dir(dir: Fd, path: Path, flags: u32) -> Result<Stat, Errno> {
    let may_be_empty = flags & EMPTY_PATH != 0;
    let path = if path.0 == 0 && may_be_empty { Vec::new() } else { path.read()? };
    if path.is_empty() && may_be_empty {
        return if dir.0 == AT_FDCWD {
            lookup::stat(&lookup::absolute(AT_FDCWD, b".")?, Last::Follow)
        } else {
            table::get(dir.0)?.stat()
        };
    }
    let last = if flags & SYMLINK_NOFOLLOW != 0 { Last::Keep } else { Last::Follow };
    lookup::stat(&lookup::absolute(dir.0, &path)?, last)
}

pub(super) fn fstatat64(_: &mut Call<'_>, dir: Fd, path: Path, at: Ptr, flags: Hex) -> SysResult {
    if flags.0 & !(SYMLINK_NOFOLLOW | NO_AUTOMOUNT | EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    put_64(at, &at_dir(dir, path, flags.0)?)
}

pub(super) fn statx(_: &mut Call<'_>, dir: Fd, path: Path, flags: Hex, mask: Hex, at: Ptr) -> SysResult {
    let known = SYMLINK_NOFOLLOW | NO_AUTOMOUNT | EMPTY_PATH | STATX_SYNC;
    if flags.0 & !known != 0 || flags.0 & STATX_SYNC == STATX_SYNC || mask.0 & 0x8000_0000 != 0 {
        return Err(Errno::EINVAL);
    }
    let stat = at_dir(dir, path, flags.0)?;
    user::write(at.0, &stat.encode_statx())?;
    Ok(0)
}

/// The figures of the file system an absolute path lies on.
fn info_of(path: &[u8]) -> Result<FsInfo, Errno> {
    const PROC: u64 = 0x9fa0;
    const TMPFS: u64 = 0x0102_1994;
    let resolved = lookup::resolve(path, Last::Follow)?;
    if let Some(found) = pseudo::lookup(&resolved) {
        found?;
        let kind = if crate::fs::path::is_below(&resolved, b"/proc") { PROC } else { TMPFS };
        return Ok(FsInfo { kind, block_size: 4096, fragment_size: 4096, name_max: 255, ..FsInfo::ZERO });
    }
    let node = host::open_node(&resolved, Last::Keep)?;
    match query(node.get()) {
        // A folder that exists only because something is mounted below it.
        Err(Errno::EINVAL) => {
            Ok(FsInfo { kind: TMPFS, block_size: 4096, fragment_size: 4096, name_max: 255, ..FsInfo::ZERO })
        }
        result => result,
    }
}

fn query(handle: pal_abi::Handle) -> Result<FsInfo, Errno> {
    let mut info = FsInfo::ZERO;
    let size = u32::try_from(size_of::<FsInfo>()).unwrap_or(0);
    pal::nodes().stat_fs(handle, (&mut info).into(), size)?;
    Ok(info)
}

fn info_of_file(file: &OpenFile) -> Result<FsInfo, Errno> {
    match file.handle() {
        Ok(handle) => query(handle),
        Err(_) => info_of(&file.path),
    }
}

/// `struct statfs` of 32 bits.
fn encode(info: &FsInfo) -> Result<Vec<u8>, Errno> {
    let word = |v: u64| u32::try_from(v).map_err(|_| Errno::EOVERFLOW);
    let (low, high) = (word(info.id & 0xffff_ffff)?, word(info.id >> 32)?);
    let words = [
        word(info.kind)?,
        word(info.block_size)?,
        word(info.blocks)?,
        word(info.blocks_free)?,
        word(info.blocks_available)?,
        word(info.files)?,
        word(info.files_free)?,
        low,
        high,
        word(info.name_max)?,
        word(info.fragment_size)?,
        word(info.flags)? | 0x20,
        0,
        0,
        0,
        0,
    ];
    Ok(words.iter().flat_map(|w| w.to_le_bytes()).collect())
}

/// `struct statfs64`, packed to 84 bytes on i386.
fn encode64(info: &FsInfo) -> Vec<u8> {
    let low = |v: u64| v.to_le_bytes()[..4].to_vec();
    let mut bytes = [low(info.kind), low(info.block_size)].concat();
    for wide in [info.blocks, info.blocks_free, info.blocks_available, info.files, info.files_free, info.id] {
        bytes.extend_from_slice(&wide.to_le_bytes());
    }
    for word in [info.name_max, info.fragment_size, info.flags | 0x20, 0, 0, 0, 0] {
        bytes.extend_from_slice(&low(word));
    }
    bytes
}

fn check_size(size: u32) -> Result<(), Errno> {
    if size == 84 || size == 88 { Ok(()) } else { Err(Errno::EINVAL) }
}

pub(super) fn statfs(_: &mut Call<'_>, path: Path, at: Ptr) -> SysResult {
    let info = info_of(&lookup::absolute(AT_FDCWD, &path.read()?)?)?;
    user::write(at.0, &encode(&info)?)?;
    Ok(0)
}

pub(super) fn fstatfs(_: &mut Call<'_>, fd: Fd, at: Ptr) -> SysResult {
    user::write(at.0, &encode(&info_of_file(&*table::get(fd.0)?)?)?)?;
    Ok(0)
}

pub(super) fn statfs64(_: &mut Call<'_>, path: Path, size: u32, at: Ptr) -> SysResult {
    check_size(size)?;
    let info = info_of(&lookup::absolute(AT_FDCWD, &path.read()?)?)?;
    user::write(at.0, &encode64(&info))?;
    Ok(0)
}

pub(super) fn fstatfs64(_: &mut Call<'_>, fd: Fd, size: u32, at: Ptr) -> SysResult {
    check_size(size)?;
    user::write(at.0, &encode64(&info_of_file(&*table::get(fd.0)?)?))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statfs64_is_packed() {
        assert_eq!(encode64(&FsInfo::ZERO).len(), 84);
        assert_eq!(encode(&FsInfo::ZERO).map(|b| b.len()), Ok(64));
    }
}
