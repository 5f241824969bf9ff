//! Exceptions of an operation on several elements. SDM vol. 1, 11.5.3.

use super::super::control::Mxcsr;
use super::super::status::{Outcome, Status};

/// Gathers what the elements of one operation raise.
#[derive(Clone, Copy, Debug)]
pub struct Packed {
    mxcsr: Mxcsr,
    raised: Status,
}

impl Packed {
    /// Nothing raised yet.
    #[must_use]
    pub const fn new(mxcsr: Mxcsr) -> Self {
        Self { mxcsr, raised: Status::NONE }
    }

    /// Adds one element; gives its value.
    pub fn take<T>(&mut self, outcome: Outcome<T>) -> T {
        self.raised |= outcome.raised & Status::EXCEPTIONS;
        outcome.value
    }

    /// MXCSR afterwards, and whether #XM is raised and nothing written. An unmasked exception that is found before
    /// computing, in any element, keeps those found while rounding from being reported.
    #[must_use]
    pub fn finish(self) -> (Mxcsr, bool) {
        let unmasked = self.mxcsr.unmasked();
        let before = self.raised & Status::BEFORE;
        let raised = if (before & unmasked).is_empty() { self.raised } else { before };
        (self.mxcsr.with(raised), !(raised & unmasked).is_empty())
    }
}
