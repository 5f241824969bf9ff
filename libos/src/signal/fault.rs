//! Processor exceptions as signals.
//!
//! # Source
//! `arch/x86/kernel/traps.c`, `arch/x86/mm/fault.c`, `fpu__exception_code`.

use pal_abi::flags::exception;
use pal_abi::{ContextI386, Exception};

use super::frame::FaultRecord;
use super::info::{SigInfo, code};
use super::set::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};

/// What a floating-point exception is, from its flags that are raised and not masked.
const fn float_code(raised: u32) -> i32 {
    if raised & 1 != 0 {
        code::FPE_FLTINV
    } else if raised & 4 != 0 {
        code::FPE_FLTDIV
    } else if raised & 8 != 0 {
        code::FPE_FLTOVF
    } else if raised & 0x12 != 0 {
        code::FPE_FLTUND
    } else if raised & 0x20 != 0 {
        code::FPE_FLTRES
    } else {
        0
    }
}

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

/// The signal an exception raises, and what every frame then says of it. `is_mapped` tells whether an address lies
/// in a mapping, which tells a missing page from a forbidden one.
#[expect(clippy::cast_possible_truncation, reason = "addresses and error codes of the guest have 32 bits")]
pub fn signal(
    e: &Exception,
    context: &ContextI386,
    is_mapped: impl Fn(u32) -> bool,
) -> (SigInfo, FaultRecord) {
    let (eip, address) = (context.eip, e.address as u32);
    let mut record = FaultRecord { trap: e.native, error: e.info[1] as u32, address: 0 };
    let fx = &context.fxsave;
    let info = match (e.code, e.native) {
        (exception::IN_PAGE_ERROR, _) => {
            record.address = address;
            SigInfo::fault(SIGBUS, code::BUS_ADRERR, address)
        }
        (exception::ACCESS | exception::GUARD, _) => {
            record = FaultRecord { trap: 14, error: record.error, address };
            let why = if is_mapped(address) { code::SEGV_ACCERR } else { code::SEGV_MAPERR };
            SigInfo::fault(SIGSEGV, why, address)
        }
        (_, 0) => SigInfo::fault(SIGFPE, code::FPE_INTDIV, eip),
        (_, 1) => SigInfo::fault(SIGTRAP, code::TRAP_TRACE, eip),
        (_, 3) => SigInfo::kernel(SIGTRAP),
        (_, 6) => SigInfo::fault(SIGILL, code::ILL_ILLOPN, eip),
        (_, 11 | 12) => SigInfo::kernel(SIGBUS),
        (_, 16) => SigInfo::fault(SIGFPE, float_code(half(fx, 2) & !half(fx, 0)), eip),
        (_, 19) => SigInfo::fault(SIGFPE, float_code(!(half(fx, 24) >> 7) & half(fx, 24)), eip),
        (_, 17) => SigInfo::fault(SIGBUS, code::BUS_ADRALN, 0),
        _ => SigInfo::kernel(SIGSEGV),
    };
    (info, record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pal_abi::Layout as _;

    #[test]
    fn a_page_fault_tells_missing_from_forbidden() {
        let mut e = Exception::ZERO;
        (e.code, e.native, e.address, e.info) = (exception::ACCESS, 14, 0x1234, [1, 6]);
        let (info, record) = signal(&e, &ContextI386::ZERO, |_| false);
        assert_eq!(info, SigInfo::fault(SIGSEGV, code::SEGV_MAPERR, 0x1234));
        assert_eq!(record, FaultRecord { trap: 14, error: 6, address: 0x1234 });
        assert_eq!(signal(&e, &ContextI386::ZERO, |_| true).0.code, code::SEGV_ACCERR);
    }

    #[test]
    fn sse_exceptions_name_their_cause() {
        let mut context = ContextI386::ZERO;
        // Divide-by-zero raised and unmasked, inexact raised but masked.
        context.fxsave[24..26].copy_from_slice(&(0x1d80u16 | 0x24).to_le_bytes());
        let mut e = Exception::ZERO;
        (e.code, e.native) = (exception::FLOAT, 19);
        assert_eq!(signal(&e, &context, |_| true).0.code, code::FPE_FLTDIV);
    }
}
