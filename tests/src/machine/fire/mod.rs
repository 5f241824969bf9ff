//! Translated code under fire: the n-th access of a run faults, or the n-th look at the interrupt word finds it set, while
//! the very same code runs that runs when nothing happens.
//!
//! [`Fire`] runs a case in the engine, [`Reference`] on the interpreter, one step after the other. Neither knows about the
//! other; who compares them is in `tests/fire`.
//!
//! Unsafe here: the engine's state is reached through [`block`]. Invariant: one [`Fire`] at a time ([`Fire::new`] waits).

mod block;
mod ground;
mod trap;

pub use ground::Gone;

use super::convert;
use crate::case::{Case, Patch, State, Stop};
use block::Block;
use core::sync::atomic::Ordering::SeqCst;
use frontend_x86::decode::Insn;
use frontend_x86::engine::{Engine, Exception, Exit, MemoryOrder};
use frontend_x86::interp::{StepResult, step};
use frontend_x86::state::{CpuState, eflags};
use ground::Ground;
use iced_x86::Mnemonic;
use jit::{AnonymousFile, CodeMemory, DualMapping, EngineKind, Jit, JitError, JitOptions};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use trap::{Active, CodeRange};

/// How the engine is set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant {
    /// As it runs programs, but for a lower threshold.
    Usual,
    /// Regions of a few instructions: loops go through links between regions.
    Small,
    /// x86's order of memory accesses.
    Ordered,
}

impl Variant {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Usual, Self::Small, Self::Ordered];
}

/// Executions after which a block is translated.
const THRESHOLD: u32 = 2;

/// What is to happen in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shot {
    /// Nothing.
    Nothing,
    /// The page of the n-th access, from 1, goes. Of even ones that write only the right to write.
    Access(u64),
    /// The n-th look of translated code at the interrupt word, from 1, finds it set.
    Poll(u64),
}

/// Where a run stopped.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// How; `None` where it was interrupted.
    pub stop: Option<Stop>,
    /// The page that went.
    pub gone: Option<Gone>,
    /// Whether an access went wrong that the engine made for the guest, perhaps not the first of an instruction.
    pub late: bool,
    /// Accesses, or looks at the interrupt word, that a shot counted.
    pub count: u64,
    /// The processor.
    pub state: State,
    /// What the writable windows hold.
    pub memory: Vec<Patch>,
}

/// Code memory that tells where it is.
#[derive(Debug)]
struct Tracked(&'static CodeRange);

impl CodeMemory for Tracked {
    fn map(&self, bytes: usize) -> Result<Box<dyn DualMapping>, JitError> {
        let mapping = AnonymousFile.map(bytes)?;
        self.0.start.store(mapping.executable().addr(), SeqCst);
        self.0.bytes.store(mapping.size(), SeqCst);
        Ok(mapping)
    }
}

/// An engine under fire, with one case at a time.
#[derive(Debug)]
pub struct Fire {
    active: &'static Active,
    engine: &'static Jit<Ground>,
    start: State,
    contents: Vec<Patch>,
    /// What lies in memory, to be taken away again.
    case: Case,
    _alone: MutexGuard<'static, ()>,
}

fn make(variant: Variant) -> Result<(&'static Active, &'static Jit<Ground>), String> {
    let code: &'static CodeRange = Box::leak(Box::default());
    let ground = Arc::new(Ground::new().map_err(|e| e.to_string())?);
    let usual = JitOptions::default();
    let options = JitOptions {
        kind: EngineKind::Auto,
        hot_threshold: THRESHOLD,
        region_instructions: if variant == Variant::Small { 5 } else { usual.region_instructions },
        code_bytes: 32 << 20,
        dump: std::env::var_os("TRUNNION_DUMP").is_some(),
        code_memory: Box::new(Tracked(code)),
        ..usual
    };
    let engine = Jit::new(Arc::clone(&ground), options).map_err(|e| e.to_string())?;
    let engine: &'static Jit<Ground> = Box::leak(Box::new(engine));
    if variant == Variant::Ordered {
        engine.set_memory_order(MemoryOrder::Tso);
    }
    let ground: &'static Arc<Ground> = Box::leak(Box::new(ground));
    ground.window.attach(engine);
    let block = Block::new().map_err(|e| e.to_string())?;
    let active: &'static Active = Box::leak(Box::new(Active::new(ground, engine, block, code)));
    Ok((active, engine))
}

impl Fire {
    /// The process's engine of this variant, when nobody else has one.
    ///
    /// # Errors
    /// The host gives no memory for it.
    pub fn new(variant: Variant) -> Result<Self, String> {
        static ALONE: Mutex<()> = Mutex::new(());
        type Made = Result<(&'static Active, &'static Jit<Ground>), String>;
        static ENGINES: [OnceLock<Made>; 3] = [const { OnceLock::new() }; 3];
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (active, engine) = ENGINES[variant as usize].get_or_init(|| make(variant)).clone()?;
        trap::attach(active);
        let start = State::default();
        Ok(Self { active, engine, start, contents: Vec::new(), case: Case::default(), _alone: alone })
    }

    /// Takes a case: what follows begins with it.
    pub fn load(&mut self, case: &Case) {
        self.contents = self.active.ground.replace(&self.case, case);
        self.case = case.clone();
        self.start = case.state.clone();
    }

    /// Runs the case from its beginning until all of it that becomes hot is translated, but not more than a few times.
    pub fn warm(&mut self) -> Stopped {
        let mut regions = None;
        loop {
            let stopped = self.run(Shot::Nothing);
            let now = self.engine.stats();
            if regions.replace((now.regions, now.links)) == Some((now.regions, now.links)) {
                return stopped;
            }
        }
    }

    /// Runs the case from its beginning.
    pub fn run(&mut self, shot: Shot) -> Stopped {
        let ground = self.active.ground;
        ground.window.restore(&self.contents);
        // SAFETY: this is the only `Fire`, and no reference of it is alive.
        let (cpu, _) = unsafe { self.active.block.parts() };
        *cpu = convert::load(&self.start);
        match shot {
            Shot::Nothing => {}
            Shot::Access(n) => ground.bar(n, n.is_multiple_of(2)),
            Shot::Poll(n) => {
                self.active.polls.store(n, SeqCst);
                self.active.block.bar(true);
            }
        }
        let mut stopped = self.go_on();
        stopped.count = match shot {
            Shot::Nothing => 0,
            Shot::Access(n) => n - stopped.count,
            Shot::Poll(n) => n - self.active.polls.load(SeqCst),
        };
        self.active.polls.store(0, SeqCst);
        self.active.block.bar(false);
        self.active.block.word().store(0, SeqCst);
        stopped
    }

    /// Goes on with nothing in the way.
    pub fn resume(&mut self) -> Stopped {
        self.active.ground.open();
        self.go_on()
    }

    fn go_on(&mut self) -> Stopped {
        // SAFETY: as in `run`.
        let (cpu, word) = unsafe { self.active.block.parts() };
        let exit = self.engine.run(cpu, word);
        let stop = if exit == Exit::Interrupted { None } else { Some(convert::stop(exit)) };
        let ground = self.active.ground;
        let stopped = Stopped {
            stop,
            gone: ground.gone(),
            late: ground.is_late(),
            count: ground.left(),
            state: convert::store(cpu),
            memory: ground.writable(),
        };
        ground.open();
        stopped
    }

    /// Regions that the engine has made so far.
    #[must_use]
    pub fn regions(&self) -> u64 {
        self.engine.stats().regions
    }

    /// Faults in translated code so far.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.engine.stats().faults
    }

    /// Links between regions that the engine has made so far.
    #[must_use]
    pub fn links(&self) -> u64 {
        self.engine.stats().links
    }
}

/// The interpreter with a case, which goes on step by step.
#[derive(Debug)]
pub struct Reference {
    ground: Ground,
    cpu: Box<CpuState>,
    case: Case,
}

/// A place that a [`Reference`] can go back to.
#[derive(Clone, Debug)]
pub struct Mark {
    cpu: Box<CpuState>,
    memory: Vec<Patch>,
}

impl Reference {
    /// A memory of its own.
    ///
    /// # Errors
    /// The host gives no memory for it.
    pub fn new() -> Result<Self, String> {
        let ground = Ground::new().map_err(|e| e.to_string())?;
        Ok(Self { ground, cpu: Box::default(), case: Case::default() })
    }

    /// Takes a case, and stands at its beginning.
    pub fn load(&mut self, case: &Case) {
        self.ground.replace(&self.case, case);
        self.case = case.clone();
        *self.cpu = convert::load(&case.state);
    }

    /// The processor.
    #[must_use]
    pub fn state(&self) -> State {
        convert::store(&self.cpu)
    }

    /// The instruction pointer.
    #[must_use]
    pub fn eip(&self) -> u32 {
        self.cpu.eip
    }

    /// The instruction it stands at.
    #[must_use]
    pub fn mnemonic(&self) -> Option<Mnemonic> {
        Insn::fetch(&self.ground, self.cpu.eip, self.cpu.cpuid).ok().map(|insn| insn.mnemonic())
    }

    /// What the writable windows hold.
    #[must_use]
    pub fn memory(&self) -> Vec<Patch> {
        self.ground.writable()
    }

    /// Remembers where it stands.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { cpu: self.cpu.clone(), memory: self.memory() }
    }

    /// Goes back.
    pub fn back(&mut self, mark: &Mark) {
        (*self.cpu).clone_from(&mark.cpu);
        self.ground.window.restore(&mark.memory);
    }

    /// Executes one instruction, or one element of a repeated one; how it ended, if it did.
    pub fn step(&mut self) -> Option<Stop> {
        let insn = match Insn::fetch(&self.ground, self.cpu.eip, self.cpu.cpuid) {
            Ok(insn) => insn,
            Err(error) => return Some(convert::stop(Exit::Exception(error.exception()))),
        };
        let single = is_repeated(&insn) && self.cpu.eflags & eflags::TF == 0;
        if single {
            self.cpu.eflags |= eflags::TF;
        }
        let result = step(&mut self.cpu, &self.ground, &insn);
        if single {
            self.cpu.eflags &= !eflags::TF;
        }
        match result {
            StepResult::Exit(Exit::Exception(Exception::Debug)) if single => None,
            StepResult::Exit(exit) => Some(convert::stop(exit)),
            StepResult::Next | StepResult::Moved => None,
        }
    }

    /// Where and how it stops if a page goes now. It must stop with what stands here.
    pub fn step_without(&mut self, gone: Gone) -> Option<Stop> {
        self.ground.lose(Some(gone));
        let stop = self.step();
        self.ground.lose(None);
        stop
    }
}

fn is_repeated(insn: &Insn) -> bool {
    use Mnemonic::{Cmpsb, Cmpsd, Cmpsw, Lodsb, Lodsd, Lodsw, Movsb, Movsd, Movsw};
    use Mnemonic::{Scasb, Scasd, Scasw, Stosb, Stosd, Stosw};
    let string = matches!(
        insn.mnemonic(),
        Cmpsb
            | Cmpsd
            | Cmpsw
            | Lodsb
            | Lodsd
            | Lodsw
            | Movsb
            | Movsd
            | Movsw
            | Scasb
            | Scasd
            | Scasw
            | Stosb
            | Stosd
            | Stosw
    );
    string && (insn.raw().has_rep_prefix() || insn.raw().has_repne_prefix())
}
