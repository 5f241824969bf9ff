//! What works on stack registers alone: copies, constants, signs, roots, remainders, transcendental functions.

use super::compare;
use super::site::Site;
use super::unit::StackFault;
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::flags::Cond;
use crate::helper_table::{Helper, HelperArgs};
use crate::helpers::softfloat::x87 as soft;
use crate::helpers::softfloat::{Control, F80, Outcome, Rounding, Status};
use crate::state::{CpuState, X87State};

/// Defines the instructions: their numbers, their functions, and the way from a number to an operation.
macro_rules! operations {
    ($($(#[$doc:meta])* $function:ident = $name:ident;)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        enum Operation { $($name),* }

        impl Operation {
            const ALL: &[Self] = &[$(Self::$name),*];
        }

        $($(#[$doc])* pub fn $function<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
            operate(e, i, Operation::$name)
        })*
    };
}

operations! {
    /// `FLD ST(i)`
    fld = Load;
    /// `FST ST(i)`
    fst = Store;
    /// `FSTP ST(i)`
    fstp = StorePop;
    /// `FSTPNCE` — FSTP at D9 D8+i, which raises nothing: an empty register is popped without being copied.
    fstpnce = StorePopQuiet;
    /// `FXCH`
    fxch = Exchange;
    /// `FFREE`
    ffree = Free;
    /// `FFREEP` — FFREE and a pop. Not in Intel's manual, in every processor.
    ffreep = FreePop;
    /// `FINCSTP`
    fincstp = Increment;
    /// `FDECSTP`
    fdecstp = Decrement;
    /// `FNOP`
    fnop = Nothing;
    /// `FCHS`
    fchs = ChangeSign;
    /// `FABS`
    fabs = Absolute;
    /// `FTST`
    ftst = Test;
    /// `FXAM`
    fxam = Examine;
    /// `FLD1`
    fld1 = One;
    /// `FLDL2T` — log₂ 10
    fldl2t = Log2Of10;
    /// `FLDL2E` — log₂ e
    fldl2e = Log2OfE;
    /// `FLDPI`
    fldpi = Pi;
    /// `FLDLG2` — log₁₀ 2
    fldlg2 = Log10Of2;
    /// `FLDLN2` — log 2
    fldln2 = LogOf2;
    /// `FLDZ`
    fldz = Zero;
    /// `F2XM1`
    f2xm1 = PowerOfTwoMinusOne;
    /// `FSQRT`
    fsqrt = SquareRoot;
    /// `FRNDINT`
    frndint = RoundToInteger;
    /// `FSIN`
    fsin = Sine;
    /// `FCOS`
    fcos = Cosine;
    /// `FSINCOS`
    fsincos = SineCosine;
    /// `FPTAN`
    fptan = Tangent;
    /// `FXTRACT`
    fxtract = Extract;
    /// `FSCALE`
    fscale = Scale;
    /// `FPREM`
    fprem = Remainder;
    /// `FPREM1`
    fprem1 = RemainderNearest;
    /// `FYL2X`
    fyl2x = YLog2X;
    /// `FYL2XP1`
    fyl2xp1 = YLog2XPlusOne;
    /// `FPATAN`
    fpatan = Arctangent;
}

fn site(i: &Insn, operation: Operation) -> Site {
    // The stack register is the last operand; where none is named, ST(1) is meant (FXCH) or none.
    let index = match i.operands() {
        0 => 1,
        n => super::arith::stack_index(i, n - 1),
    };
    Site::new(i).number(operation as u8).index(index)
}

fn operate<E: Emit>(e: &mut E, i: &Insn, operation: Operation) -> FlowOf<E> {
    let site = site(i, operation).emit(e);
    let status = e.helper(Helper::X87Register, &[site]);
    e.raise_status(status);
    Flow::Next
}

/// `FCMOVcc` — copies ST(i) to ST(0) where the condition holds; both must not be empty in any case.
pub fn fcmov<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    use iced_x86::Mnemonic::{Fcmovb, Fcmovbe, Fcmove, Fcmovnb, Fcmovnbe, Fcmovne, Fcmovnu};
    let condition = match i.mnemonic() {
        Fcmovb => Cond::B,
        Fcmove => Cond::E,
        Fcmovbe => Cond::Be,
        Fcmovnb => Cond::Ae,
        Fcmovne => Cond::Ne,
        Fcmovnbe => Cond::A,
        Fcmovnu => Cond::Np,
        _ => Cond::P,
    };
    let holds = e.cond(condition);
    let holds = e.from_bool(Width::B8, holds);
    let site = site(i, Operation::Load).emit(e);
    let status = e.helper(Helper::X87ConditionalMove, &[site, holds]);
    e.raise_status(status);
    Flow::Next
}

/// FCMOVcc; `args[1]` tells whether the condition holds.
pub fn conditional_move_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    if cpu.x87.is_pending() {
        return super::math_fault();
    }
    let site = Site::from_bits(args[0]);
    site.record(cpu, 0);
    let x = &mut cpu.x87;
    let index = site.get_index();
    if x.is_empty(0) || x.is_empty(index) {
        if x.report_stack_fault(StackFault::Underflow) {
            x.set_st(0, F80::INDEFINITE);
        }
        return 0;
    }
    // C1 stays as it is.
    if args[1] & 1 != 0 {
        x.set_st(0, x.st(index));
    }
    0
}

/// Carries an operation on stack registers out: 0, or the status of #MF.
pub fn register_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    if cpu.x87.is_pending() {
        return super::math_fault();
    }
    let site = Site::from_bits(args[0]);
    site.record(cpu, 0);
    let operation = Operation::ALL[usize::from(site.get_number()) % Operation::ALL.len()];
    if operation == Operation::Test {
        compare::test(cpu);
        return 0;
    }
    carry_out(&mut cpu.x87, operation, site.get_index());
    0
}

fn carry_out(x: &mut X87State, operation: Operation, i: u8) {
    match operation {
        Operation::Load => copy_up(x, i),
        Operation::Store => copy_down(x, i, 0),
        Operation::StorePop => copy_down(x, i, 1),
        Operation::Exchange => exchange(x, i),
        Operation::StorePopQuiet => {
            x.report(Status::NONE);
            if !x.is_empty(0) {
                x.set_st(i, x.st(0));
            }
            x.pop(1);
        }
        Operation::Free => {
            x.report(Status::NONE);
            x.free(i);
        }
        Operation::FreePop => {
            x.report(Status::NONE);
            x.free(i);
            x.pop(1);
        }
        Operation::Increment => {
            x.report(Status::NONE);
            x.rotate(1);
        }
        Operation::Decrement => {
            x.report(Status::NONE);
            x.rotate(7);
        }
        Operation::Nothing | Operation::Test => {}
        Operation::ChangeSign => unary(x, Status::C1, |a, _| Outcome::exact(a.negate_if(true))),
        Operation::Absolute => unary(x, Status::C1, |a, _| Outcome::exact(a.abs())),
        Operation::Examine => {
            let a = x.st(0);
            let codes = if x.is_empty(0) { soft::examine_empty(a) } else { soft::examine(a) };
            x.report_codes(ALL_CODES, codes);
        }
        Operation::One
        | Operation::Log2Of10
        | Operation::Log2OfE
        | Operation::Pi
        | Operation::Log10Of2
        | Operation::LogOf2
        | Operation::Zero => push_value(x, constant(operation, x.control_word())),
        Operation::PowerOfTwoMinusOne => unary(x, Status::C1, soft::power_of_two_minus_one),
        Operation::SquareRoot => unary(x, Status::C1, soft::sqrt),
        Operation::RoundToInteger => unary(x, Status::C1, soft::round_to_integer),
        Operation::Sine => unary(x, C1_C2, soft::sine),
        Operation::Cosine => unary(x, C1_C2, soft::cosine),
        Operation::SineCosine => two_results(x, C1_C2, |a, c| {
            let (sine, cosine) = (soft::sine(a, c), soft::cosine(a, c));
            Outcome::new((sine.value, cosine.value), sine.raised | cosine.raised)
        }),
        Operation::Tangent => two_results(x, C1_C2, |a, c| {
            // A NaN is pushed in place of 1.
            soft::tangent(a, c).map(|t| (t, if t.is_nan() { t } else { F80::ONE }))
        }),
        Operation::Extract => two_results(x, Status::C1, |a, c| {
            soft::extract(a, c).map(|parts| (parts.exponent, parts.significand))
        }),
        Operation::Scale => binary(x, Status::C1, Onto::Top, soft::scale),
        Operation::Remainder => binary(x, ALL_CODES, Onto::Top, soft::remainder_truncating),
        Operation::RemainderNearest => binary(x, ALL_CODES, Onto::Top, soft::remainder_nearest),
        Operation::YLog2X => binary(x, Status::C1, Onto::Below, |a, b, c| soft::y_log2_x(b, a, c)),
        Operation::YLog2XPlusOne => {
            binary(x, Status::C1, Onto::Below, |a, b, c| soft::y_log2_x_plus_one(b, a, c));
        }
        Operation::Arctangent => binary(x, Status::C1, Onto::Below, |a, b, c| soft::arctangent(b, a, c)),
    }
}

const C1_C2: Status = Status(Status::C1.0 | Status::C2.0);
const ALL_CODES: Status = Status(Status::C0.0 | Status::C1.0 | Status::C2.0 | Status::C3.0);

/// Pushes a value that raises nothing.
fn push_value(x: &mut X87State, value: F80) {
    if x.is_empty(7) {
        x.report(Status::NONE);
        x.push(value);
    } else if x.report_stack_fault(StackFault::Overflow) {
        x.push(F80::INDEFINITE);
    }
}

fn copy_up(x: &mut X87State, i: u8) {
    if x.is_empty(i) {
        if x.report_stack_fault(StackFault::Underflow) {
            x.push(F80::INDEFINITE);
        }
        return;
    }
    push_value(x, x.st(i));
}

fn copy_down(x: &mut X87State, i: u8, pops: u8) {
    let (value, written) = if x.is_empty(0) {
        (F80::INDEFINITE, x.report_stack_fault(StackFault::Underflow))
    } else {
        (x.st(0), x.report(Status::NONE))
    };
    if written {
        x.set_st(i, value);
        x.pop(pops);
    }
}

fn exchange(x: &mut X87State, i: u8) {
    let get = |x: &X87State, i| if x.is_empty(i) { F80::INDEFINITE } else { x.st(i) };
    let (a, b) = (get(x, 0), get(x, i));
    let written = if x.is_empty(0) || x.is_empty(i) {
        x.report_stack_fault(StackFault::Underflow)
    } else {
        x.report(Status::NONE)
    };
    if written {
        x.set_st(0, b);
        x.set_st(i, a);
    }
}

/// A function of ST(0) into ST(0).
fn unary(x: &mut X87State, codes: Status, f: impl Fn(F80, Control) -> Outcome<F80>) {
    let outcome = if x.is_empty(0) {
        Outcome::new(F80::INDEFINITE, X87State::raised_by(StackFault::Underflow))
    } else {
        f(x.st(0), x.control_word())
    };
    if x.report_codes(codes, outcome.raised) {
        x.set_st(0, outcome.value);
    }
}

/// Where the result of two operands goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Onto {
    /// ST(0); ST(1) stays.
    Top,
    /// ST(1), and ST(0) is popped.
    Below,
}

/// A function of ST(0) and ST(1).
fn binary(x: &mut X87State, codes: Status, onto: Onto, f: impl Fn(F80, F80, Control) -> Outcome<F80>) {
    let (value, written) = if x.is_empty(0) || x.is_empty(1) {
        (F80::INDEFINITE, x.report_codes(codes & C1_C2, X87State::raised_by(StackFault::Underflow)))
    } else {
        let outcome = f(x.st(0), x.st(1), x.control_word());
        // Where no number is delivered, C0 and C3 stay as they are.
        let delivered = outcome.is_written(x.control_word().unmasked()) && !outcome.value.is_nan();
        let codes = if delivered { codes } else { codes & C1_C2 };
        (outcome.value, x.report_codes(codes, outcome.raised))
    };
    if written {
        match onto {
            Onto::Top => x.set_st(0, value),
            Onto::Below => {
                x.set_st(1, value);
                x.pop(1);
            }
        }
    }
}

/// A function of ST(0) that replaces ST(0) and pushes a second result. Where C2 says that nothing was done, nothing is.
fn two_results(x: &mut X87State, codes: Status, f: impl Fn(F80, Control) -> Outcome<(F80, F80)>) {
    let fault = |fault| Outcome::new((F80::INDEFINITE, F80::INDEFINITE), X87State::raised_by(fault));
    let outcome = if x.is_empty(0) {
        fault(StackFault::Underflow)
    } else if !x.is_empty(7) {
        fault(StackFault::Overflow)
    } else {
        f(x.st(0), x.control_word())
    };
    let written = x.report_codes(codes, outcome.raised);
    if written && !outcome.raised.contains(Status::C2) {
        x.set_st(0, outcome.value.0);
        x.push(outcome.value.1);
    }
}

/// A constant, rounded by the rounding control; nothing is raised.
fn constant(operation: Operation, control: Control) -> F80 {
    // Cut to 64 bits, and whether rounding to nearest goes up.
    let (se, sig, nearest_is_up) = match operation {
        Operation::One => return F80::ONE,
        Operation::Log2Of10 => (0x4000, 0xd49a_784b_cd1b_8afe, false),
        Operation::Log2OfE => (0x3fff, 0xb8aa_3b29_5c17_f0bb, true),
        Operation::Pi => (0x4000, 0xc90f_daa2_2168_c234, true),
        Operation::Log10Of2 => (0x3ffd, 0x9a20_9a84_fbcf_f798, true),
        Operation::LogOf2 => (0x3ffe, 0xb172_17f7_d1cf_79ab, true),
        _ => return F80::ZERO,
    };
    let up = match control.rounding() {
        Rounding::Nearest => nearest_is_up,
        Rounding::Up => true,
        Rounding::Down | Rounding::Zero => false,
    };
    F80 { se, sig: sig + u64::from(up) }
}
