//! The group `Sockets`: making, naming, connecting, bytes and options. Messages with records are in `messages`.

use pal_abi::arg::{Out, OutBytes};
use pal_abi::flags::{NEVER, POLL, attr, delete, event, family, message as bits, socket_kind, socket_name};
use pal_abi::{Attr, Handle, Layout, PalError, PalResult, SocketMessage, Sockets, Status, UnixName};

use crate::checked;
use crate::harness::{ATTR_SIZE, Env, R, Suite, bad_inout, bad_input, bad_out, bad_output, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("sockets: UNIX pairs of every kind", pairs),
        ("sockets: UNIX servers are found by number, and names told back", unix_servers),
        ("sockets: UNIX addresses: refused, in use, of another kind, unnamed", unix_errors),
        ("sockets: TCP over IPv4 and IPv6", tcp),
        ("sockets: UDP with and without a peer", udp),
        ("sockets: a connection is made in the background", background),
        ("sockets: connecting fails as it does on the host", connect_errors),
        ("sockets: binding and listening fail as they do on the host", bind_errors),
        ("sockets: a full queue of datagrams is waited for", full_queue),
        ("sockets: waiting ends with INTERRUPTED", interrupted),
        ("sockets: wait for events, and shut down", events),
        ("sockets: a connection that is reset", reset),
        ("sockets: sending where it may not be sent", forbidden),
        ("sockets: mistakes", mistakes),
    ]);
}

pub(crate) const STREAM: u32 = socket_kind::STREAM;
pub(crate) const DATAGRAM: u32 = socket_kind::DATAGRAM;
pub(crate) const SEQUENCED: u32 = socket_kind::SEQUENCED;

pub(crate) fn calls(env: &Env) -> &'static dyn Sockets {
    env.sockets.expect("sockets")
}

pub(crate) fn open(env: &Env, of: u32, kind: u32) -> Result<Handle, PalError> {
    let mut socket = Handle::NONE;
    calls(env).socket_open(of, kind, 0, (&mut socket).into())?;
    assert!(!socket.is_none());
    Ok(socket)
}

pub(crate) fn pair(env: &Env, kind: u32) -> (Handle, Handle) {
    let (mut one, mut other) = (Handle::NONE, Handle::NONE);
    assert_eq!(calls(env).socket_pair(kind, (&mut one).into(), (&mut other).into()), Ok(Status::Ok));
    (one, other)
}

pub(crate) fn bind(env: &Env, socket: Handle, address: &[u8]) -> PalResult {
    calls(env).socket_bind(socket, address.into(), address.len())
}

fn connect(env: &Env, socket: Handle, address: &[u8], deadline: u64) -> PalResult {
    calls(env).socket_connect(socket, address.into(), address.len(), deadline)
}

fn listen(env: &Env, socket: Handle, backlog: u32) -> PalResult {
    calls(env).socket_listen(socket, backlog)
}

fn accept(env: &Env, server: Handle) -> Result<Handle, PalError> {
    let mut client = Handle::NONE;
    env.pal.stream_wait_for_client(server, 0, (&mut client).into())?;
    Ok(client)
}

fn name(env: &Env, socket: Handle, which: u32) -> Result<Vec<u8>, PalError> {
    let (mut bytes, mut len) = ([0; 128], 0);
    calls(env).socket_get_name(socket, which, bytes.as_mut_slice().into(), 128, (&mut len).into())?;
    Ok(bytes[..len as usize].to_vec())
}

fn local(env: &Env, socket: Handle) -> Vec<u8> {
    name(env, socket, socket_name::LOCAL).unwrap()
}

pub(crate) fn unix(number: u64) -> Vec<u8> {
    UnixName { family: family::UNIX, reserved: 0, number }.as_bytes().to_vec()
}

/// Linux's `sockaddr_in`.
pub(crate) fn inet(address: [u8; 4], port: u16) -> Vec<u8> {
    [&2_u16.to_ne_bytes()[..], &port.to_be_bytes(), &address, &[0; 8]].concat()
}

/// Linux's `sockaddr_in6` of the loop-back interface, at any port.
fn inet6() -> Vec<u8> {
    let mut bytes = vec![0; 28];
    bytes[..2].copy_from_slice(&10_u16.to_ne_bytes());
    bytes[23] = 1;
    bytes
}

/// No control records.
pub(crate) const NOTHING: &[u8] = &[];
pub(crate) const LOOP_BACK: [u8; 4] = [127, 0, 0, 1];

/// A message to send, or to receive, with that deadline.
pub(crate) fn message(flags: u32, deadline: u64) -> SocketMessage {
    SocketMessage { flags, deadline, ..SocketMessage::ZERO }
}

/// Sends to an address, or where that is empty to the peer.
pub(crate) fn send_to(
    env: &Env,
    socket: Handle,
    to: &[u8],
    bytes: &[u8],
    mut message: SocketMessage,
) -> Result<u64, PalError> {
    message.address[..to.len()].copy_from_slice(to);
    message.address_size = u32::try_from(to.len()).unwrap();
    calls(env).socket_send(socket, bytes.into(), bytes.len(), NOTHING.into(), 0, (&mut message).into())?;
    Ok(message.done)
}

pub(crate) fn send(env: &Env, socket: Handle, bytes: &[u8], flags: u32) -> Result<u64, PalError> {
    send_to(env, socket, &[], bytes, message(flags, NEVER))
}

/// Receives at most so many bytes; they, and what was told of them.
pub(crate) fn receive_with(
    env: &Env,
    socket: Handle,
    len: usize,
    mut message: SocketMessage,
) -> Result<(Vec<u8>, SocketMessage), PalError> {
    let mut bytes = vec![0; len];
    let buf = bytes.as_mut_slice().into();
    calls(env).socket_receive(socket, buf, len, OutBytes::NONE, 0, (&mut message).into())?;
    bytes.truncate(usize::try_from(message.done).unwrap());
    Ok((bytes, message))
}

pub(crate) fn receive(env: &Env, socket: Handle, len: usize, flags: u32) -> Result<Vec<u8>, PalError> {
    receive_with(env, socket, len, message(flags, NEVER)).map(|(bytes, _)| bytes)
}

pub(crate) fn set_option(env: &Env, socket: Handle, level: u32, name: u32, value: i32) -> PalResult {
    let bytes = value.to_ne_bytes();
    calls(env).socket_set_option(socket, level, name, bytes.as_slice().into(), 4)
}

pub(crate) fn option(env: &Env, socket: Handle, level: u32, name: u32) -> Result<Vec<u8>, PalError> {
    let (mut bytes, mut len) = ([0; 64], 0);
    calls(env).socket_get_option(socket, level, name, bytes.as_mut_slice().into(), 64, (&mut len).into())?;
    Ok(bytes[..len as usize].to_vec())
}

fn set_nonblocking(env: &Env, socket: Handle) {
    let flags = Attr { flags: pal_abi::flags::stream::NONBLOCK, ..Attr::ZERO };
    let set = env.pal.stream_attributes_set_by_handle(socket, (&flags).into(), ATTR_SIZE, attr::FLAGS);
    assert_eq!(set, Ok(Status::Ok));
}

pub(crate) fn close_all(env: &Env, sockets: &[Handle]) {
    sockets.iter().for_each(|socket| env.close(*socket));
}

/// A TCP server, and its address.
fn server(env: &Env, address: &[u8], backlog: u32) -> (Handle, Vec<u8>) {
    let of = u32::from(u16::from_ne_bytes([address[0], address[1]]));
    let server = open(env, of, STREAM).unwrap();
    assert_eq!(bind(env, server, address), Ok(Status::Ok));
    assert_eq!(listen(env, server, backlog), Ok(Status::Ok));
    (server, local(env, server))
}

fn pairs(env: &Env) {
    for kind in [STREAM, DATAGRAM, SEQUENCED] {
        let (one, other) = pair(env, kind);
        assert_eq!(send(env, one, b"first", 0), Ok(5));
        assert_eq!(send(env, one, b"second", 0), Ok(6));
        assert_eq!(receive(env, other, 3, bits::PEEK), Ok(b"fir".to_vec()));
        let (bytes, told) = receive_with(env, other, 3, message(bits::CUT, NEVER)).unwrap_or_else(|_| {
            // A UNIX stream knows no length but the buffer's.
            receive_with(env, other, 3, message(0, NEVER)).unwrap()
        });
        let is_stream = kind == STREAM;
        assert_eq!((bytes.len().min(3), told.done), (3, if is_stream { 3 } else { 5 }));
        assert_eq!(told.result_flags & bits::CUT != 0, !is_stream);
        let rest: &[u8] = if is_stream { b"stsecond" } else { b"second" };
        assert_eq!(receive(env, other, 100, 0), Ok(rest.to_vec()));
        assert_eq!(receive(env, other, 100, bits::DONT_WAIT), Err(PalError::WouldBlock));
        let soon = message(0, env.soon(20));
        assert_eq!(receive_with(env, other, 100, soon).err(), Some(PalError::WouldBlock));
        // As a stream it is read and written, too.
        assert_eq!(env.write(other, 0, b"back"), Ok(4));
        assert_eq!(env.read(one, 0, 9), Ok((Status::Ok, b"back".to_vec())));
        assert_eq!(local(env, one), 1_u16.to_ne_bytes());
        assert_eq!(name(env, one, socket_name::PEER), Ok(1_u16.to_ne_bytes().to_vec()));
        close_all(env, &[one, other]);
    }
    let (one, other) = pair(env, STREAM);
    let writer = env.later(20, move |pal| {
        let mut done = 0;
        let _ = pal.stream_write(one, 0, b"all of".as_slice().into(), 6, (&mut done).into(), Out::NONE);
        let _ = pal.thread_delay_execution(crate::harness::now(pal) + 20_000_000);
        let _ = pal.stream_write(one, 0, b" it".as_slice().into(), 3, (&mut done).into(), Out::NONE);
    });
    assert_eq!(receive(env, other, 9, bits::WAIT_ALL), Ok(b"all of it".to_vec()));
    env.join(writer);
    close_all(env, &[one, other]);
}

fn unix_servers(env: &Env) {
    for (kind, number) in [(STREAM, 0x51), (SEQUENCED, 0x52)] {
        let server = open(env, family::UNIX, kind).unwrap();
        assert_eq!(bind(env, server, &unix(number)), Ok(Status::Ok));
        assert_eq!(local(env, server), unix(number));
        assert_eq!(listen(env, server, 1), Ok(Status::Ok));
        let near = open(env, family::UNIX, kind).unwrap();
        assert_eq!(name(env, near, socket_name::PEER), Err(PalError::NotConnected));
        assert_eq!(connect(env, near, &unix(number), NEVER), Ok(Status::Ok));
        let far = accept(env, server).unwrap();
        assert_eq!(name(env, near, socket_name::PEER), Ok(unix(number)));
        assert_eq!((local(env, far), local(env, near)), (unix(number), 1_u16.to_ne_bytes().to_vec()));
        assert_eq!(send(env, near, b"hello", 0), Ok(5));
        assert_eq!(receive(env, far, 9, 0), Ok(b"hello".to_vec()));
        assert_eq!(connect(env, near, &unix(number), NEVER), Err(PalError::Connected));
        // The queue of one that does not accept is full at last.
        let mut waiting = Vec::new();
        let full = loop {
            let next = open(env, family::UNIX, kind).unwrap();
            waiting.push(next);
            match connect(env, next, &unix(number), env.soon(20)) {
                Ok(_) => assert!(waiting.len() < 10),
                Err(error) => break error,
            }
        };
        assert_eq!(full, PalError::WouldBlock);
        close_all(env, &waiting);
        close_all(env, &[near, far, server]);
    }
}

fn unix_errors(env: &Env) {
    let (one, two) = (open(env, family::UNIX, DATAGRAM).unwrap(), open(env, family::UNIX, DATAGRAM).unwrap());
    assert_eq!(bind(env, one, &unix(0x61)), Ok(Status::Ok));
    fails(bind(env, two, &unix(0x61)), PalError::Conflict);
    fails(listen(env, one, 1), PalError::NotSupported);
    let stream = open(env, family::UNIX, STREAM).unwrap();
    // A name belongs to one kind, as Linux's abstract ones do.
    fails(connect(env, stream, &unix(0x61), NEVER), PalError::Refused);
    fails(connect(env, stream, &unix(0x62), NEVER), PalError::Refused);
    fails(connect(env, stream, &inet(LOOP_BACK, 1), NEVER), PalError::NoFamily);
    fails(listen(env, stream, 1), PalError::NoDestination);
    assert_eq!(send(env, two, b"x", 0), Err(PalError::NotConnected));
    assert_eq!(receive(env, stream, 1, 0), Err(PalError::Invalid));
    assert_eq!(send_to(env, two, &unix(0x62), b"x", message(0, NEVER)), Err(PalError::Refused));
    assert_eq!(send_to(env, two, &unix(0x61), b"x", message(0, NEVER)), Ok(1));
    let (bytes, told) = receive_with(env, one, 9, message(0, NEVER)).unwrap();
    assert_eq!((bytes, told.address_size), (b"x".to_vec(), 0), "from one without a name");
    close_all(env, &[one, two, stream]);
}

fn tcp(env: &Env) {
    for address in [inet(LOOP_BACK, 0), inet6()] {
        let (server, address) = server(env, &address, 4);
        let near = open(env, u32::from(address[0]), STREAM).unwrap();
        assert_eq!(send(env, near, b"x", 0), Err(PalError::Broken));
        assert_eq!(receive(env, near, 1, 0), Err(PalError::NotConnected));
        assert_eq!(connect(env, near, &address, NEVER), Ok(Status::Ok));
        let far = accept(env, server).unwrap();
        assert_eq!(name(env, near, socket_name::PEER), Ok(address.clone()));
        assert_eq!(name(env, far, socket_name::PEER), Ok(local(env, near)));
        assert_eq!(connect(env, near, &address, NEVER), Err(PalError::Connected));
        // More than the buffers hold, while another thread reads.
        let bytes: Vec<u8> = (0..8_u32 << 20).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let sent = bytes.clone();
        let sender = env.spawn(move || {
            let mut told = message(0, NEVER);
            let (buf, len) = (sent.as_slice().into(), sent.len());
            let _ = checked::sockets().socket_send(near, buf, len, NOTHING.into(), 0, (&mut told).into());
            assert_eq!(told.done, sent.len() as u64);
        });
        assert!(receive(env, far, bytes.len(), bits::WAIT_ALL) == Ok(bytes));
        env.join(sender);
        assert_eq!(send(env, near, b"!", bits::OUT_OF_BAND), Ok(1));
        assert_eq!(env.wait(&[env.event(far, event::URGENT).unwrap()], env.soon(10_000)), Ok(Some(0)));
        assert_eq!(receive(env, far, 1, bits::OUT_OF_BAND), Ok(b"!".to_vec()));
        assert_eq!(receive(env, far, 1, bits::OUT_OF_BAND), Err(PalError::Invalid));
        close_all(env, &[near, far, server]);
    }
}

fn udp(env: &Env) {
    for (of, address) in [(family::INET, inet(LOOP_BACK, 0)), (family::INET6, inet6())] {
        let (one, two) = (open(env, of, DATAGRAM).unwrap(), open(env, of, DATAGRAM).unwrap());
        assert_eq!(bind(env, one, &address), Ok(Status::Ok));
        assert_eq!(bind(env, two, &address), Ok(Status::Ok));
        assert_eq!(send(env, one, b"x", 0), Err(PalError::NoDestination));
        assert_eq!(send_to(env, one, &local(env, two), b"datagram", message(0, NEVER)), Ok(8));
        let (_, told) = receive_with(env, two, 4, message(bits::CUT | bits::PEEK, NEVER)).unwrap();
        assert_eq!((told.done, told.result_flags & bits::CUT), (8, bits::CUT));
        let from = &told.address[..told.address_size as usize];
        assert_eq!(from, local(env, one));
        assert_eq!(receive(env, two, 99, 0), Ok(b"datagram".to_vec()));
        assert_eq!(connect(env, one, &local(env, two), NEVER), Ok(Status::Ok));
        assert_eq!(send(env, one, b"to the peer", 0), Ok(11));
        assert_eq!(receive(env, two, 99, 0), Ok(b"to the peer".to_vec()));
        assert_eq!(send(env, one, &[0; 70_000], 0), Err(PalError::TooBig));
        env.close(two);
        let _ = send(env, one, b"to nobody", 0);
        assert_eq!(receive(env, one, 1, 0), Err(PalError::Refused));
        assert_eq!(connect(env, one, &[0; 16], NEVER), Ok(Status::Ok));
        assert_eq!(name(env, one, socket_name::PEER), Err(PalError::NotConnected));
        env.close(one);
    }
}

fn background(env: &Env) {
    let (full, address) = server(env, &inet(LOOP_BACK, 0), 0);
    let mut waiting = Vec::new();
    // One more than the queue holds: it goes on trying.
    let last = loop {
        let next = open(env, family::INET, STREAM).unwrap();
        set_nonblocking(env, next);
        assert_eq!(connect(env, next, &address, NEVER), Ok(Status::Pending));
        let writable = env.event(next, event::WRITABLE).unwrap();
        let made = env.wait(&[writable], env.soon(200)).unwrap();
        env.close(writable);
        waiting.push(next);
        if made.is_none() {
            break next;
        }
        assert!(waiting.len() < 10);
    };
    assert_eq!(connect(env, last, &address, NEVER), Err(PalError::Busy));
    // A blocking one waits until its deadline, and goes on as well.
    let blocking = open(env, family::INET, STREAM).unwrap();
    assert_eq!(connect(env, blocking, &address, env.soon(20)), Ok(Status::Pending));
    let result = env.interrupted(|| connect(env, blocking, &address, NEVER));
    assert_eq!(result, Err(PalError::Interrupted));
    close_all(env, &waiting);
    close_all(env, &[full, blocking]);
    let refused = open(env, family::INET, STREAM).unwrap();
    set_nonblocking(env, refused);
    if connect(env, refused, &address, NEVER) == Ok(Status::Pending) {
        let writable = env.event(refused, event::WRITABLE).unwrap();
        assert_eq!(env.wait(&[writable], env.soon(10_000)), Ok(Some(0)));
        env.close(writable);
        assert_eq!(option(env, refused, 1, 4), Ok(libc::ECONNREFUSED.to_ne_bytes().to_vec()));
    }
    assert_eq!(option(env, refused, 1, 4), Ok(vec![0; 4]));
    env.close(refused);
}

fn connect_errors(env: &Env) {
    let tcp = open(env, family::INET, STREAM).unwrap();
    fails(connect(env, tcp, &inet([255; 4], 9), NEVER), PalError::NetUnreachable);
    fails(connect(env, tcp, &inet6(), NEVER), PalError::NoFamily);
    let udp = open(env, family::INET, DATAGRAM).unwrap();
    fails(connect(env, udp, &inet([127, 255, 255, 255], 9), NEVER), PalError::Denied);
    let to_all = send_to(env, udp, &inet([127, 255, 255, 255], 9), b"x", message(0, NEVER));
    assert_eq!(to_all, Err(PalError::Denied));
    // Both from the same port to the same server.
    let (server, address) = server(env, &inet(LOOP_BACK, 0), 4);
    let (one, two) = (open(env, family::INET, STREAM).unwrap(), open(env, family::INET, STREAM).unwrap());
    for socket in [one, two] {
        assert_eq!(set_option(env, socket, 1, 2, 1), Ok(Status::Ok));
    }
    assert_eq!(bind(env, one, &inet(LOOP_BACK, 0)), Ok(Status::Ok));
    assert_eq!(bind(env, two, &local(env, one)), Ok(Status::Ok));
    assert_eq!(connect(env, one, &address, NEVER), Ok(Status::Ok));
    fails(connect(env, two, &address, NEVER), PalError::AddressUnavailable);
    close_all(env, &[tcp, udp, server, one, two]);
}

fn bind_errors(env: &Env) {
    let (one, two) = (open(env, family::INET, STREAM).unwrap(), open(env, family::INET, STREAM).unwrap());
    fails(bind(env, one, &inet([192, 0, 2, 1], 0)), PalError::AddressUnavailable);
    fails(bind(env, one, &inet6()), PalError::NoFamily);
    for socket in [one, two] {
        assert_eq!(set_option(env, socket, 1, 2, 1), Ok(Status::Ok));
    }
    assert_eq!(bind(env, one, &inet(LOOP_BACK, 0)), Ok(Status::Ok));
    assert_eq!(bind(env, two, &local(env, one)), Ok(Status::Ok));
    assert_eq!(listen(env, one, 1), Ok(Status::Ok));
    fails(listen(env, two, 1), PalError::Conflict);
    let three = open(env, family::INET, STREAM).unwrap();
    fails(bind(env, three, &local(env, one)), PalError::Conflict);
    close_all(env, &[one, two, three]);
}

fn full_queue(env: &Env) {
    let (one, two) = (open(env, family::UNIX, DATAGRAM).unwrap(), open(env, family::UNIX, DATAGRAM).unwrap());
    assert_eq!(bind(env, two, &unix(0x71)), Ok(Status::Ok));
    let mut count = 0;
    let full = loop {
        match send_to(env, one, &unix(0x71), b"x", message(bits::DONT_WAIT, NEVER)) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full, PalError::WouldBlock);
    // Nothing tells an unconnected sender when there is room again: its deadline and interrupts hold all the same.
    let late = send_to(env, one, &unix(0x71), b"x", message(0, env.soon(30)));
    assert_eq!(late, Err(PalError::WouldBlock));
    let result = env.interrupted(|| send_to(env, one, &unix(0x71), b"x", message(0, NEVER)));
    assert_eq!(result, Err(PalError::Interrupted));
    let reader = env.later(30, move |_| {
        let (mut byte, mut told) = ([0], message(0, NEVER));
        let buf = byte.as_mut_slice().into();
        let _ = checked::sockets().socket_receive(two, buf, 1, OutBytes::NONE, 0, (&mut told).into());
    });
    assert_eq!(send_to(env, one, &unix(0x71), b"x", message(0, NEVER)), Ok(1));
    env.join(reader);
    for _ in 0..count {
        assert_eq!(receive(env, two, 9, bits::DONT_WAIT), Ok(b"x".to_vec()));
    }
    assert_eq!(receive(env, two, 9, bits::DONT_WAIT), Err(PalError::WouldBlock));
    close_all(env, &[one, two]);
}

fn interrupted(env: &Env) {
    let (one, other) = pair(env, STREAM);
    assert_eq!(env.interrupted(|| receive(env, one, 1, 0)), Err(PalError::Interrupted));
    set_nonblocking(env, one);
    while send(env, one, &[0; 4096], 0).is_ok() {}
    let flags = Attr::ZERO;
    let set = env.pal.stream_attributes_set_by_handle(one, (&flags).into(), ATTR_SIZE, attr::FLAGS);
    assert_eq!(set, Ok(Status::Ok));
    assert_eq!(env.interrupted(|| send(env, one, &[0; 4096], 0)), Err(PalError::Interrupted));
    let (server, _) = server(env, &inet(LOOP_BACK, 0), 1);
    assert_eq!(env.interrupted(|| accept(env, server)), Err(PalError::Interrupted));
    close_all(env, &[one, other, server]);
}

fn events(env: &Env) {
    let (one, other) = pair(env, STREAM);
    let readable = env.event(one, event::READABLE).unwrap();
    assert_eq!(env.wait(&[readable], POLL), Ok(None));
    assert_eq!(send(env, other, b"x", 0), Ok(1));
    assert_eq!(env.wait(&[readable], env.soon(10_000)), Ok(Some(0)));
    assert_eq!(env.pal.stream_delete(other, delete::WRITE), Ok(Status::Ok));
    assert_eq!(receive(env, one, 9, bits::WAIT_ALL), Ok(b"x".to_vec()));
    assert_eq!(receive(env, one, 9, 0), Ok(Vec::new()));
    assert_eq!(send(env, other, b"x", 0), Err(PalError::Broken));
    close_all(env, &[readable, one, other]);
}

fn reset(env: &Env) {
    for sends in [false, true] {
        let (server, address) = server(env, &inet(LOOP_BACK, 0), 1);
        let near = open(env, family::INET, STREAM).unwrap();
        assert_eq!(connect(env, near, &address, NEVER), Ok(Status::Ok));
        let far = accept(env, server).unwrap();
        assert_eq!(send(env, near, b"unread", 0), Ok(6));
        assert_eq!(receive(env, far, 1, bits::PEEK), Ok(b"u".to_vec()));
        env.close(far);
        let readable = env.event(near, event::READABLE).unwrap();
        assert_eq!(env.wait(&[readable], env.soon(10_000)), Ok(Some(0)));
        let result = if sends { send(env, near, b"x", 0).err() } else { receive(env, near, 1, 0).err() };
        assert_eq!(result, Some(PalError::Reset));
        close_all(env, &[readable, near, server]);
    }
}

fn forbidden(env: &Env) {
    let (one, two) = (open(env, family::UNIX, DATAGRAM).unwrap(), open(env, family::UNIX, DATAGRAM).unwrap());
    for (socket, number) in [(one, 0x91), (two, 0x92)] {
        assert_eq!(bind(env, socket, &unix(number)), Ok(Status::Ok));
    }
    // One that has a peer hears nobody else.
    assert_eq!(connect(env, one, &unix(0x91), NEVER), Ok(Status::Ok));
    fails(connect(env, two, &unix(0x91), NEVER), PalError::NotPermitted);
    let sent = send_to(env, two, &unix(0x91), b"x", message(0, NEVER));
    assert_eq!(sent, Err(PalError::NotPermitted));
    assert_eq!(receive(env, one, 1, bits::OUT_OF_BAND), Err(PalError::NotSupported));
    close_all(env, &[one, two]);
    let (one, other) = pair(env, STREAM);
    assert_eq!(send_to(env, one, &unix(0x91), b"x", message(0, NEVER)), Err(PalError::Connected));
    let alone = open(env, family::UNIX, STREAM).unwrap();
    assert_eq!(send_to(env, alone, &unix(0x91), b"x", message(0, NEVER)), Err(PalError::NotSupported));
    let udp = open(env, family::INET, DATAGRAM).unwrap();
    assert_eq!(send_to(env, udp, &inet6(), b"x", message(0, NEVER)), Err(PalError::NoFamily));
    close_all(env, &[one, other, alone, udp]);
}

fn mistakes(env: &Env) {
    let calls = calls(env);
    for (of, kind, error) in [
        (99, STREAM, PalError::NoFamily),
        (family::INET, 3, PalError::NotPermitted),
        (family::INET, 4, PalError::NoProtocol),
        (family::INET, SEQUENCED, PalError::NoProtocol),
        (family::UNIX, 0x1000, PalError::Invalid),
    ] {
        assert_eq!(open(env, of, kind), Err(error), "{of} {kind}");
    }
    let mut handle = Handle::NONE;
    fails(calls.socket_open(family::INET, STREAM, 17, (&mut handle).into()), PalError::NoProtocol);
    fails(calls.socket_open(family::UNIX, STREAM, 0, bad_out()), PalError::Fault);
    fails(calls.socket_pair(4, (&mut handle).into(), bad_out()), PalError::NoProtocol);
    fails(calls.socket_pair(STREAM, (&mut handle).into(), bad_out()), PalError::Fault);
    // A raw UNIX socket is one for datagrams on Linux.
    let raw = open(env, family::UNIX, 3).unwrap();
    assert_eq!(option(env, raw, 1, 3), Ok(2_i32.to_ne_bytes().to_vec()));
    let (one, other) = pair(env, 3);
    close_all(env, &[raw, one, other]);

    let (socket, _) = server(env, &inet(LOOP_BACK, 0), 1);
    for len in [129, 4096, usize::MAX] {
        fails(calls.socket_bind(socket, [0; 200].as_slice().into(), len), PalError::Invalid);
        fails(calls.socket_connect(socket, [0; 200].as_slice().into(), len, POLL), PalError::Invalid);
    }
    fails(calls.socket_bind(socket, bad_input(), 16), PalError::Fault);
    fails(calls.socket_connect(socket, bad_input(), 16, POLL), PalError::Fault);
    fails(calls.socket_get_name(socket, 0, bad_output(), 128, (&mut 0).into()), PalError::Fault);
    fails(calls.socket_get_name(socket, 2, bad_output(), 0, bad_out()), PalError::Invalid);
    let (mut short, mut len) = ([0; 4], 0);
    let buf = short.as_mut_slice().into();
    fails(calls.socket_get_name(socket, 0, buf, 4, (&mut len).into()), PalError::BufferTooSmall);
    fails(calls.socket_send(socket, bad_input(), 1, bad_input(), 0, bad_inout()), PalError::Fault);
    fails(calls.socket_receive(socket, bad_output(), 1, bad_output(), 0, bad_inout()), PalError::Fault);
    for size in [129, u32::MAX] {
        let mut message = SocketMessage { address_size: size, ..SocketMessage::ZERO };
        let sent = calls.socket_send(socket, NOTHING.into(), 0, NOTHING.into(), 0, (&mut message).into());
        fails(sent, PalError::Invalid);
    }
    assert_eq!(send(env, socket, b"x", 1 << 30), Err(PalError::Invalid));
    assert_eq!(receive(env, socket, 1, 1 << 30), Err(PalError::Invalid));
    env.close(socket);
    let null = env.open("null:", R, 0).unwrap();
    for (handle, error) in [
        (null, PalError::WrongType),
        (env.no_stream(), PalError::WrongType),
        (env.stale(), PalError::BadHandle),
    ] {
        fails(bind(env, handle, &unix(1)), error);
        fails(listen(env, handle, 1), error);
        fails(connect(env, handle, &unix(1), POLL), error);
        assert_eq!(name(env, handle, 0), Err(error));
        assert_eq!(send(env, handle, b"x", 0), Err(error));
        assert_eq!(receive(env, handle, 1, 0), Err(error));
        assert_eq!(option(env, handle, 1, 3), Err(error));
        fails(set_option(env, handle, 1, 2, 1), error);
    }
    env.close(null);
}
