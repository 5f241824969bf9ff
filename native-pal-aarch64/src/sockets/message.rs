//! `SocketSend` and `SocketReceive`.

use std::os::fd::{AsFd, BorrowedFd};

use pal_abi::arg::{InBytes, InOut, OutBytes};
use pal_abi::flags::{family, message as bits, socket_kind};
use pal_abi::{Handle, PalError, PalResult, SocketMessage, Status};
use rustix::io::Errno;

use super::{LOOK_AGAIN_NS, address, control, error, socket};
use crate::stream::Stream;
use crate::stream::socket::plain::Socket;
use crate::sys::copy;
use crate::sys::socket as host;
use crate::user::{self, Buffer};
use crate::wait;

/// What a caller may ask for when sending.
const SENDING: u32 =
    bits::OUT_OF_BAND | bits::DONT_ROUTE | bits::DONT_WAIT | bits::END_OF_RECORD | bits::CONFIRM | bits::MORE;
/// What it may ask for when receiving.
const RECEIVING: u32 =
    bits::OUT_OF_BAND | bits::PEEK | bits::DONT_WAIT | bits::WAIT_ALL | bits::CUT | bits::ERROR_QUEUE;
/// Bytes of control records, at most.
const CONTROL_MAX: usize = 1 << 16;

/// How a call waits.
struct Waiting<'a> {
    fd: BorrowedFd<'a>,
    nonblocking: bool,
    deadline: u64,
}

impl Waiting<'_> {
    fn of<'a>(stream: &Stream, socket: &'a Socket, message: &SocketMessage) -> Waiting<'a> {
        let nonblocking = stream.nonblocking() || message.flags & bits::DONT_WAIT != 0;
        Waiting { fd: socket.fd(), nonblocking, deadline: message.deadline }
    }

    /// Waits for what EAGAIN missed.
    fn wait(&self, events: i16) -> Result<(), PalError> {
        if !self.nonblocking && wait::ready(self.fd.as_fd(), events, self.deadline)? {
            Ok(())
        } else {
            Err(PalError::WouldBlock)
        }
    }

    /// Waits a little for what nothing tells the end of.
    fn look_again(&self) -> Result<(), PalError> {
        if self.nonblocking || wait::now() >= self.deadline {
            return Err(PalError::WouldBlock);
        }
        wait::poll(&mut [], self.deadline.min(wait::now() + LOOK_AGAIN_NS)).map(drop)
    }
}

const fn is_stream(socket: &Socket) -> bool {
    socket.kind == socket_kind::STREAM
}

fn host_flags(flags: u32) -> i32 {
    (flags & !(bits::DONT_WAIT | bits::WAIT_ALL)).cast_signed()
}

/// `SocketSend`.
pub(crate) fn send(
    handle: Handle,
    buf: InBytes<'_>,
    len: usize,
    control: InBytes<'_>,
    control_len: usize,
    at: InOut<'_, SocketMessage>,
) -> PalResult {
    let stream = super::stream(handle)?;
    let socket = socket(&stream)?;
    let mut message = user::read_inout(at)?;
    user::write_inout(at, message)?;
    if message.flags & !SENDING != 0 || control_len > CONTROL_MAX {
        return Err(PalError::Invalid);
    }
    let to = match message.address_size as usize {
        0 => host::Name::default(),
        size => address::to_host(socket.family, message.address.get(..size).ok_or(PalError::Invalid)?)?,
    };
    let mut out = control::outgoing(&user::bytes(control, control_len, CONTROL_MAX)?)?;
    let waiting = Waiting::of(&stream, socket, &message);
    let buf = Buffer::input(buf, len);
    let mut done = 0;
    let result = loop {
        let rest = Buffer { addr: buf.addr.wrapping_add(done), len: buf.len - done };
        match host::send(socket.fd(), rest, host_flags(message.flags), &to, &mut out.control) {
            Ok(more) => {
                done += more;
                if done >= len || waiting.nonblocking || !is_stream(socket) {
                    break Ok(());
                }
                // They went with the first bytes.
                out = control::Outgoing::default();
            }
            Err(Errno::AGAIN) => {
                // That the queue of a given UNIX address is full is no business of this socket's POLLOUT.
                let is_foreign = socket.family == family::UNIX && message.address_size > 0;
                let waited = if is_foreign { waiting.look_again() } else { waiting.wait(libc::POLLOUT) };
                if let Err(error) = waited {
                    break Err(error);
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => break Err(error(errno)),
        }
    };
    if done == 0 {
        result?;
    }
    message.done = done as u64;
    user::write_inout(at, message)?;
    Ok(Status::Ok)
}

/// `SocketReceive`.
pub(crate) fn receive(
    handle: Handle,
    buf: OutBytes<'_>,
    len: usize,
    to: OutBytes<'_>,
    cap: usize,
    at: InOut<'_, SocketMessage>,
) -> PalResult {
    let stream = super::stream(handle)?;
    let socket = socket(&stream)?;
    let mut message = user::read_inout(at)?;
    user::write_inout(at, message)?;
    if message.flags & !RECEIVING != 0 {
        return Err(PalError::Invalid);
    }
    let cap = cap.min(CONTROL_MAX);
    copy::write_bytes(to.addr(), &vec![0; cap])?;
    let waiting = Waiting::of(&stream, socket, &message);
    let got = take(socket, &message, &waiting, Buffer::output(buf, len), cap)?;
    let told = copy::write_bytes(to.addr(), &got.control.records);
    message.done = got.done as u64;
    message.result_flags = got.flags;
    message.control_size = u32::try_from(got.control.records.len()).unwrap_or(0);
    message.address = [0; host::NAME_MAX];
    let from = if got.from.bytes().is_empty() { Vec::new() } else { address::from_host(&got.from) };
    message.address_size = u32::try_from(from.len()).unwrap_or(0);
    if let Some(place) = message.address.get_mut(..from.len()) {
        place.copy_from_slice(&from);
    }
    told.and_then(|()| user::write_inout(at, message)).inspect_err(|_| got.control.discard())?;
    Ok(Status::Ok)
}

struct Got {
    done: usize,
    flags: u32,
    from: host::Name,
    control: control::Incoming,
}

/// Whether a message is from another user, who found the address of a UNIX socket.
fn is_strange(socket: &Socket, control: &control::Incoming) -> bool {
    socket.family == family::UNIX
        && socket.kind == socket_kind::DATAGRAM
        && control.uid.is_some_and(|uid| uid != rustix::process::geteuid().as_raw())
}

fn take(
    socket: &Socket,
    message: &SocketMessage,
    waiting: &Waiting<'_>,
    buf: Buffer,
    cap: usize,
) -> Result<Got, PalError> {
    // Descriptors that nobody asked for are not taken in, but who sent a datagram is always looked at.
    let room = if cap > 0 || socket.family == family::UNIX { control::ROOM } else { 0 };
    let waits_for_all =
        is_stream(socket) && message.flags & bits::WAIT_ALL != 0 && message.flags & bits::PEEK == 0;
    let mut all: Option<Got> = None;
    loop {
        let done = all.as_ref().map_or(0, |got| got.done);
        let rest = Buffer { addr: buf.addr.wrapping_add(done), len: buf.len - done };
        let (mut from, mut space) = (host::Name::default(), host::Control::with_room(room));
        let result = host::receive(socket.fd(), rest, host_flags(message.flags), &mut from, &mut space);
        let error = match result {
            Ok(part) => {
                let control = control::incoming(&space.bytes(part.control), cap);
                if is_strange(socket, &control) {
                    control.discard();
                    continue;
                }
                let known = bits::OUT_OF_BAND
                    | bits::CONTROL_CUT
                    | bits::CUT
                    | bits::END_OF_RECORD
                    | bits::ERROR_QUEUE;
                let cut = if control.is_cut { bits::CONTROL_CUT } else { 0 };
                let flags = part.flags.cast_unsigned() & known | cut;
                let ends = part.bytes == 0 || !control.records.is_empty();
                let got = match all.take() {
                    None => Got { done: part.bytes, flags, from, control },
                    Some(before) if control.records.is_empty() => {
                        Got { done: done + part.bytes, flags: before.flags | flags, ..before }
                    }
                    Some(before) => Got { done: done + part.bytes, flags, from: before.from, control },
                };
                if !waits_for_all || ends || got.done >= buf.len {
                    return Ok(got);
                }
                all = Some(got);
                continue;
            }
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) if message.flags & bits::ERROR_QUEUE != 0 => PalError::WouldBlock,
            Err(Errno::AGAIN) => match waiting.wait(libc::POLLIN) {
                Ok(()) => continue,
                Err(error) => error,
            },
            Err(errno) => error(errno),
        };
        return all.ok_or(error);
    }
}
