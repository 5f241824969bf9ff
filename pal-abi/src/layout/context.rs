//! Register contexts, one per instruction set. Edits apply when the dispatch returns.
//!
//! All begin with the same header, so the mode can be read without knowing the instruction set.

use super::layout;

layout! {
    /// The beginning of every context.
    pub struct ContextHeader = 16 {
        /// ELF `e_machine` of the registers that follow.
        0x00 isa: u32,
        /// Bytes of the whole context.
        0x04 size: u32,
        /// The mode to resume, of `flags::mode`.
        0x08 mode: u32,
        /// 1: the floating-point and vector state is here and is to be restored; 0: it was left in place.
        0x0c has_fp: u32,
    }

    /// The i386 context.
    pub struct ContextI386 = 608 {
        /// ISA 3.
        0x00 header: ContextHeader,
        /// EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.
        0x10 gpr: [u32; 8],
        /// Next instruction.
        0x30 eip: u32,
        /// Flags.
        0x34 eflags: u32,
        /// ES, CS, SS, DS, FS, GS.
        0x38 selectors: [u32; 6],
        /// Base of FS.
        0x50 fs_base: u32,
        /// Base of GS.
        0x54 gs_base: u32,
        /// 0.
        0x58 reserved: u64,
        /// The FXSAVE image (32-bit form).
        0x60 fxsave: [u8; 512],
    }

    /// The AArch64 context.
    pub struct ContextAarch64 = 816 {
        /// ISA 183.
        0x00 header: ContextHeader,
        /// X0 to X30.
        0x10 x: [u64; 31],
        /// Stack pointer.
        0x108 sp: u64,
        /// Next instruction.
        0x110 pc: u64,
        /// Flags.
        0x118 pstate: u64,
        /// V0 to V31, low half first.
        0x120 v: [[u64; 2]; 32],
        /// Floating-point status.
        0x320 fpsr: u32,
        /// Floating-point control.
        0x324 fpcr: u32,
        /// 0.
        0x328 reserved: u64,
    }

    /// The x86-64 context.
    pub struct ContextX86_64 = 704 {
        /// ISA 62.
        0x00 header: ContextHeader,
        /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15.
        0x10 gpr: [u64; 16],
        /// Next instruction.
        0x90 rip: u64,
        /// Flags.
        0x98 rflags: u64,
        /// Base of FS.
        0xa0 fs_base: u64,
        /// Base of GS.
        0xa8 gs_base: u64,
        /// Address of the whole XSAVE area, or 0.
        0xb0 xsave: u64,
        /// Its bytes.
        0xb8 xsave_bytes: u64,
        /// Its first 512 bytes: the FXSAVE image.
        0xc0 fxsave: [u8; 512],
    }
}
