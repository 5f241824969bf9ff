//! The threads of this host process, each in the slot that its stack names (`arch::slot`).
//!
//! Most belong to one process. One that runs a `vfork` child belongs to the child meanwhile. A thread's own state
//! ([`Thread`]) is in its dispatch while it has one; what others may want to know of it stands here.

use alloc::boxed::Box;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicBool, AtomicU32};

use pal_abi::flags::thread as thread_flags;
use pal_abi::{ContextI386, Handle, Layout as _, Pal as _, ThreadParams};

use super::family::{self, Seen};
use super::process::Process;
use super::thread::Thread;
use super::vfork;
use crate::arch::slot;
use crate::error::Errno;
use crate::layout::{PAGE, THREAD_BLOCK, THREADS};
use crate::pal::pal;
use crate::signal::pending;
use crate::signal::set::{SIGCHLD, SIGCONT, SIGKILL, SigSet};
use crate::sys::family::Member;
use crate::sys::lock::Lock;
use crate::sys::shared::Pointer;

/// A thread, or a free slot.
#[derive(Debug)]
pub struct Cell {
    /// Its number; 0: the slot is free.
    tid: AtomicU32,
    /// Its entry in the family: the process's for its first thread.
    member: Pointer<Member>,
    process: Pointer<Process>,
    /// The layer below's handle of it.
    host: AtomicU32,
    state: Lock<Option<Box<Thread>>>,
    /// What it begins with.
    begin: Lock<Option<Box<ContextI386>>>,
    /// The signals it blocks, as last told.
    blocked: [AtomicU32; 2],
    /// The signals whose arrival it waits for though it may block them (`signalfd`).
    watched: [AtomicU32; 2],
    /// Whether it is to end at the next occasion.
    doomed: AtomicBool,
    /// Whether it ends with the dispatch it is in.
    leaves: AtomicBool,
    /// Not 0 as long as the layer below uses its stacks.
    stacks: AtomicU32,
    /// Whether there is memory for its stacks.
    committed: AtomicBool,
}

impl Cell {
    #[expect(clippy::declare_interior_mutable_const, reason = "a value to begin with")]
    const FREE: Self = Self {
        tid: AtomicU32::new(0),
        member: Pointer::NONE,
        process: Pointer::NONE,
        host: AtomicU32::new(0),
        state: Lock::new(None),
        begin: Lock::new(None),
        blocked: [const { AtomicU32::new(0) }; 2],
        watched: [const { AtomicU32::new(0) }; 2],
        doomed: AtomicBool::new(false),
        leaves: AtomicBool::new(false),
        stacks: AtomicU32::new(0),
        committed: AtomicBool::new(false),
    };
}

static CELLS: [Cell; THREADS as usize + 1] = [const { Cell::FREE }; THREADS as usize + 1];
/// The slot of the helper (`signal::timer`), which is no thread of a program.
const HELPER: usize = 1;

/// Held while the threads of a process are counted by one that ends.
static ENDING: Lock<()> = Lock::new(());

/// The calling thread.
#[must_use]
pub fn current() -> &'static Cell {
    &CELLS[slot::current()]
}

/// All threads of programs.
fn all() -> impl Iterator<Item = &'static Cell> {
    CELLS.iter().filter(|cell| cell.tid() != 0)
}

/// The threads of a process.
pub fn of(process: &'static Process) -> impl Iterator<Item = &'static Cell> {
    all().filter(move |cell| cell.process.get().is_some_and(|p| core::ptr::eq(p, process)))
}

impl Cell {
    /// Whether it is a thread of a process, or will be again when its child has ended.
    fn belongs_to(&self, process: &'static Process) -> bool {
        let is_it = |p: &'static Process| core::ptr::eq(p, process);
        self.process.get().is_some_and(is_it) || vfork::has_lent(self, process)
    }

    /// Its number.
    #[must_use]
    pub fn tid(&self) -> u32 {
        self.tid.load(Acquire)
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> Option<&'static Process> {
        self.process.get()
    }

    /// Its entry in the family.
    ///
    /// # Panics
    /// Before it has one.
    #[must_use]
    pub fn member(&self) -> Seen {
        Seen(self.member.get().expect("given at its start"))
    }

    /// Gives it to another process, for now.
    pub fn set_process(&self, process: &'static Process) {
        self.process.set(Some(process));
    }

    /// Makes it the thread that a process's number means.
    pub fn lead(&self, member: &'static Member) {
        self.member.set(Some(member));
        self.tid.store(member.pid.load(Relaxed), Release);
    }

    /// Notes the layer below's handle of it.
    pub fn set_host(&self, host: Handle) {
        self.host.store(host.0, Relaxed);
    }

    /// Its state, for the length of a dispatch.
    pub fn take(&self) -> Box<Thread> {
        self.state.lock().take().unwrap_or_default()
    }

    /// Lays its state down again; ends the thread if that is what the dispatch came to.
    pub fn give(&'static self, thread: Box<Thread>) {
        if self.leaves.load(Relaxed) {
            drop(thread);
            self.leave();
        }
        *self.state.lock() = Some(thread);
    }

    /// What a new thread begins with.
    pub fn take_beginning(&self) -> Option<Box<ContextI386>> {
        self.begin.lock().take()
    }

    /// Tells others which signals it blocks.
    pub fn tell_blocked(&self, blocked: SigSet) {
        for (word, bits) in self.blocked.iter().zip(blocked.words()) {
            word.store(bits, SeqCst);
        }
    }

    /// Tells others which signals it waits for in any case.
    pub fn tell_watched(&self, watched: SigSet) {
        for (word, bits) in self.watched.iter().zip(watched.words()) {
            word.store(bits, SeqCst);
        }
    }

    /// The signals it waits for in any case.
    pub fn watches(&self) -> SigSet {
        SigSet::from_words([self.watched[0].load(SeqCst), self.watched[1].load(SeqCst)])
    }

    /// The signals it blocks, as last told.
    #[must_use]
    pub fn blocks(&self) -> SigSet {
        SigSet::from_words([self.blocked[0].load(SeqCst), self.blocked[1].load(SeqCst)])
    }

    /// A small number of its own, from 0.
    #[must_use]
    pub fn index(&self) -> u32 {
        let place = CELLS.iter().position(|cell| core::ptr::eq(cell, self)).unwrap_or(0);
        u32::try_from(place.saturating_sub(usize::from(place > HELPER))).unwrap_or(0)
    }

    /// Whether it is to end at once.
    #[must_use]
    pub fn is_doomed(&self) -> bool {
        self.doomed.load(Acquire)
    }

    /// Whether it ends with the dispatch it is in.
    #[must_use]
    pub fn leaves(&self) -> bool {
        self.leaves.load(Relaxed)
    }

    /// Has it leave what it does and look at what is new.
    fn interrupt(&self) {
        // One that has just ended needs no interruption.
        _ = pal().thread_interrupt(Handle(self.host.load(Relaxed)));
    }

    fn is_current(&self) -> bool {
        core::ptr::eq(self, current())
    }

    /// Forgets all but the memory of the stacks.
    fn clear(&self) {
        for flag in [&self.doomed, &self.leaves] {
            flag.store(false, Relaxed);
        }
        drop(self.state.lock().take());
        drop(self.begin.lock().take());
        self.tell_blocked(SigSet::EMPTY);
        self.tell_watched(SigSet::EMPTY);
        self.member.set(None);
        self.process.set(None);
        self.tid.store(0, Release);
    }

    /// Frees the slot and ends the thread. The layer below frees the stacks, once nothing stands on them.
    fn leave(&'static self) -> ! {
        let host = Handle(self.host.swap(0, Relaxed));
        self.clear();
        // Ours to close; a thread goes on without.
        _ = pal().object_close(host);
        loop {
            // Does not return.
            _ = pal().thread_exit((&self.stacks).into());
        }
    }
}

/// Takes a free slot for a thread.
fn free_slot(tid: u32) -> Result<usize, Errno> {
    let free = |cell: &Cell| {
        cell.stacks.load(Acquire) == 0 && cell.tid.compare_exchange(0, tid, AcqRel, Relaxed).is_ok()
    };
    (HELPER + 1..CELLS.len()).find(|slot| free(&CELLS[*slot])).ok_or(Errno::EAGAIN)
}

/// Starts a host thread on the stacks of a slot, which begins with `LibOsThreadStart(start, _)`.
fn spawn(slot: usize, start: u32) -> Result<Handle, Errno> {
    /// Of a block, for what a thread does before its first dispatch; the rest takes the dispatches.
    const FIRST_STACK: u32 = 4 * PAGE;
    let (cell, block) = (&CELLS[slot], slot::block(slot));
    if !cell.committed.load(Acquire) {
        crate::mm::commit(block, THREAD_BLOCK, 3)?;
        cell.committed.store(true, Release);
    }
    let mut params = ThreadParams::ZERO;
    params.start = u64::from(start);
    params.stack_base = u64::from(block);
    params.stack_size = u64::from(FIRST_STACK);
    params.upcall_base = u64::from(block + FIRST_STACK);
    params.upcall_size = u64::from(THREAD_BLOCK - FIRST_STACK);
    params.flags = thread_flags::ALT_STACK;
    let mut thread = Handle::NONE;
    let size = u32::try_from(size_of::<ThreadParams>()).unwrap_or(0);
    cell.stacks.store(1, Release);
    let made = pal().thread_create((&params).into(), size, (&mut thread).into());
    if made.is_err() {
        cell.stacks.store(0, Release);
        return Err(Errno::EAGAIN);
    }
    Ok(thread)
}

/// What `LibOsThreadStart` is told to run.
pub mod start {
    /// The helper.
    pub const HELPER: u32 = 1;
    /// A thread of a program, from what `Cell::take_beginning` gives.
    pub const PROGRAM: u32 = 2;
}

/// Starts the helper.
///
/// # Errors
/// `EAGAIN`.
pub fn spawn_helper() -> Result<(), Errno> {
    spawn(HELPER, start::HELPER).map(|_| ())
}

/// Makes a thread of the caller's process, which is to begin with a context.
///
/// # Errors
/// `EAGAIN`.
pub fn create(member: &'static Member, thread: Thread, context: ContextI386) -> Result<(), Errno> {
    let slot = free_slot(member.pid.load(Relaxed))?;
    let cell = &CELLS[slot];
    cell.member.set(Some(member));
    cell.tell_blocked(thread.blocked);
    *cell.state.lock() = Some(Box::new(thread));
    *cell.begin.lock() = Some(Box::new(context));
    // From here on signals reach it: they wait until it has begun.
    cell.process.set(current().process.get());
    match spawn(slot, start::PROGRAM) {
        Ok(host) => {
            cell.set_host(host);
            Ok(())
        }
        Err(error) => {
            cell.clear();
            Err(error)
        }
    }
}

/// Takes the calling thread out of its process. `false`: it is the last one, and stays.
pub fn retire() -> bool {
    let _guard = ENDING.lock();
    let me = current();
    let goes_on = |cell: &Cell, process| !cell.is_current() && !cell.leaves() && cell.belongs_to(process);
    let is_last = me.process().is_none_or(|process| !all().any(|cell| goes_on(cell, process)));
    me.leaves.store(!is_last, Relaxed);
    !is_last
}

/// Ends the other threads of the caller's process. `false`: the caller itself is to end, for another does the same.
pub fn be_alone() -> bool {
    let me = current();
    let Some(process) = me.process() else { return true };
    let mut turns = 0u32;
    loop {
        {
            let _guard = ENDING.lock();
            if me.is_doomed() {
                return false;
            }
            of(process).filter(|cell| !cell.is_current()).for_each(|cell| cell.doomed.store(true, Release));
        }
        if !all().any(|cell| !cell.is_current() && cell.belongs_to(process)) {
            return true;
        }
        if turns.is_multiple_of(64) {
            interrupt_others();
        }
        turns += 1;
        // A yield has no news.
        _ = pal().thread_yield_execution();
    }
}

/// In a copy of the host process: only the calling thread is there, and it leads.
pub fn after_copy(member: &'static Member) {
    let me = current();
    for cell in &CELLS {
        if !core::ptr::eq(cell, me) {
            cell.clear();
            cell.stacks.store(0, Relaxed);
        }
    }
    me.doomed.store(false, Relaxed);
    vfork::forget_lenders();
    me.lead(member);
}

/// Whether another thread has ended the caller's process, which takes it with it.
#[must_use]
pub fn is_left_over() -> bool {
    let me = current();
    let ender = me.process().map_or(0, |process| process.ender.load(Acquire));
    ender != 0 && ender != me.tid()
}

/// A process of this memory, by its entry in the family.
fn here(member: &Member) -> Option<&'static Process> {
    all().filter_map(Cell::process).find(|p| core::ptr::eq(p.member().0, member))
}

/// How many threads programs have here; at least 1.
#[must_use]
pub fn count() -> u64 {
    u64::try_from(all().count()).unwrap_or(1).max(1)
}

/// Whether a signal for a process or thread of this memory would be thrown away: it is ignored, and nobody blocks it.
#[must_use]
pub fn ignores(of_whom: Seen, signal: u32) -> bool {
    let process = if of_whom.is_thread() {
        all().find(|cell| cell.tid() == of_whom.pid()).and_then(Cell::process)
    } else {
        here(of_whom.0)
    };
    process.is_some_and(|process| {
        process.action(signal).ignores(signal) && !of(process).any(|cell| cell.blocks().has(signal))
    })
}

/// A signal was posted for a process as a whole: has one of its threads take it, the caller before others.
pub fn alert(member: &Member, signal: u32) {
    let Some(process) = here(member) else { return };
    // Whoever waits for a child, or to be continued, is to hear of it, too.
    let everybody = matches!(signal, SIGKILL | SIGCONT | SIGCHLD);
    if everybody || process.member().state() == family::state::STOPPED {
        of(process).filter(|cell| !cell.is_current()).for_each(Cell::interrupt);
        return;
    }
    let watches = |cell: &&Cell| cell.watches().has(signal) && !cell.is_current();
    of(process).filter(watches).for_each(Cell::interrupt);
    let takes = |cell: &&Cell| !cell.blocks().has(signal);
    if let Some(cell) = of(process).filter(takes).max_by_key(|cell| cell.is_current())
        && !cell.is_current()
    {
        cell.interrupt();
    }
}

/// A signal was posted for one thread.
pub fn alert_thread(member: &Member) {
    let means = |cell: &&Cell| cell.member.get().is_some_and(|m| core::ptr::eq(m, member));
    all().filter(means).filter(|cell| !cell.is_current()).for_each(Cell::interrupt);
}

/// Has all other threads of the caller's process look at what is new.
pub fn interrupt_others() {
    if let Some(process) = current().process() {
        of(process).filter(|cell| !cell.is_current()).for_each(Cell::interrupt);
    }
}

/// Has all threads of programs look at what is new.
pub fn interrupt_all() {
    all().for_each(Cell::interrupt);
}

/// The layer below rang one thread, for all: passes that on to those for which something waits.
pub fn pass_on() {
    for cell in all().filter(|cell| !cell.is_current()) {
        let Some(process) = cell.process() else { continue };
        let (shared, own) = (&process.member().0.shared, &cell.member().0.private);
        let taken = cell.watches() | !cell.blocks();
        let due = (pending::set(shared) | pending::set(own)) & taken;
        if !due.is_empty() || process.member().state() == family::state::STOPPED {
            cell.interrupt();
        }
    }
}
