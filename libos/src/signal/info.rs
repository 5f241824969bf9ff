//! `siginfo_t`: where a signal came from.
//!
//! # Source
//! sigaction(2); `compat_siginfo` of Linux (the i386 layout, 128 bytes).

use super::set::{SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

/// `si_code` values.
pub mod code {
    #![allow(missing_docs, reason = "sigaction(2) has them")]
    pub const SI_USER: i32 = 0;
    pub const SI_KERNEL: i32 = 0x80;
    pub const SI_QUEUE: i32 = -1;
    pub const SI_TIMER: i32 = -2;
    /// `SI_TIMER` of a timer of our own, until the signal is taken: programs can send `SI_TIMER` as well.
    pub const TIMER: i32 = i32::MIN;
    pub const SI_TKILL: i32 = -6;
    pub const CLD_EXITED: i32 = 1;
    pub const CLD_KILLED: i32 = 2;
    pub const CLD_DUMPED: i32 = 3;
    pub const CLD_STOPPED: i32 = 5;
    pub const CLD_CONTINUED: i32 = 6;
    pub const SEGV_MAPERR: i32 = 1;
    pub const SEGV_ACCERR: i32 = 2;
    pub const BUS_ADRALN: i32 = 1;
    pub const BUS_ADRERR: i32 = 2;
    pub const ILL_ILLOPN: i32 = 2;
    pub const FPE_INTDIV: i32 = 1;
    pub const FPE_FLTDIV: i32 = 3;
    pub const FPE_FLTOVF: i32 = 4;
    pub const FPE_FLTUND: i32 = 5;
    pub const FPE_FLTRES: i32 = 6;
    pub const FPE_FLTINV: i32 = 7;
    pub const TRAP_BRKPT: i32 = 1;
    pub const TRAP_TRACE: i32 = 2;
}

/// What is known about one signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SigInfo {
    /// The signal.
    pub signal: u32,
    /// `si_code`.
    pub code: i32,
    /// `si_pid`; of a fault, its address.
    pub first: u32,
    /// `si_uid`.
    pub second: u32,
    /// `si_status`, `si_value`.
    pub third: u32,
}

/// Which fields a signal comes with (`siginfo_layout`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Sender.
    Kill,
    /// Timer, overrun and value.
    Timer,
    /// Address.
    Fault,
    /// Child, user and status.
    Child,
    /// Sender and value.
    Queued,
}

/// Bytes of `siginfo_t`.
pub const SIZE: usize = 128;

impl SigInfo {
    /// A signal the kernel itself sends.
    #[must_use]
    pub const fn kernel(signal: u32) -> Self {
        Self { signal, code: code::SI_KERNEL, first: 0, second: 0, third: 0 }
    }

    /// A fault at an address.
    #[must_use]
    pub const fn fault(signal: u32, code: i32, address: u32) -> Self {
        Self { signal, code, first: address, second: 0, third: 0 }
    }

    /// Whether the first field is an address.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.code > 0
            && self.code < 0x80
            && matches!(self.signal, SIGSEGV | SIGBUS | SIGILL | SIGFPE | SIGTRAP | SIGSYS)
    }

    /// Which fields it comes with.
    #[must_use]
    pub fn layout(&self) -> Layout {
        match self.code {
            code::SI_TIMER => Layout::Timer,
            i32::MIN..=-1 => Layout::Queued,
            _ if self.is_fault() => Layout::Fault,
            code::CLD_EXITED..=code::CLD_CONTINUED if self.signal == SIGCHLD => Layout::Child,
            _ => Layout::Kill,
        }
    }

    /// The bytes the program sees.
    #[must_use]
    pub fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let mut put =
            |word: usize, value: u32| bytes[word * 4..word * 4 + 4].copy_from_slice(&value.to_le_bytes());
        put(0, self.signal);
        put(2, self.code.cast_unsigned());
        put(3, self.first);
        if !self.is_fault() {
            put(4, self.second);
            put(5, self.third);
        }
        bytes
    }

    /// What a program hands to `rt_sigqueueinfo`.
    #[must_use]
    pub fn decode(signal: u32, bytes: &[u8; SIZE]) -> Self {
        let get = |word: usize| {
            let mut value = [0; 4];
            value.copy_from_slice(&bytes[word * 4..word * 4 + 4]);
            u32::from_le_bytes(value)
        };
        Self { signal, code: get(2).cast_signed(), first: get(3), second: get(4), third: get(5) }
    }

    /// The news of a child.
    #[must_use]
    pub const fn child(code: i32, pid: u32, uid: u32, status: u32) -> Self {
        Self { signal: SIGCHLD, code, first: pid, second: uid, third: status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_where_i386_has_them() {
        let bytes = SigInfo::child(code::CLD_EXITED, 77, 1000, 3).encode();
        let word = |n: usize| u32::from_le_bytes(bytes[n * 4..n * 4 + 4].try_into().unwrap());
        assert_eq!([word(0), word(1), word(2), word(3), word(4), word(5)], [17, 0, 1, 77, 1000, 3]);
        assert_eq!(SigInfo::decode(SIGCHLD, &bytes), SigInfo::child(1, 77, 1000, 3));
    }
}
