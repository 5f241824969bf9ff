//! What a campaign found: counts that can be added up, and a report of each kind of failure.

use crate::allowed::Reason;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often a form was compared, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Cases of this one instruction.
    pub alone: u64,
    /// Times in the code of a sequence.
    pub in_sequences: u64,
    /// Of those alone, the cases whose difference is explained.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allowed: BTreeMap<Reason, u64>,
}

/// A kind of failure.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Failure {
    /// How many cases failed in this way.
    pub cases: u64,
    /// The first of them, shrunk; empty where enough others were reported.
    pub report: String,
}

/// What a campaign found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Findings {
    /// Cases run and compared.
    pub cases: u64,
    /// Cases whose outcome differed.
    pub failures: u64,
    /// Cases whose difference is explained.
    pub allowed: BTreeMap<Reason, u64>,
    /// Forms by iced-x86's names.
    pub forms: BTreeMap<String, Tally>,
    /// The failures by mnemonic (of the case's first instruction) and first differing field.
    pub reports: BTreeMap<String, Failure>,
}

fn add_all<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key).or_default() += count;
    }
}

impl Findings {
    /// Adds what another part of the campaign found.
    pub fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.failures += other.failures;
        add_all(&mut self.allowed, other.allowed);
        for (form, tally) in other.forms {
            let sum = self.forms.entry(form).or_default();
            sum.alone += tally.alone;
            sum.in_sequences += tally.in_sequences;
            add_all(&mut sum.allowed, tally.allowed);
        }
        for (key, failure) in other.reports {
            let sum = self.reports.entry(key).or_default();
            sum.cases += failure.cases;
            if sum.report.is_empty() {
                sum.report = failure.report;
            }
        }
    }

    /// How many cases were explained.
    #[must_use]
    pub fn explained(&self) -> u64 {
        self.allowed.values().sum()
    }

    /// The reports and the totals, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for (key, failure) in &self.reports {
            lines.push(format!("=== {key}: {} cases", failure.cases));
            lines.extend(failure.report.lines().map(str::to_owned));
        }
        for (reason, count) in &self.allowed {
            lines.push(format!("allowed, {count} cases: {}", reason.text()));
        }
        lines.push(format!("{} cases, {} differ", self.cases, self.failures));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(alone: u64, report: &str) -> Findings {
        let tally = Tally { alone, in_sequences: 1, allowed: BTreeMap::from([(Reason::Umip, 2)]) };
        Findings {
            cases: alone + 1,
            failures: 1,
            allowed: BTreeMap::from([(Reason::Umip, 2)]),
            forms: BTreeMap::from([("Sldt_rm16".into(), tally)]),
            reports: BTreeMap::from([("Sldt eax".into(), Failure { cases: 1, report: report.into() })]),
        }
    }

    #[test]
    fn parts_add_up_and_survive_their_text_form() {
        let mut sum = part(3, "");
        let text = serde_json::to_string(&part(4, "differs")).expect("plain data");
        sum.add(serde_json::from_str(&text).expect("what was written"));
        assert_eq!((sum.cases, sum.failures, sum.explained()), (9, 2, 4));
        let tally = &sum.forms["Sldt_rm16"];
        assert_eq!((tally.alone, tally.in_sequences, tally.allowed[&Reason::Umip]), (7, 2, 4));
        let failure = &sum.reports["Sldt eax"];
        assert_eq!((failure.cases, failure.report.as_str()), (2, "differs"));
    }
}
