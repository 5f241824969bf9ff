//! Stretches of code that may fault or be left early, and where each goes on.

use super::{cancel, copy};

/// Why a signal handler asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    /// The instruction faulted on memory.
    Fault,
    /// A `ThreadInterrupt` arrived.
    Interrupt,
}

/// Where execution goes on if it was interrupted at `pc`, or `None` where that is no recoverable place.
#[must_use]
pub(crate) fn landing(pc: usize, reason: Reason) -> Option<usize> {
    let stretch = match reason {
        Reason::Fault => copy::stretch(),
        Reason::Interrupt => cancel::stretch(),
    };
    stretch.0.contains(&pc).then_some(stretch.1)
}
