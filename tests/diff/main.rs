//! Implementations against the processor.
//!
//! - Every line of `tests/insn/*.ins` and every recorded case of `tests/vectors/` runs on every implementation, on any host.
//! - Where this host runs i386 code, random cases are compared with it directly, and the lines too: otherwise these tests
//!   say SKIPPED with the number of cases, and fail under `TRUNNION_REQUIRE_NATIVE=1`.
//!
//! `TRUNNION_CASES` (default 20000) and `TRUNNION_SEED` (default 1) choose the random cases.

use trunnion_tests::allowed::{Reason, explain};
use trunnion_tests::campaign::{self, Plan};
use trunnion_tests::case::{Case, Stop};
use trunnion_tests::compare::differences;
use trunnion_tests::fuzz;
use trunnion_tests::generate::Generator;
use trunnion_tests::hardware::{self, Hardware};
use trunnion_tests::ins::Line;
use trunnion_tests::machine::{Interpreter, Machine, Translator, name_case_in_panics};
use trunnion_tests::report::report;
use trunnion_tests::vectors;

/// Calls `with` for every implementation.
fn for_each_machine(mut with: impl FnMut(&mut dyn Machine)) {
    name_case_in_panics();
    with(&mut Interpreter::default());
    with(&mut Translator::new().expect("a host window"));
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |v| v.parse().expect("a number"))
}

/// The processor, or `None` after saying what is skipped.
fn processor(cases: u64) -> Option<Hardware> {
    match Hardware::start(env!("CARGO_BIN_EXE_difftest").as_ref(), &["worker"]) {
        Ok(hardware) => Some(hardware),
        Err(why) if hardware::required() => panic!("native execution is required: {why}"),
        Err(why) => {
            println!("SKIPPED {cases} native cases: {why}");
            None
        }
    }
}

#[test]
fn random_cases_agree_with_the_processor() {
    let cases = setting("TRUNNION_CASES", 20_000);
    let Some(mut hardware) = processor(cases) else { return };
    let seed = setting("TRUNNION_SEED", 1);
    let generator = Generator::new(&campaign::fuzzed(), seed);
    for_each_machine(|machine| {
        let promised = campaign::promises_hold_here();
        let plan = Plan { seed, from: 0, cases, reports: 10, promised };
        let findings = campaign::run(&generator, &mut hardware, machine, plan);
        assert!(findings.reports.is_empty(), "{}", findings.text());
        let explained = findings.explained();
        assert!(
            explained * 20 < findings.cases.max(1000),
            "{explained} of {cases} differences are explained away: {:?}",
            findings.allowed
        );
    });
}

#[test]
fn recorded_cases_replay() {
    let recordings = vectors::all().expect("tests/vectors can be read");
    assert!(!recordings.is_empty(), "there are recordings");
    for_each_machine(|machine| {
        let mut failures = Vec::new();
        for (name, recording) in &recordings {
            for (n, (case, want)) in recording.cases.iter().enumerate() {
                let got = machine.run(case);
                let list = differences(case, want, &got, recording.promised());
                if !list.is_empty() && explain(case, want, &got).is_none() {
                    let origin = format!("{name}.vec, case {n}");
                    failures.push(report(machine.name(), &origin, case, want, &got, &list));
                }
            }
        }
        let shown = failures.len().min(10);
        assert!(failures.is_empty(), "{} differ\n{}", failures.len(), failures[..shown].join("\n"));
    });
}

/// Every line of the `.ins` files with where it stands.
fn lines() -> Vec<(String, Line)> {
    let directory = vectors::directory().with_file_name("insn");
    let mut out = Vec::new();
    for entry in std::fs::read_dir(directory).expect("tests/insn can be read") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "ins") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text file");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'))
        {
            let at = format!("{name}:{}", n + 1);
            let line = Line::parse(line).unwrap_or_else(|e| panic!("{at}: {e}"));
            out.push((at, line));
        }
    }
    assert!(out.len() > 20, "there are lines");
    out
}

fn check_lines(name: &str, mut run: impl FnMut(&Case) -> trunnion_tests::case::Outcome) {
    let mut failures = Vec::new();
    for (at, line) in lines() {
        for (what, said, found) in line.check(&run(&line.case)) {
            failures.push(format!("{at}: {what}: the line says {said}, {name} {found}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_line_holds() {
    for_each_machine(|machine| {
        let name = machine.name();
        check_lines(name, |case| machine.run(case));
    });
}

#[test]
fn every_line_holds_on_the_processor() {
    let Some(mut hardware) = processor(lines().len() as u64) else { return };
    check_lines("the processor", |case| hardware.run(core::slice::from_ref(case)).remove(0));
}

#[test]
fn the_worker_survives_what_cases_do() {
    let Some(mut hardware) = processor(6) else { return };
    let case = |code: &[u8]| Case { code: code.to_vec(), ..Case::default() };
    let mut lost_stack = case(&[0x31, 0xe4, 0xc3]); // xor esp, esp; ret
    lost_stack.state.eflags |= 0x400;
    let cases = [
        case(&[0xeb, 0xfe]),                                                 // jmp $
        lost_stack,                                                          //
        case(&[0xcd, 0x80]),                                                 // int 80h
        case(&[0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xe0]),                         // null DS, FS
        case(&[0x9c, 0x58, 0x0d, 0, 0, 4, 0, 0x50, 0x9d, 0x8b, 0x04, 0x24]), // sets AC
        case(&[0x40]),
    ];
    let stops: Vec<Stop> = hardware.run(&cases).iter().map(|o| o.stop).collect();
    assert_eq!(stops[0], Stop::Hang);
    assert!(matches!(stops[1], Stop::Exception { vector: 14, address: 0, .. }), "{:?}", stops[1]);
    assert!(matches!(stops[2], Stop::Exception { vector: 0x80, .. }), "{:?}", stops[2]);
    assert_eq!(stops[3..], [Stop::BREAKPOINT; 3]);
}

#[test]
fn a_wrong_answer_is_noticed() {
    /// An interpreter that loses a bit of EDI.
    struct Wrong(Interpreter);
    impl Machine for Wrong {
        fn name(&self) -> &'static str {
            "wrong"
        }
        fn run(&mut self, case: &Case) -> trunnion_tests::case::Outcome {
            let mut out = self.0.run(case);
            if out.state.eflags & 0x40 != 0 {
                out.state.gpr[7] &= !0x10;
            }
            out
        }
    }
    let Some(mut hardware) = processor(2000) else { return };
    let generator = Generator::new(&[iced_x86::Mnemonic::Xor, iced_x86::Mnemonic::Or], 3);
    let plan = Plan { seed: 3, from: 0, cases: 2000, reports: 1, promised: false };
    let findings = campaign::run(&generator, &mut hardware, &mut Wrong(Interpreter::default()), plan);
    assert!(findings.failures > 20, "{} noticed", findings.failures);
    let text = findings.reports.values().map(|f| &f.report).find(|t| !t.is_empty()).expect("a report");
    assert!(text.contains("! edi") && text.contains("repeat    cargo run"), "{text}");
    let line = text.lines().find_map(|l| l.trim().strip_prefix("line")).expect("a line");
    let line = Line::parse(line.trim()).expect("the line reads back");
    assert!(line.case.memory.len() <= 1 && line.case.code.len() <= 8, "shrunk: {text}");
}

#[test]
fn kept_inputs_of_the_fuzzers_hold() {
    let run = |target: &str, one: fn(&[u8])| {
        let folder = fuzz::corpus().join(target);
        let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut count = 0;
        for file in files {
            let path = file.expect("an entry").path();
            println!("{}", path.display());
            one(&std::fs::read(&path).expect("a readable file"));
            count += 1;
        }
        assert!(count > 0, "{} has inputs", folder.display());
    };
    run("decode", fuzz::decode);
    run("interpreter", fuzz::interpreter);
    run("translator", fuzz::translator);
}

#[test]
fn every_reason_says_why() {
    let texts: std::collections::BTreeSet<&str> = Reason::ALL.iter().map(|r| r.text()).collect();
    assert_eq!(texts.len(), Reason::ALL.len());
}
