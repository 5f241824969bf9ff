//! State around the operands: memory contents, string registers, stack, jump targets, x87 and SSE state.

use super::Draft;
use super::rng::Rng;
use super::{segments, values};
use crate::case::Patch;
use crate::layout::{CODE, SELF, window_at};
use iced_x86::{Code, Instruction, Mnemonic, OpKind, Register};

impl Draft {
    /// Writes interesting bytes around `at`, as far as the window goes.
    fn put_around(&mut self, rng: &mut Rng, at: u32, size: u32) {
        let from = at.wrapping_sub(rng.below(4));
        let bytes = values::bytes(rng, (size + 8) as usize);
        self.put(from, bytes);
    }

    /// Writes bytes, cut at their window's edges. Pages of code keep theirs.
    fn put(&mut self, mut at: u32, mut bytes: Vec<u8>) {
        while !bytes.is_empty()
            && window_at(at).is_none()
            && window_at(at.wrapping_add(bytes.len() as u32 - 1)).is_some()
        {
            bytes.remove(0);
            at = at.wrapping_add(1);
        }
        let Some(w) = window_at(at) else { return };
        let w = &crate::layout::WINDOWS[w];
        if w.allow.execute {
            return;
        }
        bytes.truncate((w.end() - at) as usize);
        self.memory.push(Patch { at, bytes });
    }

    /// Memory contents that suit an instruction's operand.
    pub(super) fn fill(&mut self, rng: &mut Rng, at: u32, size: u32, i: &Instruction) {
        match i.mnemonic() {
            Mnemonic::Ldmxcsr if !rng.one_in(4) => {
                let v = rng.next32() & 0xffff;
                self.put(at, v.to_le_bytes().to_vec());
            }
            Mnemonic::Fldcw if rng.one_in(2) => {
                self.put(at, control_word(rng).to_le_bytes().to_vec());
            }
            Mnemonic::Fxrstor => {
                let mut image = values::bytes(rng, 512);
                image[24..28].copy_from_slice(&(rng.next32() & 0xffff).to_le_bytes());
                image[0..2].copy_from_slice(&control_word(rng).to_le_bytes());
                self.put(at, image);
            }
            Mnemonic::Xrstor => {
                let mut image = values::bytes(rng, 576);
                image[24..28].copy_from_slice(&(rng.next32() & 0xffff).to_le_bytes());
                image[0..2].copy_from_slice(&control_word(rng).to_le_bytes());
                image[512..].copy_from_slice(&xsave_header(rng));
                self.put(at, image);
            }
            Mnemonic::Jmp | Mnemonic::Call => {
                self.put_around(rng, at, size);
                let (target, selector) = self.far_target(rng);
                self.put(at, target.to_le_bytes().to_vec());
                if i.is_jmp_far_indirect() || i.is_call_far_indirect() {
                    self.put(at.wrapping_add(size - 2), selector.to_le_bytes().to_vec());
                }
            }
            Mnemonic::Lds | Mnemonic::Les | Mnemonic::Lfs | Mnemonic::Lgs | Mnemonic::Lss => {
                self.put_around(rng, at, size);
                let selector = values::selector(rng);
                self.put(at.wrapping_add(size - 2), selector.to_le_bytes().to_vec());
            }
            Mnemonic::Mov if i.op0_register().is_segment_register() => {
                self.put(at, values::selector(rng).to_le_bytes().to_vec());
            }
            Mnemonic::Lar | Mnemonic::Lsl | Mnemonic::Verr | Mnemonic::Verw | Mnemonic::Arpl => {
                self.put(at, values::selector(rng).to_le_bytes().to_vec());
            }
            Mnemonic::Fbld => {
                let mut digits: Vec<u8> =
                    (0..9).map(|_| (rng.below(10) * 16 + rng.below(10)) as u8).collect();
                digits.push(rng.pick(&[0, 0x80]));
                self.put(at, digits);
            }
            _ => self.put_around(rng, at, size),
        }
    }

    /// Somewhere to jump: mostly the code window, near the code.
    fn target(&mut self, rng: &mut Rng) -> u32 {
        match rng.below(8) {
            0 => values::address(rng, 1),
            1 => SELF.base + rng.below(64),
            2 => CODE.end() - rng.below(3),
            _ => self.state.eip.wrapping_add(rng.below(32)),
        }
    }

    /// Where a far transfer may go, and with which selector.
    fn far_target(&mut self, rng: &mut Rng) -> (u32, u16) {
        let (target, selector) = (self.target(rng), values::selector(rng));
        (target.wrapping_sub(segments::base(selector)), selector)
    }

    /// Registers and memory for a string instruction: few iterations, or as far as the page's edge.
    pub(super) fn aim_string(&mut self, rng: &mut Rng, i: &mut Instruction, address16: bool) {
        let mut count = match rng.below(8) {
            0 => 0,
            1 => 1,
            2 => rng.below(200),
            3 if rng.one_in(8) => 5000,
            _ => rng.below(20),
        };
        if address16 {
            count |= rng.next32() & 0xffff_0000;
        }
        self.force(1, count);
        let span = 16 + (count & 0xffff).min(64) * 4;
        let choose =
            |rng: &mut Rng| if address16 { values::address16(rng, span) } else { values::address(rng, span) };
        let (source, target) = (choose(rng), choose(rng));
        // Source and target overlap at times.
        let target = if rng.one_in(4) { source.wrapping_add(rng.below(12)).wrapping_sub(6) } else { target };
        let bytes = values::bytes(rng, span as usize + 8);
        let alike = if rng.one_in(3) { bytes.clone() } else { values::bytes(rng, span as usize + 8) };
        let down = self.state.eflags & 0x400 != 0;
        let start = |at: u32| if down { at.wrapping_sub(span) } else { at.wrapping_sub(4) };
        self.put(start(source), bytes);
        self.put(start(target), alike);
        if !(i.has_rep_prefix() || i.has_repne_prefix())
            && matches!(i.mnemonic(), Mnemonic::Scasb | Mnemonic::Cmpsb)
        {
            self.state.gpr[0] = rng.below(256);
        }
        let bases = [self.base_of(i.memory_segment()), self.base_of(Register::ES)];
        for (r, at, base) in [(6, source, bases[0]), (7, target, bases[1])] {
            if address16 {
                self.force(r, at & 0xffff | rng.next32() & 0xffff_0000);
            } else {
                self.force(r, at.wrapping_sub(base));
            }
        }
    }

    fn force(&mut self, r: usize, v: u32) {
        if self.pinned & 1 << r == 0 {
            self.state.gpr[r] = v;
            self.pinned |= 1 << r;
        }
    }

    /// Targets of register jumps, contents of the stack for returns, frames for LEAVE.
    pub(super) fn aim_jump(&mut self, rng: &mut Rng, i: &Instruction) {
        let jumps = matches!(i.mnemonic(), Mnemonic::Jmp | Mnemonic::Call);
        if jumps && i.op0_kind() == OpKind::Register && i.op0_register().is_gpr32() {
            let r = i.op0_register().number();
            if r != 4 {
                let target = self.target(rng);
                self.force(r, target);
            }
        }
        if matches!(
            i.mnemonic(),
            Mnemonic::Loop | Mnemonic::Loope | Mnemonic::Loopne | Mnemonic::Jecxz | Mnemonic::Jcxz
        ) {
            let wide = if rng.one_in(2) { 0 } else { rng.next32() & 0xffff_0000 };
            let n = rng.below(3) | wide;
            self.force(1, n);
        }
        if i.stack_pointer_increment() > 0 || i.mnemonic() == Mnemonic::Leave {
            let esp = self.stack_at();
            let mut bytes = values::bytes(rng, 64);
            match i.mnemonic() {
                Mnemonic::Ret | Mnemonic::Retf | Mnemonic::Iret | Mnemonic::Iretd => {
                    let (target, cs) = match i.mnemonic() {
                        Mnemonic::Ret => (self.target(rng), values::selector(rng)),
                        _ => self.far_target(rng),
                    };
                    bytes[0..4].copy_from_slice(&target.to_le_bytes());
                    bytes[4..6].copy_from_slice(&cs.to_le_bytes());
                    // EFLAGS of IRET: no NT, no VM.
                    let eflags = rng.next32() & 0x0004_0fd5;
                    bytes[8..12].copy_from_slice(&eflags.to_le_bytes());
                }
                Mnemonic::Pop if matches!(i.op0_register(), r if r.is_segment_register()) => {
                    bytes[0..2].copy_from_slice(&values::selector(rng).to_le_bytes());
                }
                Mnemonic::Popf | Mnemonic::Popfd => {
                    let eflags = rng.next32() & !0x0002_4100 | if rng.one_in(8) { 0x100 } else { 0 };
                    bytes[0..4].copy_from_slice(&eflags.to_le_bytes());
                }
                _ => {}
            }
            self.put(esp, bytes);
        }
        if i.mnemonic() == Mnemonic::Leave {
            let at = values::address(rng, 4);
            let base = self.base_of(Register::SS);
            self.force(5, at.wrapping_sub(base));
            let bytes = values::bytes(rng, 16);
            self.put(self.state.gpr[5].wrapping_add(base), bytes);
        }
        if i.mnemonic() == Mnemonic::Enter {
            let base = self.base_of(Register::SS);
            self.force(5, (crate::layout::STACK.base + 0x1400).wrapping_sub(base));
            let bytes = values::bytes(rng, 128);
            self.put(crate::layout::STACK.base + 0x1380, bytes);
        }
        if matches!(i.mnemonic(), Mnemonic::Lar | Mnemonic::Lsl | Mnemonic::Verr | Mnemonic::Verw) {
            let n = i.op_count() - 1;
            let r = i.op_register(n).full_register32().number() & 7;
            if i.op_kind(n) == OpKind::Register && r != 4 {
                let v = u32::from(values::selector(rng)) | rng.next32() & 0xffff_0000;
                self.force(r, v);
            }
        }
        if i.mnemonic() == Mnemonic::Mov
            && i.op0_register().is_segment_register()
            && i.op1_kind() == OpKind::Register
        {
            let r = i.op1_register().number() & 7;
            if r != 4 {
                let v = u32::from(values::selector(rng)) | rng.next32() & 0xffff_0000;
                self.force(r, v);
            }
        }
        if matches!(i.mnemonic(), Mnemonic::Div | Mnemonic::Idiv) && !rng.one_in(4) {
            // A dividend whose quotient has a chance to fit.
            let (high, low) = (values::integer(rng) & rng.pick(&[0, 0xff, 0xffff]), values::integer(rng));
            let negative = rng.one_in(2) && i.mnemonic() == Mnemonic::Idiv;
            self.force(0, if negative { low | 1 << 31 } else { low });
            self.force(2, if negative { u32::MAX } else { high });
        }
        if matches!(i.mnemonic(), Mnemonic::Cmpxchg | Mnemonic::Cmpxchg8b) && rng.one_in(2) {
            // Let the comparison succeed.
            let at = if i.op0_kind() == OpKind::Memory { self.memory.last().cloned() } else { None };
            if let Some(p) = at {
                let word =
                    |n: usize| p.bytes.get(n..n + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                // `put_around` may begin up to three bytes before the operand: one chance in four to hit it.
                if let (Some(low), Some(high)) = (word(0), word(4)) {
                    self.force(0, low);
                    self.force(2, high);
                }
            }
        }
    }

    /// x87, SSE state where one of the forms uses it.
    pub(super) fn surround(&mut self, rng: &mut Rng, forms: &[Code]) {
        let feature = |name: fn(iced_x86::CpuidFeature) -> bool| {
            forms.iter().any(|c| c.cpuid_features().iter().any(|&f| name(f)))
        };
        use iced_x86::CpuidFeature as F;
        let x87 =
            feature(|f| matches!(f, F::FPU | F::FPU287 | F::FPU387 | F::FXSR | F::MMX | F::CMOV | F::SSE3))
                && forms.iter().any(|c| c.op_code().fpu_like());
        let components = forms.iter().any(|c| super::saves_components(*c));
        if x87 || components && rng.one_in(2) {
            self.x87(rng);
        }
        if feature(|f| {
            matches!(
                f,
                F::SSE
                    | F::SSE2
                    | F::SSE3
                    | F::SSSE3
                    | F::SSE4_1
                    | F::SSE4_2
                    | F::FXSR
                    | F::AES
                    | F::PCLMULQDQ
                    | F::SHA
                    | F::GFNI
                    | F::XSAVE
                    | F::XSAVEC
                    | F::XSAVEOPT
            )
        }) {
            for v in &mut self.state.xmm {
                *v = values::vector(rng);
            }
            self.state.mxcsr = match rng.below(4) {
                0 => 0x1f80 | rng.below(4) << 13,
                1 => 0x1f80 | rng.below(64),
                2 => rng.next32() & 0xffff | 0x1f80,
                _ => 0x1f80,
            };
            if rng.one_in(8) {
                self.state.mxcsr &= !(rng.next32() & 0x1f80);
            }
        }
    }

    fn x87(&mut self, rng: &mut Rng) {
        let x = &mut self.state.x87;
        for st in &mut x.st {
            *st = values::extended(rng);
        }
        x.control = control_word(rng);
        x.valid = match rng.below(4) {
            0 => rng.next32() as u8,
            1 => 0x7f,
            _ => 0xff,
        };
        // Condition codes, TOP, and at times sticky exceptions; ES and B follow from those and the mask.
        let sticky = if rng.one_in(4) { rng.next32() as u16 & 0x7f } else { 0 };
        x.status = rng.next32() as u16 & 0x7f00 | sticky;
        if sticky & !x.control & 0x3f != 0 {
            x.status |= 0x8080;
        }
        if rng.one_in(8) {
            // MMX left its mark.
            let lane = rng.below(8) as usize;
            x.st[lane] = 0xffff << 64 | u128::from(rng.next64());
        }
    }
}

/// The header of XSAVE's area, mostly a legal one: components that are there, those that the compact form names, zeros.
fn xsave_header(rng: &mut Rng) -> [u8; 64] {
    const COMPACT: u64 = 1 << 63;
    let mut header = [0; 64];
    let compact = rng.one_in(2);
    let there = u64::from(rng.below(4));
    let named = if compact { COMPACT | there | u64::from(rng.below(4)) } else { 0 };
    header[..8].copy_from_slice(&there.to_le_bytes());
    header[8..16].copy_from_slice(&named.to_le_bytes());
    if rng.one_in(4) {
        // A wrong bit, but none of a component that only the processor has: those are below bit 20.
        let bit = rng.pick(&[0, 1, 40, 62, 63, 64, 65, 104, 127, 128, 191, 192, 300, 511]);
        header[bit / 8] ^= 1 << (bit % 8);
    }
    header
}

/// A control word: mostly all masked, any precision (the reserved one too) and rounding.
fn control_word(rng: &mut Rng) -> u16 {
    let modes = match rng.below(3) {
        0 => 0x0340,
        _ => rng.next32() as u16 & 0x0f40 | 0x40,
    };
    let masks = if rng.one_in(5) { rng.next32() as u16 & 0x3f } else { 0x3f };
    modes | masks
}

/// Whether an instruction form touches the x87 registers or MMX.
trait FpuLike {
    fn fpu_like(&self) -> bool;
}

impl FpuLike for iced_x86::OpCodeInfo {
    fn fpu_like(&self) -> bool {
        use iced_x86::OpCodeOperandKind as K;
        let m = format!("{:?}", self.mnemonic());
        m.starts_with('F')
            || matches!(self.mnemonic(), Mnemonic::Emms | Mnemonic::Wait)
            || self.op_kinds().iter().any(|k| matches!(k, K::mm_reg | K::mm_rm | K::mm_or_mem))
    }
}
