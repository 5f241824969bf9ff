//! Lane-wise integer operations on 128-bit vectors.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "lanes are reinterpreted on purpose"
)]

use crate::emit::{Lane, VecOp, VecShift};

/// Applies `f` to each pair of lanes of `bits` bits.
fn zip(bits: u32, a: u128, b: u128, f: impl Fn(u64, u64) -> u64) -> u128 {
    let mask = u64::MAX >> (64 - bits);
    let mut result = 0;
    for at in (0..128).step_by(bits as usize) {
        let lane = f((a >> at) as u64 & mask, (b >> at) as u64 & mask) & mask;
        result |= u128::from(lane) << at;
    }
    result
}

const fn lane_bits(lane: Lane) -> u32 {
    match lane {
        Lane::I8x16 => 8,
        Lane::I16x8 => 16,
        Lane::I32x4 => 32,
        Lane::I64x2 => 64,
    }
}

/// A binary operation on every lane.
pub(super) fn binary(op: VecOp, lane: Lane, a: u128, b: u128) -> u128 {
    let bits = lane_bits(lane);
    let signed = |x: u64| (x << (64 - bits)) as i64;
    let truth = |holds: bool| if holds { u64::MAX } else { 0 };
    match op {
        VecOp::Add => zip(bits, a, b, u64::wrapping_add),
        VecOp::Sub => zip(bits, a, b, u64::wrapping_sub),
        VecOp::CmpEq => zip(bits, a, b, |x, y| truth(x == y)),
        VecOp::CmpGtSigned => zip(bits, a, b, |x, y| truth(signed(x) > signed(y))),
        VecOp::MinUnsigned => zip(bits, a, b, u64::min),
        VecOp::MaxUnsigned => zip(bits, a, b, u64::max),
        VecOp::MinSigned => zip(bits, a, b, |x, y| if signed(x) < signed(y) { x } else { y }),
        VecOp::MaxSigned => zip(bits, a, b, |x, y| if signed(x) > signed(y) { x } else { y }),
    }
}

/// A shift of every lane by one count.
pub(crate) fn shift(kind: VecShift, lane: Lane, a: u128, count: u32) -> u128 {
    let bits = lane_bits(lane);
    zip(bits, a, 0, |x, _| match kind {
        VecShift::Shl if count < bits => x << count,
        VecShift::Shr if count < bits => x >> count,
        VecShift::Shl | VecShift::Shr => 0,
        VecShift::Sar => (((x << (64 - bits)) as i64) >> (64 - bits) >> count.min(bits - 1)).cast_unsigned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_do_not_carry_into_each_other() {
        let ones = u128::MAX;
        assert_eq!(binary(VecOp::Add, Lane::I16x8, ones, 0x0001_0001_0001_0001), u128::MAX << 64);
        assert_eq!(binary(VecOp::CmpGtSigned, Lane::I8x16, 0x7f, 0x80), 0xff);
    }

    #[test]
    fn long_shifts_give_zero_or_the_sign() {
        let v = 0x8000_0000_0000_0000_8000;
        assert_eq!(shift(VecShift::Shl, Lane::I16x8, v, 16), 0);
        assert_eq!(shift(VecShift::Shr, Lane::I64x2, v, 64), 0);
        assert_eq!(shift(VecShift::Sar, Lane::I16x8, v, 99), 0xffff_0000_0000_0000_ffff);
    }
}
