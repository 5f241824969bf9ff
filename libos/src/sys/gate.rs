//! The gate before all locks, shut while the process is copied: a lock that another thread held at that moment would
//! stay held in the copy, which has no such thread.
//!
//! A thread passes it with its first lock and is inside until it gives back its last; [`shut`] waits until nobody is
//! inside.

use core::sync::atomic::{AtomicU32, Ordering};

use pal_abi::Pal as _;

use super::tables::pal;
use crate::arch::slot;
use crate::layout::THREADS;

/// Set while the gate is shut; the rest counts who is inside.
const SHUT: u32 = 1 << 31;

static GATE: AtomicU32 = AtomicU32::new(0);
/// Locks each thread holds, by slot.
static HELD: [AtomicU32; THREADS as usize + 1] = [const { AtomicU32::new(0) }; THREADS as usize + 1];

fn held() -> &'static AtomicU32 {
    &HELD[slot::current()]
}

fn give_way() {
    // A yield has no news.
    _ = pal().thread_yield_execution();
}

/// Before a lock is taken. On a host, where parts are tested, nobody copies the process.
pub(super) fn enter() {
    if cfg!(not(target_arch = "x86")) {
        return;
    }
    let held = held();
    if held.load(Ordering::Relaxed) == 0 {
        while GATE.fetch_add(1, Ordering::Acquire) & SHUT != 0 {
            GATE.fetch_sub(1, Ordering::Relaxed);
            give_way();
        }
    }
    held.store(held.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// After a lock is given back.
pub(super) fn leave() {
    if cfg!(not(target_arch = "x86")) {
        return;
    }
    let held = held();
    let left = held.load(Ordering::Relaxed) - 1;
    held.store(left, Ordering::Relaxed);
    if left == 0 {
        GATE.fetch_sub(1, Ordering::Release);
    }
}

/// The gate is shut while this lives.
#[derive(Debug)]
pub struct Shut(());

/// Waits until no other thread holds a lock, and keeps them from taking one. The caller holds none, and takes some.
#[must_use]
pub fn shut() -> Shut {
    while GATE.fetch_or(SHUT, Ordering::Acquire) & SHUT != 0 {
        give_way();
    }
    while GATE.load(Ordering::Acquire) != SHUT {
        give_way();
    }
    // Inside from here on: the locks of the caller are not held up.
    GATE.fetch_add(1, Ordering::Relaxed);
    held().store(1, Ordering::Relaxed);
    Shut(())
}

impl Shut {
    /// In a copy of the process: the other threads, and their tries to get in, are gone.
    pub fn after_copy(&self) {
        GATE.store(SHUT | 1, Ordering::Relaxed);
    }
}

impl Drop for Shut {
    fn drop(&mut self) {
        GATE.fetch_and(!SHUT, Ordering::Release);
        leave();
    }
}
