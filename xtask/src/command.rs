//! `cargo xtask build`: the image, and the `trunnion` command with the image inside.

use anyhow::Result;
use std::path::PathBuf;
use std::time::Duration;

use crate::host::Host;
use crate::image::{self, Image};
use crate::repo::Repo;
use crate::setup;
use crate::step::{self, say};
use crate::toolchain::Toolchain;

/// The variable by which `cli/build.rs` learns which image to embed.
pub(crate) const IMAGE_VARIABLE: &str = "TRUNNION_LIBOS_IMAGE";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The host to build the command for; without it, the machine this runs on
    #[arg(long, value_enum)]
    host: Option<Host>,
    /// Build only the library OS image
    #[arg(long)]
    image_only: bool,
}

/// Runs `cargo xtask build`.
pub(crate) fn task(repo: &Repo, options: &Options) -> Result<()> {
    let host = options.host.unwrap_or(Host::HERE);
    setup::for_building(host)?;
    let image = image::build(repo)?;
    if !options.image_only {
        let path = build(repo, host, &image)?;
        say(format!("built {}", path.display()));
    }
    Ok(())
}

/// Builds the release command for `host` around an image.
pub(crate) fn build(repo: &Repo, host: Host, image: &Image) -> Result<PathBuf> {
    say(format!("trunnion for {}: release build", host.name()));
    let toolchain = Toolchain::for_host(host)?;
    let mut command = toolchain.cargo_for(repo, host, &["build", "--release", "--package", "trunnion"]);
    command.env(IMAGE_VARIABLE, &image.path);
    let name = format!("build-trunnion-{}", host.name());
    step::quiet(repo, &name, &mut command, Duration::from_secs(2400))?;
    Ok(host.command_path(repo))
}
