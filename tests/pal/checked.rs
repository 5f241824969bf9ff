//! The checking layer: passes every call on, holds its result against the call's closed list, and remembers which
//! results were seen.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use pal_abi::kind::{I32, In, InBytes, InOut, Len, Out, OutBytes, U32, U64, Uptr, Wire};
use pal_abi::{
    Attr, CALLS, Cloning, CloningTable, Family, FamilyTable, FsInfo, GROUPS, Handle, HandlePassing,
    HandlePassingTable, IoResult, LockRange, Nodes, NodesTable, Pal, PalError, PalResult, PalTable,
    ProcessParams, ThreadParams, WordWait, WordWaitTable, encode,
};

/// The layer.
#[derive(Debug)]
pub(crate) struct Checked {
    core: &'static PalTable,
    words: &'static WordWaitTable,
    passing: &'static HandlePassingTable,
    cloning: &'static CloningTable,
    nodes: &'static NodesTable,
    family: &'static FamilyTable,
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
) -> &'static Checked {
    LAYER.get_or_init(|| Checked {
        core,
        words: words.unwrap_or(&WordWaitTable::UNSUPPORTED),
        passing: passing.unwrap_or(&HandlePassingTable::UNSUPPORTED),
        cloning: cloning.unwrap_or(&CloningTable::UNSUPPORTED),
        nodes: nodes.unwrap_or(&NodesTable::UNSUPPORTED),
        family: family.unwrap_or(&FamilyTable::UNSUPPORTED),
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

/// The layer, for threads that clone.
pub(crate) fn cloning() -> &'static dyn Cloning {
    LAYER.get().expect("set before any thread")
}

fn check(number: u32, result: PalResult) -> PalResult {
    let seen = || SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    seen().insert((number, encode(result)));
    if let Err(error) = result {
        let call = pal_abi::info::call(number).expect("a call of the table");
        if !call.may_fail_with(error) {
            let text = format!("{} answered {error}, which is not in its closed list", call.name);
            VIOLATIONS.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    }
    result
}

/// What was answered outside the closed lists since the last time.
pub(crate) fn take_violations() -> Vec<String> {
    std::mem::take(&mut VIOLATIONS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Prints which calls never succeeded, and which errors of the lists were not seen.
pub(crate) fn print_coverage(filters: &[String]) {
    if !filters.is_empty() || std::env::var_os("PAL_COVERAGE").is_none() {
        return;
    }
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    for call in CALLS.iter().chain(GROUPS.iter().flat_map(|g| g.calls)) {
        let missing: Vec<&str> = PalError::ALL
            .iter()
            .filter(|e| call.may_fail_with(**e) && !seen.contains(&(call.number, e.code())))
            .map(|e| e.name())
            .collect();
        let succeeded = seen.iter().any(|(n, code)| *n == call.number && *code >= 0);
        if !succeeded || !missing.is_empty() {
            let never = if succeeded { "" } else { " NEVER SUCCEEDED;" };
            println!("{:2} {}:{never} not seen: {}", call.number, call.name, missing.join(" "));
        }
    }
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
        checked!(Cloning, cloning, $rows);
    };
    (Nodes $rows:tt) => {
        checked!(Nodes, nodes, $rows);
    };
    (Family $rows:tt) => {
        checked!(Family, family, $rows);
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
