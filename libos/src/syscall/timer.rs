//! timer_create(2), timer_settime(2), timer_gettime(2), timer_getoverrun(2), timer_delete(2).

use pal_abi::flags::clock;

use super::Call;
use super::arg::{Hex, Ptr};
use super::time::{Form, read_itimerspec, write_itimerspec};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::signal::posix::{self, Notify};
use crate::signal::set::{COUNT, SIGALRM};
use crate::task::family;
use crate::task::process::process;

/// The clock of the layer below that a timer may go by.
///
/// # Errors
/// `EOPNOTSUPP` for clocks without timers: Linux's, those that wake a machine, and CPU time of single threads, which
/// nobody else can read here.
fn clock_of(which: i32) -> Result<u32, Errno> {
    match which {
        0 | 11 => Ok(clock::WALL),
        1 => Ok(clock::MONOTONIC),
        2 => Ok(clock::PROCESS_CPU),
        7 => Ok(clock::BOOT),
        3..=6 | 8 | 9 => Err(Errno::EOPNOTSUPP),
        // CPU time of a process by number: of our own only.
        n if n < 0 && n & 7 == 2 && [0, process().pid()].contains(&!(n >> 3).cast_unsigned()) => {
            Ok(clock::PROCESS_CPU)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// `struct sigevent`.
fn notify(at: Ptr) -> Result<Notify, Errno> {
    const SIGNAL: u32 = 0;
    const NONE: u32 = 1;
    const THREAD: u32 = 2;
    const THREAD_ID: u32 = 4;
    if at.0 == 0 {
        return Ok(Notify::Signal { signal: SIGALRM, thread: None, value: None });
    }
    let bytes = user::read_array::<64>(at.0)?;
    let word = |n: usize| u32::from_le_bytes([bytes[n], bytes[n + 1], bytes[n + 2], bytes[n + 3]]);
    let (value, signal, how, tid) = (word(0), word(4), word(8), word(12));
    let thread = match how {
        NONE => return Ok(Notify::Nothing),
        SIGNAL | THREAD => None,
        THREAD_ID => {
            let seen = family::find_thread(tid).filter(|seen| seen.process() == process().pid());
            Some(seen.map(|_| tid).ok_or(Errno::EINVAL)?)
        }
        _ => return Err(Errno::EINVAL),
    };
    if !(1..=COUNT).contains(&signal) {
        return Err(Errno::EINVAL);
    }
    Ok(Notify::Signal { signal, thread, value: Some(value) })
}

pub(super) fn timer_create(_: &mut Call<'_>, which: i32, event: Ptr, number: Ptr) -> SysResult {
    let notify = notify(event)?;
    let made = posix::create(clock_of(which)?, notify)?;
    if let Err(error) = user::write_u32(number.0, made) {
        posix::delete(made)?;
        return Err(error);
    }
    Ok(0)
}

fn set(number: u32, flags: u32, new: Ptr, old: Ptr, form: Form) -> SysResult {
    const ABSOLUTE: u32 = 1;
    if new.0 == 0 {
        return Err(Errno::EINVAL);
    }
    let (value, interval) = read_itimerspec(new, form)?;
    let (left, period) = posix::set(number, value, interval, flags & ABSOLUTE != 0)?;
    if old.0 != 0 {
        write_itimerspec(old, left, period, form)?;
    }
    Ok(0)
}

fn get(number: u32, at: Ptr, form: Form) -> SysResult {
    let (left, period) = posix::get(number)?;
    write_itimerspec(at, left, period, form)?;
    Ok(0)
}

pub(super) fn timer_settime(_: &mut Call<'_>, number: u32, flags: Hex, new: Ptr, old: Ptr) -> SysResult {
    set(number, flags.0, new, old, Form::Narrow)
}

pub(super) fn timer_settime64(_: &mut Call<'_>, number: u32, flags: Hex, new: Ptr, old: Ptr) -> SysResult {
    set(number, flags.0, new, old, Form::Wide)
}

pub(super) fn timer_gettime(_: &mut Call<'_>, number: u32, at: Ptr) -> SysResult {
    get(number, at, Form::Narrow)
}

pub(super) fn timer_gettime64(_: &mut Call<'_>, number: u32, at: Ptr) -> SysResult {
    get(number, at, Form::Wide)
}

pub(super) fn timer_getoverrun(_: &mut Call<'_>, number: u32) -> SysResult {
    posix::overrun(number)
}

pub(super) fn timer_delete(_: &mut Call<'_>, number: u32) -> SysResult {
    posix::delete(number)?;
    Ok(0)
}
