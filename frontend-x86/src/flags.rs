//! The six arithmetic flags, kept as the operation they follow from and computed only where something reads them.
//!
//! For ADC and SBB the carries can be had from operands and result without the carry-in: carry-out of ADC is `(a & b) | ((a | b) & !r)`, borrow of SBB is `(!a & b) | (!(a ^ b) & r)`, taken at the top bit.
//! Where the manual calls a flag undefined, the rules give what AMD's Zen 3 gives where that is cheap (docs/COVERAGE.md).

use crate::emit::Width;

/// CF.
pub const CF: u32 = 1 << 0;
/// PF.
pub const PF: u32 = 1 << 2;
/// AF.
pub const AF: u32 = 1 << 4;
/// ZF.
pub const ZF: u32 = 1 << 6;
/// SF.
pub const SF: u32 = 1 << 7;
/// OF.
pub const OF: u32 = 1 << 11;
/// All six.
pub const ARITHMETIC: u32 = CF | PF | AF | ZF | SF | OF;

/// One arithmetic flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum Flag {
    /// Carry.
    Cf = CF,
    /// Parity of the low byte.
    Pf = PF,
    /// Carry out of bit 3.
    Af = AF,
    /// Zero.
    Zf = ZF,
    /// Sign.
    Sf = SF,
    /// Signed overflow.
    Of = OF,
}

/// A condition code in encoding order (the low four bits of Jcc, SETcc, CMOVcc). SDM vol. 1, appendix B.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the manual's suffixes")]
pub enum Cond {
    O,
    No,
    B,
    Ae,
    E,
    Ne,
    Be,
    A,
    S,
    Ns,
    P,
    Np,
    L,
    Ge,
    Le,
    G,
}

impl Cond {
    /// The condition with this encoding (0–15).
    #[must_use]
    pub const fn from_encoding(n: u8) -> Self {
        use Cond::{A, Ae, B, Be, E, G, Ge, L, Le, Ne, No, Np, Ns, O, P, S};
        const ALL: [Cond; 16] = [O, No, B, Ae, E, Ne, Be, A, S, Ns, P, Np, L, Ge, Le, G];
        ALL[(n & 15) as usize]
    }

    /// Which flags it reads.
    #[must_use]
    pub const fn reads(self) -> u32 {
        match self {
            Self::O | Self::No => OF,
            Self::B | Self::Ae => CF,
            Self::E | Self::Ne => ZF,
            Self::Be | Self::A => CF | ZF,
            Self::S | Self::Ns => SF,
            Self::P | Self::Np => PF,
            Self::L | Self::Ge => SF | OF,
            Self::Le | Self::G => SF | OF | ZF,
        }
    }

    /// Whether it holds for these EFLAGS bits.
    #[must_use]
    pub const fn holds(self, bits: u32) -> bool {
        let less = (bits & SF != 0) != (bits & OF != 0);
        match self {
            Self::O => bits & OF != 0,
            Self::No => bits & OF == 0,
            Self::B => bits & CF != 0,
            Self::Ae => bits & CF == 0,
            Self::E => bits & ZF != 0,
            Self::Ne => bits & ZF == 0,
            Self::Be => bits & (CF | ZF) != 0,
            Self::A => bits & (CF | ZF) == 0,
            Self::S => bits & SF != 0,
            Self::Ns => bits & SF == 0,
            Self::P => bits & PF != 0,
            Self::Np => bits & PF == 0,
            Self::L => less,
            Self::Ge => !less,
            Self::Le => less || bits & ZF != 0,
            Self::G => !less && bits & ZF == 0,
        }
    }
}

/// How the flags follow from operands `a`, `b` and result `r` of an operation of some width.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
#[repr(u8)]
pub enum FlagRule {
    /// `a` holds the EFLAGS bits themselves.
    #[default]
    Raw,
    /// r = a + b. `r` itself is not looked at: it need not be recorded.
    Add,
    /// r = a − b; CMP, NEG with a = 0. `r` itself is not looked at.
    Sub,
    /// Bitwise result r; CF = OF = 0; AF = 0 here (undefined in the manual, 0 on this hardware).
    Logic,
    /// r = a + 1; `b` is the CF that stays (0 or 1).
    Inc,
    /// r = a − 1; `b` is the CF that stays.
    Dec,
    /// r = a << b, b = count 1–31. OF = CF ^ top bit of r, 0 for counts beyond the width. The shifts set AF on this hardware.
    Shl,
    /// r = a >> b unsigned. OF = top bit of a where b = 1.
    Shr,
    /// r = a >> b signed. OF = 0.
    Sar,
    /// Product; `r` = low half, `b` ≠ 0 sets CF and OF.
    Mul,
    /// r = a + b + CF.
    Adc,
    /// r = a − b − CF.
    Sbb,
}

impl FlagRule {
    const ALL: [Self; 12] = [
        Self::Raw,
        Self::Add,
        Self::Sub,
        Self::Logic,
        Self::Inc,
        Self::Dec,
        Self::Shl,
        Self::Shr,
        Self::Sar,
        Self::Mul,
        Self::Adc,
        Self::Sbb,
    ];

    fn from_code(code: u32) -> Self {
        *Self::ALL.get(code as usize).unwrap_or(&Self::Raw)
    }
}

/// The arithmetic flags as the operation they follow from.
///
/// 16 bytes so that generated code can store it with few instructions: `kind` = rule | width code << 8, between the two
/// words that most often are constants as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct LazyFlags {
    /// First operand, zero-extended.
    pub a: u32,
    /// Second operand, zero-extended.
    pub b: u32,
    /// [`FlagRule`] in bits 0–7, [`Width::code`] in bits 8–15.
    pub kind: u32,
    /// Result, zero-extended, where the rule looks at it.
    pub r: u32,
}

impl LazyFlags {
    /// The `kind` word for a rule at a width.
    #[must_use]
    pub const fn kind(rule: FlagRule, w: Width) -> u32 {
        rule as u32 | (w.code() as u32) << 8
    }

    /// Flags that follow from an operation. The operands must be zero-extended from `w` (at most 32 bits).
    #[must_use]
    pub const fn new(rule: FlagRule, w: Width, a: u32, b: u32, r: u32) -> Self {
        Self { kind: Self::kind(rule, w), a, b, r }
    }

    /// Flags given as EFLAGS bits; other bits are ignored.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self { kind: 0, a: bits & ARITHMETIC, b: 0, r: 0 }
    }

    /// The rule.
    #[must_use]
    pub fn rule(self) -> FlagRule {
        FlagRule::from_code(self.kind & 0xff)
    }

    fn width(self) -> Width {
        Width::from_code(self.kind >> 8)
    }

    /// The result of the operation, where the rule is not `Raw`.
    #[inline]
    fn result(self) -> u32 {
        let all = u32::MAX >> (32 - self.width().bits());
        match self.rule() {
            FlagRule::Add => self.a.wrapping_add(self.b) & all,
            FlagRule::Sub => self.a.wrapping_sub(self.b) & all,
            _ => self.r,
        }
    }

    /// Carry, where the rule is not `Raw`.
    #[inline]
    fn carry(self) -> bool {
        let w = self.width();
        let (a, b, r) = (self.a, self.b, self.r);
        let top = w.bits() - 1;
        match self.rule() {
            FlagRule::Raw | FlagRule::Logic => false,
            FlagRule::Add => self.result() < a,
            FlagRule::Sub => a < b,
            FlagRule::Adc => bit((a & b) | ((a | b) & !r), top),
            FlagRule::Sbb => bit((!a & b) | (!(a ^ b) & r), top),
            FlagRule::Inc | FlagRule::Dec => bit(b, 0),
            FlagRule::Shl => b <= w.bits() && bit(a, w.bits() - b),
            FlagRule::Shr => b <= w.bits() && bit(a, b - 1),
            FlagRule::Sar => bit(a, (b - 1).min(top)),
            FlagRule::Mul => b != 0,
        }
    }

    /// Overflow, where the rule is not `Raw`.
    #[inline]
    fn overflow(self) -> bool {
        let w = self.width();
        let (a, b, r) = (self.a, self.b, self.result());
        let top = w.bits() - 1;
        match self.rule() {
            FlagRule::Raw | FlagRule::Logic | FlagRule::Sar => false,
            FlagRule::Add | FlagRule::Adc => bit((a ^ r) & (b ^ r), top),
            FlagRule::Sub | FlagRule::Sbb => bit((a ^ b) & (a ^ r), top),
            FlagRule::Inc => r == 1 << top,
            FlagRule::Dec => r == (1 << top) - 1,
            FlagRule::Shl => b <= w.bits() && self.carry() != bit(r, top),
            FlagRule::Shr => b == 1 && bit(a, top),
            FlagRule::Mul => b != 0,
        }
    }

    /// Carry out of bit 3, where the rule is not `Raw`.
    fn adjust(self) -> bool {
        match self.rule() {
            FlagRule::Raw | FlagRule::Logic | FlagRule::Mul => false,
            FlagRule::Add | FlagRule::Sub | FlagRule::Adc | FlagRule::Sbb => {
                bit(self.a ^ self.b ^ self.result(), 4)
            }
            FlagRule::Inc => self.r & 15 == 0,
            FlagRule::Dec => self.r & 15 == 15,
            FlagRule::Shl | FlagRule::Shr | FlagRule::Sar => true,
        }
    }

    #[inline]
    fn sign(self) -> bool {
        bit(self.result(), self.width().bits() - 1)
    }

    #[inline]
    fn parity(self) -> bool {
        (self.result() & 0xff).count_ones().is_multiple_of(2)
    }

    /// All six flags at their EFLAGS positions.
    #[must_use]
    pub fn bits(self) -> u32 {
        if self.rule() == FlagRule::Raw {
            return self.a & ARITHMETIC;
        }
        let flag = |set: bool, at: u32| if set { at } else { 0 };
        flag(self.carry(), CF)
            | flag(self.parity(), PF)
            | flag(self.adjust(), AF)
            | flag(self.result() == 0, ZF)
            | flag(self.sign(), SF)
            | flag(self.overflow(), OF)
    }

    /// One flag.
    #[inline]
    #[must_use]
    pub fn get(self, flag: Flag) -> bool {
        if self.rule() == FlagRule::Raw {
            return self.a & flag as u32 != 0;
        }
        match flag {
            Flag::Cf => self.carry(),
            Flag::Pf => self.parity(),
            Flag::Af => self.adjust(),
            Flag::Zf => self.result() == 0,
            Flag::Sf => self.sign(),
            Flag::Of => self.overflow(),
        }
    }

    /// Whether a condition holds, computed from no more flags than it reads.
    #[inline]
    #[must_use]
    pub fn holds(self, cond: Cond) -> bool {
        // Odd codes are the opposites of the even ones before them.
        let negated = cond as u8 & 1 != 0;
        let holds = match Cond::from_encoding(cond as u8 & !1) {
            Cond::O => self.get(Flag::Of),
            Cond::B => self.get(Flag::Cf),
            Cond::E => self.get(Flag::Zf),
            Cond::Be => self.get(Flag::Cf) || self.get(Flag::Zf),
            Cond::S => self.get(Flag::Sf),
            Cond::P => self.get(Flag::Pf),
            Cond::L => self.get(Flag::Sf) != self.get(Flag::Of),
            _ => self.get(Flag::Zf) || self.get(Flag::Sf) != self.get(Flag::Of),
        };
        holds != negated
    }
}

#[inline]
const fn bit(value: u32, at: u32) -> bool {
    value >> at & 1 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_borrows_like_an_unsigned_compare() {
        for (a, b) in [(0u32, 1u32), (1, 0), (5, 5), (0x8000_0000, 1), (1, 0x8000_0000)] {
            let flags = LazyFlags::new(FlagRule::Sub, Width::B32, a, b, a.wrapping_sub(b));
            assert_eq!(flags.get(Flag::Cf), a < b, "{a:#x} - {b:#x}");
            assert_eq!(flags.holds(Cond::L), (a.cast_signed()) < b.cast_signed(), "{a:#x} - {b:#x}");
        }
    }

    #[test]
    fn adc_carry_needs_no_carry_in() {
        for carry in [0u32, 1] {
            for a in 0..=255u32 {
                for b in 0..=255u32 {
                    let r = (a + b + carry) & 0xff;
                    let flags = LazyFlags::new(FlagRule::Adc, Width::B8, a, b, r);
                    assert_eq!(flags.get(Flag::Cf), a + b + carry > 255, "{a} + {b} + {carry}");
                    if carry == 0 {
                        let plain = LazyFlags::new(FlagRule::Add, Width::B8, a, b, 0);
                        assert_eq!(plain.bits(), flags.bits(), "{a} + {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn conditions_agree_with_the_bits() {
        for rule in FlagRule::ALL {
            for w in [Width::B8, Width::B16, Width::B32] {
                for (a, b) in [(0u32, 1u32), (1, 1), (0x80, 7), (0x8000_0000, 31), (0x7f, 2), (0xffff, 3)] {
                    let mask = u32::try_from(w.mask()).expect("at most 32 bits");
                    for r in [0, 1, 0x80, 0x7f, 0x8000, 0x7fff_ffff, 0x8000_0000] {
                        let flags = LazyFlags::new(rule, w, a & mask, b, r & mask);
                        for n in 0..16 {
                            let cond = Cond::from_encoding(n);
                            assert_eq!(
                                flags.holds(cond),
                                cond.holds(flags.bits()),
                                "{rule:?} {flags:?} {cond:?}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn raw_bits_round_trip() {
        assert_eq!(LazyFlags::from_bits(u32::MAX).bits(), ARITHMETIC);
    }
}
