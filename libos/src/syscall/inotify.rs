//! inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2): an instance is a stream of the layer below, whose records
//! are Linux's own.

use alloc::sync::Arc;

use pal_abi::flags::{access, node, open as options, watch};
use pal_abi::{Handle, PalError};

use super::Call;
use super::arg::{Fd, Hex, Path};
use crate::error::{Errno, SysResult};
use crate::fs::file::{HostFile, Object, OpenFile, o};
use crate::fs::lookup::{self, AT_FDCWD};
use crate::fs::path::{self, Last};
use crate::fs::{host, pseudo, table};
use crate::pal;

/// `IN_ALL_EVENTS`.
const ALL_EVENTS: u32 = 0xfff;
const UNMOUNT: u32 = 0x2000;
const OVERFLOW: u32 = 0x4000;
const IGNORED: u32 = 0x8000;
const DONT_FOLLOW: u32 = 0x200_0000;
const IS_DIRECTORY: u32 = 0x4000_0000;
/// What counts of a mask below.
const BELOW: u32 = ALL_EVENTS
    | watch::ONLY_DIRECTORY
    | watch::EXCLUDE_UNLINKED
    | watch::MASK_CREATE
    | watch::MASK_ADD
    | watch::ONE_SHOT;
/// What a mask must have some of (`ALL_INOTIFY_BITS`).
const KNOWN: u32 = BELOW | UNMOUNT | OVERFLOW | IGNORED | DONT_FOLLOW | IS_DIRECTORY;

pub(super) fn inotify_init(call: &mut Call<'_>) -> SysResult {
    inotify_init1(call, Hex(0))
}

pub(super) fn inotify_init1(_: &mut Call<'_>, flags: Hex) -> SysResult {
    if flags.0 & !(o::CLOEXEC | o::NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let handle = pal::open(b"watch:", access::READ | access::WRITE, 0)?;
    let attr = pal::attributes(handle.get())?;
    let object = Object::Host(HostFile::new(handle, &attr));
    let file = OpenFile::new(object, flags.0 & o::NONBLOCK, b"anon_inode:inotify".to_vec())?;
    table::add(Arc::new(file), flags.0 & o::CLOEXEC != 0)
}

/// The instance behind a file.
fn instance(file: &OpenFile) -> Result<Handle, Errno> {
    match &file.object {
        Object::Host(host) if host.kind == node::WATCH => Ok(host.handle.get()),
        Object::Path(_) => Err(Errno::EBADF),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn inotify_add_watch(_: &mut Call<'_>, fd: Fd, path: Path, mask: Hex) -> SysResult {
    if mask.0 & KNOWN == 0 {
        return Err(Errno::EINVAL);
    }
    let file = table::get(fd.0)?;
    if mask.0 & watch::MASK_ADD != 0 && mask.0 & watch::MASK_CREATE != 0 {
        return Err(Errno::EINVAL);
    }
    let watches = instance(&file)?;
    let given = lookup::absolute(AT_FDCWD, &path.read()?)?;
    let keep = mask.0 & DONT_FOLLOW != 0 && !path::wants_directory(&given);
    let last = if keep { Last::Keep } else { Last::Follow };
    let stat = lookup::stat(&given, last)?;
    if mask.0 & watch::ONLY_DIRECTORY != 0 && stat.kind() != crate::fs::stat::mode::DIRECTORY {
        return Err(Errno::ENOTDIR);
    }
    let resolved = lookup::resolve(&given, last)?;
    if pseudo::lookup(&resolved).is_some() {
        // Nobody would hear of what we make up ourselves.
        return Err(Errno::EACCES);
    }
    let object = pal::open(&host::uri(&resolved), 0, options::PATH_ONLY | options::NOFOLLOW)?;
    let mut number = 0;
    pal::nodes().watch(watches, object.get(), mask.0 & BELOW, (&mut number).into()).map_err(|error| {
        match error {
            // The user's watches are used up.
            PalError::TooMany => Errno::ENOSPC,
            // A folder that only the mappings make.
            PalError::WrongType => Errno::EACCES,
            other => other.into(),
        }
    })?;
    Ok(number)
}

pub(super) fn inotify_rm_watch(_: &mut Call<'_>, fd: Fd, number: u32) -> SysResult {
    let file = table::get(fd.0)?;
    pal::write(instance(&file)?, 0, number.to_le_bytes().as_slice().into(), 4)?;
    Ok(0)
}
