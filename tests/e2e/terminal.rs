//! The terminal: settings, size and job control, typed at `terminal.c`, a small shell, and at Debian's bash.
//!
//! The first is compared with the recorded transcript as all programs are; bash with itself run natively, where
//! `cargo xtask demo --fetch-only` has fetched it. What a host's shell sees of the command is tried with `terminal.c`
//! as that shell, native, and the command as its job.

use libtest_mimic::{Completion, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::pty::Step::{Echo, Resize, See, Type};
use crate::pty::{self, Ended, Step};
use crate::run::Way;

const PROMPT: Step = See("> ");

/// At `terminal.c`.
const SESSION: &[Step] = &[
    PROMPT,
    Type("settings\n"),
    PROMPT,
    Type("size\n"),
    PROMPT,
    Type("resize\n"),
    See("waiting\n"),
    Resize(40, 100),
    PROMPT,
    Type("groups\n"),
    PROMPT,
    // The terminal's own line editing: erase, kill.
    Type("sizx\x7fe\n"),
    PROMPT,
    Type("rubbish\x15size\n"),
    PROMPT,
    Type("raw\n"),
    See("raw now\n"),
    Type("a\x03\x1aq"),
    PROMPT,
    Type("sleep\n"),
    See("running\n"),
    Type("\x03"),
    PROMPT,
    Type("sleep\n"),
    See("running\n"),
    Type("\x1c"),
    PROMPT,
    Type("sleep\n"),
    See("running\n"),
    Type("\x1a"),
    PROMPT,
    Type("fg\n"),
    See("caught CONT\n"),
    Type("\x1a"),
    PROMPT,
    Type("end job\n"),
    PROMPT,
    Type("catch\n"),
    See("running\n"),
    Type("\x03"),
    See("EINTR\n"),
    Type("\x1c"),
    See("EINTR\n"),
    Type("\x1a"),
    PROMPT,
    Type("read\n"),
    Type("words\n"),
    PROMPT,
    Type("read\n"),
    Type("\x04"),
    PROMPT,
    Type("read behind\n"),
    PROMPT,
    Type("fg\n"),
    See("continuing\n"),
    Type("more words\n"),
    PROMPT,
    Type("deaf read behind\n"),
    PROMPT,
    Type("write behind\n"),
    PROMPT,
    Type("stop writers\n"),
    PROMPT,
    Type("write behind\n"),
    PROMPT,
    Type("fg\n"),
    PROMPT,
    Type("let writers\n"),
    PROMPT,
    Type("change behind\n"),
    PROMPT,
    Type("fg\n"),
    PROMPT,
    // ^C and ^Z at the prompt are the shell's to ignore.
    Type("\x03"),
    See("^C"),
    Type("\x1a"),
    See("^Z"),
    Type("size\n"),
    PROMPT,
    Type("\x04"),
    See("the end: 0\n"),
];

/// At `terminal.c`, run natively, with the command as its job.
const OUTSIDE: &[Step] = &[
    PROMPT,
    Type("job\n"),
    See("running\n"),
    Echo(false),
    Type("\x1a"),
    See("stopped by TSTP\n"),
    PROMPT,
    Echo(true),
    Type("size\n"),
    PROMPT,
    Type("fg\n"),
    See("continuing\n"),
    Echo(false),
    Type("secret words\n"),
    See("job: exited 0\n"),
    PROMPT,
    Type("job\n"),
    See("running\n"),
    Echo(false),
    Type("\x03"),
    See("job: "),
    PROMPT,
    Echo(true),
    Type("\x04"),
    See("the end: 0\n"),
];

const BASH: Step = See("$ ");

/// At bash.
const BASH_SESSION: &[Step] = &[
    BASH,
    Type("echo hel\x7f\x7fllo\n"),
    See("hllo\n"),
    BASH,
    // The line before, and a change within it.
    Type("\x10\x01\x1bdecho new\x05 end\n"),
    See("new hllo end\n"),
    BASH,
    Type("box=${BASH%/*}/busybox; $box stty size; $box stty -a\n"),
    BASH,
    Type("$box cat\n"),
    // Readline gives the terminal to the command: what is typed before may reach either.
    Echo(true),
    Type("one\n"),
    See("one\none\n"),
    Type("\x03"),
    BASH,
    Type("echo $?\n"),
    See("130\n"),
    BASH,
    Type("$box cat\n"),
    // Readline gives the terminal to the command: what is typed before may reach either.
    Echo(true),
    Type("two\n"),
    See("two\ntwo\n"),
    Type("\x1a"),
    BASH,
    Type("jobs\n"),
    See("Stopped"),
    BASH,
    Type("fg\n"),
    See("$box cat\n"),
    Type("three\n"),
    See("three\nthree\n"),
    Type("\x04"),
    BASH,
    Type("trap 'echo $LINES $COLUMNS' WINCH\n"),
    BASH,
    Type("\x04"),
    See("exit\n"),
];

/// The tests of every way.
pub(crate) fn trials(ways: &[Way], built: &Arc<PathBuf>, native: bool) -> Vec<Trial> {
    let mut trials = Vec::new();
    let program = built.join("terminal");
    for way in std::iter::once(&Way::Native).chain(ways.iter().filter(|way| !way.is_slow())) {
        let (name, way) = (way.name(), way.clone());
        let is_native = matches!(way, Way::Native);
        if is_native && !native {
            continue;
        }
        let (w, p) = (way.clone(), program.clone());
        trials.push(Trial::test(format!("{name}/terminal"), move || session(&w, &p)));
        if is_native {
            continue;
        }
        let (w, p) = (way.clone(), program.clone());
        trials.push(Trial::test(format!("{name}/terminal_is_given_back"), move || given_back(&w, &p)));
        let (w, p) = (way.clone(), program.clone());
        trials.push(Trial::ignorable_test(format!("{name}/terminal_of_a_shell_outside"), move || {
            if native { outside(&w, &p) } else { Ok(skipped("this machine does not run i386 programs")) }
        }));
        trials.push(Trial::ignorable_test(format!("{name}/terminal_bash"), move || {
            if native { bash(&way) } else { Ok(skipped("this machine does not run i386 programs")) }
        }));
    }
    trials
}

fn skipped(why: &str) -> Completion {
    Completion::ignored_with(why)
}

/// A program through one way, with nothing in its environment but a terminal's name.
fn command(way: &Way, program: &Path, arguments: &[&str]) -> Command {
    let mut command = match way {
        Way::Native => Command::new(program),
        Way::Trunnion { engine, .. } => {
            let mut command =
                way.command(&["run", "--engine", engine, "--env", "TERM=dumb", "--env", "PS1=$ ", "--"]);
            command.arg(program);
            command
        }
    };
    command.args(arguments).envs([("TERM", "dumb"), ("PS1", "$ ")]);
    command
}

fn session(way: &Way, program: &Path) -> Result<(), Failed> {
    let ended = pty::run(&command(way, program, &[]), SESSION)?;
    let transcript = format!("{}[exit status {}]\n", ended.shown, ended.status);
    let recorded = crate::sources().join("expected").join("terminal.txt");
    if matches!(way, Way::Native) && std::env::var_os("TRUNNION_BLESS").is_some() {
        std::fs::write(&recorded, &transcript)?;
    }
    crate::expect::compare(&std::fs::read_to_string(&recorded)?, &transcript)?;
    if ended.restored { Ok(()) } else { Err("the terminal's settings have changed".into()) }
}

/// A program that spoils the terminal and is killed: the command puts it right.
fn given_back(way: &Way, program: &Path) -> Result<(), Failed> {
    let steps = [PROMPT, Type("spoil and die\n")];
    match pty::run(&command(way, program, &[]), &steps)? {
        Ended { status: 137, restored: true, .. } => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn outside(way: &Way, program: &Path) -> Result<Completion, Failed> {
    let job = command(way, program, &["secretive"]);
    // `job` looks for its command nowhere but in the path it is given.
    let mut shell = Command::new(program);
    shell.arg("/usr/bin/env").arg(job.get_program()).args(job.get_args());
    let ended = pty::run(&shell, OUTSIDE)?;
    if !ended.shown.contains("[secret words]") || ended.shown.contains("\nsecret words") {
        return Err(format!("what was typed in secret was shown, or lost:\n{}", ended.shown).into());
    }
    if ended.restored {
        Ok(Completion::Completed)
    } else {
        Err("the terminal's settings have changed".into())
    }
}

fn bash(way: &Way) -> Result<Completion, Failed> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/demo/debian/bash-static");
    let Ok(program) = fetched.canonicalize() else {
        return Ok(skipped("Debian's bash is not there: cargo xtask demo --fetch-only"));
    };
    let arguments = ["--norc", "--noprofile", "-i"];
    let wanted = pty::run(&command(&Way::Native, &program, &arguments), BASH_SESSION)?;
    let got = pty::run(&command(way, &program, &arguments), BASH_SESSION)?;
    crate::expect::compare(&wanted.shown, &got.shown)?;
    if (wanted.status, got.restored) != (got.status, true) {
        return Err(format!("ended with {}, settings restored: {}", got.status, got.restored).into());
    }
    Ok(Completion::Completed)
}
