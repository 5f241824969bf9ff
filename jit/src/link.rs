//! Direct exits as patched branches.
//!
//! Each exit of a region is a branch of its own (Cranelift's `return_call`) to a stub behind the region's code; the stub returns
//! the exit's number to the dispatcher. Linking turns the branch to the target region, unlinking back to the stub; both
//! are one atomic store while threads may be executing it: on AArch64 an aligned word (`b` to `b`, which Arm ARM B2.4.4
//! permits), on x86-64 the four bytes of a displacement that lie within one aligned 8-byte unit. A displacement that
//! does not, and every branch where patched code does not take effect (emulators that do not see a change through the
//! other mapping: qemu-user before 8.1), goes to the stub's head for ever, which jumps through a word in it.

use crate::code::CodeArena;

/// Bytes of one stub.
pub(crate) const STUB_BYTES: usize = 32;

/// One direct exit.
#[derive(Debug)]
pub(crate) struct Link {
    /// Where the guest goes.
    pub(crate) target: u32,
    site: u32,
    stub: u32,
    /// Whether the branch exists: unreachable exits are compiled away.
    exists: bool,
    connected: bool,
}

impl Link {
    pub(crate) const fn unused(target: u32) -> Self {
        Self { target, site: 0, stub: 0, exists: false, connected: false }
    }

    pub(crate) const fn new(target: u32, site: u32, stub: u32) -> Self {
        Self { target, site, stub, exists: true, connected: false }
    }

    /// Turns the branch to the code at `offset`; false if it was there already.
    pub(crate) fn connect(&mut self, arena: &CodeArena, offset: u32) -> bool {
        if !self.exists || self.connected {
            return false;
        }
        self.turn(arena, offset);
        self.connected = true;
        true
    }

    /// Turns the branch back to the stub.
    pub(crate) fn disconnect(&mut self, arena: &CodeArena) {
        if self.exists && self.connected {
            self.turn(arena, self.stub + UNLINKED);
            self.connected = false;
        }
    }

    fn turn(&self, arena: &CodeArena, offset: u32) {
        if is_patched(arena, self.site) {
            #[cfg(target_arch = "x86_64")]
            arena.patch_within_unit(self.site, offset.wrapping_sub(self.site + 4));
            #[cfg(target_arch = "aarch64")]
            arena.patch_word(self.site, branch(self.site, offset));
        } else {
            arena.patch_unit(self.stub + SLOT, arena.base() + u64::from(offset));
        }
    }
}

/// Whether the branch at `site` (an offset in the arena) is patched itself.
fn is_patched(arena: &CodeArena, site: u32) -> bool {
    arena.is_patchable() && (cfg!(target_arch = "aarch64") || site & 7 <= 4)
}

/// Offset of the word that a stub jumps through.
const SLOT: u32 = 8;
/// Offset of the part of a stub that returns to the dispatcher.
const UNLINKED: u32 = 16;

/// `b` from one offset to another.
#[cfg(target_arch = "aarch64")]
const fn branch(from: u32, to: u32) -> u32 {
    0x1400_0000 | (to.wrapping_sub(from) >> 2) & 0x03ff_ffff
}

/// The code of a stub at executable address `at` that returns `number`.
#[cfg(target_arch = "x86_64")]
pub(crate) fn stub_code(number: u32, at: u64) -> [u8; STUB_BYTES] {
    let [a, b, c, d] = number.to_le_bytes();
    let mut code = [0xcc; STUB_BYTES];
    // jmp [rip + 2], and the word it jumps through
    code[..6].copy_from_slice(&[0xff, 0x25, 2, 0, 0, 0]);
    code[8..16].copy_from_slice(&(at + u64::from(UNLINKED)).to_le_bytes());
    // mov eax, number; ret
    code[16..22].copy_from_slice(&[0xb8, a, b, c, d, 0xc3]);
    code
}

/// The code of a stub at executable address `at` that returns `number`.
#[cfg(target_arch = "aarch64")]
pub(crate) fn stub_code(number: u32, at: u64) -> [u8; STUB_BYTES] {
    let mut code = [0; STUB_BYTES];
    // ldr x16, [pc + 8]; br x16, and the word they jump through
    let head = [0x5800_0050, 0xd61f_0200u32];
    // movz w2, #low; movk w2, #high, lsl #16; ret
    let tail = [0x5280_0002 | (number & 0xffff) << 5, 0x72a0_0002 | (number >> 16) << 5, 0xd65f_03c0u32];
    for (slot, word) in code.chunks_exact_mut(4).zip(head) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    code[8..16].copy_from_slice(&(at + u64::from(UNLINKED)).to_le_bytes());
    for (slot, word) in code[16..].chunks_exact_mut(4).zip(tail) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    code
}

/// Points the branch at offset `site` of a region at `region` to its stub, in code that has not been published.
pub(crate) fn direct(arena: &CodeArena, bytes: &mut [u8], region: u32, site: u32, stub: u32) {
    let entry = if is_patched(arena, region + site) { stub + UNLINKED } else { stub };
    #[cfg(target_arch = "x86_64")]
    let word = entry.wrapping_sub(site + 4);
    #[cfg(target_arch = "aarch64")]
    let word = branch(site, entry);
    let at = site as usize;
    bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
}
