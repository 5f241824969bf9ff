//! The rounds of AES. FIPS 197; SDM vol. 1, 12.13.
//!
//! A state is 16 bytes, four columns of four rows: byte 4·c + r of the vector is row r of column c. Tables give a
//! byte's part of a column after SubBytes and MixColumns; the other rows' parts are the same, rotated.

#![expect(clippy::cast_possible_truncation, reason = "columns and bytes are cut out of the state")]

/// Multiplication by x in GF(2⁸) modulo x⁸ + x⁴ + x³ + x + 1.
const fn double(a: u8) -> u8 {
    a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 }
}

/// Multiplication in that field.
#[must_use]
pub const fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 != 0 {
            product ^= a;
        }
        a = double(a);
        b >>= 1;
    }
    product
}

/// The inverse in that field, which is a²⁵⁴ = a² · a⁴ · … · a¹²⁸, and 0 for 0.
#[must_use]
pub const fn invert(a: u8) -> u8 {
    let (mut power, mut inverse, mut n) = (a, 1, 1);
    while n < 8 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
        n += 1;
    }
    inverse
}

/// SubBytes of one byte: the inverse, then an affine map. FIPS 197, 5.1.1.
const fn substitute(a: u8) -> u8 {
    let b = invert(a);
    b ^ b.rotate_left(1) ^ b.rotate_left(2) ^ b.rotate_left(3) ^ b.rotate_left(4) ^ 0x63
}

const SUBSTITUTE: [u8; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        table[n] = substitute(n as u8);
        n += 1;
    }
    table
};

const RESTORE: [u8; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        table[SUBSTITUTE[n] as usize] = n as u8;
        n += 1;
    }
    table
};

/// The column that a byte in row 0 contributes, if `bytes` is done to it first.
const fn columns(bytes: Option<&[u8; 256]>, factors: [u8; 4]) -> [u32; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let b = match bytes {
            Some(bytes) => bytes[n],
            None => n as u8,
        };
        let [f0, f1, f2, f3] = factors;
        table[n] = u32::from_le_bytes([multiply(b, f0), multiply(b, f1), multiply(b, f2), multiply(b, f3)]);
        n += 1;
    }
    table
}

/// The first columns of the matrices of MixColumns and InvMixColumns.
const MIX: [u8; 4] = [2, 1, 1, 3];
const UNMIX: [u8; 4] = [14, 9, 13, 11];

static ENCRYPT: [u32; 256] = columns(Some(&SUBSTITUTE), MIX);
static ENCRYPT_LAST: [u32; 256] = columns(Some(&SUBSTITUTE), [1, 0, 0, 0]);
static DECRYPT: [u32; 256] = columns(Some(&RESTORE), UNMIX);
static DECRYPT_LAST: [u32; 256] = columns(Some(&RESTORE), [1, 0, 0, 0]);
static UNMIX_COLUMNS: [u32; 256] = columns(None, UNMIX);

/// The state of which row r of column c comes from row r of column c + r·`shift`, through a table.
fn pass(state: u128, shift: usize, table: &[u32; 256]) -> u128 {
    let bytes = state.to_le_bytes();
    (0..4).fold(0, |all, c| {
        let column = (0..4).fold(0, |column, r| {
            let from = bytes[4 * ((c + r * shift) % 4) + r];
            column ^ table[usize::from(from)].rotate_left(8 * r as u32)
        });
        all | u128::from(column) << (32 * c)
    })
}

/// To the left by a row's number, to the right, and not at all.
const LEFT: usize = 1;
const RIGHT: usize = 3;
const STAY: usize = 0;

/// ShiftRows, SubBytes, MixColumns, AddRoundKey.
#[must_use]
pub fn encrypt(state: u128, key: u128) -> u128 {
    pass(state, LEFT, &ENCRYPT) ^ key
}

/// The same without MixColumns.
#[must_use]
pub fn encrypt_last(state: u128, key: u128) -> u128 {
    pass(state, LEFT, &ENCRYPT_LAST) ^ key
}

/// InvShiftRows, InvSubBytes, InvMixColumns, AddRoundKey.
#[must_use]
pub fn decrypt(state: u128, key: u128) -> u128 {
    pass(state, RIGHT, &DECRYPT) ^ key
}

/// The same without InvMixColumns.
#[must_use]
pub fn decrypt_last(state: u128, key: u128) -> u128 {
    pass(state, RIGHT, &DECRYPT_LAST) ^ key
}

/// InvMixColumns.
#[must_use]
pub fn unmix(key: u128) -> u128 {
    pass(key, STAY, &UNMIX_COLUMNS)
}

/// SubWord of the words 1 and 3, each followed by the same rotated, with the round's constant.
#[must_use]
pub fn key_assist(key: u128, constant: u8) -> u128 {
    let pair = |word: u32| {
        let substituted = u32::from_le_bytes(word.to_le_bytes().map(|b| SUBSTITUTE[usize::from(b)]));
        let rotated = substituted.rotate_right(8) ^ u32::from(constant);
        u128::from(substituted) | u128::from(rotated) << 32
    };
    pair((key >> 32) as u32) | pair((key >> 96) as u32) << 64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 197, appendix B: the first round, and the key expansion's first step of appendix A.1.
    #[test]
    fn the_standards_example() {
        let state = u128::from_be_bytes([
            0x19, 0x3d, 0xe3, 0xbe, 0xa0, 0xf4, 0xe2, 0x2b, 0x9a, 0xc6, 0x8d, 0x2a, 0xe9, 0xf8, 0x48, 0x08,
        ]);
        let key = 0xa0fa_fe17_8854_2cb1_23a3_3939_2a6c_7605_u128;
        let next = encrypt(state.swap_bytes(), key.swap_bytes()).swap_bytes();
        assert_eq!(next, 0xa49c_7ff2_689f_352b_6b5b_ea43_026a_5049);
        let assisted = key_assist(u128::from(0x09cf_4f3c_u32.swap_bytes()) << 96, 1);
        // RotWord before SubWord in the standard, which is the same.
        assert_eq!(((assisted >> 96) as u32).swap_bytes(), 0x8b84_eb01);
    }

    #[test]
    fn decryption_undoes_encryption() {
        let (state, key) =
            (0x0011_2233_4455_6677_8899_aabb_ccdd_eeff, 0x0f1e_2d3c_4b5a_6978_8796_a5b4_c3d2_e1f0);
        assert_eq!(decrypt_last(encrypt_last(state, key) ^ key, 0), state);
        // The equivalent inverse cipher: the key goes through InvMixColumns.
        let mixed = encrypt(state, key);
        assert_eq!(decrypt_last(unmix(mixed) ^ unmix(key), 0), state);
        assert_eq!(decrypt(encrypt_last(state, 0), 0), unmix(state));
    }
}
