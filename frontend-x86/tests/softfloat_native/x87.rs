//! x87 operations.

use crate::native_x87::{self as native, Seen};
use crate::operands::Source;
use crate::report::{Report, cases, source};
use frontend_x86::helpers::softfloat::x87::{self as soft, Quiet};
use frontend_x86::helpers::softfloat::{Binary32, Binary64, Control, F80, Outcome, Status};

/// IE … PE, C0–C3: what operations decide. TOP and ES are the caller's.
const DECIDED: u16 = 0x473f;

/// Compares an operation that keeps ST(0) as it was where an unmasked exception forbids to write it.
fn check_register(
    name: &'static str,
    hardware: fn(F80, F80, u16) -> Seen,
    software: impl Fn(F80, F80, Control) -> Outcome<F80>,
) {
    check_final(name, hardware, |a, b, control| {
        let outcome = software(a, b, control);
        if outcome.is_written(control.unmasked()) { outcome } else { Outcome::new(a, outcome.raised) }
    });
}

/// Compares what is in ST(0) at the end.
fn check_final(
    name: &'static str,
    hardware: fn(F80, F80, u16) -> Seen,
    software: impl Fn(F80, F80, Control) -> Outcome<F80>,
) {
    let mut report = Report::new(name);
    let mut source = source(name);
    for _ in 0..cases() {
        let (a, b) = source.extended_pair();
        let control = source.control();
        let seen = hardware(a, b, control);
        let outcome = software(a, b, Control(control));
        let value = outcome.value;
        if seen.st0 != value || seen.status & DECIDED != outcome.raised.0 {
            report.differ(|| {
                format!(
                    "{a:?}, {b:?} cw={control:04x}: hardware {:?} {:?}, software {value:?} {:?}",
                    seen.st0,
                    Status(seen.status & DECIDED),
                    outcome.raised
                )
            });
        }
    }
}

#[test]
fn fadd() {
    check_register("fadd", native::fadd, soft::add);
}

#[test]
fn fsub() {
    check_register("fsub", native::fsub, soft::sub);
    check_register("fsubr", native::fsubr, |a, b, c| soft::sub(b, a, c));
}

#[test]
fn fmul() {
    check_register("fmul", native::fmul, soft::mul);
}

#[test]
fn fdiv() {
    check_register("fdiv", native::fdiv, soft::div);
    check_register("fdivr", native::fdivr, |a, b, c| soft::div(b, a, c));
}

#[test]
fn fsqrt() {
    check_register("fsqrt", native::fsqrt, |a, _, c| soft::sqrt(a, c));
}

#[test]
fn fscale() {
    check_register("fscale", native::fscale, soft::scale);
}

#[test]
fn frndint() {
    check_register("frndint", native::frndint, |a, _, c| soft::round_to_integer(a, c));
}

#[test]
fn fprem() {
    check_register("fprem", native::fprem, soft::remainder_truncating);
}

#[test]
fn fprem1() {
    check_register("fprem1", native::fprem1, soft::remainder_nearest);
}

#[test]
fn fxtract() {
    check_register("fxtract", native::fxtract_significand, |a, _, c| {
        soft::extract(a, c).map(|x| x.significand)
    });
    check_final("fxtract", native::fxtract_exponent, |a, b, c| {
        // Where an unmasked exception keeps the stack as it was, FXCH brings up the operand below.
        let outcome = soft::extract(a, c);
        if outcome.is_written(c.unmasked()) {
            outcome.map(|x| x.exponent)
        } else {
            Outcome::new(b, outcome.raised)
        }
    });
}

#[test]
fn comparisons() {
    let check = |name, hardware, quiet, zero: bool| {
        check_register(name, hardware, |a, b, c| {
            let b = if zero { F80::ZERO } else { b };
            let outcome = soft::compare(a, b, quiet, c);
            Outcome::new(a, outcome.raised | outcome.value.condition_codes())
        });
    };
    check("fcom", native::fcom, Quiet::No, false);
    check("fucom", native::fucom, Quiet::Yes, false);
    check("ftst", native::ftst, Quiet::No, true);
}

#[test]
fn fxam() {
    check_register("fxam", native::fxam, |a, _, _| Outcome::new(a, soft::examine(a)));
}

fn check_store(
    name: &'static str,
    hardware: fn(F80, u16) -> (u128, u16),
    bytes: u32,
    software: impl Fn(F80, Control) -> Outcome<u128>,
) {
    let mut report = Report::new(name);
    let mut source = source(name);
    let filler = u128::from_le_bytes([0xaa; 16]);
    let mask = u128::MAX >> (128 - 8 * bytes);
    for _ in 0..cases() {
        let a = source.extended();
        let control = source.control();
        let (stored, status) = hardware(a, control);
        let outcome = software(a, Control(control));
        let blocking = Status::BEFORE | Status::OE | Status::UE;
        let written = (outcome.raised & Control(control).unmasked() & blocking).is_empty();
        let expected = if written { outcome.value & mask | filler & !mask } else { filler };
        if stored != expected || status & DECIDED != outcome.raised.0 {
            report.differ(|| {
                format!(
                    "{a:?} cw={control:04x}: hardware {stored:x} {:?}, software {expected:x} {:?}",
                    Status(status & DECIDED),
                    outcome.raised
                )
            });
        }
    }
}

#[test]
fn stores() {
    check_store("fst32", native::fst32, 4, |a, c| soft::to_float::<Binary32>(a, c).map(u128::from));
    check_store("fst64", native::fst64, 8, |a, c| soft::to_float::<Binary64>(a, c).map(u128::from));
    let image = |v: i64| u128::from(v.cast_unsigned());
    check_store("fist16", native::fist16, 2, |a, c| soft::to_integer(a, 16, c).map(image));
    check_store("fist32", native::fist32, 4, |a, c| soft::to_integer(a, 32, c).map(image));
    check_store("fistp64", native::fistp64, 8, |a, c| soft::to_integer(a, 64, c).map(image));
    check_store("fisttp16", native::fisttp16, 2, |a, _| soft::to_integer_truncating(a, 16).map(image));
    check_store("fisttp32", native::fisttp32, 4, |a, _| soft::to_integer_truncating(a, 32).map(image));
    check_store("fisttp64", native::fisttp64, 8, |a, _| soft::to_integer_truncating(a, 64).map(image));
    check_store("fbstp", native::fbstp, 10, soft::to_bcd);
}

fn check_load(
    name: &'static str,
    hardware: fn(u128, u16) -> Seen,
    operand: impl Fn(&mut Source) -> u128,
    software: impl Fn(u128) -> Outcome<F80>,
) {
    let mut report = Report::new(name);
    let mut source = source(name);
    for _ in 0..cases() {
        let bits = operand(&mut source);
        let control = source.control();
        let seen = hardware(bits, control);
        let outcome = software(bits);
        let unmasked = (outcome.raised & Control(control).unmasked() & Status::IE).0 != 0;
        // Nothing is pushed where IE is unmasked: the zero below is on top.
        let value = if unmasked { F80::ZERO } else { outcome.value };
        if seen.st0 != value || seen.status & DECIDED != outcome.raised.0 {
            report.differ(|| {
                format!(
                    "{bits:x} cw={control:04x}: hardware {:?} {:?}, software {value:?} {:?}",
                    seen.st0,
                    Status(seen.status & DECIDED),
                    outcome.raised
                )
            });
        }
    }
}

#[test]
fn loads() {
    check_load(
        "fld32",
        native::fld32,
        |s| u128::from(s.bits() >> 32),
        |b| soft::from_float::<Binary32>(b as u64),
    );
    check_load("fld64", native::fld64, |s| u128::from(s.bits()), |b| soft::from_float::<Binary64>(b as u64));
    let integer = |bits: u32| {
        move |b: u128| {
            Outcome::exact(soft::from_integer(((b as u64) << (64 - bits)).cast_signed() >> (64 - bits)))
        }
    };
    check_load("fild16", native::fild16, |s| u128::from(s.bits()), integer(16));
    check_load("fild32", native::fild32, |s| u128::from(s.bits()), integer(32));
    check_load("fild64", native::fild64, |s| u128::from(s.bits()), integer(64));
    let decimal = |s: &mut Source| {
        let mut image = u128::from(s.bits()) << 64;
        for place in 0..18 {
            image |= u128::from(s.below(10)) << (4 * place);
        }
        image & !(0xff << 72) | u128::from(s.below(256)) << 72
    };
    check_load("fbld", native::fbld, decimal, |b| Outcome::exact(soft::from_bcd(b)));
}
