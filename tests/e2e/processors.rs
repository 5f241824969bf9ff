//! The processors that a program can be shown: `--cpu`.
//!
//! `processor.c` tells what it sees; what it should see is in `tests/programs/expected/processor_*.txt`. No machine can judge
//! that but the profiles themselves. Other programs must end under an older processor as they do under the newest.

use libtest_mimic::{Failed, Trial};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::expect::Expectation;
use crate::run::{self, Way};

/// The program, its processor, and the transcript.
const RUNS: &[(&str, &str, &str)] = &[
    ("processor", "i686", "processor_i686"),
    ("processor", "sse2", "processor_sse2"),
    ("processor", "v2", "processor_v2"),
    ("processor", "max", "processor_max"),
    // Signal frames without XSAVE, and without FXSAVE.
    ("signal_context", "sse2", "signal_context"),
    ("signals", "i686", "signals"),
    ("floats", "i686", "floats"),
];

/// The tests for every way through Trunnion that is not slow.
pub(crate) fn trials(ways: &[Way], built: &Arc<PathBuf>, sources: &Path) -> Vec<Trial> {
    let mut trials = Vec::new();
    for way in ways.iter().filter(|way| !way.is_slow()) {
        for (program, cpu, transcript) in RUNS {
            let (way, built) = (way.clone(), Arc::clone(built));
            let recorded = sources.join("expected").join(format!("{transcript}.txt"));
            let name = format!("{}/cpu_{cpu}_{program}", way.name());
            trials.push(Trial::test(name, move || run(&way, &built.join(program), cpu, &recorded)));
        }
    }
    trials
}

fn run(way: &Way, program: &Path, cpu: &str, recorded: &Path) -> Result<(), Failed> {
    let Way::Trunnion { engine, .. } = way else { return Err("natively there is one processor".into()) };
    let folder = run::empty_folder(&format!("{}-{cpu}", way.name()))?;
    let mut command =
        way.command(&["run", "--engine", engine, "--cpu", cpu, "--env", "GREETING=good day", "--"]);
    command.arg(program).current_dir(&folder);
    let run = run::finish(&mut command, "", Duration::from_secs(180), &folder)?;
    std::fs::remove_dir_all(&folder)?;
    if std::env::var_os("TRUNNION_BLESS").is_some() && program.ends_with("processor") && *engine == "interp" {
        std::fs::write(recorded, run.transcript())?;
    }
    Expectation::recorded(recorded)?.check(&run)?;
    Ok(())
}
