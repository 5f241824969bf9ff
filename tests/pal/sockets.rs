//! `tcp:`, `tcp.srv:`, `udp:`, `udp.srv:` over the host's loop-back interface.

use pal_abi::flags::{attr, delete, event, node, open, socket};
use pal_abi::{Attr, Handle, Layout, PalError, SockAddr, Status};

use crate::checked;
use crate::harness::{ATTR_SIZE, Env, RW, Suite, bad_out, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("tcp: client and server talk, over IPv4 and IPv6", talk),
        ("tcp: names tell both addresses, port 0 included", names),
        ("tcp: the end of one side is seen by the other", ends),
        ("tcp: connecting from a given address", from_local),
        ("tcp: refused, in use, nonsense", opening_errors),
        ("tcp: a connection is made in the background", background),
        ("tcp: accepting waits, or not", accepting),
        ("tcp: waiting ends with INTERRUPTED", interrupted),
        ("tcp: a reset connection", reset),
        ("tcp: options", options),
        ("udp: datagrams with addresses", datagrams),
        ("udp: a default peer", connected),
        ("udp: datagrams cut short, empty, too big", sizes),
        ("udp: waiting and not waiting", udp_waiting),
        ("tcp: sockets are inherited", inherited),
    ]);
}

fn serve(env: &Env, address: &str) -> (Handle, String) {
    let server = env.open(&format!("tcp.srv:{address}"), RW, 0).expect(address);
    let name = env.name(server).unwrap();
    (server, name.strip_prefix("tcp.srv:").expect("its own scheme").to_owned())
}

fn accept(env: &Env, server: Handle, options: u32) -> Result<(Status, Handle), PalError> {
    let mut client = Handle::NONE;
    let status = env.pal.stream_wait_for_client(server, options, (&mut client).into())?;
    Ok((status, client))
}

/// Two ends of a connection.
fn pair(env: &Env) -> (Handle, Handle) {
    let (server, address) = serve(env, "127.0.0.1:0");
    let near = env.open(&format!("tcp:{address}"), RW, 0).unwrap();
    let (_, far) = accept(env, server, 0).unwrap();
    env.close(server);
    (near, far)
}

fn set(env: &Env, handle: Handle, attr: Attr, mask: u32) -> Result<Status, PalError> {
    env.pal.stream_attributes_set_by_handle(handle, (&attr).into(), ATTR_SIZE, mask)
}

fn set_nonblocking(env: &Env, handle: Handle) {
    let flags = pal_abi::flags::stream::NONBLOCK;
    assert_eq!(set(env, handle, Attr { flags, ..Attr::ZERO }, attr::FLAGS), Ok(Status::Ok));
}

fn talk(env: &Env) {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (server, address) = serve(env, address);
        let near = env.open(&format!("tcp:{address}"), RW, 0).unwrap();
        let (_, far) = accept(env, server, 0).unwrap();
        assert_eq!(env.write(near, 0, b"there"), Ok(5));
        assert_eq!(env.read(far, 77, 100), Ok((Status::Ok, b"there".to_vec())));
        assert_eq!(env.write(far, 0, b"and back"), Ok(8));
        assert_eq!(env.read(near, 0, 3), Ok((Status::Ok, b"and".to_vec())));
        let attributes = env.attributes(near).unwrap();
        assert_eq!((attributes.kind, attributes.available, attributes.socket_type), (node::SOCKET, 5, 1));
        assert_eq!(attributes.socket_family, if address.starts_with('[') { 6 } else { 4 });
        for handle in [server, near, far] {
            env.close(handle);
        }
    }
}

fn names(env: &Env) {
    let (server, address) = serve(env, "127.0.0.1:0");
    assert!(!address.ends_with(":0"), "{address}");
    let near = env.open(&format!("tcp:{address}"), RW, 0).unwrap();
    let (_, far) = accept(env, server, 0).unwrap();
    let name = env.name(near).unwrap();
    let (remote, local) = name.strip_prefix("tcp:").unwrap().split_once("?local=").unwrap();
    assert_eq!(remote, address);
    assert_eq!(env.name(far).unwrap(), format!("tcp:{local}?local={address}"));
    for handle in [server, near, far] {
        env.close(handle);
    }
}

fn ends(env: &Env) {
    let (near, far) = pair(env);
    let read_closed = env.event(far, event::READ_CLOSED).unwrap();
    assert_eq!(env.wait(&[read_closed], 0), Ok(None));
    assert_eq!(env.write(near, 0, b"last"), Ok(4));
    assert_eq!(env.pal.stream_delete(near, delete::WRITE), Ok(Status::Ok));
    assert_eq!(env.wait(&[read_closed], env.soon(10_000)), Ok(Some(0)));
    assert_eq!(env.read(far, 0, 100), Ok((Status::Ok, b"last".to_vec())));
    assert_eq!(env.read(far, 0, 100), Ok((Status::EndOfStream, Vec::new())));
    assert_eq!(env.write(near, 0, b"more"), Err(PalError::Broken));
    assert_eq!(env.write(far, 0, b"still"), Ok(5));
    assert_eq!(env.read(near, 0, 100), Ok((Status::Ok, b"still".to_vec())));
    fails(env.pal.stream_delete(near, 9), PalError::Invalid);
    env.close(read_closed);
    assert_eq!(env.pal.stream_delete(far, delete::ALL), Ok(Status::Ok));
    assert_eq!(env.read(near, 0, 1), Ok((Status::EndOfStream, Vec::new())));
    env.close(near);
    env.close(far);
}

fn from_local(env: &Env) {
    let (server, address) = serve(env, "127.0.0.1:0");
    let near = env.open(&format!("tcp:{address}?local=127.0.0.2:0"), RW, 0).unwrap();
    let (_, far) = accept(env, server, 0).unwrap();
    assert!(env.name(far).unwrap().starts_with("tcp:127.0.0.2:"), "{:?}", env.name(far));
    for handle in [server, near, far] {
        env.close(handle);
    }
}

fn opening_errors(env: &Env) {
    let (server, address) = serve(env, "127.0.0.1:0");
    assert_eq!(env.open(&format!("tcp.srv:{address}"), RW, 0), Err(PalError::Conflict));
    env.close(server);
    assert_eq!(env.open(&format!("tcp:{address}"), RW, 0), Err(PalError::Refused));
    for bad in
        ["tcp:", "tcp:localhost:80", "tcp:1.2.3.4", "tcp.srv:1.2.3.4:1?local=1.2.3.4:2", "udp:", "udp.srv:"]
    {
        assert_eq!(env.open(bad, RW, 0), Err(PalError::Invalid), "{bad}");
    }
    assert_eq!(env.open("tcp:127.0.0.1:1", RW, open::CREATE), Err(PalError::Invalid));
    assert_eq!(env.open("tcp:127.0.0.1:1", 0, 0), Err(PalError::Invalid));
    // Documentation's own network is nobody's local address.
    assert_eq!(env.open("tcp.srv:192.0.2.1:0", RW, 0), Err(PalError::Unreachable));
}

fn background(env: &Env) {
    let (server, address) = serve(env, "127.0.0.1:0");
    let uri = format!("tcp:{address}");
    let mut near = Handle::NONE;
    let status = env
        .pal
        .stream_open(uri.as_str().into(), uri.len(), RW, 0, open::NONBLOCK, (&mut near).into())
        .unwrap();
    assert!(matches!(status, Status::Ok | Status::Pending), "{status:?}");
    let writable = env.event(near, event::WRITABLE).unwrap();
    assert_eq!(env.wait(&[writable], env.soon(10_000)), Ok(Some(0)));
    assert_eq!(env.attributes(near).unwrap().socket_error, 0);
    assert_eq!(env.read(near, 0, 1), Err(PalError::WouldBlock));
    for handle in [writable, near, server] {
        env.close(handle);
    }
    // Nobody listens there now.
    let result =
        env.pal.stream_open(uri.as_str().into(), uri.len(), RW, 0, open::NONBLOCK, (&mut near).into());
    match result {
        Err(error) => assert_eq!(error, PalError::Refused),
        Ok(_) => {
            let failed = env.event(near, event::ERROR).unwrap();
            assert_eq!(env.wait(&[failed], env.soon(10_000)), Ok(Some(0)));
            assert_eq!(env.attributes(near).unwrap().socket_error, PalError::Refused.code());
            env.close(failed);
            env.close(near);
        }
    }
}

fn accepting(env: &Env) {
    let (server, address) = serve(env, "127.0.0.1:0");
    let client = env.event(server, event::CLIENT).unwrap();
    assert_eq!(env.wait(&[client], 0), Ok(None));
    let uri = format!("tcp:{address}");
    let late = env.later(20, move |pal| {
        let mut near = Handle::NONE;
        let _ = pal.stream_open(uri.as_str().into(), uri.len(), RW, 0, 0, (&mut near).into());
    });
    let (status, far) = accept(env, server, 0).unwrap();
    assert_eq!(status, Status::Ok);
    assert_eq!(env.wait(&[late], env.soon(60_000)), Ok(Some(0)));
    set_nonblocking(env, server);
    let (status, none) = accept(env, server, 0).unwrap();
    assert_eq!((status, none), (Status::Pending, Handle::NONE));
    fails(env.pal.stream_wait_for_client(server, 0, bad_out()), PalError::Fault);
    fails(env.pal.stream_wait_for_client(server, open::CREATE, bad_out()), PalError::Invalid);
    assert_eq!(accept(env, far, 0), Err(PalError::WrongType));
    assert_eq!(env.read(server, 0, 1), Err(PalError::WrongType));
    assert_eq!(env.pal.stream_delete(server, delete::ALL), Ok(Status::Ok));
    assert_eq!(accept(env, server, 0), Err(PalError::Broken));
    for handle in [client, late, far, server] {
        env.close(handle);
    }
}

fn interrupted(env: &Env) {
    let (server, _) = serve(env, "127.0.0.1:0");
    assert_eq!(env.interrupted(|| accept(env, server, 0)), Err(PalError::Interrupted));
    let (near, far) = pair(env);
    assert_eq!(env.interrupted(|| env.read(near, 0, 1)), Err(PalError::Interrupted));
    for handle in [server, near, far] {
        env.close(handle);
    }
}

fn reset(env: &Env) {
    let (near, far) = pair(env);
    let attr =
        Attr { socket_options: socket::LINGER, socket_mask: socket::LINGER, linger_s: 0, ..Attr::ZERO };
    assert_eq!(set(env, far, attr, attr::SOCKET_OPTIONS), Ok(Status::Ok));
    env.close(far);
    let error = env.event(near, event::ERROR).unwrap();
    assert_eq!(env.wait(&[error], env.soon(10_000)), Ok(Some(0)));
    assert_eq!(env.read(near, 0, 1), Err(PalError::Reset));
    assert_eq!(env.name(near), Err(PalError::NotConnected));
    fails(env.pal.stream_delete(near, delete::WRITE), PalError::NotConnected);
    env.close(error);
    env.close(near);
}

fn options(env: &Env) {
    let (near, far) = pair(env);
    let all = socket::NO_DELAY | socket::KEEP_ALIVE | socket::REUSE_ADDRESS | socket::OOB_INLINE;
    for options in [all, 0] {
        let attr = Attr { socket_options: options, socket_mask: all, ..Attr::ZERO };
        assert_eq!(set(env, near, attr, attr::SOCKET_OPTIONS), Ok(Status::Ok));
        assert_eq!(env.attributes(near).unwrap().socket_options & all, options);
    }
    let attr = Attr { ttl: 33, send_buffer: 20_000, receive_buffer: 30_000, linger_s: 3, ..Attr::ZERO };
    let mask = attr::TTL | attr::SEND_BUFFER | attr::RECEIVE_BUFFER | attr::LINGER;
    assert_eq!(set(env, near, attr, mask), Ok(Status::Ok));
    let now = env.attributes(near).unwrap();
    assert_eq!((now.ttl, now.linger_s), (33, 3));
    assert!(now.send_buffer >= 20_000 && now.receive_buffer >= 30_000, "{now:?}");
    assert_eq!(now.socket_options & socket::LINGER, socket::LINGER);
    let listening = Attr { socket_mask: socket::LISTENING, ..Attr::ZERO };
    assert_eq!(set(env, near, listening, attr::SOCKET_OPTIONS), Err(PalError::Invalid));
    assert_eq!(set(env, near, attr, attr::MODE), Err(PalError::NotSupported));
    let (server, _) = serve(env, "[::1]:0");
    assert_eq!(env.attributes(server).unwrap().socket_options & socket::LISTENING, socket::LISTENING);
    for handle in [near, far, server] {
        env.close(handle);
    }
}

fn datagram(to: SockAddr, bytes: &[u8]) -> Vec<u8> {
    [to.as_bytes(), bytes].concat()
}

fn address_of(name: &str) -> SockAddr {
    let address: std::net::SocketAddr = name.strip_prefix("udp.srv:").unwrap().parse().unwrap();
    let mut record = SockAddr { port: address.port(), ..SockAddr::ZERO };
    match address.ip() {
        std::net::IpAddr::V4(ip) => {
            record.family = 4;
            record.address[..4].copy_from_slice(&ip.octets());
        }
        std::net::IpAddr::V6(ip) => {
            record.family = 6;
            record.address = ip.octets();
        }
    }
    record
}

fn datagrams(env: &Env) {
    for any in ["127.0.0.1:0", "[::1]:0"] {
        let one = env.open(&format!("udp.srv:{any}"), RW, 0).unwrap();
        let other = env.open(&format!("udp:?local={any}"), RW, 0).unwrap();
        let (one_at, other_at) = (address_of(&env.name(one).unwrap()), address_of(&env.name(other).unwrap()));
        assert_eq!(env.write(one, 0, &datagram(other_at, b"hello")), Ok(37));
        let (status, got) = env.read(other, 0, 100).unwrap();
        assert_eq!((status, got), (Status::Ok, datagram(one_at, b"hello")));
        assert_eq!(env.write(one, 0, &datagram(SockAddr::ZERO, b"to whom")), Err(PalError::NotConnected));
        assert_eq!(
            env.write(one, 0, &datagram(SockAddr { family: 9, ..one_at }, b"x")),
            Err(PalError::Invalid)
        );
        assert_eq!(env.attributes(one).unwrap().socket_type, 2);
        env.close(one);
        env.close(other);
    }
}

fn connected(env: &Env) {
    let server = env.open("udp.srv:127.0.0.1:0", RW, 0).unwrap();
    let name = env.name(server).unwrap();
    let address = name.strip_prefix("udp.srv:").unwrap();
    let client = env.open(&format!("udp:{address}?local=127.0.0.1:0"), RW, 0).unwrap();
    assert!(env.name(client).unwrap().starts_with(&format!("udp:{address}?local=127.0.0.1:")));
    assert_eq!(env.write(client, 0, &datagram(SockAddr::ZERO, b"ask")), Ok(35));
    let (_, question) = env.read(server, 0, 100).unwrap();
    let from = SockAddr::read_from(&question).unwrap();
    assert_eq!(&question[32..], b"ask");
    assert_eq!(env.write(server, 0, &datagram(from, b"tell")), Ok(36));
    assert_eq!(env.read(client, 0, 100), Ok((Status::Ok, datagram(address_of(&name), b"tell"))));
    env.close(server);
    // Nobody is there any more: the host says so on the next call.
    let _ = env.write(client, 0, &datagram(SockAddr::ZERO, b"anybody?"));
    let readable = env.event(client, event::READABLE).unwrap();
    assert_eq!(env.wait(&[readable], env.soon(10_000)), Ok(Some(0)));
    assert_eq!(env.read(client, 0, 100), Err(PalError::Refused));
    env.close(readable);
    env.close(client);
}

fn sizes(env: &Env) {
    let socket = env.open("udp.srv:127.0.0.1:0", RW, 0).unwrap();
    let at = address_of(&env.name(socket).unwrap());
    assert_eq!(env.write(socket, 0, &datagram(at, b"0123456789")), Ok(42));
    let (mut buf, mut done) = ([0; 36], 0);
    let cut = env.pal.stream_read(
        socket,
        0,
        buf.as_mut_slice().into(),
        36,
        (&mut done).into(),
        pal_abi::arg::Out::NONE,
    );
    assert_eq!((cut, done, &buf[32..]), (Err(PalError::TooBig), 36, &b"0123"[..]));
    assert_eq!(env.write(socket, 0, &datagram(at, b"")), Ok(32));
    assert_eq!(env.read(socket, 0, 100), Ok((Status::Ok, datagram(at, b""))));
    assert_eq!(env.write(socket, 0, &datagram(at, &vec![0; 70_000])), Err(PalError::TooBig));
    assert_eq!(env.write(socket, 0, b"short"), Err(PalError::Invalid));
    assert_eq!(env.read(socket, 0, 31), Err(PalError::Invalid));
    env.close(socket);
}

fn udp_waiting(env: &Env) {
    let socket = env.open("udp.srv:127.0.0.1:0", RW, 0).unwrap();
    let at = address_of(&env.name(socket).unwrap());
    assert_eq!(env.interrupted(|| env.read(socket, 0, 100)), Err(PalError::Interrupted));
    let late = env.later(20, move |pal| {
        let (bytes, mut done) = (datagram(at, b"late"), 0);
        let _ = pal.stream_write(
            socket,
            0,
            bytes.as_slice().into(),
            bytes.len(),
            (&mut done).into(),
            pal_abi::arg::Out::NONE,
        );
    });
    assert_eq!(env.read(socket, 0, 100), Ok((Status::Ok, datagram(at, b"late"))));
    env.join(late);
    set_nonblocking(env, socket);
    assert_eq!(env.read(socket, 0, 100), Err(PalError::WouldBlock));
    env.close(socket);
}

fn inherited(env: &Env) {
    let passing = env.passing.expect("handle passing");
    let (near, far) = pair(env);
    let (server, _) = serve(env, "127.0.0.1:0");
    let udp = env.open("udp.srv:127.0.0.1:0", RW, 0).unwrap();
    let one = env.open("pipe:", RW, 0).unwrap();
    let (_, other) = accept(env, one, 0).unwrap();
    for socket in [near, server, udp] {
        assert_eq!(passing.stream_send_handle(one, socket, 0), Ok(Status::Ok));
        let mut copy = Handle::NONE;
        assert_eq!(
            checked::passing().stream_receive_handle(other, (&mut copy).into(), pal_abi::arg::Out::NONE),
            Ok(Status::Ok)
        );
        assert_eq!(env.name(copy), env.name(socket));
        env.close(copy);
    }
    for handle in [near, far, server, udp, one, other] {
        env.close(handle);
    }
}
