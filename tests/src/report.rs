//! What a failure looks like.

use crate::case::{Case, Outcome, State};
use crate::compare::{Difference, GPR};
use crate::ins;
use core::fmt::Write;

fn registers(s: &State) -> String {
    let list: Vec<String> = GPR.iter().zip(s.gpr).map(|(n, v)| format!("{n}={v:08x}")).collect();
    format!("{} eip={:08x} eflags={:06x}", list.join(" "), s.eip, s.eflags)
}

/// The report of one difference.
#[must_use]
pub fn report(
    machine: &str,
    origin: &str,
    case: &Case,
    want: &Outcome,
    got: &Outcome,
    list: &[Difference],
) -> String {
    let mut out = String::new();
    let bytes: Vec<String> = case.code.iter().map(|b| format!("{b:02x}")).collect();
    // Writing to a String does not fail.
    let verdict = if list.is_empty() { "agrees with" } else { "differs from" };
    let _ = writeln!(out, "--- {machine} {verdict} the processor ({origin})");
    let _ = writeln!(out, "  bytes     {}", bytes.join(" "));
    let _ = writeln!(out, "  text      {}", ins::disassembly(case));
    let _ = writeln!(out, "  before    {}", registers(&case.state));
    let _ = writeln!(out, "  processor {}", registers(&want.state));
    let _ = writeln!(out, "  {machine:<9} {}", registers(&got.state));
    for (what, a, b) in list {
        let _ = writeln!(out, "  ! {what:<12} processor {a}  {machine} {b}");
    }
    let line = ins::line(case, want);
    let _ = writeln!(out, "  line      {line}");
    let _ = writeln!(out, "  repeat    cargo run -p trunnion-tests --bin difftest -- line '{line}'");
    out
}
