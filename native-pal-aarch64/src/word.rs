//! Waiting on words of memory.

use pal_abi::arg::{In, Out};
use pal_abi::{PalError, PalResult, Status};
use rustix::io::Errno;

use crate::{user, wait};

/// `WaitOnWord`.
pub(crate) fn wait_on_word(word: In<'_, u32>, expected: u32, deadline: u64) -> PalResult {
    match wait::futex_wait(word.addr(), expected, deadline) {
        Ok(()) => Ok(Status::Ok),
        Err(Errno::TIMEDOUT) => Ok(Status::Timeout),
        Err(errno) => Err(word_error(errno)),
    }
}

/// `WakeWord`.
pub(crate) fn wake_word(word: In<'_, u32>, count: u32, woken: Out<'_, u32>) -> PalResult {
    user::read(word)?;
    let number = wait::futex_wake(word.addr(), count).map_err(word_error)?;
    user::write_if(woken, number)?;
    Ok(Status::Ok)
}

fn word_error(errno: Errno) -> PalError {
    match errno {
        Errno::AGAIN => PalError::WouldBlock,
        Errno::INTR => PalError::Interrupted,
        Errno::FAULT => PalError::Fault,
        Errno::NOMEM => PalError::NoMemory,
        _ => PalError::Invalid,
    }
}
