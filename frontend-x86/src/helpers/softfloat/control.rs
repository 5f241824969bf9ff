//! The x87 control word and MXCSR, as far as operations depend on them.

use super::status::Status;

/// Rounding control, in the encoding both control words use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Rounding {
    /// To nearest, ties to even.
    Nearest,
    /// Towards −∞.
    Down,
    /// Towards +∞.
    Up,
    /// Towards zero.
    Zero,
}

impl Rounding {
    /// The mode with this encoding; only the low two bits count.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code & 3 {
            0 => Self::Nearest,
            1 => Self::Down,
            2 => Self::Up,
            _ => Self::Zero,
        }
    }

    /// Whether a result of this sign that overflows becomes infinite rather than the largest finite number.
    #[must_use]
    pub(crate) const fn overflows_to_infinity(self, sign: bool) -> bool {
        match self {
            Self::Nearest => true,
            Self::Down => sign,
            Self::Up => !sign,
            Self::Zero => false,
        }
    }

    /// The sign of an exact zero that is the sum of two numbers of different sign.
    #[must_use]
    pub(crate) const fn sign_of_cancellation(self) -> bool {
        matches!(self, Self::Down)
    }
}

/// Precision control: the significand bits that add, subtract, multiply, divide and square root keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Precision {
    /// 24 bits.
    Single,
    /// 53 bits.
    Double,
    /// 64 bits.
    Extended,
}

impl Precision {
    /// Significand bits, the leading one included.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Single => 24,
            Self::Double => 53,
            Self::Extended => 64,
        }
    }
}

/// The x87 control word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(transparent)]
pub struct Control(pub u16);

impl Control {
    /// As FNINIT leaves it: all masked, extended precision, to nearest.
    pub const INIT: Self = Self(0x037f);

    /// RC.
    #[must_use]
    pub const fn rounding(self) -> Rounding {
        Rounding::from_code((self.0 >> 10) as u32)
    }
    /// PC; the reserved encoding 1 works as extended.
    #[must_use]
    pub const fn precision(self) -> Precision {
        match (self.0 >> 8) & 3 {
            0 => Precision::Single,
            2 => Precision::Double,
            _ => Precision::Extended,
        }
    }
    /// The exceptions that trap.
    #[must_use]
    pub const fn unmasked(self) -> Status {
        Status(!self.0 & Status::EXCEPTIONS.0)
    }
    /// Whether any of these exceptions is unmasked.
    #[must_use]
    pub const fn unmasks(self, exceptions: Status) -> bool {
        self.unmasked().0 & exceptions.0 != 0
    }
    /// The same with extended precision, for the operations that precision control does not touch.
    #[must_use]
    pub const fn extended(self) -> Self {
        Self(self.0 | 0x0300)
    }
    /// The same with another rounding control.
    #[must_use]
    pub const fn with_rounding(self, rounding: Rounding) -> Self {
        Self(self.0 & !0x0c00 | (rounding as u16) << 10)
    }
}

/// MXCSR.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(transparent)]
pub struct Mxcsr(pub u32);

impl Mxcsr {
    /// After reset: all masked, to nearest.
    pub const INIT: Self = Self(0x1f80);

    /// RC.
    #[must_use]
    pub const fn rounding(self) -> Rounding {
        Rounding::from_code(self.0 >> 13)
    }
    /// FTZ: tiny results become zero where underflow is masked.
    #[must_use]
    pub const fn flushes_to_zero(self) -> bool {
        self.0 & (1 << 15) != 0
    }
    /// DAZ: denormal operands count as zero.
    #[must_use]
    pub const fn denormals_are_zeros(self) -> bool {
        self.0 & (1 << 6) != 0
    }
    /// The exceptions that trap.
    #[must_use]
    pub const fn unmasked(self) -> Status {
        Status((!(self.0 >> 7) & 0x3f) as u16)
    }
    /// Whether any of these exceptions is unmasked.
    #[must_use]
    pub const fn unmasks(self, exceptions: Status) -> bool {
        self.unmasked().0 & exceptions.0 != 0
    }
    /// The same with the flags of `raised` added; condition codes do not exist here.
    #[must_use]
    pub const fn with(self, raised: Status) -> Self {
        Self(self.0 | (raised.0 & Status::EXCEPTIONS.0) as u32)
    }
    /// The same with another rounding control.
    #[must_use]
    pub const fn with_rounding(self, rounding: Rounding) -> Self {
        Self(self.0 & !0x6000 | (rounding as u32) << 13)
    }
}
