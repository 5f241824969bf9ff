//! The state of this process. Each part has its own lock; none is held while another is taken, nor across a downcall
//! that may wait.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::credentials::Ids;
use super::family::Seen;
use super::limits::Limits;
use crate::fs::table::FdTable;
use crate::mm::Mm;
use crate::pal::Owned;
use crate::signal::set::SigAction;
use crate::sys::family::Member;
use crate::sys::lock::Lock;

/// What path names are relative to, and the mask of new files.
#[derive(Debug)]
pub struct FsContext {
    /// The current folder: absolute, without links.
    pub cwd: Vec<u8>,
    /// `umask`.
    pub umask: u32,
}

/// What is printed.
pub mod trace {
    /// A line per system call.
    pub const SYSCALLS: u32 = 1;
    /// A line per signal delivered.
    pub const SIGNALS: u32 = 2;
}

/// This process.
#[derive(Debug)]
pub struct Process {
    pid: AtomicU32,
    member: Lock<Option<&'static Member>>,
    /// What is printed, of [`trace`].
    pub trace: AtomicU32,
    /// Processors.
    pub cpus: u32,
    host_name: Lock<Vec<u8>>,
    exe: Lock<Vec<u8>>,
    /// Memory.
    pub mm: Lock<Mm>,
    /// Descriptors.
    pub files: Lock<FdTable>,
    /// Current folder and mask.
    pub fs: Lock<FsContext>,
    /// What is done at signals.
    pub actions: Lock<[SigAction; 64]>,
    /// Users and groups.
    pub ids: Lock<Ids>,
    /// Limits.
    pub limits: Lock<Limits>,
    /// Process handles of children.
    pub children: Lock<BTreeMap<u32, Owned>>,
    /// CPU time of children waited for, in milliseconds.
    pub children_cpu_ms: AtomicU32,
    /// When `ITIMER_REAL` fires next (monotonic ns, 0: never) and its period.
    pub alarm: Lock<crate::signal::timer::Alarm>,
}

static PROCESS: Lock<Option<&'static Process>> = Lock::new(None);

/// This process.
///
/// # Panics
/// Before [`install`].
#[must_use]
pub fn process() -> &'static Process {
    PROCESS.lock().expect("made at start")
}

/// Makes the process's state, once.
pub fn install(ids: Ids, cpus: u32, cwd: Vec<u8>, host_name: Vec<u8>, trace: u32) -> &'static Process {
    let made = Box::leak(Box::new(Process {
        pid: AtomicU32::new(0),
        member: Lock::new(None),
        trace: AtomicU32::new(trace),
        cpus: cpus.max(1),
        host_name: Lock::new(host_name),
        exe: Lock::new(Vec::new()),
        mm: Lock::new(Mm::new()),
        files: Lock::new(FdTable::new()),
        fs: Lock::new(FsContext { cwd, umask: 0o022 }),
        actions: Lock::new([SigAction::default(); 64]),
        ids: Lock::new(ids),
        limits: Lock::new(Limits::default()),
        children: Lock::new(BTreeMap::new()),
        children_cpu_ms: AtomicU32::new(0),
        alarm: Lock::new(crate::signal::timer::Alarm::default()),
    }));
    *PROCESS.lock() = Some(made);
    made
}

impl Process {
    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.load(Relaxed)
    }

    /// Gives it its entry in the family, and with it another number, after a fork.
    pub fn set_member(&self, member: &'static Member) {
        *self.member.lock() = Some(member);
        self.pid.store(member.pid.load(Relaxed), Relaxed);
    }

    /// Its entry in the family.
    ///
    /// # Panics
    /// Before `set_member`.
    #[must_use]
    pub fn member(&self) -> Seen {
        Seen(self.member.lock().expect("given at start"))
    }

    /// The program's path.
    #[must_use]
    pub fn exe(&self) -> Vec<u8> {
        self.exe.lock().clone()
    }

    /// Notes the program's path.
    pub fn set_exe(&self, path: Vec<u8>) {
        *self.exe.lock() = path;
    }

    /// The host name.
    #[must_use]
    pub fn hostname(&self) -> Vec<u8> {
        self.host_name.lock().clone()
    }

    /// Changes the host name (of this process alone).
    pub fn set_hostname(&self, name: Vec<u8>) {
        *self.host_name.lock() = name;
    }

    /// What is done at a signal.
    #[must_use]
    pub fn action(&self, signal: u32) -> SigAction {
        self.actions.lock()[(signal - 1) as usize % 64]
    }

    /// Whether something is to be printed.
    #[must_use]
    pub fn traces(&self, what: u32) -> bool {
        self.trace.load(Relaxed) & what != 0
    }
}
