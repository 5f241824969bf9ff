//! `cargo xtask conformance`: the long campaign of random cases against this machine's processor, and its table.

use anyhow::Result;
use std::process::Command;

use crate::repo::Repo;
use crate::step;
use crate::toolchain::Toolchain;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Cases for each of the interpreter and translated code
    #[arg(long, default_value_t = 10_000_000)]
    cases: u64,
    /// Seed of the generator: another one gives other cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Processes at a time (default: one for each processor)
    #[arg(long)]
    jobs: Option<u64>,
    /// Only this one: interp or jit
    #[arg(long)]
    machine: Option<String>,
    /// A line for every form of instruction, not for every file of them
    #[arg(long)]
    forms: bool,
    /// Keep the result for docs/COVERAGE.md, if nothing differed
    #[arg(long)]
    record: bool,
}

/// Runs `cargo xtask conformance`.
pub(crate) fn task(repo: &Repo, options: &Options) -> Result<()> {
    let here = Toolchain::here();
    step::run(&mut here.cargo(
        repo,
        &["build", "--quiet", "--release", "--package", "trunnion-tests", "--bin", "difftest"],
    ))?;
    let mut command = Command::new(repo.target.join("release/difftest"));
    command.args(["conformance", "--cases", &options.cases.to_string(), "--seed", &options.seed.to_string()]);
    if let Some(jobs) = options.jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    if let Some(machine) = &options.machine {
        command.args(["--machine", machine]);
    }
    command.args(options.forms.then_some("--forms"));
    command.args(options.record.then_some("--record"));
    step::run(&mut command)
}
