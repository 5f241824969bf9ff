//! ELF images of i386 programs, as the kernel sees them: the file header and the program headers.
//!
//! # Source
//! System V ABI, chapters 4 and 5, and its Intel386 supplement; `fs/binfmt_elf.c` for what is refused.

use alloc::vec::Vec;
use core::fmt;

/// Bytes of the file header.
pub const HEADER_SIZE: usize = 52;
/// Bytes of a program header.
pub const SEGMENT_SIZE: usize = 32;

const EM_386: u16 = 3;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_GNU_STACK: u32 = 0x6474_e551;

/// Segment flag: executable.
pub const PF_X: u32 = 1;
/// Segment flag: writable.
pub const PF_W: u32 = 2;
/// Segment flag: readable.
pub const PF_R: u32 = 4;

/// Why a file is not a program that can be run. All are `ENOEXEC` to the caller of `execve`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ElfError {
    /// It does not begin with the magic number.
    NotElf,
    /// It is for a machine other than i386.
    Machine {
        /// `EI_CLASS`: 1 for 32 bits, 2 for 64.
        class: u8,
        /// `e_machine`.
        machine: u16,
    },
    /// It is no executable: an object file, a core dump.
    Type(u16),
    /// It ends before its headers or a segment do.
    Truncated,
    /// Its headers contradict themselves.
    Malformed,
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => f.write_str("not an ELF program"),
            Self::Machine { class, machine } => match (class, machine) {
                (_, 62) => f.write_str("an x86-64 program; only i386 programs can be run"),
                (_, 183) => f.write_str("an ARM64 program; only i386 programs can be run"),
                (_, 40) => f.write_str("an ARM program; only i386 programs can be run"),
                (2, _) => write!(f, "a 64-bit program (machine {machine}); only i386 programs can be run"),
                _ => write!(f, "a program for machine {machine}; only i386 programs can be run"),
            },
            Self::Type(1) => f.write_str("an object file, not a program"),
            Self::Type(4) => f.write_str("a core dump, not a program"),
            Self::Type(kind) => write!(f, "ELF of type {kind}, not a program"),
            Self::Truncated => f.write_str("truncated: the file ends before its program does"),
            Self::Malformed => f.write_str("malformed ELF headers"),
        }
    }
}

/// A loadable segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Offset in the file.
    pub offset: u32,
    /// Address, before the load bias.
    pub address: u32,
    /// Bytes in the file.
    pub file_size: u32,
    /// Bytes in memory.
    pub memory_size: u32,
    /// `PF_*`.
    pub flags: u32,
}

/// The file header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Whether the image may lie anywhere (`ET_DYN`).
    pub movable: bool,
    /// Entry point, before the load bias.
    pub entry: u32,
    /// Offset of the program headers.
    pub table_offset: u32,
    /// Number of program headers.
    pub table_count: u16,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl Header {
    /// Reads the header from the beginning of a file.
    ///
    /// # Errors
    /// Whatever makes the kernel refuse it.
    pub fn parse(start: &[u8]) -> Result<Self, ElfError> {
        if !start.starts_with(b"\x7fELF") {
            return Err(ElfError::NotElf);
        }
        let half = |at| u16_at(start, at).ok_or(ElfError::Truncated);
        let word = |at| u32_at(start, at).ok_or(ElfError::Truncated);
        let class = *start.get(4).ok_or(ElfError::Truncated)?;
        let machine = half(18)?;
        if class != 1 || machine != EM_386 {
            return Err(ElfError::Machine { class, machine });
        }
        let kind = half(16)?;
        if kind != ET_EXEC && kind != ET_DYN {
            return Err(ElfError::Type(kind));
        }
        if start.len() < HEADER_SIZE {
            return Err(ElfError::Truncated);
        }
        let table_count = half(44)?;
        if usize::from(half(42)?) != SEGMENT_SIZE
            || table_count == 0
            || usize::from(table_count) > 65536 / SEGMENT_SIZE
        {
            return Err(ElfError::Malformed);
        }
        Ok(Self { movable: kind == ET_DYN, entry: word(24)?, table_offset: word(28)?, table_count })
    }

    /// Bytes of the program headers.
    #[must_use]
    pub fn table_size(&self) -> usize {
        usize::from(self.table_count) * SEGMENT_SIZE
    }
}

/// What the kernel needs of the program headers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// The file header.
    pub header: Header,
    /// The loadable segments, in the order of the file.
    pub segments: Vec<Segment>,
    /// Where the path of the interpreter lies in the file: offset and bytes with the final zero.
    pub interpreter: Option<(u32, u32)>,
    /// Whether the stack must be executable: `PT_GNU_STACK` says so, or is missing.
    pub executable_stack: bool,
    /// Whether all that may be read may be executed: `PT_GNU_STACK` is missing.
    pub read_implies_exec: bool,
    /// Address of the program headers once loaded, before the load bias; 0 if they are not loaded.
    pub table_address: u32,
}

impl Image {
    /// Reads the program headers.
    ///
    /// # Errors
    /// `Malformed` or `Truncated`; `file_size` is that of the whole file.
    pub fn parse(header: Header, table: &[u8], file_size: u64) -> Result<Self, ElfError> {
        let mut image = Self {
            header,
            segments: Vec::new(),
            interpreter: None,
            executable_stack: true,
            read_implies_exec: true,
            table_address: 0,
        };
        if table.len() < header.table_size() {
            return Err(ElfError::Truncated);
        }
        for entry in table.chunks_exact(SEGMENT_SIZE).take(usize::from(header.table_count)) {
            let word = |n: usize| u32_at(entry, n * 4).ok_or(ElfError::Truncated);
            let (kind, offset, address, file, memory, flags) =
                (word(0)?, word(1)?, word(2)?, word(4)?, word(5)?, word(6)?);
            let inside = u64::from(offset) + u64::from(file) <= file_size;
            match kind {
                PT_LOAD => {
                    if file > memory
                        || offset % 4096 != address % 4096
                        || address.checked_add(memory).is_none()
                    {
                        return Err(ElfError::Malformed);
                    }
                    if !inside {
                        return Err(ElfError::Truncated);
                    }
                    let holds_table = offset <= header.table_offset && header.table_offset < offset + file;
                    if holds_table {
                        image.table_address = header.table_offset - offset + address;
                    }
                    image.segments.push(Segment {
                        offset,
                        address,
                        file_size: file,
                        memory_size: memory,
                        flags,
                    });
                }
                PT_INTERP if image.interpreter.is_none() => {
                    if !(2..=4096).contains(&file) {
                        return Err(ElfError::Malformed);
                    }
                    if !inside {
                        return Err(ElfError::Truncated);
                    }
                    image.interpreter = Some((offset, file));
                }
                PT_GNU_STACK => {
                    image.executable_stack = flags & PF_X != 0;
                    image.read_implies_exec = false;
                }
                _ => {}
            }
        }
        if image.segments.is_empty() {
            return Err(ElfError::Malformed);
        }
        Ok(image)
    }

    /// The pages the segments cover, before the load bias: first address and address behind the last.
    #[must_use]
    pub fn span(&self) -> Option<(u32, u32)> {
        let low = self.segments.iter().map(|s| s.address).min()?;
        let high = self.segments.iter().map(|s| s.address + s.memory_size).max()?;
        Some((low & !4095, high.checked_add(4095)? & !4095))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn header(class: u8, kind: u16, machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_SIZE];
        bytes[..4].copy_from_slice(b"\x7fELF");
        bytes[4] = class;
        bytes[16..18].copy_from_slice(&kind.to_le_bytes());
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[28..32].copy_from_slice(&52u32.to_le_bytes());
        bytes[42..44].copy_from_slice(&32u16.to_le_bytes());
        bytes[44..46].copy_from_slice(&1u16.to_le_bytes());
        bytes
    }

    fn segment(words: [u32; 8]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    #[test]
    fn other_machines_are_named() {
        assert_eq!(Header::parse(b"#!/bin/sh"), Err(ElfError::NotElf));
        let x64 = Header::parse(&header(2, 2, 62));
        assert_eq!(x64, Err(ElfError::Machine { class: 2, machine: 62 }));
        assert_eq!(Header::parse(&header(1, 1, 3)), Err(ElfError::Type(1)));
        assert_eq!(Header::parse(&header(1, 2, 3)[..20]), Err(ElfError::Truncated));
    }

    #[test]
    fn a_segment_beyond_the_end_is_truncated() {
        let head = Header::parse(&header(1, 2, 3)).unwrap();
        let table = segment([1, 0, 0x8048000, 0x8048000, 0x1000, 0x2000, 5, 4096]);
        assert_eq!(Image::parse(head, &table, 0xfff), Err(ElfError::Truncated));
        let image = Image::parse(head, &table, 0x1000).unwrap();
        assert_eq!(image.span(), Some((0x8048000, 0x804a000)));
        assert_eq!(image.table_address, 0x8048034);
        assert!(image.executable_stack);
    }
}
