//! Raw bytes: legal instructions with odd prefixes, and bytes that are no instruction at all.
//!
//! Only what decodes to one of the generator's mnemonics, or to nothing, is used: an instruction that the processor has and
//! the table has not is no difference.

use super::rng::Rng;
use super::{Draft, Generator, values};
use crate::case::{Case, Patch};
use crate::layout::DATA;
use iced_x86::{Code, Decoder, DecoderOptions, Mnemonic};

const PREFIXES: [u8; 11] = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65];

impl Generator {
    pub(super) fn raw(&self, rng: &mut Rng) -> Case {
        for _ in 0..200 {
            let mut bytes = Vec::new();
            let prefixes = match rng.below(8) {
                0..=2 => 0,
                3..=5 => 1,
                6 => rng.below(4),
                _ => rng.below(14),
            };
            bytes.extend((0..prefixes).map(|_| rng.pick(&PREFIXES)));
            match rng.below(16) {
                0..=2 if self.has_bmi() => bytes.extend(bmi_opcode(rng)),
                0..=7 => {}
                8..=14 => bytes.push(0x0f),
                _ => bytes.extend([0x0f, rng.pick(&[0x38, 0x3a])]),
            }
            bytes.push(rng.next32() as u8);
            bytes.extend((0..11).map(|_| values::integer(rng) as u8));
            let mut d = Decoder::with_ip(32, &bytes, 0, DecoderOptions::NONE);
            let i = d.decode();
            let bytes = &bytes[..if i.is_invalid() { bytes.len() } else { i.len() }];
            if !self.comparable(i.code(), bytes) {
                continue;
            }
            let mut draft = Draft::new(rng);
            draft.surround(rng, &[i.code()]);
            draft.point_at_data(rng);
            let mut code = draft.prologue();
            code.extend(bytes);
            return draft.finish(code);
        }
        self.of_form(rng, self.forms[0])
    }

    /// Whether it makes the instructions that are VEX encoded.
    fn has_bmi(&self) -> bool {
        self.mnemonics.contains(&Mnemonic::Andn)
    }

    /// Whether hardware and implementations can agree on these bytes.
    fn comparable(&self, code: Code, bytes: &[u8]) -> bool {
        if code != Code::INVALID {
            let known = self.mnemonics.contains(&code.mnemonic()) && !super::excluded(code);
            let chosen = super::saves_components(code);
            return known && !chosen && !matches!(code.mnemonic(), Mnemonic::Iret | Mnemonic::Iretd);
        }
        // BMI's part of VEX, whether or not the other fields are legal.
        if let [0xc4, map, _, op, ..] =
            bytes.iter().copied().skip_while(|b| PREFIXES.contains(b)).collect::<Vec<_>>()[..]
            && map & 0xc0 == 0xc0
            && is_bmi(map & 0x1f, op)
        {
            return self.has_bmi();
        }
        invalid_everywhere(bytes)
    }

    /// Whether the instruction that bytes begin with is the same on every processor, or on none.
    #[must_use]
    pub fn means_the_same(bytes: &[u8]) -> bool {
        let i = Decoder::with_ip(32, bytes, 0, DecoderOptions::NONE).decode();
        if i.is_invalid() { invalid_everywhere(bytes) } else { !super::excluded(i.code()) }
    }

    /// A case of this code in a random state, whose registers point into data now and then.
    #[must_use]
    pub fn around(rng: &mut Rng, code: &[u8]) -> Case {
        let forms: Vec<Code> = Decoder::with_ip(32, code, 0, DecoderOptions::NONE)
            .into_iter()
            .filter(|i| !i.is_invalid())
            .map(|i| i.code())
            .collect();
        let mut draft = Draft::new(rng);
        draft.surround(rng, &forms);
        draft.point_at_data(rng);
        let mut whole = draft.prologue();
        whole.extend(code);
        draft.finish(whole)
    }
}

impl Draft {
    /// Registers that may be bases point into data; small displacements stay there.
    fn point_at_data(&mut self, rng: &mut Rng) {
        for r in [0, 1, 2, 3, 5, 6, 7] {
            if rng.one_in(2) {
                self.state.gpr[r] = DATA.base + 0x400 + rng.below(0x1800);
            }
        }
        self.memory.push(Patch { at: DATA.base + 0x380, bytes: values::bytes(rng, 0x100) });
    }
}

/// Whether bytes that the decoder calls invalid are so on every processor: to its default options, but some have them.
fn invalid_everywhere(bytes: &[u8]) -> bool {
    let body: Vec<u8> = bytes.iter().copied().skip_while(|b| PREFIXES.contains(b)).collect();
    match body[..] {
        // Our gate; 3DNow! and its neighbours; AMD's own; opcodes whose meaning depends on the vendor.
        [0x0f, op, ..] => !matches!(
            op,
            0x00 | 0x20..=0x23 | 0x3f | 0x0d | 0x0e | 0x0f | 0x24..=0x27 | 0x36 | 0x37 | 0x78 | 0x79 | 0x7a..=0x7d | 0xa6 | 0xa7 | 0x01 | 0xae | 0xc7 | 0x18..=0x1f | 0x38 | 0x3a | 0xb8
        ),
        // VEX, EVEX and XOP.
        [0x62 | 0xc4 | 0xc5 | 0x8f, ..] => false,
        _ => true,
    }
}

/// Whether an opcode of a VEX map belongs to BMI1 or BMI2.
fn is_bmi(map: u8, op: u8) -> bool {
    matches!((map, op), (2, 0xf2 | 0xf3 | 0xf5..=0xf7) | (3, 0xf0))
}

/// A VEX prefix with any fields, and an opcode of BMI1 or BMI2 without its last byte.
fn bmi_opcode(rng: &mut Rng) -> [u8; 4] {
    let (map, op) = rng.pick(&[(2, 0xf2), (2, 0xf3), (2, 0xf5), (2, 0xf6), (2, 0xf7), (3, 0xf0)]);
    let fields = rng.next32() as u8;
    // Mostly without VEX.L, which makes all of them #UD.
    let fields = if rng.one_in(4) { fields } else { fields & !4 };
    [0xc4, 0xc0 | (rng.next32() as u8 & 0x20) | map, fields, op]
}
