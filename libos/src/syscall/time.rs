//! Clocks, sleeping, alarms, CPU times. Times come in two forms: with 32-bit and with 64-bit seconds.

use core::sync::atomic::Ordering::Relaxed;

use pal_abi::flags::clock;

use super::Call;
use super::arg::{Hex, Ptr};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::pal::{clock_ns, now};
use crate::signal;
use crate::signal::timer::{self, Which};
use crate::task::exit::cpu_ms;
use crate::task::process::process;
use crate::task::thread::Restart;

const SECOND: u64 = 1_000_000_000;

/// The width of the seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Narrow,
    Wide,
}

impl Form {
    /// Bytes of a `timespec`.
    const fn bytes(self) -> u32 {
        match self {
            Self::Narrow => 8,
            Self::Wide => 16,
        }
    }
}

/// Reads a `timespec`, in nanoseconds.
pub(super) fn read_timespec(at: Ptr, form: Form) -> Result<u64, Errno> {
    let (seconds, nanoseconds) = match form {
        Form::Narrow => {
            (i64::from(user::read_u32(at.0)?.cast_signed()), user::read_u32(at.0.wrapping_add(4))?)
        }
        Form::Wide => (user::read_u64(at.0)?.cast_signed(), user::read_u32(at.0.wrapping_add(8))?),
    };
    let seconds = u64::try_from(seconds).map_err(|_| Errno::EINVAL)?;
    if u64::from(nanoseconds) >= SECOND {
        return Err(Errno::EINVAL);
    }
    Ok(seconds.saturating_mul(SECOND).saturating_add(u64::from(nanoseconds)))
}

#[expect(clippy::cast_possible_truncation, reason = "the 32-bit form keeps the low word, as Linux does")]
pub(super) fn write_timespec(at: Ptr, ns: u64, form: Form) -> Result<(), Errno> {
    let (seconds, rest) = (ns / SECOND, ns % SECOND);
    match form {
        Form::Narrow => {
            user::write_u32(at.0, seconds as u32)?;
            user::write_u32(at.0.wrapping_add(4), rest as u32)
        }
        Form::Wide => {
            user::write_u64(at.0, seconds)?;
            user::write_u64(at.0.wrapping_add(8), rest)
        }
    }
}

/// Reads an `itimerspec`: value and interval.
pub(super) fn read_itimerspec(at: Ptr, form: Form) -> Result<(u64, u64), Errno> {
    let interval = read_timespec(at, form);
    let value = read_timespec(Ptr(at.0.wrapping_add(form.bytes())), form);
    // What cannot be read counts before what is no time.
    match (value, interval) {
        (Err(Errno::EFAULT), _) | (_, Err(Errno::EFAULT)) => Err(Errno::EFAULT),
        (value, interval) => Ok((value?, interval?)),
    }
}

/// Writes an `itimerspec`.
pub(super) fn write_itimerspec(at: Ptr, value: u64, interval: u64, form: Form) -> Result<(), Errno> {
    write_timespec(at, interval, form)?;
    write_timespec(Ptr(at.0.wrapping_add(form.bytes())), value, form)
}

/// Reads a `timeval`, in nanoseconds.
pub(super) fn read_timeval(at: Ptr) -> Result<u64, Errno> {
    let seconds = user::read_u32(at.0)?.cast_signed();
    let micros = user::read_u32(at.0.wrapping_add(4))?;
    let seconds = u64::try_from(seconds).map_err(|_| Errno::EINVAL)?;
    Ok(seconds * SECOND + u64::from(micros) * 1000)
}

#[expect(clippy::cast_possible_truncation, reason = "the 32-bit form keeps the low word, as Linux does")]
pub(super) fn write_timeval(at: Ptr, ns: u64) -> Result<(), Errno> {
    user::write_u32(at.0, (ns / SECOND) as u32)?;
    user::write_u32(at.0.wrapping_add(4), (ns % SECOND / 1000) as u32)
}

/// The clock of the layer below behind a clock of Linux.
fn below(which: i32) -> Result<u32, Errno> {
    match which {
        0 | 5 | 11 => Ok(clock::WALL),
        1 | 4 | 6 => Ok(clock::MONOTONIC),
        2 => Ok(clock::PROCESS_CPU),
        3 => Ok(clock::THREAD_CPU),
        7..=9 => Ok(clock::BOOT),
        // The CPU clock of a process or thread by number: of our own only.
        n if n < 0 && n & 4 == 0 => Ok(clock::PROCESS_CPU),
        n if n < 0 => Ok(clock::THREAD_CPU),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn clock_gettime(_: &mut Call<'_>, which: i32, at: Ptr) -> SysResult {
    write_timespec(at, clock_ns(below(which)?), Form::Narrow)?;
    Ok(0)
}

pub(super) fn clock_gettime64(_: &mut Call<'_>, which: i32, at: Ptr) -> SysResult {
    write_timespec(at, clock_ns(below(which)?), Form::Wide)?;
    Ok(0)
}

/// 1 ns; 4 ms of the coarse clocks.
fn resolution(which: i32, at: Ptr, form: Form) -> SysResult {
    below(which)?;
    let ns = if which == 5 || which == 6 { 4_000_000 } else { 1 };
    if at.0 != 0 {
        write_timespec(at, ns, form)?;
    }
    Ok(0)
}

pub(super) fn clock_getres(_: &mut Call<'_>, which: i32, at: Ptr) -> SysResult {
    resolution(which, at, Form::Narrow)
}

pub(super) fn clock_getres64(_: &mut Call<'_>, which: i32, at: Ptr) -> SysResult {
    resolution(which, at, Form::Wide)
}

pub(super) fn gettimeofday(_: &mut Call<'_>, at: Ptr, zone: Ptr) -> SysResult {
    if at.0 != 0 {
        write_timeval(at, clock_ns(clock::WALL))?;
    }
    if zone.0 != 0 {
        user::write_u64(zone.0, 0)?;
    }
    Ok(0)
}

#[expect(clippy::cast_possible_truncation, reason = "the call has 32 bits")]
pub(super) fn time(_: &mut Call<'_>, at: Ptr) -> SysResult {
    let seconds = (clock_ns(clock::WALL) / SECOND) as u32;
    if at.0 != 0 {
        user::write_u32(at.0, seconds)?;
    }
    Ok(seconds)
}

/// Sleeps until a deadline; an interruption leaves the call to be continued.
fn sleep(call: &mut Call<'_>, deadline: u64, remaining: Ptr, form: Form) -> SysResult {
    loop {
        match signal::sleep(call.thread, &[], deadline) {
            Ok(_) if now() >= deadline => return Ok(0),
            Ok(_) => {}
            Err(Errno::ERESTARTSYS) => {
                if remaining.0 != 0 {
                    write_timespec(remaining, deadline.saturating_sub(now()), form)?;
                }
                let wide = form == Form::Wide;
                call.thread.restart = Some(Restart::Sleep { deadline, remaining: remaining.0, wide });
                return Err(Errno::ERESTART_RESTARTBLOCK);
            }
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn restart_syscall(call: &mut Call<'_>) -> SysResult {
    match call.thread.restart.take() {
        Some(Restart::Sleep { deadline, remaining, wide }) => {
            sleep(call, deadline, Ptr(remaining), if wide { Form::Wide } else { Form::Narrow })
        }
        Some(Restart::Poll { records, count, deadline }) => {
            super::poll::poll_until(call, Ptr(records), count, deadline)
        }
        None => Err(Errno::EINTR),
    }
}

pub(super) fn nanosleep(call: &mut Call<'_>, request: Ptr, remaining: Ptr) -> SysResult {
    let deadline = now().saturating_add(read_timespec(request, Form::Narrow)?);
    sleep(call, deadline, remaining, Form::Narrow)
}

fn clock_sleep(
    call: &mut Call<'_>,
    which: i32,
    flags: u32,
    request: Ptr,
    remaining: Ptr,
    form: Form,
) -> SysResult {
    const ABSTIME: u32 = 1;
    const RAW_TO_COARSE: core::ops::RangeInclusive<i32> = 4..=6;
    let source = below(which)?;
    if matches!(source, clock::THREAD_CPU | clock::PROCESS_CPU) || RAW_TO_COARSE.contains(&which) {
        return Err(Errno::EOPNOTSUPP);
    }
    let time = read_timespec(request, form)?;
    if flags & ABSTIME == 0 {
        return sleep(call, now().saturating_add(time), remaining, form);
    }
    let deadline = now().saturating_add(time.saturating_sub(clock_ns(source)));
    sleep(call, deadline, Ptr(0), form).map_err(|error| match error {
        Errno::ERESTART_RESTARTBLOCK => Errno::ERESTARTNOHAND,
        other => other,
    })
}

pub(super) fn clock_nanosleep(
    call: &mut Call<'_>,
    which: i32,
    flags: Hex,
    request: Ptr,
    remaining: Ptr,
) -> SysResult {
    clock_sleep(call, which, flags.0, request, remaining, Form::Narrow)
}

pub(super) fn clock_nanosleep64(
    call: &mut Call<'_>,
    which: i32,
    flags: Hex,
    request: Ptr,
    remaining: Ptr,
) -> SysResult {
    clock_sleep(call, which, flags.0, request, remaining, Form::Wide)
}

pub(super) fn alarm(_: &mut Call<'_>, seconds: u32) -> SysResult {
    let (left, _) = timer::set(Which::Real, u64::from(seconds) * SECOND, 0)?.left(now());
    // Rounded to seconds, but never to none.
    let seconds = if left == 0 { 0 } else { ((left + SECOND / 2) / SECOND).max(1) };
    Ok(u32::try_from(seconds).unwrap_or(u32::MAX))
}

fn interval_timer(which: u32) -> Result<Which, Errno> {
    match which {
        0 => Ok(Which::Real),
        1 => Ok(Which::Virtual),
        2 => Ok(Which::Profiling),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn setitimer(_: &mut Call<'_>, which: u32, new: Ptr, old: Ptr) -> SysResult {
    let (period, value) =
        if new.0 == 0 { (0, 0) } else { (read_timeval(new)?, read_timeval(Ptr(new.0.wrapping_add(8)))?) };
    let which = interval_timer(which)?;
    let (left, before) = timer::set(which, value, period)?.left(which.now());
    put_itimer(old, left, before)
}

pub(super) fn getitimer(_: &mut Call<'_>, which: u32, at: Ptr) -> SysResult {
    let which = interval_timer(which)?;
    let (left, period) = timer::get(which).left(which.now());
    put_itimer(at, left, period)
}

fn put_itimer(at: Ptr, left: u64, period: u64) -> SysResult {
    if at.0 != 0 {
        write_timeval(at, period)?;
        write_timeval(Ptr(at.0.wrapping_add(8)), left)?;
    }
    Ok(0)
}

#[expect(clippy::cast_possible_truncation, reason = "a count of ticks that wraps by definition")]
pub(super) fn times(_: &mut Call<'_>, at: Ptr) -> SysResult {
    if at.0 != 0 {
        let (own, children) = (cpu_ms() / 10, process().children_cpu_ms.load(Relaxed) / 10);
        for (n, ticks) in (0u32..).zip([own, 0, children, 0]) {
            user::write_u32(at.0.wrapping_add(n * 4), ticks)?;
        }
    }
    Ok((clock_ns(clock::MONOTONIC) / 10_000_000) as u32)
}

/// Writes `struct rusage`, of which only the user time is known.
pub(super) fn put_usage(at: Ptr, ms: u32) -> Result<(), Errno> {
    let mut bytes = [0; 72];
    bytes[..4].copy_from_slice(&(ms / 1000).to_le_bytes());
    bytes[4..8].copy_from_slice(&(ms % 1000 * 1000).to_le_bytes());
    user::write(at.0, &bytes)
}

pub(super) fn getrusage(_: &mut Call<'_>, who: i32, at: Ptr) -> SysResult {
    let ms = match who {
        0 | 1 => cpu_ms(),
        -1 => process().children_cpu_ms.load(Relaxed),
        _ => return Err(Errno::EINVAL),
    };
    put_usage(at, ms)?;
    Ok(0)
}
