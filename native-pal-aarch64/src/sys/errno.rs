//! Linux's error numbers as errors of the ABI.

use pal_abi::PalError;
use rustix::io::Errno;

/// The ABI's error for a Linux error number, where the call has no meaning of its own for it.
#[must_use]
pub(crate) fn pal_error(errno: Errno) -> PalError {
    match errno {
        Errno::PERM => PalError::NotPermitted,
        Errno::ACCESS => PalError::Denied,
        Errno::NOENT => PalError::NotFound,
        Errno::EXIST => PalError::Exists,
        Errno::NOTEMPTY => PalError::NotEmpty,
        Errno::NOTDIR => PalError::NotDir,
        Errno::ISDIR => PalError::IsDir,
        Errno::LOOP => PalError::Loop,
        Errno::NAMETOOLONG => PalError::NameTooLong,
        Errno::XDEV => PalError::CrossDevice,
        Errno::ROFS => PalError::ReadOnly,
        Errno::NOSPC => PalError::NoSpace,
        Errno::DQUOT => PalError::Quota,
        Errno::FBIG | Errno::MSGSIZE | Errno::TOOBIG => PalError::TooBig,
        Errno::TXTBSY => PalError::TextBusy,
        Errno::BUSY | Errno::ALREADY => PalError::Busy,
        Errno::MFILE | Errno::NFILE | Errno::MLINK | Errno::USERS => PalError::TooMany,
        Errno::NOMEM | Errno::NOBUFS => PalError::NoMemory,
        Errno::FAULT => PalError::Fault,
        Errno::INTR => PalError::Interrupted,
        Errno::AGAIN => PalError::WouldBlock,
        Errno::PIPE => PalError::Broken,
        Errno::CONNRESET | Errno::CONNABORTED => PalError::Reset,
        Errno::CONNREFUSED => PalError::Refused,
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::NETDOWN | Errno::HOSTDOWN | Errno::ADDRNOTAVAIL => {
            PalError::Unreachable
        }
        Errno::ADDRINUSE => PalError::Conflict,
        Errno::TIMEDOUT => PalError::TimedOut,
        Errno::NOTCONN | Errno::DESTADDRREQ => PalError::NotConnected,
        Errno::NODATA => PalError::NoData,
        Errno::NXIO | Errno::NODEV => PalError::NoDevice,
        Errno::DEADLK => PalError::Deadlock,
        Errno::CANCELED => PalError::Cancelled,
        Errno::OVERFLOW => PalError::Overflow,
        Errno::BADF | Errno::SPIPE | Errno::NOTSOCK | Errno::NOTTY => PalError::WrongType,
        Errno::NOSYS | Errno::OPNOTSUPP | Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT => {
            PalError::NotSupported
        }
        Errno::INVAL => PalError::Invalid,
        _ => PalError::Io,
    }
}
