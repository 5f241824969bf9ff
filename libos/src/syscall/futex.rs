//! futex(2): waiting on a word and waking who waits.
//!
//! The layer below knows a word of shared memory by its object, so private and shared futexes are one here.

use pal_abi::arg::In;
use pal_abi::flags::{NEVER, clock};
use pal_abi::{PalError, Status};

use super::arg::{Hex, Ptr};
use super::time::{Form, read_timespec};
use super::{Call, futex_pi};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::pal::{self, clock_ns, now};
use crate::signal::interruptible;

const WAIT: u32 = 0;
const WAKE: u32 = 1;
const REQUEUE: u32 = 3;
const CMP_REQUEUE: u32 = 4;
const WAKE_OP: u32 = 5;
const LOCK_PI: u32 = 6;
const UNLOCK_PI: u32 = 7;
const TRYLOCK_PI: u32 = 8;
const WAIT_BITSET: u32 = 9;
const WAKE_BITSET: u32 = 10;
const LOCK_PI2: u32 = 13;
const PRIVATE: u32 = 128;
const CLOCK_REALTIME: u32 = 256;

pub(super) fn futex(
    call: &mut Call<'_>,
    word: Ptr,
    operation: Hex,
    value: u32,
    timeout: Ptr,
    second: Ptr,
    third: u32,
) -> SysResult {
    run(call, word, operation.0, value, (timeout, Form::Narrow), second, third)
}

pub(super) fn futex64(
    call: &mut Call<'_>,
    word: Ptr,
    operation: Hex,
    value: u32,
    timeout: Ptr,
    second: Ptr,
    third: u32,
) -> SysResult {
    run(call, word, operation.0, value, (timeout, Form::Wide), second, third)
}

fn run(
    call: &Call<'_>,
    word: Ptr,
    operation: u32,
    value: u32,
    timeout: (Ptr, Form),
    second: Ptr,
    third: u32,
) -> SysResult {
    if !word.0.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    match operation & !(PRIVATE | CLOCK_REALTIME) {
        WAIT => {
            let deadline = match timeout.0.0 {
                0 => NEVER,
                _ => now().saturating_add(read_timespec(timeout.0, timeout.1)?),
            };
            wait(call, word, value, deadline)
        }
        WAIT_BITSET => {
            if third == 0 {
                return Err(Errno::EINVAL);
            }
            wait(call, word, value, moment(timeout, operation & CLOCK_REALTIME != 0)?)
        }
        WAKE => wake(word, value),
        WAKE_BITSET if third == 0 => Err(Errno::EINVAL),
        WAKE_BITSET => wake(word, value),
        // Who is woken in place of being moved looks at its word again: allowed, if dearer.
        REQUEUE => Ok(wake(word, value)? + wake(word, timeout.0.0)?),
        CMP_REQUEUE if user::read_u32(word.0)? != third => Err(Errno::EAGAIN),
        CMP_REQUEUE => Ok(wake(word, value)? + wake(word, timeout.0.0)?),
        WAKE_OP => wake_op(word, value, timeout.0.0, second, third),
        LOCK_PI => futex_pi::lock(call, word, Some(moment(timeout, true)?)),
        LOCK_PI2 => futex_pi::lock(call, word, Some(moment(timeout, operation & CLOCK_REALTIME != 0)?)),
        TRYLOCK_PI => futex_pi::lock(call, word, None),
        UNLOCK_PI => futex_pi::unlock(word),
        _ => Err(Errno::ENOSYS),
    }
}

/// The deadline of an optional moment on one of two clocks.
fn moment((at, form): (Ptr, Form), on_wall_clock: bool) -> Result<u64, Errno> {
    if at.0 == 0 {
        return Ok(NEVER);
    }
    let time = read_timespec(at, form)?;
    Ok(if on_wall_clock { now().saturating_add(time.saturating_sub(clock_ns(clock::WALL))) } else { time })
}

pub(super) fn wait(call: &Call<'_>, word: Ptr, value: u32, deadline: u64) -> SysResult {
    if user::read_u32(word.0)? != value {
        return Err(Errno::EAGAIN);
    }
    interruptible(call.thread, || match pal::words().wait_on_word(pointer(word)?, value, deadline) {
        Ok(Status::Timeout) => Err(Errno::ETIMEDOUT),
        Ok(_) => Ok(0),
        Err(PalError::WouldBlock) => Err(Errno::EAGAIN),
        Err(error) => Err(error.into()),
    })
}

/// Wakes one who waits for a word, if it is one.
pub fn wake_one(word: u32) {
    // A bad address has nobody who waits.
    _ = wake(Ptr(word), 1);
}

fn pointer(word: Ptr) -> Result<In<'static, u32>, Errno> {
    user::in_word(word.0)
}

fn wake(word: Ptr, count: u32) -> SysResult {
    let mut woken = 0u32;
    pal::words().wake_word(pointer(word)?, count, (&mut woken).into())?;
    Ok(woken)
}

fn wake_op(word: Ptr, count: u32, count2: u32, second: Ptr, encoded: u32) -> SysResult {
    let sign = |bits: u32| ((bits << 20).cast_signed() >> 20).cast_unsigned();
    let (operation, compare) = (encoded >> 28 & 7, encoded >> 24 & 15);
    let (mut operand, against) = (sign(encoded >> 12 & 0xfff), sign(encoded & 0xfff));
    if encoded >> 31 != 0 {
        operand = 1u32.wrapping_shl(operand);
    }
    let mut old = user::read_u32(second.0)?;
    loop {
        let new = match operation {
            0 => operand,
            1 => old.wrapping_add(operand),
            2 => old | operand,
            3 => old & !operand,
            4 => old ^ operand,
            _ => return Err(Errno::ENOSYS),
        };
        let found = user::compare_exchange(second.0, old, new)?;
        if found == old {
            break;
        }
        old = found;
    }
    let (a, b) = (old.cast_signed(), against.cast_signed());
    let holds = match compare {
        0 => a == b,
        1 => a != b,
        2 => a < b,
        3 => a <= b,
        4 => a > b,
        5 => a >= b,
        _ => return Err(Errno::ENOSYS),
    };
    let woken = wake(word, count)?;
    Ok(woken + if holds { wake(second, count2)? } else { 0 })
}
