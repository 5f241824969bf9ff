//! Mapping the segments of an image.
//!
//! # Source
//! `elf_map`, `set_brk` and `padzero` of `fs/binfmt_elf.c`.

use alloc::sync::Arc;

use super::elf::{Image, PF_R, PF_W, PF_X, Segment};
use crate::arch::user;
use crate::error::Errno;
use crate::fs::file::OpenFile;
use crate::layout::{MMAP_MIN, STACK_SIZE, STACK_TOP, page_down, page_up};
use crate::mm::Mm;
use crate::mm::map::{Request, flag};
use crate::mm::vma::{Backing, PROT_EXEC, PROT_READ, PROT_WRITE, Vma};

/// Where an image was put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// What was added to its addresses.
    pub bias: u32,
    /// First address behind it, in whole pages.
    pub end: u32,
}

fn protection(flags: u32) -> u32 {
    [(PF_R, PROT_READ), (PF_W, PROT_WRITE), (PF_X, PROT_EXEC)]
        .iter()
        .fold(0, |prot, (bit, means)| if flags & bit != 0 { prot | means } else { prot })
}

/// Maps every segment; a movable image begins at `base`.
///
/// # Errors
/// `ENOMEM` where it does not fit; what mmap(2) says of the file.
pub fn map(mm: &mut Mm, file: &Arc<OpenFile>, image: &Image, base: u32) -> Result<Placed, Errno> {
    let (low, high) = image.span().ok_or(Errno::ENOEXEC)?;
    let bias = if image.header.movable { base.wrapping_sub(low) } else { 0 };
    let end = u64::from(low.wrapping_add(bias)) + u64::from(high - low);
    if end > u64::from(STACK_TOP - STACK_SIZE) || low.wrapping_add(bias) < MMAP_MIN {
        return Err(Errno::ENOMEM);
    }
    for segment in &image.segments {
        map_segment(mm, file, segment, bias)?;
    }
    Ok(Placed { bias, end: u32::try_from(end).map_err(|_| Errno::ENOMEM)? })
}

fn map_segment(mm: &mut Mm, file: &Arc<OpenFile>, segment: &Segment, bias: u32) -> Result<(), Errno> {
    let prot = protection(segment.flags);
    let start = segment.address.wrapping_add(bias);
    let page = page_down(start);
    let file_end = start + segment.file_size;
    let memory_end = page_up(start + segment.memory_size).ok_or(Errno::ENOMEM)?;
    let mut covered = page;
    if segment.file_size > 0 {
        mm.map(&Request {
            address: page,
            len: file_end - page,
            prot,
            flags: flag::PRIVATE | flag::FIXED,
            file: Some(Arc::clone(file)),
            offset: u64::from(page_down(segment.offset)),
        })?;
        covered = page_up(file_end).ok_or(Errno::ENOMEM)?;
        // What follows the file's bytes in its last page is zero, where the program may write at all.
        if segment.memory_size > segment.file_size && prot & PROT_WRITE != 0 {
            user::fill(file_end, 0, covered - file_end)?;
        }
    }
    if memory_end > covered {
        mm.unmap(covered, memory_end);
        let prot = mm.effective_prot(prot);
        mm.establish(Vma {
            start: covered,
            end: memory_end,
            prot,
            shared: false,
            backing: Backing::Anonymous,
        })?;
    }
    Ok(())
}
