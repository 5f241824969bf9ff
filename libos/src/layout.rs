//! Where things lie in the guest's address space.
//!
//! The application owns everything below [`USER_END`]; the library OS (its image, the gates, its stacks, this heap)
//! lives above. The layer below puts the gates, the image and the first stacks between the threads' and
//! [`HEAP_BASE`]; the rest is placed here.

/// Bytes of a page.
pub const PAGE: u32 = 4096;

/// First address the application may not use.
pub const USER_END: u32 = THREADS_BASE;

/// Stacks of the library OS, a block for each thread but the first.
pub const THREADS_BASE: u32 = 0xf400_0000;
/// Bytes of a block.
pub const THREAD_BLOCK: u32 = 64 * 1024;
/// Blocks: threads that a process may have beside its first.
pub const THREADS: u32 = 1024;

/// The library OS's heap.
pub const HEAP_BASE: u32 = 0xfa00_0000;
/// First address after the heap.
pub const HEAP_END: u32 = 0xfe00_0000;

/// The memory all processes of the family share.
pub const FAMILY_BASE: u32 = 0xfe00_0000;

/// First address after the application's stack.
pub const STACK_TOP: u32 = USER_END;
/// Bytes of the application's stack: Linux's default limit.
pub const STACK_SIZE: u32 = 8 << 20;
/// Mappings without a wish are placed downwards from here (Linux: a gap of at least 128 MiB for the stack).
pub const MMAP_BASE: u32 = STACK_TOP - (128 << 20);
/// Lowest address handed out or accepted by `mmap` (`vm.mmap_min_addr`).
pub const MMAP_MIN: u32 = 0x1_0000;
/// Where a position-independent program is loaded (Linux's for 32-bit programs, without randomisation).
pub const PIE_BASE: u32 = 0x5655_5000;

/// `value` rounded down to a page.
#[must_use]
pub const fn page_down(value: u32) -> u32 {
    value & !(PAGE - 1)
}

/// `value` rounded up to a page, unless that passes 4 GiB.
#[must_use]
pub const fn page_up(value: u32) -> Option<u32> {
    match value.checked_add(PAGE - 1) {
        Some(sum) => Some(page_down(sum)),
        None => None,
    }
}
