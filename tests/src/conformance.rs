//! The long campaign: every tier against the processor, in parallel processes, and its record in the repository.
//!
//! The cases are dealt to the processes in chunks, in turn. A process prints the [`Findings`] of each chunk as one line;
//! where one dies, its chunk is reported as a failure and another goes on behind it.

use crate::campaign::{self, Plan};
use crate::findings::{Failure, Findings};
use crate::generate::Generator;
use crate::hardware::Hardware;
use crate::machine::{Interpreter, Machine, Translator};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

type Result<T> = core::result::Result<T, Box<dyn core::error::Error + Send + Sync>>;

/// The implementations that are compared with the processor.
pub const MACHINES: [&str; 2] = ["interp", "jit"];

/// An implementation by its name.
///
/// # Errors
/// There is none of this name, or the host gives it no memory.
pub fn machine(name: &str) -> Result<Box<dyn Machine>> {
    match name {
        "interp" => Ok(Box::new(Interpreter::default())),
        "jit" => Ok(Box::new(Translator::new()?)),
        other => Err(format!("no machine `{other}`; there are {}", MACHINES.join(" and ")).into()),
    }
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Seed of the generator.
    pub seed: u64,
    /// First case.
    pub from: u64,
    /// Cases for each machine.
    pub cases: u64,
    /// Processes at a time.
    pub jobs: u64,
}

impl Scale {
    const fn chunks(self) -> u64 {
        self.cases.div_ceil(campaign::BATCH)
    }

    /// The cases of a chunk: the first, and how many.
    fn chunk(self, n: u64) -> (u64, u64) {
        let at = n * campaign::BATCH;
        (self.from + at, (self.cases - at).min(campaign::BATCH))
    }

    /// The chunk that process `job` runs as its `turn`-th.
    const fn dealt(self, job: u64, turn: u64) -> u64 {
        turn * self.jobs + job
    }
}

/// What one process of the campaign does: from its `turn`-th chunk to its last, a line for each.
///
/// # Errors
/// There is no such machine, the hardware is not there, or nobody reads.
pub fn shard(
    name: &str,
    generator: &Generator,
    hardware: &mut Hardware,
    scale: Scale,
    job: u64,
    first: u64,
) -> Result<()> {
    let mut machine = machine(name)?;
    for n in (first..).map(|turn| scale.dealt(job, turn)).take_while(|n| *n < scale.chunks()) {
        let (from, cases) = scale.chunk(n);
        let promised = campaign::promises_hold_here();
        let plan = Plan { seed: scale.seed, from, cases, reports: 5, promised };
        let findings = campaign::run(generator, hardware, &mut *machine, plan);
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &findings)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}

fn start(
    program: &Path,
    name: &str,
    scale: Scale,
    job: u64,
    turn: u64,
) -> std::io::Result<(Child, ChildStdout)> {
    let Scale { seed, from, cases, jobs } = scale;
    let number = |n: u64| n.to_string();
    let mut child = Command::new(program)
        .args(["shard", "--machine", name, "--seed", &number(seed), "--from", &number(from)])
        .args(["--cases", &number(cases), "--jobs", &number(jobs)])
        .args(["--job", &number(job), "--turn", &number(turn)])
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().ok_or_else(|| std::io::Error::other("no pipe"))?;
    Ok((child, out))
}

/// Follows process `job` to its end, restarting it behind a chunk that it dies in.
fn follow(program: &Path, name: &str, scale: Scale, job: u64, sum: &Mutex<Findings>) -> Result<()> {
    let add = |part| sum.lock().unwrap_or_else(PoisonError::into_inner).add(part);
    let mut turn = 0;
    while scale.dealt(job, turn) < scale.chunks() {
        let (mut child, out) = start(program, name, scale, job, turn)?;
        for line in BufReader::new(out).lines() {
            add(serde_json::from_str(&line?)?);
            turn += 1;
        }
        let status = child.wait()?;
        if status.success() {
            break;
        }
        if scale.dealt(job, turn) < scale.chunks() {
            let (from, cases) = scale.chunk(scale.dealt(job, turn));
            let report = format!(
                "--- {name}: the process of these cases ended: {status}\n  repeat    cargo run -p trunnion-tests --bin difftest \
                 -- run --machine {name} --seed {} --from {from} --cases {cases}",
                scale.seed
            );
            let failure = BTreeMap::from([("crash".into(), Failure { cases: 1, report })]);
            add(Findings { failures: 1, reports: failure, ..Findings::default() });
            turn += 1;
        }
    }
    Ok(())
}

/// Runs the whole campaign of one machine with the command `program`, saying how far it is.
///
/// # Errors
/// A process cannot be started.
pub fn campaign(program: &Path, name: &str, scale: Scale) -> Result<Findings> {
    let sum = Mutex::new(Findings::default());
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..scale.jobs)
            .map(|job| {
                let sum = &sum;
                scope.spawn(move || follow(program, name, scale, job, sum))
            })
            .collect();
        let mut said = Instant::now();
        while jobs.iter().any(|job| !job.is_finished()) {
            std::thread::sleep(Duration::from_millis(200));
            if said.elapsed() >= Duration::from_secs(20) {
                said = Instant::now();
                let sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                let seconds = begin.elapsed().as_secs();
                eprintln!(
                    "{name}: {} of {} cases in {seconds} s, {} differ, {} explained",
                    sum.cases,
                    scale.cases,
                    sum.failures,
                    sum.explained()
                );
            }
        }
        jobs.into_iter().try_for_each(|job| job.join().map_err(|_| "a follower panicked")?)
    })?;
    Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The record of the last long campaign, which `docs/COVERAGE.md` shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// The processor's name.
    pub processor: String,
    /// Seed of the generator.
    pub seed: u64,
    /// What was found, by machine. Without reports: a campaign with failures is not recorded.
    pub machines: BTreeMap<String, Findings>,
}

impl Record {
    /// Where it is.
    #[must_use]
    pub fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance.json")
    }

    /// Reads it; an empty one where there is none yet.
    ///
    /// # Errors
    /// It cannot be read or is malformed.
    pub fn read() -> std::io::Result<Self> {
        match std::fs::read(Self::path()) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(std::io::Error::other),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(e),
        }
    }

    /// Writes it, a form a line.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self) -> std::io::Result<()> {
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        // A line for each form: what a new campaign changed can be read.
        let text = text.replace("},\"", "},\n\"");
        std::fs::write(Self::path(), text + "\n")
    }
}

/// This processor's name, as CPUID tells it.
#[cfg(target_arch = "x86_64")]
#[must_use]
pub fn processor() -> String {
    let bytes: Vec<u8> = (0x8000_0002..=0x8000_0004_u32)
        .flat_map(|leaf| {
            let r = core::arch::x86_64::__cpuid(leaf);
            [r.eax, r.ebx, r.ecx, r.edx]
        })
        .flat_map(u32::to_le_bytes)
        .collect();
    let brand = String::from_utf8_lossy(&bytes).trim_matches(['\0', ' ']).to_owned();
    let eax = core::arch::x86_64::__cpuid(1).eax;
    let family = (eax >> 8 & 15) + (eax >> 20 & 255);
    let model = eax >> 4 & 15 | eax >> 12 & 0xf0;
    format!("{brand} (family {family}, model {model})")
}

/// There is no i386 processor here.
#[cfg(not(target_arch = "x86_64"))]
#[must_use]
pub fn processor() -> String {
    "no i386 processor".into()
}
