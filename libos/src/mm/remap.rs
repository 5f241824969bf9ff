//! `mremap`.

use super::vma::{Backing, PROT_READ, PROT_WRITE, Vma};
use super::{Mm, page_length};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::layout::{MMAP_MIN, PAGE, USER_END};

const MAYMOVE: u32 = 1;
const FIXED: u32 = 2;
const DONTUNMAP: u32 = 4;

impl Mm {
    /// Changes the size of a mapping, and moves it where allowed.
    ///
    /// # Errors
    /// As mremap(2).
    pub fn remap(&mut self, old: u32, old_len: u32, new_len: u32, flags: u32, wish: u32) -> SysResult {
        if !old.is_multiple_of(PAGE) || new_len == 0 || flags & !(MAYMOVE | FIXED) != 0 {
            // DONTUNMAP is refused like any bit unknown, as before Linux 5.7.
            let _ = DONTUNMAP;
            return Err(Errno::EINVAL);
        }
        if flags & FIXED != 0 && flags & MAYMOVE == 0 {
            return Err(Errno::EINVAL);
        }
        let (old_size, new_size) = (page_length(old_len)?, page_length(new_len)?);
        if old_size == 0 {
            return Err(Errno::EINVAL);
        }
        let vma = self.tree.find(old).ok_or(Errno::EFAULT)?.clone();
        let old_end = old.checked_add(old_size).ok_or(Errno::EFAULT)?;
        if old_end > vma.end {
            return Err(Errno::EFAULT);
        }
        if flags & FIXED != 0 {
            let end = wish.checked_add(new_size).ok_or(Errno::EINVAL)?;
            if !wish.is_multiple_of(PAGE) || end > USER_END || wish < old_end && old < end {
                return Err(Errno::EINVAL);
            }
            if wish < MMAP_MIN {
                return Err(Errno::EPERM);
            }
            self.unmap(wish, end);
            return self.relocate(&vma, old, old_size, wish, new_size);
        }
        if new_size <= old_size {
            if new_size < old_size {
                self.unmap(old + new_size, old_end);
            }
            return Ok(old);
        }
        let new_end = old.checked_add(new_size);
        if let Some(new_end) = new_end.filter(|end| *end <= USER_END && vma.end == old_end)
            && self.tree.is_free(old_end, new_end)
        {
            // The part as if the area reached that far already.
            let grown = Vma { end: new_end, ..vma }.part(old_end, new_end);
            if !matches!(grown.backing, Backing::File { mapped: false, .. } | Backing::Shared { .. }) {
                self.establish(grown)?;
                return Ok(old);
            }
        }
        if flags & MAYMOVE == 0 {
            return Err(Errno::ENOMEM);
        }
        let vma = self.tree.find(old).ok_or(Errno::EFAULT)?.clone();
        let to = self.tree.find_free(new_size).ok_or(Errno::ENOMEM)?;
        self.relocate(&vma, old, old_size, to, new_size)
    }

    fn relocate(&mut self, vma: &Vma, old: u32, old_size: u32, to: u32, new_size: u32) -> SysResult {
        let kept = vma.part(old, old + old_size.min(new_size));
        let mut moved = Vma { start: to, end: to + new_size, ..kept.clone() };
        if let Backing::File { mapped: false, .. } = moved.backing {
            moved.backing = Backing::Anonymous;
        }
        let by_stream = vma.shared && vma.is_stream_map();
        let prot = moved.prot;
        if by_stream {
            self.establish(moved)?;
        } else {
            moved.prot = PROT_READ | PROT_WRITE;
            self.establish(moved)?;
            if kept.prot & PROT_READ == 0 {
                self.protect(old, old + kept.size(), PROT_READ)?;
            }
            copy(to, old, kept.size())?;
            self.protect(to, to + new_size, prot)?;
        }
        self.unmap(old, old + old_size);
        Ok(to)
    }
}

/// Copies between two places of the application; a page past the end of its file is left out.
fn copy(to: u32, from: u32, size: u32) -> Result<(), Errno> {
    let mut page = [0; PAGE as usize];
    let mut at = 0;
    while at < size {
        match user::read(from + at, &mut page) {
            Ok(()) => user::write(to + at, &page)?,
            Err(_) if at > 0 => return Ok(()),
            Err(error) => return Err(error),
        }
        at += PAGE;
    }
    Ok(())
}
