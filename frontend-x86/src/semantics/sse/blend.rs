//! Blends: lanes of the source over those of the destination. SDM vol. 2A, "BLENDPS", 2B, "PBLENDW".

use super::packed;
use super::shuffle::pick;
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Lane, VecBitOp, VecOp};
use crate::engine::Exception;
use iced_x86::Mnemonic;

/// `PBLENDW`, `BLENDPS`, `BLENDPD` — the source's lanes where the immediate has a bit.
pub fn by_immediate<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let bytes = match i.mnemonic() {
        Mnemonic::Pblendw => 2,
        Mnemonic::Blendps => 4,
        Mnemonic::Blendpd => 8,
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let imm = i.raw().immediate8();
    let table = pick(bytes, |n| if imm >> n & 1 != 0 { 16 / bytes + n } else { n });
    packed(e, i, |e, a, b| e.shuffle(a, b, table))
}

/// `PBLENDVB`, `BLENDVPS`, `BLENDVPD` — the source's lanes where those of XMM0 are negative.
pub fn by_register<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let lane = match i.mnemonic() {
        Mnemonic::Pblendvb => Lane::I8x16,
        Mnemonic::Blendvps => Lane::I32x4,
        Mnemonic::Blendvpd => Lane::I64x2,
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    packed(e, i, |e, a, b| {
        let (zero, chooser) = (e.vec_zero(), e.xmm(0));
        let mask = e.vec_op(VecOp::CmpGtSigned, lane, zero, chooser);
        let old = e.vec_bits(VecBitOp::AndNot, mask, a);
        let new = e.vec_bits(VecBitOp::And, mask, b);
        e.vec_bits(VecBitOp::Or, old, new)
    })
}
