//! What an instruction touches, derived from its meaning: `Emit` over nothing.

use crate::decode::{Insn, MemoryAccess};
use crate::emit::{AtomicOp, Emit, Flow, Lane, Reg, StringInsn, StringOp, VecBitOp, VecOp, VecShift, Width};
use crate::engine::Exception;
use crate::flags::{ARITHMETIC, Cond, Flag, FlagRule};
use crate::helper_table::{Helper, Scope, VecHelper};
use crate::operand::{Address, linear_address};
use crate::state::{Gpr, Segment};

/// What an instruction reads, writes and may do. Register sets have one bit for each register in encoding order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// General registers read, wholly or in part.
    pub gpr_read: u8,
    /// General registers that may be written, wholly or in part.
    pub gpr_written: u8,
    /// Arithmetic flags read, as EFLAGS bits.
    pub flags_read: u32,
    /// Arithmetic flags that may be written.
    pub flags_written: u32,
    /// Arithmetic flags that are written whatever happens, unless the instruction faults.
    pub flags_always_written: u32,
    /// XMM registers read.
    pub xmm_read: u8,
    /// XMM registers written.
    pub xmm_written: u8,
    /// Whether memory is read.
    pub memory_read: bool,
    /// Whether memory may be written.
    pub memory_written: bool,
    /// Whether it may raise a fault.
    pub may_fault: bool,
    /// Whether a block ends behind it.
    pub ends_block: bool,
    /// Whether a helper reads or writes the x87 unit, XMM registers or MXCSR.
    pub helper_fpu: bool,
    /// Whether a helper reads or writes anything else.
    pub helper_whole: bool,
}

impl Effects {
    /// The effects of one instruction.
    #[must_use]
    pub fn of(insn: &Insn) -> Self {
        let mut trace = Trace { effects: Self::default(), insn, conditional: false };
        let flow = crate::table::emit(&mut trace, insn);
        let mut effects = trace.effects;
        effects.ends_block = flow != Flow::Next;
        if matches!(flow, Flow::Raise(e) if !e.is_trap()) {
            effects.may_fault = true;
        }
        if flow != Flow::Next && matches!(flow, Flow::Raise(_) | Flow::Gate(_)) {
            // Who gets control sees everything.
            effects.flags_read = ARITHMETIC;
            effects.gpr_read = u8::MAX;
        }
        effects
    }
}

#[derive(Debug)]
struct Trace<'a> {
    effects: Effects,
    insn: &'a Insn,
    /// Inside `when`.
    conditional: bool,
}

impl Trace<'_> {
    fn writes_flags(&mut self, flags: u32) {
        self.effects.flags_written |= flags;
        if !self.conditional {
            self.effects.flags_always_written |= flags;
        }
    }
    fn memory(&mut self, written: bool) {
        self.effects.may_fault = true;
        self.effects.memory_read |= !written;
        self.effects.memory_written |= written;
    }
    fn index_registers(&mut self, s: StringInsn) {
        let mut registers = 0;
        if s.op != StringOp::Lods {
            registers |= 1 << Gpr::Edi as u8;
        }
        if !matches!(s.op, StringOp::Stos | StringOp::Scas) {
            registers |= 1 << Gpr::Esi as u8;
        }
        if s.rep != crate::emit::Rep::Once {
            registers |= 1 << Gpr::Ecx as u8;
        }
        self.effects.gpr_read |= registers;
        self.effects.gpr_written |= registers;
    }
}

impl Emit for Trace<'_> {
    type Int = Width;
    type Bool = ();
    type Vec = ();

    fn imm(&mut self, w: Width, _: u64) -> Width {
        w
    }
    fn bool(&mut self, _: bool) {}
    fn reg(&mut self, r: Reg) -> Width {
        self.effects.gpr_read |= 1 << r.gpr() as u8;
        r.width()
    }
    fn set_reg(&mut self, r: Reg, _: Width) {
        self.effects.gpr_written |= 1 << r.gpr() as u8;
    }
    fn segment_base(&mut self, _: Segment) -> Width {
        Width::B32
    }
    fn selector(&mut self, _: Segment) -> Width {
        Width::B16
    }
    fn width(&self, v: Width) -> Width {
        v
    }
    fn add(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn sub(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn mul(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn udiv(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn urem(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn sdiv(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn srem(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn and(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn or(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn xor(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn not(&mut self, a: Width) -> Width {
        a
    }
    fn shl(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn shr(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn sar(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn rotl(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn rotr(&mut self, a: Width, _: Width) -> Width {
        a
    }
    fn clz(&mut self, a: Width) -> Width {
        a
    }
    fn ctz(&mut self, a: Width) -> Width {
        a
    }
    fn popcnt(&mut self, a: Width) -> Width {
        a
    }
    fn bswap(&mut self, a: Width) -> Width {
        a
    }
    fn zext(&mut self, w: Width, _: Width) -> Width {
        w
    }
    fn sext(&mut self, w: Width, _: Width) -> Width {
        w
    }
    fn eq(&mut self, _: Width, _: Width) {}
    fn ult(&mut self, _: Width, _: Width) {}
    fn slt(&mut self, _: Width, _: Width) {}
    fn both(&mut self, (): (), (): ()) {}
    fn either(&mut self, (): (), (): ()) {}
    fn negate(&mut self, (): ()) {}
    fn from_bool(&mut self, w: Width, (): ()) -> Width {
        w
    }
    fn select(&mut self, (): (), a: Width, _: Width) -> Width {
        a
    }
    fn address(&mut self, a: &Address) -> Width {
        linear_address(self, a)
    }
    fn in_segment(&mut self, _: Segment, offset: Width, _: u32, _: MemoryAccess) -> Width {
        self.effects.may_fault = true;
        offset
    }
    fn stack(&mut self, offset: Width, _: u32, _: MemoryAccess) -> Width {
        self.effects.may_fault = true;
        offset
    }
    fn stack_pointer(&mut self, offset: Width) -> Width {
        offset
    }
    // Nothing that translated code could see: CS is flat there.
    fn code_target(&mut self, _: Width) {}
    fn load(&mut self, w: Width, _: Width) -> Width {
        self.memory(false);
        w
    }
    fn store(&mut self, _: Width, _: Width) {
        self.memory(true);
    }
    fn probe_write(&mut self, _: Width, _: u32) {
        self.effects.may_fault = true;
    }
    fn check_aligned(&mut self, _: Width, _: u32) {
        self.effects.may_fault = true;
    }
    fn atomic(&mut self, _: AtomicOp, _: Width, v: Width) -> Width {
        self.memory(false);
        self.memory(true);
        v
    }
    fn atomic_cas(&mut self, _: Width, expected: Width, _: Width) -> Width {
        self.memory(false);
        self.memory(true);
        expected
    }
    fn fence(&mut self) {}
    fn string(&mut self, s: StringInsn) {
        self.index_registers(s);
        let (reads, writes) = match s.op {
            StringOp::Movs => (true, true),
            StringOp::Stos => (false, true),
            StringOp::Cmps | StringOp::Lods | StringOp::Scas => (true, false),
        };
        if reads {
            self.memory(false);
        }
        if writes {
            self.memory(true);
        }
        match s.op {
            StringOp::Lods => {
                self.effects.gpr_written |= 1;
                // A count of zero loads nothing, so what was in EAX may stay.
                self.effects.gpr_read |= 1;
            }
            StringOp::Stos | StringOp::Scas => self.effects.gpr_read |= 1,
            StringOp::Movs | StringOp::Cmps => {}
        }
        if matches!(s.op, StringOp::Cmps | StringOp::Scas) {
            self.effects.flags_written |= ARITHMETIC;
            if s.rep == crate::emit::Rep::Once {
                self.writes_flags(ARITHMETIC);
            }
        }
    }
    fn set_flags(&mut self, _: FlagRule, _: Width, _: Width, _: Width) {
        self.writes_flags(ARITHMETIC);
    }
    fn set_flags_if(&mut self, (): (), _: FlagRule, _: Width, _: Width, _: Width) {
        self.effects.flags_written |= ARITHMETIC;
    }
    fn set_flag(&mut self, f: Flag, (): ()) {
        self.writes_flags(f as u32);
    }
    fn flag(&mut self, f: Flag) {
        self.effects.flags_read |= f as u32;
    }
    fn cond(&mut self, c: Cond) {
        self.effects.flags_read |= c.reads();
    }
    fn eflags(&mut self) -> Width {
        self.effects.flags_read |= ARITHMETIC;
        Width::B32
    }
    fn set_eflags(&mut self, mask: u32, _: Width) {
        self.writes_flags(mask & ARITHMETIC);
    }
    fn when(&mut self, (): (), then: impl FnOnce(&mut Self)) {
        let outer = core::mem::replace(&mut self.conditional, true);
        then(self);
        self.conditional = outer;
    }
    fn raise_if(&mut self, (): (), _: Exception) {
        self.effects.may_fault = true;
    }
    fn raise_status(&mut self, _: Width) {
        self.effects.may_fault = true;
    }
    fn timestamp(&mut self) -> Width {
        Width::B64
    }
    fn random(&mut self) -> Width {
        Width::B64
    }
    fn xmm(&mut self, n: u8) {
        self.effects.xmm_read |= 1 << (n & 7);
    }
    fn set_xmm(&mut self, n: u8, (): ()) {
        self.effects.xmm_written |= 1 << (n & 7);
    }
    fn mmx(&mut self, _: u8) -> Width {
        self.effects.helper_fpu = true;
        Width::B64
    }
    fn set_mmx(&mut self, _: u8, _: Width) {
        self.effects.helper_fpu = true;
    }
    fn set_x87_tags(&mut self, _: bool) {
        self.effects.helper_fpu = true;
    }
    fn x87_pending(&mut self) {
        self.effects.helper_fpu = true;
    }
    fn load_vec(&mut self, _: Width, _: bool) {
        self.memory(false);
    }
    fn store_vec(&mut self, _: Width, (): (), _: bool) {
        self.memory(true);
    }
    fn vec_zero(&mut self) {}
    fn insert(&mut self, (): (), _: Width, _: u8, _: Width) {}
    fn extract(&mut self, (): (), w: Width, _: u8) -> Width {
        w
    }
    fn vec_bits(&mut self, _: VecBitOp, (): (), (): ()) {}
    fn vec_op(&mut self, _: VecOp, _: Lane, (): (), (): ()) {}
    fn vec_shift(&mut self, _: VecShift, _: Lane, (): (), _: u32) {}
    fn shuffle(&mut self, (): (), (): (), _: [u8; 16]) {}
    fn byte_mask(&mut self, (): ()) -> Width {
        Width::B32
    }
    fn helper(&mut self, h: Helper, _: &[Width]) -> Width {
        match h.scope() {
            Scope::Fpu => self.effects.helper_fpu = true,
            Scope::Whole => {
                self.effects.helper_whole = true;
                self.effects.gpr_read = u8::MAX;
                self.effects.gpr_written = u8::MAX;
                self.effects.flags_read |= ARITHMETIC;
                self.effects.flags_written |= ARITHMETIC;
            }
        }
        Width::B64
    }
    fn vec_helper(&mut self, _: VecHelper, (): (), (): (), _: u32) {
        self.effects.helper_fpu = true;
        self.effects.may_fault = true;
    }
    fn insn(&self) -> &Insn {
        self.insn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpuid::Profile;
    use crate::flags::LazyFlags;
    use crate::interp::StepResult;
    use crate::testing::{Bench, CODE, DATA, Random};

    fn effects(code: &[u8]) -> Effects {
        Effects::of(&Insn::decode(code, CODE, Profile::Max).expect("an instruction"))
    }

    #[test]
    fn what_an_instruction_touches() {
        // add [ebx+ecx*4], dl
        let add = effects(&[0x00, 0x14, 0x8b]);
        assert_eq!((add.gpr_read, add.gpr_written), (0b1110, 0));
        assert_eq!((add.flags_read, add.flags_always_written), (0, ARITHMETIC));
        assert!(add.memory_read && add.memory_written && add.may_fault && !add.ends_block);
        // shl eax, cl: the flags may stay
        let shl = effects(&[0xd3, 0xe0]);
        assert_eq!((shl.flags_written, shl.flags_always_written), (ARITHMETIC, 0));
        // jbe
        let jbe = effects(&[0x76, 0x00]);
        assert_eq!(jbe.flags_read, crate::flags::CF | crate::flags::ZF);
        assert!(jbe.ends_block && !jbe.may_fault);
    }

    /// Whatever the interpreter changes is among the effects.
    #[test]
    fn effects_cover_what_the_interpreter_does() {
        let mut random = Random::new(0xeffec7);
        let mut executed = 0;
        for _ in 0..40_000 {
            let mut code = random.bits().to_le_bytes();
            if random.below(4) == 0 {
                code[0] = 0x0f;
            }
            let Ok(insn) = Insn::decode(&code, CODE, Profile::Max) else { continue };
            let mut bench = Bench::new(&code);
            for r in &mut bench.cpu.gpr {
                *r = DATA + random.below(0x1000);
            }
            let bits = random.below(1 << 12) & ARITHMETIC;
            bench.cpu.flags = LazyFlags::from_bits(bits);
            let before = bench.cpu.clone();
            let data = bench.memory.peek(DATA, 0x2000);
            let effects = Effects::of(&insn);
            let context = format!("{code:x?} {:?} {effects:?}", insn.code());
            let result = bench.step();
            executed += u32::from(
                result != StepResult::Exit(crate::engine::Exit::Exception(Exception::InvalidOpcode)),
            );
            for r in Gpr::ALL {
                let changed = before.gpr[r as usize] != bench.cpu.gpr[r as usize];
                assert!(!changed || effects.gpr_written & 1 << r as u8 != 0, "{r:?}: {context}");
            }
            let flags_changed = bench.cpu.flags.bits() ^ bits;
            assert_eq!(flags_changed & !effects.flags_written, 0, "{context}");
            for n in 0..8 {
                let changed = before.xmm[n] != bench.cpu.xmm[n];
                assert!(!changed || effects.helper_fpu || effects.xmm_written & 1 << n != 0, "{context}");
            }
            assert!(effects.memory_written || data == bench.memory.peek(DATA, 0x2000), "{context}");
            if let StepResult::Exit(crate::engine::Exit::Exception(e)) = result {
                assert!(effects.may_fault || effects.ends_block || e.is_trap(), "{e:?} {context}");
            }
        }
        assert!(executed > 12_000, "only {executed} instructions executed");
    }
}
