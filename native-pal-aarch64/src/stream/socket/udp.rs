//! `udp:` and `udp.srv:`. Every datagram, read or written, has its peer's address in front: a `SockAddr`.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{NEVER, access, event, node};
use pal_abi::{Attr, PalError, SockAddr};
use rustix::io::Errno;
use rustix::net::SocketType;

use super::super::node::stream_flags;
use super::super::{Ops, Stream, Transfer, polled};
use super::tcp::{local_name, peer_name, shut};
use super::{address, new, open_error, options as socket_options};
use crate::handle::{Export, WaitSource};
use crate::sys::copy;
use crate::sys::errno::pal_error;
use crate::sys::socket::{self, Control, Name};
use crate::user::Buffer;
use crate::wait;

/// Bytes in front of a datagram.
const HEAD: usize = size_of::<SockAddr>();

/// A datagram socket.
#[derive(Debug)]
struct Udp(OwnedFd);

pub(super) fn stream(fd: OwnedFd, flags: u32) -> Arc<Stream> {
    Stream::new(Udp(fd), flags)
}

/// Opens.
pub(super) fn open(
    remote: Option<SocketAddr>,
    local: Option<SocketAddr>,
    wanted: u32,
    options: u32,
) -> Result<Arc<Stream>, PalError> {
    if wanted & !(access::READ | access::WRITE) != 0 || wanted == 0 {
        return Err(PalError::Invalid);
    }
    let of = remote.or(local).ok_or(PalError::Invalid)?;
    let fd = new(of, SocketType::DGRAM, options)?;
    if let Some(local) = local.or_else(|| remote.is_none().then(|| address::any_like(of))) {
        rustix::net::bind(&fd, &local).map_err(open_error)?;
    }
    if let Some(remote) = remote {
        rustix::net::connect(&fd, &remote).map_err(open_error)?;
    }
    Ok(stream(fd, stream_flags(access::READ | access::WRITE, options)))
}

fn transfer_error(errno: Errno) -> PalError {
    match errno {
        Errno::AGAIN => PalError::WouldBlock,
        Errno::INVAL | Errno::AFNOSUPPORT => PalError::Invalid,
        other => pal_error(other),
    }
}

impl Ops for Udp {
    fn kind(&self) -> u32 {
        node::SOCKET
    }

    fn read(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        let room = buf.len.checked_sub(HEAD).ok_or(PalError::Invalid)?;
        // Taking a datagram and then not being able to say from whom would lose it.
        copy::write(buf.addr, &SockAddr::default())?;
        loop {
            let mut from = Name::default();
            let to = Buffer { addr: buf.addr.wrapping_add(HEAD), len: room };
            match socket::receive(self.0.as_fd(), to, 0, &mut from, &mut Control::default()) {
                Ok(got) => {
                    copy::write(buf.addr, &address::to_record(from.get()))?;
                    let done = HEAD + got.bytes;
                    return Ok(if got.is_cut() { Transfer::cut(done) } else { Transfer::of(done) });
                }
                Err(Errno::AGAIN) if !nonblocking => {
                    wait::ready(self.0.as_fd(), libc::POLLIN, NEVER)?;
                }
                Err(errno) => return Err(transfer_error(errno)),
            }
        }
    }

    fn write(&self, _offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        let bytes = buf.len.checked_sub(HEAD).ok_or(PalError::Invalid)?;
        let to = match address::from_record(&copy::read::<SockAddr>(buf.addr)?)? {
            None => Name::default(),
            Some(SocketAddr::V4(v4)) => v4_name(&v4),
            Some(SocketAddr::V6(v6)) => v6_name(&v6),
        };
        loop {
            let from = Buffer { addr: buf.addr.wrapping_add(HEAD), len: bytes };
            match socket::send(self.0.as_fd(), from, 0, &to, &mut Control::default()) {
                Ok(sent) => return Ok(Transfer::of(HEAD + sent)),
                Err(Errno::AGAIN) if !nonblocking => {
                    wait::ready(self.0.as_fd(), libc::POLLOUT, NEVER)?;
                }
                Err(errno) => return Err(transfer_error(errno)),
            }
        }
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        if which == event::CLIENT { WaitSource::None } else { polled(self.0.as_fd(), which) }
    }

    fn delete(&self, mode: u32) -> Result<(), PalError> {
        shut(&self.0, mode)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        let local = local_name(&self.0)?;
        Ok(match peer_name(&self.0) {
            Ok(remote) => format!("udp:{remote}?local={local}"),
            Err(PalError::NotConnected) => format!("udp.srv:{local}"),
            Err(error) => return Err(error),
        }
        .into_bytes())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        socket_options::query(&self.0, attr)
    }

    fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        socket_options::set(&self.0, attr, mask)
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.0.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: crate::export::UDP, data: Vec::new(), fds: vec![fd] })
    }
}

fn v4_name(v4: &SocketAddrV4) -> Name {
    Name::v4(v4.ip().octets(), v4.port())
}

fn v6_name(v6: &SocketAddrV6) -> Name {
    Name::v6(v6.ip().octets(), v6.port(), v6.flowinfo(), v6.scope_id())
}
