//! Finite operands, and exact arithmetic on them.
#![expect(clippy::cast_possible_truncation, reason = "halves of 128-bit products are taken apart")]

/// A finite operand that is not zero: ±`sig` · 2^(`exp` − 63), with bit 63 of `sig` set (denormals are normalised).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finite {
    /// Negative.
    pub sign: bool,
    /// Exponent of the leading bit.
    pub exp: i32,
    /// Significand, leading bit at 63.
    pub sig: u64,
}

/// A result before rounding: ±`sig` · 2^(`exp` − 127), with bit 127 of `sig` set. Bit 0 is sticky: it is set where
/// the true value lies strictly between this and the next representation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Real {
    /// Negative.
    pub sign: bool,
    /// Exponent of the leading bit.
    pub exp: i32,
    /// Significand, leading bit at 127.
    pub sig: u128,
}

/// `sig` >> `count`, with bit 0 set if a one bit was lost.
#[inline]
pub(crate) const fn shift_right_sticky(sig: u128, count: u32) -> u128 {
    match count {
        0 => sig,
        1..=127 => sig >> count | (sig << (128 - count) != 0) as u128,
        _ => (sig != 0) as u128,
    }
}

/// Quotient and remainder of 128 by 64 bits, where bit 63 of `divisor` is set and the quotient fits: `high < divisor`.
///
/// Long division in base 2³² with corrected digit estimates (Knuth, TAOCP vol. 2, 4.3.1 D).
#[inline]
pub(crate) fn divide(dividend: u128, divisor: u64) -> (u64, u64) {
    let (d1, d0) = (divisor >> 32, divisor & 0xffff_ffff);
    let digit = |high: u64, next: u64| {
        let mut q = high / d1;
        let mut r = high - q * d1;
        while q >> 32 != 0 || q * d0 > (r << 32 | next) {
            q -= 1;
            r += d1;
            if r >> 32 != 0 {
                break;
            }
        }
        let rest = (high << 32 | next).wrapping_sub(q.wrapping_mul(divisor));
        (q, rest)
    };
    let (high, low) = ((dividend >> 64) as u64, dividend as u64);
    let (q1, rest) = digit(high, low >> 32);
    let (q0, rest) = digit(rest, low & 0xffff_ffff);
    (q1 << 32 | q0, rest)
}

impl Finite {
    /// A non-zero integer magnitude.
    #[inline]
    pub(crate) const fn from_magnitude(sign: bool, magnitude: u64) -> Self {
        let shift = magnitude.leading_zeros();
        Self { sign, exp: 63 - shift.cast_signed(), sig: magnitude << shift }
    }

    /// The same number with the other sign where `c` holds.
    #[inline]
    #[must_use]
    pub const fn negate_if(self, c: bool) -> Self {
        Self { sign: self.sign ^ c, ..self }
    }

    /// The same number as a result.
    #[inline]
    #[must_use]
    pub const fn to_real(self) -> Real {
        Real { sign: self.sign, exp: self.exp, sig: (self.sig as u128) << 64 }
    }

    /// self + other, or `None` where they cancel to an exact zero.
    #[inline]
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Real> {
        let (a, b) =
            if (self.exp, self.sig) >= (other.exp, other.sig) { (self, other) } else { (other, self) };
        // One bit is left above for the carry. Two operands whose exponents differ by up to 63 keep all their bits; beyond
        // that at most one leading bit cancels, so that the sticky bit stays below every rounding position.
        let (x, y) = (u128::from(a.sig) << 63, u128::from(b.sig) << 63);
        let y = shift_right_sticky(y, (a.exp - b.exp).cast_unsigned());
        let sum = if a.sign == b.sign { x + y } else { x - y };
        if sum == 0 {
            return None;
        }
        let shift = sum.leading_zeros();
        Some(Real { sign: a.sign, exp: a.exp + 1 - shift.cast_signed(), sig: sum << shift })
    }

    /// self × other
    #[inline]
    #[must_use]
    pub fn times(self, other: Self) -> Real {
        let product = u128::from(self.sig) * u128::from(other.sig);
        let shift = product.leading_zeros();
        Real {
            sign: self.sign ^ other.sign,
            exp: self.exp + other.exp + 1 - shift.cast_signed(),
            sig: product << shift,
        }
    }

    /// self ÷ other
    #[inline]
    #[must_use]
    pub fn over(self, other: Self) -> Real {
        let less = self.sig < other.sig;
        let dividend = u128::from(self.sig) << if less { 64 } else { 63 };
        let (quotient, rest) = divide(dividend, other.sig);
        // 64 bits of quotient; the next one and a sticky one from the remainder. 2·rest ≥ divisor without the overflow:
        let half = rest >= other.sig - rest;
        let rest_after = if half { rest.wrapping_sub(other.sig - rest) } else { rest };
        let sig = u128::from(quotient) << 64 | u128::from(half) << 63 | u128::from(rest_after != 0);
        Real { sign: self.sign ^ other.sign, exp: self.exp - other.exp - i32::from(less), sig }
    }

    /// The square root of the magnitude.
    #[inline]
    #[must_use]
    pub fn root(self) -> Real {
        let odd = self.exp & 1 != 0;
        let radicand = u128::from(self.sig) << if odd { 64 } else { 63 };
        let root = radicand.isqrt();
        let rest = radicand - root * root;
        // The root of an integer is never half-way between two integers: (r + ½)² = r² + r + ¼.
        let sig = root << 64 | u128::from(rest > root) << 63 | u128::from(rest != 0);
        Real { sign: false, exp: self.exp >> 1, sig }
    }
}

impl Real {
    /// ±`sig` · 2^(`exp` − 127), normalised; `sig` is not zero.
    #[inline]
    pub(crate) const fn normalised(sign: bool, exp: i32, sig: u128) -> Self {
        let shift = sig.leading_zeros();
        Self { sign, exp: exp - shift.cast_signed(), sig: sig << shift }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divide_agrees_with_wide_division() {
        let mut x = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        };
        for round in 0..200_000 {
            let mut divisor = next() | 1 << 63;
            if round % 4 == 0 {
                divisor |= u64::MAX << (round % 64);
            }
            let mut high = next() % divisor;
            if round % 3 == 0 {
                high = divisor - 1;
            }
            let dividend = u128::from(high) << 64 | u128::from(next());
            let (q, r) = divide(dividend, divisor);
            assert_eq!(u128::from(q), dividend / u128::from(divisor), "{dividend:#x} / {divisor:#x}");
            assert_eq!(u128::from(r), dividend % u128::from(divisor), "{dividend:#x} % {divisor:#x}");
        }
    }

    #[test]
    fn sticky_shift_keeps_lost_bits() {
        assert_eq!(shift_right_sticky(0b1000, 3), 1);
        assert_eq!(shift_right_sticky(0b1001, 3), 1);
        assert_eq!(shift_right_sticky(0b10001, 3), 0b11);
        assert_eq!(shift_right_sticky(1 << 127, 128), 1);
        assert_eq!(shift_right_sticky(0, 500), 0);
    }
}
