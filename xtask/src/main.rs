//! The tasks of this repository: `cargo xtask setup | build | test | demo | jobs | bench | docs | conformance | fuzz | coverage`.
//!
//! Everything a newcomer types goes through here. Each task first sees to what it needs (`setup.rs`), so that a
//! clean checkout on a machine with a C compiler and Rust is enough, and each says what it does in one line per
//! step; the full output of a step is in `target/xtask/logs/` and is shown when the step fails.
//!
//! | file | task |
//! |---|---|
//! | `setup.rs`, `packages.rs` | what is missing on this machine, and how it comes |
//! | `toolchain.rs` | which cargo and rustc build for which target |
//! | `image.rs`, `command.rs` | the library OS image; the `trunnion` command around it |
//! | `test/` | every check and every test, on both hosts, and the closing line |
//! | `demo/` | Debian's own busybox and bash, natively and through Trunnion, byte for byte |
//! | `jobs/` | Debian's programs in a whole root, natively and through Trunnion |
//! | `bench.rs`, `docs.rs`, `coverage.rs` | measurements; the documents derived from the tables |
//! | `conformance.rs`, `fuzz.rs` | the long campaign against the processor; the fuzzers |
#![forbid(unsafe_code)]

mod bench;
mod command;
mod conformance;
mod coverage;
mod demo;
mod docs;
mod fuzz;
mod host;
mod image;
mod jobs;
mod packages;
mod repo;
mod setup;
mod step;
mod test;
mod toolchain;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

use crate::repo::Repo;

/// The tasks of the Trunnion repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Installs what building and testing need, and says what it installs
    Setup,
    /// Builds the library OS image and the `trunnion` command with the image inside
    Build(command::Options),
    /// Formats, lints, builds for both hosts and runs every test on both
    Test(test::Options),
    /// Runs Debian's unmodified i386 busybox and bash natively and through Trunnion, and compares
    Demo(demo::Options),
    /// Runs the programs of a Debian i386 root natively and through Trunnion, and compares
    Jobs(jobs::Options),
    /// Compares native, qemu-i386 and Trunnion on small i386 programs
    Bench(bench::Options),
    /// Writes the documents that are derived from the tables (docs/PAL_ABI.md, docs/COVERAGE.md)
    Docs(docs::Options),
    /// Compares millions of random cases with this machine's processor, and prints the table
    Conformance(conformance::Options),
    /// Runs the coverage-guided fuzzers of the decoder and of basic blocks
    Fuzz(fuzz::Options),
    /// Prints which system calls of real programs the library OS has
    Coverage,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> anyhow::Result<()> {
    let repo = Repo::find()?;
    match task {
        Task::Setup => setup::everything(&repo),
        Task::Build(options) => command::task(&repo, options),
        Task::Test(options) => test::task(&repo, options),
        Task::Demo(options) => demo::task(&repo, options),
        Task::Jobs(options) => jobs::task(&repo, options),
        Task::Bench(options) => bench::task(&repo, options),
        Task::Docs(options) => docs::task(&repo, options),
        Task::Conformance(options) => conformance::task(&repo, options),
        Task::Fuzz(options) => fuzz::task(&repo, options),
        Task::Coverage => coverage::task(&repo),
    }
}
