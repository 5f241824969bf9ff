//! Calls 31 to 41: events, semaphores, waiting, references.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pal_abi::arg::{InBytes, Out};
use pal_abi::flags::NEVER;
use pal_abi::{Handle, Pal, PalError, Status};

use crate::checked;
use crate::harness::{BAD, Env, Suite, bad_out, fails, now};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("event: notification events stay set", notification),
        ("event: synchronization events release one", synchronization),
        ("event: one of many waiters gets each set", one_waiter_each),
        ("semaphore: counts", semaphore),
        ("semaphore: bounds", bounds),
        ("wait: the deadline is kept, with no objects too", deadlines),
        ("wait: the first signalled is told and consumed", first),
        ("wait: interrupted, also when the interrupt came first", interrupted),
        ("wait: a set in another thread wakes", wakes),
        ("wait: bad parameters", bad_waits),
        ("objects: references are counted", references),
        ("objects: pointers and handles are checked", checks),
    ]);
}

fn notification_event(env: &Env, initial: u32) -> Handle {
    let mut event = Handle::NONE;
    assert_eq!(env.pal.notification_event_create(initial, (&mut event).into()), Ok(Status::Ok));
    event
}

fn synchronization_event(env: &Env, initial: u32) -> Handle {
    let mut event = Handle::NONE;
    assert_eq!(env.pal.synchronization_event_create(initial, (&mut event).into()), Ok(Status::Ok));
    event
}

fn new_semaphore(env: &Env, initial: u32, max: u32) -> Result<Handle, PalError> {
    let mut semaphore = Handle::NONE;
    env.pal.semaphore_create(initial, max, (&mut semaphore).into())?;
    Ok(semaphore)
}

fn peek(env: &Env, event: Handle) -> u32 {
    let mut state = u32::MAX;
    assert_eq!(env.pal.event_peek(event, (&mut state).into()), Ok(Status::Ok));
    state
}

fn notification(env: &Env) {
    let event = notification_event(env, 0);
    assert_eq!((peek(env, event), env.wait(&[event], 0)), (0, Ok(None)));
    assert_eq!(env.pal.event_set(event), Ok(Status::Ok));
    assert_eq!(env.pal.event_set(event), Ok(Status::Ok));
    for _ in 0..3 {
        assert_eq!((peek(env, event), env.wait(&[event], 0)), (1, Ok(Some(0))));
    }
    assert_eq!(env.pal.event_clear(event), Ok(Status::Ok));
    assert_eq!(env.pal.event_clear(event), Ok(Status::Ok));
    assert_eq!((peek(env, event), env.wait(&[event], 0)), (0, Ok(None)));
    env.close(event);
    let set = notification_event(env, 1);
    assert_eq!(env.wait(&[set], 0), Ok(Some(0)));
    env.close(set);
}

fn synchronization(env: &Env) {
    let event = synchronization_event(env, 1);
    assert_eq!((peek(env, event), peek(env, event)), (1, 1));
    assert_eq!((env.wait(&[event], 0), env.wait(&[event], 0)), (Ok(Some(0)), Ok(None)));
    for _ in 0..5 {
        env.pal.event_set(event).unwrap();
    }
    assert_eq!((env.wait(&[event], NEVER), env.wait(&[event], 0)), (Ok(Some(0)), Ok(None)));
    env.pal.event_set(event).unwrap();
    env.pal.event_clear(event).unwrap();
    assert_eq!(env.wait(&[event], 0), Ok(None));
    env.close(event);
}

fn one_waiter_each(env: &Env) {
    let event = synchronization_event(env, 0);
    let woken = Arc::new(AtomicU32::new(0));
    let wait_once = |deadline| {
        let woken = Arc::clone(&woken);
        move || {
            let (bytes, mut index) = (event.0.to_ne_bytes(), 0);
            let result =
                checked::pal().objects_wait_any(bytes.as_slice().into(), 4, deadline, 0, (&mut index).into());
            if result == Ok(Status::Ok) {
                woken.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let deadline = env.soon(10_000);
    let threads: Vec<Handle> = (0..4).map(|_| env.spawn(wait_once(deadline))).collect();
    for expected in 1..=4 {
        env.pal.event_set(event).unwrap();
        let limit = now(env.pal) + 5_000_000_000;
        while woken.load(Ordering::SeqCst) < expected && now(env.pal) < limit {
            env.pal.thread_yield_execution().unwrap();
        }
        env.pal.thread_delay_execution(env.soon(5)).unwrap();
        assert_eq!(woken.load(Ordering::SeqCst), expected);
    }
    for thread in threads {
        env.join(thread);
    }
    env.close(event);
}

fn count(env: &Env, semaphore: Handle) -> u32 {
    let mut count = u32::MAX;
    assert_eq!(env.pal.semaphore_peek(semaphore, (&mut count).into()), Ok(Status::Ok));
    count
}

fn semaphore(env: &Env) {
    let semaphore = new_semaphore(env, 2, 5).unwrap();
    assert_eq!((env.wait(&[semaphore], 0), count(env, semaphore)), (Ok(Some(0)), 1));
    let mut previous = 0;
    assert_eq!(env.pal.semaphore_release(semaphore, 3, (&mut previous).into()), Ok(Status::Ok));
    assert_eq!((previous, count(env, semaphore)), (1, 4));
    for _ in 0..4 {
        assert_eq!(env.wait(&[semaphore], 0), Ok(Some(0)));
    }
    assert_eq!((env.wait(&[semaphore], 0), count(env, semaphore)), (Ok(None), 0));
    env.close(semaphore);
}

fn bounds(env: &Env) {
    let semaphore = new_semaphore(env, 1, 2).unwrap();
    fails(env.pal.semaphore_release(semaphore, 2, Out::NONE), PalError::Overflow);
    fails(env.pal.semaphore_release(semaphore, u32::MAX, Out::NONE), PalError::Overflow);
    assert_eq!(count(env, semaphore), 1);
    assert_eq!(env.pal.semaphore_release(semaphore, 1, Out::NONE), Ok(Status::Ok));
    fails(env.pal.semaphore_release(semaphore, 1, Out::NONE), PalError::Overflow);
    fails(env.pal.semaphore_release(semaphore, 0, Out::NONE), PalError::Invalid);
    fails(env.pal.semaphore_peek(semaphore, bad_out()), PalError::Fault);
    env.close(semaphore);
    assert_eq!(new_semaphore(env, 3, 2), Err(PalError::Invalid));
    assert_eq!(new_semaphore(env, 0, 0), Err(PalError::Invalid));
    fails(env.pal.semaphore_release(semaphore, 1, Out::NONE), PalError::BadHandle);
    fails(env.pal.semaphore_peek(semaphore, Out::NONE), PalError::BadHandle);
}

fn deadlines(env: &Env) {
    let event = notification_event(env, 0);
    for objects in [&[event][..], &[]] {
        let begin = now(env.pal);
        assert_eq!(env.wait(objects, begin + 20_000_000), Ok(None));
        assert!(now(env.pal) >= begin + 20_000_000);
        assert_eq!(env.wait(objects, begin), Ok(None));
    }
    assert_eq!(env.pal.thread_delay_execution(env.soon(5)), Ok(Status::Ok));
    env.close(event);
}

fn first(env: &Env) {
    let (clear, one, two) =
        (notification_event(env, 0), synchronization_event(env, 1), synchronization_event(env, 1));
    assert_eq!(env.wait(&[Handle::NONE, clear, one, two], NEVER), Ok(Some(2)));
    assert_eq!((peek(env, one), peek(env, two)), (0, 1));
    assert_eq!(env.wait(&[clear, one, two], NEVER), Ok(Some(2)));
    assert_eq!(env.wait(&[clear, one, two], 0), Ok(None));
    for handle in [clear, one, two] {
        env.close(handle);
    }
}

fn interrupted(env: &Env) {
    let event = notification_event(env, 0);
    assert_eq!(env.interrupted(|| env.wait(&[event], NEVER)), Err(PalError::Interrupted));
    assert_eq!(env.interrupted(|| env.wait(&[], NEVER)), Err(PalError::Interrupted));
    assert_eq!(env.interrupted(|| env.pal.thread_delay_execution(NEVER)), Err(PalError::Interrupted));
    env.close(event);
}

fn wakes(env: &Env) {
    let event = synchronization_event(env, 0);
    let setter = env.later(20, move |pal| pal.event_set(event).map(drop).unwrap());
    assert_eq!(env.wait(&[event], NEVER), Ok(Some(0)));
    env.join(setter);
    env.close(event);
}

fn bad_waits(env: &Env) {
    let event = notification_event(env, 1);
    assert_eq!(env.wait(&[event, env.stale()], 0), Err(PalError::BadHandle));
    assert_eq!(env.wait(&vec![event; 257], 0), Err(PalError::TooMany));
    assert_eq!(env.wait(&vec![event; 256], 0), Ok(Some(0)));
    let bytes = event.0.to_ne_bytes();
    let mut index = 0;
    let handles = || bytes.as_slice().into();
    fails(env.pal.objects_wait_any(handles(), 3, 0, 0, (&mut index).into()), PalError::Invalid);
    fails(env.pal.objects_wait_any(handles(), 4, 0, 1, (&mut index).into()), PalError::Invalid);
    fails(env.pal.objects_wait_any(handles(), 4, 0, 0, bad_out()), PalError::Fault);
    // SAFETY: the callee must cope with any address.
    let bad = unsafe { InBytes::from_addr(BAD) };
    fails(env.pal.objects_wait_any(bad, 4, 0, 0, (&mut index).into()), PalError::Fault);
    let node = env.open("pipe.srv:unwaitable", 1, 0).unwrap();
    assert_eq!(env.wait(&[node], 0), Ok(None));
    env.close(node);
    env.close(event);
}

fn references(env: &Env) {
    let event = notification_event(env, 0);
    assert_eq!(env.pal.object_reference(event), Ok(Status::Ok));
    env.close(event);
    assert_eq!(env.pal.event_set(event), Ok(Status::Ok));
    env.close(event);
    fails(env.pal.event_set(event), PalError::BadHandle);
    fails(env.pal.object_close(event), PalError::BadHandle);
    fails(env.pal.object_reference(event), PalError::BadHandle);
    fails(env.pal.object_close(Handle::NONE), PalError::BadHandle);
    fails(env.pal.object_close(Handle(u32::MAX)), PalError::BadHandle);
}

fn checks(env: &Env) {
    let pal: &dyn Pal = env.pal;
    fails(pal.notification_event_create(2, Out::NONE), PalError::Invalid);
    fails(pal.synchronization_event_create(2, Out::NONE), PalError::Invalid);
    fails(pal.notification_event_create(0, bad_out()), PalError::Fault);
    fails(pal.synchronization_event_create(0, bad_out()), PalError::Fault);
    fails(pal.semaphore_create(0, 1, bad_out()), PalError::Fault);
    let (stale, null) = (env.stale(), env.open("null:", 1, 0).unwrap());
    for (handle, error) in [(stale, PalError::BadHandle), (null, PalError::WrongType)] {
        fails(pal.event_set(handle), error);
        fails(pal.event_clear(handle), error);
        fails(pal.event_peek(handle, bad_out()), error);
        fails(pal.semaphore_release(handle, 1, Out::NONE), error);
        fails(pal.semaphore_peek(handle, Out::NONE), error);
    }
    env.close(null);
    let event = notification_event(env, 0);
    fails(pal.event_peek(event, bad_out()), PalError::Fault);
    env.close(event);
}
