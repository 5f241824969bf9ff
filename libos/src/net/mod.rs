//! Sockets, as far as they can be told honestly: local ones that find no server. Connected pairs are pipes.

use crate::fs::stat::{Device, Stat, mode};

/// `AF_UNIX`.
pub const AF_UNIX: u32 = 1;

/// A socket without a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Socket {
    /// `SOCK_STREAM`, `SOCK_DGRAM`.
    pub kind: u32,
}

impl Socket {
    /// What `stat` tells.
    #[must_use]
    pub fn stat(&self, number: usize) -> Stat {
        Stat {
            device: Device { major: 0, minor: 8 },
            inode: 100_000 + number as u64,
            mode: mode::SOCKET | 0o777,
            links: 1,
            block_size: 4096,
            ..Stat::default()
        }
    }
}
