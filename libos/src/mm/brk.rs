//! The heap that `brk` moves the end of.

use super::Mm;
use super::vma::{Backing, PROT_READ, PROT_WRITE, Vma};
use crate::layout::{USER_END, page_up};

impl Mm {
    /// Moves the end of the heap; gives where it is now, moved or not.
    pub fn set_brk(&mut self, wish: u32) -> u32 {
        if wish < self.brk_start {
            return self.brk;
        }
        let (Some(old), Some(new)) = (page_up(self.brk), page_up(wish)) else { return self.brk };
        if new > old {
            if new > USER_END || !self.tree.is_free(old, new) {
                return self.brk;
            }
            let prot = self.effective_prot(PROT_READ | PROT_WRITE);
            let grown = Vma { start: old, end: new, prot, shared: false, backing: Backing::Heap };
            if self.establish(grown).is_err() {
                return self.brk;
            }
        } else if new < old {
            self.unmap(new, old);
        }
        self.brk = wish;
        wish
    }
}
