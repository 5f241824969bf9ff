//! Hot code under fire: loops as they run after the threshold, compiled C and random ones, with a fault at one access after
//! the other and an interrupt at one back-edge after the other. At each point the whole state is the interpreter's at the
//! same instruction, and gone on from there the end is the same.
//!
//! `TRUNNION_CASES` (loops for each way of translating) and `TRUNNION_POINTS` (of each kind, for each loop) say how much,
//! `TRUNNION_SEED` which. A report ends with the line that repeats it; with `TRUNNION_DUMP=1` that shows the regions too.

mod judge;

use judge::{Judge, Points, Spoil, Tally, describe};
use trunnion_tests::case::Case;
use trunnion_tests::kernels;
use trunnion_tests::loops::Loops;
use trunnion_tests::machine::fire::{Fire, Reference, Shot, Variant};

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |v| v.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// What runs where nothing else is asked for: emulated hosts are slow.
const CASES: u64 = if cfg!(target_arch = "aarch64") { 25 } else { 150 };
const POINTS: u64 = if cfg!(target_arch = "aarch64") { 3 } else { 10 };

fn judge(variant: Variant, spoil: Option<Spoil>) -> Judge {
    let fire = Fire::new(variant).expect("an engine");
    Judge { fire, reference: Reference::new().expect("memory"), spoil }
}

/// A case by its name: `memory/sum`, or `random/17`.
fn named(name: &str, seed: u64) -> Option<Case> {
    let (group, rest) = name.split_once('/')?;
    if group == "random" {
        return Some(Loops::new(seed).case(rest.parse().ok()?));
    }
    let image = kernels::all().expect("images").into_iter().find(|image| image.name == group)?;
    let run = image.runs.iter().find(|run| run.symbol == rest)?;
    image.call(run)
}

/// All functions of the images by name.
fn functions() -> Vec<String> {
    let images = kernels::all().expect("images");
    images.iter().flat_map(|i| i.runs.iter().map(|run| format!("{}/{}", i.name, run.symbol))).collect()
}

/// Tries cases in every way of translating.
fn run(names: &[String]) -> Tally {
    let (seed, most) = (setting("TRUNNION_SEED", 1), setting("TRUNNION_POINTS", POINTS));
    let (mut tally, mut failures) = (Tally::default(), Vec::new());
    for variant in Variant::ALL {
        let mut judge = judge(variant, None);
        let (before, faults) = (judge.fire.faults(), tally.faults);
        for name in names {
            let case = named(name, seed).expect("a case of this name");
            match judge.case(&case, Points::Some { most, seed }) {
                None => {}
                Some(Ok(tried)) => tally += tried,
                Some(Err(difference)) => failures.push(format!(
                    "--- {name}, {variant:?}, {:?}: {}{}  repeat    TRUNNION_SEED={seed} TRUNNION_FIRE='{}' \
                     cargo test -p trunnion-tests --test fire -- --ignored one_point",
                    difference.shot,
                    difference.text,
                    describe(&case),
                    point_name(name, variant, difference.shot)
                )),
            }
        }
        // Few are of instructions that the engine executes for translated code.
        let (in_code, all) = (judge.fire.faults() - before, tally.faults - faults);
        assert!(in_code * 4 > all * 3, "{variant:?}: {in_code} of {all} faults are in translated code");
        assert!(judge.fire.regions() > 0 && judge.fire.links() > 0, "translated and linked");
    }
    let shown = failures.len().min(10);
    assert!(failures.is_empty(), "{} cases differ\n{}", failures.len(), failures[..shown].join("\n"));
    tally
}

fn point_name(name: &str, variant: Variant, shot: Shot) -> String {
    let shot = match shot {
        Shot::Nothing => "nothing 0".to_owned(),
        Shot::Access(n) => format!("access {n}"),
        Shot::Poll(n) => format!("poll {n}"),
    };
    format!("{name} {variant:?} {shot}")
}

#[test]
fn compiled_functions_under_fire() {
    let tally = run(&functions());
    println!("{tally:?}");
    // Every function accesses memory, and nearly all loop.
    assert!(tally.faults >= tally.cases && tally.interrupts * 2 > tally.cases, "{tally:?}");
}

#[test]
fn random_loops_under_fire() {
    let cases = setting("TRUNNION_CASES", CASES);
    let first = setting("TRUNNION_FIRST", 0);
    let names: Vec<String> = (first..first + cases).map(|n| format!("random/{n}")).collect();
    let tally = run(&names);
    println!("{tally:?}");
    assert!(tally.faults > cases && tally.interrupts > cases / 2, "{tally:?}");
}

/// The point that `TRUNNION_FIRE` names, as reports give it.
#[test]
#[ignore = "runs what a report names"]
fn one_point() {
    let point = std::env::var("TRUNNION_FIRE").expect("TRUNNION_FIRE names a point");
    let words: Vec<&str> = point.split(' ').collect();
    let [name, variant, kind, n] = words[..] else { panic!("a case, a variant, a kind, a number: {point}") };
    let variant = Variant::ALL.into_iter().find(|v| format!("{v:?}") == variant).expect("a variant");
    let n = n.parse().expect("a number");
    let shot = match kind {
        "access" => Shot::Access(n),
        "poll" => Shot::Poll(n),
        _ => Shot::Nothing,
    };
    let case = named(name, setting("TRUNNION_SEED", 1)).expect("a case of this name");
    match judge(variant, None).case(&case, Points::One(shot)) {
        Some(Ok(tally)) => println!("{tally:?}"),
        Some(Err(difference)) => panic!("{point}: {}{}", difference.text, describe(&case)),
        None => panic!("{point} does not end"),
    }
}

#[test]
fn a_planted_error_is_noticed() {
    // Each is what an engine would show that forgot to store something that seems dead.
    let errors: [Spoil; 4] = [
        |state| state.eflags &= !0x10,
        |state| state.gpr[2] |= 0x100,
        |state| state.xmm[1] ^= 1,
        |state| state.x87.status ^= 0x100,
    ];
    let names =
        ["hash/fnv1a", "hash/adler32", "order/bubble_pass", "float_sse/dot_double", "float_x87/saxpy"];
    for (n, spoil) in errors.into_iter().enumerate() {
        let mut judge = judge(Variant::Usual, Some(spoil));
        let noticed = names.iter().filter(|name| {
            let case = named(name, 1).expect("a function");
            matches!(judge.case(&case, Points::Some { most: 20, seed: 1 }), Some(Err(_)))
        });
        let noticed = noticed.count();
        assert!(noticed >= 2, "error {n} was noticed in {noticed} functions");
    }
}
