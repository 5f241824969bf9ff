//! The instructions' part of `docs/COVERAGE.md`, derived: which mnemonics there are, how each is tested, what may differ.

use crate::allowed::Reason;
use crate::compare::instructions;
use crate::conformance::Record;
use crate::findings::Tally;
use crate::generate;
use crate::undefined::UNPROMISED;
use crate::vectors::{self, Recording};
use core::fmt::Write;
use iced_x86::{Code, Mnemonic};
use std::collections::BTreeMap;

/// One row of the table: mnemonic, path of its meaning, and why it is not compared, if it is not.
type Row = (Mnemonic, &'static str, Option<&'static str>);

macro_rules! why {
    (fuzz) => {
        None
    };
    (skip($why:literal)) => {
        Some($why)
    };
}

macro_rules! rows {
    ($($mnemonic:ident => $function:path, $policy:ident $(($why:literal))?;)*) => {
        const ROWS: &[Row] = &[$((Mnemonic::$mnemonic, stringify!($function), why!($policy $(($why))?))),*];
    };
}

frontend_x86::for_each_mnemonic!(rows);

/// `$crate::semantics::sse::integer::shift` is in `sse/integer.rs`.
fn file_of(path: &str) -> String {
    let parts: Vec<&str> = path.split("::").map(str::trim).collect();
    let from = parts.iter().position(|part| *part == "semantics").map_or(0, |at| at + 1);
    let module = &parts[from..parts.len().saturating_sub(1).max(from)];
    format!("{}.rs", module.join("/"))
}

fn name(m: Mnemonic) -> String {
    format!("{m:?}").to_uppercase()
}

/// How many times each form is in the recorded cases, alone or in a sequence.
fn recorded(recordings: &[(String, Recording)]) -> BTreeMap<Code, u64> {
    let mut out = BTreeMap::new();
    for (case, _) in recordings.iter().flat_map(|(_, r)| &r.cases) {
        for i in instructions(case) {
            *out.entry(i.code()).or_default() += 1;
        }
    }
    out
}

/// The rows by the file of their meaning.
fn by_file() -> BTreeMap<String, Vec<&'static Row>> {
    let mut files: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in ROWS {
        files.entry(file_of(row.1)).or_default().push(row);
    }
    files
}

/// What a machine's campaign counted of a form.
fn tally(record: &Record, machine: &str, form: Code) -> Tally {
    let found = record.machines.get(machine).and_then(|found| found.forms.get(&format!("{form:?}")));
    found.cloned().unwrap_or_default()
}

/// A campaign as a table: per file of instructions, or per form, the cases of each machine.
#[must_use]
pub fn conformance_table(record: &Record, each_form: bool) -> String {
    let machines: Vec<&String> = record.machines.keys().collect();
    let mut out = String::new();
    let cells = |what: &dyn Fn(&str) -> String| {
        machines.iter().map(|m| format!("{:>24}", what(m))).collect::<Vec<_>>().join("")
    };
    let alone = |m: &str, form: Code| tally(record, m, form).alone;
    let _ = writeln!(out, "processor: {}; seed {}", record.processor, record.seed);
    let _ = writeln!(out, "{:<44}{}", "cases alone (fewest a form)", cells(&str::to_owned));
    for (file, rows) in by_file() {
        let compared = |m: Mnemonic| rows.iter().any(|r| r.0 == m && r.2.is_none());
        let forms = generate::forms(compared);
        if forms.is_empty() {
            continue;
        }
        let sum = |m: &str| {
            let all: Vec<u64> = forms.iter().map(|form| alone(m, *form)).collect();
            format!("{} ({})", all.iter().sum::<u64>(), all.iter().min().unwrap_or(&0))
        };
        let _ = writeln!(out, "{:<44}{}", format!("{file}, {} forms", forms.len()), cells(&sum));
        for form in forms.iter().filter(|_| each_form) {
            let text = form.op_code().instruction_string();
            let _ = writeln!(out, "  {text:<42}{}", cells(&|m| alone(m, *form).to_string()));
        }
    }
    let found = |m: &str| &record.machines[m];
    let _ = writeln!(out, "{:<44}{}", "all cases", cells(&|m| found(m).cases.to_string()));
    let _ = writeln!(out, "{:<44}{}", "explained differences", cells(&|m| found(m).explained().to_string()));
    let _ = writeln!(out, "{:<44}{}", "unexplained differences", cells(&|m| found(m).failures.to_string()));
    out
}

/// The forms of one file: how often each is compared, and which differences were explained.
fn forms_table(out: &mut String, rows: &[&Row], recorded: &BTreeMap<Code, u64>, record: &Record) {
    let compared = |m: Mnemonic| rows.iter().any(|r| r.0 == m && r.2.is_none());
    let mut forms = generate::forms(compared);
    forms.sort_by_key(|form| (name(form.mnemonic()), *form as u32));
    let _ = writeln!(out, "| form | recorded | interp | jit | explained |\n|---|--:|--:|--:|---|");
    for form in forms {
        let (interp, jit) = (tally(record, "interp", form), tally(record, "jit", form));
        let mut allowed = interp.allowed;
        for (reason, count) in jit.allowed {
            *allowed.entry(reason).or_default() += count;
        }
        let allowed: Vec<String> =
            allowed.iter().map(|(reason, count)| format!("{reason:?} {count}")).collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            form.op_code().instruction_string(),
            recorded.get(&form).unwrap_or(&0),
            interp.alone,
            jit.alone,
            allowed.join(", ")
        );
    }
    let _ = writeln!(out);
}

/// The text.
///
/// # Errors
/// The recordings cannot be read.
pub fn coverage_markdown() -> std::io::Result<String> {
    let recordings = vectors::all()?;
    let recorded = recorded(&recordings);
    let record = Record::read()?;
    let compared: Vec<Mnemonic> = ROWS.iter().filter(|r| r.2.is_none()).map(|r| r.0).collect();
    let forms = generate::forms(|m| compared.contains(&m)).len();
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = writeln!(
        out,
        "# Coverage\n\n\
         Derived from the tables of instructions (`frontend-x86/src/table.rs`) and of system calls, the recorded cases and the\n\
         last long campaign by `cargo xtask docs`; do not edit.\n\n\
         {} mnemonics are implemented. {} of them, in {forms} forms (opcodes of the manual), are compared with the processor:\n\
         random cases and sequences on x86-64 hosts, and on every host {} recorded ones, through the interpreter and through\n\
         translated code. A form is tried with registers and memory, all prefixes and address sizes, and difficult values;\n\
         the whole state is compared, with every fault. Any other instruction raises #UD.\n",
        ROWS.len(),
        compared.len(),
        recordings.iter().map(|(_, r)| r.cases.len()).sum::<usize>(),
    );
    campaign_text(&mut out, &record);
    absent(&mut out);
    not_compared(&mut out);
    undefined_flags(&mut out);
    let _ = writeln!(out, "## Differences from the processor that are known and allowed\n");
    for reason in Reason::ALL {
        let counts: Vec<String> = record
            .machines
            .iter()
            .filter_map(|(m, found)| found.allowed.get(&reason).map(|count| format!("{m} {count}")))
            .collect();
        let counts = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
        let _ = writeln!(out, "- {reason:?}: {}{counts}", reason.text());
    }
    let _ = writeln!(
        out,
        "\n## The forms\n\n\
         By the files of `frontend-x86/src/semantics/`: recorded cases in which the form is, cases of the form alone in the\n\
         campaign's runs of the interpreter and of translated code, and those of them whose difference is explained.\n"
    );
    for (file, rows) in by_file() {
        let _ = writeln!(out, "### `{file}`\n");
        forms_table(&mut out, &rows, &recorded, &record);
    }
    Ok(out)
}

/// What the last long campaign was.
fn campaign_text(out: &mut String, record: &Record) {
    let _ = writeln!(
        out,
        "The last long campaign (`cargo xtask conformance --record`) ran on {}, seed {}:\n",
        record.processor, record.seed
    );
    for (machine, found) in &record.machines {
        let _ = writeln!(
            out,
            "- {machine}: {} cases, {} differences that are not explained, {} that are (below).",
            found.cases,
            found.failures,
            found.explained()
        );
    }
    let _ = writeln!(out);
}

/// What is left out on purpose.
fn absent(out: &mut String) {
    let _ = writeln!(
        out,
        "## Not there on purpose\n\n\
         Extensions that the processor does not offer: their instructions raise #UD, as on processors without them. What user\n\
         mode may not do (IN, HLT, CLI, …) raises #GP as on Linux. SYSENTER and SYSCALL raise #UD: an AMD processor's in a 32-bit\n\
         program has no SYSENTER, and SYSCALL's calling convention is the kernel's own; `int 0x80` and the vDSO are there.\n"
    );
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (feature, why) in generate::ABSENT {
        reasons.entry(why).or_default().push(format!("{feature:?}"));
    }
    for (why, features) in reasons {
        let _ = writeln!(out, "- {}: {why}", features.join(" "));
    }
    let _ = writeln!(out);
}

fn not_compared(out: &mut String) {
    let _ = writeln!(out, "## Not compared in random cases\n");
    for (m, _, why) in ROWS {
        if let Some(why) = why {
            let _ = writeln!(out, "- {}: {why}", name(*m));
        }
    }
    let _ = writeln!(
        out,
        "- FOP, FIP and FDP at a case's end, where no exception is pending: a signal frame does not show them then. What FNSTENV, \
         FNSAVE and FXSAVE store of them is compared always.\n"
    );
}

fn undefined_flags(out: &mut String) {
    let _ = writeln!(
        out,
        "## Flags that the manual leaves undefined\n\n\
         They have the values of AMD's Zen processors, and are compared where the tests run on one and in the recorded cases,\n\
         except:\n"
    );
    for (m, flags) in UNPROMISED {
        let bits = [(1, "CF"), (4, "PF"), (0x10, "AF"), (0x40, "ZF"), (0x80, "SF"), (0x800, "OF")];
        let names: Vec<&str> = bits.iter().filter(|(b, _)| flags & b != 0).map(|(_, n)| *n).collect();
        let _ = writeln!(out, "- {}: {}", name(*m), names.join(" "));
    }
    let _ = writeln!(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compared_mnemonic_has_a_form_and_a_recorded_case() {
        let recorded = recorded(&vectors::all().expect("recordings"));
        for (m, _, why) in ROWS.iter().filter(|r| r.2.is_none()) {
            let forms = generate::forms(|other| other == *m);
            let absent = Code::values().filter(|c| c.mnemonic() == *m).all(generate::absent);
            assert!(why.is_some() || absent || !forms.is_empty(), "{m:?} has no form");
            let replayed = recorded.keys().any(|form| form.mnemonic() == *m);
            assert!(forms.is_empty() || replayed, "{m:?}: record the vectors anew");
        }
    }
}
