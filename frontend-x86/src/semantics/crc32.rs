//! CRC32. SDM vol. 2A, "CRC32".

use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::helper_table::{Helper, HelperArgs};
use crate::operand::{place, read, write};
use crate::state::CpuState;

/// The polynomial 0x11edc6f41 without its top bit, bits in reverse order.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// `CRC32` — the checksum in the destination goes on by the source's bytes. No flags.
pub fn crc32<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let width = i.operand_width(1).unwrap_or(Width::B32);
    let src = place(e, i, 1);
    let data = read(e, width, src);
    let dst = place(e, i, 0);
    let sum = read(e, Width::B32, dst);
    let bits = e.imm(Width::B32, u64::from(width.bits()));
    let sum = e.helper(Helper::Crc32, &[sum, data, bits]);
    let sum = e.zext(Width::B32, sum);
    write(e, dst, sum);
    Flow::Next
}

/// `args`: the checksum so far, the data, and its bits.
pub fn crc32_helper(_: &mut CpuState, args: &HelperArgs) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "both are of 32 bits at most")]
    let start = (args[0] ^ args[1]) as u32;
    let sum = (0..args[2]).fold(start, |sum, _| sum >> 1 ^ if sum & 1 != 0 { POLYNOMIAL } else { 0 });
    u64::from(sum)
}
