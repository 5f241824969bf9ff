//! `/proc/self/maps`, and what `smaps` adds. Nothing is known of which pages lie in memory: all count that are mapped to be
//! used.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::mm::vma::{Backing, PROT_EXEC, PROT_READ, PROT_WRITE, Vma};
use crate::task::process::process;

/// Figures of a mapping, in kB.
#[derive(Clone, Copy, Default)]
struct Figures {
    size: u32,
    resident: u32,
    clean: u32,
    dirty: u32,
    anonymous: u32,
}

impl Figures {
    fn of(vma: &Vma) -> Self {
        let size = (vma.end - vma.start) / 1024;
        let resident = if vma.prot & (PROT_READ | PROT_WRITE) == 0 { 0 } else { size };
        let written = vma.prot & PROT_WRITE != 0;
        let (clean, dirty) = if written { (0, resident) } else { (resident, 0) };
        let anonymous = if matches!(vma.backing, Backing::File { .. }) { 0 } else { dirty };
        Self { size, resident, clean, dirty, anonymous }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            size: self.size + other.size,
            resident: self.resident + other.resident,
            clean: self.clean + other.clean,
            dirty: self.dirty + other.dirty,
            anonymous: self.anonymous + other.anonymous,
        }
    }

    /// The lines that both files have.
    fn lines(self) -> String {
        let Self { resident, clean, dirty, anonymous, .. } = self;
        let line = |name: &str, kb: u32| format!("{:<16}{kb:8} kB\n", format!("{name}:"));
        [
            ("Rss", resident),
            ("Pss", resident),
            ("Pss_Dirty", dirty),
            ("Shared_Clean", 0),
            ("Shared_Dirty", 0),
            ("Private_Clean", clean),
            ("Private_Dirty", dirty),
            ("Referenced", resident),
            ("Anonymous", anonymous),
            ("LazyFree", 0),
            ("AnonHugePages", 0),
            ("ShmemPmdMapped", 0),
            ("FilePmdMapped", 0),
            ("Shared_Hugetlb", 0),
            ("Private_Hugetlb", 0),
            ("Swap", 0),
            ("SwapPss", 0),
            ("Locked", 0),
        ]
        .map(|(name, kb)| line(name, kb))
        .concat()
    }
}

/// The line of `maps`.
fn head(text: &mut String, vma: &Vma) {
    let bit = |mask: u32, letter: char| if vma.prot & mask != 0 { letter } else { '-' };
    let start = text.len();
    let (offset, device, inode, name) = match &vma.backing {
        Backing::Anonymous => (0, None, 0, Vec::new()),
        Backing::Heap => (0, None, 0, b"[heap]".to_vec()),
        Backing::Stack => (0, None, 0, b"[stack]".to_vec()),
        Backing::Vdso => (0, None, 0, b"[vdso]".to_vec()),
        Backing::Shared { offset, .. } => (*offset, None, 1, b"/dev/zero (deleted)".to_vec()),
        Backing::File { file, offset, .. } => {
            let stat = file.stat().unwrap_or_default();
            (*offset, Some(stat.device), stat.inode, file.path.clone())
        }
    };
    let device = device.unwrap_or_default();
    // A string takes whatever it is given.
    _ = write!(
        text,
        "{:08x}-{:08x} {}{}{}{} {offset:08x} {:02x}:{:02x} {inode}",
        vma.start,
        vma.end,
        bit(PROT_READ, 'r'),
        bit(PROT_WRITE, 'w'),
        bit(PROT_EXEC, 'x'),
        if vma.shared { 's' } else { 'p' },
        device.major,
        device.minor,
    );
    text.push(' ');
    if !name.is_empty() {
        while text.len() - start < 73 {
            text.push(' ');
        }
        text.push_str(&String::from_utf8_lossy(&name));
    }
    text.push('\n');
}

pub(super) fn maps() -> Vec<u8> {
    let mut text = String::new();
    process().mm.lock().tree.iter().for_each(|vma| head(&mut text, vma));
    text.into_bytes()
}

pub(super) fn smaps() -> Vec<u8> {
    let mut text = String::new();
    for vma in process().mm.lock().tree.iter() {
        head(&mut text, vma);
        let figures = Figures::of(vma);
        let flag = |mask: u32, name: &'static str| if vma.prot & mask != 0 { name } else { "" };
        // A string takes whatever it is given.
        _ = write!(
            text,
            "Size:           {:8} kB\nKernelPageSize: {:8} kB\nMMUPageSize:    {:8} kB\n{}THPeligible:    {:8}\nVmFlags: {}{}{}mr mw me \n",
            figures.size,
            4,
            4,
            figures.lines(),
            0,
            flag(PROT_READ, "rd "),
            flag(PROT_WRITE, "wr "),
            flag(PROT_EXEC, "ex "),
        );
    }
    text.into_bytes()
}

pub(super) fn rollup() -> Vec<u8> {
    let mm = process().mm.lock();
    let sum = mm.tree.iter().map(Figures::of).fold(Figures::default(), Figures::plus);
    let (start, end) = mm.tree.iter().fold((u32::MAX, 0), |(a, b), vma| (a.min(vma.start), b.max(vma.end)));
    format!("{start:08x}-{end:08x} ---p 00000000 00:00 0 {:26}[rollup]\n{}", "", sum.lines()).into_bytes()
}
