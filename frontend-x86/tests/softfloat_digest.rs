//! The soft-float core gives the same results on every host: digests of many results, recorded on x86-64, where
//! `softfloat_native` compares the same operations with the processor.
//!
//! A change that is meant to change results changes a digest; `cargo test -p frontend-x86 --test softfloat_digest` prints the new one.
#![expect(clippy::cast_possible_truncation, reason = "random bits are cut to size")]

#[path = "softfloat_native/operands.rs"]
mod operands;

use frontend_x86::helpers::softfloat::sse::{self, Predicate};
use frontend_x86::helpers::softfloat::x87::{self, Quiet};
use frontend_x86::helpers::softfloat::{Binary32, Binary64, Control, F80, Format, Mxcsr, Outcome, Rounding};
use operands::Source;

/// FNV-1a over 64-bit words.
struct Digest(u64);

impl Digest {
    fn word(&mut self, word: u64) {
        for byte in word.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    fn extended(&mut self, outcome: Outcome<F80>) {
        self.word(outcome.value.sig);
        self.word(u64::from(outcome.value.se) | u64::from(outcome.raised.0) << 16);
    }
    fn bits(&mut self, outcome: Outcome<u64>) {
        self.word(outcome.value);
        self.word(u64::from(outcome.raised.0));
    }
}

fn check(name: &str, recorded: u64, mut one: impl FnMut(&mut Source, &mut Digest)) {
    let mut source = Source::with_seed(name.bytes().map(u64::from).sum());
    let mut digest = Digest(0xcbf2_9ce4_8422_2325);
    for _ in 0..20_000 {
        one(&mut source, &mut digest);
    }
    assert_eq!(digest.0, recorded, "{name}: the digest is {:#018x}", digest.0);
}

#[test]
fn x87_arithmetic() {
    check("x87 arithmetic", 0xe9a5_8413_bf02_8c29, |s, d| {
        let ((a, b), c) = (s.extended_pair(), Control(s.control()));
        d.extended(x87::add(a, b, c));
        d.extended(x87::sub(a, b, c));
        d.extended(x87::mul(a, b, c));
        d.extended(x87::div(a, b, c));
        d.extended(x87::sqrt(a, c));
        d.extended(x87::scale(a, b, c));
        d.extended(x87::round_to_integer(a, c));
        d.extended(x87::remainder_truncating(a, b, c));
        d.extended(x87::remainder_nearest(a, b, c));
        let parts = x87::extract(a, c);
        d.extended(parts.map(|p| p.exponent));
        d.extended(parts.map(|p| p.significand));
        d.bits(x87::compare(a, b, Quiet::No, c).map(|r| u64::from(r.eflags())));
        d.word(u64::from(x87::examine(a).0));
    });
}

#[test]
fn x87_conversions() {
    check("x87 conversions", 0x7431_4162_1249_c776, |s, d| {
        let (a, c, bits) = (s.extended(), Control(s.control()), s.bits());
        d.bits(x87::to_float::<Binary32>(a, c));
        d.bits(x87::to_float::<Binary64>(a, c));
        for width in [16, 32, 64] {
            d.bits(x87::to_integer(a, width, c).map(i64::cast_unsigned));
            d.bits(x87::to_integer_truncating(a, width).map(i64::cast_unsigned));
        }
        d.bits(x87::to_bcd(a, c).map(|v| v as u64 ^ (v >> 64) as u64));
        d.extended(x87::from_float::<Binary32>(bits >> 32));
        d.extended(x87::from_float::<Binary64>(bits));
        d.extended(Outcome::exact(x87::from_integer(bits.cast_signed())));
        d.extended(Outcome::exact(x87::from_bcd(u128::from(bits) << 8 & 0x9999_9999_9999)));
    });
}

#[test]
fn x87_transcendental() {
    check("x87 transcendental", 0x5045_1741_7eee_2ae4, |s, d| {
        let ((a, b), c) = (s.extended_pair(), Control(s.control()));
        d.extended(x87::sine(a, c));
        d.extended(x87::cosine(a, c));
        d.extended(x87::tangent(a, c));
        d.extended(x87::arctangent(a, b, c));
        d.extended(x87::power_of_two_minus_one(a, c));
        d.extended(x87::y_log2_x(a, b, c));
        d.extended(x87::y_log2_x_plus_one(a, b, c));
    });
}

fn sse_format<F: Format>(s: &mut Source, d: &mut Digest) {
    let ((a, b), m) = (s.float_pair::<F>(), Mxcsr(s.mxcsr()));
    d.bits(sse::add::<F>(a, b, m));
    d.bits(sse::sub::<F>(a, b, m));
    d.bits(sse::mul::<F>(a, b, m));
    d.bits(sse::div::<F>(a, b, m));
    d.bits(sse::sqrt::<F>(b, m));
    d.bits(sse::min::<F>(a, b, m));
    d.bits(sse::max::<F>(a, b, m));
    d.bits(sse::compare::<F>(a, b, Predicate::from_code(s.below(8) as u32), m));
    d.bits(sse::relation::<F>(a, b, Quiet::Yes, m).map(|r| u64::from(r.eflags())));
    let rounding = Rounding::from_code(s.below(4) as u32);
    d.bits(sse::to_integer::<F>(a, rounding, m).map(|v| u64::from(v.cast_unsigned())));
    d.bits(sse::round_to_integral::<F>(a, rounding, m));
    d.bits(sse::from_integer::<F>(i64::from((s.next() as u32).cast_signed()), m));
}

#[test]
fn sse_single() {
    check("sse single", 0x8cd8_f820_7469_56a4, |s, d| {
        sse_format::<Binary32>(s, d);
        let (a, m) = (s.float::<Binary32>(), Mxcsr(s.mxcsr()));
        d.bits(sse::convert::<Binary32, Binary64>(a, m));
        d.bits(sse::reciprocal(a));
        d.bits(sse::reciprocal_root(a));
    });
}

#[test]
fn sse_double() {
    check("sse double", 0x09f4_6c38_f5d5_b91b, |s, d| {
        sse_format::<Binary64>(s, d);
        let (a, m) = (s.float::<Binary64>(), Mxcsr(s.mxcsr()));
        d.bits(sse::convert::<Binary64, Binary32>(a, m));
    });
}
