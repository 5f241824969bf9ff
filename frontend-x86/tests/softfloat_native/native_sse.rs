//! One SSE instruction on the processor itself, #XM included.
//!
//! An unmasked exception arrives as SIGFPE; the handler notes MXCSR, masks everything and goes on at the address that
//! the instruction sequence keeps in R11.

use core::arch::asm;
use core::cell::Cell;
use core::ffi::{c_int, c_void};
use std::sync::Once;

thread_local! {
    static TRAPPED: Cell<Option<u32>> = const { Cell::new(None) };
}

/// glibc's `struct sigaction` on x86-64.
#[repr(C)]
struct SigAction {
    handler: extern "C" fn(c_int, *mut c_void, *mut u8),
    mask: [u64; 16],
    flags: c_int,
    restorer: usize,
}

unsafe extern "C" {
    fn sigaction(signal: c_int, new: *const SigAction, old: *mut SigAction) -> c_int;
}

const SIGFPE: c_int = 8;
const SA_SIGINFO: c_int = 4;

/// Places in `ucontext_t`: the general registers, RIP and R11 in them, and the pointer to the FXSAVE image.
const REGISTERS: usize = 40;
const R11: usize = REGISTERS + 3 * 8;
const RIP: usize = REGISTERS + 16 * 8;
const FP_STATE: usize = REGISTERS + 23 * 8;
/// MXCSR in an FXSAVE image.
const MXCSR: usize = 24;

extern "C" fn on_fpe(_signal: c_int, _info: *mut c_void, context: *mut u8) {
    let at = |offset: usize| context.wrapping_add(offset).cast::<u64>();
    // SAFETY: the kernel passes a valid ucontext_t whose layout the constants above describe.
    let resume = unsafe { at(R11).read() };
    // SAFETY: as above; the context is ours to edit.
    unsafe { at(RIP).write(resume) };
    // SAFETY: as above.
    let fp_state = unsafe { at(FP_STATE).cast::<*mut u8>().read() };
    let mxcsr = fp_state.wrapping_add(MXCSR).cast::<u32>();
    // SAFETY: on x86-64 the kernel always saves an FXSAVE image.
    TRAPPED.set(Some(unsafe { mxcsr.read() }));
    // SAFETY: as above.
    unsafe { mxcsr.write(0x1f80) };
}

fn catch_traps() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let action = SigAction { handler: on_fpe, mask: [0; 16], flags: SA_SIGINFO, restorer: 0 };
        // SAFETY: the structure has glibc's layout and lives across the call.
        let result = unsafe { sigaction(SIGFPE, &raw const action, core::ptr::null_mut()) };
        assert_eq!(result, 0, "SIGFPE cannot be caught");
    });
}

/// What an instruction left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The destination register's low 64 bits.
    pub(crate) value: u64,
    /// EFLAGS after it.
    pub(crate) eflags: u64,
    /// MXCSR after it, or as the trap showed it.
    pub(crate) mxcsr: u32,
    /// Whether it trapped.
    pub(crate) trapped: bool,
}

/// Defines `fn name(a, b, mxcsr) -> Seen`: `instruction` on XMM0 = a and XMM1 = b, or EAX = b.
macro_rules! sse_operation {
    ($($name:ident: $instruction:literal),* $(,)?) => { $(
        pub(crate) fn $name(a: u64, b: u64, mxcsr: u32) -> Seen {
            catch_traps();
            TRAPPED.set(None);
            let masked = 0x1f80u32;
            let mut after = mxcsr;
            let (mut value, mut eflags): (u64, u64);
            // SAFETY: every register that is touched is declared; MXCSR is as at entry afterwards; a trap resumes at the
            // label with MXCSR masked.
            unsafe {
                asm!(
                    "movq xmm0, {a}",
                    "movq xmm1, {b}",
                    "lea r11, [rip + 2f]",
                    "mov eax, 0x55555555",
                    "ldmxcsr dword ptr [{after}]",
                    $instruction,
                    "2:",
                    "pushfq",
                    "pop {eflags}",
                    "stmxcsr dword ptr [{after}]",
                    "ldmxcsr dword ptr [{masked}]",
                    "movq {a}, xmm0",
                    a = inout(reg) a => value, b = in(reg) b,
                    after = in(reg) &raw mut after, masked = in(reg) &raw const masked,
                    eflags = out(reg) eflags,
                    out("rax") _, out("r11") _, out("xmm0") _, out("xmm1") _,
                );
            }
            match TRAPPED.take() {
                Some(mxcsr) => Seen { value, eflags, mxcsr, trapped: true },
                None => Seen { value, eflags, mxcsr: after, trapped: false },
            }
        }
    )* };
}

sse_operation! {
    addss: "addss xmm0, xmm1",
    subss: "subss xmm0, xmm1",
    mulss: "mulss xmm0, xmm1",
    divss: "divss xmm0, xmm1",
    minss: "minss xmm0, xmm1",
    maxss: "maxss xmm0, xmm1",
    sqrtss: "sqrtss xmm0, xmm1",
    addsd: "addsd xmm0, xmm1",
    subsd: "subsd xmm0, xmm1",
    mulsd: "mulsd xmm0, xmm1",
    divsd: "divsd xmm0, xmm1",
    minsd: "minsd xmm0, xmm1",
    maxsd: "maxsd xmm0, xmm1",
    sqrtsd: "sqrtsd xmm0, xmm1",
    comiss: "comiss xmm0, xmm1",
    ucomiss: "ucomiss xmm0, xmm1",
    comisd: "comisd xmm0, xmm1",
    ucomisd: "ucomisd xmm0, xmm1",
    cvtss2sd: "cvtss2sd xmm0, xmm1",
    cvtsd2ss: "cvtsd2ss xmm0, xmm1",
    cvtss2si: "cvtss2si eax, xmm1\n movd xmm0, eax",
    cvttss2si: "cvttss2si eax, xmm1\n movd xmm0, eax",
    cvtsd2si: "cvtsd2si eax, xmm1\n movd xmm0, eax",
    cvttsd2si: "cvttsd2si eax, xmm1\n movd xmm0, eax",
    cvtsi2ss: "movd eax, xmm1\n cvtsi2ss xmm0, eax",
    cvtsi2sd: "movd eax, xmm1\n cvtsi2sd xmm0, eax",
    cmpeqss: "cmpeqss xmm0, xmm1",
    cmpltss: "cmpltss xmm0, xmm1",
    cmpless: "cmpless xmm0, xmm1",
    cmpunordss: "cmpunordss xmm0, xmm1",
    cmpneqsd: "cmpneqsd xmm0, xmm1",
    cmpnltsd: "cmpnltsd xmm0, xmm1",
    cmpnlesd: "cmpnlesd xmm0, xmm1",
    cmpordsd: "cmpordsd xmm0, xmm1",
    roundss_nearest: "roundss xmm0, xmm1, 0",
    roundss_down: "roundss xmm0, xmm1, 1",
    roundss_up: "roundss xmm0, xmm1, 2",
    roundss_zero: "roundss xmm0, xmm1, 3",
    roundsd_mxcsr: "roundsd xmm0, xmm1, 4",
    addps: "addps xmm0, xmm1",
    mulps: "mulps xmm0, xmm1",
}
