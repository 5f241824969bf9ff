//! Which flags an instruction leaves undefined, by the manual; and which of those Trunnion promises all the same.
//!
//! iced-x86 knows the undefined flags of each mnemonic (SDM vol. 2). What it cannot know is put right here: shifts and rotates,
//! where they depend on the count. Promised flags (all but [`UNPROMISED`]) have the value of AMD's Zen processors, where the tests were recorded;
//! they are compared on such hardware and in replays, and masked on other hardware.

use iced_x86::{Instruction, Mnemonic, OpKind, Register, RflagsBits};

const CF: u32 = 1;
const PF: u32 = 4;
const AF: u32 = 0x10;
const ZF: u32 = 0x40;
const SF: u32 = 0x80;
const OF: u32 = 0x800;

/// EFLAGS bits for iced-x86's.
fn eflags(bits: u32) -> u32 {
    [
        (RflagsBits::CF, CF),
        (RflagsBits::PF, PF),
        (RflagsBits::AF, AF),
        (RflagsBits::ZF, ZF),
        (RflagsBits::SF, SF),
        (RflagsBits::OF, OF),
    ]
    .into_iter()
    .filter(|(theirs, _)| bits & theirs != 0)
    .fold(0, |all, (_, ours)| all | ours)
}

/// Undefined flags that are not promised: everything else that the manual leaves undefined is computed as this hardware
/// does it.
pub const UNPROMISED: &[(Mnemonic, u32)] = &[
    // Unchanged on older Zen processors, made from the result on newer ones.
    (Mnemonic::Bsf, CF | PF | AF | SF | OF),
    (Mnemonic::Bsr, CF | PF | AF | SF | OF),
    (Mnemonic::Lzcnt, PF | AF | SF | OF),
    (Mnemonic::Tzcnt, PF | AF | SF | OF),
    (Mnemonic::Bextr, PF | AF | SF),
    (Mnemonic::Mul, PF | AF | ZF | SF),
    (Mnemonic::Imul, PF | AF | ZF | SF),
    (Mnemonic::Shld, OF),
    (Mnemonic::Shrd, OF),
    (Mnemonic::Div, CF | PF | AF | ZF | SF | OF),
    (Mnemonic::Idiv, CF | PF | AF | ZF | SF | OF),
];

fn is_shift(i: &Instruction) -> bool {
    use Mnemonic::{Rcl, Rcr, Rol, Ror, Sal, Sar, Shl, Shld, Shr, Shrd};
    matches!(i.mnemonic(), Shl | Sal | Shr | Sar | Shld | Shrd | Rol | Ror | Rcl | Rcr)
}

/// The count of a shift or rotate: given by an immediate, or by CL where that is known.
fn count(i: &Instruction, cl: Option<u8>) -> Option<u32> {
    if !is_shift(i) {
        return None;
    }
    let last = i.op_count().checked_sub(1)?;
    match i.op_kind(last) {
        OpKind::Immediate8 => Some(u32::from(i.immediate8()) & 31),
        OpKind::Register if i.op_register(last) == Register::CL => cl.map(|c| u32::from(c) & 31),
        _ => None,
    }
}

/// The flags that the manual leaves undefined after `i`. `cl` is CL before it, where known.
#[must_use]
pub fn by_manual(i: &Instruction, cl: Option<u8>) -> u32 {
    use Mnemonic::{Rcl, Rcr, Rol, Ror, Sal, Sar, Shl, Shld, Shr, Shrd};
    let n = count(i, cl);
    let bits = match i.op0_kind() {
        OpKind::Register => i.op0_register().size() * 8,
        _ => i.memory_size().size() * 8,
    } as u32;
    match i.mnemonic() {
        Shl | Sal | Shr | Sar | Shld | Shrd | Rol | Ror | Rcl | Rcr if n == Some(0) => 0,
        Shl | Sal | Shr => {
            let carry = if n.is_none_or(|n| n >= bits) { CF } else { 0 };
            let overflow = if n == Some(1) { 0 } else { OF };
            AF | carry | overflow
        }
        Sar => AF | if n == Some(1) { 0 } else { OF },
        Rol | Ror | Rcl | Rcr => {
            if n == Some(1) {
                0
            } else {
                OF
            }
        }
        Shld | Shrd if n.is_none_or(|n| n > bits) => CF | PF | AF | ZF | SF | OF,
        Shld | Shrd => AF | if n == Some(1) { 0 } else { OF },
        _ => eflags(i.rflags_undefined()),
    }
}

/// Whether the manual leaves the destination itself undefined after `i`. `cl` as above, `zero` whether the source is 0.
#[must_use]
pub fn destination(i: &Instruction, cl: Option<u8>) -> bool {
    matches!(i.mnemonic(), Mnemonic::Shld | Mnemonic::Shrd)
        && i.op1_register().size() == 2
        && count(i, cl).is_none_or(|n| n > 16)
}

/// The flags that may differ after `i`: undefined and not promised.
#[must_use]
pub fn allowed(i: &Instruction, cl: Option<u8>, promised: bool) -> u32 {
    let open = UNPROMISED.iter().find(|(m, _)| *m == i.mnemonic()).map_or(0, |(_, f)| *f);
    by_manual(i, cl) & if promised { open } else { u32::MAX }
}

/// Flags left undefined so far in a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undefined(pub u32);

impl Undefined {
    /// Goes on by one instruction. `false`: it would read an undefined flag (or leave an undefined register).
    pub fn step(&mut self, i: &Instruction, cl: Option<u8>) -> bool {
        if eflags(i.rflags_read()) & self.0 != 0 || destination(i, cl) {
            return false;
        }
        // A count of zero writes nothing, and a count that is not known might be zero: what was undefined stays so.
        let n = count(i, cl);
        let repeated = i.is_string_instruction() && (i.has_rep_prefix() || i.has_repne_prefix());
        let unwritten = n == Some(0) || n.is_none() && is_shift(i) || repeated;
        let writes = eflags(i.rflags_written() | i.rflags_cleared() | i.rflags_set());
        let writes = if unwritten { 0 } else { writes };
        self.0 = self.0 & !writes | by_manual(i, cl);
        true
    }
}
