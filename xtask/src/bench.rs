//! `cargo xtask bench`: builds both commands, then `cargo bench`. What the numbers mean is in `benches/README.md`.

use anyhow::Result;

use crate::command;
use crate::host::Host;
use crate::image;
use crate::repo::Repo;
use crate::setup;
use crate::step;
use crate::toolchain::Toolchain;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the kernels whose name contains one of these
    names: Vec<String>,
    /// Use the commands that are built already
    #[arg(long)]
    no_build: bool,
}

/// Runs `cargo xtask bench`.
pub(crate) fn task(repo: &Repo, options: &Options) -> Result<()> {
    setup::everything(repo)?;
    if !options.no_build {
        let image = image::build(repo)?;
        for host in [Host::X86_64, Host::Aarch64] {
            // A build for an emulated x86-64 would tell nothing.
            if !host.is_foreign() || host == Host::Aarch64 {
                command::build(repo, host, &image)?;
            }
        }
    }
    let mut bench = Toolchain::here().cargo(repo, &["bench", "--quiet", "--package", "trunnion-benches"]);
    // Criterion has a command line of its own.
    bench.args(["--bench", "programs", "--bench", "instructions", "--"]);
    step::run(bench.args(&options.names))
}
