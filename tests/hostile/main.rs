//! A hostile library OS against the layers below it: whatever it does, the command ends by the guest's own doing or with
//! one clear line; never by a crash of the host side, never by hanging.
//!
//! The image is `image.c`, built here for i386; its scenarios are letters. Each runs on this host's command and on the
//! AArch64 one under qemu-aarch64, as far as `cargo xtask test` names them (TRUNNION_BIN, TRUNNION_BIN_AARCH64).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// How a scenario must end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The image itself ended, with this status.
    Own(i32),
    /// The layer below ended it: status 125, and one line that contains this.
    Line(&'static str),
    /// Either.
    Any(&'static str),
}

const SCENARIOS: &[(&str, &str, End)] = &[
    ("a", "faults before it registers upcalls", End::Line("takes no exceptions")),
    ("b", "its dispatch faults for ever", End::Line("the library OS's")),
    ("c", "its dispatch resumes the fault a thousand times", End::Own(0)),
    ("d", "its dispatch lies nowhere", End::Line("the library OS's")),
    ("e", "passes wild pointers to every call", End::Own(0)),
    ("f", "makes random calls", End::Any("")),
    ("g", "frees its own code", End::Line("library OS")),
    ("h", "frees the page of gates", End::Line("library OS")),
    ("i", "frees its upcall stack and faults", End::Line("upcall stack is gone")),
    ("j", "calls gates that are none", End::Any("the library OS's")),
    ("k", "returns from no dispatch", End::Line("without a context")),
    ("l", "overflows its stack", End::Own(0)),
    ("m", "resumes contexts full of nonsense", End::Any("")),
    ("n", "starts threads from nowhere", End::Any("thread")),
    ("p", "stores to the end of the address space", End::Own(0)),
];

/// The longest that a scenario may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn image() -> PathBuf {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("hostile.elf");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile/image.c");
    let flags = ["-O1", "-fno-stack-protector", "-fpie", "-nostdlib", "-static-pie", "-fno-builtin", "-o"];
    let built = Command::new("i686-linux-gnu-gcc").args(flags).arg(&out).arg(&source).status();
    assert!(built.is_ok_and(|s| s.success()), "i686-linux-gnu-gcc builds {}", source.display());
    out
}

/// The commands to try: (name, program and its first arguments).
fn commands() -> Vec<(&'static str, Vec<String>)> {
    let mut commands = Vec::new();
    if let Ok(path) = env::var("TRUNNION_BIN") {
        commands.push(("this host", vec![path]));
    }
    if let Ok(path) = env::var("TRUNNION_BIN_AARCH64") {
        commands.push(("aarch64 under qemu", vec!["qemu-aarch64".to_owned(), path]));
    }
    commands
}

struct Ran {
    status: Option<i32>,
    stderr: String,
}

fn run(command: &[String], image: &Path, engine: &str, scenario: &str) -> Ran {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("hostile-root");
    fs::create_dir_all(&folder).expect("the test folder can be made");
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .args(["run", "--engine", engine, "--library-os"])
        .arg(image)
        .args(["--rootfs".as_ref(), folder.as_os_str()])
        .args(["hostile", scenario])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let begun = Instant::now();
    let mut terminated = 0;
    loop {
        if child.try_wait().expect("the child can be waited for").is_some() {
            break;
        }
        if begun.elapsed() > PATIENCE {
            child.kill().expect("the child can be killed");
            break;
        }
        // The scenario that never ends is ended as a user would: SIGTERM, and again.
        if scenario == "o" && terminated < 3 && begun.elapsed() > Duration::from_secs(2 * (1 + terminated)) {
            terminated += 1;
            let _ = Command::new("kill").arg(child.id().to_string()).status();
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().expect("the child has ended");
    Ran { status: output.status.code(), stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

fn judge(end: End, ran: &Ran) -> Result<(), String> {
    let lines: Vec<&str> = ran.stderr.lines().filter(|l| !l.trim().is_empty()).collect();
    let own = |wanted: i32| ran.status == Some(wanted);
    let line = |text: &str| {
        ran.status == Some(125)
            && lines.iter().filter(|l| l.starts_with("trunnion: ")).count() == 1
            && lines.iter().any(|l| l.contains(text))
    };
    let internal = lines.iter().any(|l| l.contains("internal error") || l.contains("panicked"));
    let good = match end {
        End::Own(status) => own(status),
        End::Line(text) => line(text),
        End::Any(text) => own(0) || line(text),
    };
    if good && !internal {
        Ok(())
    } else {
        Err(format!("wanted {end:?}, got status {:?} and:\n{}", ran.status, ran.stderr))
    }
}

#[test]
fn hostile_library_os_ends_by_its_own_doing_or_with_one_line() {
    let commands = commands();
    if commands.is_empty() {
        println!("SKIPPED {} scenarios: TRUNNION_BIN is not set; run `cargo xtask test`", SCENARIOS.len());
        return;
    }
    let image = image();
    let mut failures = Vec::new();
    for (host, command) in &commands {
        for engine in ["auto", "interp"] {
            for (scenario, what, end) in SCENARIOS {
                let ran = run(command, &image, engine, scenario);
                if let Err(why) = judge(*end, &ran) {
                    failures.push(format!("{host}, --engine {engine}, scenario {scenario} ({what}): {why}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn a_guest_that_spins_for_ever_is_ended_by_sigterm() {
    let commands = commands();
    if commands.is_empty() {
        println!("SKIPPED 1 scenario: TRUNNION_BIN is not set; run `cargo xtask test`");
        return;
    }
    let image = image();
    for (host, command) in &commands {
        for engine in ["auto", "interp"] {
            let begun = Instant::now();
            let ran = run(command, &image, engine, "o");
            assert!(
                begun.elapsed() < PATIENCE,
                "{host}, --engine {engine}: SIGTERM did not end it: {}",
                ran.stderr
            );
        }
    }
}
