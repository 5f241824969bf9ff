//! Rearrangements: PUNPCKx, UNPCKx, PSHUFx, SHUFPx, PSLLDQ, PSRLDQ.
//!
//! Each is one [`Emit::shuffle`]: a table of where every byte of the result comes from, made from the immediate.

#![expect(clippy::cast_possible_truncation, reason = "byte numbers are below 16")]

use super::{packed, source, vector, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf};
use crate::engine::Exception;
use crate::semantics::mmx;
use iced_x86::Mnemonic;

/// Byte table from a function of the lane that gives the source lane (those of `b` follow those of `a`).
pub(super) fn pick(lane_bytes: u8, from: impl Fn(u8) -> u8) -> [u8; 16] {
    core::array::from_fn(|n| {
        // At most 15.
        let n = n as u8;
        from(n / lane_bytes) * lane_bytes + n % lane_bytes
    })
}

/// `PUNPCKLx`, `PUNPCKHx`, `UNPCKLPS/PD`, `UNPCKHPS/PD` — lanes of both lower or both upper halves, alternating.
pub fn unpack<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (lane_bytes, upper) = match i.mnemonic() {
        Mnemonic::Punpcklbw => (1, false),
        Mnemonic::Punpcklwd => (2, false),
        Mnemonic::Punpckldq | Mnemonic::Unpcklps => (4, false),
        Mnemonic::Punpcklqdq | Mnemonic::Unpcklpd => (8, false),
        Mnemonic::Punpckhbw => (1, true),
        Mnemonic::Punpckhwd => (2, true),
        Mnemonic::Punpckhdq | Mnemonic::Unpckhps => (4, true),
        Mnemonic::Punpckhqdq | Mnemonic::Unpckhpd => (8, true),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let count = 16 / lane_bytes;
    if super::is_mmx(i) {
        // Of the lower halves' eight bytes each: the interleaved vector's lower or upper half.
        let table = pick(lane_bytes, |n| n / 2 + n % 2 * count);
        let interleave = |e: &mut E, a, b| e.shuffle(a, b, table);
        return if upper { mmx::upper_half(e, i, interleave) } else { mmx::packed(e, i, interleave) };
    }
    let first = if upper { count / 2 } else { 0 };
    packed(e, i, |e, a, b| e.shuffle(a, b, pick(lane_bytes, |n| first + n / 2 + n % 2 * count)))
}

/// Two bits of an immediate.
const fn selector(imm: u8, n: u8) -> u8 {
    imm >> (2 * n) & 3
}

/// Where the words of the lower half come from in PSHUFLW and PSHUFW; the upper half stays.
pub(in crate::semantics) fn word_table(imm: u8) -> [u8; 16] {
    pick(2, |n| if n < 4 { selector(imm, n) } else { n })
}

/// `PSHUFD`, `PSHUFLW`, `PSHUFHW` — lanes of the source chosen by two bits each.
pub fn pshuf<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let imm = i.raw().immediate8();
    let table = match i.mnemonic() {
        Mnemonic::Pshufd => pick(4, |n| selector(imm, n)),
        Mnemonic::Pshuflw => word_table(imm),
        Mnemonic::Pshufhw => pick(2, |n| if n < 4 { n } else { 4 + selector(imm, n - 4) }),
        _ => return Flow::Raise(Exception::InvalidOpcode),
    };
    let b = source(e, i, 1);
    let result = e.shuffle(b, b, table);
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// `SHUFPS`, `SHUFPD` — the lower half from the destination, the upper from the source.
pub fn shufp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let imm = i.raw().immediate8();
    let table = if i.mnemonic() == Mnemonic::Shufps {
        pick(4, |n| selector(imm, n) + if n < 2 { 0 } else { 4 })
    } else {
        pick(8, |n| (imm >> n & 1) + 2 * n)
    };
    packed(e, i, |e, a, b| e.shuffle(a, b, table))
}

/// `PSLLDQ`, `PSRLDQ` — the whole register by bytes; more than 15 give zero.
pub fn shift_bytes<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let by = i.raw().immediate8().min(16);
    let left = i.mnemonic() == Mnemonic::Pslldq;
    let a = vector(e, i, 0);
    let table = core::array::from_fn(|n| {
        let n = n as u8;
        if left {
            n.checked_sub(by).unwrap_or(255)
        } else if n + by < 16 {
            n + by
        } else {
            255
        }
    });
    let result = e.shuffle(a, a, table);
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}
