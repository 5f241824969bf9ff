//! Extended attributes. A node opened by path only is reached through procfs, since the host's calls want more.

use pal_abi::arg::{InBytes, Out, OutBytes};
use pal_abi::flags::xattr as setting;
use pal_abi::{Handle, PalError, PalResult, Status};
use rustix::fs::{
    XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr, getxattr, listxattr, removexattr, setxattr,
};
use rustix::io::Errno;

use super::{c_string, stream};
use crate::policy::file_error;
use crate::stream::node::magic_path;
use crate::user;

/// Bytes of a name, as Linux allows.
const NAME_MAX: usize = 255;
/// Bytes of a value or list, as Linux allows.
const VALUE_MAX: usize = 64 << 10;

fn xattr_error(errno: Errno) -> PalError {
    match errno {
        Errno::RANGE => PalError::BufferTooSmall,
        Errno::TOOBIG => PalError::TooBig,
        other => file_error(other),
    }
}

fn name_of(name: InBytes<'_>, len: usize) -> Result<std::ffi::CString, PalError> {
    let name = user::name(name, len, NAME_MAX)?;
    if name.is_empty() { Err(PalError::Invalid) } else { c_string(&name) }
}

/// `XattrGet`.
pub(crate) fn xattr_get(
    object: Handle,
    name: InBytes<'_>,
    name_len: usize,
    buf: OutBytes<'_>,
    cap: usize,
    len: Out<'_, u32>,
) -> PalResult {
    let object = stream(object)?;
    let name = name_of(name, name_len)?;
    let node = object.ops.node()?;
    let mut value = vec![0; VALUE_MAX];
    let got = if node.base.path_only {
        getxattr(magic_path(node.fd), name.as_c_str(), &mut value[..])
    } else {
        fgetxattr(node.fd, name.as_c_str(), &mut value[..])
    };
    give(&value, got.map_err(xattr_error)?, buf, cap, len)
}

/// `XattrSet`.
pub(crate) fn xattr_set(
    object: Handle,
    name: InBytes<'_>,
    name_len: usize,
    value: InBytes<'_>,
    value_len: usize,
    flags: u32,
) -> PalResult {
    let object = stream(object)?;
    let host = match flags {
        0 => XattrFlags::empty(),
        setting::CREATE => XattrFlags::CREATE,
        setting::REPLACE => XattrFlags::REPLACE,
        _ => return Err(PalError::Invalid),
    };
    let name = name_of(name, name_len)?;
    if value_len > VALUE_MAX {
        return Err(PalError::TooBig);
    }
    let value = user::bytes(value, value_len, VALUE_MAX)?;
    let node = object.ops.node()?;
    if node.base.read_only() {
        return Err(PalError::ReadOnly);
    }
    if node.base.path_only {
        setxattr(magic_path(node.fd), name.as_c_str(), &value, host)
    } else {
        fsetxattr(node.fd, name.as_c_str(), &value, host)
    }
    .map_err(xattr_error)?;
    Ok(Status::Ok)
}

/// `XattrList`.
pub(crate) fn xattr_list(object: Handle, buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> PalResult {
    let object = stream(object)?;
    let node = object.ops.node()?;
    let mut list = vec![0; VALUE_MAX];
    let got = if node.base.path_only {
        listxattr(magic_path(node.fd), &mut list[..])
    } else {
        flistxattr(node.fd, &mut list[..])
    };
    give(&list, got.map_err(xattr_error)?, buf, cap, len)
}

/// `XattrRemove`.
pub(crate) fn xattr_remove(object: Handle, name: InBytes<'_>, name_len: usize) -> PalResult {
    let object = stream(object)?;
    let name = name_of(name, name_len)?;
    let node = object.ops.node()?;
    if node.base.read_only() {
        return Err(PalError::ReadOnly);
    }
    if node.base.path_only {
        removexattr(magic_path(node.fd), name.as_c_str())
    } else {
        fremovexattr(node.fd, name.as_c_str())
    }
    .map_err(xattr_error)?;
    Ok(Status::Ok)
}

/// Gives `len` bytes of a value; a capacity of 0 asks for the length only.
fn give(value: &[u8], got: usize, buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> PalResult {
    let value = value.get(..got).unwrap_or(&[]);
    if cap == 0 {
        user::write(len, u32::try_from(value.len()).map_err(|_| PalError::TooBig)?)?;
    } else {
        user::give(value, buf, cap, len)?;
    }
    Ok(Status::Ok)
}
