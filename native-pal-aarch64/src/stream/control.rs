//! The signals of the host to the family: the object behind the console's CONTROL event.
//!
//! A record is 8 bytes: Linux's signal number as a `u32`, and a `u32` that is 1 where the host's kernel sent it (the
//! terminal, for what runs in its foreground) and 0 where another program did. All members share the queue; what one reads, the
//! others do not see. The supervisor rings the root after each.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{event, node};
use pal_abi::{PalError, flags};

use super::{Ops, Stream, Transfer, io};
use crate::family;
use crate::handle::WaitSource;
use crate::user::Buffer;

/// Bytes of a record.
const RECORD_BYTES: usize = 8;

/// The reading end of the queue.
#[derive(Debug)]
struct Control(OwnedFd);

/// Opens the queue.
///
/// # Errors
/// `NotSupported` without a supervisor; `TooMany`.
pub(crate) fn open() -> Result<Arc<Stream>, PalError> {
    let fd = family::family()?.control.try_clone().map_err(|_| PalError::TooMany)?;
    rustix::io::ioctl_fionbio(&fd, true).map_err(|_| PalError::NotSupported)?;
    Ok(Stream::new(Control(fd), flags::stream::READ))
}

impl Ops for Control {
    fn kind(&self) -> u32 {
        node::UNKNOWN
    }

    fn read(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        if buf.len < RECORD_BYTES {
            return Err(PalError::Invalid);
        }
        // Records keep their bounds: a read takes one.
        io::read_waiting(self.0.as_fd(), Buffer { addr: buf.addr, len: RECORD_BYTES }, nonblocking)
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        match which {
            event::READABLE | event::CONTROL => WaitSource::Poll(self.0.as_fd(), libc::POLLIN),
            _ => WaitSource::None,
        }
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Err(PalError::NotSupported)
    }
}
