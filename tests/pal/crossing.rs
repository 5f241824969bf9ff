//! Copies made in the middle of everything, and words that wake across processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use pal_abi::arg::In;
use pal_abi::flags::{NEVER, POLL, alloc, exception, free, map, prot};
use pal_abi::{ContextHeader, Exception, Handle, IoResult, Layout, PalError, ProcessParams, Status};

use crate::checked;
use crate::clones::{fork, forked};
use crate::harness::{Env, R, RW, Suite, now, set_exception_hook};
use crate::processes::ended;

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("clone: regress_copies_of_processes_with_threads_make_threads", threads_in_copies),
        ("clone: of a thread that is not the first, while others live", from_a_thread),
        ("clone: faults in the copy are dispatched on the thread's signal stack", signal_stack),
        ("clone: while other threads read, write and cancel asynchronously", asynchronous_storm),
        ("word: a copy wakes its maker, and the other way round", word_and_copy),
        ("word: a created process is woken through inherited memory", word_and_created),
        ("word: as many processes are woken as asked for", word_and_many),
    ]);
}

/// Threads that live until they are told to stop.
struct Living {
    stop: Arc<AtomicBool>,
    threads: Vec<Handle>,
}

impl Living {
    fn new(env: &Env, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(AtomicUsize::new(0));
        let threads = (0..count)
            .map(|_| {
                let (stop, begun) = (Arc::clone(&stop), Arc::clone(&begun));
                env.spawn(move || {
                    begun.fetch_add(1, Ordering::SeqCst);
                    while !stop.load(Ordering::SeqCst) {
                        let pal = checked::pal();
                        let _ = pal.thread_delay_execution(now(pal) + 500_000);
                    }
                })
            })
            .collect();
        while begun.load(Ordering::SeqCst) < count {
            let _ = env.pal.thread_yield_execution();
        }
        Self { stop, threads }
    }

    fn end(self, env: &Env) {
        self.stop.store(true, Ordering::SeqCst);
        self.threads.into_iter().for_each(|thread| env.join(thread));
    }
}

/// Makes more threads than the process that was copied had, then copies again: 0 if all went well.
fn descend(env: &Env, generations: u32) -> i32 {
    let living = Living::new(env, 5);
    let code = if generations == 0 { 0 } else { forked(env, |_| descend(env, generations - 1)) };
    living.end(env);
    // Numbers of threads that ended come again, too.
    Living::new(env, 6).end(env);
    code
}

fn threads_in_copies(env: &Env) {
    for count in 0..4 {
        let living = Living::new(env, count);
        assert_eq!(forked(env, |_| descend(env, 2)), 0, "{count} threads were not copied");
        living.end(env);
    }
}

fn from_a_thread(env: &'static Env) {
    let living = Living::new(env, 2);
    let code = Arc::new(AtomicU32::new(99));
    let seen = Arc::clone(&code);
    let cloner = env.spawn(move || {
        let code = forked(env, |_| descend(env, 1));
        seen.store(code.cast_unsigned(), Ordering::SeqCst);
    });
    // Younger than the one that copies.
    let younger = Living::new(env, 2);
    env.join(cloner);
    assert_eq!(code.load(Ordering::SeqCst), 0);
    younger.end(env);
    living.end(env);
}

/// Where the dispatcher's frame was.
static FRAME: AtomicUsize = AtomicUsize::new(0);

fn note_frame(what: &Exception, _: *mut ContextHeader) -> bool {
    let local = 0_u8;
    FRAME.store((&raw const local).addr(), Ordering::SeqCst);
    what.code == exception::GUARD
}

/// Where a fault of the calling thread is dispatched.
fn frame_of_a_fault(env: &Env) -> usize {
    let (mut base, mut size) = (0_usize, 1);
    let protection = prot::READ | prot::WRITE | prot::GUARD;
    let what = alloc::RESERVE | alloc::COMMIT;
    env.pal
        .virtual_memory_allocate((&mut base).into(), (&mut size).into(), what, protection)
        .expect("a guard page");
    set_exception_hook(Some(note_frame));
    // SAFETY: committed memory; the fault of the guard is resumed from.
    unsafe { core::ptr::with_exposed_provenance::<u8>(base).read_volatile() };
    set_exception_hook(None);
    assert_eq!(env.pal.virtual_memory_free(base, size, free::RELEASE), Ok(Status::Ok));
    FRAME.swap(0, Ordering::SeqCst)
}

fn signal_stack(env: &Env) {
    let here = frame_of_a_fault(env);
    assert_ne!(here, 0);
    let living = Living::new(env, 1);
    assert_eq!(forked(env, |_| i32::from(frame_of_a_fault(env).abs_diff(here) > 4096)), 0);
    living.end(env);
}

/// A pipe: its reading and its writing end.
fn pipe(env: &Env) -> (Handle, Handle) {
    let reading = env.open("pipe:", R, 0).unwrap();
    let mut writing = Handle::NONE;
    env.pal.stream_wait_for_client(reading, 0, (&mut writing).into()).unwrap();
    (reading, writing)
}

/// Begins to read into memory that is never freed.
fn begin(stream: Handle) -> Handle {
    let buf: &'static mut [u8] = Box::leak(vec![0; 16].into_boxed_slice());
    let (mut done, mut operation) = (0, Handle::NONE);
    let begun =
        checked::pal().stream_read(stream, 0, buf.into(), 16, (&mut done).into(), (&mut operation).into());
    assert_eq!(begun, Ok(Status::Pending));
    operation
}

fn status(operation: Handle) -> i32 {
    let mut result = IoResult::ZERO;
    assert_eq!(checked::pal().async_poll(operation, (&mut result).into()), Ok(Status::Ok));
    result.status
}

fn asynchronous_storm(env: &'static Env) {
    let stop = Arc::new(AtomicBool::new(false));
    let ends: Vec<(Handle, Handle)> = (0..2).map(|_| pipe(env)).collect();
    let workers: Vec<Handle> = ends
        .iter()
        .map(|&(reading, writing)| {
            let stop = Arc::clone(&stop);
            env.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let (cancelled, read) = (begin(reading), begin(reading));
                    assert_eq!(env.pal.async_cancel(cancelled), Ok(Status::Ok));
                    assert_eq!(env.write(writing, 0, b"data"), Ok(4));
                    // One of the two got it; the other was cancelled, or has yet to be.
                    let _ = env.wait(&[read], env.soon(1));
                    assert_eq!(env.pal.async_cancel(read), Ok(Status::Ok));
                    env.close(cancelled);
                    env.close(read);
                    let left = env.attributes(reading).map(|a| a.available).unwrap_or(0);
                    if left > 0 {
                        let _ = env.read(reading, 0, 64);
                    }
                }
            })
        })
        .collect();
    let (quiet, quiet_writing) = pipe(env);
    let pending = begin(quiet);
    for round in 0..if env.is_slow() { 8 } else { 40 } {
        let code = forked(env, |_| {
            // What was begun before is cancelled here; what is begun here works.
            let cancelled = status(pending) == PalError::Cancelled.code();
            let (reading, writing) = pipe(env);
            let operation = begin(reading);
            let wrote = env.write(writing, 0, b"own") == Ok(3);
            let ended = env.wait(&[operation], env.soon(60_000)) == Ok(Some(0));
            let good = status(operation) == Status::Ok.code();
            i32::from(!cancelled) + 2 * i32::from(!wrote || !ended) + 4 * i32::from(!good)
        });
        assert_eq!(code, 0, "round {round}");
    }
    assert_eq!(status(pending), Status::Pending.code());
    stop.store(true, Ordering::SeqCst);
    workers.into_iter().for_each(|worker| env.join(worker));
    env.close(pending);
    for (reading, writing) in ends.into_iter().chain([(quiet, quiet_writing)]) {
        env.close(reading);
        env.close(writing);
    }
}

/// Memory that processes share, mapped: the stream, and the first word.
fn shared_word(env: &Env) -> (Handle, usize) {
    let size = env.startup.page_size as usize;
    let stream = env.open(&format!("anon:{size}"), RW, 0).unwrap();
    (stream, mapped(env, stream))
}

fn mapped(env: &Env, stream: Handle) -> usize {
    let (mut base, size) = (0, env.startup.page_size as usize);
    env.pal
        .stream_map(stream, (&mut base).into(), size, 0, prot::READ | prot::WRITE, map::SHARED)
        .expect("a mapping");
    base
}

fn word(at: usize) -> &'static AtomicU32 {
    // SAFETY: the callers pass mapped, aligned memory, which all processes touch only through atomics.
    unsafe { &*core::ptr::with_exposed_provenance(at) }
}

/// Waits while the word has that value.
fn await_change(env: &Env, at: usize, value: u32) -> Result<Status, PalError> {
    let words = env.words.expect("words");
    while word(at).load(Ordering::SeqCst) == value {
        // SAFETY: as in `word`.
        match words.wait_on_word(unsafe { In::from_addr(at) }, value, env.soon(60_000)) {
            Ok(Status::Ok) | Err(PalError::WouldBlock) => {}
            other => return other,
        }
    }
    Ok(Status::Ok)
}

/// Wakes at most `count` waiters; how many there were.
fn wake(env: &Env, at: usize, count: u32) -> u32 {
    let mut woken = 0;
    // SAFETY: as in `word`.
    let at = unsafe { In::from_addr(at) };
    assert_eq!(env.words.expect("words").wake_word(at, count, (&mut woken).into()), Ok(Status::Ok));
    woken
}

fn change(env: &Env, at: usize, value: u32) {
    word(at).store(value, Ordering::SeqCst);
    wake(env, at, u32::MAX);
}

fn give_back(env: &Env, stream: Handle, at: usize) {
    assert_eq!(env.pal.stream_unmap(at, env.startup.page_size as usize), Ok(Status::Ok));
    env.close(stream);
}

fn word_and_copy(env: &Env) {
    let (stream, at) = shared_word(env);
    let (process, channel) = fork(env, |_| {
        for value in [0, 2, 4] {
            if await_change(env, at, value) != Ok(Status::Ok) {
                return 1;
            }
            change(env, at, value + 2);
        }
        0
    });
    for value in [1, 3, 5] {
        change(env, at, value);
        assert_eq!(await_change(env, at, value), Ok(Status::Ok));
    }
    assert_eq!((ended(env, process), word(at).load(Ordering::SeqCst)), (0, 6));
    env.close(channel);
    give_back(env, stream, at);
}

/// The role of the created process: maps the memory it inherited, tells that it is there, and waits.
pub(crate) fn wait_in_inherited(env: &Env) -> i32 {
    let handles = usize::try_from(env.startup.inherited_handles).unwrap_or(0);
    // SAFETY: the start-up block tells where the inherited handles are; there is one.
    let stream = Handle(unsafe { core::ptr::with_exposed_provenance::<u32>(handles).read() });
    let at = mapped(env, stream);
    let _ = env.write(env.startup.parent_channel, 0, b"!");
    let woken = await_change(env, at, 0);
    change(env, at, 9);
    i32::from(woken != Ok(Status::Ok))
}

fn word_and_created(env: &Env) {
    let (stream, at) = shared_word(env);
    let (role, handles) = (b"wait in inherited memory", [stream.0]);
    let params = ProcessParams {
        config: role.as_ptr().expose_provenance() as u64,
        config_bytes: u32::try_from(role.len()).unwrap(),
        handles: handles.as_ptr().expose_provenance() as u64,
        handle_count: 1,
        ..ProcessParams::ZERO
    };
    let (mut process, mut channel) = (Handle::NONE, Handle::NONE);
    let made = env.pal.process_create((&params).into(), 96, (&mut process).into(), (&mut channel).into());
    assert_eq!(made, Ok(Status::Ok));
    assert_eq!(env.read(channel, 0, 1), Ok((Status::Ok, b"!".to_vec())));
    change(env, at, 7);
    assert_eq!(await_change(env, at, 7), Ok(Status::Ok));
    assert_eq!((ended(env, process), word(at).load(Ordering::SeqCst)), (0, 9));
    env.close(channel);
    give_back(env, stream, at);
}

fn word_and_many(env: &Env) {
    let (stream, at) = shared_word(env);
    let copies: Vec<_> = (0..3)
        .map(|_| {
            fork(env, |_| {
                // SAFETY: as in `word`.
                let word = unsafe { In::from_addr(at) };
                let woken = env.words.expect("words").wait_on_word(word, 0, NEVER);
                i32::from(woken != Ok(Status::Ok))
            })
        })
        .collect();
    let handles: Vec<Handle> = copies.iter().map(|(process, _)| *process).collect();
    // They may not sleep yet.
    let mut woken = 0;
    while woken == 0 {
        woken = wake(env, at, 1);
    }
    assert_eq!(woken, 1);
    assert!(env.wait(&handles, env.soon(60_000)).unwrap().is_some());
    env.pal.thread_delay_execution(env.soon(30)).unwrap();
    let over = handles.iter().filter(|h| env.wait(&[**h], POLL) == Ok(Some(0))).count();
    assert_eq!(over, 1);
    let mut rest = 0;
    while rest < 2 {
        rest += wake(env, at, u32::MAX);
    }
    assert_eq!(rest, 2);
    for (process, channel) in copies {
        assert_eq!(ended(env, process), 0);
        env.close(channel);
    }
    give_back(env, stream, at);
}
