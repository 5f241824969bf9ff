//! The stack: PUSH POP PUSHA POPA PUSHF POPF ENTER LEAVE.
//!
//! Addresses on it go through [`Emit::stack`], new values of ESP through [`Emit::stack_pointer`]: the stack segment may have
//! 16 bits, a base and a limit. SDM vol. 1, 6.2.

use crate::decode::{Insn, MemoryAccess};
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::flags;
use crate::operand::{Address, place, read, refuse_code_write, write};
use crate::state::{Gpr, eflags};
use iced_x86::{Code, OpKind};

const ESP: Reg = Reg::Full(Gpr::Esp);
const EBP: Reg = Reg::Full(Gpr::Ebp);

/// ESP − `bytes`.
pub(super) fn below<E: Emit>(e: &mut E, bytes: u32) -> E::Int {
    let esp = e.reg(ESP);
    let by = e.imm(Width::B32, u64::from(bytes));
    e.sub(esp, by)
}

/// ESP + `bytes`.
pub(super) fn above<E: Emit>(e: &mut E, bytes: u32) -> E::Int {
    let esp = e.reg(ESP);
    let by = e.imm(Width::B32, u64::from(bytes));
    e.add(esp, by)
}

/// Sets ESP, of which only the lower half moves where the stack has 16 bits.
pub(super) fn set_top<E: Emit>(e: &mut E, top: E::Int) {
    let top = e.stack_pointer(top);
    e.set_reg(ESP, top);
}

/// Stores a value in the stack.
fn store<E: Emit>(e: &mut E, offset: E::Int, value: E::Int) {
    let bytes = e.width(value).bytes();
    let at = e.stack(offset, bytes, MemoryAccess::Write);
    e.store(at, value);
}

/// Loads a value from the stack.
fn load<E: Emit>(e: &mut E, w: Width, offset: E::Int) -> E::Int {
    let at = e.stack(offset, w.bytes(), MemoryAccess::Read);
    e.load(w, at)
}

/// Pushes a value: the store may fault, ESP is still whole then.
pub(super) fn push_value<E: Emit>(e: &mut E, value: E::Int) {
    let top = below(e, e.width(value).bytes());
    store(e, top, value);
    set_top(e, top);
}

/// Loads the value `bytes` above the top of the stack without popping it.
pub(super) fn peek<E: Emit>(e: &mut E, w: Width, bytes: u32) -> E::Int {
    let offset = above(e, bytes);
    load(e, w, offset)
}

/// Moves ESP up.
pub(super) fn drop_bytes<E: Emit>(e: &mut E, bytes: u32) {
    let top = above(e, bytes);
    set_top(e, top);
}

/// `PUSH` — the operand is read before ESP moves, so `push esp` stores the old ESP.
pub fn push<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if let Some(s) = super::segment::operand(i, 0) {
        let w = super::segment::stack_width(i);
        let selector = e.selector(s);
        let value = e.zext(w, selector);
        push_value(e, value);
        return Flow::Next;
    }
    let src = place(e, i, 0);
    let value = read(e, i.width(), src);
    push_value(e, value);
    Flow::Next
}

/// `POP` — an address with ESP in it is computed behind the increment; `pop esp` leaves the popped value.
pub fn pop<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if let Some(s) = super::segment::operand(i, 0) {
        return super::segment::pop(e, i, s);
    }
    let w = i.width();
    let value = peek(e, w, 0);
    if i.raw().op0_kind() == OpKind::Memory {
        let mut address = i.address();
        if address.base == Some(Gpr::Esp) {
            address = Address { displacement: address.displacement.wrapping_add(w.bytes()), ..address };
        }
        refuse_code_write(e, i, &address);
        let at = e.address(&address);
        e.store(at, value);
        drop_bytes(e, w.bytes());
    } else {
        let dst = place(e, i, 0);
        drop_bytes(e, w.bytes());
        write(e, dst, value);
    }
    Flow::Next
}

/// `PUSHA`, `PUSHAD` — EAX ECX EDX EBX, ESP as it was, EBP ESI EDI. What was stored before a fault stays stored, as on
/// this hardware.
pub fn pusha<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = if i.code() == Code::Pushaw { Width::B16 } else { Width::B32 };
    let bottom = below(e, 8 * w.bytes());
    for r in Gpr::ALL {
        let value = e.reg(Reg::low_part(r, w));
        let offset = e.imm(Width::B32, u64::from((7 - r as u32) * w.bytes()));
        let at = e.add(bottom, offset);
        store(e, at, value);
    }
    set_top(e, bottom);
    Flow::Next
}

/// `POPA`, `POPAD` — the slot of ESP is skipped. What was loaded before a fault stays loaded, as on this hardware.
pub fn popa<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = if i.code() == Code::Popaw { Width::B16 } else { Width::B32 };
    for (slot, r) in (0..).zip(Gpr::ALL.into_iter().rev()) {
        let value = peek(e, w, slot * w.bytes());
        if r != Gpr::Esp {
            e.set_reg(Reg::low_part(r, w), value);
        }
    }
    drop_bytes(e, 8 * w.bytes());
    Flow::Next
}

/// `PUSHF`, `PUSHFD` — VM and RF are pushed as 0.
pub fn pushf<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = if i.code() == Code::Pushfw { Width::B16 } else { Width::B32 };
    let image = e.eflags();
    let value = e.zext(w, image);
    push_value(e, value);
    Flow::Next
}

/// What POPF and IRET change in user mode: not IF and IOPL, nor VM, VIF, VIP. SDM vol. 2B, "POPF", table 4-16.
pub(super) const USER_FLAGS: u32 =
    flags::ARITHMETIC | eflags::TF | eflags::DF | eflags::NT | eflags::AC | eflags::ID;

/// `POPF`, `POPFD` — a TF set here traps behind the next instruction; RF is cleared.
pub fn popf<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = if i.code() == Code::Popfw { Width::B16 } else { Width::B32 };
    let value = peek(e, w, 0);
    let image = e.zext(Width::B32, value);
    drop_bytes(e, w.bytes());
    let mask = if w == Width::B16 { USER_FLAGS & 0xffff } else { USER_FLAGS | eflags::RF };
    let without_rf = e.imm(Width::B32, u64::from(!eflags::RF));
    let image = e.and(image, without_rf);
    e.set_eflags(mask, image);
    Flow::EndBlock
}

/// `ENTER` — makes a frame, copying `level` − 1 frame pointers from the frame before. SDM vol. 2A, "ENTER".
pub fn enter<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = if i.code() == Code::Enterw_imm16_imm8 { Width::B16 } else { Width::B32 };
    let size = i.immediate(0) & 0xffff;
    let level = u32::from(i.raw().immediate8_2nd() % 32);
    let bytes = w.bytes();
    let pushed = (level + 1) * bytes;
    let frame = below(e, bytes);
    let bottom = below(e, pushed);
    let old = e.reg(Reg::low_part(Gpr::Ebp, w));
    store(e, frame, old);
    let ebp = e.reg(EBP);
    for n in 1..level {
        let down = e.imm(Width::B32, u64::from(n * bytes));
        let (from, to) = (e.sub(ebp, down), e.sub(frame, down));
        let pointer = load(e, w, from);
        store(e, to, pointer);
    }
    let pointer = e.stack_pointer(frame);
    if level > 0 {
        let value = e.zext(w, pointer);
        store(e, bottom, value);
    }
    let size = e.imm(Width::B32, size);
    let top = e.sub(bottom, size);
    let last = e.stack(top, bytes, MemoryAccess::Write);
    e.probe_write(last, bytes);
    let pointer = e.zext(w, pointer);
    e.set_reg(Reg::low_part(Gpr::Ebp, w), pointer);
    set_top(e, top);
    Flow::Next
}

/// `LEAVE` — ESP = EBP, then pops EBP.
pub fn leave<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let w = if i.code() == Code::Leavew { Width::B16 } else { Width::B32 };
    let ebp = e.reg(EBP);
    let value = load(e, w, ebp);
    let by = e.imm(Width::B32, u64::from(w.bytes()));
    let top = e.add(ebp, by);
    set_top(e, top);
    e.set_reg(Reg::low_part(Gpr::Ebp, w), value);
    Flow::Next
}
