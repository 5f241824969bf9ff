//! The documents that are derived from the tables: written by `cargo xtask docs`, compared by the tests.

use anyhow::{Context, Result, bail};
use std::fs;
use std::time::Duration;

use crate::coverage;
use crate::repo::Repo;
use crate::step::{self, say};
use crate::toolchain::Toolchain;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail when a document is not what the tables say
    #[arg(long)]
    check: bool,
}

/// Runs `cargo xtask docs`.
pub(crate) fn task(repo: &Repo, options: &Options) -> Result<()> {
    if options.check {
        return check(repo);
    }
    for (path, text) in derive(repo)? {
        let file = repo.root.join(path);
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        say(format!("wrote {path}"));
    }
    Ok(())
}

/// Fails when a derived document is stale.
pub(crate) fn check(repo: &Repo) -> Result<()> {
    let stale: Vec<&str> = derive(repo)?
        .into_iter()
        .filter(|(path, text)| fs::read_to_string(repo.root.join(path)).map_or(true, |old| old != *text))
        .map(|(path, _)| path)
        .collect();
    if !stale.is_empty() {
        bail!("not what the tables say: {}; run `cargo xtask docs`", stale.join(", "));
    }
    let lost = lost_paths(repo)?;
    if !lost.is_empty() {
        bail!("documents name files that are not there:\n  {}", lost.join("\n  "));
    }
    Ok(())
}

/// Files of the checkout that a document names and that do not exist: documents that follow the code file by file must
/// notice when it moves.
fn lost_paths(repo: &Repo) -> Result<Vec<String>> {
    let mut documents = vec![repo.root.join("README.md"), repo.root.join("CONTRIBUTING.md")];
    for entry in fs::read_dir(repo.root.join("docs")).context("reading docs")? {
        documents.push(entry?.path());
    }
    let mut lost = Vec::new();
    for document in
        documents.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    {
        let text = fs::read_to_string(document).with_context(|| format!("reading {}", document.display()))?;
        for name in text.split('`').skip(1).step_by(2).filter(|name| is_path(name, repo)) {
            if !repo.root.join(name).exists() {
                lost.push(format!("{}: {name}", document.file_name().unwrap_or_default().to_string_lossy()));
            }
        }
    }
    Ok(lost)
}

/// Whether a text in backticks is a path of the checkout: it begins with one of its folders and has no pattern in it.
fn is_path(text: &str, repo: &Repo) -> bool {
    let Some((folder, rest)) = text.split_once('/') else { return false };
    let plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    plain && folder != "target" && !folder.is_empty() && repo.root.join(folder).is_dir()
}

/// Every derived document: its path in the checkout, and what it must say.
fn derive(repo: &Repo) -> Result<Vec<(&'static str, String)>> {
    let mut abi = String::new();
    pal_abi::pal_abi_markdown(&mut abi).context("writing into a string")?;
    Ok(vec![
        ("docs/PAL_ABI.md", abi),
        ("docs/COVERAGE.md", format!("{}\n{}", instructions(repo)?, coverage::section(repo)?)),
    ])
}

/// The instruction table, printed by a program of the tests' package: xtask itself must not wait for the decoder to
/// compile.
fn instructions(repo: &Repo) -> Result<String> {
    let here = Toolchain::here();
    let mut build =
        here.cargo(repo, &["build", "--quiet", "--package", "trunnion-tests", "--bin", "coverage"]);
    step::quiet(repo, "build-coverage", &mut build, Duration::from_secs(1200))?;
    let output = std::process::Command::new(repo.target.join("debug/coverage"))
        .output()
        .context("running coverage")?;
    if !output.status.success() {
        bail!("listing the instructions failed: {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}
