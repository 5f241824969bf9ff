//! The interpreter of `frontend-x86` as a machine.

use super::{Machine, Ram, convert};
use crate::case::{Case, Outcome, Stop};
use frontend_x86::interp::{StepResult, fetch, step, step_at};
use iced_x86::Instruction;

/// Steps (instructions, or pieces of a repeated one) after which a case hangs.
const LIMIT: u32 = 200_000;

/// Runs cases through `frontend_x86::interp`.
#[derive(Debug, Default)]
pub struct Interpreter {
    ram: Ram,
}

impl Machine for Interpreter {
    fn name(&self) -> &'static str {
        "interp"
    }

    fn run(&mut self, case: &Case) -> Outcome {
        super::remember(case);
        self.ram.begin(case);
        let mut cpu = convert::load(&case.state);
        let mut stop = Stop::Hang;
        for _ in 0..LIMIT {
            if let StepResult::Exit(exit) = step_at(&mut cpu, &self.ram) {
                stop = convert::stop(exit);
                break;
            }
        }
        super::forget();
        Outcome { stop, state: convert::store(&cpu), memory: self.ram.end(case) }
    }
}

/// Memory as it is when a case begins.
#[must_use]
pub fn placed(case: &Case) -> Ram {
    let ram = Ram::default();
    ram.begin(case);
    ram
}

/// Where the first block begins that a case has executed so many times: what an engine would find hot. `None` if there is
/// none.
#[must_use]
pub fn hot_block(case: &Case, times: u32) -> Option<u32> {
    let ram = placed(case);
    let mut cpu = convert::load(&case.state);
    let mut executions = std::collections::HashMap::new();
    let mut starts = true;
    for _ in 0..LIMIT {
        if starts {
            let count: &mut u32 = executions.entry(cpu.eip).or_default();
            *count += 1;
            if *count == times {
                return Some(cpu.eip);
            }
        }
        let insn = fetch(&cpu, &ram).ok()?;
        starts = insn.raw().flow_control() != iced_x86::FlowControl::Next;
        if let StepResult::Exit(_) = step(&mut cpu, &ram, &insn) {
            return None;
        }
    }
    None
}

/// The instructions that a case completes, each with CL before it.
#[must_use]
pub fn trace(case: &Case) -> Vec<(Instruction, u8)> {
    let ram = placed(case);
    let mut cpu = convert::load(&case.state);
    let mut out = Vec::new();
    while out.len() < LIMIT as usize {
        let Ok(insn) = fetch(&cpu, &ram) else { break };
        let cl = cpu.gpr[1] as u8;
        let again = cpu.eip;
        let result = step(&mut cpu, &ram, &insn);
        let faulted = matches!(result, StepResult::Exit(_)) && cpu.eip == again;
        if faulted {
            break;
        }
        out.push((*insn.raw(), cl));
        if matches!(result, StepResult::Exit(_)) {
            break;
        }
    }
    out
}
