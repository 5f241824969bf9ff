//! Instruction-cache maintenance.

/// Makes code written to a range visible to instruction fetch.
///
/// On AArch64: clean the data cache to the point of unification, invalidate the instruction cache, by the line sizes
/// `CTR_EL0` tells, unless it says that one or the other is not needed. Arm ARM, "Concurrent modification and
/// execution of instructions". Addresses need not be mapped: a fault is recovered by the caller having checked the
/// range against `memory`'s regions.
#[cfg(target_arch = "aarch64")]
pub(crate) fn flush(base: usize, size: usize) {
    use core::arch::asm;
    let ctr: u64;
    // SAFETY: CTR_EL0 is readable at EL0 on Linux (the kernel emulates it where the hardware traps).
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    let (data_line, code_line) = (4_usize << (ctr >> 16 & 15), 4_usize << (ctr & 15));
    let end = base.saturating_add(size);
    if ctr & 1 << 28 == 0 {
        let mut at = base & !(data_line - 1);
        while at < end {
            // SAFETY: cleaning a line of a mapped range changes no data.
            unsafe { asm!("dc cvau, {}", in(reg) at, options(nostack, preserves_flags)) };
            at += data_line;
        }
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    if ctr & 1 << 29 == 0 {
        let mut at = base & !(code_line - 1);
        while at < end {
            // SAFETY: invalidating a line of a mapped range changes no data.
            unsafe { asm!("ic ivau, {}", in(reg) at, options(nostack, preserves_flags)) };
            at += code_line;
        }
        // SAFETY: barriers.
        unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    }
    // SAFETY: barriers.
    unsafe { asm!("isb", options(nostack, preserves_flags)) };
}

/// Makes code written to a range visible to instruction fetch: x86 keeps it coherent by itself.
#[cfg(not(target_arch = "aarch64"))]
pub(crate) fn flush(_base: usize, _size: usize) {}
