//! The thread of a process.

use super::rseq::Rseq;
use crate::signal::frame::{AltStack, FaultRecord};
use crate::signal::set::SigSet;

/// A call that goes on after a signal was handled without a handler (`restart_syscall`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// `nanosleep` until a deadline; where the rest goes, if it comes to that.
    Sleep {
        /// On the monotonic clock.
        deadline: u64,
        /// Address of the remaining time, or 0.
        remaining: u32,
        /// Whether its fields are 64 bits wide.
        wide: bool,
    },
    /// `poll` until a deadline.
    Poll {
        /// Address of the records.
        records: u32,
        /// Their number.
        count: u32,
        /// On the monotonic clock.
        deadline: u64,
    },
}

/// Number of a thread's TLS descriptors.
pub const TLS_ENTRIES: usize = 3;
/// The first one's number in the GDT, as on a 64-bit kernel.
pub const TLS_FIRST: u32 = 12;

/// What `prctl` sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whether a core could be written. Nothing is, but programs ask.
    pub dumpable: u32,
    /// Whether capabilities are kept when the user changes.
    pub keep_capabilities: u32,
    /// Whether exec gives no rights any more. It never does.
    pub no_new_privileges: u32,
    /// How much later than asked a sleep may end, in nanoseconds.
    pub timer_slack: u32,
    /// The slack it had at its start.
    pub first_timer_slack: u32,
    /// Where its memory is to lie: mode and nodes.
    pub memory_policy: (u32, u32),
}

impl Settings {
    const FRESH: Self = Self {
        dumpable: 1,
        keep_capabilities: 0,
        no_new_privileges: 0,
        timer_slack: 50_000,
        first_timer_slack: 50_000,
        memory_policy: (0, 0),
    };

    /// What a new program begins with.
    pub const fn after_exec(&mut self) {
        (self.dumpable, self.keep_capabilities) = (1, 0);
    }
}

/// State of a thread that no other looks at.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Blocked signals.
    pub blocked: SigSet,
    /// The mask to go back to after `sigsuspend` and its like.
    pub saved_mask: Option<SigSet>,
    /// Alternate signal stack.
    pub alt: AltStack,
    /// The last fault.
    pub fault: FaultRecord,
    /// The call to go on with.
    pub restart: Option<Restart>,
    /// Where to store 0 at the end (`set_tid_address`).
    pub clear_child_tid: u32,
    /// `set_robust_list`.
    pub robust_list: (u32, u32),
    /// `rseq`.
    pub rseq: Rseq,
    /// `prctl`.
    pub settings: Settings,
    /// TLS descriptors.
    pub tls: [[u8; 8]; TLS_ENTRIES],
}

impl Thread {
    /// A fresh thread.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            blocked: SigSet::EMPTY,
            saved_mask: None,
            alt: AltStack::DISABLED,
            fault: FaultRecord { trap: 0, error: 0, address: 0 },
            restart: None,
            clear_child_tid: 0,
            robust_list: (0, 0),
            rseq: Rseq::NONE,
            settings: Settings::FRESH,
            tls: [[0; 8]; TLS_ENTRIES],
        }
    }
}

impl Default for Thread {
    fn default() -> Self {
        Self::new()
    }
}
