//! The string instructions, as [`Emit::string`] carries them out: MOVS CMPS STOS LODS SCAS.

use crate::decode::{Insn, segment};
use crate::emit::{Emit, Flow, FlowOf, StringInsn, StringOp};
use crate::state::Segment;
use iced_x86::{Code, OpKind};

fn string<E: Emit>(e: &mut E, i: &Insn, op: StringOp) -> FlowOf<E> {
    let raw = i.raw();
    let memory = if matches!(raw.op0_kind(), OpKind::Register) { 1 } else { 0 };
    let address16 = matches!(raw.op_kind(memory), OpKind::MemorySegSI | OpKind::MemoryESDI);
    let width = i.operand_width(memory).expect("string elements are 1, 2 or 4 bytes");
    let source = segment(raw.memory_segment()).unwrap_or(Segment::Ds);
    e.string(StringInsn { op, width, rep: i.rep(), address16, source });
    Flow::Next
}

/// `MOVS` — and, by the same mnemonic, SSE2's MOVSD.
pub fn movs<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if matches!(i.code(), Code::Movsb_m8_m8 | Code::Movsw_m16_m16 | Code::Movsd_m32_m32) {
        string(e, i, StringOp::Movs)
    } else {
        super::sse::mov::movsd(e, i)
    }
}

/// `CMPS` — and, by the same mnemonic, SSE2's CMPSD.
pub fn cmps<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if matches!(i.code(), Code::Cmpsb_m8_m8 | Code::Cmpsw_m16_m16 | Code::Cmpsd_m32_m32) {
        string(e, i, StringOp::Cmps)
    } else {
        super::sse::compare::cmp(e, i)
    }
}

/// `STOS`.
pub fn stos<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    string(e, i, StringOp::Stos)
}

/// `LODS`.
pub fn lods<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    string(e, i, StringOp::Lods)
}

/// `SCAS`.
pub fn scas<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    string(e, i, StringOp::Scas)
}
