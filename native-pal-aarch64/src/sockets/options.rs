//! Options of sockets, by Linux's level and name: those whose value is plain bytes.
//!
//! What makes the kernel follow an address in the value (filters), waits (time limits, which the deadlines of the calls
//! are for) or reaches beyond the socket is not among them.

use pal_abi::arg::{InBytes, Out, OutBytes};
use pal_abi::{Handle, Layout, PalError, PalResult, PeerId, Status};
use rustix::io::Errno;

use super::{error, socket};
use crate::sys::socket as host;
use crate::{family, user};

/// Bytes of a value, at most.
const VALUE_MAX: usize = 512;

/// `SOL_SOCKET`.
const GENERAL: u32 = 1;
/// `SO_PEERCRED`.
const PEER_CREDENTIALS: u32 = 17;

/// The options of a level that can be read, and those of them that can be set.
const KNOWN: &[(u32, &[u32], &[u32])] = &[
    // SOL_SOCKET: TYPE ERROR ACCEPTCONN PROTOCOL DOMAIN; DEBUG REUSEADDR DONTROUTE BROADCAST SNDBUF RCVBUF KEEPALIVE
    // OOBINLINE PRIORITY LINGER REUSEPORT PASSCRED RCVLOWAT TIMESTAMP TIMESTAMPNS SNDBUFFORCE RCVBUFFORCE MARK RXQ_OVFL
    (
        GENERAL,
        &[3, 4, PEER_CREDENTIALS, 30, 38, 39],
        &[1, 2, 5, 6, 7, 8, 9, 10, 12, 13, 15, 16, 18, 29, 35, 32, 33, 36, 40],
    ),
    // IPPROTO_IP: MTU; TOS TTL RECVOPTS RETOPTS PKTINFO MTU_DISCOVER RECVERR RECVTTL RECVTOS FREEBIND RECVORIGDSTADDR
    // BIND_ADDRESS_NO_PORT MULTICAST_IF MULTICAST_TTL MULTICAST_LOOP ADD_MEMBERSHIP DROP_MEMBERSHIP MULTICAST_ALL
    (0, &[14], &[1, 2, 6, 7, 8, 10, 11, 12, 13, 15, 20, 24, 32, 33, 34, 35, 36, 49]),
    // IPPROTO_TCP: INFO; NODELAY MAXSEG CORK KEEPIDLE KEEPINTVL KEEPCNT SYNCNT LINGER2 DEFER_ACCEPT WINDOW_CLAMP QUICKACK
    // CONGESTION USER_TIMEOUT FASTOPEN NOTSENT_LOWAT FASTOPEN_CONNECT
    (6, &[11], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 18, 23, 25, 30]),
    // IPPROTO_UDP: CORK SEGMENT GRO
    (17, &[], &[1, 103, 104]),
    // IPPROTO_IPV6: MTU; UNICAST_HOPS MULTICAST_IF MULTICAST_HOPS MULTICAST_LOOP ADD_MEMBERSHIP DROP_MEMBERSHIP
    // MTU_DISCOVER RECVERR V6ONLY RECVPKTINFO RECVHOPLIMIT DONTFRAG RECVTCLASS TCLASS ADDR_PREFERENCES FREEBIND
    (41, &[24], &[16, 17, 18, 19, 20, 21, 23, 25, 26, 49, 51, 62, 66, 67, 72, 78]),
];

/// Whether an option may be read, or set.
fn check(level: u32, name: u32, to_set: bool) -> Result<(), PalError> {
    let mut of_level = KNOWN.iter().filter(|(l, ..)| *l == level).peekable();
    of_level.peek().ok_or(PalError::NotSupported)?;
    let known = |list: &[u32]| list.contains(&name);
    if of_level.any(|(_, readable, settable)| known(settable) || !to_set && known(readable)) {
        Ok(())
    } else {
        Err(PalError::NoOption)
    }
}

fn number(of: u32) -> Result<i32, PalError> {
    i32::try_from(of).map_err(|_| PalError::NoOption)
}

/// `SocketGetOption`.
pub(crate) fn get_option(
    handle: Handle,
    level: u32,
    name: u32,
    value: OutBytes<'_>,
    cap: usize,
    len: Out<'_, u32>,
) -> PalResult {
    let stream = super::stream(handle)?;
    let fd = socket(&stream)?.fd();
    check(level, name, false)?;
    let mut bytes = vec![0; cap.min(VALUE_MAX)];
    if (level, name) == (GENERAL, PEER_CREDENTIALS) {
        let peer = host::peer(fd).map_err(error)?.ok_or(PalError::NotConnected)?;
        bytes = peer_id(peer.pid, peer.uid, peer.gid);
        bytes.truncate(cap);
    } else {
        let got = host::option(fd, number(level)?, number(name)?, &mut bytes).map_err(error)?;
        bytes.truncate(got);
    }
    user::give(&bytes, value, cap, len)?;
    Ok(Status::Ok)
}

/// The record of a process of the host.
pub(super) fn peer_id(pid: i32, uid: u32, gid: u32) -> Vec<u8> {
    let member = family::family().ok().and_then(|family| family.roster.member(pid)).unwrap_or(0);
    PeerId { member, uid, gid, reserved: 0 }.as_bytes().to_vec()
}

/// `SocketSetOption`.
pub(crate) fn set_option(handle: Handle, level: u32, name: u32, value: InBytes<'_>, len: usize) -> PalResult {
    let stream = super::stream(handle)?;
    let socket = socket(&stream)?;
    check(level, name, true)?;
    if len > VALUE_MAX {
        return Err(PalError::Invalid);
    }
    let bytes = user::bytes(value, len, VALUE_MAX)?;
    host::set_option(socket.fd(), number(level)?, number(name)?, &bytes).map_err(|errno| match errno {
        Errno::DOM => PalError::Invalid,
        other => error(other),
    })?;
    Ok(Status::Ok)
}
