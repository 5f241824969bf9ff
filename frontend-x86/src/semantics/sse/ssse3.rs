//! SSSE3: bytes chosen by bytes, sums and differences of neighbours, signs. SDM vol. 1, chapter 12.5.

#![expect(clippy::cast_possible_truncation, reason = "byte numbers are below 16, lanes are cut")]

use super::integer::{clamp_signed16, map, signed8, signed16};
use super::shuffle::pick;
use super::{is_mmx, packed};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Lane, VecBitOp, VecOp};
use crate::engine::Exception;
use crate::helper_table::VecHelper;
use crate::semantics::mmx;
use crate::state::CpuState;
use iced_x86::Mnemonic;

/// `PSHUFB` — each byte of the source chooses a byte of the destination, or zero where its top bit is set. SDM vol. 2B.
pub fn pshufb<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let within = if is_mmx(i) { 7 } else { 15 };
    packed(e, i, |e, a, b| e.vec_helper(VecHelper::PackedShuffle8, a, b, within))
}

/// `PSHUFB`; `imm` is the greatest byte number.
pub fn pshufb_helper(_: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    let from = a.to_le_bytes();
    let chosen = |by: u8| if by & 0x80 != 0 { 0 } else { from[(u32::from(by) & imm & 15) as usize] };
    u128::from_le_bytes(b.to_le_bytes().map(chosen))
}

/// `PALIGNR` — destination above source, shifted right by bytes. SDM vol. 2B.
pub fn palignr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let by = i.raw().immediate8();
    let len = if is_mmx(i) { 8 } else { 16 };
    let table = core::array::from_fn(|n| match (n as u8).saturating_add(by) {
        _ if n as u8 >= len => 255,
        at if at < len => 16 + at,
        at if at < 2 * len => at - len,
        _ => 255,
    });
    packed(e, i, |e, a, b| e.shuffle(a, b, table))
}

/// `PHADDW`, `PHADDD`, `PHADDSW`, `PHSUBW`, `PHSUBD`, `PHSUBSW` — of neighbouring lanes, the destination's first, the
/// lower one and the upper one. SDM vol. 2B.
pub fn horizontal<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let bytes = if matches!(i.mnemonic(), Mnemonic::Phaddd | Mnemonic::Phsubd) { 4 } else { 2 };
    let combine = |e: &mut E, a: E::Vec, b: E::Vec| {
        let lower = e.shuffle(a, b, pick(bytes, |n| 2 * n));
        let upper = e.shuffle(a, b, pick(bytes, |n| 2 * n + 1));
        match e.insn().mnemonic() {
            Mnemonic::Phaddw => e.vec_op(VecOp::Add, Lane::I16x8, lower, upper),
            Mnemonic::Phaddd => e.vec_op(VecOp::Add, Lane::I32x4, lower, upper),
            Mnemonic::Phsubw => e.vec_op(VecOp::Sub, Lane::I16x8, lower, upper),
            Mnemonic::Phsubd => e.vec_op(VecOp::Sub, Lane::I32x4, lower, upper),
            Mnemonic::Phaddsw => e.vec_helper(VecHelper::PackedAddSigned16, lower, upper, 0),
            _ => e.vec_helper(VecHelper::PackedSubSigned16, lower, upper, 0),
        }
    };
    if is_mmx(i) { mmx::narrowed(e, i, combine) } else { packed(e, i, combine) }
}

/// `PSIGNB`, `PSIGNW`, `PSIGND` — lanes of the destination, negated where the source's are negative, zero where those are
/// zero. SDM vol. 2B.
pub fn psign<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let lane = match i.mnemonic() {
        Mnemonic::Psignb => Lane::I8x16,
        Mnemonic::Psignw => Lane::I16x8,
        Mnemonic::Psignd => Lane::I32x4,
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    packed(e, i, |e, a, b| {
        let zero = e.vec_zero();
        let negative = e.vec_op(VecOp::CmpGtSigned, lane, zero, b);
        let inverted = e.vec_bits(VecBitOp::Xor, a, negative);
        let signed = e.vec_op(VecOp::Sub, lane, inverted, negative);
        let none = e.vec_op(VecOp::CmpEq, lane, b, zero);
        e.vec_bits(VecBitOp::AndNot, none, signed)
    })
}

/// `PABSB`, `PABSW`, `PABSD` — absolute values of the source's lanes; the most negative stays. SDM vol. 2B.
pub fn pabs<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let lane = match i.mnemonic() {
        Mnemonic::Pabsb => Lane::I8x16,
        Mnemonic::Pabsw => Lane::I16x8,
        Mnemonic::Pabsd => Lane::I32x4,
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    packed(e, i, |e, _, b| {
        let zero = e.vec_zero();
        let negated = e.vec_op(VecOp::Sub, lane, zero, b);
        e.vec_op(VecOp::MaxSigned, lane, b, negated)
    })
}

/// `PMADDUBSW` — sums of pairs of products of unsigned and signed bytes, saturated. SDM vol. 2B.
pub fn pmaddubsw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    let unsigned = |x: u32| (x & 0xff).cast_signed();
    map(16, a, b, |x, y| clamp_signed16(unsigned(x) * signed8(y) + unsigned(x >> 8) * signed8(y >> 8)))
}

/// `PMULHRSW` — signed products scaled by 2⁻¹⁵, rounded. SDM vol. 2B.
pub fn pmulhrsw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(16, a, b, |x, y| ((((signed16(x) * signed16(y)) >> 14) + 1) >> 1).cast_unsigned())
}
