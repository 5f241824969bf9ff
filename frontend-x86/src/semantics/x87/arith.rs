//! FADD FSUB FSUBR FMUL FDIV FDIVR in all their forms.

use super::site::{Format, Site, check_pending, memory};
use super::unit::StackFault;
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf};
use crate::helper_table::{Helper, HelperArgs};
use crate::helpers::softfloat::x87::{Binary, Widened, binary, from_integer, widen};
use crate::helpers::softfloat::{Binary32, Binary64, F80};
use crate::state::CpuState;
use iced_x86::{Code, MemorySize};

/// In the order of their discriminants.
const OPERATIONS: [Binary; 6] =
    [Binary::Add, Binary::Mul, Binary::Sub, Binary::SubReversed, Binary::Div, Binary::DivReversed];

/// Number of an operation with ST(0) as its source: the register operand is the destination.
const INTO_INDEX: u8 = 8;

/// The format of a memory operand of an arithmetic or comparing instruction.
pub(super) fn operand_format(i: &Insn) -> Format {
    match i.raw().memory_size() {
        MemorySize::Float32 => Format::F32,
        MemorySize::Float64 => Format::F64,
        MemorySize::Float80 => Format::F80,
        MemorySize::Int16 => Format::I16,
        MemorySize::Int32 => Format::I32,
        MemorySize::Int64 => Format::I64,
        _ => Format::Bcd,
    }
}

/// A memory operand as a helper sees it.
pub(super) fn widened(format: Format, bits: u64) -> Widened {
    let signed = |bits: u64, width: u32| (bits << (64 - width)).cast_signed() >> (64 - width);
    match format {
        Format::F32 => widen::<Binary32>(bits),
        Format::F64 => widen::<Binary64>(bits),
        _ => from_integer(signed(bits, format.bits().min(64))).into(),
    }
}

/// The number of the stack register that operand `n` is.
pub(super) fn stack_index(i: &Insn, n: u32) -> u8 {
    u8::try_from(i.register(n).number()).unwrap_or(0) & 7
}

/// `operation` on ST(0) and a memory operand, or on ST(0) and ST(i) in either direction.
fn arith<E: Emit>(e: &mut E, i: &Insn, operation: Binary, pops: u8) -> FlowOf<E> {
    let number = operation as u8;
    let site = Site::new(i).pops(pops);
    if super::site::has_memory(i) {
        let format = operand_format(i);
        check_pending(e);
        let (at, offset) = memory(e, i);
        let operand = e.load(format.width().unwrap_or(crate::emit::Width::B64), at);
        let site = site.number(number).format(format).emit(e);
        e.helper(Helper::X87ArithMemory, &[site, offset, operand]);
        return Flow::Next;
    }
    let site = if is_into_index(i.code()) {
        site.number(number | INTO_INDEX).index(stack_index(i, 0))
    } else {
        site.number(number).index(stack_index(i, 1))
    };
    let site = site.emit(e);
    let status = e.helper(Helper::X87Arith, &[site]);
    e.raise_status(status);
    Flow::Next
}

/// Whether a register form has ST(i) as its destination; it may name ST(0) there, too.
const fn is_into_index(code: Code) -> bool {
    matches!(
        code,
        Code::Fadd_sti_st0
            | Code::Fmul_sti_st0
            | Code::Fsub_sti_st0
            | Code::Fsubr_sti_st0
            | Code::Fdiv_sti_st0
            | Code::Fdivr_sti_st0
            | Code::Faddp_sti_st0
            | Code::Fmulp_sti_st0
            | Code::Fsubp_sti_st0
            | Code::Fsubrp_sti_st0
            | Code::Fdivp_sti_st0
            | Code::Fdivrp_sti_st0
    )
}

/// Carries an operation on two registers out.
pub fn arith_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    if cpu.x87.is_pending() {
        return super::math_fault();
    }
    let site = Site::from_bits(args[0]);
    site.record(cpu, 0);
    let index = site.get_index();
    let (destination, source) = if site.get_number() & INTO_INDEX != 0 { (index, 0) } else { (0, index) };
    let b = cpu.x87.st(source).into();
    let empty = cpu.x87.is_empty(source);
    finish(cpu, site, destination, b, empty);
    0
}

/// Carries an operation on ST(0) and an operand from memory out; #MF has been checked for.
pub fn arith_memory_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let site = Site::from_bits(args[0]);
    site.record(cpu, args[1]);
    finish(cpu, site, 0, widened(site.get_format(), args[2]), false);
    0
}

fn finish(cpu: &mut CpuState, site: Site, destination: u8, b: Widened, source_empty: bool) {
    let operation = OPERATIONS[usize::from(site.get_number() & 7) % 6];
    let x = &mut cpu.x87;
    let (value, written) = if source_empty || x.is_empty(destination) {
        (F80::INDEFINITE, x.report_stack_fault(StackFault::Underflow))
    } else {
        let outcome = binary(operation, x.st(destination), b, x.control_word());
        (outcome.value, x.report(outcome.raised))
    };
    if written {
        x.set_st(destination, value);
        x.pop(site.get_pops());
    }
}

/// `FADD`, `FIADD`
pub fn fadd<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::Add, 0)
}
/// `FADDP`
pub fn faddp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::Add, 1)
}
/// `FMUL`, `FIMUL`
pub fn fmul<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::Mul, 0)
}
/// `FMULP`
pub fn fmulp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::Mul, 1)
}
/// `FSUB`, `FISUB`
pub fn fsub<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::Sub, 0)
}
/// `FSUBP`
pub fn fsubp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::Sub, 1)
}
/// `FSUBR`, `FISUBR`
pub fn fsubr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::SubReversed, 0)
}
/// `FSUBRP`
pub fn fsubrp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::SubReversed, 1)
}
/// `FDIV`, `FIDIV`
pub fn fdiv<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::Div, 0)
}
/// `FDIVP`
pub fn fdivp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::Div, 1)
}
/// `FDIVR`, `FIDIVR`
pub fn fdivr<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::DivReversed, 0)
}
/// `FDIVRP`
pub fn fdivrp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    arith(e, i, Binary::DivReversed, 1)
}
