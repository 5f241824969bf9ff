//! Fetching code from a segment that is not flat: one with a base, with a limit, or of 16 bits.

use crate::cpuid::Profile;
use crate::decode::{CodeBits, DecodeError, Insn, MAX_LENGTH};
use crate::engine::Exception;
use crate::memory::{GuestAddr, GuestMemory};
use crate::state::SegmentState;

/// Fetches and decodes the instruction at offset `eip` of a code segment. A byte beyond the limit is #GP(0), as it is for
/// data; only a byte within the limit can be a page fault. SDM vol. 3A, 5.3.
pub(super) fn fetch<M: GuestMemory + ?Sized>(
    cs: &SegmentState,
    memory: &M,
    eip: u32,
    profile: Profile,
) -> Result<Insn, Exception> {
    let bits = if cs.is_16_bit() { CodeBits::B16 } else { CodeBits::B32 };
    let at = GuestAddr(cs.base.wrapping_add(eip));
    if !cs.covers(eip, 1) {
        return Err(Exception::GeneralProtection(0));
    }
    let covered = (cs.limit - eip).saturating_add(1);
    let mut bytes = [0; MAX_LENGTH];
    let shown = MAX_LENGTH.min(covered as usize);
    let got = memory.fetch(at, &mut bytes[..shown]).map_err(Exception::Page)?;
    match Insn::decode_in(bits, &bytes[..got], eip, profile) {
        Err(DecodeError::Truncated) if got == shown => Err(Exception::GeneralProtection(0)),
        Err(DecodeError::Truncated) => {
            let short = u32::try_from(got).expect("at most 15");
            match memory.fetch(at.wrapping_add(short), &mut [0]) {
                Err(fault) => Err(Exception::Page(fault)),
                // The page became executable meanwhile.
                Ok(_) => fetch(cs, memory, eip, profile),
            }
        }
        other => other.map_err(DecodeError::exception),
    }
}
