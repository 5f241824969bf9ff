//! The layer as a process singleton: what it was given from below and what it made of it.

use crate::window::{CodeListener, Window};
use frontend_x86::cpuid::Profile;
use frontend_x86::descriptor::Ldt;
use frontend_x86::engine::Engine;
use pal_abi::Pal;
use pal_abi::{
    CloningTable, Exception, FamilyTable, Handle, HandlePassingTable, NodesTable, PalTable, SocketsTable,
    WordWaitTable,
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// The optional groups that the layer below offers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Groups {
    pub(crate) word_wait: Option<&'static WordWaitTable>,
    pub(crate) handle_passing: Option<&'static HandlePassingTable>,
    pub(crate) cloning: Option<&'static CloningTable>,
    pub(crate) nodes: Option<&'static NodesTable>,
    pub(crate) family: Option<&'static FamilyTable>,
    pub(crate) sockets: Option<&'static SocketsTable>,
}

/// What the command asks of this layer.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Print every downcall of the guest.
    pub trace_calls: bool,
    /// Print every exception that the guest sees.
    pub trace_exceptions: bool,
    /// Which processor the guest sees.
    pub profile: Profile,
}

/// Everything that outlives a thread.
pub(crate) struct Layer {
    pub(crate) pal: &'static PalTable,
    pub(crate) groups: Groups,
    pub(crate) window: &'static Window,
    pub(crate) engine: &'static dyn Engine,
    pub(crate) options: Options,
    /// Guest address of the guest's own upcall slot.
    pub(crate) upcall_slot: u32,
    /// The guest's local descriptor table.
    pub(crate) ldt: Arc<Ldt>,
    /// Guest threads that have begun and not ended.
    pub(crate) threads: AtomicU32,
}

static LAYER: OnceLock<Layer> = OnceLock::new();

impl Layer {
    pub(crate) fn install(layer: Self) -> &'static Self {
        assert!(LAYER.set(layer).is_ok(), "one emulating layer a process");
        Self::get()
    }

    pub(crate) fn get() -> &'static Self {
        LAYER.get().expect("installed before any guest code runs")
    }

    /// The layer, if it stands already. Async-signal-safe.
    pub(crate) fn try_get() -> Option<&'static Self> {
        LAYER.get()
    }

    /// Ends the process with one line that says why. Status 125: neither the program nor a signal ended it.
    pub(crate) fn fatal(&self, why: &str) -> ! {
        fatal(self.pal, why)
    }

    /// Counts a new guest thread; the second one makes memory order observable.
    pub(crate) fn thread_begins(&self) {
        if self.threads.fetch_add(1, Ordering::AcqRel) == 1 {
            self.engine.set_memory_order(frontend_x86::engine::MemoryOrder::Tso);
        }
    }
}

/// As [`Layer::fatal`], before the layer stands.
pub(crate) fn fatal(pal: &dyn Pal, why: &str) -> ! {
    print(pal, &format!("trunnion: {why}\n"));
    loop {
        let _ = pal.process_exit(125);
    }
}

/// Prints a developer's line.
pub(crate) fn print(pal: &dyn Pal, line: &str) {
    let _ = pal.debug_string_print(line.into(), line.len());
}

/// The engine as the window's listener.
pub(crate) struct EngineListener(pub(crate) &'static dyn Engine);

impl CodeListener for EngineListener {
    fn invalidate(&self, first_page: u32, pages: u32) {
        self.0.invalidate(first_page, pages);
    }
}

/// Names in traces.
pub(crate) fn describe(e: &Exception, eip: u32) -> String {
    format!(
        "exception code {} vector {} at {eip:#010x}, address {:#x}, info {:#x} {:#x}",
        e.code, e.native, e.address, e.info[0], e.info[1]
    )
}

/// No handle.
pub(crate) const NO_HANDLE: Handle = Handle::NONE;
