//! AArch64: register contexts from signal frames and back, and how a fault accessed memory.
//!
//! The floating-point state and the exception syndrome are records in the reserved part of the machine context, each
//! headed by a magic and its size; a zero magic ends them. Emulated kernels may leave out the syndrome: then the
//! faulting instruction itself is decoded.

use pal_abi::flags::{fault, tls};
use pal_abi::{ContextAarch64, ContextHeader, Layout};

/// The context of this host.
pub(crate) type Context = ContextAarch64;

/// ELF `EM_AARCH64`.
const ISA: u32 = 183;
const FPSIMD_MAGIC: u32 = 0x4650_8001;
const SVE_MAGIC: u32 = 0x5356_4501;
const ESR_MAGIC: u32 = 0x4553_5201;
/// Exception classes: instruction abort and data abort from a lower level, PC alignment.
const CLASS_INSTRUCTION_ABORT: u64 = 0x20;
const CLASS_DATA_ABORT: u64 = 0x24;
/// "Write not read" of a data abort; also set by cache maintenance (bit 8), which only needs to read.
const SYNDROME_WRITE: u64 = 1 << 6;
const SYNDROME_CACHE: u64 = 1 << 8;
/// Bytes of records behind the general registers of a machine context.
const RECORD_BYTES: usize = 4096;

/// The context in a signal frame.
pub(crate) fn capture(frame: &libc::ucontext_t) -> Context {
    let machine = &frame.uc_mcontext;
    let mut context = Context {
        header: ContextHeader { isa: ISA, size: 816, mode: 0, has_fp: 0 },
        x: machine.regs,
        sp: machine.sp,
        pc: machine.pc,
        pstate: machine.pstate,
        ..Context::ZERO
    };
    if let Some(record) = record(frame, FPSIMD_MAGIC) {
        // fpsimd_context: head, fpsr, fpcr, vregs[32].
        context.header.has_fp = 1;
        context.fpsr = word(record, 8);
        context.fpcr = word(record, 12);
        for (register, bytes) in context.v.iter_mut().zip(record[16..].chunks_exact(16)) {
            *register = [double(bytes, 0), double(bytes, 8)];
        }
    }
    context
}

/// Makes a signal frame resume the context.
pub(crate) fn apply(context: &Context, frame: &mut libc::ucontext_t) {
    let machine = &mut frame.uc_mcontext;
    machine.regs = context.x;
    machine.sp = context.sp;
    machine.pc = context.pc;
    machine.pstate = context.pstate;
    if context.header.has_fp == 0 {
        return;
    }
    if let Some(record) = record_mut(frame, FPSIMD_MAGIC) {
        record[8..12].copy_from_slice(&context.fpsr.to_le_bytes());
        record[12..16].copy_from_slice(&context.fpcr.to_le_bytes());
        for (register, bytes) in context.v.iter().zip(record[16..].chunks_exact_mut(16)) {
            put(bytes, register);
        }
    }
    // Where there is an SVE record with registers, Linux takes the low 128 bits from the record above and qemu-user
    // from this one.
    if let Some(record) = record_mut(frame, SVE_MAGIC) {
        let length = usize::from(u16::from_le_bytes([record[8], record[9]]));
        if length >= 16 && record.len() >= 16 + 32 * length {
            for (register, bytes) in context.v.iter().zip(record[16..].chunks_exact_mut(length)) {
                put(&mut bytes[..16], register);
            }
        }
    }
}

fn put(bytes: &mut [u8], register: &[u64; 2]) {
    bytes[..8].copy_from_slice(&register[0].to_le_bytes());
    bytes[8..].copy_from_slice(&register[1].to_le_bytes());
}

/// How the instruction that raised SIGSEGV or SIGBUS accessed memory.
pub(crate) fn access_of(frame: &libc::ucontext_t, address: u64) -> u32 {
    let pc = frame.uc_mcontext.pc;
    if let Some(record) = record(frame, ESR_MAGIC) {
        let syndrome = double(record, 8);
        match syndrome >> 26 & 0x3f {
            CLASS_INSTRUCTION_ABORT => return fault::EXECUTE,
            CLASS_DATA_ABORT if syndrome & SYNDROME_CACHE != 0 => return fault::READ,
            CLASS_DATA_ABORT => {
                return if syndrome & SYNDROME_WRITE != 0 { fault::WRITE } else { fault::READ };
            }
            _ => {}
        }
    }
    if pc == address {
        return fault::EXECUTE;
    }
    let mut instruction = [0; 4];
    let readable =
        usize::try_from(pc).is_ok_and(|pc| crate::sys::copy::read_bytes(pc, &mut instruction).is_ok());
    if readable && super::a64::writes_memory(u32::from_le_bytes(instruction)) {
        fault::WRITE
    } else {
        fault::READ
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes(b.try_into().unwrap_or_default()))
}

fn double(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).map_or(0, |b| u64::from_le_bytes(b.try_into().unwrap_or_default()))
}

/// Where the record of that magic lies among the records, if it is there and whole.
fn find(records: &[u8], magic: u32) -> Option<core::ops::Range<usize>> {
    let least = if magic == FPSIMD_MAGIC { 528 } else { 16 };
    let mut at = 0;
    loop {
        let size = word(records, at + 4) as usize;
        if word(records, at) == 0 || size < 8 || size % 16 != 0 || at + size > records.len() {
            return None;
        }
        if word(records, at) == magic {
            return (size >= least).then_some(at..at + size);
        }
        at += size;
    }
}

/// The address of the records: they follow PSTATE, 16-byte aligned.
fn records_at(frame: &libc::ucontext_t) -> *const u8 {
    let machine = &raw const frame.uc_mcontext;
    machine.cast::<u8>().wrapping_add(size_of::<libc::mcontext_t>() - RECORD_BYTES)
}

fn record(frame: &libc::ucontext_t, magic: u32) -> Option<&[u8]> {
    // SAFETY: the records are the last 4096 bytes of the machine context, which the kernel filled in.
    let records = unsafe { core::slice::from_raw_parts(records_at(frame), RECORD_BYTES) };
    records.get(find(records, magic)?)
}

fn record_mut(frame: &mut libc::ucontext_t, magic: u32) -> Option<&mut [u8]> {
    let start =
        (&raw mut frame.uc_mcontext).cast::<u8>().wrapping_add(size_of::<libc::mcontext_t>() - RECORD_BYTES);
    // SAFETY: as in `record`; the frame is borrowed mutably, so nothing else refers to them.
    let records = unsafe { core::slice::from_raw_parts_mut(start, RECORD_BYTES) };
    let place = find(records, magic)?;
    records.get_mut(place)
}

/// Sets a thread-local base. The only one there is belongs to the runtime.
pub(crate) fn set_tls_base(which: u32, _value: usize) -> pal_abi::PalResult {
    match which {
        tls::TPIDR => Err(pal_abi::PalError::NotSupported),
        _ => Err(pal_abi::PalError::Invalid),
    }
}
