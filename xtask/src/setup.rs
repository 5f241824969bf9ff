//! `cargo xtask setup`: everything that the other tasks would install when they meet it missing.

use anyhow::Result;

use crate::host::{self, Host};
use crate::packages;
use crate::repo::Repo;
use crate::step::{is_there, say};
use crate::toolchain::{self, Toolchain};

/// Installs what is missing for building and testing on both hosts, and says what this machine can do.
pub(crate) fn everything(repo: &Repo) -> Result<()> {
    // All at once where all of it is a matter of packages; what this leaves is seen to, or explained, one by one.
    let mut wanted = toolchain::packages(Host::HERE);
    for host in [Host::X86_64, Host::Aarch64] {
        if host.is_foreign() {
            wanted.extend(toolchain::packages(host));
            if !is_there(host.emulator()) {
                wanted.push("qemu-user");
            }
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    if let Err(error) = packages::ensure(&wanted, "building and testing") {
        say(format!("{error:#}"));
    }
    for host in [Host::X86_64, Host::Aarch64] {
        for_building(host)?;
        if host.is_foreign() {
            for_running(host)?;
        }
    }
    let native = if host::runs_i386(repo)? { "runs" } else { "does not run" };
    say(format!("ready; this machine's processor {native} i386 programs natively"));
    Ok(())
}

/// What building the image and the command for `host` takes.
pub(crate) fn for_building(host: Host) -> Result<()> {
    ensure_host_cc()?;
    toolchain::ensure_guest_cc()?;
    Toolchain::for_image()?;
    if host.is_foreign() {
        toolchain::ensure_foreign_cc(host)?;
        Toolchain::for_host(host)?;
    }
    Ok(())
}

/// What running programs of a foreign host takes.
pub(crate) fn for_running(host: Host) -> Result<()> {
    if is_there(host.emulator()) {
        return Ok(());
    }
    packages::ensure(&["qemu-user"], &format!("running {} programs", host.name()))
}

/// Rust links with the system's C compiler.
fn ensure_host_cc() -> Result<()> {
    if is_there("cc") || is_there("gcc") {
        return Ok(());
    }
    packages::ensure(&["gcc", "libc6-dev"], "linking")
}
