//! The instructions' part of `docs/COVERAGE.md`, derived: which mnemonics there are, how each is tested, what may differ.

use crate::allowed::Reason;
use crate::compare::instructions;
use crate::generate;
use crate::undefined::UNPROMISED;
use crate::vectors::{self, Recording};
use core::fmt::Write;
use iced_x86::Mnemonic;
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

/// How many recorded cases begin with each mnemonic, alone or in a sequence.
fn recorded(recordings: &[(String, Recording)]) -> BTreeMap<String, u32> {
    let mut out = BTreeMap::new();
    for (case, _) in recordings.iter().flat_map(|(_, r)| &r.cases) {
        for i in instructions(case) {
            *out.entry(name(i.mnemonic())).or_default() += 1;
        }
    }
    out
}

/// The text.
///
/// # Errors
/// The recordings cannot be read.
pub fn coverage_markdown() -> std::io::Result<String> {
    let recordings = vectors::all()?;
    let recorded = recorded(&recordings);
    let mut files: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in ROWS {
        files.entry(file_of(row.1)).or_default().push(row);
    }
    let compared: Vec<Mnemonic> = ROWS.iter().filter(|r| r.2.is_none()).map(|r| r.0).collect();
    let forms = generate::forms(|m| compared.contains(&m)).len();
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = writeln!(
        out,
        "# Coverage\n\n\
         Derived from the tables of instructions (`frontend-x86/src/table.rs`) and of system calls by `cargo xtask docs`; do\n\
         not edit.\n\n\
         {} mnemonics are implemented. {} of them, in {forms} forms (opcodes of the manual), are compared with the processor:\n\
         random cases and sequences on x86-64 hosts, and on every host {} recorded ones, through the interpreter and through\n\
         translated code. A form is tried with registers and memory, all prefixes and address sizes, and difficult values;\n\
         the whole state is compared, with every fault. Any other instruction raises #UD.\n\n\
         Each mnemonic is followed by its forms and, behind the slash, by the recorded cases with it.\n\n\
         | file of `frontend-x86/src/semantics/` | mnemonics |\n|---|---|",
        ROWS.len(),
        compared.len(),
        recordings.iter().map(|(_, r)| r.cases.len()).sum::<usize>(),
    );
    for (file, rows) in &files {
        let mut names: Vec<String> = rows
            .iter()
            .map(|(m, _, why)| match why {
                Some(_) => format!("{}*", name(*m)),
                None => {
                    let forms = generate::forms(|other| other == *m).len();
                    format!("{} {forms}/{}", name(*m), recorded.get(&name(*m)).unwrap_or(&0))
                }
            })
            .collect();
        names.sort();
        let _ = writeln!(out, "| `{file}` | {} |", names.join(", "));
    }
    let _ = writeln!(out, "\n`*`: not compared:\n");
    for (m, _, why) in ROWS {
        if let Some(why) = why {
            let _ = writeln!(out, "- {}: {why}", name(*m));
        }
    }
    let _ = writeln!(
        out,
        "\n### Flags that the manual leaves undefined\n\n\
         They have the values of AMD's Zen processors, and are compared where the tests run on one and in the recorded cases,\n\
         except:\n"
    );
    for (m, flags) in UNPROMISED {
        let bits = [(1, "CF"), (4, "PF"), (0x10, "AF"), (0x40, "ZF"), (0x80, "SF"), (0x800, "OF")];
        let names: Vec<&str> = bits.iter().filter(|(b, _)| flags & b != 0).map(|(_, n)| *n).collect();
        let _ = writeln!(out, "- {}: {}", name(*m), names.join(" "));
    }
    let _ = writeln!(out, "\n### Differences from the processor that are known and allowed\n");
    for reason in Reason::ALL {
        let _ = writeln!(out, "- {}", reason.text());
    }
    let _ = writeln!(
        out,
        "- FOP, FIP and FDP are not compared: what a signal frame shows of them differs between processors"
    );
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compared_mnemonic_has_a_form_and_a_recorded_case() {
        let recorded = recorded(&vectors::all().expect("recordings"));
        for (m, _, why) in ROWS.iter().filter(|r| r.2.is_none()) {
            let forms = generate::forms(|other| other == *m);
            let absent = iced_x86::Code::values().filter(|c| c.mnemonic() == *m).all(generate::absent);
            assert!(why.is_some() || absent || !forms.is_empty(), "{m:?} has no form");
            assert!(forms.is_empty() || recorded.contains_key(&name(*m)), "{m:?}: record the vectors anew");
        }
    }
}
