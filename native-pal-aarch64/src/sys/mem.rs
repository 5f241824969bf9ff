//! Mappings of the host, by address.
//!
//! The addresses are those of `memory`'s regions, which the PAL handed out itself (invariant 2).

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

fn at(addr: usize) -> *mut core::ffi::c_void {
    core::ptr::with_exposed_provenance_mut(addr)
}

/// What is mapped: fresh zeros, or a stream from an offset.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// Zeros of its own.
    Anonymous,
    /// A stream, with writes kept private.
    Private(BorrowedFd<'a>, u64),
    /// A stream, with writes shared.
    Shared(BorrowedFd<'a>, u64),
}

/// Where it is mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// The host chooses.
    Anywhere,
    /// There, if nothing is there yet.
    Free(usize),
    /// There, in place of what the PAL has there.
    Replace(usize),
}

/// Maps memory; tells where. `Place::Free` on an address in use is EEXIST.
///
/// # Errors
/// Those of `mmap`.
pub(crate) fn map(place: Place, size: usize, prot: u32, source: Source<'_>) -> Result<usize, Errno> {
    let prot = ProtFlags::from_bits_retain(prot);
    let (hint, fixed) = match place {
        Place::Anywhere => (0, MapFlags::empty()),
        Place::Free(addr) => (addr, MapFlags::FIXED_NOREPLACE),
        Place::Replace(addr) => (addr, MapFlags::FIXED),
    };
    let result = match source {
        Source::Anonymous => {
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | fixed;
            // SAFETY: free or the PAL's own region (invariant 2).
            unsafe { rustix::mm::mmap_anonymous(at(hint), size, prot, flags) }
        }
        Source::Private(fd, offset) => {
            // SAFETY: as above.
            unsafe { rustix::mm::mmap(at(hint), size, prot, MapFlags::PRIVATE | fixed, fd, offset) }
        }
        Source::Shared(fd, offset) => {
            // SAFETY: as above.
            unsafe { rustix::mm::mmap(at(hint), size, prot, MapFlags::SHARED | fixed, fd, offset) }
        }
    };
    let addr = result?.expose_provenance();
    if let Place::Free(wanted) = place
        && addr != wanted
    {
        // A host that takes FIXED_NOREPLACE for a hint (qemu-user 7.2) put it elsewhere.
        unmap(addr, size)?;
        return Err(Errno::EXIST);
    }
    Ok(addr)
}

/// Unmaps a range the PAL mapped.
///
/// # Errors
/// Those of `munmap`.
pub(crate) fn unmap(addr: usize, size: usize) -> Result<(), Errno> {
    // SAFETY: the PAL's own region (invariant 2).
    unsafe { rustix::mm::munmap(at(addr), size) }
}

/// Changes the protection of a range the PAL mapped.
///
/// # Errors
/// Those of `mprotect`.
pub(crate) fn protect(addr: usize, size: usize, prot: u32) -> Result<(), Errno> {
    // SAFETY: the PAL's own region (invariant 2).
    unsafe { rustix::mm::mprotect(at(addr), size, MprotectFlags::from_bits_retain(prot)) }
}

/// Wakes at most `count` waiters of the word at `addr`, which only the kernel looks at.
///
/// # Errors
/// EFAULT, EINVAL.
pub(crate) fn futex_wake(addr: usize, count: u32) -> Result<u32, Errno> {
    let count = count.min(i32::MAX.cast_unsigned());
    // SAFETY: FUTEX_WAKE touches no memory, it only resolves the address.
    let woken = unsafe { libc::syscall(libc::SYS_futex, addr, libc::FUTEX_WAKE, count, 0, 0, 0) };
    match u32::try_from(woken) {
        Ok(woken) => Ok(woken),
        Err(_) => {
            Err(Errno::from_raw_os_error(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)))
        }
    }
}
