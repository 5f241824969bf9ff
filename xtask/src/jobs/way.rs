//! The ways to run a job, each on a layer of its own over the root.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::files;
use super::list::Job;
use crate::host::Host;
use crate::repo::Repo;

/// What the runs stand on.
#[derive(Debug)]
pub(crate) struct Ground {
    root: PathBuf,
    /// The scripts.
    scripts: PathBuf,
    /// The small static programs.
    pub(crate) programs: PathBuf,
    /// Where the layers are made.
    pub(crate) work: PathBuf,
    /// The options of `unshare` that let this user mount.
    unshare: &'static [&'static str],
}

/// Mounts the layer ($1: its folder, $2: the root, $3: scripts, $4: programs), then runs the rest.
const MOUNT: &str = r#"
set -e
work=$1 root=$2 scripts=$3 programs=$4; shift 4
mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/layer,workdir=$work/aside" "$work/root"
mkdir -p "$work/root/jobs" "$work/root/jobs-built"
mount --bind "$scripts" "$work/root/jobs"
mount --bind "$programs" "$work/root/jobs-built"
ulimit -S -n 1024
cd /
exec "$@"
"#;

/// What the native kernel serves a root with, before the program ($1: the root).
const NATIVE: &str = r#"
set -e
root=$1; shift
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
exec setarch linux32 chroot "$root" "$@"
"#;

const ENVIRONMENT: [&str; 3] = ["PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/root", "LC_ALL=C"];

impl Ground {
    /// Makes the folders, and finds out how this user may mount.
    pub(crate) fn prepare(repo: &Repo, root: &Path) -> Result<Self> {
        let ways: [&[&str]; 2] = [
            &["--mount", "--pid", "--fork", "--kill-child"],
            &["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"],
        ];
        let may = |options: &&&[&str]| {
            let mut probe = Command::new("unshare");
            probe.args(**options).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
            probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let Some(unshare) = ways.iter().find(may) else {
            bail!("this user may not mount anything, not even in a namespace of its own");
        };
        Ok(Self {
            root: fs::canonicalize(root).with_context(|| root.display().to_string())?,
            scripts: repo.root.join("tests/jobs"),
            programs: repo.work_folder("jobs/programs")?,
            work: repo.work_folder("jobs/work")?,
            unshare,
        })
    }
}

/// A way to run a job.
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
    title: String,
    /// Standard output and standard error in the order written, then the exit status.
    transcript: String,
    files: Vec<String>,
    /// How long it took.
    pub(crate) took: Duration,
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

    /// Runs a job on a new layer.
    pub(crate) fn run(&self, ground: &Ground, job: &Job, limit: Duration) -> Result<Run> {
        let title = self.title();
        let work = ground.work.join(format!("{}-{}", job.name, title.replace([' ', '(', ')'], "")));
        if work.exists() {
            fs::remove_dir_all(&work).with_context(|| format!("emptying {}", work.display()))?;
        }
        for folder in ["layer", "aside", "root"] {
            fs::create_dir_all(work.join(folder))?;
        }
        let kept = work.join("output.txt");
        let output = fs::File::create(&kept).with_context(|| format!("making {}", kept.display()))?;
        let mut command = Command::new("unshare");
        command.args(ground.unshare).args(["sh", "-c", MOUNT, "sh"]);
        command.args([&work, &ground.root, &ground.scripts, &ground.programs]);
        self.add_to(&mut command, &work.join("root"), job);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let start = Instant::now();
        let status = wait(&mut command, limit).with_context(|| format!("running {} ({title})", job.name))?;
        let took = start.elapsed();
        let ending = match status {
            Some(status) => format!("[exit status {status}]"),
            None => "[ended by the time limit]".to_owned(),
        };
        let transcript = format!("{}{ending}\n", String::from_utf8_lossy(&fs::read(&kept)?));
        let files = files::list(&work.join("layer"), job.compare)?;
        Ok(Run { title, transcript, files, took })
    }

    /// The job's command, for when the layer is mounted.
    fn add_to(&self, to: &mut Command, root: &Path, job: &Job) {
        match self {
            Self::Native => {
                to.args(["sh", "-c", NATIVE, "sh"]).arg(root).args(["/usr/bin/env", "-i"]).args(ENVIRONMENT);
            }
            Self::Trunnion { host, command } => {
                if host.is_foreign() {
                    to.arg(host.emulator());
                }
                to.arg(command).args(["run", "--rootfs"]).arg(root);
                to.args(ENVIRONMENT.iter().flat_map(|setting| ["--env", setting])).arg("--");
            }
        }
        to.args(&job.command);
    }
}

/// Waits for a command; past the limit it is ended, and with it its whole namespace. The exit status as a shell tells it.
fn wait(command: &mut Command, limit: Duration) -> Result<Option<i32>> {
    let mut child = command.spawn().context("starting unshare")?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))));
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Run {
    /// The first lines in which this run differs from the native one.
    pub(crate) fn difference(&self, native: &Self) -> Option<String> {
        let lines = |run: &Self| -> Vec<String> {
            let files = run.files.iter().map(|line| format!("file {line}"));
            run.transcript.lines().map(str::to_owned).chain(files).collect()
        };
        let (wanted, got) = (lines(native), lines(self));
        let at = (0..wanted.len().max(got.len())).find(|n| wanted.get(*n) != got.get(*n))?;
        let shown = |lines: &[String]| {
            lines.iter().skip(at).take(3).map(|line| format!("\n        {line}")).collect::<String>()
        };
        Some(format!(
            "  {}, from line {}\n    wanted{}\n    got{}",
            self.title,
            at + 1,
            shown(&wanted),
            shown(&got)
        ))
    }
}
