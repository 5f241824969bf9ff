//! Counts of what the engine did.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// Counts since the engine was made (or the process cloned).
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Stats { $($(#[$doc])* pub $name: u64,)* }

        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter,)* }

        impl Counters {
            pub(crate) fn read(&self) -> Stats {
                Stats { $($name: self.$name.0.load(Ordering::Relaxed),)* }
            }
        }
    };
}

/// One count.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

counters! {
    /// Regions compiled.
    regions;
    /// Times removed regions were found unchanged and taken up again.
    awakened;
    /// Guest instructions in them.
    region_instructions;
    /// Bytes of host code in them.
    code_bytes;
    /// Nanoseconds spent compiling.
    compile_nanoseconds;
    /// Exits linked.
    links;
    /// Entries into translated code.
    entries;
    /// Indirect branches that missed the table.
    lookup_misses;
    /// Host faults in translated code.
    faults;
    /// Blocks decoded for the interpreter.
    blocks;
    /// Changes of pages that held code.
    invalidations;
    /// Times all translations were dropped.
    flushes;
}
