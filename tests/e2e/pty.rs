//! A program on a terminal of its own, and somebody who types.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, Termios, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

/// How long something that is awaited may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What the one who types does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Types this.
    Type(&'static str),
    /// Waits until this has been shown since the last time something was awaited.
    See(&'static str),
    /// Changes the size: rows and columns.
    Resize(u16, u16),
    /// Waits until what is typed is shown, or is not.
    Echo(bool),
}

/// A program on its terminal.
#[derive(Debug)]
pub(crate) struct Session {
    master: std::fs::File,
    child: Child,
    shown: Vec<u8>,
    seen: usize,
}

/// How a session ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// All that was shown, without carriage returns.
    pub(crate) shown: String,
    /// As a shell would see it.
    pub(crate) status: i32,
    /// Whether the terminal's settings are those of the beginning.
    pub(crate) restored: bool,
}

impl Session {
    /// Starts a command as the leader of a session that the terminal belongs to.
    fn start(command: &Command) -> std::io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let slave =
            std::fs::File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes()))?;
        resize(&master, 24, 80)?;
        // Else a signal of the terminal throws away output, what its receiver already answers included.
        let mut settings = tcgetattr(&slave)?;
        settings.local_modes |= LocalModes::NOFLSH;
        tcsetattr(&slave, OptionalActions::Now, &settings)?;
        let mut leader = Command::new("setsid");
        leader.arg("--ctty").arg(command.get_program()).args(command.get_args());
        leader.env_clear();
        for (key, value) in command.get_envs() {
            leader.env(key, value.unwrap_or_default());
        }
        // `setsid` itself is looked up there.
        if let Some(path) = std::env::var_os("PATH") {
            leader.env("PATH", path);
        }
        leader.stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(slave);
        Ok(Self { child: leader.spawn()?, master: master.into(), shown: Vec::new(), seen: 0 })
    }

    /// Takes what is shown until then; tells whether there was anything.
    fn look(&mut self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(0),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut polled = [PollFd::new(&self.master, PollFlags::IN)];
        if poll(&mut polled, Some(&left)).unwrap_or(0) == 0 {
            return false;
        }
        let mut buffer = [0; 4096];
        // Where nobody has the terminal any more, reading fails.
        let count = self.master.read(&mut buffer).unwrap_or(0);
        self.shown.extend(buffer[..count].iter().filter(|byte| **byte != b'\r'));
        count != 0
    }

    fn see(&mut self, text: &str) -> Result<(), String> {
        let end = Instant::now() + LIMIT;
        loop {
            let new = &self.shown[self.seen..];
            if let Some(at) = new.windows(text.len()).position(|window| window == text.as_bytes()) {
                self.seen += at + text.len();
                return Ok(());
            }
            let more = self.look(end.min(Instant::now() + Duration::from_millis(50)));
            let over = !more && self.child.try_wait().is_ok_and(|status| status.is_some());
            if Instant::now() > end || over && !self.look(Instant::now()) {
                let shown = String::from_utf8_lossy(&self.shown);
                return Err(format!("{text:?} was not shown after {} bytes of:\n{shown}", self.seen));
            }
        }
    }

    fn echo(&self, wanted: bool) -> Result<(), String> {
        let end = Instant::now() + LIMIT;
        while settings(&self.master)?.local_modes.contains(LocalModes::ECHO) != wanted {
            if Instant::now() > end {
                return Err(format!("echo did not become {wanted}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Type(keys) => self.master.write_all(keys.as_bytes()).map_err(|error| error.to_string()),
            Step::See(text) => self.see(text),
            Step::Resize(rows, columns) => {
                resize(&self.master, rows, columns).map_err(|error| error.to_string())
            }
            Step::Echo(wanted) => self.echo(wanted),
        }
    }

    fn end(&mut self, before: &Termios) -> Result<Ended, String> {
        let end = Instant::now() + LIMIT;
        let status = loop {
            self.look(Instant::now() + Duration::from_millis(20));
            if let Some(status) = self.child.try_wait().map_err(|error| error.to_string())? {
                break status;
            }
            if Instant::now() > end {
                return Err(format!("does not end after:\n{}", String::from_utf8_lossy(&self.shown)));
            }
        };
        let after = settings(&self.master)?;
        while self.look(Instant::now()) {}
        Ok(Ended {
            shown: String::from_utf8_lossy(&self.shown).into_owned(),
            status: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            restored: format!("{before:?}") == format!("{after:?}"),
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // One that has ended needs no killing; what it left hangs up with the terminal.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(master: &std::fs::File) -> Result<Termios, String> {
    tcgetattr(master).map_err(|error| format!("the terminal's settings: {error}"))
}

fn resize(master: impl std::os::fd::AsFd, rows: u16, columns: u16) -> std::io::Result<()> {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(tcsetwinsize(master.as_fd(), size)?)
}

/// Runs a command on a terminal of its own through the steps, to its end.
pub(crate) fn run(command: &Command, steps: &[Step]) -> Result<Ended, String> {
    let mut session = Session::start(command).map_err(|error| format!("{command:?}: {error}"))?;
    let before = settings(&session.master)?;
    for step in steps {
        session.step(*step).map_err(|error| format!("{step:?}: {error}"))?;
    }
    session.end(&before)
}
