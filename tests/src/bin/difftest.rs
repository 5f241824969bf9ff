//! `difftest`: the differential tests as a command.

use std::process::ExitCode;
use trunnion_tests::campaign::{self, Plan};
use trunnion_tests::conformance::{self, MACHINES, Record, Scale};
use trunnion_tests::generate::Generator;
use trunnion_tests::hardware::Hardware;
use trunnion_tests::ins::Line;
use trunnion_tests::machine::Machine;
use trunnion_tests::report::report;
use trunnion_tests::shrink::judge;
use trunnion_tests::{conformance_table, vectors};

const USAGE: &str = "usage:
  difftest run [--machine interp|jit] [--cases N] [--seed N] [--from N] [--reports N] [--only MNEMONIC,...]
  difftest conformance [--cases N] [--seed N] [--from N] [--jobs N] [--machine interp|jit] [--forms] [--record]
                  the long run of every machine in parallel, and its table; --record keeps it for docs/COVERAGE.md
  difftest line 'LINE of an .ins file' [--machine interp|jit]
  difftest record [--per-form N] [--sequences N] [--seed N] [--only MNEMONIC,...] [--into NAME]
                  writes tests/vectors: anew, or one file more
  difftest forms
Compares implementations with the processor. `worker` and `shard` are used internally.";

type Result<T> = core::result::Result<T, Box<dyn core::error::Error + Send + Sync>>;

fn option(args: &[String], name: &str) -> Option<String> {
    args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned()
}

fn number(args: &[String], name: &str, default: u64) -> Result<u64> {
    let Some(text) = option(args, name) else { return Ok(default) };
    let parsed = text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16));
    parsed.map_err(|e| format!("{name} {text}: {e}").into())
}

fn machine(args: &[String]) -> Result<Box<dyn Machine>> {
    conformance::machine(option(args, "--machine").as_deref().unwrap_or("interp"))
}

fn generator(args: &[String]) -> Result<Generator> {
    let mut mnemonics = campaign::fuzzed();
    if let Some(only) = option(args, "--only") {
        let wanted: Vec<String> = only.split(',').map(str::to_lowercase).collect();
        mnemonics.retain(|m| wanted.contains(&format!("{m:?}").to_lowercase()));
    }
    if mnemonics.is_empty() {
        return Err("no such mnemonic in the table".into());
    }
    Ok(Generator::new(&mnemonics, number(args, "--seed", 1)?))
}

fn hardware() -> Result<Hardware> {
    Ok(Hardware::start(&std::env::current_exe()?, &["worker"])?)
}

fn run(args: &[String]) -> Result<bool> {
    let plan = Plan {
        seed: number(args, "--seed", 1)?,
        from: number(args, "--from", 0)?,
        cases: number(args, "--cases", 100_000)?,
        reports: usize::try_from(number(args, "--reports", 20)?)?,
        promised: campaign::promises_hold_here(),
    };
    let begin = std::time::Instant::now();
    let findings = campaign::run(&generator(args)?, &mut hardware()?, &mut *machine(args)?, plan);
    println!("{}, {:.1?}", findings.text(), begin.elapsed());
    Ok(findings.failures == 0)
}

fn scale(args: &[String]) -> Result<Scale> {
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    Ok(Scale {
        seed: number(args, "--seed", 1)?,
        from: number(args, "--from", 0)?,
        cases: number(args, "--cases", 1_000_000)?,
        jobs: number(args, "--jobs", processors)?.max(1),
    })
}

fn whole(args: &[String]) -> Result<bool> {
    let scale = scale(args)?;
    drop(hardware()?); // says at once where there is none
    let mut record = Record { processor: conformance::processor(), seed: scale.seed, ..Record::default() };
    let only = option(args, "--machine");
    for name in MACHINES.iter().filter(|name| only.as_deref().is_none_or(|only| only == **name)) {
        let findings = conformance::campaign(&std::env::current_exe()?, name, scale)?;
        println!("{name}: {}\n", findings.text());
        record.machines.insert((*name).into(), findings);
    }
    if record.machines.is_empty() {
        return Err(format!("no such machine; there are {}", MACHINES.join(" and ")).into());
    }
    print!("{}", conformance_table(&record, args.iter().any(|a| a == "--forms")));
    let failures: u64 = record.machines.values().map(|found| found.failures).sum();
    if args.iter().any(|a| a == "--record") {
        if failures != 0 || record.machines.len() != MACHINES.len() {
            return Err("only a campaign of every machine without a difference is recorded".into());
        }
        record.write()?;
        println!("recorded in {}; now `cargo xtask docs`", Record::path().display());
    }
    Ok(failures == 0)
}

fn shard(args: &[String]) -> Result<bool> {
    let name = option(args, "--machine").ok_or("--machine")?;
    let (job, turn) = (number(args, "--job", 0)?, number(args, "--turn", 0)?);
    conformance::shard(&name, &generator(args)?, &mut hardware()?, scale(args)?, job, turn).map(|()| true)
}

fn one(args: &[String]) -> Result<bool> {
    let line = Line::parse(args.get(1).ok_or("no line given")?)?;
    let mut machine = machine(args)?;
    let (want, got, list) =
        judge(&line.case, &mut hardware()?, &mut *machine, campaign::promises_hold_here());
    print!("{}", report(machine.name(), "from a line", &line.case, &want, &got, &list));
    for (what, a, b) in line.check(&want) {
        println!("  the line says {what} {a}, the processor {b}");
    }
    Ok(list.is_empty())
}

fn record(args: &[String]) -> Result<bool> {
    let seed = number(args, "--seed", 1)?;
    let per_form = u32::try_from(number(args, "--per-form", 4)?)?;
    let sequences = number(args, "--sequences", 2000)?;
    let mut recordings = vectors::record(&generator(args)?, &mut hardware()?, seed, per_form, sequences);
    let into = option(args, "--into");
    if let Some(name) = &into {
        let vendor = vectors::vendor();
        let cases = recordings.into_iter().flat_map(|(_, recording)| recording.cases).collect();
        recordings = vec![(name.as_str(), vectors::Recording { vendor, cases })];
    } else if option(args, "--only").is_some() {
        return Err("--only would lose the recordings of all others: give --into too".into());
    }
    for (name, recording) in recordings {
        let path = vectors::directory().join(name).with_extension("vec");
        let bytes = recording.to_bytes();
        std::fs::write(&path, &bytes)?;
        println!("{}: {} cases, {} bytes", path.display(), recording.cases.len(), bytes.len());
    }
    Ok(true)
}

fn command(args: &[String]) -> Result<bool> {
    match args.first().map(String::as_str) {
        #[cfg(target_arch = "x86_64")]
        Some("worker") => Ok(trunnion_tests::hardware::worker::main().map(|()| true)?),
        Some("run") => run(args),
        Some("conformance") => whole(args),
        Some("shard") => shard(args),
        Some("line") => one(args),
        Some("record") => record(args),
        Some("forms") => {
            let all = generator(args)?;
            all.forms().iter().for_each(|f| println!("{:?}: {}", f, f.op_code().instruction_string()));
            println!("{} forms", all.forms().len());
            Ok(true)
        }
        _ => Err(USAGE.into()),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    trunnion_tests::machine::name_case_in_panics();
    match command(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("difftest: {e}");
            ExitCode::from(2)
        }
    }
}
