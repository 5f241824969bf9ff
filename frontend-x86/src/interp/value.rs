//! The integers that the interpreter computes with.

use crate::emit::Width;

/// An integer that knows its width, held zero-extended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value {
    bits: u64,
    width: Width,
}

impl Value {
    /// The low bits of `bits` at width `w`.
    #[inline]
    #[must_use]
    pub const fn new(w: Width, bits: u64) -> Self {
        Self { bits: bits & w.mask(), width: w }
    }
    /// Its width.
    #[inline]
    #[must_use]
    pub const fn width(self) -> Width {
        self.width
    }
    /// Zero-extended.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.bits
    }
    /// Sign-extended.
    #[inline]
    #[must_use]
    pub const fn signed(self) -> i64 {
        let unused = 64 - self.width.bits();
        self.bits.cast_signed() << unused >> unused
    }
    /// The low 32 bits.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "what it is for")]
    pub const fn low32(self) -> u32 {
        self.bits as u32
    }
    /// The same width with other bits.
    #[inline]
    #[must_use]
    pub const fn with(self, bits: u64) -> Self {
        Self::new(self.width, bits)
    }
}
