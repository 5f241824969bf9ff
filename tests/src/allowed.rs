//! Differences that are known and allowed, each with its reason: the list that docs/COVERAGE.md shows.
//!
//! Nothing is hidden by it: a campaign counts each explanation, and a test fails where a count is out of proportion.

use crate::case::{Case, Outcome, State, Stop};
use crate::compare::instructions;
use crate::layout::{WINDOWS, window_at};
use frontend_x86::table::MNEMONICS;
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

/// An explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Reason {
    /// #AC.
    AlignmentCheck,
    /// A far transfer's faults.
    FarOrder,
    /// An access across the end of the address space.
    SegmentEnd,
    /// A stack segment that is not flat.
    StackSegment,
    /// INT1 under a hypervisor.
    Int1,
    /// UD0 and UD1 at a page's end.
    UdLength,
    /// A repeat prefix on LOOPcc.
    LoopPrefix,
    /// System instructions that the kernel emulates.
    Umip,
    /// POPA that faults half way.
    PartialPopa,
    /// Very many iterations.
    Patience,
    /// Transcendental functions.
    Transcendental,
    /// x87 and SSE images in memory that lie on two pages.
    ImagePages,
    /// MXCSR_MASK in an image.
    MxcsrMask,
    /// CMPS of which both operands fault.
    CompareOrder,
    /// REP MOVS with 16-bit addresses onto its own source.
    OverlappingMove,
    /// Bytes behind the opcode of an invalid instruction.
    InvalidTail,
    /// An instruction that is not in the table.
    NotYet,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::AlignmentCheck,
        Self::FarOrder,
        Self::SegmentEnd,
        Self::StackSegment,
        Self::Int1,
        Self::UdLength,
        Self::LoopPrefix,
        Self::Umip,
        Self::PartialPopa,
        Self::Patience,
        Self::Transcendental,
        Self::ImagePages,
        Self::MxcsrMask,
        Self::CompareOrder,
        Self::OverlappingMove,
        Self::InvalidTail,
        Self::NotYet,
    ];

    /// Why it is allowed.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::AlignmentCheck => {
                "the manual leaves open which accesses of multi-part and system instructions check alignment, and before which other fault"
            }
            Self::FarOrder => {
                "a far transfer that faults in several ways: the manual gives no order between the stack's page fault and the \
                 selector's #GP"
            }
            Self::SegmentEnd => {
                "an access that runs over offset 0xffffffff: a segment limit violation on the processor, a wrapped access here"
            }
            Self::StackSegment => {
                "SS and far transfers accept only the flat segments that Linux gives a program; a code selector in DS or ES does not forbid writes"
            }
            Self::UdLength => {
                "UD0 and UD1 have a ModRM byte by the SDM, none by the APM: whether it is fetched differs"
            }
            Self::LoopPrefix => {
                "AMD's LOOPE and LOOPNE take their condition from a repeat prefix; the manuals ignore it"
            }
            Self::Umip => {
                "SGDT SIDT SLDT SMSW STR are emulated by the kernel where the processor has UMIP: its page faults say \"not present\", \
                 and it makes no single-step trap"
            }
            Self::PartialPopa => {
                "POPA that faults at a page's edge has changed no register here; this hardware has loaded some"
            }
            Self::Patience => "a loop of more than 200,000 steps is not followed to its end",
            Self::Transcendental => "within 1 ulp of the processor; C1 then says which way that was rounded",
            Self::ImagePages => {
                "an image of more than 16 bytes (FNSAVE, FXSAVE …) of which two pages fault: the manual gives no order"
            }
            Self::MxcsrMask => {
                "XSAVE stores the bits that MXCSR may have: AMD's processors have one more (MM, bit 17)"
            }
            Self::CompareOrder => {
                "CMPS of which both operands fault: the manual gives no order, and Zen processors differ"
            }
            Self::OverlappingMove => {
                "REP MOVS with 16-bit addresses that overlaps its source: a Zen 5 reads ahead of its own stores, which \
                 neither manual allows; element by element here"
            }
            Self::InvalidTail => {
                "#UD for an invalid opcode, or the #PF or #GP of fetching what would follow it: the manual gives no order"
            }
            Self::NotYet => {
                "control reached an instruction of an extension that is not implemented: #UD here"
            }
            Self::Int1 => "a hypervisor that intercepts #DB reports EIP at INT1 instead of behind it",
        }
    }
}

fn vector(stop: Stop) -> Option<u8> {
    match stop {
        Stop::Exception { vector, .. } => Some(vector),
        Stop::Hang | Stop::Broken => None,
    }
}

fn is_far(i: &Instruction) -> bool {
    use Mnemonic::{Call, Iret, Iretd, Jmp, Lds, Les, Lfs, Lgs, Lss, Retf};
    match i.mnemonic() {
        Retf | Iret | Iretd | Lds | Les | Lfs | Lgs | Lss => true,
        Jmp | Call => {
            i.is_jmp_far() || i.is_call_far() || i.is_jmp_far_indirect() || i.is_call_far_indirect()
        }
        _ => false,
    }
}

fn fetches(stop: Stop) -> bool {
    matches!(stop, Stop::Exception { vector: 14, error, .. } if error & 16 != 0)
}

/// Whether a case is one transcendental instruction.
fn is_transcendental(case: &Case) -> bool {
    use Mnemonic::{F2xm1, Fcos, Fpatan, Fptan, Fsin, Fsincos, Fyl2x, Fyl2xp1};
    let mut all = instructions(case);
    let first = all.next().map(|i| i.mnemonic());
    all.next().is_none()
        && matches!(first, Some(F2xm1 | Fcos | Fpatan | Fptan | Fsin | Fsincos | Fyl2x | Fyl2xp1))
}

/// Whether two outcomes differ only in the byte of MXCSR_MASK that has MM, of an area that begins at a multiple of 64.
fn differ_in_mxcsr_mask(want: &Outcome, got: &Outcome) -> bool {
    const AT: u32 = 28 + 2;
    let bytes = |o: &Outcome| -> std::collections::BTreeMap<u32, u8> {
        o.memory.iter().flat_map(|p| (p.at..).zip(p.bytes.iter().copied())).collect()
    };
    let (w, g) = (bytes(want), bytes(got));
    let rf = 1 << 16;
    let same = State { eflags: got.state.eflags | rf, ..got.state.clone() }
        == State { eflags: want.state.eflags | rf, ..want.state.clone() };
    let mut differing = w.keys().chain(g.keys()).filter(|at| w.get(at) != g.get(at));
    same && differing
        .all(|at| at % 64 == AT && w.get(at).is_none_or(|b| *b == 2) && g.get(at).is_none_or(|b| *b == 0))
}

/// Whether two outcomes differ by no more than an ulp in x87 registers, and C1.
fn near(want: &Outcome, got: &Outcome) -> bool {
    const C1: u16 = 0x200;
    // Exponent and significand of normal numbers of one sign are in the order of their values, with a gap at the
    // explicit integer bit.
    let rank = |v: u128| (v >> 64 & 0x7fff) << 63 | v & (u128::MAX >> 65);
    let close = |a: u128, b: u128| a == b || a >> 79 == b >> 79 && rank(a).abs_diff(rank(b)) <= 1;
    let mut rest = got.clone();
    rest.state.x87.st = want.state.x87.st;
    rest.state.x87.status = got.state.x87.status & !C1 | want.state.x87.status & C1;
    rest.state.eflags = want.state.eflags;
    (rest.state.x87.instruction, rest.state.x87.operand, rest.state.x87.opcode) =
        (want.state.x87.instruction, want.state.x87.operand, want.state.x87.opcode);
    rest == *want && want.state.x87.st.iter().zip(got.state.x87.st).all(|(a, b)| close(*a, b))
}

/// The offset of an explicit memory operand.
fn offset(i: &Instruction, s: &State) -> u32 {
    let value = |r: Register| {
        let full = s.gpr[r.full_register32().number() & 7];
        if r == Register::None {
            0
        } else if r.size() == 2 {
            full & 0xffff
        } else {
            full
        }
    };
    let sum = value(i.memory_base())
        .wrapping_add(value(i.memory_index()).wrapping_mul(i.memory_index_scale()))
        .wrapping_add(i.memory_displacement32());
    let wide = i.memory_base().size() == 4 || i.memory_index().size() == 4 || i.memory_displ_size() == 4;
    if wide { sum } else { sum & 0xffff }
}

/// The explanation of a difference between the processor and a machine, if it is one of those allowed.
#[must_use]
pub fn explain(case: &Case, want: &Outcome, got: &Outcome) -> Option<Reason> {
    let (w, g) = (vector(want.stop), vector(got.stop));
    let at_fault = decode_at(case, want.state.eip);
    let same_place = want.state.eip == got.state.eip;
    let selector_fault = |v: Option<u8>| matches!(v, Some(11..=14));
    if w == Some(17) || g == Some(17) {
        return Some(Reason::AlignmentCheck);
    }
    if w == Some(1) && at_fault.as_ref().is_some_and(|i| i.mnemonic() == Mnemonic::Int1) {
        return Some(Reason::Int1);
    }
    if same_place && selector_fault(w) && selector_fault(g) && at_fault.as_ref().is_some_and(is_far) {
        return Some(Reason::FarOrder);
    }
    if w == Some(6) && at_fault.as_ref().is_none_or(|i| matches!(i.mnemonic(), Mnemonic::Ud0 | Mnemonic::Ud1))
    {
        return Some(Reason::UdLength);
    }
    let prefixed_loop = instructions(case).any(|i| {
        matches!(i.mnemonic(), Mnemonic::Loope | Mnemonic::Loopne)
            && case.code.windows(2).any(|w| matches!(w, [0xf2 | 0xf3, ..]))
    });
    // A jump may lead to it into the middle of an instruction.
    if prefixed_loop || case.code.windows(2).any(|w| matches!(w, [0xf2 | 0xf3, 0xe0 | 0xe1])) {
        return Some(Reason::LoopPrefix);
    }
    if w == Some(14) && g == Some(6) && same_place && fetches(want.stop) {
        return Some(Reason::InvalidTail);
    }
    let components =
        |i: &Instruction| matches!(i.mnemonic(), Mnemonic::Xsave | Mnemonic::Xsavec | Mnemonic::Xsaveopt);
    if want.stop == got.stop && instructions(case).any(|i| components(&i)) && differ_in_mxcsr_mask(want, got)
    {
        return Some(Reason::MxcsrMask);
    }
    let image =
        |i: &Instruction| i.memory_size().size() > 16 || components(i) || i.mnemonic() == Mnemonic::Xrstor;
    if w == Some(14) && g == Some(14) && same_place && at_fault.as_ref().is_some_and(image) {
        return Some(Reason::ImagePages);
    }
    let compares = |i: &Instruction| {
        matches!(i.mnemonic(), Mnemonic::Cmpsb | Mnemonic::Cmpsw | Mnemonic::Cmpsd)
            && i.is_string_instruction()
    };
    if matches!((w, g), (Some(12..=14), Some(12..=14)))
        && same_place
        && at_fault.as_ref().is_some_and(compares)
    {
        return Some(Reason::CompareOrder);
    }
    let moves = |i: &Instruction| {
        matches!(i.mnemonic(), Mnemonic::Movsb | Mnemonic::Movsw | Mnemonic::Movsd)
            && i.has_rep_prefix()
            && i.op1_kind() == OpKind::MemorySegSI
    };
    if want.stop == got.stop && want.state == got.state && instructions(case).any(|i| moves(&i)) {
        return Some(Reason::OverlappingMove);
    }
    if is_transcendental(case) && near(want, got) {
        return Some(Reason::Transcendental);
    }
    // With a segment override the kernel's own reckoning of the address can go wrong in this 64-bit worker.
    let emulated = |i: &Instruction| {
        use Mnemonic::{Sgdt, Sidt, Sldt, Smsw, Str};
        matches!(i.mnemonic(), Sgdt | Sidt | Sldt | Smsw | Str)
    };
    let stepped = g == Some(1) && case.state.eflags & 0x100 != 0;
    if at_fault.as_ref().is_some_and(emulated) && same_place && w == Some(14) && g == Some(14)
        || stepped && instructions(case).any(|i| emulated(&i))
        || instructions(case).any(|i| emulated(&i) && i.has_segment_prefix())
    {
        return Some(Reason::Umip);
    }
    if g == Some(6) && !in_table(case, got.state.eip) {
        return Some(Reason::NotYet);
    }
    if matches!(w, Some(12 | 13)) {
        let wraps = |i: &Instruction| {
            let size = (i.memory_size().size() as u64).max(1);
            i.op_kinds().any(|k| k == OpKind::Memory) && u64::from(offset(i, &want.state)) + size > 1 << 32
        };
        let wrapped = |address: u32| !(0x200..=0xffff_ff00).contains(&address);
        let implicit = matches!(got.stop, Stop::Exception { vector: 14, address, .. } if wrapped(address));
        if implicit && same_place || at_fault.as_ref().is_some_and(wraps) {
            return Some(Reason::SegmentEnd);
        }
        if w == Some(13) && [0, 3, 4, 5].iter().any(|&s| want.state.selectors[s] >> 3 == 4) {
            return Some(Reason::StackSegment);
        }
    }
    // An image of several parts of which the first is not mapped and the last runs over the end.
    if w == Some(14)
        && matches!(g, Some(12 | 13))
        && matches!(want.stop, Stop::Exception { address, .. } if address > 0xffff_fe00)
    {
        return Some(Reason::SegmentEnd);
    }
    if w == Some(13) && g == Some(6) && same_place && case.code.len() >= 15 {
        return Some(Reason::InvalidTail);
    }
    let popa = |i: &Instruction| matches!(i.mnemonic(), Mnemonic::Popa | Mnemonic::Popad);
    if w == Some(14) && want.stop == got.stop && at_fault.as_ref().is_some_and(popa) {
        return Some(Reason::PartialPopa);
    }
    // The processor, the interpreter and translated code get different distances in the time they are given.
    if got.stop == Stop::Hang || want.stop == Stop::Hang {
        return Some(Reason::Patience);
    }
    let refuses = matches!(got.stop, Stop::Exception { vector: 13, error: 0x30 | 0x60, .. });
    if refuses && (want.state.selectors[2] >> 3 == 12 || matches!(want.state.selectors[1] >> 3, 6 | 12)) {
        return Some(Reason::StackSegment);
    }
    // Some hypervisors report the 32-bit selector after a far jump into the 64-bit segment.
    let wide = matches!(got.stop, Stop::Exception { vector: 13, error: 0x30, .. });
    if wide && !same_place && decode_at(case, got.state.eip).as_ref().is_some_and(is_far) {
        return Some(Reason::StackSegment);
    }
    None
}

/// The instruction at `eip`, as far as the case's initial memory tells.
fn decode_at(case: &Case, eip: u32) -> Option<Instruction> {
    let byte = |at: u32| {
        let placed =
            case.contents().filter_map(|(from, b)| b.get(at.wrapping_sub(from) as usize).copied()).last();
        placed.or_else(|| window_at(at).map(|w| WINDOWS[w].fill()))
    };
    let bytes: Vec<u8> = (0..15).map_while(|n| byte(eip.wrapping_add(n))).collect();
    let i = Decoder::with_ip(32, &bytes, u64::from(eip), DecoderOptions::NONE).decode();
    (!i.is_invalid()).then_some(i)
}

/// Whether the instruction at `eip`, if it is one, has a row in the table.
fn in_table(case: &Case, eip: u32) -> bool {
    decode_at(case, eip).is_none_or(|i| {
        !crate::generate::absent(i.code()) && MNEMONICS.iter().any(|(m, _)| *m == i.mnemonic())
    })
}
