//! Entering 32-bit code and coming back, by signal frames.
//!
//! The only thread of the worker raises a first SIGTRAP; from then on each signal's handler takes the state of the case
//! that just ended out of the frame, puts the next case's state into it and returns: `sigreturn` enters the 32-bit code
//! segment with every register loaded. After the last case the handler puts the first frame back.
//!
//! Invariants that the unsafe blocks rely on:
//! - **One thread.** The worker never starts a second one; the handler's signals are all blocked while it runs.
//! - **High process.** The worker is position-independent: its code, data, stacks and the windows' aliases lie above 4 GiB,
//!   where 32-bit code cannot reach. What a case can change is its windows and its registers.
//! - **Segments.** A case may leave any selector in DS, ES, FS, GS and thereby a wrong FS base (Rust's thread-local
//!   storage): the assembly at the handler's entry puts it right before any Rust code runs.

#![expect(clippy::cast_sign_loss, reason = "a signal frame packs selectors in a 64-bit field")]

use crate::case::SELECTORS;
use crate::descriptors::{DESCRIPTORS, FIRST};
use crate::layout::{GS_BASE, PAGE, WINDOWS};
use core::cell::UnsafeCell;
use core::ptr::{null, null_mut};
use std::io;

/// Registers of a signal frame, as Linux names them (`REG_R8` … `REG_CR2`).
pub(super) type Gregs = [i64; 23];

/// What the handler can see and edit.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// Signal number.
    pub(super) signal: i32,
    /// The general registers, EIP, EFLAGS, CS and SS, trap number, error code, CR2.
    pub(super) gregs: &'a mut Gregs,
    /// The FXSAVE64 image.
    pub(super) fx: &'a mut [u8; 512],
    /// Which state components of the image are loaded on return.
    pub(super) xstate_bv: &'a mut u64,
    /// ES, DS, FS, GS as the case left them.
    pub(super) selectors: [u16; 4],
    /// The windows' contents, in the order of [`WINDOWS`]; empty where a window could not be mapped.
    pub(super) windows: [&'a mut [u8]; WINDOWS.len()],
}

/// What the worker does with each signal.
pub(super) trait Sequence {
    /// Takes the outcome out of the frame, puts the next case in.
    fn next(&mut self, frame: &mut Frame<'_>) -> Next;
}

/// What follows a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// The frame holds a new case.
    Start,
    /// The frame is as it was: the case goes on.
    Resume,
    /// There is no case left: return from [`run`].
    End,
}

struct Saved {
    gregs: Gregs,
    fx: [u8; 512],
    xstate_bv: u64,
}

struct Shared {
    sequence: Option<*mut dyn Sequence>,
    first: Option<Saved>,
    aliases: [*mut u8; WINDOWS.len()],
}

struct OneThread<T>(UnsafeCell<T>);

// SAFETY: "One thread".
unsafe impl<T> Sync for OneThread<T> {}

static SHARED: OneThread<Shared> =
    OneThread(UnsafeCell::new(Shared { sequence: None, first: None, aliases: [null_mut(); WINDOWS.len()] }));

/// Read and written by the assembly below.
#[unsafe(no_mangle)]
static mut TRUNNION_WORKER_FS_BASE: u64 = 0;
#[unsafe(no_mangle)]
static mut TRUNNION_WORKER_SELECTORS: [u16; 4] = [0; 4];
#[unsafe(no_mangle)]
static mut TRUNNION_WORKER_FLAGS: u32 = 0;

/// The worker's own code segment, the kernel's for 64-bit programs.
const WORKER_CS: u16 = 0x33;

/// NT and ID.
const FLAGS_OUTSIDE_FRAME: i64 = 0x20_4000;

core::arch::global_asm!(
    ".globl trunnion_worker_handler",
    "trunnion_worker_handler:",
    "push rbp",
    "mov rbp, rsp",
    // The kernel leaves the alignment check on; this process makes misaligned accesses.
    "pushfq",
    "and dword ptr [rsp], ~0x40000",
    "popfq",
    "mov rbx, rdi",
    "mov r12, rsi",
    "mov r13, rdx",
    "mov ax, es",
    "mov [rip + {selectors}], ax",
    "mov ax, ds",
    "mov [rip + {selectors} + 2], ax",
    "mov ax, fs",
    "mov [rip + {selectors} + 4], ax",
    "mov ax, gs",
    "mov [rip + {selectors} + 6], ax",
    // A zero selector loaded by the case may have changed the base as well, so it is set in any case.
    "mov eax, {arch_prctl}",
    "mov edi, {set_fs}",
    "mov rsi, [rip + {fs_base}]",
    "syscall",
    "mov rdi, rbx",
    "mov rsi, r12",
    "mov rdx, r13",
    "call {handle}",
    "mov ax, [rip + {selectors}]",
    "mov es, ax",
    "mov ax, [rip + {selectors} + 2]",
    "mov ds, ax",
    "mov ax, [rip + {selectors} + 6]",
    "mov gs, ax",
    "mov ax, fs",
    "cmp ax, [rip + {selectors} + 4]",
    "je 2f",
    "mov ax, [rip + {selectors} + 4]",
    "mov fs, ax",
    "test ax, ax",
    "jnz 2f",
    "mov eax, {arch_prctl}",
    "mov edi, {set_fs}",
    "mov rsi, [rip + {fs_base}]",
    "syscall",
    "2:",
    // `sigreturn` takes NT and ID not from the frame but from here.
    "pushfq",
    "and qword ptr [rsp], ~0x204000",
    "mov eax, [rip + {flags}]",
    "or [rsp], rax",
    "popfq",
    "pop rbp",
    "ret",
    flags = sym TRUNNION_WORKER_FLAGS,
    selectors = sym TRUNNION_WORKER_SELECTORS,
    fs_base = sym TRUNNION_WORKER_FS_BASE,
    handle = sym handle,
    arch_prctl = const libc::SYS_arch_prctl,
    set_fs = const 0x1002,
);

unsafe extern "C" {
    fn trunnion_worker_handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void);
}

extern "C" fn handle(signal: i32, _info: *mut libc::siginfo_t, context: *mut libc::ucontext_t) {
    // SAFETY: "One thread"; the handler does not nest, so this is the only reference.
    let shared = unsafe { &mut *SHARED.0.get() };
    // SAFETY: the kernel gives a context that is ours until we return.
    let context = unsafe { &mut *context };
    let in_case = context.uc_mcontext.gregs[18] as u16 != WORKER_CS;
    if signal == libc::SIGVTALRM && !in_case {
        return; // a tick in the worker's own code
    }
    let fpstate = context.uc_mcontext.fpregs.cast::<u8>();
    // SAFETY: the header, checked for by `prepare`, directly follows the image.
    let header = unsafe { fpstate.add(512) };
    // SAFETY: on x86-64 the frame always has an FXSAVE image of 512 bytes.
    let fx = unsafe { &mut *fpstate.cast::<[u8; 512]>() };
    // SAFETY: the header begins with this word; it is 8-aligned.
    let xstate_bv = unsafe { &mut *header.cast::<u64>() };
    // SAFETY: "One thread": only the assembly writes it, before this call.
    let selectors = unsafe { TRUNNION_WORKER_SELECTORS };
    let aliases = shared.aliases;
    let windows = core::array::from_fn(|i| {
        if aliases[i].is_null() {
            return &mut [][..];
        }
        // SAFETY: the alias maps the whole window; the case, its only other user, is not running.
        unsafe { core::slice::from_raw_parts_mut(aliases[i], WINDOWS[i].len() as usize) }
    });
    let Some(sequence) = shared.sequence else {
        // A signal outside `run` is a fault of the worker's own.
        std::process::abort();
    };
    let begins = shared.first.is_none();
    if begins {
        shared.first = Some(Saved { gregs: context.uc_mcontext.gregs, fx: *fx, xstate_bv: *xstate_bv });
    }
    let mut frame = Frame {
        signal: if begins { 0 } else { signal },
        gregs: &mut context.uc_mcontext.gregs,
        fx,
        xstate_bv,
        selectors,
        windows,
    };
    // SAFETY: `run` keeps the sequence alive, and does not touch it while the signal is handled.
    let more = unsafe { &mut *sequence }.next(&mut frame);
    let [es, _, _, ds, fs, gs] = SELECTORS;
    let next = match more {
        Next::Resume => selectors,
        Next::Start | Next::End => [es, ds, fs, gs],
    };
    // SAFETY: "One thread": the assembly reads it after this call.
    unsafe { TRUNNION_WORKER_SELECTORS = next };
    let flags = if more == Next::Resume { frame.gregs[17] & FLAGS_OUTSIDE_FRAME } else { 0 };
    // SAFETY: as above.
    unsafe { TRUNNION_WORKER_FLAGS = flags as u32 };
    if more != Next::End {
        *frame.xstate_bv |= 3;
    } else if let Some(first) = shared.first.take() {
        *frame.gregs = first.gregs;
        *frame.fx = first.fx;
        *frame.xstate_bv = first.xstate_bv;
    }
}

/// Runs a sequence of cases until it has no more.
pub(super) fn run(sequence: &mut dyn Sequence) {
    let pointer: *mut (dyn Sequence + '_) = sequence;
    // SAFETY: only the lifetime changes; the pointer is removed below before `sequence` ends.
    let pointer: *mut (dyn Sequence + 'static) = unsafe { core::mem::transmute(pointer) };
    // SAFETY: "One thread"; no handler is running.
    unsafe { (*SHARED.0.get()).sequence = Some(pointer) };
    // SAFETY: the trap's handler comes back with all registers of this point restored; memory may have changed, which
    // is this block's default assumption.
    unsafe { core::arch::asm!("int3") };
    // SAFETY: as above.
    unsafe { (*SHARED.0.get()).sequence = None };
}

fn check(result: i64) -> io::Result<i64> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Maps every window twice: for the case at its address, for the worker above 4 GiB.
fn map_windows() -> io::Result<()> {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"case".as_ptr(), 0) };
    check(fd.into())?;
    let total: u32 = WINDOWS.iter().map(crate::layout::Window::len).sum();
    // SAFETY: takes integers only.
    check(unsafe { libc::ftruncate(fd, total.into()) }.into())?;
    let mut offset = 0;
    for (i, w) in WINDOWS.iter().enumerate() {
        let len = w.len() as usize;
        let prot = libc::PROT_READ
            | if w.allow.write { libc::PROT_WRITE } else { 0 }
            | if w.allow.execute { libc::PROT_EXEC } else { 0 };
        // Populated, so that a page fault says "present" wherever a page is.
        let flags = libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE | libc::MAP_POPULATE;
        let at = core::ptr::without_provenance_mut(w.base as usize);
        // SAFETY: NOREPLACE: only unused addresses are taken.
        let low = unsafe { libc::mmap(at, len, prot, flags, fd, offset) };
        if low == libc::MAP_FAILED && w.base < 0x1_0000 {
            offset += i64::from(w.len());
            continue; // mmap_min_addr: the window stays absent
        }
        if low != at {
            return Err(io::Error::last_os_error());
        }
        let both = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping wherever the kernel likes.
        let alias = unsafe { libc::mmap(null_mut(), len, both, libc::MAP_SHARED, fd, offset) };
        if alias == libc::MAP_FAILED || (alias.addr() as u64) < 1 << 32 {
            return Err(io::Error::other("no memory above 4 GiB"));
        }
        // SAFETY: the mapping just made.
        unsafe { core::slice::from_raw_parts_mut(alias.cast::<u8>(), len) }.fill(w.fill());
        // SAFETY: "One thread"; no handler is running.
        unsafe { (*SHARED.0.get()).aliases[i] = alias.cast() };
        offset += i64::from(w.len());
    }
    Ok(())
}

/// Makes GS's descriptor with the i386 system call `set_thread_area`, which exists only where i386 code runs.
fn set_thread_area() -> io::Result<()> {
    // struct user_desc {entry, base, limit, flags: seg_32bit | limit_in_pages | useable}
    let descriptor = [u32::from(crate::layout::GS_SELECTOR >> 3), GS_BASE, 0xf_ffff, 0x51];
    // SAFETY: a fresh page below 4 GiB, because the call takes a 32-bit pointer.
    let page = unsafe {
        libc::mmap(
            null_mut(),
            PAGE as usize,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the page is ours and large enough.
    unsafe { page.cast::<[u32; 4]>().write(descriptor) };
    let result: i32;
    // SAFETY: i386 system call 243 reads the descriptor; RBX is restored; R8–R11 are clobbered by the entry path.
    unsafe {
        core::arch::asm!(
            "xchg rbx, {at}",
            "int 0x80",
            "xchg rbx, {at}",
            at = inout(reg) page => _,
            inout("eax") 243 => result,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    // SAFETY: mapped above, not used again.
    unsafe { libc::munmap(page, PAGE as usize) };
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(()) }
}

/// Fills the local descriptor table.
fn modify_ldt() -> io::Result<()> {
    for (n, d) in (u32::from(FIRST)..).zip(&DESCRIPTORS) {
        let descriptor = [n, d.base, d.limit, d.flags];
        let size = size_of_val(&descriptor);
        // SAFETY: function 0x11 reads one `struct user_desc`.
        let result = unsafe { libc::syscall(libc::SYS_modify_ldt, 0x11, descriptor.as_ptr(), size) };
        // The kernel's result has 32 bits.
        if result != 0 {
            return Err(io::Error::from_raw_os_error(-(result as i32)));
        }
    }
    Ok(())
}

/// Maps the windows and installs the signal handlers. Call once.
pub(super) fn prepare() -> io::Result<()> {
    if !std::is_x86_feature_detected!("xsave") {
        return Err(io::Error::other("the processor has no XSAVE"));
    }
    map_windows()?;
    // Without IA32 emulation `int 0x80` is a #GP: it ends this process, which the client reports.
    set_thread_area()?;
    modify_ldt()?;
    let mut base = 0u64;
    // SAFETY: ARCH_GET_FS (0x1003) writes one u64.
    check(unsafe { libc::syscall(libc::SYS_arch_prctl, 0x1003, &raw mut base) })?;
    // SAFETY: "One thread".
    unsafe { TRUNNION_WORKER_FS_BASE = base };
    let size = 256 * 1024;
    // SAFETY: a fresh mapping.
    let stack = unsafe {
        libc::mmap(
            null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if stack == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let alternate = libc::stack_t { ss_sp: stack, ss_flags: 0, ss_size: size };
    // SAFETY: the stack is mapped for the life of the process.
    check(unsafe { libc::sigaltstack(&raw const alternate, null_mut()) }.into())?;
    for signal in [
        libc::SIGTRAP,
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGSYS,
        libc::SIGVTALRM,
    ] {
        // SAFETY: all zero is a valid sigaction.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_sigaction = trunnion_worker_handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: fills the set.
        unsafe { libc::sigfillset(&raw mut action.sa_mask) };
        // SAFETY: the handler follows the protocol of this module.
        check(unsafe { libc::sigaction(signal, &raw const action, null_mut()) }.into())?;
    }
    Ok(())
}

/// Starts a timer of the process's own CPU time: SIGVTALRM every `ms` milliseconds spent in user mode.
pub(super) fn start_timer(ms: i64) -> io::Result<()> {
    let period = libc::timeval { tv_sec: 0, tv_usec: ms * 1000 };
    let timer = libc::itimerval { it_interval: period, it_value: period };
    // SAFETY: the structure lives until the call returns.
    let result =
        unsafe { libc::syscall(libc::SYS_setitimer, libc::ITIMER_VIRTUAL, &raw const timer, null::<u8>()) };
    check(result).map(drop)
}
