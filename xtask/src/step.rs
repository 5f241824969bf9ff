//! Running other programs: one line per step, the whole output in a log, a time limit.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Write};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::repo::Repo;

/// Says what comes next.
pub(crate) fn say(text: impl AsRef<str>) {
    println!("xtask: {}", text.as_ref());
}

/// The command as a person would type it, for messages.
pub(crate) fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// Runs a command with our own input and output, and wants success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Whether a program of this name can be started.
pub(crate) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// What a logged step left.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How it ended; `None` when the time limit ended it.
    pub(crate) status: Option<ExitStatus>,
    /// Its whole output, standard error included.
    pub(crate) output: String,
    /// Where the output is kept.
    pub(crate) log: PathBuf,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Outcome {
    /// Whether it ended by itself and well.
    pub(crate) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// How it ended, in words.
    pub(crate) fn ending(&self) -> String {
        match self.status {
            Some(status) => status.to_string(),
            None => format!("ended by the time limit after {} s", self.took.as_secs()),
        }
    }

    /// The last lines of the output, for a report of failure.
    pub(crate) fn tail(&self, lines: usize) -> String {
        // Cargo's messages to programs are not for people.
        let all: Vec<&str> = self.output.lines().filter(|line| !line.starts_with("{\"reason\":")).collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

/// Runs a command with its output in `target/xtask/logs/NAME.log`, in a process group of its own, for at most
/// `limit`; then the whole group is ended.
pub(crate) fn logged(repo: &Repo, name: &str, command: &mut Command, limit: Duration) -> Result<Outcome> {
    let log = repo.work_folder("xtask/logs")?.join(format!("{name}.log"));
    let file = File::create(&log).with_context(|| format!("making {}", log.display()))?;
    let (reader, writer) = std::io::pipe().context("making a pipe")?;
    let errors = writer.try_clone().context("copying a pipe")?;
    let text = shown(command);
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting `{text}`"))?;
    // The command keeps its copies of the pipe's write end until it is told otherwise.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("the child has no pid")?;
    let (sender, lines) = mpsc::channel();
    let collector = std::thread::spawn(move || collect(reader, file, &sender));
    // The output ends when the last process that holds it ends; a stray grandchild must not hold us for ever.
    let mut timed_out = false;
    let output = match lines.recv_timeout(limit) {
        Ok(output) => output,
        Err(_) => {
            timed_out = child.try_wait().ok().flatten().is_none();
            // The group may have just ended by itself; then there is nothing to end.
            let _ = kill_process_group(group, Signal::KILL);
            lines.recv_timeout(Duration::from_secs(10)).unwrap_or_default()
        }
    };
    let status = child.wait().with_context(|| format!("waiting for `{text}`"))?;
    if !output.is_empty() {
        let _ = collector.join();
    }
    let status = (!timed_out).then_some(status);
    Ok(Outcome { status, output, log, took: start.elapsed() })
}

/// Copies the output to the log line by line and sends the whole of it at its end.
fn collect(reader: PipeReader, mut log: File, sender: &mpsc::Sender<String>) {
    let mut reader = BufReader::new(reader);
    let mut output = String::new();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        // A log that cannot be written must not fail the step: the output is still shown at the end.
        let _ = log.write_all(&line);
        output.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    let _ = sender.send(output);
}

/// Runs a command as one step of a task: a line when it starts, its output only if it fails.
pub(crate) fn quiet(repo: &Repo, name: &str, command: &mut Command, limit: Duration) -> Result<Outcome> {
    let outcome = logged(repo, name, command, limit)?;
    if !outcome.succeeded() {
        bail!(
            "`{}`: {}\n{}\n(all of it: {})",
            shown(command),
            outcome.ending(),
            outcome.tail(120),
            outcome.log.display()
        );
    }
    Ok(outcome)
}
