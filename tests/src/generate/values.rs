//! Values that instructions find difficult, among ordinary ones.

use super::rng::Rng;
use crate::descriptors::{self, DESCRIPTORS};
use crate::layout::{CODE, CONST, DATA, HIGH, LOW, MIXED, PAGE, SELF, STACK, TLS, Window};

/// An integer of 32 bits; where only its low part is used, that part is interesting as well.
pub(super) fn integer(rng: &mut Rng) -> u32 {
    const EDGES: [u32; 24] = [
        0,
        1,
        2,
        3,
        u32::MAX,
        u32::MAX - 1,
        0x7f,
        0x80,
        0xff,
        0x100,
        0x7fff,
        0x8000,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_0001,
        0x5555_5555,
        0xaaaa_aaaa,
        0x8080_8080,
        0x7f7f_7f7f,
        0x8000_8000,
        0x0f0f_0f0f,
        0x9999_9999,
    ];
    match rng.below(8) {
        0..=2 => rng.pick(&EDGES),
        3 => 1 << rng.below(32),
        4 => (1u32 << rng.below(32)).wrapping_sub(1),
        5 => rng.below(64),
        _ => rng.next32(),
    }
}

/// A shift count: mostly around the widths.
pub(super) fn count(rng: &mut Rng) -> u32 {
    const EDGES: [u32; 16] = [0, 1, 2, 7, 8, 9, 15, 16, 17, 18, 30, 31, 32, 33, 64, 255];
    if rng.one_in(3) { rng.below(256) } else { rng.pick(&EDGES) }
}

/// An 80-bit image: every class the x87 knows.
pub(super) fn extended(rng: &mut Rng) -> u128 {
    let sign = u128::from(rng.next32() & 1) << 79;
    let fraction = match rng.below(4) {
        0 => 0,
        1 => rng.next64() & !0x7ff,
        2 => u64::from(rng.next32()) << 32,
        _ => rng.next64(),
    };
    let j = 1u64 << 63;
    let (exponent, mantissa): (u32, u64) = match rng.below(20) {
        0 => (0, 0),
        1 => (0, fraction & !j),                        // denormal
        2 => (0, fraction | j),                         // pseudo-denormal
        3 => (0x7fff, j),                               // infinity
        4 => (0x7fff, j | 1 << 62 | fraction),          // quiet NaN
        5 => (0x7fff, (j | fraction | 1) & !(1 << 62)), // signalling NaN
        6 => (0x7fff, fraction & !j),                   // pseudo-infinity, pseudo-NaN
        7 => (rng.below(0x7ffe) + 1, fraction & !j),    // unnormal
        8 => (0x3fff, j),                               // 1
        9 | 10 => {
            // a small integer
            let bits = rng.below(20);
            let n = u64::from(rng.below(1 << bits) + 1);
            (0x3fff + 63 - n.leading_zeros(), n << n.leading_zeros())
        }
        11 => (
            rng.pick(&[1, 2, 0x3f80, 0x3f81, 0x3c00, 0x3c01, 0x407e, 0x407f, 0x43fe, 0x43ff, 0x7ffe]),
            fraction | j,
        ),
        12 => (0x3fff + rng.below(66), fraction | j),
        13..=16 => (0x3fff - 40 + rng.below(80), fraction | j),
        _ => (rng.below(0x7ffe) + 1, fraction | j),
    };
    sign | u128::from(exponent) << 64 | u128::from(mantissa)
}

/// A 32-bit float's bits.
pub(super) fn single(rng: &mut Rng) -> u32 {
    const EDGES: [u32; 17] = [
        0,
        0x8000_0000,
        1,
        0x007f_ffff,
        0x0080_0000,
        0x3f80_0000,
        0xbf80_0000,
        0x7f7f_ffff,
        0x7f80_0000,
        0xff80_0000,
        0x7fc0_0000,
        0xffc1_2345,
        0x7f80_0001,
        0xffbf_ffff,
        0x4f00_0000,
        0xcf00_0000,
        0x3effffff,
    ];
    match rng.below(6) {
        0 | 1 => rng.pick(&EDGES),
        2 => (rng.below(2000) as f32 - 1000.0).to_bits(),
        3 => (rng.next32() & 0x807f_ffff) | (120 + rng.below(40)) << 23,
        4 => rng.next32() & 0x807f_ffff,
        _ => rng.next32(),
    }
}

/// A 64-bit float's bits.
pub(super) fn double(rng: &mut Rng) -> u64 {
    const EDGES: [u64; 14] = [
        0,
        1 << 63,
        1,
        0x000f_ffff_ffff_ffff,
        0x0010_0000_0000_0000,
        0x3ff0_0000_0000_0000,
        0x7fef_ffff_ffff_ffff,
        0x7ff0_0000_0000_0000,
        0xfff0_0000_0000_0000,
        0x7ff8_0000_0000_0000,
        0xfff8_0000_1234_5678,
        0x7ff0_0000_0000_0001,
        0x41e0_0000_0000_0000,
        0xc1e0_0000_0020_0000,
    ];
    match rng.below(6) {
        0 | 1 => rng.pick(&EDGES),
        2 => (f64::from(rng.below(2000)) - 1000.0).to_bits(),
        3 => (rng.next64() & 0x800f_ffff_ffff_ffff) | (1000 + u64::from(rng.below(80))) << 52,
        4 => f64::from(f32::from_bits(single(rng))).to_bits(),
        _ => rng.next64(),
    }
}

/// A vector: floats of both sizes, integers, or noise.
pub(super) fn vector(rng: &mut Rng) -> u128 {
    let kind = rng.below(5);
    (0..4).fold(0, |v, lane| {
        let low = match kind {
            0 | 1 => u128::from(single(rng)) << (32 * lane),
            2 if lane < 2 => u128::from(double(rng)) << (64 * lane),
            2 => 0,
            3 => u128::from(integer(rng)) << (32 * lane),
            _ => u128::from(rng.next32()) << (32 * lane),
        };
        v | low
    })
}

/// `n` bytes that make interesting operands of whatever size.
pub(super) fn bytes(rng: &mut Rng, n: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(n + 16);
    while out.len() < n {
        match rng.below(6) {
            0 => out.extend_from_slice(&integer(rng).to_le_bytes()),
            1 => out.extend_from_slice(&single(rng).to_le_bytes()),
            2 => out.extend_from_slice(&double(rng).to_le_bytes()),
            3 => out.extend_from_slice(&extended(rng).to_le_bytes()[..10]),
            4 => out.extend_from_slice(&rng.next64().to_le_bytes()),
            _ => out.extend_from_slice(&vector(rng).to_le_bytes()),
        }
    }
    out.truncate(n);
    out
}

fn inside(rng: &mut Rng, w: &Window, size: u32) -> u32 {
    let at = w.base + rng.below(w.len().saturating_sub(size).max(1));
    match rng.below(4) {
        0 => at,
        1 => at & !3,
        _ => at & !15,
    }
}

/// An address for an access of `size` bytes: mostly inside a window, sometimes at an edge, rarely anywhere.
pub(super) fn address(rng: &mut Rng, size: u32) -> u32 {
    let windows = [&DATA, &DATA, &STACK, &MIXED, &TLS, &HIGH, &CONST, &SELF, &CODE];
    match rng.below(32) {
        0 => rng.next32(),
        1 => integer(rng),
        2 | 3 => {
            // over, at, or just before an edge
            let w = windows[rng.below(windows.len() as u32) as usize];
            let edge = w.base + rng.pick(&[0, 1, w.pages]) * PAGE;
            edge.wrapping_add(rng.below(2 * size + 2)).wrapping_sub(2 * size)
        }
        4 | 5 => {
            let w = windows[rng.below(windows.len() as u32) as usize];
            inside(rng, w, size)
        }
        6 | 7 => inside(rng, &CONST, size),
        8 => inside(rng, &HIGH, size),
        _ => inside(rng, &DATA, size),
    }
}

/// A 16-bit address, mostly inside [`LOW`].
pub(super) fn address16(rng: &mut Rng, size: u32) -> u32 {
    match rng.below(8) {
        0 => rng.next32() & 0xffff,
        1 => (LOW.base + rng.pick(&[0, 1, 2]) * PAGE + rng.below(2 * size + 2) - 2 * size) & 0xffff,
        _ => inside(rng, &LOW, size),
    }
}

/// A selector, at times one of the test's own. Never the 64-bit code segment, which a 64-bit kernel would let through.
pub(super) fn selector(rng: &mut Rng) -> u16 {
    const LIST: [u16; 16] =
        [0, 1, 3, 0x23, 0x2b, 0x2b, 0x63, 0x28, 0x2a, 0x6b, 0x73, 0x10, 0x08, 0x07, 0x0f, 0xffff];
    if rng.one_in(3) {
        let own = descriptors::selector(rng.below(DESCRIPTORS.len() as u32 + 1) as usize);
        return if rng.one_in(8) { own & !3 | rng.below(4) as u16 } else { own };
    }
    rng.pick(&LIST)
}
