//! lseek(2), _llseek(2).

use pal_abi::flags::hole;

use super::Call;
use super::arg::{Fd, Ptr, wide};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{Object, OpenFile};
use crate::fs::table;
use crate::pal;

const SEEK_SET: u32 = 0;
const SEEK_CUR: u32 = 1;
const SEEK_END: u32 = 2;
const SEEK_DATA: u32 = 3;
const SEEK_HOLE: u32 = 4;

fn seek(file: &OpenFile, offset: i64, whence: u32) -> Result<u64, Errno> {
    // What stands for no node has a position that nothing moves (`noop_llseek`).
    if file.is_unnamed() {
        return if whence > SEEK_HOLE { Err(Errno::EINVAL) } else { Ok(0) };
    }
    if !file.is_seekable() {
        return Err(if matches!(file.object, Object::Path(_)) { Errno::EBADF } else { Errno::ESPIPE });
    }
    // Devices of ours have no position, and say so by staying at 0.
    if matches!(file.object, Object::Device(_)) {
        return if whence > SEEK_END { Err(Errno::EINVAL) } else { Ok(0) };
    }
    let current = file.slot.offset();
    let base = match whence {
        SEEK_SET => 0,
        SEEK_CUR => current.get(),
        SEEK_END => match &file.object {
            // A text has no end before it is made.
            Object::Text(_) => return Err(Errno::EINVAL),
            _ => file.stat()?.size,
        },
        SEEK_DATA | SEEK_HOLE => {
            let mut at = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
            let what = if whence == SEEK_DATA { hole::SEEK_DATA } else { hole::SEEK_HOLE };
            let found = pal::nodes().hole(file.handle()?, what, (&mut at).into(), 0);
            found.map_err(|e| if e == pal_abi::PalError::NoData { Errno::ENXIO } else { e.into() })?;
            current.set(at);
            return Ok(at);
        }
        _ => return Err(Errno::EINVAL),
    };
    let at = base.checked_add_signed(offset).filter(|at| i64::try_from(*at).is_ok()).ok_or(Errno::EINVAL)?;
    current.set(at);
    Ok(at)
}

pub(super) fn lseek(_: &mut Call<'_>, fd: Fd, offset: i32, whence: u32) -> SysResult {
    let file = table::get(fd.0)?;
    let before = file.is_seekable().then(|| file.slot.offset().get());
    let at = seek(&file, i64::from(offset), whence)?;
    i32::try_from(at).map(i32::cast_unsigned).map_err(|_| {
        if let Some(before) = before {
            file.slot.offset().set(before);
        }
        Errno::EOVERFLOW
    })
}

pub(super) fn llseek(_: &mut Call<'_>, fd: Fd, high: u32, low: u32, result: Ptr, whence: u32) -> SysResult {
    let file = table::get(fd.0)?;
    let at = seek(&file, wide(low, high).cast_signed(), whence)?;
    user::write_u64(result.0, at)?;
    Ok(0)
}
