//! Direct exits as patched branches.
//!
//! Each exit of a region is a branch of its own (Cranelift's `return_call`) to a stub behind the region's code. The stub's
//! head jumps through the exit's slot ([`crate::slots`]), which at first holds the address of the stub's tail; the tail
//! returns the exit's number to the dispatcher. Linking turns the branch itself to the target region, unlinking back to
//! the head; both are one atomic store while threads may be executing it: on AArch64 an aligned word (`b` to `b`, which
//! Arm ARM B2.4.4 permits), on x86-64 the four bytes of a displacement that lie within one aligned 8-byte unit.
//!
//! Where the branch may not be written, the slot is turned instead: a displacement across two units, code that is sealed
//! because a cloned process shares it, and every branch where patched code does not take effect (emulators that do not
//! see a change through the other mapping: qemu-user before 8.1). A branch that was patched before its code was sealed
//! cannot be turned back: [`Link::disconnect`] says so.

use crate::code::CodeArena;
use crate::enter::{scratch, scratch_offset};
use crate::slots::Slots;

/// Bytes of one stub.
pub(crate) const STUB_BYTES: usize = 32;

/// One direct exit.
#[derive(Debug)]
pub(crate) struct Link {
    /// Where the guest goes.
    pub(crate) target: u32,
    /// EIP of the region whose exit it is.
    pub(crate) owner: u32,
    site: u32,
    stub: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The exit is unreachable and was compiled away.
    Absent,
    /// It leads to the dispatcher.
    Open,
    /// The branch is turned to the target, which is at this offset.
    Patched(u32),
    /// The slot is turned to the target.
    ThroughSlot,
}

/// Where the links of a space take effect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Medium<'a> {
    pub(crate) arena: &'a CodeArena,
    pub(crate) slots: &'a Slots,
}

impl Link {
    pub(crate) const fn absent(target: u32, owner: u32) -> Self {
        Self { target, owner, site: 0, stub: 0, state: State::Absent }
    }

    /// Notes where the branch and its stub are.
    pub(crate) fn place(&mut self, site: u32, stub: u32) {
        (self.site, self.stub, self.state) = (site, stub, State::Open);
    }

    /// Turns exit `number` to the code at `offset`; false if it was there already.
    pub(crate) fn connect(&mut self, medium: Medium<'_>, number: u32, offset: u32) -> bool {
        if self.state != State::Open {
            return false;
        }
        if can_patch(medium.arena, self.site) {
            patch(medium.arena, self.site, offset);
            self.state = State::Patched(offset);
        } else {
            medium.slots.set(number, medium.arena.base() + u64::from(offset));
            self.state = State::ThroughSlot;
        }
        true
    }

    /// The offset that the exit leads to if that cannot be changed.
    pub(crate) fn fixed_to(&self, arena: &CodeArena) -> Option<u32> {
        match self.state {
            State::Patched(offset) if !can_patch(arena, self.site) => Some(offset),
            _ => None,
        }
    }

    /// Turns exit `number` back to the dispatcher; false if that is no longer possible.
    pub(crate) fn disconnect(&mut self, medium: Medium<'_>, number: u32) -> bool {
        match self.state {
            State::Absent | State::Open => {}
            State::Patched(_) if !can_patch(medium.arena, self.site) => return false,
            State::Patched(_) => {
                patch(medium.arena, self.site, self.stub);
                self.state = State::Open;
            }
            State::ThroughSlot => {
                medium.slots.set(number, tail(medium.arena, self.stub));
                self.state = State::Open;
            }
        }
        true
    }
}

/// Whether the branch at `site` (an offset in the arena) may be written.
fn can_patch(arena: &CodeArena, site: u32) -> bool {
    arena.is_patchable() && arena.is_open(site) && (cfg!(target_arch = "aarch64") || site & 7 <= 4)
}

fn patch(arena: &CodeArena, site: u32, offset: u32) {
    #[cfg(target_arch = "x86_64")]
    arena.patch_within_unit(site, displacement(site, offset));
    #[cfg(target_arch = "aarch64")]
    arena.patch_word(site, displacement(site, offset));
}

/// The bytes at a site that lead to `offset`: those of `jmp`'s operand.
#[cfg(target_arch = "x86_64")]
const fn displacement(site: u32, offset: u32) -> u32 {
    offset.wrapping_sub(site + 4)
}

/// The bytes at a site that lead to `offset`: `b`.
#[cfg(target_arch = "aarch64")]
const fn displacement(site: u32, offset: u32) -> u32 {
    0x1400_0000 | (offset.wrapping_sub(site) >> 2) & 0x03ff_ffff
}

/// Points the branch at `site` of a region to its stub, in code that has not been published; both are offsets in the
/// region.
pub(crate) fn direct(bytes: &mut [u8], site: u32, stub: u32) {
    let at = site as usize;
    bytes[at..at + 4].copy_from_slice(&displacement(site, stub).to_le_bytes());
}

/// Executable address of the tail of the stub at `stub`: what its slot holds at first.
pub(crate) fn tail(arena: &CodeArena, stub: u32) -> u64 {
    arena.base() + u64::from(stub + TAIL)
}

/// Offset of a stub's tail.
#[cfg(target_arch = "x86_64")]
const TAIL: u32 = 16;
/// Offset of a stub's tail.
#[cfg(target_arch = "aarch64")]
const TAIL: u32 = 20;

/// The code of the stub of exit `number`.
#[cfg(target_arch = "x86_64")]
pub(crate) fn stub_code(number: u32) -> [u8; STUB_BYTES] {
    let [s0, s1, s2, s3] = u32::try_from(scratch_offset(scratch::SLOTS)).expect("small").to_le_bytes();
    let [d0, d1, d2, d3] = (number * 8).to_le_bytes();
    let [n0, n1, n2, n3] = number.to_le_bytes();
    let mut code = [0xcc; STUB_BYTES];
    code[..7].copy_from_slice(&[0x48, 0x8b, 0x87, s0, s1, s2, s3]); // mov rax, [rdi + SLOTS]
    code[7..13].copy_from_slice(&[0xff, 0xa0, d0, d1, d2, d3]); // jmp [rax + 8 * number]
    code[16..22].copy_from_slice(&[0xb8, n0, n1, n2, n3, 0xc3]); // mov eax, number; ret
    code
}

/// The code of the stub of exit `number`.
#[cfg(target_arch = "aarch64")]
pub(crate) fn stub_code(number: u32) -> [u8; STUB_BYTES] {
    let slots = u32::try_from(scratch_offset(scratch::SLOTS) / 8).expect("small");
    let (low, high) = (number & 0xffff, number >> 16);
    let words = [
        0xf940_0050 | slots << 10, // ldr x16, [x2, SLOTS]
        0xd280_0011 | low << 5,    // movz x17, #low
        0xf2a0_0011 | high << 5,   // movk x17, #high, lsl #16
        0xf871_7a10,               // ldr x16, [x16, x17, lsl #3]
        0xd61f_0200,               // br x16
        0x5280_0002 | low << 5,    // movz w2, #low
        0x72a0_0002 | high << 5,   // movk w2, #high, lsl #16
        0xd65f_03c0,               // ret
    ];
    let mut code = [0; STUB_BYTES];
    for (slot, word) in code.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&u32::to_le_bytes(word));
    }
    code
}
