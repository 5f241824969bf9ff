//! What translated code returns: a kind in the upper 32 bits, a payload in the lower.

use frontend_x86::engine::Exception;

/// The value returned by translated code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Outcome(pub(crate) u64);

/// Kinds of outcomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Kind {
    /// A direct exit that is not linked; the payload is its number. EIP is not stored. Must be 0.
    Unlinked = 0,
    /// An indirect branch whose target was not in the table. EIP is stored.
    Lookup = 1,
    /// The interrupt or leave word was set. EIP is stored.
    Interrupted = 2,
    /// A gate; the payload is its number. EIP is stored.
    Gate = 3,
    /// An exception; the payload encodes it. EIP is stored.
    Raise = 4,
    /// An out-of-line function left an exit. EIP is stored.
    Pending = 5,
    /// A host fault. EIP is stored by the handler.
    Fault = 6,
    /// An exception named by a status in the scratch area. EIP is stored.
    Status = 7,
    /// The dispatcher looks anew: flags or segments changed. EIP is stored.
    Continue = 8,
    /// The interpreter does the next instruction: it has a meaning that code was not built for. EIP is stored.
    Interpret = 9,
}

impl Outcome {
    /// What [`crate::enter`] returns after a host fault.
    pub(crate) const FAULT: Self = Self::new(Kind::Fault, 0);

    pub(crate) const fn new(kind: Kind, payload: u32) -> Self {
        Self((kind as u64) << 32 | payload as u64)
    }

    pub(crate) fn kind(self) -> Kind {
        match self.0 >> 32 {
            0 => Kind::Unlinked,
            1 => Kind::Lookup,
            2 => Kind::Interrupted,
            3 => Kind::Gate,
            4 => Kind::Raise,
            5 => Kind::Pending,
            6 => Kind::Fault,
            7 => Kind::Status,
            8 => Kind::Continue,
            9 => Kind::Interpret,
            other => unreachable!("translated code returned kind {other}"),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(crate) const fn payload(self) -> u32 {
        self.0 as u32
    }
}

/// An exception as a payload: the vector, and 16 bits of error code or the number of a software interrupt above it.
///
/// # Panics
/// On #PF, which only arises from accesses.
pub(crate) fn encode_exception(e: Exception) -> u32 {
    match e {
        Exception::Divide => 0,
        Exception::Debug => 1,
        Exception::Breakpoint => 3,
        Exception::Overflow => 4,
        Exception::Bound => 5,
        Exception::InvalidOpcode => 6,
        Exception::SegmentNotPresent(code) => 11 | code << 8,
        Exception::StackFault(code) => 12 | code << 8,
        Exception::GeneralProtection(code) => 13 | code << 8,
        Exception::Math => 16,
        Exception::Alignment => 17,
        Exception::Simd => 19,
        Exception::Software(n) => 0xff | u32::from(n) << 8,
        Exception::Page(_) => unreachable!("page faults come from accesses"),
    }
}

/// The exception behind a payload.
pub(crate) fn decode_exception(payload: u32) -> Exception {
    let code = payload >> 8;
    match payload & 0xff {
        0 => Exception::Divide,
        1 => Exception::Debug,
        3 => Exception::Breakpoint,
        4 => Exception::Overflow,
        5 => Exception::Bound,
        6 => Exception::InvalidOpcode,
        11 => Exception::SegmentNotPresent(code),
        12 => Exception::StackFault(code),
        13 => Exception::GeneralProtection(code),
        16 => Exception::Math,
        17 => Exception::Alignment,
        19 => Exception::Simd,
        _ => Exception::Software(u8::try_from(code & 0xff).expect("8 bits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_survive_encoding() {
        for e in [
            Exception::Divide,
            Exception::GeneralProtection(0x1234),
            Exception::Software(0x80),
            Exception::Simd,
            Exception::Breakpoint,
        ] {
            assert_eq!(decode_exception(encode_exception(e)), e);
        }
    }
}
