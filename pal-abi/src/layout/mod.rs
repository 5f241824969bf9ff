//! The structures of the ABI. Their bytes are the same in both widths.
//!
//! Every field stands at its documented offset, asserted at compile time; addresses are 64 bits wide (high half 0
//! from a 32-bit layer), padding is explicit. All are plain old data: any bytes are a value.

mod context;
mod startup;
mod stream;
mod thread;

pub use context::{ContextAarch64, ContextHeader, ContextI386, ContextX86_64};
pub use startup::{AddressRange, ClockPage, ConfigEntry, STARTUP_MAGIC, Startup, UpcallTable};
pub use stream::{
    Attr, ControlRecord, DirRecord, FsInfo, IoResult, LockRange, PassedHandle, PeerId, ReadyRecord, SockAddr,
    SocketMessage, TimeStamp, TimerSetting, UnixName, WaitRecord, WatchRecord,
};
pub use thread::{Exception, ProcessParams, ThreadParams};

/// One field of a structure, as data.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// Where it lies.
    pub offset: usize,
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: &'static str,
    /// What it holds, one line each.
    pub doc: &'static [&'static str],
}

/// A structure of the ABI, as data.
#[derive(Clone, Copy, Debug)]
pub struct StructInfo {
    /// Its name.
    pub name: &'static str,
    /// Its size.
    pub size: usize,
    /// What it is for, one line each.
    pub doc: &'static [&'static str],
    /// Its fields in order.
    pub fields: &'static [FieldInfo],
}

/// A structure of the ABI.
///
/// # Safety
/// `repr(C)`, no padding, no invalid bit patterns.
pub unsafe trait Layout: Copy + 'static {
    /// Its name.
    const STRUCT: &'static str;
    /// Its fields.
    const INFO: StructInfo;
    /// All bytes zero.
    const ZERO: Self;

    /// The bytes of the structure.
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: the trait promises that every byte is initialised.
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(self).cast(), size_of::<Self>()) }
    }

    /// The bytes of the structure, to fill in.
    fn as_bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the trait promises that all bytes are initialised and any bytes are a value.
        unsafe { core::slice::from_raw_parts_mut(core::ptr::from_mut(self).cast(), size_of::<Self>()) }
    }

    /// The structure that lies at the start of `bytes`, if they are enough.
    fn read_from(bytes: &[u8]) -> Option<Self> {
        let mut value = Self::ZERO;
        value.as_bytes_mut().copy_from_slice(bytes.get(..size_of::<Self>())?);
        Some(value)
    }
}

/// Declares structures with documented offsets: `pub struct Name = size { offset field: type, }`.
macro_rules! layout {
    ($($(#[doc = $doc:literal])* pub struct $name:ident = $size:literal {
        $($(#[doc = $fdoc:literal])* $offset:literal $field:ident: $ty:ty,)*
    })*) => { $(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[repr(C)]
        pub struct $name { $($(#[doc = $fdoc])* pub $field: $ty,)* }

        const _: () = assert!(size_of::<$name>() == $size, concat!("size of ", stringify!($name)));
        $(const _: () = assert!(
            core::mem::offset_of!($name, $field) == $offset,
            concat!("offset of ", stringify!($name), "::", stringify!($field))
        );)*
        // No padding: the sizes of the fields add up.
        const _: () = assert!(0 $(+ size_of::<$ty>())* == $size, concat!("padding in ", stringify!($name)));

        // SAFETY: repr(C); the assertion above excludes padding; fields are integers, or arrays or structures of them.
        unsafe impl crate::layout::Layout for $name {
            const STRUCT: &'static str = stringify!($name);
            const INFO: crate::layout::StructInfo = crate::layout::StructInfo {
                name: stringify!($name),
                size: $size,
                doc: &[$($doc),*],
                fields: &[$(crate::layout::FieldInfo {
                    offset: $offset, name: stringify!($field), ty: stringify!($ty), doc: &[$($fdoc),*],
                }),*],
            };
            // SAFETY: integers may be zero.
            const ZERO: Self = unsafe { core::mem::zeroed() };
        }

        impl Default for $name {
            fn default() -> Self { <Self as crate::layout::Layout>::ZERO }
        }
    )* };
}
use layout;

/// Every structure, for documents and tests.
pub const STRUCTS: &[StructInfo] = &[
    Startup::INFO,
    UpcallTable::INFO,
    AddressRange::INFO,
    ConfigEntry::INFO,
    ClockPage::INFO,
    ThreadParams::INFO,
    ProcessParams::INFO,
    Exception::INFO,
    ContextHeader::INFO,
    ContextI386::INFO,
    ContextAarch64::INFO,
    ContextX86_64::INFO,
    Attr::INFO,
    TimeStamp::INFO,
    IoResult::INFO,
    DirRecord::INFO,
    SockAddr::INFO,
    WaitRecord::INFO,
    ReadyRecord::INFO,
    FsInfo::INFO,
    LockRange::INFO,
    WatchRecord::INFO,
    TimerSetting::INFO,
];
