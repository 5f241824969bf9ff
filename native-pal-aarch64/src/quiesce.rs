//! Standing still, for `ProcessClone`: no other thread is inside the PAL while the process is copied, except asleep in
//! the kernel. So no lock of the PAL is held in the copy, and nothing it guards is half changed.
//!
//! Every thread counts itself in `ACTIVE` while it is inside and awake ([`enter`], [`leave`]; `wait` calls them around
//! calls and sleeps). Who clones raises `CLONING`, so that nobody enters or wakes up any more, and waits until it is
//! the only one counted. Nothing may be locked across a sleep.

use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::futex;

static ACTIVE: AtomicU32 = AtomicU32::new(0);
static CLONING: AtomicU32 = AtomicU32::new(0);

/// Counts the calling thread, once no clone is in progress. For signal handlers too.
pub(crate) fn enter() {
    loop {
        ACTIVE.fetch_add(1, Ordering::SeqCst);
        if CLONING.load(Ordering::SeqCst) == 0 {
            return;
        }
        leave();
        sleep(&CLONING, 1);
    }
}

/// Counts it no longer. For signal handlers too.
pub(crate) fn leave() {
    ACTIVE.fetch_sub(1, Ordering::SeqCst);
    if CLONING.load(Ordering::SeqCst) != 0 {
        wake(&ACTIVE);
    }
}

/// All other threads stand still while this lives. The one that has it is inside the PAL.
#[derive(Debug)]
pub(crate) struct Stopped(());

/// Makes all other threads stand still.
pub(crate) fn stop_others() -> Stopped {
    while CLONING.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        // Another one clones: stand still for it.
        leave();
        sleep(&CLONING, 1);
        ACTIVE.fetch_add(1, Ordering::SeqCst);
    }
    loop {
        let active = ACTIVE.load(Ordering::SeqCst);
        if active <= 1 {
            return Stopped(());
        }
        sleep(&ACTIVE, active);
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        CLONING.store(0, Ordering::SeqCst);
        wake(&CLONING);
    }
}

/// In the copy: only the calling thread is there, inside.
pub(crate) fn after_clone() {
    ACTIVE.store(1, Ordering::SeqCst);
}

fn sleep(word: &AtomicU32, expected: u32) {
    // Any way to come back is a reason to look again.
    let _ = futex::wait(word, futex::Flags::PRIVATE, expected, None);
}

fn wake(word: &AtomicU32) {
    // Waking the sleepers of a word of our own cannot fail.
    let _ = futex::wake(word, futex::Flags::PRIVATE, i32::MAX.cast_unsigned());
}
