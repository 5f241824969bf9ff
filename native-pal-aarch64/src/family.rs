//! The processes one command started, as a member sees them.
//!
//! A member speaks to the supervisor through one socket that all members share; each request that wants an answer
//! carries the socket to answer on. Doorbells do without it: the [`Roster`] tells a member's process.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pal_abi::arg::Out;
use pal_abi::{PalError, PalResult, Status};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::sys::roster::Roster;
use crate::sys::{fork, parcel, signal};
use crate::user;

/// What a member asks of the supervisor: four words, with descriptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Request {
    /// Start a member. Descriptors: answer, end (see `process`), boot socket, handle socket.
    Create = 1,
    /// A copy with process number `a` was made. Descriptors: answer (two are sent), end, lifeline.
    Adopt = 2,
    /// Process `a` is about to exit with code `b`.
    Exit = 3,
    /// Kill member `a`.
    Kill = 4,
    /// Ring member `a`.
    Ring = 5,
    /// Somebody listens to the signals of the host: report them rather than ending the family.
    Listen = 6,
    /// Stop the command by signal `a`. Descriptors: answer.
    Stop = 7,
}

/// A request on the wire.
pub(crate) type RequestWords = [u32; 4];

/// Bytes of words, as they are sent.
pub(crate) fn to_bytes<const N: usize>(words: [u32; N]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

/// Words of bytes, as they were received.
pub(crate) fn from_bytes<const N: usize>(bytes: &[u8]) -> Option<[u32; N]> {
    let mut words = [0; N];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_le_bytes(chunk.try_into().ok()?);
    }
    (bytes.len() == N * 4).then_some(words)
}

/// What every member has from the supervisor.
#[derive(Debug)]
pub(crate) struct Family {
    /// Where requests go.
    pub(crate) requests: OwnedFd,
    /// Where the host's signals are reported, as `stream::control` says.
    pub(crate) control: OwnedFd,
    /// Who is in it.
    pub(crate) roster: Roster,
    /// The supervisor's process.
    pub(crate) supervisor: i32,
    /// Whether copies of members become the supervisor's children. Else they stay their makers', and the supervisor
    /// knows of their exit codes only what they tell it.
    pub(crate) adopts: bool,
}

static FAMILY: OnceLock<Family> = OnceLock::new();
static SELF: AtomicU32 = AtomicU32::new(0);

/// Sets what all members inherit. In the supervisor, once.
pub(crate) fn establish(family: Family) {
    // A second supervisor in one process is refused by `supervisor`.
    let _ = FAMILY.set(family);
}

/// The family; there is none in a process that no supervisor started.
pub(crate) fn family() -> Result<&'static Family, PalError> {
    FAMILY.get().ok_or(PalError::NotSupported)
}

/// Says which member this process is.
pub(crate) fn become_member(id: u32) {
    SELF.store(id, Ordering::Release);
}

/// Which member this process is.
pub(crate) fn member_id() -> u32 {
    SELF.load(Ordering::Acquire)
}

/// Sends a request. Does not allocate where the words are on the stack; for intermediates and signal handlers too.
///
/// # Errors
/// `NoMemory` where the host cannot carry it; `Broken` without a supervisor.
pub(crate) fn request(what: Request, words: [u32; 3], fds: &[BorrowedFd<'_>]) -> Result<(), PalError> {
    let family = family()?;
    let mut bytes = [0_u8; 16];
    let all = [what as u32, words[0], words[1], words[2]];
    for (chunk, word) in bytes.chunks_exact_mut(4).zip(all) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    match parcel::send(family.requests.as_fd(), &bytes, fds, SendFlags::empty()) {
        Ok(_) => Ok(()),
        Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => Err(PalError::Broken),
        Err(_) => Err(PalError::NoMemory),
    }
}

/// A connected pair of message sockets.
///
/// # Errors
/// `TooMany`.
pub(crate) fn message_pair() -> Result<(OwnedFd, OwnedFd), PalError> {
    rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|_| PalError::TooMany)
}

/// A connected pair of byte-stream sockets.
///
/// # Errors
/// `TooMany`.
pub(crate) fn stream_pair() -> Result<(OwnedFd, OwnedFd), PalError> {
    rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(|_| PalError::TooMany)
}

/// An answer of the supervisor: a wire status and a member's number.
///
/// # Errors
/// The status; `Broken` where the supervisor, or who was to ask it, is gone.
pub(crate) fn answer(socket: BorrowedFd<'_>) -> Result<u32, PalError> {
    let mut bytes = [0; 8];
    let got = parcel::receive(socket, &mut bytes, &mut Vec::new(), RecvFlags::empty());
    if got != Ok(8) {
        return Err(PalError::Broken);
    }
    let [status, id] = from_bytes::<2>(&bytes).ok_or(PalError::Broken)?;
    pal_abi::decode(status.cast_signed())?;
    Ok(id)
}

/// Ends the process. A code that an exit status of the host cannot hold, or that the supervisor may not see, is told
/// to the supervisor first.
pub(crate) fn exit(code: i32) -> ! {
    if !(0..=255).contains(&code) || family().is_ok_and(|family| !family.adopts) {
        // Without a supervisor the lower eight bits are all there is.
        let _ = request(Request::Exit, [fork::process_id().cast_unsigned(), code.cast_unsigned(), 0], &[]);
    }
    fork::exit_now(code)
}

pub(crate) fn self_id(id: Out<'_, u32>) -> PalResult {
    family()?;
    user::write(id, member_id())?;
    Ok(Status::Ok)
}

/// Signals that stop a program.
const STOPPING: [i32; 4] = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// Has the command stopped, and comes back when it goes on.
///
/// # Errors
/// `Invalid` for a signal that does not stop; `NotSupported` without a supervisor.
pub(crate) fn stop(signal: i32) -> PalResult {
    family()?;
    if !STOPPING.contains(&signal) {
        return Err(PalError::Invalid);
    }
    let (ask, reply) = message_pair().map_err(|_| PalError::NoMemory)?;
    request(Request::Stop, [signal.cast_unsigned(), 0, 0], &[reply.as_fd()])?;
    drop(reply);
    answer(ask.as_fd())?;
    Ok(Status::Ok)
}

pub(crate) fn ring(id: u32) -> PalResult {
    let family = family()?;
    let pid = family.roster.pid(id).ok_or(PalError::NotFound)?;
    match fork::signal_held(pid, signal::RING, || family.roster.pid(id) == Some(pid)) {
        Some(true) => {}
        Some(false) => return Err(PalError::NotFound),
        None => request(Request::Ring, [id, 0, 0], &[])?,
    }
    Ok(Status::Ok)
}
