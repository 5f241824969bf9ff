//! timerfd_create(2), timerfd_settime(2), timerfd_gettime(2).

use alloc::format;
use alloc::sync::Arc;

use pal_abi::flags::{TIMER_SETTING_OFFSET, clock, node, timer};
use pal_abi::{Layout as _, TimerSetting};

use super::Call;
use super::arg::{Fd, Hex, Ptr};
use super::event::open_stream;
use super::time::{Form, read_itimerspec, write_itimerspec};
use crate::error::{Errno, SysResult};
use crate::fs::file::{OpenFile, o};
use crate::fs::table;
use crate::pal;

/// Bytes of a record.
#[expect(clippy::cast_possible_truncation, reason = "24 bytes")]
const SETTING: u32 = size_of::<TimerSetting>() as u32;

pub(super) fn timerfd_create(_: &mut Call<'_>, which: i32, flags: Hex) -> SysResult {
    let clock = match which {
        0 => clock::WALL,
        1 => clock::MONOTONIC,
        7 => clock::BOOT,
        // Those that wake a machine need a privilege that no program has here.
        8 | 9 if flags.0 & !(o::CLOEXEC | o::NONBLOCK) == 0 => return Err(Errno::EPERM),
        _ => return Err(Errno::EINVAL),
    };
    if flags.0 & !(o::CLOEXEC | o::NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = b"anon_inode:[timerfd]".to_vec();
    let file = open_stream(format!("timer:{clock}").as_bytes(), o::RDWR | flags.0 & o::NONBLOCK, path)?;
    table::add(file, flags.0 & o::CLOEXEC != 0)
}

/// The timer behind a descriptor.
fn timer_of(fd: Fd) -> Result<Arc<OpenFile>, Errno> {
    let file = table::get(fd.0)?;
    match file.host() {
        Some(host) if host.kind == node::TIMER => Ok(file),
        _ if matches!(file.object, crate::fs::file::Object::Path(_)) => Err(Errno::EBADF),
        _ => Err(Errno::EINVAL),
    }
}

fn setting(file: &OpenFile) -> Result<TimerSetting, Errno> {
    let mut bytes = [0; SETTING as usize];
    pal::read(file.handle()?, TIMER_SETTING_OFFSET, bytes.as_mut_slice().into(), SETTING)?;
    TimerSetting::read_from(&bytes).ok_or(Errno::EINVAL)
}

fn set(fd: Fd, flags: u32, new: Ptr, old: Ptr, form: Form) -> SysResult {
    const ABSOLUTE: u32 = 1;
    const CANCEL_ON_SET: u32 = 2;
    let (value, interval) = read_itimerspec(new, form)?;
    if flags & !(ABSOLUTE | CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = timer_of(fd)?;
    let mut record = TimerSetting { value, interval, ..TimerSetting::ZERO };
    for (bit, flag) in [(ABSOLUTE, timer::ABSOLUTE), (CANCEL_ON_SET, timer::CANCEL_ON_SET)] {
        if flags & bit != 0 {
            record.flags |= flag;
        }
    }
    let before = setting(&file)?;
    pal::write(file.handle()?, 0, record.as_bytes().into(), SETTING)?;
    if old.0 != 0 {
        write_itimerspec(old, before.value, before.interval, form)?;
    }
    Ok(0)
}

fn get(fd: Fd, at: Ptr, form: Form) -> SysResult {
    let now = setting(&*timer_of(fd)?)?;
    write_itimerspec(at, now.value, now.interval, form)?;
    Ok(0)
}

pub(super) fn timerfd_settime(_: &mut Call<'_>, fd: Fd, flags: Hex, new: Ptr, old: Ptr) -> SysResult {
    set(fd, flags.0, new, old, Form::Narrow)
}

pub(super) fn timerfd_settime64(_: &mut Call<'_>, fd: Fd, flags: Hex, new: Ptr, old: Ptr) -> SysResult {
    set(fd, flags.0, new, old, Form::Wide)
}

pub(super) fn timerfd_gettime(_: &mut Call<'_>, fd: Fd, at: Ptr) -> SysResult {
    get(fd, at, Form::Narrow)
}

pub(super) fn timerfd_gettime64(_: &mut Call<'_>, fd: Fd, at: Ptr) -> SysResult {
    get(fd, at, Form::Wide)
}
