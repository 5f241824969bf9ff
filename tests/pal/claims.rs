//! Every error of every closed list is claimed: it was seen in this run, or it is listed here with the reason why the
//! native PAL on a healthy host does not answer it, and has passed through the layers of `injected` instead.

use pal_abi::PalError::{self, *};
use pal_abi::{CALLS, CallInfo, GROUPS};

use crate::harness::Env;
use crate::{checked, failing, injected};

/// The name under which it counts as a case.
pub(crate) const NAME: &str = "claims: every call succeeds, and every error of its list is claimed";

/// Calls that do not return where they succeed, or that a host may not have at all.
const DO_NOT_SUCCEED: &[&str] = &["ProcessExit", "ThreadExit", "ThreadSetTlsBase"];

/// Errors that are implicit with any parameter, so that no list says whether a call has them.
const IMPLICIT: &[PalError] = &[Invalid, NoMemory];

/// Made by the host that fails (`failing`), and perhaps by a healthy one with the right file systems.
const FAILING: &[(&str, &[PalError])] = &[
    ("VirtualMemoryAllocate", &[Denied]),
    ("StreamOpen", &[NoSpace, Io, Busy, TextBusy, TooBig, Quota, Reset, TimedOut, NotPermitted]),
    ("StreamRead", &[Io, Broken, Unreachable, TimedOut, NotConnected]),
    ("StreamWrite", &[Io, Refused, Unreachable, Quota, Reset, TimedOut]),
    ("StreamMap", &[TextBusy, NotPermitted]),
    ("StreamSetLength", &[NoSpace, Io, TextBusy, Quota, NotPermitted]),
    ("StreamFlush", &[NoSpace, Io, Quota]),
    ("StreamDelete", &[Denied, Io, NotPermitted]),
    ("StreamRename", &[Denied, NoSpace, Io, NotSupported, TooMany, Quota, NotPermitted]),
    ("StreamGetName", &[NotFound]),
    ("StreamEnumerateChildren", &[NotFound, Io]),
    ("StreamAttributesQuery", &[Io]),
    ("StreamAttributesQueryByHandle", &[Denied, Io, NotSupported]),
    ("StreamAttributesSetByHandle", &[Denied, NoSpace, Io, Quota, NotPermitted]),
    ("OpenAt", &[NoSpace, Io, Busy, NotSupported, TextBusy, TooBig, Quota, NotPermitted]),
    ("UnlinkAt", &[Denied, Io, Loop, NotPermitted]),
    ("RenameAt", &[NoSpace, Io, Busy, NotSupported, TooMany, Loop, Quota, NotPermitted]),
    ("LinkAt", &[Denied, NoSpace, Io, NotSupported, TooMany, Loop, Quota]),
    ("SymlinkAt", &[Denied, NoSpace, Io, Loop, Quota, NotPermitted]),
    ("ReadLink", &[Denied, NotFound, Io]),
    ("MakeNode", &[Denied, NoSpace, Io, TooMany, Loop, Quota]),
    ("XattrGet", &[Denied, Io, NotSupported, NotPermitted]),
    ("XattrSet", &[Denied, NoSpace, Io, NotSupported, Quota, NotPermitted]),
    ("XattrList", &[Denied, Io, NotSupported, TooBig]),
    ("XattrRemove", &[Denied, Io, NotSupported, NotPermitted]),
    ("StatFs", &[Io, NotSupported]),
    ("Lock", &[Io, NotSupported, TooMany, Deadlock]),
    ("Watch", &[Denied, NotSupported, TooMany]),
    ("Hole", &[NoSpace, Io, NotSupported, TextBusy, TooBig, Quota, NotPermitted, NoDevice]),
];

/// Seen where the suite's user may not do everything.
const UNPRIVILEGED: &[(&str, &[PalError])] =
    &[("SocketBind", &[Denied]), ("SocketSetOption", &[NotPermitted])];

/// Not of the native PAL.
const OTHERS: &[(&str, &[PalError], &str)] = &[
    (
        "ProcessCreate",
        &[WrongType],
        "a handle to anything may be handed over, or none of its kind: NOT_SUPPORTED",
    ),
    ("StreamRead", &[Cancelled], "a timer answers it where somebody sets the host's clock"),
    ("StreamMap", &[NotSupported], "a layer without mappings answers it"),
    ("StreamSetLength", &[Interrupted], "local file systems do not wait"),
    ("StreamFlush", &[ReadOnly], "what cannot be written is durable"),
    ("ThreadCreate", &[NotSupported], "a layer without threads answers it"),
    ("ObjectReference", &[WrongType], "every object has references"),
    ("ObjectReference", &[TooMany], "the limit is 2^30"),
    ("ObjectClose", &[WrongType], "every object has references"),
    ("StreamSendHandle", &[Denied], "a layer that filters answers it"),
    ("StreamReceiveHandle", &[NotSupported], "a layer without the group answers it"),
    ("ProcessClone", &[Denied], "a layer that filters answers it"),
    ("ProcessClone", &[NotSupported], "a process without a supervisor answers it"),
    ("StatFs", &[Interrupted], "local file systems do not wait"),
    ("Hole", &[Interrupted], "local file systems do not wait"),
    ("SocketOpen", &[Denied], "the suite has the network"),
    ("SocketSetOption", &[TooMany, Overflow], "the host's limits are far"),
    ("SocketBind", &[NotPermitted], "a host that filters answers it"),
    ("SocketConnect", &[Unreachable, TimedOut, Reset, Conflict], "not over the loop-back interface"),
    ("SocketConnect", &[NoProtocol, NotSupported], "a layer with its own names answers it"),
    (
        "SocketSend",
        &[Unreachable, NetUnreachable, AddressUnavailable, TimedOut],
        "not over the loop-back interface",
    ),
    ("SocketSend", &[NoProtocol], "a layer with its own names answers it"),
    ("SocketReceive", &[Unreachable, NetUnreachable, TimedOut], "not over the loop-back interface"),
];

fn is_listed(list: &[(&str, &[PalError])], call: &CallInfo, error: PalError) -> bool {
    list.iter().any(|(name, errors)| *name == call.name && errors.contains(&error))
}

fn is_of_others(call: &CallInfo, error: PalError) -> bool {
    OTHERS.iter().any(|(name, errors, _)| *name == call.name && errors.contains(&error))
}

/// What is wrong with a call's error, if anything is.
fn complaint(call: &CallInfo, error: PalError, host_fails: bool) -> Option<&'static str> {
    let (seen, failing) = (checked::has_failed(call, error), is_listed(FAILING, call, error));
    let others = is_of_others(call, error);
    if !injected::has_met(call, error) {
        Some("has not passed through the injecting layer")
    } else if seen {
        others.then_some("is listed as another layer's, but was seen")
    } else if failing && host_fails {
        Some("is listed as a failing host's, but was not seen on one")
    } else if failing || others || is_listed(UNPRIVILEGED, call, error) || IMPLICIT.contains(&error) {
        None
    } else {
        Some("was not seen, and nobody claims it")
    }
}

/// Looks for errors that nobody claims.
///
/// # Errors
/// One line for each.
pub(crate) fn check(env: &Env) -> Result<(), Vec<String>> {
    let host_fails = failing::concerns(env) && failing::host_can_fail(env);
    let mut lines = Vec::new();
    for call in CALLS.iter().chain(GROUPS.iter().flat_map(|group| group.calls)) {
        if !checked::has_succeeded(call) && !DO_NOT_SUCCEED.contains(&call.name) {
            lines.push(format!("{}: never succeeded", call.name));
        }
        for error in PalError::ALL.iter().filter(|error| call.may_fail_with(**error)) {
            if let Some(complaint) = complaint(call, *error, host_fails) {
                lines.push(format!("{}: {error:?} {complaint}", call.name));
            }
        }
    }
    if lines.is_empty() { Ok(()) } else { Err(lines) }
}
