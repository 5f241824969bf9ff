//! Conversions between floats and pairs of 32-bit integers in MMX registers: CVTPI2PS CVTPI2PD CVTPS2PI CVTTPS2PI
//! CVTPD2PI CVTTPD2PI.
//!
//! With an MMX register they enter the MMX state as every MMX instruction does, on this hardware before an exception of the
//! conversion; CVTPI2PS and CVTPI2PD with memory do not.

use super::convert::TRUNCATING;
use super::float::{Element, Shape, immediate};
use super::{scalar_source, source, vector, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::helper_table::VecHelper;
use crate::semantics::mmx;
use iced_x86::Mnemonic;

/// Two integers, from an MMX register or memory, as the low lanes of a vector.
fn integers<E: Emit>(e: &mut E, i: &Insn) -> E::Vec {
    if i.is_memory(1) {
        let pair = mmx::source(e, i, 1);
        return mmx::widen(e, pair);
    }
    mmx::begin(e);
    let pair = mmx::source(e, i, 1);
    mmx::enter(e);
    mmx::widen(e, pair)
}

/// `CVTPI2PS` — into the low half; the upper half stays.
pub fn cvtpi2ps<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let b = integers(e, i);
    let a = vector(e, i, 0);
    let floats = e.vec_helper(VecHelper::I32ToF32, b, b, immediate(Element::F32, Shape::Packed, 0));
    let pair = e.extract(floats, Width::B64, 0);
    let result = e.insert(a, Width::B64, 0, pair);
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// `CVTPI2PD`.
pub fn cvtpi2pd<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let b = integers(e, i);
    let result = e.vec_helper(VecHelper::I32ToF64, b, b, immediate(Element::F32, Shape::Packed, 0));
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// `CVTPS2PI`, `CVTTPS2PI`, `CVTPD2PI`, `CVTTPD2PI` — two floats into an MMX register.
pub fn cvt_to_mmx<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    mmx::begin(e);
    let truncating = matches!(i.mnemonic(), Mnemonic::Cvttps2pi | Mnemonic::Cvttpd2pi);
    let own = if truncating { TRUNCATING } else { 0 };
    let (helper, b) = if matches!(i.mnemonic(), Mnemonic::Cvtpd2pi | Mnemonic::Cvttpd2pi) {
        (VecHelper::F64ToI32, source(e, i, 1))
    } else {
        // The upper lanes are zero: they convert without an exception.
        let pair = scalar_source(e, i, 1, Width::B64);
        (VecHelper::F32ToI32, mmx::widen(e, pair))
    };
    mmx::enter(e);
    let zero = e.vec_zero();
    let integers = e.vec_helper(helper, zero, b, immediate(Element::F32, Shape::Packed, own));
    let pair = e.extract(integers, Width::B64, 0);
    mmx::write(e, i, 0, pair);
    Flow::Next
}
