//! Conversions to and from binary32, binary64 and the three integer sizes.

use super::super::control::{Control, Rounding};
use super::super::extended::{F80, Operand};
use super::super::format::{self, Format};
use super::super::real::Finite;
use super::super::round;
use super::super::status::{Outcome, Status};

/// An operand of an arithmetic instruction that was widened on its way from memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Widened {
    /// The value; a signalling NaN is one still.
    pub value: F80,
    /// It was a denormal in memory.
    pub denormal: bool,
}

impl From<F80> for Widened {
    fn from(value: F80) -> Self {
        Self { value, denormal: false }
    }
}

/// An operand of `FADD m32fp` and the like. The instruction that takes it raises what is to be raised.
#[must_use]
pub fn widen<F: Format>(bits: u64) -> Widened {
    let loaded = from_float::<F>(bits);
    let denormal = loaded.raised.contains(Status::DE);
    if loaded.raised.contains(Status::IE) {
        return Widened { value: F80 { sig: loaded.value.sig & !(1 << 62), ..loaded.value }, denormal };
    }
    Widened { value: loaded.value, denormal }
}

/// `FLD m32fp`, `FLD m64fp` — widens; exact. Signalling NaNs become quiet with IE, denormals raise
/// DE, and are loaded even where that is unmasked.
#[must_use]
pub fn from_float<F: Format>(bits: u64) -> Outcome<F80> {
    let sign = format::is_negative::<F>(bits);
    let pack = |f: Finite| F80::pack(sign, f.exp, f.sig);
    match format::operand::<F>(bits) {
        format::Operand::Finite(f) => Outcome::exact(pack(f)),
        format::Operand::Denormal(f) => Outcome::new(pack(f), Status::DE),
        format::Operand::Zero => Outcome::exact(F80::zero(sign)),
        format::Operand::Infinity => Outcome::exact(F80::infinity(sign)),
        format::Operand::Nan => {
            let sig = 1 << 63 | (bits & F::FRACTION) << (64 - F::PRECISION);
            let nan = F80 { sig, ..F80::infinity(sign) };
            Outcome::new(nan.quieted(), Status::IE.when(nan.is_signaling()))
        }
    }
}

/// `FST m32fp`, `FST m64fp` — narrows. With an unmasked IE, OE or UE nothing is stored.
#[must_use]
pub fn to_float<F: Format>(a: F80, control: Control) -> Outcome<u64> {
    let sign = a.sign();
    match a.operand() {
        Operand::Finite(f) | Operand::Denormal(f) => round::to_narrow::<F>(f.to_real(), control),
        Operand::Zero => Outcome::exact(format::zero::<F>(sign)),
        Operand::Infinity => Outcome::exact(format::infinity::<F>(sign)),
        Operand::Nan => {
            let payload = (a.sig >> (64 - F::PRECISION)) & F::FRACTION;
            let bits = format::infinity::<F>(sign) | F::QUIET | payload;
            Outcome::new(bits, Status::IE.when(a.is_signaling()))
        }
        Operand::Unsupported => Outcome::new(F::INDEFINITE, Status::IE),
    }
}

/// `FILD` — from an integer of 16, 32 or 64 bits, sign-extended; exact.
#[must_use]
pub const fn from_integer(value: i64) -> F80 {
    if value == 0 {
        return F80::ZERO;
    }
    let f = Finite::from_magnitude(value < 0, value.unsigned_abs());
    F80::pack(f.sign, f.exp, f.sig)
}

/// `FIST` — to an integer of `bits` (16, 32 or 64) bits under the rounding control. What does not fit gives the integer
/// indefinite, sign-extended, with IE.
#[must_use]
pub fn to_integer(a: F80, bits: u32, control: Control) -> Outcome<i64> {
    rounded(a, bits, control.rounding())
}

/// `FISTTP` — likewise, always towards zero.
#[must_use]
pub fn to_integer_truncating(a: F80, bits: u32) -> Outcome<i64> {
    rounded(a, bits, Rounding::Zero)
}

fn rounded(a: F80, bits: u32, rounding: Rounding) -> Outcome<i64> {
    let limit = 1u64 << (bits - 1);
    let indefinite = Outcome::new(limit.wrapping_neg().cast_signed(), Status::IE);
    match a.operand() {
        Operand::Zero => Outcome::exact(0),
        Operand::Finite(f) | Operand::Denormal(f) => match round::to_integer(f.to_real(), rounding) {
            Some((magnitude, raised)) if magnitude < limit + u64::from(f.sign) => {
                let value = if f.sign { magnitude.wrapping_neg() } else { magnitude };
                Outcome::new(value.cast_signed(), raised)
            }
            _ => indefinite,
        },
        _ => indefinite,
    }
}
