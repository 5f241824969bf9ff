//! Cases that load segment registers from the local descriptor table before they begin.
//!
//! The loads are instructions of the case, in front of the others: every case starts with the selectors that Linux gives.

use super::Draft;
use super::rng::Rng;
use crate::case::{Patch, SELECTORS};
use crate::descriptors::{self, DESCRIPTORS, Use};
use crate::layout::{CONST, GS_BASE, GS_SELECTOR, STACK};
use iced_x86::Register;

/// Where the prologue finds its selectors: a word for each segment register.
const PLACE: u32 = CONST.end() - 16;
const CS: usize = 1;
const SS: usize = 2;

/// The base of the segment that a selector names.
pub(super) fn base(selector: u16) -> u32 {
    match descriptors::named(selector) {
        Some(d) => d.base,
        None if selector == GS_SELECTOR => GS_BASE,
        None => 0,
    }
}

fn choose(rng: &mut Rng, used: Use) -> u16 {
    let fitting: Vec<usize> =
        (0..DESCRIPTORS.len()).filter(|&n| DESCRIPTORS[n].used == used || rng.one_in(16)).collect();
    descriptors::selector(rng.pick(&fitting))
}

impl Draft {
    /// Chooses segments of the case's own, once in a while.
    pub(super) fn choose_segments(&mut self, rng: &mut Rng) {
        self.selectors = SELECTORS;
        if !rng.one_in(8) {
            return;
        }
        let stack = rng.one_in(2);
        for (s, slot) in self.selectors.iter_mut().enumerate() {
            if s == SS && stack {
                *slot = choose(rng, Use::Stack);
            } else if s != SS && s != CS && rng.one_in(3) {
                *slot = choose(rng, Use::Data);
            }
        }
        if self.selectors[SS] != SELECTORS[SS] {
            // Somewhere in the stack's window, at times at its edges; a 16-bit stack ignores the upper half.
            let at = match rng.below(8) {
                0 => rng.next32() & 0xf,
                1 => 0x800 + rng.below(32) - 16,
                2 => 0x1c00 + rng.below(32) - 16,
                3 => rng.next32(),
                _ => (0x1000 + rng.below(0x800)) & !3,
            };
            self.state.gpr[4] = STACK.base.wrapping_add(at).wrapping_sub(base(self.selectors[SS]));
            if rng.one_in(2) {
                self.state.gpr[4] ^= rng.next32() & 0xffff_0000;
            }
        }
    }

    /// The instructions that load the chosen segments: `MOV sreg, CS:[place]`, SS last.
    pub(super) fn prologue(&self) -> Vec<u8> {
        let mut code = Vec::new();
        for s in [0, 3, 4, 5, SS].into_iter().filter(|&s| self.selectors[s] != SELECTORS[s]) {
            code.extend([0x2e, 0x8e, 0x05 | (s as u8) << 3]);
            code.extend((PLACE + 2 * s as u32).to_le_bytes());
        }
        code
    }

    /// Puts the chosen selectors where the prologue finds them.
    pub(super) fn put_selectors(&mut self) {
        if self.selectors != SELECTORS {
            let bytes = self.selectors.iter().flat_map(|s| s.to_le_bytes()).collect();
            self.memory.push(Patch { at: PLACE, bytes });
        }
    }

    /// The base of a segment register as the case's own instructions find it.
    pub(super) fn base_of(&self, segment: Register) -> u32 {
        let n = match segment {
            Register::ES => 0,
            Register::CS => CS,
            Register::SS => SS,
            Register::FS => 4,
            Register::GS => 5,
            _ => 3,
        };
        base(self.selectors[n])
    }

    /// The linear address of ESP.
    pub(super) fn stack_at(&self) -> u32 {
        let (esp, selector) = (self.state.gpr[4], self.selectors[SS]);
        let small = descriptors::named(selector).is_some_and(|d| d.flags & descriptors::BIG == 0);
        base(selector).wrapping_add(if small { esp & 0xffff } else { esp })
    }
}
