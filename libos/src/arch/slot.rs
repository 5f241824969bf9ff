//! Which thread runs: told by its stack. Every thread but the first has its stacks in a block of the arena at
//! [`THREADS_BASE`]; the number of the block is the thread's.

use crate::layout::{THREAD_BLOCK, THREADS, THREADS_BASE};

/// The first thread's slot: its stacks are the layer below's.
pub const FIRST: usize = 0;

/// The slot of the thread whose stack an address is on.
#[must_use]
pub const fn of(stack: u32) -> usize {
    let block = stack.wrapping_sub(THREADS_BASE) / THREAD_BLOCK;
    if block < THREADS { block as usize + 1 } else { FIRST }
}

/// Lowest address of a slot's block.
#[expect(clippy::cast_possible_truncation, reason = "slots are few")]
#[must_use]
pub const fn block(slot: usize) -> u32 {
    THREADS_BASE + (slot as u32 - 1) * THREAD_BLOCK
}

/// The calling thread's slot.
#[cfg(target_arch = "x86")]
#[must_use]
pub fn current() -> usize {
    let esp: u32;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, esp", out(reg) esp, options(nomem, nostack, preserves_flags)) };
    of(esp)
}

/// On a host, where parts are tested: every thread is the first.
#[cfg(not(target_arch = "x86"))]
#[must_use]
pub const fn current() -> usize {
    FIRST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_names_its_thread() {
        assert_eq!(of(THREADS_BASE - 4), FIRST);
        assert_eq!(of(0), FIRST);
        for slot in [1, 2, THREADS as usize] {
            assert_eq!(of(block(slot)), slot);
            assert_eq!(of(block(slot) + THREAD_BLOCK - 1), slot);
        }
        assert_eq!(of(THREADS_BASE + THREADS * THREAD_BLOCK), FIRST);
    }
}
