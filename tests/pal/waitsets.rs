//! `waitset:` — persistent sets of objects.

use pal_abi::flags::{NEVER, open, ready, wait_flags, wait_op};
use pal_abi::{Handle, Layout, PalError, ReadyRecord, WaitRecord};

use crate::harness::{Env, R, RW, Suite};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("waitset: tells what is ready, with its cookie", tells),
        ("waitset: changed and removed", changed),
        ("waitset: one-shot and edge", one_shot_and_edge),
        ("waitset: files are always ready", files),
        ("waitset: waits, and can be waited for", waits),
        ("waitset: errors", errors),
    ]);
}

fn change(
    env: &Env,
    set: Handle,
    op: u32,
    handle: Handle,
    mask: u32,
    flags: u32,
    cookie: u64,
) -> Result<usize, PalError> {
    env.write(set, 0, WaitRecord { op, handle, mask, flags, cookie }.as_bytes())
}

fn ready_now(env: &Env, set: Handle) -> Result<Vec<(u64, u32)>, PalError> {
    let (_, bytes) = env.read(set, 0, 1600)?;
    Ok(bytes.chunks(16).filter_map(ReadyRecord::read_from).map(|r| (r.cookie, r.ready)).collect())
}

fn new_set(env: &Env) -> Handle {
    env.open("waitset:", RW, open::NONBLOCK).unwrap()
}

fn pipe(env: &Env) -> (Handle, Handle) {
    let reading = env.open("pipe:", R, 0).unwrap();
    let mut writing = Handle::NONE;
    env.pal.stream_wait_for_client(reading, 0, (&mut writing).into()).unwrap();
    (reading, writing)
}

fn tells(env: &Env) {
    let (set, event, (reading, writing)) = (new_set(env), env.no_stream(), pipe(env));
    let records = [
        WaitRecord { op: wait_op::ADD, handle: event, mask: ready::READABLE, flags: 0, cookie: 1 << 40 },
        WaitRecord { op: wait_op::ADD, handle: reading, mask: ready::READABLE, flags: 0, cookie: 2 },
    ];
    let bytes: Vec<u8> = records.iter().flat_map(|r| r.as_bytes().to_vec()).collect();
    assert_eq!(env.write(set, 0, &bytes), Ok(48));
    assert_eq!(ready_now(env, set), Err(PalError::WouldBlock));
    env.pal.event_set(event).unwrap();
    assert_eq!(ready_now(env, set), Ok(vec![(1 << 40, ready::READABLE)]));
    env.write(writing, 0, b"x").unwrap();
    let mut both = ready_now(env, set).unwrap();
    both.sort_unstable();
    assert_eq!(both, [(2, ready::READABLE), (1 << 40, ready::READABLE)]);
    env.pal.event_clear(event).unwrap();
    env.close(writing);
    assert_eq!(ready_now(env, set), Ok(vec![(2, ready::READABLE | ready::CLOSED)]));
    for handle in [set, event, reading] {
        env.close(handle);
    }
}

fn changed(env: &Env) {
    let (set, (reading, writing)) = (new_set(env), pipe(env));
    change(env, set, wait_op::ADD, writing, 0, 0, 1).unwrap();
    assert_eq!(ready_now(env, set), Err(PalError::WouldBlock));
    change(env, set, wait_op::CHANGE, writing, ready::WRITABLE, 0, 1).unwrap();
    assert_eq!(ready_now(env, set), Ok(vec![(1, ready::WRITABLE)]));
    // The same object again, under another cookie.
    change(env, set, wait_op::ADD, writing, ready::WRITABLE | ready::WRITE_NORMAL, 0, 2).unwrap();
    let mut both = ready_now(env, set).unwrap();
    both.sort_unstable();
    assert_eq!(both, [(1, ready::WRITABLE), (2, ready::WRITABLE | ready::WRITE_NORMAL)]);
    assert_eq!(change(env, set, wait_op::CHANGE, writing, 0, 0, 3), Err(PalError::Invalid));
    change(env, set, wait_op::REMOVE, writing, 0, 0, 1).unwrap();
    assert_eq!(ready_now(env, set), Ok(vec![(2, ready::WRITABLE | ready::WRITE_NORMAL)]));
    change(env, set, wait_op::ADD, writing, ready::WRITABLE, 0, 8).unwrap();
    change(env, set, wait_op::REMOVE, writing, 0, 0, 2).unwrap();
    assert_eq!(ready_now(env, set), Ok(vec![(8, ready::WRITABLE)]));
    for handle in [set, reading, writing] {
        env.close(handle);
    }
}

fn one_shot_and_edge(env: &Env) {
    let (set, (reading, writing)) = (new_set(env), pipe(env));
    change(env, set, wait_op::ADD, writing, ready::WRITABLE, wait_flags::ONE_SHOT, 1).unwrap();
    assert_eq!(ready_now(env, set), Ok(vec![(1, ready::WRITABLE)]));
    assert_eq!(ready_now(env, set), Err(PalError::WouldBlock));
    change(env, set, wait_op::CHANGE, writing, ready::WRITABLE, wait_flags::ONE_SHOT, 1).unwrap();
    assert_eq!(ready_now(env, set), Ok(vec![(1, ready::WRITABLE)]));
    change(env, set, wait_op::ADD, reading, ready::READABLE, wait_flags::EDGE, 3).unwrap();
    for _ in 0..2 {
        env.write(writing, 0, b"x").unwrap();
        assert_eq!(ready_now(env, set), Ok(vec![(3, ready::READABLE)]));
        assert_eq!(ready_now(env, set), Err(PalError::WouldBlock));
    }
    for handle in [set, reading, writing] {
        env.close(handle);
    }
}

fn files(env: &Env) {
    let (set, file) = (new_set(env), env.file("/rw/ready", b""));
    change(env, set, wait_op::ADD, file, ready::READABLE | ready::WRITABLE, 0, 4).unwrap();
    assert_eq!(ready_now(env, set), Ok(vec![(4, ready::READABLE | ready::WRITABLE)]));
    assert_eq!(env.wait(&[set], 0), Ok(Some(0)));
    change(env, set, wait_op::CHANGE, file, ready::READABLE, wait_flags::ONE_SHOT, 4).unwrap();
    assert_eq!(ready_now(env, set), Ok(vec![(4, ready::READABLE)]));
    assert_eq!(ready_now(env, set), Err(PalError::WouldBlock));
    env.close(set);
    env.close(file);
}

fn waits(env: &Env) {
    let (set, event) = (env.open("waitset:", RW, 0).unwrap(), env.no_stream());
    change(env, set, wait_op::ADD, event, ready::READABLE, 0, 1).unwrap();
    assert_eq!(env.wait(&[set], 0), Ok(None));
    let setter = env.later(20, move |pal| pal.event_set(event).map(drop).unwrap());
    assert_eq!(ready_now(env, set), Ok(vec![(1, ready::READABLE)]));
    assert_eq!(env.wait(&[set], NEVER), Ok(Some(0)));
    env.join(setter);
    env.pal.event_clear(event).unwrap();
    assert_eq!(env.interrupted(|| ready_now(env, set)), Err(PalError::Interrupted));
    // Sets nest.
    let outer = new_set(env);
    change(env, outer, wait_op::ADD, set, ready::READABLE, 0, 9).unwrap();
    env.pal.event_set(event).unwrap();
    assert_eq!(ready_now(env, outer), Ok(vec![(9, ready::READABLE)]));
    for handle in [outer, set, event] {
        env.close(handle);
    }
}

fn errors(env: &Env) {
    let (set, event) = (new_set(env), env.no_stream());
    let bad = |op, handle, mask, flags| change(env, set, op, handle, mask, flags, 0);
    assert_eq!(bad(wait_op::ADD, env.stale(), 1, 0), Err(PalError::BadHandle));
    assert_eq!(bad(wait_op::ADD, event, 1 << 20, 0), Err(PalError::Invalid));
    assert_eq!(bad(wait_op::ADD, event, 1, 64), Err(PalError::Invalid));
    assert_eq!(bad(9, event, 1, 0), Err(PalError::Invalid));
    assert_eq!(bad(wait_op::REMOVE, event, 0, 0), Err(PalError::Invalid));
    assert_eq!(bad(wait_op::ADD, event, 1, 0), Ok(24));
    assert_eq!(bad(wait_op::ADD, event, 1, 0), Err(PalError::Invalid));
    assert_eq!(env.write(set, 0, b"short"), Err(PalError::Invalid));
    assert_eq!(env.read(set, 0, 3), Err(PalError::Invalid));
    assert_eq!(env.open("waitset:x", RW, 0), Err(PalError::Invalid));
    assert_eq!(env.name(set), Ok("waitset:".into()));
    assert_eq!(env.attributes(set).map(|a| a.kind), Ok(pal_abi::flags::node::WAIT_SET));
    env.close(set);
    env.close(event);
}
