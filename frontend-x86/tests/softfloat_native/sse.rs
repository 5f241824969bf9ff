//! SSE operations.

use crate::native_sse::{self as native, Seen};
use crate::operands::Source;
use crate::report::{Report, cases, source};
use frontend_x86::helpers::softfloat::sse::{self as soft, Packed, Predicate};
use frontend_x86::helpers::softfloat::x87::{Quiet, Relation};
use frontend_x86::helpers::softfloat::{Binary32, Binary64, Format, Mxcsr, Outcome, Rounding};

/// CF, PF, AF, ZF, SF, OF.
const ARITHMETIC: u64 = 0x8d5;

/// Runs an operation whose result is in the low `bits` of XMM0; the bits above come from a.
fn check_wide(
    name: &'static str,
    bits: u32,
    hardware: fn(u64, u64, u32) -> Seen,
    operands: impl Fn(&mut Source) -> (u64, u64),
    software: impl Fn(u64, u64, &mut Packed, Mxcsr) -> u64,
) {
    let mut report = Report::new(name);
    let mut source = source(name);
    let mask = u64::MAX >> (64 - bits);
    for _ in 0..cases() {
        let (a, b) = operands(&mut source);
        let mxcsr = source.mxcsr();
        let seen = hardware(a, b, mxcsr);
        let mut packed = Packed::new(Mxcsr(mxcsr));
        let result = software(a, b, &mut packed, Mxcsr(mxcsr));
        let (after, trapped) = packed.finish();
        let value = if trapped { a } else { result & mask | a & !mask };
        if (seen.value, seen.mxcsr, seen.trapped) != (value, after.0, trapped) {
            report.differ(|| {
                format!(
                    "{a:016x}, {b:016x} mxcsr={mxcsr:04x}: {seen:x?}, software {value:x} {:x} {trapped}",
                    after.0
                )
            });
        }
    }
}

fn check<F: Format>(
    name: &'static str,
    hardware: fn(u64, u64, u32) -> Seen,
    software: impl Fn(u64, u64, Mxcsr) -> Outcome<u64>,
) {
    check_wide(name, F::BITS, hardware, Source::float_pair::<F>, |a, b, p, m| p.take(software(a, b, m)));
}

#[test]
fn single_arithmetic() {
    check::<Binary32>("addss", native::addss, soft::add::<Binary32>);
    check::<Binary32>("subss", native::subss, soft::sub::<Binary32>);
    check::<Binary32>("mulss", native::mulss, soft::mul::<Binary32>);
    check::<Binary32>("divss", native::divss, soft::div::<Binary32>);
    check::<Binary32>("minss", native::minss, soft::min::<Binary32>);
    check::<Binary32>("maxss", native::maxss, soft::max::<Binary32>);
    check::<Binary32>("sqrtss", native::sqrtss, |_, b, m| soft::sqrt::<Binary32>(b, m));
}

#[test]
fn double_arithmetic() {
    check::<Binary64>("addsd", native::addsd, soft::add::<Binary64>);
    check::<Binary64>("subsd", native::subsd, soft::sub::<Binary64>);
    check::<Binary64>("mulsd", native::mulsd, soft::mul::<Binary64>);
    check::<Binary64>("divsd", native::divsd, soft::div::<Binary64>);
    check::<Binary64>("minsd", native::minsd, soft::min::<Binary64>);
    check::<Binary64>("maxsd", native::maxsd, soft::max::<Binary64>);
    check::<Binary64>("sqrtsd", native::sqrtsd, |_, b, m| soft::sqrt::<Binary64>(b, m));
}

fn check_relation<F: Format>(name: &'static str, quiet: Quiet, hardware: fn(u64, u64, u32) -> Seen) {
    let mut report = Report::new(name);
    let mut source = source(name);
    for _ in 0..cases() {
        let (a, b) = source.float_pair::<F>();
        let mxcsr = source.mxcsr();
        let seen = hardware(a, b, mxcsr);
        let mut packed = Packed::new(Mxcsr(mxcsr));
        let relation: Relation = packed.take(soft::relation::<F>(a, b, quiet, Mxcsr(mxcsr)));
        let (after, trapped) = packed.finish();
        let flags_agree = trapped || seen.eflags & ARITHMETIC == u64::from(relation.eflags());
        if !flags_agree || (seen.mxcsr, seen.trapped) != (after.0, trapped) {
            report.differ(|| {
                format!(
                    "{a:x}, {b:x} mxcsr={mxcsr:04x}: {seen:x?}, software {relation:?} {:x} {trapped}",
                    after.0
                )
            });
        }
    }
}

#[test]
fn ordered_comparisons() {
    check_relation::<Binary32>("comiss", Quiet::No, native::comiss);
    check_relation::<Binary32>("ucomiss", Quiet::Yes, native::ucomiss);
    check_relation::<Binary64>("comisd", Quiet::No, native::comisd);
    check_relation::<Binary64>("ucomisd", Quiet::Yes, native::ucomisd);
}

#[test]
fn predicates() {
    let single = |name, predicate, hardware| {
        check::<Binary32>(name, hardware, |a, b, m| soft::compare::<Binary32>(a, b, predicate, m));
    };
    single("cmpeqss", Predicate::Eq, native::cmpeqss);
    single("cmpltss", Predicate::Lt, native::cmpltss);
    single("cmpless", Predicate::Le, native::cmpless);
    single("cmpunordss", Predicate::Unord, native::cmpunordss);
    let double = |name, predicate, hardware| {
        check::<Binary64>(name, hardware, |a, b, m| soft::compare::<Binary64>(a, b, predicate, m));
    };
    double("cmpneqsd", Predicate::Neq, native::cmpneqsd);
    double("cmpnltsd", Predicate::Nlt, native::cmpnltsd);
    double("cmpnlesd", Predicate::Nle, native::cmpnlesd);
    double("cmpordsd", Predicate::Ord, native::cmpordsd);
}

#[test]
fn conversions_between_formats() {
    check_wide(
        "cvtss2sd",
        64,
        native::cvtss2sd,
        |s| (s.next(), s.float::<Binary32>()),
        |_, b, p, m| p.take(soft::convert::<Binary32, Binary64>(b, m)),
    );
    check_wide(
        "cvtsd2ss",
        32,
        native::cvtsd2ss,
        |s| {
            // Half of them near the range of binary32.
            let b = s.float::<Binary64>();
            let near = 1023 - 150 + s.below(280);
            (s.next(), if s.below(2) == 0 { b } else { b & !Binary64::INFINITY | near << 52 })
        },
        |_, b, p, m| p.take(soft::convert::<Binary64, Binary32>(b, m)),
    );
}

#[test]
fn conversions_with_integers() {
    type Hardware = fn(u64, u64, u32) -> Seen;
    let to = |name,
              hardware: Hardware,
              software: fn(u64, Mxcsr) -> Outcome<i32>,
              operand: fn(&mut Source) -> u64| {
        let mut report = Report::new(name);
        let mut source = source(name);
        for _ in 0..cases() {
            let (b, mxcsr) = (operand(&mut source), source.mxcsr());
            let seen = hardware(1, b, mxcsr);
            let mut packed = Packed::new(Mxcsr(mxcsr));
            let value = packed.take(software(b, Mxcsr(mxcsr)));
            let (after, trapped) = packed.finish();
            let value = if trapped { 1 } else { u64::from(value.cast_unsigned()) };
            if (seen.value, seen.mxcsr, seen.trapped) != (value, after.0, trapped) {
                report.differ(|| {
                    format!("{b:x} mxcsr={mxcsr:04x}: {seen:x?}, software {value:x} {:x}", after.0)
                });
            }
        }
    };
    let (single, double) = (Source::float::<Binary32>, Source::float::<Binary64>);
    to("cvtss2si", native::cvtss2si, |b, m| soft::to_integer::<Binary32>(b, m.rounding(), m), single);
    to("cvttss2si", native::cvttss2si, |b, m| soft::to_integer::<Binary32>(b, Rounding::Zero, m), single);
    to("cvtsd2si", native::cvtsd2si, |b, m| soft::to_integer::<Binary64>(b, m.rounding(), m), double);
    to("cvttsd2si", native::cvttsd2si, |b, m| soft::to_integer::<Binary64>(b, Rounding::Zero, m), double);
    let integer = |s: &mut Source| (s.next(), s.bits() >> 32);
    let value = |b: u64| i64::from((b as u32).cast_signed());
    check_wide("cvtsi2ss", 32, native::cvtsi2ss, integer, |_, b, p, m| {
        p.take(soft::from_integer::<Binary32>(value(b), m))
    });
    check_wide("cvtsi2sd", 64, native::cvtsi2sd, integer, |_, b, p, m| {
        p.take(soft::from_integer::<Binary64>(value(b), m))
    });
}

#[test]
fn rounding_to_integral() {
    let single = |name, rounding, hardware| {
        check::<Binary32>(name, hardware, |_, b, m| soft::round_to_integral::<Binary32>(b, rounding, m));
    };
    single("roundss 0", Rounding::Nearest, native::roundss_nearest);
    single("roundss 1", Rounding::Down, native::roundss_down);
    single("roundss 2", Rounding::Up, native::roundss_up);
    single("roundss 3", Rounding::Zero, native::roundss_zero);
    check::<Binary64>("roundsd 4", native::roundsd_mxcsr, |_, b, m| {
        soft::round_to_integral::<Binary64>(b, m.rounding(), m)
    });
}

#[test]
fn packed_exceptions_are_gathered() {
    let pair = |s: &mut Source| {
        let ((a, b), (c, d)) = (s.float_pair::<Binary32>(), s.float_pair::<Binary32>());
        (a | c << 32, b | d << 32)
    };
    let packed = |name, hardware, software: fn(u64, u64, Mxcsr) -> Outcome<u64>| {
        check_wide(name, 64, hardware, pair, |a, b, p, m| {
            let low = p.take(software(a & 0xffff_ffff, b & 0xffff_ffff, m));
            // The upper half of the register is +0 in both operands; 0 ÷ 0 would raise IE.
            low | p.take(software(a >> 32, b >> 32, m)) << 32
        });
    };
    packed("addps", native::addps, soft::add::<Binary32>);
    packed("mulps", native::mulps, soft::mul::<Binary32>);
}
