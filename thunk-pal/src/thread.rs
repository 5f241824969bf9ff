//! A guest thread: its processor, its mode, and the loop that runs it.

use crate::layer::Layer;
use crate::serve::{self, After};
use crate::upcall;
use core::cell::Cell;
use frontend_x86::engine::{Exception as Cpu, Exit};
use frontend_x86::state::{CpuState, ThreadBlock};
use pal_abi::flags::mode;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// What the signal handler of the thread's host thread may touch.
#[derive(Debug)]
pub(crate) struct Signals {
    /// The word that brings the engine back; it lies before the `CpuState`.
    pub(crate) interrupt: &'static AtomicU32,
    /// Application code is running: an interrupt is taken now, else it stays pending below.
    pub(crate) in_app: AtomicBool,
    /// An interrupt has come and nobody above has seen it.
    pub(crate) seen: AtomicBool,
}

thread_local! {
    static CURRENT: Cell<Option<&'static Signals>> = const { Cell::new(None) };
}

/// The signals of the current host thread, if it is a guest thread. Async-signal-safe.
pub(crate) fn current_signals() -> Option<&'static Signals> {
    CURRENT.try_with(Cell::get).ok().flatten()
}

/// Where a thread's upcalls run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UpcallStack {
    pub(crate) base: u32,
    pub(crate) size: u32,
}

impl UpcallStack {
    pub(crate) fn top(self) -> u32 {
        self.base.wrapping_add(self.size)
    }
    pub(crate) fn contains(self, esp: u32) -> bool {
        esp.wrapping_sub(self.base) <= self.size
    }
}

/// The vector of a system call in app mode, and the length of its instruction.
pub(crate) const SYSTEM_CALL: u8 = 0x80;
const SYSTEM_CALL_BYTES: u32 = 2;

/// A guest thread, owned by the host thread that runs it.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) cpu: &'static mut CpuState,
    pub(crate) signals: &'static Signals,
    pub(crate) upcalls: UpcallStack,
    /// `flags::mode` of the code that runs now.
    pub(crate) mode: u32,
    /// Dispatches that have not returned.
    pub(crate) depth: u32,
}

/// Processor blocks of threads that have ended, for the next ones: signal handlers may look at one at any time, so a block is
/// never freed.
static POOL: Mutex<Vec<(&'static mut CpuState, &'static Signals)>> = Mutex::new(Vec::new());

impl Thread {
    pub(crate) fn new(layer: &Layer, upcalls: UpcallStack) -> Self {
        let pooled = POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        let (cpu, signals) = pooled.unwrap_or_else(|| {
            let ThreadBlock { interrupt, cpu } = Box::leak(Box::default());
            let signals = Signals { interrupt, in_app: AtomicBool::new(false), seen: AtomicBool::new(false) };
            (cpu, &*Box::leak(Box::new(signals)))
        });
        let profile = layer.options.profile;
        *cpu = CpuState { ldt: Some(Arc::clone(&layer.ldt)), cpuid: profile, ..CpuState::default() };
        signals.interrupt.store(0, Ordering::Release);
        signals.seen.store(false, Ordering::Release);
        Self { cpu, signals, upcalls, mode: mode::LIBOS, depth: 0 }
    }

    /// Runs the thread until it ends.
    pub(crate) fn run(mut self, layer: &'static Layer) {
        CURRENT.set(Some(self.signals));
        layer.thread_begins();
        while !self.turn(layer) {}
        CURRENT.set(None);
        layer.threads.fetch_sub(1, Ordering::AcqRel);
        POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((self.cpu, self.signals));
    }

    /// One entry into guest code and what came of it; true when the thread has ended.
    fn turn(&mut self, layer: &'static Layer) -> bool {
        if self.mode == mode::APP && self.signals.seen.swap(false, Ordering::AcqRel) {
            upcall::interrupt(layer, self);
        }
        let app = self.mode == mode::APP;
        self.signals.in_app.store(app, Ordering::SeqCst);
        if app && self.signals.seen.load(Ordering::SeqCst) {
            // It came between the two lines above.
            self.signals.in_app.store(false, Ordering::SeqCst);
            return false;
        }
        let exit = layer.engine.run(self.cpu, self.signals.interrupt);
        self.signals.in_app.store(false, Ordering::SeqCst);
        match exit {
            Exit::Gate(number) => return serve::gate(layer, self, number) == After::End,
            // An interrupt that came first is dispatched first, as if it had come before the instruction: a call that need
            // not wait is never interrupted.
            Exit::Exception(Cpu::Software(SYSTEM_CALL))
                if app && self.signals.seen.load(Ordering::SeqCst) =>
            {
                self.cpu.eip = self.cpu.eip.wrapping_sub(SYSTEM_CALL_BYTES);
            }
            Exit::Exception(exception) => upcall::exception(layer, self, exception),
            Exit::Interrupted => self.signals.interrupt.store(0, Ordering::Release),
            Exit::EngineFailure(why) => {
                layer.fatal(&format!("the engine stopped at {:#010x}: {why}", self.cpu.eip));
            }
        }
        false
    }
}
