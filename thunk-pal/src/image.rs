//! Loads the library OS's image into the window, with downcalls only.
//!
//! The image is an i386 ELF of type DYN whose only relocations are R_386_RELATIVE. It is hostile input: every number in
//! it is checked against the file and the range it may occupy.

use crate::pages::{PAGE, Page};
use crate::window::Window;
use frontend_x86::memory::{GuestAddr, GuestMemory};
use pal_abi::flags::{alloc, prot};
use pal_abi::{Handle, Pal, PalError, Status};

/// Where the library OS's own range begins.
pub(crate) const LIBOS_MIN: u32 = 0xf800_0000;
/// The page of gates.
pub(crate) const GATE_PAGE: u32 = LIBOS_MIN;
/// Where the image goes.
const IMAGE_BASE: u32 = 0xf810_0000;
/// First address it may not touch.
const IMAGE_MAX: u32 = 0xfa00_0000;
/// The largest image that is read.
const FILE_MAX: u64 = 64 << 20;

/// An image that has been loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image {
    pub(crate) base: u32,
    pub(crate) size: u32,
    pub(crate) entry: u32,
}

/// Why an image cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Reading it failed.
    #[error("the library OS image cannot be read: {0}")]
    Read(PalError),
    /// It is not what it should be.
    #[error("the library OS image is damaged: {0}")]
    Damaged(&'static str),
    /// There is no memory for it.
    #[error("no memory for the library OS image: {0}")]
    Memory(PalError),
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Reads a stream whole.
fn read_all(pal: &dyn Pal, stream: Handle) -> Result<Vec<u8>, ImageError> {
    let mut file = Vec::new();
    let mut chunk = vec![0; 1 << 18];
    loop {
        let mut done = 0usize;
        let len = chunk.len();
        let status = pal
            .stream_read(
                stream,
                file.len() as u64,
                chunk.as_mut_slice().into(),
                len,
                (&mut done).into(),
                pal_abi::arg::Out::NONE,
            )
            .map_err(ImageError::Read)?;
        if status == Status::EndOfStream || done == 0 {
            return Ok(file);
        }
        file.extend_from_slice(&chunk[..done.min(len)]);
        if file.len() as u64 > FILE_MAX {
            return Err(ImageError::Damaged("it is larger than 64 MiB"));
        }
    }
}

/// A PT_LOAD segment.
#[derive(Clone, Copy, Debug)]
struct Segment {
    offset: usize,
    file_size: usize,
    address: u32,
    memory_size: u32,
    flags: u32,
}

struct Elf<'a> {
    file: &'a [u8],
    entry: u32,
    loads: Vec<Segment>,
    dynamic: Option<Segment>,
}

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_REL: u32 = 17;
const DT_RELSZ: u32 = 18;
const R_386_RELATIVE: u32 = 8;

impl<'a> Elf<'a> {
    fn parse(file: &'a [u8]) -> Result<Self, ImageError> {
        let damaged = ImageError::Damaged;
        if file.get(..7) != Some(b"\x7fELF\x01\x01\x01") {
            return Err(damaged("not a 32-bit little-endian ELF file"));
        }
        if u16_at(file, 16) != Some(3) || u16_at(file, 18) != Some(3) {
            return Err(damaged("not a position-independent i386 image"));
        }
        let field = |at| u32_at(file, at).ok_or(damaged("the header is cut short"));
        let entry = field(24)?;
        let table = field(28)? as usize;
        let count = u16_at(file, 44).ok_or(damaged("the header is cut short"))?;
        if u16_at(file, 42) != Some(32) {
            return Err(damaged("program headers of an unknown size"));
        }
        let (mut loads, mut dynamic) = (Vec::new(), None);
        for n in 0..usize::from(count) {
            let at = table + 32 * n;
            let field =
                |k: usize| u32_at(file, at + 4 * k).ok_or(damaged("the program headers are cut short"));
            let kind = field(0)?;
            let segment = Segment {
                offset: field(1)? as usize,
                address: field(2)?,
                file_size: field(4)? as usize,
                memory_size: field(5)?,
                flags: field(6)?,
            };
            if kind != PT_LOAD && kind != PT_DYNAMIC {
                continue;
            }
            let in_file = segment.offset.checked_add(segment.file_size).is_some_and(|end| end <= file.len());
            let in_range = segment
                .address
                .checked_add(segment.memory_size)
                .is_some_and(|end| end <= IMAGE_MAX - IMAGE_BASE);
            if !in_file || !in_range || segment.file_size > segment.memory_size as usize {
                return Err(damaged("a segment lies outside the file or the image's range"));
            }
            if kind == PT_LOAD {
                loads.push(segment);
            } else {
                dynamic = Some(segment);
            }
        }
        if loads.is_empty() {
            return Err(damaged("nothing to load"));
        }
        if loads.windows(2).any(|w| w[1].address / PAGE * PAGE < w[0].address + w[0].memory_size) {
            return Err(damaged("segments share pages or are out of order"));
        }
        Ok(Self { file, entry, loads, dynamic })
    }

    /// The places to which the load address is added.
    fn relocations(&self) -> Result<Vec<u32>, ImageError> {
        let Some(dynamic) = self.dynamic else { return Ok(Vec::new()) };
        let bytes = &self.file[dynamic.offset..dynamic.offset + dynamic.file_size];
        let entry = |tag: u32| {
            let mut pairs = bytes.chunks_exact(8).map(|c| (u32_at(c, 0), u32_at(c, 4)));
            pairs.find(|&(t, _)| t == Some(tag)).and_then(|(_, value)| value)
        };
        let (Some(table), Some(size)) = (entry(DT_REL), entry(DT_RELSZ)) else { return Ok(Vec::new()) };
        let home = self
            .loads
            .iter()
            .find(|s| {
                table >= s.address
                    && u64::from(table) + u64::from(size) <= u64::from(s.address) + s.file_size as u64
            })
            .ok_or(ImageError::Damaged("the relocations lie outside the image"))?;
        let start = home.offset + (table - home.address) as usize;
        let mut places = Vec::new();
        for record in self.file[start..start + size as usize].chunks_exact(8) {
            let place = u32_at(record, 0).expect("8 bytes");
            let info = u32_at(record, 4).expect("8 bytes");
            if info != R_386_RELATIVE {
                return Err(ImageError::Damaged("a relocation of another kind than R_386_RELATIVE"));
            }
            places.push(place);
        }
        Ok(places)
    }
}

/// Loads the image that the stream holds.
pub(crate) fn load(window: &Window, pal: &dyn Pal, stream: Handle) -> Result<Image, ImageError> {
    let file = read_all(pal, stream)?;
    let elf = Elf::parse(&file)?;
    let mut end = IMAGE_BASE;
    for s in &elf.loads {
        let first = (IMAGE_BASE + s.address) / PAGE * PAGE;
        end = (IMAGE_BASE + s.address + s.memory_size).next_multiple_of(PAGE);
        window
            .allocate(first, end - first, alloc::RESERVE | alloc::COMMIT, prot::READ | prot::WRITE)
            .map_err(ImageError::Memory)?;
        let bytes = &file[s.offset..s.offset + s.file_size];
        if window.write_bytes(GuestAddr(IMAGE_BASE + s.address), bytes).1.is_some() {
            return Err(ImageError::Damaged("a segment could not be written"));
        }
    }
    for place in elf.relocations()? {
        let at = GuestAddr(IMAGE_BASE.wrapping_add(place));
        let inside = elf
            .loads
            .iter()
            .any(|s| place >= s.address && place - s.address <= s.memory_size.saturating_sub(4));
        let value = if inside { window.load32(at).ok() } else { None };
        let stored = value.and_then(|v| window.store32(at, v.wrapping_add(IMAGE_BASE)).ok());
        stored.ok_or(ImageError::Damaged("a relocation lies outside the image"))?;
    }
    for s in &elf.loads {
        let first = (IMAGE_BASE + s.address) / PAGE * PAGE;
        let size = (IMAGE_BASE + s.address + s.memory_size).next_multiple_of(PAGE) - first;
        // ELF's PF_X, PF_W, PF_R are 1, 2, 4.
        let mut protection = u32::from(Page::READ);
        protection |= if s.flags & 2 != 0 { prot::WRITE } else { 0 };
        protection |= if s.flags & 1 != 0 { prot::EXECUTE } else { 0 };
        window.protect(first, size, protection).map_err(ImageError::Memory)?;
    }
    if !elf
        .loads
        .iter()
        .any(|s| s.flags & 1 != 0 && elf.entry >= s.address && elf.entry - s.address < s.memory_size)
    {
        return Err(ImageError::Damaged("its entry point is not in code"));
    }
    Ok(Image { base: IMAGE_BASE, size: end - IMAGE_BASE, entry: IMAGE_BASE + elf.entry })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minimal image: one segment at 0x1000 with 8 bytes of code, and a dynamic section with one relocation.
    fn sample() -> Vec<u8> {
        let mut file = vec![0; 0x200];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"\x7fELF\x01\x01\x01");
        put(16, &3u16.to_le_bytes());
        put(18, &3u16.to_le_bytes());
        put(24, &0x1000u32.to_le_bytes());
        put(28, &52u32.to_le_bytes());
        put(42, &32u16.to_le_bytes());
        put(44, &2u16.to_le_bytes());
        let header = |kind: u32, offset: u32, address: u32, size: u32, flags: u32| {
            [kind, offset, address, address, size, size, flags, 0x1000]
                .into_iter()
                .flat_map(u32::to_le_bytes)
                .collect::<Vec<u8>>()
        };
        put(52, &header(PT_LOAD, 0x100, 0x1000, 0x80, 5));
        put(84, &header(PT_DYNAMIC, 0x140, 0x1040, 24, 6));
        let dynamic = [DT_REL, 0x1010, DT_RELSZ, 8, 0, 0];
        put(0x140, &dynamic.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
        put(0x110, &0x1020u32.to_le_bytes());
        put(0x114, &R_386_RELATIVE.to_le_bytes());
        file
    }

    #[test]
    fn a_whole_image_parses_with_its_relocations() {
        let file = sample();
        let elf = Elf::parse(&file).expect("it is whole");
        assert_eq!((elf.entry, elf.loads.len()), (0x1000, 1));
        assert_eq!(elf.relocations().expect("they are whole"), [0x1020]);
    }

    #[test]
    fn no_single_damaged_byte_or_cut_makes_parsing_panic() {
        let whole = sample();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut file = whole.clone();
                file[at] = value;
                if let Ok(elf) = Elf::parse(&file) {
                    // Whatever comes of it is a value, not a crash.
                    let _ = elf.relocations();
                }
            }
            let _ = Elf::parse(&whole[..at]).map(|elf| elf.relocations().is_ok());
        }
    }

    #[test]
    fn other_relocations_are_refused() {
        let mut file = sample();
        file[0x114] = 7;
        let elf = Elf::parse(&file).expect("it is whole");
        assert!(matches!(elf.relocations(), Err(ImageError::Damaged(_))));
    }
}
