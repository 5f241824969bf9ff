//! String instructions without a repeat prefix, inline; the others go out of line.

use super::{Clif, Int};
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{InstBuilder, Value};
use frontend_x86::emit::{Emit, Reg, Rep, StringInsn, StringOp};
use frontend_x86::flags::FlagRule;
use frontend_x86::state::{CpuState, Gpr, Segment, eflags};
use std::mem::offset_of;

impl Clif<'_> {
    /// Builds one element of a string instruction; false for the forms that are not built.
    pub(super) fn string_element(&mut self, s: StringInsn) -> bool {
        if s.rep != Rep::Once || s.address16 || matches!(s.source, Segment::Fs | Segment::Gs) {
            return false;
        }
        let accumulator = Reg::low_part(Gpr::Eax, s.width);
        let [source, destination] = [Gpr::Esi, Gpr::Edi].map(|r| self.reg(Reg::Full(r)));
        let mut loaded = None;
        match s.op {
            StringOp::Movs => {
                let v = self.load(s.width, source);
                self.store(destination, v);
            }
            StringOp::Stos => {
                let v = self.reg(accumulator);
                self.store(destination, v);
            }
            StringOp::Lods => loaded = Some(self.load(s.width, source)),
            StringOp::Cmps | StringOp::Scas => {
                let a =
                    if s.op == StringOp::Cmps { self.load(s.width, source) } else { self.reg(accumulator) };
                let b = self.load(s.width, destination);
                let difference = self.sub(a, b);
                self.set_flags(FlagRule::Sub, a, b, difference);
            }
        }
        let step = self.string_step(s.width.bytes());
        if matches!(s.op, StringOp::Movs | StringOp::Cmps | StringOp::Lods) {
            self.advance(Gpr::Esi, source, step);
        }
        if s.op != StringOp::Lods {
            self.advance(Gpr::Edi, destination, step);
        }
        if let Some(v) = loaded {
            self.set_reg(accumulator, v);
        }
        true
    }

    fn advance(&mut self, r: Gpr, from: Int, step: Value) {
        let v = self.b.ins().iadd(from.v, step);
        self.set_reg(Reg::Full(r), Int { v, w: from.w });
    }

    /// `bytes` where DF is clear, −`bytes` where it is set.
    fn string_step(&mut self, bytes: u32) -> Value {
        let flags = self.load_state(I32, offset_of!(CpuState, eflags));
        let direction = self.b.ins().band_imm_u(flags, i64::from(eflags::DF));
        let down = i64::from(eflags::DF.trailing_zeros() - (2 * bytes).trailing_zeros());
        let twice = self.b.ins().ushr_imm_u(direction, down);
        let up = self.iconst(I32, u64::from(bytes));
        self.b.ins().isub(up, twice)
    }
}
