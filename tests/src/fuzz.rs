//! What the coverage-guided fuzzers run on each input (`tests/fuzz/`), and the tests on every input kept.
//!
//! An input of [`decode`] is bytes at an address; of [`interpreter`] and [`translator`] the seed of a state (8 bytes) and
//! code. A failure panics with its report, whose line goes into `tests/insn/`.

use crate::allowed::explain;
use crate::campaign;
use crate::case::{Case, Outcome, Stop};
use crate::compare::differences;
use crate::generate::{self, Generator, Rng};
use crate::hardware::Hardware;
use crate::machine::{Interpreter, Machine, Translator, trace};
use crate::report::report;
use frontend_x86::cpuid::Profile;
use frontend_x86::decode::{DecodeError, Insn, MAX_LENGTH};
use frontend_x86::table::{MNEMONICS, Policy};
use iced_x86::Instruction;
use std::cell::RefCell;
use std::path::Path;

/// Longest code of a case: a basic block and a little more.
const LONGEST: usize = 64;

/// Any bytes decode or are refused, by themselves: what follows an instruction does not matter, and what is cut off is
/// missed.
///
/// # Panics
/// Where that does not hold.
pub fn decode(bytes: &[u8]) {
    let eip = 0x1000_0000;
    let whole = Insn::decode(bytes, eip, Profile::Max);
    let Ok(insn) = whole else { return };
    let length = insn.next_eip().wrapping_sub(eip) as usize;
    assert!((1..=MAX_LENGTH).contains(&length) && length <= bytes.len(), "{length} bytes of {bytes:02x?}");
    assert_eq!(Insn::decode(&bytes[..length], eip, Profile::Max), whole, "what follows {bytes:02x?} matters");
    for cut in 0..length {
        let short = Insn::decode(&bytes[..cut], eip, Profile::Max);
        assert_eq!(short, Err(DecodeError::Truncated), "{cut} of {:02x?}", &bytes[..length]);
    }
}

/// The case that an input stands for: a state from its first 8 bytes, the rest as code.
#[must_use]
pub fn case(input: &[u8]) -> Option<Case> {
    let (seed, code) = input.split_at_checked(8)?;
    let code = &code[..code.len().min(LONGEST)];
    let seed = u64::from_le_bytes(seed.try_into().ok()?);
    (!code.is_empty()).then(|| Generator::around(&mut Rng::new(seed), code))
}

/// The processor, if this machine has one and `TRUNNION_DIFFTEST` names the command whose `worker` asks it.
fn processor() -> Option<Hardware> {
    let program = std::env::var_os("TRUNNION_DIFFTEST")?;
    Some(Hardware::start(Path::new(&program), &["worker"]).expect("TRUNNION_DIFFTEST is set: the processor"))
}

/// Whether what the case executes means the same on every processor, to the last bit.
fn comparable(case: &Case, want: &Outcome, got: &Outcome) -> bool {
    let at = |eip: u32| {
        let from = eip.wrapping_sub(case.state.eip) as usize;
        case.code.get(from..).is_none_or(Generator::means_the_same)
    };
    let exact = |i: &Instruction| {
        let open = generate::transcendental(i.code()) || generate::approximation(i.code());
        !open && MNEMONICS.iter().any(|(m, policy)| *m == i.mnemonic() && *policy == Policy::Fuzz)
    };
    let executed = trace(case);
    at(want.state.eip) && at(got.state.eip) && executed.iter().all(|(i, _)| at(i.ip32()) && exact(i))
}

fn check(machine: &mut dyn Machine, case: &Case, want: &Outcome) {
    let got = machine.run(case);
    if want.stop == Stop::Broken {
        return;
    }
    let list = differences(case, want, &got, campaign::promises_hold_here());
    if !list.is_empty() && explain(case, want, &got).is_none() && comparable(case, want, &got) {
        panic!("{}", report(machine.name(), "from the fuzzer", case, want, &got, &list));
    }
}

/// Code in the interpreter: does it end, and as the processor does, where there is one?
///
/// # Panics
/// With the report of a difference.
pub fn interpreter(input: &[u8]) {
    thread_local! {
        static STATE: RefCell<(Option<Hardware>, Interpreter)> =
            RefCell::new((processor(), Interpreter::default()));
    }
    let Some(case) = case(input) else { return };
    STATE.with_borrow_mut(|(hardware, machine)| match hardware {
        Some(hardware) => {
            let want = hardware.run(core::slice::from_ref(&case)).remove(0);
            check(machine, &case, &want);
        }
        None => drop(machine.run(&case)),
    });
}

/// Code translated and in the interpreter: the same?
///
/// # Panics
/// With the report of a difference, and where the host has no memory for a translator.
pub fn translator(input: &[u8]) {
    thread_local! {
        static STATE: RefCell<(Interpreter, Translator)> =
            RefCell::new((Interpreter::default(), Translator::new().expect("a host window")));
    }
    let Some(case) = case(input) else { return };
    STATE.with_borrow_mut(|(interpreter, translator)| {
        let want = interpreter.run(&case);
        check(translator, &case, &want);
    });
}

/// Where inputs are kept that once failed, or reach what random cases rarely do.
#[must_use]
pub fn corpus() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/kept")
}
