//! Running one test program, here or under the other host's emulator.

use anyhow::Result;
use std::process::Command;
use std::time::Duration;

use super::compile::TestProgram;
use super::report::{Counts, Report};
use super::{Environment, REQUIRE_NATIVE};
use crate::host::Host;
use crate::repo::Repo;
use crate::step::{self, Outcome, say};
use crate::toolchain::Toolchain;

/// No suite may hold the rest up for longer; a hang is a failure that names itself.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs one test program and adds its counts.
pub(crate) fn run(
    repo: &Repo,
    host: Host,
    program: &TestProgram,
    environment: &Environment,
    report: &mut Report,
) -> Result<()> {
    let mut command = if host.is_foreign() {
        let mut emulator = Command::new(host.emulator());
        // A suite that starts itself again needs the emulator as well.
        emulator.arg(&program.path).env("PAL_TEST_RUNNER", host.emulator());
        emulator
    } else {
        Command::new(&program.path)
    };
    // SKIPPED lines of tests that pass are seen only with --show-output.
    command.arg("--show-output").current_dir(&program.folder).env("CARGO_MANIFEST_DIR", &program.folder);
    environment.apply(&mut command);
    if host.is_foreign() {
        // The processor that is to be compared with is this machine's, and its own suites have done so.
        command.env_remove(REQUIRE_NATIVE);
    }
    command.env("CARGO_MANIFEST_DIR", &program.folder);
    let name = format!("{} on {}", program.name, host.name());
    let log = format!("test-{}-{}", host.name(), program.name.replace('/', "-"));
    let outcome = step::logged(repo, &log, &mut command, LIMIT)?;
    add(&name, &outcome, report);
    Ok(())
}

/// Runs the examples in the documentation comments.
pub(crate) fn doc_tests(repo: &Repo, environment: &Environment, report: &mut Report) -> Result<()> {
    let mut command = Toolchain::here().cargo(repo, &["test", "--workspace", "--doc", "--no-fail-fast"]);
    environment.apply(&mut command);
    let outcome = step::logged(repo, "test-doc", &mut command, LIMIT)?;
    add("documentation examples", &outcome, report);
    Ok(())
}

/// Prints a suite's line, adds its counts, and shows what it said where it failed.
fn add(name: &str, outcome: &Outcome, report: &mut Report) {
    let seen = Counts::read(&outcome.output);
    let counts = seen.unwrap_or_default();
    // A program that ends well without a result line ran nothing that could be counted: that is no success.
    let ended_well = outcome.succeeded() && seen.is_some();
    let seconds = outcome.took.as_secs_f32();
    let Counts { passed, failed, skipped } = counts;
    say(format!("{name}: {passed} passed, {failed} failed, {skipped} skipped ({seconds:.1} s)"));
    if !ended_well || failed > 0 {
        say(format!("{name}: {}; the end of {}:", outcome.ending(), outcome.log.display()));
        println!("{}", outcome.tail(150));
    }
    report.suite(name, counts, ended_well);
}
