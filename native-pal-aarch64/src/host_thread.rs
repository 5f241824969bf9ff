//! The host threads of the process, from their first instruction to their last.
//!
//! A copy of the process must find none of them on its way in or out. The host's thread library, and an emulator of
//! the process even more so, hold locks of their own there, which nobody would give back in the copy: a thread could
//! never be made in it. So `ProcessClone` waits, while all threads stand still, until each has begun and those that
//! end are gone ([`settle`]).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use pal_abi::PalError;

use crate::wait;

/// Not at its first instruction yet.
const BEGINS: u32 = 0;
/// Between the two.
const LIVES: u32 = 1;
/// Past its last instruction inside the PAL.
const ENDS: u32 = 2;

#[derive(Debug)]
struct HostThread {
    way: Arc<AtomicU32>,
    handle: JoinHandle<()>,
}

/// Those that nobody has waited for. Locked inside the PAL only, and never while a thread sleeps there.
static THREADS: Mutex<Vec<HostThread>> = Mutex::new(Vec::new());

fn threads() -> MutexGuard<'static, Vec<HostThread>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a host thread. After `work` it counts as inside the PAL until it is gone.
///
/// # Errors
/// `TooMany`.
pub(crate) fn spawn(stack_bytes: usize, work: impl FnOnce() + Send + 'static) -> Result<(), PalError> {
    forget_ended();
    let way = Arc::new(AtomicU32::new(BEGINS));
    let begun = Arc::clone(&way);
    let handle = Builder::new().stack_size(stack_bytes).spawn(move || {
        begun.store(LIVES, Ordering::Release);
        work();
        wait::stay_inside();
        begun.store(ENDS, Ordering::Release);
        wait::leave_for_good();
    });
    let handle = handle.map_err(|_| PalError::TooMany)?;
    threads().push(HostThread { way, handle });
    Ok(())
}

/// Waits for those that end: they run no code of ours any more, so it does not take long.
fn forget_ended() {
    let ended: Vec<HostThread> =
        threads().extract_if(.., |thread| thread.way.load(Ordering::Acquire) == ENDS).collect();
    for thread in ended {
        // It cannot have panicked: nothing but the end follows `ENDS`.
        let _ = thread.handle.join();
    }
}

/// While all other threads stand still: waits until none is on its way in or out.
pub(crate) fn settle() {
    while threads().iter().any(|thread| thread.way.load(Ordering::Acquire) == BEGINS) {
        rustix::thread::sched_yield();
    }
    forget_ended();
}

/// In a copy of the process: there are no others, and their handles name memory that is used again.
pub(crate) fn after_clone() {
    std::mem::forget(std::mem::take(&mut *threads()));
}
