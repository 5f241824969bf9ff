//! The floating-point part of a signal frame: the old FSAVE form, then the FXSAVE image, and on a processor with XSAVE
//! its header and a word that ends it.
//!
//! # Source
//! `arch/x86/kernel/fpu/{signal,regset,xstate}.c`: `struct _fpstate_32`, `convert_from_fxsr`, `convert_to_fxsr`,
//! `save_sw_bytes`, `check_xstate_in_sigframe`, `__fpu_restore_sig`, `copy_uabi_to_xstate`.

use alloc::vec::Vec;

use crate::error::Errno;

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
/// Bytes of XSAVE's header behind the image.
pub const HEADER: usize = 64;
/// Bytes of image and header, XSAVE's area.
const AREA_BYTES: u32 = 576;
/// Bytes of the word behind it.
const END_BYTES: u32 = 4;
/// `FP_XSTATE_MAGIC1`, in the image: there is more behind it.
const MAGIC1: u32 = 0x4650_5853;
/// `FP_XSTATE_MAGIC2`, which ends the area.
pub const MAGIC2: u32 = 0x4650_5845;
/// Where in the image `struct _fpx_sw_bytes` is: magic, size of all, components (64 bits), size of the area.
const SOFTWARE: usize = 464;
/// The components: x87 and SSE.
const COMPONENTS: u32 = 3;

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

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from(half(bytes, at)) | u32::from(half(bytes, at + 2)) << 16
}

/// Bytes that must lie between the place of the image, a multiple of 64, and the top of the stack.
#[must_use]
pub const fn room(extended: bool) -> u32 {
    if extended { AREA_BYTES + END_BYTES } else { FXSAVE_BYTES }
}

/// All forms of a state; `extended`: for a processor with XSAVE.
#[must_use]
pub fn encode(image: &[u8; FXSAVE], extended: bool) -> Vec<u8> {
    let mut bytes = both(image).to_vec();
    if extended {
        let all = LEGACY_BYTES + AREA_BYTES + END_BYTES;
        let software = [MAGIC1, all, COMPONENTS, 0, AREA_BYTES];
        for (n, value) in software.into_iter().enumerate() {
            let at = LEGACY + SOFTWARE + 4 * n;
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        bytes.resize(SIZE + HEADER, 0);
        // Both are said to be there, whatever is.
        bytes[SIZE..SIZE + 4].copy_from_slice(&COMPONENTS.to_le_bytes());
        bytes.extend(MAGIC2.to_le_bytes());
    }
    bytes
}

/// Both forms of a state.
fn both(image: &[u8; FXSAVE]) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let mut put =
        |word: usize, value: u32| bytes[word * 4..word * 4 + 4].copy_from_slice(&value.to_le_bytes());
    put(0, 0xffff_0000 | u32::from(half(image, 0)));
    put(1, 0xffff_0000 | u32::from(half(image, 2)));
    put(2, 0xffff_0000 | u32::from(full_tags(image)));
    put(3, word(image, 8));
    put(4, u32::from(half(image, 12)) | u32::from(half(image, 6)) << 16);
    put(5, word(image, 16));
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
    let mxcsr = word(&image, 24) & MXCSR_MASK;
    image[24..28].copy_from_slice(&mxcsr.to_le_bytes());
    image
}

/// What a frame says of an area behind its image: its size, and the components to take from it. `None`: there is none.
#[must_use]
pub fn area(bytes: &[u8; SIZE]) -> Option<(u32, u32)> {
    let software = |n: usize| word(bytes, LEGACY + SOFTWARE + 4 * n);
    let (size, all) = (software(4), software(1));
    (software(0) == MAGIC1 && size == AREA_BYTES && size <= all).then(|| (size, software(2)))
}

/// The state a frame of a processor with XSAVE holds. `header` is that of its area, with the components that are wanted,
/// where there is an area.
///
/// # Errors
/// `EINVAL` for what the processor would refuse.
pub fn decode_extended(
    bytes: &[u8; SIZE],
    header: Option<(&[u8; HEADER], u32)>,
) -> Result<[u8; FXSAVE], Errno> {
    let mut image = decode(bytes);
    let (there, wanted) = match header {
        Some((header, wanted)) => (word(header, 0), wanted),
        None => (COMPONENTS, COMPONENTS),
    };
    let reserved = header.is_some_and(|(h, _)| there & !COMPONENTS != 0 || h[4..].iter().any(|b| *b != 0));
    let mxcsr = word(bytes, LEGACY + 24);
    if reserved || there & 2 != 0 && mxcsr & !MXCSR_MASK != 0 {
        return Err(Errno::EINVAL);
    }
    let fresh = initial();
    if there & wanted & 1 == 0 {
        image[..24].copy_from_slice(&fresh[..24]);
        image[32..160].copy_from_slice(&fresh[32..160]);
    }
    if there & wanted & 2 == 0 {
        image[24..28].copy_from_slice(&fresh[24..28]);
        image[160..].copy_from_slice(&fresh[160..]);
    }
    Ok(image)
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
        let bytes = both(&image);
        assert_eq!(encode(&image, false), bytes);
        // R6 valid, R7 zero, the others empty.
        assert_eq!(half(&bytes, 8), 0b0100_1111_1111_1111);
        assert_eq!(decode(&bytes), image);
    }

    #[test]
    fn an_extended_frame_tells_its_size_and_ends_with_the_second_magic() {
        let bytes = encode(&initial(), true);
        assert_eq!(bytes.len(), SIZE + HEADER + 4);
        let first: [u8; SIZE] = bytes[..SIZE].try_into().unwrap();
        assert_eq!(area(&first), Some((576, 3)));
        assert_eq!(word(&bytes, LEGACY + 576), MAGIC2);
        assert_eq!(word(&bytes, LEGACY + SOFTWARE + 4), u32::try_from(bytes.len()).unwrap());
        assert_eq!(word(&bytes, SIZE), 3);
        let mut other = first;
        other[LEGACY + SOFTWARE] ^= 1;
        assert_eq!(area(&other), None);
    }

    #[test]
    fn components_that_are_not_there_become_initial() {
        let mut image = initial();
        image[0] = 0x7e;
        image[4] = 1;
        image[40] = 5;
        image[25] = 0x3f;
        image[160] = 9;
        let bytes: [u8; SIZE] = encode(&image, true)[..SIZE].try_into().unwrap();
        let taken = |there: u8, wanted| {
            let mut header = [0; HEADER];
            header[0] = there;
            decode_extended(&bytes, Some((&header, wanted)))
        };
        let parts = |i: [u8; FXSAVE]| (i[0], i[4], i[40], i[25], i[160]);
        assert_eq!(parts(taken(3, 3).unwrap()), (0x7e, 1, 5, 0x3f, 9));
        assert_eq!(parts(taken(1, 3).unwrap()), (0x7e, 1, 5, 0x1f, 0));
        assert_eq!(parts(taken(3, 2).unwrap()), (0x7f, 0, 0, 0x3f, 9));
        assert_eq!(parts(taken(0, 3).unwrap()), (0x7f, 0, 0, 0x1f, 0));
        assert_eq!(taken(4, 3), Err(Errno::EINVAL));
        assert_eq!(decode_extended(&bytes, None).map(parts), Ok((0x7e, 1, 5, 0x3f, 9)));
        let mut wrong = bytes;
        wrong[LEGACY + 26] = 2;
        assert_eq!(decode_extended(&wrong, None), Err(Errno::EINVAL));
    }
}
