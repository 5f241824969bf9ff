//! FLD FILD FBLD from memory; FST FSTP FIST FISTP FISTTP FBSTP to memory.

use super::arith::operand_format;
use super::register;
use super::site::{Format, Site, check_pending, has_memory, memory, plus};
use super::unit::StackFault;
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::helper_table::{Helper, HelperArgs};
use crate::helpers::softfloat::x87::{
    from_bcd, from_float, from_integer, to_bcd, to_float, to_integer, to_integer_truncating,
};
use crate::helpers::softfloat::{Binary32, Binary64, F80, Outcome, Status};
use crate::state::{CpuState, X87State};

/// Loads an operand of any format: its low 64 and its high 16 bits, zero where it has none.
fn load_operand<E: Emit>(e: &mut E, at: E::Int, format: Format) -> (E::Int, E::Int) {
    match format.width() {
        Some(w) => (e.load(w, at), e.imm(Width::B64, 0)),
        None => {
            let low = e.load(Width::B64, at);
            let above = plus(e, at, 8);
            (low, e.load(Width::B16, above))
        }
    }
}

fn load<E: Emit>(e: &mut E, i: &Insn, format: Format) -> FlowOf<E> {
    check_pending(e);
    let (at, offset) = memory(e, i);
    let (low, high) = load_operand(e, at, format);
    let site = Site::new(i).format(format).emit(e);
    e.helper(Helper::X87Load, &[site, offset, low, high]);
    Flow::Next
}

/// Pushes an operand from memory; #MF has been checked for.
pub fn load_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let site = Site::from_bits(args[0]);
    site.record(cpu, args[1]);
    let x = &mut cpu.x87;
    if !x.is_empty(7) {
        if x.report_stack_fault(StackFault::Overflow) {
            x.push(F80::INDEFINITE);
        }
        return 0;
    }
    let low = args[2];
    let image = u128::from(low) | u128::from(args[3] & 0xffff) << 64;
    let signed = |bits: u32| from_integer((low << (64 - bits)).cast_signed() >> (64 - bits));
    let outcome = match site.get_format() {
        Format::F32 => from_float::<Binary32>(low),
        Format::F64 => from_float::<Binary64>(low),
        Format::F80 => Outcome::exact(F80::from_bits(image)),
        Format::I16 => Outcome::exact(signed(16)),
        Format::I32 => Outcome::exact(signed(32)),
        Format::I64 => Outcome::exact(signed(64)),
        Format::Bcd => Outcome::exact(from_bcd(image)),
    };
    x.report(outcome.raised);
    // A denormal is loaded even where DE is unmasked.
    if (outcome.raised & x.control_word().unmasked() & Status::IE).is_empty() {
        x.push(outcome.value);
    }
    0
}

/// Number of a store that truncates: FISTTP.
const TRUNCATING: u8 = 1;

fn store<E: Emit>(e: &mut E, i: &Insn, format: Format, number: u8, pops: u8) -> FlowOf<E> {
    let site = Site::new(i).format(format).number(number).pops(pops).emit(e);
    let status = e.helper(Helper::X87StoreCheck, &[site]);
    e.raise_status(status);
    let (at, offset) = memory(e, i);
    let zero = e.imm(Width::B64, 0);
    let kept = e.eq(status, zero);
    let stored = e.negate(kept);
    e.when(stored, |e| {
        let low = e.helper(Helper::X87StoreLow, &[site]);
        match format.width() {
            Some(w) => {
                let value = e.zext(w, low);
                e.store(at, value);
            }
            None => {
                // Both halves or none.
                e.probe_write(at, 8);
                e.probe_write(at, 10);
                e.store(at, low);
                let high = e.helper(Helper::X87StoreHigh, &[site]);
                let high = e.zext(Width::B16, high);
                let above = plus(e, at, 8);
                e.store(above, high);
            }
        }
    });
    // The processor has asked for the access even where nothing is stored.
    e.when(kept, |e| match format.width() {
        Some(w) => e.probe_write(at, w.bytes()),
        None => {
            e.probe_write(at, 8);
            e.probe_write(at, 10);
        }
    });
    e.helper(Helper::X87StoreCommit, &[site, offset]);
    Flow::Next
}

/// What a store of ST(0) stores and raises.
fn convert(x: &X87State, site: Site) -> Outcome<u128> {
    let format = site.get_format();
    let control = x.control_word();
    let truncating = site.get_number() & TRUNCATING != 0;
    let (value, underflow) = if x.is_empty(0) {
        (F80::INDEFINITE, X87State::raised_by(StackFault::Underflow))
    } else {
        (x.st(0), Status::NONE)
    };
    let outcome = match format {
        Format::F32 => to_float::<Binary32>(value, control).map(u128::from),
        Format::F64 => to_float::<Binary64>(value, control).map(u128::from),
        Format::F80 => Outcome::exact(value.to_bits()),
        Format::Bcd => to_bcd(value, control),
        Format::I16 | Format::I32 | Format::I64 => {
            let bits = format.bits();
            let integer = if truncating {
                to_integer_truncating(value, bits)
            } else {
                to_integer(value, bits, control)
            };
            integer.map(|v| u128::from(v.cast_unsigned()))
        }
    };
    if underflow.is_empty() { outcome } else { Outcome::new(outcome.value, underflow) }
}

/// Whether the outcome is stored at all, given what is unmasked.
fn is_stored(x: &X87State, raised: Status) -> bool {
    let blocking = Status::BEFORE | Status::OE | Status::UE;
    (raised & x.control_word().unmasked() & blocking).is_empty()
}

/// The status of #MF, or 1 if there is something to store, or 0.
pub fn store_check_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let x = &cpu.x87;
    if x.is_pending() {
        return super::math_fault();
    }
    let all_masked = x.control_word().unmasked().is_empty();
    u64::from(all_masked || is_stored(x, convert(x, Site::from_bits(args[0])).raised))
}

/// The low 64 bits of what is stored.
#[expect(clippy::cast_possible_truncation, reason = "the low half")]
pub fn store_low_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    convert(&cpu.x87, Site::from_bits(args[0])).value as u64
}

/// The bits of what is stored from 64 on.
pub fn store_high_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    (convert(&cpu.x87, Site::from_bits(args[0])).value >> 64) as u64
}

/// Flags and stack after the store.
pub fn store_commit_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let site = Site::from_bits(args[0]);
    site.record(cpu, args[1]);
    let raised = convert(&cpu.x87, site).raised;
    let stored = is_stored(&cpu.x87, raised);
    cpu.x87.report(raised);
    if stored {
        cpu.x87.pop(site.get_pops());
    }
    0
}

/// `FLD` — from memory, or a copy of ST(i).
pub fn fld<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if has_memory(i) { load(e, i, operand_format(i)) } else { register::fld(e, i) }
}
/// `FILD`
pub fn fild<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    load(e, i, operand_format(i))
}
/// `FBLD`
pub fn fbld<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    load(e, i, Format::Bcd)
}
/// `FST` — to memory, or into ST(i).
pub fn fst<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if has_memory(i) { store(e, i, operand_format(i), 0, 0) } else { register::fst(e, i) }
}
/// `FSTP`
pub fn fstp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    if has_memory(i) { store(e, i, operand_format(i), 0, 1) } else { register::fstp(e, i) }
}
/// `FIST`
pub fn fist<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    store(e, i, operand_format(i), 0, 0)
}
/// `FISTP`
pub fn fistp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    store(e, i, operand_format(i), 0, 1)
}
/// `FISTTP`
pub fn fisttp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    store(e, i, operand_format(i), TRUNCATING, 1)
}
/// `FBSTP`
pub fn fbstp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    store(e, i, Format::Bcd, 0, 1)
}
