//! read(2), write(2), pread(2), pwrite(2).

use super::Call;
use super::arg::{Fd, Ptr, wide};
use crate::error::{Errno, SysResult};
use crate::fs::file::MAX_TRANSFER;
use crate::fs::poll::until_ready;
use crate::fs::table;
use crate::signal::set::SIGPIPE;
use crate::signal::{interruptible, job, raise, whole};

pub(super) fn read(call: &mut Call<'_>, fd: Fd, buf: Ptr, count: u32) -> SysResult {
    let file = table::get(fd.0)?;
    until_ready(call.thread, &file, || {
        interruptible(call.thread, || {
            job::before_read(call.thread, &file)?;
            file.read(None, buf.0, count)
        })
    })
}

pub(super) fn write(call: &mut Call<'_>, fd: Fd, buf: Ptr, count: u32) -> SysResult {
    let file = table::get(fd.0)?;
    let count = count.min(MAX_TRANSFER);
    let write = |from: u32| {
        job::before_write(call.thread, &file)?;
        file.write(None, buf.0.wrapping_add(from), count - from)
    };
    broken(if file.is_stream() {
        whole(call.thread, count, write)
    } else {
        interruptible(call.thread, || write(0))
    })
}

/// A write nobody will read raises SIGPIPE as well.
pub(super) fn broken(result: SysResult) -> SysResult {
    if result == Err(Errno::EPIPE) {
        raise(SIGPIPE);
    }
    result
}

fn offset(low: u32, high: u32) -> Result<Option<u64>, Errno> {
    let at = wide(low, high);
    if i64::try_from(at).is_err() { Err(Errno::EINVAL) } else { Ok(Some(at)) }
}

pub(super) fn pread64(call: &mut Call<'_>, fd: Fd, buf: Ptr, count: u32, low: u32, high: u32) -> SysResult {
    let at = offset(low, high)?;
    let file = table::get(fd.0)?;
    interruptible(call.thread, || file.read(at, buf.0, count))
}

pub(super) fn pwrite64(call: &mut Call<'_>, fd: Fd, buf: Ptr, count: u32, low: u32, high: u32) -> SysResult {
    let at = offset(low, high)?;
    let file = table::get(fd.0)?;
    interruptible(call.thread, || file.write(at, buf.0, count))
}
