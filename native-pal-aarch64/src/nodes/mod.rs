//! File-system nodes by directory handle and one name component: the Nodes group.
//!
//! A name is one component, never `.`, `..` or a path, so the host never leaves the directory. What a mapping put at
//! the name counts, not what the host has there. Links are never followed here.

mod locks;
mod watch;
mod xattr;

use std::ffi::CString;
use std::os::fd::AsFd;
use std::sync::Arc;

use pal_abi::arg::{InBytes, InOut, Out, OutBytes};
use pal_abi::flags::{hole as hole_op, node as kind, rename as renaming, unlink as unlinking};
use pal_abi::{FsInfo, Handle, PalError, PalResult, Status};
use rustix::fs::{
    AtFlags, FallocateFlags, FileType, Mode, SeekFrom, linkat, mkdirat, readlinkat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::handle::table;
use crate::policy::resolve::{Last, NAME_MAX, PATH_MAX};
use crate::policy::{Location, Place, file_error, policy};
use crate::stream::node::rename_at as host_rename;
use crate::stream::{Stream, file};
use crate::user;

pub(crate) use locks::lock;
pub(crate) use watch::watch;
pub(crate) use xattr::{xattr_get, xattr_list, xattr_remove, xattr_set};

/// The stream behind a handle.
fn stream(handle: Handle) -> Result<Arc<Stream>, PalError> {
    table().get::<Stream>(handle)
}

fn check_name(name: &[u8]) -> Result<(), PalError> {
    match name {
        b"" => Err(PalError::NotFound),
        b"." | b".." => Err(PalError::Invalid),
        _ if name.contains(&b'/') || name.contains(&0) => Err(PalError::Invalid),
        _ if name.len() > NAME_MAX => Err(PalError::NameTooLong),
        _ => Ok(()),
    }
}

/// Where a name in a directory is. An empty one means the object itself.
fn place(dir: &Stream, name: &[u8]) -> Result<Place, PalError> {
    if let Some(path) = dir.ops.virtual_path() {
        check_name(name)?;
        return policy().resolve(&child_path(path, name), Last::Keep);
    }
    if dir.ops.kind() != kind::DIRECTORY {
        dir.ops.node()?;
        return Err(PalError::NotDir);
    }
    check_name(name)?;
    let base = dir.ops.node()?.base;
    let path = child_path(&base.location().path, name);
    if policy().is_mapped(&path) {
        return policy().resolve(&path, Last::Keep);
    }
    let parent = Arc::clone(&base.fd);
    Ok(Place::Host(Location { parent, name: name.to_vec(), path, root: base.root, must_be_dir: false }))
}

fn child_path(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = dir.to_vec();
    if !path.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// Where a name is that is to be changed: on a mapping that allows writes, and no mapping itself.
fn writable_place(dir: &Stream, name: &[u8]) -> Result<Location, PalError> {
    match place(dir, name)? {
        Place::Host(location) if policy().read_only(location.root) => Err(PalError::ReadOnly),
        Place::Host(location) if location.name == b"." || policy().is_mapped(&location.path) => {
            Err(PalError::Busy)
        }
        Place::Host(location) => {
            policy().check_name(&location)?;
            Ok(location)
        }
        Place::Virtual(_) => Err(PalError::ReadOnly),
    }
}

fn named(dir: Handle, name: InBytes<'_>, len: usize) -> Result<Location, PalError> {
    let dir = stream(dir)?;
    let name = user::name(name, len, PATH_MAX)?;
    writable_place(&dir, &name)
}

/// `OpenAt`.
pub(crate) fn open_at(
    dir: Handle,
    name: InBytes<'_>,
    name_len: usize,
    access: u32,
    options: u32,
    to: Out<'_, Handle>,
) -> PalResult {
    let dir = stream(dir)?;
    let name = user::name(name, name_len, PATH_MAX)?;
    user::probe(to)?;
    let opened = if name.is_empty() {
        again(&dir, access, options)?
    } else {
        match place(&dir, &name)? {
            Place::Virtual(path) => crate::stream::dir::open_virtual(path, access, options)?,
            Place::Host(location) => file::open_at(location, access, options)?,
        }
    };
    user::give_object(to, opened)?;
    Ok(Status::Ok)
}

/// Opens an object again, with another access: what the host keeps behind the descriptor, not what has its name now.
fn again(object: &Stream, access: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    let node = object.ops.node()?;
    let base = node.base;
    let location = base.location();
    if base.kind == kind::DIRECTORY {
        let itself = Location { parent: Arc::clone(&base.fd), name: b".".to_vec(), ..location.clone() };
        return file::open_found(itself, access, options, location);
    }
    if base.kind == kind::LINK && options & pal_abi::flags::open::PATH_ONLY == 0 {
        return Err(PalError::Loop);
    }
    file::reopen(base, access, options, location)
}

/// `UnlinkAt`.
pub(crate) fn unlink_at(dir: Handle, name: InBytes<'_>, name_len: usize, flags: u32) -> PalResult {
    if flags & !unlinking::DIRECTORY != 0 {
        return Err(PalError::Invalid);
    }
    let at = named(dir, name, name_len)?;
    let host = if flags & unlinking::DIRECTORY == 0 { AtFlags::empty() } else { AtFlags::REMOVEDIR };
    unlinkat(&*at.parent, &at.name[..], host).map_err(file_error)?;
    Ok(Status::Ok)
}

/// The two names of a call that has two.
fn two_names(names: InBytes<'_>, len: usize, split: u32) -> Result<(Vec<u8>, Vec<u8>), PalError> {
    let mut first = user::name(names, len, 2 * PATH_MAX)?;
    let split = split as usize;
    if split > first.len() {
        return Err(PalError::Invalid);
    }
    let second = first.split_off(split);
    Ok((first, second))
}

/// `RenameAt`.
pub(crate) fn rename_at(
    from: Handle,
    to: Handle,
    names: InBytes<'_>,
    names_len: usize,
    split: u32,
    flags: u32,
) -> PalResult {
    if flags & !(renaming::REPLACE | renaming::EXCHANGE) != 0 || flags.count_ones() > 1 {
        return Err(PalError::Invalid);
    }
    let (from, to) = (stream(from)?, stream(to)?);
    let (old, new) = two_names(names, names_len, split)?;
    let (old, new) = (writable_place(&from, &old)?, writable_place(&to, &new)?);
    host_rename((old.parent.as_fd(), &old.name), (new.parent.as_fd(), &new.name), flags)?;
    Ok(Status::Ok)
}

/// `LinkAt`.
pub(crate) fn link_at(
    from: Handle,
    to: Handle,
    names: InBytes<'_>,
    names_len: usize,
    split: u32,
) -> PalResult {
    let (from, to) = (stream(from)?, stream(to)?);
    let (old, new) = two_names(names, names_len, split)?;
    let new = writable_place(&to, &new)?;
    if old.is_empty() {
        let node = from.ops.node()?;
        if node.base.read_only() {
            return Err(PalError::ReadOnly);
        }
        let path = crate::stream::node::magic_path(node.fd);
        linkat(rustix::fs::CWD, path, &*new.parent, &new.name[..], AtFlags::SYMLINK_FOLLOW)
            .map_err(file_error)?;
        return Ok(Status::Ok);
    }
    let old = writable_place(&from, &old)?;
    linkat(&*old.parent, &old.name[..], &*new.parent, &new.name[..], AtFlags::empty()).map_err(file_error)?;
    Ok(Status::Ok)
}

/// `SymlinkAt`.
pub(crate) fn symlink_at(
    dir: Handle,
    name: InBytes<'_>,
    name_len: usize,
    text: InBytes<'_>,
    text_len: usize,
) -> PalResult {
    let at = named(dir, name, name_len)?;
    let text = user::name(text, text_len, PATH_MAX - 1)?;
    if text.is_empty() {
        return Err(PalError::NotFound);
    }
    symlinkat(&text[..], &*at.parent, &at.name[..]).map_err(file_error)?;
    Ok(Status::Ok)
}

/// `ReadLink`.
pub(crate) fn read_link(link: Handle, buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> PalResult {
    let link = stream(link)?;
    let node = link.ops.node()?;
    if node.base.kind != kind::LINK {
        return Err(PalError::WrongType);
    }
    let text = readlinkat(node.fd, c"", Vec::new()).map_err(file_error)?.into_bytes();
    let part = text.get(..cap.min(text.len())).unwrap_or(&text);
    user::give(part, buf, cap, len)?;
    Ok(Status::Ok)
}

/// `MakeNode`.
pub(crate) fn make_node(
    dir: Handle,
    name: InBytes<'_>,
    name_len: usize,
    mode: u32,
    device: u64,
) -> PalResult {
    if mode & !0o177_777 != 0 || device != 0 {
        // Device nodes would name the host's devices.
        return Err(if device != 0 { PalError::NotPermitted } else { PalError::Invalid });
    }
    let at = named(dir, name, name_len)?;
    let bits = Mode::from_raw_mode(mode & 0o7777);
    let made = match FileType::from_raw_mode(mode) {
        FileType::Directory => mkdirat(&*at.parent, &at.name[..], bits),
        kind @ (FileType::Fifo | FileType::Socket | FileType::RegularFile) => {
            rustix::fs::mknodat(&*at.parent, &at.name[..], kind, bits, 0)
        }
        FileType::CharacterDevice | FileType::BlockDevice => return Err(PalError::NotPermitted),
        _ if mode >> 12 == 0 => {
            rustix::fs::mknodat(&*at.parent, &at.name[..], FileType::RegularFile, bits, 0)
        }
        _ => return Err(PalError::Invalid),
    };
    made.map_err(file_error)?;
    Ok(Status::Ok)
}

/// `StatFs`.
pub(crate) fn stat_fs(object: Handle, result: Out<'_, FsInfo>, size: u32) -> PalResult {
    let object = stream(object)?;
    if (size as usize) < size_of::<FsInfo>() {
        return Err(PalError::Invalid);
    }
    let node = object.ops.node()?;
    let info = fs_info(node.fd).map_err(file_error)?;
    user::write(result, info)?;
    Ok(Status::Ok)
}

#[expect(clippy::allow_attributes, reason = "the fields' types differ between hosts")]
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    reason = "as above; the kernel's values are not negative"
)]
fn fs_info(fd: std::os::fd::BorrowedFd<'_>) -> Result<FsInfo, Errno> {
    let fs = rustix::fs::fstatfs(fd)?;
    let vfs = rustix::fs::fstatvfs(fd)?;
    Ok(FsInfo {
        kind: fs.f_type as u64,
        block_size: fs.f_bsize as u64,
        fragment_size: vfs.f_frsize,
        blocks: vfs.f_blocks,
        blocks_free: vfs.f_bfree,
        blocks_available: vfs.f_bavail,
        files: vfs.f_files,
        files_free: vfs.f_ffree,
        id: vfs.f_fsid,
        name_max: vfs.f_namemax,
        flags: vfs.f_flag.bits(),
    })
}

/// `Hole`.
pub(crate) fn hole(stream_handle: Handle, what: u32, offset: InOut<'_, u64>, length: u64) -> PalResult {
    let object = stream(stream_handle)?;
    let at = user::read_inout(offset)?;
    user::write_inout(offset, at)?;
    let (fd, read_only) = match object.ops.memory() {
        Some(fd) => (fd, false),
        None => match object.ops.node()? {
            node if node.base.kind == kind::FILE => (node.fd, node.base.read_only()),
            _ => return Err(PalError::WrongType),
        },
    };
    let flags = match what {
        hole_op::SEEK_DATA | hole_op::SEEK_HOLE => {
            let from = if what == hole_op::SEEK_DATA { SeekFrom::Data(at) } else { SeekFrom::Hole(at) };
            let found = rustix::fs::seek(fd, from).map_err(|errno| match errno {
                Errno::NXIO => PalError::NoData,
                other => file_error(other),
            })?;
            user::write_inout(offset, found)?;
            return Ok(Status::Ok);
        }
        hole_op::ALLOCATE => FallocateFlags::empty(),
        hole_op::RESERVE => FallocateFlags::KEEP_SIZE,
        hole_op::PUNCH => FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
        hole_op::ZERO => FallocateFlags::ZERO_RANGE,
        _ => return Err(PalError::Invalid),
    };
    if read_only {
        return Err(PalError::ReadOnly);
    }
    loop {
        match rustix::fs::fallocate(fd, flags, at, length) {
            Err(Errno::INTR) => {}
            other => return other.map(|()| Status::Ok).map_err(file_error),
        }
    }
}

/// A C string for a call by number.
fn c_string(bytes: &[u8]) -> Result<CString, PalError> {
    CString::new(bytes).map_err(|_| PalError::Invalid)
}
