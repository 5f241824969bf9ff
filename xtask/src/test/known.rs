//! Failures that are known and open: `tests/open-failures.txt`.
//!
//! A line is `SUITE | TEST | why`, both parts matched as beginnings; `*` as the test means the whole suite, also where it ends without
//! a count. A listed test that fails is counted as skipped and named; every other failure fails the run.

use anyhow::{Context as _, Result, bail};
use std::fs;

use super::report::Counts;
use crate::repo::Repo;
use crate::step::say;

/// One line of the list.
#[derive(Debug)]
struct Entry {
    suite: String,
    test: String,
    why: String,
}

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Known(Vec<Entry>);

impl Known {
    /// Reads the list of this checkout.
    pub(crate) fn read(repo: &Repo) -> Result<Self> {
        let path = repo.root.join("tests/open-failures.txt");
        Self::parse(&fs::read_to_string(&path).with_context(|| path.display().to_string())?)
    }

    fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entries = lines.map(|line| {
            let parts: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
            match parts[..] {
                [suite, test, why] if !suite.is_empty() && !test.is_empty() && !why.is_empty() => {
                    Ok(Entry { suite: suite.to_owned(), test: test.to_owned(), why: why.to_owned() })
                }
                _ => bail!("tests/open-failures.txt: `{line}` is not `SUITE | TEST | why`"),
            }
        });
        entries.collect::<Result<_>>().map(Self)
    }

    /// Why a failure of this test (`*`: of the suite as a whole) is no surprise.
    fn why(&self, suite: &str, test: &str) -> Option<&str> {
        let meets = |e: &&Entry| {
            suite.starts_with(&e.suite) && (e.test == "*" || (test != "*" && test.starts_with(&e.test)))
        };
        self.0.iter().find(meets).map(|e| e.why.as_str())
    }

    /// Turns listed failures of a suite into skips; whether the suite's bad end is then accounted for.
    pub(crate) fn excuse(&self, suite: &str, output: &str, counts: &mut Counts) -> bool {
        let failed =
            output.lines().filter_map(|line| line.strip_prefix("test ")?.trim_end().strip_suffix("FAILED"));
        let mut names: Vec<&str> = failed.map(|name| name.trim().trim_end_matches("...").trim()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            if counts.failed == 0 {
                break;
            }
            if let Some(why) = self.why(suite, name) {
                say(format!("{suite}: {name} fails, as listed: {why}"));
                counts.failed -= 1;
                counts.skipped += 1;
            }
        }
        if counts.failed == 0 && *counts != Counts::default() {
            return true;
        }
        if let Some(why) = self.why(suite, "*") {
            say(format!("{suite}: did not end well, as listed: {why}"));
            counts.skipped += counts.failed.max(1);
            counts.failed = 0;
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_failures_are_excused() {
        let known = Known::parse("# comment\ntests/e2e | here-auto/exec | vfork copies\n")
            .expect("it is well-formed");
        let output = "test here-auto/exec ... FAILED\ntest here-auto/hello ... FAILED\n";
        let mut counts = Counts { passed: 1, failed: 2, skipped: 0 };
        assert!(!known.excuse("tests/e2e on x86-64", output, &mut counts));
        assert_eq!(counts, Counts { passed: 1, failed: 1, skipped: 1 });
        let mut crashed = Counts::default();
        assert!(
            !known.excuse("tests/e2e on x86-64", "", &mut crashed),
            "a crash is not excused by a line for one test"
        );
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        assert!(Known::parse("tests/e2e | exec |").is_err());
    }
}
