//! The memory all processes of a family share: one stream of memory, mapped at the same address in each.
//!
//! It holds atomic words only, so a reference to it is sound whatever the others write; whoever reads a value from
//! it treats it as hostile (an index is checked, a state unknown is "free"). The words may be used by the
//! application as well, which can reach all of the address space: what isolates lies below this library OS.
//!
//! No 64-bit atomics: on this instruction set they would go through the floating-point unit.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use pal_abi::PalError;

use super::tables;
use crate::arch::slot;
use crate::layout::THREADS;

/// Processes and further threads a family may have.
pub const MEMBERS: usize = 4096;
/// Open file descriptions a family may share.
pub const FILES: usize = 32768;
/// Terminals a family may have: the command's own, and pseudo-terminals.
pub const TERMINALS: usize = 257;
/// Bytes of a command line kept for `/proc`.
pub const CMDLINE: usize = 512;
/// Words of a command name (`comm`, 16 bytes).
pub const COMM_WORDS: usize = 4;
/// Signals that do not queue: 1 to 31.
pub const STANDARD: usize = 31;
/// UNIX sockets with a name.
pub const NAMES: usize = 2048;
/// Bytes of such a name (`sun_path`).
pub const SUN_PATH: usize = 108;
/// Real-time signals that may wait in a family.
pub const QUEUE: usize = 4096;

/// A lock between processes: the word holds the owner's family number plus one, and its thread's slot.
#[derive(Debug)]
#[repr(transparent)]
pub struct FamilyLock(AtomicU32);

/// Bits of a lock's word that name the slot.
const SLOT_BITS: u32 = 11;
const _: () = assert!(THREADS < 1 << SLOT_BITS);
/// Family locks that each thread of this process holds or waits for, by slot.
static WANTS: [AtomicU32; THREADS as usize + 1] = [const { AtomicU32::new(0) }; THREADS as usize + 1];

static SELF: AtomicU32 = AtomicU32::new(0);

/// This process's number in the family.
#[must_use]
pub fn self_id() -> u32 {
    SELF.load(Ordering::Relaxed)
}

/// Learns this process's number, at start and in the child of a fork.
pub fn learn_self_id() {
    let mut id = 0;
    if tables::family().family_self((&mut id).into()).is_ok() {
        SELF.store(id, Ordering::Relaxed);
    }
}

/// The right to a family lock.
#[derive(Debug)]
pub struct FamilyGuard<'a>(&'a FamilyLock);

impl FamilyLock {
    /// Waits for the lock and takes it, from a dead owner too: what it guards is a set of words, each of
    /// which is whole at any moment.
    pub fn lock(&self) -> FamilyGuard<'_> {
        use pal_abi::Pal as _;
        let slot = slot::current();
        // Told beforehand: whoever finds this thread named in a lock and not here, finds a lock that nobody holds.
        let wants = &WANTS[slot];
        // Only the tests of a host have several threads in a slot.
        wants.fetch_add(1, Ordering::SeqCst);
        let me = self_id().wrapping_add(1) << SLOT_BITS | u32::try_from(slot).unwrap_or(0);
        let mut tries = 0u32;
        loop {
            match self.0.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return FamilyGuard(self),
                Err(owner) => {
                    tries += 1;
                    if tries.is_multiple_of(1024)
                        && (owner == me || is_dead(owner))
                        && self.0.compare_exchange(owner, me, Ordering::Acquire, Ordering::Relaxed).is_ok()
                    {
                        return FamilyGuard(self);
                    }
                    // A yield has no news.
                    _ = tables::pal().thread_yield_execution();
                }
            }
        }
    }
}

/// Whether the owner that a lock names does not hold it: it has died, or was another process of this number.
fn is_dead(owner: u32) -> bool {
    let (id, slot) = ((owner >> SLOT_BITS).wrapping_sub(1), owner & ((1 << SLOT_BITS) - 1));
    if id == self_id() {
        return WANTS.get(slot as usize).is_none_or(|wants| wants.load(Ordering::SeqCst) == 0);
    }
    matches!(tables::family().family_ring(id), Err(PalError::NotFound))
}

/// In a copy of the process: its other threads, and what they held or wanted, are gone.
pub fn forget_other_threads() {
    let me = slot::current();
    let others = WANTS.iter().enumerate().filter(|(slot, _)| *slot != me);
    others.for_each(|(_, wants)| wants.store(0, Ordering::Relaxed));
}

impl Drop for FamilyGuard<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Ordering::Release);
        WANTS[slot::current()].fetch_sub(1, Ordering::Release);
    }
}

/// What came with a signal.
#[derive(Debug)]
#[repr(C)]
pub struct SignalWords {
    /// `si_code`.
    pub code: AtomicU32,
    /// `si_pid`, or a timer's number.
    pub pid: AtomicU32,
    /// `si_uid`.
    pub uid: AtomicU32,
    /// `si_status` or `si_value`.
    pub value: AtomicU32,
}

/// Signals that wait at one place: for a process as a whole, or for its thread.
#[derive(Debug)]
#[repr(C)]
pub struct Pending {
    /// Signals 1 to 32 and 33 to 64.
    pub set: [AtomicU32; 2],
    /// What came with a standard signal, by number less one. Real-time signals have theirs in the queue.
    pub infos: [SignalWords; STANDARD],
}

/// A real-time signal that waits.
#[derive(Debug)]
#[repr(C)]
pub struct Queued {
    /// Whose it is, as `signal::pending` says; 0: the place is free. Stored last, so that a sender that dies at its
    /// work leaves a free place.
    pub owner: AtomicU32,
    /// The signal.
    pub signal: AtomicU32,
    /// Of two alike the one that came earlier has the lower number, modulo 2³².
    pub order: AtomicU32,
    /// What came with it.
    pub info: SignalWords,
    /// The user whose limit it counts against.
    pub user: AtomicU32,
}

/// One process, or a thread that is not its process's first.
#[derive(Debug)]
#[repr(C)]
pub struct Member {
    /// Of `task::family::state`.
    pub state: AtomicU32,
    /// Process number, or the thread's.
    pub pid: AtomicU32,
    /// The number of the process: another one for a thread.
    pub process: AtomicU32,
    /// Its parent's.
    pub parent: AtomicU32,
    /// Process group.
    pub group: AtomicU32,
    /// Session.
    pub session: AtomicU32,
    /// Number in the family, for ringing.
    pub family: AtomicU32,
    /// Wait status, once ended or stopped.
    pub status: AtomicU32,
    /// Of `task::family::member_flags`.
    pub flags: AtomicU32,
    /// Signal the parent gets at the end.
    pub exit_signal: AtomicU32,
    /// Signals that wait for the process.
    pub shared: Pending,
    /// Signals that wait for its thread.
    pub private: Pending,
    /// Of a process: how often one was sent to it or its threads, counted before it could be seen.
    pub arrivals: AtomicU32,
    /// `RLIMIT_SIGPENDING`.
    pub signal_limit: AtomicU32,
    /// What it gets when its parent ends; 0: nothing.
    pub death_signal: AtomicU32,
    /// User.
    pub uid: AtomicU32,
    /// Group.
    pub gid: AtomicU32,
    /// Monotonic start, in clock ticks of 10 ms.
    pub start_ticks: AtomicU32,
    /// CPU time at the end, in milliseconds, with that of waited-for children.
    pub cpu_ms: AtomicU32,
    /// Bytes of `cmdline` in use.
    pub cmdline_size: AtomicU32,
    /// Pages mapped.
    pub pages: AtomicU32,
    /// Command name.
    pub comm: [AtomicU32; COMM_WORDS],
    /// Command line.
    pub cmdline: [AtomicU32; CMDLINE / 4],
}

/// The part of an open file description that a fork shares.
#[derive(Debug)]
#[repr(C)]
pub struct SharedFile {
    /// Guards the offset.
    pub lock: FamilyLock,
    /// References by processes; 0: free.
    pub refs: AtomicU32,
    /// Offset, low half.
    pub offset_low: AtomicU32,
    /// Offset, high half.
    pub offset_high: AtomicU32,
    /// `O_APPEND`, `O_NONBLOCK` and the like.
    pub flags: AtomicU32,
    /// The pseudo-terminal it is a side of, as `fs::pty` says; 0: none.
    pub terminal: AtomicU32,
    /// 0.
    pub reserved: [AtomicU32; 2],
}

/// A terminal. The first is the command's own.
#[derive(Debug)]
#[repr(C)]
pub struct Terminal {
    /// The session it belongs to; 0: none.
    pub session: AtomicU32,
    /// The process group in its foreground; 0: none.
    pub foreground: AtomicU32,
    /// Open files of either side; 0: free.
    pub files: AtomicU32,
    /// Of `fs::pty::state`.
    pub state: AtomicU32,
    /// Which of the terminals that had this number it is.
    pub generation: AtomicU32,
    /// 0.
    pub reserved: [AtomicU32; 3],
}

/// The name of a UNIX socket, as `net::unix` keeps it.
#[derive(Debug)]
#[repr(C)]
pub struct BoundName {
    /// What the layer below knows it by; 0: the place is free. Stored last.
    pub number: AtomicU32,
    /// `SOCK_*`.
    pub kind: AtomicU32,
    /// Device and inode of the node at its path, low halves first; 0 where there is none.
    pub node: [AtomicU32; 4],
    /// Bytes of `name` in use.
    pub size: AtomicU32,
    /// The path with its zero byte, or the abstract name with the one in front.
    pub name: [AtomicU32; SUN_PATH / 4],
}

/// All of it.
#[derive(Debug)]
#[repr(C)]
pub struct FamilyMemory {
    /// Guards the table of members.
    pub lock: FamilyLock,
    /// The next process number to try.
    pub next_pid: AtomicU32,
    /// Where the search for a free file starts.
    pub next_file: AtomicU32,
    /// Places of the table of members that have ever been taken.
    pub places: AtomicU32,
    /// Places of the queue that have ever been taken.
    pub queue_places: AtomicU32,
    /// The number of the next real-time signal.
    pub next_signal: AtomicU32,
    /// Guards the names of UNIX sockets.
    pub names_lock: FamilyLock,
    /// The number that the last of them got.
    pub next_name: AtomicU32,
    /// 0.
    pub reserved: [AtomicU32; 6],
    /// A random number, as the machine's that starts with the family.
    pub boot_id: [AtomicU32; 4],
    /// The terminals.
    pub terminals: [Terminal; TERMINALS],
    /// The processes.
    pub members: [Member; MEMBERS],
    /// The real-time signals that wait, of all processes.
    pub queue: [Queued; QUEUE],
    /// The open file descriptions.
    pub files: [SharedFile; FILES],
    /// The names of UNIX sockets.
    pub names: [BoundName; NAMES],
}

static BASE: AtomicUsize = AtomicUsize::new(0);

/// Announces where the family memory lies.
///
/// # Safety
/// `addr` is page-aligned memory of at least the structure's size, for the rest of the process's life.
pub unsafe fn install(addr: usize) {
    BASE.store(addr, Ordering::Relaxed);
}

/// Maps the family memory to its place, which is the same in every process.
///
/// # Errors
/// Those of `StreamMap`.
pub fn map(stream: pal_abi::Handle, size: u32) -> Result<(), crate::error::Errno> {
    crate::mm::map_stream(stream, crate::layout::FAMILY_BASE, size, 0, 3, true)?;
    // SAFETY: just mapped, all zero, never unmapped.
    unsafe { install(crate::layout::FAMILY_BASE as usize) };
    Ok(())
}

/// The family memory.
///
/// # Panics
/// Before `install`.
#[must_use]
pub fn memory() -> &'static FamilyMemory {
    let at: *const FamilyMemory = core::ptr::with_exposed_provenance(BASE.load(Ordering::Relaxed));
    // SAFETY: null, or as `install` was promised; atomic words allow any sharing.
    unsafe { at.as_ref() }.expect("installed at start")
}

/// Gives tests a family memory of their own.
#[cfg(test)]
pub fn install_for_test() {
    use std::sync::OnceLock;
    static MEMORY: OnceLock<usize> = OnceLock::new();
    let at = *MEMORY.get_or_init(|| {
        let words: std::vec::Vec<u64> = std::vec![0; size_of::<FamilyMemory>() / 8 + 1];
        std::boxed::Box::leak(words.into_boxed_slice()).as_mut_ptr().expose_provenance()
    });
    // SAFETY: leaked memory of the right size, all zero.
    unsafe { install(at) };
}
