//! Counting tests, and the closing line.

use anyhow::{Error, Result, bail};
use std::time::Duration;

use crate::step::say;

/// Tests counted in one suite.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// Reads the counts out of a suite's output: every `test result:` line, and every `SKIPPED N` line.
    ///
    /// A suite that replays recorded results where it cannot compare with the processor prints
    /// `SKIPPED N what was not compared`.
    pub(crate) fn read(output: &str) -> Option<Self> {
        let mut counts = Self::default();
        let mut seen = false;
        for line in output.lines() {
            if let Some(rest) = line.strip_prefix("test result: ") {
                seen = true;
                counts.passed += number_before(rest, " passed");
                counts.failed += number_before(rest, " failed");
                counts.skipped += number_before(rest, " ignored");
            } else if let Some(rest) = line.strip_prefix("SKIPPED ") {
                let number = rest.split_whitespace().next().unwrap_or_default();
                counts.skipped += number.parse::<u64>().unwrap_or(1);
            }
        }
        seen.then_some(counts)
    }
}

/// The number that stands directly before `word`.
fn number_before(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().unwrap_or_default();
    if before.len() == line.len() {
        return 0;
    }
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Everything that ran.
#[derive(Debug, Default)]
pub(crate) struct Report {
    counts: Counts,
    failures: Vec<String>,
}

impl Report {
    /// Adds a check that is not a suite: one test.
    pub(crate) fn check(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => self.counts.passed += 1,
            Err(error) => self.broken(name, &error),
        }
    }

    /// Adds a step that did not come to run its tests: one failure.
    pub(crate) fn broken(&mut self, name: &str, error: &Error) {
        println!("{error:#}");
        self.counts.failed += 1;
        self.failures.push(name.to_owned());
    }

    /// Adds a suite; `ended_well` is false where the program itself failed.
    pub(crate) fn suite(&mut self, name: &str, counts: Counts, ended_well: bool) {
        self.counts.passed += counts.passed;
        self.counts.skipped += counts.skipped;
        self.counts.failed += counts.failed;
        if !ended_well && counts.failed == 0 {
            self.counts.failed += 1;
        }
        if !ended_well || counts.failed > 0 {
            self.failures.push(name.to_owned());
        }
    }

    /// Prints the closing line; an error where anything failed.
    pub(crate) fn close(self, took: Duration) -> Result<()> {
        say(format!("tests took {} min {} s", took.as_secs() / 60, took.as_secs() % 60));
        for failure in &self.failures {
            say(format!("FAILED: {failure}"));
        }
        let Counts { passed, failed, skipped } = self.counts;
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        if failed > 0 || passed == 0 {
            bail!("the tests did not pass");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_several_result_lines_are_added() {
        let output = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            SKIPPED 12 comparisons with the processor\n\
            test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(Counts::read(output), Some(Counts { passed: 13, failed: 2, skipped: 13 }));
    }

    #[test]
    fn output_without_a_result_line_is_not_a_suite() {
        assert_eq!(Counts::read("hello\n"), None);
    }
}
