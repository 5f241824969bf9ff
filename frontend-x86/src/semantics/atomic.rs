//! Compare and exchange: CMPXCHG CMPXCHG8B. SDM vol. 2A.
//!
//! Atomic in memory with LOCK or without: it costs the same here.

use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::flags::{Flag, FlagRule};
use crate::operand::{Place, linear, place, read, write};
use crate::state::Gpr;

/// `CMPXCHG` — compares the accumulator with the destination; if equal stores the source, else loads the accumulator.
pub fn cmpxchg<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let accumulator = Reg::low_part(Gpr::Eax, w);
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let (expected, new) = (e.reg(accumulator), read(e, w, src));
    let old = match dst {
        Place::Mem(at) => e.atomic_cas(at, expected, new),
        register => {
            let old = read(e, w, register);
            let same = e.eq(old, expected);
            let chosen = e.select(same, new, old);
            write(e, register, chosen);
            old
        }
    };
    let same = e.eq(expected, old);
    let differs = e.negate(same);
    e.when(differs, |e| e.set_reg(accumulator, old));
    let difference = e.sub(expected, old);
    e.set_flags(FlagRule::Sub, expected, old, difference);
    Flow::Next
}

/// Two 32-bit registers as 64 bits.
fn joined<E: Emit>(e: &mut E, high: Gpr, low: Gpr) -> E::Int {
    let (high, low) = (e.reg(Reg::Full(high)), e.reg(Reg::Full(low)));
    let (high, low) = (e.zext(Width::B64, high), e.zext(Width::B64, low));
    let by = e.imm(Width::B8, 32);
    let high = e.shl(high, by);
    e.or(high, low)
}

/// `CMPXCHG8B` — EDX:EAX with 8 bytes of memory; if equal stores ECX:EBX, else loads EDX:EAX. Only ZF changes.
pub fn cmpxchg8b<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let at = linear(e, i);
    let expected = joined(e, Gpr::Edx, Gpr::Eax);
    let new = joined(e, Gpr::Ecx, Gpr::Ebx);
    let old = e.atomic_cas(at, expected, new);
    let same = e.eq(expected, old);
    let by = e.imm(Width::B8, 32);
    let high = e.shr(old, by);
    let (low, high) = (e.zext(Width::B32, old), e.zext(Width::B32, high));
    // Where they are equal the registers hold these values already.
    e.set_reg(Reg::Full(Gpr::Eax), low);
    e.set_reg(Reg::Full(Gpr::Edx), high);
    e.set_flag(Flag::Zf, same);
    Flow::Next
}
