//! Whole programs, timed in one run: natively, under qemu-i386, and through Trunnion.
//!
//! Rounds, not batches: each round runs every way once, in a changed order, and the ratios are taken within a round, so
//! that a machine that slows down for a while slows all of them. `cargo bench --bench programs -- [NAME…] [--rounds N]`.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use trunnion_benches::{KERNELS, Kernel, START, compile, median_and_spread, starts, trunnion};

/// A way to run a kernel.
struct Way {
    title: &'static str,
    start: Vec<PathBuf>,
}

fn main() -> Result<()> {
    let (names, rounds) = arguments()?;
    let start = compile(&START)?;
    let ways = ways(&start);
    println!("{rounds} rounds; medians, and the middle half of the rounds in brackets\n");
    print!("{:<16}", "");
    for way in &ways {
        print!("{:>14}", way.title);
    }
    println!("   Trunnion / native      Trunnion / qemu-i386");
    let chosen =
        |kernel: &Kernel| names.is_empty() || names.iter().any(|name| kernel.name.contains(name.as_str()));
    let mut slower = Vec::new();
    for kernel in KERNELS.iter().chain([&START]).filter(|kernel| chosen(kernel)) {
        let program = compile(kernel)?;
        let ratio = report(kernel, &program, &ways, rounds)?;
        if kernel.integer && ratio.is_some_and(|ratio| ratio > 1.0) {
            slower.push(kernel.name);
        }
    }
    if !slower.is_empty() {
        println!("\nslower than qemu-i386 on: {}", slower.join(", "));
    }
    Ok(())
}

fn arguments() -> Result<(Vec<String>, usize)> {
    let (mut names, mut rounds) = (Vec::new(), 7);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--rounds" => {
                let number = arguments.next().context("--rounds wants a number")?;
                rounds = number.parse().context("--rounds wants a number")?;
            }
            name if !name.starts_with('-') => names.push(name.to_owned()),
            other => bail!("unknown option {other}"),
        }
    }
    Ok((names, rounds))
}

/// The ways that this machine has.
fn ways(probe: &Path) -> Vec<Way> {
    let mut ways = Vec::new();
    if cfg!(target_arch = "x86_64") && starts(probe, &[]) {
        ways.push(Way { title: "native", start: vec![] });
    } else {
        println!("SKIPPED native: this machine does not run i386 programs");
    }
    let qemu = Path::new("qemu-i386");
    if starts(qemu, &["--version"]) {
        ways.push(Way { title: "qemu-i386", start: vec![qemu.into()] });
    } else {
        println!("SKIPPED qemu-i386: it is not installed (`cargo xtask setup`)");
    }
    match trunnion() {
        Some(command) => {
            ways.push(Way { title: "Trunnion", start: vec![command, "run".into(), "--".into()] })
        }
        None => println!("SKIPPED Trunnion: there is no release build (`cargo xtask build`)"),
    }
    ways
}

/// Times a kernel every way and prints its line; the result is Trunnion's time over qemu's.
fn report(kernel: &Kernel, program: &Path, ways: &[Way], rounds: usize) -> Result<Option<f64>> {
    let mut seconds: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    let mut answers: Vec<Vec<u8>> = vec![Vec::new(); ways.len()];
    for round in 0..rounds {
        for turn in 0..ways.len() {
            let at = (turn + round) % ways.len();
            let (took, answer) = time(&ways[at], program, kernel.timed)?;
            seconds[at].push(took);
            answers[at] = answer;
        }
    }
    if answers.iter().any(|answer| *answer != answers[0]) {
        bail!("{}: the ways disagree on the result; no time of a wrong answer counts", kernel.name);
    }
    print!("{:<16}", kernel.name);
    for times in &seconds {
        print!("{:>12.1}ms", median_and_spread(times).0 * 1000.0);
    }
    let column = |title: &str| ways.iter().position(|way| way.title == title).map(|at| &seconds[at]);
    let mut last = None;
    for other in ["native", "qemu-i386"] {
        let (Some(ours), Some(theirs)) = (column("Trunnion"), column(other)) else {
            print!("{:>24}", "-");
            continue;
        };
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        let (median, low, high) = median_and_spread(&ratios);
        print!("{:>24}", format!("{median:.2} [{low:.2} {high:.2}]"));
        last = Some(median);
    }
    println!();
    Ok(last.filter(|_| column("qemu-i386").is_some()))
}

fn time(way: &Way, program: &Path, count: u32) -> Result<(f64, Vec<u8>)> {
    let mut parts = way.start.iter().chain([&program.to_path_buf()]).cloned().collect::<Vec<_>>().into_iter();
    let mut command = Command::new(parts.next().context("nothing to run")?);
    command.args(parts).arg(count.to_string()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let start = Instant::now();
    let output = command.output().with_context(|| format!("running {}", way.title))?;
    let took = start.elapsed().as_secs_f64();
    if !output.status.success() {
        bail!("{} ({}): {}", program.display(), way.title, output.status);
    }
    Ok((took, output.stdout))
}
