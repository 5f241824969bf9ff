//! A compiled region as text: the host's instructions under the guest's that they came from.

use frontend_x86::decode::Insn;
use iced_x86::{Formatter, NasmFormatter};
use jit::inspect::{Compiled, name};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use yaxpeax_arch::{Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::InstDecoder;

/// A region's text and its length in instructions on both sides.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) text: String,
    pub(crate) guest: usize,
    pub(crate) host: usize,
}

/// One instruction of the host.
#[derive(Clone, Copy)]
struct Word {
    at: u32,
    bits: u32,
}

const fn sign_extend(value: u32, bits: u32) -> i32 {
    (value << (32 - bits)).cast_signed() >> (32 - bits)
}

impl Word {
    /// The distance to what a branch, or a load of a constant, refers to; and for a load how many bytes are there.
    /// Arm ARM C4.1.
    const fn refers_to(self) -> Option<(i32, u32)> {
        let bits = self.bits;
        if bits >> 26 == 0b00_0101 {
            Some((sign_extend(bits, 26) * 4, 0))
        } else if bits >> 24 == 0b0101_0100 || bits >> 25 & 0x3f == 0b01_1010 {
            Some((sign_extend(bits >> 5, 19) * 4, 0))
        } else if bits >> 25 & 0x3f == 0b01_1011 {
            Some((sign_extend(bits >> 5, 14) * 4, 0))
        } else if bits >> 27 & 7 == 0b011 && bits >> 24 & 3 == 0 {
            let float = bits >> 26 & 1 != 0;
            let bytes = match (bits >> 30, float) {
                (0, _) | (2, false) => 4,
                (1, _) => 8,
                _ => 16,
            };
            Some((sign_extend(bits >> 5, 19) * 4, bytes))
        } else {
            None
        }
    }

    fn target(self) -> Option<(u32, u32)> {
        let (distance, bytes) = self.refers_to()?;
        Some((self.at.checked_add_signed(distance)?, bytes))
    }

    fn text(self) -> String {
        let bytes = self.bits.to_le_bytes();
        let decoded = InstDecoder::default().decode(&mut U8Reader::new(&bytes));
        decoded.map_or_else(|_| format!(".inst {:#010x}", self.bits), |insn| insn.to_string())
    }
}

/// Registers that a chain of moves is filling with an address.
#[derive(Default)]
struct Constants(BTreeMap<u32, u64>);

impl Constants {
    /// The name of the address that this instruction completes. Arm ARM C6.2, MOVZ and MOVK.
    fn step(&mut self, word: Word) -> Option<String> {
        let (register, shift) = (word.bits & 31, 16 * (word.bits >> 21 & 3));
        let part = u64::from(word.bits >> 5 & 0xffff) << shift;
        let value = match word.bits >> 23 {
            0b1_1010_0101 => part,
            0b1_1110_0101 => self.0.get(&register)? & !(0xffff << shift) | part,
            _ => return None,
        };
        self.0.insert(register, value);
        name(value)
    }
}

/// The guest's instruction as text.
fn guest(insn: &Insn) -> String {
    let mut formatter = NasmFormatter::new();
    formatter.options_mut().set_hex_prefix("0x");
    formatter.options_mut().set_hex_suffix("");
    formatter.options_mut().set_uppercase_hex(false);
    let mut text = String::new();
    formatter.format(insn.raw(), &mut text);
    text
}

/// Labels of branch targets, and the offsets of the words that are constants.
fn labels(words: &[Word], exits: &BTreeMap<u32, u32>) -> (BTreeMap<u32, String>, BTreeSet<u32>) {
    let mut data = BTreeSet::new();
    let mut targets = BTreeSet::new();
    for word in words {
        if data.contains(&word.at) || exits.contains_key(&word.at) {
            continue;
        }
        match word.target() {
            Some((at, 0)) => drop(targets.insert(at)),
            Some((at, bytes)) => data.extend((at..at + bytes).step_by(4)),
            None => {}
        }
    }
    let labels = (1..).zip(targets).map(|(n, at): (u32, u32)| (at, format!("L{n}"))).collect();
    (labels, data)
}

/// Makes the listing of a region.
pub(crate) fn listing(compiled: &Compiled) -> Listing {
    let instructions: BTreeMap<u32, &Insn> = compiled.blocks.iter().flatten().map(|i| (i.eip(), i)).collect();
    let exits: BTreeMap<u32, u32> = compiled.exits.iter().copied().collect();
    let words: Vec<Word> = (0..)
        .step_by(4)
        .zip(compiled.code.chunks_exact(4))
        .map(|(at, bytes)| Word { at, bits: u32::from_le_bytes(bytes.try_into().expect("four bytes")) })
        .collect();
    let (labels, data) = labels(&words, &exits);
    let mut origins = compiled.origins.iter().peekable();
    let mut constants = Constants::default();
    let (mut text, mut host) = (String::new(), 0);
    for &word in &words {
        let mut origin = None;
        while let Some((_, from)) = origins.next_if(|(at, _)| *at <= word.at) {
            origin = Some(*from);
        }
        // Writing into a String cannot fail.
        let _ = match origin {
            Some(Some(eip)) => {
                writeln!(text, "{eip:08x}  {}", instructions.get(&eip).map_or_else(String::new, |i| guest(i)))
            }
            Some(None) => writeln!(text, "region"),
            None => Ok(()),
        };
        if let Some(label) = labels.get(&word.at) {
            let _ = writeln!(text, " {label}:");
        }
        if data.contains(&word.at) {
            let _ = writeln!(text, "      .word {:#010x}", word.bits);
            continue;
        }
        host += 1;
        let plain = word.text();
        let line = match (exits.get(&word.at), word.target()) {
            (Some(to), _) => format!("b exit_{to:08x}"),
            (None, Some((at, bytes))) => {
                let operands = plain.rsplit_once('$').map_or(plain.as_str(), |(operands, _)| operands);
                let label =
                    if bytes > 0 { format!("{at:#x}") } else { labels.get(&at).cloned().unwrap_or_default() };
                format!("{operands}{label}")
            }
            (None, None) => plain,
        };
        let _ = match constants.step(word) {
            Some(name) => writeln!(text, "      {line:<32}; {name}"),
            None => writeln!(text, "      {line}"),
        };
    }
    Listing { text, guest: instructions.len(), host }
}
