//! Bit manipulation: LZCNT TZCNT, BMI1, BMI2, ADX. SDM vol. 2; APM vol. 3.
//!
//! Flags that the manuals leave undefined are as a Zen 4 has them where that costs nothing.

use super::shift::nonzero;
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::flags::{Flag, FlagRule};
use crate::helper_table::{Helper, HelperArgs};
use crate::operand::{place, read, write};
use crate::state::{CpuState, Gpr};

/// Operand `n` at the instruction's width.
fn operand<E: Emit>(e: &mut E, i: &Insn, n: u32) -> E::Int {
    let src = place(e, i, n);
    read(e, i.width(), src)
}

/// Writes the first operand.
fn finish<E: Emit>(e: &mut E, i: &Insn, result: E::Int) -> FlowOf<E> {
    let dst = place(e, i, 0);
    write(e, dst, result);
    Flow::Next
}

/// Flags of a bitwise result, and CF.
fn flags<E: Emit>(e: &mut E, result: E::Int, carry: E::Bool) {
    e.set_flags(FlagRule::Logic, result, result, result);
    e.set_flag(Flag::Cf, carry);
}

/// Ones in the low `n` bits, in all where `n` is at least the width.
fn low_ones<E: Emit>(e: &mut E, w: Width, n: E::Int) -> E::Int {
    let ones = e.imm(w, u64::MAX);
    let above = e.shl(ones, n);
    e.not(above)
}

/// The low byte of a value, at its width.
fn low_byte<E: Emit>(e: &mut E, v: E::Int) -> E::Int {
    let mask = e.imm(e.width(v), 0xff);
    e.and(v, mask)
}

fn count<E: Emit>(e: &mut E, i: &Insn, find: fn(&mut E, E::Int) -> E::Int) -> FlowOf<E> {
    let a = operand(e, i, 1);
    let number = find(e, a);
    let found = nonzero(e, a);
    let none = e.negate(found);
    flags(e, number, none);
    let even = e.bool(false);
    e.set_flag(Flag::Pf, even);
    finish(e, i, number)
}

/// `LZCNT` — leading zeros, the width for 0; CF: the source is 0; ZF: the result is.
pub fn lzcnt<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    count(e, i, E::clz)
}

/// `TZCNT` — trailing zeros, the width for 0; CF: the source is 0; ZF: the result is.
pub fn tzcnt<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    count(e, i, E::ctz)
}

/// `ANDN` — !first & second.
pub fn andn<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (a, b) = (operand(e, i, 1), operand(e, i, 2));
    let others = e.not(a);
    let result = e.and(others, b);
    e.set_flags(FlagRule::Logic, others, b, result);
    finish(e, i, result)
}

/// `BEXTR` — bits from the start that the second source's lowest byte gives, as many as its second byte says. ZF; on
/// this hardware SF = 0 and AF = 1.
pub fn bextr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (a, control) = (operand(e, i, 1), operand(e, i, 2));
    let start = low_byte(e, control);
    let by = e.imm(Width::B8, 8);
    let length = e.shr(control, by);
    let length = low_byte(e, length);
    let field = e.shr(a, start);
    let mask = low_ones(e, i.width(), length);
    let result = e.and(field, mask);
    e.set_flags(FlagRule::Logic, field, mask, result);
    let (no, yes) = (e.bool(false), e.bool(true));
    e.set_flag(Flag::Sf, no);
    e.set_flag(Flag::Af, yes);
    finish(e, i, result)
}

/// `BLSI` — the lowest set bit alone; CF: there is one.
pub fn blsi<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let a = operand(e, i, 1);
    let zero = e.imm(i.width(), 0);
    let negative = e.sub(zero, a);
    let result = e.and(a, negative);
    let some = nonzero(e, a);
    flags(e, result, some);
    finish(e, i, result)
}

/// a − 1, and whether a is 0.
fn below<E: Emit>(e: &mut E, a: E::Int) -> (E::Int, E::Bool) {
    let (zero, one) = (e.imm(e.width(a), 0), e.imm(e.width(a), 1));
    (e.sub(a, one), e.eq(a, zero))
}

/// `BLSMSK` — ones up to and including the lowest set bit; CF: there is none.
pub fn blsmsk<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let a = operand(e, i, 1);
    let (below, none) = below(e, a);
    let result = e.xor(a, below);
    flags(e, result, none);
    finish(e, i, result)
}

/// `BLSR` — without the lowest set bit; CF: there is none.
pub fn blsr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let a = operand(e, i, 1);
    let (below, none) = below(e, a);
    let result = e.and(a, below);
    flags(e, result, none);
    finish(e, i, result)
}

/// `BZHI` — zeros from the bit whose number is in the second source's low byte; CF: that is no bit of the operand.
pub fn bzhi<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (a, index) = (operand(e, i, 1), operand(e, i, 2));
    let n = low_byte(e, index);
    let mask = low_ones(e, w, n);
    let result = e.and(a, mask);
    let last = e.imm(w, u64::from(w.bits()) - 1);
    let beyond = e.ult(last, n);
    flags(e, result, beyond);
    finish(e, i, result)
}

/// `MULX` — EDX × operand without flags: the upper half into the first register, the lower into the second. Where they
/// are one register it has the upper half.
pub fn mulx<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let b = operand(e, i, 2);
    let a = e.reg(Reg::Full(Gpr::Edx));
    let (a, b) = (e.zext(Width::B64, a), e.zext(Width::B64, b));
    let product = e.mul(a, b);
    let by = e.imm(Width::B8, 32);
    let upper = e.shr(product, by);
    let (lower, upper) = (e.zext(Width::B32, product), e.zext(Width::B32, upper));
    let second = place(e, i, 1);
    write(e, second, lower);
    finish(e, i, upper)
}

/// `PDEP`, `PEXT`: their arguments are in this order.
fn mask_helper<E: Emit>(e: &mut E, i: &Insn, helper: Helper) -> FlowOf<E> {
    let (a, mask) = (operand(e, i, 1), operand(e, i, 2));
    let result = e.helper(helper, &[a, mask]);
    let result = e.zext(i.width(), result);
    finish(e, i, result)
}

/// `PDEP` — the low bits of the first source at the places of the mask's ones.
pub fn pdep<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    mask_helper(e, i, Helper::ParallelDeposit)
}

/// `PEXT` — the bits of the first source at the places of the mask's ones, side by side.
pub fn pext<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    mask_helper(e, i, Helper::ParallelExtract)
}

/// The ones of a mask, each alone, from the lowest.
fn ones(mask: u64) -> impl Iterator<Item = u64> {
    let step = |rest: &u64| Some(rest & rest.wrapping_sub(1));
    core::iter::successors(Some(mask), step)
        .take_while(|rest| *rest != 0)
        .map(|rest| rest & rest.wrapping_neg())
}

/// See [`pdep`]; `args`: source and mask.
pub fn pdep_helper(_: &mut CpuState, args: &HelperArgs) -> u64 {
    (0..).zip(ones(args[1])).fold(0, |all, (n, one)| all | if args[0] >> n & 1 != 0 { one } else { 0 })
}

/// See [`pext`]; `args`: source and mask.
pub fn pext_helper(_: &mut CpuState, args: &HelperArgs) -> u64 {
    (0..).zip(ones(args[1])).fold(0, |all, (n, one)| all | u64::from(args[0] & one != 0) << n)
}

/// `RORX` — rotates right without flags.
pub fn rorx<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let a = operand(e, i, 1);
    let by = e.imm(Width::B8, u64::from(i.raw().immediate8()) % u64::from(w.bits()));
    let result = e.rotr(a, by);
    finish(e, i, result)
}

/// A shift by the second source modulo the width, without flags.
fn shift<E: Emit>(e: &mut E, i: &Insn, f: fn(&mut E, E::Int, E::Int) -> E::Int) -> FlowOf<E> {
    let w = i.width();
    let (a, n) = (operand(e, i, 1), operand(e, i, 2));
    let within = e.imm(w, u64::from(w.bits()) - 1);
    let by = e.and(n, within);
    let result = f(e, a, by);
    finish(e, i, result)
}

/// `SARX`.
pub fn sarx<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    shift(e, i, E::sar)
}

/// `SHLX`.
pub fn shlx<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    shift(e, i, E::shl)
}

/// `SHRX`.
pub fn shrx<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    shift(e, i, E::shr)
}

/// Adds with a carry that is kept in one flag alone.
fn add<E: Emit>(e: &mut E, i: &Insn, flag: Flag) -> FlowOf<E> {
    let (b, a) = (operand(e, i, 1), operand(e, i, 0));
    let carry = e.flag(flag);
    let carry = e.from_bool(Width::B64, carry);
    let (a, b) = (e.zext(Width::B64, a), e.zext(Width::B64, b));
    let sum = e.add(a, b);
    let sum = e.add(sum, carry);
    let by = e.imm(Width::B8, u64::from(i.width().bits()));
    let above = e.shr(sum, by);
    let out = nonzero(e, above);
    e.set_flag(flag, out);
    let result = e.zext(i.width(), sum);
    finish(e, i, result)
}

/// `ADCX` — add with CF; the other flags stay.
pub fn adcx<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    add(e, i, Flag::Cf)
}

/// `ADOX` — add with OF as the carry; the other flags stay.
pub fn adox<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    add(e, i, Flag::Of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extracting_takes_back_what_was_deposited() {
        let mut cpu = CpuState::default();
        for (value, mask, spread) in [
            (0b1011, 0b1101_0010, 0b1001_0010),
            (0xffff_ffff, 0x8000_0001, 0x8000_0001),
            (5, 0, 0),
            (0xf5, 0xff, 0xf5),
        ] {
            assert_eq!(pdep_helper(&mut cpu, &[value, mask, 0, 0]), spread, "{value:#x} {mask:#x}");
            let low = value & ((1 << u64::count_ones(mask)) - 1);
            assert_eq!(pext_helper(&mut cpu, &[spread, mask, 0, 0]), low, "{value:#x} {mask:#x}");
        }
    }
}
