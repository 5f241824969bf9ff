//! What common instructions and hot loops become on ARM64, as text that is committed: a change of the compiler shows what
//! it changes, and whether code became longer.
//!
//! `code/` has the guest's code (see [`trunnion_tests::kernels`]), `expected/` a file for each group of cases and
//! `summary.txt`. Every case is one region, compiled for ARM64 as a hot one is, on whichever host this runs. A C function's
//! region is the one that begins where the engine would find it hot. `TRUNNION_BLESS=1` (`cargo xtask test --bless`)
//! writes the files anew.

mod compile;
mod listing;
mod report;

use frontend_x86::engine::MemoryOrder;
use listing::{Listing, listing};
use report::Cases;
use std::fmt::Write;
use std::path::PathBuf;
use trunnion_tests::kernels::{self, Image};
use trunnion_tests::machine::{hot_block, placed};

/// Executions after which a block of a function counts as hot here: fewer than the engine's, since runs are short.
const HOT: u32 = 4;

/// Cases of other groups that are also shown in x86's order of memory accesses.
const ORDERED: [&str; 13] = [
    "move/mov_reg_mem",
    "move/mov_mem_reg",
    "move/mov_byte_reg_mem",
    "move/movzx_word_mem",
    "move/push_reg",
    "move/pop_reg",
    "integer/add_mem_reg",
    "string/lock_add",
    "string/xchg_mem",
    "string/lock_cmpxchg",
    "sse_float/movups_load",
    "sse_float/movaps_store",
    "memory/memcpy_words",
];

/// Cases of one file, in order.
struct Group {
    name: String,
    cases: Vec<(String, Listing)>,
}

fn compiled(image: &Image, name: &str, order: MemoryOrder) -> Listing {
    let case = match image.runs.iter().find(|run| run.symbol == name) {
        Some(run) => {
            let mut case = image.call(run).expect("a function of the image");
            case.state.eip =
                hot_block(&case, HOT).unwrap_or_else(|| panic!("{}/{name} has no hot block", image.name));
            case
        }
        None => image.at(image.address(name).expect("a symbol of the image")),
    };
    let compiled = jit::inspect::compile(&placed(&case), case.state.eip, order);
    listing(&compiled.unwrap_or_else(|error| panic!("{}/{name}: {error}", image.name)))
}

fn groups() -> Vec<Group> {
    let images = kernels::all().expect("images");
    let mut out: Vec<Group> = images
        .iter()
        .map(|image| {
            let case = |(name, _): &(String, u32)| (name.clone(), compiled(image, name, MemoryOrder::Plain));
            Group { name: image.name.clone(), cases: image.symbols.iter().map(case).collect() }
        })
        .collect();
    let ordered = |path: &&str| {
        let (group, name) = path.split_once('/').expect("a group and a name");
        let image = images.iter().find(|image| image.name == group).expect("an image");
        (name.to_owned(), compiled(image, name, MemoryOrder::Tso))
    };
    out.push(Group { name: "ordered".to_owned(), cases: ORDERED.iter().map(ordered).collect() });
    out
}

impl Group {
    fn cases(&self) -> Cases {
        self.cases.iter().map(|(name, listing)| (name.clone(), section(name, listing))).collect()
    }

    fn text(&self) -> String {
        self.cases.iter().map(|(name, listing)| section(name, listing)).collect()
    }
}

fn section(name: &str, listing: &Listing) -> String {
    format!("== {name}: {} i386, {} AArch64\n{}\n", listing.guest, listing.host, listing.text)
}

/// The cases of a file that was written before.
fn read(text: &str) -> Cases {
    let sections = text.split("== ").skip(1);
    let named =
        |section: &str| (section.split(':').next().unwrap_or_default().to_owned(), format!("== {section}"));
    sections.map(named).collect()
}

/// All cases with their lengths, and the sums of the groups.
fn summary(groups: &[Group]) -> String {
    let mut out = String::from(
        "# Lengths in instructions. A case of one instruction has a second: the jump that ends it. Of the host's about \n\
         # ten belong to any region: they load registers, look for an interrupt, and leave.\n\n",
    );
    let mut row = |name: &str, guest: usize, host: usize| {
        let tenths = host * 10 / guest.max(1);
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{name:<32} {guest:>5} {host:>6} {:>5}.{}", tenths / 10, tenths % 10);
    };
    let sum =
        |group: &Group, of: fn(&Listing) -> usize| group.cases.iter().map(|(_, l)| of(l)).sum::<usize>();
    for group in groups {
        row(&group.name, sum(group, |l| l.guest), sum(group, |l| l.host));
    }
    for group in groups {
        for (name, listing) in &group.cases {
            row(&format!("{}/{name}", group.name), listing.guest, listing.host);
        }
    }
    out
}

fn expected() -> PathBuf {
    kernels::directory().with_file_name("expected")
}

#[test]
fn code_is_as_it_was() {
    let groups = groups();
    let summary = summary(&groups);
    if std::env::var_os("TRUNNION_BLESS").is_some() {
        for group in &groups {
            std::fs::write(expected().join(format!("{}.txt", group.name)), group.text()).expect("a file");
        }
        std::fs::write(expected().join("summary.txt"), summary).expect("a file");
        return;
    }
    let file =
        |name: &str| std::fs::read_to_string(expected().join(format!("{name}.txt"))).unwrap_or_default();
    let (mut changes, mut changed) = (String::new(), 0);
    for group in &groups {
        let text = file(&group.name);
        if text != group.text() {
            report::compare(&group.name, &read(&text), &group.cases(), &mut changed, &mut changes);
        }
    }
    let was = file("summary");
    assert!(
        changed == 0 && was == summary,
        "{changed} cases are compiled otherwise than before\n{changes}lengths that changed:\n{}\
         TRUNNION_BLESS=1 cargo test -p trunnion-tests --test golden accepts this",
        report::lengths(&was, &summary)
    );
}

#[test]
fn every_run_names_a_function() {
    for image in kernels::all().expect("images") {
        assert!(image.runs.iter().all(|run| image.address(&run.symbol).is_some()), "{}", image.name);
        let is_compiled =
            image.symbols.iter().all(|(name, _)| image.runs.iter().any(|run| run.symbol == *name));
        assert!(image.runs.is_empty() || is_compiled, "a function of {} has no run", image.name);
    }
}
