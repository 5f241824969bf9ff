//! Constants and coefficients in fixed point, computed by the compiler from their definitions.

use super::super::super::real::Real;
use super::wide::{Alternating, ONE, mul_fixed, series};

/// 1/1, 1/3, 1/5, …
pub(super) const INVERSE_ODD: [u128; 27] = {
    let mut table = [0; 27];
    let mut n = 0;
    while n < table.len() {
        table[n] = ONE / (2 * n as u128 + 1);
        n += 1;
    }
    table
};

/// 1/1!, 1/2!, 1/3!, …
pub(super) const INVERSE_FACTORIAL: [u128; 32] = {
    let mut table = [0; 32];
    let mut factorial = 1;
    let mut n = 0;
    while n < table.len() {
        factorial *= n as u128 + 1;
        table[n] = ONE / factorial;
        n += 1;
    }
    table
};

/// 1, 1/3!, 1/5!, … and 1, 1/2!, 1/4!, …
pub(super) const SINE: [u128; 14] = every_second(0);
/// See [`SINE`].
pub(super) const COSINE: [u128; 14] = {
    let odd = every_second(1);
    let mut table = [ONE; 14];
    let mut n = 1;
    while n < table.len() {
        table[n] = odd[n - 1];
        n += 1;
    }
    table
};

const fn every_second(first: usize) -> [u128; 14] {
    let mut table = [0; 14];
    let mut n = 0;
    while n < table.len() {
        table[n] = INVERSE_FACTORIAL[first + 2 * n];
        n += 1;
    }
    table
}

/// How finely [`ARCTANGENT`] divides 0 … 1.
pub(super) const ARCTANGENT_STEPS: u32 = 32;

/// arctan(i ÷ 32), by arctan(i+1 ÷ 32) − arctan(i ÷ 32) = arctan(32 ÷ (32² + i(i+1))).
pub(super) const ARCTANGENT: [u128; 33] = {
    let mut table = [0; 33];
    let mut i = 0;
    while i < 32 {
        let divisor = 1024 + i as u128 * (i as u128 + 1);
        let z = ONE / divisor * 32 + ONE % divisor * 32 / divisor;
        let step = mul_fixed(z, series(&INVERSE_ODD, mul_fixed(z, z), Alternating::Yes));
        table[i + 1] = table[i] + step;
        i += 1;
    }
    table
};

/// π ÷ 4
const QUARTER_PI: u128 = ARCTANGENT[32];
/// π
pub(super) const PI: Real = scaled(QUARTER_PI, 2);
/// π ÷ 2
pub(super) const HALF_PI: Real = scaled(QUARTER_PI, 1);
/// log 2 = 2 artanh(1/3)
pub(super) const LN_2: Real =
    scaled(mul_fixed(INVERSE_ODD[1], series(&INVERSE_ODD, ONE / 9, Alternating::No)), 1);

const fn scaled(fixed: u128, by: i32) -> Real {
    let r = Real::from_fixed(false, fixed);
    Real { exp: r.exp + by, ..r }
}
