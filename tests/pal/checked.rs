//! The checking layer: passes every call on, holds its result against the call's closed list, and remembers which
//! results were seen.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use pal_abi::kind::{I32, In, InBytes, InOut, Len, Out, OutBytes, U32, U64, Uptr, Wire};
use pal_abi::{
    Attr, CallInfo, Cloning, CloningTable, Family, FamilyTable, FsInfo, Handle, HandlePassing,
    HandlePassingTable, IoResult, LockRange, Nodes, NodesTable, Pal, PalError, PalResult, PalTable,
    ProcessParams, SocketMessage, Sockets, SocketsTable, ThreadParams, WordWait, WordWaitTable, arg, encode,
};

use crate::harness;

/// The layer.
#[derive(Debug)]
pub(crate) struct Checked {
    core: &'static PalTable,
    words: &'static WordWaitTable,
    passing: &'static HandlePassingTable,
    cloning: &'static CloningTable,
    nodes: &'static NodesTable,
    family: &'static FamilyTable,
    sockets: &'static SocketsTable,
}

static LAYER: OnceLock<Checked> = OnceLock::new();
static VIOLATIONS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static SEEN: Mutex<BTreeSet<(u32, i32)>> = Mutex::new(BTreeSet::new());

/// Puts the layer over a stack.
pub(crate) fn over(
    core: &'static PalTable,
    words: Option<&'static WordWaitTable>,
    passing: Option<&'static HandlePassingTable>,
    cloning: Option<&'static CloningTable>,
    nodes: Option<&'static NodesTable>,
    family: Option<&'static FamilyTable>,
    sockets: Option<&'static SocketsTable>,
) -> &'static Checked {
    LAYER.get_or_init(|| Checked {
        core,
        words: words.unwrap_or(&WordWaitTable::UNSUPPORTED),
        passing: passing.unwrap_or(&HandlePassingTable::UNSUPPORTED),
        cloning: cloning.unwrap_or(&CloningTable::UNSUPPORTED),
        nodes: nodes.unwrap_or(&NodesTable::UNSUPPORTED),
        family: family.unwrap_or(&FamilyTable::UNSUPPORTED),
        sockets: sockets.unwrap_or(&SocketsTable::UNSUPPORTED),
    })
}

/// The layer, for threads.
pub(crate) fn pal() -> &'static dyn Pal {
    LAYER.get().expect("set before any thread")
}

/// The layer, for threads that pass handles.
pub(crate) fn passing() -> &'static dyn HandlePassing {
    LAYER.get().expect("set before any thread")
}

/// The layer, for threads that work on nodes.
pub(crate) fn nodes() -> &'static dyn Nodes {
    LAYER.get().expect("set before any thread")
}

/// The layer, for threads that use sockets.
pub(crate) fn sockets() -> &'static dyn Sockets {
    LAYER.get().expect("set before any thread")
}

/// The layer, for threads that clone.
pub(crate) fn cloning() -> &'static dyn Cloning {
    LAYER.get().expect("set before any thread")
}

/// The number of `ProcessClone`.
const PROCESS_CLONE: u32 = 68;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check(number: u32, result: PalResult) -> PalResult {
    lock(&SEEN).insert((number, encode(result)));
    RECORD.with_borrow_mut(|record| record.push((number, encode(result))));
    if let Err(error) = result {
        let call = pal_abi::info::call(number).expect("a call of the table");
        if !call.may_fail_with(error) {
            let text = format!("{} answered {error}, which is not in its closed list", call.name);
            lock(&VIOLATIONS).push(text);
        }
    }
    result
}

thread_local! {
    /// What the calling thread was answered since it began to record.
    static RECORD: RefCell<Vec<(u32, i32)>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f`; tells what the calls in it answered, too.
pub(crate) fn record<R>(f: impl FnOnce() -> R) -> (R, Vec<(u32, i32)>) {
    RECORD.take();
    let result = f();
    (result, RECORD.take())
}

/// How many answers outside the closed lists there were since the last time they were taken.
pub(crate) fn violations() -> usize {
    lock(&VIOLATIONS).len()
}

/// What was answered outside the closed lists since the last time.
pub(crate) fn take_violations() -> Vec<String> {
    std::mem::take(&mut lock(&VIOLATIONS))
}

/// Whether a call of the stack under test was seen to fail so.
pub(crate) fn has_failed(call: &CallInfo, error: PalError) -> bool {
    lock(&SEEN).contains(&(call.number, error.code()))
}

/// Whether it was seen to succeed.
pub(crate) fn has_succeeded(call: &CallInfo) -> bool {
    lock(&SEEN).iter().any(|(number, code)| *number == call.number && *code >= 0)
}

macro_rules! checked {
    ($Trait:ident, $below:ident, { $($number:literal $name:ident($($arg:ident: $kind:ty),*);)* }) => {
        impl $Trait for Checked {
            $(fn $name(&self, $($arg: <$kind as Wire>::Host<'_>),*) -> PalResult {
                check($number, $Trait::$name(self.$below, $($arg),*))
            })*
        }
    };
}

macro_rules! checked_core {
    ($($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
        fails($($error:ident),* $(,)?);)*) => {
        checked!(Pal, core, { $($number $name($($arg: $kind),*);)* });
    };
}
pal_abi::for_each_pal_call!(checked_core);

/// The field that holds a group's table.
macro_rules! checked_group {
    (WordWait $rows:tt) => {
        checked!(WordWait, words, $rows);
    };
    (HandlePassing $rows:tt) => {
        checked!(HandlePassing, passing, $rows);
    };
    (Cloning $rows:tt) => {
        impl Cloning for Checked {
            /// As every layer, this one takes its locks first: nobody is left to give them back in the copy.
            fn process_clone(
                &self,
                flags: u32,
                is_child: arg::Out<'_, u32>,
                process: arg::Out<'_, Handle>,
                channel: arg::Out<'_, Handle>,
            ) -> PalResult {
                let result = harness::with_locks(|| {
                    let _held = (lock(&SEEN), lock(&VIOLATIONS));
                    Cloning::process_clone(self.cloning, flags, is_child, process, channel)
                });
                check(PROCESS_CLONE, result)
            }
        }
    };
    (Nodes $rows:tt) => {
        checked!(Nodes, nodes, $rows);
    };
    (Family $rows:tt) => {
        checked!(Family, family, $rows);
    };
    (Sockets $rows:tt) => {
        checked!(Sockets, sockets, $rows);
    };
}

macro_rules! checked_groups {
    ($($(#[doc = $gdoc:literal])* group $Trait:ident $Table:ident ($gname:literal, $version:literal) {
        $($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
            fails($($error:ident),* $(,)?);)*
    })*) => { $(
        checked_group!($Trait { $($number $name($($arg: $kind),*);)* });
    )* };
}
pal_abi::for_each_optional_call!(checked_groups);
