//! Debian packages: which are missing, and installing them as root or through sudo.

use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

use crate::step::{is_there, say};

/// A package by its dpkg name, with `:arch` where it is not of the machine's own architecture.
pub(crate) type Package = &'static str;

/// Whether dpkg says that the package is installed.
pub(crate) fn is_installed(package: Package) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status}", package])
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}

/// Installs those of `packages` that are missing; `why` completes "needed for …".
pub(crate) fn ensure(packages: &[Package], why: &str) -> Result<()> {
    let missing: Vec<Package> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_there("apt-get") {
        bail!(
            "needed for {why}, and this system has no apt-get to install it with: {list} (Debian's package names)"
        );
    }
    say(format!("installing, for {why}: {list}"));
    add_architectures(&missing)?;
    let update = apt(&["-q", "update"]);
    let install = apt(&[&["-q", "-y", "--no-install-recommends", "install"][..], &missing].concat());
    match (update, install) {
        (_, Ok(())) => Ok(()),
        (Err(_), Err(error)) => Err(error).context(format!(
            "could not install {list}, needed for {why}: the package index could not be refreshed either \
             (is this machine offline?)"
        )),
        (Ok(()), Err(error)) => Err(error).context(format!("could not install {list}, needed for {why}")),
    }
}

/// Tells dpkg about the architectures of packages named `package:arch`.
fn add_architectures(packages: &[Package]) -> Result<()> {
    for architecture in packages.iter().filter_map(|package| package.split_once(':')).map(|(_, name)| name) {
        let known =
            Command::new("dpkg").arg("--print-foreign-architectures").output().context("running dpkg")?;
        if String::from_utf8_lossy(&known.stdout).lines().any(|line| line == architecture) {
            continue;
        }
        say(format!("adding the architecture {architecture} to dpkg's"));
        as_root("dpkg", &["--add-architecture", architecture])?;
    }
    Ok(())
}

fn apt(arguments: &[&str]) -> Result<()> {
    as_root("apt-get", arguments)
}

/// Runs a program as root: directly, or through sudo where we are not root.
fn as_root(program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new(program)
    } else if is_there("sudo") {
        let mut sudo = Command::new("sudo");
        sudo.args(["DEBIAN_FRONTEND=noninteractive", program]);
        sudo
    } else {
        bail!("`{program} {}` must run as root, and there is no sudo here", arguments.join(" "));
    };
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    // Its chatter is for the log of whoever debugs an installation; errors come on stderr.
    command.stdout(Stdio::null());
    crate::step::run(&mut command)
}
