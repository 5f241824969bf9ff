//! Handles used up: what makes one is `TOO_MANY`, has no effect, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pal_abi::arg::Out;
use pal_abi::flags::{POLL, event};
use pal_abi::{Handle, Layout, PalError, ProcessParams, Status, ThreadParams};

use crate::harness::{Env, R, RW, Suite, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("limits: handles used up are TOO_MANY, and nothing is lost", handles),
        ("limits: descriptors used up lose no handle on its way", descriptors),
    ]);
}

/// Handles until there are no more.
fn fill(env: &Env, stream: Handle) -> Vec<Handle> {
    let mut handles = Vec::new();
    loop {
        let mut handle = Handle::NONE;
        match env.pal.stream_get_event(stream, event::READABLE, (&mut handle).into()) {
            Ok(_) => handles.push(handle),
            Err(error) => {
                assert_eq!(error, PalError::TooMany);
                return handles;
            }
        }
    }
}

fn pair(env: &Env) -> (Handle, Handle) {
    let (near, mut far) = (env.open("pipe:", RW, 0).unwrap(), Handle::NONE);
    assert_eq!(env.pal.stream_wait_for_client(near, 0, (&mut far).into()), Ok(Status::Ok));
    (near, far)
}

fn handles(env: &Env) {
    let (pal, passing) = (env.pal, env.passing.expect("handle passing"));
    let cloning = env.cloning.expect("cloning");
    let (near, far) = pair(env);
    let dir = env.open("dir:/rw", R, 0).unwrap();
    let server = env.open("pipe.srv:exhausted", R, 0).unwrap();
    let client = env.open("pipe:exhausted", RW, 0).unwrap();
    assert_eq!(passing.stream_send_handle(far, dir, 5), Ok(Status::Ok));
    let ran = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ran);
    let thread =
        ThreadParams { param: env.job(move || seen.store(true, Ordering::SeqCst)), ..ThreadParams::ZERO };

    let filling = fill(env, near);
    let mut handle = Handle::NONE;
    let at = (&raw mut handle).expose_provenance();
    // SAFETY: the variable lives to the end of the case, and no two calls write it at a time.
    let tell = || unsafe { Out::<Handle>::from_addr(at) };
    fails(pal.thread_create((&thread).into(), 56, tell()), PalError::TooMany);
    fails(pal.stream_wait_for_client(server, 0, tell()), PalError::TooMany);
    fails(passing.stream_receive_handle(near, tell(), Out::NONE), PalError::TooMany);
    fails(pal.process_create((&ProcessParams::ZERO).into(), 96, tell(), Out::NONE), PalError::TooMany);
    let mut is_child = 0;
    fails(cloning.process_clone(0, (&mut is_child).into(), tell(), Out::NONE), PalError::TooMany);
    fails(pal.notification_event_create(0, tell()), PalError::TooMany);
    fails(pal.synchronization_event_create(0, tell()), PalError::TooMany);
    fails(pal.semaphore_create(0, 1, tell()), PalError::TooMany);
    assert_eq!(env.open("null:", R, 0), Err(PalError::TooMany));
    let sockets = env.sockets.expect("sockets");
    fails(sockets.socket_open(1, 1, 0, tell()), PalError::TooMany);
    fails(sockets.socket_pair(1, tell(), tell()), PalError::TooMany);
    let nodes = env.nodes.expect("nodes");
    fails(nodes.open_at(dir, "x".into(), 1, R, 0, tell()), PalError::NotFound);
    fails(nodes.open_at(dir, "".into(), 0, R, 0, tell()), PalError::TooMany);
    assert_eq!(env.open("watch:", R, 0), Err(PalError::TooMany));
    let buf: &'static mut [u8] = Box::leak(Box::new([0; 4]));
    let mut done = 0;
    fails(pal.stream_read(near, 0, buf.into(), 4, (&mut done).into(), tell()), PalError::TooMany);
    filling.into_iter().for_each(|handle| env.close(handle));

    // What was waiting still waits; what could not be told has not begun.
    assert_eq!(pal.stream_wait_for_client(server, 0, (&mut handle).into()), Ok(Status::Ok));
    let accepted = std::mem::take(&mut handle);
    let mut tag = 0;
    assert_eq!(passing.stream_receive_handle(near, (&mut handle).into(), (&mut tag).into()), Ok(Status::Ok));
    assert_eq!((tag, env.name(handle)), (5, Ok("dir:/rw".into())));
    assert_eq!(env.write(far, 0, b"data"), Ok(4));
    assert_eq!(env.read(near, 0, 4), Ok((Status::Ok, b"data".to_vec())));
    assert!(!ran.load(Ordering::SeqCst));
    for handle in [near, far, dir, server, client, accepted, handle] {
        env.close(handle);
    }
}

fn descriptors(env: &Env) {
    let passing = env.passing.expect("handle passing");
    let (near, far) = pair(env);
    let memory = env.open("anon:64", RW, 0).unwrap();
    let readable = env.event(near, event::READABLE).unwrap();
    assert_eq!(passing.stream_send_handle(far, memory, 6), Ok(Status::Ok));
    let mut handle = Handle::NONE;
    crate::limits::without_descriptors(|| {
        fails(passing.stream_send_handle(far, memory, 7), PalError::TooMany);
        fails(passing.stream_receive_handle(near, (&mut handle).into(), Out::NONE), PalError::TooMany);
    });
    let mut tag = 0;
    assert_eq!(passing.stream_receive_handle(near, (&mut handle).into(), (&mut tag).into()), Ok(Status::Ok));
    assert_eq!(tag, 6);
    assert_eq!(env.wait(&[readable], POLL), Ok(None));
    for handle in [near, far, memory, readable, handle] {
        env.close(handle);
    }
}
