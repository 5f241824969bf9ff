//! Sockets: those of the layer below, and what an i386 program sees of them.
//!
//! The layer below has Linux's sockets (the group `Sockets`). Here are the names of UNIX sockets ([`unix`]), the open
//! files that travel over them ([`rights`]), and the limits of time, which a layer without state of its own does not keep.

pub mod address;
pub mod message;
pub mod rights;
pub mod unix;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicBool;

use pal_abi::flags::{NEVER, family, socket_kind};
use pal_abi::{Handle, Pal as _, PalError};

use crate::error::Errno;
use crate::fs::file::{HostFile, Object, OpenFile, o};
use crate::fs::stat::{Device, Stat};
use crate::pal::{self, Owned, now, sockets};
use crate::sys::lock::Lock;

/// `SOL_SOCKET`.
pub const SOL_SOCKET: u32 = 1;
/// `SOCK_RAW`.
const RAW: u32 = 3;

/// What a time limit is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// `SO_RCVTIMEO`.
    Receive,
    /// `SO_SNDTIMEO`.
    Send,
}

/// A socket.
#[derive(Debug)]
pub struct Socket {
    /// The socket of the layer below.
    pub host: HostFile,
    /// `AF_*`.
    pub family: u32,
    /// `SOCK_*`.
    pub kind: u32,
    /// Nanoseconds a call may wait, by [`Direction`]; 0: for ever.
    limits: Lock<[u64; 2]>,
    /// `SO_PASSCRED`.
    pub passes_credentials: AtomicBool,
}

/// The error number of a call on a socket.
#[must_use]
pub fn errno(error: PalError) -> Errno {
    match error {
        PalError::Conflict => Errno::EADDRINUSE,
        PalError::TooBig => Errno::EMSGSIZE,
        PalError::Busy => Errno::EALREADY,
        other => other.into(),
    }
}

impl Socket {
    /// Makes a socket.
    ///
    /// # Errors
    /// As socket(2).
    pub fn open(family: u32, kind: u32, protocol: u32) -> Result<Self, Errno> {
        let mut handle = Handle::NONE;
        // As on Linux, there is nothing raw about a UNIX socket.
        let kind = if family == family::UNIX && kind == RAW { socket_kind::DATAGRAM } else { kind };
        let is_known = kind == socket_kind::STREAM || kind == socket_kind::DATAGRAM;
        sockets().socket_open(family, kind, protocol, (&mut handle).into()).map_err(|e| match e {
            PalError::NoProtocol if !is_known => Errno::ESOCKTNOSUPPORT,
            other => errno(other),
        })?;
        Self::of(Owned::new(handle), family, kind)
    }

    /// A socket of the layer below, whose kind is known.
    ///
    /// # Errors
    /// Those of the query.
    pub fn of(handle: Owned, family: u32, kind: u32) -> Result<Self, Errno> {
        let attributes = pal::attributes(handle.get())?;
        Ok(Self {
            host: HostFile::new(handle, &attributes),
            family,
            kind,
            limits: Lock::new([0; 2]),
            passes_credentials: AtomicBool::new(false),
        })
    }

    /// A socket that was passed on.
    ///
    /// # Errors
    /// Those of the queries.
    pub fn received(handle: Owned) -> Result<Self, Errno> {
        const TYPE: u32 = 3;
        const DOMAIN: u32 = 39;
        let ask = |name| word_option(handle.get(), SOL_SOCKET, name);
        let (family, kind) = (ask(DOMAIN)?, ask(TYPE)?);
        Self::of(handle, family, kind)
    }

    /// Two connected UNIX sockets.
    ///
    /// # Errors
    /// As socketpair(2).
    pub fn pair(kind: u32) -> Result<(Self, Self), Errno> {
        let (mut one, mut other) = (Handle::NONE, Handle::NONE);
        sockets().socket_pair(kind, (&mut one).into(), (&mut other).into()).map_err(|e| match e {
            PalError::NoProtocol => Errno::ESOCKTNOSUPPORT,
            error => errno(error),
        })?;
        let (one, other) = (Owned::new(one), Owned::new(other));
        Ok((Self::of(one, family::UNIX, kind)?, Self::of(other, family::UNIX, kind)?))
    }

    /// The open file of a socket; `flags`: `O_NONBLOCK`.
    ///
    /// # Errors
    /// `ENFILE`.
    pub fn into_file(self, flags: u32) -> Result<Arc<OpenFile>, Errno> {
        let name = format!("socket:[{}]", pal::attributes(self.host.handle.get())?.inode).into_bytes();
        Ok(Arc::new(OpenFile::new(Object::Socket(self), o::RDWR | flags & o::NONBLOCK, name)?))
    }

    /// Its handle.
    #[must_use]
    pub const fn handle(&self) -> Handle {
        self.host.handle.get()
    }

    /// What a call may wait, in nanoseconds; 0: for ever.
    #[must_use]
    pub fn limit(&self, of: Direction) -> u64 {
        self.limits.lock()[of as usize]
    }

    /// Limits what a call may wait.
    pub fn set_limit(&self, of: Direction, ns: u64) {
        self.limits.lock()[of as usize] = ns;
    }

    /// When a call that begins now has waited long enough.
    #[must_use]
    pub fn deadline(&self, of: Direction) -> u64 {
        match self.limit(of) {
            0 => NEVER,
            ns => now().saturating_add(ns),
        }
    }

    /// What an interrupted call becomes: one with a limit of time does not begin anew (`sock_intr_errno`).
    pub fn interrupted<T>(&self, of: Direction, result: Result<T, Errno>) -> Result<T, Errno> {
        match result {
            Err(Errno::ERESTARTSYS) if self.limit(of) != 0 => Err(Errno::EINTR),
            other => other,
        }
    }

    /// Whether it carries bytes, not messages.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        self.kind == socket_kind::STREAM
    }

    /// Gives it its own address.
    ///
    /// # Errors
    /// As bind(2).
    pub fn bind(&self, address: &[u8]) -> Result<(), Errno> {
        if self.family == family::UNIX {
            return unix::bind(self, address);
        }
        self.bind_below(address)
    }

    fn bind_below(&self, address: &[u8]) -> Result<(), Errno> {
        sockets().socket_bind(self.handle(), address.into(), address.len()).map_err(errno)?;
        Ok(())
    }

    /// Its own address, or its peer's, as the program sees it.
    ///
    /// # Errors
    /// As getsockname(2) and getpeername(2).
    pub fn name(&self, which: u32) -> Result<Vec<u8>, Errno> {
        let (mut address, mut len) = ([0u8; address::MAX], 0u32);
        let to = address.as_mut_slice();
        let cap = to.len();
        sockets().socket_get_name(self.handle(), which, to.into(), cap, (&mut len).into()).map_err(errno)?;
        Ok(self.seen(address.get(..len as usize).unwrap_or(&[])))
    }

    /// An address of the layer below as the program sees it.
    #[must_use]
    pub fn seen(&self, address: &[u8]) -> Vec<u8> {
        if self.family == family::UNIX { unix::seen(address) } else { address.to_vec() }
    }

    /// An address of the program's for the layer below.
    ///
    /// # Errors
    /// As connect(2).
    pub fn meant(&self, address: &[u8]) -> Result<Vec<u8>, Errno> {
        if self.family == family::UNIX { unix::meant(self.kind, address) } else { Ok(address.to_vec()) }
    }

    /// What `stat` tells.
    ///
    /// # Errors
    /// Those of the query.
    pub fn stat(&self) -> Result<Stat, Errno> {
        let attr = pal::attributes(self.handle())?;
        Ok(Stat { device: Device { major: 0, minor: 8 }, links: 1, ..Stat::from_attr(&attr) })
    }
}

/// An option that is a number.
///
/// # Errors
/// As getsockopt(2).
pub fn word_option(socket: Handle, level: u32, name: u32) -> Result<u32, Errno> {
    let mut value = [0; 4];
    let mut len = 0u32;
    let (to, cap) = (value.as_mut_slice().into(), 4);
    sockets().socket_get_option(socket, level, name, to, cap, (&mut len).into()).map_err(errno)?;
    Ok(u32::from_le_bytes(value))
}

/// Takes a client that waits; `None` where there is none and the socket does not wait.
///
/// # Errors
/// As accept(2).
pub fn accept(socket: &Socket, flags: u32) -> Result<Option<Socket>, Errno> {
    let mut client = Handle::NONE;
    socket.host.apply_blocking(flags);
    let status = pal::pal().stream_wait_for_client(socket.handle(), 0, (&mut client).into());
    match status {
        Ok(pal_abi::Status::Pending) => Ok(None),
        Ok(_) => Socket::of(Owned::new(client), socket.family, socket.kind).map(Some),
        Err(PalError::WrongType) => Err(Errno::EOPNOTSUPP),
        Err(PalError::Interrupted) => {
            pal::note_ring();
            Err(Errno::ERESTARTSYS)
        }
        Err(error) => Err(errno(error)),
    }
}
