//! Transfers of control: JMP CALL RET, near and far, IRET, INT n, INT3, INT1, INTO, BOUND.
//!
//! A far transfer goes to any code segment of 16 or 32 bits that user mode may enter. The 64-bit one that every 64-bit Linux
//! has (selector 0x33) faults like a selector that names no code segment: there is nothing here that could run it. SDM
//! vol. 3A, 5.8.

use super::stack::{below, drop_bytes, peek, push_value, set_top};
use crate::decode::{Insn, MemoryAccess};
use crate::emit::{Emit, Flow, FlowOf, Target, Width};
use crate::engine::Exception;
use crate::flags::Flag;
use crate::helper_table::Helper;
use crate::operand::{linear_part, place, read};
use crate::state::Segment;
use iced_x86::{Code, OpKind};

/// The target of a near JMP or CALL, with the operand's width.
fn near_target<E: Emit>(e: &mut E, i: &Insn) -> (Target<E::Int>, Width) {
    match i.raw().op0_kind() {
        OpKind::NearBranch16 => (Target::Direct(i.branch_target()), Width::B16),
        OpKind::NearBranch32 => (Target::Direct(i.branch_target()), Width::B32),
        _ => {
            let w = i.width();
            let src = place(e, i, 0);
            let offset = read(e, w, src);
            (Target::Indirect(e.zext(Width::B32, offset)), w)
        }
    }
}

/// Faults where CS does not cover a near target.
fn check_near<E: Emit>(e: &mut E, to: Target<E::Int>) {
    let offset = match to {
        Target::Direct(to) => e.imm(Width::B32, u64::from(to)),
        Target::Indirect(to) => to,
    };
    e.code_target(offset);
}

/// The address behind the instruction.
fn return_address<E: Emit>(e: &mut E, i: &Insn, w: Width) -> E::Int {
    e.imm(w, u64::from(i.next_eip()))
}

/// `JMP`.
pub fn jmp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if let Some((selector, offset, _)) = far_target(e, i) {
        check_far(e, selector, offset, Way::Forward);
        return enter(e, selector, offset);
    }
    let (to, _) = near_target(e, i);
    check_near(e, to);
    Flow::Jump(to)
}

/// `CALL`.
pub fn call<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if let Some((selector, offset, w)) = far_target(e, i) {
        return far_call(e, i, selector, offset, w);
    }
    let (to, w) = near_target(e, i);
    check_near(e, to);
    let back = return_address(e, i, w);
    push_value(e, back);
    Flow::Call(to)
}

/// The selector and the offset of a far transfer, and the operand size.
fn far_target<E: Emit>(e: &mut E, i: &Insn) -> Option<(E::Int, E::Int, Width)> {
    let raw = i.raw();
    match raw.op0_kind() {
        OpKind::FarBranch16 => {
            let selector = e.imm(Width::B16, u64::from(raw.far_branch_selector()));
            Some((selector, e.imm(Width::B32, u64::from(raw.far_branch16())), Width::B16))
        }
        OpKind::FarBranch32 => {
            let selector = e.imm(Width::B16, u64::from(raw.far_branch_selector()));
            Some((selector, e.imm(Width::B32, u64::from(raw.far_branch32())), Width::B32))
        }
        OpKind::Memory
            if matches!(
                i.code(),
                Code::Jmp_m1616 | Code::Call_m1616 | Code::Jmp_m1632 | Code::Call_m1632
            ) =>
        {
            let w =
                if matches!(i.code(), Code::Jmp_m1616 | Code::Call_m1616) { Width::B16 } else { Width::B32 };
            let (offset, selector) = far_pointer(e, i, w);
            Some((selector, e.zext(Width::B32, offset), w))
        }
        _ => None,
    }
}

/// Loads the memory operand: an offset and the selector behind it.
pub(super) fn far_pointer<E: Emit>(e: &mut E, i: &Insn, w: Width) -> (E::Int, E::Int) {
    let at = linear_part(e, i, 0, w);
    let offset = e.load(w, at);
    let behind = linear_part(e, i, w.bytes(), Width::B16);
    let selector = e.load(Width::B16, behind);
    (offset, selector)
}

/// Which way a far transfer goes: a jump or call takes any RPL, a return needs that of user mode.
#[derive(Clone, Copy)]
enum Way {
    Forward,
    Back,
}

/// Faults where a far transfer may not go to this offset of the segment that a selector names.
fn check_far<E: Emit>(e: &mut E, selector: E::Int, offset: E::Int, way: Way) {
    let way = e.imm(Width::B8, way as u64);
    let status = e.helper(Helper::CheckCodeSelector, &[selector, way, offset]);
    e.raise_status(status);
}

/// Loads CS, and goes there.
fn enter<E: Emit>(e: &mut E, selector: E::Int, offset: E::Int) -> FlowOf<E> {
    e.helper(Helper::LoadCodeSegment, &[selector]);
    Flow::Far(offset)
}

fn far_call<E: Emit>(e: &mut E, i: &Insn, selector: E::Int, offset: E::Int, w: Width) -> FlowOf<E> {
    let anywhere = e.imm(Width::B32, 0);
    check_far(e, selector, anywhere, Way::Forward);
    let (cs_slot, top) = (below(e, w.bytes()), below(e, 2 * w.bytes()));
    let cs_slot = e.stack(cs_slot, w.bytes(), MemoryAccess::Write);
    let back_slot = e.stack(top, w.bytes(), MemoryAccess::Write);
    e.probe_write(cs_slot, w.bytes());
    e.probe_write(back_slot, w.bytes());
    let cs = e.selector(Segment::Cs);
    let cs = e.zext(w, cs);
    let back = return_address(e, i, w);
    e.store(cs_slot, cs);
    e.store(back_slot, back);
    // On this hardware the return address is stored before the target is seen to lie outside its segment.
    check_far(e, selector, offset, Way::Forward);
    set_top(e, top);
    enter(e, selector, offset)
}

/// The width of a return by its form.
fn return_width(i: &Insn) -> Width {
    use Code::{Iretw, Retfw, Retfw_imm16, Retnw, Retnw_imm16};
    if matches!(i.code(), Iretw | Retfw | Retfw_imm16 | Retnw | Retnw_imm16) {
        Width::B16
    } else {
        Width::B32
    }
}

/// What a return drops beyond the return address.
fn return_drop(i: &Insn) -> u32 {
    if i.operands() == 0 { 0 } else { u32::from(i.raw().immediate16()) }
}

/// `RET` near, with or without an immediate.
pub fn ret<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = return_width(i);
    let offset = peek(e, w, 0);
    let offset = e.zext(Width::B32, offset);
    e.code_target(offset);
    drop_bytes(e, w.bytes() + return_drop(i));
    Flow::Return(offset)
}

/// `RET` far.
pub fn retf<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = return_width(i);
    let offset = peek(e, w, 0);
    let offset = e.zext(Width::B32, offset);
    let selector = peek(e, Width::B16, w.bytes());
    check_far(e, selector, offset, Way::Back);
    drop_bytes(e, 2 * w.bytes() + return_drop(i));
    enter(e, selector, offset)
}

/// `IRET` — to the same privilege: EIP, CS, EFLAGS as POPF would change it.
pub fn iret<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = return_width(i);
    let offset = peek(e, w, 0);
    let offset = e.zext(Width::B32, offset);
    let selector = peek(e, Width::B16, w.bytes());
    let image = peek(e, w, 2 * w.bytes());
    check_far(e, selector, offset, Way::Back);
    drop_bytes(e, 3 * w.bytes());
    let mask = super::stack::USER_FLAGS & if w == Width::B16 { 0xffff } else { u32::MAX };
    let image = e.zext(Width::B32, image);
    e.set_eflags(mask, image);
    enter(e, selector, offset)
}

/// `INT n` — Linux lets user mode call 3, 4 and 0x80; another gate's privilege faults. SDM vol. 3A, 6.12.1.2.
pub fn int<E: Emit>(_: &mut E, i: &Insn) -> FlowOf<E> {
    Flow::Raise(match i.raw().immediate8() {
        3 => Exception::Breakpoint,
        4 => Exception::Overflow,
        0x80 => Exception::Software(0x80),
        n => Exception::GeneralProtection(u32::from(n) << 3 | 2),
    })
}

/// `INT3`.
pub fn int3<E: Emit>(_: &mut E, _: &Insn) -> FlowOf<E> {
    Flow::Raise(Exception::Breakpoint)
}

/// `INT1` — the #DB trap.
pub fn int1<E: Emit>(_: &mut E, _: &Insn) -> FlowOf<E> {
    Flow::Raise(Exception::Debug)
}

/// `INTO` — a trap where OF is set.
pub fn into<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let overflow = e.flag(Flag::Of);
    e.raise_if(overflow, Exception::Overflow);
    Flow::Next
}

/// `BOUND` — a fault where the signed index is below the first or above the second bound.
pub fn bound<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = i.width();
    let src = place(e, i, 0);
    let index = read(e, w, src);
    let at = linear_part(e, i, 0, w);
    let lower = e.load(w, at);
    let behind = linear_part(e, i, w.bytes(), w);
    let upper = e.load(w, behind);
    let (under, over) = (e.slt(index, lower), e.slt(upper, index));
    let outside = e.either(under, over);
    e.raise_if(outside, Exception::Bound);
    Flow::Next
}
