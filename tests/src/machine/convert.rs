//! Between a case's state and the frontend's processor state.

use crate::case::{SELECTORS, State, Stop, X87};
use crate::layout::{GS_BASE, GS_SELECTOR};
use frontend_x86::engine::{Exception, Exit};
use frontend_x86::memory::{Access, FaultKind};
use frontend_x86::state::{CpuState, FIRST_TLS_ENTRY, SegmentState, X87State};

/// The descriptor of a writable 32-bit data segment with this base and a limit of 4 GiB, as `set_thread_area` makes it.
const fn tls_descriptor(base: u32) -> u64 {
    let base = base as u64;
    // G, D, AVL (Linux sets it for "useable"), limit 19:16, P, DPL 3, S, data writable accessed.
    0xffff | (base & 0xff_ffff) << 16 | 0xf3 << 40 | 0xdf << 48 | (base >> 24) << 56
}

/// A processor in the state where a case begins.
pub(super) fn load(state: &State) -> CpuState {
    let mut cpu = CpuState { gpr: state.gpr, eip: state.eip, ..CpuState::default() };
    cpu.set_eflags_image(state.eflags);
    debug_assert!(state.selectors == SELECTORS);
    cpu.tls[usize::from((GS_SELECTOR >> 3) - FIRST_TLS_ENTRY)] = tls_descriptor(GS_BASE);
    cpu.segments[5] = SegmentState { base: GS_BASE, limit: u32::MAX, selector: GS_SELECTOR, rights: 0xd0f3 };
    cpu.ldt = Some(crate::descriptors::table());
    cpu.mxcsr = state.mxcsr;
    cpu.xmm = state.xmm;
    let x = &state.x87;
    let top = x.top();
    let mut regs = [0; 8];
    for (i, st) in (0..).zip(x.st) {
        regs[((top + i) & 7) as usize] = st;
    }
    cpu.x87 = X87State {
        regs,
        control: x.control,
        status: x.status & !0x3800,
        top: top as u8,
        valid: x.valid,
        opcode: x.opcode,
        instruction_offset: x.instruction,
        data_offset: x.operand,
        ..X87State::default()
    };
    cpu
}

/// The state of a processor that has stopped.
pub(super) fn store(cpu: &CpuState) -> State {
    let x = &cpu.x87;
    State {
        gpr: cpu.gpr,
        eip: cpu.eip,
        eflags: cpu.eflags_image(),
        selectors: cpu.segments.map(|s| s.selector),
        mxcsr: cpu.mxcsr,
        xmm: cpu.xmm,
        x87: X87 {
            control: x.control,
            status: x.status & !0x3800 | u16::from(x.top & 7) << 11,
            valid: x.valid,
            opcode: x.opcode,
            instruction: x.instruction_offset,
            operand: x.data_offset,
            st: core::array::from_fn(|i| x.regs[(usize::from(x.top) + i) & 7]),
        },
    }
}

/// How an exit looks on the hardware.
pub(super) fn stop(exit: Exit) -> Stop {
    let of = |vector, error| Stop::Exception { vector, error, address: 0 };
    let Exit::Exception(exception) = exit else { return Stop::Broken };
    match exception {
        Exception::Divide => of(0, 0),
        Exception::Debug => of(1, 0),
        Exception::Breakpoint => of(3, 0),
        Exception::Overflow => of(4, 0),
        Exception::Bound => of(5, 0),
        Exception::InvalidOpcode => of(6, 0),
        Exception::SegmentNotPresent(e) => of(11, e),
        Exception::StackFault(e) => of(12, e),
        Exception::GeneralProtection(e) => of(13, e),
        Exception::Page(fault) => {
            let present = u32::from(fault.kind != FaultKind::NotMapped);
            let access = match fault.access {
                Access::Read => 0,
                Access::Write => 2,
                Access::Execute => 16,
            };
            Stop::Exception { vector: 14, error: present | access | 4, address: fault.addr.0 }
        }
        Exception::Math => of(16, 0),
        Exception::Alignment => of(17, 0),
        Exception::Simd => of(19, 0),
        Exception::Software(n) => of(n, 0),
    }
}
