//! How many cases there are, and telling of differences.

use crate::operands::Source;

/// How many cases each operation gets.
pub(crate) fn cases() -> u64 {
    let default = if cfg!(debug_assertions) { 30_000 } else { 300_000 };
    std::env::var("SOFTFLOAT_CASES").map_or(default, |s| s.parse().expect("SOFTFLOAT_CASES is a number"))
}

/// The operands for an operation, by its name and the seed.
pub(crate) fn source(name: &str) -> Source {
    let seed = std::env::var("SOFTFLOAT_SEED").map_or(1, |s| s.parse().expect("SOFTFLOAT_SEED is a number"));
    Source::with_seed(name.bytes().map(u64::from).sum::<u64>() ^ seed << 32)
}

/// Counts differences, shows the first few, and fails at the end.
pub(crate) struct Report {
    name: &'static str,
    differences: u64,
}

impl Report {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, differences: 0 }
    }
    pub(crate) fn differ(&mut self, text: impl FnOnce() -> String) {
        self.differences += 1;
        if self.differences <= 12 {
            eprintln!("{}: {}", self.name, text());
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.differences == 0, "{}: {} differences", self.name, self.differences);
        }
    }
}
