//! `mmap`, `munmap`, `mprotect`, `madvise`, `msync`.

use alloc::sync::Arc;

use pal_abi::Pal as _;

use super::shared::SharedMemory;
use super::vma::{Backing, PROT_EXEC, PROT_READ, PROT_WRITE, Vma};
use super::{Mm, page_length, recommit};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{Object, OpenFile};
use crate::layout::{MMAP_MIN, PAGE, STACK_SIZE, STACK_TOP, USER_END, page_up};
use crate::pal::{self, pal};

/// Flags of `mmap`.
pub mod flag {
    #![allow(missing_docs, reason = "mmap(2) has them")]
    pub const SHARED: u32 = 1;
    pub const PRIVATE: u32 = 2;
    pub const SHARED_VALIDATE: u32 = 3;
    pub const TYPE: u32 = 15;
    pub const FIXED: u32 = 0x10;
    pub const ANONYMOUS: u32 = 0x20;
    pub const GROWSDOWN: u32 = 0x100;
    pub const FIXED_NOREPLACE: u32 = 0x10_0000;
}

/// A request for memory.
#[derive(Clone, Debug)]
pub struct Request {
    /// Address wished for, or demanded.
    pub address: u32,
    /// Bytes.
    pub len: u32,
    /// `PROT_*`.
    pub prot: u32,
    /// Of [`flag`].
    pub flags: u32,
    /// What is mapped, unless anonymous.
    pub file: Option<Arc<OpenFile>>,
    /// Where in it.
    pub offset: u64,
}

impl Mm {
    /// Maps.
    ///
    /// # Errors
    /// As mmap(2).
    pub fn map(&mut self, request: &Request) -> SysResult {
        if request.len == 0 {
            return Err(Errno::EINVAL);
        }
        let size = page_length(request.len)?;
        let prot = self.effective_prot(request.prot & (PROT_READ | PROT_WRITE | PROT_EXEC));
        let shared = match request.flags & flag::TYPE {
            flag::SHARED | flag::SHARED_VALIDATE => true,
            flag::PRIVATE => false,
            _ => return Err(Errno::EINVAL),
        };
        if let Some(file) = &request.file {
            check_file(file, prot, shared)?;
        }
        let fixed = request.flags & (flag::FIXED | flag::FIXED_NOREPLACE) != 0;
        let start = if fixed {
            let (start, end) = (request.address, request.address.checked_add(size).ok_or(Errno::ENOMEM)?);
            if start % PAGE != 0 {
                return Err(Errno::EINVAL);
            }
            if end > USER_END {
                return Err(Errno::ENOMEM);
            }
            if start < MMAP_MIN {
                return Err(Errno::EPERM);
            }
            if request.flags & flag::FIXED_NOREPLACE != 0 && !self.tree.is_free(start, end) {
                return Err(Errno::EEXIST);
            }
            start
        } else {
            self.choose(request.address, size)?
        };
        let backing = match &request.file {
            None if shared => Backing::Shared { memory: Arc::new(SharedMemory::new(size)?), offset: 0 },
            None => Backing::Anonymous,
            Some(file) => match &file.object {
                // A private map of a device of zeroes is anonymous memory.
                Object::Device(_) if shared => {
                    Backing::Shared { memory: Arc::new(SharedMemory::new(size)?), offset: 0 }
                }
                Object::Device(_) => Backing::Anonymous,
                Object::Host(_) => {
                    Backing::File { file: Arc::clone(file), offset: request.offset, mapped: true }
                }
                Object::Text(_) if !shared => {
                    Backing::File { file: Arc::clone(file), offset: request.offset, mapped: false }
                }
                _ => return Err(Errno::ENODEV),
            },
        };
        if fixed {
            self.unmap(start, start + size);
        }
        let vma = Vma { start, end: start + size, prot, shared, backing };
        match &vma.backing {
            Backing::File { mapped: false, .. } => self.fill(vma)?,
            Backing::File { file, offset, .. } if !shared => {
                let copy = Backing::File { file: Arc::clone(file), offset: *offset, mapped: false };
                let copy = Vma { backing: copy, ..vma.clone() };
                match self.establish(vma) {
                    Err(Errno::EOPNOTSUPP) => self.fill(copy)?,
                    result => result?,
                }
            }
            _ => self.establish(vma).map_err(|error| match error {
                Errno::EOPNOTSUPP => Errno::ENODEV,
                other => other,
            })?,
        }
        Ok(start)
    }

    /// A private area with a copy of a file's bytes, where the file cannot be mapped.
    fn fill(&mut self, vma: Vma) -> Result<(), Errno> {
        let (start, end, prot) = (vma.start, vma.end, vma.prot);
        let Backing::File { file, offset, .. } = vma.backing.clone() else { return Err(Errno::EINVAL) };
        self.establish(Vma { prot: PROT_READ | PROT_WRITE, ..vma })?;
        let mut at = start;
        let mut page = [0; PAGE as usize];
        while at < end {
            let done = file.read_at(offset + u64::from(at - start), &mut page)?;
            if done == 0 {
                break;
            }
            user::write(at, &page[..done as usize])?;
            at += done;
        }
        self.protect(start, end, prot)
    }

    /// Changes the protection of a range, with the form checks of mprotect(2).
    ///
    /// # Errors
    /// As mprotect(2).
    pub fn change_protection(&mut self, start: u32, len: u32, prot: u32) -> Result<(), Errno> {
        const GROWS_DOWN: u32 = 0x0100_0000;
        let known = PROT_READ | PROT_WRITE | PROT_EXEC;
        // Nothing grows but the stack, which is whole already.
        let may_grow = (STACK_TOP - STACK_SIZE..STACK_TOP).contains(&start);
        if !start.is_multiple_of(PAGE) || prot & !(known | if may_grow { GROWS_DOWN } else { 0 }) != 0 {
            return Err(Errno::EINVAL);
        }
        let end = page_up(len).and_then(|size| start.checked_add(size)).ok_or(Errno::ENOMEM)?;
        if end > USER_END {
            return Err(Errno::ENOMEM);
        }
        let prot = self.effective_prot(prot & (PROT_READ | PROT_WRITE | PROT_EXEC));
        self.protect(start, end, prot)
    }

    /// Follows advice about a range.
    ///
    /// # Errors
    /// As madvise(2).
    pub fn advise(&mut self, start: u32, len: u32, advice: u32) -> Result<(), Errno> {
        const DONTNEED: u32 = 4;
        const REMOVE: u32 = 9;
        if !start.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        let end = page_up(len).and_then(|size| start.checked_add(size)).ok_or(Errno::EINVAL)?;
        match advice {
            0..=4 | 8..=25 | 100 | 101 => {}
            _ => return Err(Errno::EINVAL),
        }
        if end > USER_END || !self.tree.covers(start, end) {
            return Err(Errno::ENOMEM);
        }
        if advice == REMOVE {
            return Err(Errno::EOPNOTSUPP);
        }
        if advice == DONTNEED {
            for part in self.tree.overlap(start, end) {
                match part.backing {
                    Backing::Anonymous | Backing::Heap | Backing::Stack => {
                        recommit(part.start, part.size(), part.prot)?;
                    }
                    Backing::File { mapped: true, .. } if !part.shared => {
                        self.unmap(part.start, part.end);
                        self.establish(part)?;
                    }
                    Backing::File { mapped: false, .. } => {
                        self.unmap(part.start, part.end);
                        self.fill(part)?;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Writes shared maps back.
    ///
    /// # Errors
    /// As msync(2).
    pub fn sync(&self, start: u32, len: u32, flags: u32) -> Result<(), Errno> {
        const ASYNC: u32 = 1;
        const SYNC: u32 = 4;
        if !start.is_multiple_of(PAGE) || flags & !7 != 0 || flags & (ASYNC | SYNC) == ASYNC | SYNC {
            return Err(Errno::EINVAL);
        }
        let end = page_up(len).and_then(|size| start.checked_add(size)).ok_or(Errno::ENOMEM)?;
        if !self.tree.covers(start, end) {
            return Err(Errno::ENOMEM);
        }
        for part in self.tree.overlap(start, end) {
            if let (Backing::File { file, .. }, true) = (&part.backing, part.shared && flags & SYNC != 0) {
                pal().stream_flush(file.handle()?)?;
            }
        }
        Ok(())
    }
}

fn check_file(file: &OpenFile, prot: u32, shared: bool) -> Result<(), Errno> {
    if !file.readable {
        return Err(if file.writable { Errno::EACCES } else { Errno::EBADF });
    }
    if shared && prot & PROT_WRITE != 0 && !file.writable {
        return Err(Errno::EACCES);
    }
    match &file.object {
        Object::Host(host) if host.seekable => Ok(()),
        Object::Device(crate::fs::device::Device::Zero) | Object::Text(_) => Ok(()),
        Object::Host(host) if pal::attributes(host.handle.get()).is_ok_and(|a| a.kind == 8) => Ok(()),
        _ => Err(Errno::ENODEV),
    }
}
