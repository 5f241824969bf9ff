//! COMISS, UCOMISS, CMPSS and their double and packed forms.

use super::super::control::Mxcsr;
use super::super::format::{self, Format};
use super::super::status::{Outcome, Status};
use super::super::x87::{Quiet, Relation};

/// The predicate of CMPSS and its relatives, in its encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Predicate {
    /// Equal; quiet.
    Eq,
    /// Less; signalling.
    Lt,
    /// Less or equal; signalling.
    Le,
    /// Unordered; quiet.
    Unord,
    /// Not equal; quiet.
    Neq,
    /// Not less; signalling.
    Nlt,
    /// Not less or equal; signalling.
    Nle,
    /// Ordered; quiet.
    Ord,
}

impl Predicate {
    /// The predicate with this encoding; only the low three bits count.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code & 7 {
            0 => Self::Eq,
            1 => Self::Lt,
            2 => Self::Le,
            3 => Self::Unord,
            4 => Self::Neq,
            5 => Self::Nlt,
            6 => Self::Nle,
            _ => Self::Ord,
        }
    }

    const fn quiet(self) -> Quiet {
        match self {
            Self::Eq | Self::Unord | Self::Neq | Self::Ord => Quiet::Yes,
            Self::Lt | Self::Le | Self::Nlt | Self::Nle => Quiet::No,
        }
    }

    const fn holds(self, relation: Relation) -> bool {
        match self {
            Self::Eq => matches!(relation, Relation::Equal),
            Self::Lt => matches!(relation, Relation::Less),
            Self::Le => matches!(relation, Relation::Less | Relation::Equal),
            Self::Unord => matches!(relation, Relation::Unordered),
            Self::Neq => !matches!(relation, Relation::Equal),
            Self::Nlt => !matches!(relation, Relation::Less),
            Self::Nle => !matches!(relation, Relation::Less | Relation::Equal),
            Self::Ord => !matches!(relation, Relation::Unordered),
        }
    }
}

/// `UCOMISS` where `quiet`, else `COMISS` — how a and b compare.
#[must_use]
pub fn relation<F: Format>(a: u64, b: u64, quiet: Quiet, mxcsr: Mxcsr) -> Outcome<Relation> {
    if format::is_nan::<F>(a) || format::is_nan::<F>(b) {
        let signals = quiet == Quiet::No || format::is_signaling::<F>(a) || format::is_signaling::<F>(b);
        return Outcome::new(Relation::Unordered, Status::IE.when(signals));
    }
    let daz = mxcsr.denormals_are_zeros();
    let denormal = !daz && (format::is_denormal::<F>(a) || format::is_denormal::<F>(b));
    let key = |bits: u64| {
        let magnitude = bits & !F::SIGN & F::SIGN.wrapping_mul(2).wrapping_sub(1);
        let magnitude = if daz && format::is_denormal::<F>(bits) { 0 } else { magnitude.cast_signed() };
        if format::is_negative::<F>(bits) { -magnitude } else { magnitude }
    };
    let relation = match key(a).cmp(&key(b)) {
        core::cmp::Ordering::Less => Relation::Less,
        core::cmp::Ordering::Equal => Relation::Equal,
        core::cmp::Ordering::Greater => Relation::Greater,
    };
    Outcome::new(relation, Status::DE.when(denormal))
}

/// How a and b compare; every NaN raises IE.
pub(super) fn order<F: Format>(a: u64, b: u64, mxcsr: Mxcsr) -> Outcome<Relation> {
    relation::<F>(a, b, Quiet::No, mxcsr)
}

/// `CMPSS` — all ones where the predicate holds, else zero.
#[must_use]
pub fn compare<F: Format>(a: u64, b: u64, predicate: Predicate, mxcsr: Mxcsr) -> Outcome<u64> {
    let ones = u64::MAX >> (64 - F::BITS);
    relation::<F>(a, b, predicate.quiet(), mxcsr).map(|r| if predicate.holds(r) { ones } else { 0 })
}
