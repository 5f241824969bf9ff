//! Linux's error numbers, and what each error of the layer below is called there.

use core::fmt;

use pal_abi::PalError;

/// A Linux error number: positive here, negated in EAX.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub u16);

/// What a system call returns: the value of EAX, or an error.
pub type SysResult = Result<u32, Errno>;

macro_rules! errnos {
    ($($name:ident = $value:literal;)*) => {
        impl Errno {
            $(#[doc = concat!("`", stringify!($name), "`.")] pub const $name: Self = Self($value);)*

            /// The symbolic name, or "?".
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self.0 { $($value => stringify!($name),)* _ => "?" }
            }
        }
    };
}

errnos! {
    EPERM = 1; ENOENT = 2; ESRCH = 3; EINTR = 4; EIO = 5; ENXIO = 6; E2BIG = 7; ENOEXEC = 8; EBADF = 9;
    ECHILD = 10; EAGAIN = 11; ENOMEM = 12; EACCES = 13; EFAULT = 14; EBUSY = 16; EEXIST = 17; EXDEV = 18;
    ENODEV = 19; ENOTDIR = 20; EISDIR = 21; EINVAL = 22; ENFILE = 23; EMFILE = 24; ENOTTY = 25; ETXTBSY = 26;
    EFBIG = 27; ENOSPC = 28; ESPIPE = 29; EROFS = 30; EMLINK = 31; EPIPE = 32; EDOM = 33; ERANGE = 34;
    EDEADLK = 35; ENAMETOOLONG = 36; ENOSYS = 38; ENOTEMPTY = 39; ELOOP = 40; ENODATA = 61; EOVERFLOW = 75;
    ELIBBAD = 80; ENOTSOCK = 88; EDESTADDRREQ = 89; EMSGSIZE = 90; EPROTOTYPE = 91; ENOPROTOOPT = 92; EPROTONOSUPPORT = 93;
    ESOCKTNOSUPPORT = 94; EOPNOTSUPP = 95; EAFNOSUPPORT = 97; EADDRINUSE = 98; EADDRNOTAVAIL = 99; ENETUNREACH = 101;
    ECONNABORTED = 103; ECONNRESET = 104; ENOBUFS = 105; EISCONN = 106; ENOTCONN = 107; ETOOMANYREFS = 109; ETIMEDOUT = 110; ECONNREFUSED = 111;
    EHOSTUNREACH = 113; EALREADY = 114; EINPROGRESS = 115; EDQUOT = 122; ECANCELED = 125;
    // Never seen by a program: what becomes of the call depends on the signal that interrupted it.
    ERESTARTSYS = 512; ERESTARTNOINTR = 513; ERESTARTNOHAND = 514; ERESTART_RESTARTBLOCK = 516;
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())
    }
}

impl From<PalError> for Errno {
    fn from(error: PalError) -> Self {
        match error {
            PalError::Invalid | PalError::WrongType => Self::EINVAL,
            PalError::BadHandle => Self::EBADF,
            PalError::NoMemory | PalError::Conflict => Self::ENOMEM,
            PalError::Denied => Self::EACCES,
            PalError::NotFound => Self::ENOENT,
            PalError::Exists => Self::EEXIST,
            PalError::NotEmpty => Self::ENOTEMPTY,
            PalError::NoSpace => Self::ENOSPC,
            PalError::Io => Self::EIO,
            PalError::Interrupted => Self::ERESTARTSYS,
            PalError::Cancelled => Self::ECANCELED,
            PalError::Busy => Self::EBUSY,
            PalError::NotSupported => Self::EOPNOTSUPP,
            PalError::BufferTooSmall => Self::ERANGE,
            PalError::Broken => Self::EPIPE,
            PalError::Refused => Self::ECONNREFUSED,
            PalError::Unreachable => Self::EHOSTUNREACH,
            PalError::Fault => Self::EFAULT,
            PalError::Overflow => Self::EOVERFLOW,
            PalError::TooMany => Self::EMFILE,
            PalError::Loop => Self::ELOOP,
            PalError::NotDir => Self::ENOTDIR,
            PalError::IsDir => Self::EISDIR,
            PalError::CrossDevice => Self::EXDEV,
            PalError::ReadOnly => Self::EROFS,
            PalError::NameTooLong => Self::ENAMETOOLONG,
            PalError::TextBusy => Self::ETXTBSY,
            PalError::TooBig => Self::EFBIG,
            PalError::Quota => Self::EDQUOT,
            PalError::Reset => Self::ECONNRESET,
            PalError::TimedOut => Self::ETIMEDOUT,
            PalError::NotConnected => Self::ENOTCONN,
            PalError::NoData => Self::ENODATA,
            PalError::WouldBlock => Self::EAGAIN,
            PalError::NotPermitted => Self::EPERM,
            PalError::NoDevice => Self::ENXIO,
            PalError::Deadlock => Self::EDEADLK,
            PalError::AddressUnavailable => Self::EADDRNOTAVAIL,
            PalError::NetUnreachable => Self::ENETUNREACH,
            PalError::Connected => Self::EISCONN,
            PalError::NoFamily => Self::EAFNOSUPPORT,
            PalError::NoProtocol => Self::EPROTONOSUPPORT,
            PalError::NoOption => Self::ENOPROTOOPT,
            PalError::NoDestination => Self::EDESTADDRREQ,
        }
    }
}

/// The value EAX receives.
#[must_use]
pub const fn to_eax(result: SysResult) -> u32 {
    match result {
        Ok(value) => value,
        Err(errno) => (errno.0 as u32).wrapping_neg(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_negative_in_eax() {
        assert_eq!(to_eax(Err(Errno::ENOENT)), 0xffff_fffe);
        assert_eq!(to_eax(Ok(7)), 7);
        assert_eq!(Errno::from(PalError::NotFound).name(), "ENOENT");
    }
}
