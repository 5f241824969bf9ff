//! Compares translated code under fire with the interpreter at the same point.

use iced_x86::Mnemonic;
use std::fmt::Write;
use trunnion_tests::case::{Case, Patch, State, Stop};
use trunnion_tests::compare::{GPR, show_stop};
use trunnion_tests::generate::Rng;
use trunnion_tests::ins;
use trunnion_tests::machine::fire::{Fire, Reference, Shot, Stopped};

/// Steps of the interpreter after which a case is not taken.
const LIMIT: u32 = 20_000;
/// More than any run counts.
const ALL: u64 = u64::MAX >> 1;

/// Changes a state before it is compared: a planted error.
pub(crate) type Spoil = fn(&mut State);

/// A shot of some kind by its number.
type Kind = fn(u64) -> Shot;

/// Which points of a case are tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Points {
    /// At most so many accesses and so many looks at the interrupt word, spread by the seed.
    Some { most: u64, seed: u64 },
    /// This one.
    One(Shot),
}

/// What was tried.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) cases: u64,
    pub(crate) faults: u64,
    pub(crate) interrupts: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.cases += other.cases;
        self.faults += other.faults;
        self.interrupts += other.interrupts;
    }
}

/// A difference: where, and what differs.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) shot: Shot,
    pub(crate) text: String,
}

/// An engine and an interpreter, and what is wrong with the engine on purpose.
pub(crate) struct Judge {
    pub(crate) fire: Fire,
    pub(crate) reference: Reference,
    pub(crate) spoil: Option<Spoil>,
}

/// Where a case ends when nothing happens to it.
struct End {
    stop: Stop,
    state: State,
    memory: Vec<Patch>,
}

impl Judge {
    /// Tries a case. `None` if it does not end in its time.
    pub(crate) fn case(&mut self, case: &Case, points: Points) -> Option<Result<Tally, Difference>> {
        let end = self.end(case)?;
        self.fire.load(case);
        Some(self.points(case, &end, points))
    }

    fn points(&mut self, case: &Case, end: &End, points: Points) -> Result<Tally, Difference> {
        let mut tally = Tally { cases: 1, ..Tally::default() };
        let warm = self.fire.warm();
        compare_end(end, &warm, "unharmed").map_err(|text| Difference { shot: Shot::Nothing, text })?;
        let shots: [(Kind, Vec<u64>); 2] = match points {
            Points::One(Shot::Nothing) => return Ok(tally),
            Points::One(Shot::Access(n)) => [(Shot::Access, vec![n]), (Shot::Poll, Vec::new())],
            Points::One(Shot::Poll(n)) => [(Shot::Access, Vec::new()), (Shot::Poll, vec![n])],
            Points::Some { most, seed } => {
                let mut rng = Rng::new(seed);
                [Shot::Access, Shot::Poll].map(|shot: Kind| {
                    let all = self.fire.run(shot(ALL)).count;
                    (shot, spread(all, most, &mut rng))
                })
            }
        };
        for (shot, numbers) in shots {
            self.reference.load(case);
            for n in numbers {
                let shot = shot(n);
                let failed = |text| Difference { shot, text };
                let stopped = self.fire.run(shot);
                let hit = match shot {
                    Shot::Access(_) => stopped.gone.is_some(),
                    _ => stopped.stop.is_none(),
                };
                if !hit {
                    // A run may differ from the one that was counted by what the engine did for itself, at the end only.
                    compare_end(end, &stopped, "not hit").map_err(failed)?;
                    continue;
                }
                self.point(stopped).map_err(failed)?;
                let resumed = self.fire.resume();
                compare_end(end, &resumed, "resumed").map_err(failed)?;
                match shot {
                    Shot::Access(_) => tally.faults += 1,
                    _ => tally.interrupts += 1,
                }
            }
        }
        Ok(tally)
    }

    fn end(&mut self, case: &Case) -> Option<End> {
        self.reference.load(case);
        let stop = (0..LIMIT).find_map(|_| self.reference.step())?;
        Some(End { stop, state: self.reference.state(), memory: self.reference.memory() })
    }

    /// Moves the interpreter on to where the engine stopped, and compares what stopped it.
    fn point(&mut self, mut got: Stopped) -> Result<(), String> {
        if let Some(spoil) = self.spoil {
            spoil(&mut got.state);
        }
        let from = self.reference.mark();
        let mut nearest: Option<String> = None;
        for _ in 0..LIMIT {
            if self.reference.eip() == got.state.eip {
                let list = self.differences(&got);
                if list.is_empty() {
                    return self.compare_stop(&got);
                }
                if nearest.as_ref().is_none_or(|text| list.lines().count() < text.lines().count()) {
                    nearest = Some(list);
                }
            }
            if self.reference.step().is_some() {
                break;
            }
        }
        self.reference.back(&from);
        Err(match nearest {
            Some(list) => format!("stopped at {:08x} with\n{list}", got.state.eip),
            None => format!("stopped at {:08x}, where the interpreter never comes", got.state.eip),
        })
    }

    fn compare_stop(&mut self, got: &Stopped) -> Result<(), String> {
        let (Some(stop), Some(gone)) = (got.stop, got.gone) else { return Ok(()) };
        let mark = self.reference.mark();
        let want = self.reference.step_without(gone);
        self.reference.back(&mark);
        // Where the page went between two accesses of an instruction that is not translated, the later one finds out.
        let page = |stop| match stop {
            Stop::Exception { vector: 14, address, .. } if got.late => Some(address >> 12),
            _ => None,
        };
        if want == Some(stop) || want.and_then(page).is_some_and(|want| page(stop) == Some(want)) {
            return Ok(());
        }
        let want = want.map_or_else(|| "nothing".to_owned(), show_stop);
        Err(format!("{:08x}: raises {}, not {want}", got.state.eip, show_stop(stop)))
    }

    fn differences(&mut self, got: &Stopped) -> String {
        let (state, memory) = (self.reference.state(), self.reference.memory());
        if state == got.state && memory == got.memory {
            return String::new();
        }
        // An instruction of several stores may have done some of them, where the page of a later one goes in between: it
        // has looked that they can be done, and not for nothing, were it not for us.
        let mark = self.reference.mark();
        let stores_bytes = self.reference.mnemonic() == Some(Mnemonic::Maskmovq);
        self.reference.step();
        let after = (self.reference.state(), self.reference.memory());
        self.reference.back(&mark);
        let mut seen = got.state.clone();
        if stores_bytes && seen.x87 == after.0.x87 {
            seen.x87 = state.x87;
        }
        let mut out = String::new();
        state_differences(&state, &seen, &mut out);
        if out.is_empty() {
            memory_differences(&memory, &after.1, &got.memory, &mut out);
        }
        out
    }
}

/// At most `most` of the numbers from 1 to `all`, in ascending order.
fn spread(all: u64, most: u64, rng: &mut Rng) -> Vec<u64> {
    if all <= most {
        return (1..=all).collect();
    }
    // One from each of so many equal parts.
    let start = |part: u64| part * all / most;
    (0..most)
        .map(|part| start(part) + 1 + u64::from(rng.next32()) % (start(part + 1) - start(part)))
        .collect()
}

fn compare_end(end: &End, got: &Stopped, how: &str) -> Result<(), String> {
    let mut out = String::new();
    if got.stop != Some(end.stop) {
        let stop = got.stop.map_or_else(|| "an interrupt".to_owned(), show_stop);
        let _ = writeln!(out, "  ends with {stop}, not {}", show_stop(end.stop));
    }
    state_differences(&end.state, &got.state, &mut out);
    memory_differences(&end.memory, &end.memory, &got.memory, &mut out);
    if out.is_empty() { Ok(()) } else { Err(format!("at its end, {how}:\n{out}")) }
}

fn state_differences(want: &State, got: &State, out: &mut String) {
    if want == got {
        return;
    }
    let mut value = |name: &str, want: u128, got: u128| {
        if want != got {
            // Writing into a String cannot fail.
            let _ = writeln!(out, "  {name:<8} interpreter {want:x}  translated {got:x}");
        }
    };
    for (n, name) in GPR.iter().enumerate() {
        value(name, want.gpr[n].into(), got.gpr[n].into());
    }
    value("eip", want.eip.into(), got.eip.into());
    value("eflags", want.eflags.into(), got.eflags.into());
    value("mxcsr", want.mxcsr.into(), got.mxcsr.into());
    for n in 0..8 {
        value(&format!("xmm{n}"), want.xmm[n], got.xmm[n]);
        value(&format!("st{n}"), want.x87.st[n], got.x87.st[n]);
    }
    let (a, b) = (&want.x87, &got.x87);
    value("fcw", a.control.into(), b.control.into());
    value("fsw", a.status.into(), b.status.into());
    value("fvalid", a.valid.into(), b.valid.into());
    value("fop", a.opcode.into(), b.opcode.into());
    value("fip", a.instruction.into(), b.instruction.into());
    value("fdp", a.operand.into(), b.operand.into());
    if out.is_empty() {
        let _ =
            writeln!(out, "  segments interpreter {:x?}  translated {:x?}", want.selectors, got.selectors);
    }
}

/// Bytes that are neither as in `want` nor as in `after`.
fn memory_differences(want: &[Patch], after: &[Patch], got: &[Patch], out: &mut String) {
    for ((want, after), got) in want.iter().zip(after).zip(got) {
        if want.bytes == got.bytes {
            continue;
        }
        let bytes = want.bytes.iter().zip(&after.bytes).zip(&got.bytes);
        let wrong = (want.at..).zip(bytes).filter(|(_, ((want, after), got))| got != want && got != after);
        for (at, ((want, _), got)) in wrong.take(8) {
            let _ = writeln!(out, "  [{at:08x}] interpreter {want:02x}  translated {got:02x}");
        }
    }
}

/// What a case looks like in a report.
pub(crate) fn describe(case: &Case) -> String {
    if case.code.is_empty() { String::new() } else { format!("  {}\n", ins::disassembly(case)) }
}
