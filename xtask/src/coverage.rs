//! Which system calls the library OS has, and which of those that real programs make it lacks.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use crate::repo::Repo;

/// The library OS's table.
const TABLE: &str = "libos/src/syscall/table.rs";
/// What real programs call.
const WORKLOADS: &str = "tests/workloads/syscalls-by-tier.txt";

/// Runs `cargo xtask coverage`: what real programs still miss.
pub(crate) fn task(repo: &Repo) -> Result<()> {
    print!("{}", section(repo)?);
    Ok(())
}

/// The section of `docs/COVERAGE.md`.
pub(crate) fn section(repo: &Repo) -> Result<String> {
    let read =
        |path: &str| fs::read_to_string(repo.root.join(path)).with_context(|| format!("reading {path}"));
    let implemented = rows(&read(TABLE)?);
    let mut text = format!(
        "## System calls\n\n{} are in the table of `{TABLE}`; any other returns ENOSYS and is\n",
        implemented.len()
    );
    text.push_str("named by `--trace syscalls`. Of the calls that real programs make (`tests/workloads/`), by tier:\n\n");
    text.push_str("| tier | there | missing |\n|---|---|---|\n");
    for (tier, calls) in tiers(&read(WORKLOADS)?) {
        let missing: Vec<&str> =
            calls.iter().map(String::as_str).filter(|call| !implemented.contains(*call)).collect();
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "| {tier} | {} of {} | {} |",
            calls.len() - missing.len(),
            calls.len(),
            missing.join(" ")
        );
    }
    Ok(text)
}

/// The names in rows of the form `4 write = read::write(…);`.
fn rows(table: &str) -> BTreeSet<String> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        words.next()?.parse::<u32>().ok()?;
        let name = words.next()?;
        (words.next()? == "=").then(|| name.to_owned())
    };
    table.lines().filter_map(row).collect()
}

/// The tiers and their calls: `T0: name name …`, continued on indented lines.
fn tiers(text: &str) -> Vec<(String, Vec<String>)> {
    let mut tiers: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let names = match line.split_once(':') {
            Some((tier, names)) => {
                tiers.push((tier.to_owned(), Vec::new()));
                names
            }
            None => line,
        };
        if let Some((_, calls)) = tiers.last_mut() {
            calls.extend(names.split_whitespace().map(str::to_owned));
        }
    }
    tiers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbers_with_names() {
        let table = "syscalls! {\n    4 write = read::write(fd: Fd);\n    // 5 open = no\n    x = 3;\n}\n";
        assert_eq!(rows(table).into_iter().collect::<Vec<_>>(), ["write"]);
    }

    #[test]
    fn tiers_go_on_in_further_lines() {
        let text = "# words: of a comment\nT0: a b\n    c\nT1: d\n";
        let expected = vec![
            ("T0".to_owned(), vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]),
            ("T1".to_owned(), vec!["d".to_owned()]),
        ];
        assert_eq!(tiers(text), expected);
    }
}
