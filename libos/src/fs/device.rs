//! Devices the library OS is itself: null(4), zero(4), full(4), random(4).

use super::stat::{self, Stat};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::layout::PAGE;
use crate::pal;

/// A memory device, by its minor number under major 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Device {
    /// `/dev/null`.
    Null,
    /// `/dev/zero`.
    Zero,
    /// `/dev/full`.
    Full,
    /// `/dev/random`.
    Random,
    /// `/dev/urandom`.
    Urandom,
}

impl Device {
    /// All, with their names.
    pub const ALL: [(&'static str, Self); 5] = [
        ("null", Self::Null),
        ("zero", Self::Zero),
        ("full", Self::Full),
        ("random", Self::Random),
        ("urandom", Self::Urandom),
    ];

    /// The minor number.
    #[must_use]
    pub const fn minor(self) -> u32 {
        match self {
            Self::Null => 3,
            Self::Zero => 5,
            Self::Full => 7,
            Self::Random => 8,
            Self::Urandom => 9,
        }
    }

    /// Reads.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read(self, buf: u32, len: u32) -> SysResult {
        match self {
            Self::Null => Ok(0),
            Self::Zero | Self::Full => user::fill(buf, 0, len),
            Self::Random | Self::Urandom => {
                let mut piece = [0; PAGE as usize];
                let mut done = 0;
                while done < len {
                    // Page by page of the program's, so that what comes before a hole is filled.
                    let n = (len - done).min(PAGE - buf.wrapping_add(done) % PAGE);
                    pal::random(&mut piece[..n as usize]);
                    match user::write(buf.wrapping_add(done), &piece[..n as usize]) {
                        Err(error) if done == 0 => return Err(error),
                        Err(_) => break,
                        Ok(()) => done += n,
                    }
                }
                Ok(done)
            }
        }
    }

    /// Writes: the bytes vanish.
    ///
    /// # Errors
    /// `ENOSPC` of `/dev/full`.
    pub fn write(self, _buf: u32, len: u32) -> SysResult {
        if self == Self::Full && len > 0 { Err(Errno::ENOSPC) } else { Ok(len) }
    }

    /// What `stat` tells.
    #[must_use]
    pub fn stat(self) -> Stat {
        Stat {
            device: super::pseudo::DEV,
            inode: u64::from(self.minor()) + 1,
            mode: stat::mode::CHARACTER | 0o666,
            links: 1,
            node: stat::Device { major: 1, minor: self.minor() },
            block_size: PAGE,
            ..Stat::default()
        }
    }
}
