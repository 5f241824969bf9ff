//! The house rules that a machine can check. STYLE and ARCHITECTURE say why.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

fn output(command: &mut Command) -> String {
    let out = command.current_dir(root()).output().expect("the tool is installed");
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

/// Tracked files, relative to the workspace, with their text; binary files are left out.
fn tracked() -> Vec<(String, String)> {
    let list = output(Command::new("git").args(["ls-files"]));
    let read =
        |name: &str| std::fs::read_to_string(root().join(name)).ok().map(|text| (name.to_owned(), text));
    list.lines().filter_map(read).collect()
}

fn rust_files() -> Vec<(String, String)> {
    tracked().into_iter().filter(|(name, _)| name.ends_with(".rs")).collect()
}

fn fail_with(list: &[String], what: &str) {
    assert!(list.is_empty(), "{what}:\n{}", list.join("\n"));
}

/// Which crates of ours a crate may use. Tools (`xtask`, tests, benches) may use anything.
const MAY_USE: &[(&str, &[&str])] = &[
    ("frontend-x86", &[]),
    ("pal-abi", &[]),
    ("jit", &["frontend-x86"]),
    ("thunk-pal", &["frontend-x86", "pal-abi"]),
    ("native-pal-aarch64", &["pal-abi"]),
    ("libos", &["pal-abi"]),
    ("cli", &["frontend-x86", "jit", "native-pal-aarch64", "pal-abi", "thunk-pal"]),
];
const TOOLS: &[&str] = &["xtask", "trunnion-tests", "benches", "trunnion-benches"];

#[test]
fn crates_depend_only_in_the_designed_direction() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let text =
        output(Command::new(cargo).args(["metadata", "--no-deps", "--format-version", "1", "--offline"]));
    let metadata: Value = serde_json::from_str(&text).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        if TOOLS.contains(&name) {
            continue;
        }
        // The command's package has another name than its folder.
        let folder = Path::new(package["manifest_path"].as_str().expect("a path")).parent();
        let folder = folder.and_then(Path::file_name).and_then(|f| f.to_str()).expect("a folder");
        let Some((_, allowed)) = MAY_USE.iter().find(|(n, _)| *n == folder) else {
            wrong.push(format!("{name} has no place in the graph"));
            continue;
        };
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let (to, kind) = (dependency["name"].as_str().expect("a name"), dependency["kind"].as_str());
            if kind != Some("dev") && names.contains(&to) && !allowed.contains(&to) {
                wrong.push(format!("{name} must not depend on {to}"));
            }
        }
    }
    fail_with(&wrong, "dependencies against the design");
}

/// Lines in a file before it must be divided. Tables may be longer.
const LIMIT: usize = 600;
const TABLES: &[&str] = &["frontend-x86/src/table.rs", "pal-abi/src/calls.rs"];

#[test]
fn files_are_of_readable_size() {
    let long = |(name, text): &(String, String)| {
        let lines = text.lines().count();
        (lines > LIMIT && !TABLES.contains(&name.as_str())).then(|| format!("{name}: {lines} lines"))
    };
    fail_with(&rust_files().iter().filter_map(long).collect::<Vec<_>>(), "longer than 600 lines");
}

/// Where unsafe code may be: the rooms that STYLE names, and what stands in for hardware or a host in tests.
const UNSAFE_ROOMS: &[&str] = &[
    "jit/src/code.rs",
    "jit/src/enter.rs",
    "jit/src/fault.rs",
    "jit/tests/",
    "native-pal-aarch64/src/arch/",
    "native-pal-aarch64/src/sys/",
    "native-pal-aarch64/src/stream/node.rs",
    "native-pal-aarch64/src/wait.rs",
    "thunk-pal/src/guest/",
    "thunk-pal/src/host.rs",
    "libos/src/arch/",
    "libos/src/sys/",
    "pal-abi/src/",
    "cli/src/layers.rs",
    "frontend-x86/tests/",
    "tests/pal/",
    "tests/src/hardware/",
    "tests/src/machine/",
    "benches/",
];

/// Whether a line of code has the word `unsafe`, strings and comments aside.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let code: String = code.split('"').step_by(2).collect();
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe")
}

#[test]
fn unsafe_code_is_in_its_rooms() {
    let mut outside = Vec::new();
    for (name, text) in rust_files() {
        if UNSAFE_ROOMS.iter().any(|room| name.starts_with(room)) {
            continue;
        }
        outside.extend(
            text.lines().enumerate().filter(|(_, l)| is_unsafe(l)).map(|(n, _)| format!("{name}:{}", n + 1)),
        );
    }
    fail_with(&outside, "unsafe code outside its rooms");
    assert!(
        is_unsafe("    unsafe { x() }") && !is_unsafe("#![forbid(unsafe_code)]") && !is_unsafe("// unsafe")
    );
}

#[test]
fn the_frontend_forbids_unsafe_code() {
    let lib = std::fs::read_to_string(root().join("frontend-x86/src/lib.rs")).expect("a file");
    assert!(lib.lines().any(|l| l == "#![forbid(unsafe_code)]"));
}

/// Whether a line names a place on somebody's machine. Written in pieces so that this file does not name one.
fn names_a_machine(line: &str) -> bool {
    let places =
        [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"], [".cargo/", "registry"], ["artifac", "tory"]];
    places.iter().any(|p| {
        let place = p.concat();
        line.match_indices(&place).any(|(at, _)| {
            // Part of a longer path is another thing: "net/work/" or a guest's "rootfs/home/".
            !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '}' | '_' | '-'))
        })
    })
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    let mut found = Vec::new();
    for (name, text) in tracked() {
        // What guests see is a machine of its own.
        let guest = name.starts_with("tests/programs/") || name.starts_with("libos/");
        if guest || name == "Cargo.lock" {
            continue;
        }
        let lines = text.lines().enumerate().filter(|(_, l)| names_a_machine(l));
        found.extend(lines.map(|(n, l)| format!("{name}:{}: {}", n + 1, l.trim())));
    }
    fail_with(&found, "paths or hosts of one machine");
}

#[test]
fn locked_packages_come_from_the_public_registry() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("a lock file");
    let public = "registry+https://github.com/rust-lang/crates.io-index";
    let other = |l: &&str| l.starts_with("source = ") && !l.contains(public);
    let list: Vec<String> = lock.lines().filter(other).map(str::to_owned).collect();
    fail_with(&list, "packages from elsewhere");
}

/// The targets of a Markdown text's links: `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let code_free = text.split("```").step_by(2);
    code_free.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next())
}

#[test]
fn every_link_in_the_documents_resolves() {
    let mut broken = Vec::new();
    for (name, text) in tracked().into_iter().filter(|(name, _)| name.ends_with(".md")) {
        let folder = root().join(&name).parent().expect("a folder").to_owned();
        for link in links(&text) {
            let path = link.split(['#', ' ']).next().unwrap_or_default();
            if !path.is_empty() && !link.contains("://") && !folder.join(path).exists() {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    fail_with(&broken, "links to nothing");
    assert_eq!(links("[a](b.md) `x` [c](d#e)").collect::<Vec<_>>(), ["b.md", "d#e"]);
}

#[test]
fn every_source_file_says_what_it_is() {
    let silent = |(name, text): &(String, String)| {
        let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
        (!first.starts_with("//!")).then(|| name.clone())
    };
    fail_with(&rust_files().iter().filter_map(silent).collect::<Vec<_>>(), "no `//!` head");
}
