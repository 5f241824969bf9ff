//! A lock that survives the cloning of the process.
//!
//! A mutex that some other thread is just taking when the process is cloned stays taken in the child for ever. Here the turn
//! is one atomic flag, and the mutex behind it (which makes access safe) is only ever touched by who has the turn. Who
//! clones takes the turn without the mutex, so in both processes the mutex is free and giving the turn back is one store.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Attempts before a waiting thread sleeps.
const SPINS: u32 = 64;

/// See the module head.
#[derive(Debug, Default)]
pub(crate) struct Gate<T> {
    turn: AtomicBool,
    inner: Mutex<T>,
}

/// Access to what is behind the gate.
#[derive(Debug)]
pub(crate) struct Guard<'a, T> {
    // Dropped first: the mutex is free before the turn is.
    inner: MutexGuard<'a, T>,
    _turn: Turn<'a>,
}

#[derive(Debug)]
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl<T> Gate<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { turn: AtomicBool::new(false), inner: Mutex::new(value) }
    }

    /// Waits for the turn and gives access.
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.hold();
        let turn = Turn(&self.turn);
        Guard { inner: self.inner.lock().unwrap_or_else(PoisonError::into_inner), _turn: turn }
    }

    /// Takes the turn until [`Self::release`].
    pub(crate) fn hold(&self) {
        let mut spins = 0;
        while self.turn.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            spins += 1;
            if spins < SPINS { std::hint::spin_loop() } else { std::thread::sleep(Duration::from_micros(20)) }
        }
    }

    /// Gives the turn back that [`Self::hold`] took, in the process that took it or in its clone.
    pub(crate) fn release(&self) {
        self.turn.store(false, Ordering::Release);
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}
