//! The ways to run an i386 program, and what a run leaves.

use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::scripts::Script;
use crate::host::Host;
use crate::repo::Repo;
use crate::step::say;

/// A way to run an i386 program.
#[derive(Debug)]
pub(crate) enum Way {
    /// On this machine's own processor and kernel.
    Native,
    /// Through the command, built for this host or for one that is emulated.
    Trunnion { host: Host, command: PathBuf },
}

/// What one run left.
#[derive(Debug)]
pub(crate) struct Run {
    /// How it was run.
    pub(crate) title: String,
    /// Standard output and standard error together, in the order written.
    pub(crate) output: Vec<u8>,
    /// The exit status as a shell would see it: 128 + n after signal n; `None` when the time limit ended it.
    pub(crate) status: Option<i32>,
    /// How long it took.
    pub(crate) took: Duration,
    /// Where the output is kept.
    kept: PathBuf,
}

impl Way {
    /// A column's heading.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Native => "native".to_owned(),
            Self::Trunnion { host, .. } if host.is_foreign() => format!("{} (qemu)", host.name()),
            Self::Trunnion { host, .. } => format!("trunnion {}", host.name()),
        }
    }

    /// Runs a script in an empty folder of its own.
    pub(crate) fn run(&self, repo: &Repo, script: &Script, limit: Duration) -> Result<Run> {
        let title = self.title();
        let tag = title.replace([' ', '(', ')'], "");
        let work = repo.target.join("demo/work").join(format!("{}-{tag}", script.name));
        if work.exists() {
            fs::remove_dir_all(&work).with_context(|| format!("emptying {}", work.display()))?;
        }
        fs::create_dir_all(&work)?;
        let kept = repo.work_folder("demo/output")?.join(format!("{}-{tag}.txt", script.name));
        let file = fs::File::create(&kept).with_context(|| format!("making {}", kept.display()))?;
        let mut command = self.command(script);
        command.current_dir(&work).stdin(std::process::Stdio::null());
        command.stdout(file.try_clone()?).stderr(file);
        let start = Instant::now();
        let status =
            wait(&mut command, limit).with_context(|| format!("running {} ({title})", script.name))?;
        let took = start.elapsed();
        let output = fs::read(&kept)?;
        let status = status.map(|status| status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
        Ok(Run { title: format!("{} ({title})", script.name), output, status, took, kept })
    }

    fn command(&self, script: &Script) -> Command {
        // No folder of this machine: a script that fell back on its tools would compare them with themselves.
        let mut environment = vec![("PATH".to_owned(), "/none".into()), ("LC_ALL".to_owned(), "C".into())];
        environment.extend(script.environment.iter().cloned());
        let mut command = match self {
            Self::Native => Command::new(&script.program),
            Self::Trunnion { host, command } => {
                let mut trunnion = if host.is_foreign() {
                    let mut emulator = Command::new(host.emulator());
                    emulator.arg(command);
                    emulator
                } else {
                    Command::new(command)
                };
                trunnion.arg("run");
                for (name, value) in &environment {
                    let mut setting = OsStr::new(name).to_os_string();
                    setting.push("=");
                    setting.push(value);
                    trunnion.arg("--env").arg(setting);
                }
                trunnion.arg("--").arg(&script.program);
                trunnion
            }
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(&script.arguments).env_clear();
        match self {
            Self::Native => command.envs(environment),
            // The emulator is found by the machine's own path; the guest has its own.
            Self::Trunnion { .. } => command.env("PATH", path),
        };
        command
    }
}

/// Waits for a command in a process group of its own; past the limit the group is ended and the answer is `None`.
fn wait(command: &mut Command, limit: Duration) -> Result<Option<std::process::ExitStatus>> {
    use rustix::process::{Pid, Signal, kill_process_group};
    use std::os::unix::process::CommandExt as _;
    let mut child = command.process_group(0).spawn()?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > limit {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                // It may end by itself at this very moment; then there is nothing to end.
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Run {
    /// Everything that is compared: the output, then the status on a line of its own.
    pub(crate) fn transcript(&self) -> Vec<u8> {
        let mut bytes = self.output.clone();
        let ending = match self.status {
            Some(status) => format!("[exit status {status}]\n"),
            None => "[ended by the time limit]\n".to_owned(),
        };
        bytes.extend_from_slice(ending.as_bytes());
        bytes
    }

    /// Shows the first lines that differ.
    pub(crate) fn show_difference(&self, wanted: &[u8]) {
        say(format!("{} differs; its output is in {}", self.title, self.kept.display()));
        let transcript = self.transcript();
        let (got, wanted) = (String::from_utf8_lossy(&transcript), String::from_utf8_lossy(wanted));
        let (mut got, mut wanted) = (got.lines(), wanted.lines());
        let mut shown = 0;
        for number in 1.. {
            match (wanted.next(), got.next()) {
                (None, None) => break,
                (a, b) if a == b => {}
                (a, b) => {
                    println!(
                        "  line {number}\n    wanted  {}\n    got     {}",
                        a.unwrap_or("(end)"),
                        b.unwrap_or("(end)")
                    );
                    shown += 1;
                }
            }
            if shown == 5 {
                break;
            }
        }
    }
}
