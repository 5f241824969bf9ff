//! The kinds of parameter: what each is in C, in Rust, and on a 32-bit stack.
//!
//! The kinds are types, so a consumer of the table implements a trait of its own for each of these eleven (and
//! `Handle`, which is its own kind), and all checking sits there instead of in 45 thunks.

use core::fmt::Debug;
use core::marker::PhantomData;

use crate::{PalError, arg, layout};

pub use crate::handle::Handle;

/// A kind of parameter.
pub trait Wire {
    /// The C type of the parameter at this crate's own width.
    type C: Copy;
    /// What the Rust traits see.
    type Host<'a>: Copy + Debug;
    /// How many 4-byte slots of the 32-bit stack it takes; a `U64` takes two, low half first, 4-byte aligned.
    const SLOTS32: usize;
    /// The kind, for documents and checks.
    const INFO: KindInfo;

    /// The C value.
    fn to_c(host: Self::Host<'_>) -> Self::C;

    /// The Rust value.
    ///
    /// # Safety
    /// For pointer kinds as [`arg::In::from_addr`].
    unsafe fn from_c<'a>(c: Self::C) -> Self::Host<'a>;

    /// Checks a buffer against the `Len` that follows it; `limit` carries the bound from one to the next.
    ///
    /// # Errors
    /// `Invalid` where the length is greater than the buffer.
    fn check(_host: Self::Host<'_>, _limit: &mut usize) -> Result<(), PalError> {
        Ok(())
    }
}

/// A kind, as data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KindInfo {
    /// Flags, counts, protections.
    U32,
    /// An exit code.
    I32,
    /// Offsets, lengths and times.
    U64,
    /// An address or in-memory size: the only scalar whose width differs.
    Uptr,
    /// An object.
    Handle,
    /// A value the callee reads, by its type.
    In(&'static str),
    /// A value the callee writes, by its type.
    Out(&'static str),
    /// A value the callee reads and writes, by its type.
    InOut(&'static str),
    /// Bytes the callee reads; their number follows.
    InBytes,
    /// Bytes the callee writes; their number follows.
    OutBytes,
    /// The number of bytes of the buffer before it.
    Len,
}

impl KindInfo {
    /// Whether the parameter is an address the callee dereferences.
    #[must_use]
    pub const fn is_pointer(self) -> bool {
        matches!(self, Self::In(_) | Self::Out(_) | Self::InOut(_) | Self::InBytes | Self::OutBytes)
    }
}

macro_rules! scalar {
    ($($(#[$doc:meta])* $kind:ident = $c:ty, $slots:literal;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $kind;

        impl Wire for $kind {
            type C = $c;
            type Host<'a> = $c;
            const SLOTS32: usize = $slots;
            const INFO: KindInfo = KindInfo::$kind;
            fn to_c(host: $c) -> $c { host }
            unsafe fn from_c<'a>(c: $c) -> Self::Host<'a> { c }
        }
    )* };
}

scalar! {
    /// Flags, counts, protections.
    U32 = u32, 1;
    /// An exit code.
    I32 = i32, 1;
    /// Offsets, lengths and times.
    U64 = u64, 2;
    /// An address or in-memory size.
    Uptr = usize, 1;
}

impl Wire for Handle {
    type C = u32;
    type Host<'a> = Self;
    const SLOTS32: usize = 1;
    const INFO: KindInfo = KindInfo::Handle;
    fn to_c(host: Self) -> u32 {
        host.0
    }
    unsafe fn from_c<'a>(c: u32) -> Self::Host<'a> {
        Self(c)
    }
}

/// The number of bytes of the buffer before it.
#[derive(Clone, Copy, Debug)]
pub struct Len;

impl Wire for Len {
    type C = usize;
    type Host<'a> = usize;
    const SLOTS32: usize = 1;
    const INFO: KindInfo = KindInfo::Len;
    fn to_c(host: usize) -> usize {
        host
    }
    unsafe fn from_c<'a>(c: usize) -> Self::Host<'a> {
        c
    }
    fn check(host: usize, limit: &mut usize) -> Result<(), PalError> {
        if host > *limit { Err(PalError::Invalid) } else { Ok(()) }
    }
}

/// What a pointer parameter may point to.
pub trait Datum {
    /// The value in memory, at this crate's own width.
    type Value: Copy + 'static;
    /// Its name in documents.
    const NAME: &'static str;
    /// Its size in the 32-bit ABI.
    const BYTES32: usize;
    /// Whether its bytes are the same in both widths: all but `Uptr`.
    const SAME: bool = true;
}

impl Datum for U32 {
    type Value = u32;
    const NAME: &'static str = "u32";
    const BYTES32: usize = 4;
}

impl Datum for I32 {
    type Value = i32;
    const NAME: &'static str = "i32";
    const BYTES32: usize = 4;
}

impl Datum for U64 {
    type Value = u64;
    const NAME: &'static str = "u64";
    const BYTES32: usize = 8;
}

impl Datum for Uptr {
    type Value = usize;
    const NAME: &'static str = "uptr";
    const BYTES32: usize = 4;
    const SAME: bool = false;
}

impl Datum for Handle {
    type Value = Self;
    const NAME: &'static str = "handle";
    const BYTES32: usize = 4;
}

impl<T: layout::Layout> Datum for T {
    type Value = T;
    const NAME: &'static str = T::STRUCT;
    const BYTES32: usize = size_of::<T>();
}

macro_rules! pointer_kind {
    ($($(#[$doc:meta])* $kind:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $kind<T>(PhantomData<T>);

        impl<T: Datum> Wire for $kind<T> {
            type C = *mut T::Value;
            type Host<'a> = arg::$kind<'a, T::Value>;
            const SLOTS32: usize = 1;
            const INFO: KindInfo = KindInfo::$kind(T::NAME);
            fn to_c(host: Self::Host<'_>) -> Self::C { host.as_ptr() }
            unsafe fn from_c<'a>(c: Self::C) -> Self::Host<'a> {
                // SAFETY: the caller's promise is the same.
                unsafe { arg::$kind::from_addr(c.expose_provenance()) }
            }
        }
    )* };
}

pointer_kind! {
    /// A value the callee reads.
    In;
    /// A value the callee writes.
    Out;
    /// A value the callee reads and writes.
    InOut;
}

macro_rules! bytes_kind {
    ($($(#[$doc:meta])* $kind:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $kind;

        impl Wire for $kind {
            type C = *mut u8;
            type Host<'a> = arg::$kind<'a>;
            const SLOTS32: usize = 1;
            const INFO: KindInfo = KindInfo::$kind;
            fn to_c(host: Self::Host<'_>) -> Self::C { core::ptr::with_exposed_provenance_mut(host.addr()) }
            unsafe fn from_c<'a>(c: Self::C) -> Self::Host<'a> {
                // SAFETY: the caller's promise is the same.
                unsafe { arg::$kind::from_addr(c.expose_provenance()) }
            }
            fn check(host: Self::Host<'_>, limit: &mut usize) -> Result<(), PalError> {
                *limit = host.limit();
                Ok(())
            }
        }
    )* };
}

bytes_kind! {
    /// Bytes the callee reads; a `Len` follows.
    InBytes;
    /// Bytes the callee writes; a `Len` follows.
    OutBytes;
}
