//! x86-64: register contexts from signal frames and back, and how a page fault accessed memory.
//!
//! A frame's floating-point area is an FXSAVE image, followed where the processor has XSAVE by the XSAVE header and
//! the upper state; `sw_reserved` inside the image tells its size. A component whose bit in the header is clear is
//! in its initial state and would be restored as such, so an edited image sets the bits of x87 and SSE.

use pal_abi::flags::{fault, tls};
use pal_abi::{ContextHeader, ContextX86_64, Layout};

/// The context of this host.
pub(crate) type Context = ContextX86_64;

/// ELF `EM_X86_64`.
const ISA: u32 = 62;
const FXSAVE_BYTES: usize = 512;
/// Offset of `fpx_sw_bytes` in the image, its magic, and of the XSAVE header behind the image.
const SW_RESERVED: usize = 464;
const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
const XSTATE_BV: usize = 512;
/// x87 and SSE in XSTATE_BV.
const LEGACY_STATE: u64 = 3;
/// Bits of a page fault's error code.
const ERROR_WRITE: i64 = 2;
const ERROR_FETCH: i64 = 0x10;
const TRAP_PAGE_FAULT: i64 = 14;

/// ABI order: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15.
const ORDER: [usize; 16] = [
    libc::REG_RAX as usize,
    libc::REG_RCX as usize,
    libc::REG_RDX as usize,
    libc::REG_RBX as usize,
    libc::REG_RSP as usize,
    libc::REG_RBP as usize,
    libc::REG_RSI as usize,
    libc::REG_RDI as usize,
    libc::REG_R8 as usize,
    libc::REG_R9 as usize,
    libc::REG_R10 as usize,
    libc::REG_R11 as usize,
    libc::REG_R12 as usize,
    libc::REG_R13 as usize,
    libc::REG_R14 as usize,
    libc::REG_R15 as usize,
];
const RIP: usize = libc::REG_RIP as usize;
const EFLAGS: usize = libc::REG_EFL as usize;
const ERROR: usize = libc::REG_ERR as usize;
const TRAP: usize = libc::REG_TRAPNO as usize;

/// The context in a signal frame.
pub(crate) fn capture(frame: &libc::ucontext_t) -> Context {
    let registers = &frame.uc_mcontext.gregs;
    let mut context = Context {
        header: ContextHeader { isa: ISA, size: 704, mode: 0, has_fp: 0 },
        rip: registers[RIP].cast_unsigned(),
        rflags: registers[EFLAGS].cast_unsigned(),
        fs_base: crate::sys::stack::fs_base(),
        gs_base: crate::sys::stack::gs_base(),
        ..Context::ZERO
    };
    for (to, from) in context.gpr.iter_mut().zip(ORDER) {
        *to = registers[from].cast_unsigned();
    }
    if let Some(area) = fp_area(frame) {
        context.header.has_fp = 1;
        context.xsave = area.as_ptr().addr() as u64;
        context.xsave_bytes = area.len() as u64;
        context.fxsave.copy_from_slice(&area[..FXSAVE_BYTES]);
    }
    context
}

/// Makes a signal frame resume the context. Segment bases are not changed.
pub(crate) fn apply(context: &Context, frame: &mut libc::ucontext_t) {
    let registers = &mut frame.uc_mcontext.gregs;
    for (from, to) in context.gpr.iter().zip(ORDER) {
        registers[to] = from.cast_signed();
    }
    registers[RIP] = context.rip.cast_signed();
    registers[EFLAGS] = context.rflags.cast_signed();
    if context.header.has_fp == 0 {
        return;
    }
    if let Some(area) = fp_area_mut(frame)
        && area[..SW_RESERVED] != context.fxsave[..SW_RESERVED]
    {
        area[..SW_RESERVED].copy_from_slice(&context.fxsave[..SW_RESERVED]);
        if let Some(bits) = area.get_mut(XSTATE_BV..XSTATE_BV + 8) {
            let old = u64::from_le_bytes(bits.try_into().unwrap_or_default());
            bits.copy_from_slice(&(old | LEGACY_STATE).to_le_bytes());
        }
    }
}

/// How the instruction that raised SIGSEGV or SIGBUS accessed memory.
pub(crate) fn access_of(frame: &libc::ucontext_t, _address: u64) -> u32 {
    let registers = &frame.uc_mcontext.gregs;
    let error = registers[ERROR];
    if registers[TRAP] != TRAP_PAGE_FAULT {
        fault::READ
    } else if error & ERROR_FETCH != 0 {
        fault::EXECUTE
    } else if error & ERROR_WRITE != 0 {
        fault::WRITE
    } else {
        fault::READ
    }
}

/// Bytes of the floating-point area, from the software-reserved part of its image.
fn fp_bytes(image: &[u8]) -> usize {
    let word =
        |at: usize| image.get(at..at + 4).map_or(0, |b| u32::from_le_bytes(b.try_into().unwrap_or_default()));
    // fpx_sw_bytes: magic1, extended_size, xfeatures, xstate_size.
    let xstate = word(SW_RESERVED + 16) as usize;
    if word(SW_RESERVED) == FP_XSTATE_MAGIC1 && xstate >= XSTATE_BV + 64 { xstate } else { FXSAVE_BYTES }
}

fn fp_area(frame: &libc::ucontext_t) -> Option<&[u8]> {
    let start = frame.uc_mcontext.fpregs.cast::<u8>().cast_const();
    if start.is_null() {
        return None;
    }
    // SAFETY: the kernel wrote the image next to the frame; both live until the handler returns.
    let image = unsafe { core::slice::from_raw_parts(start, FXSAVE_BYTES) };
    // SAFETY: as above, with the size that the kernel tells in the image.
    Some(unsafe { core::slice::from_raw_parts(start, fp_bytes(image)) })
}

fn fp_area_mut(frame: &mut libc::ucontext_t) -> Option<&mut [u8]> {
    let bytes = fp_area(frame)?.len();
    let start = frame.uc_mcontext.fpregs.cast::<u8>();
    // SAFETY: as in `fp_area`; the frame is borrowed mutably, so nothing else refers to its image.
    Some(unsafe { core::slice::from_raw_parts_mut(start, bytes) })
}

/// Sets a thread-local base. FS belongs to the runtime.
pub(crate) fn set_tls_base(which: u32, value: usize) -> pal_abi::PalResult {
    match which {
        tls::FS => Err(pal_abi::PalError::NotSupported),
        tls::GS if crate::sys::stack::set_gs_base(value) => Ok(pal_abi::Status::Ok),
        _ => Err(pal_abi::PalError::Invalid),
    }
}
