//! What is run: the scripts of `xtask/demo/`, or, without Debian's programs, our own test programs.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use super::programs::Programs;
use crate::repo::Repo;

/// One thing to run.
#[derive(Debug)]
pub(crate) struct Script {
    /// Its file's stem.
    pub(crate) name: String,
    /// The i386 program.
    pub(crate) program: PathBuf,
    /// The program's arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Where its recorded result is.
    pub(crate) expected: PathBuf,
    /// The environment beyond `PATH` and `LC_ALL`.
    pub(crate) environment: Vec<(String, OsString)>,
}

/// Everything to run with these programs, in order of name.
pub(crate) fn all(repo: &Repo, programs: &Programs) -> Result<Vec<Script>> {
    let mut scripts = match programs {
        Programs::Debian { folder } => {
            let busybox = folder.join("busybox");
            let mut scripts = Vec::new();
            for entry in fs::read_dir(repo.root.join("xtask/demo")).context("reading xtask/demo")? {
                let path = entry?.path();
                if path.extension().is_none_or(|extension| extension != "sh") {
                    continue;
                }
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let text =
                    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
                let (program, mut arguments): (PathBuf, Vec<OsString>) = if name.ends_with("-bash") {
                    (folder.join("bash-static"), vec![])
                } else {
                    (busybox.clone(), vec!["sh".into()])
                };
                arguments.extend(["-c".into(), text.into()]);
                let environment = vec![("BUSYBOX".to_owned(), busybox.clone().into_os_string())];
                scripts.push(Script {
                    name,
                    program,
                    arguments,
                    expected: path.with_extension("expected"),
                    environment,
                });
            }
            scripts
        }
        Programs::BuiltHere { folder } => {
            let mut scripts = Vec::new();
            for entry in fs::read_dir(folder)? {
                let program = entry?.path();
                let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let expected = repo.root.join("tests/programs/expected").join(format!("{name}.txt"));
                scripts.push(Script { name, program, arguments: vec![], expected, environment: vec![] });
            }
            scripts
        }
    };
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scripts)
}
