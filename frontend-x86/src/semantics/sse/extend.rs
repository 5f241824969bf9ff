//! PMOVSX and PMOVZX: lanes made wider. SDM vol. 2B, "PMOVSX", "PMOVZX".

#![expect(clippy::cast_possible_truncation, reason = "byte numbers are below 16")]

use super::{scalar_source, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Lane, VecShift, Width};
use crate::engine::Exception;
use iced_x86::Mnemonic;

/// All twelve — the low lanes of the source, or that much memory at any alignment, sign- or zero-extended.
pub fn extend<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (from, to, signed) = match i.mnemonic() {
        Mnemonic::Pmovsxbw => (1, 2, true),
        Mnemonic::Pmovsxbd => (1, 4, true),
        Mnemonic::Pmovsxbq => (1, 8, true),
        Mnemonic::Pmovsxwd => (2, 4, true),
        Mnemonic::Pmovsxwq => (2, 8, true),
        Mnemonic::Pmovsxdq => (4, 8, true),
        Mnemonic::Pmovzxbw => (1, 2, false),
        Mnemonic::Pmovzxbd => (1, 4, false),
        Mnemonic::Pmovzxbq => (1, 8, false),
        Mnemonic::Pmovzxwd => (2, 4, false),
        Mnemonic::Pmovzxwq => (2, 8, false),
        Mnemonic::Pmovzxdq => (4, 8, false),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let (width, lane) = match to {
        2 => (Width::B64, Lane::I16x8),
        4 if from == 1 => (Width::B32, Lane::I32x4),
        4 => (Width::B64, Lane::I32x4),
        _ if from == 1 => (Width::B16, Lane::I64x2),
        _ if from == 2 => (Width::B32, Lane::I64x2),
        _ => (Width::B64, Lane::I64x2),
    };
    let low = scalar_source(e, i, 1, width);
    let zero = e.vec_zero();
    let v = e.insert(zero, width, 0, low);
    // A lane to be sign-extended is brought to the top of the wide one first.
    let gap = if signed { to - from } else { 0 };
    let table = core::array::from_fn(|n| {
        let (wide, within) = (n as u8 / to, n as u8 % to);
        within.checked_sub(gap).filter(|k| *k < from).map_or(255, |k| wide * from + k)
    });
    let spread = e.shuffle(v, v, table);
    let result = if signed { e.vec_shift(VecShift::Sar, lane, spread, u32::from(gap) * 8) } else { spread };
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}
