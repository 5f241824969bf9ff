//! The futex operations of mutexes with priority inheritance. There are no priorities here to inherit; what remains is that
//! the word names the owner's thread, and that lock and unlock are done by the kernel where somebody waits.
//!
//! # Source
//! futex(2), "Priority-inheritance futexes"; `futex_lock_pi` of Linux.

use super::arg::Ptr;
use super::{Call, futex};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::task::robust::{OWNER_DIED, TID, WAITERS};
use crate::task::{family, threads};

/// Takes the lock, waiting until a deadline, or not at all where that is none.
///
/// A lock that was waited for is marked as waited for: others may wait still.
///
/// # Errors
/// `EDEADLK` where the caller has it, `ESRCH` where its owner is no more, `EAGAIN`, `ETIMEDOUT`, `EFAULT`.
pub(super) fn lock(call: &Call<'_>, word: Ptr, deadline: Option<u64>) -> SysResult {
    let tid = threads::current().tid();
    let mut waited = 0;
    loop {
        let value = user::read_u32(word.0)?;
        match value & TID {
            0 => {
                let new = tid | value & (OWNER_DIED | WAITERS) | waited;
                if user::compare_exchange(word.0, value, new)? == value {
                    return Ok(0);
                }
                continue;
            }
            owner if owner == tid => return Err(Errno::EDEADLK),
            owner => family::find_thread(owner).map(drop).ok_or(Errno::ESRCH)?,
        }
        let deadline = deadline.ok_or(Errno::EAGAIN)?;
        let marked = value | WAITERS;
        if value != marked && user::compare_exchange(word.0, value, marked)? != value {
            continue;
        }
        waited = WAITERS;
        match futex::wait(call, word, marked, deadline) {
            Ok(_) | Err(Errno::EAGAIN) => {}
            // A signal does not end it.
            Err(Errno::ERESTARTSYS) => return Err(Errno::ERESTARTNOINTR),
            Err(error) => return Err(error),
        }
    }
}

/// Gives the lock back, and wakes one who waits for it.
///
/// # Errors
/// `EPERM` where the caller does not have it, `EFAULT`.
pub(super) fn unlock(word: Ptr) -> SysResult {
    let tid = threads::current().tid();
    let mut value = user::read_u32(word.0)?;
    loop {
        if value & TID != tid {
            return Err(Errno::EPERM);
        }
        match user::compare_exchange(word.0, value, 0)? {
            found if found == value => break,
            found => value = found,
        }
    }
    futex::wake_one(word.0);
    Ok(0)
}
