//! Pointer parameters as Rust values: an address, the type behind it, and how long it may be used.
//!
//! Made from references and slices safely, from raw addresses unsafely. What receives one treats the address as
//! an allegation all the same: it may come from a hostile layer, so memory is touched by fault-tolerant copies only.
//! The null address means "not given".

use core::fmt;
use core::marker::PhantomData;

macro_rules! pointer {
    ($(#[$doc:meta])* $name:ident $reference:ty, $raw:ty) => {
        $(#[$doc])*
        pub struct $name<'a, V> {
            addr: usize,
            life: PhantomData<$reference>,
        }

        impl<V> Clone for $name<'_, V> {
            fn clone(&self) -> Self { *self }
        }
        impl<V> Copy for $name<'_, V> {}

        impl<V> fmt::Debug for $name<'_, V> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{:#x}", self.addr) }
        }

        impl<V> $name<'_, V> {
            /// The parameter that is not given.
            pub const NONE: Self = Self { addr: 0, life: PhantomData };

            /// Takes an address on trust.
            ///
            /// # Safety
            /// While the value is in use, an access to the memory at `addr` may only hit memory that this access is
            /// meant for: guest memory, or memory of the kind a reference of that lifetime would have.
            #[must_use]
            pub const unsafe fn from_addr(addr: usize) -> Self { Self { addr, life: PhantomData } }

            /// The address.
            #[must_use]
            pub const fn addr(self) -> usize { self.addr }

            /// Whether the parameter is not given.
            #[must_use]
            pub const fn is_none(self) -> bool { self.addr == 0 }

            /// The address as the C parameter.
            #[must_use]
            pub const fn as_ptr(self) -> $raw { core::ptr::with_exposed_provenance_mut(self.addr) }
        }
    };
}

pointer! {
    /// A value the callee reads.
    In &'a V, *mut V
}
pointer! {
    /// A place the callee writes.
    Out &'a mut V, *mut V
}
pointer! {
    /// A value the callee reads and writes.
    InOut &'a mut V, *mut V
}

impl<'a, V> From<&'a V> for In<'a, V> {
    fn from(value: &'a V) -> Self {
        Self { addr: core::ptr::from_ref(value).expose_provenance(), life: PhantomData }
    }
}

impl<'a, V> From<&'a mut V> for Out<'a, V> {
    fn from(value: &'a mut V) -> Self {
        Self { addr: core::ptr::from_mut(value).expose_provenance(), life: PhantomData }
    }
}

/// A word that others look at while it is written.
impl<'a> From<&'a core::sync::atomic::AtomicU32> for Out<'a, u32> {
    fn from(word: &'a core::sync::atomic::AtomicU32) -> Self {
        Self { addr: word.as_ptr().expose_provenance(), life: PhantomData }
    }
}

impl<'a, V> From<&'a mut V> for InOut<'a, V> {
    fn from(value: &'a mut V) -> Self {
        Self { addr: core::ptr::from_mut(value).expose_provenance(), life: PhantomData }
    }
}

macro_rules! bytes {
    ($(#[$doc:meta])* $name:ident $reference:ty) => {
        $(#[$doc])*
        ///
        /// Knows how long the memory behind it is, so that a `Len` beyond it is refused before the call.
        #[derive(Clone, Copy)]
        pub struct $name<'a> {
            addr: usize,
            limit: usize,
            life: PhantomData<$reference>,
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{:#x}", self.addr) }
        }

        impl $name<'_> {
            /// No buffer; its length is 0.
            pub const NONE: Self = Self { addr: 0, limit: 0, life: PhantomData };

            /// Takes an address on trust; its length is the `Len` that follows.
            ///
            /// # Safety
            /// As [`In::from_addr`], for as many bytes as the following `Len` says.
            #[must_use]
            pub const unsafe fn from_addr(addr: usize) -> Self {
                Self { addr, limit: usize::MAX, life: PhantomData }
            }

            /// The address.
            #[must_use]
            pub const fn addr(self) -> usize { self.addr }

            /// The greatest length that may follow.
            #[must_use]
            pub const fn limit(self) -> usize { self.limit }
        }
    };
}

bytes! {
    /// Bytes the callee reads.
    InBytes &'a [u8]
}
bytes! {
    /// Bytes the callee writes.
    OutBytes &'a mut [u8]
}

impl<'a> From<&'a [u8]> for InBytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { addr: bytes.as_ptr().expose_provenance(), limit: bytes.len(), life: PhantomData }
    }
}

impl<'a> From<&'a str> for InBytes<'a> {
    fn from(text: &'a str) -> Self {
        text.as_bytes().into()
    }
}

impl<'a> From<&'a mut [u8]> for OutBytes<'a> {
    fn from(bytes: &'a mut [u8]) -> Self {
        Self { addr: bytes.as_mut_ptr().expose_provenance(), limit: bytes.len(), life: PhantomData }
    }
}
