//! Robust futexes: what a thread holds at its end is marked as left by a dead owner, and one who waits is woken.
//!
//! # Source
//! get_robust_list(2); `exit_robust_list` of Linux.

use crate::arch::user;
use crate::error::Errno;
use crate::syscall::futex;

/// `FUTEX_WAITERS`.
pub const WAITERS: u32 = 0x8000_0000;
/// `FUTEX_OWNER_DIED`.
pub const OWNER_DIED: u32 = 0x4000_0000;
/// `FUTEX_TID_MASK`.
pub const TID: u32 = 0x3fff_ffff;
/// Bit 0 of an address in the list: a futex with priority inheritance.
const INHERITS: u32 = 1;
/// A list that is longer is a circle.
const LONGEST: u32 = 2048;

/// Releases all that the list at `head` names and `tid` owns. A list that cannot be read ends there.
pub(super) fn release(head: u32, tid: u32) {
    if head != 0 {
        // What cannot be read is the program's own trouble.
        _ = walk(head, tid);
    }
}

fn walk(head: u32, tid: u32) -> Result<(), Errno> {
    let (offset, pending) = (user::read_u32(head.wrapping_add(4))?, user::read_u32(head.wrapping_add(8))?);
    let mut entry = user::read_u32(head)?;
    for _ in 0..LONGEST {
        let at = entry & !INHERITS;
        if at == head {
            break;
        }
        let next = user::read_u32(at)?;
        if at != pending & !INHERITS {
            release_word(at.wrapping_add(offset), tid)?;
        }
        entry = next;
    }
    match pending & !INHERITS {
        0 => Ok(()),
        at => release_word(at.wrapping_add(offset), tid),
    }
}

fn release_word(word: u32, tid: u32) -> Result<(), Errno> {
    let mut value = user::read_u32(word)?;
    while value & TID == tid {
        let found = user::compare_exchange(word, value, value & WAITERS | OWNER_DIED)?;
        if found == value {
            if value & WAITERS != 0 {
                futex::wake_one(word);
            }
            break;
        }
        value = found;
    }
    Ok(())
}
