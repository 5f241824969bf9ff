//! The interchange formats of 32 and 64 bits. Values are held as bits in a `u64`.

use super::real::Finite;

/// A binary interchange format with a hidden integer bit.
pub trait Format {
    /// Significand bits, the hidden one included.
    const PRECISION: u32;
    /// All bits.
    const BITS: u32;
    /// Exponent of the largest finite numbers; also the bias.
    const MAX_EXP: i32;
    /// Exponent of the smallest normal number.
    const MIN_EXP: i32 = 1 - Self::MAX_EXP;
    /// Fraction field.
    const FRACTION: u64 = (1 << (Self::PRECISION - 1)) - 1;
    /// Sign bit.
    const SIGN: u64 = 1 << (Self::BITS - 1);
    /// The bits of +∞.
    const INFINITY: u64 = Self::SIGN - 1 - Self::FRACTION;
    /// The bit that makes a NaN quiet.
    const QUIET: u64 = 1 << (Self::PRECISION - 2);
    /// The real indefinite: the quiet NaN that invalid operations give.
    const INDEFINITE: u64 = Self::SIGN | Self::INFINITY | Self::QUIET;
}

/// Single precision.
#[derive(Clone, Copy, Debug)]
pub enum Binary32 {}

impl Format for Binary32 {
    const PRECISION: u32 = 24;
    const BITS: u32 = 32;
    const MAX_EXP: i32 = 127;
}

/// Double precision.
#[derive(Clone, Copy, Debug)]
pub enum Binary64 {}

impl Format for Binary64 {
    const PRECISION: u32 = 53;
    const BITS: u32 = 64;
    const MAX_EXP: i32 = 1023;
}

/// An operand taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operand {
    Finite(Finite),
    /// Finite, with DE.
    Denormal(Finite),
    Zero,
    Infinity,
    Nan,
}

#[inline]
pub(crate) const fn is_negative<F: Format>(bits: u64) -> bool {
    bits & F::SIGN != 0
}

#[inline]
pub(crate) const fn is_nan<F: Format>(bits: u64) -> bool {
    bits & !F::SIGN > F::INFINITY
}

#[inline]
pub(crate) const fn is_signaling<F: Format>(bits: u64) -> bool {
    is_nan::<F>(bits) && bits & F::QUIET == 0
}

#[inline]
pub(crate) const fn is_denormal<F: Format>(bits: u64) -> bool {
    bits & F::INFINITY == 0 && bits & F::FRACTION != 0
}

#[inline]
pub(crate) const fn zero<F: Format>(sign: bool) -> u64 {
    if sign { F::SIGN } else { 0 }
}

#[inline]
pub(crate) const fn infinity<F: Format>(sign: bool) -> u64 {
    zero::<F>(sign) | F::INFINITY
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "exponents have at most 11 bits")]
pub(crate) const fn operand<F: Format>(bits: u64) -> Operand {
    let sign = is_negative::<F>(bits);
    let fraction = bits & F::FRACTION;
    let top = fraction << (64 - F::PRECISION);
    let biased = ((bits & F::INFINITY) >> (F::PRECISION - 1)) as i32;
    if biased == 0 {
        if fraction == 0 {
            return Operand::Zero;
        }
        let shift = top.leading_zeros();
        Operand::Denormal(Finite { sign, exp: F::MIN_EXP - shift.cast_signed(), sig: top << shift })
    } else if biased == 2 * F::MAX_EXP + 1 {
        if fraction == 0 { Operand::Infinity } else { Operand::Nan }
    } else {
        Operand::Finite(Finite { sign, exp: biased - F::MAX_EXP, sig: 1 << 63 | top })
    }
}

/// The bits of a number whose significand is at the top of `sig`, without its integer bit only where the exponent is
/// the smallest.
#[inline]
#[expect(clippy::cast_sign_loss, reason = "callers keep the exponent in range")]
pub(crate) const fn pack<F: Format>(sign: bool, exp: i32, sig: u64) -> u64 {
    let biased = if sig >> 63 == 0 { 0 } else { (exp + F::MAX_EXP) as u64 };
    zero::<F>(sign) | biased << (F::PRECISION - 1) | (sig >> (64 - F::PRECISION)) & F::FRACTION
}
