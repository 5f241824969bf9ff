//! The Drawbridge ABI of Trunnion, as one table: 45 downcalls, 3 upcalls, and the optional groups.
//!
//! [`for_each_pal_call!`], [`for_each_optional_call!`] and [`for_each_upcall!`] hold the table; everything else is
//! derived from them: the traits and C layouts ([`table`]), the table as data ([`info`]), the documents
//! ([`markdown`]), and, in the crates that pass them macros of their own, the 32-bit thunks and the tracing names.
//!
//! - [`kind`]: the kinds of parameter, as types; [`arg`]: pointer parameters as Rust values;
//! - [`error`]: statuses and errors; [`flags`]: the values of flag parameters;
//! - [`layout`]: the structures, equal in both widths.
//!
//! The crate knows no implementation, and is the same for the host (64-bit) and the library OS (32-bit).

#![no_std]

#[cfg(test)]
extern crate std;

pub mod arg;
pub mod calls;
pub mod error;
pub mod flags;
pub mod handle;
pub mod info;
pub mod kind;
pub mod layout;
pub mod markdown;
pub mod optional;
pub mod table;

pub use error::{PalError, PalResult, Status, decode, encode};
pub use handle::Handle;
pub use info::{CALLS, CallInfo, GROUPS, UPCALLS};
pub use layout::{
    AddressRange, Attr, ClockPage, ConfigEntry, ContextAarch64, ContextHeader, ContextI386, ContextX86_64,
    ControlRecord, DirRecord, Exception, FsInfo, IoResult, Layout, LockRange, PassedHandle, PeerId,
    ProcessParams, ReadyRecord, SockAddr, SocketMessage, Startup, ThreadParams, TimeStamp, TimerSetting,
    UnixName, UpcallTable, WaitRecord, WatchRecord,
};
pub use markdown::pal_abi_markdown;
pub use table::{
    Cloning, CloningTable, Family, FamilyTable, HandlePassing, HandlePassingTable, LibOsExceptionDispatch,
    LibOsInitialize, LibOsThreadStart, Nodes, NodesTable, Pal, PalTable, Singleton, Sockets, SocketsTable,
    TableHeader, Unsupported, WordWait, WordWaitTable,
};
