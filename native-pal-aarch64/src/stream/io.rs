//! Transfers between descriptors and caller memory, interruptible where they wait; the kernel checks the addresses.

use std::os::fd::BorrowedFd;

use pal_abi::PalError;
use pal_abi::flags::NEVER;
use rustix::io::Errno;

use super::Transfer;
use super::file::number;
use crate::policy::file_error;
use crate::sys::errno::pal_error;
use crate::user::Buffer;
use crate::wait;

/// Bytes of one transfer; Linux itself moves no more.
const TRANSFER_MAX: usize = 0x7fff_f000;
const RWF_APPEND: usize = 0x10;

fn whole(fd: BorrowedFd<'_>, buf: Buffer) -> [usize; 6] {
    [number(fd), buf.addr, buf.len.min(TRANSFER_MAX), 0, 0, 0]
}

/// `read` of a descriptor that never blocks.
fn read(fd: BorrowedFd<'_>, buf: Buffer) -> Result<usize, Errno> {
    wait::prompt(libc::SYS_read, whole(fd, buf))
}

/// `write` to a descriptor that never blocks.
pub(crate) fn write(fd: BorrowedFd<'_>, buf: Buffer) -> Result<usize, Errno> {
    wait::prompt(libc::SYS_write, whole(fd, buf))
}

fn offset(offset: u64) -> Result<usize, Errno> {
    if i64::try_from(offset).is_err() {
        Err(Errno::INVAL)
    } else {
        usize::try_from(offset).map_err(|_| Errno::INVAL)
    }
}

/// `pread`.
pub(crate) fn read_at(fd: BorrowedFd<'_>, buf: Buffer, at: u64) -> Result<usize, Errno> {
    let at = offset(at)?;
    wait::prompt(libc::SYS_pread64, [number(fd), buf.addr, buf.len.min(TRANSFER_MAX), at, 0, 0])
}

/// `pwrite`.
pub(crate) fn write_at(fd: BorrowedFd<'_>, buf: Buffer, at: u64) -> Result<usize, Errno> {
    let at = offset(at)?;
    wait::prompt(libc::SYS_pwrite64, [number(fd), buf.addr, buf.len.min(TRANSFER_MAX), at, 0, 0])
}

/// `pwritev2` with `RWF_APPEND`; ENOSYS where the host lacks it.
pub(crate) fn append(fd: BorrowedFd<'_>, buf: Buffer) -> Result<usize, Errno> {
    let iov = [buf.addr, buf.len.min(TRANSFER_MAX)];
    wait::prompt(libc::SYS_pwritev2, [number(fd), iov.as_ptr().expose_provenance(), 1, 0, 0, RWF_APPEND])
}

/// The ABI's error for a failed transfer.
pub(crate) fn transfer_error(errno: Errno) -> PalError {
    match errno {
        Errno::BADF => PalError::Denied, // not open for it
        Errno::AGAIN => PalError::WouldBlock,
        other => pal_error(other),
    }
}

/// Reads from a descriptor that never blocks on the host, waiting here unless `nonblocking`.
pub(crate) fn read_waiting(fd: BorrowedFd<'_>, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
    loop {
        match read(fd, buf) {
            Err(Errno::AGAIN) if !nonblocking => wait::ready(fd, libc::POLLIN, NEVER).map(drop)?,
            other => return other.map(|done| Transfer::read(done, buf.len)).map_err(transfer_error),
        }
    }
}

/// Writes to a descriptor that never blocks on the host: all of it, waiting here, unless `nonblocking`.
///
/// As on Linux, an interrupt after a part was written tells that part.
pub(crate) fn write_waiting(
    fd: BorrowedFd<'_>,
    buf: Buffer,
    nonblocking: bool,
) -> Result<Transfer, PalError> {
    let mut done = 0;
    loop {
        let rest = Buffer { addr: buf.addr.wrapping_add(done), len: buf.len - done };
        let error = match write(fd, rest) {
            Ok(more) => {
                done += more;
                if done == buf.len || nonblocking {
                    return Ok(Transfer::of(done));
                }
                continue;
            }
            Err(Errno::AGAIN) if !nonblocking => match wait::ready(fd, libc::POLLOUT, NEVER) {
                Ok(_) => continue,
                Err(error) => error,
            },
            Err(errno) => transfer_error(errno),
        };
        return if done > 0 { Ok(Transfer::of(done)) } else { Err(error) };
    }
}

/// Reads from a descriptor somebody else set up: it may block in the kernel, where an interrupt ends it.
pub(crate) fn read_foreign(fd: BorrowedFd<'_>, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
    loop {
        if nonblocking && !wait::is_ready(&mut [wait::pollfd(fd, libc::POLLIN)]) {
            return Err(PalError::WouldBlock);
        }
        match wait::transfer(fd, libc::POLLIN, libc::SYS_read, whole(fd, buf)) {
            // Whoever shares the description made it non-blocking.
            Err(Errno::AGAIN) if !nonblocking => wait::ready(fd, libc::POLLIN, NEVER).map(drop)?,
            other => return other.map(|done| Transfer::read(done, buf.len)).map_err(file_transfer_error),
        }
    }
}

/// Writes to a descriptor somebody else set up.
pub(crate) fn write_foreign(
    fd: BorrowedFd<'_>,
    buf: Buffer,
    nonblocking: bool,
) -> Result<Transfer, PalError> {
    loop {
        if nonblocking && !wait::is_ready(&mut [wait::pollfd(fd, libc::POLLOUT)]) {
            return Err(PalError::WouldBlock);
        }
        match wait::transfer(fd, libc::POLLOUT, libc::SYS_write, whole(fd, buf)) {
            Err(Errno::AGAIN) if !nonblocking => wait::ready(fd, libc::POLLOUT, NEVER).map(drop)?,
            other => return other.map(Transfer::of).map_err(file_transfer_error),
        }
    }
}

fn file_transfer_error(errno: Errno) -> PalError {
    if errno == Errno::AGAIN { PalError::WouldBlock } else { file_error(errno) }
}
