//! FXSAVE FXRSTOR: x87, XMM and MXCSR in a 512-byte image. SDM vol. 1, 10.5.
//!
//! As this project's processor does: outside 64-bit mode bytes 288–511 are not touched, and the instruction, data and
//! opcode pointers are saved only where an exception is pending, else as zeros.

use super::site::{memory, plus};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::engine::Exception;
use crate::helper_table::{Helper, HelperArgs};
use crate::operand::effective;
use crate::semantics::sse::MXCSR_MASK;
use crate::state::{CpuState, Segment};

/// Where the XMM registers begin.
const XMM: u32 = 160;
/// Bytes of the image.
const SIZE: u32 = 512;
/// Bytes that are written.
const WRITTEN: u32 = XMM + 8 * 16;

/// #GP where an address is no multiple of `by`.
pub(super) fn misaligned<E: Emit>(e: &mut E, at: E::Int, by: u32) {
    let (mask, zero) = (e.imm(Width::B32, u64::from(by) - 1), e.imm(Width::B32, 0));
    let low = e.and(at, mask);
    let fits = e.eq(low, zero);
    let misaligned = e.negate(fits);
    e.raise_if(misaligned, Exception::GeneralProtection(0));
}

/// The image must begin at a multiple of 16.
fn aligned<E: Emit>(e: &mut E, i: &Insn) -> E::Int {
    // This hardware checks the alignment of the first 4 bytes before that of the image, and before it refuses to write
    // through CS.
    let address = i.address();
    if address.segment == Segment::Cs {
        let offset = effective(e, &address);
        e.check_aligned(offset, 4);
    }
    let (at, _) = memory(e, i);
    e.check_aligned(at, 4);
    misaligned(e, at, 16);
    at
}

/// Stores words of the image, in units of 8 bytes; the caller has probed.
pub(super) fn store_words<E: Emit>(e: &mut E, at: E::Int, numbers: core::ops::Range<u32>) {
    for n in numbers {
        let number = e.imm(Width::B8, u64::from(n));
        let word = e.helper(Helper::FxsaveWord, &[number]);
        let to = plus(e, at, 8 * n);
        e.store(to, word);
    }
}

/// Stores the XMM registers at their places.
pub(super) fn store_vectors<E: Emit>(e: &mut E, at: E::Int) {
    for (n, offset) in (0..8).zip((XMM..).step_by(16)) {
        let value = e.xmm(n);
        let to = plus(e, at, offset);
        e.store_vec(to, value, true);
    }
}

/// `FXSAVE`
pub fn fxsave<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let at = aligned(e, i);
    // The processor asks for the last byte of the image first, though it does not write it.
    let last = plus(e, at, SIZE - 1);
    e.probe_write(last, 1);
    e.probe_write(at, WRITTEN);
    store_words(e, at, 0..XMM / 8);
    store_vectors(e, at);
    Flow::Next
}

/// Word `args[0]` of the first 160 bytes, in units of 8 bytes.
pub fn fxsave_word_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let x = &cpu.x87;
    let pending = |v: u64| if x.is_pending() { v } else { 0 };
    match args[0] & 0x1f {
        0 => {
            u64::from(x.control)
                | u64::from(x.status_word()) << 16
                | u64::from(x.valid) << 32
                | pending(u64::from(x.opcode)) << 48
        }
        1 => pending(u64::from(x.instruction_offset) | u64::from(x.instruction_selector) << 32),
        2 => pending(u64::from(x.data_offset) | u64::from(x.data_selector) << 32),
        3 => u64::from(cpu.mxcsr) | u64::from(MXCSR_MASK) << 32,
        n => {
            let value = x.st((((n - 4) / 2) & 7) as u8);
            if n % 2 == 0 { value.sig } else { u64::from(value.se) }
        }
    }
}

/// `FXRSTOR`
pub fn fxrstor<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let at = aligned(e, i);
    let last = plus(e, at, SIZE - 1);
    e.load(Width::B8, last);
    let mut header = [at; 4];
    for (word, offset) in header.iter_mut().zip((0..).step_by(8)) {
        let from = plus(e, at, offset);
        *word = e.load(Width::B64, from);
    }
    let mut registers = [(at, at); 8];
    for (register, offset) in registers.iter_mut().zip((32..).step_by(16)) {
        let from = plus(e, at, offset);
        let low = e.load(Width::B64, from);
        let from = plus(e, at, offset + 8);
        *register = (low, e.load(Width::B16, from));
    }
    let mut vectors = [e.vec_zero(); 8];
    for (vector, offset) in vectors.iter_mut().zip((XMM..).step_by(16)) {
        let from = plus(e, at, offset);
        *vector = e.load_vec(from, true);
    }
    let mxcsr = e.zext(Width::B32, header[3]);
    let status = e.helper(Helper::LoadMxcsr, &[mxcsr]);
    e.raise_status(status);
    e.helper(Helper::FxrstorHeader, &header[..3]);
    for (n, (low, high)) in (0..).zip(registers) {
        let number = e.imm(Width::B8, n);
        e.helper(Helper::X87SetRegister, &[number, low, high]);
    }
    for (n, vector) in (0..).zip(vectors) {
        e.set_xmm(n, vector);
    }
    Flow::EndBlock
}

/// Loads control, status, abridged tags and pointers from the first three words.
pub fn fxrstor_header_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let x = &mut cpu.x87;
    let word = |v: u64| (v & 0xffff) as u16;
    x.set_control(word(args[0]));
    x.set_status(word(args[0] >> 16));
    x.valid = (args[0] >> 32 & 0xff) as u8;
    x.opcode = (args[0] >> 48 & 0x7ff) as u16;
    x.instruction_offset = (args[1] & 0xffff_ffff) as u32;
    x.instruction_selector = word(args[1] >> 32);
    x.data_offset = (args[2] & 0xffff_ffff) as u32;
    x.data_selector = word(args[2] >> 32);
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helpers::softfloat::F80;

    #[test]
    fn header_survives_a_round_trip() {
        let mut cpu = CpuState::default();
        cpu.x87.set_control(0x037e);
        cpu.x87.set_status(0x3801 | 0x4100);
        cpu.x87.valid = 0x81;
        cpu.x87.opcode = 0x123;
        cpu.x87.instruction_offset = 0x1234_5678;
        cpu.x87.data_offset = 0x9abc_def0;
        cpu.x87.set_st(0, F80::ONE);
        assert!(cpu.x87.is_pending(), "IE is unmasked and set");
        let image: Vec<u64> = (0..4).map(|n| fxsave_word_helper(&mut cpu.clone(), &[n, 0, 0, 0])).collect();
        let mut other = CpuState::default();
        fxrstor_header_helper(&mut other, &[image[0], image[1], image[2], 0]);
        other.x87.regs = cpu.x87.regs;
        assert_eq!(other.x87, cpu.x87);
    }
}
