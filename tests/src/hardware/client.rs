//! The harness's side of the worker's pipes.

use super::{Unavailable, broken};
use crate::case::{Case, Outcome, Stop};
use crate::codec::{Reader, Writer, get_outcome, put_case};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running worker.
#[derive(Debug)]
pub struct Hardware {
    program: PathBuf,
    args: Vec<String>,
    child: Child,
    to: Option<ChildStdin>,
    from: ChildStdout,
}

fn spawn(program: &Path, args: &[String]) -> std::io::Result<(Child, ChildStdin, ChildStdout)> {
    let mut child = Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    let (to, from) = pipes.ok_or_else(|| std::io::Error::other("no pipes"))?;
    Ok((child, to, from))
}

impl Hardware {
    /// Starts a worker (`program args…` must call [`super::worker::main`]) and tries one case on it.
    ///
    /// # Errors
    /// The worker cannot be started, or this machine does not run i386 code.
    pub fn start(program: &Path, args: &[&str]) -> Result<Self, Unavailable> {
        let args: Vec<String> = args.iter().map(|&a| a.to_owned()).collect();
        let (child, to, from) =
            spawn(program, &args).map_err(|e| Unavailable(format!("{}: {e}", program.display())))?;
        let mut this = Self { program: program.to_owned(), args, child, to: Some(to), from };
        // inc eax: in 64-bit mode this byte would be a REX prefix.
        let probe = Case { code: vec![0x40], ..Case::default() };
        match this.exchange(core::slice::from_ref(&probe)) {
            Ok(out) if out[0].stop == Stop::BREAKPOINT && out[0].state.gpr[0] == 1 => Ok(this),
            Ok(out) => Err(Unavailable(format!("an i386 probe gave {:?}", out[0].stop))),
            Err(e) => Err(Unavailable(format!("i386 code does not run here ({e})"))),
        }
    }

    fn exchange(&mut self, cases: &[Case]) -> std::io::Result<Vec<Outcome>> {
        let mut w = Writer::default();
        w.number(cases.len() as u64);
        cases.iter().for_each(|c| put_case(&mut w, c));
        let to = self.to.as_mut().ok_or_else(|| std::io::Error::other("worker is gone"))?;
        to.write_all(&(w.0.len() as u64).to_le_bytes())?;
        to.write_all(&w.0)?;
        to.flush()?;
        let mut len = [0; 8];
        self.from.read_exact(&mut len)?;
        let mut reply = Vec::new();
        (&mut self.from).take(u64::from_le_bytes(len)).read_to_end(&mut reply)?;
        let mut r = Reader(&reply);
        let all: Result<Vec<_>, _> = cases.iter().map(|c| get_outcome(&mut r, &c.state)).collect();
        all.map_err(std::io::Error::other)
    }

    fn restart(&mut self) -> std::io::Result<()> {
        // It may be stuck or dead already; either way it is waited for.
        let _ = self.child.kill();
        self.child.wait()?;
        let (child, to, from) = spawn(&self.program, &self.args)?;
        (self.child, self.to, self.from) = (child, Some(to), from);
        Ok(())
    }

    /// Runs the cases. One that takes the worker down has the outcome [`Stop::Broken`].
    pub fn run(&mut self, cases: &[Case]) -> Vec<Outcome> {
        match self.exchange(cases) {
            Ok(out) => out,
            Err(_) if self.restart().is_err() => cases.iter().map(broken).collect(),
            Err(_) if cases.len() == 1 => vec![broken(&cases[0])],
            Err(_) => {
                let (left, right) = cases.split_at(cases.len() / 2);
                let mut out = self.run(left);
                out.extend(self.run(right));
                out
            }
        }
    }
}

impl Drop for Hardware {
    fn drop(&mut self) {
        drop(self.to.take());
        // The worker ends when its input does; if it cannot, it is ended.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
