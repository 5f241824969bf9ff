//! The application's memory: every address is chosen here, the layer below only puts memory there.

pub mod brk;
pub mod map;
pub mod remap;
pub mod shared;
pub mod vma;

use alloc::vec::Vec;

use pal_abi::flags::{alloc as what, free, map as how};
use pal_abi::{Handle, Pal as _, PalError};

use self::vma::{Backing, PROT_EXEC, PROT_READ, PROT_WRITE, Vma, VmaTree};
use crate::error::Errno;
use crate::layout::{MMAP_MIN, PAGE, USER_END};
use crate::pal::pal;

/// The memory of a process.
#[derive(Debug, Default)]
pub struct Mm {
    /// The areas.
    pub tree: VmaTree,
    /// Where the heap begins.
    pub brk_start: u32,
    /// Where it ends.
    pub brk: u32,
    /// The stack pointer at the start.
    pub stack_start: u32,
    /// Where the argument strings lie.
    pub args: (u32, u32),
    /// Where the environment strings lie.
    pub env: (u32, u32),
    /// The auxiliary vector.
    pub aux: Vec<(u32, u32)>,
    /// Where the vDSO lies.
    pub vdso: u32,
    /// What may be read may be executed (a program without `PT_GNU_STACK`).
    pub read_implies_exec: bool,
}

/// Protections the layer below is given.
fn pal_prot(prot: u32) -> u32 {
    prot & (PROT_READ | PROT_WRITE | PROT_EXEC)
}

impl Mm {
    /// Nothing mapped.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tree: VmaTree::new(),
            brk_start: 0,
            brk: 0,
            stack_start: 0,
            args: (0, 0),
            env: (0, 0),
            aux: Vec::new(),
            vdso: 0,
            read_implies_exec: false,
        }
    }

    /// Puts memory behind an area, which must be free, and notes it.
    ///
    /// # Errors
    /// `ENOMEM`, `EACCES`, `ENODEV`.
    pub fn establish(&mut self, vma: Vma) -> Result<(), Errno> {
        match &vma.backing {
            Backing::File { file, offset, mapped: true } => {
                let handle = file.host().ok_or(Errno::ENODEV)?.handle.get();
                map_stream(handle, vma.start, vma.size(), *offset, vma.prot, vma.shared)?;
            }
            Backing::Shared { memory, offset } => {
                map_stream(memory.handle.get(), vma.start, vma.size(), *offset, vma.prot, true)?;
            }
            _ => commit(vma.start, vma.size(), vma.prot)?,
        }
        self.tree.insert(vma);
        Ok(())
    }

    /// Takes a range out, with the memory behind it.
    pub fn unmap(&mut self, start: u32, end: u32) {
        for part in self.tree.remove(start, end) {
            let (base, size) = (part.start as usize, part.size() as usize);
            // What is in the map is there; a layer that says otherwise is broken.
            _ = if part.is_stream_map() {
                pal().stream_unmap(base, size)
            } else {
                pal().virtual_memory_free(base, size, free::RELEASE)
            };
        }
    }

    /// Takes everything out, for a new program.
    pub fn clear(&mut self) {
        self.unmap(0, USER_END);
        *self = Self::new();
    }

    /// Changes the protection of a range without holes.
    ///
    /// # Errors
    /// `ENOMEM` where there is a hole; what lies before it is changed. `EACCES`.
    pub fn protect(&mut self, start: u32, end: u32, prot: u32) -> Result<(), Errno> {
        let mut at = start;
        while at < end {
            let vma = self.tree.find(at).ok_or(Errno::ENOMEM)?;
            let stop = vma.end.min(end);
            if vma.shared
                && prot & PROT_WRITE != 0
                && let Backing::File { file, .. } = &vma.backing
                && !file.writable
            {
                return Err(Errno::EACCES);
            }
            let old = pal_abi::arg::Out::NONE;
            pal().virtual_memory_protect(at as usize, (stop - at) as usize, pal_prot(prot), old)?;
            self.tree.protect(at, stop, prot);
            at = stop;
        }
        Ok(())
    }

    /// An address for `size` bytes (whole pages): the one wished for, or a free one.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn choose(&self, wish: u32, size: u32) -> Result<u32, Errno> {
        let wish = crate::layout::page_down(wish);
        if wish >= MMAP_MIN
            && let Some(end) = wish.checked_add(size)
            && end <= USER_END
            && self.tree.is_free(wish, end)
        {
            return Ok(wish);
        }
        self.tree.find_free(size).ok_or(Errno::ENOMEM)
    }

    /// What protection a request gets.
    #[must_use]
    pub const fn effective_prot(&self, prot: u32) -> u32 {
        if self.read_implies_exec && prot & PROT_READ != 0 { prot | PROT_EXEC } else { prot }
    }
}

/// Puts zeroes at an address.
///
/// # Errors
/// `ENOMEM`.
pub fn commit(start: u32, size: u32, prot: u32) -> Result<(), Errno> {
    let (mut base, mut bytes) = (start as usize, size as usize);
    let result = pal().virtual_memory_allocate(
        (&mut base).into(),
        (&mut bytes).into(),
        what::RESERVE | what::COMMIT,
        pal_prot(prot),
    );
    result.map(drop).map_err(|_| Errno::ENOMEM)
}

/// Throws the contents of private anonymous pages away: they read as zeroes again.
///
/// # Errors
/// `ENOMEM`.
pub fn recommit(start: u32, size: u32, prot: u32) -> Result<(), Errno> {
    let (mut base, mut bytes) = (start as usize, size as usize);
    pal().virtual_memory_free(base, bytes, free::DECOMMIT)?;
    let result =
        pal().virtual_memory_allocate((&mut base).into(), (&mut bytes).into(), what::COMMIT, pal_prot(prot));
    result.map(drop).map_err(|_| Errno::ENOMEM)
}

/// Maps a stream at an address.
///
/// # Errors
/// `EACCES`, `ENODEV`, `ENOMEM`, and `EOPNOTSUPP` where the layer below does not map.
pub fn map_stream(
    from: Handle,
    start: u32,
    size: u32,
    offset: u64,
    prot: u32,
    shared: bool,
) -> Result<(), Errno> {
    let mut base = start as usize;
    let kind = if shared { how::SHARED } else { how::PRIVATE };
    let result = pal().stream_map(from, (&mut base).into(), size as usize, offset, pal_prot(prot), kind);
    match result {
        Ok(_) => Ok(()),
        Err(PalError::NotSupported) => Err(Errno::EOPNOTSUPP),
        Err(PalError::NoDevice | PalError::WrongType) => Err(Errno::ENODEV),
        Err(error) => Err(error.into()),
    }
}

/// A length in whole pages.
///
/// # Errors
/// `ENOMEM` where it passes the application's half.
pub fn page_length(len: u32) -> Result<u32, Errno> {
    crate::layout::page_up(len).filter(|size| *size <= USER_END - PAGE).ok_or(Errno::ENOMEM)
}
