//! Guest memory as the instructions see it: a 32-bit address space in which every access may fault.
//!
//! A guest address is a [`GuestAddr`]; nothing in this crate can turn it into a host address. Implementations copy
//! values in and out and never hand out references: the memory is shared, racy and hostile. Every access of up to 8
//! bytes that is naturally aligned is single-copy atomic; loads acquire and stores release where the engine asks for
//! total store order (see [`crate::engine::MemoryOrder`]).

/// An address in the guest's 32-bit linear address space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct GuestAddr(pub u32);

impl GuestAddr {
    /// The address `offset` bytes further, modulo 2³² as the processor's address arithmetic is.
    #[must_use]
    pub const fn wrapping_add(self, offset: u32) -> Self {
        Self(self.0.wrapping_add(offset))
    }

    /// The number of the 4 KiB page that holds this address.
    #[must_use]
    pub const fn page(self) -> u32 {
        self.0 >> 12
    }
}

impl core::fmt::Debug for GuestAddr {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl core::fmt::Display for GuestAddr {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// What an access wanted to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// A data read.
    Read,
    /// A data write, or the write half of a read-modify-write.
    Write,
    /// An instruction fetch.
    Execute,
}

/// Why a page did not allow an access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// Nothing is mapped there (SEGV_MAPERR).
    NotMapped,
    /// The mapping forbids it (SEGV_ACCERR).
    Protection,
    /// A one-shot guard page; the guard is gone after this fault.
    Guard,
    /// The backing object ends before this page, or could not be read (SIGBUS).
    InPage,
}

/// An access that did not happen. `addr` is the first byte that could not be accessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// First byte that could not be accessed.
    pub addr: GuestAddr,
    /// What was attempted.
    pub access: Access,
    /// Why it failed.
    pub kind: FaultKind,
}

/// What became of a host fault on a guest page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// The page allows the access now (it was watched for code, or another thread changed the map): try again.
    Retry,
    /// The guest's own map forbids it.
    Fault(Fault),
}

/// What [`GuestMemory::watch_code`] promises about a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watch {
    /// Writes to the page are reported (the engine's `invalidate`) before they take effect. The number changes with
    /// every report, so what was read before is current while the number is.
    Watched(u64),
    /// Writes cannot be seen (memory that another process can write): translate nothing from this page, decode
    /// each instruction anew.
    Unwatchable,
}

/// The guest's memory, shared by all its threads.
pub trait GuestMemory: Send + Sync + 'static {
    /// Loads a byte.
    fn load8(&self, at: GuestAddr) -> Result<u8, Fault>;
    /// Loads 2 bytes, little-endian; may straddle a page, and may wrap at 4 GiB.
    fn load16(&self, at: GuestAddr) -> Result<u16, Fault>;
    /// Loads 4 bytes.
    fn load32(&self, at: GuestAddr) -> Result<u32, Fault>;
    /// Loads 8 bytes.
    fn load64(&self, at: GuestAddr) -> Result<u64, Fault>;
    /// Loads 16 bytes; not atomic.
    fn load128(&self, at: GuestAddr) -> Result<u128, Fault>;
    /// Stores a byte.
    fn store8(&self, at: GuestAddr, value: u8) -> Result<(), Fault>;
    /// Stores 2 bytes. A store that straddles pages faults before it writes anything.
    fn store16(&self, at: GuestAddr, value: u16) -> Result<(), Fault>;
    /// Stores 4 bytes.
    fn store32(&self, at: GuestAddr, value: u32) -> Result<(), Fault>;
    /// Stores 8 bytes.
    fn store64(&self, at: GuestAddr, value: u64) -> Result<(), Fault>;
    /// Stores 16 bytes; not atomic, but faults before it writes anything.
    fn store128(&self, at: GuestAddr, value: u128) -> Result<(), Fault>;

    /// Atomically replaces the `bytes` (1, 2, 4 or 8) at `at` by `new` if they equal `expected`; the old value either
    /// way. Sequentially consistent. Faults as a write even when nothing is stored. Misaligned addresses are atomic too.
    fn compare_exchange(&self, at: GuestAddr, bytes: u32, expected: u64, new: u64) -> Result<u64, Fault>;

    /// Reads up to `buf.len()` bytes of code from `at`: as many as lie before the first byte that cannot be executed.
    ///
    /// # Errors
    /// The fault of the first byte, if not even that one can be fetched.
    fn fetch(&self, at: GuestAddr, buf: &mut [u8]) -> Result<usize, Fault>;

    /// Reads `buf.len()` bytes, or as many as lie before the first fault: `(done, fault)`.
    fn read_bytes(&self, at: GuestAddr, buf: &mut [u8]) -> (usize, Option<Fault>);
    /// Writes the bytes, or as many as lie before the first fault: `(done, fault)`.
    fn write_bytes(&self, at: GuestAddr, bytes: &[u8]) -> (usize, Option<Fault>);
    /// Whether all of `[at, at + len)` could be written now. Changes nothing (a guard page stays armed).
    ///
    /// # Errors
    /// The fault of the first byte that cannot be written.
    fn probe_write(&self, at: GuestAddr, len: u32) -> Result<(), Fault>;

    /// Asks that writes to this page be reported before they take effect, because code was or will be read from it.
    fn watch_code(&self, page: u32) -> Watch;
    /// Decides what a host fault at a guest address means. Called by engines outside any signal handler.
    fn resolve_fault(&self, at: GuestAddr, access: Access) -> Resolution;
    /// Host address of guest address 0, a multiple of 4 GiB, for engines that generate code. `None` where guest memory
    /// is not a window (tests on plain arrays): such an engine interprets.
    fn window_base(&self) -> Option<u64>;
    /// The value of the time-stamp counter (RDTSC).
    fn timestamp(&self) -> u64;
    /// Random bits of cryptographic quality (RDRAND), where the layers below have any.
    fn random(&self) -> Option<u32>;
}

/// Random bits as [`crate::emit::Emit::random`] has them.
#[must_use]
pub fn random_word(bits: Option<u32>) -> u64 {
    bits.map_or(0, |bits| 1 << 32 | u64::from(bits))
}
