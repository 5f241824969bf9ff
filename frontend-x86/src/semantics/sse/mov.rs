//! SSE moves. SDM vol. 2A/2B, the entries of their names.

use super::{scalar_source, vector, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::helper_table::Helper;
use crate::operand::{linear, place, read, write};
use crate::semantics::mmx;

/// Moves 16 bytes between registers and memory.
fn whole<E: Emit>(e: &mut E, i: &Insn, aligned: bool) -> FlowOf<E> {
    if i.is_memory(0) {
        let at = linear(e, i);
        let value = vector(e, i, 1);
        e.store_vec(at, value, aligned);
    } else {
        let value = if i.is_memory(1) {
            let at = linear(e, i);
            e.load_vec(at, aligned)
        } else {
            vector(e, i, 1)
        };
        e.set_xmm(xmm(i, 0), value);
    }
    Flow::Next
}

/// `MOVAPS`, `MOVAPD`, `MOVDQA`, `MOVNTPS`, `MOVNTPD`, `MOVNTDQ`, `MOVNTDQA` — memory must be aligned.
pub fn aligned<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    whole(e, i, true)
}

/// `MOVUPS`, `MOVUPD`, `MOVDQU`, `LDDQU` — memory may lie anywhere.
pub fn unaligned<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    whole(e, i, false)
}

/// `MOVD` — 32 bits between XMM and a general register or memory; the rest of an XMM destination becomes zero.
pub fn movd<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if super::is_mmx(i) {
        return mmx::movd(e, i);
    }
    if i.register(0).is_xmm() {
        let src = place(e, i, 1);
        let value = read(e, Width::B32, src);
        let zero = e.vec_zero();
        let result = e.insert(zero, Width::B32, 0, value);
        e.set_xmm(xmm(i, 0), result);
    } else {
        let v = vector(e, i, 1);
        let value = e.extract(v, Width::B32, 0);
        let dst = place(e, i, 0);
        write(e, dst, value);
    }
    Flow::Next
}

/// `MOVQ` — 64 bits; the upper half of an XMM destination becomes zero.
pub fn movq<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if super::is_mmx(i) {
        return mmx::movq(e, i);
    }
    let value = scalar_source(e, i, 1, Width::B64);
    if i.is_memory(0) {
        let at = linear(e, i);
        e.store(at, value);
    } else {
        let zero = e.vec_zero();
        let result = e.insert(zero, Width::B64, 0, value);
        e.set_xmm(xmm(i, 0), result);
    }
    Flow::Next
}

/// Moves one scalar: from memory the rest of the register becomes zero, from a register it stays.
fn scalar<E: Emit>(e: &mut E, i: &Insn, w: Width) -> FlowOf<E> {
    let value = scalar_source(e, i, 1, w);
    if i.is_memory(0) {
        let at = linear(e, i);
        e.store(at, value);
    } else {
        let base = if i.is_memory(1) { e.vec_zero() } else { vector(e, i, 0) };
        let result = e.insert(base, w, 0, value);
        e.set_xmm(xmm(i, 0), result);
    }
    Flow::Next
}

/// `MOVSS`.
pub fn movss<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    scalar(e, i, Width::B32)
}

/// `MOVSD`; the string instruction of that name comes through [`crate::semantics::string::movs`].
pub fn movsd<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    scalar(e, i, Width::B64)
}

/// Moves 64 bits between memory and half `lane` of a register; the other half stays.
fn half<E: Emit>(e: &mut E, i: &Insn, lane: u8) -> FlowOf<E> {
    let at = linear(e, i);
    if i.is_memory(0) {
        let v = vector(e, i, 1);
        let value = e.extract(v, Width::B64, lane);
        e.store(at, value);
    } else {
        let value = e.load(Width::B64, at);
        let base = vector(e, i, 0);
        let result = e.insert(base, Width::B64, lane, value);
        e.set_xmm(xmm(i, 0), result);
    }
    Flow::Next
}

/// `MOVLPS`, `MOVLPD`.
pub fn movlps<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    half(e, i, 0)
}

/// `MOVHPS`, `MOVHPD`.
pub fn movhps<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    half(e, i, 1)
}

/// Moves half `from` of the source register to half `to` of the destination.
fn across<E: Emit>(e: &mut E, i: &Insn, from: u8, to: u8) -> FlowOf<E> {
    let (a, b) = (vector(e, i, 0), vector(e, i, 1));
    let value = e.extract(b, Width::B64, from);
    let result = e.insert(a, Width::B64, to, value);
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// `MOVHLPS`.
pub fn movhlps<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    across(e, i, 1, 0)
}

/// `MOVLHPS`.
pub fn movlhps<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    across(e, i, 0, 1)
}

/// `MOVNTI`.
pub fn movnti<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let value = read(e, Width::B32, src);
    write(e, dst, value);
    Flow::Next
}

/// `MASKMOVDQU` — stores the bytes whose mask byte has its top bit set at [eDI].
pub fn maskmovdqu<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (value, mask) = (vector(e, i, 1), vector(e, i, 2));
    mmx::store_masked(e, i, value, mask, 16);
    Flow::Next
}

/// `PMOVMSKB` — the top bits of the bytes.
pub fn pmovmskb<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if super::is_mmx(i) {
        return mmx::pmovmskb(e, i);
    }
    let v = vector(e, i, 1);
    let mask = e.byte_mask(v);
    let dst = place(e, i, 0);
    write(e, dst, mask);
    Flow::Next
}

/// The sign bits of the lanes whose top bytes are `bytes`, as a mask in a general register.
fn sign_mask<E: Emit>(e: &mut E, i: &Insn, bytes: &[u8]) -> FlowOf<E> {
    let v = vector(e, i, 1);
    let mut pick = [255; 16];
    pick[..bytes.len()].copy_from_slice(bytes);
    let tops = e.shuffle(v, v, pick);
    let mask = e.byte_mask(tops);
    let dst = place(e, i, 0);
    write(e, dst, mask);
    Flow::Next
}

/// `MOVMSKPS`.
pub fn movmskps<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    sign_mask(e, i, &[3, 7, 11, 15])
}

/// `MOVMSKPD`.
pub fn movmskpd<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    sign_mask(e, i, &[7, 15])
}

/// `PINSRW` — one word of a register replaced; the lane is the immediate modulo 8.
pub fn pinsrw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if super::is_mmx(i) {
        return mmx::pinsrw(e, i);
    }
    let src = place(e, i, 1);
    let value = read(e, Width::B16, src);
    let base = vector(e, i, 0);
    let result = e.insert(base, Width::B16, i.raw().immediate8() & 7, value);
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// `PEXTRW` — one word, zero-extended. The form that also takes memory is of SSE4.1.
pub fn pextrw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if super::is_mmx(i) {
        return mmx::pextrw(e, i);
    }
    super::element::extract(e, i)
}

/// `LDMXCSR` — #GP where a reserved bit is set. SDM vol. 1, 10.2.3.
pub fn ldmxcsr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let at = linear(e, i);
    let value = e.load(Width::B32, at);
    let status = e.helper(Helper::LoadMxcsr, &[value]);
    e.raise_status(status);
    Flow::EndBlock
}

/// `STMXCSR`.
pub fn stmxcsr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let at = linear(e, i);
    let value = e.helper(Helper::StoreMxcsr, &[]);
    let value = e.zext(Width::B32, value);
    e.store(at, value);
    Flow::Next
}
