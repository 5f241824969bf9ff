//! Transcendental functions: within one unit of the last place of the hardware's, special values exactly.

use crate::native_x87::{self as native, Seen};
use crate::operands::Source;
use crate::report::{Report, cases, source};
use frontend_x86::helpers::softfloat::x87 as soft;
use frontend_x86::helpers::softfloat::{Control, F80, Outcome, Status};

/// IE … PE and C2; C1 follows the rounding, which may differ.
const COMPARED: u16 = 0x043f;

/// Numbers in order; neighbours differ by one.
fn position(v: F80) -> i128 {
    let magnitude = if v.se & 0x7fff == 0 { v.sig } else { v.sig & !(1 << 63) };
    let key = i128::from(v.se & 0x7fff) << 63 | i128::from(magnitude & !(1 << 63));
    if v.sign() { -key } else { key }
}

fn close(a: F80, b: F80) -> bool {
    a == b || a.is_nan() == b.is_nan() && (position(a) - position(b)).abs() <= 1
}

/// An operation that keeps ST(0) as it was where an unmasked exception forbids to write it.
fn check(
    name: &'static str,
    operands: impl Fn(&mut Source) -> (F80, F80),
    hardware: fn(F80, F80, u16) -> Seen,
    software: impl Fn(F80, F80, Control) -> Outcome<F80>,
) {
    check_final(name, operands, hardware, |a, b, control| {
        let outcome = software(a, b, control);
        if outcome.is_written(control.unmasked()) { outcome } else { Outcome::new(a, outcome.raised) }
    });
}

fn check_final(
    name: &'static str,
    operands: impl Fn(&mut Source) -> (F80, F80),
    hardware: fn(F80, F80, u16) -> Seen,
    software: impl Fn(F80, F80, Control) -> Outcome<F80>,
) {
    let mut report = Report::new(name);
    let mut source = source(name);
    let mut equal = 0;
    let cases = cases() / 4;
    for _ in 0..cases {
        let (a, b) = operands(&mut source);
        let control = source.control();
        let seen = hardware(a, b, control);
        let outcome = software(a, b, Control(control));
        let value = outcome.value;
        equal += u64::from(seen.st0 == value);
        if !close(seen.st0, value) || seen.status & COMPARED != outcome.raised.0 & COMPARED {
            report.differ(|| {
                format!(
                    "{a:?}, {b:?} cw={control:04x}: hardware {:?} {:?}, software {value:?} {:?}",
                    seen.st0,
                    Status(seen.status & COMPARED),
                    outcome.raised
                )
            });
        }
    }
    eprintln!("{name}: {equal} of {cases} equal");
}

fn any(source: &mut Source) -> (F80, F80) {
    source.extended_pair()
}

/// |a| below 2^`above`, b anything ordinary.
fn up_to(above: u16) -> impl Fn(&mut Source) -> (F80, F80) {
    move |source| {
        let (mut a, b) = source.extended_pair();
        a.se = a.se & 0x8000 | (0x3fff + above - 1 - source.below(80) as u16);
        a.sig |= 1 << 63;
        (a, b)
    }
}

/// FPTAN and FXCH; where FPTAN pushes nothing, FXCH brings up the operand below.
fn tangent(a: F80, b: F80, control: Control) -> Outcome<F80> {
    let outcome = soft::tangent(a, control);
    let pushed = outcome.is_written(control.unmasked()) && !outcome.raised.contains(Status::C2);
    Outcome::new(if pushed { outcome.value } else { b }, outcome.raised)
}

#[test]
fn fsin_fcos_fptan() {
    check("fsin", any, native::fsin, |a, _, c| soft::sine(a, c));
    check("fcos", any, native::fcos, |a, _, c| soft::cosine(a, c));
    check_final("fptan", any, native::fptan_tangent, tangent);
    check("fsin", up_to(64), native::fsin, |a, _, c| soft::sine(a, c));
    check("fcos", up_to(64), native::fcos, |a, _, c| soft::cosine(a, c));
    check_final("fptan", up_to(64), native::fptan_tangent, tangent);
}

#[test]
fn fpatan() {
    check("fpatan", any, native::fpatan, |a, b, c| soft::arctangent(b, a, c));
}

#[test]
fn f2xm1() {
    check("f2xm1", up_to(1), native::f2xm1, |a, _, c| soft::power_of_two_minus_one(a, c));
    check("f2xm1", any, native::f2xm1, |a, _, c| soft::power_of_two_minus_one(a, c));
}

#[test]
fn fyl2x() {
    check("fyl2x", any, native::fyl2x, |a, b, c| soft::y_log2_x(b, a, c));
}

#[test]
fn fyl2xp1() {
    check("fyl2xp1", any, native::fyl2xp1, |a, b, c| soft::y_log2_x_plus_one(b, a, c));
}
