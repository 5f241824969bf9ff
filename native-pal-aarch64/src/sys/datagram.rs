//! Datagrams between sockets and caller memory, which only the kernel touches.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use rustix::io::Errno;

/// A network address in the kernel's form; empty at first.
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
}

/// What came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    /// Bytes of it that are in the buffer.
    pub(crate) bytes: usize,
    /// Whether it had more.
    pub(crate) is_cut: bool,
}

fn message(name: &mut Name, data: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: all zero is an empty message.
    let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
    message.msg_iov = data;
    message.msg_iovlen = 1;
    message.msg_name = (&raw mut name.storage).cast();
    message.msg_namelen = name.bytes;
    message
}

fn result(of: isize) -> Result<usize, Errno> {
    usize::try_from(of)
        .map_err(|_| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

/// Receives a datagram into caller memory, without waiting.
///
/// # Errors
/// EAGAIN, EFAULT, and those of the network.
pub(crate) fn receive(fd: i32, addr: usize, len: usize, from: &mut Name) -> Result<Received, Errno> {
    let mut data = libc::iovec { iov_base: core::ptr::with_exposed_provenance_mut(addr), iov_len: len };
    from.bytes = size_of_name::<libc::sockaddr_storage>();
    let mut message = message(from, &mut data);
    // SAFETY: the structures live across the call; only the kernel touches the buffer (invariant 1).
    let got = unsafe { libc::recvmsg(fd, &raw mut message, libc::MSG_DONTWAIT) };
    let (is_cut, bytes) = (message.msg_flags & libc::MSG_TRUNC != 0, message.msg_namelen);
    from.bytes = bytes;
    Ok(Received { bytes: result(got)?, is_cut })
}

/// Sends a datagram out of caller memory, without waiting; to the default peer where `to` is empty.
///
/// # Errors
/// EAGAIN, EFAULT, and those of the network.
pub(crate) fn send(fd: i32, addr: usize, len: usize, to: &Name) -> Result<usize, Errno> {
    let mut data = libc::iovec { iov_base: core::ptr::with_exposed_provenance_mut(addr), iov_len: len };
    let mut to = *to;
    let mut message = message(&mut to, &mut data);
    if message.msg_namelen == 0 {
        message.msg_name = core::ptr::null_mut();
    }
    // SAFETY: as in `receive`.
    result(unsafe { libc::sendmsg(fd, &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) })
}
