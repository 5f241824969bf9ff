//! What depends on a condition: Jcc SETcc CMOVcc LOOPcc JCXZ.

use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::flags::Cond;
use crate::operand::{place, read, write};
use crate::state::Gpr;
use iced_x86::{Code, Mnemonic};

/// The condition in a Jcc, SETcc or CMOVcc.
fn condition(i: &Insn) -> Cond {
    // iced-x86 numbers its condition codes as the processor does, from 1 on.
    Cond::from_encoding((i.raw().condition_code() as u8).wrapping_sub(1))
}

/// `Jcc` — near, with an 8-, 16- or 32-bit displacement.
pub fn jcc<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let taken = e.cond(condition(i));
    Flow::Branch { taken, to: i.branch_target() }
}

/// `SETcc` — 1 or 0 in a byte.
pub fn setcc<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let holds = e.cond(condition(i));
    let value = e.from_bool(Width::B8, holds);
    let dst = place(e, i, 0);
    write(e, dst, value);
    Flow::Next
}

/// `CMOVcc` — the source is read whether or not the condition holds.
pub fn cmovcc<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let new = read(e, w, src);
    let old = read(e, w, dst);
    let holds = e.cond(condition(i));
    let value = e.select(holds, new, old);
    write(e, dst, value);
    Flow::Next
}

/// The counter that LOOPcc and JCXZ use: ECX, or CX with 16-bit addresses.
fn counter(i: &Insn) -> Reg {
    use Code::{
        Jcxz_rel8_16, Jcxz_rel8_32, Loop_rel8_16_CX, Loop_rel8_32_CX, Loope_rel8_16_CX, Loope_rel8_32_CX,
        Loopne_rel8_16_CX, Loopne_rel8_32_CX,
    };
    match i.code() {
        Jcxz_rel8_16 | Jcxz_rel8_32 | Loop_rel8_16_CX | Loop_rel8_32_CX | Loope_rel8_16_CX
        | Loope_rel8_32_CX | Loopne_rel8_16_CX | Loopne_rel8_32_CX => Reg::Word(Gpr::Ecx),
        _ => Reg::Full(Gpr::Ecx),
    }
}

/// `LOOP`, `LOOPE`, `LOOPNE` — counts down; no flag changes.
pub fn loop_<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let counter = counter(i);
    let before = e.reg(counter);
    let (one, zero) = (e.imm(counter.width(), 1), e.imm(counter.width(), 0));
    let after = e.sub(before, one);
    let ended = e.eq(after, zero);
    let more = e.negate(ended);
    let taken = match i.mnemonic() {
        Mnemonic::Loope => {
            let equal = e.cond(Cond::E);
            e.both(more, equal)
        }
        Mnemonic::Loopne => {
            let different = e.cond(Cond::Ne);
            e.both(more, different)
        }
        _ => more,
    };
    // Where the code segment does not reach that far, nothing was counted.
    let (to, nowhere) = (e.imm(Width::B32, u64::from(i.branch_target())), e.imm(Width::B32, 0));
    let target = e.select(taken, to, nowhere);
    e.code_target(target);
    e.set_reg(counter, after);
    Flow::Branch { taken, to: i.branch_target() }
}

/// `JCXZ`, `JECXZ` — jumps where the counter is 0.
pub fn jcxz<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let counter = counter(i);
    let value = e.reg(counter);
    let zero = e.imm(counter.width(), 0);
    let taken = e.eq(value, zero);
    Flow::Branch { taken, to: i.branch_target() }
}
