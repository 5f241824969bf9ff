//! signalfd(2): the signals that wait for whoever reads.
//!
//! # Source
//! `fs/signalfd.c` of Linux: `signalfd_copyinfo`.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::signal::info::{Layout, SigInfo};
use crate::signal::set::SigSet;
use crate::signal::{pending, waiting};
use crate::task::process::process;
use crate::task::threads;

/// Bytes of `struct signalfd_siginfo`.
pub const SIZE: u32 = 128;

/// Which signals it gives.
#[derive(Debug)]
pub struct Signals {
    mask: [AtomicU32; 2],
}

impl Signals {
    /// Of some signals.
    #[must_use]
    pub fn new(mask: SigSet) -> Self {
        let [low, high] = mask.words();
        Self { mask: [AtomicU32::new(low), AtomicU32::new(high)] }
    }

    /// Changes which.
    pub fn set_mask(&self, mask: SigSet) {
        for (word, bits) in self.mask.iter().zip(mask.words()) {
            word.store(bits, Relaxed);
        }
    }

    /// Which.
    #[must_use]
    pub fn mask(&self) -> SigSet {
        SigSet::from_words([self.mask[0].load(Relaxed), self.mask[1].load(Relaxed)])
    }

    /// Whether one of them waits for the calling thread or its process.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !(waiting() & self.mask()).is_empty()
    }

    /// Takes as many as the buffer has room for.
    ///
    /// # Errors
    /// `EINVAL` where it has room for none, `EAGAIN` where none waits, `EFAULT`.
    pub fn read(&self, buf: u32, len: u32) -> SysResult {
        if len < SIZE {
            return Err(Errno::EINVAL);
        }
        let mut done = 0;
        while len - done >= SIZE {
            let thread = threads::current().member().0;
            let Some(info) = pending::take(process().member().0, thread, self.mask()) else { break };
            user::write(buf.wrapping_add(done), &encode(&info))?;
            done += SIZE;
        }
        if done == 0 { Err(Errno::EAGAIN) } else { Ok(done) }
    }
}

/// `struct signalfd_siginfo`.
fn encode(info: &SigInfo) -> [u8; SIZE as usize] {
    let mut bytes = [0; SIZE as usize];
    let mut put = |at: usize, value: u32| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    put(0, info.signal);
    put(8, info.code.cast_unsigned());
    match info.layout() {
        Layout::Kill => {
            put(12, info.first);
            put(16, info.second);
        }
        Layout::Timer => {
            put(24, info.first);
            put(32, info.second);
            put(44, info.third);
            put(48, info.third);
        }
        Layout::Fault => put(72, info.first),
        Layout::Child => {
            put(12, info.first);
            put(16, info.second);
            put(40, info.third);
        }
        Layout::Queued => {
            put(12, info.first);
            put(16, info.second);
            put(44, info.third);
            put(48, info.third);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::info::code;

    #[test]
    fn fields_stand_where_linux_has_them() {
        let bytes =
            encode(&SigInfo { signal: 40, code: code::SI_QUEUE, first: 7, second: 8, third: 0x8000_0009 });
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!([0, 8, 12, 16, 44, 48, 52].map(word), [40, u32::MAX, 7, 8, 0x8000_0009, 0x8000_0009, 0]);
        let bytes = encode(&SigInfo::child(code::CLD_EXITED, 77, 1000, 3));
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!([0, 8, 12, 16, 40, 44].map(word), [17, 1, 77, 1000, 3, 0]);
    }
}
