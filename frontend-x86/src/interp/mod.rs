//! Carries instructions out, one at a time: [`Emit`](crate::emit::Emit) over concrete values.
//!
//! [`step`] executes one decoded instruction on a [`CpuState`] and a [`GuestMemory`]. A fault is sticky: once an access
//! faulted or [`raise_if`](crate::emit::Emit::raise_if) held, nothing more of the instruction takes effect, so the meanings need no error paths.
//! `Interp::finish` is the one place where a [`Flow`] becomes a new EIP or an exit.
//!
//! A repeated string instruction runs a bounded number of elements; then `step` returns with EIP still at it and its
//! registers advanced, so that whoever calls can look at the interrupt word between two steps.

mod code;
mod lanes;
mod string;
mod value;
mod vocabulary;

pub(crate) use lanes::shift as shift_lanes;
pub use string::{Progress, string};
pub use value::Value;

use crate::decode::{DecodeError, Insn};
use crate::emit::{Flow, Target};
use crate::engine::{Exception, Exit};
use crate::memory::GuestMemory;
use crate::state::{CpuState, Segment, eflags};
use crate::table::Meaning;
use core::sync::atomic::{AtomicU32, Ordering};
use iced_x86::Register;

/// One instruction on its way through.
pub struct Interp<'a, M: GuestMemory + ?Sized> {
    cpu: &'a mut CpuState,
    memory: &'a M,
    insn: &'a Insn,
    pending: Option<Exception>,
    /// A repeated string instruction that is not finished: EIP stays.
    again: bool,
}

impl<M: GuestMemory + ?Sized> core::fmt::Debug for Interp<'_, M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Interp")
            .field("insn", &self.insn)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

/// What became of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum StepResult {
    /// Done; EIP is at the next instruction in order.
    Next,
    /// Done; EIP may be anywhere, and nothing known about segments, flags outside the six, or code need hold any more.
    Moved,
    /// The guest leaves.
    Exit(Exit),
}

/// Executes `insn`, which must have been decoded at `cpu.eip`.
///
/// With TF set when the instruction begins, a finished instruction ends in the #DB trap; a repeated string instruction
/// then does one iteration. An instruction that loads SS, or that leaves by a trap or a gate, does not trap itself.
#[inline]
pub fn step<M: GuestMemory + ?Sized>(cpu: &mut CpuState, memory: &M, insn: &Insn) -> StepResult {
    let traced = cpu.eflags & eflags::TF != 0;
    let mut interp = Interp { cpu, memory, insn, pending: None, again: false };
    let flow = crate::table::emit(&mut interp, insn);
    let result = interp.finish(flow);
    if traced { after_traced(insn, result) } else { result }
}

/// Like [`step`] for an instruction whose meaning was looked up before.
#[inline]
pub fn execute<'a, M: GuestMemory + ?Sized>(
    cpu: &'a mut CpuState,
    memory: &'a M,
    insn: &'a Insn,
    meaning: Meaning<Interp<'a, M>>,
) -> StepResult {
    let traced = cpu.eflags & eflags::TF != 0;
    let mut interp = Interp { cpu, memory, insn, pending: None, again: false };
    let flow = meaning(&mut interp, insn);
    let result = interp.finish(flow);
    if traced { after_traced(insn, result) } else { result }
}

/// Fetches, decodes and executes the instruction at `cpu.eip`.
pub fn step_at<M: GuestMemory + ?Sized>(cpu: &mut CpuState, memory: &M) -> StepResult {
    match fetch(cpu, memory) {
        Ok(insn) => step(cpu, memory, &insn),
        Err(exception) => StepResult::Exit(Exit::Exception(exception)),
    }
}

/// Fetches and decodes the instruction at `cpu.eip`.
///
/// # Errors
/// What executing there raises.
pub fn fetch<M: GuestMemory + ?Sized>(cpu: &CpuState, memory: &M) -> Result<Insn, Exception> {
    let cs = &cpu.segments[Segment::Cs as usize];
    if cs.is_flat_code() {
        Insn::fetch(memory, cpu.eip, cpu.cpuid).map_err(DecodeError::exception)
    } else {
        code::fetch(cs, memory, cpu.eip, cpu.cpuid)
    }
}

/// Runs without any cache until something happens that is not guest code.
pub fn run<M: GuestMemory + ?Sized>(cpu: &mut CpuState, memory: &M, interrupt: &AtomicU32) -> Exit {
    loop {
        if interrupt.load(Ordering::Acquire) != 0 {
            return Exit::Interrupted;
        }
        if let StepResult::Exit(exit) = step_at(cpu, memory) {
            return exit;
        }
    }
}

/// The #DB trap behind an instruction that ran with TF set. SDM vol. 3B, 18.3.1.4 and 6.8.3 (loading SS).
#[cold]
fn after_traced(insn: &Insn, result: StepResult) -> StepResult {
    let loads_ss = insn.operands() > 0
        && insn.register(0) == Register::SS
        && insn.mnemonic() != iced_x86::Mnemonic::Push;
    match result {
        StepResult::Next | StepResult::Moved if !loads_ss => {
            StepResult::Exit(Exit::Exception(Exception::Debug))
        }
        other => other,
    }
}

impl DecodeError {
    /// The exception that executing there raises.
    #[must_use]
    pub const fn exception(self) -> Exception {
        match self {
            Self::Invalid | Self::Truncated => Exception::InvalidOpcode,
            Self::TooLong => Exception::GeneralProtection(0),
            Self::Fetch(fault) => Exception::Page(fault),
        }
    }
}

impl<M: GuestMemory + ?Sized> Interp<'_, M> {
    /// Turns where control goes into EIP and the result of the step.
    #[inline]
    fn finish(self, flow: Flow<Value, bool>) -> StepResult {
        // Nearly always.
        if let (Flow::Next, None, false) = (flow, self.pending, self.again) {
            self.cpu.eip = self.insn.next_eip();
            return StepResult::Next;
        }
        self.finish_other(flow)
    }

    #[inline(never)]
    fn finish_other(self, flow: Flow<Value, bool>) -> StepResult {
        if let Some(exception) = self.pending {
            if exception.is_trap() {
                self.cpu.eip = self.insn.next_eip();
            }
            return StepResult::Exit(Exit::Exception(exception));
        }
        let next = self.insn.next_eip();
        let limit = self.cpu.segments[Segment::Cs as usize].limit;
        let (eip, result) = match flow {
            Flow::Branch { taken: true, to } if to > limit => {
                return StepResult::Exit(Exit::Exception(Exception::GeneralProtection(0)));
            }
            Flow::Next if self.again => (self.insn.eip(), StepResult::Moved),
            Flow::Next | Flow::Branch { taken: false, .. } => (next, StepResult::Next),
            Flow::EndBlock => (next, StepResult::Moved),
            Flow::Branch { taken: true, to }
            | Flow::Jump(Target::Direct(to))
            | Flow::Call(Target::Direct(to)) => (to, StepResult::Moved),
            Flow::Jump(Target::Indirect(to))
            | Flow::Call(Target::Indirect(to))
            | Flow::Return(to)
            | Flow::Far(to) => (to.low32(), StepResult::Moved),
            Flow::Gate(number) => (next, StepResult::Exit(Exit::Gate(number))),
            Flow::Raise(exception) => {
                let eip = if exception.is_trap() { next } else { self.insn.eip() };
                (eip, StepResult::Exit(Exit::Exception(exception)))
            }
        };
        self.cpu.eip = eip;
        result
    }

    /// Whether effects still happen.
    #[inline]
    fn live(&self) -> bool {
        self.pending.is_none()
    }

    /// Makes an access; a fault becomes the pending exception, and the value is then `T::default()`.
    #[inline]
    fn access<T: Default>(&mut self, result: Result<T, crate::memory::Fault>) -> T {
        match result {
            Ok(value) => value,
            Err(fault) => {
                self.raise(Exception::Page(fault));
                T::default()
            }
        }
    }

    #[cold]
    fn raise(&mut self, exception: Exception) {
        if self.pending.is_none() {
            let exception = exception.as_seen_by(self.insn);
            self.pending = Some(exception);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Access, Fault, FaultKind, GuestAddr};
    use crate::state::Gpr::{Eax, Ebx, Ecx, Edi, Esi, Esp};
    use crate::testing::{Bench, CODE, DATA, STACK};

    const DB: StepResult = StepResult::Exit(Exit::Exception(Exception::Debug));

    #[test]
    fn a_fault_leaves_everything_as_it_was() {
        // add [ebx], eax with ebx on an unmapped page; pop [ebx].
        for code in [&[0x01, 0x03][..], &[0x8f, 0x03]] {
            let mut bench = Bench::new(code).with(&[(Eax, 5), (Ebx, 0x1000), (Esp, STACK - 8)]);
            let before = bench.cpu.clone();
            let exception = bench.step_into_exception();
            let fault = Fault { addr: GuestAddr(0x1000), access: Access::Write, kind: FaultKind::NotMapped };
            assert_eq!(exception, Exception::Page(fault), "{code:x?}");
            assert_eq!(bench.cpu, before, "{code:x?}");
        }
    }

    #[test]
    fn tf_traps_behind_the_instruction() {
        let mut bench = Bench::new(&[0x40]);
        bench.cpu.eflags |= eflags::TF;
        assert_eq!(bench.step(), DB);
        assert_eq!((bench.get(Eax), bench.cpu.eip), (1, CODE + 1));
    }

    #[test]
    fn popf_that_sets_tf_traps_behind_the_next_instruction() {
        // popf; nop
        let mut bench = Bench::new(&[0x9d, 0x90]).with(&[(Esp, STACK - 4)]);
        bench.memory.poke(STACK - 4, &0x302u32.to_le_bytes());
        assert_eq!(bench.step(), StepResult::Moved);
        assert_eq!(bench.step(), DB);
        assert_eq!(bench.cpu.eip, CODE + 2);
    }

    #[test]
    fn loading_ss_holds_the_trap_back() {
        // mov ss, ax; nop
        let mut bench = Bench::new(&[0x8e, 0xd0, 0x90]).with(&[(Eax, 0x2b)]);
        bench.cpu.eflags |= eflags::TF;
        assert_eq!(bench.step(), StepResult::Moved);
        assert_eq!(bench.step(), DB);
        assert_eq!(bench.cpu.eip, CODE + 3);
    }

    #[test]
    fn tf_stops_a_repetition_at_each_element() {
        // rep movsb
        let mut bench = Bench::new(&[0xf3, 0xa4]).with(&[(Esi, DATA), (Edi, DATA + 64), (Ecx, 2)]);
        bench.cpu.eflags |= eflags::TF;
        assert_eq!(bench.step(), DB);
        assert_eq!((bench.get(Ecx), bench.cpu.eip), (1, CODE));
        assert_eq!(bench.step(), DB);
        assert_eq!((bench.get(Ecx), bench.cpu.eip), (0, CODE + 2));
    }

    #[test]
    fn traps_leave_eip_behind_the_instruction_and_faults_at_it() {
        let mut bench = Bench::new(&[0xcd, 0x80]);
        assert_eq!(bench.step_into_exception(), Exception::Software(0x80));
        assert_eq!(bench.cpu.eip, CODE + 2);
        // into, with OF
        let mut bench = Bench::new(&[0xce]);
        bench.cpu.set_eflags_image(crate::flags::OF);
        assert_eq!(bench.step_into_exception(), Exception::Overflow);
        assert_eq!(bench.cpu.eip, CODE + 1);
        let mut bench = Bench::new(&[0xcd, 0x81]);
        assert_eq!(bench.step_into_exception(), Exception::GeneralProtection(0x40a));
        assert_eq!(bench.cpu.eip, CODE);
    }

    #[test]
    fn a_gate_goes_on_behind_itself() {
        let mut bench = Bench::new(&[0x0f, 0x3f, 0x2d, 0x01, 0xc3]);
        assert_eq!(bench.step(), StepResult::Exit(Exit::Gate(0x12d)));
        assert_eq!(bench.cpu.eip, CODE + 4);
    }

    #[test]
    fn an_instruction_that_runs_off_its_page_faults_there() {
        let mut bench = Bench::new(&[]);
        bench.cpu.eip = CODE + 0x7ffe;
        bench.memory.poke(CODE + 0x7ffe, &[0xb8, 0]);
        let fault =
            Fault { addr: GuestAddr(CODE + 0x8000), access: Access::Execute, kind: FaultKind::NotMapped };
        assert_eq!(bench.step_into_exception(), Exception::Page(fault));
    }

    #[test]
    fn run_comes_back_when_interrupted() {
        // jmp $
        let mut bench = Bench::new(&[0xeb, 0xfe]);
        assert_eq!(run(&mut bench.cpu, &bench.memory, &AtomicU32::new(1)), Exit::Interrupted);
        assert_eq!(bench.cpu.eip, CODE);
    }

    #[test]
    fn alignment_is_checked_where_ac_is_set() {
        // mov eax, [ebx]
        let mut bench = Bench::new(&[0x8b, 0x03]).with(&[(Ebx, DATA + 2)]);
        bench.cpu.eflags |= eflags::AC;
        assert_eq!(bench.step_into_exception(), Exception::Alignment);
    }
}
