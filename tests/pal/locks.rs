//! `Lock` — byte ranges and whole files.

use pal_abi::arg::InOut;
use pal_abi::flags::{lock, lock_kind};
use pal_abi::{Handle, LockRange, PalError};

use crate::harness::{BAD, Env, R, RW, Suite, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("lock: ranges exclude each other", ranges),
        ("lock: waiting gets the lock, or is interrupted", waiting),
        ("lock: whole files", whole),
        ("lock: errors", errors),
    ]);
}

const SIZE: u32 = 24;

fn take(
    env: &Env,
    file: Handle,
    what: u32,
    kind: u32,
    start: u64,
    length: u64,
) -> Result<LockRange, PalError> {
    let mut range = LockRange { kind, owner: 0, start, length };
    env.nodes.expect("the Nodes group").lock(file, what, (&mut range).into(), SIZE)?;
    Ok(range)
}

fn two(env: &Env, name: &str) -> (Handle, Handle) {
    let one = env.file(name, b"0123456789");
    (one, env.open(&format!("file:{name}"), RW, 0).unwrap())
}

fn ranges(env: &Env) {
    let (one, two) = two(env, "/rw/locked");
    take(env, one, lock::TRY, lock_kind::WRITE, 2, 4).unwrap();
    assert_eq!(take(env, two, lock::TRY, lock_kind::READ, 5, 1), Err(PalError::WouldBlock));
    take(env, two, lock::TRY, lock_kind::WRITE, 6, 0).unwrap();
    let found = take(env, two, lock::TEST, lock_kind::READ, 0, 0).unwrap();
    assert_eq!((found.kind, found.start, found.length), (lock_kind::WRITE, 2, 4));
    assert_eq!(take(env, one, lock::TEST, lock_kind::READ, 0, 2).unwrap().kind, lock_kind::UNLOCKED);
    take(env, one, lock::TRY, lock_kind::UNLOCKED, 0, 0).unwrap();
    take(env, two, lock::TRY, lock_kind::READ, 0, 0).unwrap();
    take(env, one, lock::TRY, lock_kind::READ, 0, 3).unwrap();
    // Closing drops them.
    env.close(two);
    take(env, one, lock::TRY, lock_kind::WRITE, 0, 0).unwrap();
    env.close(one);
}

fn waiting(env: &Env) {
    let (one, two) = two(env, "/rw/waited");
    take(env, one, lock::TRY, lock_kind::WRITE, 0, 0).unwrap();
    let interrupted = env.interrupted(|| take(env, two, lock::WAIT, lock_kind::WRITE, 0, 0));
    assert_eq!(interrupted, Err(PalError::Interrupted));
    let release = env.later(20, move |pal| pal.object_close(one).map(drop).unwrap());
    take(env, two, lock::WAIT, lock_kind::WRITE, 0, 0).unwrap();
    env.join(release);
    env.close(two);
}

fn whole(env: &Env) {
    let (one, two) = two(env, "/rw/whole");
    take(env, one, lock::WHOLE | lock::TRY, lock_kind::READ, 0, 0).unwrap();
    take(env, two, lock::WHOLE | lock::TRY, lock_kind::READ, 0, 0).unwrap();
    assert_eq!(take(env, two, lock::WHOLE | lock::TRY, lock_kind::WRITE, 0, 0), Err(PalError::WouldBlock));
    let wait = || take(env, two, lock::WHOLE | lock::WAIT, lock_kind::WRITE, 0, 0);
    assert_eq!(env.interrupted(wait), Err(PalError::Interrupted));
    take(env, one, lock::WHOLE | lock::TRY, lock_kind::UNLOCKED, 0, 0).unwrap();
    wait().unwrap();
    env.close(one);
    env.close(two);
}

fn errors(env: &Env) {
    let (one, two) = two(env, "/rw/lock-errors");
    assert_eq!(take(env, one, 9, lock_kind::READ, 0, 0), Err(PalError::Invalid));
    assert_eq!(take(env, one, lock::TRY, 9, 0, 0), Err(PalError::Invalid));
    assert_eq!(take(env, one, lock::TEST, lock_kind::UNLOCKED, 0, 0), Err(PalError::Invalid));
    assert_eq!(take(env, one, lock::TRY, lock_kind::READ, u64::MAX, 1), Err(PalError::Invalid));
    let nodes = env.nodes.expect("the Nodes group");
    let mut range = LockRange::default();
    fails(nodes.lock(one, lock::TRY, (&mut range).into(), 4), PalError::Invalid);
    // SAFETY: the callee must cope with any address.
    fails(nodes.lock(one, lock::TRY, unsafe { InOut::from_addr(BAD) }, SIZE), PalError::Fault);
    let reads = env.open("file:/rw/lock-errors", R, 0).unwrap();
    assert_eq!(take(env, reads, lock::TRY, lock_kind::WRITE, 0, 0), Err(PalError::Denied));
    for handle in [one, two, reads] {
        env.close(handle);
    }
    assert_eq!(take(env, one, lock::TRY, lock_kind::READ, 0, 0), Err(PalError::BadHandle));
    let null = env.open("null:", RW, 0).unwrap();
    assert_eq!(take(env, null, lock::TRY, lock_kind::READ, 0, 0), Err(PalError::WrongType));
    env.close(null);
    assert_eq!(take(env, null, lock::TRY, lock_kind::READ, 0, 0), Err(PalError::BadHandle));
}
