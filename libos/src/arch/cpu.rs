//! What the processor says of itself.

use alloc::string::String;
use alloc::vec::Vec;

/// The four registers of a CPUID leaf.
#[must_use]
pub fn leaf(number: u32) -> [u32; 4] {
    subleaf(number, 0)
}

/// The four registers of a subleaf.
fn subleaf(number: u32, sub: u32) -> [u32; 4] {
    #[cfg(target_arch = "x86")]
    {
        // EBX is the compiler's own in position-independent code; the intrinsic knows.
        let r = core::arch::x86::__cpuid_count(number, sub);
        [r.eax, r.ebx, r.ecx, r.edx]
    }
    #[cfg(not(target_arch = "x86"))]
    {
        let _ = (number, sub);
        [0; 4]
    }
}

fn text(words: &[u32]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).filter(|b| *b != 0).collect();
    String::from(String::from_utf8_lossy(&bytes).trim())
}

/// The vendor.
#[must_use]
pub fn vendor() -> String {
    let [_, b, c, d] = leaf(0);
    text(&[b, d, c])
}

/// The highest basic leaf.
#[must_use]
pub fn max_leaf() -> u32 {
    leaf(0)[0]
}

/// The family.
#[must_use]
pub fn family() -> u32 {
    let a = leaf(1)[0];
    let base = a >> 8 & 15;
    if base == 15 { base + (a >> 20 & 0xff) } else { base }
}

/// The model.
#[must_use]
pub fn model() -> u32 {
    let a = leaf(1)[0];
    a >> 4 & 15 | if family() >= 6 { a >> 12 & 0xf0 } else { 0 }
}

/// The stepping.
#[must_use]
pub fn stepping() -> u32 {
    leaf(1)[0] & 15
}

/// The brand, or the vendor where there is none.
#[must_use]
pub fn brand() -> String {
    if leaf(0x8000_0000)[0] < 0x8000_0004 {
        return vendor();
    }
    let words = [leaf(0x8000_0002), leaf(0x8000_0003), leaf(0x8000_0004)].concat();
    text(&words)
}

/// `AT_HWCAP`: the features of leaf 1, EDX.
#[must_use]
pub fn features() -> u32 {
    leaf(1)[3]
}

/// Whether it has XSAVE, and a system that uses it.
#[must_use]
pub fn has_xsave() -> bool {
    const OSXSAVE: u32 = 1 << 27;
    leaf(1)[2] & OSXSAVE != 0
}

/// The features' names, each behind a blank.
#[must_use]
pub fn flags() -> String {
    const EDX: [&str; 32] = [
        "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "", "sep", "mtrr", "pge",
        "mca", "cmov", "pat", "pse36", "pn", "clflush", "", "dts", "acpi", "mmx", "fxsr", "sse", "sse2",
        "ss", "ht", "tm", "ia64", "pbe",
    ];
    let edx = features();
    let mut all = String::new();
    for (n, name) in EDX.iter().enumerate() {
        if edx >> n & 1 != 0 && !name.is_empty() {
            all.push(' ');
            all.push_str(name);
        }
    }
    // The order of Linux's words.
    let basic = |number: u32| if max_leaf() >= number { leaf(number) } else { [0; 4] };
    let extended = leaf(0x8000_0001);
    let xsave = if has_xsave() { subleaf(0xd, 1)[0] } else { 0 };
    let others: [(u32, &[(u32, &str)]); 6] = [
        (extended[3], &[(22, "mmxext"), (27, "rdtscp")]),
        (
            leaf(1)[2],
            &[
                (0, "pni"),
                (1, "pclmulqdq"),
                (9, "ssse3"),
                (19, "sse4_1"),
                (20, "sse4_2"),
                (22, "movbe"),
                (23, "popcnt"),
                (25, "aes"),
                (26, "xsave"),
                (30, "rdrand"),
            ],
        ),
        (extended[2], &[(5, "abm"), (8, "3dnowprefetch")]),
        (
            basic(7)[1],
            &[
                (3, "bmi1"),
                (8, "bmi2"),
                (18, "rdseed"),
                (19, "adx"),
                (23, "clflushopt"),
                (24, "clwb"),
                (29, "sha_ni"),
            ],
        ),
        (xsave, &[(0, "xsaveopt"), (1, "xsavec"), (2, "xgetbv1"), (3, "xsaves")]),
        (basic(7)[2], &[(8, "gfni"), (22, "rdpid")]),
    ];
    for (word, names) in others {
        for (_, name) in names.iter().filter(|(bit, _)| word >> bit & 1 != 0) {
            all.push(' ');
            all.push_str(name);
        }
    }
    all
}
