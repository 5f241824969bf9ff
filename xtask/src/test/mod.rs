//! `cargo xtask test`: every check and every test, on both hosts.
//!
//! Order: set-up, format, derived documents, lints, release builds of the command for both hosts, the test programs
//! of this machine's toolchain, those of the other host's under an emulator. A step that fails does not hide the
//! ones after it, except where they need what it would have built. The last line counts all tests of all suites.

mod compile;
mod report;
mod suite;

use anyhow::{Context as _, Result, bail};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::command::{self, IMAGE_VARIABLE};
use crate::demo;
use crate::docs;
use crate::host::{self, Host};
use crate::image;
use crate::repo::Repo;
use crate::setup;
use crate::step::{self, say};
use crate::toolchain::{Toolchain, forget_cargo_run};
use report::{Counts, Report};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fail where this machine cannot run i386 programs natively, instead of replaying recorded results
    #[arg(long)]
    require_native: bool,
    /// Run only the suites whose `package/target` name contains one of these; checks and lints are left out
    #[arg(long, num_args = 1.., value_name = "NAME")]
    filter: Vec<String>,
    /// Leave out the other host
    #[arg(long)]
    this_host_only: bool,
    /// Record the native results of the end-to-end programs anew
    #[arg(long)]
    bless: bool,
}

impl Options {
    fn wants(&self, suite: &str) -> bool {
        self.filter.is_empty() || self.filter.iter().any(|part| suite.contains(part.as_str()))
    }
}

/// Set where native comparisons must not be skipped.
const REQUIRE_NATIVE: &str = "TRUNNION_REQUIRE_NATIVE";

/// What the test programs are told through their environment.
#[derive(Debug, Default)]
pub(crate) struct Environment(Vec<(String, String)>);

impl Environment {
    fn set(&mut self, name: &str, value: impl ToString) {
        self.0.push((name.to_owned(), value.to_string()));
    }

    fn apply(&self, command: &mut Command) {
        forget_cargo_run(command);
        command.envs(self.0.iter().map(|(name, value)| (name, value)));
    }
}

/// Runs `cargo xtask test`.
pub(crate) fn task(repo: &Repo, options: &Options) -> Result<()> {
    let start = Instant::now();
    setup::everything(repo)?;
    let native = host::runs_i386(repo)?;
    if options.require_native && !native {
        bail!("--require-native: this machine does not run i386 programs natively");
    }

    let mut report = Report::default();
    if options.filter.is_empty() {
        ensure_lints()?;
        checks(repo, &mut report);
    }

    let image = image::build(repo)?;
    let mut environment = Environment::default();
    environment.set(IMAGE_VARIABLE, image.path.display());
    if options.require_native {
        environment.set(REQUIRE_NATIVE, 1);
    }
    if options.bless {
        environment.set("TRUNNION_BLESS", 1);
    }
    let foreign = if Host::HERE == Host::X86_64 { Host::Aarch64 } else { Host::X86_64 };
    let mut hosts = vec![Host::HERE];
    // Running x86-64 test programs on an ARM64 machine would test the emulator more than us.
    if !options.this_host_only && foreign == Host::Aarch64 {
        hosts.push(foreign);
    }
    let mut commands = Vec::new();
    for host in &hosts {
        match command::build(repo, *host, &image) {
            Ok(path) => {
                let variable = if host.is_foreign() { "TRUNNION_BIN_AARCH64" } else { "TRUNNION_BIN" };
                environment.set(variable, path.display());
                commands.push((*host, path));
            }
            Err(error) => report.broken(&format!("build for {}", host.name()), &error),
        }
    }
    for host in &hosts {
        say(format!("{}: compiling the tests", host.name()));
        match compile::test_programs(repo, *host, &environment) {
            Ok(programs) => {
                for program in programs.iter().filter(|program| options.wants(&program.name)) {
                    suite::run(repo, *host, program, &environment, &mut report)?;
                }
            }
            Err(error) => report.broken(&format!("tests for {}", host.name()), &error),
        }
        if !host.is_foreign() && options.wants("doc") {
            suite::doc_tests(repo, &environment, &mut report)?;
        }
    }
    if options.wants("demo") {
        match demo::suite(repo, &commands) {
            Ok((passed, failed)) => {
                report.suite("demo", Counts { passed, failed, skipped: 0 }, failed == 0);
            }
            Err(error) => report.broken("demo", &error),
        }
    }
    report.close(start.elapsed())
}

/// Formats, documents, lints.
fn checks(repo: &Repo, report: &mut Report) {
    let here = Toolchain::here();
    let minutes = |count: u64| Duration::from_secs(count * 60);
    say("format: cargo fmt --check");
    let format = step::quiet(repo, "fmt", &mut here.cargo(repo, &["fmt", "--all", "--check"]), minutes(5));
    report.check("format", format.map(|_| ()));
    say("derived documents are current");
    report.check("derived documents", docs::check(repo));
    say("lints: cargo clippy, warnings denied");
    let mut clippy = here.cargo(repo, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    report.check("lints", step::quiet(repo, "clippy", &mut clippy, minutes(30)).map(|_| ()));
}

/// The two cargo commands that some installations of Rust lack.
fn ensure_lints() -> Result<()> {
    for component in ["fmt", "clippy"] {
        let works = |cargo: &mut Command| cargo.output().is_ok_and(|output| output.status.success());
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        if works(Command::new(&cargo).args([component, "--version"])) {
            continue;
        }
        let name = if component == "fmt" { "rustfmt" } else { "clippy" };
        say(format!("installing {name} with rustup"));
        step::run(Command::new("rustup").args(["component", "add", name]))
            .with_context(|| format!("`cargo {component}` is not here; install {name}"))?;
    }
    Ok(())
}
