//! What a call returns: a status of success, or an error of a closed set.
//!
//! On the wire both are one `i32`: 0 and above is success, below 0 an error.

/// Declares a field-less enum with its wire value, its ABI name and the way back from the value.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $value:literal $wire:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(i32)]
        pub enum $name { $($(#[$doc])* $variant = $value,)* }

        impl $name {
            /// Every code, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name the ABI documents use.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $wire),* } }

            /// The value on the wire.
            #[must_use]
            pub const fn code(self) -> i32 { self as i32 }

            /// The code a wire value stands for, if it is one of the set.
            #[must_use]
            pub const fn from_code(code: i32) -> Option<Self> {
                match code { $($value => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    /// The ways to succeed.
    Status {
        /// Done.
        Ok = 0 "OK";
        /// The deadline passed first.
        Timeout = 1 "TIMEOUT";
        /// Begun; not final yet.
        Pending = 2 "PENDING";
        /// Nothing more will come.
        EndOfStream = 3 "END_OF_STREAM";
    }
}

codes! {
    /// The ways to fail. Each call has a closed list of them.
    PalError {
        /// A parameter has no meaning here.
        Invalid = -1 "INVALID";
        /// No such handle.
        BadHandle = -2 "BAD_HANDLE";
        /// The handle's object is of another kind.
        WrongType = -3 "WRONG_TYPE";
        /// No memory.
        NoMemory = -4 "NO_MEMORY";
        /// The address is in use.
        Conflict = -5 "CONFLICT";
        /// Policy or access mode forbids it.
        Denied = -6 "DENIED";
        /// No such thing.
        NotFound = -7 "NOT_FOUND";
        /// It exists already.
        Exists = -8 "EXISTS";
        /// The directory has children.
        NotEmpty = -9 "NOT_EMPTY";
        /// The device is full.
        NoSpace = -10 "NO_SPACE";
        /// The hardware failed.
        Io = -11 "IO";
        /// A `ThreadInterrupt` ended the call.
        Interrupted = -12 "INTERRUPTED";
        /// The operation was cancelled.
        Cancelled = -13 "CANCELLED";
        /// Not now.
        Busy = -14 "BUSY";
        /// This layer or object cannot do it.
        NotSupported = -15 "NOT_SUPPORTED";
        /// The result does not fit the buffer.
        BufferTooSmall = -16 "BUFFER_TOO_SMALL";
        /// The peer is gone.
        Broken = -17 "BROKEN";
        /// The peer refuses.
        Refused = -18 "REFUSED";
        /// There is no way to the peer.
        Unreachable = -19 "UNREACHABLE";
        /// A pointer parameter does not lead to usable memory.
        Fault = -20 "FAULT";
        /// The value would pass its bound.
        Overflow = -21 "OVERFLOW";
        /// A quota of objects is used up.
        TooMany = -22 "TOO_MANY";
        /// Too many symbolic links, or one where none may be followed.
        Loop = -23 "LOOP";
        /// Not a directory.
        NotDir = -24 "NOT_DIR";
        /// A directory.
        IsDir = -25 "IS_DIR";
        /// On another file system.
        CrossDevice = -26 "CROSS_DEVICE";
        /// The file system is read-only.
        ReadOnly = -27 "READ_ONLY";
        /// A name is too long.
        NameTooLong = -28 "NAME_TOO_LONG";
        /// The file is being executed.
        TextBusy = -29 "TEXT_BUSY";
        /// The file, datagram or value is too big.
        TooBig = -30 "TOO_BIG";
        /// The user's disk quota is used up.
        Quota = -31 "QUOTA";
        /// The peer reset the connection.
        Reset = -32 "RESET";
        /// The peer did not answer.
        TimedOut = -33 "TIMED_OUT";
        /// The socket has no peer.
        NotConnected = -34 "NOT_CONNECTED";
        /// No such attribute, or no data there.
        NoData = -35 "NO_DATA";
        /// A non-blocking stream would have to wait.
        WouldBlock = -36 "WOULD_BLOCK";
        /// Only the owner or a privileged user may do it.
        NotPermitted = -37 "NOT_PERMITTED";
        /// Nobody serves the device or FIFO, or the object cannot be mapped.
        NoDevice = -38 "NO_DEVICE";
        /// Waiting for the lock would never end.
        Deadlock = -39 "DEADLOCK";
        /// The address is none of this host's.
        AddressUnavailable = -40 "ADDRESS_UNAVAILABLE";
        /// There is no way to the peer's network.
        NetUnreachable = -41 "NET_UNREACHABLE";
        /// The socket has a peer already.
        Connected = -42 "CONNECTED";
        /// No such family of addresses.
        NoFamily = -43 "NO_FAMILY";
        /// No such protocol, or not the peer's.
        NoProtocol = -44 "NO_PROTOCOL";
        /// No such option.
        NoOption = -45 "NO_OPTION";
        /// A message without an address, from a socket without a peer.
        NoDestination = -46 "NO_DESTINATION";
    }
}

/// What every call of the Rust traits returns.
pub type PalResult = Result<Status, PalError>;

/// The wire value of a result.
#[must_use]
pub const fn encode(result: PalResult) -> i32 {
    match result {
        Ok(status) => status.code(),
        Err(error) => error.code(),
    }
}

/// The result a wire value stands for. A value outside the closed sets comes from a broken layer and reads as `Io`.
///
/// # Errors
/// The error the value stands for.
pub const fn decode(code: i32) -> PalResult {
    if let Some(status) = Status::from_code(code) {
        return Ok(status);
    }
    match PalError::from_code(code) {
        Some(error) => Err(error),
        None => Err(PalError::Io),
    }
}

impl core::fmt::Display for PalError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for PalError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_dense_and_return_unchanged() {
        for (n, status) in Status::ALL.iter().enumerate() {
            assert_eq!(usize::try_from(status.code()), Ok(n));
            assert_eq!(decode(encode(Ok(*status))), Ok(*status));
        }
        for (n, error) in PalError::ALL.iter().enumerate() {
            assert_eq!(usize::try_from(-error.code()), Ok(n + 1));
            assert_eq!(decode(encode(Err(*error))), Err(*error));
        }
    }
}
