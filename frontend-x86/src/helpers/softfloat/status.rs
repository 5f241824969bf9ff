//! What an operation raises.

use core::ops::{BitAnd, BitOr, BitOrAssign};

/// Bits of the x87 status word. The six exception flags are at the same places in MXCSR.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(transparent)]
pub struct Status(pub u16);

impl Status {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Invalid operation.
    pub const IE: Self = Self(1 << 0);
    /// Denormal operand.
    pub const DE: Self = Self(1 << 1);
    /// Division by zero.
    pub const ZE: Self = Self(1 << 2);
    /// Overflow.
    pub const OE: Self = Self(1 << 3);
    /// Underflow.
    pub const UE: Self = Self(1 << 4);
    /// Precision: the result is inexact.
    pub const PE: Self = Self(1 << 5);
    /// Stack fault, x87 only.
    pub const SF: Self = Self(1 << 6);
    /// Condition code 0.
    pub const C0: Self = Self(1 << 8);
    /// Condition code 1: after rounding, whether the magnitude was rounded up.
    pub const C1: Self = Self(1 << 9);
    /// Condition code 2.
    pub const C2: Self = Self(1 << 10);
    /// Condition code 3.
    pub const C3: Self = Self(1 << 14);
    /// The six exception flags.
    pub const EXCEPTIONS: Self = Self(0x3f);
    /// The exceptions that are detected before computing.
    pub const BEFORE: Self = Self(Self::IE.0 | Self::DE.0 | Self::ZE.0);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
    /// Whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// These bits if `c` holds, else none.
    #[must_use]
    pub const fn when(self, c: bool) -> Self {
        if c { self } else { Self::NONE }
    }
}

impl BitOr for Status {
    type Output = Self;
    fn bitor(self, rhs: Self) -> Self {
        self.union(rhs)
    }
}

impl BitOrAssign for Status {
    fn bitor_assign(&mut self, rhs: Self) {
        *self = self.union(rhs);
    }
}

impl BitAnd for Status {
    type Output = Self;
    fn bitand(self, rhs: Self) -> Self {
        Self(self.0 & rhs.0)
    }
}

impl core::fmt::Debug for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        const NAMES: [(Status, &str); 11] = [
            (Status::IE, "IE"),
            (Status::DE, "DE"),
            (Status::ZE, "ZE"),
            (Status::OE, "OE"),
            (Status::UE, "UE"),
            (Status::PE, "PE"),
            (Status::SF, "SF"),
            (Status::C0, "C0"),
            (Status::C1, "C1"),
            (Status::C2, "C2"),
            (Status::C3, "C3"),
        ];
        f.write_str("{")?;
        let mut separator = "";
        for (bit, name) in NAMES {
            if self.contains(bit) {
                write!(f, "{separator}{name}")?;
                separator = " ";
            }
        }
        f.write_str("}")
    }
}

/// A value and what computing it raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome<T> {
    /// The value, where one is delivered.
    pub value: T,
    /// Exceptions and condition codes of this operation alone.
    pub raised: Status,
}

impl<T> Outcome<T> {
    /// A value that raised something.
    pub const fn new(value: T, raised: Status) -> Self {
        Self { value, raised }
    }
    /// A value that raised nothing.
    pub const fn exact(value: T) -> Self {
        Self::new(value, Status::NONE)
    }
    /// The same with more raised.
    #[must_use]
    pub fn and(mut self, more: Status) -> Self {
        self.raised |= more;
        self
    }
    /// Whether an x87 register destination is written, given the unmasked exceptions: all but IE, DE and ZE deliver.
    #[must_use]
    pub fn is_written(&self, unmasked: Status) -> bool {
        (self.raised & unmasked & Status::BEFORE).is_empty()
    }
    /// Changes the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome { value: f(self.value), raised: self.raised }
    }
}
