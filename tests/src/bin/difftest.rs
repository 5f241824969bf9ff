//! `difftest`: the differential tests as a command.

use std::process::ExitCode;
use trunnion_tests::campaign::{self, Plan};
use trunnion_tests::generate::Generator;
use trunnion_tests::hardware::Hardware;
use trunnion_tests::ins::Line;
use trunnion_tests::machine::{Interpreter, Machine, Translator};
use trunnion_tests::report::report;
use trunnion_tests::shrink::judge;
use trunnion_tests::vectors;

const USAGE: &str = "usage:
  difftest run [--machine interp|jit] [--cases N] [--seed N] [--from N] [--reports N] [--only MNEMONIC,...]
  difftest line 'LINE of an .ins file' [--machine interp|jit]
  difftest record [--per-form N] [--sequences N] [--seed N] [--only MNEMONIC,...] [--into NAME]
                  writes tests/vectors: anew, or one file more
  difftest forms
Compares implementations with the processor. `worker` is used internally.";

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

fn option(args: &[String], name: &str) -> Option<String> {
    args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned()
}

fn number(args: &[String], name: &str, default: u64) -> Result<u64> {
    let Some(text) = option(args, name) else { return Ok(default) };
    let parsed = text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16));
    parsed.map_err(|e| format!("{name} {text}: {e}").into())
}

fn machine(args: &[String]) -> Result<Box<dyn Machine>> {
    match option(args, "--machine").as_deref() {
        None | Some("interp") => Ok(Box::new(Interpreter::default())),
        Some("jit") => Ok(Box::new(Translator::new()?)),
        Some(other) => Err(format!("no machine `{other}`").into()),
    }
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
    for (key, (count, text)) in &findings.reports {
        println!("=== {key}: {count} cases");
        print!("{text}");
    }
    for (reason, count) in &findings.allowed {
        println!("allowed, {count} cases: {}", reason.text());
    }
    println!("{} cases, {} differ, {:.1?}", findings.cases, findings.failures, begin.elapsed());
    Ok(findings.failures == 0)
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
