//! What the benchmarks share: the kernels, compiling them, and finding the programs to compare.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One small i386 program; its only argument is a count of iterations.
#[derive(Debug)]
pub struct Kernel {
    /// What it stresses.
    pub name: &'static str,
    source: &'static str,
    flags: &'static [&'static str],
    /// Iterations that take a quarter of a second or so natively.
    pub timed: u32,
    /// Two counts for counting instructions: what lies between them is free of the start and of compiling.
    pub counted: (u32, u32),
    /// Whether it is one of those on which Trunnion on x86-64 must not be slower than qemu-i386.
    pub integer: bool,
}

const X87: &[&str] = &["-lm"];
const SSE2: &[&str] = &["-msse2", "-mfpmath=sse", "-lm"];

/// The kernels, in the order reported.
pub const KERNELS: [Kernel; 6] = [
    Kernel {
        name: "integer loop",
        source: "sieve.c",
        flags: &[],
        timed: 150,
        counted: (4, 12),
        integer: true,
    },
    Kernel { name: "calls", source: "fib.c", flags: &[], timed: 250, counted: (4, 12), integer: true },
    Kernel { name: "bytes", source: "bytes.c", flags: &[], timed: 250, counted: (4, 12), integer: true },
    Kernel {
        name: "x87",
        source: "nbody.c",
        flags: X87,
        timed: 60_000,
        counted: (2000, 6000),
        integer: false,
    },
    Kernel {
        name: "SSE2",
        source: "nbody.c",
        flags: SSE2,
        timed: 200_000,
        counted: (2000, 6000),
        integer: false,
    },
    Kernel {
        name: "indirect jumps",
        source: "vm.c",
        flags: &[],
        timed: 250,
        counted: (4, 12),
        integer: true,
    },
];

/// Does nothing: its time is the start and the end.
pub const START: Kernel = Kernel {
    name: "start and exit",
    source: "exit.c",
    flags: &[],
    timed: 1,
    counted: (1, 1),
    integer: false,
};

/// The folder for compiled kernels and counts.
///
/// # Errors
/// Where it cannot be made.
pub fn work_folder() -> Result<PathBuf> {
    let folder = target().join("benches");
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target"),
    }
}

/// Compiles a kernel for i386, as the figures are defined: `-O2 -march=i686 -static`.
///
/// # Errors
/// Without the i386 compiler, or where it fails.
pub fn compile(kernel: &Kernel) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels").join(kernel.source);
    let program = work_folder()?.join(kernel.name.replace(' ', "-"));
    let status = Command::new("i686-linux-gnu-gcc")
        .args(["-O2", "-march=i686", "-static", "-o"])
        .arg(&program)
        .arg(&source)
        .args(kernel.flags)
        .status()
        .context("i686-linux-gnu-gcc: run `cargo xtask setup`")?;
    if !status.success() {
        bail!("{} does not compile", source.display());
    }
    Ok(program)
}

/// The command under test: TRUNNION_BIN, or the release build. `None` where there is none.
#[must_use]
pub fn trunnion() -> Option<PathBuf> {
    found("TRUNNION_BIN", "release/trunnion")
}

/// The AArch64 command: TRUNNION_BIN_AARCH64, or the release build.
#[must_use]
pub fn trunnion_aarch64() -> Option<PathBuf> {
    found("TRUNNION_BIN_AARCH64", "aarch64-unknown-linux-gnu/release/trunnion")
}

fn found(variable: &str, built: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map_or_else(|| target().join(built), PathBuf::from);
    path.is_file().then_some(path)
}

/// Whether a program can be started at all.
#[must_use]
pub fn starts(program: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The middle of some numbers, and the span of their middle half.
#[must_use]
pub fn median_and_spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |quarter: usize| {
        sorted.get(sorted.len().saturating_sub(1) * quarter / 4).copied().unwrap_or(f64::NAN)
    };
    (at(2), at(1), at(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_spread_its_neighbours() {
        let close = |a: (f64, f64, f64), b: (f64, f64, f64)| {
            (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9 && (a.2 - b.2).abs() < 1e-9
        };
        assert!(close(median_and_spread(&[5.0, 1.0, 3.0, 2.0, 4.0]), (3.0, 2.0, 4.0)));
        assert!(close(median_and_spread(&[7.0]), (7.0, 7.0, 7.0)));
    }
}
