//! How an x87 instruction is told to its helper: everything constant about it in one word.

use crate::decode::Insn;
use crate::emit::{Emit, Width};
use crate::engine::Exception;
use crate::operand::{effective, linear};
use crate::state::{CpuState, Segment};

/// What a memory operand holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    F32,
    F64,
    F80,
    I16,
    I32,
    I64,
    Bcd,
}

impl Format {
    const ALL: [Self; 7] = [Self::F32, Self::F64, Self::F80, Self::I16, Self::I32, Self::I64, Self::Bcd];

    /// Its width, for all but the 80-bit formats.
    pub(super) const fn width(self) -> Option<Width> {
        match self {
            Self::I16 => Some(Width::B16),
            Self::F32 | Self::I32 => Some(Width::B32),
            Self::F64 | Self::I64 => Some(Width::B64),
            Self::F80 | Self::Bcd => None,
        }
    }

    /// The integer formats' bits.
    pub(super) const fn bits(self) -> u32 {
        match self.width() {
            Some(w) => w.bits(),
            None => 80,
        }
    }
}

/// One x87 instruction, packed: its address (bits 0–31), FOP (32–42), whether it has a memory operand (43) and in
/// which segment (44–46), a stack index (47–49), the operand's format (50–52), how many registers it pops (53–54), and a number that says
/// more within its group (55–61).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Site(u64);

impl Site {
    /// The instruction, with everything not mentioned zero.
    pub(super) fn new(i: &Insn) -> Self {
        let mut bits = u64::from(i.eip()) | u64::from(i.x87_opcode() & 0x7ff) << 32;
        if has_memory(i) {
            bits |= 1 << 43 | (i.address().segment as u64) << 44;
        }
        Self(bits)
    }
    pub(super) fn index(self, i: u8) -> Self {
        Self(self.0 | u64::from(i & 7) << 47)
    }
    pub(super) fn format(self, format: Format) -> Self {
        Self(self.0 | (format as u64) << 50)
    }
    pub(super) fn pops(self, count: u8) -> Self {
        Self(self.0 | u64::from(count & 3) << 53)
    }
    pub(super) fn number(self, number: u8) -> Self {
        Self(self.0 | u64::from(number & 0x7f) << 55)
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
    pub(super) const fn get_index(self) -> u8 {
        (self.0 >> 47 & 7) as u8
    }
    pub(super) fn get_format(self) -> Format {
        Format::ALL[(self.0 >> 50 & 7) as usize % 7]
    }
    pub(super) const fn get_pops(self) -> u8 {
        (self.0 >> 53 & 3) as u8
    }
    pub(super) const fn get_number(self) -> u8 {
        (self.0 >> 55 & 0x7f) as u8
    }

    /// Records FIP, FOP and, where there is a memory operand, FDP. Every instruction but the control ones does.
    pub(super) fn record(self, cpu: &mut CpuState, data_offset: u64) {
        let code = cpu.segments[Segment::Cs as usize].selector;
        let x = &mut cpu.x87;
        x.instruction_offset = (self.0 & 0xffff_ffff) as u32;
        x.instruction_selector = code;
        x.opcode = (self.0 >> 32 & 0x7ff) as u16;
        if self.0 >> 43 & 1 != 0 {
            x.data_offset = (data_offset & 0xffff_ffff) as u32;
            x.data_selector = cpu.segments[(self.0 >> 44 & 7) as usize % 6].selector;
        }
    }

    /// The word as an operand of a helper.
    pub(super) fn emit<E: Emit>(self, e: &mut E) -> E::Int {
        e.imm(Width::B64, self.0)
    }
}

/// Whether the instruction has an explicit memory operand.
pub(super) fn has_memory(i: &Insn) -> bool {
    (0..i.operands()).any(|n| i.is_memory(n))
}

/// Raises #MF where an unmasked exception is pending. It comes before any fault of the memory operand.
pub(super) fn check_pending<E: Emit>(e: &mut E) {
    let pending = e.x87_pending();
    e.raise_if(pending, Exception::Math);
}

/// The linear address of the memory operand, and the offset that FDP records.
pub(super) fn memory<E: Emit>(e: &mut E, i: &Insn) -> (E::Int, E::Int) {
    let address = i.address();
    let at = linear(e, i);
    let offset = effective(e, &address);
    (at, offset)
}

/// The address `by` bytes further.
pub(super) fn plus<E: Emit>(e: &mut E, at: E::Int, by: u32) -> E::Int {
    if by == 0 {
        return at;
    }
    let by = e.imm(Width::B32, u64::from(by));
    e.add(at, by)
}
