//! The state of a process. Each part has its own lock; none is held while another is taken, nor across a downcall
//! that may wait.
//!
//! Several processes may run in one memory (`vfork`): each thread knows its own ([`process`]).

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::clone::flags;
use super::credentials::Ids;
use super::family::Seen;
use super::limits::Limits;
use super::threads;
use crate::arch::ldt;
use crate::fs::table::FdTable;
use crate::mm::Mm;
use crate::pal::Owned;
use crate::signal::set::{SIG_DFL, SigAction};
use crate::sys::family::Member;
use crate::sys::lock::Lock;
use crate::sys::shared::{Pointer, Shared};

/// What path names are relative to, and the mask of new files.
#[derive(Clone, Debug)]
pub struct FsContext {
    /// The current folder: absolute, without links.
    pub cwd: Vec<u8>,
    /// `umask`.
    pub umask: u32,
}

impl FsContext {
    const NONE: Self = Self { cwd: Vec::new(), umask: 0o022 };
}

/// What is printed.
pub mod trace {
    /// A line per system call.
    pub const SYSCALLS: u32 = 1;
    /// A line per signal delivered.
    pub const SIGNALS: u32 = 2;
}

/// A process.
#[derive(Debug)]
pub struct Process {
    pid: AtomicU32,
    member: Pointer<Member>,
    /// What is printed, of [`trace`].
    pub trace: AtomicU32,
    /// Processors.
    pub cpus: u32,
    host_name: Lock<Vec<u8>>,
    exe: Lock<Vec<u8>>,
    /// Memory.
    pub mm: Shared<Mm>,
    /// The local descriptor table, which belongs to the memory.
    pub ldt: Shared<ldt::Table>,
    /// Descriptors.
    pub files: Shared<FdTable>,
    /// Current folder and mask.
    pub fs: Shared<FsContext>,
    /// What is done at signals.
    pub actions: Shared<[SigAction; 64]>,
    /// Users and groups.
    pub ids: Lock<Ids>,
    /// Limits.
    pub limits: Lock<Limits>,
    /// Process handles of children.
    pub children: Lock<BTreeMap<u32, Arc<Owned>>>,
    /// CPU time of children waited for, in milliseconds.
    pub children_cpu_ms: AtomicU32,
    /// What the first thread left as its exit code, with bit 8 set, if it has ended.
    pub exit_code: AtomicU32,
    /// The number of the thread that ends it, or 0.
    pub ender: AtomicU32,
}

/// All there are, and those of them that stand for no process at the moment.
static ALL: Lock<Vec<&'static Process>> = Lock::new(Vec::new());
static SPARE: Lock<Vec<&'static Process>> = Lock::new(Vec::new());

/// The process of the calling thread.
///
/// # Panics
/// Before [`install`].
#[must_use]
pub fn process() -> &'static Process {
    threads::current().process().expect("made at start")
}

/// Makes the first process's state, once.
pub fn install(ids: Ids, cpus: u32, cwd: Vec<u8>, host_name: Vec<u8>, trace: u32) -> &'static Process {
    let made = Process::make(cpus.max(1));
    made.trace.store(trace, Relaxed);
    *made.host_name.lock() = host_name;
    *made.ids.lock() = ids;
    made.fs.lock().cwd = cwd;
    threads::current().set_process(made);
    made
}

const NO_ACTIONS: [SigAction; 64] = [SigAction::DEFAULT; 64];

impl Process {
    /// One that stands for none yet.
    fn make(cpus: u32) -> &'static Self {
        let made: &'static Self = Box::leak(Box::new(Self {
            pid: AtomicU32::new(0),
            member: Pointer::NONE,
            trace: AtomicU32::new(0),
            cpus,
            host_name: Lock::new(Vec::new()),
            exe: Lock::new(Vec::new()),
            mm: Shared::new(Mm::new()),
            ldt: Shared::new(ldt::Table::new()),
            files: Shared::new(FdTable::new()),
            fs: Shared::new(FsContext::NONE),
            actions: Shared::new(NO_ACTIONS),
            ids: Lock::new(Ids::of(0, 0)),
            limits: Lock::new(Limits::default()),
            children: Lock::new(BTreeMap::new()),
            children_cpu_ms: AtomicU32::new(0),
            exit_code: AtomicU32::new(0),
            ender: AtomicU32::new(0),
        }));
        ALL.lock().push(made);
        made
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.load(Relaxed)
    }

    /// Gives it its entry in the family, and with it another number.
    pub fn set_member(&self, member: &'static Member) {
        self.member.set(Some(member));
        self.pid.store(member.pid.load(Relaxed), Relaxed);
    }

    /// A child in the same memory. It begins with copies, but for what `CLONE_FILES`, `CLONE_FS` and `CLONE_SIGHAND` make
    /// common.
    #[must_use]
    pub fn beget(&'static self, member: &'static Member, common: u32) -> &'static Self {
        let spare = SPARE.lock().pop();
        let child = spare.unwrap_or_else(|| Self::make(self.cpus));
        let is_common = |flag: u32| common & flag != 0;
        child.set_member(member);
        child.trace.store(self.trace.load(Relaxed), Relaxed);
        *child.host_name.lock() = self.hostname();
        *child.exe.lock() = self.exe();
        child.mm.join(&self.mm);
        child.ldt.join(&self.ldt);
        if is_common(flags::FILES) {
            child.files.join(&self.files);
        } else {
            let copy = self.files.lock().clone();
            drop(child.files.set_own(copy));
        }
        if is_common(flags::FS) {
            child.fs.join(&self.fs);
        } else {
            let copy = self.fs.lock().clone();
            child.fs.set_own(copy);
        }
        if is_common(flags::SIGHAND) {
            child.actions.join(&self.actions);
        } else {
            let copy = *self.actions.lock();
            child.actions.set_own(copy);
        }
        let (ids, limits) = (self.ids.lock().clone(), self.limits.lock().clone());
        *child.ids.lock() = ids;
        *child.limits.lock() = limits;
        child.children_cpu_ms.store(0, Relaxed);
        child.exit_code.store(0, Relaxed);
        child.ender.store(0, Relaxed);
        child
    }

    /// Lets go of all it has of its own: it stands for no process any more.
    pub fn vacate(&'static self) {
        // What is dropped here closes handles, under no lock.
        drop(self.files.set_own(FdTable::new()));
        drop(self.mm.set_own(Mm::new()));
        drop(self.ldt.set_own(ldt::Table::new()));
        self.fs.set_own(FsContext::NONE);
        self.actions.set_own(NO_ACTIONS);
        drop(core::mem::take(&mut *self.children.lock()));
        self.member.set(None);
        SPARE.lock().push(self);
    }

    /// In a copy of the host process, which is this one's alone: takes over what it had in common with others, which are
    /// not there any more.
    pub fn remain_alone(&'static self) {
        self.exit_code.store(0, Relaxed);
        self.ender.store(0, Relaxed);
        self.mm.take_over(Mm::new());
        self.ldt.take_over(ldt::Table::new());
        self.files.take_over(FdTable::new());
        self.fs.take_over(FsContext::NONE);
        self.actions.take_over(NO_ACTIONS);
        let others: Vec<_> = {
            let (all, spare) = (ALL.lock().clone(), SPARE.lock().clone());
            let is_other = |p: &&'static Self| {
                !core::ptr::eq(*p, self) && !spare.iter().any(|free| core::ptr::eq(*free, *p))
            };
            all.into_iter().filter(is_other).collect()
        };
        others.into_iter().for_each(Self::vacate);
    }

    /// Its entry in the family.
    ///
    /// # Panics
    /// Before `set_member`.
    #[must_use]
    pub fn member(&self) -> Seen {
        Seen(self.member.get().expect("given at start"))
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
    pub fn action(&'static self, signal: u32) -> SigAction {
        self.actions.lock()[(signal - 1) as usize % 64]
    }

    /// Forgets handlers; what is ignored stays so.
    pub fn reset_handlers(&'static self) {
        for action in self.actions.lock().iter_mut() {
            let handler = if action.is_handler() { SIG_DFL } else { action.handler };
            *action = SigAction { handler, ..SigAction::default() };
        }
    }

    /// Whether something is to be printed.
    #[must_use]
    pub fn traces(&self, what: u32) -> bool {
        self.trace.load(Relaxed) & what != 0
    }
}
