//! Bytes to [`Insn`]: a thin layer over iced-x86's decoder, with the gate opcode added.

use crate::cpuid::Profile;
use crate::emit::{Rep, Width};
use crate::memory::{Fault, GuestAddr, GuestMemory};
use crate::operand::Address;
use crate::shape::{Operand, Shape};
use crate::state::{Gpr, Segment};
use iced_x86::{
    Code, CpuidFeature, Decoder, DecoderError, DecoderOptions, Instruction, Mnemonic, OpAccess, OpKind,
    Register,
};

/// First two bytes of a gate: an opcode that no processor defines. The gate's number follows, little-endian.
pub const GATE_OPCODE: [u8; 2] = [0x0f, 0x3f];
/// Longest instruction.
pub const MAX_LENGTH: usize = 15;

/// The bytes that mean something else where a feature is missing: F3 0F BC and F3 0F BD are BSF and BSR with a prefix that
/// does nothing, as on every processor without TZCNT and LZCNT. Compilers rely on it.
fn options(profile: Profile) -> u32 {
    let tzcnt = if profile.has(CpuidFeature::BMI1) { 0 } else { DecoderOptions::NO_MPFX_0FBC };
    let lzcnt = if profile.has(CpuidFeature::LZCNT) { 0 } else { DecoderOptions::NO_MPFX_0FBD };
    tzcnt | lzcnt
}

/// One decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insn {
    raw: Instruction,
    mnemonic: Mnemonic,
    row: u16,
    gate: Option<u16>,
    x87_opcode: u16,
    shape: Shape,
}

/// What an instruction does with its explicit memory operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryAccess {
    /// Reads it.
    Read,
    /// Writes it.
    Write,
    /// Reads and then writes it: a fault of the read is reported as one of a write, as the processor asks for both at
    /// once.
    Modify,
}

/// The default size of operands and addresses, as the code segment's descriptor says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
#[expect(missing_docs, reason = "16 and 32 bits")]
pub enum CodeBits {
    B16 = 16,
    B32 = 32,
}

/// Why there is no instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The bytes are no instruction: #UD.
    Invalid,
    /// Longer than 15 bytes: #GP(0).
    TooLong,
    /// The bytes given end within the instruction.
    Truncated,
    /// The bytes could not be fetched: #PF.
    Fetch(Fault),
}

/// Whether the bytes end within an instruction.
#[cold]
fn wants_more(bits: CodeBits, bytes: &[u8]) -> bool {
    let mut decoder = Decoder::new(bits as u32, bytes, DecoderOptions::NONE);
    let _ = decoder.decode();
    decoder.last_error() == DecoderError::NoMoreBytes
}

impl Insn {
    /// `offered`: whether the processor has it; what it has not raises #UD, as what has no row.
    fn new(raw: Instruction, gate: Option<u16>, offered: bool, x87_opcode: u16) -> Self {
        let mnemonic = raw.mnemonic();
        let row = if offered { crate::table::row(mnemonic) } else { 0 };
        Self { raw, mnemonic, row, gate, x87_opcode, shape: Shape::of(&raw) }
    }

    /// Decodes the instruction at `eip` from its bytes, as the processor of this profile does.
    ///
    /// # Errors
    /// [`DecodeError`], without `Fetch`.
    pub fn decode(bytes: &[u8], eip: u32, profile: Profile) -> Result<Self, DecodeError> {
        Self::decode_in(CodeBits::B32, bytes, eip, profile)
    }

    /// Likewise in a code segment of either kind.
    ///
    /// # Errors
    /// [`DecodeError`], without `Fetch`.
    pub fn decode_in(bits: CodeBits, bytes: &[u8], eip: u32, profile: Profile) -> Result<Self, DecodeError> {
        if let [0x0f, 0x3f, low, high, ..] = *bytes {
            let mut raw = Instruction::new();
            raw.set_len(4);
            raw.set_next_ip32(eip.wrapping_add(4));
            return Ok(Self::new(raw, Some(u16::from_le_bytes([low, high])), false, 0));
        }
        if bytes.starts_with(&GATE_OPCODE) {
            return Err(DecodeError::Truncated);
        }
        let shown = &bytes[..bytes.len().min(MAX_LENGTH)];
        let mut decoder = Decoder::with_ip(bits as u32, shown, u64::from(eip), options(profile));
        let raw = decoder.decode();
        match decoder.last_error() {
            DecoderError::None => Ok(Self::new(raw, None, profile.offers(raw.code()), x87_opcode(shown))),
            DecoderError::NoMoreBytes => Err(DecodeError::Truncated),
            // The decoder calls what does not fit 15 bytes invalid. It is too long if 14 bytes left it wanting.
            _ if shown.len() == MAX_LENGTH && wants_more(bits, &shown[..MAX_LENGTH - 1]) => {
                Err(DecodeError::TooLong)
            }
            _ => Err(DecodeError::Invalid),
        }
    }

    /// Fetches and decodes the instruction at `eip`.
    ///
    /// # Errors
    /// [`DecodeError`]; an instruction that runs into a page without execute permission gives that page's fault.
    pub fn fetch<M: GuestMemory + ?Sized>(
        memory: &M,
        eip: u32,
        profile: Profile,
    ) -> Result<Self, DecodeError> {
        let mut bytes = [0; MAX_LENGTH];
        let got = memory.fetch(GuestAddr(eip), &mut bytes).map_err(DecodeError::Fetch)?;
        match Self::decode(&bytes[..got], eip, profile) {
            Err(DecodeError::Truncated) => {
                let short = u32::try_from(got).expect("at most 15");
                let mut one = [0];
                match memory.fetch(GuestAddr(eip).wrapping_add(short), &mut one) {
                    Err(fault) => Err(DecodeError::Fetch(fault)),
                    // The page became executable meanwhile.
                    Ok(_) => Self::fetch(memory, eip, profile),
                }
            }
            other => other,
        }
    }

    /// The gate number, if this is a gate.
    #[inline]
    #[must_use]
    pub const fn gate(&self) -> Option<u16> {
        self.gate
    }
    /// The 11 bits of an x87 instruction that FOP shows: the low bits of the first opcode byte, and the ModRM byte. 0 for
    /// others.
    #[must_use]
    pub const fn x87_opcode(&self) -> u16 {
        self.x87_opcode
    }
    /// The instruction as iced-x86 sees it.
    #[must_use]
    pub const fn raw(&self) -> &Instruction {
        &self.raw
    }
    /// The manual's mnemonic.
    #[inline]
    #[must_use]
    pub fn mnemonic(&self) -> Mnemonic {
        self.mnemonic
    }
    /// The number of its row in the table of instructions; 0 for a gate and for what the processor has not.
    #[inline]
    #[must_use]
    pub const fn row(&self) -> u16 {
        self.row
    }
    /// The exact form.
    #[must_use]
    pub fn code(&self) -> Code {
        self.raw.code()
    }
    /// Length in bytes.
    #[inline]
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an instruction is never empty")]
    #[expect(clippy::cast_possible_truncation, reason = "at most 15")]
    pub fn len(&self) -> u32 {
        self.raw.len() as u32
    }
    /// Its address.
    #[inline]
    #[must_use]
    pub fn eip(&self) -> u32 {
        self.raw.next_ip32().wrapping_sub(self.len())
    }
    /// The address behind it.
    #[inline]
    #[must_use]
    pub fn next_eip(&self) -> u32 {
        self.raw.next_ip32()
    }
    /// Whether it has a LOCK prefix (XCHG with memory locks without).
    #[inline]
    #[must_use]
    pub fn has_lock(&self) -> bool {
        self.raw.has_lock_prefix()
    }
    /// Size of its memory access in bytes; 0 where it has none or the size depends on state.
    #[must_use]
    pub fn access_size(&self) -> u64 {
        self.raw.memory_size().size() as u64
    }
    /// What it does with its explicit memory operand; `None` where it has none or does not access it. Slow: for faults
    /// and rare forms.
    #[must_use]
    pub fn memory_access(&self) -> Option<MemoryAccess> {
        let n = (0..self.raw.op_count()).find(|n| self.raw.op_kind(*n) == OpKind::Memory)?;
        match iced_x86::InstructionInfoFactory::new().info(&self.raw).op_access(n) {
            OpAccess::Read | OpAccess::CondRead => Some(MemoryAccess::Read),
            OpAccess::Write | OpAccess::CondWrite => Some(MemoryAccess::Write),
            // ARPL asks for the write only when it writes.
            OpAccess::ReadWrite | OpAccess::ReadCondWrite if self.raw.mnemonic() == Mnemonic::Arpl => {
                Some(MemoryAccess::Read)
            }
            OpAccess::ReadWrite | OpAccess::ReadCondWrite => Some(MemoryAccess::Modify),
            OpAccess::None | OpAccess::NoMemAccess => None,
        }
    }
    /// Number of operands.
    #[must_use]
    pub fn operands(&self) -> u32 {
        self.raw.op_count()
    }
    /// Its repeat prefix.
    #[must_use]
    pub fn rep(&self) -> Rep {
        if self.raw.has_repne_prefix() {
            Rep::Repne
        } else if self.raw.has_rep_prefix() {
            Rep::Repe
        } else {
            Rep::Once
        }
    }
    /// The target of a near branch.
    #[must_use]
    pub fn branch_target(&self) -> u32 {
        self.raw.near_branch32() & if self.raw.op0_kind() == OpKind::NearBranch16 { 0xffff } else { u32::MAX }
    }
    /// The kind of operand `n` (0–2).
    #[inline]
    #[must_use]
    pub fn operand(&self, n: u32) -> Operand {
        self.shape.operands.get(n as usize).copied().unwrap_or(Operand::Other)
    }
    /// Width of operand `n`; for memory the size of the access. `None` for sizes that are not 1, 2, 4 or 8 bytes.
    #[inline]
    #[must_use]
    pub fn operand_width(&self, n: u32) -> Option<Width> {
        match self.shape.widths.get(n as usize) {
            Some(width) => *width,
            None => crate::shape::width(&self.raw, n),
        }
    }
    /// Width of the first operand, the operation's width for most instructions.
    ///
    /// # Panics
    /// If it has none: the caller knows its instruction.
    #[inline]
    #[must_use]
    pub fn width(&self) -> Width {
        self.operand_width(0).expect("an instruction with a sized first operand")
    }
    /// The register of operand `n`.
    #[must_use]
    pub fn register(&self, n: u32) -> Register {
        self.raw.op_register(n)
    }
    /// The immediate of operand `n`, sign- or zero-extended as the instruction says, to 64 bits.
    #[must_use]
    pub fn immediate(&self, n: u32) -> u64 {
        self.raw.immediate(n)
    }
    /// Whether operand `n` is in memory (not counting string operands).
    #[inline]
    #[must_use]
    pub fn is_memory(&self, n: u32) -> bool {
        match self.shape.operands.get(n as usize) {
            Some(operand) => *operand == Operand::Memory,
            None => self.raw.op_kind(n) == OpKind::Memory,
        }
    }
    /// The memory operand.
    #[inline]
    #[must_use]
    pub fn address(&self) -> Address {
        self.shape.address
    }
}

/// See [`Insn::x87_opcode`].
fn x87_opcode(bytes: &[u8]) -> u16 {
    let prefix = |b: &u8| matches!(b, 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3);
    let start = bytes.iter().take_while(|b| prefix(b)).count();
    match bytes[start..] {
        [escape @ 0xd8..=0xdf, modrm, ..] => u16::from(escape & 7) << 8 | u16::from(modrm),
        _ => 0,
    }
}

/// The general register that a 16- or 32-bit register is or is part of.
#[must_use]
pub fn gpr32(r: Register) -> Option<Gpr> {
    (r.is_gpr32() || r.is_gpr16()).then(|| Gpr::ALL[r.number() & 7])
}

/// A segment register.
#[must_use]
pub fn segment(r: Register) -> Option<Segment> {
    Some(match r {
        Register::ES => Segment::Es,
        Register::CS => Segment::Cs,
        Register::SS => Segment::Ss,
        Register::DS => Segment::Ds,
        Register::FS => Segment::Fs,
        Register::GS => Segment::Gs,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mnemonic(bytes: &[u8], profile: Profile) -> (Mnemonic, bool) {
        let insn = Insn::decode(bytes, 0x1000, profile).expect("an instruction");
        (insn.mnemonic(), insn.row() != 0)
    }

    #[test]
    fn the_prefix_of_tzcnt_and_lzcnt_does_nothing_on_older_processors() {
        let (tzcnt, lzcnt) = ([0xf3, 0x0f, 0xbc, 0xc1], [0xf3, 0x0f, 0xbd, 0xc1]);
        for profile in [Profile::I686, Profile::Sse2, Profile::V2] {
            assert_eq!(mnemonic(&tzcnt, profile), (Mnemonic::Bsf, true));
            assert_eq!(mnemonic(&lzcnt, profile), (Mnemonic::Bsr, true));
        }
        assert_eq!(mnemonic(&tzcnt, Profile::Max), (Mnemonic::Tzcnt, true));
        assert_eq!(mnemonic(&lzcnt, Profile::Max), (Mnemonic::Lzcnt, true));
        assert_eq!(mnemonic(&tzcnt[1..], Profile::Max), (Mnemonic::Bsf, true));
    }

    #[test]
    fn what_a_profile_does_not_offer_has_no_row() {
        let cases: [(&[u8], Mnemonic, Profile); 7] = [
            (&[0x0f, 0x58, 0xc1], Mnemonic::Addps, Profile::Sse2),
            (&[0x0f, 0xef, 0xc0], Mnemonic::Pxor, Profile::Sse2),
            (&[0xf3, 0x0f, 0xb8, 0xc1], Mnemonic::Popcnt, Profile::V2),
            (&[0xdd, 0x08], Mnemonic::Fisttp, Profile::V2),
            (&[0x0f, 0x38, 0xf0, 0x00], Mnemonic::Movbe, Profile::Max),
            (&[0xc4, 0xe2, 0x78, 0xf2, 0xc1], Mnemonic::Andn, Profile::Max),
            (&[0x0f, 0x18, 0x00], Mnemonic::Prefetchnta, Profile::I686),
        ];
        for (bytes, name, since) in cases {
            for profile in Profile::ALL {
                assert_eq!(mnemonic(bytes, profile), (name, profile >= since), "{profile:?}");
            }
        }
    }
}
