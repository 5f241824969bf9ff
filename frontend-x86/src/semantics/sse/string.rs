//! PCMPESTRI PCMPESTRM PCMPISTRI PCMPISTRM: strings of up to 16 bytes or 8 words compared. SDM vol. 2B, chapter 4.1.

#![expect(clippy::cast_possible_truncation, reason = "elements are cut out of vectors")]

use super::{vector, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Lane, Reg, VecBitOp, VecOp, Width};
use crate::flags::{AF, CF, OF, PF, SF, ZF};
use crate::helper_table::{Helper, HelperArgs};
use crate::operand::linear;
use crate::state::{CpuState, Gpr};
use iced_x86::Mnemonic;

/// Bit of the helper's first argument: lengths are given. Below it are the immediate and the register's number.
const EXPLICIT: u64 = 1 << 16;

/// Compares; the result's bits (IntRes2, 16 bits) after the flags are set. Memory may lie anywhere.
fn compare<E: Emit>(e: &mut E, i: &Insn, explicit: bool) -> E::Int {
    let b = if i.is_memory(1) {
        let at = linear(e, i);
        e.load_vec(at, false)
    } else {
        vector(e, i, 1)
    };
    let (low, high) = (e.extract(b, Width::B64, 0), e.extract(b, Width::B64, 1));
    let how =
        u64::from(i.raw().immediate8()) | u64::from(xmm(i, 0)) << 8 | if explicit { EXPLICIT } else { 0 };
    let how = e.imm(Width::B64, how);
    let lengths = if explicit {
        let (first, second) = (e.reg(Reg::Full(Gpr::Eax)), e.reg(Reg::Full(Gpr::Edx)));
        let (first, second) = (e.zext(Width::B64, first), e.zext(Width::B64, second));
        let by = e.imm(Width::B8, 32);
        let second = e.shl(second, by);
        e.or(first, second)
    } else {
        e.imm(Width::B64, 0)
    };
    let result = e.helper(Helper::CompareStrings, &[how, low, high, lengths]);
    let by = e.imm(Width::B8, 32);
    let flags = e.shr(result, by);
    let flags = e.zext(Width::B32, flags);
    e.set_eflags(CF | PF | AF | ZF | SF | OF, flags);
    e.zext(Width::B32, result)
}

fn is_explicit(i: &Insn) -> bool {
    matches!(i.mnemonic(), Mnemonic::Pcmpestri | Mnemonic::Pcmpestrm)
}

/// `PCMPESTRI`, `PCMPISTRI` — ECX = number of the result's first or last bit, or the number of elements.
pub fn index<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let imm = i.raw().immediate8();
    let bits = compare(e, i, is_explicit(i));
    let zero = e.imm(Width::B32, 0);
    let none = e.eq(bits, zero);
    let number = if imm & 0x40 != 0 {
        let leading = e.clz(bits);
        let top = e.imm(Width::B32, 31);
        e.sub(top, leading)
    } else {
        e.ctz(bits)
    };
    let count = e.imm(Width::B32, if imm & 1 != 0 { 8 } else { 16 });
    let number = e.select(none, count, number);
    e.set_reg(Reg::Full(Gpr::Ecx), number);
    Flow::Next
}

/// `PCMPESTRM`, `PCMPISTRM` — XMM0 = the result's bits, or a mask of bytes or words made from them.
pub fn mask<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let imm = i.raw().immediate8();
    let bits = compare(e, i, is_explicit(i));
    let zero = e.vec_zero();
    let low = e.insert(zero, Width::B32, 0, bits);
    let result = if imm & 0x40 == 0 {
        low
    } else if imm & 1 != 0 {
        let spread = e.shuffle(low, low, core::array::from_fn(|n| if n % 2 == 0 { 0 } else { 255 }));
        select_bits(e, spread, Lane::I16x8, [0x0008_0004_0002_0001, 0x0080_0040_0020_0010])
    } else {
        let spread = e.shuffle(low, low, core::array::from_fn(|n| (n / 8) as u8));
        select_bits(e, spread, Lane::I8x16, [0x8040_2010_0804_0201; 2])
    };
    e.set_xmm(0, result);
    Flow::Next
}

/// All ones in the lanes of `v` that have their bit of `bits`.
fn select_bits<E: Emit>(e: &mut E, v: E::Vec, lane: Lane, bits: [u64; 2]) -> E::Vec {
    let mut wanted = e.vec_zero();
    for (half, bits) in [(0, bits[0]), (1, bits[1])] {
        let bits = e.imm(Width::B64, bits);
        wanted = e.insert(wanted, Width::B64, half, bits);
    }
    let found = e.vec_bits(VecBitOp::And, v, wanted);
    e.vec_op(VecOp::CmpEq, lane, found, wanted)
}

/// The elements of a string and how many of them count.
struct Text {
    elements: [i32; 16],
    valid: usize,
}

impl Text {
    fn new(v: u128, imm: u64, length: Option<u32>) -> Self {
        let (count, bits) = if imm & 1 != 0 { (8, 16) } else { (16, 8) };
        let elements = core::array::from_fn(|n| {
            let raw = if n < count { (v >> (n * bits)) as u32 & (u32::MAX >> (32 - bits)) } else { 0 };
            match imm & 3 {
                2 => i32::from((raw as u8).cast_signed()),
                3 => i32::from((raw as u16).cast_signed()),
                _ => raw.cast_signed(),
            }
        });
        let valid = match length {
            // Saturated, whatever the sign.
            Some(length) => (length.cast_signed().unsigned_abs() as usize).min(count),
            None => elements[..count].iter().position(|x| *x == 0).unwrap_or(count),
        };
        Self { elements, valid }
    }

    fn get(&self, n: usize) -> Option<i32> {
        (n < self.valid).then(|| self.elements[n])
    }
}

/// The comparison's bits before the polarity: IntRes1.
fn aggregate(a: &Text, b: &Text, count: usize, imm: u64) -> u32 {
    let holds = |j: usize| match imm >> 2 & 3 {
        // Equal any.
        0 => b.get(j).is_some_and(|y| a.elements[..a.valid].contains(&y)),
        // Ranges: an upper bound that does not count makes none.
        1 => b.get(j).is_some_and(|y| {
            a.elements[..a.valid].chunks_exact(2).any(|range| (range[0]..=range[1]).contains(&y))
        }),
        // Equal each: where neither counts as well.
        2 => a.get(j) == b.get(j),
        // Equal ordered: what is left of `b` begins with `a`, as far as the register goes.
        _ => (0..count - j).all(|n| a.get(n).is_none_or(|x| b.get(j + n) == Some(x))),
    };
    (0..count).filter(|j| holds(*j)).fold(0, |bits, j| bits | 1 << j)
}

/// Compares an XMM register with a string: the result's bits, and from bit 32 the flags. `args`: the immediate, the
/// register and whether lengths are given; the other string; the two lengths.
pub fn compare_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let [how, low, high, lengths] = *args;
    let explicit = how & EXPLICIT != 0;
    let first = cpu.xmm[(how >> 8 & 7) as usize];
    let a = Text::new(first, how, explicit.then_some(lengths as u32));
    let b =
        Text::new(u128::from(low) | u128::from(high) << 64, how, explicit.then_some((lengths >> 32) as u32));
    let count = if how & 1 != 0 { 8 } else { 16 };
    let all = (1u32 << count) - 1;
    let bits = aggregate(&a, &b, count, how);
    let bits = match how >> 4 & 3 {
        1 => bits ^ all,
        3 => bits ^ ((1 << b.valid) - 1),
        _ => bits,
    };
    let flag = |bit: u32, set: bool| if set { bit } else { 0 };
    let flags =
        flag(CF, bits != 0) | flag(ZF, b.valid < count) | flag(SF, a.valid < count) | flag(OF, bits & 1 != 0);
    u64::from(bits) | u64::from(flags) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &[u8; 16], b: &[u8; 16], imm: u64) -> u64 {
        let mut cpu = CpuState::default();
        cpu.xmm[1] = u128::from_le_bytes(*a);
        let b = u128::from_le_bytes(*b);
        compare_helper(&mut cpu, &[imm | 1 << 8, b as u64, (b >> 64) as u64, 0])
    }

    #[test]
    fn a_string_is_found_in_another_and_at_its_end() {
        let found = compare(b"ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"xxabxxxxxxabxxxa", 0x0c);
        assert_eq!(found as u32, 1 << 2 | 1 << 10 | 1 << 15);
    }

    #[test]
    fn ranges_want_both_ends() {
        let found = compare(b"09az\x01\0\0\0\0\0\0\0\0\0\0\0", b"5 m\x01\0\0\0\0\0\0\0\0\0\0\0\0", 0x04);
        assert_eq!(found as u32, 0b101);
    }
}
