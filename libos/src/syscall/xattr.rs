//! Extended attributes.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pal_abi::flags::xattr as how;
use pal_abi::{Handle, PalError};

use super::Call;
use super::arg::{Fd, Hex, Path, Ptr};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::OpenFile;
use crate::fs::lookup::{self, AT_FDCWD};
use crate::fs::path::Last;
use crate::fs::{host, pseudo, table};
use crate::pal::{self, Owned};

const SIZE_MAX: u32 = 65536;

/// A node that may have attributes.
enum Node {
    Named(Owned),
    Open(Arc<OpenFile>),
}

impl Node {
    fn named(path: Path, last: Last) -> Result<Self, Errno> {
        let at = lookup::absolute(AT_FDCWD, &path.read()?)?;
        if let Some(clean) = lookup::plain(&at)
            && let Ok(node) = host::open_node(&clean, last)
        {
            return Ok(Self::Named(node));
        }
        let resolved = lookup::resolve(&at, last)?;
        if let Some(found) = pseudo::lookup(&resolved) {
            found?;
            return Err(Errno::EOPNOTSUPP);
        }
        Ok(Self::Named(host::open_node(&resolved, Last::Keep)?))
    }

    fn open(fd: Fd) -> Result<Self, Errno> {
        Ok(Self::Open(table::get(fd.0)?))
    }

    fn handle(&self) -> Result<Handle, Errno> {
        match self {
            Self::Named(node) => Ok(node.get()),
            Self::Open(file) => {
                file.handle().map_err(|e| if e == Errno::EPERM { Errno::EOPNOTSUPP } else { e })
            }
        }
    }

    fn get(&self, name: Path, value: Ptr, size: u32) -> SysResult {
        let name = read_name(name)?;
        let mut buffer = alloc::vec![0; size.min(SIZE_MAX) as usize];
        let (mut len, cap) = (0u32, buffer.len());
        pal::nodes().xattr_get(
            self.handle()?,
            name.as_slice().into(),
            name.len(),
            buffer.as_mut_slice().into(),
            cap,
            (&mut len).into(),
        )?;
        put(value, &buffer, len)
    }

    fn set(&self, name: Path, value: Ptr, size: u32, flags: u32) -> SysResult {
        if flags & !(how::CREATE | how::REPLACE) != 0 {
            return Err(Errno::EINVAL);
        }
        if size > SIZE_MAX {
            return Err(Errno::E2BIG);
        }
        let name = read_name(name)?;
        let mut buffer = alloc::vec![0; size as usize];
        user::read(value.0, &mut buffer)?;
        let bytes = buffer.as_slice();
        pal::nodes()
            .xattr_set(self.handle()?, name.as_slice().into(), name.len(), bytes.into(), bytes.len(), flags)
            .map_err(|e| if e == PalError::TooBig { Errno::E2BIG } else { e.into() })?;
        Ok(0)
    }

    fn list(&self, list: Ptr, size: u32) -> SysResult {
        let mut buffer = alloc::vec![0; size.min(SIZE_MAX) as usize];
        let (mut len, cap) = (0u32, buffer.len());
        pal::nodes().xattr_list(self.handle()?, buffer.as_mut_slice().into(), cap, (&mut len).into())?;
        put(list, &buffer, len)
    }

    fn remove(&self, name: Path) -> SysResult {
        let name = read_name(name)?;
        pal::nodes().xattr_remove(self.handle()?, name.as_slice().into(), name.len())?;
        Ok(0)
    }
}

fn put(at: Ptr, buffer: &[u8], len: u32) -> SysResult {
    if let Some(bytes) = buffer.get(..len as usize) {
        user::write(at.0, bytes)?;
    }
    Ok(len)
}

fn read_name(name: Path) -> Result<Vec<u8>, Errno> {
    match user::read_string(name.0, 256) {
        Ok(name) if name.is_empty() => Err(Errno::ERANGE),
        Err(Errno::ENAMETOOLONG) => Err(Errno::ERANGE),
        other => other,
    }
}

pub(super) fn getxattr(_: &mut Call<'_>, path: Path, name: Path, value: Ptr, size: u32) -> SysResult {
    Node::named(path, Last::Follow)?.get(name, value, size)
}

pub(super) fn lgetxattr(_: &mut Call<'_>, path: Path, name: Path, value: Ptr, size: u32) -> SysResult {
    Node::named(path, Last::Keep)?.get(name, value, size)
}

pub(super) fn fgetxattr(_: &mut Call<'_>, fd: Fd, name: Path, value: Ptr, size: u32) -> SysResult {
    Node::open(fd)?.get(name, value, size)
}

pub(super) fn setxattr(
    _: &mut Call<'_>,
    path: Path,
    name: Path,
    value: Ptr,
    size: u32,
    flags: Hex,
) -> SysResult {
    Node::named(path, Last::Follow)?.set(name, value, size, flags.0)
}

pub(super) fn lsetxattr(
    _: &mut Call<'_>,
    path: Path,
    name: Path,
    value: Ptr,
    size: u32,
    flags: Hex,
) -> SysResult {
    Node::named(path, Last::Keep)?.set(name, value, size, flags.0)
}

pub(super) fn fsetxattr(
    _: &mut Call<'_>,
    fd: Fd,
    name: Path,
    value: Ptr,
    size: u32,
    flags: Hex,
) -> SysResult {
    Node::open(fd)?.set(name, value, size, flags.0)
}

pub(super) fn listxattr(_: &mut Call<'_>, path: Path, list: Ptr, size: u32) -> SysResult {
    Node::named(path, Last::Follow)?.list(list, size)
}

pub(super) fn llistxattr(_: &mut Call<'_>, path: Path, list: Ptr, size: u32) -> SysResult {
    Node::named(path, Last::Keep)?.list(list, size)
}

pub(super) fn flistxattr(_: &mut Call<'_>, fd: Fd, list: Ptr, size: u32) -> SysResult {
    Node::open(fd)?.list(list, size)
}

pub(super) fn removexattr(_: &mut Call<'_>, path: Path, name: Path) -> SysResult {
    Node::named(path, Last::Follow)?.remove(name)
}

pub(super) fn lremovexattr(_: &mut Call<'_>, path: Path, name: Path) -> SysResult {
    Node::named(path, Last::Keep)?.remove(name)
}

pub(super) fn fremovexattr(_: &mut Call<'_>, fd: Fd, name: Path) -> SysResult {
    Node::open(fd)?.remove(name)
}
