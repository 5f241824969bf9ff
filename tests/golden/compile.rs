//! Makes the images of `tests/golden/code` anew from their sources: needs a compiler, unlike everything else here.
//!
//! `cargo test -p trunnion-tests --test golden -- --ignored` runs it.

use std::path::Path;
use std::process::Command;
use trunnion_tests::kernels::{Image, SOURCES, directory};
use trunnion_tests::layout::{CODE, DATA};

const COMPILER: &str = "i686-linux-gnu-gcc";

/// What every source is compiled with: code that stands for itself, and loops that stay loops.
const OPTIONS: [&str; 11] = [
    "-O2",
    "-ffreestanding",
    "-fno-pic",
    "-fno-math-errno",
    "-fno-strict-aliasing",
    "-fno-stack-protector",
    "-fcf-protection=none",
    "-fno-asynchronous-unwind-tables",
    "-fno-tree-loop-distribute-patterns",
    "-nostdlib",
    "-no-pie",
];

/// Everything in one piece.
fn layout() -> String {
    format!(
        "SECTIONS {{ elsewhere = {:#x}; . = {:#x}; .all : {{ *(.text*) *(.rodata*) *(.data*) }} /DISCARD/ : {{ *(*) }} }}",
        DATA.base, CODE.base
    )
}

fn output(program: &str, arguments: &[&str]) -> Vec<u8> {
    let out = Command::new(program).args(arguments).output().expect("the compiler is installed");
    assert!(out.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

fn compile(source: &Path, options: &[&str], folder: &Path) -> Image {
    let name = |file: &str| folder.join(file).to_str().expect("a path of text").to_owned();
    let (script, linked, bytes) = (name("layout.ld"), name("linked"), name("bytes"));
    std::fs::write(&script, layout()).expect("a file");
    let beside = format!("-I{}", directory().display());
    let source = source.to_str().expect("a path of text");
    let script = format!("-Wl,--build-id=none,--no-warn-rwx-segments,-T,{script}");
    let all = [&OPTIONS[..], options, &[&beside, &script, "-o", &linked, source]].concat();
    output(COMPILER, &all);
    output("i686-linux-gnu-objcopy", &["-O", "binary", &linked, &bytes]);
    let symbols = output("i686-linux-gnu-nm", &["-n", "--extern-only", &linked]);
    let version = String::from_utf8_lossy(&output(COMPILER, &["--version"])).into_owned();
    let symbol = |line: &str| {
        let (at, rest) = line.split_once(" T ")?;
        Some((rest.to_owned(), u32::from_str_radix(at, 16).ok()?))
    };
    let options = [&OPTIONS[..], options].concat().join(" ");
    Image {
        compiler: format!("{}\n{options}\n", version.lines().next().unwrap_or_default()),
        symbols: String::from_utf8_lossy(&symbols).lines().filter_map(symbol).collect(),
        bytes: std::fs::read(bytes).expect("a file"),
        ..Image::default()
    }
}

#[test]
#[ignore = "writes into the sources; needs a compiler for i386"]
fn compile_all() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, source, options) in SOURCES {
        let image = compile(&directory().join(source), options, folder.path());
        let room = CODE.len() as usize - 16;
        assert!(image.bytes.len() <= room, "{name}: {} bytes", image.bytes.len());
        std::fs::write(directory().join(format!("{name}.hex")), image.print()).expect("a file");
    }
}
