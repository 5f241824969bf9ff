//! Signal numbers, sets of them, and what each does by default.

use core::ops::{BitAnd, BitOr, Not};

/// Signals 1 to 64.
pub const COUNT: u32 = 64;

macro_rules! signals {
    ($($name:ident = $value:literal;)*) => {
        $(#[doc = concat!("`", stringify!($name), "`.")] pub const $name: u32 = $value;)*

        /// A signal's name.
        #[must_use]
        pub const fn name(signal: u32) -> &'static str {
            match signal { $($value => stringify!($name),)* _ => "SIGRT" }
        }
    };
}

signals! {
    SIGHUP = 1; SIGINT = 2; SIGQUIT = 3; SIGILL = 4; SIGTRAP = 5; SIGABRT = 6; SIGBUS = 7; SIGFPE = 8; SIGKILL = 9;
    SIGUSR1 = 10; SIGSEGV = 11; SIGUSR2 = 12; SIGPIPE = 13; SIGALRM = 14; SIGTERM = 15; SIGSTKFLT = 16;
    SIGCHLD = 17; SIGCONT = 18; SIGSTOP = 19; SIGTSTP = 20; SIGTTIN = 21; SIGTTOU = 22; SIGURG = 23; SIGXCPU = 24;
    SIGXFSZ = 25; SIGVTALRM = 26; SIGPROF = 27; SIGWINCH = 28; SIGIO = 29; SIGPWR = 30; SIGSYS = 31;
}

/// The first real-time signal: the kernel's, below the C library's.
pub const SIGRTMIN: u32 = 32;

/// A set of signals, signal n at bit n−1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SigSet(pub u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// What cannot be blocked.
    pub const UNBLOCKABLE: Self = Self(1 << (SIGKILL - 1) | 1 << (SIGSTOP - 1));
    /// What faults raise: taken before all others.
    pub const SYNCHRONOUS: Self = Self(
        1 << (SIGSEGV - 1)
            | 1 << (SIGBUS - 1)
            | 1 << (SIGILL - 1)
            | 1 << (SIGTRAP - 1)
            | 1 << (SIGFPE - 1)
            | 1 << (SIGSYS - 1),
    );
    /// What stops by default.
    pub const STOPPING: Self =
        Self(1 << (SIGSTOP - 1) | 1 << (SIGTSTP - 1) | 1 << (SIGTTIN - 1) | 1 << (SIGTTOU - 1));

    /// The set of one signal.
    #[must_use]
    pub const fn of(signal: u32) -> Self {
        Self(1 << (signal - 1))
    }

    /// Whether a signal is in it.
    #[must_use]
    pub const fn has(self, signal: u32) -> bool {
        self.0 >> (signal - 1) & 1 != 0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The signal to take first: synchronous ones, then the lowest.
    #[must_use]
    pub fn first(self) -> Option<u32> {
        let urgent = self & Self::SYNCHRONOUS;
        let from = if urgent.is_empty() { self } else { urgent };
        (!from.is_empty()).then(|| from.0.trailing_zeros() + 1)
    }

    /// The two words the system calls exchange.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    pub const fn words(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }

    /// The set of two words.
    #[must_use]
    pub const fn from_words(words: [u32; 2]) -> Self {
        Self(words[0] as u64 | (words[1] as u64) << 32)
    }
}

impl BitAnd for SigSet {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for SigSet {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Not for SigSet {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

/// What a signal does where no handler is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultAction {
    /// Ends the process.
    Terminate,
    /// Ends the process and would write a core.
    Core,
    /// Nothing.
    Ignore,
    /// Stops the process.
    Stop,
    /// Continues it.
    Continue,
}

/// What a signal does where no handler is set. signal(7).
#[must_use]
pub const fn default_action(signal: u32) -> DefaultAction {
    match signal {
        SIGCHLD | SIGURG | SIGWINCH => DefaultAction::Ignore,
        SIGCONT => DefaultAction::Continue,
        SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU => DefaultAction::Stop,
        SIGQUIT | SIGILL | SIGTRAP | SIGABRT | SIGBUS | SIGFPE | SIGSEGV | SIGXCPU | SIGXFSZ | SIGSYS => {
            DefaultAction::Core
        }
        _ => DefaultAction::Terminate,
    }
}

/// `SIG_DFL`.
pub const SIG_DFL: u32 = 0;
/// `SIG_IGN`.
pub const SIG_IGN: u32 = 1;

/// Flags of `sigaction`.
pub mod sa {
    #![allow(missing_docs, reason = "sigaction(2) has them")]
    pub const NOCLDSTOP: u32 = 1;
    pub const NOCLDWAIT: u32 = 2;
    pub const SIGINFO: u32 = 4;
    pub const RESTORER: u32 = 0x0400_0000;
    pub const ONSTACK: u32 = 0x0800_0000;
    pub const RESTART: u32 = 0x1000_0000;
    pub const NODEFER: u32 = 0x4000_0000;
    pub const RESETHAND: u32 = 0x8000_0000;
    /// What the kernel keeps; other bits are cleared (`UAPI_SA_FLAGS`, `SA_IA32_ABI` apart).
    pub const KNOWN: u32 =
        NOCLDSTOP | NOCLDWAIT | SIGINFO | RESTORER | ONSTACK | RESTART | NODEFER | RESETHAND | 0x800;
}

/// What a program wants done at a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SigAction {
    /// Address of the handler, `SIG_DFL` or `SIG_IGN`.
    pub handler: u32,
    /// Of [`sa`].
    pub flags: u32,
    /// Where the handler returns to, with `RESTORER`.
    pub restorer: u32,
    /// Blocked while the handler runs.
    pub mask: SigSet,
}

impl SigAction {
    /// The default action.
    pub const DEFAULT: Self = Self { handler: SIG_DFL, flags: 0, restorer: 0, mask: SigSet::EMPTY };

    /// Whether the signal is thrown away.
    #[must_use]
    pub fn ignores(&self, signal: u32) -> bool {
        self.handler == SIG_IGN
            || self.handler == SIG_DFL
                && matches!(default_action(signal), DefaultAction::Ignore | DefaultAction::Continue)
    }

    /// Whether a handler runs.
    #[must_use]
    pub const fn is_handler(&self) -> bool {
        self.handler > SIG_IGN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_before_lower_numbers() {
        let both = SigSet::of(SIGHUP) | SigSet::of(SIGSEGV);
        assert_eq!(both.first(), Some(SIGSEGV));
        assert_eq!((both & !SigSet::of(SIGSEGV)).first(), Some(SIGHUP));
        assert_eq!(SigSet::EMPTY.first(), None);
        assert!(SigSet::of(64).has(64));
    }
}
