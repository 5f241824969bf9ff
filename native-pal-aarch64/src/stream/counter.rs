//! `counter:` — 64-bit counters, each an eventfd of the host. `counter:VALUE` has a value from the start,
//! `counter:VALUE,semaphore` gives 1 at each read.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{NEVER, node, open as options_of, stream as bits};
use pal_abi::{Attr, PalError};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::{Ops, Stream, Transfer, io};
use crate::handle::{Export, WaitSource};
use crate::sys::errno::pal_error;
use crate::user::Buffer;
use crate::wait;

/// How long a writer sleeps that waits for room for more than 1: the host tells only of room for 1.
const LOOK_AGAIN_NS: u64 = 1_000_000;

/// A counter.
#[derive(Debug)]
struct Counter {
    fd: OwnedFd,
    semaphore: bool,
}

/// Opens `counter:`.
///
/// # Errors
/// Those of `StreamOpen`.
pub(crate) fn open(rest: &[u8], options: u32) -> Result<Arc<Stream>, PalError> {
    let text = std::str::from_utf8(rest).map_err(|_| PalError::Invalid)?;
    let (value, semaphore) = match text.strip_suffix(",semaphore") {
        Some(value) => (value, true),
        None => (text, false),
    };
    let value: u32 = if value.is_empty() { 0 } else { value.parse().map_err(|_| PalError::Invalid)? };
    let kind = if semaphore { EventfdFlags::SEMAPHORE } else { EventfdFlags::empty() };
    let fd = eventfd(value, kind | EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(pal_error)?;
    let nonblock = if options & options_of::NONBLOCK == 0 { 0 } else { bits::NONBLOCK };
    Ok(Stream::new(Counter { fd, semaphore }, bits::READ | bits::WRITE | nonblock))
}

/// A counter that was passed on.
pub(crate) fn import(fd: OwnedFd, semaphore: bool, flags: u32) -> Arc<Stream> {
    Stream::new(Counter { fd, semaphore }, flags)
}

impl Ops for Counter {
    fn kind(&self) -> u32 {
        node::COUNTER
    }

    fn read(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        io::read_waiting(self.fd.as_fd(), buf, nonblocking)
    }

    fn write(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        loop {
            match io::write(self.fd.as_fd(), buf) {
                Err(Errno::AGAIN) if !nonblocking => {
                    let has_room = wait::is_ready(&mut [wait::pollfd(self.fd.as_fd(), libc::POLLOUT)]);
                    if has_room {
                        wait::poll(&mut [], wait::now() + LOOK_AGAIN_NS)?;
                    } else {
                        wait::ready(self.fd.as_fd(), libc::POLLOUT, NEVER)?;
                    }
                }
                other => return other.map(Transfer::of).map_err(io::transfer_error),
            }
        }
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        super::polled(self.fd.as_fd(), which)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(if self.semaphore { b"counter:,semaphore".to_vec() } else { b"counter:".to_vec() })
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        super::unnamed_attributes(self.fd.as_fd(), node::COUNTER, attr)
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: crate::export::COUNTER, data: vec![u8::from(self.semaphore)], fds: vec![fd] })
    }
}
