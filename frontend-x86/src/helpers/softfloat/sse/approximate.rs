//! RCPSS and RSQRTSS: approximations that raise nothing and know neither rounding control nor FTZ nor DAZ.
//!
//! The manual bounds the relative error by 1.5 · 2⁻¹²; processors differ in the bits. These are the exact values rounded to
//! 12 significant bits. Denormal operands count as zero, and results that would be denormal are zero.

use super::super::format::{self, Binary32, Format, Operand};
use super::super::real::Finite;
use super::super::status::Outcome;

/// Significant bits kept.
const KEPT: u32 = 12;

/// `RCPSS` — about 1 ÷ a.
#[must_use]
pub fn reciprocal(a: u64) -> Outcome<u64> {
    let sign = format::is_negative::<Binary32>(a);
    Outcome::exact(match format::operand::<Binary32>(a) {
        Operand::Nan => a | Binary32::QUIET,
        Operand::Zero | Operand::Denormal(_) => format::infinity::<Binary32>(sign),
        Operand::Infinity => format::zero::<Binary32>(sign),
        Operand::Finite(x) => rounded(Finite::from_magnitude(sign, 1).over(Finite { sign: false, ..x })),
    })
}

/// `RSQRTSS` — about 1 ÷ √a.
#[must_use]
pub fn reciprocal_root(a: u64) -> Outcome<u64> {
    let sign = format::is_negative::<Binary32>(a);
    Outcome::exact(match format::operand::<Binary32>(a) {
        Operand::Nan => a | Binary32::QUIET,
        Operand::Zero | Operand::Denormal(_) => format::infinity::<Binary32>(sign),
        _ if sign => Binary32::INDEFINITE,
        Operand::Infinity => 0,
        Operand::Finite(x) => {
            let root = x.root();
            let root = Finite { sign: false, exp: root.exp, sig: (root.sig >> 64) as u64 };
            rounded(Finite::from_magnitude(false, 1).over(root))
        }
    })
}

fn rounded(r: super::super::real::Real) -> u64 {
    let half = 1u64 << (63 - KEPT);
    let (sum, carry) = ((r.sig >> 64) as u64).overflowing_add(half);
    let (sig, exp) = if carry { (1 << 63, r.exp + 1) } else { (sum & !(2 * half - 1), r.exp) };
    if exp < Binary32::MIN_EXP {
        return format::zero::<Binary32>(r.sign);
    }
    format::pack::<Binary32>(r.sign, exp, sig)
}
