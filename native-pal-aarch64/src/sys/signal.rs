//! Host signals: the handlers, and the machine context they see.
//!
//! One handler serves all signals of the PAL. It first recovers the stretches of [`super::recover`]; what remains
//! goes to the hook that `exception` registers.

use core::sync::atomic::{AtomicPtr, Ordering};

use super::recover::{self, Reason};

/// The signal that carries `ThreadInterrupt`: ignored by default, so a stray one does no harm.
pub(crate) const INTERRUPT: libc::c_int = libc::SIGURG;

/// The signal by which another process of the family rings the first thread.
pub(crate) const RING: libc::c_int = libc::SIGUSR1;

/// What `siginfo_t` tells of a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Info {
    /// `si_code`.
    pub(crate) code: libc::c_int,
    /// `si_addr`; meaningless for signals that are no faults.
    pub(crate) address: u64,
}

/// What gets the signals that are no recovery. Returns whether it dealt with it.
pub(crate) type Hook = fn(signal: libc::c_int, info: &Info, context: &mut libc::ucontext_t) -> bool;

static HOOK: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Registers the hook.
pub(crate) fn set_hook(hook: Hook) {
    HOOK.store(hook as *mut (), Ordering::Release);
}

/// The program counter of a context.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a register is a usize here")]
pub(crate) fn pc(context: &libc::ucontext_t) -> usize {
    #[cfg(target_arch = "x86_64")]
    return context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize;
    #[cfg(target_arch = "aarch64")]
    return context.uc_mcontext.pc as usize;
}

/// Makes a context continue at `pc`.
pub(crate) fn set_pc(context: &mut libc::ucontext_t, pc: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        context.uc_mcontext.gregs[libc::REG_RIP as usize] = (pc as u64).cast_signed();
    }
    #[cfg(target_arch = "aarch64")]
    {
        context.uc_mcontext.pc = pc as u64;
    }
}

unsafe extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let context: *mut libc::ucontext_t = context.cast();
    // SAFETY: the kernel passes a context that lives until the handler returns.
    let machine = unsafe { &mut *context };
    let reason = match signal {
        INTERRUPT => Some(Reason::Interrupt),
        libc::SIGSEGV | libc::SIGBUS => Some(Reason::Fault),
        _ => None,
    };
    if let Some(landing) = reason.and_then(|reason| recover::landing(pc(machine), reason)) {
        set_pc(machine, landing);
        return;
    }
    let hook = HOOK.load(Ordering::Acquire);
    if !hook.is_null() {
        // SAFETY: only `set_hook` stores here, and it stores a `Hook`.
        let hook: Hook = unsafe { core::mem::transmute(hook) };
        // SAFETY: the kernel passes an information block that lives until the handler returns.
        let info = unsafe { &*info };
        // SAFETY: the address is a plain field for every signal; for those that are no faults it is not used.
        let address = unsafe { info.si_addr() }.addr() as u64;
        if hook(signal, &Info { code: info.si_code, address }, machine) {
            return;
        }
    }
    if signal != INTERRUPT && signal != RING {
        // Nobody's: let it happen again with its default action, which ends the process.
        // SAFETY: resetting a disposition to the default.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Installs the handler for a signal, without `SA_RESTART`, on the alternate stack where the thread has one.
///
/// `mask` are the signals blocked while it runs, besides `signal` itself unless the flags say otherwise.
fn install(signal: libc::c_int, flags: libc::c_int, mask: &[libc::c_int]) {
    // SAFETY: all zero is an empty `sigaction`.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    let entry: unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = handler;
    action.sa_sigaction = entry as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | flags;
    for blocked in mask {
        // SAFETY: the set is ours.
        unsafe { libc::sigaddset(&raw mut action.sa_mask, *blocked) };
    }
    // SAFETY: the action is complete, and its handler keeps invariant 3.
    let result = unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) };
    assert_eq!(result, 0, "sigaction({signal}) takes a valid signal");
}

/// Installs the handler for a fault. A fault inside it is delivered too: a dispatch may use recoverable copies.
/// Interrupts and rings wait until it returns.
pub(crate) fn install_fault(signal: libc::c_int) {
    install(signal, libc::SA_NODEFER, &[INTERRUPT, RING]);
}

/// Installs the handlers that recovery needs: faults on memory, and the interrupt signals.
pub(crate) fn install_recovery() {
    install_fault(libc::SIGSEGV);
    install_fault(libc::SIGBUS);
    install(INTERRUPT, 0, &[RING]);
    install(RING, 0, &[INTERRUPT]);
}

/// Sends the interrupt signal to a thread of this process.
pub(crate) fn send_interrupt(tid: i32) {
    // SAFETY: both calls take and return numbers.
    let pid = unsafe { libc::getpid() };
    // SAFETY: as above; a thread that is gone is ESRCH.
    unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, INTERRUPT) };
}

/// The kernel's number of the calling thread.
#[must_use]
pub(crate) fn thread_id() -> i32 {
    // SAFETY: takes nothing, returns a number.
    unsafe { libc::gettid() }
}
