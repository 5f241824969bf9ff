//! mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2), msync(2), brk(2), mincore(2), mlock(2).

use super::Call;
use super::arg::{Fd, Hex, Ptr};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::table;
use crate::layout::{PAGE, USER_END, page_up};
use crate::mm::map::{Request, flag};
use crate::task::process::process;

fn map(addr: u32, len: u32, prot: u32, flags: u32, fd: Fd, offset: u64) -> SysResult {
    let file = if flags & flag::ANONYMOUS != 0 { None } else { Some(table::get(fd.0)?) };
    // A file that was mapped over is closed when the lock is free again.
    let request = Request { address: addr, len, prot, flags, file, offset };
    process().mm.lock().map(&request)
}

pub(super) fn mmap2(
    _: &mut Call<'_>,
    addr: Ptr,
    len: u32,
    prot: Hex,
    flags: Hex,
    fd: Fd,
    page: u32,
) -> SysResult {
    map(addr.0, len, prot.0, flags.0, fd, u64::from(page) * u64::from(PAGE))
}

pub(super) fn old_mmap(_: &mut Call<'_>, args: Ptr) -> SysResult {
    let word = |n: u32| user::read_u32(args.0.wrapping_add(n * 4));
    let offset = word(5)?;
    if offset % PAGE != 0 {
        return Err(Errno::EINVAL);
    }
    map(word(0)?, word(1)?, word(2)?, word(3)?, Fd(word(4)?), u64::from(offset))
}

pub(super) fn munmap(_: &mut Call<'_>, addr: Ptr, len: u32) -> SysResult {
    let size = page_up(len).ok_or(Errno::EINVAL)?;
    let end = addr.0.checked_add(size).ok_or(Errno::EINVAL)?;
    if !addr.0.is_multiple_of(PAGE) || size == 0 || end > USER_END {
        return Err(Errno::EINVAL);
    }
    process().mm.lock().unmap(addr.0, end);
    Ok(0)
}

pub(super) fn mprotect(_: &mut Call<'_>, addr: Ptr, len: u32, prot: Hex) -> SysResult {
    process().mm.lock().change_protection(addr.0, len, prot.0)?;
    Ok(0)
}

pub(super) fn mremap(
    _: &mut Call<'_>,
    old: Ptr,
    old_len: u32,
    new_len: u32,
    flags: Hex,
    new: Ptr,
) -> SysResult {
    process().mm.lock().remap(old.0, old_len, new_len, flags.0, new.0)
}

pub(super) fn madvise(_: &mut Call<'_>, addr: Ptr, len: u32, advice: u32) -> SysResult {
    process().mm.lock().advise(addr.0, len, advice)?;
    Ok(0)
}

pub(super) fn msync(_: &mut Call<'_>, addr: Ptr, len: u32, flags: Hex) -> SysResult {
    process().mm.lock().sync(addr.0, len, flags.0)?;
    Ok(0)
}

pub(super) fn brk(_: &mut Call<'_>, end: Ptr) -> SysResult {
    Ok(process().mm.lock().set_brk(end.0))
}

pub(super) fn mincore(_: &mut Call<'_>, addr: Ptr, len: u32, vector: Ptr) -> SysResult {
    if !addr.0.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    let size = page_up(len).ok_or(Errno::ENOMEM)?;
    let end = addr.0.checked_add(size).ok_or(Errno::ENOMEM)?;
    if !process().mm.lock().tree.covers(addr.0, end) {
        return Err(Errno::ENOMEM);
    }
    // All that is mapped is in memory, as far as a program here can tell.
    user::fill(vector.0, 1, size / PAGE)?;
    Ok(0)
}

/// Locking memory promises nothing here that is not so anyway.
pub(super) fn mlock(_: &mut Call<'_>, addr: Ptr, len: u32) -> SysResult {
    let start = crate::layout::page_down(addr.0);
    let end = addr.0.checked_add(len).and_then(page_up).ok_or(Errno::EINVAL)?;
    if process().mm.lock().tree.covers(start, end) { Ok(0) } else { Err(Errno::ENOMEM) }
}

pub(super) fn mlock2(call: &mut Call<'_>, addr: Ptr, len: u32, flags: Hex) -> SysResult {
    const ONFAULT: u32 = 1;
    if flags.0 & !ONFAULT != 0 { Err(Errno::EINVAL) } else { mlock(call, addr, len) }
}

pub(super) fn mlockall(_: &mut Call<'_>, flags: Hex) -> SysResult {
    if flags.0 & !7 != 0 { Err(Errno::EINVAL) } else { Ok(0) }
}
