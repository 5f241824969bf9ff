//! eventfd(2), signalfd(2).

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pal_abi::flags::access;

use super::Call;
use super::arg::{Fd, Hex, Ptr};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{HostFile, Object, OpenFile, o};
use crate::fs::signals::Signals;
use crate::fs::table;
use crate::pal;
use crate::signal::blockable;
use crate::signal::set::SigSet;

/// Opens a stream of the layer below that stands for no node.
///
/// # Errors
/// `EMFILE`, `ENFILE`, `ENOMEM`.
pub(super) fn open_stream(uri: &[u8], flags: u32, path: Vec<u8>) -> Result<Arc<OpenFile>, Errno> {
    let handle = pal::open(uri, access::READ | access::WRITE, 0)?;
    let attr = pal::attributes(handle.get())?;
    Ok(Arc::new(OpenFile::new(Object::Host(HostFile::new(handle, &attr)), flags, path)?))
}

pub(super) fn eventfd(call: &mut Call<'_>, value: u32) -> SysResult {
    eventfd2(call, value, Hex(0))
}

pub(super) fn eventfd2(_: &mut Call<'_>, value: u32, flags: Hex) -> SysResult {
    const SEMAPHORE: u32 = 1;
    if flags.0 & !(SEMAPHORE | o::CLOEXEC | o::NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let semaphore = if flags.0 & SEMAPHORE == 0 { "" } else { ",semaphore" };
    let uri = format!("counter:{value}{semaphore}");
    let path = b"anon_inode:[eventfd]".to_vec();
    let file = open_stream(uri.as_bytes(), o::RDWR | flags.0 & o::NONBLOCK, path)?;
    table::add(file, flags.0 & o::CLOEXEC != 0)
}

pub(super) fn signalfd(call: &mut Call<'_>, fd: Fd, mask: Ptr, size: u32) -> SysResult {
    signalfd4(call, fd, mask, size, Hex(0))
}

pub(super) fn signalfd4(_: &mut Call<'_>, fd: Fd, mask: Ptr, size: u32, flags: Hex) -> SysResult {
    if size != 8 {
        return Err(Errno::EINVAL);
    }
    let mask = blockable(SigSet(user::read_u64(mask.0)?));
    if flags.0 & !(o::CLOEXEC | o::NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    if fd.0 != u32::MAX {
        let file = table::get(fd.0)?;
        let Object::Signals(signals) = &file.object else {
            return Err(if matches!(file.object, Object::Path(_)) { Errno::EBADF } else { Errno::EINVAL });
        };
        signals.set_mask(mask);
        // Who waits for some of the new ones is to see them.
        crate::task::threads::interrupt_others();
        return Ok(fd.0);
    }
    let object = Object::Signals(Signals::new(mask));
    let path = b"anon_inode:[signalfd]".to_vec();
    let file = OpenFile::new(object, o::RDWR | flags.0 & o::NONBLOCK, path)?;
    table::add(Arc::new(file), flags.0 & o::CLOEXEC != 0)
}
