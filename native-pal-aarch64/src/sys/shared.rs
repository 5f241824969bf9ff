//! References that cross what the borrow checker can see: to another stack, to a signal handler.

use core::sync::atomic::{AtomicPtr, Ordering};
use std::sync::Arc;

/// What `slot` points to. The slot holds references of `Arc`s that are never given back while it does.
pub(crate) fn leaked<T>(slot: &'static AtomicPtr<T>) -> Option<&'static T> {
    // SAFETY: null, or from `Arc::into_raw` and not given back.
    unsafe { slot.load(Ordering::Acquire).as_ref() }
}

/// Gives back a reference made by `Arc::into_raw`.
pub(crate) fn give_back<T>(pointer: *const T) {
    if !pointer.is_null() {
        // SAFETY: the caller made it by `Arc::into_raw` just now and stored it nowhere.
        drop(unsafe { Arc::from_raw(pointer) });
    }
}

/// Uses the value at an exposed address, which its owner, further down another stack of this thread, does not touch
/// meanwhile.
pub(crate) fn at<T, R>(addr: usize, f: impl FnOnce(&mut T) -> R) -> R {
    let pointer: *mut T = core::ptr::with_exposed_provenance_mut(addr);
    // SAFETY: as the function says; both callers pass the address of a live local of a suspended frame.
    f(unsafe { &mut *pointer })
}
