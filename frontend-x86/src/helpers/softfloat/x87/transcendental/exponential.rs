//! F2XM1, FYL2X, FYL2XP1.

use super::super::super::control::Control;
use super::super::super::extended::F80;
use super::super::super::real::{Finite, Real};
use super::super::super::round::to_extended;
use super::super::super::status::{Outcome, Status};
use super::super::nan::{check, check_pair};
use super::super::{INVALID, Number, with_denormal};
use super::constants::{INVERSE_FACTORIAL, INVERSE_ODD, LN_2};
use super::wide::{Alternating, ONE, mul_fixed, series};

/// `F2XM1` — 2^a − 1 for |a| ≤ 1.
#[must_use]
pub fn power_of_two_minus_one(a: F80, control: Control) -> Outcome<F80> {
    let (x, denormal) = match check(a) {
        Ok(operand) => operand,
        Err(outcome) => return outcome,
    };
    let outcome = match x {
        Number::Zero => Outcome::exact(a),
        Number::Infinity if a.sign() => Outcome::exact(F80::ONE.negate_if(true)),
        Number::Infinity => Outcome::exact(a),
        Number::Finite(Finite { exp: 0, sig: 0x8000_0000_0000_0000, sign: true }) => {
            Outcome::new(F80 { se: 0xbffe, ..a }, Status::PE)
        }
        // The manual leaves this undefined; the hardware leaves the operand.
        Number::Finite(x) if x.exp >= 0 => Outcome::new(a, Status::PE),
        Number::Finite(x) => {
            // 2^x − 1 = z · (1/1! + z/2! + z²/3! + …) with z = x · log 2.
            let z = x.to_real().times(LN_2);
            let signs = if x.sign { Alternating::Yes } else { Alternating::No };
            let factor = series(&INVERSE_FACTORIAL, z.to_fixed(), signs);
            let factor = if x.sign { factor.min(ONE - 1) } else { factor.max(ONE + 1) };
            to_extended(z.times(Real::from_fixed(false, factor)).inexact(), control.extended())
        }
    };
    with_denormal(outcome, denormal, control)
}

/// log₂ of a number.
enum Log {
    /// It is 1: the logarithm is 0.
    Zero,
    /// It is a power of two: the logarithm is this integer.
    Exact(i32),
    /// None of that.
    Irrational(Real),
}

/// log₂(x), x > 0.
fn log2(x: Real) -> Log {
    const ROOT_HALF: u128 = 0xb504_f333_f9de_6485 << 64;
    if x.sig == ONE {
        return if x.exp == 0 { Log::Zero } else { Log::Exact(x.exp) };
    }
    // x = 2^k · m with √½ < m < √2, so that k and log₂ m cannot cancel.
    let halve = x.sig >= ROOT_HALF;
    let k = x.exp + i32::from(halve);
    let m = Real { exp: -i32::from(halve), ..x };
    let minus_one = Real::ONE.negate_if(true);
    let fraction = log2_of_quotient(m.plus(minus_one), m.plus(Real::ONE));
    Log::Irrational(if k == 0 { fraction } else { integer(k).plus(fraction) })
}

fn integer(k: i32) -> Real {
    Finite::from_magnitude(k < 0, u64::from(k.unsigned_abs())).to_real()
}

/// log₂((b + a) ÷ (b − a)) = 2 artanh(a/b) ÷ log 2, for |a/b| < 0.18.
fn log2_of_quotient(a: Real, b: Real) -> Real {
    let s = a.over(b);
    let magnitude = s.to_fixed();
    let factor = series(&INVERSE_ODD, mul_fixed(magnitude, magnitude), Alternating::No).max(ONE + 1);
    let half = s.times(Real::from_fixed(false, factor)).over(LN_2);
    Real { exp: half.exp + 1, ..half }
}

/// y · log, rounded.
fn scaled(y: Finite, log: &Log, control: Control) -> Outcome<F80> {
    let control = control.extended();
    match *log {
        Log::Zero => Outcome::exact(F80::zero(y.sign)),
        // The hardware takes these for inexact, too.
        Log::Exact(k) => {
            let outcome = to_extended(integer(k).times(y.to_real()), control);
            let tiny = outcome.value.se & 0x7fff == 0;
            outcome.and(Status::PE | Status::UE.when(tiny))
        }
        Log::Irrational(r) => to_extended(r.times(y.to_real()).inexact(), control),
    }
}

/// `FYL2X` — y · log₂(x), where x is ST(0) and y is ST(1).
#[must_use]
pub fn y_log2_x(y: F80, x: F80, control: Control) -> Outcome<F80> {
    let (ny, nx, denormal) = match check_pair(y, x) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let outcome = match (ny, nx) {
        (Number::Zero, Number::Zero) => return INVALID,
        (Number::Infinity, Number::Zero) => Outcome::exact(y.negate_if(true)),
        (Number::Finite(_), Number::Zero) => {
            return Outcome::new(F80::infinity(!y.sign()), Status::ZE);
        }
        _ if x.sign() => return INVALID,
        (Number::Zero, Number::Infinity) => return INVALID,
        (_, Number::Infinity) => Outcome::exact(F80::infinity(y.sign())),
        (Number::Infinity, Number::Finite(fx)) => match log2(fx.to_real()) {
            Log::Zero => return INVALID,
            _ => Outcome::exact(y.negate_if(fx.exp < 0)),
        },
        (Number::Zero, Number::Finite(fx)) => Outcome::exact(y.negate_if(fx.exp < 0)),
        (Number::Finite(fy), Number::Finite(fx)) => scaled(fy, &log2(fx.to_real()), control),
    };
    with_denormal(outcome, denormal, control)
}

/// `FYL2XP1` — y · log₂(x + 1), where x is ST(0) and y is ST(1). The manual defines it for |x| < 1 − √½; beyond that
/// the hardware is exact too, except that where x ≤ −1 it leaves x.
#[must_use]
pub fn y_log2_x_plus_one(y: F80, x: F80, control: Control) -> Outcome<F80> {
    let (ny, nx, denormal) = match check_pair(y, x) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let sign = x.sign() ^ y.sign();
    let outcome = match (ny, nx) {
        (Number::Infinity, Number::Zero) => return INVALID,
        (_, Number::Zero) | (Number::Zero, Number::Finite(_)) => Outcome::exact(F80::zero(sign)),
        (_, Number::Infinity) if x.sign() => return INVALID,
        (Number::Zero, Number::Infinity) => return INVALID,
        (Number::Infinity, _) | (_, Number::Infinity) => Outcome::exact(F80::infinity(sign)),
        (_, Number::Finite(fx)) if fx.sign && fx.exp >= 0 => Outcome::new(x, Status::PE),
        (Number::Finite(fy), Number::Finite(fx)) => {
            let real = fx.to_real();
            let log = if fx.exp < -2 {
                let two = Real { exp: 1, ..Real::ONE };
                Log::Irrational(log2_of_quotient(real, real.plus(two)))
            } else {
                log2(real.plus(Real::ONE))
            };
            scaled(fy, &log, control)
        }
    };
    with_denormal(outcome, denormal, control)
}
