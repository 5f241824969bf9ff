//! Packed integers. What has no lane operation of its own is computed out of line, by the `_helper` functions.

#![expect(clippy::cast_possible_truncation, reason = "lanes are cut and reinterpreted on purpose")]

use super::{packed, source, vector, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Lane, VecOp, VecShift, Width};
use crate::engine::Exception;
use crate::helper_table::VecHelper;
use crate::semantics::mmx;
use crate::state::CpuState;
use iced_x86::Mnemonic;

/// `PADDx`, `PSUBx`, `PCMPEQx`, `PCMPGTx`, `PMINxx`, `PMAXxx` — one operation on each lane.
pub fn lanes<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    use Lane::{I8x16, I16x8, I32x4, I64x2};
    let (op, lane) = match i.mnemonic() {
        Mnemonic::Paddb => (VecOp::Add, I8x16),
        Mnemonic::Paddw => (VecOp::Add, I16x8),
        Mnemonic::Paddd => (VecOp::Add, I32x4),
        Mnemonic::Paddq => (VecOp::Add, I64x2),
        Mnemonic::Psubb => (VecOp::Sub, I8x16),
        Mnemonic::Psubw => (VecOp::Sub, I16x8),
        Mnemonic::Psubd => (VecOp::Sub, I32x4),
        Mnemonic::Psubq => (VecOp::Sub, I64x2),
        Mnemonic::Pcmpeqb => (VecOp::CmpEq, I8x16),
        Mnemonic::Pcmpeqw => (VecOp::CmpEq, I16x8),
        Mnemonic::Pcmpeqd => (VecOp::CmpEq, I32x4),
        Mnemonic::Pcmpgtb => (VecOp::CmpGtSigned, I8x16),
        Mnemonic::Pcmpgtw => (VecOp::CmpGtSigned, I16x8),
        Mnemonic::Pcmpgtd => (VecOp::CmpGtSigned, I32x4),
        Mnemonic::Pminub => (VecOp::MinUnsigned, I8x16),
        Mnemonic::Pmaxub => (VecOp::MaxUnsigned, I8x16),
        Mnemonic::Pminsw => (VecOp::MinSigned, I16x8),
        Mnemonic::Pmaxsw => (VecOp::MaxSigned, I16x8),
        Mnemonic::Pminsb => (VecOp::MinSigned, I8x16),
        Mnemonic::Pminsd => (VecOp::MinSigned, I32x4),
        Mnemonic::Pminuw => (VecOp::MinUnsigned, I16x8),
        Mnemonic::Pminud => (VecOp::MinUnsigned, I32x4),
        Mnemonic::Pmaxsb => (VecOp::MaxSigned, I8x16),
        Mnemonic::Pmaxsd => (VecOp::MaxSigned, I32x4),
        Mnemonic::Pmaxuw => (VecOp::MaxUnsigned, I16x8),
        Mnemonic::Pmaxud => (VecOp::MaxUnsigned, I32x4),
        Mnemonic::Pcmpeqq => (VecOp::CmpEq, I64x2),
        Mnemonic::Pcmpgtq => (VecOp::CmpGtSigned, I64x2),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    packed(e, i, |e, a, b| e.vec_op(op, lane, a, b))
}

/// Saturating sums and differences, products, averages, sums of differences, packs: out of line.
pub fn out_of_line<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let helper = match i.mnemonic() {
        Mnemonic::Paddsb => VecHelper::PackedAddSigned8,
        Mnemonic::Paddsw => VecHelper::PackedAddSigned16,
        Mnemonic::Paddusb => VecHelper::PackedAddUnsigned8,
        Mnemonic::Paddusw => VecHelper::PackedAddUnsigned16,
        Mnemonic::Psubsb => VecHelper::PackedSubSigned8,
        Mnemonic::Psubsw => VecHelper::PackedSubSigned16,
        Mnemonic::Psubusb => VecHelper::PackedSubUnsigned8,
        Mnemonic::Psubusw => VecHelper::PackedSubUnsigned16,
        Mnemonic::Pmullw => VecHelper::PackedMultiplyLow16,
        Mnemonic::Pmulhw => VecHelper::PackedMultiplyHigh16,
        Mnemonic::Pmulhuw => VecHelper::PackedMultiplyHighUnsigned16,
        Mnemonic::Pmaddwd => VecHelper::PackedMultiplyAdd16,
        Mnemonic::Pavgb => VecHelper::PackedAverage8,
        Mnemonic::Pavgw => VecHelper::PackedAverage16,
        Mnemonic::Psadbw => VecHelper::PackedSumOfDifferences8,
        Mnemonic::Packsswb => VecHelper::PackSigned16,
        Mnemonic::Packssdw => VecHelper::PackSigned32,
        Mnemonic::Packuswb => VecHelper::PackUnsigned16,
        Mnemonic::Packusdw => VecHelper::PackUnsigned32,
        Mnemonic::Pmaddubsw => VecHelper::PackedMultiplyAdd8,
        Mnemonic::Pmulhrsw => VecHelper::PackedMultiplyRounded16,
        Mnemonic::Pmulld => VecHelper::PackedMultiplyLow32,
        Mnemonic::Phminposuw => VecHelper::PackedMinimum16,
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let narrows =
        matches!(helper, VecHelper::PackSigned16 | VecHelper::PackSigned32 | VecHelper::PackUnsigned16);
    if narrows && super::is_mmx(i) {
        return mmx::narrowed(e, i, |e, a, b| e.vec_helper(helper, a, b, 0));
    }
    packed(e, i, |e, a, b| e.vec_helper(helper, a, b, 0))
}

/// `PSLLx`, `PSRLx`, `PSRAx` — every lane by an immediate, or by the low 64 bits of the source.
pub fn shift<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    use Lane::{I16x8, I32x4, I64x2};
    let (kind, lane, helper) = match i.mnemonic() {
        Mnemonic::Psllw => (VecShift::Shl, I16x8, VecHelper::PackedShiftLeft16),
        Mnemonic::Pslld => (VecShift::Shl, I32x4, VecHelper::PackedShiftLeft32),
        Mnemonic::Psllq => (VecShift::Shl, I64x2, VecHelper::PackedShiftLeft64),
        Mnemonic::Psrlw => (VecShift::Shr, I16x8, VecHelper::PackedShiftRight16),
        Mnemonic::Psrld => (VecShift::Shr, I32x4, VecHelper::PackedShiftRight32),
        Mnemonic::Psrlq => (VecShift::Shr, I64x2, VecHelper::PackedShiftRight64),
        Mnemonic::Psraw => (VecShift::Sar, I16x8, VecHelper::PackedShiftArithmetic16),
        Mnemonic::Psrad => (VecShift::Sar, I32x4, VecHelper::PackedShiftArithmetic32),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let by_vector = i.is_memory(1) || i.register(1).is_xmm();
    if super::is_mmx(i) {
        return if i.is_memory(1) || i.register(1).is_mm() {
            mmx::packed(e, i, |e, a, b| e.vec_helper(helper, a, b, 0))
        } else {
            mmx::unary(e, i, |e, a| e.vec_shift(kind, lane, a, u32::from(i.raw().immediate8())))
        };
    }
    let result = if by_vector {
        let b = source(e, i, 1);
        let a = vector(e, i, 0);
        e.vec_helper(helper, a, b, 0)
    } else {
        let a = vector(e, i, 0);
        e.vec_shift(kind, lane, a, u32::from(i.raw().immediate8()))
    };
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// Applies `f` to each pair of `BITS`-bit lanes; lanes come zero-extended, results are cut.
pub(super) fn map(bits: usize, a: u128, b: u128, f: impl Fn(u32, u32) -> u32) -> u128 {
    let mask = u32::MAX >> (32 - bits);
    (0..128).step_by(bits).fold(0, |r, at| {
        let lane = f((a >> at) as u32 & mask, (b >> at) as u32 & mask) & mask;
        r | u128::from(lane) << at
    })
}

pub(super) const fn signed8(x: u32) -> i32 {
    (x as u8).cast_signed() as i32
}
pub(super) const fn signed16(x: u32) -> i32 {
    (x as u16).cast_signed() as i32
}
fn clamp_signed8(x: i32) -> u32 {
    x.clamp(-0x80, 0x7f).cast_unsigned()
}
pub(super) fn clamp_signed16(x: i32) -> u32 {
    x.clamp(-0x8000, 0x7fff).cast_unsigned()
}

/// `PADDSB`.
pub fn paddsb_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(8, a, b, |x, y| clamp_signed8(signed8(x) + signed8(y)))
}

/// `PADDSW`.
pub fn paddsw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(16, a, b, |x, y| clamp_signed16(signed16(x) + signed16(y)))
}

/// `PADDUSB`.
pub fn paddusb_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(8, a, b, |x, y| (x + y).min(0xff))
}

/// `PADDUSW`.
pub fn paddusw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(16, a, b, |x, y| (x + y).min(0xffff))
}

/// `PSUBSB`.
pub fn psubsb_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(8, a, b, |x, y| clamp_signed8(signed8(x) - signed8(y)))
}

/// `PSUBSW`.
pub fn psubsw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(16, a, b, |x, y| clamp_signed16(signed16(x) - signed16(y)))
}

/// `PSUBUSB`.
pub fn psubusb_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(8, a, b, u32::saturating_sub)
}

/// `PSUBUSW`.
pub fn psubusw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(16, a, b, u32::saturating_sub)
}

/// `PMULLW` — low halves of the products.
pub fn pmullw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(16, a, b, u32::wrapping_mul)
}

/// `PMULHW` — high halves of the signed products.
pub fn pmulhw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(16, a, b, |x, y| ((signed16(x) * signed16(y)) >> 16).cast_unsigned())
}

/// `PMULHUW` — high halves of the unsigned products.
pub fn pmulhuw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(16, a, b, |x, y| (x * y) >> 16)
}

/// `PMULUDQ`, `PMULDQ` — whole products of the even lanes.
pub fn multiply_even<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let signed = i.mnemonic() == Mnemonic::Pmuldq;
    packed(e, i, |e, a, b| {
        let mut result = e.vec_zero();
        for lane in 0..2 {
            let [x, y] = [a, b].map(|v| {
                let half = e.extract(v, Width::B32, 2 * lane);
                if signed { e.sext(Width::B64, half) } else { e.zext(Width::B64, half) }
            });
            let product = e.mul(x, y);
            result = e.insert(result, Width::B64, lane, product);
        }
        result
    })
}

/// `PMADDWD` — sums of pairs of signed products, wrapping.
pub fn pmaddwd_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(32, a, b, |x, y| {
        let low = signed16(x) * signed16(y);
        let high = signed16(x >> 16) * signed16(y >> 16);
        low.wrapping_add(high).cast_unsigned()
    })
}

/// `PAVGB` — averages, rounded up.
pub fn pavgb_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(8, a, b, |x, y| (x + y + 1) >> 1)
}

/// `PAVGW` — averages, rounded up.
pub fn pavgw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(16, a, b, |x, y| (x + y + 1) >> 1)
}

/// `PSADBW` — sums of the absolute differences of each half's bytes.
pub fn psadbw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    let (x, y) = (a.to_le_bytes(), b.to_le_bytes());
    let sum = |from: usize| (from..from + 8).map(|n| u128::from(x[n].abs_diff(y[n]))).sum::<u128>();
    sum(0) | sum(8) << 64
}

/// Packs `from`-bit lanes of `a`, then of `b`, to half their width.
pub(super) fn pack(from: usize, a: u128, b: u128, f: impl Fn(u32) -> u32) -> u128 {
    let half = from / 2;
    let narrow = |v: u128| {
        (0..128 / from).fold(0, |r, n| {
            let lane = f((v >> (n * from)) as u32) & (u32::MAX >> (32 - half));
            r | u128::from(lane) << (n * half)
        })
    };
    narrow(a) | narrow(b) << 64
}

/// `PACKSSWB` — to signed bytes.
pub fn packsswb_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    pack(16, a, b, |x| clamp_signed8(signed16(x)))
}

/// `PACKSSDW` — to signed words.
pub fn packssdw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    pack(32, a, b, |x| clamp_signed16(x.cast_signed()))
}

/// `PACKUSWB` — signed words to unsigned bytes.
pub fn packuswb_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    pack(16, a, b, |x| signed16(x).clamp(0, 0xff).cast_unsigned())
}

/// Shifts every lane by the low 64 bits of `count`.
fn shift_by(kind: VecShift, lane: Lane, a: u128, count: u128) -> u128 {
    let count = u32::try_from(count as u64).unwrap_or(u32::MAX);
    crate::interp::shift_lanes(kind, lane, a, count)
}

/// `PSLLW` by a register.
pub fn psllw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    shift_by(VecShift::Shl, Lane::I16x8, a, b)
}

/// `PSLLD` by a register.
pub fn pslld_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    shift_by(VecShift::Shl, Lane::I32x4, a, b)
}

/// `PSLLQ` by a register.
pub fn psllq_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    shift_by(VecShift::Shl, Lane::I64x2, a, b)
}

/// `PSRLW` by a register.
pub fn psrlw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    shift_by(VecShift::Shr, Lane::I16x8, a, b)
}

/// `PSRLD` by a register.
pub fn psrld_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    shift_by(VecShift::Shr, Lane::I32x4, a, b)
}

/// `PSRLQ` by a register.
pub fn psrlq_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    shift_by(VecShift::Shr, Lane::I64x2, a, b)
}

/// `PSRAW` by a register.
pub fn psraw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    shift_by(VecShift::Sar, Lane::I16x8, a, b)
}

/// `PSRAD` by a register.
pub fn psrad_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    shift_by(VecShift::Sar, Lane::I32x4, a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiply_add_of_the_most_negative_words_wraps() {
        let cpu = &mut CpuState::default();
        assert_eq!(pmaddwd_helper(cpu, 0x8000_8000, 0x8000_8000, 0), 0x8000_0000);
    }

    #[test]
    fn packs_saturate() {
        let cpu = &mut CpuState::default();
        assert_eq!(packuswb_helper(cpu, 0x8000_0100_00ff, 0, 0), 0x00_ff_ff);
        assert_eq!(packssdw_helper(cpu, 0x8000_0000_7fff_ffff, 0, 0), 0x8000_7fff);
    }
}
