//! Makes cases: every form of the instructions it is given, with random and difficult operands.
//!
//! A form is one opcode of the manual as iced-x86 knows it (`ADD r/m32, imm8` is one). Everything follows from a seed
//! and a case's number, on every host the same.

#![expect(clippy::cast_precision_loss, reason = "random bits are cut to whatever size is asked for")]

mod operands;
mod raw;
mod rng;
mod segments;
mod surroundings;
mod values;

use crate::case::{Case, EFLAGS_ALWAYS, State};
use crate::layout::{CODE, SELF, STACK};
use crate::undefined::Undefined;
pub use rng::Rng;

use iced_x86::{Code, CpuidFeature, Mnemonic};

/// A case on its way: its state, which registers must stay as they are, its memory.
#[derive(Clone, Debug, Default)]
struct Draft {
    state: State,
    pinned: u8,
    /// What the segment registers hold behind the prologue.
    selectors: [u16; 6],
    memory: Vec<crate::case::Patch>,
}

/// The forms that exist in 32-bit mode of a mnemonic.
pub fn forms(mnemonics: impl Fn(Mnemonic) -> bool) -> Vec<Code> {
    Code::values()
        .filter(|c| {
            let op = c.op_code();
            op.is_instruction() && op.mode32() && mnemonics(c.mnemonic()) && !excluded(*c)
        })
        .collect()
}

/// Forms that only other processors have.
fn excluded(c: Code) -> bool {
    use CpuidFeature as F;
    const OTHERS: [F; 8] = [
        F::INTEL8086_ONLY,
        F::INTEL286_ONLY,
        F::INTEL386_ONLY,
        F::INTEL386_A0_ONLY,
        F::INTEL486_A_ONLY,
        F::FPU287XL_ONLY,
        F::FPU387SL_ONLY,
        F::CYRIX_FPU,
    ];
    // 0F 0D with a register operand: #UD on AMD, NOP on Intel.
    let vendor = matches!(c, Code::Reservednop_rm16_r16_0F0D | Code::Reservednop_rm32_r32_0F0D);
    vendor || absent(c) || c.cpuid_features().iter().any(|f| OTHERS.contains(f))
}

/// Extensions of user mode that Trunnion's processor does not have, and why: their instructions are #UD. SYSENTER and SYSCALL
/// are in the table of instructions, as #UD.
pub const ABSENT: &[(CpuidFeature, &str)] = {
    use CpuidFeature as F;
    const WIDE: &str = "vectors of 256 bits and more";
    const DROPPED: &str = "AMD alone had it, and drops it";
    const AMD: &str = "AMD alone has it, and programs do without";
    const INTEL: &str = "Intel alone has it: the processor that is shown is one of AMD's";
    const KEYS: &str = "the library OS has no protection keys";
    &[
        (F::AVX, WIDE),
        (F::AVX2, WIDE),
        (F::FMA, WIDE),
        (F::F16C, WIDE),
        (F::AVX512F, WIDE),
        (F::D3NOW, DROPPED),
        (F::D3NOWEXT, DROPPED),
        (F::SSE4A, DROPPED),
        (F::TBM, DROPPED),
        (F::XOP, DROPPED),
        (F::FMA4, DROPPED),
        (F::LWP, DROPPED),
        (F::CLZERO, AMD),
        (F::MONITORX, AMD),
        (F::RDPRU, AMD),
        (F::MCOMMIT, AMD),
        (F::RTM, INTEL),
        (F::MPX, INTEL),
        (F::SERIALIZE, INTEL),
        (F::MOVDIRI, INTEL),
        (F::MOVDIR64B, INTEL),
        (F::WAITPKG, INTEL),
        (F::ENQCMD, INTEL),
        (F::PTWRITE, INTEL),
        (F::PKU, KEYS),
    ]
};

/// Whether a form belongs to an extension that is not implemented: it is #UD, and not compared.
#[must_use]
pub fn absent(c: Code) -> bool {
    c.cpuid_features().iter().any(|f| ABSENT.iter().any(|(absent, _)| absent == f))
}

/// Whether an instruction's result may differ in its last place.
#[must_use]
pub fn transcendental(c: Code) -> bool {
    use Mnemonic::{F2xm1, Fcos, Fpatan, Fptan, Fsin, Fsincos, Fyl2x, Fyl2xp1};
    matches!(c.mnemonic(), F2xm1 | Fcos | Fpatan | Fptan | Fsin | Fsincos | Fyl2x | Fyl2xp1)
}

/// Whether the manual leaves an instruction's result open within a bound.
#[must_use]
pub fn approximation(c: Code) -> bool {
    use Mnemonic::{Rcpps, Rcpss, Rsqrtps, Rsqrtss};
    matches!(c.mnemonic(), Rcpps | Rcpss | Rsqrtps | Rsqrtss)
}

/// Whether EDX:EAX chooses state components: the processor has more of them than ours.
#[must_use]
pub fn saves_components(c: Code) -> bool {
    use Mnemonic::{Xrstor, Xsave, Xsavec, Xsaveopt};
    matches!(c.mnemonic(), Xrstor | Xsave | Xsavec | Xsaveopt)
}

/// What kind of case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One instruction of this form.
    Single(Code),
    /// Three to eight instructions.
    Sequence,
    /// Bytes that need not be a legal instruction.
    Raw,
}

/// Makes cases from a list of forms.
#[derive(Clone, Debug)]
pub struct Generator {
    forms: Vec<Code>,
    mnemonics: Vec<Mnemonic>,
    seed: u64,
}

impl Generator {
    /// A generator of all forms of these mnemonics.
    #[must_use]
    pub fn new(mnemonics: &[Mnemonic], seed: u64) -> Self {
        Self { forms: forms(|m| mnemonics.contains(&m)), mnemonics: mnemonics.to_vec(), seed }
    }

    /// The forms.
    #[must_use]
    pub fn forms(&self) -> &[Code] {
        &self.forms
    }

    /// What the case with this number is: every other one a form in turn, the rest sequences and raw bytes.
    #[must_use]
    pub fn kind(&self, index: u64) -> Kind {
        match index % 8 {
            5 | 6 => Kind::Sequence,
            7 => Kind::Raw,
            n => {
                let single = (index / 8) * 5 + n;
                Kind::Single(self.forms[(single % self.forms.len() as u64) as usize])
            }
        }
    }

    /// The case with this number. The same for the same seed and mnemonics, always.
    #[must_use]
    pub fn case(&self, index: u64) -> Case {
        let mut rng = Rng::nth(self.seed, index);
        match self.kind(index) {
            Kind::Single(code) => self.of_form(&mut rng, code),
            Kind::Sequence => self.sequence(&mut rng),
            Kind::Raw => self.raw(&mut rng),
        }
    }

    /// A case of one form.
    pub fn of_form(&self, rng: &mut Rng, code: Code) -> Case {
        for _ in 0..64 {
            let mut draft = Draft::new(rng);
            draft.surround(rng, core::slice::from_ref(&code));
            let mut bytes = draft.prologue();
            let ip = draft.state.eip.wrapping_add(bytes.len() as u32);
            if let Some(last) =
                operands::instruction(rng, code, ip, &mut draft).and_then(|i| operands::encode(&i, ip))
            {
                bytes.extend(last);
                return draft.finish(bytes);
            }
        }
        // Not reached for any form in the table: `every_form_can_be_made` says so.
        Case { code: vec![crate::layout::INT3], ..Case::default() }
    }

    /// A short sequence. No instruction reads a flag that one before it left undefined.
    fn sequence(&self, rng: &mut Rng) -> Case {
        let mut draft = Draft::new(rng);
        let wanted = 3 + rng.below(6);
        // Half of the sequences keep to a few mnemonics, so that related instructions meet.
        let family: Vec<Code> =
            (0..if rng.one_in(2) { 4 } else { 64 }).map(|_| rng.pick(&self.forms)).collect();
        draft.surround(rng, &family);
        let mut code = draft.prologue();
        let mut undefined = Undefined::default();
        let mut made = 0;
        for _ in 0..wanted * 8 {
            let ip = draft.state.eip.wrapping_add(code.len() as u32);
            let mut attempt = draft.clone();
            let form = rng.pick(&family);
            // The first are compared within a bound, which a sequence would amplify; what FXSAVE stores may be read again;
            // the others must find EAX as it was chosen.
            let fxsave = form.mnemonic() == Mnemonic::Fxsave;
            if transcendental(form) || approximation(form) || fxsave || saves_components(form) {
                continue;
            }
            let Some(i) = operands::instruction(rng, form, ip, &mut attempt) else { continue };
            let Some(bytes) = operands::encode(&i, ip) else { continue };
            let mut after = undefined;
            if !after.step(&i, None) {
                continue;
            }
            (undefined, draft) = (after, attempt);
            code.extend(bytes);
            made += 1;
            if made == wanted {
                break;
            }
        }
        draft.finish(code)
    }
}

impl Draft {
    fn new(rng: &mut Rng) -> Self {
        let mut draft = Self::default();
        for r in &mut draft.state.gpr {
            *r = values::integer(rng);
        }
        let top = STACK.base + 0x1000 + rng.below(0x200);
        draft.state.gpr[4] = if rng.one_in(16) {
            values::address(rng, 4)
        } else if rng.one_in(4) {
            top
        } else {
            top & !3
        };
        draft.state.eflags = EFLAGS_ALWAYS | rng.next32() & 0x8d5;
        if rng.one_in(4) {
            draft.state.eflags |= 0x400;
        }
        if rng.one_in(64) {
            draft.state.eflags |= 0x100;
        }
        if rng.one_in(64) {
            draft.state.eflags |= 0x4_0000;
        }
        let window = if rng.one_in(16) { SELF } else { CODE };
        draft.state.eip = match rng.below(16) {
            0 => window.base + 0x1000 - rng.below(16),
            1 => window.end() - rng.below(16) - 1,
            _ => window.base + 0x100 + rng.below(0x40),
        };
        draft.choose_segments(rng);
        draft
    }

    fn finish(mut self, code: Vec<u8>) -> Case {
        // The tail of code that does not fit its window is cut: the fetch faults there.
        let window = if SELF.contains(self.state.eip) { SELF } else { CODE };
        let room = (window.end() - self.state.eip) as usize;
        let mut code = code;
        code.truncate(room);
        self.put_selectors();
        self.memory.retain(|p| !p.bytes.is_empty());
        Case { code, state: self.state, memory: self.memory }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_can_be_made() {
        let generator = Generator::new(
            &[Mnemonic::Add, Mnemonic::Shl, Mnemonic::Movsb, Mnemonic::Call, Mnemonic::Fld, Mnemonic::Enter],
            1,
        );
        assert!(generator.forms().len() > 20);
        let mut rng = Rng::new(7);
        for &form in generator.forms() {
            for _ in 0..100 {
                let case = generator.of_form(&mut rng, form);
                assert_ne!(case.code, [crate::layout::INT3], "{form:?}");
            }
        }
    }

    #[test]
    fn a_number_always_gives_the_same_case() {
        let generator = Generator::new(&[Mnemonic::Add, Mnemonic::Jo], 5);
        for n in 0..200 {
            assert_eq!(generator.case(n), generator.clone().case(n));
        }
    }
}
