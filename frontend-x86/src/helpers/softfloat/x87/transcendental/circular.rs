//! FSIN, FCOS, FPTAN, FPATAN.

use super::super::super::control::Control;
use super::super::super::extended::F80;
use super::super::super::real::{Finite, Real};
use super::super::super::round::to_extended;
use super::super::super::status::{Outcome, Status};
use super::super::nan::{check, check_pair};
use super::super::{INVALID, Number, with_denormal};
use super::constants::{ARCTANGENT, ARCTANGENT_STEPS, COSINE, HALF_PI, INVERSE_ODD, PI, SINE};
use super::wide::{Alternating, ONE, mul_fixed, series};

/// π · 2⁶⁴, as the hardware has it.
const PI_66: u128 = 0x3_243f_6a88_85a3_08d3;

/// `FSIN` — C2 tells that |a| ≥ 2⁶³ and nothing was done.
#[must_use]
pub fn sine(a: F80, control: Control) -> Outcome<F80> {
    circular(a, control, a, |angle| angle.sine())
}

/// `FCOS` — C2 tells that |a| ≥ 2⁶³ and nothing was done.
#[must_use]
pub fn cosine(a: F80, control: Control) -> Outcome<F80> {
    circular(a, control, F80::ONE, |angle| Angle { quadrant: angle.quadrant + 1, ..angle }.sine())
}

/// `FPTAN` — the tangent; the caller pushes 1 after it. C2 tells that |a| ≥ 2⁶³ and nothing was done.
#[must_use]
pub fn tangent(a: F80, control: Control) -> Outcome<F80> {
    circular(a, control, a, |angle| {
        if angle.rest.exp < -60 && angle.quadrant & 1 == 0 {
            // tan r = r + r³/3 …: a little more than r, which is what the sticky bit says.
            return angle.rest;
        }
        let sine = Angle { quadrant: 0, ..angle }.sine();
        let cosine = Angle { quadrant: 1, ..angle }.sine();
        if angle.quadrant & 1 == 0 { sine.over(cosine) } else { cosine.over(sine).negate_if(true) }
    })
}

fn circular(a: F80, control: Control, of_zero: F80, compute: fn(Angle) -> Real) -> Outcome<F80> {
    let (x, denormal) = match check(a) {
        Ok(operand) => operand,
        Err(outcome) => return outcome,
    };
    let outcome = match x {
        Number::Zero => Outcome::exact(of_zero),
        Number::Infinity => return INVALID,
        Number::Finite(x) if x.exp >= 63 => return Outcome::new(a, Status::C2),
        Number::Finite(x) => to_extended(compute(reduce(x)).inexact(), control.extended()),
    };
    with_denormal(outcome, denormal, control)
}

/// `quadrant` · π/2 + `rest`, |rest| ≤ π/4.
#[derive(Clone, Copy)]
struct Angle {
    quadrant: u32,
    rest: Real,
}

fn reduce(x: Finite) -> Angle {
    if x.exp < -2 {
        return Angle { quadrant: 0, rest: x.to_real() };
    }
    // In units of 2⁻⁶⁵, of which x is a whole number and π/2 is PI_66.
    let units = u128::from(x.sig) << (x.exp + 2);
    let (turns, rest) = (units / PI_66, units % PI_66);
    let over = rest > PI_66 / 2;
    let rest = if over { PI_66 - rest } else { rest };
    let turns = (turns & 3) as u32 + u32::from(over);
    // PI_66 is odd and has no 64-bit multiple, so the rest is not zero.
    Angle {
        quadrant: if x.sign { turns.wrapping_neg() } else { turns } & 3,
        rest: Real::normalised(x.sign ^ over, 127 - 65, rest),
    }
}

impl Angle {
    fn sine(self) -> Real {
        let magnitude = self.rest.to_fixed();
        let square = mul_fixed(magnitude, magnitude);
        let value = if self.quadrant & 1 == 0 {
            // sin r = r · (1 − r²/3! + …), where the bracket is always below 1.
            let factor = series(&SINE, square, Alternating::Yes).min(ONE - 1);
            self.rest.times(Real::from_fixed(false, factor))
        } else {
            Real::from_fixed(false, series(&COSINE, square, Alternating::Yes).min(ONE - 1))
        };
        value.negate_if(self.quadrant & 2 != 0)
    }
}

/// `FPATAN` — the angle of the point (x, y), where x is ST(0) and y is ST(1).
#[must_use]
pub fn arctangent(y: F80, x: F80, control: Control) -> Outcome<F80> {
    let (ny, nx, denormal) = match check_pair(y, x) {
        Ok(pair) => pair,
        Err(outcome) => return outcome,
    };
    let round = |r: Real| to_extended(r.negate_if(y.sign()).inexact(), control.extended());
    let three_quarters = HALF_PI.plus(Real { exp: HALF_PI.exp - 1, ..HALF_PI });
    let outcome = match (ny, nx) {
        (Number::Infinity, Number::Infinity) if x.sign() => round(three_quarters),
        (Number::Infinity, Number::Infinity) => round(Real { exp: HALF_PI.exp - 1, ..HALF_PI }),
        (Number::Infinity, _) | (Number::Finite(_), Number::Zero) => round(HALF_PI),
        (_, Number::Infinity) | (Number::Zero, _) if x.sign() => round(PI),
        (_, Number::Infinity) | (Number::Zero, _) => Outcome::exact(F80::zero(y.sign())),
        (Number::Finite(fy), Number::Finite(fx)) => {
            let (fy, fx) = (Finite { sign: false, ..fy }.to_real(), Finite { sign: false, ..fx }.to_real());
            round(angle_of(fy, fx, x.sign()))
        }
    };
    with_denormal(outcome, denormal, control)
}

/// The angle of (x, y) or, where `left`, of (−x, y); x, y > 0.
fn angle_of(y: Real, x: Real, left: bool) -> Real {
    let steep = (y.exp, y.sig) > (x.exp, x.sig);
    let (small, large) = if steep { (x, y) } else { (y, x) };
    let first = arctangent_of_quotient(small, large);
    match (steep, left) {
        (false, false) => first,
        (true, false) => HALF_PI.plus(first.negate_if(true)),
        (true, true) => HALF_PI.plus(first),
        (false, true) => PI.plus(first.negate_if(true)),
    }
}

/// arctan(a ÷ b) for 0 < a ≤ b.
fn arctangent_of_quotient(a: Real, b: Real) -> Real {
    // arctan(a/b) = arctan(c) + arctan((a − cb) ÷ (b + ca)) with c = i ÷ 32 next to a/b.
    let quotient = a.over(b);
    let nearest = (quotient.to_fixed() + (ONE >> 6)) >> (127 - 5);
    let i = usize::try_from(nearest).expect("the quotient is at most 1");
    debug_assert!(nearest <= u128::from(ARCTANGENT_STEPS));
    if i == 0 {
        return small_arctangent(quotient);
    }
    let c = Real::normalised(false, 127 - 5, nearest);
    let (cb, ca) = (c.times(b), c.times(a));
    let base = Real::from_fixed(false, ARCTANGENT[i]);
    if (cb.exp, cb.sig) == (a.exp, a.sig) {
        return base;
    }
    let rest = a.plus(cb.negate_if(true)).over(b.plus(ca));
    base.plus(small_arctangent(rest))
}

/// arctan(z) for 0 < |z| ≤ 1/32.
fn small_arctangent(z: Real) -> Real {
    let magnitude = z.to_fixed();
    let factor = series(&INVERSE_ODD, mul_fixed(magnitude, magnitude), Alternating::Yes).min(ONE - 1);
    z.times(Real::from_fixed(false, factor))
}
