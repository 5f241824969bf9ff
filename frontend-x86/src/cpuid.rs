//! What CPUID reports, and which instructions there are: both from one table of features.
//!
//! The vendor and the family are AMD's K8: glibc reads the feature leaves of vendors it knows and of no other, and takes
//! its code paths from the feature bits. The brand string is our own.
//!
//! A [`Profile`] decides; programs choose their code paths by it, so it is part of the guest's state. Decoding asks
//! [`Profile::offers`], so that what CPUID does not offer is not there: #UD, or the older meaning of the same bytes.

use iced_x86::{Code, CpuidFeature, Mnemonic};

/// Which processor the guest sees. Each has what the ones before it have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
#[repr(u32)]
pub enum Profile {
    /// A Pentium Pro: CMOV, CMPXCHG8B, x87, and no vectors.
    I686 = 0,
    /// i686 with MMX, FXSR, SSE and SSE2: what every x86-64 processor has.
    Sse2 = 1,
    /// With SSE3 to SSE4.2 and POPCNT: x86-64-v2 of the System V ABI.
    V2 = 2,
    /// Everything that is implemented.
    #[default]
    Max = 3,
}

/// A register of a CPUID leaf that holds feature bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Word {
    Leaf1Edx,
    Leaf1Ecx,
    Leaf7Ebx,
    Leaf7Ecx,
    /// Leaf 0xD, subleaf 1, EAX.
    LeafD1Eax,
    Extended1Edx,
    Extended1Ecx,
}

/// A feature bit, the first profile that has it, and the instructions that there are because of it.
#[derive(Debug)]
struct Feature {
    word: Word,
    bit: u32,
    since: Profile,
    instructions: &'static [CpuidFeature],
}

macro_rules! features {
    ($($word:ident $bit:literal $since:ident [$($instructions:ident)*];)*) => {
        /// SDM vol. 2A, "CPUID"; APM vol. 3, appendix E.
        const FEATURES: &[Feature] = &[$(Feature {
            word: Word::$word,
            bit: $bit,
            since: Profile::$since,
            instructions: &[$(CpuidFeature::$instructions),*],
        }),*];
    };
}

features! {
    Leaf1Edx 0 I686 [FPU FPU287 FPU387];
    Leaf1Edx 4 I686 [TSC];
    Leaf1Edx 8 I686 [CX8];
    Leaf1Edx 15 I686 [CMOV];
    Leaf1Edx 19 Sse2 [CLFSH];
    Leaf1Edx 23 Sse2 [MMX];
    Leaf1Edx 24 Sse2 [FXSR];
    Leaf1Edx 25 Sse2 [SSE];
    Leaf1Edx 26 Sse2 [SSE2];
    Leaf1Ecx 0 V2 [SSE3];
    Leaf1Ecx 1 Max [PCLMULQDQ];
    Leaf1Ecx 9 V2 [SSSE3];
    Leaf1Ecx 19 V2 [SSE4_1];
    Leaf1Ecx 20 V2 [SSE4_2];
    Leaf1Ecx 22 Max [MOVBE];
    Leaf1Ecx 23 V2 [POPCNT];
    Leaf1Ecx 25 Max [AES];
    // XSAVE, and the operating system has switched it on.
    Leaf1Ecx 26 Max [XSAVE];
    Leaf1Ecx 27 Max [];
    Leaf1Ecx 30 Max [RDRAND];
    Leaf7Ebx 3 Max [BMI1];
    Leaf7Ebx 8 Max [BMI2];
    Leaf7Ebx 18 Max [RDSEED];
    Leaf7Ebx 19 Max [ADX];
    Leaf7Ebx 23 Max [CLFLUSHOPT];
    Leaf7Ebx 24 Max [CLWB];
    Leaf7Ebx 29 Max [SHA];
    Leaf7Ecx 8 Max [GFNI];
    Leaf7Ecx 22 Max [RDPID];
    LeafD1Eax 0 Max [XSAVEOPT];
    LeafD1Eax 1 Max [XSAVEC];
    // XGETBV with ECX = 1.
    LeafD1Eax 2 Max [];
    // For the kernel alone; no state component is its.
    LeafD1Eax 3 Max [XSAVES];
    // AMD repeats here the features that were there before SSE.
    Extended1Edx 0 I686 [];
    Extended1Edx 4 I686 [];
    Extended1Edx 8 I686 [];
    Extended1Edx 15 I686 [];
    // AMD's extensions to MMX: the instructions on MMX registers that came with SSE.
    Extended1Edx 22 Sse2 [];
    Extended1Edx 23 Sse2 [];
    Extended1Edx 24 Sse2 [];
    Extended1Edx 27 Max [RDTSCP];
    // ABM: LZCNT besides POPCNT.
    Extended1Ecx 5 Max [LZCNT];
    // PREFETCHW does nothing without it.
    Extended1Ecx 8 Max [];
}

/// The instructions that CPUID tells of, by iced-x86's names for their features.
pub fn announced() -> impl Iterator<Item = CpuidFeature> {
    FEATURES.iter().flat_map(|f| f.instructions.iter().copied())
}

/// Features of which no profile has the forms that share a mnemonic with an instruction that is implemented: BEXTR.
const NEVER: CpuidFeature = CpuidFeature::TBM;

/// The first profile that has the instructions of each of iced-x86's features. What is not in the table above is in
/// every profile, as far as it is implemented at all.
static SINCE: [Option<Profile>; 256] = {
    let mut since = [Some(Profile::I686); 256];
    since[NEVER as usize] = None;
    let mut n = 0;
    while n < FEATURES.len() {
        let mut k = 0;
        while k < FEATURES[n].instructions.len() {
            since[FEATURES[n].instructions[k] as usize] = Some(FEATURES[n].since);
            k += 1;
        }
        n += 1;
    }
    since
};

impl Profile {
    /// All of them, the oldest first.
    pub const ALL: [Self; 4] = [Self::I686, Self::Sse2, Self::V2, Self::Max];

    /// Whether it has the instructions of a feature.
    #[must_use]
    pub fn has(self, feature: CpuidFeature) -> bool {
        SINCE.get(feature as usize).is_some_and(|since| since.is_some_and(|since| self >= since))
    }

    /// Whether it has an instruction. Hints lie in the space of opcodes that do nothing on older processors.
    #[must_use]
    pub fn offers(self, code: Code) -> bool {
        use Mnemonic::{Prefetchnta, Prefetcht0, Prefetcht1, Prefetcht2};
        code.cpuid_features().iter().all(|f| self.has(*f))
            || matches!(code.mnemonic(), Prefetchnta | Prefetcht0 | Prefetcht1 | Prefetcht2)
    }

    fn word(self, word: Word) -> u32 {
        let offered = FEATURES.iter().filter(|f| f.word == word && self >= f.since);
        offered.fold(0, |bits, f| bits | 1 << f.bit)
    }
}

/// XCR0: the state components that XSAVE knows, x87 and SSE.
pub const XCR0: u32 = 0b11;
/// Bytes of XSAVE's area for them: the 512 of FXSAVE and a header of 64.
pub const XSAVE_AREA: u32 = 576;

/// Family 15, model 4, stepping 8.
const SIGNATURE: u32 = 0x0000_0f48;

/// EAX, EBX, ECX, EDX of CPUID for a leaf and subleaf.
#[must_use]
pub fn cpuid(profile: Profile, leaf: u32, subleaf: u32) -> [u32; 4] {
    let text = |s: &[u8; 16]| {
        let word = |i: usize| u32::from_le_bytes([s[i], s[i + 1], s[i + 2], s[i + 3]]);
        [word(0), word(4), word(8), word(12)]
    };
    let word = |w| profile.word(w);
    let saves = profile.has(CpuidFeature::XSAVE);
    match (leaf, subleaf) {
        // The vendor string is in EBX, EDX, ECX order.
        (0, _) => {
            let last = if saves { 0xd } else { 1 };
            [last, u32::from_le_bytes(*b"Auth"), u32::from_le_bytes(*b"cAMD"), u32::from_le_bytes(*b"enti")]
        }
        (1, _) => {
            // Lines of 64 bytes (8 units) for CLFLUSH; the APIC id is zero.
            let line = if profile.has(CpuidFeature::CLFSH) { 8 << 8 } else { 0 };
            [SIGNATURE, line, word(Word::Leaf1Ecx), word(Word::Leaf1Edx)]
        }
        (7, 0) => [0, word(Word::Leaf7Ebx), word(Word::Leaf7Ecx), 0],
        (0xd, 0) if saves => [XCR0, XSAVE_AREA, XSAVE_AREA, 0],
        (0xd, 1) if saves => [word(Word::LeafD1Eax), XSAVE_AREA, 0, 0],
        (0x8000_0000, _) => [0x8000_0008, 0, 0, 0],
        (0x8000_0001, _) => [SIGNATURE, 0, word(Word::Extended1Ecx), word(Word::Extended1Edx)],
        (0x8000_0002, _) => text(b"Trunnion virtual"),
        (0x8000_0003, _) => text(b" i386 processor\0"),
        // Caches, which glibc sizes its copies by: 64 KiB of data and of instructions, 2-way, 1 MiB of level 2, 16-way; lines
        // of 64 bytes. TLBs are not told.
        (0x8000_0005, _) => [0, 0, 64 << 24 | 2 << 16 | 1 << 8 | 64, 64 << 24 | 2 << 16 | 1 << 8 | 64],
        (0x8000_0006, _) => [0, 0, 1024 << 16 | 8 << 12 | 1 << 8 | 64, 0],
        // Addresses of 32 bits, physical and linear; one core.
        (0x8000_0008, _) => [32 << 8 | 32, 0, 0, 0],
        // Beyond the last leaf this hardware (AMD) answers zeros. APM vol. 3, CPUID.
        _ => [0; 4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendor_reads_as_one_string() {
        let [_, ebx, ecx, edx] = cpuid(Profile::default(), 0, 0);
        let text: Vec<u8> = [ebx, edx, ecx].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(text, b"AuthenticAMD");
    }

    #[test]
    fn the_oldest_profile_has_no_vector_features() {
        let [_, line, ecx, edx] = cpuid(Profile::I686, 1, 0);
        assert_eq!((line, ecx, edx), (0, 0, 0x8111));
        assert_eq!(cpuid(Profile::I686, 0x8000_0001, 0)[2..], [0, 0x8111]);
        assert_eq!(cpuid(Profile::I686, 7, 0), [0; 4]);
    }

    #[test]
    fn a_profile_has_what_the_ones_before_it_have() {
        for pair in Profile::ALL.windows(2) {
            for (leaf, subleaf) in [(1, 0), (7, 0), (0xd, 1), (0x8000_0001, 0)] {
                let (older, newer) = (cpuid(pair[0], leaf, subleaf), cpuid(pair[1], leaf, subleaf));
                assert!(older.iter().zip(newer).all(|(old, new)| old & !new == 0), "{pair:?} {leaf:#x}");
            }
            assert_ne!(cpuid(pair[0], 1, 0), cpuid(pair[1], 1, 0));
        }
    }

    /// The bits of leaf 0x8000_0001 that repeat those of leaf 1.
    #[test]
    fn repeated_bits_are_equal() {
        const REPEATED: u32 = 0x0183_f3ff;
        for profile in Profile::ALL {
            let (basic, extended) = (cpuid(profile, 1, 0)[3], cpuid(profile, 0x8000_0001, 0)[3]);
            assert_eq!(basic & REPEATED, extended & REPEATED, "{profile:?}");
        }
    }

    #[test]
    fn leaves_that_are_not_announced_are_empty() {
        for profile in Profile::ALL {
            let last = cpuid(profile, 0, 0)[0];
            for leaf in last + 1..0x20 {
                assert_eq!([cpuid(profile, leaf, 0), cpuid(profile, leaf, 1)], [[0; 4]; 2], "{leaf:#x}");
            }
            let osxsave = cpuid(profile, 1, 0)[2] >> 27 & 1 != 0;
            assert_eq!(osxsave, cpuid(profile, 0xd, 0) != [0; 4], "{profile:?}");
        }
    }

    #[test]
    fn hints_are_offered_by_all() {
        for code in [Code::Prefetchnta_m8, Code::Prefetchw_m8, Code::Pause, Code::Endbr32, Code::Nop_rm32] {
            assert!(Profile::I686.offers(code), "{code:?}");
        }
        assert!(!Profile::I686.offers(Code::Movaps_xmm_xmmm128) && Profile::Sse2.offers(Code::Sfence));
        assert!(!Profile::Sse2.offers(Code::Popcnt_r32_rm32) && Profile::V2.offers(Code::Popcnt_r32_rm32));
        assert!(!Profile::Max.offers(Code::XOP_Bextr_r32_rm32_imm32));
        assert!(!Profile::V2.offers(Code::VEX_Andn_r32_r32_rm32) && Profile::V2.offers(Code::Fcmovb_st0_sti));
    }
}
