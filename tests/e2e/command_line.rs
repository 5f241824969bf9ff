//! The command's own errors: each is one clear line, and its exit status is one that a script can tell from the guest's.

use libtest_mimic::{Failed, Trial};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::run::{self, Way};

/// A file that is no i386 program: its name, its bytes, whether it may be executed.
type File = (&'static str, &'static [u8], bool);

const X86_64: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0";
const ARM64: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0\x01\0\0\0";
const ARM: &[u8] = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0\x01\0\0\0";
const TRUNCATED: &[u8] = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0";

/// What is run, its exit status, and what its message must contain.
const ERRORS: &[(&str, File, i32, &str)] = &[
    ("not_an_elf", ("text", b"this is not a program\n", true), 126, "text"),
    ("x86_64_program", ("x86-64", X86_64, true), 126, "x86-64"),
    ("arm64_program", ("arm64", ARM64, true), 126, "arm64"),
    ("arm_program", ("arm", ARM, true), 126, "arm"),
    ("truncated_program", ("torn", TRUNCATED, true), 126, "torn"),
    ("empty_program", ("empty", b"", true), 126, "empty"),
];

/// The tests for every way through Trunnion, one engine each.
pub(crate) fn trials(ways: &[Way]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for way in ways.iter().filter(|way| way.name().ends_with("auto")) {
        for (name, file, status, contains) in ERRORS {
            let way = way.clone();
            let name = format!("{}/command_{name}", way.name());
            trials.push(Trial::test(name, move || refused(&way, Some(file), *status, contains)));
        }
        let missing = way.clone();
        let name = format!("{}/command_program_not_found", way.name());
        trials.push(Trial::test(name, move || refused(&missing, None, 127, "missing")));
        let version = way.clone();
        let name = format!("{}/command_version_names_the_image", way.name());
        trials.push(Trial::test(name, move || version_names_the_image(&version)));
    }
    trials
}

fn refused(way: &Way, file: Option<&File>, status: i32, contains: &str) -> Result<(), Failed> {
    let folder = folder(&format!("{}-{contains}-{status}", way.name()))?;
    let mut program = folder.join("missing");
    if let Some((name, bytes, executable)) = file {
        program = folder.join(name);
        write(&program, bytes, *executable)?;
    }
    let program = program.to_string_lossy().into_owned();
    let mut command = way.command(&["run", &program]);
    let run = run::finish(command.current_dir(&folder), "", Duration::from_secs(60), &folder)?;
    let errors = String::from_utf8_lossy(&run.errors).into_owned();
    std::fs::remove_dir_all(&folder)?;
    if run.status != Some(status) || !errors.contains(contains) || errors.trim_end().lines().count() != 1 {
        return Err(format!("status {:?}, expected {status}; the message:\n{errors}", run.status).into());
    }
    Ok(())
}

fn version_names_the_image(way: &Way) -> Result<(), Failed> {
    let folder = folder(&format!("{}-version", way.name()))?;
    let run = run::finish(&mut way.command(&["--version"]), "", Duration::from_secs(60), &folder)?;
    std::fs::remove_dir_all(&folder)?;
    let output = String::from_utf8_lossy(&run.output).into_owned();
    let digest =
        output.split_whitespace().any(|word| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()));
    if run.status == Some(0) && digest { Ok(()) } else { Err(format!("no SHA-256 in:\n{output}").into()) }
}

fn folder(name: &str) -> std::io::Result<PathBuf> {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("command-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn write(path: &Path, bytes: &[u8], executable: bool) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, bytes)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(if executable { 0o755 } else { 0o644 }))
}
