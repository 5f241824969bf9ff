//! Exceptions of the guest's processor as upcalls into the library OS, and the way back.
//!
//! A dispatch frame lies wholly in guest memory, on the thread's upcall stack, from A (16-byte aligned) upwards:
//! the two arguments at A and A+4, EXCEPTION at A+16, CONTEXT at A+64. The return address at A−4 is the return
//! gate; what CONTEXT holds when that gate is reached is resumed.

use crate::context;
use crate::image::GATE_PAGE;
use crate::layer::{Layer, describe, print};
use crate::thread::{SYSTEM_CALL, Thread};
use frontend_x86::cpuid::Profile;
use frontend_x86::engine::Exception as Cpu;
use frontend_x86::interp;
use frontend_x86::memory::{Access, FaultKind, GuestAddr, GuestMemory};
use frontend_x86::state::{CpuState, Gpr};
use pal_abi::flags::{exception, fault, mode};
use pal_abi::layout::{ContextI386, Exception, Layout, UpcallTable};

/// The gate that ends a dispatch.
pub(crate) const RETURN_GATE: u16 = 63;
const EXCEPTION_AT: u32 = 16;
const CONTEXT_AT: u32 = 64;
const FRAME: u32 = CONTEXT_AT + size_of::<ContextI386>() as u32;
/// Dispatches of one thread that may be under way at once; one that fails on another stack each time never ends otherwise.
const DEEPEST: u32 = 256;
/// Bytes at the top of an upcall stack that belong to the library OS (the thread's `param`).
const RESERVED_TOP: u32 = 16;

/// The error code of a far transfer to the 64-bit code segment, selector 0x33.
const LONG_CODE: u32 = 0x30;

/// The ABI's record of an exception of the processor.
fn record(e: Cpu, libos_mode: bool) -> Exception {
    let (code, vector, error, address, access) = match e {
        Cpu::Divide => (exception::DIVIDE, 0, 0, 0, 0),
        Cpu::Debug => (exception::STEP, 1, 0, 0, 0),
        Cpu::Breakpoint => (exception::BREAK, 3, 0, 0, 0),
        Cpu::Overflow => (exception::ILLEGAL, 4, 0, 0, 0),
        Cpu::Bound => (exception::ILLEGAL, 5, 0, 0, 0),
        Cpu::InvalidOpcode => (exception::ILLEGAL, 6, 0, 0, 0),
        Cpu::SegmentNotPresent(code) => (exception::ILLEGAL, 11, code, 0, 0),
        Cpu::StackFault(code) => (exception::ILLEGAL, 12, code, 0, 0),
        Cpu::GeneralProtection(code) => (exception::ILLEGAL, 13, code, 0, 0),
        Cpu::Page(f) => {
            let (access, bits) = match f.access {
                Access::Read => (fault::READ, 4),
                Access::Write => (fault::WRITE, 6),
                Access::Execute => (fault::EXECUTE, 0x14),
            };
            let present = u32::from(f.kind == FaultKind::Protection);
            let code = match f.kind {
                FaultKind::Guard => exception::GUARD,
                FaultKind::InPage => exception::IN_PAGE_ERROR,
                FaultKind::NotMapped | FaultKind::Protection => exception::ACCESS,
            };
            (code, 14, bits | present, f.addr.0, access)
        }
        Cpu::Math => (exception::FLOAT, 16, 0, 0, 0),
        Cpu::Alignment => (exception::ALIGNMENT, 17, 0, 0, 0),
        Cpu::Simd => (exception::FLOAT, 19, 0, 0, 0),
        Cpu::Software(SYSTEM_CALL) if !libos_mode => (exception::RAW_SYSCALL, 0x80, 0, 0, 0),
        // User mode may call only the gates that the kernel opened; the error code names the gate. SDM vol. 2, "INT n".
        Cpu::Software(n) => (exception::ILLEGAL, 13, u32::from(n) * 8 + 2, 0, 0),
    };
    Exception {
        code,
        address: address.into(),
        info: [access.into(), error.into()],
        native: vector,
        ..Exception::ZERO
    }
}

/// Delivers an exception of the processor.
pub(crate) fn exception(layer: &Layer, thread: &mut Thread, e: Cpu) {
    if let Cpu::Software(n) = e
        && (n != SYSTEM_CALL || thread.mode == mode::LIBOS)
    {
        // It becomes a fault: EIP goes back to the two-byte instruction.
        thread.cpu.eip = thread.cpu.eip.wrapping_sub(2);
    }
    let record = record(e, thread.mode == mode::LIBOS);
    if layer.options.trace_exceptions && record.code != exception::RAW_SYSCALL {
        let why = match e {
            Cpu::InvalidOpcode => undefined(layer, thread.cpu),
            Cpu::GeneralProtection(LONG_CODE) => ": 64-bit code cannot run here".to_owned(),
            _ => String::new(),
        };
        print(layer.pal, &format!("[{}{why}]\n", describe(&record, thread.cpu.eip)));
    }
    dispatch(layer, thread, record);
}

/// What an undefined instruction would have been: one that is not implemented yet says its name.
fn undefined(layer: &Layer, cpu: &CpuState) -> String {
    match interp::fetch(cpu, layer.window) {
        Ok(i) if i.gate().is_none() => {
            let offered = layer.options.profile.offers(i.code());
            let why = if offered { "not implemented" } else { "not offered by this processor" };
            format!(": {:?} ({:?}) is {why}", i.mnemonic(), i.code())
        }
        _ => ": these bytes are no instruction".to_owned(),
    }
}

/// Delivers an interrupt.
pub(crate) fn interrupt(layer: &Layer, thread: &mut Thread) {
    dispatch(layer, thread, Exception { code: exception::INTERRUPT, ..Exception::ZERO });
}

fn dispatch(layer: &Layer, thread: &mut Thread, mut record: Exception) {
    record.depth = thread.depth;
    if thread.depth >= DEEPEST {
        layer.fatal(&format!(
            "the library OS's dispatches do not return: {}",
            describe(&record, thread.cpu.eip)
        ));
    }
    let mut table = UpcallTable::ZERO;
    let registered = layer.window.read_bytes(GuestAddr(layer.upcall_slot), table.as_bytes_mut()).1.is_none()
        && table.size >= size_of::<UpcallTable>() as u32;
    let entry = u32::try_from(table.exception_dispatch).unwrap_or(0);
    if !registered || entry == 0 {
        layer.fatal(&format!("the library OS takes no exceptions: {}", describe(&record, thread.cpu.eip)));
    }
    let esp = thread.cpu.gpr[Gpr::Esp as usize];
    let nested = thread.mode == mode::LIBOS && thread.upcalls.contains(esp);
    let top = if nested { esp } else { thread.upcalls.top().wrapping_sub(RESERVED_TOP) };
    let at = top.wrapping_sub(FRAME) & !15;
    let lowest = at.wrapping_sub(4);
    if thread.upcalls.size == 0 || lowest < thread.upcalls.base || lowest >= thread.upcalls.top() {
        layer.fatal(&format!(
            "no room on the library OS's upcall stack: {}",
            describe(&record, thread.cpu.eip)
        ));
    }
    // At a system call the library OS saves the floating-point state itself if it needs it, where FXSAVE exists.
    let with_fp = record.code != exception::RAW_SYSCALL || thread.cpu.cpuid < Profile::Sse2;
    let context = context::save(thread.cpu, thread.mode, with_fp);
    let mut frame = [0; (FRAME + 4) as usize];
    let mut put = |offset: u32, bytes: &[u8]| {
        frame[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes)
    };
    put(0, &(GATE_PAGE + 16 * u32::from(RETURN_GATE)).to_le_bytes());
    put(4, &(at + EXCEPTION_AT).to_le_bytes());
    put(8, &(at + CONTEXT_AT).to_le_bytes());
    put(4 + EXCEPTION_AT, record.as_bytes());
    put(4 + CONTEXT_AT, context.as_bytes());
    if let Some(f) = layer.window.write_bytes(GuestAddr(lowest), &frame).1 {
        layer.fatal(&format!(
            "the library OS's upcall stack is gone ({f:?}): {}",
            describe(&record, thread.cpu.eip)
        ));
    }
    thread.depth += 1;
    thread.mode = mode::LIBOS;
    thread.cpu.gpr[Gpr::Esp as usize] = lowest;
    thread.cpu.eip = entry;
    thread.cpu.set_flat_segments();
    // The library OS's code finds the flags as the calling convention wants them.
    thread.cpu.set_eflags_image(0);
}

/// The return gate: resumes what the dispatch left in its CONTEXT.
pub(crate) fn resume(layer: &Layer, thread: &mut Thread) {
    // The gate is reached by RET with ESP = A.
    let at = thread.cpu.gpr[Gpr::Esp as usize];
    let mut context = ContextI386::ZERO;
    if let Some(f) = layer.window.read_bytes(GuestAddr(at).wrapping_add(CONTEXT_AT), context.as_bytes_mut()).1
    {
        layer.fatal(&format!("a dispatch returned without a context ({f:?})"));
    }
    let returned = context::restore(thread.cpu, &context);
    thread.depth = thread.depth.saturating_sub(1);
    thread.mode = if context.header.mode == mode::APP { mode::APP } else { mode::LIBOS };
    if let Err(e) = returned {
        exception(layer, thread, e);
    }
}
