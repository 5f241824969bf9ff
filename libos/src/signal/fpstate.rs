//! The floating-point part of a signal frame: the old FSAVE form, then the FXSAVE image.
//!
//! # Source
//! `arch/x86/kernel/fpu/{signal,regset}.c`: `struct _fpstate_32`, `convert_from_fxsr`, `convert_to_fxsr`.

/// Bytes of an FXSAVE image.
pub const FXSAVE: usize = 512;
/// The same, as the guest counts.
pub const FXSAVE_BYTES: u32 = 512;
/// Bytes of the old form in front of it.
pub const LEGACY: usize = 112;
/// The same, as the guest counts.
pub const LEGACY_BYTES: u32 = 112;
/// Bytes of both.
pub const SIZE: usize = LEGACY + FXSAVE;

/// MXCSR bits a program may set.
const MXCSR_MASK: u32 = 0xffff;

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The state of a fresh unit: all exceptions masked, round to nearest, registers empty.
#[must_use]
pub const fn initial() -> [u8; FXSAVE] {
    let mut image = [0; FXSAVE];
    image[0] = 0x7f;
    image[1] = 0x03;
    image[24] = 0x80;
    image[25] = 0x1f;
    image
}

/// The two-bit tags of the old form: 0 valid, 1 zero, 2 special, 3 empty.
fn full_tags(image: &[u8; FXSAVE]) -> u16 {
    let top = u32::from(half(image, 2) >> 11 & 7);
    let mut tags = 0;
    for register in 0..8u32 {
        let tag = if image[4] >> register & 1 == 0 {
            3
        } else {
            // The image holds ST(i), the tags are of physical registers.
            let at = 32 + 16 * ((register + 8 - top) % 8) as usize;
            let exponent = half(image, at + 8) & 0x7fff;
            let mantissa = &image[at..at + 8];
            match exponent {
                0x7fff => 2,
                0 if mantissa.iter().all(|&b| b == 0) => 1,
                0 => 2,
                _ if mantissa[7] & 0x80 != 0 => 0,
                _ => 2,
            }
        };
        tags |= tag << (register * 2);
    }
    tags
}

/// Both forms of a state.
#[must_use]
pub fn encode(image: &[u8; FXSAVE]) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let mut put =
        |word: usize, value: u32| bytes[word * 4..word * 4 + 4].copy_from_slice(&value.to_le_bytes());
    let word = |at: usize| u32::from(half(image, at)) | u32::from(half(image, at + 2)) << 16;
    put(0, 0xffff_0000 | u32::from(half(image, 0)));
    put(1, 0xffff_0000 | u32::from(half(image, 2)));
    put(2, 0xffff_0000 | u32::from(full_tags(image)));
    put(3, word(8));
    put(4, u32::from(half(image, 12)) | u32::from(half(image, 6)) << 16);
    put(5, word(16));
    put(6, 0xffff_0000 | u32::from(half(image, 20)));
    for n in 0..8 {
        bytes[28 + n * 10..38 + n * 10].copy_from_slice(&image[32 + n * 16..42 + n * 16]);
    }
    bytes[108..110].copy_from_slice(&image[2..4]); // status; the magic of the FXSAVE form, 0, follows
    bytes[LEGACY..].copy_from_slice(image);
    bytes
}

/// The state a frame holds: x87 from the old form, as the kernel has it, the rest from the image.
#[must_use]
pub fn decode(bytes: &[u8; SIZE]) -> [u8; FXSAVE] {
    let mut image = [0; FXSAVE];
    image.copy_from_slice(&bytes[LEGACY..]);
    image[0..2].copy_from_slice(&bytes[0..2]);
    image[2..4].copy_from_slice(&bytes[4..6]);
    let tags = half(bytes, 8);
    image[4] = (0..8u8).fold(0, |all, n| all | u8::from(tags >> (n * 2) & 3 != 3) << n);
    image[5] = 0;
    image[6..8].copy_from_slice(&bytes[18..20]);
    image[8..12].copy_from_slice(&bytes[12..16]);
    image[12..14].copy_from_slice(&bytes[16..18]);
    image[16..20].copy_from_slice(&bytes[20..24]);
    image[20..22].copy_from_slice(&bytes[24..26]);
    for n in 0..8 {
        image[32 + n * 16..42 + n * 16].copy_from_slice(&bytes[28 + n * 10..38 + n * 10]);
    }
    let mxcsr = (u32::from(half(&image, 24)) | u32::from(half(&image, 26)) << 16) & MXCSR_MASK;
    image[24..28].copy_from_slice(&mxcsr.to_le_bytes());
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_returns_unchanged() {
        let mut image = initial();
        image[3] = 6 << 3; // TOP = 6: two registers in use
        image[4] = 0b1100_0000;
        image[32..42].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f]); // ST(0) = 1.0
        image[160..176].copy_from_slice(&[9; 16]);
        let bytes = encode(&image);
        // R6 valid, R7 zero, the others empty.
        assert_eq!(half(&bytes, 8), 0b0100_1111_1111_1111);
        assert_eq!(decode(&bytes), image);
    }
}
