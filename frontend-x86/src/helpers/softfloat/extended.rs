//! The 80-bit double extended format. SDM vol. 1, 4.2.2 and table 8-3.

use super::real::Finite;

/// Exponent field bias.
const BIAS: i32 = 16383;
/// The integer bit.
const INTEGER: u64 = 1 << 63;
/// The bit that makes a NaN quiet.
const QUIET: u64 = 1 << 62;

/// An 80-bit value: `sig` with its explicit integer bit, sign and exponent in `se`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct F80 {
    /// Sign in bit 15, biased exponent below.
    pub se: u16,
    /// Significand.
    pub sig: u64,
}

/// What kind of value a register holds, as FXAM tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// An encoding that the 387 and later reject: unnormal, pseudo-NaN, pseudo-infinity.
    Unsupported,
    /// NaN, quiet or signalling.
    Nan,
    /// A normal finite number.
    Normal,
    /// ±∞
    Infinity,
    /// ±0
    Zero,
    /// A denormal or pseudo-denormal.
    Denormal,
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
    Unsupported,
}

impl F80 {
    /// +0
    pub const ZERO: Self = Self { se: 0, sig: 0 };
    /// +1
    pub const ONE: Self = Self { se: 0x3fff, sig: INTEGER };
    /// The real indefinite: the quiet NaN that invalid operations give.
    pub const INDEFINITE: Self = Self { se: 0xffff, sig: INTEGER | QUIET };
    /// Exponent of the smallest normal number.
    pub(crate) const MIN_EXP: i32 = 1 - BIAS;
    /// Exponent of the largest finite numbers.
    pub(crate) const MAX_EXP: i32 = BIAS;

    /// From the low 80 bits of a register image.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the image is taken apart")]
    pub const fn from_bits(bits: u128) -> Self {
        Self { se: (bits >> 64) as u16, sig: bits as u64 }
    }
    /// As the low 80 bits of a register image.
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        (self.se as u128) << 64 | self.sig as u128
    }
    /// ±0
    #[inline]
    #[must_use]
    pub const fn zero(sign: bool) -> Self {
        Self { se: (sign as u16) << 15, sig: 0 }
    }
    /// ±∞
    #[inline]
    #[must_use]
    pub const fn infinity(sign: bool) -> Self {
        Self { se: (sign as u16) << 15 | 0x7fff, sig: INTEGER }
    }
    /// A number with this exponent; `sig` without its integer bit only where the exponent is the smallest.
    #[inline]
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "callers keep the exponent in range"
    )]
    pub(crate) const fn pack(sign: bool, exp: i32, sig: u64) -> Self {
        let biased = if sig & INTEGER == 0 { 0 } else { (exp + BIAS) as u16 };
        Self { se: (sign as u16) << 15 | biased, sig }
    }

    /// Whether the sign bit is set.
    #[inline]
    #[must_use]
    pub const fn sign(self) -> bool {
        self.se >> 15 != 0
    }
    /// The same bits with the other sign where `c` holds.
    #[inline]
    #[must_use]
    pub const fn negate_if(self, c: bool) -> Self {
        Self { se: self.se ^ (c as u16) << 15, ..self }
    }
    /// The same bits with a clear sign.
    #[inline]
    #[must_use]
    pub const fn abs(self) -> Self {
        Self { se: self.se & 0x7fff, ..self }
    }

    /// What kind of value this is.
    #[must_use]
    pub const fn class(self) -> Class {
        match self.operand() {
            Operand::Finite(_) => Class::Normal,
            Operand::Denormal(_) => Class::Denormal,
            Operand::Zero => Class::Zero,
            Operand::Infinity => Class::Infinity,
            Operand::Nan => Class::Nan,
            Operand::Unsupported => Class::Unsupported,
        }
    }
    /// Whether this is a NaN.
    #[inline]
    #[must_use]
    pub const fn is_nan(self) -> bool {
        self.se & 0x7fff == 0x7fff && self.sig > INTEGER
    }
    /// Whether this is a signalling NaN.
    #[inline]
    #[must_use]
    pub const fn is_signaling(self) -> bool {
        self.is_nan() && self.sig & QUIET == 0
    }
    /// A NaN made quiet.
    #[inline]
    #[must_use]
    pub const fn quieted(self) -> Self {
        Self { sig: self.sig | QUIET, ..self }
    }

    /// The operand, if it is the common kind: normal.
    #[inline]
    pub(crate) const fn normal(self) -> Option<Finite> {
        let biased = self.se & 0x7fff;
        if self.sig & INTEGER != 0 && biased.wrapping_sub(1) < 0x7ffe {
            Some(Finite { sign: self.sign(), exp: biased as i32 - BIAS, sig: self.sig })
        } else {
            None
        }
    }

    #[inline]
    pub(crate) const fn operand(self) -> Operand {
        let biased = self.se & 0x7fff;
        let exp = biased as i32 - BIAS;
        let sign = self.sign();
        if self.sig & INTEGER != 0 {
            match biased {
                // A pseudo-denormal has the exponent of the smallest normal numbers.
                0 => Operand::Denormal(Finite { sign, exp: Self::MIN_EXP, sig: self.sig }),
                0x7fff if self.sig == INTEGER => Operand::Infinity,
                0x7fff => Operand::Nan,
                _ => Operand::Finite(Finite { sign, exp, sig: self.sig }),
            }
        } else if biased != 0 {
            Operand::Unsupported
        } else if self.sig == 0 {
            Operand::Zero
        } else {
            let shift = self.sig.leading_zeros();
            Operand::Denormal(Finite {
                sign,
                exp: Self::MIN_EXP - shift.cast_signed(),
                sig: self.sig << shift,
            })
        }
    }
}

impl core::fmt::Debug for F80 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:04x}.{:016x}", self.se, self.sig)
    }
}
