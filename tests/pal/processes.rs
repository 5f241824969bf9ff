//! Processes: what a created one is given, how it ends, handles on the way between them, doorbells.

use pal_abi::arg::{In, Out};
use pal_abi::flags::{NEVER, POLL, delete, event};
use pal_abi::{AddressRange, Handle, Layout, PalError, PalResult, ProcessParams, Status};

use crate::harness::{Env, R, RW, Suite, bad_out, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("process: arguments, environment, handles and ranges arrive", inheritance),
        ("process: an exit code is the whole number", exit_codes),
        ("process: its handle is signalled and tells the code for ever", handle_tells),
        ("process: deleting a handle kills", delete_kills),
        ("process: a child without a channel, and one whose creator does not care", without_channel),
        ("process: another image", image),
        ("process: parameters are checked", parameters),
        ("process: a handle travels over a channel", handles_travel),
        ("process: handle passing waits, and its errors", passing_errors),
        ("process: a process handle travels too", process_handle_travels),
        ("family: every member has a number and a doorbell", doorbell),
        ("process: a creator that ends leaves its children alone", orphans),
    ]);
}

const SIZE: u32 = 96;

/// What a created process of these cases does: its role is the blob `spawn`.
pub(crate) fn child(env: &Env, role: &[u8]) -> ! {
    let channel = env.startup.parent_channel;
    let code = match role {
        b"inherits" => inherits(env),
        b"sleep" => {
            let _ = env.write(channel, 0, b"!");
            let interrupted = env.pal.thread_delay_execution(NEVER);
            if interrupted == Err(PalError::Interrupted) { 44 } else { 1 }
        }
        b"wait in inherited memory" => crate::crossing::wait_in_inherited(env),
        b"image" => {
            let image = env.read(env.startup.next_image, 0, 100).map(|(_, bytes)| bytes);
            i32::from(image != Ok(b"another image".to_vec()))
        }
        b"echo handle" => {
            let mut got = Handle::NONE;
            let mut tag = 0;
            let passing = env.passing.expect("handle passing");
            let received = passing.stream_receive_handle(channel, (&mut got).into(), (&mut tag).into());
            let _ = env.write(got, 0, b"through the received handle");
            let sent = passing.stream_send_handle(channel, got, tag + 1);
            i32::from(received.is_err() || sent.is_err())
        }
        b"orphan maker" => {
            let (_, orphan_channel) = create(env, b"sleep");
            let (_, byte) = env.read(orphan_channel, 0, 1).expect("a byte");
            // The orphan's channel goes to the root, so that it can see it end.
            let passing = env.passing.expect("handle passing");
            let sent = passing.stream_send_handle(channel, orphan_channel, 0);
            i32::from(byte != b"!" || sent.is_err())
        }
        code => std::str::from_utf8(code).ok().and_then(|c| c.parse().ok()).unwrap_or(99),
    };
    let _ = env.pal.process_exit(code);
    unreachable!("ProcessExit returned")
}

fn params(role: &'static [u8]) -> ProcessParams {
    ProcessParams {
        config: role.as_ptr().expose_provenance() as u64,
        config_bytes: u32::try_from(role.len()).unwrap(),
        ..ProcessParams::ZERO
    }
}

/// Creates a process in that role: its handle, and the channel to it.
fn create(env: &Env, role: &'static [u8]) -> (Handle, Handle) {
    create_with(env, &params(role))
}

fn create_with(env: &Env, params: &ProcessParams) -> (Handle, Handle) {
    let (mut process, mut channel) = (Handle::NONE, Handle::NONE);
    let result = env.pal.process_create(params.into(), SIZE, (&mut process).into(), (&mut channel).into());
    assert_eq!(result, Ok(Status::Ok));
    (process, channel)
}

pub(crate) fn code(env: &Env, process: Handle) -> Result<i32, PalError> {
    let mut code = 0;
    env.pal.process_get_exit_code(process, (&mut code).into())?;
    Ok(code)
}

/// Waits for a process and tells its code.
#[track_caller]
pub(crate) fn ended(env: &Env, process: Handle) -> i32 {
    assert_eq!(env.wait(&[process], env.soon(60_000)), Ok(Some(0)));
    let code = code(env, process).expect("a code");
    env.close(process);
    code
}

fn inherits(env: &Env) -> i32 {
    let s = env.startup;
    // SAFETY: the start-up block tells where its strings are.
    let text = |at: u64, bytes: u32| unsafe {
        core::slice::from_raw_parts(
            core::ptr::with_exposed_provenance::<u8>(usize::try_from(at).unwrap()),
            bytes as usize,
        )
    };
    let strings = (text(s.args, s.args_bytes), s.argc, text(s.env, s.env_bytes), s.envc)
        == (b"one\0two words\0".as_slice(), 2, b"A=1\0".as_slice(), 1);
    let handles = text(s.inherited_handles, s.inherited_handle_count * 4);
    let handles: Vec<Handle> =
        handles.chunks(4).map(|h| Handle(u32::from_ne_bytes(h.try_into().unwrap()))).collect();
    let ranges = text(s.reserved_ranges, s.reserved_range_count * 16);
    let range = AddressRange::read_from(ranges) == Some(AddressRange { base: 0x7000_0000, size: 0x1_0000 });
    let files = handles.len() == 3
        && env.read(handles[0], 0, 100).map(|(_, b)| b) == Ok(b"a file".to_vec())
        && env.write(handles[1], 0, b"into the pipe") == Ok(13)
        && env.write(handles[2], 0, b"memory") == Ok(6);
    let image = env.read(s.next_image, 0, 100).map(|(_, bytes)| bytes) == Ok(b"image".to_vec());
    for (n, ok) in [strings, range, files, image].into_iter().enumerate() {
        if !ok {
            return 10 + i32::try_from(n).unwrap();
        }
    }
    let _ = env.write(s.parent_channel, 0, b"all there");
    77
}

fn inheritance(env: &Env) {
    let file = env.file("/rw/inherited", b"a file");
    let reading = env.open("pipe:", R, 0).unwrap();
    let mut writing = Handle::NONE;
    assert_eq!(env.pal.stream_wait_for_client(reading, 0, (&mut writing).into()), Ok(Status::Ok));
    let memory = env.open("anon:4096", RW, 0).unwrap();
    let handles = [file.0, writing.0, memory.0];
    let range = [AddressRange { base: 0x7000_0000, size: 0x1_0000 }];
    let (args, environment) = (b"one\0two words\0", b"A=1\0");
    let params = ProcessParams {
        args: args.as_ptr().expose_provenance() as u64,
        args_bytes: 14,
        argc: 2,
        env: environment.as_ptr().expose_provenance() as u64,
        env_bytes: 4,
        envc: 1,
        handles: handles.as_ptr().expose_provenance() as u64,
        handle_count: 3,
        ranges: range.as_ptr().expose_provenance() as u64,
        range_count: 1,
        ..params(b"inherits")
    };
    let (process, channel) = create_with(env, &params);
    assert_eq!(env.read(channel, 0, 100), Ok((Status::Ok, b"all there".to_vec())));
    assert_eq!(env.read(reading, 0, 100), Ok((Status::Ok, b"into the pipe".to_vec())));
    assert_eq!(ended(env, process), 77);
    assert_eq!(env.read(memory, 0, 6), Ok((Status::Ok, b"memory".to_vec())));
    assert_eq!(env.read(channel, 0, 1), Ok((Status::EndOfStream, Vec::new())));
    for handle in [file, reading, writing, memory, channel] {
        env.close(handle);
    }
}

fn exit_codes(env: &Env) {
    for (role, expected) in [
        (&b"0"[..], 0),
        (b"255", 255),
        (b"256", 256),
        (b"-1", -1),
        (b"2147483647", i32::MAX),
        (b"-2147483648", i32::MIN),
    ] {
        let (process, channel) = create(env, role);
        assert_eq!(ended(env, process), expected);
        env.close(channel);
    }
}

fn handle_tells(env: &Env) {
    let (process, channel) = create(env, b"sleep");
    assert_eq!(code(env, process), Err(PalError::Busy));
    assert_eq!(env.wait(&[process], POLL), Ok(None));
    assert_eq!(code(env, env.startup.self_process), Err(PalError::Busy));
    assert_eq!(env.pal.stream_delete(process, delete::ALL), Ok(Status::Ok));
    for _ in 0..3 {
        assert_eq!(env.wait(&[process], env.soon(60_000)), Ok(Some(0)));
        assert_eq!(code(env, process), Ok(-9));
    }
    fails(env.pal.process_get_exit_code(process, bad_out()), PalError::Fault);
    fails(env.pal.process_get_exit_code(channel, bad_out()), PalError::WrongType);
    env.close(process);
    env.close(channel);
    assert_eq!(code(env, process), Err(PalError::BadHandle));
}

fn delete_kills(env: &Env) {
    let (process, channel) = create(env, b"sleep");
    assert_eq!(env.read(channel, 0, 1), Ok((Status::Ok, b"!".to_vec())));
    fails(env.pal.stream_delete(process, delete::WRITE), PalError::Invalid);
    assert_eq!(env.pal.stream_delete(process, delete::ALL), Ok(Status::Ok));
    assert_eq!(ended(env, process), -9);
    env.close(channel);
}

fn without_channel(env: &Env) {
    let mut process = Handle::NONE;
    let created = env.pal.process_create((&params(b"5")).into(), SIZE, (&mut process).into(), Out::NONE);
    assert_eq!(created, Ok(Status::Ok));
    assert_eq!(ended(env, process), 5);
    for _ in 0..20 {
        let (process, channel) = create(env, b"6");
        env.close(process);
        env.close(channel);
    }
}

fn image(env: &Env) {
    let file = env.file("/rw/image", b"another image");
    env.close(file);
    let uri = "file:/rw/image";
    let with = |uri: &'static str| ProcessParams {
        uri: uri.as_ptr().expose_provenance() as u64,
        uri_bytes: u32::try_from(uri.len()).unwrap(),
        ..params(b"image")
    };
    let (process, channel) = create_with(env, &with(uri));
    assert_eq!(ended(env, process), 0);
    env.close(channel);
    let mut process = Handle::NONE;
    let mut create =
        |uri| env.pal.process_create((&with(uri)).into(), SIZE, (&mut process).into(), Out::NONE);
    fails(create("file:/rw/none"), PalError::NotFound);
    fails(create("file:/rw/hidden/code"), PalError::Denied);
    fails(create("tcp:1.2.3.4:5"), PalError::NotSupported);
    fails(create("nonsense"), PalError::Invalid);
}

fn parameters(env: &Env) {
    let mut process = Handle::NONE;
    let mut create = |params: &ProcessParams, size| -> PalResult {
        env.pal.process_create(params.into(), size, (&mut process).into(), Out::NONE)
    };
    let good = params(b"0");
    fails(create(&good, SIZE - 8), PalError::Invalid);
    fails(create(&ProcessParams { flags: 1, ..good }, SIZE), PalError::Invalid);
    fails(create(&ProcessParams { reserved1: 1, ..good }, SIZE), PalError::Invalid);
    fails(create(&ProcessParams { config: 8, ..good }, SIZE), PalError::Fault);
    fails(
        create(&ProcessParams { args: good.config, args_bytes: 1, argc: 1, ..good }, SIZE),
        PalError::Invalid,
    );
    fails(create(&ProcessParams { argc: 1, ..good }, SIZE), PalError::Invalid);
    fails(create(&ProcessParams { config_bytes: u32::MAX, ..good }, SIZE), PalError::NoMemory);
    fails(create(&ProcessParams { handle_count: u32::MAX, ..good }, SIZE), PalError::TooMany);
    let handles = [env.stale().0];
    let at = handles.as_ptr().expose_provenance() as u64;
    fails(create(&ProcessParams { handles: at, handle_count: 1, ..good }, SIZE), PalError::BadHandle);
    let handles = [env.startup.first_thread.0];
    let at = handles.as_ptr().expose_provenance() as u64;
    fails(create(&ProcessParams { handles: at, handle_count: 1, ..good }, SIZE), PalError::NotSupported);
    fails(env.pal.process_create((&good).into(), SIZE, bad_out(), Out::NONE), PalError::Fault);
    // SAFETY: the point is that the callee must not believe it.
    let nowhere = unsafe { In::from_addr(8) };
    let mut process = Handle::NONE;
    fails(env.pal.process_create(nowhere, SIZE, (&mut process).into(), Out::NONE), PalError::Fault);
}

fn handles_travel(env: &Env) {
    let passing = env.passing.expect("handle passing");
    let (process, channel) = create(env, b"echo handle");
    let memory = env.open("anon:64", RW, 0).unwrap();
    assert_eq!(passing.stream_send_handle(channel, memory, 41), Ok(Status::Ok));
    let (mut back, mut tag) = (Handle::NONE, 0);
    assert_eq!(passing.stream_receive_handle(channel, (&mut back).into(), (&mut tag).into()), Ok(Status::Ok));
    assert_eq!(tag, 42);
    assert_eq!(ended(env, process), 0);
    let text = b"through the received handle";
    for handle in [memory, back] {
        assert_eq!(env.read(handle, 0, text.len()), Ok((Status::Ok, text.to_vec())));
    }
    let mut none = Handle::NONE;
    let receive = |out| passing.stream_receive_handle(channel, out, Out::NONE);
    fails(receive((&mut none).into()), PalError::Broken);
    fails(passing.stream_send_handle(channel, memory, 0), PalError::Broken);
    for handle in [memory, back, channel] {
        env.close(handle);
    }
}

fn passing_errors(env: &Env) {
    let passing = env.passing.expect("handle passing");
    let near = env.open("pipe:", RW, 0).unwrap();
    let mut far = Handle::NONE;
    assert_eq!(env.pal.stream_wait_for_client(near, 0, (&mut far).into()), Ok(Status::Ok));
    let mut got = Handle::NONE;
    let mut receive = || passing.stream_receive_handle(near, (&mut got).into(), Out::NONE);
    fails(env.interrupted(&mut receive), PalError::Interrupted);
    assert_eq!(env.write(far, 0, b"plain"), Ok(5));
    fails(receive(), PalError::NoData);
    assert_eq!(env.read(near, 0, 10), Ok((Status::Ok, b"plain".to_vec())));
    let attr = pal_abi::Attr { flags: pal_abi::flags::stream::NONBLOCK, ..pal_abi::Attr::ZERO };
    let set = |handle| {
        env.pal.stream_attributes_set_by_handle(
            handle,
            (&attr).into(),
            crate::harness::ATTR_SIZE,
            pal_abi::flags::attr::FLAGS,
        )
    };
    assert_eq!(set(near), Ok(Status::Ok));
    fails(receive(), PalError::WouldBlock);
    fails(passing.stream_receive_handle(near, bad_out(), Out::NONE), PalError::Fault);
    fails(passing.stream_send_handle(far, env.startup.first_thread, 0), PalError::NotSupported);
    fails(passing.stream_send_handle(far, env.stale(), 0), PalError::BadHandle);
    fails(passing.stream_send_handle(env.startup.first_thread, far, 0), PalError::WrongType);
    // Until the way is full.
    assert_eq!(set(far), Ok(Status::Ok));
    let null = env.open("null:", R, 0).unwrap();
    let full = (0..100_000).map(|n| passing.stream_send_handle(far, null, n)).find(Result::is_err);
    assert!(matches!(full, Some(Err(PalError::WouldBlock | PalError::TooMany))), "{full:?}");
    // One end waits for the other to read.
    let late = env.later(20, move |_| {
        let passing = crate::checked::passing();
        let mut got = Handle::NONE;
        let _ = passing.stream_receive_handle(near, (&mut got).into(), Out::NONE);
    });
    assert_eq!(env.wait(&[late], env.soon(60_000)), Ok(Some(0)));
    assert_eq!(passing.stream_send_handle(far, null, 0), Ok(Status::Ok));
    for handle in [late, near, far, null] {
        env.close(handle);
    }
}

fn process_handle_travels(env: &Env) {
    let passing = env.passing.expect("handle passing");
    let near = env.open("pipe:", RW, 0).unwrap();
    let mut far = Handle::NONE;
    assert_eq!(env.pal.stream_wait_for_client(near, 0, (&mut far).into()), Ok(Status::Ok));
    let (process, channel) = create(env, b"9");
    assert_eq!(passing.stream_send_handle(near, process, 0), Ok(Status::Ok));
    let mut other = Handle::NONE;
    assert_eq!(passing.stream_receive_handle(far, (&mut other).into(), Out::NONE), Ok(Status::Ok));
    assert_eq!(ended(env, process), 9);
    assert_eq!(ended(env, other), 9);
    for handle in [near, far, channel] {
        env.close(handle);
    }
}

/// A process of the host that continues the supervisor, now and then for two seconds.
fn continue_parent() -> std::process::Child {
    let script = format!(
        "for n in 1 2 3 4 5 6 7 8; do sleep 0.25; kill -CONT {}; done",
        std::os::unix::process::parent_id()
    );
    std::process::Command::new("sh").args(["-c", &script]).spawn().expect("a shell")
}

fn doorbell(env: &Env) {
    let family = env.family.expect("a family");
    let mut id = 0;
    assert_eq!(family.family_self((&mut id).into()), Ok(Status::Ok));
    assert_eq!(id, 1);
    fails(family.family_self(bad_out()), PalError::Fault);
    fails(family.family_ring(0), PalError::NotFound);
    fails(family.family_ring(99_999_999), PalError::NotFound);
    for signal in [0, 9, 15, 18, 65, u32::MAX] {
        fails(family.family_stop(signal), PalError::Invalid);
    }
    // A stopped command goes on when somebody continues it; in a terminal that is tests/e2e/terminal.rs.
    let mut somebody = continue_parent();
    assert_eq!(family.family_stop(libc::SIGTSTP.cast_unsigned()), Ok(Status::Ok));
    let _ = somebody.wait();
    // A ring to oneself is an interrupt.
    crate::harness::keep_interrupts(true);
    assert_eq!(family.family_ring(id), Ok(Status::Ok));
    fails(env.pal.thread_delay_execution(env.soon(60_000)), PalError::Interrupted);
    crate::harness::keep_interrupts(false);
    // One to a child ends its sleep: it exits with 44. Numbers grow, so its own is soon found.
    let (process, channel) = create(env, b"sleep");
    assert_eq!(env.read(channel, 0, 1), Ok((Status::Ok, b"!".to_vec())));
    let closed = env.event(channel, event::READABLE).unwrap();
    for round in 0.. {
        let rung = (2..5000).filter(|id| family.family_ring(*id) == Ok(Status::Ok)).count();
        assert!(rung <= 1 && round < 100, "{rung} members rung");
        if env.wait(&[closed], env.soon(100)) == Ok(Some(0)) {
            break;
        }
    }
    assert_eq!(ended(env, process), 44);
    env.close(closed);
    env.close(channel);
}

fn orphans(env: &Env) {
    let passing = env.passing.expect("handle passing");
    let (maker, channel) = create(env, b"orphan maker");
    let mut orphan_channel = Handle::NONE;
    assert_eq!(
        passing.stream_receive_handle(channel, (&mut orphan_channel).into(), Out::NONE),
        Ok(Status::Ok)
    );
    assert_eq!(ended(env, maker), 0);
    // It goes on sleeping: its end of the channel is open.
    let readable = env.event(orphan_channel, event::READABLE).unwrap();
    assert_eq!(env.wait(&[readable], env.soon(50)), Ok(None));
    let family = env.family.expect("a family");
    while env.wait(&[readable], env.soon(100)) == Ok(None) {
        assert!((2..5000).any(|id| family.family_ring(id) == Ok(Status::Ok)));
    }
    for handle in [readable, orphan_channel, channel] {
        env.close(handle);
    }
}
