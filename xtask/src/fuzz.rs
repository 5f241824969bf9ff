//! `cargo xtask fuzz`: the coverage-guided fuzzers of `tests/fuzz/`.
//!
//! What they find fails here with a report; its line belongs in `tests/insn/`, and an input that crashes before there
//! is a report in `tests/fuzz/kept/`, under the target's name. What they learn stays under `target/fuzz/`.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::process::Command;

use crate::repo::Repo;
use crate::step::{self, say};
use crate::toolchain::{Toolchain, forget_cargo_run};

const TARGETS: [&str; 3] = ["decode", "interpreter", "translator"];

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this one: decode, interpreter or translator
    target: Option<String>,
    /// How long each runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Runs `cargo xtask fuzz`.
pub(crate) fn task(repo: &Repo, options: &Options) -> Result<()> {
    if let Some(unknown) = options.target.as_deref().filter(|name| !TARGETS.contains(name)) {
        bail!("no target `{unknown}`; there are {}", TARGETS.join(", "));
    }
    let here = Toolchain::here();
    if !step::is_there("cargo-fuzz") {
        say("installing cargo-fuzz");
        step::run(&mut here.cargo(repo, &["install", "cargo-fuzz", "--locked"]))?;
    }
    step::run(&mut here.cargo(
        repo,
        &["build", "--quiet", "--release", "--package", "trunnion-tests", "--bin", "difftest"],
    ))?;
    for target in TARGETS.iter().filter(|name| options.target.as_deref().is_none_or(|only| only == **name)) {
        let learned = repo.target.join("fuzz/corpus").join(target);
        let failures = repo.target.join("fuzz/failures").join(target);
        for folder in [&learned, &failures] {
            fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        let mut command = Command::new("cargo-fuzz");
        forget_cargo_run(&mut command);
        command.current_dir(&repo.root).env("RUSTUP_TOOLCHAIN", "nightly");
        command.env("TRUNNION_DIFFTEST", repo.target.join("release/difftest"));
        command.args(["fuzz", "run", "--fuzz-dir", "tests/fuzz", "--sanitizer", "none", "--target-dir"]);
        command.arg(repo.target.join("fuzz/build")).arg(target).arg(&learned);
        command.arg(repo.root.join("tests/fuzz/kept").join(target));
        command.args(["--", "-max_len=72", "-timeout=20", "-rss_limit_mb=4096", "-len_control=0"]);
        command.arg(format!("-max_total_time={}", options.seconds));
        command.arg(format!("-artifact_prefix={}/", failures.display()));
        step::run(&mut command).with_context(|| format!("the input is in {}", failures.display()))?;
    }
    Ok(())
}
