//! `counter:`, `timer:`, and the seals of `anon:`.

use pal_abi::flags::{TIMER_SETTING_OFFSET, attr, clock, event, map, node, open, prot, seal, timer};
use pal_abi::{Attr, Handle, Layout as _, PalError, Status, TimerSetting};

use crate::harness::{Env, RW, Suite};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("counter: counts, and waits", counts),
        ("counter: semaphore and limits", limits),
        ("timer: expires", expires),
        ("timer: settings", settings),
        ("anon: seals", seals),
    ]);
}

fn value(env: &Env, stream: Handle) -> Result<u64, PalError> {
    let (_, bytes) = env.read(stream, 0, 8)?;
    Ok(u64::from_ne_bytes(bytes.try_into().expect("8 bytes")))
}

fn counts(env: &Env) {
    let counter = env.open("counter:5", RW, open::NONBLOCK).unwrap();
    let readable = env.event(counter, event::READABLE).unwrap();
    assert_eq!(env.wait(&[readable], 0), Ok(Some(0)));
    assert_eq!(value(env, counter), Ok(5));
    assert_eq!(value(env, counter), Err(PalError::WouldBlock));
    assert_eq!(env.wait(&[readable], 0), Ok(None));
    for n in [3_u64, 4] {
        assert_eq!(env.write(counter, 0, &n.to_ne_bytes()), Ok(8));
    }
    assert_eq!(value(env, counter), Ok(7));
    assert_eq!(env.name(counter), Ok("counter:".into()));
    assert_eq!(env.attributes(counter).map(|a| (a.kind, a.mode)), Ok((node::COUNTER, 0o600)));
    assert_eq!(env.write(counter, 0, b"short"), Err(PalError::Invalid));
    assert_eq!(env.read(counter, 0, 7).map(|(_, bytes)| bytes), Err(PalError::Invalid));
    let waits = env.open("counter:", RW, 0).unwrap();
    let writer = env.later(20, move |pal| {
        let mut done = 0;
        let one = 9_u64.to_ne_bytes();
        pal.stream_write(waits, 0, one.as_slice().into(), 8, (&mut done).into(), pal_abi::arg::Out::NONE)
            .map(drop)
            .unwrap();
    });
    assert_eq!(value(env, waits), Ok(9));
    env.join(writer);
    assert_eq!(env.interrupted(|| value(env, waits)), Err(PalError::Interrupted));
    for handle in [readable, counter, waits] {
        env.close(handle);
    }
}

fn limits(env: &Env) {
    let counter = env.open("counter:2,semaphore", RW, open::NONBLOCK).unwrap();
    assert_eq!(env.name(counter), Ok("counter:,semaphore".into()));
    assert_eq!([value(env, counter), value(env, counter)], [Ok(1), Ok(1)]);
    assert_eq!(value(env, counter), Err(PalError::WouldBlock));
    assert_eq!(env.write(counter, 0, &u64::MAX.to_ne_bytes()), Err(PalError::Invalid));
    assert_eq!(env.write(counter, 0, &(u64::MAX - 1).to_ne_bytes()), Ok(8));
    assert_eq!(env.write(counter, 0, &1_u64.to_ne_bytes()), Err(PalError::WouldBlock));
    env.close(counter);
    // A writer waits for as much room as it needs.
    let full = env.open("counter:1", RW, 0).unwrap();
    assert_eq!(env.write(full, 0, &(u64::MAX - 3).to_ne_bytes()), Ok(8));
    assert_eq!(env.interrupted(|| env.write(full, 0, &2_u64.to_ne_bytes())), Err(PalError::Interrupted));
    env.close(full);
    for uri in ["counter:x", "counter:-1", "counter:4294967296", "counter:1,other"] {
        assert_eq!(env.open(uri, RW, 0), Err(PalError::Invalid));
    }
}

fn set(env: &Env, stream: Handle, value: u64, interval: u64, flags: u32) -> Result<usize, PalError> {
    env.write(stream, 0, TimerSetting { value, interval, flags, reserved: 0 }.as_bytes())
}

fn expires(env: &Env) {
    const MS: u64 = 1_000_000;
    for which in [clock::WALL, clock::MONOTONIC, clock::BOOT] {
        let stream = env.open(&format!("timer:{which}"), RW, 0).unwrap();
        assert_eq!(env.name(stream), Ok(format!("timer:{which}")));
        let readable = env.event(stream, event::READABLE).unwrap();
        assert_eq!(env.wait(&[readable], 0), Ok(None));
        set(env, stream, 5 * MS, 0, 0).unwrap();
        assert_eq!(value(env, stream), Ok(1));
        let mut now = 0;
        env.pal.system_time_query(which, (&mut now).into()).unwrap();
        set(env, stream, now + 5 * MS, 0, timer::ABSOLUTE).unwrap();
        assert_eq!(env.wait(&[readable], env.soon(2000)), Ok(Some(0)));
        assert_eq!(value(env, stream), Ok(1));
        set(env, stream, MS, MS, 0).unwrap();
        assert_eq!(env.wait(&[], env.soon(20)), Ok(None));
        assert!(value(env, stream).unwrap() > 1);
        set(env, stream, 0, 0, 0).unwrap();
        assert_eq!(env.interrupted(|| value(env, stream)), Err(PalError::Interrupted));
        env.close(readable);
        env.close(stream);
    }
}

fn settings(env: &Env) {
    let stream = env.open("timer:1", RW, open::NONBLOCK).unwrap();
    let setting = |size| env.read(stream, TIMER_SETTING_OFFSET, size).map(|(_, bytes)| bytes);
    let zero = TimerSetting::ZERO;
    assert_eq!(setting(24).unwrap(), zero.as_bytes());
    assert_eq!(value(env, stream), Err(PalError::WouldBlock));
    set(env, stream, 100_000_000_000, 7, 0).unwrap();
    let now = TimerSetting::read_from(&setting(24).unwrap()).unwrap();
    assert!((90_000_000_000..=100_000_000_000).contains(&now.value));
    assert_eq!((now.interval, now.flags), (7, 0));
    assert_eq!(setting(23), Err(PalError::Invalid));
    assert_eq!(set(env, stream, 1, 0, 4), Err(PalError::Invalid));
    assert_eq!(env.write(stream, 0, &zero.as_bytes()[..23]), Err(PalError::Invalid));
    assert_eq!(env.event(stream, event::WRITABLE), Err(PalError::NotSupported));
    assert_eq!(env.attributes(stream).map(|a| a.kind), Ok(node::TIMER));
    env.close(stream);
    for uri in ["timer:", "timer:2", "timer:9", "timer:x"] {
        assert_eq!(env.open(uri, RW, 0), Err(PalError::Invalid));
    }
}

fn seals(env: &Env) {
    let plain = env.open("anon:64", RW, 0).unwrap();
    let add = |stream: Handle, seals| {
        let mut change = Attr::ZERO;
        change.seals = seals;
        let size = u32::try_from(size_of::<Attr>()).unwrap();
        env.pal.stream_attributes_set_by_handle(stream, (&change).into(), size, attr::SEALS)
    };
    assert_eq!(env.attributes(plain).map(|a| a.seals), Ok(seal::SEAL));
    assert_eq!(add(plain, seal::GROW), Err(PalError::NotPermitted));
    let sealed = env.open("anon:64,sealable", RW, 0).unwrap();
    assert_eq!(env.attributes(sealed).map(|a| (a.seals, a.valid & attr::SEALS)), Ok((0, attr::SEALS)));
    assert_eq!(add(sealed, seal::GROW | seal::SHRINK), Ok(Status::Ok));
    assert_eq!(env.attributes(sealed).map(|a| a.seals), Ok(seal::GROW | seal::SHRINK));
    assert_eq!(env.pal.stream_set_length(sealed, 65), Err(PalError::NotPermitted));
    assert_eq!(env.pal.stream_set_length(sealed, 1), Err(PalError::NotPermitted));
    assert_eq!(env.write(sealed, 0, b"still"), Ok(5));
    let (mut base, size) = (0, 4096);
    let shared =
        env.pal.stream_map(sealed, (&mut base).into(), size, 0, prot::READ | prot::WRITE, map::SHARED);
    assert_eq!(shared, Ok(Status::Ok));
    assert_eq!(add(sealed, seal::WRITE), Err(PalError::Busy));
    env.pal.stream_unmap(base, size).unwrap();
    assert_eq!(add(sealed, seal::WRITE | seal::SEAL), Ok(Status::Ok));
    assert_eq!(env.write(sealed, 0, b"no"), Err(PalError::NotPermitted));
    assert_eq!(add(sealed, seal::EXECUTE), Err(PalError::NotPermitted));
    assert_eq!(add(plain, 0x8000), Err(PalError::Invalid));
    for handle in [plain, sealed] {
        env.close(handle);
    }
}
