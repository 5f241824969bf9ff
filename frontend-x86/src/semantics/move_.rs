//! Moves: MOV MOVZX MOVSX LEA XCHG XLAT BSWAP CBW CWDE CWD CDQ MOVBE.

use crate::decode::Insn;
use crate::emit::{AtomicOp, Emit, Flow, FlowOf, Reg, Width};
use crate::engine::Exception;
use crate::operand::{Place, effective, linear_plus, place, read, write};
use crate::shape::Operand;
use crate::state::Gpr;

/// `MOV` between general registers, memory and immediates; the forms with segment registers are in
/// [`super::segment`], those with control and debug registers fault.
pub fn mov<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if i.operand(0) == Operand::Other || i.operand(1) == Operand::Other {
        // What is neither general nor a segment register is a control or debug register: not for user mode.
        return super::segment::mov(e, i).unwrap_or(Flow::Raise(Exception::GeneralProtection(0)));
    }
    let w = i.width();
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let value = read(e, w, src);
    write(e, dst, value);
    Flow::Next
}

/// `MOVZX` — zero-extends.
pub fn movzx<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let value = source(e, i);
    let wide = e.zext(i.width(), value);
    let dst = place(e, i, 0);
    write(e, dst, wide);
    Flow::Next
}

/// `MOVSX` — sign-extends.
pub fn movsx<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let value = source(e, i);
    let wide = e.sext(i.width(), value);
    let dst = place(e, i, 0);
    write(e, dst, wide);
    Flow::Next
}

/// The second operand at its own width.
fn source<E: Emit>(e: &mut E, i: &Insn) -> E::Int {
    let w = i.operand_width(1).expect("MOVZX and MOVSX have sized sources");
    let src = place(e, i, 1);
    read(e, w, src)
}

/// `LEA` — the offset of a memory operand, cut or zero-extended to the register. Compilers fill space with those that
/// change nothing.
pub fn lea<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if i.register(0) == i.raw().memory_base() && i.address().is_its_base() {
        return Flow::Next;
    }
    let offset = effective(e, &i.address());
    let value = e.zext(i.width(), offset);
    let dst = place(e, i, 0);
    write(e, dst, value);
    Flow::Next
}

/// `XCHG` — with memory always locked, whatever the prefix.
pub fn xchg<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let (a, b) = (place(e, i, 0), place(e, i, 1));
    match (a, b) {
        (Place::Mem(at), register) | (register, Place::Mem(at)) => {
            let new = read(e, w, register);
            let old = e.atomic(AtomicOp::Xchg, at, new);
            write(e, register, old);
        }
        _ => {
            let (x, y) = (read(e, w, a), read(e, w, b));
            write(e, a, y);
            write(e, b, x);
        }
    }
    Flow::Next
}

/// `XLAT` — AL = [eBX + AL].
pub fn xlat<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    // iced-x86 gives the operand as [eBX + AL], of which `address` keeps [eBX]: AL is no index of 16 or 32 bits.
    let al = e.reg(Reg::Low(Gpr::Eax));
    let index = e.zext(Width::B32, al);
    let at = linear_plus(e, i, Width::B8, index);
    let value = e.load(Width::B8, at);
    e.set_reg(Reg::Low(Gpr::Eax), value);
    Flow::Next
}

/// `BSWAP` — reverses bytes; a 16-bit register becomes zero (undefined in the manual, so on this hardware).
pub fn bswap<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let dst = place(e, i, 0);
    let value = read(e, w, dst);
    let reversed = if w == Width::B32 { e.bswap(value) } else { e.imm(w, 0) };
    write(e, dst, reversed);
    Flow::Next
}

/// `MOVBE` — to or from memory with the bytes in reverse order.
pub fn movbe<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let value = read(e, i.width(), src);
    let reversed = e.bswap(value);
    write(e, dst, reversed);
    Flow::Next
}

/// `CBW`, `CWDE` — sign-extend the accumulator into its double.
fn widen<E: Emit>(e: &mut E, from: Width, to: Width) -> FlowOf<E> {
    let narrow = e.reg(Reg::low_part(Gpr::Eax, from));
    let wide = e.sext(to, narrow);
    e.set_reg(Reg::low_part(Gpr::Eax, to), wide);
    Flow::Next
}

/// `CBW` — AX = sign-extended AL.
pub fn cbw<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    widen(e, Width::B8, Width::B16)
}

/// `CWDE` — EAX = sign-extended AX.
pub fn cwde<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    widen(e, Width::B16, Width::B32)
}

/// `CWD`, `CDQ` — fills the data register with the sign of the accumulator.
fn spread_sign<E: Emit>(e: &mut E, w: Width) -> FlowOf<E> {
    let accumulator = e.reg(Reg::low_part(Gpr::Eax, w));
    let all = e.imm(Width::B8, u64::from(w.bits()));
    let sign = e.sar(accumulator, all);
    e.set_reg(Reg::low_part(Gpr::Edx, w), sign);
    Flow::Next
}

/// `CWD` — DX:AX = sign-extended AX.
pub fn cwd<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    spread_sign(e, Width::B16)
}

/// `CDQ` — EDX:EAX = sign-extended EAX.
pub fn cdq<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    spread_sign(e, Width::B32)
}
