//! Compiling every test program of the workspace for one host, and learning where they are.

use anyhow::Result;
use std::path::PathBuf;
use std::time::Duration;

use super::Environment;
use crate::host::Host;
use crate::repo::Repo;
use crate::step;
use crate::toolchain::Toolchain;

/// Packages that are tools of this machine: their tests say nothing about another host.
const NOT_FOREIGN: &[&str] = &["xtask", "trunnion-benches", "libos"];
/// Suites that reach the other host by themselves, from this machine.
const DRIVES_BOTH_HOSTS: &[&str] = &["trunnion-tests/e2e", "trunnion-tests/hostile", "trunnion-tests/house"];

/// One compiled test program.
#[derive(Debug)]
pub(crate) struct TestProgram {
    /// `package/target`.
    pub(crate) name: String,
    /// The program.
    pub(crate) path: PathBuf,
    /// The folder of its package, in which cargo would run it.
    pub(crate) folder: PathBuf,
}

/// Compiles the test programs for `host`, in the dev profile: assertions and overflow checks are on.
pub(crate) fn test_programs(repo: &Repo, host: Host, environment: &Environment) -> Result<Vec<TestProgram>> {
    let toolchain = Toolchain::for_host(host)?;
    let arguments = [
        "test",
        "--no-run",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--message-format=json-render-diagnostics",
    ];
    let mut command = toolchain.cargo_for(repo, host, &arguments);
    if host.is_foreign() {
        for package in NOT_FOREIGN {
            command.args(["--exclude", package]);
        }
    }
    environment.apply(&mut command);
    let name = format!("compile-tests-{}", host.name());
    let outcome = step::quiet(repo, &name, &mut command, Duration::from_secs(2400))?;
    let mut programs: Vec<TestProgram> = outcome.output.lines().filter_map(test_program).collect();
    if host.is_foreign() {
        programs.retain(|program| !DRIVES_BOTH_HOSTS.contains(&program.name.as_str()));
    }
    // The end-to-end programs last: what they would show is better seen in a smaller suite first.
    programs.sort_by_key(|program| (program.name.ends_with("/e2e"), program.name.clone()));
    Ok(programs)
}

/// The test program that one of cargo's JSON messages speaks of.
fn test_program(message: &str) -> Option<TestProgram> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_test = message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
    let path = PathBuf::from(message["executable"].as_str().filter(|_| is_test)?);
    let folder = PathBuf::from(message["manifest_path"].as_str()?).parent()?.to_path_buf();
    let name =
        format!("{}/{}", package_name(message["package_id"].as_str()?)?, message["target"]["name"].as_str()?);
    Some(TestProgram { name, path, folder })
}

/// The name in a package id: `path+file:///somewhere/jit#0.1.0`, or `…/tests#trunnion-tests@0.1.0`.
fn package_name(id: &str) -> Option<&str> {
    let (path, fragment) = id.split_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name),
        None => path.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_come_from_both_forms_of_id() {
        assert_eq!(package_name("path+file:///a/jit#0.1.0"), Some("jit"));
        assert_eq!(package_name("path+file:///a/tests#trunnion-tests@0.1.0"), Some("trunnion-tests"));
    }

    #[test]
    fn only_test_programs_are_taken() {
        let message = |test: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///a/jit#0.1.0","manifest_path":"/a/jit/Cargo.toml",
                "target":{{"name":"links"}},"profile":{{"test":{test}}},"executable":"/t/links-1"}}"#
            )
        };
        assert_eq!(test_program(&message(true)).map(|program| program.name), Some("jit/links".to_owned()));
        assert!(test_program(&message(false)).is_none());
    }
}
