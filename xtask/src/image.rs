//! The library OS image: 32-bit x86 guest code, the same bytes wherever and from whatever folder it is built.
//!
//! What could let a host into the bytes is taken out: the checkout's path, cargo's home and the compiler's own
//! source are renamed in file names that panics carry, there is one codegen unit, and symbols, build ids and
//! section names that name nothing at run time are stripped.

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::repo::Repo;
use crate::step::{self, say};
use crate::toolchain::{GUEST_CC, GUEST_TRIPLE, Toolchain};

/// The image as built.
#[derive(Debug)]
pub(crate) struct Image {
    /// The ELF file.
    pub(crate) path: PathBuf,
    /// Its SHA-256, in hexadecimal.
    pub(crate) sha256: String,
    /// Its length in bytes.
    pub(crate) size: usize,
}

/// Builds the image and leaves it at `target/libos/trunnion-libos.elf`, its symbols beside it.
pub(crate) fn build(repo: &Repo) -> Result<Image> {
    let toolchain = Toolchain::for_image()?;
    say(format!("library OS image: {}", toolchain.version()?));
    let mut command = toolchain.cargo(repo, &["build", "--profile", "image", "--package", "libos", "--bins"]);
    command.args(["--target", GUEST_TRIPLE, "--message-format", "json-render-diagnostics"]);
    if toolchain.builds_std() {
        // Debian ships the core library for i386 as source only; compiling it is a cargo feature behind a switch
        // that a stable compiler honours when told so.
        command.arg("-Zbuild-std=core,alloc,compiler_builtins").env("RUSTC_BOOTSTRAP", "1");
    }
    command.env("RUSTFLAGS", rustflags(repo, &toolchain)?);
    command.env("CARGO_TARGET_I586_UNKNOWN_LINUX_GNU_LINKER", GUEST_CC);
    let outcome = step::quiet(repo, "build-image", &mut command, Duration::from_secs(1200))?;
    let built = executable(&outcome.output).context("cargo built no program for the library OS")?;

    let folder = repo.work_folder("libos")?;
    let symbols = folder.join("trunnion-libos.sym.elf");
    fs::copy(&built, &symbols).with_context(|| format!("copying {}", built.display()))?;
    let stripped = folder.join("trunnion-libos.elf.new");
    let mut strip = Command::new("i686-linux-gnu-objcopy");
    strip.args(["--strip-all", "--remove-section=.comment", "--remove-section=.note.*"]);
    step::run(strip.arg(&symbols).arg(&stripped))?;
    let path = repo.image();
    replace_if_different(&stripped, &path)?;

    let image = describe(&path)?;
    fs::write(folder.join("trunnion-libos.elf.sha256"), format!("{}  trunnion-libos.elf\n", image.sha256))?;
    say(format!("library OS image: {} bytes, SHA-256 {}", image.size, image.sha256));
    Ok(image)
}

/// Reads an image back.
pub(crate) fn describe(path: &Path) -> Result<Image> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let digest = Sha256::digest(&bytes);
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Image { path: path.to_path_buf(), sha256, size: bytes.len() })
}

/// The compiler's flags: the guest's processor, and no path of this machine in the bytes.
fn rustflags(repo: &Repo, toolchain: &Toolchain) -> Result<String> {
    let root = repo.root.to_str().context("the checkout's path is not UTF-8")?;
    let home = cargo_home()?;
    let sysroot = toolchain.sysroot()?;
    for path in [root, &home, &sysroot] {
        if path.contains(' ') {
            bail!("cannot build the library OS image with a space in the path {path}");
        }
    }
    let target = repo.target.display();
    Ok([
        // CMOV, but neither MMX nor SSE.
        "-Ctarget-cpu=i686".to_owned(),
        "-Ctarget-feature=+crt-static".to_owned(),
        "-Crelocation-model=pie".to_owned(),
        "-Clink-arg=-nostartfiles".to_owned(),
        "-Clink-arg=-nostdlib".to_owned(),
        "-Clink-arg=-static-pie".to_owned(),
        "-Clink-arg=-Wl,--build-id=none".to_owned(),
        // The last match wins: the longer paths come after those that may contain them.
        format!("--remap-path-prefix={home}=/cargo"),
        format!("--remap-path-prefix={root}=/trunnion"),
        format!("--remap-path-prefix={target}=/target"),
        format!("--remap-path-prefix={sysroot}/lib/rustlib/src/rust=/rust"),
        "--remap-path-prefix=/usr/src=/rust-src".to_owned(),
    ]
    .join(" "))
}

fn cargo_home() -> Result<String> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(home.to_string_lossy().into_owned());
    }
    let home = std::env::var("HOME").context("HOME is not set")?;
    Ok(format!("{home}/.cargo"))
}

/// The program among cargo's JSON messages.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
}

/// Moves a new file over an old one unless they are equal: what embeds it is then not built again.
fn replace_if_different(new: &Path, old: &Path) -> Result<()> {
    let same = fs::read(old).is_ok_and(|bytes| fs::read(new).is_ok_and(|others| bytes == others));
    if same {
        fs::remove_file(new).with_context(|| format!("removing {}", new.display()))
    } else {
        fs::rename(new, old).with_context(|| format!("moving {} into place", new.display()))
    }
}
