//! Loops of random instructions: the sequences of [`crate::generate`] with a counter, jumps and calls put between.

use crate::case::{Case, Patch};
use crate::compare::instructions;
use crate::generate::{Generator, Kind, Rng};
use crate::layout::{CODE, INT3, SELF, TLS};
use iced_x86::{FlowControl, Instruction, OpKind, Register};

/// Where the number of rounds that are left is.
const COUNTER: u32 = TLS.base + 0x40;

/// Makes loops from a seed.
#[derive(Clone, Debug)]
pub struct Loops {
    sequences: Generator,
    seed: u64,
}

impl Loops {
    /// Loops of all instructions that are compared with the processor.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { sequences: Generator::new(&crate::campaign::fuzzed(), seed), seed }
    }

    /// The loop with this number: the same for the same seed, always.
    #[must_use]
    pub fn case(&self, index: u64) -> Case {
        let mut rng = Rng::nth(!self.seed, index);
        let mut number = index << 8;
        loop {
            let case = self.sequences.case(number);
            let body: Vec<Instruction> = instructions(&case).filter(stays).collect();
            if self.sequences.kind(number) == Kind::Sequence
                && body.len() > 1
                && !SELF.contains(case.state.eip)
            {
                return Draft::new(&case, &mut rng).finish(&body);
            }
            number += 1;
        }
    }
}

/// Whether an instruction can be anywhere and goes on behind itself.
fn stays(i: &Instruction) -> bool {
    i.flow_control() == FlowControl::Next
}

/// A loop on its way.
struct Draft<'a> {
    case: &'a Case,
    rng: &'a mut Rng,
    code: Vec<u8>,
}

impl<'a> Draft<'a> {
    fn new(case: &'a Case, rng: &'a mut Rng) -> Self {
        Self { case, rng, code: Vec::new() }
    }

    fn put(&mut self, bytes: &[u8], operand: u32) {
        self.code.extend_from_slice(bytes);
        self.code.extend(operand.to_le_bytes());
    }

    /// The bytes of one of the case's instructions.
    fn bytes(&self, i: &Instruction) -> &'a [u8] {
        let at = (i.ip32() - self.case.state.eip) as usize;
        &self.case.code[at..at + i.len()]
    }

    /// Gives the registers of a memory operand what they began with, so that later rounds reach memory as the first does.
    fn restore_pointers(&mut self, i: &Instruction) {
        let memory = i.op_kinds().any(|kind| kind == OpKind::Memory);
        let implied = i.op_kinds().any(|kind| (OpKind::MemorySegSI..=OpKind::MemoryESEDI).contains(&kind));
        let explicit = [i.memory_base(), i.memory_index()];
        let pointers: &[Register] = match (memory, implied) {
            (true, _) => &explicit,
            (_, true) => &[Register::ESI, Register::EDI],
            _ => &[],
        };
        for r in pointers.iter().filter(|r| r.is_gpr() && r.number() != 4) {
            let value = self.case.state.gpr[r.number() & 7];
            self.put(&[0xb8 | (r.number() & 7) as u8], value);
        }
        if i.has_rep_prefix() || i.has_repne_prefix() {
            let few = self.rng.below(6);
            self.put(&[0xb9], few);
        }
    }

    fn body(&mut self, body: &[Instruction]) {
        for i in body {
            if !self.rng.one_in(6) {
                self.restore_pointers(i);
            }
            let bytes = self.bytes(i);
            // A condition on whatever flags there are decides whether the instruction is executed.
            if self.rng.one_in(4) {
                let condition = self.rng.below(16) as u8;
                self.code.extend([0x70 | condition, bytes.len() as u8]);
            }
            self.code.extend_from_slice(bytes);
        }
    }

    /// Counts a round down and goes back to `head`.
    fn back_edge(&mut self, head: usize) {
        match self.rng.below(4) {
            0 => self.put(&[0xff, 0x0d], COUNTER), // dec [counter]
            1 => {
                self.put(&[0xa1], COUNTER); // mov eax, [counter]
                self.code.extend([0x8d, 0x40, 0xff]); // lea eax, [eax - 1]
                self.put(&[0xa3], COUNTER); // mov [counter], eax
                self.code.extend([0x85, 0xc0]); // test eax, eax
            }
            _ => {
                self.put(&[0x83, 0x2d], COUNTER); // sub [counter], 1
                self.code.push(1);
            }
        }
        // JNE, or JG, which reads more flags.
        let jump = if self.rng.one_in(3) { 0x8f } else { 0x85 };
        let distance = (head as u32).wrapping_sub(self.code.len() as u32 + 6);
        self.put(&[0x0f, jump], distance);
    }

    fn finish(mut self, body: &[Instruction]) -> Case {
        let rounds = 2 + self.rng.below(4);
        let calls = self.rng.one_in(4);
        self.put(&[0xc7, 0x05], COUNTER); // mov [counter], rounds
        self.code.extend(rounds.to_le_bytes());
        let head = self.code.len();
        if calls {
            // The body is a function behind the loop.
            self.put(&[0xe8], 0);
            let call = self.code.len();
            self.back_edge(head);
            self.code.push(INT3);
            let distance = (self.code.len() - call) as u32;
            self.code[call - 4..call].copy_from_slice(&distance.to_le_bytes());
            self.body(body);
            self.code.push(0xc3);
        } else {
            self.body(body);
            self.back_edge(head);
        }
        self.code.push(INT3);
        let mut state = self.case.state.clone();
        state.eip = CODE.base + 0x100;
        // Single steps and alignment checks are the interpreter's.
        state.eflags &= !0x4_0100;
        let mut memory = self.case.memory.clone();
        // What memory held stays; where code was is code now.
        memory.retain(|p: &Patch| !CODE.contains(p.at));
        Case { code: self.code, state, memory }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Stop;
    use crate::machine::{Interpreter, Machine};

    #[test]
    fn loops_end_and_are_always_the_same() {
        let (loops, mut interpreter) = (Loops::new(1), Interpreter::default());
        let mut through = 0;
        for n in 0..300 {
            let case = loops.case(n);
            assert_eq!(case, Loops::new(1).case(n));
            let stop = interpreter.run(&case).stop;
            assert_ne!(stop, Stop::Hang, "loop {n}");
            through += usize::from(stop == Stop::BREAKPOINT);
        }
        assert!(through > 100, "{through} of 300 come to their end");
    }
}
