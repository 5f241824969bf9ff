//! The processes of the family: who there is, and who belongs to whom.
//!
//! The lowest free place of the table is taken, so that a search looks at few. An entry is made and ended under the
//! family lock; single words are read without.

use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use crate::error::Errno;
use crate::pal;
use crate::signal::info::SigInfo;
use crate::signal::pending::{self, Scope};
use crate::signal::set::{SIGCONT, SigSet};
use crate::sys::family::{CMDLINE, COMM_WORDS, FamilyGuard, Member, memory, self_id};
use crate::task::threads;

/// `Member::state`.
pub mod state {
    /// Nobody.
    pub const FREE: u32 = 0;
    /// Being made.
    pub const NEW: u32 = 1;
    /// It runs.
    pub const RUNNING: u32 = 2;
    /// It is stopped.
    pub const STOPPED: u32 = 3;
    /// It has ended and was not waited for.
    pub const ZOMBIE: u32 = 4;
}

/// `Member::flags`.
pub mod flag {
    /// Its children leave no zombies.
    pub const NO_ZOMBIES: u32 = 1;
    /// It wants no signal when a child stops.
    pub const NO_STOP_SIGNAL: u32 = 2;
    /// It stopped, and the parent has not been told by `wait`.
    pub const STOP_NEWS: u32 = 4;
    /// It continued, and the parent has not been told by `wait`.
    pub const CONTINUE_NEWS: u32 = 8;
    /// Its parent waits for its exec or end, though it has memory of its own.
    pub const VFORK: u32 = 0x10;
    /// It has called `execve`.
    pub const EXECUTED: u32 = 0x20;
    /// It waits inside a call.
    pub const SLEEPING: u32 = 0x40;
    /// It has taken a signal that stops it, and none has come since that continues it.
    pub const STOPS: u32 = 0x80;
}

/// The first process's number.
pub const FIRST_PID: u32 = 100;
const LAST_PID: u32 = 32767;
/// The number that stands for a parent that is gone.
pub const INIT_PID: u32 = 1;

/// Holds the table of members.
#[must_use]
pub fn lock() -> FamilyGuard<'static> {
    memory().lock.lock()
}

/// The places that have ever been taken.
fn places() -> &'static [Member] {
    let memory = memory();
    let used = memory.places.load(Acquire) as usize;
    memory.members.get(..used).unwrap_or(&memory.members)
}

/// A process as others see it.
#[derive(Clone, Copy, Debug)]
pub struct Seen(pub &'static Member);

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $field:ident;)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(self) -> u32 { self.0.$field.load(Relaxed) })*
    };
}

impl Seen {
    words! {
        /// Of [`state`].
        state = state;
        /// Its number.
        pid = pid;
        /// The number of the process, where it is a thread.
        process = process;
        /// Its parent's number.
        parent = parent;
        /// Its group.
        group = group;
        /// Its session.
        session = session;
        /// Its wait status.
        status = status;
        /// Of [`flag`].
        flags = flags;
        /// What its parent gets when it ends.
        exit_signal = exit_signal;
        /// Its user.
        uid = uid;
        /// Its group of users.
        gid = gid;
        /// When it started, in clock ticks.
        start_ticks = start_ticks;
        /// CPU time used, in milliseconds; known at its end.
        cpu_ms = cpu_ms;
        /// Pages mapped.
        pages = pages;
    }

    /// Whether it is a thread that is not its process's first.
    #[must_use]
    pub fn is_thread(self) -> bool {
        self.process() != self.pid()
    }

    /// What is pending, for the process or its first thread.
    #[must_use]
    pub fn pending(self) -> SigSet {
        pending::set(&self.0.shared) | pending::set(&self.0.private)
    }

    /// The state letter of `/proc`.
    #[must_use]
    pub fn letter(self) -> char {
        match self.state() {
            state::STOPPED => 'T',
            state::ZOMBIE => 'Z',
            _ if self.flags() & flag::SLEEPING != 0 => 'S',
            _ => 'R',
        }
    }

    /// The command name.
    #[must_use]
    pub fn comm(self) -> Vec<u8> {
        text(&self.0.comm, COMM_WORDS * 4).into_iter().take_while(|b| *b != 0).collect()
    }

    /// The command line.
    #[must_use]
    pub fn cmdline(self) -> Vec<u8> {
        text(&self.0.cmdline, self.0.cmdline_size.load(Relaxed) as usize)
    }
}

fn text(words: &[AtomicU32], bytes: usize) -> Vec<u8> {
    words.iter().flat_map(|w| w.load(Relaxed).to_le_bytes()).take(bytes).collect()
}

fn store_text(words: &[AtomicU32], bytes: &[u8]) {
    for (n, word) in words.iter().enumerate() {
        let mut four = [0; 4];
        for (to, from) in four.iter_mut().zip(bytes.iter().skip(n * 4)) {
            *to = *from;
        }
        word.store(u32::from_le_bytes(four), Relaxed);
    }
}

/// All processes and threads, zombies included.
pub fn all_threads() -> impl Iterator<Item = Seen> {
    let there = |state| matches!(state, state::RUNNING | state::STOPPED | state::ZOMBIE);
    places().iter().filter(move |member| there(member.state.load(Acquire))).map(Seen)
}

/// All processes, zombies included.
pub fn all() -> impl Iterator<Item = Seen> {
    all_threads().filter(|seen| !seen.is_thread())
}

/// The process or thread of that number, zombies included.
#[must_use]
pub fn find_thread(tid: u32) -> Option<Seen> {
    all_threads().find(|seen| seen.pid() == tid)
}

/// The process that has, or had, a number in the layer below.
#[must_use]
pub fn find_below(id: u32) -> Option<Seen> {
    let is_it = |member: &&Member| id != 0 && member.family.load(Relaxed) == id;
    let processes = || places().iter().filter(is_it).map(Seen).filter(|seen| !seen.is_thread());
    processes().find(|seen| seen.state() != state::FREE).or_else(|| processes().next())
}

/// The process of that number, zombies included.
#[must_use]
pub fn find(pid: u32) -> Option<Seen> {
    all().find(|seen| seen.pid() == pid)
}

/// The numbers of all processes in order.
#[must_use]
pub fn pids() -> Vec<u32> {
    let mut pids: Vec<u32> = all().map(Seen::pid).collect();
    pids.sort_unstable();
    pids
}

/// Sets the command name.
pub fn set_comm(member: &Member, name: &[u8]) {
    store_text(&member.comm, name.get(..15).unwrap_or(name));
}

/// Sets the command line: the arguments, each with its zero.
pub fn set_cmdline(member: &Member, argv: &[Vec<u8>]) {
    let mut bytes = Vec::new();
    for argument in argv {
        bytes.extend_from_slice(argument);
        bytes.push(0);
    }
    bytes.truncate(CMDLINE);
    store_text(&member.cmdline, &bytes);
    member.cmdline_size.store(u32::try_from(bytes.len()).unwrap_or(0), Relaxed);
}

/// Takes a free process number and a free place, in state `NEW`.
///
/// # Errors
/// `EAGAIN` where the family is full.
pub fn reserve() -> Result<&'static Member, Errno> {
    let _guard = lock();
    let memory = memory();
    let place =
        memory.members.iter().position(|m| m.state.load(Acquire) == state::FREE).ok_or(Errno::EAGAIN)?;
    let member = &memory.members[place];
    let used = u32::try_from(place + 1).unwrap_or(0);
    memory.places.fetch_max(used, AcqRel);
    // A number stays taken as long as a group or a session is named after it.
    let taken = |pid: u32| {
        let named = |m: &Member| [&m.pid, &m.group, &m.session].iter().any(|word| word.load(Relaxed) == pid);
        places().iter().any(|m| m.state.load(Acquire) != state::FREE && named(m))
    };
    let mut pid = memory.next_pid.load(Relaxed).clamp(FIRST_PID, LAST_PID);
    while taken(pid) {
        pid = if pid == LAST_PID { FIRST_PID } else { pid + 1 };
    }
    memory.next_pid.store(if pid == LAST_PID { FIRST_PID } else { pid + 1 }, Relaxed);
    member.pid.store(pid, Relaxed);
    member.process.store(pid, Relaxed);
    for word in [&member.status, &member.flags, &member.cpu_ms, &member.death_signal] {
        word.store(0, Relaxed);
    }
    pending::clear(member);
    member.state.store(state::NEW, Release);
    Ok(member)
}

/// Sends a signal of the kernel's to a process. Where it cannot be queued, there is nobody to tell.
pub fn post(to: Seen, info: &SigInfo) {
    _ = pending::send(to, Scope::Process, info);
}

/// Makes a process in other memory look at what is new for it. Tells whether it is in other memory.
pub fn ring(member: &Member) -> bool {
    let id = member.family.load(Relaxed);
    if id != self_id() {
        // A member that is gone is noticed by its parent.
        _ = pal::family().family_ring(id);
    }
    id != self_id()
}

/// Makes a process look at what is new for it, wherever it runs.
pub fn rouse(member: &'static Member) {
    if !ring(member) {
        threads::alert(member, SIGCONT);
    }
}
