//! Calls 1 to 3, 11, 12: address space.

use pal_abi::arg::{InOut, Out};
use pal_abi::flags::{alloc, exception, free, map, open, prot};
use pal_abi::{ContextHeader, Exception, Handle, PalError, PalResult, Status};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::harness::{BAD, Env, R, RW, Suite, bad_out, fails, set_exception_hook};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("memory: reserved, committed, decommitted, released", life),
        ("memory: committed pages are zero, again after decommitting", zeros),
        ("memory: committing twice keeps the contents", commit_twice),
        ("memory: an address in use is a conflict", conflicts),
        ("memory: sizes are rounded up to pages and written back", rounding),
        ("memory: LOW4G is below 4 GiB", low),
        ("memory: holes are errors and change nothing", holes),
        ("memory: protections are told and take effect", protections),
        ("memory: a guard page is hit once", guards),
        ("memory: bad parameters", invalid),
        ("memory: the PAL's own memory cannot be freed", foreign),
        ("map: private and shared mappings of a file", file_maps),
        ("map: shared memory is one memory", anon_maps),
        ("map: inside a reservation, which it returns to", inside_reservation),
        ("map: what cannot be mapped", map_errors),
        ("map: past the end of the file is IN_PAGE_ERROR", past_the_end),
    ]);
}

const RC: u32 = alloc::RESERVE | alloc::COMMIT;
const PRW: u32 = prot::READ | prot::WRITE;

fn page(env: &Env) -> usize {
    env.startup.page_size as usize
}

fn allocate(env: &Env, base: usize, size: usize, what: u32, prot: u32) -> Result<(usize, usize), PalError> {
    let (mut base, mut size) = (base, size);
    env.pal.virtual_memory_allocate((&mut base).into(), (&mut size).into(), what, prot)?;
    Ok((base, size))
}

/// A reservation with memory behind it.
fn memory(env: &Env, pages: usize) -> usize {
    allocate(env, 0, pages * page(env), RC, PRW).expect("memory").0
}

fn release(env: &Env, base: usize, size: usize) {
    assert_eq!(env.pal.virtual_memory_free(base, size, free::RELEASE), Ok(Status::Ok));
}

fn store(at: usize, value: u8) {
    // SAFETY: the callers pass committed, writable memory.
    unsafe { core::ptr::with_exposed_provenance_mut::<u8>(at).write_volatile(value) };
}

fn load(at: usize) -> u8 {
    // SAFETY: the callers pass committed, readable memory, or expect the fault.
    unsafe { core::ptr::with_exposed_provenance::<u8>(at).read_volatile() }
}

/// Whether the PAL can read a byte at an address: a call that must read it tells FAULT where it cannot.
fn readable(env: &Env, at: usize) -> bool {
    // SAFETY: the callee must cope with any address.
    let buf = unsafe { pal_abi::arg::InBytes::from_addr(at) };
    let mut done = 0;
    let anon = env.open("anon:4", RW, 0).expect("anon:");
    let result = env.pal.stream_write(anon, 0, buf, 1, (&mut done).into(), Out::NONE);
    env.close(anon);
    result.is_ok()
}

fn life(env: &Env) {
    let size = 16 * page(env);
    let (base, _) = allocate(env, 0, size, alloc::RESERVE, 0).expect("a reservation");
    assert!(!readable(env, base));
    assert_eq!(
        allocate(env, base + page(env), page(env), alloc::COMMIT, PRW),
        Ok((base + page(env), page(env)))
    );
    store(base + page(env), 7);
    assert!(!readable(env, base) && readable(env, base + page(env)) && !readable(env, base + 2 * page(env)));
    assert_eq!(env.pal.virtual_memory_free(base + page(env), page(env), free::DECOMMIT), Ok(Status::Ok));
    assert!(!readable(env, base + page(env)));
    fails(allocate(env, base, page(env), RC, PRW).map(|_| Status::Ok), PalError::Conflict);
    release(env, base, size);
    assert_eq!(allocate(env, base, size, RC, PRW), Ok((base, size)));
    release(env, base, size);
}

fn zeros(env: &Env) {
    let base = memory(env, 1);
    assert_eq!(load(base), 0);
    store(base, 1);
    assert_eq!(env.pal.virtual_memory_free(base, page(env), free::DECOMMIT), Ok(Status::Ok));
    allocate(env, base, page(env), alloc::COMMIT, PRW).expect("committed again");
    assert_eq!(load(base), 0);
    release(env, base, page(env));
}

fn commit_twice(env: &Env) {
    let base = memory(env, 2);
    store(base, 42);
    allocate(env, base, 2 * page(env), alloc::COMMIT, prot::READ).expect("committed again");
    assert_eq!(load(base), 42);
    release(env, base, 2 * page(env));
}

fn conflicts(env: &Env) {
    let base = memory(env, 4);
    for (at, pages) in [(base, 1), (base + 3 * page(env), 2), (base - page(env), 2)] {
        fails(allocate(env, at, pages * page(env), RC, PRW).map(|_| Status::Ok), PalError::Conflict);
    }
    // The PAL's own memory is in use as well: this very stack.
    let here = core::ptr::from_ref(&base).expose_provenance();
    fails(allocate(env, here, page(env), RC, PRW).map(|_| Status::Ok), PalError::Conflict);
    release(env, base, 4 * page(env));
}

fn rounding(env: &Env) {
    let (base, size) = allocate(env, 0, 1, RC, PRW).expect("a byte");
    assert_eq!((base % page(env), size), (0, page(env)));
    store(base + page(env) - 1, 1);
    assert_eq!(allocate(env, base + 5, page(env) - 5, alloc::COMMIT, PRW), Ok((base, page(env))));
    assert_eq!(load(base + page(env) - 1), 1);
    release(env, base, 1);
}

fn low(env: &Env) {
    let (base, size) = allocate(env, 0, 1 << 20, RC | alloc::LOW4G, PRW).expect("low memory");
    assert!(base + size <= 1 << 32, "{base:#x}");
    store(base, 1);
    release(env, base, size);
}

fn holes(env: &Env) {
    let base = memory(env, 4);
    let (hole, after) = (base + page(env), base + 2 * page(env));
    store(after, 9);
    release(env, hole, page(env));
    for what in [free::DECOMMIT, free::RELEASE] {
        fails(env.pal.virtual_memory_free(base, 4 * page(env), what), PalError::NotFound);
    }
    fails(env.pal.virtual_memory_protect(base, 4 * page(env), prot::READ, Out::NONE), PalError::NotFound);
    fails(allocate(env, base, 4 * page(env), alloc::COMMIT, PRW).map(|_| Status::Ok), PalError::NotFound);
    assert_eq!(load(after), 9);
    release(env, base, page(env));
    release(env, after, 2 * page(env));
    fails(env.pal.virtual_memory_free(after, page(env), free::RELEASE), PalError::NotFound);
}

fn protect(env: &Env, base: usize, prot: u32) -> u32 {
    let mut old = u32::MAX;
    assert_eq!(env.pal.virtual_memory_protect(base, page(env), prot, (&mut old).into()), Ok(Status::Ok));
    old
}

fn protections(env: &Env) {
    let base = memory(env, 2);
    assert_eq!(protect(env, base, prot::READ), PRW);
    assert_eq!(protect(env, base, prot::NONE), prot::READ);
    assert!(!readable(env, base) && readable(env, base + page(env)));
    assert_eq!(protect(env, base, prot::READ | prot::EXECUTE), prot::NONE);
    assert!(readable(env, base));
    // The host may not write there either.
    // SAFETY: the callee must cope with any address.
    let out = unsafe { Out::from_addr(base) };
    fails(env.pal.system_time_query(0, out), PalError::Fault);
    assert_eq!(protect(env, base, PRW), prot::READ | prot::EXECUTE);
    fails(env.pal.virtual_memory_protect(base, page(env), prot::READ, bad_out()), PalError::Fault);
    assert_eq!(protect(env, base, PRW), PRW);
    release(env, base, 2 * page(env));
    let (reserved, size) = allocate(env, 0, page(env), alloc::RESERVE, 0).expect("a reservation");
    fails(env.pal.virtual_memory_protect(reserved, size, PRW, Out::NONE), PalError::NotFound);
    release(env, reserved, size);
}

static HITS: AtomicU32 = AtomicU32::new(0);

fn count_guards(what: &Exception, _: *mut ContextHeader) -> bool {
    HITS.fetch_add(1, Ordering::SeqCst);
    what.code == exception::GUARD
}

fn guards(env: &Env) {
    let base = memory(env, 2);
    store(base, 5);
    assert_eq!(protect(env, base, PRW | prot::GUARD), PRW);
    assert_eq!(protect(env, base, PRW | prot::GUARD), PRW | prot::GUARD);
    set_exception_hook(Some(count_guards));
    HITS.store(0, Ordering::SeqCst);
    assert_eq!(load(base + page(env)), 0);
    assert_eq!(HITS.load(Ordering::SeqCst), 0);
    assert_eq!(load(base), 5);
    assert_eq!(load(base), 5);
    set_exception_hook(None);
    assert_eq!(HITS.load(Ordering::SeqCst), 1);
    assert_eq!(protect(env, base, PRW), PRW);
    release(env, base, 2 * page(env));
}

fn invalid(env: &Env) {
    let as_result = |r: Result<(usize, usize), PalError>| -> PalResult { r.map(|_| Status::Ok) };
    for (base, size, what, prot) in [
        (0, 0, RC, PRW),
        (0, page(env), 0, PRW),
        (0, page(env), 8, PRW),
        (0, page(env), RC, 64),
        (0, page(env), alloc::COMMIT, PRW),
        (0, usize::MAX, RC, PRW),
        (usize::MAX - page(env), 2 * page(env), RC, PRW),
    ] {
        fails(as_result(allocate(env, base, size, what, prot)), PalError::Invalid);
    }
    // SAFETY: the callee must cope with any address.
    let bad = || unsafe { InOut::from_addr(BAD) };
    let mut size = page(env);
    fails(env.pal.virtual_memory_allocate(bad(), (&mut size).into(), RC, PRW), PalError::Fault);
    let mut base = 0;
    fails(env.pal.virtual_memory_allocate((&mut base).into(), bad(), RC, PRW), PalError::Fault);
    let mut huge = 1_usize << 46;
    fails(
        env.pal.virtual_memory_allocate((&mut base).into(), (&mut huge).into(), RC | alloc::LOW4G, PRW),
        PalError::NoMemory,
    );
    let memory = memory(env, 1);
    fails(env.pal.virtual_memory_free(memory, page(env), 3), PalError::Invalid);
    fails(env.pal.virtual_memory_free(memory + 1, page(env), free::RELEASE), PalError::Invalid);
    fails(env.pal.virtual_memory_free(memory, 0, free::RELEASE), PalError::Invalid);
    fails(env.pal.virtual_memory_protect(memory + 1, 1, PRW, Out::NONE), PalError::Invalid);
    fails(env.pal.virtual_memory_protect(memory, page(env), 1 << 9, Out::NONE), PalError::Invalid);
    release(env, memory, page(env));
}

fn foreign(env: &Env) {
    let value = 1_u8;
    let here = core::ptr::from_ref(&value).expose_provenance() / page(env) * page(env);
    fails(env.pal.virtual_memory_free(here, page(env), free::RELEASE), PalError::NotFound);
    fails(env.pal.virtual_memory_protect(here, page(env), 0, Out::NONE), PalError::NotFound);
    fails(env.pal.stream_unmap(here, page(env)), PalError::NotFound);
}

fn stream_map(
    env: &Env,
    stream: Handle,
    at: usize,
    pages: usize,
    offset: u64,
    prot: u32,
    flags: u32,
) -> Result<usize, PalError> {
    let mut base = at;
    env.pal.stream_map(stream, (&mut base).into(), pages * page(env), offset, prot, flags)?;
    Ok(base)
}

fn unmap(env: &Env, base: usize, pages: usize) {
    assert_eq!(env.pal.stream_unmap(base, pages * page(env)), Ok(Status::Ok));
}

fn file_maps(env: &Env) {
    let contents: Vec<u8> =
        (0..2 * page(env)).map(|n| u8::try_from(n / page(env) + 1).unwrap_or(0)).collect();
    let file = env.file("/rw/mapped", &contents);
    let second = page(env) as u64;
    let private = stream_map(env, file, 0, 1, second, PRW, map::PRIVATE).expect("a private mapping");
    assert_eq!(load(private), 2);
    store(private, 99);
    assert_eq!(env.read(file, second, 1), Ok((Status::Ok, vec![2])));
    let shared = stream_map(env, file, 0, 2, 0, PRW, map::SHARED).expect("a shared mapping");
    store(shared, 77);
    assert_eq!(env.read(file, 0, 1), Ok((Status::Ok, vec![77])));
    assert_eq!(env.write(file, 1, &[66]), Ok(1));
    assert_eq!(load(shared + 1), 66);
    assert_eq!(load(private), 99);
    // Without write access only private copies can be written.
    let read_only = env.open("file:/rw/mapped", R, 0).expect("the file");
    assert_eq!(stream_map(env, read_only, 0, 1, 0, PRW, map::SHARED), Err(PalError::Denied));
    let copy =
        stream_map(env, read_only, 0, 1, 0, prot::READ | prot::WRITE_COPY, map::PRIVATE).expect("a copy");
    store(copy, 1);
    let plain = stream_map(env, read_only, 0, 1, 0, prot::READ, map::SHARED).expect("a shared view");
    fails(env.pal.virtual_memory_protect(plain, page(env), PRW, Out::NONE), PalError::Denied);
    env.close(read_only);
    env.close(file);
    for (base, pages) in [(private, 1), (shared, 2), (copy, 1), (plain, 1)] {
        unmap(env, base, pages);
    }
    fails(env.pal.stream_unmap(private, page(env)), PalError::NotFound);
}

fn anon_maps(env: &Env) {
    let anon = env.open(&format!("anon:{}", page(env)), RW, 0).expect("anon:");
    let one = stream_map(env, anon, 0, 1, 0, PRW, map::SHARED).expect("one");
    let two = stream_map(env, anon, 0, 1, 0, PRW, map::SHARED).expect("two");
    store(one + 3, 8);
    assert_eq!(load(two + 3), 8);
    assert_eq!(env.read(anon, 3, 1), Ok((Status::Ok, vec![8])));
    env.close(anon);
    unmap(env, one, 1);
    assert_eq!(load(two + 3), 8);
    unmap(env, two, 1);
}

fn inside_reservation(env: &Env) {
    let (base, size) = allocate(env, 0, 4 * page(env), alloc::RESERVE, 0).expect("a reservation");
    let anon = env.open(&format!("anon:{}", page(env)), RW, 0).expect("anon:");
    let at = base + page(env);
    assert_eq!(stream_map(env, anon, at, 1, 0, PRW, map::SHARED), Ok(at));
    assert_eq!(stream_map(env, anon, at, 1, 0, PRW, map::SHARED), Err(PalError::Conflict));
    fails(allocate(env, at, page(env), alloc::COMMIT, PRW).map(|_| Status::Ok), PalError::Conflict);
    unmap(env, at, 1);
    assert!(!readable(env, at));
    assert_eq!(allocate(env, at, page(env), alloc::COMMIT, PRW), Ok((at, page(env))));
    assert_eq!(stream_map(env, anon, at, 1, 0, PRW, map::SHARED), Err(PalError::Conflict));
    fails(env.pal.stream_unmap(at, page(env)), PalError::NotFound);
    env.close(anon);
    release(env, base, size);
}

fn map_errors(env: &Env) {
    let file = env.file("/rw/errors", b"x");
    let mut base = 0;
    let pal = env.pal;
    let size = page(env);
    fails(pal.stream_map(env.stale(), (&mut base).into(), size, 0, PRW, 0), PalError::BadHandle);
    fails(pal.stream_map(file, (&mut base).into(), 0, 0, PRW, 0), PalError::Invalid);
    fails(pal.stream_map(file, (&mut base).into(), size, 1, PRW, 0), PalError::Invalid);
    fails(pal.stream_map(file, (&mut base).into(), size, 0, PRW, 8), PalError::Invalid);
    fails(pal.stream_map(file, (&mut base).into(), size, 0, 1 << 10, 0), PalError::Invalid);
    fails(pal.stream_map(file, (&mut base).into(), size, !0xffff, PRW, 0), PalError::Invalid);
    // SAFETY: the callee must cope with any address.
    let bad = unsafe { InOut::from_addr(BAD) };
    fails(pal.stream_map(file, bad, size, 0, PRW, 0), PalError::Fault);
    let event = env.no_stream();
    fails(pal.stream_map(event, (&mut base).into(), size, 0, PRW, 0), PalError::WrongType);
    env.close(event);
    let null = env.open("null:", RW, 0).expect("null:");
    fails(pal.stream_map(null, (&mut base).into(), size, 0, PRW, 0), PalError::WrongType);
    env.close(null);
    let device = env.open("dev:urandom", R, 0).expect("dev:urandom");
    fails(pal.stream_map(device, (&mut base).into(), size, 0, prot::READ, map::PRIVATE), PalError::NoDevice);
    env.close(device);
    let path_only = env.open("file:/rw/errors", 0, open::PATH_ONLY).expect("the node");
    fails(pal.stream_map(path_only, (&mut base).into(), size, 0, prot::READ, map::PRIVATE), PalError::Denied);
    env.close(path_only);
    env.close(file);
    let zero = env.open("dev:zero", RW, 0).expect("dev:zero");
    let zeros = stream_map(env, zero, 0, 1, 0, PRW, map::PRIVATE).expect("zeros");
    assert_eq!(load(zeros), 0);
    unmap(env, zeros, 1);
    env.close(zero);
    fails(pal.stream_unmap(zeros, 0), PalError::Invalid);
    fails(pal.stream_unmap(zeros + 1, size), PalError::Invalid);
}

fn past_the_end(env: &Env) {
    let file = env.file("/rw/short", b"x");
    let base = stream_map(env, file, 0, 4, 0, prot::READ, map::SHARED).expect("a mapping");
    assert!(readable(env, base));
    // The PAL itself gets FAULT; what a direct access raises is tested with the exceptions.
    assert!(!readable(env, base + 2 * page(env)));
    env.close(file);
    unmap(env, base, 4);
}
