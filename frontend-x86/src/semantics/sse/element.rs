//! Single elements in and out of XMM registers. SDM vol. 2A, "EXTRACTPS", "INSERTPS", 2B, "PEXTRB", "PINSRB".

use super::{scalar_source, vector, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::engine::Exception;
use crate::operand::{place, read, write};
use iced_x86::Mnemonic;

/// `PEXTRB`, `PEXTRW`, `PEXTRD`, `EXTRACTPS` — zero-extended into a register, or as wide as it is into memory.
pub fn extract<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (width, lanes) = match i.mnemonic() {
        Mnemonic::Pextrb => (Width::B8, 16),
        Mnemonic::Pextrw => (Width::B16, 8),
        Mnemonic::Pextrd | Mnemonic::Extractps => (Width::B32, 4),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let v = vector(e, i, 1);
    let element = e.extract(v, width, i.raw().immediate8() & (lanes - 1));
    let value = if i.is_memory(0) { element } else { e.zext(Width::B32, element) };
    let dst = place(e, i, 0);
    write(e, dst, value);
    Flow::Next
}

/// `PINSRB`, `PINSRD` — from the low part of a register or from memory; the other elements stay.
pub fn insert<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (width, lanes) = match i.mnemonic() {
        Mnemonic::Pinsrb => (Width::B8, 16),
        Mnemonic::Pinsrd => (Width::B32, 4),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let src = place(e, i, 1);
    let value = read(e, width, src);
    let base = vector(e, i, 0);
    let result = e.insert(base, width, i.raw().immediate8() & (lanes - 1), value);
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// `INSERTPS` — an element of the source, or 32 bits of memory, over one of the destination; then some become zero.
pub fn insertps<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let imm = i.raw().immediate8();
    let value = if i.is_memory(1) {
        scalar_source(e, i, 1, Width::B32)
    } else {
        let b = vector(e, i, 1);
        e.extract(b, Width::B32, imm >> 6)
    };
    let a = vector(e, i, 0);
    let merged = e.insert(a, Width::B32, imm >> 4 & 3, value);
    let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15u8];
    let kept = bytes.map(|n| if imm >> (n / 4) & 1 != 0 { 255 } else { n });
    let result = e.shuffle(merged, merged, kept);
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}
