//! Sums and differences: ADD ADC SUB SBB CMP INC DEC NEG XADD. SDM vol. 2A/2B, the entries of these names.

use crate::decode::Insn;
use crate::emit::{AtomicOp, Emit, Flow, FlowOf, Width};
use crate::flags::{Flag, FlagRule};
use crate::operand::{Place, place, read, write};

/// Writes `f(old)` to `dst` and gives `(old, f(old))`; with LOCK by the atomic operation, which must mean the same as `f`.
pub(super) fn update<E: Emit>(
    e: &mut E,
    i: &Insn,
    w: Width,
    dst: Place<E::Int>,
    (op, operand): (AtomicOp, E::Int),
    f: impl FnOnce(&mut E, E::Int) -> E::Int,
) -> (E::Int, E::Int) {
    if let (true, Place::Mem(at)) = (i.has_lock(), dst) {
        let old = e.atomic(op, at, operand);
        let new = f(e, old);
        return (old, new);
    }
    let old = read(e, w, dst);
    let new = f(e, old);
    write(e, dst, new);
    (old, new)
}

/// The carry flag as an integer of width `w`.
fn carry<E: Emit>(e: &mut E, w: Width) -> E::Int {
    let cf = e.flag(Flag::Cf);
    e.from_bool(w, cf)
}

/// `ADD` — destination + source.
pub fn add<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let b = read(e, w, src);
    let (a, sum) = update(e, i, w, dst, (AtomicOp::Add, b), |e, a| e.add(a, b));
    e.set_flags(FlagRule::Add, a, b, sum);
    Flow::Next
}

/// `ADC` — destination + source + CF.
pub fn adc<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let b = read(e, w, src);
    let cf = carry(e, w);
    let addend = e.add(b, cf);
    let (a, sum) = update(e, i, w, dst, (AtomicOp::Add, addend), |e, a| e.add(a, addend));
    e.set_flags(FlagRule::Adc, a, b, sum);
    Flow::Next
}

/// `SUB` — destination − source.
pub fn sub<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let b = read(e, w, src);
    let (a, difference) = update(e, i, w, dst, (AtomicOp::Sub, b), |e, a| e.sub(a, b));
    e.set_flags(FlagRule::Sub, a, b, difference);
    Flow::Next
}

/// `SBB` — destination − (source + CF).
pub fn sbb<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let b = read(e, w, src);
    let cf = carry(e, w);
    let subtrahend = e.add(b, cf);
    let (a, difference) = update(e, i, w, dst, (AtomicOp::Sub, subtrahend), |e, a| e.sub(a, subtrahend));
    e.set_flags(FlagRule::Sbb, a, b, difference);
    Flow::Next
}

/// `CMP` — the flags of SUB alone.
pub fn cmp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let a = read(e, w, dst);
    let b = read(e, w, src);
    let difference = e.sub(a, b);
    e.set_flags(FlagRule::Sub, a, b, difference);
    Flow::Next
}

/// `INC` — destination + 1; CF stays.
pub fn inc<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let dst = place(e, i, 0);
    let one = e.imm(w, 1);
    let (a, sum) = update(e, i, w, dst, (AtomicOp::Add, one), |e, a| e.add(a, one));
    let cf = carry(e, w);
    e.set_flags(FlagRule::Inc, a, cf, sum);
    Flow::Next
}

/// `DEC` — destination − 1; CF stays.
pub fn dec<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let dst = place(e, i, 0);
    let one = e.imm(w, 1);
    let (a, difference) = update(e, i, w, dst, (AtomicOp::Sub, one), |e, a| e.sub(a, one));
    let cf = carry(e, w);
    e.set_flags(FlagRule::Dec, a, cf, difference);
    Flow::Next
}

/// `NEG` — 0 − destination.
pub fn neg<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let dst = place(e, i, 0);
    let zero = e.imm(w, 0);
    let (b, difference) = update(e, i, w, dst, (AtomicOp::Neg, zero), |e, b| e.sub(zero, b));
    e.set_flags(FlagRule::Sub, zero, b, difference);
    Flow::Next
}

/// `XADD` — the source gets the old destination, the destination the sum; where both are one register, the sum.
pub fn xadd<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let b = read(e, w, src);
    let (a, sum) = match dst {
        Place::Mem(_) => {
            let (a, sum) = update(e, i, w, dst, (AtomicOp::Add, b), |e, a| e.add(a, b));
            write(e, src, a);
            (a, sum)
        }
        register => {
            let a = read(e, w, register);
            let sum = e.add(a, b);
            write(e, src, a);
            write(e, register, sum);
            (a, sum)
        }
    };
    e.set_flags(FlagRule::Add, a, b, sum);
    Flow::Next
}
