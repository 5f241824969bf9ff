//! Clocks, random bits, instruction cache, debug output.

use pal_abi::arg::{InBytes, Out, OutBytes};
use pal_abi::flags::clock;
use pal_abi::{PalError, PalResult, Status};
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, clock_gettime};

use crate::sys::{copy, icache};
use crate::{memory, user};

/// Longest line of `DebugStringPrint`.
const LINE_MAX: usize = 1024;

/// `SystemTimeQuery`.
pub(crate) fn system_time_query(clock: u32, time: Out<'_, u64>) -> PalResult {
    let id = match clock {
        clock::WALL => ClockId::Realtime,
        clock::MONOTONIC => ClockId::Monotonic,
        clock::PROCESS_CPU => ClockId::ProcessCPUTime,
        clock::THREAD_CPU => ClockId::ThreadCPUTime,
        clock::BOOT => ClockId::Boottime,
        _ => return Err(PalError::Invalid),
    };
    let now = clock_gettime(id);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    let ns = seconds.unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(nanoseconds.unwrap_or(0));
    user::write(time, ns)?;
    Ok(Status::Ok)
}

/// `RandomBitsRead`.
pub(crate) fn random_bits_read(buf: OutBytes<'_>, len: usize) -> PalResult {
    let mut chunk = [0_u8; 256];
    let mut done = 0;
    while done < len {
        let part = chunk.get_mut(..(len - done).min(256)).ok_or(PalError::Invalid)?;
        let mut got = 0;
        while let Some(rest) = part.get_mut(got..)
            && !rest.is_empty()
        {
            match getrandom(rest, GetRandomFlags::empty()) {
                Ok(more) => got += more,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Err(PalError::NoMemory),
            }
        }
        copy::write_bytes(buf.addr().wrapping_add(done), part)?;
        done += part.len();
    }
    Ok(Status::Ok)
}

/// `InstructionCacheFlush`.
pub(crate) fn instruction_cache_flush(base: usize, size: usize) -> PalResult {
    if size == 0 {
        return Ok(Status::Ok);
    }
    if !memory::is_backed(base, size) {
        return Err(PalError::Invalid);
    }
    icache::flush(base, size);
    Ok(Status::Ok)
}

/// `DebugStringPrint`.
pub(crate) fn debug_string_print(text: InBytes<'_>, len: usize) -> PalResult {
    let line = user::bytes(text, len.min(LINE_MAX), usize::MAX)?;
    let mut line = String::from_utf8_lossy(&line).trim_end().to_owned();
    line.push('\n');
    // Best effort: there may be no standard error.
    let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
    Ok(Status::Ok)
}
