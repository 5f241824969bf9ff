//! FCOM, FUCOM, FTST, FXAM.

use super::super::control::Control;
use super::super::extended::{Class, F80, Operand};
use super::super::status::{Outcome, Status};
use super::convert::Widened;

/// How two operands compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// a > b
    Greater,
    /// a < b
    Less,
    /// a = b
    Equal,
    /// One is a NaN or rejected.
    Unordered,
}

impl Relation {
    /// C3, C2 and C0 of the status word: FCOM's table.
    #[must_use]
    pub const fn condition_codes(self) -> Status {
        match self {
            Self::Greater => Status::NONE,
            Self::Less => Status::C0,
            Self::Equal => Status::C3,
            Self::Unordered => Status(Status::C3.0 | Status::C2.0 | Status::C0.0),
        }
    }
    /// ZF, PF and CF at their places in EFLAGS: FCOMI's and COMISS's table.
    #[must_use]
    pub const fn eflags(self) -> u32 {
        match self {
            Self::Greater => 0,
            Self::Less => 1,
            Self::Equal => 1 << 6,
            Self::Unordered => 1 << 6 | 1 << 2 | 1,
        }
    }
    /// The relation of the operands in the other order.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Greater => Self::Less,
            Self::Less => Self::Greater,
            same => same,
        }
    }
}

/// `FCOM` and, where `quiet`, `FUCOM` — compares. A quiet comparison raises IE for signalling NaNs and rejected encodings
/// only, the other for every NaN.
#[must_use]
pub fn compare(a: F80, b: F80, quiet: Quiet, control: Control) -> Outcome<Relation> {
    let (x, y) = (a.operand(), b.operand());
    let unsupported = x == Operand::Unsupported || y == Operand::Unsupported;
    if unsupported || a.is_nan() || b.is_nan() {
        let signals = unsupported || a.is_signaling() || b.is_signaling() || quiet == Quiet::No;
        return Outcome::new(Relation::Unordered, Status::IE.when(signals));
    }
    let denormal = matches!(x, Operand::Denormal(_)) || matches!(y, Operand::Denormal(_));
    // Numbers are in the order of (exponent, significand), where a pseudo-denormal counts as having exponent 1.
    let key = |v: F80| {
        let exp = if v.se & 0x7fff == 0 && v.sig >> 63 != 0 { 1 } else { v.se & 0x7fff };
        (exp, v.sig)
    };
    let magnitudes = key(a).cmp(&key(b));
    let both_zero = x == Operand::Zero && y == Operand::Zero;
    let order = match (a.sign(), b.sign()) {
        _ if both_zero => core::cmp::Ordering::Equal,
        (false, false) => magnitudes,
        (true, true) => magnitudes.reverse(),
        (false, true) => core::cmp::Ordering::Greater,
        (true, false) => core::cmp::Ordering::Less,
    };
    let relation = match order {
        core::cmp::Ordering::Less => Relation::Less,
        core::cmp::Ordering::Equal => Relation::Equal,
        core::cmp::Ordering::Greater => Relation::Greater,
    };
    super::with_denormal(Outcome::exact(relation), denormal, control)
}

/// `FCOM` with an operand from memory.
#[must_use]
pub fn compare_widened(a: F80, b: Widened, quiet: Quiet, control: Control) -> Outcome<Relation> {
    let outcome = compare(a, b.value, quiet, control);
    if outcome.value == Relation::Unordered {
        return outcome;
    }
    super::with_denormal(outcome, b.denormal, control)
}

/// Whether a comparison lets quiet NaNs pass without IE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quiet {
    /// FUCOM
    Yes,
    /// FCOM
    No,
}

/// `FXAM` — the condition codes for a register that is not empty. Raises nothing.
#[must_use]
pub const fn examine(a: F80) -> Status {
    let class = match a.class() {
        Class::Unsupported => Status::NONE,
        Class::Nan => Status::C0,
        Class::Normal => Status::C2,
        Class::Infinity => Status(Status::C2.0 | Status::C0.0),
        Class::Zero => Status::C3,
        Class::Denormal => Status(Status::C3.0 | Status::C2.0),
    };
    class.union(Status::C1.when(a.sign()))
}

/// `FXAM` — the condition codes for an empty register; `a` is what it last held.
#[must_use]
pub const fn examine_empty(a: F80) -> Status {
    Status(Status::C3.0 | Status::C0.0).union(Status::C1.when(a.sign()))
}
