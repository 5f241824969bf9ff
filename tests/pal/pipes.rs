//! `pipe:`, `pipe.srv:`, `anon:`, `null:`, `dev:` — and waiting for them.

use pal_abi::arg::Out;
use pal_abi::flags::{NEVER, access, attr, delete, event, node, open, stream};
use pal_abi::{Attr, Handle, Layout, PalError, Status};

use crate::harness::{ATTR_SIZE, Env, R, RW, Suite, bad_out, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("pipe: two ends", two_ends),
        ("pipe: the end of the writers is the end of the stream", writers_end),
        ("pipe: the end of the readers is BROKEN", readers_end),
        ("pipe: reading waits for a writer", reading_waits),
        ("pipe: writing waits for room, all is written", writing_waits),
        ("pipe: waiting ends with INTERRUPTED", interrupted),
        ("pipe: NONBLOCK never waits", nonblocking),
        ("pipe: a pair talks both ways, sides can be shut", pair),
        ("pipe: events tell what a call would do", events),
        ("pipe: named ones connect", named),
        ("pipe: naming errors", naming_errors),
        ("anon: memory as a stream", anon),
        ("null: swallows and ends", null),
        ("dev: zero, random, null", devices),
    ]);
}

fn accept(env: &Env, server: Handle, options: u32) -> Result<(Status, Handle), PalError> {
    let mut client = Handle::NONE;
    let status = env.pal.stream_wait_for_client(server, options, (&mut client).into())?;
    Ok((status, client))
}

/// The reading and the writing end of a pipe.
fn pipe(env: &Env) -> (Handle, Handle) {
    let reading = env.open("pipe:", R, 0).unwrap();
    let (_, writing) = accept(env, reading, 0).unwrap();
    (reading, writing)
}

fn set_nonblocking(env: &Env, handle: Handle) {
    let attr = Attr { flags: stream::NONBLOCK, ..Attr::ZERO };
    assert_eq!(
        env.pal.stream_attributes_set_by_handle(handle, (&attr).into(), ATTR_SIZE, attr::FLAGS),
        Ok(Status::Ok)
    );
}

fn two_ends(env: &Env) {
    let (reading, writing) = pipe(env);
    assert_eq!(env.write(writing, 0, b"through"), Ok(7));
    assert_eq!(env.attributes(reading).unwrap().available, 7);
    assert_eq!(env.read(reading, 0, 3), Ok((Status::Ok, b"thr".to_vec())));
    assert_eq!(env.read(reading, 99, 100), Ok((Status::Ok, b"ough".to_vec())));
    assert_eq!(env.attributes(reading).unwrap().kind, node::FIFO);
    assert_eq!(env.read(writing, 0, 1), Err(PalError::Denied));
    assert_eq!(env.write(reading, 0, b"x"), Err(PalError::Denied));
    assert_eq!(accept(env, reading, 0), Err(PalError::WrongType));
    fails(env.pal.stream_delete(reading, delete::READ), PalError::NotSupported);
    env.close(reading);
    env.close(writing);
}

fn writers_end(env: &Env) {
    let (reading, writing) = pipe(env);
    assert_eq!(env.write(writing, 0, b"last"), Ok(4));
    env.close(writing);
    assert_eq!(env.read(reading, 0, 9), Ok((Status::Ok, b"last".to_vec())));
    assert_eq!(env.read(reading, 0, 9), Ok((Status::EndOfStream, vec![])));
    env.close(reading);
}

fn readers_end(env: &Env) {
    let (reading, writing) = pipe(env);
    env.close(reading);
    assert_eq!(env.write(writing, 0, b"x"), Err(PalError::Broken));
    env.close(writing);
}

fn reading_waits(env: &Env) {
    let (reading, writing) = pipe(env);
    let writer = env.later(20, move |pal| {
        let mut done = 0;
        pal.stream_write(writing, 0, b"late".as_slice().into(), 4, (&mut done).into(), Out::NONE).unwrap();
    });
    assert_eq!(env.read(reading, 0, 9), Ok((Status::Ok, b"late".to_vec())));
    env.join(writer);
    env.close(reading);
    env.close(writing);
}

fn writing_waits(env: &Env) {
    let (reading, writing) = pipe(env);
    let reader = env.later(20, move |pal| {
        let (mut total, mut buf, mut done) = (0, vec![0; 10_000], 0);
        while total < 300_000 {
            pal.stream_read(reading, 0, buf.as_mut_slice().into(), 10_000, (&mut done).into(), Out::NONE)
                .unwrap();
            total += done;
        }
    });
    assert_eq!(env.write(writing, 0, &vec![1; 300_000]), Ok(300_000));
    env.join(reader);
    env.close(reading);
    env.close(writing);
}

fn interrupted(env: &Env) {
    let (reading, writing) = pipe(env);
    assert_eq!(env.interrupted(|| env.read(reading, 0, 1)), Err(PalError::Interrupted));
    set_nonblocking(env, writing);
    while env.write(writing, 0, &[0; 4096]).is_ok() {}
    let (one, other) = {
        let one = env.open("pipe:", RW, 0).unwrap();
        let (_, other) = accept(env, one, 0).unwrap();
        (one, other)
    };
    assert_eq!(env.interrupted(|| env.read(one, 0, 1)), Err(PalError::Interrupted));
    let server = env.open("pipe.srv:interrupted", R, 0).unwrap();
    assert_eq!(env.interrupted(|| accept(env, server, 0)), Err(PalError::Interrupted));
    let blocked = pipe(env);
    // A write that filled the pipe is told in part; the next one is interrupted.
    let part = env.interrupted(|| env.write(blocked.1, 0, &vec![0; 1 << 20])).unwrap();
    assert!(part > 0 && part < 1 << 20, "{part}");
    assert_eq!(env.interrupted(|| env.write(blocked.1, 0, &vec![0; 1 << 20])), Err(PalError::Interrupted));
    for handle in [reading, writing, one, other, server, blocked.0, blocked.1] {
        env.close(handle);
    }
}

fn nonblocking(env: &Env) {
    let reading = env.open("pipe:", R, open::NONBLOCK).unwrap();
    let (_, writing) = accept(env, reading, 0).unwrap();
    assert_eq!(env.read(reading, 0, 1), Err(PalError::WouldBlock));
    let mut total = 0;
    loop {
        match env.write(writing, 0, &[0; 5000]) {
            Ok(n) => total += n,
            Err(error) => {
                assert_eq!(error, PalError::WouldBlock);
                break;
            }
        }
    }
    assert!(total >= 4096);
    assert_eq!(env.read(reading, 0, 5000).map(|(_, b)| b.len()), Ok(5000));
    env.close(reading);
    env.close(writing);
    let server = env.open("pipe.srv:nonblocking", R, open::NONBLOCK).unwrap();
    assert_eq!(accept(env, server, 0), Ok((Status::Pending, Handle::NONE)));
    env.close(server);
}

fn pair(env: &Env) {
    let one = env.open("pipe:", RW, 0).unwrap();
    let (_, other) = accept(env, one, 0).unwrap();
    assert_eq!(env.write(one, 0, b"there"), Ok(5));
    assert_eq!(env.write(other, 0, b"back"), Ok(4));
    assert_eq!(env.read(other, 0, 9), Ok((Status::Ok, b"there".to_vec())));
    assert_eq!(env.read(one, 0, 9), Ok((Status::Ok, b"back".to_vec())));
    assert_eq!(env.pal.stream_delete(one, delete::WRITE), Ok(Status::Ok));
    assert_eq!(env.read(other, 0, 9), Ok((Status::EndOfStream, vec![])));
    assert_eq!(env.write(one, 0, b"x"), Err(PalError::Broken));
    assert_eq!(env.write(other, 0, b"still"), Ok(5));
    assert_eq!(env.read(one, 0, 9), Ok((Status::Ok, b"still".to_vec())));
    fails(env.pal.stream_delete(one, 7), PalError::Invalid);
    env.close(other);
    assert_eq!(env.read(one, 0, 9), Ok((Status::EndOfStream, vec![])));
    env.close(one);
}

fn is_set(env: &Env, event: Handle) -> bool {
    env.wait(&[event], 0).unwrap().is_some()
}

fn events(env: &Env) {
    let (reading, writing) = pipe(env);
    let readable = env.event(reading, event::READABLE).unwrap();
    let closed = env.event(reading, event::CLOSED).unwrap();
    let writable = env.event(writing, event::WRITABLE).unwrap();
    assert!(!is_set(env, readable) && is_set(env, writable) && !is_set(env, closed));
    env.write(writing, 0, b"x").unwrap();
    // Level-triggered: nothing is consumed.
    assert!(is_set(env, readable) && is_set(env, readable));
    env.read(reading, 0, 1).unwrap();
    assert!(!is_set(env, readable));
    set_nonblocking(env, writing);
    while env.write(writing, 0, &[0; 4096]).is_ok() {}
    assert!(!is_set(env, writable));
    env.close(writing);
    // The event keeps its stream.
    assert!(!is_set(env, closed));
    env.close(writable);
    assert!(is_set(env, closed));
    assert_eq!(env.wait(&[Handle::NONE, readable, closed], NEVER), Ok(Some(1)));
    for handle in [readable, closed, reading] {
        env.close(handle);
    }
}

fn named(env: &Env) {
    let server = env.open("pipe.srv:service", R, 0).unwrap();
    let waiting = env.event(server, event::CLIENT).unwrap();
    assert!(!is_set(env, waiting));
    let client = env.open("pipe:service", RW, 0).unwrap();
    assert!(is_set(env, waiting));
    let (status, accepted) = accept(env, server, 0).unwrap();
    assert_eq!(status, Status::Ok);
    env.write(client, 0, b"ask").unwrap();
    assert_eq!(env.read(accepted, 0, 9), Ok((Status::Ok, b"ask".to_vec())));
    assert_eq!(env.name(server), Ok("pipe.srv:service".into()));
    assert_eq!(env.name(client), Ok("pipe:service".into()));
    let other = env.later(20, |pal| {
        let (uri, mut handle) = ("pipe:service", Handle::NONE);
        pal.stream_open(uri.into(), uri.len(), RW, 0, 0, (&mut handle).into()).unwrap();
        pal.object_close(handle).unwrap();
    });
    let (_, second) = accept(env, server, 0).unwrap();
    env.join(other);
    for handle in [server, waiting, client, accepted, second] {
        env.close(handle);
    }
    assert_eq!(env.open("pipe:service", RW, 0), Err(PalError::NotFound));
}

fn naming_errors(env: &Env) {
    assert_eq!(env.open("pipe:nobody", RW, 0), Err(PalError::NotFound));
    assert_eq!(env.open("pipe:", 0, 0), Err(PalError::Invalid));
    assert_eq!(env.open("pipe:", access::WRITE, 0), Err(PalError::Invalid));
    assert_eq!(env.open("pipe.srv:", R, 0), Err(PalError::Invalid));
    let long = "n".repeat(100);
    assert_eq!(env.open(&format!("pipe.srv:{long}"), R, 0), Err(PalError::NameTooLong));
    let server = env.open("pipe.srv:taken", R, 0).unwrap();
    assert_eq!(env.open("pipe.srv:taken", R, 0), Err(PalError::Exists));
    fails(env.pal.stream_wait_for_client(server, 0xf000, bad_out()), PalError::Invalid);
    fails(env.pal.stream_wait_for_client(server, 0, bad_out()), PalError::Fault);
    assert_eq!(env.read(server, 0, 1), Err(PalError::WrongType));
    env.close(server);
    assert_eq!(accept(env, server, 0), Err(PalError::BadHandle));
    let event = env.no_stream();
    assert_eq!(accept(env, event, 0), Err(PalError::WrongType));
    env.close(event);
}

fn anon(env: &Env) {
    let anon = env.open("anon:", RW, 0).unwrap();
    assert_eq!(env.attributes(anon).unwrap().kind, node::MEMORY);
    assert_eq!(env.read(anon, 0, 4), Ok((Status::EndOfStream, vec![])));
    assert_eq!(env.write(anon, 2, b"ab"), Ok(2));
    assert_eq!(env.read(anon, 0, 9), Ok((Status::Ok, b"\0\0ab".to_vec())));
    assert_eq!(env.pal.stream_set_length(anon, 3), Ok(Status::Ok));
    assert_eq!(env.write(anon, u64::MAX, b"c"), Ok(1));
    assert_eq!(env.read(anon, 0, 9), Ok((Status::Ok, b"\0\0ac".to_vec())));
    assert_eq!(env.name(anon), Ok("anon:".into()));
    env.close(anon);
    let sized = env.open("anon:4096", RW, 0).unwrap();
    assert_eq!(env.attributes(sized).unwrap().size, 4096);
    env.close(sized);
    assert_eq!(env.open("anon:x", RW, 0), Err(PalError::Invalid));
    assert_eq!(env.open("anon:99999999999999999999", RW, 0), Err(PalError::Invalid));
}

fn null(env: &Env) {
    let null = env.open("null:", RW, 0).unwrap();
    assert_eq!(env.write(null, 0, &[1; 1000]), Ok(1000));
    assert_eq!(env.read(null, 0, 10), Ok((Status::EndOfStream, vec![])));
    assert_eq!(env.name(null), Ok("null:".into()));
    assert_eq!(env.open("null:x", RW, 0), Err(PalError::Invalid));
    env.close(null);
}

fn devices(env: &Env) {
    let zero = env.open("dev:zero", R, 0).unwrap();
    assert_eq!(env.read(zero, 0, 4), Ok((Status::Ok, vec![0; 4])));
    assert_eq!(env.write(zero, 0, b"x"), Err(PalError::Denied));
    assert_eq!(env.name(zero), Ok("dev:zero".into()));
    assert_eq!(env.attributes(zero).unwrap().kind, node::CHARACTER);
    env.close(zero);
    let random = env.open("dev:urandom", R, 0).unwrap();
    assert_ne!(env.read(random, 0, 64), env.read(random, 0, 64));
    env.close(random);
    let null = env.open("dev:null", RW, 0).unwrap();
    assert_eq!(env.write(null, 0, b"x"), Ok(1));
    assert_eq!(env.read(null, 0, 1), Ok((Status::EndOfStream, vec![])));
    env.close(null);
    assert_eq!(env.attributes_of("dev:null", 0).unwrap().kind, node::CHARACTER);
    assert_eq!(env.open("dev:nothing", R, 0), Err(PalError::NotFound));
}
