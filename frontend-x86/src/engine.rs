//! The seam between what runs guest code and what surrounds it: run until an exit, interrupt, invalidate.
//!
//! The shape is gVisor's platform: everything that is not guest code happens between two calls of [`Engine::run`], with
//! exact guest state in [`CpuState`].

use crate::decode::MemoryAccess;
use crate::memory::{Access, Fault, GuestAddr};
use crate::state::{CpuState, Segment};
use core::sync::atomic::AtomicU32;

/// An exception of the processor, by the manual's names. SDM vol. 3A, chapter 6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exception {
    /// #DE, vector 0.
    Divide,
    /// #DB, vector 1: single step, or INT1.
    Debug,
    /// #BP, vector 3: INT3.
    Breakpoint,
    /// #OF, vector 4: INTO.
    Overflow,
    /// #BR, vector 5: BOUND.
    Bound,
    /// #UD, vector 6.
    InvalidOpcode,
    /// #NP, vector 11, with its error code.
    SegmentNotPresent(u32),
    /// #SS, vector 12, with its error code.
    StackFault(u32),
    /// #GP, vector 13, with its error code.
    GeneralProtection(u32),
    /// #PF, vector 14.
    Page(Fault),
    /// #MF, vector 16: an unmasked x87 exception is pending.
    Math,
    /// #AC, vector 17.
    Alignment,
    /// #XM, vector 19: an unmasked SSE exception.
    Simd,
    /// `INT n` for an n that user mode may call: a trap, EIP is already behind the instruction.
    Software(u8),
}

impl Exception {
    /// The exception as the processor reports it for `insn`: the read of a read-modify-write faults as a write.
    #[must_use]
    pub fn as_seen_by(self, insn: &crate::decode::Insn) -> Self {
        match self {
            Self::Page(fault)
                if fault.access == Access::Read && insn.memory_access() == Some(MemoryAccess::Modify) =>
            {
                Self::Page(Fault { access: Access::Write, ..fault })
            }
            other => other,
        }
    }

    /// The fault of an access that a segment does not allow. SDM vol. 3A, 5.3.
    #[must_use]
    pub const fn outside(s: Segment) -> Self {
        if matches!(s, Segment::Ss) { Self::StackFault(0) } else { Self::GeneralProtection(0) }
    }

    /// Whether EIP is behind the instruction when it is raised.
    #[must_use]
    pub const fn is_trap(self) -> bool {
        matches!(self, Self::Debug | Self::Breakpoint | Self::Overflow | Self::Software(_))
    }

    /// The 64 bits by which a helper names a fault with an error code: bit 63, the vector in bits 32–39, the error code
    /// below. 0 for exceptions that helpers do not raise this way.
    #[must_use]
    pub fn status(self) -> u64 {
        let status = |vector: u64, code: u32| 1 << 63 | vector << 32 | u64::from(code);
        match self {
            Self::SegmentNotPresent(code) => status(11, code),
            Self::StackFault(code) => status(12, code),
            Self::GeneralProtection(code) => status(13, code),
            Self::InvalidOpcode => status(6, 0),
            Self::Math => status(16, 0),
            Self::Simd => status(19, 0),
            _ => 0,
        }
    }

    /// The fault that a status names; `None` for every value with bit 63 clear.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "fields of a status")]
    pub const fn from_status(status: u64) -> Option<Self> {
        if status >> 63 == 0 {
            return None;
        }
        let code = status as u32;
        Some(match (status >> 32) as u8 {
            11 => Self::SegmentNotPresent(code),
            12 => Self::StackFault(code),
            6 => Self::InvalidOpcode,
            16 => Self::Math,
            19 => Self::Simd,
            _ => Self::GeneralProtection(code),
        })
    }
}

/// Why [`Engine::run`] came back. The state is exact: for a fault EIP is at the instruction and nothing of it has
/// happened; for a trap (#BP, #OF, #DB after a step, `INT n`) and a gate EIP is behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// The gate opcode with this number was executed.
    Gate(u16),
    /// An exception that the guest sees.
    Exception(Exception),
    /// The interrupt word was set. EIP is at an instruction that has not begun.
    Interrupted,
    /// The engine was told to use only one tier and could not (`--engine jit`); the text says why.
    EngineFailure(&'static str),
}

/// Which order of memory accesses translated code must give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryOrder {
    /// One guest thread and no memory shared with another writer: program order on one thread is enough.
    Plain,
    /// x86's total store order. SDM vol. 3A, 8.2.
    Tso,
}

/// The host registers of a thread that faulted in translated code: a view of the layer below's CONTEXT.
pub trait HostRegisters {
    /// Program counter.
    fn pc(&self) -> u64;
    /// Sets the program counter.
    fn set_pc(&mut self, value: u64);
    /// Stack pointer.
    fn sp(&self) -> u64;
    /// Sets the stack pointer.
    fn set_sp(&mut self, value: u64);
    /// General register by the host architecture's own number (x86-64: encoding order rax, rcx, rdx, rbx, rsp…).
    fn register(&self, number: usize) -> u64;
    /// Sets a general register.
    fn set_register(&mut self, number: usize, value: u64);
}

/// A synchronous host fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostFault {
    /// Host data address, where the host gave one.
    pub address: u64,
    /// The guest address it lies at, where it lies inside the window or its guards (wrapped to 32 bits).
    pub guest: Option<GuestAddr>,
    /// Whether it was a write.
    pub write: bool,
    /// Which kind.
    pub kind: HostFaultKind,
}

/// Kinds of synchronous host faults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostFaultKind {
    /// SIGSEGV.
    Access,
    /// SIGBUS.
    InPage,
    /// An undefined or trapping host instruction (Cranelift's `trap`).
    Illegal,
    /// A host arithmetic exception.
    Arithmetic,
}

/// Runs guest code. One engine serves all threads of a process.
pub trait Engine: Send + Sync + 'static {
    /// Runs the thread until something happens that is not guest code. `interrupt` lies exactly
    /// [`crate::state::INTERRUPT_BEFORE_STATE`] bytes before `cpu` (see [`crate::state::ThreadBlock`]); when it becomes non-zero, `run` returns
    /// [`Exit::Interrupted`] within a bounded number of instructions and leaves the word as it is.
    fn run(&self, cpu: &mut CpuState, interrupt: &AtomicU32) -> Exit;

    /// Forgets everything derived from the bytes of these pages, in every thread, before it returns: no thread begins
    /// another instruction of the old code, except the calling thread's current one.
    fn invalidate(&self, first_page: u32, pages: u32);

    /// Offers a host fault to the engine, from within the signal handler: async-signal-safe. If the program counter
    /// is in its translated code, it edits `registers` so that `run` goes on with the fault, and returns true.
    fn host_fault(&self, fault: &HostFault, registers: &mut dyn HostRegisters) -> bool;

    /// Sets the order of memory accesses, discarding code made for a weaker one. Never weakens.
    fn set_memory_order(&self, order: MemoryOrder);

    /// Quiesces before the process is cloned: takes the engine's locks, parks its threads.
    fn before_clone(&self);
    /// Resumes after a clone, in the parent or in the child (where only the calling thread survives).
    fn after_clone(&self, in_child: bool);
}
