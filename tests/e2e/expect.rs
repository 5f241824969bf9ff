//! Comparing what a run left with what is expected of it.

use std::fmt::Write as _;
use std::path::Path;

use crate::programs::Ending;
use crate::run::Run;

/// What is expected of a run.
#[derive(Debug)]
pub(crate) enum Expectation {
    /// Exactly this transcript.
    Transcript(String),
    /// One of these endings.
    OneOf(&'static [Ending]),
}

/// What a crash of the host side would leave in the output.
const CRASHES: [&str; 3] = ["panicked at", "qemu: uncaught target signal", "RUST_BACKTRACE"];

impl Expectation {
    /// Reads a recorded transcript.
    pub(crate) fn recorded(path: &Path) -> Result<Self, String> {
        let text = std::fs::read(path)
            .map_err(|error| format!("{}: {error}; record it with --bless", path.display()))?;
        Ok(Self::Transcript(String::from_utf8_lossy(&text).into_owned()))
    }

    /// Compares; the error shows where they part.
    pub(crate) fn check(&self, run: &Run) -> Result<(), String> {
        let got = String::from_utf8_lossy(&run.transcript()).into_owned();
        if let Some(crash) = CRASHES.iter().find(|crash| got.contains(**crash)) {
            return Err(format!("the host side crashed ({crash}):\n{got}"));
        }
        match self {
            Self::Transcript(wanted) if *wanted == got => Ok(()),
            Self::Transcript(wanted) => Err(difference(wanted, &got)),
            Self::OneOf(endings) => {
                let fits =
                    |ending: &Ending| run.status == Some(ending.status) && got.contains(ending.contains);
                if endings.iter().any(fits) { Ok(()) } else { Err(format!("none of {endings:?}:\n{got}")) }
            }
        }
    }
}

/// Compares two transcripts that are not of a [`Run`].
pub(crate) fn compare(wanted: &str, got: &str) -> Result<(), String> {
    if wanted == got { Ok(()) } else { Err(difference(wanted, got)) }
}

/// The transcripts' first differing lines, with the line before.
fn difference(wanted: &str, got: &str) -> String {
    let (wanted, got): (Vec<&str>, Vec<&str>) = (wanted.lines().collect(), got.lines().collect());
    let first = wanted.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let mut text = format!("differs from line {} on\n", first + 1);
    // Writing into a String cannot fail.
    if first > 0 {
        let _ = writeln!(text, "    both      {}", wanted[first - 1]);
    }
    for at in first..(first + 8).min(wanted.len().max(got.len())) {
        let _ = writeln!(text, "    expected  {}", wanted.get(at).unwrap_or(&"(end)"));
        let _ = writeln!(text, "    got       {}", got.get(at).unwrap_or(&"(end)"));
    }
    if let (Some(expected), Some(ending)) = (wanted.last(), got.last()) {
        let _ = writeln!(text, "    expected to end with {expected}, ended with {ending}");
    }
    text
}
