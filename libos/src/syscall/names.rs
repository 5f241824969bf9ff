//! mkdir(2), rmdir(2), unlink(2), rename(2), link(2), symlink(2), mknod(2), readlink(2).

use alloc::vec::Vec;
use pal_abi::flags::{rename as renaming, unlink as unlinking};

use super::Call;
use super::arg::{Fd, Hex, Mode, Path, Ptr};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::lookup::{self, AT_FDCWD, Unnamed, open_folder, place};
use crate::fs::path::{self, Last};
use crate::fs::pseudo::{self, Node};
use crate::fs::stat::mode as kind;
use crate::fs::{host, node, table};
use crate::pal;

const CWD: Fd = Fd(AT_FDCWD);

pub(super) fn mkdir(call: &mut Call<'_>, path: Path, mode: Mode) -> SysResult {
    mkdirat(call, CWD, path, mode)
}

pub(super) fn mkdirat(_: &mut Call<'_>, dir: Fd, path: Path, mode: Mode) -> SysResult {
    let at = lookup::absolute(dir.0, &path.read()?)?;
    node::make(&at, kind::DIRECTORY | mode.0 & 0o1777, 0)
}

pub(super) fn mknod(call: &mut Call<'_>, path: Path, mode: Mode, device: Hex) -> SysResult {
    mknodat(call, CWD, path, mode, device)
}

pub(super) fn mknodat(_: &mut Call<'_>, dir: Fd, path: Path, mode: Mode, device: Hex) -> SysResult {
    let wanted = match mode.0 & kind::TYPE {
        0 => kind::REGULAR,
        kind::DIRECTORY => return Err(Errno::EPERM),
        other => other,
    };
    let (major, minor) = (device.0 >> 8 & 0xfff, device.0 & 0xff | device.0 >> 12 & 0xfff00);
    let at = lookup::absolute(dir.0, &path.read()?)?;
    if path::wants_directory(&at) {
        return Err(Errno::ENOENT);
    }
    node::make(&at, wanted | mode.0 & 0o7777, u64::from(major) << 32 | u64::from(minor))
}

pub(super) fn unlink(call: &mut Call<'_>, path: Path) -> SysResult {
    unlinkat(call, CWD, path, Hex(0))
}

pub(super) fn rmdir(call: &mut Call<'_>, path: Path) -> SysResult {
    const REMOVEDIR: u32 = 0x200;
    unlinkat(call, CWD, path, Hex(REMOVEDIR))
}

pub(super) fn unlinkat(_: &mut Call<'_>, dir: Fd, path: Path, flags: Hex) -> SysResult {
    const REMOVEDIR: u32 = 0x200;
    if flags.0 & !REMOVEDIR != 0 {
        return Err(Errno::EINVAL);
    }
    let directory = flags.0 & REMOVEDIR != 0;
    let at = lookup::absolute(dir.0, &path.read()?)?;
    let mut place = place(&at, |what| match (directory, what) {
        (false, _) => Errno::EISDIR,
        (true, Unnamed::Root) => Errno::EBUSY,
        (true, Unnamed::Dot) => Errno::EINVAL,
        (true, Unnamed::DotDot) => Errno::ENOTEMPTY,
    })?;
    if !directory && path::wants_directory(&at) {
        let stat = lookup::stat(&place.path(), Last::Keep)?;
        return Err(if stat.kind() == kind::DIRECTORY { Errno::EISDIR } else { Errno::ENOTDIR });
    }
    let folder = open_folder(&mut place)?;
    let name = place.name.as_slice();
    let how = if directory { unlinking::DIRECTORY } else { 0 };
    pal::nodes().unlink_at(folder.get(), name.into(), name.len(), how)?;
    Ok(0)
}

pub(super) fn rename(call: &mut Call<'_>, old: Path, new: Path) -> SysResult {
    renameat2(call, CWD, old, CWD, new, Hex(0))
}

pub(super) fn renameat(call: &mut Call<'_>, old_dir: Fd, old: Path, new_dir: Fd, new: Path) -> SysResult {
    renameat2(call, old_dir, old, new_dir, new, Hex(0))
}

/// Two names in one buffer, and the length of the first.
fn both(one: &[u8], two: &[u8]) -> (Vec<u8>, u32) {
    ([one, two].concat(), u32::try_from(one.len()).unwrap_or(0))
}

pub(super) fn renameat2(
    _: &mut Call<'_>,
    old_dir: Fd,
    old: Path,
    new_dir: Fd,
    new: Path,
    flags: Hex,
) -> SysResult {
    const NOREPLACE: u32 = 1;
    const EXCHANGE: u32 = 2;
    let how = match flags.0 {
        0 => renaming::REPLACE,
        NOREPLACE => 0,
        EXCHANGE => renaming::EXCHANGE,
        _ => return Err(Errno::EINVAL),
    };
    let (old, new) = (old.read()?, new.read()?);
    let from_path = lookup::absolute(old_dir.0, &old)?;
    let to_path = lookup::absolute(new_dir.0, &new)?;
    let mut from = place(&from_path, |_| Errno::EBUSY)?;
    let mut to = place(&to_path, |_| if flags.0 & NOREPLACE != 0 { Errno::EEXIST } else { Errno::EBUSY })?;
    let (from_dir, to_dir) = (open_folder(&mut from)?, open_folder(&mut to)?);
    if path::wants_directory(&from_path) || path::wants_directory(&to_path) {
        let stat = lookup::stat(&from.path(), Last::Keep)?;
        if stat.kind() != kind::DIRECTORY {
            return Err(Errno::ENOTDIR);
        }
    }
    let (names, split) = both(&from.name, &to.name);
    pal::nodes().rename_at(from_dir.get(), to_dir.get(), names.as_slice().into(), names.len(), split, how)?;
    Ok(0)
}

pub(super) fn link(call: &mut Call<'_>, old: Path, new: Path) -> SysResult {
    linkat(call, CWD, old, CWD, new, Hex(0))
}

pub(super) fn linkat(
    _: &mut Call<'_>,
    old_dir: Fd,
    old: Path,
    new_dir: Fd,
    new: Path,
    flags: Hex,
) -> SysResult {
    const FOLLOW: u32 = 0x400;
    const EMPTY_PATH: u32 = 0x1000;
    if flags.0 & !(FOLLOW | EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let old = old.read()?;
    let to_path = lookup::absolute(new_dir.0, &new.read()?)?;
    let mut to = place(&to_path, |_| Errno::EEXIST)?;
    let to_dir = open_folder(&mut to)?;
    if old.is_empty() && flags.0 & EMPTY_PATH != 0 {
        let file = table::get(old_dir.0)?;
        let (names, split) = both(b"", &to.name);
        let nodes = pal::nodes();
        nodes.link_at(file.handle()?, to_dir.get(), names.as_slice().into(), names.len(), split)?;
        return Ok(0);
    }
    let mut from_path = lookup::absolute(old_dir.0, &old)?;
    if flags.0 & FOLLOW != 0 {
        from_path = lookup::resolve(&from_path, Last::Follow)?;
        if let (Some(fd), true) = (descriptor_of(&from_path), from_path.starts_with(b"/proc")) {
            // How a file without a name gets one.
            let (names, split) = both(b"", &to.name);
            let handle = table::get(fd)?.handle()?;
            pal::nodes().link_at(handle, to_dir.get(), names.as_slice().into(), names.len(), split)?;
            return Ok(0);
        }
    }
    let mut from = place(&from_path, |_| Errno::EPERM)?;
    let from_dir = open_folder(&mut from)?;
    let (names, split) = both(&from.name, &to.name);
    pal::nodes().link_at(from_dir.get(), to_dir.get(), names.as_slice().into(), names.len(), split)?;
    Ok(0)
}

fn descriptor_of(path: &[u8]) -> Option<u32> {
    match pseudo::lookup(path) {
        Some(Ok(Node::Descriptor(fd))) => Some(fd),
        _ => None,
    }
}

pub(super) fn symlink(call: &mut Call<'_>, text: Path, path: Path) -> SysResult {
    symlinkat(call, text, CWD, path)
}

pub(super) fn symlinkat(_: &mut Call<'_>, text: Path, dir: Fd, path: Path) -> SysResult {
    let text = text.read()?;
    if text.is_empty() {
        return Err(Errno::ENOENT);
    }
    let at = lookup::absolute(dir.0, &path.read()?)?;
    let mut place = place(&at, |_| Errno::EEXIST)?;
    if path::wants_directory(&at) {
        return Err(Errno::ENOENT);
    }
    let folder = open_folder(&mut place)?;
    let name = place.name.as_slice();
    pal::nodes().symlink_at(folder.get(), name.into(), name.len(), text.as_slice().into(), text.len())?;
    Ok(0)
}

pub(super) fn readlink(call: &mut Call<'_>, path: Path, buf: Ptr, size: u32) -> SysResult {
    readlinkat(call, CWD, path, buf, size)
}

pub(super) fn readlinkat(_: &mut Call<'_>, dir: Fd, path: Path, buf: Ptr, size: u32) -> SysResult {
    if size == 0 || size > 0x7fff_ffff {
        return Err(Errno::EINVAL);
    }
    let path = path.read()?;
    let at = if path.is_empty() && dir.0 != AT_FDCWD {
        let file = table::get(dir.0)?;
        file.path.clone()
    } else {
        lookup::absolute(dir.0, &path)?
    };
    let text = text_of(&at)?;
    let len = text.len().min(size as usize);
    user::write(buf.0, &text[..len])?;
    u32::try_from(len).map_err(|_| Errno::EINVAL)
}

/// The text of the link at an absolute path.
fn text_of(at: &[u8]) -> Result<Vec<u8>, Errno> {
    let not_a_link = |error| if error == Errno::ENOENT { Errno::EINVAL } else { error };
    if let Some(clean) = lookup::plain(at).filter(|_| !path::wants_directory(at))
        && let Ok(node) = host::open_node(&clean, Last::Keep)
    {
        return host::read_link(node.get()).map_err(not_a_link);
    }
    let resolved = lookup::resolve(at, Last::Keep)?;
    match pseudo::lookup(&resolved) {
        Some(node) => match node? {
            Node::Link(text) => Ok(text),
            Node::Descriptor(fd) => Ok(table::get(fd)?.path.clone()),
            _ => Err(Errno::EINVAL),
        },
        None => host::read_link(host::open_node(&resolved, Last::Keep)?.get()).map_err(not_a_link),
    }
}
