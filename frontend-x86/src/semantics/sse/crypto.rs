//! AES, carry-less products, GFNI, SHA: each instruction is one function of its operands. SDM vol. 1, 12.13 and 5.8.
//!
//! AMD's processors take SHA's memory operands at any address, where the SDM wants them aligned.

use super::{packed, source, vector, xmm};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf};
use crate::helper_table::VecHelper;
use crate::helpers::{aes, sha};
use crate::operand::linear;
use crate::state::CpuState;
use iced_x86::Mnemonic;

/// AES, PCLMULQDQ and GFNI: the two operands and the immediate, if there is one, through the mnemonic's helper.
pub fn of_two<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let helper = match i.mnemonic() {
        Mnemonic::Aesenc => VecHelper::AesEncrypt,
        Mnemonic::Aesenclast => VecHelper::AesEncryptLast,
        Mnemonic::Aesdec => VecHelper::AesDecrypt,
        Mnemonic::Aesdeclast => VecHelper::AesDecryptLast,
        Mnemonic::Pclmulqdq => VecHelper::CarrylessProduct,
        Mnemonic::Gf2p8mulb => VecHelper::FieldProduct,
        Mnemonic::Gf2p8affineqb => VecHelper::FieldAffine,
        _ => VecHelper::FieldAffineInverse,
    };
    let imm = immediate(i);
    packed(e, i, |e, a, b| e.vec_helper(helper, a, b, imm))
}

/// The third operand, or 0.
fn immediate(i: &Insn) -> u32 {
    if i.mnemonic() != Mnemonic::Sha256rnds2 && i.operands() == 3 {
        u32::from(i.raw().immediate8())
    } else {
        0
    }
}

/// SHA: the same, and the words of SHA256RNDS2 with their constants are in XMM0.
pub fn sha<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let helper = match i.mnemonic() {
        Mnemonic::Sha1rnds4 => VecHelper::Sha1Rounds,
        Mnemonic::Sha1nexte => VecHelper::Sha1NextE,
        Mnemonic::Sha1msg1 => VecHelper::Sha1Message1,
        Mnemonic::Sha1msg2 => VecHelper::Sha1Message2,
        Mnemonic::Sha256msg1 => VecHelper::Sha256Message1,
        Mnemonic::Sha256msg2 => VecHelper::Sha256Message2,
        _ => {
            // The helper finds XMM0 in the state; this says that it is read.
            let _ = e.xmm(0);
            VecHelper::Sha256Rounds
        }
    };
    let b = if i.is_memory(1) {
        let at = linear(e, i);
        e.load_vec(at, false)
    } else {
        vector(e, i, 1)
    };
    let a = vector(e, i, 0);
    let result = e.vec_helper(helper, a, b, immediate(i));
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// `AESIMC`, `AESKEYGENASSIST` — of the source alone.
pub fn of_one<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let key = source(e, i, 1);
    let (helper, imm) = match i.mnemonic() {
        Mnemonic::Aesimc => (VecHelper::AesUnmix, 0),
        _ => (VecHelper::AesKeyAssist, u32::from(i.raw().immediate8())),
    };
    let result = e.vec_helper(helper, key, key, imm);
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

macro_rules! helpers {
    ($($name:ident, $module:ident::$function:ident;)*) => {
        $(#[doc = concat!("See [`", stringify!($module), "::", stringify!($function), "`].")]
        pub fn $name(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
            $module::$function(a, b)
        })*
    };
}

helpers! {
    aes_encrypt_helper, aes::encrypt;
    aes_encrypt_last_helper, aes::encrypt_last;
    aes_decrypt_helper, aes::decrypt;
    aes_decrypt_last_helper, aes::decrypt_last;
    sha1_next_e_helper, sha::sha1_next_e;
    sha1_message_1_helper, sha::sha1_message_1;
    sha1_message_2_helper, sha::sha1_message_2;
    sha256_message_1_helper, sha::sha256_message_1;
    sha256_message_2_helper, sha::sha256_message_2;
}

/// See [`aes::unmix`].
pub fn aes_unmix_helper(_: &mut CpuState, a: u128, _: u128, _: u32) -> u128 {
    aes::unmix(a)
}

/// See [`aes::key_assist`].
pub fn aes_key_assist_helper(_: &mut CpuState, a: u128, _: u128, imm: u32) -> u128 {
    aes::key_assist(a, imm.to_le_bytes()[0])
}

/// See [`sha::sha1_rounds`].
pub fn sha1_rounds_helper(_: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    sha::sha1_rounds(a, b, imm)
}

/// See [`sha::sha256_rounds`].
pub fn sha256_rounds_helper(cpu: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    sha::sha256_rounds(a, b, cpu.xmm[0])
}

/// `PCLMULQDQ` — the product of two halves as polynomials over GF(2): bit 0 of the immediate chooses the first's, bit 4
/// the second's. SDM vol. 2B.
pub fn carryless_product_helper(_: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    let half = |v: u128, upper: bool| if upper { v >> 64 } else { v & u128::from(u64::MAX) };
    let (a, b) = (half(a, imm & 1 != 0), half(b, imm & 0x10 != 0));
    (0..64).fold(0, |product, n| product ^ if b >> n & 1 != 0 { a << n } else { 0 })
}

/// `GF2P8MULB` — products of bytes in AES's field. SDM vol. 2A.
pub fn field_product_helper(_: &mut CpuState, a: u128, b: u128, _: u32) -> u128 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    u128::from_le_bytes(core::array::from_fn(|n| aes::multiply(a[n], b[n])))
}

/// Bytes as columns of bits, multiplied by the matrix in the same half of `matrices`, plus a constant. The matrix's last
/// byte is the row of bit 0.
fn affine(bytes: [u8; 16], matrices: u128, constant: u32) -> u128 {
    let rows = matrices.to_le_bytes();
    let [constant, ..] = constant.to_le_bytes();
    let image = |n: usize| {
        let bit = |k: usize| (rows[n / 8 * 8 + 7 - k] & bytes[n]).count_ones() & 1;
        (0..8).fold(constant, |all, k| all ^ u8::from(bit(k) != 0) << k)
    };
    u128::from_le_bytes(core::array::from_fn(image))
}

/// `GF2P8AFFINEQB` — an affine map of each byte of `a`. SDM vol. 2A.
pub fn field_affine_helper(_: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    affine(a.to_le_bytes(), b, imm)
}

/// `GF2P8AFFINEINVQB` — the same of each byte's inverse in AES's field.
pub fn field_affine_inverse_helper(_: &mut CpuState, a: u128, b: u128, imm: u32) -> u128 {
    affine(a.to_le_bytes().map(aes::invert), b, imm)
}
