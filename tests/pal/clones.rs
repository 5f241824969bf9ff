//! `ProcessClone`: what the copy shares, what it has to itself, and that it can be made at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use pal_abi::arg::Out;
use pal_abi::flags::{NEVER, POLL, alloc, clone, event, map, prot, wait_op};
use pal_abi::{Handle, IoResult, Layout, PalError, Status, WaitRecord};

use crate::checked;
use crate::harness::{Env, R, RW, Suite, bad_out, fails};
use crate::processes::{code, ended};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("clone: both go on, with a channel between them", both_go_on),
        ("clone: memory is copied, shared memory is shared", memory),
        ("clone: streams are shared", streams),
        ("clone: events and semaphores are copies", events),
        ("clone: other threads stay behind, their handles are signalled", threads),
        ("clone: wait sets work on", wait_sets),
        ("clone: asynchronous operations are cancelled in the copy", asynchronous),
        ("clone: the copy is a member of the family with a doorbell", member),
        ("clone: copies of copies", generations),
        ("clone: the copy creates processes and threads", creates),
        ("clone: while other threads allocate, write and wait", storm),
        ("clone: from two threads at a time", two_at_a_time),
        ("clone: parameters are checked", parameters),
    ]);
}

/// Clones; the copy runs `child` and ends with what it returns. The copy's handle, and the channel to it.
pub(crate) fn fork(env: &Env, child: impl FnOnce(Handle) -> i32) -> (Handle, Handle) {
    let cloning = env.cloning.expect("cloning");
    let (mut is_child, mut process, mut channel) = (9, Handle::NONE, Handle::NONE);
    let result = cloning.process_clone(
        clone::CHANNEL,
        (&mut is_child).into(),
        (&mut process).into(),
        (&mut channel).into(),
    );
    assert_eq!(result, Ok(Status::Ok));
    if is_child == 1 {
        // A panic in the copy must not run the rest of the suite.
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child(channel))).unwrap_or(101);
        let code = if process.is_none() { code } else { 102 };
        let _ = env.pal.process_exit(code);
    }
    assert_eq!(is_child, 0);
    (process, channel)
}

/// [`fork`], until the copy has ended; its code.
pub(crate) fn forked(env: &Env, child: impl FnOnce(Handle) -> i32) -> i32 {
    let (process, channel) = fork(env, child);
    let code = ended(env, process);
    env.close(channel);
    code
}

fn both_go_on(env: &Env) {
    let (process, channel) = fork(env, |channel| {
        let question = env.read(channel, 0, 10);
        let _ = env.write(channel, 0, b"answer");
        if question == Ok((Status::Ok, b"question".to_vec())) { 55 } else { 1 }
    });
    assert_eq!(code(env, process), Err(PalError::Busy));
    assert_eq!(env.write(channel, 0, b"question"), Ok(8));
    assert_eq!(env.read(channel, 0, 10), Ok((Status::Ok, b"answer".to_vec())));
    assert_eq!(ended(env, process), 55);
    assert_eq!(env.read(channel, 0, 1), Ok((Status::EndOfStream, Vec::new())));
    env.close(channel);
}

fn memory(env: &Env) {
    let size = env.startup.page_size as usize;
    let mut private = 0_usize;
    let mut bytes = size;
    let what = alloc::RESERVE | alloc::COMMIT;
    assert_eq!(
        env.pal.virtual_memory_allocate(
            (&mut private).into(),
            (&mut bytes).into(),
            what,
            prot::READ | prot::WRITE
        ),
        Ok(Status::Ok)
    );
    let stream = env.open("anon:65536", RW, 0).unwrap();
    let mut shared = 0_usize;
    let mapped =
        env.pal.stream_map(stream, (&mut shared).into(), size, 0, prot::READ | prot::WRITE, map::SHARED);
    assert_eq!(mapped, Ok(Status::Ok));
    let word = |at: usize| -> &AtomicU32 {
        // SAFETY: both pages are mapped until the end of the case and only touched through atomics.
        unsafe { &*core::ptr::with_exposed_provenance(at) }
    };
    word(private).store(1, Ordering::SeqCst);
    word(shared).store(1, Ordering::SeqCst);
    let result = forked(env, |_| {
        let before = (word(private).load(Ordering::SeqCst), word(shared).load(Ordering::SeqCst));
        word(private).store(2, Ordering::SeqCst);
        word(shared).store(2, Ordering::SeqCst);
        i32::from(before != (1, 1))
    });
    assert_eq!(result, 0);
    assert_eq!((word(private).load(Ordering::SeqCst), word(shared).load(Ordering::SeqCst)), (1, 2));
    assert_eq!(env.pal.stream_unmap(shared, size), Ok(Status::Ok));
    assert_eq!(env.pal.virtual_memory_free(private, size, pal_abi::flags::free::RELEASE), Ok(Status::Ok));
    env.close(stream);
}

fn streams(env: &Env) {
    let file = env.file("/rw/shared", b"before");
    let reading = env.open("pipe:", R, 0).unwrap();
    let mut writing = Handle::NONE;
    assert_eq!(env.pal.stream_wait_for_client(reading, 0, (&mut writing).into()), Ok(Status::Ok));
    let result = forked(env, |_| {
        let read = env.read(file, 0, 6) == Ok((Status::Ok, b"before".to_vec()));
        let wrote = env.write(file, 0, b"after!") == Ok(6) && env.write(writing, 0, b"pipe") == Ok(4);
        // Closing here is closing here.
        env.close(file);
        env.close(reading);
        i32::from(!read || !wrote)
    });
    assert_eq!(result, 0);
    assert_eq!(env.read(file, 0, 6), Ok((Status::Ok, b"after!".to_vec())));
    assert_eq!(env.read(reading, 0, 9), Ok((Status::Ok, b"pipe".to_vec())));
    for handle in [file, reading, writing] {
        env.close(handle);
    }
}

fn events(env: &Env) {
    let (mut set, mut clear, mut semaphore) = (Handle::NONE, Handle::NONE, Handle::NONE);
    assert_eq!(env.pal.notification_event_create(1, (&mut set).into()), Ok(Status::Ok));
    assert_eq!(env.pal.synchronization_event_create(0, (&mut clear).into()), Ok(Status::Ok));
    assert_eq!(env.pal.semaphore_create(2, 5, (&mut semaphore).into()), Ok(Status::Ok));
    let peek = |event| {
        let mut state = 9;
        env.pal.event_peek(event, (&mut state).into()).map(|_| state)
    };
    let count = || {
        let mut count = 9;
        env.pal.semaphore_peek(semaphore, (&mut count).into()).map(|_| count)
    };
    let (process, channel) = fork(env, |channel| {
        let start = (peek(set), peek(clear), count()) == (Ok(1), Ok(0), Ok(2));
        let _ = (env.pal.event_clear(set), env.pal.event_set(clear));
        let _ = env.wait(&[semaphore], POLL);
        let own = (peek(set), peek(clear), count()) == (Ok(0), Ok(1), Ok(1));
        let _ = env.write(channel, 0, b"changed");
        let _ = env.read(channel, 0, 1);
        // What the parent did meanwhile is not seen here either.
        let still = count() == Ok(1);
        i32::from(!start) + 2 * i32::from(!own) + 4 * i32::from(!still)
    });
    assert_eq!(env.read(channel, 0, 10), Ok((Status::Ok, b"changed".to_vec())));
    assert_eq!((peek(set), peek(clear), count()), (Ok(1), Ok(0), Ok(2)));
    let mut previous = 0;
    assert_eq!(env.pal.semaphore_release(semaphore, 3, (&mut previous).into()), Ok(Status::Ok));
    assert_eq!(env.write(channel, 0, b"x"), Ok(1));
    assert_eq!(ended(env, process), 0);
    for handle in [set, clear, semaphore, channel] {
        env.close(handle);
    }
}

fn threads(env: &Env) {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let other = env.spawn(move || {
        while !seen.load(Ordering::SeqCst) {
            let pal = checked::pal();
            let _ = pal.thread_delay_execution(crate::harness::now(pal) + 1_000_000);
        }
    });
    let result = forked(env, |_| {
        let dead = env.wait(&[other], POLL) == Ok(Some(0));
        let gone = env.pal.thread_interrupt(other) == Err(PalError::NotFound);
        let alive = env.wait(&[env.startup.first_thread], POLL) == Ok(None);
        i32::from(!dead) + 2 * i32::from(!gone) + 4 * i32::from(!alive)
    });
    assert_eq!(result, 0);
    assert_eq!(env.wait(&[other], POLL), Ok(None));
    stop.store(true, Ordering::SeqCst);
    env.join(other);
}

fn wait_sets(env: &Env) {
    let set = env.open("waitset:", RW, 0).unwrap();
    let mut reading = Handle::NONE;
    let writing = env.open("pipe:", RW, 0).unwrap();
    assert_eq!(env.pal.stream_wait_for_client(writing, 0, (&mut reading).into()), Ok(Status::Ok));
    let record = WaitRecord {
        op: wait_op::ADD,
        handle: reading,
        mask: pal_abi::flags::ready::READABLE,
        flags: 0,
        cookie: 77,
    };
    assert_eq!(env.write(set, 0, record.as_bytes()), Ok(24));
    let ready = |set| env.read(set, 0, 16).map(|(_, bytes)| bytes.first().copied());
    let result = forked(env, |_| {
        if env.wait(&[set], POLL) != Ok(None) || env.write(writing, 0, b"x") != Ok(1) {
            return 1;
        }
        if ready(set) != Ok(Some(77)) {
            return 2;
        }
        // A change to the copy's set is the copy's alone.
        let remove = WaitRecord { op: wait_op::REMOVE, ..record };
        i32::from(env.write(set, 0, remove.as_bytes()) != Ok(24)) * 3
    });
    assert_eq!(result, 0);
    assert_eq!(ready(set), Ok(Some(77)));
    for handle in [set, reading, writing] {
        env.close(handle);
    }
}

fn asynchronous(env: &Env) {
    let reading = env.open("pipe:", R, 0).unwrap();
    let mut writing = Handle::NONE;
    assert_eq!(env.pal.stream_wait_for_client(reading, 0, (&mut writing).into()), Ok(Status::Ok));
    let buf: &'static mut [u8] = Box::leak(vec![0; 8].into_boxed_slice());
    let done: &'static mut usize = Box::leak(Box::new(0));
    let mut operation = Handle::NONE;
    let begun = env.pal.stream_read(reading, 0, (&mut *buf).into(), 8, done.into(), (&mut operation).into());
    assert_eq!(begun, Ok(Status::Pending));
    let poll = || {
        let mut result = IoResult::ZERO;
        env.pal.async_poll(operation, (&mut result).into()).map(|_| result.status)
    };
    let result = forked(env, |_| {
        let cancelled = poll() == Ok(PalError::Cancelled.code());
        let final_now = env.wait(&[operation], POLL) == Ok(Some(0));
        i32::from(!cancelled) + 2 * i32::from(!final_now)
    });
    assert_eq!(result, 0);
    assert_eq!(poll(), Ok(Status::Pending.code()));
    assert_eq!(env.write(writing, 0, b"data"), Ok(4));
    assert_eq!(env.wait(&[operation], env.soon(60_000)), Ok(Some(0)));
    assert_eq!((poll(), &buf[..4]), (Ok(0), &b"data"[..]));
    for handle in [operation, reading, writing] {
        env.close(handle);
    }
}

fn member(env: &Env) {
    let family = env.family.expect("a family");
    let (process, channel) = fork(env, |channel| {
        let mut id = 0_u32;
        let _ = family.family_self((&mut id).into());
        let _ = env.write(channel, 0, &id.to_ne_bytes());
        let interrupted = env.pal.thread_delay_execution(NEVER);
        i32::from(interrupted != Err(PalError::Interrupted))
    });
    let (_, id) = env.read(channel, 0, 4).unwrap();
    let id = u32::from_ne_bytes(id.try_into().unwrap());
    assert!(id > 1);
    let readable = env.event(channel, event::READABLE).unwrap();
    // It may not sleep yet: a ring above the table is a dispatch, so ring until it has ended.
    while env.wait(&[readable], env.soon(20)) == Ok(None) {
        let rung = family.family_ring(id);
        assert!(matches!(rung, Ok(Status::Ok) | Err(PalError::NotFound)), "{rung:?}");
    }
    assert_eq!(ended(env, process), 0);
    fails(family.family_ring(id), PalError::NotFound);
    env.close(readable);
    env.close(channel);
}

fn generations(env: &Env) {
    let result = forked(env, |_| forked(env, |_| forked(env, |_| 3) + 4) + 5);
    assert_eq!(result, 12);
}

fn creates(env: &Env) {
    let result = forked(env, |_| {
        let counted = Arc::new(AtomicU32::new(0));
        for _ in 0..5 {
            let counted = Arc::clone(&counted);
            let thread = env.spawn(move || {
                counted.fetch_add(1, Ordering::SeqCst);
            });
            env.join(thread);
        }
        let role = b"8";
        let params = pal_abi::ProcessParams {
            config: role.as_ptr().expose_provenance() as u64,
            config_bytes: 1,
            ..pal_abi::ProcessParams::ZERO
        };
        let mut process = Handle::NONE;
        let created = env.pal.process_create((&params).into(), 96, (&mut process).into(), Out::NONE);
        if created.is_err() || counted.load(Ordering::SeqCst) != 5 {
            return 1;
        }
        ended(env, process)
    });
    assert_eq!(result, 8);
}

/// Threads that are everywhere at once while the process is copied: the copy must find nothing locked or half done.
fn storm(env: &Env) {
    let stop = Arc::new(AtomicBool::new(false));
    let turns = Arc::new(AtomicU64::new(0));
    let workers: Vec<Handle> = (0..3)
        .map(|kind| {
            let (stop, turns) = (Arc::clone(&stop), Arc::clone(&turns));
            env.spawn(move || {
                let pal = checked::pal();
                while !stop.load(Ordering::Relaxed) {
                    turns.fetch_add(1, Ordering::Relaxed);
                    match kind {
                        0 => drop(std::hint::black_box(
                            vec![1_u8; 3000].into_iter().map(u32::from).collect::<Vec<_>>(),
                        )),
                        1 => {
                            let mut event = Handle::NONE;
                            let _ = pal.notification_event_create(0, (&mut event).into());
                            let _ = pal.object_close(event);
                        }
                        _ => {
                            let _ = pal.thread_delay_execution(crate::harness::now(pal) + 50_000);
                        }
                    }
                }
            })
        })
        .collect();
    let rounds = if env.is_slow() { 10 } else { 60 };
    for round in 0..rounds {
        let result = forked(env, |_| {
            // Everything that was in motion works here.
            let text: String = (0..200).map(|n| format!("{n},")).collect();
            let mut event = Handle::NONE;
            let created = env.pal.notification_event_create(1, (&mut event).into());
            let waited = env.wait(&[event], POLL);
            let thread = env.spawn(|| drop(std::hint::black_box(vec![0_u8; 100_000])));
            env.join(thread);
            i32::from(text.len() < 200 || created != Ok(Status::Ok) || waited != Ok(Some(0)))
        });
        assert_eq!(result, 0, "round {round}");
    }
    stop.store(true, Ordering::Relaxed);
    workers.into_iter().for_each(|worker| env.join(worker));
    assert!(turns.load(Ordering::Relaxed) > 0);
}

fn two_at_a_time(env: &Env) {
    let rounds = if env.is_slow() { 5 } else { 20 };
    let failures = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&failures);
    let helper = env.spawn(move || {
        let (pal, cloning) = (checked::pal(), checked::cloning());
        for _ in 0..rounds {
            let (mut is_child, mut process) = (9, Handle::NONE);
            let cloned = cloning.process_clone(0, (&mut is_child).into(), (&mut process).into(), Out::NONE);
            if is_child == 1 {
                let _ = pal.process_exit(6);
            }
            let (handles, mut index, mut code) = (process.0.to_ne_bytes(), 0, 0);
            let _ = pal.objects_wait_any((&handles[..]).into(), 4, NEVER, 0, (&mut index).into());
            let told = pal.process_get_exit_code(process, (&mut code).into());
            if cloned.is_err() || told.is_err() || code != 6 {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            let _ = pal.object_close(process);
        }
    });
    for _ in 0..rounds {
        assert_eq!(forked(env, |_| 7), 7);
    }
    env.join(helper);
    assert_eq!(failures.load(Ordering::SeqCst), 0);
}

fn parameters(env: &Env) {
    let cloning = env.cloning.expect("cloning");
    let (mut is_child, mut process) = (9, Handle::NONE);
    fails(
        cloning.process_clone(2, (&mut is_child).into(), (&mut process).into(), Out::NONE),
        PalError::Invalid,
    );
    fails(cloning.process_clone(0, bad_out(), (&mut process).into(), Out::NONE), PalError::Fault);
    fails(cloning.process_clone(0, (&mut is_child).into(), bad_out(), Out::NONE), PalError::Fault);
    let flags = clone::CHANNEL;
    fails(
        cloning.process_clone(flags, (&mut is_child).into(), (&mut process).into(), bad_out()),
        PalError::Fault,
    );
}
