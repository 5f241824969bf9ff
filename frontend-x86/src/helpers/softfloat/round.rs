//! The one place where results are rounded.
//!
//! x86 detects tininess after rounding: a result is tiny if, rounded as though the exponent range had no lower end, it
//! is below the smallest normal number. Masked underflow is signalled when a tiny result is also inexact, unmasked
//! underflow whenever it is tiny. SDM vol. 1, 4.9.1.5.

#![expect(clippy::cast_possible_truncation, reason = "significands are taken apart")]

use super::control::{Control, Mxcsr, Precision, Rounding};
use super::extended::F80;
use super::format::{self, Format};
use super::real::{Real, shift_right_sticky};
use super::status::{Outcome, Status};

/// Exponent wrap of an unmasked x87 overflow or underflow: 3 · 2^13.
const WRAP: i32 = 24576;

/// A significand rounded at some place.
struct Step {
    /// Bits 64–127 of the rounded significand; the rest is zero.
    sig: u64,
    /// The sum carried out of bit 127, and `sig` is its half: 2^63.
    carry: bool,
    /// What PE and C1 become.
    status: Status,
}

/// Rounds to a multiple of 2^(128 − `precision`).
#[inline]
fn step(sig: u128, precision: u32, sign: bool, rounding: Rounding) -> Step {
    let unit = 1u128 << (128 - precision);
    let rest = sig & (unit - 1);
    let base = sig - rest;
    if rest == 0 {
        return Step { sig: (base >> 64) as u64, carry: false, status: Status::NONE };
    }
    let half = unit >> 1;
    let up = match rounding {
        Rounding::Nearest => rest > half || (rest == half && sig & unit != 0),
        Rounding::Down => sign,
        Rounding::Up => !sign,
        Rounding::Zero => false,
    };
    if !up {
        return Step { sig: (base >> 64) as u64, carry: false, status: Status::PE };
    }
    let (sum, carry) = base.overflowing_add(unit);
    let sig = if carry { 1 << 63 } else { (sum >> 64) as u64 };
    Step { sig, carry, status: Status::PE | Status::C1 }
}

/// A result rounded to a format, before it is decided what overflow and underflow give.
enum Fit {
    /// In range: exponent and significand (without its top bit only at the smallest exponent), and what it raised.
    Number(i32, u64, Status),
    /// Above the range: as rounded with an unbounded exponent.
    Huge(i32, u64, Status),
    /// Below the range: as rounded with an unbounded exponent, and as a denormal (or the smallest normal) number.
    Tiny { unbounded: (i32, u64, Status), denormal: (u64, Status) },
}

#[inline]
fn fit(r: Real, precision: u32, min_exp: i32, max_exp: i32, rounding: Rounding) -> Fit {
    let s = step(r.sig, precision, r.sign, rounding);
    let exp = r.exp + i32::from(s.carry);
    if exp > max_exp {
        Fit::Huge(exp, s.sig, s.status)
    } else if r.exp >= min_exp {
        Fit::Number(exp, s.sig, s.status)
    } else {
        let below = (min_exp - r.exp).cast_unsigned();
        let d = step(shift_right_sticky(r.sig, below), precision, r.sign, rounding);
        if exp >= min_exp {
            // Not tiny: rounding with an unbounded exponent reaches the smallest normal number. The delivered result is
            // the same number, but its flags come from the rounding at the denormal place.
            Fit::Number(min_exp, d.sig, d.status)
        } else {
            Fit::Tiny { unbounded: (exp, s.sig, s.status), denormal: (d.sig, d.status) }
        }
    }
}

/// Rounds a result to an x87 register, under precision control.
#[inline]
pub(crate) fn to_extended(r: Real, control: Control) -> Outcome<F80> {
    // The common case: 64 bits, and no end of the range near.
    if control.precision() == Precision::Extended && r.exp >= F80::MIN_EXP && r.exp < F80::MAX_EXP {
        let (high, low) = ((r.sig >> 64) as u64, r.sig as u64);
        if low == 0 {
            return Outcome::exact(F80::pack(r.sign, r.exp, high));
        }
        const HALF: u64 = 1 << 63;
        let up = match control.rounding() {
            Rounding::Nearest => low > HALF || (low == HALF && high & 1 != 0),
            Rounding::Down => r.sign,
            Rounding::Up => !r.sign,
            Rounding::Zero => false,
        };
        let (sum, carry) = high.overflowing_add(u64::from(up));
        let sig = if carry { HALF } else { sum };
        let value = F80::pack(r.sign, r.exp + i32::from(carry), sig);
        return Outcome::new(value, Status::PE | Status::C1.when(up));
    }
    to_extended_slowly(r, control)
}

fn to_extended_slowly(r: Real, control: Control) -> Outcome<F80> {
    let rounding = control.rounding();
    let precision = control.precision().bits();
    match fit(r, precision, F80::MIN_EXP, F80::MAX_EXP, rounding) {
        Fit::Number(exp, sig, status) => Outcome::new(F80::pack(r.sign, exp, sig), status),
        Fit::Huge(exp, sig, status) => {
            if control.unmasks(Status::OE) {
                // Only FSCALE goes so far beyond the range that the wrapped exponent does not fit.
                return if exp - WRAP <= F80::MAX_EXP {
                    Outcome::new(F80::pack(r.sign, exp - WRAP, sig), status | Status::OE)
                } else {
                    Outcome::new(F80::infinity(r.sign), Status::OE | Status::PE | Status::C1)
                };
            }
            let to_infinity = rounding.overflows_to_infinity(r.sign);
            let value = if to_infinity {
                F80::infinity(r.sign)
            } else {
                F80::pack(r.sign, F80::MAX_EXP, u64::MAX << (64 - precision))
            };
            Outcome::new(value, Status::OE | Status::PE | Status::C1.when(to_infinity))
        }
        Fit::Tiny { unbounded: (exp, sig, status), .. } if control.unmasks(Status::UE) => {
            if exp + WRAP >= F80::MIN_EXP {
                Outcome::new(F80::pack(r.sign, exp + WRAP, sig), status | Status::UE)
            } else {
                Outcome::new(F80::zero(r.sign), Status::UE | Status::PE)
            }
        }
        Fit::Tiny { denormal: (sig, status), .. } => {
            let underflow = status.contains(Status::PE);
            Outcome::new(F80::pack(r.sign, F80::MIN_EXP, sig), status | Status::UE.when(underflow))
        }
    }
}

/// Rounds an x87 register to memory in a narrower format. With unmasked overflow or underflow nothing is to be
/// stored, and nothing else is raised.
#[inline]
pub(crate) fn to_narrow<F: Format>(r: Real, control: Control) -> Outcome<u64> {
    let rounding = control.rounding();
    match fit(r, F::PRECISION, F::MIN_EXP, F::MAX_EXP, rounding) {
        Fit::Number(exp, sig, status) => Outcome::new(format::pack::<F>(r.sign, exp, sig), status),
        Fit::Huge(..) => {
            if control.unmasks(Status::OE) {
                return Outcome::new(0, Status::OE);
            }
            overflow::<F>(r.sign, rounding)
        }
        Fit::Tiny { .. } if control.unmasks(Status::UE) => Outcome::new(0, Status::UE),
        Fit::Tiny { denormal: (sig, status), .. } => {
            let underflow = status.contains(Status::PE);
            Outcome::new(format::pack::<F>(r.sign, F::MIN_EXP, sig), status | Status::UE.when(underflow))
        }
    }
}

/// Rounds an SSE result. With unmasked overflow, underflow or precision nothing is to be written.
#[inline]
pub(crate) fn to_format<F: Format>(r: Real, mxcsr: Mxcsr) -> Outcome<u64> {
    let rounding = mxcsr.rounding();
    match fit(r, F::PRECISION, F::MIN_EXP, F::MAX_EXP, rounding) {
        Fit::Number(exp, sig, status) => Outcome::new(format::pack::<F>(r.sign, exp, sig), status),
        Fit::Huge(_, _, status) => {
            if mxcsr.unmasks(Status::OE) {
                return Outcome::new(0, status | Status::OE);
            }
            overflow::<F>(r.sign, rounding)
        }
        Fit::Tiny { unbounded: (_, _, status), .. } if mxcsr.unmasks(Status::UE) => {
            Outcome::new(0, status | Status::UE)
        }
        Fit::Tiny { .. } if mxcsr.flushes_to_zero() => {
            Outcome::new(format::zero::<F>(r.sign), Status::UE | Status::PE)
        }
        Fit::Tiny { denormal: (sig, status), .. } => {
            let underflow = status.contains(Status::PE);
            Outcome::new(format::pack::<F>(r.sign, F::MIN_EXP, sig), status | Status::UE.when(underflow))
        }
    }
}

fn overflow<F: Format>(sign: bool, rounding: Rounding) -> Outcome<u64> {
    let to_infinity = rounding.overflows_to_infinity(sign);
    let value = if to_infinity { format::infinity::<F>(sign) } else { format::infinity::<F>(sign) - 1 };
    Outcome::new(value, Status::OE | Status::PE | Status::C1.when(to_infinity))
}

/// Rounds a magnitude to an integer: the integer (below 2^64) and PE and C1; `None` where it is 2^64 or more.
#[inline]
pub(crate) fn to_integer(r: Real, rounding: Rounding) -> Option<(u64, Status)> {
    if r.exp > 63 {
        return None;
    }
    let s = step(shift_right_sticky(r.sig, (63 - r.exp).cast_unsigned()), 64, r.sign, rounding);
    if s.carry { None } else { Some((s.sig, s.status)) }
}
