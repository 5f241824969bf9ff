//! Code memory: one object mapped twice, writable and executable, never both at one address.
//!
//! Invariants:
//! - No page of either mapping ever changes its protection; the writable mapping is not executable and the other way round.
//! - Code becomes callable only through [`CodeArena::publish`], which makes it visible to instruction fetch first.
//! - Space is handed out upwards and never again: what has been published stays where it is until the arena is dropped, so
//!   no thread can fetch stale bytes of an earlier use. Later changes are single aligned stores to branch words.
//! - One thread writes at a time (the engine's lock); readers are the processors that execute.
//! - A cloned process shares the object with its parent. From then on neither writes below the seal, and the clone puts
//!   an object of its own behind the rest before it first writes there ([`CodeArena::seal`]).

use crate::JitError;
use memmap2::{Mmap, MmapMut, MmapOptions};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::fmt::Debug;
use std::fs::File;
use std::sync::OnceLock;
#[cfg(target_arch = "aarch64")]
use std::sync::atomic::AtomicU32;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Where code memory comes from.
pub trait CodeMemory: Debug + Send + Sync + 'static {
    /// A new zeroed object of `bytes` bytes (a multiple of [`GRANULE`]), mapped writable and executable.
    ///
    /// # Errors
    /// [`JitError::CodeMemory`].
    fn map(&self, bytes: usize) -> Result<Box<dyn DualMapping>, JitError>;
}

/// One object at two addresses. The mappings live as long as this value, and nothing else writes to them.
pub trait DualMapping: Debug + Send + Sync {
    /// Where it is readable and writable.
    fn writable(&self) -> *mut u8;
    /// Where it is readable and executable.
    fn executable(&self) -> *const u8;
    /// Its size in bytes.
    fn size(&self) -> usize;
    /// Puts a new zeroed object behind the bytes from `from` on, a multiple of [`GRANULE`], at the same addresses.
    ///
    /// # Errors
    /// [`JitError::CodeMemory`]; the bytes from `from` on may then be inaccessible.
    fn renew(&self, from: usize) -> Result<(), JitError>;
}

/// What sizes of code memory are multiples of: no host has larger pages.
pub const GRANULE: usize = 1 << 16;

/// Code memory from an anonymous file (memfd).
#[derive(Clone, Copy, Debug, Default)]
pub struct AnonymousFile;

#[derive(Debug)]
struct FileMappings {
    writable: MmapMut,
    executable: Mmap,
}

/// A memfd of `bytes` bytes.
fn memory_file(bytes: usize) -> std::io::Result<File> {
    let object = rustix::fs::memfd_create("trunnion-code", rustix::fs::MemfdFlags::CLOEXEC)?;
    let file = File::from(object);
    file.set_len(bytes as u64)?;
    Ok(file)
}

impl CodeMemory for AnonymousFile {
    fn map(&self, bytes: usize) -> Result<Box<dyn DualMapping>, JitError> {
        let failed = |error: std::io::Error| JitError::CodeMemory { bytes, error };
        let file = memory_file(bytes).map_err(failed)?;
        // SAFETY: the file is private to this function, so nobody else truncates or writes it.
        let writable = unsafe { MmapOptions::new().len(bytes).map_mut(&file) }.map_err(failed)?;
        // SAFETY: as above; its writes come through `writable` under the module's invariants.
        let executable = unsafe { MmapOptions::new().len(bytes).map_exec(&file) }.map_err(failed)?;
        Ok(Box::new(FileMappings { writable, executable }))
    }
}

impl DualMapping for FileMappings {
    fn writable(&self) -> *mut u8 {
        self.writable.as_ptr().cast_mut()
    }
    fn executable(&self) -> *const u8 {
        self.executable.as_ptr()
    }
    fn size(&self) -> usize {
        self.writable.len()
    }
    fn renew(&self, from: usize) -> Result<(), JitError> {
        let bytes = self.size() - from;
        let failed = |error: std::io::Error| JitError::CodeMemory { bytes, error };
        let file = memory_file(bytes).map_err(failed)?;
        let places = [
            (self.writable().wrapping_add(from), ProtFlags::READ | ProtFlags::WRITE),
            (self.executable().cast_mut().wrapping_add(from), ProtFlags::READ | ProtFlags::EXEC),
        ];
        for (at, protection) in places {
            // SAFETY: replaces a part of our own mapping, which nothing refers into: no code lies there yet.
            unsafe { mmap(at.cast(), bytes, protection, MapFlags::SHARED | MapFlags::FIXED, &file, 0) }
                .map_err(|e| failed(e.into()))?;
        }
        Ok(())
    }
}

/// Zeroed words, whose memory comes with their use.
pub(crate) fn zeroed_words(count: usize) -> Box<[AtomicU64]> {
    let words = Box::<[AtomicU64]>::new_zeroed_slice(count);
    // SAFETY: zero is a value of an atomic word.
    unsafe { words.assume_init() }
}

/// Alignment of every piece of code.
pub(crate) const ALIGNMENT: usize = 16;

/// A bump allocator over one [`DualMapping`].
#[derive(Debug)]
pub(crate) struct CodeArena {
    mapping: Box<dyn DualMapping>,
    used: AtomicUsize,
    /// What lies below is also in another process's arena, and is not written any more.
    seal: AtomicUsize,
    /// Whether the memory from `used` on is still the one that the process this one was cloned from writes to.
    borrowed: AtomicBool,
    /// Whether code that has been executed can be patched.
    patchable: bool,
}

/// Whether this processor (or what emulates it) executes patched code: found out once.
static PATCHABLE: OnceLock<bool> = OnceLock::new();

impl CodeArena {
    pub(crate) fn new(memory: &dyn CodeMemory, bytes: usize) -> Result<Self, JitError> {
        let mapping = memory.map(bytes)?;
        assert!(u32::try_from(mapping.size()).is_ok(), "an arena is smaller than 4 GiB");
        let (used, seal) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut arena = Self { mapping, used, seal, borrowed: AtomicBool::new(false), patchable: false };
        arena.patchable = *PATCHABLE.get_or_init(|| arena.obeys_patches());
        Ok(arena)
    }

    /// Whether code that has been executed can be patched.
    pub(crate) fn is_patchable(&self) -> bool {
        self.patchable
    }

    /// Executes a function, patches it, and sees whether the change takes effect.
    fn obeys_patches(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        let code = [0xb8, 1, 0, 0, 0, 0xc3]; // mov eax, 1; ret
        #[cfg(target_arch = "aarch64")]
        let code = [0x20, 0, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6]; // movz w0, #1; ret
        let Some(offset) = self.reserve(code.len()) else { return false };
        self.publish(offset, &code);
        let address = self.base() + u64::from(offset);
        let before = crate::enter::call_plain(address);
        #[cfg(target_arch = "x86_64")]
        self.patch_within_unit(offset + 1, 2);
        #[cfg(target_arch = "aarch64")]
        self.patch_word(offset, 0x5280_0040);
        (before, crate::enter::call_plain(address)) == (1, 2)
    }

    /// Executable address of offset 0.
    pub(crate) fn base(&self) -> u64 {
        self.mapping.executable() as u64
    }

    /// Whether an executable address lies in the arena. Async-signal-safe.
    pub(crate) fn contains(&self, pc: u64) -> bool {
        pc.wrapping_sub(self.base()) < self.mapping.size() as u64
    }

    /// Bytes handed out.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Notes that the process was cloned: `in_child` says on which side this is.
    pub(crate) fn seal(&self, in_child: bool) {
        if in_child {
            // The parent goes on in the page where it was.
            self.used.store(self.used().next_multiple_of(GRANULE), Ordering::Relaxed);
            self.borrowed.store(true, Ordering::Relaxed);
        }
        self.seal.store(self.used(), Ordering::Relaxed);
    }

    /// Whether the code at `offset` may be written.
    pub(crate) fn is_open(&self, offset: u32) -> bool {
        offset as usize >= self.seal.load(Ordering::Relaxed)
    }

    /// Reserves room for `bytes` bytes; the offset of the first, or `None` when the arena is full.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<u32> {
        let rounded = bytes.next_multiple_of(ALIGNMENT);
        let offset = self.used();
        let end = offset.checked_add(rounded).filter(|&end| end <= self.mapping.size())?;
        if self.borrowed.load(Ordering::Relaxed) {
            self.mapping.renew(offset).ok()?;
            self.borrowed.store(false, Ordering::Relaxed);
        }
        self.used.store(end, Ordering::Relaxed);
        u32::try_from(offset).ok()
    }

    /// Writes reserved bytes and makes them visible to instruction fetch.
    pub(crate) fn publish(&self, offset: u32, bytes: &[u8]) {
        let at = offset as usize;
        assert!(at + bytes.len() <= self.used(), "published code lies in reserved room");
        // SAFETY: the assertion keeps the offset inside the mapping.
        let target = unsafe { self.mapping.writable().add(at) };
        // SAFETY: the range is inside the writable mapping, was reserved for this and is not executed yet.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
        self.synchronize(at, bytes.len());
    }

    /// Replaces the aligned 4-byte word at `offset` while it may be executing.
    #[cfg(target_arch = "aarch64")]
    pub(crate) fn patch_word(&self, offset: u32, word: u32) {
        let at = offset as usize;
        assert!(
            at.is_multiple_of(4) && at + 4 <= self.used(),
            "a branch word lies aligned in published code"
        );
        // SAFETY: the assertion keeps the offset inside the mapping.
        let target = unsafe { self.mapping.writable().add(at) };
        // SAFETY: the word is inside the mapping, aligned, and only ever accessed atomically or by instruction fetch.
        let cell = unsafe { AtomicU32::from_ptr(target.cast()) };
        cell.store(word, Ordering::Release);
        self.synchronize(at, 4);
    }

    /// Replaces the 4 bytes at `offset`, which must lie within one aligned 8-byte unit, while they may be executing.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn patch_within_unit(&self, offset: u32, word: u32) {
        let (unit, shift) = (offset as usize & !7, (offset & 7) * 8);
        assert!(
            shift <= 32 && unit + 8 <= self.used(),
            "a branch word lies within one unit of published code"
        );
        // SAFETY: the assertion keeps the offset inside the mapping.
        let target = unsafe { self.mapping.writable().add(unit) };
        // SAFETY: the unit is inside the mapping, aligned, and only ever accessed atomically or by instruction fetch.
        let cell = unsafe { AtomicU64::from_ptr(target.cast()) };
        let keep = !(u64::from(u32::MAX) << shift);
        cell.store(cell.load(Ordering::Relaxed) & keep | u64::from(word) << shift, Ordering::Release);
        self.synchronize(unit, 8);
    }

    /// Makes written bytes visible to instruction fetch, as the architecture of the host demands.
    #[cfg(target_arch = "x86_64")]
    #[expect(clippy::unused_self, reason = "x86-64 keeps instruction caches coherent")]
    fn synchronize(&self, _offset: usize, _bytes: usize) {
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    /// Makes written bytes visible to instruction fetch. Arm ARM, B2.4.4 "Concurrent modification and execution".
    #[cfg(target_arch = "aarch64")]
    fn synchronize(&self, offset: usize, bytes: usize) {
        use core::arch::asm;
        let ctr: u64;
        // SAFETY: CTR_EL0 is readable in user mode on Linux.
        unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
        // IDC: data cache cleaning is not needed. DIC: instruction cache invalidation is not needed.
        let (idc, dic) = (ctr >> 28 & 1 != 0, ctr >> 29 & 1 != 0);
        let data_line = 4usize << (ctr >> 16 & 15);
        let code_line = 4usize << (ctr & 15);
        if !idc {
            let base = self.mapping.writable() as usize + offset;
            for line in (base & !(data_line - 1)..base + bytes).step_by(data_line) {
                // SAFETY: cleaning a line of a mapped page changes no value.
                unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
            }
        }
        // SAFETY: a barrier.
        unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
        if !dic {
            let base = self.mapping.executable() as usize + offset;
            for line in (base & !(code_line - 1)..base + bytes).step_by(code_line) {
                // SAFETY: invalidating a line of a mapped page changes no value.
                unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
            }
        }
        // SAFETY: a barrier.
        unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
        // SAFETY: a barrier.
        unsafe { asm!("isb", options(nostack, preserves_flags)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_room_is_aligned_and_bounded() {
        let arena = CodeArena::new(&AnonymousFile, 1 << 16).unwrap();
        let first = arena.reserve(5).unwrap();
        assert_eq!(first % 16, 0);
        assert_eq!(arena.reserve(1), Some(first + 16));
        assert_eq!(arena.reserve(1 << 16), None);
        assert!(arena.contains(arena.base()) && !arena.contains(arena.base() + (1 << 16)));
    }
}
