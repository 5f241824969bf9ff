//! The list of jobs: a line each, as its head describes.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::Path;

/// What of the files that a job leaves must be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    /// Names, types, modes and contents.
    All,
    /// Not the contents.
    Names,
    /// Nothing.
    Nothing,
}

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    /// 0 to 4.
    pub(crate) tier: u32,
    /// Its name.
    pub(crate) name: String,
    /// What of its files is compared.
    pub(crate) compare: Compare,
    /// Program and arguments.
    pub(crate) command: Vec<String>,
}

/// Reads the list.
pub(crate) fn read(path: &Path) -> Result<Vec<Job>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| parse(line).with_context(|| format!("{}: {line}", path.display()))).collect()
}

fn parse(line: &str) -> Result<Job> {
    let mut fields = line.split('|').map(str::to_owned);
    let mut next = || fields.next().context("a field is missing");
    let tier = next()?.parse().context("the tier is a number")?;
    let name = next()?;
    let compare = match next()?.as_str() {
        "all" => Compare::All,
        "names" => Compare::Names,
        "none" => Compare::Nothing,
        other => bail!("{other} is not a way to compare"),
    };
    let command: Vec<String> = fields.collect();
    if command.is_empty() {
        bail!("no program");
    }
    Ok(Job { tier, name, compare, command })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_at_bars() {
        let job = parse("1|x|names|sh|-c|echo a b").expect("whole");
        assert_eq!((job.tier, job.name.as_str(), job.compare), (1, "x", Compare::Names));
        assert_eq!(job.command, ["sh", "-c", "echo a b"]);
        assert!(parse("1|x|some|sh").is_err());
        assert!(parse("1|x|all").is_err());
    }
}
