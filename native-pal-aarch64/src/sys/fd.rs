//! Descriptors by number.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Puts `fresh`'s open description behind `old`'s number. For the child of `ProcessClone`, in which an object must
/// stop sharing its description with the parent.
pub(crate) fn replace(fresh: &OwnedFd, old: &OwnedFd) {
    // SAFETY: both numbers are open descriptors; `old` stays one, and its owner stays the owner.
    unsafe { libc::dup3(fresh.as_raw_fd(), old.as_raw_fd(), libc::O_CLOEXEC) };
}

/// Whether `count` more descriptors could be opened just now, of which `any` is one that is open.
pub(crate) fn has_room(any: BorrowedFd<'_>, count: usize) -> bool {
    let copies: Vec<_> = (0..count).map_while(|_| any.try_clone_to_owned().ok()).collect();
    copies.len() == count
}
