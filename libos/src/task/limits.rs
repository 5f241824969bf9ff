//! Resource limits. getrlimit(2).

/// Number of limits.
pub const COUNT: usize = 16;
/// `RLIM_INFINITY` of 64 bits.
pub const INFINITY: u64 = u64::MAX;

/// `RLIMIT_STACK`.
pub const STACK: usize = 3;
/// `RLIMIT_NOFILE`.
pub const NOFILE: usize = 7;

/// `RLIMIT_SIGPENDING`.
pub const SIGPENDING: usize = 11;

/// The most descriptors a process may have.
pub const MAX_FILES: u64 = 16384;

/// Soft and hard limit, by resource.
#[derive(Clone, Debug)]
pub struct Limits(pub [(u64, u64); COUNT]);

impl Default for Limits {
    fn default() -> Self {
        let mut all = [(INFINITY, INFINITY); COUNT];
        all[STACK] = (u64::from(crate::layout::STACK_SIZE), INFINITY);
        all[4] = (0, INFINITY); // no core files
        all[6] = (1024, 1024); // processes of the family
        all[NOFILE] = (1024, MAX_FILES);
        all[8] = (8 << 20, 8 << 20); // locked memory
        all[SIGPENDING] = (1024, 1024);
        all[12] = (819_200, 819_200); // message queues
        all[13] = (0, 0); // nice
        all[14] = (0, 0); // real-time priority
        Self(all)
    }
}

impl Limits {
    /// Signals that may wait for the user's processes.
    #[must_use]
    pub fn signals(&self) -> u32 {
        u32::try_from(self.0[SIGPENDING].0).unwrap_or(u32::MAX)
    }

    /// First descriptor that may not be used.
    #[must_use]
    pub fn files(&self) -> u32 {
        u32::try_from(self.0[NOFILE].0.min(MAX_FILES)).unwrap_or(0)
    }
}
