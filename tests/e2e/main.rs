//! Whole i386 programs, natively and through Trunnion, byte for byte.
//!
//! The programs are in `tests/programs/`, compiled here for i386. Each runs natively, through the command on this host
//! (with every engine), and through the AArch64 command under qemu-aarch64; standard output, standard error and exit
//! status must agree. Where this machine runs no i386 programs, the recorded transcripts in `tests/programs/expected/`
//! stand in, and the native tests count as skipped. `TRUNNION_BLESS=1` records them anew.
//!
//! The commands are named by `cargo xtask test`: TRUNNION_BIN and TRUNNION_BIN_AARCH64.
//!
//! | file | what it holds |
//! |---|---|
//! | `programs.rs` | the programs, how each is compiled, its arguments and input, and what is expected of it |
//! | `run.rs` | running a program one way, with a limit on its time |
//! | `expect.rs` | comparing transcripts and showing where they part |
//! | `command_line.rs` | the command's own errors |
//! | `processors.rs` | the processors of `--cpu` |
//! | `terminal.rs` | what is done at a terminal |
//! | `pty.rs` | a terminal, and somebody who types |

mod command_line;
mod expect;
mod processors;
mod programs;
mod pty;
mod run;
mod terminal;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::expect::Expectation;
use crate::programs::{Case, Judge};
use crate::run::Way;

/// The folder of the sources.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

/// Whether this machine runs i386 programs itself: tried with the smallest one.
fn runs_natively(hello: &Path) -> bool {
    let ran = std::process::Command::new(hello).output();
    cfg!(target_arch = "x86_64") && ran.is_ok_and(|output| output.status.success())
}

fn main() {
    let arguments = Arguments::from_args();
    let built = match programs::build_all(&sources()) {
        Ok(folder) => folder,
        Err(message) => {
            eprintln!("e2e: {message}");
            std::process::exit(1);
        }
    };
    let native = runs_natively(&built.join("hello_asm"));
    let required =
        std::env::var_os("TRUNNION_REQUIRE_NATIVE").is_some_and(|value| !value.is_empty() && value != "0");
    if required && !native {
        eprintln!("e2e: TRUNNION_REQUIRE_NATIVE is set, and this machine does not run i386 programs");
        std::process::exit(1);
    }
    let ways = run::ways();
    if ways.is_empty() {
        println!(
            "SKIPPED {} programs through Trunnion: TRUNNION_BIN is not set; run `cargo xtask test`",
            programs::CASES.len()
        );
    }

    let mut trials = Vec::new();
    let built = Arc::new(built);
    for case in programs::CASES {
        if let Judge::Hardware = case.judge {
            let built = Arc::clone(&built);
            trials.push(Trial::ignorable_test(format!("native/{}", case.name), move || {
                native_test(case, &built, native)
            }));
        }
        for way in ways.iter().filter(|way| case.runs_on(way)) {
            let (built, way) = (Arc::clone(&built), way.clone());
            trials.push(Trial::test(format!("{}/{}", way.name(), case.name), move || {
                trunnion_test(case, &built, &way)
            }));
        }
    }
    trials.extend(command_line::trials(&ways));
    trials.extend(processors::trials(&ways, &built, &sources()));
    trials.extend(terminal::trials(&ways, &built, native));
    libtest_mimic::run(&arguments, trials).exit();
}

/// The recorded transcript is what this machine's processor and kernel give.
fn native_test(case: &'static Case, built: &Path, native: bool) -> Result<Completion, Failed> {
    if !native {
        return Ok(Completion::ignored_with("this machine does not run i386 programs"));
    }
    let run = Way::Native.run(case, built)?;
    let recorded = sources().join("expected").join(format!("{}.txt", case.name));
    if std::env::var_os("TRUNNION_BLESS").is_some() {
        std::fs::write(&recorded, run.transcript())?;
    }
    Expectation::recorded(&recorded)?.check(&run)?;
    Ok(Completion::Completed)
}

/// Through Trunnion it is the recorded transcript as well.
fn trunnion_test(case: &'static Case, built: &Path, way: &Way) -> Result<(), Failed> {
    let run = way.run(case, built)?;
    let expectation = match case.judge {
        Judge::Hardware => {
            Expectation::recorded(&sources().join("expected").join(format!("{}.txt", case.name)))?
        }
        Judge::OneOf(endings) => Expectation::OneOf(endings),
    };
    expectation.check(&run)?;
    Ok(())
}
