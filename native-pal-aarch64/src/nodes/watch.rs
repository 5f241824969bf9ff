//! Watches: streams of what happens to a node.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use pal_abi::arg::Out;
use pal_abi::flags::{NEVER, node, stream as bits};
use pal_abi::{Handle, Layout, PalError, PalResult, Status, WatchRecord};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

use super::stream;
use crate::handle::WaitSource;
use crate::policy::file_error;
use crate::stream::node::magic_path;
use crate::stream::{Ops, Stream, Transfer};
use crate::sys::copy;
use crate::user::{self, Buffer};
use crate::wait;

/// All of `flags::watch`.
const KNOWN: u32 = 0xfff;

/// A watch on one node.
#[derive(Debug)]
struct Watch {
    fd: OwnedFd,
    /// Records read from the host that did not fit the last buffer.
    rest: Mutex<Vec<u8>>,
}

/// `Watch`.
pub(crate) fn watch(object: Handle, mask: u32, to: Out<'_, Handle>) -> PalResult {
    let object = stream(object)?;
    if mask == 0 || mask & !KNOWN != 0 {
        return Err(PalError::Invalid);
    }
    let node = object.ops.node()?;
    user::probe(to)?;
    let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(file_error)?;
    let flags = WatchFlags::from_bits_retain(mask);
    inotify::add_watch(&fd, magic_path(node.fd), flags).map_err(|errno| match errno {
        Errno::NOSPC => PalError::TooMany, // the user's watches are used up
        other => file_error(other),
    })?;
    user::give_object(to, Stream::new(Watch { fd, rest: Mutex::new(Vec::new()) }, bits::READ))?;
    Ok(Status::Ok)
}

impl Watch {
    /// Takes as many whole records as fit; `None` where there are none.
    fn take(&self, cap: usize) -> Result<Option<Vec<u8>>, PalError> {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.is_empty() {
            let mut buf = [core::mem::MaybeUninit::uninit(); 16 << 10];
            let mut reader = inotify::Reader::new(self.fd.as_fd(), &mut buf);
            match reader.next() {
                Ok(event) => push(&mut rest, &event),
                Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
                Err(errno) => return Err(file_error(errno)),
            }
            while !reader.is_buffer_empty() {
                push(&mut rest, &reader.next().map_err(file_error)?);
            }
        }
        let mut end = 0;
        while let Some(record) = rest.get(end..).and_then(WatchRecord::read_from) {
            if end + record.record_size as usize > cap {
                break;
            }
            end += record.record_size as usize;
        }
        if end == 0 {
            return Err(PalError::Invalid); // not even one fits
        }
        Ok(Some(rest.drain(..end).collect()))
    }
}

fn push(to: &mut Vec<u8>, event: &inotify::Event<'_>) {
    let name = event.file_name().map_or(&b""[..], std::ffi::CStr::to_bytes);
    let size = (size_of::<WatchRecord>() + name.len()).next_multiple_of(8);
    let (Ok(record_size), Ok(name_size)) = (u32::try_from(size), u32::try_from(name.len())) else { return };
    let record = WatchRecord { record_size, mask: event.events().bits(), cookie: event.cookie(), name_size };
    let start = to.len();
    to.extend_from_slice(record.as_bytes());
    to.extend_from_slice(name);
    to.resize(start + size, 0);
}

impl Ops for Watch {
    fn kind(&self) -> u32 {
        node::WATCH
    }

    fn read(&self, _: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        loop {
            if let Some(records) = self.take(buf.len)? {
                copy::write_bytes(buf.addr, &records)?;
                return Ok(Transfer::of(records.len()));
            }
            if nonblocking {
                return Err(PalError::WouldBlock);
            }
            wait::ready(self.fd.as_fd(), libc::POLLIN, NEVER)?;
        }
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        let has_rest = !self.rest.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if has_rest && which == pal_abi::flags::event::READABLE {
            return WaitSource::Ready;
        }
        crate::stream::polled(self.fd.as_fd(), which)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Err(PalError::NotSupported)
    }
}
