//! Open files: what a descriptor refers to.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pal_abi::arg::InBytes;
use pal_abi::flags::{attr, node, open as options, stream};
use pal_abi::{Attr, Handle, Layout as _, Pal as _, PalError};

use super::device::Device;
use super::directory::Directory;
use super::epoll::{Epoll, Links};
use super::pty;
use super::shared::Slot;
use super::signals::Signals;
use super::stat::Stat;
use super::terminal::{self, Line, Side};
use super::text::TextFile;
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::net::message::Ancillary;
use crate::net::{Direction, Socket};
use crate::pal::{self, Owned};
use crate::sys::lock::Lock;

/// Flags of `open`, i386.
pub mod o {
    #![allow(missing_docs, reason = "open(2) has them")]
    pub const ACCMODE: u32 = 3;
    pub const WRONLY: u32 = 1;
    pub const RDWR: u32 = 2;
    pub const CREAT: u32 = 0o100;
    pub const EXCL: u32 = 0o200;
    pub const NOCTTY: u32 = 0o400;
    pub const TRUNC: u32 = 0o1000;
    pub const APPEND: u32 = 0o2000;
    pub const NONBLOCK: u32 = 0o4000;
    pub const DSYNC: u32 = 0o10000;
    pub const ASYNC: u32 = 0o20000;
    pub const DIRECT: u32 = 0o40000;
    pub const LARGEFILE: u32 = 0o100_000;
    pub const DIRECTORY: u32 = 0o200_000;
    pub const NOFOLLOW: u32 = 0o400_000;
    pub const NOATIME: u32 = 0o1_000_000;
    pub const CLOEXEC: u32 = 0o2_000_000;
    pub const SYNC: u32 = 0o4_010_000;
    pub const PATH: u32 = 0o10_000_000;
    pub const TMPFILE: u32 = 0o20_200_000;
    /// What `F_SETFL` may change.
    pub const SETTABLE: u32 = APPEND | NONBLOCK | ASYNC | DIRECT | NOATIME;
}

/// The most bytes one call moves (`MAX_RW_COUNT`).
pub const MAX_TRANSFER: u32 = 0x7fff_f000;

/// A stream of the layer below.
#[derive(Debug)]
pub struct HostFile {
    /// The stream.
    pub handle: Owned,
    /// Of `flags::node`.
    pub kind: u32,
    /// Whether offsets count.
    pub seekable: bool,
    /// Which terminal it is.
    pub terminal: Option<Line>,
    nonblocking: AtomicBool,
    events: Lock<[Option<Handle>; 8]>,
}

impl HostFile {
    /// A stream with those attributes. A terminal is the command's own.
    #[must_use]
    pub fn new(handle: Owned, attr: &Attr) -> Self {
        let terminal = (attr.flags & stream::TERMINAL != 0).then_some(Line::CONSOLE);
        Self::make(handle, attr, terminal)
    }

    /// A side of a pseudo-terminal.
    #[must_use]
    pub fn of_line(handle: Owned, attr: &Attr, line: Line) -> Self {
        Self::make(handle, attr, Some(line))
    }

    fn make(handle: Owned, attr: &Attr, terminal: Option<Line>) -> Self {
        Self {
            handle,
            kind: attr.kind,
            seekable: attr.flags & stream::SEEKABLE != 0,
            terminal,
            nonblocking: AtomicBool::new(attr.flags & stream::NONBLOCK != 0),
            events: Lock::new([None; 8]),
        }
    }

    /// The same stream, for an open file of its own.
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn again(&self) -> Result<Self, Errno> {
        pal::pal().object_reference(self.handle.get())?;
        let handle = Owned::new(self.handle.get());
        let attr = pal::attributes(handle.get())?;
        Ok(Self::new(handle, &attr))
    }

    /// The event of that kind (`flags::event`), where the stream has one.
    #[must_use]
    pub fn event(&self, which: u32) -> Option<Handle> {
        let mut events = self.events.lock();
        let slot = events.get_mut(which as usize)?;
        if slot.is_none() {
            // The event belongs to the stream and goes with it.
            *slot = Some(pal::event(self.handle.get(), which).map_or(Handle::NONE, |event| {
                let handle = event.get();
                core::mem::forget(event);
                handle
            }));
        }
        slot.filter(|handle| !handle.is_none())
    }

    /// The line of which this is the master.
    fn master(&self) -> Option<Line> {
        self.terminal.filter(|line| line.side() == Side::Master)
    }

    /// Writes to a master what is typed there, piece by piece, and sends the signals that it means. `take` copies what comes
    /// at an offset.
    fn write_typed(
        &self,
        line: Line,
        len: u32,
        take: impl Fn(u32, &mut [u8]) -> Result<(), Errno>,
    ) -> SysResult {
        const PIECE: u32 = 4096;
        let mut piece = [0; PIECE as usize];
        let (mut done, mut went_whole) = (0, true);
        loop {
            let piece = &mut piece[..(len - done).min(PIECE) as usize];
            let result = take(done, piece).and_then(|()| {
                let discipline = terminal::discipline(self)?;
                Ok(pty::type_some(line, &discipline, piece, |bytes| {
                    let len = u32::try_from(bytes.len()).unwrap_or(0);
                    let went = pal::write(self.handle.get(), 0, bytes.into(), len)?;
                    went_whole = went == len;
                    Ok(went)
                })?)
            });
            match result {
                Ok(went) => {
                    done += went;
                    if done == len || !went_whole {
                        return Ok(done);
                    }
                }
                Err(error) => return if done == 0 { Err(error) } else { Ok(done) },
            }
        }
    }

    /// Brings the stream's blocking into line with the status flags.
    pub fn apply_blocking(&self, flags: u32) {
        let wanted = flags & o::NONBLOCK != 0;
        if !self.seekable && self.nonblocking.swap(wanted, Relaxed) != wanted {
            let mut change = Attr::ZERO;
            change.flags = if wanted { stream::NONBLOCK } else { 0 };
            // Where the layer below cannot, reads block: nothing better is left.
            _ = pal::set_attributes(self.handle.get(), &change, attr::FLAGS);
        }
    }
}

impl Drop for HostFile {
    fn drop(&mut self) {
        for event in self.events.lock().iter().flatten() {
            drop(Owned::new(*event));
        }
    }
}

/// What an open file is.
#[derive(Debug)]
pub enum Object {
    /// A file, pipe, terminal or device of the layer below.
    Host(HostFile),
    /// A directory.
    Directory(Directory),
    /// A text that is made up.
    Text(TextFile),
    /// A device of our own.
    Device(Device),
    /// A socket.
    Socket(Socket),
    /// A set of files to wait for.
    Epoll(Epoll),
    /// The signals that wait.
    Signals(Signals),
    /// A node opened for its name only, and what it was.
    Path(Stat),
}

/// An open file description.
#[derive(Debug)]
pub struct OpenFile {
    /// The sets of files it is in. It leaves them before all else.
    pub links: Links,
    /// What it is.
    pub object: Object,
    /// Offset and status flags.
    pub slot: Slot,
    /// Whether it may be read.
    pub readable: bool,
    /// Whether it may be written.
    pub writable: bool,
    /// Where it was found, as `/proc` shows it.
    pub path: Vec<u8>,
}

impl OpenFile {
    /// An open file; `flags` are those of `open`.
    ///
    /// # Errors
    /// `ENFILE`.
    pub fn new(object: Object, flags: u32, path: Vec<u8>) -> Result<Self, Errno> {
        let kept = flags & !(o::CREAT | o::EXCL | o::NOCTTY | o::TRUNC | o::CLOEXEC);
        Ok(Self::shared(object, Slot::new(kept)?, path))
    }

    /// An open file whose offset and flags are in use elsewhere.
    #[must_use]
    pub fn shared(object: Object, slot: Slot, path: Vec<u8>) -> Self {
        let flags = slot.flags();
        let access = flags & o::ACCMODE;
        let path_only = flags & o::PATH != 0;
        Self {
            links: Links::new(),
            object,
            slot,
            readable: !path_only && (access == 0 || access == o::RDWR),
            writable: !path_only && (access == o::WRONLY || access == o::RDWR),
            path,
        }
    }

    /// The stream below, of files that are one.
    #[must_use]
    pub const fn host(&self) -> Option<&HostFile> {
        match &self.object {
            Object::Host(host) | Object::Socket(Socket { host, .. }) => Some(host),
            _ => None,
        }
    }

    /// The socket, of files that are one.
    #[must_use]
    pub const fn socket(&self) -> Option<&Socket> {
        match &self.object {
            Object::Socket(socket) => Some(socket),
            _ => None,
        }
    }

    /// Whether it carries bytes from here to there, of which a part may go at a time.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        match &self.object {
            Object::Host(host) => !host.seekable && !self.is_unnamed(),
            Object::Socket(socket) => socket.is_stream(),
            _ => false,
        }
    }

    /// Whether it stands for no node and has no data but its state (Linux's `anon_inode`s).
    #[must_use]
    pub const fn is_unnamed(&self) -> bool {
        match &self.object {
            Object::Host(host) => matches!(host.kind, node::COUNTER | node::TIMER | node::WATCH),
            Object::Epoll(_) | Object::Signals(_) => true,
            _ => false,
        }
    }

    /// Whether the offset means something.
    #[must_use]
    pub const fn is_seekable(&self) -> bool {
        match &self.object {
            Object::Host(host) => host.seekable,
            Object::Text(_) | Object::Device(_) | Object::Directory(_) => true,
            Object::Socket(_) | Object::Epoll(_) | Object::Signals(_) | Object::Path(_) => false,
        }
    }

    /// Reads at the file's offset, which moves, or at a given one.
    ///
    /// # Errors
    /// As read(2) and pread(2).
    pub fn read(&self, at: Option<u64>, buf: u32, len: u32) -> SysResult {
        if !self.readable {
            return Err(Errno::EBADF);
        }
        let len = len.min(MAX_TRANSFER);
        let moving = |read: &dyn Fn(u64) -> SysResult| match at {
            Some(offset) => read(offset),
            None => {
                let offset = self.slot.offset();
                let done = read(offset.get())?;
                offset.set(offset.get() + u64::from(done));
                Ok(done)
            }
        };
        match &self.object {
            Object::Host(host) if host.seekable => {
                let to = user::out_bytes(buf, len)?;
                moving(&|offset| Ok(pal::read(host.handle.get(), offset, to, len)?))
            }
            Object::Host(_) if at.is_some() => Err(Errno::ESPIPE),
            Object::Host(host) => {
                host.apply_blocking(self.slot.flags());
                Ok(pal::read(host.handle.get(), 0, user::out_bytes(buf, len)?, len)?)
            }
            Object::Directory(_) => Err(Errno::EISDIR),
            Object::Text(text) => moving(&|offset| {
                let piece = text.read(offset, len as usize)?;
                user::write(buf, &piece)?;
                Ok(u32::try_from(piece.len()).unwrap_or(0))
            }),
            Object::Device(device) => device.read(buf, len),
            Object::Socket(_) | Object::Epoll(_) | Object::Signals(_) if at.is_some() => Err(Errno::ESPIPE),
            Object::Socket(socket) => {
                let deadline = socket.deadline(Direction::Receive);
                let to = (user::out_bytes(buf, len)?, len);
                Ok(socket.receive(self.slot.flags(), to, 0, deadline, false)?.done)
            }
            Object::Epoll(_) => Err(Errno::EINVAL),
            Object::Signals(signals) => signals.read(buf, len),
            Object::Path(_) => Err(Errno::EBADF),
        }
    }

    /// Writes at the file's offset, which moves, or at a given one.
    ///
    /// # Errors
    /// As write(2) and pwrite(2).
    pub fn write(&self, at: Option<u64>, buf: u32, len: u32) -> SysResult {
        if !self.writable {
            return Err(Errno::EBADF);
        }
        let len = len.min(MAX_TRANSFER);
        match &self.object {
            Object::Host(host) if host.seekable => {
                let from = user::in_bytes(buf, len)?;
                if self.slot.flags() & o::APPEND != 0 {
                    let offset = self.slot.offset();
                    let done = pal::write(host.handle.get(), pal_abi::flags::APPEND_OFFSET, from, len)?;
                    if at.is_none() {
                        offset.set(pal::attributes(host.handle.get())?.size);
                    }
                    return Ok(done);
                }
                match at {
                    Some(offset) => Ok(pal::write(host.handle.get(), offset, from, len)?),
                    None => {
                        let offset = self.slot.offset();
                        let done = pal::write(host.handle.get(), offset.get(), from, len)?;
                        offset.set(offset.get() + u64::from(done));
                        Ok(done)
                    }
                }
            }
            Object::Host(_) if at.is_some() => Err(Errno::ESPIPE),
            // What is written to these is not for programs.
            Object::Host(HostFile { kind: node::TIMER | node::WATCH, .. }) => Err(Errno::EINVAL),
            Object::Host(host) => {
                host.apply_blocking(self.slot.flags());
                if let Some(line) = host.master() {
                    return host.write_typed(line, len, |at, to| user::read(buf.wrapping_add(at), to));
                }
                Ok(pal::write(host.handle.get(), 0, user::in_bytes(buf, len)?, len)?)
            }
            Object::Epoll(_) | Object::Signals(_) if at.is_some() => Err(Errno::ESPIPE),
            Object::Epoll(_) | Object::Signals(_) => Err(Errno::EINVAL),
            Object::Device(device) => device.write(buf, len),
            Object::Socket(_) if at.is_some() => Err(Errno::ESPIPE),
            Object::Socket(socket) => self.send(socket, user::in_bytes(buf, len)?, len),
            Object::Directory(_) | Object::Text(_) | Object::Path(_) => Err(Errno::EBADF),
        }
    }

    /// Reads into memory of our own, at a given offset, without moving the file's.
    ///
    /// # Errors
    /// As pread(2).
    pub fn read_at(&self, offset: u64, to: &mut [u8]) -> SysResult {
        let len = u32::try_from(to.len()).map_err(|_| Errno::EINVAL)?;
        match &self.object {
            Object::Host(host) => Ok(pal::read(host.handle.get(), offset, to.into(), len)?),
            Object::Text(text) => {
                let piece = text.read(offset, to.len())?;
                to[..piece.len()].copy_from_slice(&piece);
                Ok(u32::try_from(piece.len()).unwrap_or(0))
            }
            Object::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Reads a stream into memory of our own.
    ///
    /// # Errors
    /// As read(2).
    pub fn read_bytes(&self, to: &mut [u8]) -> SysResult {
        let len = u32::try_from(to.len()).map_err(|_| Errno::EINVAL)?;
        match &self.object {
            Object::Host(host) => {
                host.apply_blocking(self.slot.flags());
                Ok(pal::read(host.handle.get(), 0, to.into(), len)?)
            }
            Object::Socket(socket) => {
                let deadline = socket.deadline(Direction::Receive);
                Ok(socket.receive(self.slot.flags(), (to.into(), len), 0, deadline, false)?.done)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// Writes memory of our own at the file's offset, which moves.
    ///
    /// # Errors
    /// As write(2).
    pub fn write_bytes(&self, from: &[u8]) -> SysResult {
        let len = u32::try_from(from.len()).map_err(|_| Errno::EINVAL)?;
        match &self.object {
            Object::Host(host) if host.seekable => {
                let append = self.slot.flags() & o::APPEND != 0;
                let offset = self.slot.offset();
                let at = if append { pal_abi::flags::APPEND_OFFSET } else { offset.get() };
                let done = pal::write(host.handle.get(), at, from.into(), len)?;
                offset.set(if append {
                    pal::attributes(host.handle.get())?.size
                } else {
                    at + u64::from(done)
                });
                Ok(done)
            }
            Object::Host(HostFile { kind: node::TIMER | node::WATCH, .. }) => Err(Errno::EINVAL),
            Object::Host(host) => {
                host.apply_blocking(self.slot.flags());
                if let Some(line) = host.master() {
                    return host.write_typed(line, len, |at, to| {
                        let at = at as usize;
                        to.copy_from_slice(&from[at..at + to.len()]);
                        Ok(())
                    });
                }
                Ok(pal::write(host.handle.get(), 0, from.into(), len)?)
            }
            Object::Device(device) => device.write(0, len),
            Object::Socket(socket) => self.send(socket, from.into(), len),
            _ => Err(Errno::EINVAL),
        }
    }

    fn send(&self, socket: &Socket, from: InBytes<'_>, len: u32) -> SysResult {
        let deadline = socket.deadline(Direction::Send);
        socket.send(self.slot.flags(), (from, len), 0, &[], &mut Ancillary::default(), deadline)
    }

    /// What `stat` tells.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn stat(&self) -> Result<Stat, Errno> {
        match &self.object {
            Object::Host(host) => {
                let stat = Stat::from_attr(&pal::attributes(host.handle.get())?);
                Ok(host.terminal.map_or(stat, |line| pty::dress(line, stat)))
            }
            Object::Directory(directory) => directory.stat(),
            Object::Text(_) => Ok(super::pseudo::text_stat(&self.path)),
            Object::Device(device) => Ok(device.stat()),
            Object::Socket(socket) => socket.stat(),
            Object::Epoll(_) | Object::Signals(_) => Ok(super::stat::unnamed(self.slot.number())),
            Object::Path(stat) => Ok(*stat),
        }
    }

    /// The handle a change of attributes goes to.
    ///
    /// # Errors
    /// `EROFS` for what the library OS makes up, `EBADF` for a path.
    pub fn handle(&self) -> Result<Handle, Errno> {
        match &self.object {
            Object::Host(host) | Object::Socket(Socket { host, .. }) => Ok(host.handle.get()),
            Object::Directory(Directory { handle: Some(handle), .. }) => Ok(handle.get()),
            Object::Path(_) => Err(Errno::EBADF),
            Object::Epoll(_) | Object::Signals(_) => Err(Errno::EOPNOTSUPP),
            _ => Err(Errno::EPERM),
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.links.cut(self);
    }
}

/// Opens `path` (absolute) in the layer below and tells what it is.
///
/// # Errors
/// As `StreamOpen`.
pub fn open_host(path: &[u8], access: u32, how: u32) -> Result<(Owned, Attr), PalError> {
    let uri = super::host::uri(path);
    let handle = pal::open(&uri, access, how)?;
    let attr = pal::attributes(handle.get())?;
    Ok((handle, attr))
}

/// Whether a kind of node is a directory.
#[must_use]
pub const fn is_directory(kind: u32) -> bool {
    kind == node::DIRECTORY
}

/// Options that only make sense for what is created.
pub const CREATING: u32 = options::CREATE | options::CREATE_NEW;
