//! The rules the table keeps.

use super::{CALLS, CallInfo, GROUPS, UPCALLS, call};
use crate::PalError;
use crate::kind::KindInfo;

fn every_call() -> impl Iterator<Item = &'static CallInfo> {
    CALLS.iter().chain(GROUPS.iter().flat_map(|g| g.calls))
}

#[test]
fn numbers_are_dense() {
    for (calls, first) in [(CALLS, 1), (UPCALLS, 1)] {
        for (n, call) in (first..).zip(calls) {
            assert_eq!(call.number, n, "{}", call.name);
        }
    }
    for (n, call) in (64..).zip(GROUPS.iter().flat_map(|g| g.calls)) {
        assert_eq!(call.number, n, "{}", call.name);
    }
    assert_eq!((CALLS.len(), UPCALLS.len()), (45, 3));
    assert_eq!(call(9).map(|c| c.name), Some("StreamRead"));
    assert_eq!(call(46).map(|c| c.name), None);
}

#[test]
fn parameters_fit_the_registers_and_buffers_have_lengths() {
    for call in every_call() {
        assert!(call.params.len() <= 6, "{}", call.name);
        for (at, param) in call.params.iter().enumerate() {
            let next = call.params.get(at + 1).map(|p| p.kind);
            let before = at.checked_sub(1).map(|at| call.params[at].kind);
            match param.kind {
                KindInfo::InBytes | KindInfo::OutBytes => {
                    assert_eq!(next, Some(KindInfo::Len), "{}", call.name)
                }
                KindInfo::Len => assert!(
                    matches!(before, Some(KindInfo::InBytes | KindInfo::OutBytes)),
                    "{}: {} follows no buffer",
                    call.name,
                    param.name
                ),
                _ => {}
            }
            assert_eq!(param.slots32, if param.kind == KindInfo::U64 { 2 } else { 1 });
        }
    }
}

#[test]
fn error_lists_are_closed_and_without_repetition() {
    for call in every_call() {
        for (at, error) in call.errors.iter().enumerate() {
            assert!(!call.errors[..at].contains(error), "{} lists {error} twice", call.name);
            let implicit = [
                PalError::Invalid,
                PalError::BadHandle,
                PalError::WrongType,
                PalError::Fault,
                PalError::NoMemory,
            ];
            assert!(!implicit.contains(error), "{} lists the implicit {error}", call.name);
        }
        let points = call.params.iter().any(|p| p.kind.is_pointer());
        assert_eq!(call.may_fail_with(PalError::Fault), points, "{}", call.name);
        assert!(PalError::ALL.iter().any(|e| !call.may_fail_with(*e)));
    }
}

#[test]
fn every_call_is_documented_and_uniquely_named() {
    for call in every_call().chain(UPCALLS) {
        assert!(call.doc.iter().any(|line| line.trim_end().ends_with('.')), "{}", call.name);
        assert!(!call.doc[0].trim().is_empty(), "{}", call.name);
        assert_eq!(every_call().chain(UPCALLS).filter(|c| c.name == call.name).count(), 1);
    }
}
