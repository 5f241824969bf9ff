//! User and group numbers. They are compatibility: what a process may do is decided below.

use alloc::vec::Vec;

/// The numbers of a process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "credentials(7) has them")]
pub struct Ids {
    pub uid: u32,
    pub euid: u32,
    pub suid: u32,
    pub gid: u32,
    pub egid: u32,
    pub sgid: u32,
    pub groups: Vec<u32>,
}

impl Ids {
    /// One user and group for all.
    #[must_use]
    pub const fn of(uid: u32, gid: u32) -> Self {
        Self { uid, euid: uid, suid: uid, gid, egid: gid, sgid: gid, groups: Vec::new() }
    }

    /// Whether a group is the process's own or one of its supplementary ones.
    #[must_use]
    pub fn in_group(&self, gid: u32) -> bool {
        self.egid == gid || self.groups.contains(&gid)
    }
}
