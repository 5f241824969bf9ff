//! The vDSO: a page with a tiny shared object, as the kernel maps into every i386 program.
//!
//! It exports `__kernel_vsyscall` (`int 0x80; ret`: the same way in as the raw instruction), and the two signal
//! returns, whose bytes unwinders and debuggers recognise. Built once, position-independent.

use alloc::vec::Vec;

/// Offsets of the three functions in the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entries {
    /// `__kernel_vsyscall`.
    pub vsyscall: u32,
    /// `__kernel_sigreturn`.
    pub sigreturn: u32,
    /// `__kernel_rt_sigreturn`.
    pub rt_sigreturn: u32,
}

const HASH: u32 = 0xb8;
const SYMBOLS: u32 = 0xe0;
const STRINGS: u32 = 0x130;
const VERSYM: u32 = 0x1b0;
const VERDEF: u32 = 0x1c0;
const DYNAMIC: u32 = 0x200;
const TEXT: u32 = 0x280;
const SIZE: u32 = 0x300;

/// Where the functions lie.
pub const ENTRIES: Entries = Entries { vsyscall: TEXT, sigreturn: TEXT + 0x11, rt_sigreturn: TEXT + 0x21 };

const NAMES: [(&str, u32, u32); 3] = [
    ("__kernel_vsyscall", ENTRIES.vsyscall, 3),
    ("__kernel_sigreturn", ENTRIES.sigreturn, 8),
    ("__kernel_rt_sigreturn", ENTRIES.rt_sigreturn, 7),
];
const SONAME: &str = "linux-gate.so.1";
const VERSION: &str = "LINUX_2.5";

/// The hash of the System V ABI.
fn elf_hash(name: &str) -> u32 {
    name.bytes().fold(0u32, |h, byte| {
        let h = (h << 4).wrapping_add(u32::from(byte));
        let high = h & 0xf000_0000;
        (h ^ (high >> 24)) & !high
    })
}

struct Page(Vec<u8>);

impl Page {
    fn put(&mut self, at: u32, bytes: &[u8]) {
        let at = at as usize;
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
    fn words(&mut self, at: u32, words: &[u32]) {
        for (n, word) in (0u32..).zip(words) {
            self.put(at + n * 4, &word.to_le_bytes());
        }
    }
    fn halves(&mut self, at: u32, halves: &[u16]) {
        for (n, half) in (0u32..).zip(halves) {
            self.put(at + n * 2, &half.to_le_bytes());
        }
    }
}

/// The bytes of the page's used part.
#[must_use]
pub fn build() -> Vec<u8> {
    let mut page = Page(alloc::vec![0; SIZE as usize]);

    // Names, and where each begins in the string table.
    let mut next = 1;
    let mut intern = |page: &mut Page, name: &str| {
        let at = next;
        page.put(STRINGS + at, name.as_bytes());
        next += u32::try_from(name.len()).unwrap_or(0) + 1;
        at
    };
    let symbol_names = NAMES.map(|(name, ..)| intern(&mut page, name));
    let soname = intern(&mut page, SONAME);
    let version = intern(&mut page, VERSION);
    let string_bytes = next;

    page.put(0, b"\x7fELF\x01\x01\x01");
    page.halves(16, &[3, 3]); // ET_DYN, EM_386
    page.words(20, &[1, ENTRIES.vsyscall, 52, 0, 0]);
    page.halves(40, &[52, 32, 3, 40, 0, 0]);
    page.words(52, &[1, 0, 0, 0, SIZE, SIZE, 5, 4096]); // PT_LOAD
    page.words(84, &[2, DYNAMIC, DYNAMIC, DYNAMIC, 80, 80, 4, 4]); // PT_DYNAMIC
    page.words(116, &[0x6474_e551, 0, 0, 0, 0, 0, 6, 4]); // PT_GNU_STACK

    // One bucket, a chain through all symbols.
    page.words(HASH, &[1, 4, 1, 0, 2, 3, 0]);
    for (n, ((_, value, size), name)) in (1u32..).zip(NAMES.into_iter().zip(symbol_names)) {
        let at = SYMBOLS + n * 16;
        page.words(at, &[name, value, size]);
        page.put(at + 12, &[0x12, 0]); // STB_GLOBAL, STT_FUNC
        page.halves(at + 14, &[1]);
    }
    page.halves(VERSYM, &[0, 2, 2, 2]);
    for (at, flags, index, name, string, link) in
        [(VERDEF, 1, 1, SONAME, soname, 28), (VERDEF + 28, 0, 2, VERSION, version, 0)]
    {
        page.halves(at, &[1, flags, index, 1]);
        page.words(at + 8, &[elf_hash(name), 20, link, string, 0]);
    }
    let dynamic = [
        (14, soname),
        (4, HASH),
        (5, STRINGS),
        (6, SYMBOLS),
        (10, string_bytes),
        (11, 16),
        (0x6fff_fff0, VERSYM),
        (0x6fff_fffc, VERDEF),
        (0x6fff_fffd, 2),
        (0, 0),
    ];
    for (n, (tag, value)) in (0u32..).zip(dynamic) {
        page.words(DYNAMIC + n * 8, &[tag, value]);
    }

    page.put(ENTRIES.vsyscall, &[0xcd, 0x80, 0xc3]);
    // A `nop` stands before each signal return: unwinders look up the address less one.
    page.put(ENTRIES.sigreturn - 1, &[0x90, 0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80]);
    page.put(ENTRIES.rt_sigreturn - 1, &[0x90, 0xb8, 173, 0, 0, 0, 0xcd, 0x80]);
    page.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::elf::{Header, Image};

    #[test]
    fn the_page_is_an_image_whose_hash_chain_finds_every_symbol() {
        let page = build();
        let header = Header::parse(&page).unwrap();
        let table = &page[52..52 + header.table_size()];
        assert_eq!(Image::parse(header, table, page.len() as u64).unwrap().segments.len(), 1);
        let word = |at: u32| u32::from_le_bytes(page[at as usize..at as usize + 4].try_into().unwrap());
        let mut found = Vec::new();
        let mut symbol = word(HASH + 8);
        while symbol != 0 {
            let name = (STRINGS + word(SYMBOLS + symbol * 16)) as usize;
            let end = name + page[name..].iter().position(|&b| b == 0).unwrap();
            found.push((core::str::from_utf8(&page[name..end]).unwrap(), word(SYMBOLS + symbol * 16 + 4)));
            symbol = word(HASH + 12 + symbol * 4);
        }
        let expected: Vec<_> = NAMES.iter().map(|(name, value, _)| (*name, *value)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn hash_is_that_of_the_system_v_abi() {
        assert_eq!(elf_hash("printf"), 0x0779_05a6);
    }
}
