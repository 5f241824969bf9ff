//! Running one program one way.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::programs::Case;

/// A way to run an i386 program.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// By this machine itself.
    Native,
    /// Through the command with one of its engines.
    Trunnion { command: PathBuf, engine: &'static str, emulator: Option<&'static str> },
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) output: Vec<u8>,
    pub(crate) errors: Vec<u8>,
    /// As a shell would see it; `None` when the limit ended it.
    pub(crate) status: Option<i32>,
}

/// Every way through Trunnion that the environment names.
pub(crate) fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    if let Some(command) = std::env::var_os("TRUNNION_BIN") {
        for engine in ENGINES {
            ways.push(Way::Trunnion { command: command.clone().into(), engine, emulator: None });
        }
    }
    if let Some(command) = std::env::var_os("TRUNNION_BIN_AARCH64") {
        for engine in ENGINES {
            let emulator = Some("qemu-aarch64");
            ways.push(Way::Trunnion { command: command.clone().into(), engine, emulator });
        }
    }
    ways
}

const ENGINES: [&str; 4] = ["auto", "interp", "jit", "compare"];

impl Way {
    /// The first part of a test's name.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Native => "native".to_owned(),
            Self::Trunnion { engine, emulator: None, .. } => format!("here-{engine}"),
            Self::Trunnion { engine, .. } => format!("aarch64-{engine}"),
        }
    }

    /// Whether it is slow, and so for a few programs only: both engines in lockstep, and all but the usual engine on an
    /// emulated host.
    pub(crate) fn is_slow(&self) -> bool {
        match self {
            Self::Native => false,
            Self::Trunnion { engine, emulator, .. } => {
                *engine == "compare" || emulator.is_some() && *engine != "auto"
            }
        }
    }

    /// Whether the host is emulated.
    pub(crate) fn is_emulated(&self) -> bool {
        matches!(self, Self::Trunnion { emulator: Some(_), .. })
    }

    /// Starts the command with these arguments instead of a program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.start();
        command.args(arguments);
        command
    }

    fn start(&self) -> Command {
        match self {
            Self::Native => unreachable!("a native program is its own command"),
            Self::Trunnion { command, emulator: Some(emulator), .. } => {
                let mut start = Command::new(emulator);
                start.arg(command);
                start
            }
            Self::Trunnion { command, .. } => Command::new(command),
        }
    }

    /// Runs a case in an empty folder of its own.
    pub(crate) fn run(&self, case: &Case, built: &Path) -> std::io::Result<Run> {
        let folder = empty_folder(&format!("{}-{}", self.name(), case.name))?;
        let program = built.join(case.program);
        let mut command = match self {
            Self::Native => {
                let mut native = Command::new(&program);
                native.env_clear().env("GREETING", "good day");
                native
            }
            Self::Trunnion { engine, .. } => {
                let mut trunnion = self.start();
                trunnion.args(["run", "--engine", engine, "--env", "GREETING=good day"]);
                trunnion.args(case.options).arg("--").arg(&program);
                trunnion
            }
        };
        command.args(case.arguments).current_dir(&folder);
        let run = finish(&mut command, case.input, case.limit(), &folder)?;
        std::fs::remove_dir_all(&folder)?;
        Ok(run)
    }
}

/// A new folder for one run; runs are in parallel.
pub(crate) fn empty_folder(name: &str) -> std::io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("run-{}-{number}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Runs a command to its end, or to the limit: then its whole process group is ended.
pub(crate) fn finish(
    command: &mut Command,
    input: &str,
    limit: Duration,
    folder: &Path,
) -> std::io::Result<Run> {
    // Files, not pipes: a stray child that holds them must not hold us. They lie beside the folder, not in it, so
    // that a program that lists its folder sees it empty.
    let (out, err) = (folder.with_extension("out"), folder.with_extension("err"));
    command.stdout(File::create(&out)?).stderr(File::create(&err)?).stdin(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input is no error.
        let _ = stdin.write_all(input.as_bytes());
    }
    let status = wait(&mut child, limit)?;
    let status = status.map(|status| status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
    let run = Run { output: std::fs::read(&out)?, errors: std::fs::read(&err)?, status };
    std::fs::remove_file(out)?;
    std::fs::remove_file(err)?;
    Ok(run)
}

fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status()?;
    child.wait()?;
    Ok(None)
}

impl Run {
    /// Everything that is compared, as recorded.
    pub(crate) fn transcript(&self) -> Vec<u8> {
        let mut bytes = self.output.clone();
        if !self.errors.is_empty() {
            bytes.extend_from_slice(b"[standard error]\n");
            bytes.extend_from_slice(&self.errors);
        }
        let ending = match self.status {
            Some(status) => format!("[exit status {status}]\n"),
            None => "[ended by the time limit]\n".to_owned(),
        };
        bytes.extend_from_slice(ending.as_bytes());
        bytes
    }
}
