//! Streams: every named resource, behind one trait.
//!
//! A [`Stream`] is the object a handle refers to; what it does is its [`Ops`], one implementation per scheme. The
//! calls of the table check their parameters here and go to the trait; what a scheme cannot do is `WrongType`.
//! Blocking follows one rule: descriptors the PAL made itself are non-blocking and are waited for with
//! `wait::ready`; inherited ones are never changed and are read and written through interruptible system calls.

pub(crate) mod anon;
mod calls;
pub(crate) mod channel;
pub(crate) mod console;
pub(crate) mod control;
pub(crate) mod counter;
mod dev;
pub(crate) mod dir;
pub(crate) mod file;
pub(crate) mod io;
pub(crate) mod node;
mod null;
pub(crate) mod pipe;
pub(crate) mod pty;
pub(crate) mod socket;
pub(crate) mod timer;
pub(crate) mod waitset;
pub(crate) mod watch;

use std::fmt::Debug;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pal_abi::{Attr, PalError, PalResult, Status, flags};

use crate::handle::{Export, Object, WaitSource};
use crate::sys::mem::Source;
use crate::user::Buffer;
use crate::wait;

pub(crate) use calls::{
    attributes_query, attributes_query_by_handle, attributes_set_by_handle, delete, enumerate_children,
    flush, get_event, get_name, open, open_image, read, rename, set_length, wait_for_client, write,
};

/// How a transfer ended: bytes moved, and a status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Transfer {
    /// Bytes moved.
    pub(crate) done: usize,
    /// `Ok`, `EndOfStream`; or the error `TooBig`, where bytes moved all the same.
    pub(crate) status: PalResult,
}

impl Transfer {
    /// Some bytes.
    pub(crate) const fn of(done: usize) -> Self {
        Self { done, status: Ok(Status::Ok) }
    }

    /// Some bytes of a datagram that had more.
    pub(crate) const fn cut(done: usize) -> Self {
        Self { done, status: Err(PalError::TooBig) }
    }

    /// The end.
    pub(crate) const END: Self = Self { done: 0, status: Ok(Status::EndOfStream) };

    /// What a read of `done` of `len` wanted bytes means.
    pub(crate) const fn read(done: usize, len: usize) -> Self {
        if done == 0 && len != 0 { Self::END } else { Self::of(done) }
    }
}

/// What a scheme does. `nonblocking` is the stream's NONBLOCK flag at the time of the call.
pub(crate) trait Ops: Send + Sync + Debug {
    /// The kind of node, of `flags::node`.
    fn kind(&self) -> u32;

    /// Reads. Interruptible; never holds a lock while it waits.
    fn read(&self, _offset: u64, _buf: Buffer, _nonblocking: bool) -> Result<Transfer, PalError> {
        Err(PalError::WrongType)
    }

    /// Writes. `offset` `APPEND_OFFSET` appends.
    fn write(&self, _offset: u64, _buf: Buffer, _nonblocking: bool) -> Result<Transfer, PalError> {
        Err(PalError::WrongType)
    }

    /// Whether reads and writes never wait (files, memory).
    fn never_blocks(&self) -> bool {
        false
    }

    /// What to poll for an event of `flags::event`; `Ready` where it always is, `None` where there is no such event.
    fn event_source(&self, _which: u32) -> WaitSource<'_> {
        WaitSource::None
    }

    /// What `StreamWaitForClient` may be asked for, of `flags::open`.
    fn accept_options(&self) -> u32 {
        flags::open::NONBLOCK
    }

    /// Accepts a client. `Ok(None)`: none waits, and `nonblocking`.
    fn accept(&self, _options: u32, _nonblocking: bool) -> Result<Option<Arc<Stream>>, PalError> {
        Err(PalError::WrongType)
    }

    /// What `StreamMap` maps.
    fn map_source(&self, _offset: u64, _prot: u32, _flags: u32) -> Result<Source<'_>, PalError> {
        Err(PalError::WrongType)
    }

    /// Sets the length.
    fn set_length(&self, _length: u64) -> Result<(), PalError> {
        Err(PalError::WrongType)
    }

    /// Makes what was written durable. Nothing to do, where nothing is.
    fn flush(&self) -> Result<(), PalError> {
        Ok(())
    }

    /// `StreamDelete`; `mode` of `flags::delete`.
    fn delete(&self, _mode: u32) -> Result<(), PalError> {
        Err(PalError::WrongType)
    }

    /// `StreamRename`.
    fn rename(&self, _uri: &[u8], _flags: u32) -> Result<(), PalError> {
        Err(PalError::WrongType)
    }

    /// The canonical URI.
    fn uri(&self) -> Result<Vec<u8>, PalError>;

    /// Directory records from `cookie` on, at most `cap` bytes; the new cookie. Empty at the end.
    fn enumerate(&self, _cookie: u64, _cap: usize) -> Result<(Vec<u8>, u64), PalError> {
        Err(PalError::WrongType)
    }

    /// Fills in what is known, and the bits of `valid`; `kind` and `flags` are filled in already.
    fn attributes(&self, _attr: &mut Attr) -> Result<(), PalError> {
        Ok(())
    }

    /// Sets what `mask` selects. FLAGS is dealt with by [`Stream`], after this.
    fn set_attributes(&self, _attr: &Attr, mask: u32) -> Result<(), PalError> {
        if mask & !flags::attr::FLAGS == 0 { Ok(()) } else { Err(PalError::NotSupported) }
    }

    /// The descriptor of a file-system node, for the Nodes group.
    fn node(&self) -> Result<Node<'_>, PalError> {
        Err(PalError::WrongType)
    }

    /// Whether it is one of the command's own streams, which tell the host's signals.
    fn is_console(&self) -> bool {
        false
    }

    /// The path of a directory that only the mappings make.
    fn virtual_path(&self) -> Option<&[u8]> {
        None
    }

    /// The descriptor handles are sent over (`StreamSendHandle`): an AF_UNIX socket.
    fn channel(&self) -> Result<BorrowedFd<'_>, PalError> {
        Err(PalError::WrongType)
    }

    /// The socket, for the Sockets group.
    fn socket(&self) -> Result<&socket::plain::Socket, PalError> {
        Err(PalError::WrongType)
    }

    /// For another process.
    fn export(&self) -> Result<Export, PalError> {
        Err(PalError::NotSupported)
    }

    /// The descriptor of memory, which has holes as a file has.
    fn memory(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The instance behind `watch:`, for the Nodes group.
    fn watches(&self) -> Result<BorrowedFd<'_>, PalError> {
        Err(PalError::WrongType)
    }

    /// In the child of `ProcessClone`.
    fn after_clone(&self) {}

    /// In the child of `ProcessClone`, after [`Self::after_clone`] of all objects.
    fn after_clones(&self) {}
}

/// An open file-system node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    /// Its descriptor; may be `O_PATH`.
    pub(crate) fd: BorrowedFd<'a>,
    /// Where it was found, and how it may be used.
    pub(crate) base: &'a node::NodeBase,
}

/// What a handle to a stream refers to.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) ops: Box<dyn Ops>,
    /// Of `flags::stream`: NONBLOCK and APPEND change, the rest is fixed.
    flags: AtomicU32,
}

impl Stream {
    /// A stream; `flags` of `flags::stream`.
    pub(crate) fn new(ops: impl Ops + 'static, flags: u32) -> Arc<Self> {
        Arc::new(Self { ops: Box::new(ops), flags: AtomicU32::new(flags) })
    }

    /// Its flags, of `flags::stream`.
    pub(crate) fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Changes NONBLOCK and APPEND.
    fn set_flags(&self, flags: u32) {
        let change = flags::stream::NONBLOCK | flags::stream::APPEND;
        // The only writer of the other bits is `new`.
        let _ = self
            .flags
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| Some(old & !change | flags & change));
    }

    /// Whether calls that would wait answer at once.
    pub(crate) fn nonblocking(&self) -> bool {
        self.flags() & flags::stream::NONBLOCK != 0
    }
}

impl Object for Stream {
    fn wait_source(&self) -> WaitSource<'_> {
        self.ops.event_source(flags::event::READABLE)
    }

    fn export(&self) -> Result<Export, PalError> {
        let mut export = self.ops.export()?;
        // The flags go in front of the scheme's own record.
        export.data.splice(..0, self.flags().to_ne_bytes());
        Ok(export)
    }

    fn after_clone(&self) {
        self.ops.after_clone();
    }

    fn after_clones(&self) {
        self.ops.after_clones();
    }
}

/// The events of what never waits: readable and writable at all times.
pub(crate) fn always_ready(which: u32) -> WaitSource<'static> {
    match which {
        flags::event::READABLE | flags::event::WRITABLE => WaitSource::Ready,
        _ => WaitSource::None,
    }
}

/// The events of a descriptor that can be polled.
pub(crate) fn polled(fd: BorrowedFd<'_>, which: u32) -> WaitSource<'_> {
    let events = match which {
        flags::event::READABLE => libc::POLLIN,
        flags::event::WRITABLE => libc::POLLOUT,
        flags::event::ERROR => libc::POLLERR,
        flags::event::CLOSED => libc::POLLHUP,
        flags::event::READ_CLOSED => libc::POLLRDHUP,
        flags::event::URGENT => libc::POLLPRI,
        _ => return WaitSource::None,
    };
    WaitSource::Poll(fd, events)
}

/// The attributes of a descriptor that stands for no node.
pub(crate) fn unnamed_attributes(fd: BorrowedFd<'_>, kind: u32, attr: &mut Attr) -> Result<(), PalError> {
    node::file_attributes(fd, attr).map_err(crate::policy::file_error)?;
    attr.kind = kind;
    Ok(())
}

/// A level-triggered event of a stream, which it keeps alive.
#[derive(Debug)]
pub(crate) struct StreamEvent {
    stream: Arc<Stream>,
    which: u32,
}

impl StreamEvent {
    /// All that is the case with the stream, of `flags::ready`.
    pub(crate) fn readiness(&self) -> u32 {
        const ALL: i16 = libc::POLLIN
            | libc::POLLPRI
            | libc::POLLOUT
            | libc::POLLRDNORM
            | libc::POLLRDBAND
            | libc::POLLWRNORM
            | libc::POLLWRBAND
            | libc::POLLRDHUP;
        let source = match self.stream.ops.event_source(flags::event::READABLE) {
            WaitSource::None => self.stream.ops.event_source(flags::event::WRITABLE),
            source => source,
        };
        match source {
            WaitSource::Poll(fd, _) => {
                let mut polled = [wait::pollfd(fd, ALL)];
                let _ = wait::is_ready(&mut polled);
                u32::from(polled[0].revents.cast_unsigned())
            }
            WaitSource::Ready => {
                let normal = flags::ready::READ_NORMAL | flags::ready::WRITE_NORMAL;
                flags::ready::READABLE | flags::ready::WRITABLE | normal
            }
            WaitSource::None => 0,
        }
    }
}

impl Object for StreamEvent {
    fn wait_source(&self) -> WaitSource<'_> {
        self.stream.ops.event_source(self.which)
    }
}

/// `null:` from another process.
pub(crate) fn null(flags: u32) -> Arc<Stream> {
    Stream::new(null::Null, flags)
}

/// A device from another process.
pub(crate) fn device(fd: std::os::fd::OwnedFd, name: &[u8], flags: u32) -> Result<Arc<Stream>, PalError> {
    dev::import(fd, name, flags)
}
