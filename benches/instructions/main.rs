//! AArch64 instructions executed per i386 instruction, counted under qemu by a TCG plugin.
//!
//! A count is repeatable where a time is not. Each kernel runs twice with different iteration counts; the difference
//! holds iterations only, neither the start nor compiling. The guest's own instructions are counted in the same way
//! under qemu-i386. `cargo bench --bench instructions -- [NAME…]`.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use trunnion_benches::{KERNELS, Kernel, compile, starts, trunnion_aarch64, work_folder};

fn main() -> Result<()> {
    let names: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let plugin = plugin()?;
    let Some(trunnion) = trunnion_aarch64() else {
        println!("SKIPPED {}: there is no AArch64 build (`cargo xtask build --host aarch64`)", KERNELS.len());
        return Ok(());
    };
    if !starts(Path::new("qemu-aarch64"), &["--version"]) {
        println!("SKIPPED {}: qemu-aarch64 is not installed (`cargo xtask setup`)", KERNELS.len());
        return Ok(());
    }
    println!("{:<16}{:>16}{:>18}{:>10}", "", "i386 insns", "AArch64 insns", "ratio");
    for kernel in KERNELS
        .iter()
        .filter(|kernel| names.is_empty() || names.iter().any(|n| kernel.name.contains(n.as_str())))
    {
        let program = compile(kernel)?;
        let guest =
            difference(kernel, |count| counted(&plugin, "qemu-i386", std::slice::from_ref(&program), count))?;
        // Everything compiled at its first execution: a count must not depend on when a background compiler is ready.
        let ours = ["run", "--engine", "jit", "--"].map(PathBuf::from);
        let start: Vec<PathBuf> =
            [trunnion.clone()].into_iter().chain(ours).chain([program.clone()]).collect();
        let host = difference(kernel, |count| counted(&plugin, "qemu-aarch64", &start, count))?;
        println!("{:<16}{guest:>16.0}{host:>18.0}{:>10.2}", kernel.name, host / guest);
    }
    Ok(())
}

/// Compiles the plugin.
fn plugin() -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("icount.c");
    let plugin = work_folder()?.join("icount.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&plugin).arg(&source);
    if !compiler.status().context("running cc")?.success() {
        bail!("{} does not compile", source.display());
    }
    Ok(plugin)
}

/// What the larger count executes more than the smaller, per iteration.
fn difference(kernel: &Kernel, count: impl Fn(u32) -> Result<f64>) -> Result<f64> {
    let (few, many) = kernel.counted;
    Ok((count(many)? - count(few)?) / f64::from(many - few))
}

/// Instructions executed by all processes of one run.
fn counted(plugin: &Path, emulator: &str, start: &[PathBuf], count: u32) -> Result<f64> {
    let counts = work_folder()?.join("icount.txt");
    // It is appended to by every process of the run.
    if counts.exists() {
        std::fs::remove_file(&counts)?;
    }
    let plugin = format!("file={},out={}", plugin.display(), counts.display());
    let mut command = Command::new(emulator);
    command
        .args(["-plugin", &plugin])
        .args(start)
        .arg(count.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = command.status().with_context(|| format!("running {emulator}"))?;
    if !status.success() {
        bail!("{emulator} with {count} iterations: {status}");
    }
    let text = std::fs::read_to_string(&counts).context("the plugin left no count")?;
    let of_each = text.split_whitespace().filter_map(|word| word.strip_prefix("insns=")?.parse::<f64>().ok());
    Ok(of_each.sum())
}
