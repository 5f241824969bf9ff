//! Obtaining the programs: Debian's packages for i386, fetched by apt with an architecture, a state and a cache of
//! its own, so that this machine's package management does not learn of i386; without network, programs built here.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::repo::Repo;
use crate::step::{self, is_there, say};
use crate::toolchain::{self, GUEST_CC};

/// What the scripts are run by.
#[derive(Debug)]
pub(crate) enum Programs {
    /// Debian's, with the folder that holds both.
    Debian { folder: PathBuf },
    /// i386 programs of our own, one per C file of `tests/programs/`.
    BuiltHere { folder: PathBuf },
}

const PACKAGES: [&str; 2] = ["busybox-static", "bash-static"];
const FILES: [&str; 2] = ["busybox", "bash-static"];

/// Fetches Debian's programs once; later calls find them in `target/demo/debian/`.
pub(crate) fn obtain(repo: &Repo, offline: bool) -> Result<Programs> {
    let folder = repo.work_folder("demo/debian")?;
    if !offline {
        if FILES.iter().all(|file| folder.join(file).is_file()) {
            return Ok(Programs::Debian { folder });
        }
        match fetch(repo, &folder) {
            Ok(()) => return Ok(Programs::Debian { folder }),
            Err(error) => say(format!("could not obtain Debian's i386 packages: {error:#}")),
        }
    }
    say("falling back to i386 programs built from tests/programs/");
    toolchain::ensure_guest_cc()?;
    build_own(repo)
}

fn fetch(repo: &Repo, folder: &Path) -> Result<()> {
    if !is_there("apt-get") || !is_there("dpkg-deb") {
        bail!("this system has no apt-get and dpkg-deb");
    }
    say(format!("fetching Debian's i386 packages {}", PACKAGES.join(", ")));
    let home = repo.work_folder("demo/apt")?;
    for part in ["lists/partial", "cache/archives/partial", "state", "packages"] {
        fs::create_dir_all(home.join(part))?;
    }
    fs::write(home.join("status"), "")?;
    fs::write(home.join("apt.conf"), configuration(&home))?;
    let packages = home.join("packages");
    // Indexes of other suites may be missing for i386 or broken for a while (a security index once was): what
    // counts is whether the packages can be had from what remains.
    let update = apt(&home).args(["-q", "update"]).output().context("running apt-get")?;
    let download = apt(&home).arg("-q").arg("download").args(PACKAGES).current_dir(&packages).output()?;
    if !download.status.success() {
        let why = if update.status.success() { &download.stderr } else { &update.stderr };
        let first =
            String::from_utf8_lossy(why).lines().find(|line| line.starts_with("E:")).map(str::to_owned);
        bail!("{}", first.unwrap_or_else(|| "apt-get download failed".to_owned()));
    }
    for entry in fs::read_dir(&packages)? {
        let deb = entry?.path();
        let tree = home.join("tree");
        step::run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&tree))?;
        say(format!("unpacked {}", deb.file_name().unwrap_or_default().to_string_lossy()));
    }
    for file in FILES {
        fs::copy(home.join("tree/bin").join(file), folder.join(file))
            .with_context(|| format!("finding {file}"))?;
    }
    Ok(())
}

/// An apt that knows this machine's sources and keys and nothing else of it.
fn configuration(home: &Path) -> String {
    let home = home.display();
    format!(
        "APT::Architecture \"i386\";\n\
         #clear APT::Architectures;\n\
         APT::Architectures {{ \"i386\"; }};\n\
         Dir::State \"{home}/state\";\n\
         Dir::State::Lists \"{home}/lists\";\n\
         Dir::State::status \"{home}/status\";\n\
         Dir::Cache \"{home}/cache\";\n\
         APT::Sandbox::User \"\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"2\";\n\
         Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n"
    )
}

fn apt(home: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command.env("APT_CONFIG", home.join("apt.conf")).env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// The end-to-end test programs that need neither arguments nor input, and whose recorded results are under their names.
const OWN: [&str; 12] = [
    "code_changes",
    "exec",
    "faults",
    "floats",
    "fork_wait",
    "many_processes",
    "memory",
    "pipes",
    "sections",
    "signals",
    "tls",
    "vfork",
];

fn build_own(repo: &Repo) -> Result<Programs> {
    let folder = repo.work_folder("demo/own")?;
    for name in OWN {
        let source = repo.root.join("tests/programs").join(name).with_extension("c");
        let flags = ["-O2", "-march=i686", "-static", "-w", "-o"];
        step::run(Command::new(GUEST_CC).args(flags).arg(folder.join(name)).arg(&source).arg("-lm"))?;
    }
    Ok(Programs::BuiltHere { folder })
}
