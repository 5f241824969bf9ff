//! The group `Sockets`: messages with control records, the handles and credentials in them.

use pal_abi::flags::{NEVER, control, family, message as bits};
use pal_abi::{ControlRecord, Handle, Layout, PalError, PassedHandle, SocketMessage, Status};

use crate::clones::fork;
use crate::harness::{Env, R, RW, Suite, bad_input, bad_output, fails, now};
use crate::linux_sockets::{
    DATAGRAM, SEQUENCED, STREAM, bind, calls, message, open, option, pair, receive, send, send_to,
    set_option, unix,
};
use crate::processes::ended;

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("messages: handles of every kind are passed, with tags", handles),
        ("messages: handles stay with the bytes they were sent with", boundaries),
        ("messages: handles without room are dropped, and nothing leaks", no_room),
        ("messages: handles are peeked at", peeked),
        ("messages: handles pass between processes", processes),
        ("messages: credentials", credentials),
        ("messages: records of IP", internet),
        ("messages: records that are none", mistakes),
    ]);
}

const GENERAL: u32 = 1;

fn record(level: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let whole = (size_of::<ControlRecord>() + data.len()).next_multiple_of(8);
    let size = |n: usize| u32::try_from(n).unwrap();
    let head = ControlRecord { record_size: size(whole), level, kind, data_size: size(data.len()) };
    let mut bytes = [head.as_bytes(), data].concat();
    bytes.resize(whole, 0);
    bytes
}

fn rights(handles: &[(Handle, u64)]) -> Vec<u8> {
    let passed = |&(handle, tag): &(Handle, u64)| PassedHandle { handle, reserved: 0, tag };
    let data: Vec<u8> = handles.iter().flat_map(|one| passed(one).as_bytes().to_vec()).collect();
    record(GENERAL, control::RIGHTS, &data)
}

fn send_with(env: &Env, socket: Handle, bytes: &[u8], records: &[u8]) -> Result<u64, PalError> {
    let mut told = message(0, NEVER);
    calls(env).socket_send(
        socket,
        bytes.into(),
        bytes.len(),
        records.into(),
        records.len(),
        (&mut told).into(),
    )?;
    Ok(told.done)
}

/// What came of a message: its bytes, its records (level, type, data), and what was told.
type Got = (Vec<u8>, Vec<(u32, u32, Vec<u8>)>, SocketMessage);

fn receive_with(env: &Env, socket: Handle, cap: usize, flags: u32) -> Result<Got, PalError> {
    let (mut bytes, mut space, mut told) = ([0; 64], vec![0; cap], message(flags, env.soon(10_000)));
    let (buf, to) = (bytes.as_mut_slice().into(), space.as_mut_slice().into());
    calls(env).socket_receive(socket, buf, 64, to, cap, (&mut told).into())?;
    let (mut records, mut rest) = (Vec::new(), &space[..told.control_size as usize]);
    while !rest.is_empty() {
        let head = ControlRecord::read_from(rest).unwrap();
        records.push((head.level, head.kind, rest[16..16 + head.data_size as usize].to_vec()));
        rest = &rest[head.record_size as usize..];
    }
    Ok((bytes[..usize::try_from(told.done).unwrap()].to_vec(), records, told))
}

/// The handles among records.
fn passed(got: &Got) -> Vec<(Handle, u64)> {
    let rights = got.1.iter().filter(|(level, kind, _)| (*level, *kind) == (GENERAL, control::RIGHTS));
    let data: Vec<u8> = rights.flat_map(|(_, _, data)| data.clone()).collect();
    let handle = |bytes: &[u8]| PassedHandle::read_from(bytes).map(|one| (one.handle, one.tag));
    data.chunks(size_of::<PassedHandle>()).filter_map(handle).collect()
}

/// Open descriptors of the process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Asserts that nothing leaked. Descriptors of processes and threads that have just ended close in their own time.
#[track_caller]
fn assert_no_more_than(env: &Env, count: usize) {
    let deadline = env.soon(5_000);
    while descriptors() > count {
        assert!(now(env.pal) < deadline, "{} descriptors instead of {count}", descriptors());
        env.pal.thread_delay_execution(now(env.pal) + 1_000_000).unwrap();
    }
}

fn handles(env: &Env) {
    let before = descriptors();
    for kind in [STREAM, DATAGRAM, SEQUENCED] {
        let (one, other) = pair(env, kind);
        let file = env.file("/rw/passed", b"contents");
        let dir = env.open("dir:/rw", R, 0).unwrap();
        let pipe = env.open("pipe:", RW, 0).unwrap();
        let (near, far) = pair(env, STREAM);
        let sent = rights(&[(file, 1), (dir, u64::MAX), (pipe, 3), (near, 4)]);
        assert_eq!(send_with(env, one, b"four", &sent), Ok(4));
        for handle in [file, dir, pipe, near] {
            env.close(handle);
        }
        let got = receive_with(env, other, 4096, 0).unwrap();
        assert_eq!((&got.0[..], got.2.result_flags & bits::CONTROL_CUT), (&b"four"[..], 0));
        let came = passed(&got);
        assert_eq!(came.iter().map(|(_, tag)| *tag).collect::<Vec<_>>(), [1, u64::MAX, 3, 4]);
        assert_eq!(env.read(came[0].0, 0, 99), Ok((Status::Ok, b"contents".to_vec())));
        assert_eq!(env.name(came[1].0).unwrap(), "dir:/rw");
        assert_eq!(send(env, came[3].0, b"through it", 0), Ok(10));
        assert_eq!(receive(env, far, 99, 0), Ok(b"through it".to_vec()));
        came.iter().for_each(|(handle, _)| env.close(*handle));
        for handle in [one, other, far] {
            env.close(handle);
        }
    }
    assert_no_more_than(env, before);
    let (one, other) = pair(env, STREAM);
    // No handles at all are no record.
    assert_eq!(send_with(env, one, b"none", &rights(&[])), Ok(4));
    let got = receive_with(env, other, 4096, 0).unwrap();
    assert_eq!((got.1.len(), got.2.result_flags & bits::CONTROL_CUT), (0, 0));
    assert_eq!(send_with(env, one, b"x", &rights(&[(env.stale(), 0)])), Err(PalError::BadHandle));
    let event = env.no_stream();
    let sent = send_with(env, one, b"x", &rights(&[(event, 0)]));
    assert!(matches!(sent, Ok(1) | Err(PalError::NotSupported)), "{sent:?}");
    env.close(event);
    let many = vec![(other, 0); 253];
    assert_eq!(send_with(env, one, b"x", &rights(&many)), Err(PalError::TooMany));
    env.close(one);
    env.close(other);
    assert_no_more_than(env, before);
}

fn boundaries(env: &Env) {
    let (one, other) = pair(env, STREAM);
    let file = env.file("/rw/passed", b"x");
    assert_eq!(send(env, one, b"before", 0), Ok(6));
    assert_eq!(send_with(env, one, b"with", &rights(&[(file, 7)])), Ok(4));
    assert_eq!(send(env, one, b"after", 0), Ok(5));
    let mut bytes = Vec::new();
    let got = loop {
        let got = receive_with(env, other, 256, 0).unwrap();
        bytes.extend(&got.0);
        if !passed(&got).is_empty() {
            break got;
        }
    };
    assert_eq!((&bytes[..], passed(&got)[0].1), (&b"beforewith"[..], 7));
    assert_eq!(receive(env, other, 99, 0), Ok(b"after".to_vec()));
    env.close(passed(&got)[0].0);
    for handle in [one, other, file] {
        env.close(handle);
    }
}

fn no_room(env: &Env) {
    let (one, other) = pair(env, SEQUENCED);
    let file = env.file("/rw/passed", b"x");
    let before = descriptors();
    for (cap, fit) in [(0, 0), (8, 0), (31, 0), (32, 1), (47, 1), (48, 2)] {
        assert_eq!(send_with(env, one, b"x", &rights(&[(file, 1), (file, 2), (file, 3)])), Ok(1));
        let got = receive_with(env, other, cap, 0).unwrap();
        assert_eq!((passed(&got).len(), got.2.result_flags & bits::CONTROL_CUT), (fit, bits::CONTROL_CUT));
        passed(&got).iter().for_each(|(handle, _)| env.close(*handle));
        assert_no_more_than(env, before);
    }
    // Those that were never received go with the socket.
    assert_eq!(send_with(env, one, b"x", &rights(&[(file, 1)])), Ok(1));
    for handle in [one, other, file] {
        env.close(handle);
    }
    assert_no_more_than(env, before - 3);
}

fn peeked(env: &Env) {
    let (one, other) = pair(env, STREAM);
    let file = env.file("/rw/passed", b"contents");
    let before = descriptors();
    assert_eq!(send_with(env, one, b"x", &rights(&[(file, 9)])), Ok(1));
    for flags in [bits::PEEK, 0] {
        let got = receive_with(env, other, 256, flags).unwrap();
        let (handle, tag) = passed(&got)[0];
        assert_eq!((tag, env.read(handle, 0, 99)), (9, Ok((Status::Ok, b"contents".to_vec()))));
        env.close(handle);
    }
    assert_no_more_than(env, before);
    for handle in [one, other, file] {
        env.close(handle);
    }
}

fn processes(env: &Env) {
    let (one, other) = pair(env, STREAM);
    let (process, channel) = fork(env, |_| {
        let got = receive_with(env, other, 256, 0).unwrap();
        let (handle, tag) = passed(&got)[0];
        let read = env.read(handle, 0, 99);
        let file = env.file("/rw/of the copy", b"the copy's");
        let sent = send_with(env, other, b"back", &rights(&[(file, tag + 1)]));
        i32::from(read != Ok((Status::Ok, b"contents".to_vec())) || sent != Ok(4))
    });
    let file = env.file("/rw/passed", b"contents");
    assert_eq!(send_with(env, one, b"x", &rights(&[(file, 20)])), Ok(1));
    let got = receive_with(env, one, 256, 0).unwrap();
    assert_eq!(ended(env, process), 0);
    let (handle, tag) = passed(&got)[0];
    assert_eq!((tag, env.read(handle, 0, 99)), (21, Ok((Status::Ok, b"the copy's".to_vec()))));
    for handle in [one, other, file, handle, channel] {
        env.close(handle);
    }
}

fn credentials(env: &Env) {
    let mut own = 0;
    assert_eq!(env.family.expect("a family").family_self((&mut own).into()), Ok(Status::Ok));
    let sender = open(env, family::UNIX, DATAGRAM).unwrap();
    let receiver = open(env, family::UNIX, DATAGRAM).unwrap();
    assert_eq!(bind(env, receiver, &unix(0x81)), Ok(Status::Ok));
    assert_eq!(set_option(env, receiver, GENERAL, 16, 1), Ok(Status::Ok));
    assert_eq!(option(env, receiver, GENERAL, 16), Ok(1_i32.to_ne_bytes().to_vec()));
    assert_eq!(send_to(env, sender, &unix(0x81), b"me", message(0, NEVER)), Ok(2));
    let got = receive_with(env, receiver, 256, 0).unwrap();
    let (level, kind, id) = &got.1[0];
    assert_eq!((*level, *kind, id.len()), (GENERAL, control::CREDENTIALS, 16));
    // SAFETY: takes nothing.
    let uid = unsafe { libc::geteuid() };
    assert_eq!((&id[..4], &id[4..8]), (&own.to_ne_bytes()[..], &uid.to_ne_bytes()[..]));
    env.close(sender);
    env.close(receiver);
}

fn internet(env: &Env) {
    let udp = open(env, family::INET, DATAGRAM).unwrap();
    let address = [&2_u16.to_ne_bytes()[..], &[0, 0, 127, 0, 0, 1], &[0; 8]].concat();
    assert_eq!(bind(env, udp, &address), Ok(Status::Ok));
    let (mut own, mut len) = ([0; 16], 0);
    let told = calls(env).socket_get_name(udp, 0, own.as_mut_slice().into(), 16, (&mut len).into());
    assert_eq!((told, len), (Ok(Status::Ok), 16));
    // IP_PKTINFO and IP_RECVTTL.
    for name in [8, 12] {
        assert_eq!(set_option(env, udp, 0, name, 1), Ok(Status::Ok));
    }
    assert_eq!(send_to(env, udp, &own, b"x", message(0, NEVER)), Ok(1));
    let got = receive_with(env, udp, 256, bits::PEEK).unwrap();
    let kinds: Vec<_> = got.1.iter().map(|(level, kind, data)| (*level, *kind, data.len())).collect();
    assert_eq!(kinds, [(0, 8, 12), (0, 2, 4)]);
    let (_, records, told) = receive_with(env, udp, 32, 0).unwrap();
    assert_eq!((records.len(), told.result_flags & bits::CONTROL_CUT), (1, bits::CONTROL_CUT));
    env.close(udp);
}

fn mistakes(env: &Env) {
    let (one, other) = pair(env, STREAM);
    let good = rights(&[(other, 0)]);
    for len in 1..good.len() {
        assert_eq!(send_with(env, one, b"x", &good[..len]), Err(PalError::Invalid), "{len}");
    }
    for (offset, value) in
        [(0, 0), (0, 17), (0, u32::MAX), (4, 77), (8, 2), (8, 99), (12, u32::MAX), (12, 15)]
    {
        let mut bad = good.clone();
        bad[offset..offset + 4].copy_from_slice(&u32::to_ne_bytes(value));
        assert_eq!(send_with(env, one, b"x", &bad), Err(PalError::Invalid), "{offset} {value}");
    }
    let mut told = message(0, NEVER);
    let byte: &[u8] = b"x";
    fails(calls(env).socket_send(one, byte.into(), 1, bad_input(), 32, (&mut told).into()), PalError::Fault);
    for len in [1 << 20, usize::MAX] {
        let sent = calls(env).socket_send(one, byte.into(), 1, bad_input(), len, (&mut told).into());
        fails(sent, PalError::Invalid);
    }
    fails(calls(env).socket_send(one, bad_input(), 8, bad_input(), 0, (&mut told).into()), PalError::Fault);
    assert_eq!(send_with(env, one, b"x", &good), Ok(1));
    let before = descriptors();
    let mut buf = [0];
    let got =
        calls(env).socket_receive(other, buf.as_mut_slice().into(), 1, bad_output(), 64, (&mut told).into());
    fails(got, PalError::Fault);
    // It was not taken.
    let got = receive_with(env, other, 64, 0).unwrap();
    assert_eq!(passed(&got).len(), 1);
    env.close(passed(&got)[0].0);
    assert_no_more_than(env, before);
    env.close(one);
    env.close(other);
}
