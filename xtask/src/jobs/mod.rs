//! `cargo xtask jobs`: Debian's own programs in a Debian i386 root (`tests/jobs/list.txt`), natively and through
//! Trunnion. Output, exit status and the files that are left must agree.
//!
//! The root is never written to: each run sees it through an overlay of its own, and what the run wrote is what is
//! compared. Both need rights that the first user has, or a host that gives them in a user namespace.

mod files;
mod list;
mod way;

use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::command;
use crate::host::{self, Host};
use crate::image;
use crate::repo::Repo;
use crate::setup;
use crate::step::say;
use list::Job;
use way::{Ground, Run, Way};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run only the jobs whose name contains one of these
    names: Vec<String>,
    /// The Debian i386 root
    #[arg(long)]
    root: Option<PathBuf>,
    /// Run Trunnion as built for this host, too; only for this machine without it
    #[arg(long, value_enum)]
    host: Vec<Host>,
    /// Only the jobs of this tier and the lower ones: 0 static programs, 1 shells and tools, 2 interpreters and compilers
    #[arg(long, default_value_t = 2)]
    tier: u32,
    /// Use the commands that are built already
    #[arg(long)]
    no_build: bool,
    /// Seconds that a job may take
    #[arg(long, default_value_t = 600)]
    limit: u64,
}

/// How a root is made.
const HOW: &str = "`--root DIR` names a Debian 12 i386 root. One is made, as the first user, by
  debootstrap --arch=i386 --variant=minbase bookworm DIR
  chroot DIR apt-get install -y --no-install-recommends busybox-static bash-static bsdmainutils bzip2 curl diffutils \\
    file gcc-12 g++-12 git lua5.4 lz4 make openssl perl procps python3 sqlite3 tcc xz-utils zstd 7zip
It is only read: every run writes into a layer of its own.";

/// Runs `cargo xtask jobs`.
pub(crate) fn task(repo: &Repo, options: &Options) -> Result<()> {
    let Some(root) = &options.root else { bail!("{HOW}") };
    if !root.join("usr/bin/bash").is_file() {
        bail!("{} is no Debian root.\n{HOW}", root.display());
    }
    if !host::runs_i386(repo)? {
        bail!("this machine does not run i386 programs: there is nothing to compare with");
    }
    let ground = Ground::prepare(repo, root)?;
    build_programs(repo, &ground)?;
    let mut ways = vec![Way::Native];
    ways.extend(trunnions(repo, options)?);
    let chosen = |job: &Job| {
        job.tier <= options.tier
            && (options.names.is_empty() || options.names.iter().any(|name| job.name.contains(name.as_str())))
    };
    let jobs: Vec<Job> =
        list::read(&repo.root.join("tests/jobs/list.txt"))?.into_iter().filter(chosen).collect();
    if jobs.is_empty() {
        bail!("no job has such a name");
    }
    println!("{:<4} {:<14}{}  result", "tier", "job", ways.iter().map(heading).collect::<String>());
    let limit = Duration::from_secs(options.limit);
    let mut differing = 0;
    for job in &jobs {
        let runs = ways.iter().map(|way| way.run(&ground, job, limit)).collect::<Result<Vec<Run>>>()?;
        let seconds: String = runs.iter().map(|run| format!("{:>16.2} s", run.took.as_secs_f64())).collect();
        let difference = runs.iter().skip(1).find_map(|run| run.difference(&runs[0]));
        differing += usize::from(difference.is_some());
        let verdict = if difference.is_some() { "DIFFERENT" } else { "same" };
        println!("{:<4} {:<14}{seconds}  {verdict}", job.tier, job.name);
        if let Some(text) = difference {
            println!("{text}");
        }
    }
    if differing > 0 {
        bail!("{differing} of {} jobs differ; what they left is in {}", jobs.len(), ground.work.display());
    }
    say(format!("{} jobs, {} ways each: the same", jobs.len(), ways.len()));
    Ok(())
}

fn heading(way: &Way) -> String {
    format!("{:>18}", way.title())
}

/// Builds the commands, and names the ways to run through them.
fn trunnions(repo: &Repo, options: &Options) -> Result<Vec<Way>> {
    let hosts = if options.host.is_empty() { vec![Host::HERE] } else { options.host.clone() };
    if !options.no_build {
        let image = image::build(repo)?;
        for host in &hosts {
            setup::for_building(*host)?;
            command::build(repo, *host, &image)?;
        }
    }
    let mut ways = Vec::new();
    for host in hosts {
        if host.is_foreign() {
            setup::for_running(host)?;
        }
        let command = host.command_path(repo);
        if !command.is_file() {
            bail!("{} is not there: run `cargo xtask build --host {}`", command.display(), host.name());
        }
        ways.push(Way::Trunnion { host, command });
    }
    Ok(ways)
}

/// Compiles the static programs of the lowest tier.
fn build_programs(repo: &Repo, ground: &Ground) -> Result<()> {
    let sources = repo.root.join("tests/programs");
    for (name, source, flags) in [
        ("hello", "hello.c", &["-static", "-O2"][..]),
        ("hello_asm", "hello_asm.S", &["-static", "-nostdlib"]),
    ] {
        let mut compiler = Command::new("i686-linux-gnu-gcc");
        compiler.args(flags).arg("-o").arg(ground.programs.join(name)).arg(sources.join(source));
        let status = compiler.status().context("i686-linux-gnu-gcc: run `cargo xtask setup`")?;
        if !status.success() {
            bail!("{source} does not compile");
        }
    }
    Ok(())
}
