//! Compare mode: translated code and the interpreter in lockstep, block by block, to the first difference.
//!
//! The interpreter goes first, on a copy of the state and through a [`Journal`]; its writes are undone and the translated
//! block runs on the real state. Then states, exits and the bytes that the interpreter wrote must be equal. A write
//! that only translated code makes is seen when a later block reads it. Not compared: blocks that read the time-stamp
//! counter or random bits, change code, or touch a page whose first access has an effect of its own. For guests with one thread.

use crate::Jit;
use crate::dispatch::Thread;
use crate::enter::{self, Running};
use crate::journal::Journal;
use crate::outcome::Kind;
use frontend_x86::engine::Exit;
use frontend_x86::interp::{self, StepResult};
use frontend_x86::memory::{GuestAddr, GuestMemory};
use frontend_x86::state::CpuState;
use std::cell::Cell;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What the interpreter made of a block.
struct Expected {
    cpu: CpuState,
    exit: Option<Exit>,
    written: Vec<(GuestAddr, Vec<u8>)>,
}

impl<M: GuestMemory> Jit<M> {
    /// Runs the block at EIP on both and compares.
    pub(crate) fn compare_block(
        &self,
        cpu: &mut CpuState,
        thread: &mut Thread<'_>,
        window: u64,
        offset: u32,
    ) -> Option<Exit> {
        let Some(instructions) = ({
            let _shared = self.gate.lock();
            thread.space.books().instructions(cpu.eip)
        }) else {
            return self.interpret_one(cpu);
        };
        let before = cpu.clone();
        let changes = self.changes.load(Ordering::SeqCst);
        let journal = Journal::new(Arc::clone(&self.memory));
        let mut expected = Expected { cpu: before.clone(), exit: None, written: Vec::new() };
        for _ in 0..instructions {
            match interp::step_at(&mut expected.cpu, &journal) {
                StepResult::Next => {}
                StepResult::Moved => break,
                StepResult::Exit(exit) => {
                    expected.exit = Some(exit);
                    break;
                }
            }
        }
        if journal.timed() || self.changes.load(Ordering::SeqCst) != changes {
            *cpu = expected.cpu;
            return expected.exit;
        }
        expected.written = journal.undo();
        let running = Running { memory: &*self.memory, leave: thread.leave, pending: Cell::new(None) };
        let outcome = enter::execute(cpu, &running, window, &thread.space, &self.blank, offset);
        let faults = self.stats.read().faults;
        let exit = if outcome.kind() == Kind::Unlinked {
            let _shared = self.gate.lock();
            cpu.eip = thread.space.books().target(outcome.payload());
            None
        } else {
            self.answer(cpu, &running, outcome)
        };
        if outcome.kind() == Kind::Interrupted && cpu.eip == before.eip {
            return None;
        }
        // One instruction was left to the interpreter, and the block was left behind it.
        let retried =
            (self.stats.read().faults != faults || outcome.kind() == Kind::Interpret) && exit.is_none();
        if retried || self.changes.load(Ordering::SeqCst) != changes {
            for (at, bytes) in &expected.written {
                self.memory.write_bytes(*at, bytes);
            }
            *cpu = expected.cpu;
            return expected.exit;
        }
        let report = self.differences(&expected, cpu, exit);
        if report.is_empty() {
            return exit;
        }
        eprintln!(
            "trunnion: translated code differs at {:#010x}\nbefore: {}\n{report}",
            before.eip,
            line(&before)
        );
        Some(Exit::EngineFailure("translated code and the interpreter differ"))
    }

    fn differences(&self, expected: &Expected, cpu: &CpuState, exit: Option<Exit>) -> String {
        let mut report = String::new();
        let mut differ = |what: &str, e: String, g: String| {
            if e != g {
                let _ = writeln!(report, "{what}: interpreted {e}, translated {g}");
            }
        };
        let e = &expected.cpu;
        differ("exit", format!("{:?}", expected.exit), format!("{exit:?}"));
        differ("registers", line(e), line(cpu));
        differ("mxcsr", format!("{:#x}", e.mxcsr), format!("{:#x}", cpu.mxcsr));
        differ("xmm", format!("{:x?}", e.xmm), format!("{:x?}", cpu.xmm));
        differ("x87", format!("{:x?}", e.x87), format!("{:x?}", cpu.x87));
        differ("segments", format!("{:x?}", e.segments), format!("{:x?}", cpu.segments));
        for (at, bytes) in &expected.written {
            let mut now = vec![0; bytes.len()];
            self.memory.read_bytes(*at, &mut now);
            differ(&format!("memory at {at}"), format!("{bytes:x?}"), format!("{now:x?}"));
        }
        report
    }
}

fn line(cpu: &CpuState) -> String {
    let [eax, ecx, edx, ebx, esp, ebp, esi, edi] = cpu.gpr;
    format!(
        "eax={eax:08x} ecx={ecx:08x} edx={edx:08x} ebx={ebx:08x} esp={esp:08x} ebp={ebp:08x} esi={esi:08x} \
         edi={edi:08x} eip={:08x} eflags={:08x}",
        cpu.eip,
        cpu.eflags_image()
    )
}
