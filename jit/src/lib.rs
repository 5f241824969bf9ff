//! Regions of guest code to host code, with Cranelift.
//!
//! [`Jit`] implements [`Engine`]: cold code runs on the interpreter over cached, decoded blocks ([`blocks`]); hot code is found as
//! a region ([`region`]), built as Cranelift IR from the instructions' meanings ([`clif`]), compiled ([`compile`]) and
//! published in a space ([`space`]) with its direct exits as patched branches ([`link`]) and its indirect ones through a table
//! ([`lookup`]). [`dispatch`] moves between the tiers; [`fault`] turns a host fault into an exact guest state; [`enter`] is
//! the way in and out.
//!
//! Invariants:
//! - Unsafe code is in `code`, `enter` and `fault` only, each with its invariants at its head.
//! - Between two pieces of code the guest's state is exact in `CpuState`; `dispatch` only ever sees such states.
//! - Every page whose bytes were decoded is watched before they are read, and has a generation that grows when it
//!   changes; what was derived from bytes is used only while the generations are those from before reading them.
//! - The engine never waits for a guest thread. All of its books are under one lock, which is never held while guest
//!   code runs and which [`Engine::before_clone`] takes.

#![deny(unsafe_op_in_unsafe_fn)]

mod blocks;
mod clif;
mod code;
mod compare;
mod compile;
mod dispatch;
mod dump;
mod enter;
mod fault;
mod gate;
pub mod inspect;
mod journal;
mod link;
mod lookup;
mod origin;
mod outcome;
mod pages;
mod region;
mod slots;
mod space;
mod stats;

pub use code::{AnonymousFile, CodeMemory, DualMapping, GRANULE};
pub use stats::Stats;

use compile::Compiler;
use enter::LeaveWord;
use frontend_x86::cpuid::Profile;
use frontend_x86::engine::{Engine, Exit, HostFault, HostRegisters, MemoryOrder};
use frontend_x86::memory::GuestMemory;
use frontend_x86::state::CpuState;
use gate::Gate;
use lookup::LookupTable;
use pages::Pages;
use space::{Basis, Removal, Space};
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Which tiers run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum EngineKind {
    /// The interpreter alone.
    Interp,
    /// Translated code alone: compiles at the first execution and fails where it would have to fall back.
    Jit,
    /// The interpreter for cold code, translated code for hot code.
    #[default]
    Auto,
}

impl FromStr for EngineKind {
    type Err = JitError;
    fn from_str(text: &str) -> Result<Self, JitError> {
        match text {
            "interp" => Ok(Self::Interp),
            "jit" => Ok(Self::Jit),
            "auto" => Ok(Self::Auto),
            other => Err(JitError::NoSuchEngine(other.to_owned())),
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interp => "interp",
            Self::Jit => "jit",
            Self::Auto => "auto",
        })
    }
}

/// Why there is no engine, or no code.
#[derive(thiserror::Error, Debug)]
pub enum JitError {
    /// See the message.
    #[error("no code memory of {bytes} bytes: {error}")]
    CodeMemory {
        /// Bytes asked for.
        bytes: usize,
        /// What the host said.
        error: std::io::Error,
    },
    /// See the message.
    #[error("the compiler refused: {0}")]
    Compiler(String),
    /// See the message.
    #[error("engine {0:?}: there are interp, jit and auto")]
    NoSuchEngine(String),
    /// See the message.
    #[error("guest memory is not a window, so there can be no translated code")]
    NoWindow,
}

/// How an engine is set up.
#[derive(Debug)]
pub struct JitOptions {
    /// Which tiers run.
    pub kind: EngineKind,
    /// Runs translated code and the interpreter in lockstep, block by block, and stops at the first difference. For
    /// guests with a single thread.
    pub compare: bool,
    /// Executions of a block after which it is compiled (`Auto`).
    pub hot_threshold: u32,
    /// Most instructions in one region; 250 at most.
    pub region_instructions: usize,
    /// Bytes of code memory; when they are used up, everything is translated anew.
    pub code_bytes: usize,
    /// Where code memory comes from.
    pub code_memory: Box<dyn CodeMemory>,
    /// Prints every region that is compiled: guest code, IR, host code.
    pub dump: bool,
}

impl Default for JitOptions {
    fn default() -> Self {
        Self {
            kind: EngineKind::Auto,
            compare: false,
            // Interpreting a block this often takes about as long as compiling it.
            hot_threshold: 2048,
            region_instructions: 128,
            code_bytes: 64 << 20,
            code_memory: Box::new(AnonymousFile),
            dump: false,
        }
    }
}

/// What the engine's lock protects. The books of spaces are used under it as well.
#[derive(Debug)]
struct Shared {
    space: Arc<Space>,
    /// Threads in `run`, by the words that ask them to leave translated code.
    threads: Vec<LeaveWord>,
    /// `None` while a thread compiles.
    compiler: Option<Compiler>,
    /// Addresses whose region the compiler refused: interpreted for ever.
    refused: HashSet<u32>,
}

impl Shared {
    /// Asks every thread to leave translated code.
    fn ask_all(&self) {
        for word in &self.threads {
            word.ask();
        }
    }
}

/// The engine. See the crate's head.
pub struct Jit<M: GuestMemory> {
    memory: Arc<M>,
    options: JitOptions,
    window: Option<u64>,
    pages: Pages,
    /// Grows with every change of a page that code was read from.
    changes: AtomicU64,
    gate: Gate<Shared>,
    /// A table that no indirect branch finds anything in.
    blank: LookupTable,
    /// Tells this engine's per-thread data from another's.
    identity: u64,
    stats: stats::Counters,
}

impl<M: GuestMemory> fmt::Debug for Jit<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jit")
            .field("options", &self.options)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

static IDENTITIES: AtomicU64 = AtomicU64::new(1);

impl<M: GuestMemory> Jit<M> {
    /// Makes an engine for `memory`.
    ///
    /// # Errors
    /// [`JitError`]: no code memory, no compiler for this host, or translated code asked for on memory without a window.
    pub fn new(memory: Arc<M>, options: JitOptions) -> Result<Self, JitError> {
        let window = memory.window_base();
        if window.is_none() && options.kind == EngineKind::Jit {
            return Err(JitError::NoWindow);
        }
        let translates = window.is_some() && options.kind != EngineKind::Interp;
        // The interpreter alone needs no code memory to speak of.
        let bytes = if translates { options.code_bytes.next_multiple_of(GRANULE) } else { GRANULE };
        let basis = Basis { order: MemoryOrder::Plain, profile: Profile::default() };
        let space = Arc::new(Space::new(&*options.code_memory, bytes, basis)?);
        let compiler = if translates { Some(Compiler::new()?) } else { None };
        let shared = Shared { space, threads: Vec::new(), compiler, refused: HashSet::new() };
        Ok(Self {
            memory,
            options: JitOptions {
                code_bytes: bytes,
                region_instructions: options.region_instructions.min(clif::TRAP_CODES),
                ..options
            },
            window,
            pages: Pages::new(),
            changes: AtomicU64::new(0),
            gate: Gate::new(shared),
            blank: LookupTable::new(),
            identity: IDENTITIES.fetch_add(1, Ordering::Relaxed),
            stats: stats::Counters::default(),
        })
    }

    /// Counts of what was done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats.read()
    }
}

impl<M: GuestMemory> Engine for Jit<M> {
    fn run(&self, cpu: &mut CpuState, interrupt: &AtomicU32) -> Exit {
        self.run_thread(cpu, interrupt)
    }

    /// Old code is unreachable when this returns. A thread that is inside it goes on to the region's next exit or loop
    /// back-edge: at most one pass through a region's instructions.
    fn invalidate(&self, first_page: u32, pages: u32) {
        if !self.pages.change(first_page, pages) {
            return;
        }
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.stats.invalidations.add(1);
        let mut shared = self.gate.lock();
        let space = Arc::clone(&shared.space);
        let removal = space.books().remove_pages(&space, first_page, pages);
        match removal {
            Removal::Nothing => {}
            Removal::Done => shared.ask_all(),
            Removal::StillReachable => self
                .renew(&mut shared, space.basis)
                .unwrap_or_else(|error| panic!("no code memory to leave stale code for: {error}")),
        }
    }

    fn host_fault(&self, fault: &HostFault, registers: &mut dyn HostRegisters) -> bool {
        fault::divert(fault, registers)
    }

    fn set_memory_order(&self, order: MemoryOrder) {
        let mut shared = self.gate.lock();
        let basis = shared.space.basis;
        if order == MemoryOrder::Tso && basis.order == MemoryOrder::Plain {
            self.renew(&mut shared, Basis { order, ..basis }).unwrap_or_else(|error| {
                // Going on in the weaker order would be wrong, and there is nowhere to go back to.
                panic!("no ordered code: {error}")
            });
        }
    }

    fn before_clone(&self) {
        self.gate.hold();
    }

    /// Both go on with what was translated, sealed: see [`code`] and [`link`].
    fn after_clone(&self, in_child: bool) {
        self.gate.release();
        let mut shared = self.gate.lock();
        shared.space.arena.seal(in_child);
        if in_child {
            shared.threads.clear();
            // Whoever had it does not exist here.
            if shared.compiler.is_none() && self.window.is_some() && self.options.kind != EngineKind::Interp {
                shared.compiler = Compiler::new().ok();
            }
        }
    }
}
