//! Differences that are known and allowed, each with its reason: the list that docs/COVERAGE.md shows.
//!
//! Nothing is hidden by it: a campaign counts each explanation, and a test fails where a count is out of proportion.

use crate::case::{Case, Outcome, State, Stop};
use crate::compare::instructions;
use crate::layout::{WINDOWS, window_at};
use frontend_x86::table::MNEMONICS;
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};
use std::collections::BTreeMap;

/// An explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Reason {
    /// A far transfer's faults.
    FarOrder,
    /// The 64-bit code segment.
    LongMode,
    /// Images across the end of a segment.
    SegmentEnd,
    /// INT1 under a hypervisor.
    Int1,
    /// UD0 and UD1 at a page's end.
    UdLength,
    /// A repeat prefix on LOOPcc.
    LoopPrefix,
    /// System instructions that the kernel emulates.
    Umip,
    /// Very many iterations.
    Patience,
    /// Transcendental functions.
    Transcendental,
    /// RCPPS and its relatives.
    Approximation,
    /// FXSAVE's mask of MXCSR.
    MxcsrMask,
    /// XSAVE of components that are not offered.
    Components,
    /// x87 and SSE images in memory that lie on two pages.
    ImagePages,
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
        Self::FarOrder,
        Self::LongMode,
        Self::SegmentEnd,
        Self::Int1,
        Self::UdLength,
        Self::LoopPrefix,
        Self::Umip,
        Self::Patience,
        Self::Transcendental,
        Self::Approximation,
        Self::MxcsrMask,
        Self::Components,
        Self::ImagePages,
        Self::CompareOrder,
        Self::OverlappingMove,
        Self::InvalidTail,
        Self::NotYet,
    ];

    /// Why it is allowed.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::FarOrder => {
                "a far transfer that faults in several ways: the manual gives no order between the stack's faults and \
                 the selector's; this hardware looks at the stack behind RETF's immediate as well"
            }
            Self::LongMode => {
                "a far transfer to the 64-bit code segment (selector 0x33): #GP here, 64-bit code on the processor"
            }
            Self::SegmentEnd => {
                "an image (FNSTENV, FNSAVE, XSAVE …) that runs over the end of its segment, or an 80-bit operand over that of the \
                 address space: the processor checks it part by part, and over offset 0xffffffff the manual leaves open whether it faults (SDM vol. 3A, 5.3)"
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
            Self::Patience => "a loop of more than 200,000 steps is not followed to its end",
            Self::Transcendental => "within 1 ulp of the processor; C1 then says which way that was rounded",
            Self::Approximation => {
                "RCPPS RCPSS RSQRTPS RSQRTSS: both results are within the manual's 1.5 * 2^-12 of the exact one"
            }
            Self::MxcsrMask => {
                "AMD's bit 17 of MXCSR (misaligned operands) is not offered: FXSAVE and XSAVE tell so, and to set it is #GP"
            }
            Self::Components => {
                "XSAVE and its relatives, reached by a jump into another instruction, with components in EDX:EAX that only the \
                 processor has"
            }
            Self::ImagePages => {
                "an image of more than 16 bytes (FNSAVE, FXSAVE …) of which two pages fault: the manual gives no order"
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
    alone(case).is_some_and(|i| crate::generate::transcendental(i.code()))
}

/// A case's only instruction, but for the loads of segment registers before it.
fn alone(case: &Case) -> Option<Instruction> {
    let mut all = instructions(case).skip_while(|i| i.op0_register().is_segment_register());
    all.next().filter(|_| all.next().is_none())
}

/// FOP, FIP and FDP, which are shown in some frames only.
fn copy_pointers(from: &State, to: &mut State) {
    (to.x87.instruction, to.x87.operand, to.x87.opcode) =
        (from.x87.instruction, from.x87.operand, from.x87.opcode);
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
    copy_pointers(&want.state, &mut rest.state);
    rest == *want && want.state.x87.st.iter().zip(got.state.x87.st).all(|(a, b)| close(*a, b))
}

/// Whether a case is one approximation.
fn is_approximation(case: &Case) -> bool {
    alone(case).is_some_and(|i| crate::generate::approximation(i.code()))
}

/// Whether two outcomes differ in XMM registers only, each element by no more than two results may that are both within
/// 1.5 * 2^-12 of the exact one, tiny ones being zero. SDM vol. 2B, "RCPPS".
fn approximately(want: &Outcome, got: &Outcome) -> bool {
    let element = |v: u128, n: u32| f64::from(f32::from_bits((v >> (32 * n) & 0xffff_ffff) as u32));
    // A result near the least normal one may be tiny, and so zero, or not.
    let least = f64::from(f32::MIN_POSITIVE);
    let is_least = |x: f64| x == 0.0 || x.abs() <= least * (1.0 + 1.5 / 4096.0);
    let near = |a: f64, b: f64| {
        a.is_normal() && (a - b).abs() <= 3.0 * a.abs() / 4096.0
            || is_least(a) && is_least(b) && a.is_sign_negative() == b.is_sign_negative()
    };
    let same = |a: u128, b: u128, n: u32| (a ^ b) >> (32 * n) & 0xffff_ffff == 0;
    let mut rest = got.clone();
    rest.state.xmm = want.state.xmm;
    rest.state.eflags = want.state.eflags;
    rest == *want
        && want
            .state
            .xmm
            .iter()
            .zip(got.state.xmm)
            .all(|(a, b)| (0..4).all(|n| same(*a, b, n) || near(element(*a, n), element(b, n))))
}

/// Whether an instruction saves the components that EDX:EAX names.
fn components(i: &Instruction) -> bool {
    matches!(i.mnemonic(), Mnemonic::Xsave | Mnemonic::Xsavec | Mnemonic::Xsaveopt)
}

/// Whether a memory operand is an image of more than 16 bytes, or one of the x87 environment.
fn image(i: &Instruction) -> bool {
    i.memory_size().size() == 14
        || i.memory_size().size() > 16
        || components(i)
        || i.mnemonic() == Mnemonic::Xrstor
}

/// Whether the processor checks a memory operand part by part: images, and those of 80 bits.
fn in_parts(i: &Instruction) -> bool {
    image(i) || i.memory_size().size() == 10
}

/// MXCSR.MM. APM vol. 1, 4.2.2.
const MISALIGNED_MASK: u32 = 1 << 17;

/// Whether the explicit memory operand runs over offset 0xffffffff.
fn runs_over_end(i: &Instruction, s: &State) -> bool {
    let value = |r: Register, _, _| {
        let full = u64::from(s.gpr[r.full_register32().number() & 7]);
        Some(match r.size() {
            _ if r.is_segment_register() => 0,
            2 => full & 0xffff,
            _ => full,
        })
    };
    let memory = i.op_kinds().position(|k| k == OpKind::Memory).map(|n| n as u32);
    let from = memory.and_then(|n| i.virtual_address(n, 0, value));
    from.is_some_and(|from| (from & 0xffff_ffff) + i.memory_size().size() as u64 > 1 << 32)
}

/// Whether two outcomes differ in nothing but bytes that are 2 on the processor, by being written or left so.
fn mask_only(want: &Outcome, got: &Outcome) -> bool {
    let bytes = |o: &Outcome| -> BTreeMap<u32, u8> {
        o.memory.iter().flat_map(|p| (p.at..).zip(p.bytes.iter().copied())).collect()
    };
    let (a, b) = (bytes(want), bytes(got));
    let open = |at: &u32| {
        let (a, b) = (a.get(at), b.get(at));
        a == b || a.is_none_or(|byte| *byte == 2) && b.is_none_or(|byte| *byte == 0)
    };
    let mut rest = got.state.clone();
    rest.eflags = want.state.eflags;
    copy_pointers(&want.state, &mut rest);
    // A null selector may have lost its RPL.
    rest.selectors = want.state.selectors;
    want.stop == got.stop && want.state == rest && a.keys().chain(b.keys()).all(open)
}

/// The explanation of a difference between the processor and a machine, if it is one of those allowed.
#[must_use]
pub fn explain(case: &Case, want: &Outcome, got: &Outcome) -> Option<Reason> {
    let (w, g) = (vector(want.stop), vector(got.stop));
    let at_fault = decode_at(case, want.state.selectors[1], want.state.eip);
    let same_place = want.state.eip == got.state.eip;
    let selector_fault = |v: Option<u8>| matches!(v, Some(11..=14 | 17));
    if w == Some(1) && at_fault.as_ref().is_some_and(|i| i.mnemonic() == Mnemonic::Int1) {
        return Some(Reason::Int1);
    }
    if matches!(got.stop, Stop::Exception { vector: 13, error: 0x30, .. }) && want.state.selectors[1] == 0x33
    {
        return Some(Reason::LongMode);
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
    // FNSTENV's has 14 bytes in its 16-bit form.
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
    if is_approximation(case) && approximately(want, got) {
        return Some(Reason::Approximation);
    }
    let loads_mxcsr =
        |i: &Instruction| matches!(i.mnemonic(), Mnemonic::Ldmxcsr | Mnemonic::Fxrstor | Mnemonic::Xrstor);
    let refused = g == Some(13) && want.state.mxcsr & MISALIGNED_MASK != 0;
    if refused && decode_at(case, got.state.selectors[1], got.state.eip).as_ref().is_some_and(loads_mxcsr) {
        return Some(Reason::MxcsrMask);
    }
    if instructions(case).any(|i| i.mnemonic() == Mnemonic::Fxsave || components(&i)) && mask_only(want, got)
    {
        return Some(Reason::MxcsrMask);
    }
    let chosen = |i: &Instruction| crate::generate::saves_components(i.code());
    if !instructions(case).any(|i| chosen(&i)) {
        let executed = crate::machine::trace(case);
        if at_fault.as_ref().is_some_and(chosen) || executed.iter().any(|(i, _)| chosen(i)) {
            return Some(Reason::Components);
        }
    }
    // With a segment override, or segments of its own, the kernel's reckoning of the address goes wrong at times.
    let emulated = |i: &Instruction| {
        use Mnemonic::{Sgdt, Sidt, Sldt, Smsw, Str};
        matches!(i.mnemonic(), Sgdt | Sidt | Sldt | Smsw | Str)
    };
    let stepped = g == Some(1);
    let own = |s: u16| crate::descriptors::named(s).is_some();
    let special = want.state.selectors.iter().any(|&s| own(s));
    // Data through the code segment: the kernel does not mind a write there.
    let code_as_data = [0, 3, 4, 5].iter().any(|&s| want.state.selectors[s] >> 3 == 4);
    if at_fault.as_ref().is_some_and(emulated) && same_place && w == Some(14) && matches!(g, Some(12..=14))
        || stepped && instructions(case).any(|i| emulated(&i))
        || instructions(case).any(|i| emulated(&i) && (special || code_as_data || i.has_segment_prefix()))
    {
        return Some(Reason::Umip);
    }
    if g == Some(6) && !in_table(case, got.state.selectors[1], got.state.eip) {
        return Some(Reason::NotYet);
    }
    // The processor checks an image part by part. SDM vol. 3A, 5.3, leaves open what accesses over offset 0xffffffff do.
    let over_end = |o: &Outcome| {
        matches!(vector(o.stop), Some(12 | 13))
            && decode_at(case, o.state.selectors[1], o.state.eip)
                .is_some_and(|i| in_parts(&i) && runs_over_end(&i, &o.state))
    };
    if over_end(want) || over_end(got) {
        return Some(Reason::SegmentEnd);
    }
    if matches!((w, g), (Some(12..=14), Some(12..=14))) && same_place && at_fault.as_ref().is_some_and(image)
    {
        return Some(Reason::SegmentEnd);
    }
    // XSAVE checks all of its area, whatever it writes of it.
    if matches!(w, Some(12 | 13)) && special && at_fault.as_ref().is_some_and(components) {
        return Some(Reason::SegmentEnd);
    }
    if w == Some(13) && g == Some(6) && same_place && case.code.len() >= 15 {
        return Some(Reason::InvalidTail);
    }
    // The processor, the interpreter and translated code get different distances in the time they are given.
    if got.stop == Stop::Hang || want.stop == Stop::Hang {
        return Some(Reason::Patience);
    }
    None
}

/// The instruction at `eip` of a code segment, as far as the case's initial memory tells.
fn decode_at(case: &Case, cs: u16, eip: u32) -> Option<Instruction> {
    let byte = |at: u32| {
        let placed =
            case.contents().filter_map(|(from, b)| b.get(at.wrapping_sub(from) as usize).copied()).last();
        placed.or_else(|| window_at(at).map(|w| WINDOWS[w].fill()))
    };
    let (base, bits) = crate::descriptors::named(cs)
        .map_or((0, 32), |d| (d.base, if d.flags & crate::descriptors::BIG == 0 { 16 } else { 32 }));
    let bytes: Vec<u8> = (0..15).map_while(|n| byte(base.wrapping_add(eip).wrapping_add(n))).collect();
    let i = Decoder::with_ip(bits, &bytes, u64::from(eip), DecoderOptions::NONE).decode();
    (!i.is_invalid()).then_some(i)
}

/// Whether the instruction at `eip`, if it is one, has a row in the table.
fn in_table(case: &Case, cs: u16, eip: u32) -> bool {
    decode_at(case, cs, eip).is_none_or(|i| {
        !crate::generate::absent(i.code()) && MNEMONICS.iter().any(|(m, _)| *m == i.mnemonic())
    })
}
