//! The translating engine (`jit`) as a machine.
//!
//! Unsafe here: the guest thread's block is shared with the thread that watches the time. Invariant: it is never freed, the
//! watching thread touches only its interrupt word, and one [`Translator`] at a time touches the rest.

use super::window::HostWindow;
use super::{Machine, convert, signal};
use crate::case::{Case, Outcome, Stop};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use frontend_x86::engine::{Engine, Exit};
use frontend_x86::state::ThreadBlock;
use jit::{EngineKind, Jit, JitOptions};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// What there is once in a process: the engine, its memory, its guest thread's block, and a clock that interrupts it.
struct Shared {
    engine: &'static Jit<HostWindow>,
    window: Arc<HostWindow>,
    block: Block,
    /// Grows with every case.
    cases: AtomicU64,
}

struct Block(*mut ThreadBlock);

// SAFETY: see the module's head.
unsafe impl Send for Block {}
// SAFETY: see the module's head.
unsafe impl Sync for Block {}

impl Block {
    fn interrupt(&self) -> &'static AtomicU32 {
        // SAFETY: the block is never freed; the word is only accessed as an atomic.
        unsafe { &(*self.0).interrupt }
    }
}

/// Runs cases through translated code, compiled at its first execution.
pub struct Translator {
    shared: &'static Shared,
    /// Only one at a time.
    _alone: MutexGuard<'static, ()>,
}

impl core::fmt::Debug for Translator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Translator")
    }
}

/// Milliseconds between two looks at whether a case is still running: more than any case needs that ends. An emulated
/// host is slower.
const TICK_MS: u64 = if cfg!(target_arch = "x86_64") { 60 } else { 500 };

fn shared() -> Result<&'static Shared, String> {
    static SHARED: OnceLock<Result<Shared, String>> = OnceLock::new();
    let make = || {
        let window = Arc::new(HostWindow::new().map_err(|e| e.to_string())?);
        let options = JitOptions { kind: EngineKind::Jit, code_bytes: 16 << 20, ..JitOptions::default() };
        let engine = Jit::new(Arc::clone(&window), options).map_err(|e| e.to_string())?;
        let engine: &'static Jit<HostWindow> = Box::leak(Box::new(engine));
        window.attach(engine);
        Ok(Shared { engine, window, block: Block(Box::into_raw(Box::default())), cases: AtomicU64::new(0) })
    };
    SHARED.get_or_init(make).as_ref().map_err(Clone::clone)
}

/// Interrupts a case that is still the same one after two ticks.
fn watch(shared: &'static Shared) {
    let mut last = (0, 0);
    loop {
        std::thread::sleep(Duration::from_millis(TICK_MS));
        let now = shared.cases.load(SeqCst);
        last = if last.0 == now { (now, last.1 + 1) } else { (now, 0) };
        if last.1 >= 2 {
            shared.block.interrupt().store(1, SeqCst);
        }
    }
}

impl Translator {
    /// The process's translator, when no other thread has it.
    ///
    /// # Errors
    /// The host gives no memory for it.
    pub fn new() -> Result<Self, String> {
        static ALONE: Mutex<()> = Mutex::new(());
        static WATCH: std::sync::Once = std::sync::Once::new();
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = shared()?;
        WATCH.call_once(|| drop(std::thread::spawn(|| watch(shared))));
        signal::attach(shared.engine, shared.window.base());
        Ok(Self { shared, _alone: alone })
    }
}

impl Machine for Translator {
    fn name(&self) -> &'static str {
        "jit"
    }

    fn run(&mut self, case: &Case) -> Outcome {
        super::remember(case);
        let shared = self.shared;
        let before = shared.window.begin(case);
        let interrupt = shared.block.interrupt();
        interrupt.store(0, SeqCst);
        // SAFETY: this is the only translator, so this is the only reference to the processor state.
        let cpu = unsafe { &mut (*shared.block.0).cpu };
        *cpu = convert::load(&case.state);
        shared.cases.fetch_add(1, SeqCst);
        let exit = shared.engine.run(cpu, interrupt);
        let stop = if exit == Exit::Interrupted { Stop::Hang } else { convert::stop(exit) };
        let state = convert::store(cpu);
        let memory = shared.window.end(case, &before);
        super::forget();
        Outcome { stop, state, memory }
    }
}
