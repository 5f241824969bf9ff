//! Errors that need failing hardware or a full host, made by a layer that answers whatever it is told.
//!
//! Each error of each closed list is passed up through C tables, so every layer above meets every answer it may get.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

use pal_abi::kind::{I32, In, InBytes, InOut, Len, Out, OutBytes, U32, U64, Uptr, Wire};
use pal_abi::{
    Attr, CALLS, CallInfo, Cloning, CloningTable, Family, FamilyTable, FsInfo, GROUPS, Handle, HandlePassing,
    HandlePassingTable, IoResult, LockRange, Nodes, NodesTable, Pal, PalError, PalResult, PalTable,
    ProcessParams, Singleton, SocketMessage, Sockets, SocketsTable, ThreadParams, WordWait, WordWaitTable,
    decode,
};

use crate::harness::{Env, Suite};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[("injected: every error of every list passes through tables unchanged", all_errors)]);
}

static ANSWER: AtomicI32 = AtomicI32::new(0);

/// Answers every call with [`ANSWER`].
#[derive(Debug)]
struct Injector;

impl Singleton for Injector {
    fn instance() -> &'static Self {
        &Self
    }
}

/// The layer above it, which passes everything on through C tables.
#[derive(Debug)]
struct Above;

static BELOW: PalTable = PalTable::of::<Injector>();
static TABLE: PalTable = PalTable::of::<Above>();

impl Singleton for Above {
    fn instance() -> &'static Self {
        &Self
    }
}

macro_rules! layers {
    ($($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
        fails($($error:ident),* $(,)?);)*) => {
        impl Pal for Injector {
            $(fn $name(&self, $(_: <$kind as Wire>::Host<'_>),*) -> PalResult { decode(ANSWER.load(Ordering::SeqCst)) })*
        }

        impl Pal for Above {
            $(fn $name(&self, $($arg: <$kind as Wire>::Host<'_>),*) -> PalResult { BELOW.$name($($arg),*) })*
        }

        /// Makes call `number` with nothing in its parameters.
        fn call(number: u32) -> PalResult {
            match number {
                // SAFETY: no memory is behind any parameter, and the layers below touch none.
                $($number => TABLE.$name($(unsafe { <$kind as Wire>::from_c(<$kind as Nothing>::nothing()) }),*),)*
                _ => call_optional(number),
            }
        }
    };
}

macro_rules! optional_layers {
    ($($(#[doc = $gdoc:literal])* group $Trait:ident $Table:ident ($gname:literal, $version:literal) {
        $($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
            fails($($error:ident),* $(,)?);)*
    })*) => {
        $(
            impl $Trait for Injector {
                $(fn $name(&self, $(_: <$kind as Wire>::Host<'_>),*) -> PalResult {
                    decode(ANSWER.load(Ordering::SeqCst))
                })*
            }

            impl $Trait for Above {
                $(fn $name(&self, $($arg: <$kind as Wire>::Host<'_>),*) -> PalResult {
                    static BELOW: $Table = $Table::of::<Injector>();
                    BELOW.$name($($arg),*)
                })*
            }
        )*

        /// As `call`, for the optional groups.
        fn call_optional(number: u32) -> PalResult {
            match number {
                $($($number => {
                    static TABLE: $Table = $Table::of::<Above>();
                    // SAFETY: as in `call`.
                    TABLE.$name($(unsafe { <$kind as Wire>::from_c(<$kind as Nothing>::nothing()) }),*)
                })*)*
                _ => Err(PalError::Invalid),
            }
        }
    };
}

/// The C value of a parameter that is not given.
trait Nothing: Wire {
    fn nothing() -> Self::C;
}

macro_rules! zeros {
    ($($kind:ident)*) => { $(impl Nothing for $kind { fn nothing() -> Self::C { 0 } })* };
}
zeros!(U32 I32 U64 Uptr Len Handle);

macro_rules! nulls {
    ($($kind:ident)*) => { $(impl<T: pal_abi::kind::Datum> Nothing for $kind<T> {
        fn nothing() -> Self::C { core::ptr::null_mut() }
    })* };
}
nulls!(In Out InOut);

impl Nothing for InBytes {
    fn nothing() -> Self::C {
        core::ptr::null_mut()
    }
}

impl Nothing for OutBytes {
    fn nothing() -> Self::C {
        core::ptr::null_mut()
    }
}

pal_abi::for_each_pal_call!(layers);
pal_abi::for_each_optional_call!(optional_layers);

/// What passed through: numbers of calls and errors.
static MET: Mutex<BTreeSet<(u32, PalError)>> = Mutex::new(BTreeSet::new());

/// Whether a call's error has passed through the layers.
pub(crate) fn has_met(call: &CallInfo, error: PalError) -> bool {
    MET.lock().unwrap().contains(&(call.number, error))
}

fn all_errors(_: &Env) {
    for info in CALLS.iter().chain(GROUPS.iter().flat_map(|group| group.calls)) {
        for error in PalError::ALL.iter().filter(|e| info.may_fail_with(**e)) {
            ANSWER.store(error.code(), Ordering::SeqCst);
            assert_eq!(call(info.number), Err(*error), "{}", info.name);
            MET.lock().unwrap().insert((info.number, *error));
        }
    }
    // An answer outside the sets comes from a broken layer.
    ANSWER.store(-1000, Ordering::SeqCst);
    assert_eq!(call(1), Err(PalError::Io));
}
