//! Packed integers of SSE4.1 that have no relatives among the older ones. SDM vol. 1, chapter 12.10.

#![expect(clippy::cast_possible_truncation, reason = "lanes are cut and reinterpreted on purpose")]

use super::integer::{map, pack};
use super::{packed, source, vector};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, VecBitOp, Width};
use crate::flags::{AF, CF, OF, PF, SF, ZF};
use crate::helper_table::VecHelper;
use crate::state::CpuState;

/// Whether a vector is zero.
fn is_zero<E: Emit>(e: &mut E, v: E::Vec) -> E::Bool {
    let (low, high) = (e.extract(v, Width::B64, 0), e.extract(v, Width::B64, 1));
    let any = e.or(low, high);
    let zero = e.imm(Width::B64, 0);
    e.eq(any, zero)
}

/// `PTEST` — ZF: no bit of the source is set in the destination; CF: all are; the others are cleared. SDM vol. 2B.
pub fn ptest<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let b = source(e, i, 1);
    let a = vector(e, i, 0);
    let common = e.vec_bits(VecBitOp::And, a, b);
    let missing = e.vec_bits(VecBitOp::AndNot, a, b);
    let (disjoint, subset) = (is_zero(e, common), is_zero(e, missing));
    let (none, zf, cf) =
        (e.imm(Width::B32, 0), e.imm(Width::B32, u64::from(ZF)), e.imm(Width::B32, u64::from(CF)));
    let zf = e.select(disjoint, zf, none);
    let cf = e.select(subset, cf, none);
    let flags = e.or(zf, cf);
    e.set_eflags(CF | PF | AF | ZF | SF | OF, flags);
    Flow::Next
}

/// `MPSADBW` — sums of absolute differences of four bytes of the source with eight neighbouring fours of the destination;
/// the immediate says where either begins. SDM vol. 2B.
pub fn mpsadbw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let imm = u32::from(i.raw().immediate8());
    packed(e, i, |e, a, b| e.vec_helper(VecHelper::PackedSumsOfDifferences8, a, b, imm))
}

/// `MPSADBW`; `imm` is its immediate.
pub fn mpsadbw_helper(_: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    let (x, y) = (a.to_le_bytes(), b.to_le_bytes());
    let (from, block) = ((imm & 4) as usize, (imm & 3) as usize * 4);
    (0..8).fold(0, |r, n| {
        let sum: u32 = (0..4).map(|k| u32::from(x[from + n + k].abs_diff(y[block + k]))).sum();
        r | u128::from(sum) << (16 * n)
    })
}

/// `PHMINPOSUW` — the least unsigned word of the source and, above it, its number. SDM vol. 2B.
pub fn phminposuw_helper(_: &mut CpuState, _: u128, b: u128, _: u32) -> u128 {
    let word = |n: u32| (b >> (16 * n)) as u16;
    (0..8).min_by_key(|n| word(*n)).map_or(0, |n| u128::from(word(n)) | u128::from(n) << 16)
}

/// `PMULLD` — low halves of the products. SDM vol. 2B.
pub fn pmulld_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    map(32, a, b, u32::wrapping_mul)
}

/// `PACKUSDW` — signed doublewords to unsigned words. SDM vol. 2B.
pub fn packusdw_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    pack(32, a, b, |x| x.cast_signed().clamp(0, 0xffff).cast_unsigned())
}
