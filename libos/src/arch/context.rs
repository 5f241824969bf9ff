//! Names of the registers in an i386 context.

use pal_abi::ContextI386;

/// Index of EAX in `gpr`.
pub const EAX: usize = 0;
/// Index of ECX.
pub const ECX: usize = 1;
/// Index of EDX.
pub const EDX: usize = 2;
/// Index of EBX.
pub const EBX: usize = 3;
/// Index of ESP.
pub const ESP: usize = 4;
/// Index of EBP.
pub const EBP: usize = 5;
/// Index of ESI.
pub const ESI: usize = 6;
/// Index of EDI.
pub const EDI: usize = 7;

/// Index of ES in `selectors`.
pub const ES: usize = 0;
/// Index of CS.
pub const CS: usize = 1;
/// Index of SS.
pub const SS: usize = 2;
/// Index of DS.
pub const DS: usize = 3;
/// Index of FS.
pub const FS: usize = 4;
/// Index of GS.
pub const GS: usize = 5;

/// EFLAGS of a program at its start: interrupts on, the bit that is always 1.
pub const EFLAGS_START: u32 = 0x202;

/// Resets a context to the start of a program.
pub fn start(context: &mut ContextI386, eip: u32, esp: u32) {
    context.gpr = [0; 8];
    context.gpr[ESP] = esp;
    context.eip = eip;
    context.eflags = EFLAGS_START;
    context.selectors = [0x2b, 0x23, 0x2b, 0x2b, 0, 0];
    context.fxsave = crate::signal::fpstate::initial();
    context.header.has_fp = 1;
    context.header.mode = pal_abi::flags::mode::APP;
}

/// The six arguments of a system call, in order.
#[must_use]
pub const fn arguments(context: &ContextI386) -> [u32; 6] {
    let r = &context.gpr;
    [r[EBX], r[ECX], r[EDX], r[ESI], r[EDI], r[EBP]]
}

/// The floating-point state at the moment: the context's, or what was left in the unit.
#[must_use]
pub fn floating_point(context: &ContextI386) -> [u8; 512] {
    if context.header.has_fp != 0 { context.fxsave } else { live_floating_point() }
}

#[repr(align(16))]
struct Aligned([u8; 512]);

/// Saves the state in the unit, which the library OS itself never touches.
fn live_floating_point() -> [u8; 512] {
    let mut image = Aligned([0; 512]);
    // SAFETY: the image is 512 bytes, aligned to 16.
    #[cfg(target_arch = "x86")]
    unsafe {
        core::arch::asm!("fxsave [{}]", in(reg) &raw mut image.0, options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86"))]
    {
        image.0 = crate::signal::fpstate::initial();
    }
    image.0
}
