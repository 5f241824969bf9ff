//! A guest thread's block whose interrupt word lies on a page of its own, so that looking at it can be made to trap.
//!
//! Unsafe here: mapping it, and handing out references into it. Invariants: it is never unmapped; `word` reaches the
//! interrupt word whether or not its page in the block is barred.

use core::ptr::null_mut;
use core::sync::atomic::AtomicU32;
use frontend_x86::state::{CpuState, INTERRUPT_BEFORE_STATE, ThreadBlock};
use std::io;

const PAGE: usize = 4096;
/// No host has larger pages: the barred part must be whole pages.
const GRANULE: usize = 1 << 16;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Block {
    /// Where the barred part begins.
    start: *mut u8,
    /// The first bytes of the same object, always accessible.
    alias: *mut u8,
}

// SAFETY: never unmapped; one `Fire` at a time makes references into it, and signal handlers use the atomic word only.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    pub(super) fn new() -> io::Result<Self> {
        let bytes = GRANULE + size_of::<ThreadBlock>().next_multiple_of(PAGE);
        // SAFETY: the name is a C string.
        let fd = unsafe { libc::memfd_create(c"block".as_ptr(), 0) };
        let length = i64::try_from(bytes).expect("a few pages");
        // SAFETY: takes integers only.
        if fd < 0 || unsafe { libc::ftruncate(fd, length) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let map = || {
            let both = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: a new mapping at an address of the kernel's choice.
            let got = unsafe { libc::mmap(null_mut(), bytes, both, libc::MAP_SHARED, fd, 0) };
            if got == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(got.cast::<u8>()) }
        };
        let block = Self { start: map()?, alias: map()? };
        let cpu = block.start.wrapping_add(GRANULE).cast::<CpuState>();
        // SAFETY: inside the mapping, aligned to a page; nobody refers to it yet.
        unsafe { cpu.write(CpuState::default()) };
        Ok(block)
    }

    /// The interrupt word, where looking at it never traps. Async-signal-safe.
    pub(super) fn word(&self) -> &AtomicU32 {
        let at = self.alias.wrapping_add(GRANULE - INTERRUPT_BEFORE_STATE).cast();
        // SAFETY: an aligned word of the alias.
        unsafe { AtomicU32::from_ptr(at) }
    }

    /// Whether an address lies on the barred part. Async-signal-safe.
    pub(super) fn holds_word(&self, address: usize) -> bool {
        (self.start.addr()..self.start.addr() + GRANULE).contains(&address)
    }

    /// Makes looking at the interrupt word trap, or not. Async-signal-safe.
    pub(super) fn bar(&self, barred: bool) {
        let prot = if barred { libc::PROT_NONE } else { libc::PROT_READ | libc::PROT_WRITE };
        // SAFETY: whole pages of the block; what else lies on them is not used.
        let result = unsafe { libc::mprotect(self.start.cast(), GRANULE, prot) };
        assert_eq!(result, 0, "mprotect of our own pages");
    }

    /// What `Engine::run` takes.
    ///
    /// # Safety
    /// No other reference to the state may be alive.
    #[expect(clippy::mut_from_ref, reason = "the caller vouches for it")]
    pub(super) unsafe fn parts(&self) -> (&mut CpuState, &AtomicU32) {
        let cpu = self.start.wrapping_add(GRANULE).cast::<CpuState>();
        let word = self.start.wrapping_add(GRANULE - INTERRUPT_BEFORE_STATE).cast();
        // SAFETY: initialised by `new`, and the caller's alone.
        let cpu = unsafe { &mut *cpu };
        // SAFETY: an aligned word before the state, as in a `ThreadBlock`.
        (cpu, unsafe { AtomicU32::from_ptr(word) })
    }
}
