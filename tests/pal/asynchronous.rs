//! Asynchronous reads and writes; calls 23 and 24.

use pal_abi::arg::Out;
use pal_abi::flags::NEVER;
use pal_abi::{Handle, IoResult, Layout, PalError, Status, encode};

use crate::harness::{Env, R, RW, Suite, bad_out, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("async: what can be done at once is done at once", at_once),
        ("async: a read waits for its data", reads),
        ("async: a write moves all of it", writes),
        ("async: a cancelled operation leaves the buffer alone", cancelled),
        ("async: closing the handle cancels", closed),
        ("async: the writers' end is told", ends),
        ("async: errors", errors),
    ]);
}

fn pipe(env: &Env) -> (Handle, Handle) {
    let reading = env.open("pipe:", R, 0).unwrap();
    let mut writing = Handle::NONE;
    env.pal.stream_wait_for_client(reading, 0, (&mut writing).into()).unwrap();
    (reading, writing)
}

fn state(env: &Env, operation: Handle) -> (i32, u64) {
    let mut result = IoResult::ZERO;
    assert_eq!(env.pal.async_poll(operation, (&mut result).into()), Ok(Status::Ok));
    (result.status, result.done)
}

/// Begins to read; the buffer lives until the end of the run, as one that nobody can free too early.
fn begin_read(
    env: &Env,
    stream: Handle,
    buf: &'static mut [u8],
) -> (Result<Status, PalError>, usize, Handle) {
    let (mut done, mut operation, len) = (0, Handle::NONE, buf.len());
    let result = env.pal.stream_read(stream, 0, buf.into(), len, (&mut done).into(), (&mut operation).into());
    (result, done, operation)
}

fn buffer(len: usize) -> &'static mut [u8] {
    Box::leak(vec![0; len].into_boxed_slice())
}

fn at_once(env: &Env) {
    let file = env.file("/rw/atonce", b"abc");
    assert_eq!(begin_read(env, file, buffer(9)), (Ok(Status::Ok), 3, Handle::NONE));
    env.close(file);
    let (reading, writing) = pipe(env);
    env.write(writing, 0, b"x").unwrap();
    assert_eq!(begin_read(env, reading, buffer(9)), (Ok(Status::Ok), 1, Handle::NONE));
    env.close(reading);
    env.close(writing);
}

fn reads(env: &Env) {
    let (reading, writing) = pipe(env);
    let buf = buffer(9);
    let at = buf.as_ptr();
    let (result, _, operation) = begin_read(env, reading, buf);
    assert_eq!(result, Ok(Status::Pending));
    assert_eq!(state(env, operation), (Status::Pending.code(), 0));
    assert_eq!(env.wait(&[operation], 0), Ok(None));
    env.write(writing, 0, b"late").unwrap();
    assert_eq!(env.wait(&[operation], NEVER), Ok(Some(0)));
    assert_eq!(state(env, operation), (0, 4));
    // SAFETY: the buffer lives for ever, and the operation is over.
    assert_eq!(unsafe { core::slice::from_raw_parts(at, 4) }, b"late");
    assert_eq!(env.pal.async_cancel(operation), Ok(Status::Ok));
    assert_eq!(state(env, operation), (0, 4));
    for handle in [operation, reading, writing] {
        env.close(handle);
    }
}

fn writes(env: &Env) {
    let (reading, writing) = pipe(env);
    let data: &'static [u8] = Box::leak(vec![7; 200_000].into_boxed_slice());
    let (mut done, mut operation) = (0, Handle::NONE);
    let result = env.pal.stream_write(
        writing,
        0,
        data.into(),
        data.len(),
        (&mut done).into(),
        (&mut operation).into(),
    );
    assert_eq!(result, Ok(Status::Pending));
    let mut total = 0;
    while total < data.len() {
        total += env.read(reading, 0, 70_000).unwrap().1.len();
    }
    assert_eq!(env.wait(&[operation], NEVER), Ok(Some(0)));
    assert_eq!(state(env, operation), (0, 200_000));
    for handle in [operation, reading, writing] {
        env.close(handle);
    }
}

fn cancelled(env: &Env) {
    let (reading, writing) = pipe(env);
    for _ in 0..50 {
        let (result, _, operation) = begin_read(env, reading, buffer(9));
        assert_eq!(result, Ok(Status::Pending));
        assert_eq!(env.pal.async_cancel(operation), Ok(Status::Ok));
        assert_eq!(state(env, operation), (encode(Err(PalError::Cancelled)), 0));
        assert_eq!(env.wait(&[operation], 0), Ok(Some(0)));
        env.close(operation);
    }
    // Nobody reads any more: what is written stays.
    env.write(writing, 0, b"still").unwrap();
    assert_eq!(env.read(reading, 0, 9), Ok((Status::Ok, b"still".to_vec())));
    env.close(reading);
    env.close(writing);
}

fn closed(env: &Env) {
    let (reading, writing) = pipe(env);
    let (_, _, operation) = begin_read(env, reading, buffer(9));
    env.close(operation);
    env.write(writing, 0, b"mine").unwrap();
    assert_eq!(env.read(reading, 0, 9), Ok((Status::Ok, b"mine".to_vec())));
    env.close(reading);
    env.close(writing);
}

fn ends(env: &Env) {
    let (reading, writing) = pipe(env);
    let (_, _, operation) = begin_read(env, reading, buffer(9));
    env.close(writing);
    assert_eq!(env.wait(&[operation], NEVER), Ok(Some(0)));
    assert_eq!(state(env, operation), (Status::EndOfStream.code(), 0));
    env.close(operation);
    env.close(reading);
}

fn errors(env: &Env) {
    let (stale, event) = (env.stale(), env.no_stream());
    for (handle, error) in [(stale, PalError::BadHandle), (event, PalError::WrongType)] {
        fails(env.pal.async_poll(handle, bad_out()), error);
        fails(env.pal.async_cancel(handle), error);
        assert_eq!(begin_read(env, handle, buffer(1)).0, Err(error));
    }
    env.close(event);
    let (reading, writing) = pipe(env);
    let (mut done, buf) = (0, buffer(9));
    let result = env.pal.stream_read(reading, 0, buf.into(), 9, (&mut done).into(), bad_out());
    fails(result, PalError::Fault);
    let (_, _, operation) = begin_read(env, reading, buffer(9));
    fails(env.pal.async_poll(operation, bad_out()), PalError::Fault);
    fails(env.pal.async_poll(operation, Out::NONE), PalError::Fault);
    env.close(operation);
    // A buffer that cannot be written ends the operation, not the process.
    let (mut done, mut operation) = (0, Handle::NONE);
    // SAFETY: the callee must cope with any address.
    let bad = unsafe { pal_abi::arg::OutBytes::from_addr(crate::harness::BAD) };
    env.pal.stream_read(reading, 0, bad, 9, (&mut done).into(), (&mut operation).into()).unwrap();
    env.write(writing, 0, b"x").unwrap();
    assert_eq!(env.wait(&[operation], NEVER), Ok(Some(0)));
    assert_eq!(state(env, operation).0, PalError::Fault.code());
    for handle in [operation, reading, writing] {
        env.close(handle);
    }
    let set = env.open("waitset:", RW, 0).unwrap();
    let (result, _, operation) = begin_read(env, set, buffer(160));
    assert_eq!(result, Ok(Status::Pending));
    env.close(operation);
    env.close(set);
}
