//! Picoprocesses: creation, cloning, exit codes, handle passing.
//!
//! A process handle holds the number of the member and the *end* socket, on which the supervisor leaves the exit code
//! when it has reaped the process: readable from then on, and only ever peeked at, so every handle to the process, in
//! every process, sees it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use pal_abi::arg::{In, Out};
use pal_abi::flags::{NEVER, clone, delete as deleting};
use pal_abi::{Handle, PalError, PalResult, ProcessParams, Status};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::birth::Parcel;
use crate::family::{self, Request};
use crate::handle::{Export, Object, WaitSource, table};
use crate::stream::{Stream, channel};
use crate::sys::twin::{self, Side};
use crate::sys::{self, fatal, fork, mask, parcel};
use crate::{birth, export, host_thread, quiesce, thread, user, wait};

/// A process of the family.
#[derive(Debug)]
pub(crate) struct Process {
    id: u32,
    end: OwnedFd,
}

impl Process {
    /// The member whose end is told on that socket.
    pub(crate) fn new(id: u32, end: OwnedFd) -> Self {
        Self { id, end }
    }
}

impl Object for Process {
    fn wait_source(&self) -> WaitSource<'_> {
        WaitSource::Poll(self.end.as_fd(), libc::POLLIN)
    }

    fn export(&self) -> Result<Export, PalError> {
        let end = self.end.try_clone().map_err(|_| PalError::TooMany)?;
        Ok(Export { tag: export::PROCESS, data: self.id.to_le_bytes().to_vec(), fds: vec![end] })
    }
}

/// The process `Export` describes.
pub(crate) fn import(export: Export) -> Result<Arc<dyn Object>, PalError> {
    let id = u32::from_le_bytes(export.data.as_slice().try_into().map_err(|_| PalError::Invalid)?);
    let end = export.fds.into_iter().next().ok_or(PalError::Invalid)?;
    Ok(Arc::new(Process::new(id, end)))
}

/// The calling process, as its own handle knows it: it never sees itself end.
#[derive(Debug)]
pub(crate) struct SelfProcess;

impl Object for SelfProcess {}

pub(crate) fn create(
    params: In<'_, ProcessParams>,
    size: u32,
    process: Out<'_, Handle>,
    channel: Out<'_, Handle>,
) -> PalResult {
    if (size as usize) < size_of::<ProcessParams>() {
        return Err(PalError::Invalid);
    }
    let params = user::read(params)?;
    let process = user::place(process)?;
    let channel = if channel.is_none() { None } else { Some(user::place(channel)?) };
    let parcel = Parcel::pack(&params)?;

    let (mine, theirs) = family::stream_pair()?;
    let (my_handles, their_handles) = family::message_pair()?;
    let (end, tell) = family::message_pair()?;
    let (ask, answer) = family::message_pair()?;
    let fds = [answer.as_fd(), tell.as_fd(), theirs.as_fd(), their_handles.as_fd()];
    family::request(Request::Create, [0; 3], &fds)?;
    drop((answer, tell, theirs, their_handles));
    let id = family::answer(ask.as_fd())?;
    // Should the child be gone already, its handle tells so.
    let _ = parcel.send(mine.as_fd());
    let mine = channel::Channel::new(mine, my_handles)?;
    process.give(Arc::new(Process::new(id, end)))?;
    if let Some(channel) = channel {
        channel.give(mine.into_stream())?;
    }
    Ok(Status::Ok)
}

pub(crate) fn exit(code: i32) -> PalResult {
    family::exit(code)
}

pub(crate) fn get_exit_code(process: Handle, code: Out<'_, i32>) -> PalResult {
    let object = table().object(process)?;
    let object: Arc<dyn std::any::Any + Send + Sync> = object;
    if object.is::<SelfProcess>() {
        return Err(PalError::Busy);
    }
    let process = object.downcast::<Process>().map_err(|_| PalError::WrongType)?;
    let mut bytes = [0; 4];
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match parcel::receive(process.end.as_fd(), &mut bytes, &mut Vec::new(), flags) {
        Err(Errno::AGAIN) => Err(PalError::Busy),
        Ok(4) => {
            user::write(code, i32::from_le_bytes(bytes))?;
            Ok(Status::Ok)
        }
        // The supervisor is gone, and with it every member but, for this moment, the caller.
        _ => {
            user::write(code, -libc::SIGKILL)?;
            Ok(Status::Ok)
        }
    }
}

/// `StreamDelete` of a handle that is no stream: kills a process.
pub(crate) fn delete(process: Handle, mode: u32) -> PalResult {
    let object: Arc<dyn std::any::Any + Send + Sync> = table().object(process)?;
    let id = if object.is::<SelfProcess>() {
        family::member_id()
    } else {
        object.downcast::<Process>().map_err(|_| PalError::WrongType)?.id
    };
    if mode != deleting::ALL {
        return Err(PalError::Invalid);
    }
    family::request(Request::Kill, [id, 0, 0], &[])?;
    Ok(Status::Ok)
}

pub(crate) fn clone_process(
    flags: u32,
    is_child: Out<'_, u32>,
    process: Out<'_, Handle>,
    channel: Out<'_, Handle>,
) -> PalResult {
    if flags & !clone::CHANNEL != 0 {
        return Err(PalError::Invalid);
    }
    let wants_channel = flags & clone::CHANNEL != 0;
    user::probe(is_child)?;
    let process = user::place(process)?;
    if !wants_channel && !channel.is_none() {
        user::probe(channel)?;
    }
    let family = family::family()?;
    let ends = if wants_channel { Some((user::place(channel)?, channel::pair()?)) } else { None };
    let (end, tell) = family::message_pair()?;
    let (ask, answer) = family::message_pair()?;
    let lifeline = if family.adopts { None } else { Some(family::message_pair()?) };

    let stopped = quiesce::stop_others();
    host_thread::settle();
    let blocked = mask::block_all();
    let make = if family.adopts { twin::fork_away } else { twin::fork_plain };
    let side = make(&|pid| {
        // Where it cannot be told, the copy hears nothing and ends, and the caller learns it below.
        let fds =
            [answer.as_fd(), tell.as_fd(), lifeline.as_ref().map_or(tell.as_fd(), |(_, far)| far.as_fd())];
        let _ = family::request(Request::Adopt, [pid.cast_unsigned(), 0, 0], &fds);
    });
    drop((answer, tell));
    let lifeline = lifeline.map(|(near, _)| near);
    if side == Ok(Side::Child) {
        settle(family, ask, lifeline);
        drop((end, stopped, process));
        drop(blocked);
        user::write(is_child, 1)?;
        if let Some((channel, (parents, childs))) = ends {
            drop(parents);
            channel.give(childs.into_stream())?;
        }
        return Ok(Status::Ok);
    }
    drop((lifeline, stopped));
    drop(blocked);
    side.map_err(|errno| if errno == Errno::NOMEM { PalError::NoMemory } else { PalError::TooMany })?;
    let id = match family::answer(ask.as_fd()) {
        Err(PalError::Broken) => return Err(PalError::NoMemory),
        other => other?,
    };
    process.give(Arc::new(Process::new(id, end)))?;
    if let Some((channel, (parents, childs))) = ends {
        drop(childs);
        channel.give(parents.into_stream())?;
    }
    Ok(Status::Ok)
}

/// In a copy: becomes a member, and puts everything right that was about the parent. Ends the process where it may
/// not be one.
fn settle(family: &family::Family, ask: OwnedFd, lifeline: Option<OwnedFd>) {
    match family::answer(ask.as_fd()) {
        Ok(id) => family::become_member(id),
        Err(_) => fork::exit_now(1),
    }
    let is_bound = match &lifeline {
        Some(lifeline) => fork::die_with_peer(lifeline.as_fd()),
        None => fork::become_child_of(family.supervisor),
    };
    if !is_bound {
        fork::exit_now(1);
    }
    // It stays open as long as the process lives.
    std::mem::forget(lifeline);
    quiesce::after_clone();
    host_thread::after_clone();
    wait::after_clone();
    thread::after_clone();
    let objects = table().objects();
    objects.iter().for_each(|object| object.after_clone());
    objects.iter().for_each(|object| object.after_clones());
}

pub(crate) fn send_handle(channel: Handle, object: Handle, tag: u64) -> PalResult {
    let stream = table().get::<Stream>(channel)?;
    let socket = stream.ops.channel()?;
    let export = table().object(object)?.export()?;
    let bytes = birth::message(&export, tag)?;
    let fds: Vec<_> = export.fds.iter().map(AsFd::as_fd).collect();
    loop {
        match parcel::send(socket, &bytes, &fds, SendFlags::DONTWAIT) {
            Ok(_) => return Ok(Status::Ok),
            Err(Errno::AGAIN) if stream.nonblocking() => return Err(PalError::WouldBlock),
            Err(Errno::AGAIN) => {
                wait::ready(socket, libc::POLLOUT, NEVER)?;
            }
            Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => return Err(PalError::Broken),
            Err(Errno::TOOMANYREFS) => return Err(PalError::TooMany),
            Err(_) => return Err(PalError::NoMemory),
        }
    }
}

pub(crate) fn receive_handle(channel: Handle, object: Out<'_, Handle>, tag: Out<'_, u64>) -> PalResult {
    let stream = table().get::<Stream>(channel)?;
    let socket = stream.ops.channel()?;
    let place = user::place(object)?;
    let mut bytes = vec![0; birth::MESSAGE_MAX];
    let mut fds = Vec::new();
    let got = loop {
        // Descriptors that find no room are lost with the message.
        if !sys::fd::has_room(socket, export::FDS_MAX) {
            return Err(PalError::TooMany);
        }
        match parcel::receive(socket, &mut bytes, &mut fds, RecvFlags::DONTWAIT) {
            Ok(0) | Err(Errno::CONNRESET) => return Err(PalError::Broken),
            Ok(got) => break got,
            Err(Errno::AGAIN) => {}
            Err(_) => return Err(PalError::NoMemory),
        }
        let WaitingData { fd, events } = waiting_data(&stream);
        let has_data = fd.map_or(Ok(false), |fd| wait::ready(fd, events, 0))?;
        if has_data {
            return Err(PalError::NoData);
        }
        if stream.nonblocking() {
            return Err(PalError::WouldBlock);
        }
        let mut polled = vec![wait::pollfd(socket, libc::POLLIN)];
        polled.extend(fd.map(|fd| wait::pollfd(fd, events)));
        wait::poll(&mut polled, NEVER)?;
    };
    let (export, sent_tag) = birth::parse_message(bytes.get(..got).unwrap_or(&[]), fds)?;
    let received = export::import(export)?;
    user::write_if(tag, sent_tag)?;
    place.give(received)?;
    Ok(Status::Ok)
}

/// Where plain data of a channel would come from.
struct WaitingData<'a> {
    fd: Option<std::os::fd::BorrowedFd<'a>>,
    events: i16,
}

fn waiting_data(stream: &Stream) -> WaitingData<'_> {
    match stream.ops.event_source(pal_abi::flags::event::READABLE) {
        WaitSource::Poll(fd, events) => WaitingData { fd: Some(fd), events },
        _ => WaitingData { fd: None, events: 0 },
    }
}

/// The signals of the host, as records (`stream::control`), for whoever deals with them; from now on they are
/// reported rather than ending the family.
///
/// # Errors
/// `NotSupported` without a supervisor.
pub(crate) fn control_stream() -> Result<Arc<Stream>, PalError> {
    family::request(Request::Listen, [0; 3], &[])?;
    crate::stream::control::open()
}

/// Says why a member could not begin, and ends it.
pub(crate) fn give_up(why: &str, error: PalError) -> ! {
    fatal::line(format_args!("cannot start a process: {why}: {error}"));
    family::exit(1)
}
