//! Many cases through the hardware and a machine.

use crate::allowed::{Reason, explain};
use crate::case::{Case, Outcome, Stop};
use crate::compare::{Difference, differences, instructions};
use crate::findings::Findings;
use crate::generate::{Generator, Kind};
use crate::hardware::Hardware;
use crate::machine::Machine;
use crate::report::report;
use crate::shrink::{judge, shrink};
use frontend_x86::table::{MNEMONICS, Policy};
use iced_x86::Mnemonic;

/// The mnemonics that the table gives to the generator.
#[must_use]
pub fn fuzzed() -> Vec<Mnemonic> {
    MNEMONICS.iter().filter(|(_, p)| *p == Policy::Fuzz).map(|(m, _)| *m).collect()
}

/// Which of its cases a campaign runs, and how much it tells.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Seed of the generator.
    pub seed: u64,
    /// First case.
    pub from: u64,
    /// How many.
    pub cases: u64,
    /// At most so many kinds of failure are shrunk and reported.
    pub reports: usize,
    /// Whether the hardware's undefined flags are the promised ones.
    pub promised: bool,
}

/// Cases that the processor runs in one go.
pub const BATCH: u64 = 2000;

/// Whether the processor that runs this program leaves undefined flags as AMD's Zen does.
#[must_use]
pub fn promises_hold_here() -> bool {
    crate::vectors::vendor() == "AuthenticAMD"
}

/// Counts the forms of a case; the first is the one that the case was made for.
fn count_forms(findings: &mut Findings, kind: Kind, case: &Case) {
    match kind {
        Kind::Single(code) => findings.forms.entry(format!("{code:?}")).or_default().alone += 1,
        Kind::Sequence | Kind::Raw => {
            for i in instructions(case) {
                findings.forms.entry(format!("{:?}", i.code())).or_default().in_sequences += 1;
            }
        }
    }
}

/// What a failure is filed under: the mnemonic of the case's first instruction and the first differing field.
fn key(case: &Case, list: &[Difference]) -> String {
    let what = list.first().map_or("", |first| first.0.trim_end_matches(|c: char| c.is_ascii_digit()));
    let what = if what.starts_with('[') { "memory" } else { what };
    let mut all = instructions(case);
    let form = all.next().map_or_else(|| "invalid".into(), |i| format!("{:?}", i.mnemonic()));
    if all.next().is_none() { format!("{form} {what}") } else { format!("sequence {form} {what}") }
}

/// Runs a plan.
pub fn run(
    generator: &Generator,
    hardware: &mut Hardware,
    machine: &mut dyn Machine,
    plan: Plan,
) -> Findings {
    let mut findings = Findings::default();
    let mut at = plan.from;
    let end = plan.from + plan.cases;
    while at < end {
        let numbers: Vec<u64> = (at..end.min(at + BATCH)).collect();
        let cases: Vec<Case> = numbers.iter().map(|n| generator.case(*n)).collect();
        for ((case, want), n) in cases.iter().zip(hardware.run(&cases)).zip(&numbers) {
            let kind = generator.kind(*n);
            findings.cases += 1;
            count_forms(&mut findings, kind, case);
            if want.stop == Stop::Hang {
                // However far others get in their time, it would explain nothing.
                *findings.allowed.entry(Reason::Patience).or_default() += 1;
                continue;
            }
            let got = machine.run(case);
            let list = differences(case, &want, &got, plan.promised);
            if list.is_empty() {
                continue;
            }
            if let Some(reason) = explain(case, &want, &got) {
                *findings.allowed.entry(reason).or_default() += 1;
                if let Kind::Single(code) = kind {
                    let tally = findings.forms.entry(format!("{code:?}")).or_default();
                    *tally.allowed.entry(reason).or_default() += 1;
                }
                continue;
            }
            findings.failures += 1;
            let key = key(case, &list);
            let shown = findings.reports.len() < plan.reports && want.stop != Stop::Broken;
            let text = if findings.reports.contains_key(&key) || !shown {
                String::new()
            } else {
                shrunk(case, &format!("seed {:#x}, case {n}", plan.seed), hardware, machine, (&want, plan))
            };
            let failure = findings.reports.entry(key).or_default();
            failure.cases += 1;
            if failure.report.is_empty() {
                failure.report = text;
            }
        }
        at += BATCH;
    }
    findings
}

/// The report of a failing case made small; of the case itself where the processor disagrees with itself.
fn shrunk(
    case: &Case,
    origin: &str,
    hardware: &mut Hardware,
    machine: &mut dyn Machine,
    (want, plan): (&Outcome, Plan),
) -> String {
    let small = shrink(case, hardware, machine, plan.promised);
    let (again, got, list) = judge(&small, hardware, machine, plan.promised);
    if list.is_empty() {
        let got = machine.run(case);
        let list = differences(case, want, &got, plan.promised);
        return report(machine.name(), &format!("{origin}, once only"), case, want, &got, &list);
    }
    report(machine.name(), origin, &small, &again, &got, &list)
}
