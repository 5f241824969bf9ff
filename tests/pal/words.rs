//! WaitOnWord and WakeWord.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pal_abi::arg::{In, Out};
use pal_abi::flags::{NEVER, map, prot};
use pal_abi::{PalError, Status, WordWait};

use crate::harness::{BAD, Env, RW, Suite, bad_out, fails, now};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("word: another value does not wait", another_value),
        ("word: the deadline is kept", deadline),
        ("word: woken", woken),
        ("word: as many are woken as asked for", how_many),
        ("word: interrupted", interrupted),
        ("word: shared memory is known by its object", shared),
        ("word: bad addresses", bad),
    ]);
}

fn words(env: &Env) -> &'static dyn WordWait {
    env.words.expect("the stack has the WordWait group")
}

fn at(word: &AtomicU32) -> In<'_, u32> {
    // SAFETY: a live word, which the callee only compares.
    unsafe { In::from_addr(word.as_ptr().expose_provenance()) }
}

fn another_value(env: &Env) {
    let word = AtomicU32::new(1);
    assert_eq!(words(env).wait_on_word(at(&word), 2, NEVER), Err(PalError::WouldBlock));
}

fn deadline(env: &Env) {
    let word = AtomicU32::new(1);
    let until = env.soon(20);
    assert_eq!(words(env).wait_on_word(at(&word), 1, until), Ok(Status::Timeout));
    assert!(now(env.pal) >= until);
    assert_eq!(words(env).wait_on_word(at(&word), 1, 0), Ok(Status::Timeout));
}

/// Sleepers on one word, each counting itself awake.
fn sleepers(env: &Env, number: usize) -> (Arc<(AtomicU32, AtomicU32)>, Vec<pal_abi::Handle>) {
    let state = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
    let threads = (0..number).map(|_| {
        let (state, words) = (Arc::clone(&state), words(env));
        env.spawn(move || {
            assert_eq!(words.wait_on_word(at(&state.0), 0, NEVER), Ok(Status::Ok));
            state.1.fetch_add(1, Ordering::SeqCst);
        })
    });
    let threads = threads.collect();
    env.pal.thread_delay_execution(env.soon(60)).unwrap();
    (state, threads)
}

fn wake(env: &Env, word: &AtomicU32, count: u32) -> u32 {
    let mut woken = 0;
    assert_eq!(words(env).wake_word(at(word), count, (&mut woken).into()), Ok(Status::Ok));
    woken
}

fn woken(env: &Env) {
    let (state, threads) = sleepers(env, 1);
    let mut total = 0;
    while total == 0 {
        total = wake(env, &state.0, 5);
    }
    assert_eq!(total, 1);
    threads.into_iter().for_each(|t| env.join(t));
    assert_eq!(wake(env, &state.0, 5), 0);
}

fn how_many(env: &Env) {
    let (state, threads) = sleepers(env, 4);
    let limit = env.soon(5000);
    let mut first = 0;
    while first < 2 && now(env.pal) < limit {
        first += wake(env, &state.0, 2 - first);
    }
    env.pal.thread_delay_execution(env.soon(30)).unwrap();
    assert_eq!((first, state.1.load(Ordering::SeqCst)), (2, 2));
    let mut rest = 0;
    while rest < 2 && now(env.pal) < limit {
        rest += wake(env, &state.0, u32::MAX);
    }
    assert_eq!(rest, 2);
    threads.into_iter().for_each(|t| env.join(t));
}

fn interrupted(env: &Env) {
    let word = AtomicU32::new(1);
    let result = env.interrupted(|| words(env).wait_on_word(at(&word), 1, NEVER));
    assert_eq!(result, Err(PalError::Interrupted));
}

fn shared(env: &Env) {
    let anon = env.open(&format!("anon:{}", env.startup.page_size), RW, 0).unwrap();
    let view = || {
        let mut base = 0;
        let size = env.startup.page_size as usize;
        let protection = prot::READ | prot::WRITE;
        env.pal.stream_map(anon, (&mut base).into(), size, 0, protection, map::SHARED).unwrap();
        base
    };
    let (one, two) = (view(), view());
    let words = words(env);
    let sleeper = env.spawn(move || {
        // SAFETY: mapped until the thread was joined.
        let word = unsafe { In::from_addr(one) };
        assert_eq!(words.wait_on_word(word, 0, NEVER), Ok(Status::Ok));
    });
    // SAFETY: as above.
    let word = unsafe { In::from_addr(two) };
    let mut woken = 0;
    while woken == 0 {
        words.wake_word(word, 1, (&mut woken).into()).unwrap();
    }
    env.join(sleeper);
    for base in [one, two] {
        env.pal.stream_unmap(base, env.startup.page_size as usize).unwrap();
    }
    env.close(anon);
}

fn bad(env: &Env) {
    let word = AtomicU32::new(0);
    // SAFETY: the callee must cope with any address.
    let nowhere = unsafe { In::from_addr(BAD) };
    // SAFETY: as above.
    let crooked = unsafe { In::from_addr(word.as_ptr().expose_provenance() + 1) };
    fails(words(env).wait_on_word(nowhere, 0, 0), PalError::Fault);
    fails(words(env).wake_word(nowhere, 1, Out::NONE), PalError::Fault);
    fails(words(env).wait_on_word(crooked, 0, 0), PalError::Invalid);
    fails(words(env).wake_word(crooked, 1, Out::NONE), PalError::Invalid);
    fails(words(env).wake_word(at(&word), 1, bad_out()), PalError::Fault);
}
