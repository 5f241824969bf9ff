//! Operands: every class, with significands near the places where rounding happens.

use frontend_x86::helpers::softfloat::{F80, Format};

/// xorshift64*.
pub(crate) struct Source(u64);

impl Source {
    pub(crate) fn with_seed(seed: u64) -> Self {
        let mut source = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            source.next();
        }
        source
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).expect("small")]
    }

    /// 64 bits with few ones, few zeros, a run, or none of that.
    pub(crate) fn bits(&mut self) -> u64 {
        match self.below(8) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << self.below(64),
            3 => u64::MAX << self.below(64),
            4 => u64::MAX >> self.below(64),
            5 => (1 << self.below(64)) | (1 << self.below(64)) | self.below(2),
            6 => {
                // Exactly at, just below or just above the middle between two 24- or 53-bit significands.
                let unit = self.pick(&[40u32, 11, 41, 12, 10]);
                let base = self.next() << unit;
                base.wrapping_add(1 << (unit - 1)).wrapping_add(self.below(3)).wrapping_sub(1)
            }
            _ => self.next(),
        }
    }

    /// An 80-bit operand of any class.
    pub(crate) fn extended(&mut self) -> F80 {
        let sign = self.pick(&[0u16, 0x8000]);
        let bits = self.bits();
        let top = 1 << 63;
        let (exp, sig) = match self.below(24) {
            0 => (0, 0),
            1 => (0x7fff, top),
            2 => (0x7fff, top | bits),
            3 => (0x7fff, top | bits & !(1 << 62)),
            4 => (0, bits & !top),
            5 => (0, bits | top),
            6 => (self.below(0x8000) as u16, bits),
            7 => (self.pick(&[1u16, 2, 40, 64, 65, 0x7ffe, 0x7ffd, 0x7fbf]), bits | top),
            8 => (0x3fff + self.pick(&[0u16, 62, 63, 64, 31, 15, 14, 30, 61]), bits | top),
            9 => (0x3fff - 16382 / 2 + self.below(80) as u16 - 40, bits | top),
            10 => (0x3fff + 16382 / 2 + self.below(80) as u16 - 40, bits | top),
            11 => (0x3fff - 1022 - self.below(60) as u16, bits | top),
            12 => (0x3fff - 126 - self.below(30) as u16, bits | top),
            13 => (0x3fff + self.pick(&[1023u16, 1024, 127, 128]), bits | top),
            14 => (self.below(0x7fff) as u16, bits | top),
            15..18 => (0x3fff + self.below(140) as u16 - 70, bits | top),
            _ => (0x3fff + self.below(8) as u16 - 4, bits | top),
        };
        F80 { se: sign | exp, sig }
    }

    /// Two operands that often meet: equal exponents, cancelling significands, products at the edge of the range.
    pub(crate) fn extended_pair(&mut self) -> (F80, F80) {
        let (a, mut b) = (self.extended(), self.extended());
        match self.below(8) {
            0 => b = F80 { se: b.se & 0x8000 | a.se & 0x7fff, ..b },
            1 => {
                b = F80 {
                    se: b.se & 0x8000 | a.se & 0x7fff,
                    sig: a.sig.wrapping_add(self.below(5)).wrapping_sub(2),
                }
            }
            2 => b = F80 { se: a.se.wrapping_add(self.below(130) as u16).wrapping_sub(65), ..b },
            3 => {
                b = F80 { se: 0x7ffeu16.wrapping_sub(a.se & 0x7fff).wrapping_add(self.below(7) as u16), ..b }
            }
            4 => {
                b = F80 {
                    se: 0x3fffu16.wrapping_sub(a.se & 0x7fff).wrapping_add(self.below(70) as u16) & 0x7fff,
                    ..b
                }
            }
            _ => {}
        }
        (a, b)
    }

    /// A binary32 or binary64 operand of any class.
    pub(crate) fn float<F: Format>(&mut self) -> u64 {
        let fraction_bits = F::PRECISION - 1;
        let exponents = 2 * F::MAX_EXP.cast_unsigned() + 2;
        let sign = u64::from(self.below(2) == 0) << (F::BITS - 1);
        let fraction = self.bits() >> self.pick(&[0, 64 - fraction_bits]) & F::FRACTION;
        let exp = match self.below(12) {
            0 | 1 => 0,
            2 => return sign | self.pick(&[0, F::INFINITY, 1, F::INFINITY - 1, F::FRACTION]),
            3 => u64::from(exponents) - 1,
            4 => u64::from(exponents) - 2 - self.below(3),
            5 => 1 + self.below(60) % u64::from(exponents - 2),
            6 => self.below(u64::from(exponents)),
            7 => u64::from(exponents) / 2 - 1 + self.pick(&[0, 30, 31, 32, 62, 63, 22, 23, 24, 51, 52, 53]),
            8 => u64::from(exponents) / 4 + self.below(60) - 30,
            _ => u64::from(exponents) / 2 - 1 + self.below(60) - 30,
        };
        sign | exp << fraction_bits | fraction
    }

    /// Two operands that often meet.
    pub(crate) fn float_pair<F: Format>(&mut self) -> (u64, u64) {
        let (a, mut b) = (self.float::<F>(), self.float::<F>());
        match self.below(6) {
            0 => b = a.wrapping_add(self.below(5)).wrapping_sub(2) & (F::SIGN | (F::SIGN - 1)) ^ b & F::SIGN,
            1 => {
                let exp = (self.below(130) + ((a & F::INFINITY) >> (F::PRECISION - 1))).wrapping_sub(65);
                b = b & (F::SIGN | F::FRACTION) | exp << (F::PRECISION - 1) & F::INFINITY;
            }
            _ => {}
        }
        (a, b)
    }

    /// An MXCSR without flags: any rounding, FTZ and DAZ; most of the time all masked.
    pub(crate) fn mxcsr(&mut self) -> u32 {
        let masks = if self.below(8) == 0 { self.below(64) as u32 } else { 0x3f };
        let modes = self.pick(&[0u32, 0, 0x8000, 0x40, 0x8040]);
        masks << 7 | modes | (self.below(4) as u32) << 13
    }

    /// A control word: any rounding and precision; half of the time all masked.
    pub(crate) fn control(&mut self) -> u16 {
        let masks = if self.below(2) == 0 { 0x3f } else { self.below(64) as u16 };
        let precision = self.pick(&[0x300u16, 0x300, 0x200, 0, 0x100]);
        let precision = if precision == 0x100 { 0x300 } else { precision };
        0x40 | masks | precision | (self.below(4) as u16) << 10
    }
}
