//! Arithmetic with 128-bit significands, for results that are to be right to the last of 64 bits.
//!
//! Fixed-point numbers are `u128` with 127 fraction bits ([`ONE`] = 1.0); floating ones are [`Real`]. Every operation here is
//! off by at most one or two units of its last place.
#![expect(clippy::cast_possible_truncation, reason = "128-bit numbers are taken apart")]

use super::super::super::real::{Real, divide, shift_right_sticky};

/// 1.0 in fixed point.
pub(super) const ONE: u128 = 1 << 127;

/// The high half of a product.
pub(super) const fn mul_high(a: u128, b: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let middle = a1 * b0 + ((a0 * b0) >> 64);
    let other = a0 * b1 + (middle & LOW);
    a1 * b1 + (middle >> 64) + (other >> 64)
}

/// a × b in fixed point; the product must be below 2.
pub(super) const fn mul_fixed(a: u128, b: u128) -> u128 {
    mul_high(a, b) << 1
}

/// c₀ + c₁z + c₂z² + … in fixed point, or c₀ − c₁z + c₂z² − … with alternating signs; the terms must fall.
pub(super) const fn series(coefficients: &[u128], z: u128, alternating: Alternating) -> u128 {
    let mut sum = 0;
    let mut n = coefficients.len();
    while n > 0 {
        n -= 1;
        let rest = mul_fixed(z, sum);
        sum = match alternating {
            Alternating::Yes => coefficients[n] - rest,
            Alternating::No => coefficients[n] + rest,
        };
    }
    sum
}

/// The signs of a series.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alternating {
    Yes,
    No,
}

/// The quotient digit of (`rest` · 2⁶⁴ + `next`) ÷ `divisor` and the new rest; `rest` < `divisor`, whose top bit is set.
fn digit(rest: u128, next: u64, divisor: u128) -> (u64, u128) {
    let (d1, d0) = ((divisor >> 64) as u64, divisor as u64);
    let (mut q, mut r, mut fits) = if (rest >> 64) as u64 == d1 {
        let (r, overflow) = (rest as u64).overflowing_add(d1);
        (u64::MAX, r, !overflow)
    } else {
        let (q, r) = divide(rest, d1);
        (q, r, true)
    };
    while fits && u128::from(q) * u128::from(d0) > (u128::from(r) << 64 | u128::from(next)) {
        q -= 1;
        let (sum, overflow) = r.overflowing_add(d1);
        (r, fits) = (sum, !overflow);
    }
    let dividend = rest << 64 | u128::from(next);
    (q, dividend.wrapping_sub(u128::from(q).wrapping_mul(divisor)))
}

impl Real {
    /// 1
    pub(super) const ONE: Self = Self { sign: false, exp: 0, sig: ONE };

    /// The number whose fixed-point form is `value`, not zero.
    pub(super) const fn from_fixed(sign: bool, value: u128) -> Self {
        Self::normalised(sign, 0, value)
    }

    /// The magnitude in fixed point; it must be below 2.
    pub(super) const fn to_fixed(self) -> u128 {
        match self.exp {
            0 => self.sig,
            -127..0 => self.sig >> -self.exp,
            _ => 0,
        }
    }

    pub(super) const fn negate_if(self, c: bool) -> Self {
        Self { sign: self.sign ^ c, ..self }
    }

    pub(super) const fn times(self, other: Self) -> Self {
        let product = mul_high(self.sig, other.sig);
        let shift = product.leading_zeros();
        Self {
            sign: self.sign ^ other.sign,
            exp: self.exp + other.exp + 1 - shift.cast_signed(),
            sig: product << shift,
        }
    }

    pub(super) fn over(self, other: Self) -> Self {
        let less = self.sig < other.sig;
        let (high, low) = if less { (self.sig, 0) } else { (self.sig >> 1, (self.sig as u64) << 63) };
        let (q1, rest) = digit(high, low, other.sig);
        let (q0, _) = digit(rest, 0, other.sig);
        Self {
            sign: self.sign ^ other.sign,
            exp: self.exp - other.exp - i32::from(less),
            sig: u128::from(q1) << 64 | u128::from(q0),
        }
    }

    /// self + other; they must not cancel exactly.
    pub(super) fn plus(self, other: Self) -> Self {
        let (a, b) =
            if (self.exp, self.sig) >= (other.exp, other.sig) { (self, other) } else { (other, self) };
        let x = a.sig >> 1;
        let y = shift_right_sticky(b.sig >> 1, (a.exp - b.exp).cast_unsigned());
        let sum = if a.sign == b.sign { x + y } else { x - y };
        Self::normalised(a.sign, a.exp + 1, sum)
    }

    /// The same as an irrational number, which no rounding finds exact.
    pub(super) const fn inexact(self) -> Self {
        Self { sig: self.sig | 1, ..self }
    }
}
