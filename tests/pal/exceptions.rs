//! Exceptions: what the dispatcher is told of a fault, and that its edits are what resumes.
//!
//! Each case runs one instruction that faults, written out in assembly with a known address after it; the dispatcher
//! notes what it is told, puts a mark into a register and goes on behind the instruction.

use std::arch::asm;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pal_abi::flags::{access, alloc, exception, exception_flags, fault, free, map, open, prot};
use pal_abi::{ContextHeader, Exception, Handle, PalError, Status};

use crate::harness::{Env, Suite, set_exception_hook};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("exception: reads and writes of nothing", nothing),
        ("exception: reads and writes against the protection", protection),
        ("exception: a fetch of what is no code", fetch),
        ("exception: a guard page, once", guard),
        ("exception: past the end of a file", past_end),
        ("exception: an undefined instruction", illegal),
        ("exception: a break point", break_point),
        ("exception: a division by zero", division),
        ("exception: registers are exact and edits apply", registers),
        ("exception: vector registers are exact and edits apply", vectors),
        ("exception: a fault while one is dealt with", nested),
        ("exception: in a thread of its own", in_a_thread),
    ]);
}

/// What the dispatcher saw last.
static SEEN: Mutex<Option<Exception>> = Mutex::new(None);
/// Where the code goes on.
static RESUME: AtomicUsize = AtomicUsize::new(0);
/// What an edit leaves in the first register.
const MARK: u64 = 0x4d41_524b_0000_002a;

#[cfg(target_arch = "x86_64")]
type Context = pal_abi::ContextX86_64;
#[cfg(target_arch = "aarch64")]
type Context = pal_abi::ContextAarch64;

fn context(header: *mut ContextHeader) -> &'static mut Context {
    // SAFETY: the dispatcher is passed a context of this host, which lives until it returns.
    unsafe { &mut *header.cast() }
}

fn pc(context: &mut Context) -> &mut u64 {
    #[cfg(target_arch = "x86_64")]
    return &mut context.rip;
    #[cfg(target_arch = "aarch64")]
    return &mut context.pc;
}

fn first(context: &mut Context) -> &mut u64 {
    #[cfg(target_arch = "x86_64")]
    return &mut context.gpr[0];
    #[cfg(target_arch = "aarch64")]
    return &mut context.x[0];
}

fn skip(what: &Exception, header: *mut ContextHeader) -> bool {
    *SEEN.lock().unwrap() = Some(*what);
    let context = context(header);
    *pc(context) = RESUME.load(Ordering::SeqCst) as u64;
    *first(context) = MARK;
    true
}

/// Runs an instruction between two labels; `{p}` is an address it may use. Tells the first register after it.
macro_rules! run {
    ($address:expr, $x86:literal, $arm:literal) => {{
        let result: u64;
        // SAFETY: the instruction faults and is skipped, or does what the case says; no memory of Rust's is touched.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            asm!(
                "/* {p} */", "lea rax, [rip + 2f]", "mov [{r}], rax", "mov rax, 7", $x86, "2:",
                p = in(reg) $address, r = in(reg) RESUME.as_ptr(), out("rax") result, out("rdx") _,
            );
        }
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        unsafe {
            asm!(
                "/* {p} */", "adr x0, 2f", "str x0, [{r}]", "mov x0, #7", $arm, "2:",
                p = in(reg) $address, r = in(reg) RESUME.as_ptr(), out("x0") result,
            );
        }
        result
    }};
}

fn load(address: usize) -> (u64, Option<Exception>) {
    seen(|| run!(address, "mov rax, [{p}]", "ldr x0, [{p}]"))
}

fn store(address: usize) -> (u64, Option<Exception>) {
    seen(|| run!(address, "mov [{p}], rax", "str x0, [{p}]"))
}

fn seen(f: impl FnOnce() -> u64) -> (u64, Option<Exception>) {
    *SEEN.lock().unwrap() = None;
    set_exception_hook(Some(skip));
    let result = f();
    set_exception_hook(None);
    (result, SEEN.lock().unwrap().take())
}

#[track_caller]
fn is(outcome: (u64, Option<Exception>), code: u32, address: usize, how: u32) {
    let (result, what) = outcome;
    let what = what.expect("an exception");
    assert_eq!((what.code, what.address, what.info[0]), (code, address as u64, u64::from(how)), "{what:?}");
    assert_eq!((what.flags & exception_flags::IN_HOST, what.depth), (0, 0));
    assert_eq!(result, MARK);
}

fn pages(env: &Env, count: usize, protection: u32) -> usize {
    let (mut base, mut size) = (0_usize, count * env.startup.page_size as usize);
    let what = alloc::RESERVE | alloc::COMMIT;
    assert_eq!(
        env.pal.virtual_memory_allocate((&mut base).into(), (&mut size).into(), what, protection),
        Ok(Status::Ok)
    );
    base
}

fn release(env: &Env, base: usize, count: usize) {
    let size = count * env.startup.page_size as usize;
    assert_eq!(env.pal.virtual_memory_free(base, size, free::RELEASE), Ok(Status::Ok));
}

fn nothing(_: &Env) {
    is(load(0x10), exception::ACCESS, 0x10, fault::READ);
    is(store(0x18), exception::ACCESS, 0x18, fault::WRITE);
}

fn protection(env: &Env) {
    let base = pages(env, 1, prot::READ);
    assert_eq!(load(base), (0, None));
    is(store(base + 24), exception::ACCESS, base + 24, fault::WRITE);
    let mut old = 0;
    let size = env.startup.page_size as usize;
    assert_eq!(env.pal.virtual_memory_protect(base, size, prot::NONE, (&mut old).into()), Ok(Status::Ok));
    is(load(base + 8), exception::ACCESS, base + 8, fault::READ);
    is(store(base + 8), exception::ACCESS, base + 8, fault::WRITE);
    release(env, base, 1);
}

fn fetch(env: &Env) {
    let base = pages(env, 1, prot::READ | prot::WRITE);
    let outcome = seen(|| run!(base, "jmp {p}", "br {p}"));
    is(outcome, exception::ACCESS, base, fault::EXECUTE);
    release(env, base, 1);
}

fn guard(env: &Env) {
    let base = pages(env, 1, prot::READ | prot::WRITE | prot::GUARD);
    is(store(base + 16), exception::GUARD, base + 16, fault::WRITE);
    assert_eq!(store(base + 16), (7, None));
    assert_eq!(load(base + 16), (7, None));
    release(env, base, 1);
}

fn past_end(env: &Env) {
    let file = env.file("/rw/short", b"short");
    let page = env.startup.page_size as usize;
    let mut base = 0_usize;
    let mapped = env.pal.stream_map(file, (&mut base).into(), 2 * page, 0, prot::READ, map::SHARED);
    assert_eq!(mapped, Ok(Status::Ok));
    assert_eq!(load(base).1, None);
    is(load(base + page), exception::IN_PAGE_ERROR, base + page, fault::READ);
    assert_eq!(env.pal.stream_unmap(base, 2 * page), Ok(Status::Ok));
    env.close(file);
}

fn illegal(_: &Env) {
    let (result, what) = seen(|| run!(0_usize, "ud2", "udf #0"));
    assert_eq!((result, what.map(|w| w.code)), (MARK, Some(exception::ILLEGAL)));
}

fn break_point(_: &Env) {
    let (result, what) = seen(|| run!(0_usize, "int3", "brk #1"));
    assert_eq!((result, what.map(|w| w.code)), (MARK, Some(exception::BREAK)));
}

#[cfg(target_arch = "x86_64")]
fn division(_: &Env) {
    let (result, what) = seen(|| run!(0_usize, "xor edx, edx; div {p}", "nop"));
    assert_eq!((result, what.map(|w| w.code)), (MARK, Some(exception::DIVIDE)));
}

/// The architecture has no such fault: the quotient is 0.
#[cfg(target_arch = "aarch64")]
fn division(_: &Env) {
    let (result, what) = seen(|| run!(0_usize, "nop", "udiv x0, x0, {p}"));
    assert_eq!((result, what), (0, None));
}

#[cfg(target_arch = "x86_64")]
fn registers(_: &Env) {
    fn hook(_: &Exception, header: *mut ContextHeader) -> bool {
        let context = context(header);
        let expected = [0x1000, 0x1001, 0x1002, 0, 0, 0, 0x1006, 0x1007, 0x1008, 0x1009, 0x100a, 0x100b];
        let checked = [0, 1, 2, 6, 7, 8, 9, 10, 11];
        let ok = checked.iter().all(|n| context.gpr[*n] == expected[*n])
            && (context.header.isa, context.header.size, context.header.has_fp) == (62, 704, 1)
            && context.rflags & 1 == 1;
        context.rip = RESUME.load(Ordering::SeqCst) as u64;
        for n in checked {
            context.gpr[n] += 0x1000;
        }
        context.rflags &= !1;
        ok
    }
    set_exception_hook(Some(hook));
    let (a, c, d, si, di, r8, r9, r10, r11): (u64, u64, u64, u64, u64, u64, u64, u64, u64);
    let carry: u8;
    // SAFETY: as in `run`.
    unsafe {
        asm!(
            "lea rax, [rip + 2f]", "mov [r8], rax",
            "mov eax, 0x1000", "mov ecx, 0x1001", "mov edx, 0x1002", "mov esi, 0x1006", "mov edi, 0x1007",
            "mov r8d, 0x1008", "mov r9d, 0x1009", "mov r10d, 0x100a", "mov r11d, 0x100b",
            "stc", "ud2", "2:", "setc {carry}",
            carry = out(reg_byte) carry,
            inout("r8") RESUME.as_ptr() => r8, out("rax") a, out("rcx") c, out("rdx") d, out("rsi") si,
            out("rdi") di, out("r9") r9, out("r10") r10, out("r11") r11,
        );
    }
    set_exception_hook(None);
    assert_eq!([a, c, d], [0x2000, 0x2001, 0x2002]);
    assert_eq!([si, di, r8, r9, r10, r11], [0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x200b]);
    assert_eq!(carry, 0);
}

#[cfg(target_arch = "aarch64")]
fn registers(_: &Env) {
    fn hook(_: &Exception, header: *mut ContextHeader) -> bool {
        let context = context(header);
        let ok = (0..16).all(|n| context.x[n] == 0x1000 + n as u64)
            && (context.header.isa, context.header.size, context.header.has_fp) == (183, 816, 1)
            && context.pstate >> 29 & 1 == 1;
        context.pc = RESUME.load(Ordering::SeqCst) as u64;
        for n in 0..16 {
            context.x[n] += 0x1000;
        }
        context.pstate &= !(1 << 29);
        ok
    }
    set_exception_hook(Some(hook));
    let mut out = [0_u64; 16];
    let carry: u64;
    // SAFETY: as in `run`; `out` is written after the fault.
    unsafe {
        asm!(
            "adr x0, 2f", "str x0, [x1]", "mov x17, x2",
            "mov x0, #0x1000", "mov x1, #0x1001", "mov x2, #0x1002", "mov x3, #0x1003", "mov x4, #0x1004",
            "mov x5, #0x1005", "mov x6, #0x1006", "mov x7, #0x1007", "mov x8, #0x1008", "mov x9, #0x1009",
            "mov x10, #0x100a", "mov x11, #0x100b", "mov x12, #0x100c", "mov x13, #0x100d", "mov x14, #0x100e",
            "mov x15, #0x100f", "cmp x0, x0", "udf #0", "2:",
            "cset x16, cs",
            "stp x0, x1, [x17]", "stp x2, x3, [x17, #16]", "stp x4, x5, [x17, #32]", "stp x6, x7, [x17, #48]",
            "stp x8, x9, [x17, #64]", "stp x10, x11, [x17, #80]", "stp x12, x13, [x17, #96]",
            "stp x14, x15, [x17, #112]",
            inout("x1") RESUME.as_ptr() => _, inout("x2") out.as_mut_ptr() => _, out("x0") _, out("x3") _,
            out("x4") _, out("x5") _, out("x6") _, out("x7") _, out("x8") _, out("x9") _, out("x10") _,
            out("x11") _, out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") carry, out("x17") _,
        );
    }
    set_exception_hook(None);
    let expected: Vec<u64> = (0..16).map(|n| 0x2000 + n).collect();
    assert_eq!(out.as_slice(), expected);
    assert_eq!(carry, 0);
}

/// The low half of vector register `n`.
fn vector(context: &mut Context, n: usize) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        let at = 160 + 16 * n;
        u64::from_le_bytes(context.fxsave[at..at + 8].try_into().unwrap())
    }
    #[cfg(target_arch = "aarch64")]
    {
        context.v[n][0]
    }
}

fn set_vector(context: &mut Context, n: usize, value: u64) {
    #[cfg(target_arch = "x86_64")]
    {
        let at = 160 + 16 * n;
        context.fxsave[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    #[cfg(target_arch = "aarch64")]
    {
        context.v[n][0] = value;
    }
}

fn vectors(_: &Env) {
    fn hook(_: &Exception, header: *mut ContextHeader) -> bool {
        let context = context(header);
        let ok = vector(context, 3) == 0x1122_3344_5566_7788;
        set_vector(context, 3, 0xcafe);
        *pc(context) = RESUME.load(Ordering::SeqCst) as u64;
        ok
    }
    set_exception_hook(Some(hook));
    let mut value = 0x1122_3344_5566_7788_u64;
    // SAFETY: as in `run`.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "lea rax, [rip + 2f]", "mov [{r}], rax", "movq xmm3, {v}", "ud2", "2:", "movq {v}, xmm3",
            v = inout(reg) value, r = in(reg) RESUME.as_ptr(), out("rax") _, out("xmm3") _,
        );
    }
    // SAFETY: as in `run`.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "adr x0, 2f", "str x0, [{r}]", "fmov d3, {v}", "udf #0", "2:", "fmov {v}, d3",
            v = inout(reg) value, r = in(reg) RESUME.as_ptr(), out("x0") _, out("v3") _,
        );
    }
    set_exception_hook(None);
    assert_eq!(value, 0xcafe);
}

fn nested(env: &Env) {
    static DEPTHS: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    fn hook(what: &Exception, header: *mut ContextHeader) -> bool {
        DEPTHS.lock().unwrap().push(what.depth);
        let resume = RESUME.load(Ordering::SeqCst);
        if what.depth == 0 {
            run!(PAGE.load(Ordering::SeqCst), "mov [{p}], rax", "str x0, [{p}]");
        }
        RESUME.store(resume, Ordering::SeqCst);
        let context = context(header);
        *pc(context) = resume as u64;
        true
    }
    let base = pages(env, 1, prot::READ);
    PAGE.store(base, Ordering::SeqCst);
    set_exception_hook(Some(hook));
    run!(0x20_usize, "mov rax, [{p}]", "ldr x0, [{p}]");
    set_exception_hook(None);
    assert_eq!(*DEPTHS.lock().unwrap(), [0, 1]);
    // And the calls work in between: the interrupted thread was in none.
    release(env, base, 1);
}

fn in_a_thread(env: &Env) {
    let thread = env.spawn(|| is(load(0x30), exception::ACCESS, 0x30, fault::READ));
    env.join(thread);
    // A pointer of the caller's is the caller's: no exception, an error.
    let read_only = pages(env, 1, prot::READ);
    // SAFETY: the callee writes there or fails.
    let out = unsafe { pal_abi::arg::Out::<Handle>::from_addr(read_only) };
    let uri = "null:";
    let opened = env.pal.stream_open(uri.into(), uri.len(), access::READ, 0, open::EXISTING, out);
    assert_eq!(opened, Err(PalError::Fault));
    release(env, read_only, 1);
}
