//! The table as Rust traits and as C layouts, each made from the other.
//!
//! - [`Pal`], and one trait per optional group: what a layer offers, as safe functions.
//! - [`PalTable`], and one table per group: what a layer is given, in C layout. Each implements its trait by calling
//!   through. Compiled for a 32-bit target it *is* the ABI32 table: 4-byte entries, cdecl, `u64` in two slots.
//! - [`PalTable::of`]: the table of a layer that is a process singleton ([`Singleton`]).
//!
//! The functions are safe because a layer touches memory only as its parameters allow and frees, protects or maps
//! only memory it handed out itself; a table is trusted for that when it is made (`unsafe`).

use crate::error::{PalResult, decode, encode};
use crate::handle::Handle;
use crate::kind::{I32, In, InBytes, InOut, Len, Out, OutBytes, U32, U64, Uptr, Wire};
use crate::layout::{
    Attr, ContextHeader, Exception, FsInfo, IoResult, LockRange, ProcessParams, SocketMessage, Startup,
    ThreadParams,
};

/// The first word of a table: the bytes `DKT1`.
pub const TABLE_MAGIC: u32 = u32::from_le_bytes(*b"DKT1");
/// The version of the 45 calls.
pub const TABLE_VERSION: u32 = 1;
/// Downcalls in the table.
pub const COUNT: u32 = 45;

/// What every table begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct TableHeader {
    /// [`TABLE_MAGIC`].
    pub magic: u32,
    /// Version of the calls; for an optional group, the group's.
    pub version: u32,
    /// Entries.
    pub count: u32,
    /// Bytes of an entry: 4 or 8.
    pub entry_size: u32,
}

const _: () = assert!(size_of::<TableHeader>() == 16);

#[expect(clippy::cast_possible_truncation, reason = "4 or 8")]
const ENTRY_SIZE: u32 = size_of::<usize>() as u32;

/// A layer of which a process has one, so that its table needs no context pointer.
pub trait Singleton: 'static {
    /// The layer.
    fn instance() -> &'static Self;
}

/// The layer that supports nothing: every call answers `NotSupported`. Fills the slots a layer does not offer.
#[derive(Clone, Copy, Debug)]
pub struct Unsupported;

impl Singleton for Unsupported {
    fn instance() -> &'static Self {
        &Self
    }
}

/// One trait and one table from rows of the table of calls.
macro_rules! group {
    ($(#[doc = $gdoc:literal])* trait $Trait:ident, table $Table:ident, version $version:expr, {
        $($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),*);)*
    }) => {
        $(#[doc = $gdoc])*
        pub trait $Trait: Sync {
            $(
                $(#[doc = $doc])*
                ///
                /// # Errors
                /// Those of the call's closed list; see [`crate::CALLS`].
                fn $name(&self, $($arg: <$kind as Wire>::Host<'_>),*) -> PalResult;
            )*
        }

        #[doc = concat!("The C layout of [`", stringify!($Trait), "`].")]
        #[derive(Clone, Copy)]
        #[repr(C)]
        pub struct $Table {
            /// Says what follows.
            pub header: TableHeader,
            $(
                #[doc = concat!("`", stringify!($Name), "`, call ", stringify!($number), ".")]
                pub $name: unsafe extern "C" fn($($arg: <$kind as Wire>::C),*) -> i32,
            )*
        }

        impl core::fmt::Debug for $Table {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($Table)).field("header", &self.header).finish_non_exhaustive()
            }
        }

        impl $Table {
            /// The header of a table of this type.
            pub const HEADER: TableHeader = TableHeader {
                magic: TABLE_MAGIC,
                version: $version,
                #[expect(clippy::cast_possible_truncation, reason = "a few dozen")]
                count: [$($number),*].len() as u32,
                entry_size: ENTRY_SIZE,
            };

            /// The table of a layer. A layer that passes calls through starts from a copy of the table it was given
            /// and takes over the entries it intercepts from here.
            #[must_use]
            pub const fn of<P: $Trait + Singleton>() -> Self {
                $(
                    unsafe extern "C" fn $name<P: $Trait + Singleton>($($arg: <$kind as Wire>::C),*) -> i32 {
                        // SAFETY: what the caller of a table entry promises is what `from_c` asks for.
                        $(let $arg = unsafe { <$kind as Wire>::from_c($arg) };)*
                        encode(P::instance().$name($($arg),*))
                    }
                )*
                Self { header: Self::HEADER, $($name: $name::<P>,)* }
            }

            /// The table in which every call answers `NotSupported`.
            pub const UNSUPPORTED: Self = Self::of::<Unsupported>();

            /// Finds the table at `addr`.
            ///
            /// # Safety
            /// 0, or the address of a table header and of the entries it announces, made by a layer that keeps the
            /// promises of this module, for the rest of the process's life.
            #[must_use]
            pub unsafe fn at(addr: usize) -> Option<&'static Self> {
                let header: *const TableHeader = core::ptr::with_exposed_provenance(addr);
                // SAFETY: the caller promises null or a header.
                let header = unsafe { header.as_ref() }?;
                let fits = header.magic == TABLE_MAGIC
                    && header.version >= Self::HEADER.version
                    && header.count >= Self::HEADER.count
                    && header.entry_size == Self::HEADER.entry_size;
                if !fits {
                    return None;
                }
                let table: *const Self = core::ptr::with_exposed_provenance(addr);
                // SAFETY: the caller promises as many entries as the header announces, which are enough.
                unsafe { table.as_ref() }
            }
        }

        impl $Trait for $Table {
            $(fn $name(&self, $($arg: <$kind as Wire>::Host<'_>),*) -> PalResult {
                let _limit = &mut { usize::MAX };
                $(<$kind as Wire>::check($arg, _limit)?;)*
                // SAFETY: the table was trusted when it was made; buffers were checked against their lengths above.
                decode(unsafe { (self.$name)($(<$kind as Wire>::to_c($arg)),*) })
            })*
        }

        impl $Trait for Unsupported {
            $(fn $name(&self, $(_: <$kind as Wire>::Host<'_>),*) -> PalResult {
                Err(crate::PalError::NotSupported)
            })*
        }
    };
}

macro_rules! core_table {
    ($($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
        fails($($error:ident),* $(,)?);)*) => {
        group! {
            /// The 45 downcalls.
            trait Pal, table PalTable, version TABLE_VERSION, {
                $($(#[doc = $doc])* $number $Name => $name($($arg: $kind),*);)*
            }
        }
    };
}
crate::for_each_pal_call!(core_table);

macro_rules! optional_tables {
    ($($(#[doc = $gdoc:literal])* group $Trait:ident $Table:ident ($gname:literal, $version:literal) {
        $($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
            fails($($error:ident),* $(,)?);)*
    })*) => { $(
        group! {
            $(#[doc = $gdoc])*
            trait $Trait, table $Table, version $version, {
                $($(#[doc = $doc])* $number $Name => $name($($arg: $kind),*);)*
            }
        }

        impl $Table {
            /// The name under which the configuration holds the table.
            pub const NAME: &'static str = $gname;
        }
    )* };
}
crate::for_each_optional_call!(optional_tables);

macro_rules! upcall_types {
    ($($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),*);)*) => { $(
        $(#[doc = $doc])*
        pub type $Name = unsafe extern "C" fn($($arg: <$kind as Wire>::C),*);
    )* };
}
crate::for_each_upcall!(upcall_types);

const _: () = assert!(PalTable::HEADER.count == COUNT);
const _: () = assert!(size_of::<PalTable>() == 16 + 45 * size_of::<usize>());

#[cfg(test)]
mod tests {
    use super::{Pal, PalTable, TableHeader};
    use crate::{Handle, PalError};

    #[test]
    fn an_unsupported_slot_answers_so() {
        let mut done = 0;
        let mut buf = [0; 4];
        let result = PalTable::UNSUPPORTED.stream_read(
            Handle(7),
            0,
            buf.as_mut_slice().into(),
            4,
            (&mut done).into(),
            crate::arg::Out::NONE,
        );
        assert_eq!(result, Err(PalError::NotSupported));
    }

    #[test]
    fn a_length_beyond_the_buffer_is_invalid_before_the_call() {
        let result = PalTable::UNSUPPORTED.random_bits_read((&mut [0; 4][..]).into(), 5);
        assert_eq!(result, Err(PalError::Invalid));
    }

    #[test]
    fn a_table_is_found_by_its_header() {
        static TABLE: PalTable = PalTable::UNSUPPORTED;
        static OLD: TableHeader = TableHeader { count: 44, ..PalTable::HEADER };
        let at = |p: *const TableHeader| {
            // SAFETY: both statics begin with a header, and the shorter announces fewer entries than are asked for.
            unsafe { PalTable::at(p.expose_provenance()) }
        };
        assert!(at(&raw const TABLE.header).is_some());
        assert!(at(&raw const OLD).is_none());
        assert!(at(core::ptr::null()).is_none());
    }
}
