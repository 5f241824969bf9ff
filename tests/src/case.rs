//! A test case and what comes out of it: plain data, the same for the hardware and for every implementation.

use crate::layout::{CODE, GS_SELECTOR, STACK};

/// The x87 unit, registers in stack order: `st[0]` is ST(0).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct X87 {
    /// Control word.
    pub control: u16,
    /// Status word with TOP.
    pub status: u16,
    /// One bit for each *physical* register: 1 = not empty.
    pub valid: u8,
    /// Last opcode (FOP), 11 bits.
    pub opcode: u16,
    /// Last instruction's offset (FIP).
    pub instruction: u32,
    /// Last operand's offset (FDP).
    pub operand: u32,
    /// ST(0)–ST(7), 80 bits each.
    pub st: [u128; 8],
}

impl Default for X87 {
    /// As FNINIT leaves it.
    fn default() -> Self {
        Self { control: 0x037f, status: 0, valid: 0, opcode: 0, instruction: 0, operand: 0, st: [0; 8] }
    }
}

impl X87 {
    /// TOP.
    #[must_use]
    pub const fn top(&self) -> u32 {
        (self.status as u32) >> 11 & 7
    }
}

/// Selectors at the beginning of a case, in encoding order (ES CS SS DS FS GS), as Linux gives them to a 32-bit program
/// on a 64-bit kernel.
pub const SELECTORS: [u16; 6] = [0x2b, 0x23, 0x2b, 0x2b, 0, GS_SELECTOR];

/// Everything that user mode can see of a processor.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct State {
    /// General registers in encoding order.
    pub gpr: [u32; 8],
    /// Instruction pointer.
    pub eip: u32,
    /// EFLAGS.
    pub eflags: u32,
    /// ES CS SS DS FS GS. Always [`SELECTORS`] at the beginning.
    pub selectors: [u16; 6],
    /// MXCSR.
    pub mxcsr: u32,
    /// XMM0–XMM7.
    pub xmm: [u128; 8],
    /// The x87 unit.
    pub x87: X87,
}

/// EFLAGS bits that are always set in user mode: the constant bit and IF.
pub const EFLAGS_ALWAYS: u32 = 0x202;
/// EFLAGS bits that a case may begin with: the six arithmetic flags, TF, DF, AC.
pub const EFLAGS_INITIAL: u32 = 0x8d5 | 0x100 | 0x400 | 0x4_0000;

impl Default for State {
    fn default() -> Self {
        let mut gpr = [0; 8];
        gpr[4] = STACK.base + 0x1000;
        Self {
            gpr,
            eip: CODE.base,
            eflags: EFLAGS_ALWAYS,
            selectors: SELECTORS,
            mxcsr: 0x1f80,
            xmm: [0; 8],
            x87: X87::default(),
        }
    }
}

/// Bytes at an address.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Patch {
    /// First address.
    pub at: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// One test case: code and the state it starts in. It ends with the first exception; `INT3` surrounds the code.
#[derive(Clone, PartialEq, Eq, Debug, Default, Hash)]
pub struct Case {
    /// The code, placed at `state.eip`.
    pub code: Vec<u8>,
    /// The state before.
    pub state: State,
    /// What memory holds besides the windows' fill and the code. Later patches win.
    pub memory: Vec<Patch>,
}

impl Case {
    /// What must be written over the windows' fill before the case: the patches, then the code.
    pub fn contents(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.memory
            .iter()
            .map(|p| (p.at, p.bytes.as_slice()))
            .chain(core::iter::once((self.state.eip, self.code.as_slice())))
    }
}

/// How a case ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Stop {
    /// An exception.
    Exception {
        /// Vector number; 0x80 for a system call.
        vector: u8,
        /// Error code, 0 where there is none.
        error: u32,
        /// CR2 for a page fault, else 0.
        address: u32,
    },
    /// It did not end in its time.
    Hang,
    /// The machine itself failed; the text is in its log.
    Broken,
}

impl Stop {
    /// The end of a case that ran through: #BP.
    pub const BREAKPOINT: Self = Self::Exception { vector: 3, error: 0, address: 0 };
}

/// What came out of a case.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Outcome {
    /// How it ended.
    pub stop: Stop,
    /// The state after: at a fault EIP is at the faulting instruction, at a trap behind it.
    pub state: State,
    /// Maximal runs of bytes that differ from before, by ascending address.
    pub memory: Vec<Patch>,
}

/// Appends the runs in which `after` differs from `before`, which begin at address `base`.
pub fn changed_runs(base: u32, before: &[u8], after: &[u8], out: &mut Vec<Patch>) {
    const CHUNK: usize = 256;
    let mut open = false;
    let mut at = base;
    for (old, new) in before.chunks(CHUNK).zip(after.chunks(CHUNK)) {
        if old == new {
            open = false;
            at = at.wrapping_add(u32::try_from(old.len()).unwrap_or(0));
            continue;
        }
        for (x, y) in old.iter().zip(new) {
            if x == y {
                open = false;
            } else if let (true, Some(last)) = (open, out.last_mut()) {
                last.bytes.push(*y);
            } else {
                out.push(Patch { at, bytes: vec![*y] });
                open = true;
            }
            at = at.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_maximal_and_cross_chunks() {
        let before = vec![0u8; 1024];
        let mut after = before.clone();
        after[254..258].fill(1);
        after[700] = 2;
        let mut out = Vec::new();
        changed_runs(0x1000, &before, &after, &mut out);
        assert_eq!(out, [Patch { at: 0x10fe, bytes: vec![1; 4] }, Patch { at: 0x12bc, bytes: vec![2] }]);
    }
}
