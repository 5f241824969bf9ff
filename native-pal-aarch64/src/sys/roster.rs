//! The family's list of members: shared memory that the supervisor writes and members read.
//!
//! An entry says which member, and which process, a slot holds; both 0 while it is free. The supervisor clears an entry
//! before it reaps the process, so an entry still there after a process number was held (`pidfd_open`) proves that the
//! number is that member's.

use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

/// A slot.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Entry {
    id: AtomicU32,
    pid: AtomicI32,
    /// Who had the slot before, for what they have sent.
    past_id: AtomicU32,
    past_pid: AtomicI32,
}

/// The list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Roster(&'static [Entry]);

impl Roster {
    /// Maps a list of `slots` free slots, for this process and its descendants.
    ///
    /// # Errors
    /// ENOMEM.
    pub(crate) fn new(slots: usize) -> Result<Self, rustix::io::Errno> {
        let bytes = slots * size_of::<Entry>();
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address the kernel chooses.
        let start =
            unsafe { rustix::mm::mmap_anonymous(core::ptr::null_mut(), bytes, prot, MapFlags::SHARED) }?;
        // SAFETY: mapped, zero, which is a value of an entry, and never unmapped.
        Ok(Self(unsafe { core::slice::from_raw_parts(start.cast(), slots) }))
    }

    /// Takes the right to write from the calling process.
    pub(crate) fn make_read_only(self) {
        let start = self.0.as_ptr().cast_mut().cast();
        // SAFETY: the mapping of `new`; members never write it. Where it fails, that rule still holds.
        let _ = unsafe { rustix::mm::mprotect(start, size_of_val(self.0), MprotectFlags::READ) };
    }

    /// How many slots there are.
    pub(crate) fn slots(self) -> usize {
        self.0.len()
    }

    /// The process of member `id`.
    pub(crate) fn pid(self, id: u32) -> Option<i32> {
        let entry = self.entry(id)?;
        let pid = entry.pid.load(Ordering::Acquire);
        (entry.id.load(Ordering::Acquire) == id && pid > 0).then_some(pid)
    }

    /// The member that is, or was, process `pid`.
    pub(crate) fn member(self, pid: i32) -> Option<u32> {
        let find = |of: fn(&Entry) -> (&AtomicI32, &AtomicU32)| {
            self.0.iter().map(of).find(|(p, _)| p.load(Ordering::Acquire) == pid)
        };
        let found = find(|e| (&e.pid, &e.id)).or_else(|| find(|e| (&e.past_pid, &e.past_id)))?;
        Some(found.1.load(Ordering::Acquire)).filter(|&id| id != 0 && pid > 0)
    }

    /// Enters member `id`. The supervisor's.
    pub(crate) fn enter(self, id: u32, pid: i32) {
        if let Some(entry) = self.entry(id) {
            entry.pid.store(pid, Ordering::Release);
            entry.id.store(id, Ordering::Release);
        }
    }

    /// Takes member `id` off. The supervisor's.
    pub(crate) fn remove(self, id: u32) {
        if let Some(entry) = self.entry(id) {
            entry.past_pid.store(entry.pid.load(Ordering::Acquire), Ordering::Release);
            entry.past_id.store(id, Ordering::Release);
            entry.id.store(0, Ordering::Release);
            entry.pid.store(0, Ordering::Release);
        }
    }

    /// The slot of a number: they repeat in steps of the slots there are.
    fn entry(self, id: u32) -> Option<&'static Entry> {
        let index = (id as usize).checked_sub(1)? % self.0.len().max(1);
        self.0.get(index)
    }
}
