//! The guest's state as the ABI's i386 CONTEXT, both ways.
//!
//! The floating-point part is the FXSAVE image in its 32-bit form. SDM vol. 1, 10.5.1.

use frontend_x86::engine::Exception;
use frontend_x86::semantics::segment;
use frontend_x86::state::{CpuState, Segment};
use pal_abi::layout::{ContextI386, Layout};

const EM_386: u32 = 3;
/// MXCSR bits that may be set.
pub(crate) const MXCSR_MASK: u32 = 0xffff;

/// Describes the state; the floating-point part only `with_fp`.
pub(crate) fn save(cpu: &CpuState, mode: u32, with_fp: bool) -> ContextI386 {
    let mut context = ContextI386::ZERO;
    context.header.isa = EM_386;
    context.header.size = size_of::<ContextI386>() as u32;
    context.header.mode = mode;
    context.header.has_fp = u32::from(with_fp);
    context.gpr = cpu.gpr;
    context.eip = cpu.eip;
    context.eflags = cpu.eflags_image();
    for (to, from) in context.selectors.iter_mut().zip(&cpu.segments) {
        *to = u32::from(from.selector);
    }
    context.fs_base = cpu.segments[Segment::Fs as usize].base;
    context.gs_base = cpu.segments[Segment::Gs as usize].base;
    if with_fp {
        context.fxsave = fxsave(cpu);
    }
    context
}

/// Takes over an edited context. What a user program cannot set stays as it was: the fixed bits of EFLAGS. The segment
/// registers are loaded from their descriptors as they are now, which is how a changed descriptor comes into force.
///
/// # Errors
/// What the kernel's return to the program would raise: CS or SS cannot be loaded.
pub(crate) fn restore(cpu: &mut CpuState, context: &ContextI386) -> Result<(), Exception> {
    cpu.gpr = context.gpr;
    cpu.eip = context.eip;
    let user = frontend_x86::flags::ARITHMETIC
        | frontend_x86::state::eflags::TF
        | frontend_x86::state::eflags::DF
        | frontend_x86::state::eflags::NT
        | frontend_x86::state::eflags::AC
        | frontend_x86::state::eflags::ID;
    cpu.set_eflags_image(context.eflags & user);
    if context.header.has_fp == 1 {
        fxrstor(cpu, &context.fxsave);
    }
    segment::return_to_user(cpu, context.selectors.map(|selector| selector as u16))
}

fn fxsave(cpu: &CpuState) -> [u8; 512] {
    let x87 = &cpu.x87;
    let mut image = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &x87.control.to_le_bytes());
    put(2, &(x87.status | u16::from(x87.top) << 11).to_le_bytes());
    put(4, &[x87.valid]);
    put(6, &x87.opcode.to_le_bytes());
    put(8, &x87.instruction_offset.to_le_bytes());
    put(12, &x87.instruction_selector.to_le_bytes());
    put(16, &x87.data_offset.to_le_bytes());
    put(20, &x87.data_selector.to_le_bytes());
    put(24, &cpu.mxcsr.to_le_bytes());
    put(28, &MXCSR_MASK.to_le_bytes());
    for n in 0..8 {
        let register = x87.regs[(usize::from(x87.top) + n) & 7];
        put(32 + 16 * n, &register.to_le_bytes()[..10]);
        put(160 + 16 * n, &cpu.xmm[n].to_le_bytes());
    }
    image
}

fn fxrstor(cpu: &mut CpuState, image: &[u8; 512]) {
    let u16_at = |at: usize| u16::from_le_bytes([image[at], image[at + 1]]);
    let u32_at = |at: usize| u32::from_le_bytes([image[at], image[at + 1], image[at + 2], image[at + 3]]);
    let u128_at = |at: usize| u128::from_le_bytes(image[at..at + 16].try_into().expect("16 bytes"));
    let status = u16_at(2);
    let x87 = &mut cpu.x87;
    x87.control = u16_at(0);
    x87.top = (status >> 11 & 7) as u8;
    x87.status = status & !(7 << 11);
    x87.valid = image[4];
    x87.opcode = u16_at(6) & 0x7ff;
    x87.instruction_offset = u32_at(8);
    x87.instruction_selector = u16_at(12);
    x87.data_offset = u32_at(16);
    x87.data_selector = u16_at(20);
    cpu.mxcsr = u32_at(24) & MXCSR_MASK;
    for n in 0..8 {
        x87.regs[(usize::from(x87.top) + n) & 7] = u128_at(32 + 16 * n) & ((1 << 80) - 1);
        cpu.xmm[n] = u128_at(160 + 16 * n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fxsave_image_round_trips_with_a_rotated_stack() {
        let mut cpu = CpuState::default();
        cpu.x87.top = 5;
        cpu.x87.status = 0x4100;
        cpu.x87.valid = 0b1010_0101;
        for (n, register) in cpu.x87.regs.iter_mut().enumerate() {
            *register = (n as u128 + 1) << 64 | 0x8000_0000_0000_0000;
        }
        for (n, register) in cpu.xmm.iter_mut().enumerate() {
            *register = u128::MAX / (n as u128 + 3);
        }
        let image = fxsave(&cpu);
        let mut other = CpuState::default();
        fxrstor(&mut other, &image);
        assert_eq!(other.x87, cpu.x87);
        assert_eq!(other.xmm, cpu.xmm);
        assert_eq!(u16::from_le_bytes([image[2], image[3]]) >> 11 & 7, 5, "TOP stands in the status word");
    }
}
