//! Between the tiers: enters translated code, interprets, compiles, and answers what either comes back with.

use crate::blocks::BlockCache;
use crate::clif::Environment;
use crate::compile::{Code, Compiler};
use crate::enter::{self, LeaveWord, OutOfLine, Running};
use crate::gate::Guard;
use crate::origin::Origin;
use crate::outcome::{Kind, Outcome, decode_exception};
use crate::region::{GuestRegion, Limits, NoRegion, discover};
use crate::space::{Basis, Sleeper, Space};
use crate::{EngineKind, Jit, JitError, Shared};
use frontend_x86::cpuid::Profile;
use frontend_x86::decode::Insn;
use frontend_x86::engine::{Exception, Exit};
use frontend_x86::interp::{self, StepResult};
use frontend_x86::memory::{Access, FaultKind, GuestMemory, Resolution, Watch};
use frontend_x86::state::{CpuState, eflags};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Bounds of a region besides its instructions.
pub(crate) const REGION_BLOCKS: usize = 32;
pub(crate) const REGION_PAGES: usize = 4;

/// A thread while it is in `run`.
pub(crate) struct Thread<'a> {
    pub(crate) leave: &'a AtomicU32,
    pub(crate) space: Arc<Space>,
    /// The processor it is, which does not change while it runs.
    profile: Profile,
    blocks: Option<Box<BlockCache>>,
}

/// Why code at an address cannot be translated.
#[derive(Debug)]
pub(crate) enum NoCode {
    /// Its bytes give no region: the interpreter raises what is due, or runs what cannot be watched.
    Region,
    /// Another thread is compiling: interpret meanwhile.
    Busy,
    /// The compiler refused.
    Refused,
}

/// What the dispatcher does next.
type Step = Option<Exit>;

impl<M: GuestMemory> Jit<M> {
    /// [`frontend_x86::engine::Engine::run`].
    pub(crate) fn run_thread(&self, cpu: &mut CpuState, interrupt: &AtomicU32) -> Exit {
        let leave = enter::leave_word(interrupt);
        leave.store(0, Ordering::Relaxed);
        let profile = cpu.cpuid;
        let space = {
            let mut shared = self.gate.lock();
            shared.threads.push(LeaveWord::new(leave));
            self.current_space(&mut shared, profile)
        };
        let blocks = Some(BlockCache::take(self.identity, profile));
        let mut thread = Thread { leave, space, profile, blocks };
        let exit = self.dispatch(cpu, interrupt, &mut thread);
        if let Some(blocks) = thread.blocks.take() {
            blocks.put_back();
        }
        let mut shared = self.gate.lock();
        shared.threads.retain(|w| !w.is(leave));
        exit
    }

    fn dispatch(&self, cpu: &mut CpuState, interrupt: &AtomicU32, thread: &mut Thread<'_>) -> Exit {
        let translates = self.options.kind != EngineKind::Interp;
        let window = self.window.filter(|_| translates);
        loop {
            if interrupt.load(Ordering::Acquire) != 0 {
                return Exit::Interrupted;
            }
            if thread.leave.load(Ordering::Relaxed) != 0 {
                thread.leave.store(0, Ordering::SeqCst);
                thread.space = self.current_space(&mut self.gate.lock(), thread.profile);
            }
            // Traps after each instruction, alignment checks and segments that are not flat are the interpreter's.
            let special = cpu.eflags & (eflags::TF | eflags::AC) != 0 || !cpu.segments_are_flat();
            let step = if special {
                self.interpret_one(cpu)
            } else if let Some(window) = window {
                match thread.space.lookup.get(cpu.eip) {
                    Some(offset) if self.options.compare => self.compare_block(cpu, thread, window, offset),
                    Some(offset) => self.translated(cpu, thread, window, offset),
                    None if self.options.kind == EngineKind::Jit => match self.translate(thread, cpu.eip) {
                        Ok(()) => None,
                        Err(NoCode::Region) => self.interpret_one(cpu),
                        Err(NoCode::Busy) => {
                            std::thread::yield_now();
                            None
                        }
                        Err(NoCode::Refused) => Some(Exit::EngineFailure("the compiler refused a region")),
                    },
                    None => self.cold(cpu, thread, true),
                }
            } else {
                self.cold(cpu, thread, false)
            };
            if let Some(exit) = step {
                return exit;
            }
        }
    }

    /// Runs translated code from `offset` on.
    fn translated(&self, cpu: &mut CpuState, thread: &mut Thread<'_>, window: u64, mut offset: u32) -> Step {
        let running = Running { memory: &*self.memory, leave: thread.leave, pending: Cell::new(None) };
        loop {
            self.stats.entries.add(1);
            let outcome = enter::execute(cpu, &running, window, &thread.space, &thread.space.lookup, offset);
            if outcome.kind() != Kind::Unlinked {
                return self.answer(cpu, &running, outcome);
            }
            let _shared = self.gate.lock();
            let mut books = thread.space.books();
            cpu.eip = books.target(outcome.payload());
            let linked = books.link(&thread.space, outcome.payload())?;
            self.stats.links.add(1);
            offset = linked;
        }
    }

    /// Answers an outcome that is not a missing link.
    pub(crate) fn answer(&self, cpu: &mut CpuState, running: &Running<'_, M>, outcome: Outcome) -> Step {
        match outcome.kind() {
            Kind::Unlinked | Kind::Interrupted | Kind::Continue => None,
            Kind::Lookup => {
                self.stats.lookup_misses.add(1);
                None
            }
            Kind::Gate => {
                Some(Exit::Gate(u16::try_from(outcome.payload()).expect("a gate's number has 16 bits")))
            }
            Kind::Raise => Some(Exit::Exception(decode_exception(outcome.payload()))),
            Kind::Status => {
                let status = cpu.scratch[enter::scratch::STATUS];
                Some(Exit::Exception(
                    Exception::from_status(status).expect("a status that was seen to be one"),
                ))
            }
            Kind::Pending => Some(running.pending.take().expect("an exit was left")),
            Kind::Fault => self.resolve(cpu),
            Kind::Interpret => self.interpret_one(cpu),
        }
    }

    /// After a host fault: the instruction is tried again on the interpreter, or raises #PF.
    fn resolve(&self, cpu: &mut CpuState) -> Step {
        self.stats.faults.add(1);
        let fault = enter::take_fault().expect("the handler recorded it");
        let at = fault.guest.expect("the handler takes only guest addresses");
        match self.memory.resolve_fault(at, if fault.write { Access::Write } else { Access::Read }) {
            // A guard is gone once it was reported.
            Resolution::Fault(fault) if fault.kind == FaultKind::Guard => {
                let exception = Exception::Page(fault);
                let seen = Insn::fetch(&*self.memory, cpu.eip, cpu.cpuid)
                    .map_or(exception, |i| exception.as_seen_by(&i));
                Some(Exit::Exception(seen))
            }
            // The interpreter knows which byte of which access the processor would report.
            Resolution::Retry | Resolution::Fault(_) => self.interpret_one(cpu),
        }
    }

    /// Fetches, decodes and interprets one instruction.
    pub(crate) fn interpret_one(&self, cpu: &mut CpuState) -> Step {
        match interp::step_at(cpu, &*self.memory) {
            StepResult::Next | StepResult::Moved => None,
            StepResult::Exit(exit) => Some(exit),
        }
    }

    /// Interprets a block, and has it compiled when it is hot.
    fn cold(&self, cpu: &mut CpuState, thread: &mut Thread<'_>, translates: bool) -> Step {
        let mut blocks = thread.blocks.take().expect("put back below");
        let step = self.interpret_block(cpu, thread, &mut blocks, translates);
        thread.blocks = Some(blocks);
        step
    }

    fn interpret_block(
        &self,
        cpu: &mut CpuState,
        thread: &mut Thread<'_>,
        blocks: &mut BlockCache,
        translates: bool,
    ) -> Step {
        let mut watch = |page| self.watch(page);
        let Ok(block) = blocks.block(&*self.memory, &self.pages, cpu.eip, &mut watch) else {
            return self.interpret_one(cpu);
        };
        *block.executions = block.executions.saturating_add(1);
        if translates && *block.executions >= self.options.hot_threshold {
            match self.translate(thread, cpu.eip) {
                Ok(()) => return None,
                // Tried again after as many executions.
                Err(_) => *block.executions = 0,
            }
        }
        let changes = self.changes.load(Ordering::Relaxed);
        for insn in block.insns {
            match interp::step(cpu, &*self.memory, insn) {
                StepResult::Next => {}
                StepResult::Moved => return None,
                StepResult::Exit(exit) => return Some(exit),
            }
            // The instruction, or another thread, may have changed the ones behind it.
            if self.changes.load(Ordering::Relaxed) != changes {
                return None;
            }
        }
        None
    }

    /// Has a page watched; its generation from before.
    pub(crate) fn watch(&self, page: u32) -> Option<u32> {
        let generation = if self.pages.has(page) {
            self.pages.begin(page)
        } else {
            let _shared = self.gate.lock();
            self.pages.begin(page)
        };
        match self.memory.watch_code(page) {
            Watch::Watched(_) => Some(generation),
            Watch::Unwatchable => None,
        }
    }

    /// Makes code for `eip` reachable, compiling it if there is none.
    pub(crate) fn translate(&self, thread: &mut Thread<'_>, eip: u32) -> Result<(), NoCode> {
        if self.find(thread, eip) || self.wake(thread, eip) {
            return Ok(());
        }
        let (mut compiler, basis) = {
            let mut shared = self.gate.lock();
            if shared.refused.contains(&eip) {
                return Err(NoCode::Refused);
            }
            (shared.compiler.take().ok_or(NoCode::Busy)?, thread.space.basis)
        };
        let compiled = self.compile(&mut compiler, eip, basis);
        let mut shared = self.gate.lock();
        shared.compiler = Some(compiler);
        let (region, origin, code) = match compiled {
            Ok(compiled) => compiled,
            Err(CompileFailure::Region) => return Err(NoCode::Region),
            Err(CompileFailure::Refused(error)) => {
                eprintln!("trunnion: {error}");
                shared.refused.insert(eip);
                return Err(NoCode::Refused);
            }
        };
        if !origin.is_current(&self.pages) || shared.space.basis != basis {
            return Ok(());
        }
        let code = self.publish(&mut shared, eip, &region, origin, code);
        thread.space = Arc::clone(&shared.space);
        drop(shared);
        match code {
            Ok(()) => Ok(()),
            Err(_) => Err(NoCode::Refused),
        }
    }

    /// Looks for code for `eip` in the space that is current now.
    fn find(&self, thread: &mut Thread<'_>, eip: u32) -> bool {
        let mut shared = self.gate.lock();
        thread.space = self.current_space(&mut shared, thread.profile);
        let found = thread.space.books().find(eip);
        if let Some(offset) = found {
            thread.space.lookup.insert(eip, offset);
        }
        found.is_some()
    }

    /// Looks for code for `eip` that was removed when its pages changed, and whose bytes are the same nevertheless.
    fn wake(&self, thread: &Thread<'_>, eip: u32) -> bool {
        let sleepers = {
            let _shared = self.gate.lock();
            thread.space.books().sleepers(&thread.space, eip)
        };
        let Some(mut sleepers) = sleepers else { return false };
        let unchanged = |s: &mut Sleeper| s.origin.is_unchanged(&*self.memory, &mut |page| self.watch(page));
        if !sleepers.iter_mut().all(unchanged) {
            return false;
        }
        let _shared = self.gate.lock();
        let awake = sleepers.iter().all(|s| s.origin.is_current(&self.pages))
            && thread.space.books().wake(&thread.space, sleepers);
        if awake {
            self.stats.awakened.add(1);
        }
        awake
    }

    fn publish(
        &self,
        shared: &mut Guard<'_, Shared>,
        eip: u32,
        region: &GuestRegion,
        origin: Origin,
        mut code: Code,
    ) -> Result<(), JitError> {
        let space = Arc::clone(&shared.space);
        if space.books().publish(&space, eip, region, &origin, &mut code) {
            return Ok(());
        }
        self.renew(shared, space.basis)?;
        let space = Arc::clone(&shared.space);
        if space.books().publish(&space, eip, region, &origin, &mut code) {
            Ok(())
        } else {
            Err(JitError::Compiler("a region larger than the code memory".to_owned()))
        }
    }

    /// The space that is current now, or a new one if that was made for another processor.
    fn current_space(&self, shared: &mut Guard<'_, Shared>, profile: Profile) -> Arc<Space> {
        let basis = shared.space.basis;
        if basis.profile != profile {
            shared.refused.clear();
            self.renew(shared, Basis { profile, ..basis }).unwrap_or_else(|error| {
                // The code that there is decodes the same bytes otherwise.
                panic!("no code memory for another processor: {error}")
            });
        }
        Arc::clone(&shared.space)
    }

    /// Drops all translations: a new space, and every thread leaves the old one.
    pub(crate) fn renew(&self, shared: &mut Guard<'_, Shared>, basis: Basis) -> Result<(), JitError> {
        self.stats.flushes.add(1);
        shared.space = Arc::new(Space::new(&*self.options.code_memory, self.options.code_bytes, basis)?);
        shared.ask_all();
        Ok(())
    }

    fn compile(
        &self,
        compiler: &mut Compiler,
        eip: u32,
        basis: Basis,
    ) -> Result<(GuestRegion, Origin, Code), CompileFailure> {
        let start = Instant::now();
        let mut origin = Origin::default();
        let mut watch = |page: u32| origin.note(page, &mut |page| self.watch(page));
        let limits = if self.options.compare {
            Limits { instructions: self.options.region_instructions, blocks: 1, pages: REGION_PAGES }
        } else {
            Limits {
                instructions: self.options.region_instructions,
                blocks: REGION_BLOCKS,
                pages: REGION_PAGES,
            }
        };
        let region = discover(&*self.memory, eip, basis.profile, limits, &mut watch)
            .map_err(|_: NoRegion| CompileFailure::Region)?;
        origin.keep_bytes(&*self.memory, &self.pages, region.ranges());
        let env = Environment {
            out_of_line: OutOfLine::of::<M>(),
            order: basis.order,
            strong_host: cfg!(target_arch = "x86_64"),
            lookup_entries: crate::lookup::ENTRIES as u64,
            kept_address: |insn| std::ptr::from_ref(insn) as u64,
        };
        let code = compiler.compile(env, &region, self.options.dump).map_err(CompileFailure::Refused)?;
        if self.options.dump {
            crate::dump::print(&region, &code);
        }
        self.stats.regions.add(1);
        self.stats.region_instructions.add(region.instructions() as u64);
        self.stats.code_bytes.add(code.bytes.len() as u64);
        self.stats.compile_nanoseconds.add(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        Ok((region, origin, code))
    }
}

enum CompileFailure {
    Region,
    Refused(JitError),
}
