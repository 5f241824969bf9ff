//! What is found out about an instruction once, when it is decoded, so that executing it again and again is cheap.

use crate::decode::{gpr32, segment};
use crate::emit::{Reg, Width};
use crate::operand::{Address, reg};
use crate::state::Segment;
use iced_x86::{Instruction, OpKind, Register};

/// The kind of an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Operand {
    /// There is none.
    #[default]
    None,
    /// A general register or part of one.
    General(Reg),
    /// The explicit memory operand.
    Memory,
    /// An immediate, sign- or zero-extended to 32 bits as the instruction says.
    Immediate(u32),
    /// Anything else: other registers, branch targets, string operands.
    Other,
}

/// The operands of an instruction. A fourth one, which only moves of single fields have, is found by iced-x86 again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    pub(crate) operands: [Operand; 3],
    pub(crate) widths: [Option<Width>; 3],
    pub(crate) address: Address,
}

impl Shape {
    pub(crate) fn of(raw: &Instruction) -> Self {
        let present = |n: u32| n < raw.op_count();
        Self {
            operands: [0, 1, 2].map(|n| if present(n) { kind(raw, n) } else { Operand::None }),
            widths: [0, 1, 2].map(|n| if present(n) { width(raw, n) } else { None }),
            address: address(raw),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "immediates are at most 32 bits wide in 32-bit code")]
fn kind(raw: &Instruction, n: u32) -> Operand {
    match raw.op_kind(n) {
        OpKind::Register => reg(raw.op_register(n)).map_or(Operand::Other, Operand::General),
        OpKind::Memory => Operand::Memory,
        OpKind::Immediate8
        | OpKind::Immediate8_2nd
        | OpKind::Immediate16
        | OpKind::Immediate8to16
        | OpKind::Immediate32
        | OpKind::Immediate8to32 => Operand::Immediate(raw.immediate(n) as u32),
        _ => Operand::Other,
    }
}

/// Width of operand `n`; for memory the size of the access. `None` for sizes that are not 1, 2, 4 or 8 bytes.
pub(crate) fn width(raw: &Instruction, n: u32) -> Option<Width> {
    let bytes = match raw.op_kind(n) {
        OpKind::Register => raw.op_register(n).size(),
        OpKind::Memory => raw.memory_size().size(),
        OpKind::Immediate8 | OpKind::Immediate8_2nd => 1,
        OpKind::Immediate16 | OpKind::Immediate8to16 => 2,
        OpKind::Immediate32 | OpKind::Immediate8to32 => 4,
        OpKind::MemorySegSI | OpKind::MemorySegESI | OpKind::MemoryESDI | OpKind::MemoryESEDI => {
            raw.memory_size().size()
        }
        _ => return None,
    };
    Width::from_bytes(u32::try_from(bytes).ok()?)
}

fn address(raw: &Instruction) -> Address {
    let base = gpr32(raw.memory_base());
    let index = gpr32(raw.memory_index());
    let word = |r: Register| r.is_gpr16();
    let size16 = word(raw.memory_base())
        || word(raw.memory_index())
        || (base.is_none() && index.is_none() && raw.memory_displ_size() == 2);
    Address {
        base,
        index,
        scale: u8::try_from(raw.memory_index_scale().trailing_zeros()).expect("1, 2, 4 or 8"),
        displacement: raw.memory_displacement32(),
        segment: segment(raw.memory_segment()).unwrap_or(Segment::Ds),
        size16,
    }
}
