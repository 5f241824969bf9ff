//! The table as data: names, parameters, errors and documentation of every call.

use crate::PalError;
use crate::handle::Handle;
use crate::kind::{I32, In, InBytes, InOut, KindInfo, Len, Out, OutBytes, U32, U64, Uptr, Wire};
use crate::layout::{
    Attr, ContextHeader, Exception, FsInfo, IoResult, LockRange, ProcessParams, SocketMessage, Startup,
    ThreadParams,
};

/// A parameter of a call.
#[derive(Clone, Copy, Debug)]
pub struct ParamInfo {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: KindInfo,
    /// Its slots on a 32-bit stack.
    pub slots32: usize,
}

/// A call.
#[derive(Clone, Copy, Debug)]
pub struct CallInfo {
    /// Its number, which is also its gate's.
    pub number: u32,
    /// Its name in the ABI.
    pub name: &'static str,
    /// Its name in Rust.
    pub method: &'static str,
    /// The optional group it belongs to.
    pub group: Option<&'static str>,
    /// Its documentation, line by line.
    pub doc: &'static [&'static str],
    /// Its parameters in order.
    pub params: &'static [ParamInfo],
    /// The errors of its list beyond the implicit ones.
    pub errors: &'static [PalError],
}

impl CallInfo {
    /// Whether some parameter is of a kind `f` accepts.
    fn has(&self, f: impl Fn(KindInfo) -> bool) -> bool {
        self.params.iter().any(|p| f(p.kind))
    }

    /// Whether `error` is in the call's closed list: `INVALID` and `NO_MEMORY` are implicit with any parameter,
    /// `BAD_HANDLE` and `WRONG_TYPE` with a handle (or an array of them), `FAULT` with a pointer.
    #[must_use]
    pub fn may_fail_with(&self, error: PalError) -> bool {
        let implicit = match error {
            PalError::Invalid | PalError::NoMemory => !self.params.is_empty(),
            PalError::BadHandle | PalError::WrongType => {
                self.has(|k| matches!(k, KindInfo::Handle | KindInfo::In("ProcessParams")))
                    || self.name == "ObjectsWaitAny"
            }
            PalError::Fault => self.has(KindInfo::is_pointer),
            _ => false,
        };
        implicit || self.errors.contains(&error)
    }

    /// Slots of the whole call on a 32-bit stack.
    #[must_use]
    pub fn slots32(&self) -> usize {
        self.params.iter().map(|p| p.slots32).sum()
    }
}

macro_rules! row {
    ($group:expr, [$($doc:literal)*] $number:literal $Name:ident $name:ident [$($arg:ident: $kind:ty),*] [$($error:ident),*]) => {
        CallInfo {
            number: $number,
            name: stringify!($Name),
            method: stringify!($name),
            group: $group,
            doc: &[$($doc),*],
            params: &[$(ParamInfo {
                name: stringify!($arg), kind: <$kind as Wire>::INFO, slots32: <$kind as Wire>::SLOTS32,
            }),*],
            errors: &[$(PalError::$error),*],
        }
    };
}

macro_rules! calls {
    ($($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
        fails($($error:ident),* $(,)?);)*) => {
        /// The 45 downcalls.
        pub const CALLS: &[CallInfo] =
            &[$(row!(None, [$($doc)*] $number $Name $name [$($arg: $kind),*] [$($error),*])),*];
    };
}
crate::for_each_pal_call!(calls);

/// An optional group, as data.
#[derive(Clone, Copy, Debug)]
pub struct GroupInfo {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its version.
    pub version: u32,
    /// Its documentation, line by line.
    pub doc: &'static [&'static str],
    /// Its calls.
    pub calls: &'static [CallInfo],
}

macro_rules! groups {
    ($($(#[doc = $gdoc:literal])* group $Trait:ident $Table:ident ($gname:literal, $version:literal) {
        $($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
            fails($($error:ident),* $(,)?);)*
    })*) => {
        /// The optional groups.
        pub const GROUPS: &[GroupInfo] = &[$(GroupInfo {
            name: $gname,
            version: $version,
            doc: &[$($gdoc),*],
            calls: &[$(row!(Some($gname), [$($doc)*] $number $Name $name [$($arg: $kind),*] [$($error),*])),*],
        }),*];
    };
}
crate::for_each_optional_call!(groups);

macro_rules! upcalls {
    ($($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),*);)*) => {
        /// The 3 upcalls.
        pub const UPCALLS: &[CallInfo] = &[$(row!(None, [$($doc)*] $number $Name $name [$($arg: $kind),*] [])),*];
    };
}
crate::for_each_upcall!(upcalls);

const _: () = assert!(CALLS.len() == 45);
const _: () = assert!(UPCALLS.len() == 3);

/// The call with that number, optional ones included.
#[must_use]
pub fn call(number: u32) -> Option<&'static CallInfo> {
    CALLS.iter().chain(GROUPS.iter().flat_map(|g| g.calls)).find(|c| c.number == number)
}

#[cfg(test)]
#[path = "info_tests.rs"]
mod tests;
