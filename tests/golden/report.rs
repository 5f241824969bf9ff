//! What a difference from the committed text looks like.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Lines shown around a change.
const AROUND: usize = 2;
/// Cases whose text is shown; the lengths of all are.
const SHOWN: usize = 12;

/// A line of a difference: what stands before it, and it.
type Edit<'a> = (char, &'a str);

/// The shortest edit from `old` to `new`, by the longest common subsequence.
fn edits<'a>(old: &'a str, new: &'a str) -> Vec<Edit<'a>> {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // common[i][j]: length of the longest common subsequence of a[i..] and b[j..].
    let mut common = vec![vec![0u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] =
                if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            out.push((' ', a[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || common[i + 1][j] >= common[i][j + 1]) {
            out.push(('-', a[i]));
            i += 1;
        } else {
            out.push(('+', b[j]));
            j += 1;
        }
    }
    out
}

/// The changed lines with some around them.
pub(crate) fn difference(old: &str, new: &str) -> String {
    let edits = edits(old, new);
    let near = |at: usize| {
        let range = at.saturating_sub(AROUND)..(at + AROUND + 1).min(edits.len());
        edits[range].iter().any(|(sign, _)| *sign != ' ')
    };
    let (mut out, mut gap) = (String::new(), false);
    for (at, (sign, line)) in edits.iter().enumerate() {
        if near(at) {
            if gap && !out.is_empty() {
                out.push_str("  @@\n");
            }
            // Writing into a String cannot fail.
            let _ = writeln!(out, "  {sign}{line}");
        }
        gap = !near(at);
    }
    out
}

/// Cases by name.
pub(crate) type Cases = BTreeMap<String, String>;

/// Compares the cases of one file with the committed ones; the differences of the first few are shown, and all are named.
pub(crate) fn compare(group: &str, old: &Cases, new: &Cases, shown: &mut usize, out: &mut String) {
    let none = String::new();
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (was, is) = (old.get(name).unwrap_or(&none), new.get(name).unwrap_or(&none));
        if was == is {
            continue;
        }
        *shown += 1;
        if *shown <= SHOWN {
            let _ = writeln!(out, "--- {group}/{name}\n{}", difference(was, is));
        }
    }
}

/// The table of what became longer or shorter: `old` and `new` are summaries, each line a name and numbers.
pub(crate) fn lengths(old: &str, new: &str) -> String {
    let rows = |text: &str| -> BTreeMap<String, i64> {
        let row = |line: &str| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.nth(1)?.parse().ok()?))
        };
        text.lines().filter_map(row).collect()
    };
    let (old, new) = (rows(old), rows(new));
    let mut out = String::new();
    for (name, is) in &new {
        let _ = match old.get(name) {
            Some(was) if was == is => continue,
            Some(was) => writeln!(out, "  {name:<32} {was:>5} -> {is:>5}  {:+}", is - was),
            None => writeln!(out, "  {name:<32}   new -> {is:>5}"),
        };
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        let _ = writeln!(out, "  {name:<32} is gone");
    }
    if out.is_empty() { "  none\n".to_owned() } else { out }
}

#[test]
fn a_change_is_shown_with_its_surroundings() {
    let old = "a\nb\nc\nd\ne\nf\ng\n";
    let text = difference(old, &old.replace("d\n", "x\ny\n"));
    assert_eq!(text, "   b\n   c\n  -d\n  +x\n  +y\n   e\n   f\n");
    assert_eq!(difference(old, old), "");
    let two = difference(old, "A\nb\nc\nd\ne\nf\nG\n");
    assert!(two.contains("@@") && two.contains("-g") && two.contains("+A"), "{two}");
}

#[test]
fn lengths_name_what_changed_and_nothing_else() {
    let text =
        lengths("m/a 1 10 10.0\nm/b 2 20 10.0\nm/c 1 1 1.0\n", "m/a 1 12 12.0\nm/b 2 20 10.0\nm/d 1 5 5.0\n");
    let lines: Vec<String> =
        text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines, ["m/a 10 -> 12 +2", "m/d new -> 5", "m/c is gone"]);
}
