//! The state of one guest processor, laid out in memory so that translated code can reach it.
//!
//! `CpuState` is `repr(C)`; the offsets that generated code relies on are asserted below. At every exit of an engine it
//! is exact. The six arithmetic flags are held as [`LazyFlags`].

use crate::descriptor::Ldt;
use crate::flags::LazyFlags;
use core::sync::atomic::AtomicU32;
use std::sync::Arc;

/// A 32-bit general register, in encoding order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the manual's names")]
pub enum Gpr {
    Eax,
    Ecx,
    Edx,
    Ebx,
    Esp,
    Ebp,
    Esi,
    Edi,
}

impl Gpr {
    /// All eight, in encoding order.
    pub const ALL: [Self; 8] =
        [Self::Eax, Self::Ecx, Self::Edx, Self::Ebx, Self::Esp, Self::Ebp, Self::Esi, Self::Edi];
}

/// A segment register, in encoding order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the manual's names")]
pub enum Segment {
    Es,
    Cs,
    Ss,
    Ds,
    Fs,
    Gs,
}

impl Segment {
    /// All six, in encoding order.
    pub const ALL: [Self; 6] = [Self::Es, Self::Cs, Self::Ss, Self::Ds, Self::Fs, Self::Gs];
}

/// A segment register with its hidden part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct SegmentState {
    /// Linear base.
    pub base: u32,
    /// Highest valid offset.
    pub limit: u32,
    /// The visible selector.
    pub selector: u16,
    /// Access rights: bits 40–47 and 52–55 of the descriptor (as LAR gives them, shifted right by 8).
    pub rights: u16,
}

/// The x87 unit. Registers are held by physical number; ST(i) is `regs[(top + i) & 7]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(16))]
pub struct X87State {
    /// Physical registers R0–R7: 80-bit images in the low 10 bytes, high 6 bytes zero.
    pub regs: [u128; 8],
    /// Control word.
    pub control: u16,
    /// Status word without TOP (bits 11–13 are zero here).
    pub status: u16,
    /// TOP, 0–7.
    pub top: u8,
    /// One bit for each physical register: 1 = not empty (the abridged tag word of FXSAVE).
    pub valid: u8,
    /// Last opcode, 11 bits (FOP).
    pub opcode: u16,
    /// Last instruction offset (FIP).
    pub instruction_offset: u32,
    /// Last data offset (FDP).
    pub data_offset: u32,
    /// Last instruction selector (FCS).
    pub instruction_selector: u16,
    /// Last data selector (FDS).
    pub data_selector: u16,
}

impl X87State {
    /// ES of the status word: an unmasked exception is pending.
    pub const SUMMARY: u16 = 1 << 7;
}

impl Default for X87State {
    /// As FNINIT leaves it.
    fn default() -> Self {
        Self {
            regs: [0; 8],
            control: 0x037f,
            status: 0,
            top: 0,
            valid: 0,
            opcode: 0,
            instruction_offset: 0,
            data_offset: 0,
            instruction_selector: 0,
            data_selector: 0,
        }
    }
}

/// How many thread-local descriptors the GDT has (`set_thread_area`).
pub const TLS_ENTRIES: usize = 3;
/// GDT index of the first of them, as a 64-bit Linux kernel gives it to 32-bit programs.
pub const FIRST_TLS_ENTRY: u16 = 12;
/// The user code selector that 32-bit programs see on a 64-bit kernel.
pub const USER_CS: u16 = 0x23;
/// The user data and stack selector.
pub const USER_DS: u16 = 0x2b;

const FLAT_CODE: SegmentState = SegmentState { base: 0, limit: u32::MAX, selector: USER_CS, rights: 0xc0fb };
const FLAT_DATA: SegmentState = SegmentState { base: 0, limit: u32::MAX, selector: USER_DS, rights: 0xc0f3 };

/// The state of one guest processor.
#[derive(Clone, PartialEq, Eq, Debug)]
#[repr(C, align(64))]
pub struct CpuState {
    /// General registers in encoding order.
    pub gpr: [u32; 8],
    /// Instruction pointer.
    pub eip: u32,
    /// CF, PF, AF, ZF, SF, OF.
    pub flags: LazyFlags,
    /// The other flags of EFLAGS as they are pushed; the six arithmetic bits are zero here. Bit 1 and IF are set.
    pub eflags: u32,
    /// MXCSR.
    pub mxcsr: u32,
    /// Scratch that an engine may use between entry and exit; no meaning outside `run`.
    pub scratch: [u64; 8],
    /// Segment registers in encoding order.
    pub segments: [SegmentState; 6],
    /// Raw 8-byte descriptors of GDT entries [`FIRST_TLS_ENTRY`]…
    pub tls: [u64; TLS_ENTRIES],
    /// The local descriptor table, which all threads of a process share; `None` where nobody can fill it.
    pub ldt: Option<Arc<Ldt>>,
    /// XMM0–XMM7.
    pub xmm: [u128; 8],
    /// The x87 unit and, aliased on it, MMX.
    pub x87: X87State,
    /// What CPUID says.
    pub cpuid: crate::cpuid::Profile,
}

/// EFLAGS bits outside the six arithmetic flags.
pub mod eflags {
    /// Trap flag.
    pub const TF: u32 = 1 << 8;
    /// Interrupt flag, always 1 in user mode.
    pub const IF: u32 = 1 << 9;
    /// Direction flag.
    pub const DF: u32 = 1 << 10;
    /// Nested task.
    pub const NT: u32 = 1 << 14;
    /// Resume flag.
    pub const RF: u32 = 1 << 16;
    /// Alignment check.
    pub const AC: u32 = 1 << 18;
    /// Identification flag.
    pub const ID: u32 = 1 << 21;
    /// The constant bit 1.
    pub const FIXED: u32 = 1 << 1;
}

impl Default for CpuState {
    /// As Linux starts a 32-bit program on a 64-bit kernel: flat segments, everything else zero.
    fn default() -> Self {
        Self {
            gpr: [0; 8],
            eip: 0,
            flags: LazyFlags::default(),
            eflags: eflags::FIXED | eflags::IF,
            mxcsr: 0x1f80,
            scratch: [0; 8],
            segments: [FLAT_DATA, FLAT_CODE, FLAT_DATA, FLAT_DATA, SegmentState::NULL, SegmentState::NULL],
            tls: [0; TLS_ENTRIES],
            ldt: None,
            xmm: [0; 8],
            x87: X87State::default(),
            cpuid: crate::cpuid::Profile::default(),
        }
    }
}

impl CpuState {
    /// Whether CS, SS, DS and ES are as Linux starts a program: base 0, no limit, 32 bits wide. Where they are not, code
    /// that adds no base for them and checks no limit would be wrong.
    #[must_use]
    pub fn segments_are_flat(&self) -> bool {
        let data = [Segment::Ds, Segment::Es, Segment::Ss];
        self.segments[Segment::Cs as usize].is_flat_code()
            && data.iter().all(|&s| self.segments[s as usize].is_flat_data())
    }

    /// Makes CS, SS, DS and ES as Linux starts a program.
    pub fn set_flat_segments(&mut self) {
        self.segments[Segment::Cs as usize] = FLAT_CODE;
        for s in [Segment::Ss, Segment::Ds, Segment::Es] {
            self.segments[s as usize] = FLAT_DATA;
        }
    }

    /// EFLAGS as PUSHF would show it.
    #[must_use]
    pub fn eflags_image(&self) -> u32 {
        self.eflags | self.flags.bits()
    }

    /// Sets EFLAGS whole; the constant bits are forced.
    pub fn set_eflags_image(&mut self, value: u32) {
        self.flags = LazyFlags::from_bits(value);
        self.eflags = (value & !crate::flags::ARITHMETIC) | eflags::FIXED | eflags::IF;
    }
}

/// How many bytes before the `CpuState` its interrupt word lies.
pub const INTERRUPT_BEFORE_STATE: usize = 64;

/// A thread's processor state with its interrupt word at the place that translated code expects.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct ThreadBlock {
    /// Non-zero asks the engine to come back.
    pub interrupt: AtomicU32,
    /// The state.
    pub cpu: CpuState,
}

const _: () = {
    assert!(core::mem::offset_of!(ThreadBlock, cpu) == INTERRUPT_BEFORE_STATE);
    assert!(core::mem::offset_of!(CpuState, gpr) == 0);
    assert!(core::mem::offset_of!(CpuState, eip) == 32);
    assert!(core::mem::offset_of!(CpuState, xmm) % 16 == 0);
};
