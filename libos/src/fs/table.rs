//! Descriptors: small numbers for open files.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::file::OpenFile;
use crate::error::Errno;
use crate::task::process::process;

/// A descriptor's entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it refers to.
    pub file: Arc<OpenFile>,
    /// `FD_CLOEXEC`.
    pub close_on_exec: bool,
}

/// The descriptors of a process.
#[derive(Clone, Debug, Default)]
pub struct FdTable {
    entries: Vec<Option<Entry>>,
    /// All below are in use.
    used_below: u32,
}

impl FdTable {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new(), used_below: 0 }
    }

    /// The entry of a descriptor.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn entry(&mut self, fd: u32) -> Result<&mut Entry, Errno> {
        self.entries.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::EBADF)
    }

    /// Gives a file the lowest free descriptor from `from` on, below `limit`.
    ///
    /// # Errors
    /// `EMFILE`; `EINVAL` where `from` is not below the limit.
    pub fn insert(&mut self, entry: Entry, from: u32, limit: u32) -> Result<u32, Errno> {
        if from >= limit {
            return Err(if from == 0 { Errno::EMFILE } else { Errno::EINVAL });
        }
        let mut fd = from.max(self.used_below);
        while self.entries.get(fd as usize).is_some_and(Option::is_some) {
            fd += 1;
        }
        if fd >= limit {
            return Err(Errno::EMFILE);
        }
        drop(self.replace(fd, Some(entry)));
        if from <= self.used_below {
            self.used_below = fd + 1;
        }
        Ok(fd)
    }

    /// Puts an entry, or none, at a descriptor; gives what was there. The caller drops it when no lock is held.
    pub fn replace(&mut self, fd: u32, entry: Option<Entry>) -> Option<Entry> {
        let at = fd as usize;
        if at >= self.entries.len() {
            entry.as_ref()?;
            self.entries.resize(at + 1, None);
        }
        if entry.is_none() {
            self.used_below = self.used_below.min(fd);
        }
        core::mem::replace(&mut self.entries[at], entry)
    }

    /// All descriptors in use, with their entries.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (0u32..).zip(&self.entries).filter_map(|(fd, entry)| Some((fd, entry.as_ref()?)))
    }

    /// Takes out what `execve` closes.
    #[must_use]
    pub fn take_close_on_exec(&mut self) -> Vec<Entry> {
        self.used_below = 0;
        self.entries.iter_mut().filter_map(|e| e.take_if(|e| e.close_on_exec)).collect()
    }
}

/// The file of a descriptor.
///
/// # Errors
/// `EBADF`.
pub fn get(fd: u32) -> Result<Arc<OpenFile>, Errno> {
    process().files.lock().entry(fd).map(|entry| Arc::clone(&entry.file))
}

/// Gives a file the lowest free descriptor.
///
/// # Errors
/// `EMFILE`.
pub fn add(file: Arc<OpenFile>, close_on_exec: bool) -> Result<u32, Errno> {
    let limit = process().limits.lock().files();
    process().files.lock().insert(Entry { file, close_on_exec }, 0, limit)
}

/// Closes a descriptor.
///
/// # Errors
/// `EBADF`.
pub fn close(fd: u32) -> Result<(), Errno> {
    let entry = process().files.lock().replace(fd, None);
    entry.map(drop).ok_or(Errno::EBADF)
}
