//! References that change, and values that several processes in one memory may have in common.

use core::fmt;
use core::marker::PhantomData;
use core::mem::replace;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::lock::{Guard, Lock};

/// A reference, or none, that may change at any moment.
pub struct Pointer<T: 'static> {
    to: AtomicPtr<T>,
    holds: PhantomData<&'static T>,
}

impl<T: Sync> Pointer<T> {
    /// None.
    #[expect(clippy::declare_interior_mutable_const, reason = "a value to begin with")]
    pub const NONE: Self = Self { to: AtomicPtr::new(null_mut()), holds: PhantomData };

    /// What it points at.
    #[must_use]
    pub fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or made from a reference for ever by `set`.
        unsafe { self.to.load(Ordering::Acquire).as_ref() }
    }

    /// Makes it point elsewhere.
    pub fn set(&self, to: Option<&'static T>) {
        let to = to.map_or(null_mut(), |to| core::ptr::from_ref(to).cast_mut());
        self.to.store(to, Ordering::Release);
    }
}

impl<T> fmt::Debug for Pointer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pointer").field(&self.to).finish()
    }
}

/// A value of one process, or the one it has in common with another.
#[derive(Debug)]
pub struct Shared<T: Send + 'static> {
    own: Lock<T>,
    other: Pointer<Self>,
}

impl<T: Send> Shared<T> {
    /// An own value.
    pub const fn new(value: T) -> Self {
        Self { own: Lock::new(value), other: Pointer::NONE }
    }

    /// Whose value it is.
    fn owner(&'static self) -> &'static Self {
        self.other.get().unwrap_or(self)
    }

    /// Waits for the value and takes it.
    pub fn lock(&'static self) -> Guard<'static, T> {
        self.owner().own.lock()
    }

    /// Has the value of another in common with it from here on.
    pub fn join(&'static self, other: &'static Self) {
        self.other.set(Some(other.owner()));
    }

    /// Has a value of its own from here on; gives its last own one.
    pub fn set_own(&self, value: T) -> T {
        self.other.set(None);
        replace(&mut *self.own.lock(), value)
    }

    /// Takes what it has in common for its own, leaving `nothing` to the other.
    pub fn take_over(&self, nothing: T) {
        if let Some(other) = self.other.get() {
            let value = replace(&mut *other.own.lock(), nothing);
            drop(self.set_own(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_is_the_same_until_it_is_taken_over() {
        static A: Shared<u32> = Shared::new(1);
        static B: Shared<u32> = Shared::new(2);
        static C: Shared<u32> = Shared::new(3);
        B.join(&A);
        C.join(&B);
        let all = || [&A, &B, &C].map(|value: &'static Shared<u32>| *value.lock());
        *C.lock() = 7;
        assert_eq!(all(), [7, 7, 7]);
        C.take_over(0);
        assert_eq!(all(), [0, 0, 7]);
        assert_eq!(B.set_own(5), 2);
        assert_eq!(all(), [0, 5, 7]);
    }
}
