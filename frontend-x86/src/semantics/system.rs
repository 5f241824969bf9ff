//! The processor itself: CPUID RDTSC RDPID RDRAND NOP and hints, fences, flag bits, and what user mode may not do.

use crate::decode::{Insn, MemoryAccess};
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::engine::Exception;
use crate::flags::{self, Flag};
use crate::helper_table::{Helper, HelperArgs};
use crate::operand::{Place, effective, linear, place, read, write};
use crate::state::{CpuState, Gpr, Segment, eflags};

/// `CPUID` — the guest's profile. SDM vol. 2A, "CPUID".
pub fn cpuid<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    e.helper(Helper::Cpuid, &[]);
    Flow::Next
}

/// Puts what CPUID says for EAX and ECX into EAX, EBX, ECX, EDX.
pub fn cpuid_helper(cpu: &mut CpuState, _: &HelperArgs) -> u64 {
    let [eax, ecx] = [cpu.gpr[Gpr::Eax as usize], cpu.gpr[Gpr::Ecx as usize]];
    let answer = crate::cpuid::cpuid(cpu.cpuid, eax, ecx);
    for (r, value) in [Gpr::Eax, Gpr::Ebx, Gpr::Ecx, Gpr::Edx].into_iter().zip(answer) {
        cpu.gpr[r as usize] = value;
    }
    0
}

/// `RDTSC` — EDX:EAX.
pub fn rdtsc<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let now = e.timestamp();
    let by = e.imm(Width::B8, 32);
    let high = e.shr(now, by);
    let (low, high) = (e.zext(Width::B32, now), e.zext(Width::B32, high));
    e.set_reg(Reg::Full(Gpr::Eax), low);
    e.set_reg(Reg::Full(Gpr::Edx), high);
    Flow::Next
}

/// `RDTSCP` — as RDTSC, and ECX = the number that the system gave the processor: there is one, number 0.
pub fn rdtscp<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let number = e.imm(Width::B32, 0);
    e.set_reg(Reg::Full(Gpr::Ecx), number);
    rdtsc(e, i)
}

/// `RDPID` — the processor's number, as in RDTSCP.
pub fn rdpid<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let number = e.imm(Width::B32, 0);
    let dst = place(e, i, 0);
    write(e, dst, number);
    Flow::Next
}

/// `RDRAND`, `RDSEED` — random bits; CF = there were some, the other flags 0. Both are as good as the layers below
/// have them. SDM vol. 2B.
pub fn rdrand<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let bits = e.random();
    let value = e.zext(i.width(), bits);
    let dst = place(e, i, 0);
    write(e, dst, value);
    let by = e.imm(Width::B8, 32);
    let carry = e.shr(bits, by);
    let carry = e.zext(Width::B32, carry);
    e.set_eflags(flags::ARITHMETIC, carry);
    Flow::Next
}

/// `NOP`, `PAUSE`, `ENDBR`, PREFETCHh and reserved hints: nothing, and no access of the operand.
pub fn nop<E: Emit>(_: &mut E, _: &Insn) -> FlowOf<E> {
    Flow::Next
}

/// `UD0`, `UD1`, `UD2`, and what this processor does not have.
pub fn undefined<E: Emit>(_: &mut E, _: &Insn) -> FlowOf<E> {
    Flow::Raise(Exception::InvalidOpcode)
}

/// What only the kernel may do: HLT, CLI, STI, IN, OUT, LGDT, RDMSR… The operands are not looked at.
pub fn privileged<E: Emit>(_: &mut E, _: &Insn) -> FlowOf<E> {
    Flow::Raise(Exception::GeneralProtection(0))
}

/// `MFENCE`, `LFENCE`, `SFENCE` — all as the strongest.
pub fn fence<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    e.fence();
    Flow::Next
}

fn set_carry<E: Emit>(e: &mut E, k: bool) -> FlowOf<E> {
    let value = e.bool(k);
    e.set_flag(Flag::Cf, value);
    Flow::Next
}

/// `CLC` — CF = 0.
pub fn clc<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    set_carry(e, false)
}

/// `STC` — CF = 1.
pub fn stc<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    set_carry(e, true)
}

/// `CMC` — CF = !CF.
pub fn cmc<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let carry = e.flag(Flag::Cf);
    let inverse = e.negate(carry);
    e.set_flag(Flag::Cf, inverse);
    Flow::Next
}

/// `CLD` — DF = 0.
pub fn cld<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let zero = e.imm(Width::B32, 0);
    e.set_eflags(eflags::DF, zero);
    Flow::Next
}

/// `STD` — DF = 1.
pub fn std<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let ones = e.imm(Width::B32, u64::from(u32::MAX));
    e.set_eflags(eflags::DF, ones);
    Flow::Next
}

/// `LAHF` — AH = SF ZF 0 AF 0 PF 1 CF.
pub fn lahf<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let image = e.eflags();
    let low = e.zext(Width::B8, image);
    e.set_reg(Reg::High(Gpr::Eax), low);
    Flow::Next
}

/// `SAHF` — SF ZF AF PF CF = AH; OF stays.
pub fn sahf<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let ah = e.reg(Reg::High(Gpr::Eax));
    let image = e.zext(Width::B32, ah);
    e.set_eflags(flags::ARITHMETIC & !flags::OF, image);
    Flow::Next
}

/// `CLFLUSH`, `CLFLUSHOPT`, `CLWB` — an access to the line's byte, as far as it can be seen.
pub fn clflush<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let at = linear(e, i);
    e.load(Width::B8, at);
    Flow::Next
}

/// What the kernel answers for SGDT, SIDT, SLDT, STR and SMSW, which a processor with UMIP refuses to user mode: Linux
/// emulates them with constants. Linux, arch/x86/kernel/umip.c.
mod umip {
    pub(super) const GDT_BASE: u32 = 0xfffe_0000;
    pub(super) const IDT_BASE: u32 = 0xffff_0000;
    /// The selector of a process's local descriptor table, if it has one.
    pub(super) const LDT: u32 = 0x50;
    /// The selector of the task state segment.
    pub(super) const TASK: u32 = 0x40;
    /// Protected mode with paging, as CR0 is.
    pub(super) const MACHINE_STATUS: u32 = 0x8005_0033;
}

/// Stores bytes one by one: the kernel's copy knows no alignment check.
fn store_bytes<E: Emit>(e: &mut E, at: E::Int, bytes: &[u8]) {
    for (offset, byte) in (0u64..).zip(bytes) {
        let offset = e.imm(Width::B32, offset);
        let to = e.add(at, offset);
        let byte = e.imm(Width::B8, u64::from(*byte));
        e.store(to, byte);
    }
}

/// Faults where storing these bytes would, without an alignment check.
fn probe_bytes<E: Emit>(e: &mut E, at: E::Int, len: u64) {
    for offset in [0, len - 1] {
        let offset = e.imm(Width::B32, offset);
        let byte = e.add(at, offset);
        e.probe_write(byte, 1);
    }
}

/// Stores a limit of 0 and a base; six bytes at either operand size.
fn store_table<E: Emit>(e: &mut E, i: &Insn, base: u32) -> FlowOf<E> {
    let at = linear(e, i);
    probe_bytes(e, at, 6);
    let [b0, b1, b2, b3] = base.to_le_bytes();
    store_bytes(e, at, &[0, 0, b0, b1, b2, b3]);
    Flow::Next
}

/// `SGDT`.
pub fn sgdt<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    store_table(e, i, umip::GDT_BASE)
}

/// `SIDT`.
pub fn sidt<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    store_table(e, i, umip::IDT_BASE)
}

/// Stores a 32-bit value to a register at its width, or 16 bits to memory.
fn store_word<E: Emit>(e: &mut E, i: &Insn, value: E::Int) -> FlowOf<E> {
    if i.is_memory(0) {
        let at = linear(e, i);
        probe_bytes(e, at, 2);
        for n in 0..2 {
            let by = e.imm(Width::B32, 8 * n);
            let byte = e.shr(value, by);
            let byte = e.zext(Width::B8, byte);
            let offset = e.imm(Width::B32, n);
            let to = e.add(at, offset);
            e.store(to, byte);
        }
    } else {
        let dst = place(e, i, 0);
        let value = e.zext(i.width(), value);
        write(e, dst, value);
    }
    Flow::Next
}

/// `SLDT`.
pub fn sldt<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let selector = e.helper(Helper::LdtSelector, &[]);
    let selector = e.zext(Width::B32, selector);
    store_word(e, i, selector)
}

/// What SLDT stores.
pub fn ldt_selector_helper(cpu: &mut CpuState, _: &HelperArgs) -> u64 {
    let exists = cpu.ldt.as_ref().is_some_and(|ldt| ldt.exists());
    if exists { u64::from(umip::LDT) } else { 0 }
}

/// `STR`.
pub fn str<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let selector = e.imm(Width::B32, u64::from(umip::TASK));
    store_word(e, i, selector)
}

/// `SMSW`.
pub fn smsw<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let status = e.imm(Width::B32, u64::from(umip::MACHINE_STATUS));
    store_word(e, i, status)
}

/// `ARPL` — raises the destination's RPL to the source's; ZF where it did.
pub fn arpl<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let (dst, src) = (place(e, i, 0), place(e, i, 1));
    let b = read(e, Width::B16, src);
    let a = read(e, Width::B16, dst);
    let (three, others) = (e.imm(Width::B16, 3), e.imm(Width::B16, !3));
    let (low_a, low_b) = (e.and(a, three), e.and(b, three));
    let raise = e.ult(low_a, low_b);
    if i.is_memory(0) {
        // That the segment cannot be written matters only where it would write.
        let address = i.address();
        if address.segment == Segment::Cs {
            e.raise_if(raise, Exception::GeneralProtection(0));
        }
        e.when(raise, |e| {
            let offset = effective(e, &address);
            e.in_segment(address.segment, offset, 2, MemoryAccess::Write);
        });
    }
    let index = e.and(a, others);
    let raised = e.or(index, low_b);
    // Memory is written only where the value changes.
    e.when(raise, |e| match dst {
        Place::Mem(at) => e.store(at, raised),
        Place::Reg(r) => e.set_reg(Reg::Word(r.gpr()), raised),
        Place::Imm(_) => {}
    });
    e.set_flag(Flag::Zf, raise);
    Flow::Next
}
