//! Threads: creation on given stacks, ends, sleeping, interrupts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use pal_abi::arg::{In, Out};
use pal_abi::flags::{NEVER, POLL, tls};
use pal_abi::{Handle, Layout, PalError, Status, ThreadParams};

use crate::checked;
use crate::harness::{Env, INTERRUPTS, R, Suite, bad_out, fails, now};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("thread: runs on the stack it was given", given_stack),
        ("thread: the word is zeroed when the stack is free", exit_word),
        ("thread: a handle is signalled at the end, for ever", handle_is_signalled),
        ("thread: parameters are checked", parameters),
        ("thread: many come and go", many),
        ("thread: sleeping until a deadline", sleeping),
        ("thread: an interrupt ends a sleep", interrupt_ends_sleep),
        ("thread: an interrupt before a sleep is not lost", interrupt_before_sleep),
        ("thread: an interrupt above the table is dispatched", interrupt_above),
        ("thread: interrupts do not queue", interrupts_do_not_queue),
        ("thread: interrupts are never lost between looking and sleeping", interrupts_are_not_lost),
        ("thread: an ended thread cannot be interrupted", ended),
        ("thread: the runtime's base is not for sale", bases),
        ("thread: yielding", yielding),
    ]);
}

const SIZE: u32 = 56;

fn stack(bytes: usize) -> &'static mut [u8] {
    Box::leak(vec![0; bytes].into_boxed_slice())
}

fn given_stack(env: &Env) {
    let memory = stack(128 << 10);
    let range = memory.as_ptr().addr()..memory.as_ptr().addr() + memory.len();
    let seen = Arc::new(AtomicUsize::new(0));
    let there = Arc::clone(&seen);
    let params = ThreadParams {
        param: env.job(move || {
            let local = 0_u8;
            there.store((&raw const local).addr(), Ordering::SeqCst);
        }),
        stack_base: range.start as u64,
        stack_size: memory.len() as u64,
        ..ThreadParams::ZERO
    };
    let mut thread = Handle::NONE;
    assert_eq!(env.pal.thread_create((&params).into(), SIZE, (&mut thread).into()), Ok(Status::Ok));
    env.join(thread);
    assert!(range.contains(&seen.load(Ordering::SeqCst)));
}

fn exit_word(env: &Env) {
    static WORD: AtomicU32 = AtomicU32::new(1);
    for _ in 0..50 {
        WORD.store(1, Ordering::SeqCst);
        let thread = env.spawn(|| {
            // SAFETY: the word is a static.
            let word = unsafe { Out::from_addr((&raw const WORD).addr()) };
            let _ = checked::pal().thread_exit(word);
        });
        env.join(thread);
        assert_eq!(WORD.load(Ordering::SeqCst), 0);
    }
    let thread = env.spawn(|| {
        fails(checked::pal().thread_exit(bad_out()), PalError::Fault);
    });
    env.join(thread);
}

fn handle_is_signalled(env: &Env) {
    let go = env.open("pipe:", R, 0).unwrap();
    let mut writing = Handle::NONE;
    assert_eq!(env.pal.stream_wait_for_client(go, 0, (&mut writing).into()), Ok(Status::Ok));
    let thread = env.spawn(move || {
        let (mut byte, mut done) = ([0; 1], 0);
        let _ = checked::pal().stream_read(go, 0, (&mut byte[..]).into(), 1, (&mut done).into(), Out::NONE);
    });
    assert_eq!(env.wait(&[thread], POLL), Ok(None));
    assert_eq!(env.write(writing, 0, b"x"), Ok(1));
    for _ in 0..3 {
        assert_eq!(env.wait(&[thread], env.soon(10_000)), Ok(Some(0)));
    }
    for handle in [thread, go, writing] {
        env.close(handle);
    }
}

fn parameters(env: &Env) {
    let create = |params: &ThreadParams, size| {
        let mut thread = Handle::NONE;
        env.pal.thread_create(params.into(), size, (&mut thread).into())
    };
    let good = ThreadParams::ZERO;
    let memory = stack(64 << 10).as_ptr().addr() as u64;
    fails(create(&good, SIZE - 1), PalError::Invalid);
    fails(create(&ThreadParams { flags: 0x100, ..good }, SIZE), PalError::Invalid);
    fails(create(&ThreadParams { reserved: 1, ..good }, SIZE), PalError::Invalid);
    fails(create(&ThreadParams { stack_base: memory, stack_size: 100, ..good }, SIZE), PalError::Invalid);
    fails(
        create(&ThreadParams { stack_base: u64::MAX - 4096, stack_size: 1 << 20, ..good }, SIZE),
        PalError::Invalid,
    );
    fails(create(&ThreadParams { stack_base: 0, stack_size: 1 << 20, ..good }, SIZE), PalError::Invalid);
    fails(create(&ThreadParams { stack_base: 4096, stack_size: 1 << 20, ..good }, SIZE), PalError::Fault);
    fails(env.pal.thread_create((&good).into(), SIZE, bad_out()), PalError::Fault);
    // SAFETY: the point is that the callee must not believe it.
    let nowhere = unsafe { In::from_addr(8) };
    let mut thread = Handle::NONE;
    fails(env.pal.thread_create(nowhere, SIZE, (&mut thread).into()), PalError::Fault);
}

fn many(env: &Env) {
    let count = Arc::new(AtomicU32::new(0));
    for _ in 0..10 {
        let threads: Vec<Handle> = (0..20)
            .map(|_| {
                let count = Arc::clone(&count);
                env.spawn(move || {
                    count.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| env.join(thread));
    }
    assert_eq!(count.load(Ordering::SeqCst), 200);
}

fn sleeping(env: &Env) {
    let until = env.soon(30);
    assert_eq!(env.pal.thread_delay_execution(until), Ok(Status::Ok));
    assert!(now(env.pal) >= until);
    assert_eq!(env.pal.thread_delay_execution(POLL), Ok(Status::Ok));
    assert_eq!(env.pal.thread_delay_execution(1), Ok(Status::Ok));
}

fn interrupt_ends_sleep(env: &Env) {
    let result = env.interrupted(|| env.pal.thread_delay_execution(NEVER));
    fails(result, PalError::Interrupted);
    let result = env.interrupted(|| env.wait(&[], NEVER));
    assert_eq!(result, Err(PalError::Interrupted));
}

/// A thread that is told when the interrupt has been sent, and did not leave the PAL meanwhile: it waits there for an
/// event without being interruptible, by spinning above the table with the interrupt kept.
fn interrupt_before_sleep(env: &Env) {
    // From inside a dispatch, the interrupt is left for the next interruptible call.
    crate::harness::keep_interrupts(true);
    assert_eq!(env.pal.thread_interrupt(env.startup.first_thread), Ok(Status::Ok));
    let slept = env.pal.thread_delay_execution(env.soon(60_000));
    crate::harness::keep_interrupts(false);
    fails(slept, PalError::Interrupted);
    assert_eq!(env.pal.thread_delay_execution(env.soon(1)), Ok(Status::Ok));
}

fn interrupt_above(env: &Env) {
    let before = INTERRUPTS.load(Ordering::SeqCst);
    assert_eq!(env.pal.thread_interrupt(env.startup.first_thread), Ok(Status::Ok));
    assert_eq!(INTERRUPTS.load(Ordering::SeqCst), before + 1);
    // It was consumed.
    assert_eq!(env.pal.thread_delay_execution(env.soon(1)), Ok(Status::Ok));
    let target = env.startup.first_thread;
    let helper = env.later(20, move |pal| {
        let _ = pal.thread_interrupt(target);
    });
    while INTERRUPTS.load(Ordering::SeqCst) == before + 1 {
        std::hint::spin_loop();
    }
    env.join(helper);
}

fn interrupts_do_not_queue(env: &Env) {
    crate::harness::keep_interrupts(true);
    for _ in 0..5 {
        assert_eq!(env.pal.thread_interrupt(env.startup.first_thread), Ok(Status::Ok));
    }
    crate::harness::keep_interrupts(false);
    fails(env.pal.thread_delay_execution(env.soon(60_000)), PalError::Interrupted);
    assert_eq!(env.pal.thread_delay_execution(env.soon(1)), Ok(Status::Ok));
}

fn interrupts_are_not_lost(env: &Env) {
    // Every interrupt ends exactly one sleep that would last a minute: one that is lost hangs the case.
    const ROUNDS: u32 = 2000;
    crate::harness::keep_interrupts(true);
    let done = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&done);
    let target = env.startup.first_thread;
    let helper = env.spawn(move || {
        let pal = checked::pal();
        for round in 0..ROUNDS {
            let _ = pal.thread_interrupt(target);
            while seen.load(Ordering::SeqCst) == round {
                let _ = pal.thread_yield_execution();
            }
        }
    });
    for _ in 0..ROUNDS {
        fails(env.pal.thread_delay_execution(env.soon(60_000)), PalError::Interrupted);
        done.fetch_add(1, Ordering::SeqCst);
    }
    crate::harness::keep_interrupts(false);
    env.join(helper);
}

fn ended(env: &Env) {
    let thread = env.spawn(|| {});
    assert_eq!(env.wait(&[thread], env.soon(10_000)), Ok(Some(0)));
    fails(env.pal.thread_interrupt(thread), PalError::NotFound);
    env.close(thread);
    fails(env.pal.thread_interrupt(thread), PalError::BadHandle);
    fails(env.pal.thread_interrupt(env.startup.stderr), PalError::WrongType);
}

fn bases(env: &Env) {
    let own = if cfg!(target_arch = "x86_64") { tls::FS } else { tls::TPIDR };
    fails(env.pal.thread_set_tls_base(own, 0), PalError::NotSupported);
    fails(env.pal.thread_set_tls_base(77, 0), PalError::Invalid);
    fails(env.pal.thread_set_tls_base(tls::GDT + 12, 0), PalError::Invalid);
    if cfg!(target_arch = "x86_64") {
        assert_eq!(env.pal.thread_set_tls_base(tls::GS, 0x1234_5000), Ok(Status::Ok));
        assert_eq!(env.pal.thread_set_tls_base(tls::GS, 0), Ok(Status::Ok));
        fails(env.pal.thread_set_tls_base(tls::GS, 1 << 60), PalError::Invalid);
    }
}

fn yielding(env: &Env) {
    for _ in 0..100 {
        assert_eq!(env.pal.thread_yield_execution(), Ok(Status::Ok));
    }
}
