//! Many cases through the hardware and a machine.

use crate::allowed::{Reason, explain};
use crate::case::{Case, Stop};
use crate::compare::{differences, instructions};
use crate::generate::Generator;
use crate::hardware::Hardware;
use crate::machine::Machine;
use crate::report::report;
use crate::shrink::{judge, shrink};
use frontend_x86::table::{MNEMONICS, Policy};
use iced_x86::Mnemonic;
use std::collections::BTreeMap;

/// The mnemonics that the table gives to the generator.
#[must_use]
pub fn fuzzed() -> Vec<Mnemonic> {
    MNEMONICS.iter().filter(|(_, p)| *p == Policy::Fuzz).map(|(m, _)| *m).collect()
}

/// What a campaign found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Cases run and compared.
    pub cases: u64,
    /// Cases whose outcome differed.
    pub failures: u64,
    /// Cases whose difference is explained.
    pub allowed: BTreeMap<Reason, u64>,
    /// One report for each mnemonic (of the case's first instruction) and first differing field.
    pub reports: BTreeMap<String, (u64, String)>,
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

const BATCH: u64 = 2000;

/// Whether the processor that runs this program leaves undefined flags as AMD's Zen does.
#[must_use]
pub fn promises_hold_here() -> bool {
    crate::vectors::vendor() == "AuthenticAMD"
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
            findings.cases += 1;
            let got = machine.run(case);
            let list = differences(case, &want, &got, plan.promised);
            let Some(first) = list.first() else { continue };
            if let Some(reason) = explain(case, &want, &got) {
                *findings.allowed.entry(reason).or_default() += 1;
                continue;
            }
            findings.failures += 1;
            let what = first.0.trim_end_matches(|c: char| c.is_ascii_digit());
            let what = if what.starts_with('[') { "memory" } else { what };
            let single = instructions(case).count() <= 1;
            let first = instructions(case).next();
            let form = first.map_or_else(|| "invalid".into(), |i| format!("{:?}", i.mnemonic()));
            let key = if single { format!("{form} {what}") } else { format!("sequence {form} {what}") };
            if let Some(seen) = findings.reports.get_mut(&key) {
                seen.0 += 1;
                continue;
            }
            let text = if findings.reports.len() < plan.reports && want.stop != Stop::Broken {
                let small = shrink(case, hardware, machine, plan.promised);
                let (want, got, list) = judge(&small, hardware, machine, plan.promised);
                let origin = format!("seed {:#x}, case {n}", plan.seed);
                report(machine.name(), &origin, &small, &want, &got, &list)
            } else {
                String::new()
            };
            findings.reports.insert(key, (1, text));
        }
        at += BATCH;
    }
    findings
}
