//! The state of this process. Each part has its own lock; none is held while another is taken, nor across a downcall
//! that may wait.
//!
//! Where one process lends its memory to another (`vfork`), both are this one in turn: what each has for itself
//! ([`Possessions`]) is exchanged.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::mem::swap;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::clone::flags;
use super::credentials::Ids;
use super::family::Seen;
use super::limits::Limits;
use crate::arch::ldt;
use crate::fs::table::FdTable;
use crate::mm::Mm;
use crate::pal::Owned;
use crate::signal::set::{SIG_DFL, SigAction};
use crate::signal::timer::Alarm;
use crate::sys::family::Member;
use crate::sys::lock::Lock;

/// What path names are relative to, and the mask of new files.
#[derive(Clone, Debug)]
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
    /// The local descriptor table, which belongs to the memory.
    pub ldt: Lock<ldt::Table>,
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
    /// `ITIMER_REAL`, by process number: those who lent this process its memory have theirs as well.
    pub alarms: Lock<BTreeMap<u32, Alarm>>,
}

/// What a process has for itself though it shares its memory: all that another process in this memory exchanges for
/// its own.
#[derive(Debug)]
pub struct Possessions {
    member: &'static Member,
    /// `None` stands for those of the process in whose memory it is, and so below.
    files: Option<FdTable>,
    fs: Option<FsContext>,
    actions: Option<[SigAction; 64]>,
    ids: Ids,
    limits: Limits,
    children: BTreeMap<u32, Owned>,
    children_cpu_ms: u32,
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
        ldt: Lock::new(ldt::Table::new()),
        files: Lock::new(FdTable::new()),
        fs: Lock::new(FsContext { cwd, umask: 0o022 }),
        actions: Lock::new([SigAction::default(); 64]),
        ids: Lock::new(ids),
        limits: Lock::new(Limits::default()),
        children: Lock::new(BTreeMap::new()),
        children_cpu_ms: AtomicU32::new(0),
        alarms: Lock::new(BTreeMap::new()),
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

    /// Gives it its entry in the family, and with it another number.
    pub fn set_member(&self, member: &'static Member) {
        *self.member.lock() = Some(member);
        self.pid.store(member.pid.load(Relaxed), Relaxed);
    }

    /// What a child begins with: copies, but for what `CLONE_FILES`, `CLONE_FS` and `CLONE_SIGHAND` make common.
    #[must_use]
    pub fn endow(&self, child: &'static Member, common: u32) -> Possessions {
        let copied = |flag: u32| common & flag == 0;
        Possessions {
            member: child,
            files: copied(flags::FILES).then(|| self.files.lock().clone()),
            fs: copied(flags::FS).then(|| self.fs.lock().clone()),
            actions: copied(flags::SIGHAND).then(|| *self.actions.lock()),
            ids: self.ids.lock().clone(),
            limits: self.limits.lock().clone(),
            children: BTreeMap::new(),
            children_cpu_ms: 0,
        }
    }

    /// Becomes the process that has these; `other` then holds what this one had.
    pub fn exchange(&self, other: &mut Possessions) {
        let mine = self.member().0;
        self.set_member(other.member);
        other.member = mine;
        if let Some(files) = &mut other.files {
            swap(&mut *self.files.lock(), files);
        }
        if let Some(fs) = &mut other.fs {
            swap(&mut *self.fs.lock(), fs);
        }
        if let Some(actions) = &mut other.actions {
            swap(&mut *self.actions.lock(), actions);
        }
        swap(&mut *self.ids.lock(), &mut other.ids);
        swap(&mut *self.limits.lock(), &mut other.limits);
        swap(&mut *self.children.lock(), &mut other.children);
        other.children_cpu_ms = self.children_cpu_ms.swap(other.children_cpu_ms, Relaxed);
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

    /// Forgets handlers; what is ignored stays so.
    pub fn reset_handlers(&self) {
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
