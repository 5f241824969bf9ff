//! The only door to guest memory: accesses that may fault, made by leaf routines whose faults are recovered.
//!
//! Invariant of this room: a host address is made by [`Base::host`] alone, from the window base and a 32-bit guest address,
//! so it lies in the window's 4 GiB or, for the last bytes of an access, in the guard behind it. Nothing of Rust's
//! own ever lies there. No reference into the window exists; values are copied in and out by the routines of
//! [`routines`], which end with a status instead of a signal (see [`recover`]).

mod routines;

pub(crate) use routines::recover;

use routines::Raw;

/// Host address of guest address 0, a multiple of 4 GiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base(u64);

/// An access ended by a host fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// SIGSEGV.
    Access,
    /// SIGBUS: the backing object ends before the page.
    InPage,
}

impl Failure {
    /// The status by which a routine tells it.
    pub(crate) const fn status(self) -> u64 {
        match self {
            Self::Access => 1,
            Self::InPage => 2,
        }
    }

    const fn from_status(status: u64) -> Option<Self> {
        match status {
            0 => None,
            1 => Some(Self::Access),
            _ => Some(Self::InPage),
        }
    }
}

fn outcome(raw: Raw) -> Result<u64, Failure> {
    Failure::from_status(raw.status).map_or(Ok(raw.value), Err)
}

impl Base {
    /// Takes the base of a reserved window.
    ///
    /// # Safety
    /// `[base, base + 4 GiB)` and a guard on both sides are reserved for the guest for the rest of the process.
    pub(crate) const unsafe fn new(base: u64) -> Self {
        Self(base)
    }

    /// The host address of a guest address.
    pub(crate) const fn host(self, guest: u32) -> u64 {
        self.0 + guest as u64
    }

    /// Loads 1, 2, 4 or 8 bytes, with acquire order.
    pub(crate) fn load(self, guest: u32, bytes: u32) -> Result<u64, Failure> {
        // SAFETY: the routine accepts any address in the window or its guard and recovers from faults.
        outcome(unsafe { routines::load(self.host(guest), bytes) })
    }

    /// Stores 1, 2, 4 or 8 bytes, with release order.
    pub(crate) fn store(self, guest: u32, bytes: u32, value: u64) -> Result<(), Failure> {
        // SAFETY: as for `load`; guest memory is not Rust's.
        outcome(unsafe { routines::store(self.host(guest), bytes, value) }).map(|_| ())
    }

    /// Atomic compare and exchange of 1, 2, 4 or 8 naturally aligned bytes (any alignment on x86-64); the old value.
    pub(crate) fn compare_exchange(
        self,
        guest: u32,
        bytes: u32,
        expected: u64,
        new: u64,
    ) -> Result<u64, Failure> {
        // SAFETY: as for `store`.
        outcome(unsafe { routines::compare_exchange(self.host(guest), bytes, expected, new) })
    }

    /// Copies bytes out of the guest: how many, and what stopped it.
    pub(crate) fn copy_from(self, guest: u32, to: &mut [u8]) -> (usize, Option<Failure>) {
        // SAFETY: the destination is a slice of that length; the source may fault, which the routine recovers.
        let raw = unsafe {
            routines::copy(to.as_mut_ptr().expose_provenance() as u64, self.host(guest), to.len() as u64)
        };
        Self::copied(to.len(), raw)
    }

    /// Copies bytes into the guest: how many, and what stopped it.
    pub(crate) fn copy_to(self, guest: u32, from: &[u8]) -> (usize, Option<Failure>) {
        // SAFETY: the source is a slice of that length; the destination may fault, which the routine recovers.
        let raw = unsafe {
            routines::copy(self.host(guest), from.as_ptr().expose_provenance() as u64, from.len() as u64)
        };
        Self::copied(from.len(), raw)
    }

    fn copied(len: usize, raw: Raw) -> (usize, Option<Failure>) {
        // The routine gives the number of bytes that remain.
        let left = usize::try_from(raw.value).expect("at most the length");
        (len - left, Failure::from_status(raw.status))
    }
}

/// A guest buffer, already checked to lie in the window, as a parameter for the layer below.
pub(crate) fn in_bytes<'a>(host: usize) -> pal_abi::arg::InBytes<'a> {
    // SAFETY: only ever called with an address made by `Base::host` (or 0) whose length was checked to stay in the
    // window: accesses there hit guest memory alone.
    unsafe { pal_abi::arg::InBytes::from_addr(host) }
}

/// As [`in_bytes`], to be written.
pub(crate) fn out_bytes<'a>(host: usize) -> pal_abi::arg::OutBytes<'a> {
    // SAFETY: as for `in_bytes`.
    unsafe { pal_abi::arg::OutBytes::from_addr(host) }
}

/// A guest word that the layer below itself looks at (WaitOnWord), checked to lie in the window.
pub(crate) fn word<'a>(host: usize) -> pal_abi::arg::In<'a, u32> {
    // SAFETY: as for `in_bytes`.
    unsafe { pal_abi::arg::In::from_addr(host) }
}

/// Makes the base of a window that was just reserved.
pub(crate) fn window(base: u64) -> Base {
    // SAFETY: called once, by the start, with the base of the window that it reserved with its guards and never frees.
    unsafe { Base::new(base) }
}

/// A table of the layer below, by the address that its start-up block gives.
pub(crate) fn table<T: TableAt>(address: u64) -> Option<&'static T> {
    T::at_address(usize::try_from(address).ok()?)
}

/// Tables that can be found at an address.
pub(crate) trait TableAt: Sized + 'static {
    /// The table at an address that came in the start-up block.
    fn at_address(address: usize) -> Option<&'static Self>;
}

macro_rules! tables {
    ($($table:ident)*) => { $(
        impl TableAt for pal_abi::$table {
            fn at_address(address: usize) -> Option<&'static Self> {
                // SAFETY: the layer below is trusted for what its start-up block says.
                unsafe { Self::at(address) }
            }
        }
    )* };
}
tables! { PalTable WordWaitTable HandlePassingTable CloningTable NodesTable FamilyTable SocketsTable }

/// Copies bytes that the start-up block of the layer below points to.
pub(crate) fn bytes(address: u64, len: u32) -> Vec<u8> {
    if address == 0 || len == 0 {
        return Vec::new();
    }
    let start: *const u8 =
        core::ptr::with_exposed_provenance(usize::try_from(address).expect("a 64-bit host"));
    // SAFETY: the layer below is trusted for what its start-up block says, and keeps it unchanged during the start.
    unsafe { core::slice::from_raw_parts(start, len as usize) }.to_vec()
}

/// Copies an array of records that the start-up block points to.
pub(crate) fn records<T: pal_abi::Layout>(address: u64, len: u32) -> Vec<T> {
    bytes(address, len).chunks_exact(size_of::<T>()).filter_map(T::read_from).collect()
}

/// Registers this layer's upcalls in the slot of the layer below.
pub(crate) fn register(slot: u64, table: pal_abi::UpcallTable) {
    let slot: *mut pal_abi::UpcallTable =
        core::ptr::with_exposed_provenance_mut(usize::try_from(slot).expect("a 64-bit host"));
    // SAFETY: the start-up block's slot is a place for exactly this table.
    unsafe { slot.write(table) };
}
