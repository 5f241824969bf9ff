//! FBLD and FBSTP: 18 packed decimal digits, low first, and a sign byte.

use super::super::control::Control;
use super::super::extended::{F80, Operand};
use super::super::round;
use super::super::status::{Outcome, Status};
use super::convert::from_integer;

/// What FBSTP stores for an invalid operand.
const INDEFINITE: u128 = 0xffff_c000_0000_0000_0000;
/// The first magnitude that 18 digits cannot hold.
const LIMIT: u64 = 1_000_000_000_000_000_000;

/// `FBLD` — from the low 80 bits of `image`; exact, −0 included. Digits above 9 count with their binary value, as the
/// hardware has it.
#[must_use]
pub const fn from_bcd(image: u128) -> F80 {
    let mut magnitude = 0u64;
    let mut place = 18;
    while place > 0 {
        place -= 1;
        let digit = ((image >> (4 * place)) & 0xf) as u64;
        magnitude = magnitude.wrapping_mul(10).wrapping_add(digit);
    }
    let negative = image >> 79 & 1 != 0;
    from_integer(magnitude.cast_signed()).negate_if(negative)
}

/// `FBSTP` — to 18 digits, rounded by the rounding control; the low 80 bits are what is stored.
#[must_use]
pub fn to_bcd(a: F80, control: Control) -> Outcome<u128> {
    let sign = u128::from(a.sign()) << 79;
    match a.operand() {
        Operand::Zero => Outcome::exact(sign),
        Operand::Finite(f) | Operand::Denormal(f) => {
            match round::to_integer(f.to_real(), control.rounding()) {
                Some((magnitude, raised)) if magnitude < LIMIT => {
                    Outcome::new(sign | digits(magnitude), raised)
                }
                _ => Outcome::new(INDEFINITE, Status::IE),
            }
        }
        _ => Outcome::new(INDEFINITE, Status::IE),
    }
}

fn digits(mut magnitude: u64) -> u128 {
    let mut image = 0;
    let mut place = 0;
    while magnitude != 0 {
        image |= u128::from(magnitude % 10) << (4 * place);
        magnitude /= 10;
        place += 1;
    }
    image
}
