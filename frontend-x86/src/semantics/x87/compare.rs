//! FCOM FUCOM FICOM and FCOMI in all their forms.

use super::arith::{operand_format, stack_index, widened};
use super::site::{Site, check_pending, has_memory, memory};
use super::unit::StackFault;
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::flags::{AF, CF, OF, PF, SF, ZF};
use crate::helper_table::{Helper, HelperArgs};
use crate::helpers::softfloat::Status;
use crate::helpers::softfloat::x87::{Quiet, Relation, Widened, compare_widened};
use crate::state::CpuState;

/// Number of a comparison that lets quiet NaNs pass.
const QUIET: u8 = 1;
/// Number of a comparison that sets EFLAGS instead of condition codes.
const TO_EFLAGS: u8 = 2;

/// The condition codes of a comparison.
const CODES: Status = Status(Status::C3.0 | Status::C2.0 | Status::C1.0 | Status::C0.0);

fn compare<E: Emit>(e: &mut E, i: &Insn, number: u8, pops: u8) -> FlowOf<E> {
    let site = Site::new(i).number(number).pops(pops);
    if has_memory(i) {
        let format = operand_format(i);
        check_pending(e);
        let (at, offset) = memory(e, i);
        let operand = e.load(format.width().unwrap_or(Width::B64), at);
        let site = site.format(format).emit(e);
        e.helper(Helper::X87CompareMemory, &[site, offset, operand]);
        return Flow::Next;
    }
    // FCOMPP and FUCOMPP name no register: they mean ST(1).
    let index = if i.operands() > 1 { stack_index(i, 1) } else { 1 };
    let site = site.index(index).emit(e);
    let answer = e.helper(Helper::X87Compare, &[site]);
    e.raise_status(answer);
    if number & TO_EFLAGS != 0 {
        let flags = e.zext(Width::B32, answer);
        e.set_eflags(CF | PF | AF | ZF | SF | OF, flags);
    }
    Flow::Next
}

/// Compares two registers; the answer is the flags for EFLAGS, or the status of #MF.
pub fn compare_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    if cpu.x87.is_pending() {
        return super::math_fault();
    }
    let site = Site::from_bits(args[0]);
    site.record(cpu, 0);
    let index = site.get_index();
    let (b, empty) = (cpu.x87.st(index).into(), cpu.x87.is_empty(index));
    finish(cpu, site, b, empty)
}

/// Compares ST(0) with an operand from memory; #MF has been checked for.
pub fn compare_memory_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let site = Site::from_bits(args[0]);
    site.record(cpu, args[1]);
    finish(cpu, site, widened(site.get_format(), args[2]), false)
}

fn finish(cpu: &mut CpuState, site: Site, b: Widened, source_empty: bool) -> u64 {
    let x = &mut cpu.x87;
    let number = site.get_number();
    let quiet = if number & QUIET != 0 { Quiet::Yes } else { Quiet::No };
    let (relation, raised) = if source_empty || x.is_empty(0) {
        (Relation::Unordered, crate::state::X87State::raised_by(StackFault::Underflow))
    } else {
        let outcome = compare_widened(x.st(0), b, quiet, x.control_word());
        (outcome.value, outcome.raised)
    };
    let done = if number & TO_EFLAGS != 0 {
        // C1 stays as it is, but for a stack fault.
        let codes = if raised.contains(Status::SF) { Status::C1 } else { Status::NONE };
        x.report_codes(codes, raised)
    } else {
        x.report_codes(CODES, raised | relation.condition_codes())
    };
    if done {
        x.pop(site.get_pops());
    }
    u64::from(relation.eflags())
}

/// `FTST` — compares ST(0) with zero.
pub(super) fn test(cpu: &mut CpuState) {
    let x = &mut cpu.x87;
    let (relation, raised) = if x.is_empty(0) {
        (Relation::Unordered, crate::state::X87State::raised_by(StackFault::Underflow))
    } else {
        let zero = crate::helpers::softfloat::F80::ZERO.into();
        let outcome = compare_widened(x.st(0), zero, Quiet::No, x.control_word());
        (outcome.value, outcome.raised)
    };
    x.report_codes(CODES, raised | relation.condition_codes());
}

/// `FCOM`, `FICOM`
pub fn fcom<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    compare(e, i, 0, 0)
}
/// `FCOMP`, `FICOMP`
pub fn fcomp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    compare(e, i, 0, 1)
}
/// `FCOMPP`
pub fn fcompp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    compare(e, i, 0, 2)
}
/// `FUCOM`
pub fn fucom<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    compare(e, i, QUIET, 0)
}
/// `FUCOMP`
pub fn fucomp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    compare(e, i, QUIET, 1)
}
/// `FUCOMPP`
pub fn fucompp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    compare(e, i, QUIET, 2)
}
/// `FCOMI`
pub fn fcomi<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    compare(e, i, TO_EFLAGS, 0)
}
/// `FCOMIP`
pub fn fcomip<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    compare(e, i, TO_EFLAGS, 1)
}
/// `FUCOMI`
pub fn fucomi<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    compare(e, i, QUIET | TO_EFLAGS, 0)
}
/// `FUCOMIP`
pub fn fucomip<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    compare(e, i, QUIET | TO_EFLAGS, 1)
}
