//! Locks on byte ranges and whole files. Range locks belong to the open stream (Linux's open-file-description locks).

use pal_abi::arg::InOut;
use pal_abi::flags::{lock as op, lock_kind as kind};
use pal_abi::{Handle, LockRange, PalError, PalResult, Status};
use rustix::io::Errno;

use super::stream;
use crate::policy::file_error;
use crate::stream::file::number;
use crate::{user, wait};

/// `Lock`.
pub(crate) fn lock(handle: Handle, what: u32, range: InOut<'_, LockRange>, size: u32) -> PalResult {
    let object = stream(handle)?;
    if (size as usize) < size_of::<LockRange>() {
        return Err(PalError::Invalid);
    }
    let wanted = user::read_inout(range)?;
    let node = object.ops.node()?;
    if wanted.kind > kind::UNLOCKED {
        return Err(PalError::Invalid);
    }
    let fd = number(node.fd);
    match what {
        op::TRY | op::WAIT => {
            let lock = host_lock(&wanted)?;
            let args = |command: i32| {
                [fd, command.cast_unsigned() as usize, (&raw const lock).expose_provenance(), 0, 0, 0]
            };
            let waiting = (what == op::WAIT).then(|| args(libc::F_OFD_SETLKW));
            take(libc::SYS_fcntl, args(libc::F_OFD_SETLK), waiting)?;
        }
        op::TEST => {
            if wanted.kind == kind::UNLOCKED {
                return Err(PalError::Invalid);
            }
            let mut lock = host_lock(&wanted)?;
            let command = libc::F_OFD_GETLK.cast_unsigned() as usize;
            wait::prompt(libc::SYS_fcntl, [fd, command, (&raw mut lock).expose_provenance(), 0, 0, 0])
                .map_err(lock_error)?;
            user::write_inout(range, found(&lock, wanted))?;
        }
        _ if what & !op::WAIT == op::WHOLE => {
            let operation = match wanted.kind {
                kind::READ => libc::LOCK_SH,
                kind::WRITE => libc::LOCK_EX,
                _ => libc::LOCK_UN,
            };
            let args = |operation: i32| [fd, operation.cast_unsigned() as usize, 0, 0, 0, 0];
            let waiting = (what & op::WAIT != 0).then(|| args(operation));
            take(libc::SYS_flock, args(operation | libc::LOCK_NB), waiting)?;
        }
        _ => return Err(PalError::Invalid),
    }
    Ok(Status::Ok)
}

/// Takes a lock by a call that does not wait, and where it is held, by one that does.
fn take(number: libc::c_long, trying: [usize; 6], waiting: Option<[usize; 6]>) -> Result<(), PalError> {
    match (wait::prompt(number, trying), waiting) {
        (Err(Errno::AGAIN | Errno::ACCESS), Some(args)) => wait::syscall(number, args),
        (tried, _) => tried,
    }
    .map(drop)
    .map_err(lock_error)
}

fn lock_error(errno: Errno) -> PalError {
    match errno {
        Errno::AGAIN | Errno::ACCESS => PalError::WouldBlock,
        Errno::NOLCK => PalError::TooMany,
        other => file_error(other),
    }
}

fn host_lock(range: &LockRange) -> Result<libc::flock, PalError> {
    let number = |n: u64| i64::try_from(n).map_err(|_| PalError::Invalid);
    let (start, length) = (number(range.start)?, number(range.length)?);
    start.checked_add(length).ok_or(PalError::Invalid)?;
    let kind = match range.kind {
        kind::READ => libc::F_RDLCK,
        kind::WRITE => libc::F_WRLCK,
        _ => libc::F_UNLCK,
    };
    let number = |n: i32| i16::try_from(n).map_err(|_| PalError::Invalid);
    Ok(libc::flock {
        l_type: number(kind)?,
        l_whence: number(libc::SEEK_SET)?,
        l_start: start,
        l_len: length,
        l_pid: 0,
    })
}

fn found(lock: &libc::flock, wanted: LockRange) -> LockRange {
    let kind = match i32::from(lock.l_type) {
        libc::F_RDLCK => kind::READ,
        libc::F_WRLCK => kind::WRITE,
        _ => return LockRange { kind: kind::UNLOCKED, ..wanted },
    };
    LockRange {
        kind,
        owner: 0, // a description has no process
        start: u64::try_from(lock.l_start).unwrap_or(0),
        length: u64::try_from(lock.l_len).unwrap_or(0),
    }
}
