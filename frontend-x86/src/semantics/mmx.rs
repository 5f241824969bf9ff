//! MMX: the vector registers of 64 bits that lie in the significands of the x87 registers. SDM vol. 1, chapter 9.
//!
//! The meanings of SSE2's packed integers serve here too: an MMX register is the low half of a vector whose other half
//! does not count. Every MMX instruction sets TOP to 0 and all tags to valid; a write fills sign and exponent with ones.

use super::shift::nonzero;
use super::sse::{vector, xmm};
use crate::decode::{Insn, MemoryAccess, segment};
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::engine::Exception;
use crate::operand::{Address, effective, linear, place, read as read_place, write as write_place};
use crate::state::{Gpr, Segment};
use iced_x86::OpKind;

/// #MF where an unmasked x87 exception is pending.
pub(super) fn begin<E: Emit>(e: &mut E) {
    let pending = e.x87_pending();
    e.raise_if(pending, Exception::Math);
}

/// The MMX register that is operand `n`.
fn read<E: Emit>(e: &mut E, i: &Insn, n: u32) -> E::Int {
    e.mmx(xmm(i, n))
}

pub(super) fn write<E: Emit>(e: &mut E, i: &Insn, n: u32, v: E::Int) {
    e.set_mmx(xmm(i, n), v);
    enter(e);
}

/// What every MMX instruction does to the x87 unit.
pub(super) fn enter<E: Emit>(e: &mut E) {
    e.set_x87_tags(true);
}

/// Operand `n`, an MMX register or memory, as 64 bits.
pub(super) fn source<E: Emit>(e: &mut E, i: &Insn, n: u32) -> E::Int {
    if i.is_memory(n) {
        let at = linear(e, i);
        let value = e.load(i.operand_width(n).unwrap_or(Width::B64), at);
        e.zext(Width::B64, value)
    } else {
        read(e, i, n)
    }
}

/// 64 bits as the low half of a vector.
pub(super) fn widen<E: Emit>(e: &mut E, v: E::Int) -> E::Vec {
    let zero = e.vec_zero();
    e.insert(zero, Width::B64, 0, v)
}

/// destination = half `lane` of f(destination, source).
fn lane_of<E: Emit>(
    e: &mut E,
    i: &Insn,
    lane: u8,
    f: impl FnOnce(&mut E, E::Vec, E::Vec) -> E::Vec,
) -> FlowOf<E> {
    begin(e);
    let b = source(e, i, 1);
    let a = read(e, i, 0);
    let (a, b) = (widen(e, a), widen(e, b));
    let result = f(e, a, b);
    let value = e.extract(result, Width::B64, lane);
    write(e, i, 0, value);
    Flow::Next
}

/// destination = f(destination, source), lane by lane.
pub(super) fn packed<E: Emit>(
    e: &mut E,
    i: &Insn,
    f: impl FnOnce(&mut E, E::Vec, E::Vec) -> E::Vec,
) -> FlowOf<E> {
    lane_of(e, i, 0, f)
}

/// Like [`packed`] for the operations that narrow: both operands lie in one vector, the destination below.
pub(super) fn narrowed<E: Emit>(
    e: &mut E,
    i: &Insn,
    f: impl FnOnce(&mut E, E::Vec, E::Vec) -> E::Vec,
) -> FlowOf<E> {
    packed(e, i, |e, a, b| {
        let upper = e.extract(b, Width::B64, 0);
        let both = e.insert(a, Width::B64, 1, upper);
        f(e, both, both)
    })
}

/// Like [`packed`] for operations that widen, of which the upper half is wanted.
pub(super) fn upper_half<E: Emit>(
    e: &mut E,
    i: &Insn,
    f: impl FnOnce(&mut E, E::Vec, E::Vec) -> E::Vec,
) -> FlowOf<E> {
    lane_of(e, i, 1, f)
}

/// destination = f(destination), for shifts by an immediate.
pub(super) fn unary<E: Emit>(e: &mut E, i: &Insn, f: impl FnOnce(&mut E, E::Vec) -> E::Vec) -> FlowOf<E> {
    begin(e);
    let a = read(e, i, 0);
    let a = widen(e, a);
    let result = f(e, a);
    let value = e.extract(result, Width::B64, 0);
    write(e, i, 0, value);
    Flow::Next
}

/// `PSHUFW`.
pub fn pshufw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let table = super::sse::shuffle::word_table(i.raw().immediate8());
    packed(e, i, |e, _, b| e.shuffle(b, b, table))
}

/// `MOVD` — 32 bits between an MMX register and a general register or memory.
pub(super) fn movd<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    begin(e);
    if i.register(0).is_mm() {
        let src = place(e, i, 1);
        let value = read_place(e, Width::B32, src);
        let value = e.zext(Width::B64, value);
        write(e, i, 0, value);
    } else {
        let value = read(e, i, 1);
        let value = e.zext(Width::B32, value);
        let dst = place(e, i, 0);
        write_place(e, dst, value);
        enter(e);
    }
    Flow::Next
}

/// `MOVQ`, `MOVNTQ` — 64 bits between MMX registers and memory.
pub fn movq<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    begin(e);
    let value = source(e, i, 1);
    if i.is_memory(0) {
        let at = linear(e, i);
        e.store(at, value);
        enter(e);
    } else {
        write(e, i, 0, value);
    }
    Flow::Next
}

/// `MOVQ2DQ` — to the low half of an XMM register, the upper becoming zero.
pub fn movq2dq<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    begin(e);
    let value = read(e, i, 1);
    let result = widen(e, value);
    e.set_xmm(xmm(i, 0), result);
    enter(e);
    Flow::Next
}

/// `MOVDQ2Q` — from the low half of an XMM register.
pub fn movdq2q<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    begin(e);
    let v = vector(e, i, 1);
    let value = e.extract(v, Width::B64, 0);
    write(e, i, 0, value);
    Flow::Next
}

/// `PMOVMSKB`.
pub(super) fn pmovmskb<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    begin(e);
    let value = read(e, i, 1);
    let v = widen(e, value);
    let mask = e.byte_mask(v);
    let dst = place(e, i, 0);
    write_place(e, dst, mask);
    enter(e);
    Flow::Next
}

/// `PINSRW` — the lane is the immediate modulo 4.
pub(super) fn pinsrw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    begin(e);
    let src = place(e, i, 1);
    let word = read_place(e, Width::B16, src);
    let old = read(e, i, 0);
    let base = widen(e, old);
    let result = e.insert(base, Width::B16, i.raw().immediate8() & 3, word);
    let value = e.extract(result, Width::B64, 0);
    write(e, i, 0, value);
    Flow::Next
}

/// `PEXTRW` — the lane is the immediate modulo 4.
pub(super) fn pextrw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    begin(e);
    let value = read(e, i, 1);
    let v = widen(e, value);
    let word = e.extract(v, Width::B16, i.raw().immediate8() & 3);
    let word = e.zext(Width::B32, word);
    let dst = place(e, i, 0);
    write_place(e, dst, word);
    enter(e);
    Flow::Next
}

/// `MASKMOVQ` — stores the bytes whose mask byte has its top bit set at [eDI]. On this hardware the tags change even if the
/// store faults.
pub fn maskmovq<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    begin(e);
    let (value, mask) = (read(e, i, 1), read(e, i, 2));
    let (value, mask) = (widen(e, value), widen(e, mask));
    enter(e);
    store_masked(e, i, value, mask, 8);
    Flow::Next
}

/// Stores the bytes of `value` whose byte of `mask` has its top bit set at [eDI]; the others are not touched. On this
/// hardware all `len` must be writable whatever the mask.
pub(super) fn store_masked<E: Emit>(e: &mut E, i: &Insn, value: E::Vec, mask: E::Vec, len: u8) {
    let chosen = e.byte_mask(mask);
    let segment = segment(i.raw().memory_segment()).unwrap_or(Segment::Ds);
    if segment == Segment::Cs {
        let always = e.bool(true);
        e.raise_if(always, Exception::GeneralProtection(0));
    }
    let address = Address {
        base: Some(Gpr::Edi),
        index: None,
        scale: 0,
        displacement: 0,
        segment,
        size16: i.raw().op0_kind() == OpKind::MemorySegDI,
    };
    let offset = effective(e, &address);
    let at = e.in_segment(segment, offset, u32::from(len), MemoryAccess::Write);
    e.check_aligned(at, 8);
    e.probe_write(at, u32::from(len));
    for lane in 0..len {
        let bit = e.imm(Width::B32, 1 << lane);
        let hit = e.and(chosen, bit);
        let stored = nonzero(e, hit);
        e.when(stored, |e| {
            let byte = e.extract(value, Width::B8, lane);
            let offset = e.imm(Width::B32, u64::from(lane));
            let to = e.add(at, offset);
            e.store(to, byte);
        });
    }
}

/// `EMMS` — all x87 registers empty.
pub fn emms<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    begin(e);
    e.set_x87_tags(false);
    Flow::Next
}

#[cfg(test)]
mod tests {
    use crate::engine::Exception;
    use crate::interp::StepResult;
    use crate::state::Gpr::Eax;
    use crate::testing::{Bench, DATA};

    #[test]
    fn a_write_fills_the_exponent_and_makes_all_tags_valid() {
        // paddb mm1, mm2
        let mut bench = Bench::new(&[0x0f, 0xfc, 0xca]);
        bench.cpu.x87.regs[1] = 0xff01;
        bench.cpu.x87.regs[2] = 0x0102;
        bench.cpu.x87.top = 5;
        assert_eq!(bench.step(), StepResult::Next);
        assert_eq!(bench.cpu.x87.regs[1], 0xffff_0000_0000_0000_0003);
        assert_eq!((bench.cpu.x87.top, bench.cpu.x87.valid), (0, 0xff));
    }

    #[test]
    fn halves_are_unpacked_and_packed_within_64_bits() {
        // punpckhwd mm0, mm1; packsswb mm0, mm1
        let mut bench = Bench::new(&[0x0f, 0x69, 0xc1, 0x0f, 0x63, 0xc1]);
        bench.cpu.x87.regs[0] = 0x0004_0003_0002_0001;
        bench.cpu.x87.regs[1] = 0x0014_0013_0012_0011;
        assert_eq!(bench.step(), StepResult::Next);
        assert_eq!(bench.cpu.x87.regs[0] & u128::from(u64::MAX), 0x0014_0004_0013_0003);
        assert_eq!(bench.step(), StepResult::Next);
        assert_eq!(bench.cpu.x87.regs[0] & u128::from(u64::MAX), 0x1413_1211_1404_1303);
    }

    #[test]
    fn a_fault_leaves_the_x87_unit_alone() {
        // movq mm0, [eax]
        let mut bench = Bench::new(&[0x0f, 0x6f, 0x00]).with(&[(Eax, 0x1000)]);
        let before = bench.cpu.x87;
        assert!(matches!(bench.step_into_exception(), Exception::Page(_)));
        assert_eq!(bench.cpu.x87, before);
    }

    /// As an AMD EPYC (Zen 3) does.
    #[test]
    fn conversions_enter_the_mmx_state_with_a_register_only_and_before_their_exception() {
        // cvtpi2ps xmm5, [eax]
        let mut bench = Bench::new(&[0x0f, 0x2a, 0x28]).with(&[(Eax, DATA)]);
        bench.memory.poke(DATA, &[3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(bench.step(), StepResult::Next);
        assert_eq!(bench.cpu.xmm[5], 0xbf80_0000_4040_0000);
        assert_eq!(bench.cpu.x87.valid, 0);
        // cvtpd2pi mm2, [eax], inexact and unmasked
        let mut bench = Bench::new(&[0x66, 0x0f, 0x2d, 0x10]).with(&[(Eax, DATA)]);
        bench.memory.poke(DATA, &0.5f64.to_le_bytes());
        bench.cpu.mxcsr = 0x0f80;
        assert_eq!(bench.step_into_exception(), Exception::Simd);
        assert_eq!((bench.cpu.mxcsr, bench.cpu.x87.valid, bench.cpu.x87.regs[2]), (0x0fa0, 0xff, 0));
    }
}
