//! Segment registers: MOV, PUSH, POP, LDS…LGS, and what looks at descriptors: LAR LSL VERR VERW.
//!
//! The descriptor table is the one that a 64-bit Linux kernel gives a 32-bit program, as far as user mode can see it:
//! flat code and data, the thread-local entries of `set_thread_area`, and the LDT of `modify_ldt`. SDM vol. 3A, 3.4 and 5.

use super::stack::{above, peek};
use crate::decode::Insn;
use crate::descriptor::rights;
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::engine::Exception;
use crate::flags::Flag;
use crate::helper_table::{Helper, HelperArgs};
use crate::operand::{place, read, write};
use crate::shape::Operand;
use crate::state::{CpuState, FIRST_TLS_ENTRY, Gpr, Segment, SegmentState, USER_CS, USER_DS};
use iced_x86::{Code, OpKind};

/// Operand `n` as a segment register.
#[must_use]
pub fn operand(i: &Insn, n: u32) -> Option<Segment> {
    // Segment registers are neither general registers nor memory: the common operands are settled here.
    if i.operand(n) != Operand::Other || i.raw().op_kind(n) != OpKind::Register {
        return None;
    }
    crate::decode::segment(i.register(n))
}

/// The width at which a segment register is pushed or popped.
#[must_use]
pub fn stack_width(i: &Insn) -> Width {
    use Code::{
        Popw_DS, Popw_ES, Popw_FS, Popw_GS, Popw_SS, Pushw_CS, Pushw_DS, Pushw_ES, Pushw_FS, Pushw_GS,
        Pushw_SS,
    };
    match i.code() {
        Popw_DS | Popw_ES | Popw_FS | Popw_GS | Popw_SS | Pushw_CS | Pushw_DS | Pushw_ES | Pushw_FS
        | Pushw_GS | Pushw_SS => Width::B16,
        _ => Width::B32,
    }
}

/// Loads a segment register, or faults.
fn load<E: Emit>(e: &mut E, s: Segment, selector: E::Int) {
    let number = e.imm(Width::B8, s as u64);
    let status = e.helper(Helper::LoadSegment, &[number, selector]);
    e.raise_status(status);
}

/// `MOV` to or from a segment register; `None` for other operands.
pub fn mov<E: Emit>(e: &mut E, i: &Insn) -> Option<FlowOf<E>> {
    if let Some(s) = operand(i, 0) {
        if s == Segment::Cs {
            return Some(Flow::Raise(Exception::InvalidOpcode));
        }
        let src = place(e, i, 1);
        let selector = read(e, Width::B16, src);
        load(e, s, selector);
        return Some(Flow::EndBlock);
    }
    let s = operand(i, 1)?;
    let selector = e.selector(s);
    let dst = place(e, i, 0);
    let memory = i.is_memory(0);
    let value = if memory { selector } else { e.zext(i.width(), selector) };
    write(e, dst, value);
    Some(Flow::Next)
}

/// `POP` into a segment register: only 16 bits count, but the operand size is read, and ESP moves by it, in the way of the
/// stack that was popped.
pub fn pop<E: Emit>(e: &mut E, i: &Insn, s: Segment) -> FlowOf<E> {
    let w = stack_width(i);
    let value = peek(e, w, 0);
    let selector = e.zext(Width::B16, value);
    let top = above(e, w.bytes());
    let top = e.stack_pointer(top);
    load(e, s, selector);
    e.set_reg(Reg::Full(Gpr::Esp), top);
    Flow::EndBlock
}

/// `LDS`, `LES`, `LFS`, `LGS`, `LSS` — a register and a segment register from a far pointer.
fn load_pointer<E: Emit>(e: &mut E, i: &Insn, s: Segment) -> FlowOf<E> {
    let (offset, selector) = super::control::far_pointer(e, i, i.width());
    load(e, s, selector);
    let dst = place(e, i, 0);
    write(e, dst, offset);
    Flow::EndBlock
}

/// `LDS`.
pub fn lds<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    load_pointer(e, i, Segment::Ds)
}
/// `LES`.
pub fn les<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    load_pointer(e, i, Segment::Es)
}
/// `LFS`.
pub fn lfs<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    load_pointer(e, i, Segment::Fs)
}
/// `LGS`.
pub fn lgs<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    load_pointer(e, i, Segment::Gs)
}
/// `LSS`.
pub fn lss<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    load_pointer(e, i, Segment::Ss)
}

/// The read-only segment whose limit tells which processor a thread runs on (`getcpu`); here always processor 0.
const PROCESSOR_NUMBER: u16 = 0x7b;

/// The descriptor that a selector names, with its base and limit expanded. `None` where there is none that user mode
/// can do anything with.
fn descriptor(cpu: &CpuState, selector: u16) -> Option<SegmentState> {
    const USER_CS_64: u16 = 0x33;
    let (index, in_ldt) = (selector >> 3, selector & 4 != 0);
    if in_ldt {
        return Some(SegmentState::expand(cpu.ldt.as_ref()?.get(index), selector));
    }
    let flat = |rights| Some(SegmentState { base: 0, limit: u32::MAX, selector, rights });
    match index {
        _ if index == USER_CS >> 3 => flat(0xc0fb),
        _ if index == USER_DS >> 3 => flat(0xc0f3),
        _ if index == USER_CS_64 >> 3 => flat(0xa0fb),
        _ if index == PROCESSOR_NUMBER >> 3 => {
            Some(SegmentState { base: 0, limit: 0, selector, rights: 0x40f5 })
        }
        _ => {
            let raw = *cpu.tls.get(usize::from(index.checked_sub(FIRST_TLS_ENTRY)?))?;
            (raw != 0).then(|| SegmentState::expand(raw, selector))
        }
    }
}

/// Loads segment register `args[0]` with selector `args[1]`: 0, or the status of the fault.
pub fn load_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let s = Segment::ALL[(args[0] % 6) as usize];
    match check_load(cpu, s, (args[1] & 0xffff) as u16) {
        Ok(state) => {
            cpu.segments[s as usize] = state;
            0
        }
        Err(fault) => fault.status(),
    }
}

/// What a segment register becomes when a selector is loaded. SDM vol. 2B, "MOV—Move", protected mode exceptions.
fn check_load(cpu: &CpuState, s: Segment, selector: u16) -> Result<SegmentState, Exception> {
    let code = u32::from(selector & !3);
    let stack = s == Segment::Ss;
    if code == 0 {
        // A null selector loads; every access through it faults.
        let null = SegmentState { selector, ..SegmentState::NULL };
        return if stack { Err(Exception::GeneralProtection(0)) } else { Ok(null) };
    }
    let protection = Exception::GeneralProtection(code);
    let state = descriptor(cpu, selector).ok_or(protection)?;
    let permitted = if stack { selector & 3 == 3 && state.is_writable() } else { state.is_readable() };
    if state.rights & rights::S == 0 || !permitted {
        return Err(protection);
    }
    if state.rights & rights::PRESENT == 0 {
        return Err(if stack { Exception::StackFault(code) } else { Exception::SegmentNotPresent(code) });
    }
    Ok(SegmentState { rights: state.rights | 1, ..state })
}

/// What CS becomes when a far transfer loads a selector. A jump or call keeps CS's own RPL; a return needs RPL 3. SDM
/// vol. 3A, 5.8.1.
fn check_code(cpu: &CpuState, selector: u16, back: bool) -> Result<SegmentState, Exception> {
    let code = u32::from(selector & !3);
    let protection = Exception::GeneralProtection(code);
    if code == 0 || back && selector & 3 != 3 {
        return Err(protection);
    }
    let state = descriptor(cpu, selector).ok_or(protection)?;
    let is_code = state.rights & (rights::S | rights::CODE) == rights::S | rights::CODE;
    if !is_code || state.rights & rights::LONG != 0 {
        return Err(protection);
    }
    if state.rights & rights::PRESENT == 0 {
        return Err(Exception::SegmentNotPresent(code));
    }
    Ok(SegmentState { selector: selector | 3, ..state })
}

/// Whether a far transfer may go to offset `args[2]` of the segment with selector `args[0]`, as a return where `args[1]` is 1:
/// 0, or the status of the fault.
pub fn check_code_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    match check_code(cpu, (args[0] & 0xffff) as u16, args[1] != 0) {
        Ok(state) if args[2] <= u64::from(state.limit) => 0,
        Ok(_) => Exception::GeneralProtection(0).status(),
        Err(fault) => fault.status(),
    }
}

/// Loads CS with selector `args[0]`, which was checked.
pub fn load_code_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    // Another thread may have taken the descriptor away between the check and this: then CS stays.
    if let Ok(state) = check_code(cpu, (args[0] & 0xffff) as u16, false) {
        cpu.segments[Segment::Cs as usize] = state;
    }
    0
}

/// Loads all segment registers, given in encoding order, as a kernel does that returns to user mode: a data segment that
/// cannot be loaded becomes null; CS and SS are checked as IRET checks them. SDM vol. 2A, "IRET"; Linux, `loadsegment`.
///
/// # Errors
/// What IRET raises. CS or SS then shows its selector and allows nothing. Where SS is of the LDT, Linux returns by a stack
/// on which a fault doubles (espfix64), and makes #GP(0) of it.
pub fn return_to_user(cpu: &mut CpuState, selectors: [u16; 6]) -> Result<(), Exception> {
    let mut fault = None;
    for (s, selector) in Segment::ALL.into_iter().zip(selectors) {
        let loaded = match s {
            Segment::Cs => check_code(cpu, selector, true),
            // A null selector loses its RPL on the way.
            _ if selector < 4 && s != Segment::Ss => Ok(SegmentState::NULL),
            _ => check_load(cpu, s, selector),
        };
        let is_data = !matches!(s, Segment::Cs | Segment::Ss);
        cpu.segments[s as usize] = loaded.unwrap_or_else(|e| {
            fault = fault.or((!is_data).then_some(e));
            SegmentState { selector: if is_data { 0 } else { selector }, ..SegmentState::NULL }
        });
    }
    let outside = cpu.eip > cpu.segments[Segment::Cs as usize].limit;
    let fault = fault.or(outside.then_some(Exception::GeneralProtection(0)));
    let in_ldt = selectors[Segment::Ss as usize] & 4 != 0;
    match fault {
        None => Ok(()),
        Some(_) if in_ldt => Err(Exception::GeneralProtection(0)),
        Some(e) => Err(e),
    }
}

/// `LAR` — the access rights of a descriptor, and ZF.
pub fn lar<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    look(e, i, Helper::AccessRights)
}

/// `LSL` — the limit of a descriptor in bytes, and ZF.
pub fn lsl<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    look(e, i, Helper::SegmentLimit)
}

fn look<E: Emit>(e: &mut E, i: &Insn, helper: Helper) -> FlowOf<E> {
    let w = i.width();
    let src = place(e, i, 1);
    let selector = read(e, Width::B16, src);
    let answer = e.helper(helper, &[selector]);
    let found = found(e, answer);
    e.set_flag(Flag::Zf, found);
    let value = e.zext(w, answer);
    let dst = place(e, i, 0);
    let old = read(e, w, dst);
    let value = e.select(found, value, old);
    write(e, dst, value);
    Flow::Next
}

/// Bit 63 of an answer: the descriptor is there and visible.
fn found<E: Emit>(e: &mut E, answer: E::Int) -> E::Bool {
    let zero = e.imm(Width::B64, 0);
    e.slt(answer, zero)
}

/// `VERR` — ZF where the segment can be read.
pub fn verr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    verify(e, i, Helper::VerifyRead)
}

/// `VERW` — ZF where the segment can be written.
pub fn verw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    verify(e, i, Helper::VerifyWrite)
}

fn verify<E: Emit>(e: &mut E, i: &Insn, helper: Helper) -> FlowOf<E> {
    let src = place(e, i, 0);
    let selector = read(e, Width::B16, src);
    let answer = e.helper(helper, &[selector]);
    let found = found(e, answer);
    e.set_flag(Flag::Zf, found);
    Flow::Next
}

const FOUND: u64 = 1 << 63;

/// LAR's answer for selector `args[0]`: rights at bits 8–15 and 20–23, the limit's bits 16–19 between them (undefined
/// in the SDM, given by the APM), bit 63 where visible.
pub fn access_rights_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    visible(cpu, args).map_or(0, |d| {
        let shift = if d.rights & rights::GRANULAR != 0 { 28 } else { 16 };
        FOUND | u64::from(d.rights) << 8 | u64::from(d.limit >> shift & 0xf) << 16
    })
}

/// LSL's answer for selector `args[0]`.
pub fn segment_limit_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    visible(cpu, args).map_or(0, |d| FOUND | u64::from(d.limit))
}

/// VERR's answer for selector `args[0]`.
pub fn verify_read_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    visible(cpu, args).filter(SegmentState::is_readable).map_or(0, |_| FOUND)
}

/// VERW's answer for selector `args[0]`.
pub fn verify_write_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    visible(cpu, args).filter(SegmentState::is_writable).map_or(0, |_| FOUND)
}

/// The descriptor, if user mode may see it.
fn visible(cpu: &CpuState, args: &HelperArgs) -> Option<SegmentState> {
    let d = descriptor(cpu, (args[0] & 0xffff) as u16)?;
    (d.rights & rights::S != 0).then_some(d)
}
