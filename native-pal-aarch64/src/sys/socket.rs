//! Sockets: messages between them and caller memory, which only the kernel touches, and options as bytes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use crate::user::Buffer;

/// Bytes of an address, at most.
pub(crate) const NAME_MAX: usize = size_of::<libc::sockaddr_storage>();

/// An address in the kernel's form; empty at first.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    storage: libc::sockaddr_storage,
    bytes: libc::socklen_t,
}

impl Default for Name {
    fn default() -> Self {
        // SAFETY: all zero is an address of no family.
        Self { storage: unsafe { core::mem::zeroed() }, bytes: 0 }
    }
}

fn size_of_name<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}

fn family(of: libc::c_int) -> libc::sa_family_t {
    libc::sa_family_t::try_from(of).unwrap_or(0)
}

impl Name {
    /// An address of any family, as the kernel has it; what does not fit is left out.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut name = Self::default();
        let len = bytes.len().min(NAME_MAX);
        let to: *mut u8 = (&raw mut name.storage).cast();
        // SAFETY: the storage has `NAME_MAX` bytes, and any bytes are a value of it.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, len) };
        name.bytes = libc::socklen_t::try_from(len).unwrap_or(0);
        name
    }

    /// The bytes of the address.
    pub(crate) fn bytes(&self) -> &[u8] {
        let from: *const u8 = (&raw const self.storage).cast();
        // SAFETY: as many bytes of the storage as there are at most, all initialised.
        unsafe { core::slice::from_raw_parts(from, (self.bytes as usize).min(NAME_MAX)) }
    }

    /// An IPv4 address.
    pub(crate) fn v4(octets: [u8; 4], port: u16) -> Self {
        let mut name = Self { bytes: size_of_name::<libc::sockaddr_in>(), ..Self::default() };
        let at: *mut libc::sockaddr_in = (&raw mut name.storage).cast();
        // SAFETY: the storage is large and aligned enough for every kind of address, and initialised.
        let address = unsafe { &mut *at };
        address.sin_family = family(libc::AF_INET);
        address.sin_port = port.to_be();
        address.sin_addr.s_addr = u32::from_ne_bytes(octets);
        name
    }

    /// An IPv6 address.
    pub(crate) fn v6(octets: [u8; 16], port: u16, flow: u32, scope: u32) -> Self {
        let mut name = Self { bytes: size_of_name::<libc::sockaddr_in6>(), ..Self::default() };
        let at: *mut libc::sockaddr_in6 = (&raw mut name.storage).cast();
        // SAFETY: as above.
        let address = unsafe { &mut *at };
        address.sin6_family = family(libc::AF_INET6);
        address.sin6_port = port.to_be();
        address.sin6_flowinfo = flow;
        address.sin6_scope_id = scope;
        address.sin6_addr.s6_addr = octets;
        name
    }

    /// The address, if it is one of the Internet's.
    pub(crate) fn get(&self) -> Option<SocketAddr> {
        match i32::from(self.storage.ss_family) {
            libc::AF_INET if self.bytes >= size_of_name::<libc::sockaddr_in>() => {
                let at: *const libc::sockaddr_in = (&raw const self.storage).cast();
                // SAFETY: the storage is aligned and holds an address of that kind.
                let address = unsafe { &*at };
                let ip = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(address.sin_port))))
            }
            libc::AF_INET6 if self.bytes >= size_of_name::<libc::sockaddr_in6>() => {
                let at: *const libc::sockaddr_in6 = (&raw const self.storage).cast();
                // SAFETY: as above.
                let address = unsafe { &*at };
                let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
                let port = u16::from_be(address.sin6_port);
                Some(SocketAddr::V6(SocketAddrV6::new(
                    ip,
                    port,
                    address.sin6_flowinfo,
                    address.sin6_scope_id,
                )))
            }
            _ => None,
        }
    }

    fn pointer(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }
}

fn result(of: isize) -> Result<usize, Errno> {
    usize::try_from(of)
        .map_err(|_| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

fn done(of: libc::c_int) -> Result<(), Errno> {
    result(of as isize).map(drop)
}

/// Gives a socket its own address.
///
/// # Errors
/// Those of `bind`.
pub(crate) fn bind(fd: BorrowedFd<'_>, name: &Name) -> Result<(), Errno> {
    // SAFETY: the address lives across the call.
    done(unsafe { libc::bind(fd.as_raw_fd(), name.pointer(), name.bytes) })
}

/// Connects a non-blocking socket.
///
/// # Errors
/// Those of `connect`.
pub(crate) fn connect(fd: BorrowedFd<'_>, name: &Name) -> Result<(), Errno> {
    // SAFETY: the address lives across the call.
    done(unsafe { libc::connect(fd.as_raw_fd(), name.pointer(), name.bytes) })
}

/// The address of a socket, or of its peer.
///
/// # Errors
/// Those of `getsockname` and `getpeername`.
pub(crate) fn name(fd: BorrowedFd<'_>, of_peer: bool) -> Result<Name, Errno> {
    let mut name = Name { bytes: size_of_name::<libc::sockaddr_storage>(), ..Name::default() };
    let ask = if of_peer { libc::getpeername } else { libc::getsockname };
    // SAFETY: the storage and its size live across the call.
    done(unsafe { ask(fd.as_raw_fd(), (&raw mut name.storage).cast(), &raw mut name.bytes) })?;
    Ok(name)
}

/// What came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    /// Bytes of it that are in the buffer, or (MSG_TRUNC) of all of it.
    pub(crate) bytes: usize,
    /// `MSG_*`.
    pub(crate) flags: libc::c_int,
    /// Bytes of control messages.
    pub(crate) control: usize,
}

impl Received {
    /// Whether it had more than the buffer took.
    pub(crate) const fn is_cut(&self) -> bool {
        self.flags & libc::MSG_TRUNC != 0
    }
}

/// Room for control messages, aligned as they must be.
#[derive(Debug, Default)]
pub(crate) struct Control(Vec<u64>);

impl Control {
    /// Room for some bytes.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self(vec![0; bytes.div_ceil(8)])
    }

    /// What is in it, to be sent.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let word = |chunk: &[u8]| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        };
        Self(bytes.chunks(8).map(word).collect())
    }

    /// The first bytes of it.
    pub(crate) fn bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.0.iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.truncate(len);
        bytes
    }
}

fn message(name: &mut Name, data: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: all zero is an empty message.
    let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
    message.msg_iov = data;
    message.msg_iovlen = 1;
    if name.bytes > 0 {
        message.msg_name = (&raw mut name.storage).cast();
        message.msg_namelen = name.bytes;
    }
    if !control.0.is_empty() {
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = 8 * control.0.len();
    }
    message
}

fn piece(of: Buffer) -> libc::iovec {
    libc::iovec { iov_base: core::ptr::with_exposed_provenance_mut(of.addr), iov_len: of.len }
}

/// Receives into caller memory, without waiting.
///
/// # Errors
/// EAGAIN, EFAULT, and those of `recvmsg`.
pub(crate) fn receive(
    fd: BorrowedFd<'_>,
    buf: Buffer,
    flags: libc::c_int,
    from: &mut Name,
    control: &mut Control,
) -> Result<Received, Errno> {
    let mut data = piece(buf);
    from.bytes = size_of_name::<libc::sockaddr_storage>();
    let mut message = message(from, &mut data, control);
    let flags = flags | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the structures live across the call; only the kernel touches the buffer (invariant 1).
    let got = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) };
    let (bytes, flags) = (message.msg_namelen, message.msg_flags);
    // The type of the length differs between C libraries.
    #[allow(clippy::unnecessary_cast, reason = "of another width elsewhere")]
    let control = message.msg_controllen as usize;
    from.bytes = bytes;
    Ok(Received { bytes: result(got)?, flags, control })
}

/// Sends out of caller memory, without waiting; to the peer where `to` is empty.
///
/// # Errors
/// EAGAIN, EFAULT, and those of `sendmsg`.
pub(crate) fn send(
    fd: BorrowedFd<'_>,
    buf: Buffer,
    flags: libc::c_int,
    to: &Name,
    control: &mut Control,
) -> Result<usize, Errno> {
    let (mut data, mut to) = (piece(buf), *to);
    let message = message(&mut to, &mut data, control);
    let flags = flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: as in `receive`.
    result(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, flags) })
}

/// Takes over a descriptor that a control message brought.
pub(crate) fn received(number: i32) -> Option<OwnedFd> {
    // SAFETY: the kernel opened it for whoever reads the message, which is done once.
    (number >= 0).then(|| unsafe { OwnedFd::from_raw_fd(number) })
}

/// Reads an option; its bytes.
///
/// # Errors
/// Those of `getsockopt`.
pub(crate) fn option(fd: BorrowedFd<'_>, level: i32, name: i32, value: &mut [u8]) -> Result<usize, Errno> {
    let mut len = libc::socklen_t::try_from(value.len()).unwrap_or(0);
    // SAFETY: the value and its length live across the call.
    done(unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut len) })?;
    Ok(len as usize)
}

/// Who is at the other end of a UNIX socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Its process; 0 for one that cannot be seen from here.
    pub(crate) pid: i32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The peer's credentials; `None` where there is no peer.
///
/// # Errors
/// Those of `getsockopt`.
pub(crate) fn peer(fd: BorrowedFd<'_>) -> Result<Option<Peer>, Errno> {
    let mut bytes = [0; size_of::<libc::ucred>()];
    option(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, &mut bytes)?;
    let word = |n: usize| bytes[4 * n..].first_chunk::<4>().map_or(0, |word| u32::from_ne_bytes(*word));
    let peer = Peer { pid: word(0).cast_signed(), uid: word(1), gid: word(2) };
    Ok((peer.uid != u32::MAX).then_some(peer))
}

/// Sets an option of which the kernel reads the given bytes, and follows no address in them.
///
/// # Errors
/// Those of `setsockopt`.
pub(crate) fn set_option(fd: BorrowedFd<'_>, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
    let len = libc::socklen_t::try_from(value.len()).unwrap_or(0);
    // SAFETY: the value lives across the call.
    done(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), len) })
}
