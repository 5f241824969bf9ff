//! What CPUID reports: only what is implemented.
//!
//! The vendor and the family are AMD's K8, whose features these are: glibc reads the feature leaves of vendors it knows and
//! of no other, and takes its code paths from the feature bits. The brand string is our own.
//!
//! A processor profile decides; programs choose their code paths by it, so it is part of the guest's state.

/// Which processor the guest sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[repr(u32)]
pub enum Profile {
    /// A Pentium Pro with MMX left out: CMOV, CMPXCHG8B, x87.
    I686 = 0,
    /// i686 with MMX, FXSR, SSE and SSE2: what every x86-64 processor has.
    #[default]
    Sse2 = 1,
}

const FPU: u32 = 1 << 0;
const TSC: u32 = 1 << 4;
const CX8: u32 = 1 << 8;
const CMOV: u32 = 1 << 15;
const CLFSH: u32 = 1 << 19;
const MMX: u32 = 1 << 23;
const FXSR: u32 = 1 << 24;
const SSE: u32 = 1 << 25;
const SSE2: u32 = 1 << 26;

/// EAX, EBX, ECX, EDX of CPUID for a leaf and subleaf.
#[must_use]
pub fn cpuid(profile: Profile, leaf: u32, _subleaf: u32) -> [u32; 4] {
    let mut features = FPU | TSC | CX8 | CMOV;
    if profile >= Profile::Sse2 {
        features |= CLFSH | MMX | FXSR | SSE | SSE2;
    }
    let text = |s: &[u8; 16]| {
        let word = |i: usize| u32::from_le_bytes([s[i], s[i + 1], s[i + 2], s[i + 3]]);
        [word(0), word(4), word(8), word(12)]
    };
    match leaf {
        // The vendor string is in EBX, EDX, ECX order.
        0 => [1, u32::from_le_bytes(*b"Auth"), u32::from_le_bytes(*b"cAMD"), u32::from_le_bytes(*b"enti")],
        // Family 15, model 4, stepping 8. Lines of 64 bytes (8 units) for CLFLUSH; the APIC id is zero.
        1 => [0x0000_0f48, if features & CLFSH != 0 { 8 << 8 } else { 0 }, 0, features],
        0x8000_0000 => [0x8000_0006, 0, 0, 0],
        // AMD repeats here the features that were there before SSE. APM vol. 3, appendix E.4.
        0x8000_0001 => [0x0000_0f48, 0, 0, features & (FPU | TSC | CX8 | CMOV | MMX | FXSR)],
        0x8000_0002 => text(b"Trunnion virtual"),
        0x8000_0003 => text(b" i386 processor\0"),
        0x8000_0004 => [0; 4],
        // Caches, which glibc sizes its copies by: 64 KiB of data and of instructions, 2-way, 1 MiB of level 2, 16-way; lines
        // of 64 bytes. TLBs are not told.
        0x8000_0005 => [0, 0, 64 << 24 | 2 << 16 | 1 << 8 | 64, 64 << 24 | 2 << 16 | 1 << 8 | 64],
        0x8000_0006 => [0, 0, 1024 << 16 | 8 << 12 | 1 << 8 | 64, 0],
        // Beyond the last leaf this hardware (AMD) answers zeros. APM vol. 3, CPUID.
        _ => [0; 4],
    }
}

impl PartialOrd for Profile {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some((*self as u32).cmp(&(*other as u32)))
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
    fn the_older_profile_has_no_vector_features() {
        let [.., edx] = cpuid(Profile::I686, 1, 0);
        assert_eq!(edx & (MMX | FXSR | SSE | SSE2 | CLFSH), 0);
        let [.., extended] = cpuid(Profile::I686, 0x8000_0001, 0);
        assert_eq!(extended & (MMX | FXSR), 0);
    }
}
