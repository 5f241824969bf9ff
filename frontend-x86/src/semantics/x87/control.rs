//! FNINIT FNCLEX FLDCW FNSTCW FNSTSW WAIT and the instructions of old coprocessors that do nothing.

use super::site::{check_pending, has_memory, memory};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::helper_table::{Helper, HelperArgs};
use crate::state::{CpuState, Gpr};

/// `FNINIT`
pub fn fninit<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    e.helper(Helper::X87Initialize, &[]);
    Flow::Next
}

/// Initialises the unit.
pub fn initialize_helper(cpu: &mut CpuState, _: &HelperArgs) -> u64 {
    cpu.x87.initialize();
    0
}

/// `FNCLEX`
pub fn fnclex<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    e.helper(Helper::X87ClearExceptions, &[]);
    Flow::Next
}

/// Clears the exceptions.
pub fn clear_exceptions_helper(cpu: &mut CpuState, _: &HelperArgs) -> u64 {
    cpu.x87.clear_exceptions();
    0
}

/// `FLDCW` — unmasking an exception that is flagged makes it pending.
pub fn fldcw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    check_pending(e);
    let (at, _) = memory(e, i);
    let value = e.load(Width::B16, at);
    e.helper(Helper::X87SetControl, &[value]);
    Flow::Next
}

/// Loads the control word.
pub fn set_control_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    cpu.x87.set_control((args[0] & 0xffff) as u16);
    0
}

/// `FNSTCW`
pub fn fnstcw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (at, _) = memory(e, i);
    let word = e.helper(Helper::X87ControlWord, &[]);
    let word = e.zext(Width::B16, word);
    e.store(at, word);
    Flow::Next
}

/// The control word.
pub fn control_word_helper(cpu: &mut CpuState, _: &HelperArgs) -> u64 {
    u64::from(cpu.x87.control)
}

/// `FNSTSW` — to AX or memory.
pub fn fnstsw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if has_memory(i) {
        let (at, _) = memory(e, i);
        let word = e.helper(Helper::X87StatusWord, &[]);
        let word = e.zext(Width::B16, word);
        e.store(at, word);
    } else {
        let word = e.helper(Helper::X87StatusWord, &[]);
        let word = e.zext(Width::B16, word);
        e.set_reg(Reg::Word(Gpr::Eax), word);
    }
    Flow::Next
}

/// The status word.
pub fn status_word_helper(cpu: &mut CpuState, _: &HelperArgs) -> u64 {
    u64::from(cpu.x87.status_word())
}

/// `WAIT` — #MF where an exception is pending.
pub fn wait<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    check_pending(e);
    Flow::Next
}

/// `FNENI`, `FNDISI`, `FNSETPM`: nothing since the 387.
pub fn nothing<E: Emit>(_: &mut E, _: &Insn) -> FlowOf<E> {
    Flow::Next
}
