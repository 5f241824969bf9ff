//! `cargo xtask demo`: real input. Debian's own unmodified i386 `busybox-static` and `bash-static` run the scripts of
//! `xtask/demo/` natively, through Trunnion on this host, and through the AArch64 build under qemu; every byte of
//! output and every exit status must agree.

mod programs;
mod scripts;
mod table;
mod way;

use anyhow::{Result, bail};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::command;
use crate::host::{self, Host};
use crate::image;
use crate::repo::Repo;
use crate::setup;
use crate::step::say;
use programs::Programs;
use scripts::Script;
use table::{Cell, Row};
use way::{Run, Way};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run only the scripts whose name contains one of these
    names: Vec<String>,
    /// Only obtain the programs
    #[arg(long)]
    fetch_only: bool,
    /// Leave out Trunnion: run natively and compare with what is recorded
    #[arg(long)]
    native_only: bool,
    /// Leave out the AArch64 build
    #[arg(long)]
    this_host_only: bool,
    /// Use the commands that are built already
    #[arg(long)]
    no_build: bool,
    /// Do as if there were no network
    #[arg(long)]
    offline: bool,
    /// Record the native results in `xtask/demo/*.expected`
    #[arg(long)]
    bless: bool,
}

/// No script may run longer than this, under an emulator of an emulator included.
const LIMIT: Duration = Duration::from_secs(600);

/// How long a suite of the tests may go on with the demonstration, and with one script of it.
const SUITE: (Duration, Duration) = (Duration::from_secs(720), Duration::from_secs(150));

/// How long scripts may run.
#[derive(Clone, Copy, Debug)]
struct Patience {
    one: Duration,
    end: Option<Instant>,
}

impl Patience {
    /// For the next script: what is left, but long enough to start.
    fn next(self) -> Duration {
        let left = self.end.map_or(self.one, |end| end.saturating_duration_since(Instant::now()));
        self.one.min(left).max(Duration::from_secs(1))
    }
}

/// Runs `cargo xtask demo`.
pub(crate) fn task(repo: &Repo, options: &Options) -> Result<()> {
    let programs = programs::obtain(repo, options.offline)?;
    if options.fetch_only {
        return Ok(());
    }
    let mut ways = native_way(repo)?;
    if !options.native_only {
        ways.extend(trunnions(repo, options)?);
    }
    let patience = Patience { one: LIMIT, end: None };
    let rows = compare(repo, &programs, &ways, &options.names, options.bless, patience)?;
    let differing = rows.iter().filter(|row| !row.agrees()).count();
    if rows.is_empty() {
        bail!("no script has such a name");
    }
    if differing > 0 {
        bail!(
            "{differing} of {} scripts differ; outputs are under {}",
            rows.len(),
            repo.target.join("demo").display()
        );
    }
    say(format!("{} scripts, {} ways each: every byte and every exit status agrees", rows.len(), ways.len()));
    Ok(())
}

/// The demonstration as a suite of tests, with commands that are built already: runs that agreed, and runs that did not.
pub(crate) fn suite(repo: &Repo, commands: &[(Host, PathBuf)]) -> Result<(u64, u64)> {
    let programs = programs::obtain(repo, false)?;
    let mut ways = native_way(repo)?;
    ways.extend(
        commands.iter().map(|(host, command)| Way::Trunnion { host: *host, command: command.clone() }),
    );
    let patience = Patience { one: SUITE.1, end: Some(Instant::now() + SUITE.0) };
    let rows = compare(repo, &programs, &ways, &[], false, patience)?;
    let agreed = rows.iter().flat_map(|row| &row.cells).filter(|cell| cell.agrees).count() as u64;
    let all = rows.iter().map(|row| row.cells.len() as u64).sum::<u64>();
    Ok((agreed, all - agreed))
}

/// The native way where this machine has it.
fn native_way(repo: &Repo) -> Result<Vec<Way>> {
    if host::runs_i386(repo)? {
        return Ok(vec![Way::Native]);
    }
    say("SKIPPED: the native runs, since this machine does not run i386 programs; recorded results stand in");
    Ok(vec![])
}

/// Runs the chosen scripts every way and prints the table.
fn compare(
    repo: &Repo,
    programs: &Programs,
    ways: &[Way],
    names: &[String],
    bless: bool,
    patience: Patience,
) -> Result<Vec<Row>> {
    let chosen =
        |script: &Script| names.is_empty() || names.iter().any(|name| script.name.contains(name.as_str()));
    let mut rows = Vec::new();
    for script in scripts::all(repo, programs)?.iter().filter(|script| chosen(script)) {
        rows.push(one(repo, script, ways, bless, patience)?);
    }
    table::print(ways, &rows);
    Ok(rows)
}

/// Builds the commands, and names the ways to run through them.
fn trunnions(repo: &Repo, options: &Options) -> Result<Vec<Way>> {
    let mut hosts = vec![Host::HERE];
    if Host::HERE == Host::X86_64 && !options.this_host_only {
        hosts.push(Host::Aarch64);
    }
    if !options.no_build {
        for host in &hosts {
            setup::for_building(*host)?;
        }
        let image = image::build(repo)?;
        for host in &hosts {
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

/// Runs one script every way and compares with the recorded result, and so with each other.
fn one(repo: &Repo, script: &Script, ways: &[Way], bless: bool, patience: Patience) -> Result<Row> {
    let mut runs = Vec::new();
    for way in ways {
        let run = way.run(repo, script, patience.next())?;
        runs.push(run);
    }
    let native = ways.iter().position(|way| matches!(way, Way::Native)).map(|at| runs[at].transcript());
    if bless {
        let Some(transcript) = &native else {
            bail!("--bless needs a machine that runs i386 programs natively")
        };
        fs::write(&script.expected, transcript)?;
    }
    let recorded = fs::read(&script.expected).ok();
    let Some(wanted) = native.or(recorded) else {
        bail!("{} has no recorded result, and there is no native run to compare with", script.name);
    };
    let cells = runs.iter().map(|run| judge(run, &wanted)).collect();
    Ok(Row { name: script.name.clone(), cells })
}

fn judge(run: &Run, wanted: &[u8]) -> Cell {
    let agrees = run.transcript() == wanted;
    if !agrees {
        run.show_difference(wanted);
    }
    Cell { took: run.took, bytes: run.output.len(), agrees }
}
