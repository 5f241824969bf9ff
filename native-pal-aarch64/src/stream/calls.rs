//! The stream calls of the table: parameters checked, caller memory copied, and on to the scheme.

use std::sync::Arc;

use pal_abi::arg::{In, InBytes, InOut, Out, OutBytes};
use pal_abi::flags::{
    APPEND_OFFSET, access, attr as valid, delete as deleting, event, open as options_of, query, share,
};
use pal_abi::{Attr, Handle, Layout, PalError, PalResult, Status};

use super::{
    Stream, StreamEvent, Transfer, anon, console, counter, dev, dir, file, node, null, pipe, pty, socket,
    timer, waitset, watch,
};
use crate::completion;
use crate::handle::{WaitSource, table};
use crate::policy::resolve::{Last, PATH_MAX};
use crate::policy::{Place, policy};
use crate::user::{self, Buffer};

/// Bytes of a URI: a path, and room for a scheme.
const URI_MAX: usize = PATH_MAX + 16;
/// Bytes of one enumeration.
const ENUMERATE_MAX: usize = 1 << 20;

/// `StreamOpen`.
pub(crate) fn open(
    uri: InBytes<'_>,
    uri_len: usize,
    wanted: u32,
    shared: u32,
    options: u32,
    stream: Out<'_, Handle>,
) -> PalResult {
    let uri = user::name(uri, uri_len, URI_MAX)?;
    if wanted & !(access::READ | access::WRITE | access::EXECUTE) != 0
        || shared & !(share::READ | share::WRITE | share::DELETE) != 0
    {
        return Err(PalError::Invalid);
    }
    user::probe(stream)?;
    let (scheme, rest) = split(&uri)?;
    let (object, status) = match scheme {
        b"tcp" | b"tcp.srv" | b"udp" | b"udp.srv" => socket::open(scheme, rest, wanted, options)?,
        _ => (open_local(scheme, rest, wanted, options)?, Status::Ok),
    };
    user::give_object(stream, object)?;
    Ok(status)
}

fn open_local(scheme: &[u8], rest: &[u8], wanted: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    match scheme {
        b"file" => file::open(rest, wanted, options),
        b"dir" => file::open(rest, wanted, options | options_of::DIRECTORY),
        b"dev" => dev::open(rest, wanted, options),
        b"pipe" => pipe::open(rest, wanted, options),
        b"pipe.srv" => pipe::serve(rest, wanted, options),
        b"console" => console::open(rest, wanted, options),
        b"pty" => pty::open(rest, wanted, options),
        b"anon" => anon::open(rest, wanted, options),
        b"null" => null::open(rest, wanted, options),
        b"waitset" => waitset::open(rest, options),
        b"counter" => counter::open(rest, options),
        b"timer" => timer::open(rest, options),
        b"watch" => watch::open(rest, options),
        _ => Err(PalError::NotSupported),
    }
}

/// Opens the image a creator names for a new process.
///
/// # Errors
/// Those of `StreamOpen`.
pub(crate) fn open_image(uri: &[u8]) -> Result<Arc<Stream>, PalError> {
    let (scheme, rest) = split(uri)?;
    match scheme {
        b"file" => file::open(rest, access::READ, 0),
        _ => Err(PalError::NotSupported),
    }
}

fn split(uri: &[u8]) -> Result<(&[u8], &[u8]), PalError> {
    let colon = uri.iter().position(|&b| b == b':').ok_or(PalError::Invalid)?;
    Ok((&uri[..colon], &uri[colon + 1..]))
}

/// `StreamWaitForClient`.
pub(crate) fn wait_for_client(server: Handle, options: u32, client: Out<'_, Handle>) -> PalResult {
    let server = table().get::<Stream>(server)?;
    if options & !server.ops.accept_options() != 0 {
        return Err(PalError::Invalid);
    }
    let place = user::place(client)?;
    match server.ops.accept(options, server.nonblocking())? {
        Some(stream) => {
            place.give(stream)?;
            Ok(Status::Ok)
        }
        None => Ok(Status::Pending),
    }
}

/// `StreamRead`.
pub(crate) fn read(
    stream: Handle,
    offset: u64,
    buf: OutBytes<'_>,
    len: usize,
    done: Out<'_, usize>,
    completion: Out<'_, Handle>,
) -> PalResult {
    let stream = table().get::<Stream>(stream)?;
    user::probe(done)?;
    let buf = Buffer::output(buf, len);
    if !completion.is_none() {
        return completion::start(completion::Direction::Read, stream, offset, buf, done, completion);
    }
    let transfer = stream.read(offset, buf)?;
    user::write(done, transfer.done)?;
    transfer.status
}

/// `StreamWrite`.
pub(crate) fn write(
    stream: Handle,
    offset: u64,
    buf: InBytes<'_>,
    len: usize,
    done: Out<'_, usize>,
    completion: Out<'_, Handle>,
) -> PalResult {
    let stream = table().get::<Stream>(stream)?;
    user::probe(done)?;
    let buf = Buffer::input(buf, len);
    if !completion.is_none() {
        return completion::start(completion::Direction::Write, stream, offset, buf, done, completion);
    }
    let transfer = stream.write(offset, buf)?;
    user::write(done, transfer.done)?;
    transfer.status
}

impl Stream {
    /// Reads, as its flags say.
    pub(crate) fn read(&self, offset: u64, buf: Buffer) -> Result<Transfer, PalError> {
        self.ops.read(offset, buf, self.nonblocking())
    }

    /// Writes, as its flags say.
    pub(crate) fn write(&self, offset: u64, buf: Buffer) -> Result<Transfer, PalError> {
        let appends = self.flags() & pal_abi::flags::stream::APPEND != 0;
        self.ops.write(if appends { APPEND_OFFSET } else { offset }, buf, self.nonblocking())
    }
}

/// `StreamSetLength`.
pub(crate) fn set_length(stream: Handle, length: u64) -> PalResult {
    if i64::try_from(length).is_err() {
        return table().get::<Stream>(stream).and(Err(PalError::Invalid));
    }
    table().get::<Stream>(stream)?.ops.set_length(length).map(|()| Status::Ok)
}

/// `StreamFlush`.
pub(crate) fn flush(stream: Handle) -> PalResult {
    table().get::<Stream>(stream)?.ops.flush().map(|()| Status::Ok)
}

/// `StreamDelete`: of a stream, or of a process.
pub(crate) fn delete(stream: Handle, mode: u32) -> PalResult {
    match table().get::<Stream>(stream) {
        Ok(stream) if mode <= deleting::WRITE => stream.ops.delete(mode).map(|()| Status::Ok),
        Ok(_) => Err(PalError::Invalid),
        Err(PalError::WrongType) => crate::process::delete(stream, mode),
        Err(error) => Err(error),
    }
}

/// `StreamRename`.
pub(crate) fn rename(stream: Handle, uri: InBytes<'_>, uri_len: usize, flags: u32) -> PalResult {
    let stream = table().get::<Stream>(stream)?;
    let uri = user::name(uri, uri_len, URI_MAX)?;
    stream.ops.rename(&uri, flags).map(|()| Status::Ok)
}

/// `StreamGetName`.
pub(crate) fn get_name(stream: Handle, buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> PalResult {
    let uri = table().get::<Stream>(stream)?.ops.uri()?;
    user::give(&uri, buf, cap, len).map(|()| Status::Ok)
}

/// `StreamEnumerateChildren`.
pub(crate) fn enumerate_children(
    dir: Handle,
    cookie: InOut<'_, u64>,
    buf: OutBytes<'_>,
    cap: usize,
    len: Out<'_, u32>,
) -> PalResult {
    let stream = table().get::<Stream>(dir)?;
    let at = user::read_inout(cookie)?;
    user::write_inout(cookie, at)?;
    user::probe(len)?;
    let (records, next) = stream.ops.enumerate(at, cap.min(ENUMERATE_MAX))?;
    crate::sys::copy::write_bytes(buf.addr(), &records)?;
    user::write(len, u32::try_from(records.len()).map_err(|_| PalError::Invalid)?)?;
    user::write_inout(cookie, next)?;
    Ok(if records.is_empty() { Status::EndOfStream } else { Status::Ok })
}

fn check_size(size: u32) -> Result<(), PalError> {
    if (size as usize) < size_of::<Attr>() { Err(PalError::Invalid) } else { Ok(()) }
}

/// `StreamAttributesQuery`.
pub(crate) fn attributes_query(
    uri: InBytes<'_>,
    uri_len: usize,
    attr: Out<'_, Attr>,
    size: u32,
    flags: u32,
) -> PalResult {
    let uri = user::name(uri, uri_len, URI_MAX)?;
    check_size(size)?;
    if flags & !query::NOFOLLOW != 0 {
        return Err(PalError::Invalid);
    }
    let (scheme, path) = split(&uri)?;
    let mut result = Attr::ZERO;
    match scheme {
        b"file" | b"dir" => {
            let last = if flags & query::NOFOLLOW == 0 { Last::Follow } else { Last::Keep };
            match policy().resolve(path, last)? {
                Place::Virtual(_) => dir::virtual_attributes(&mut result),
                Place::Host(location) => {
                    let flags = options_of::PATH_ONLY | options_of::NOFOLLOW;
                    node::NodeBase::open(location, 0, flags)?.attributes(&mut result)?;
                }
            }
            if scheme == b"dir" && result.kind != pal_abi::flags::node::DIRECTORY {
                return Err(PalError::NotDir);
            }
        }
        b"dev" => {
            let stream = dev::open(path, access::READ, 0)?;
            fill(&stream, &mut result)?;
        }
        _ => return Err(PalError::NotSupported),
    }
    user::write(attr, result)?;
    Ok(Status::Ok)
}

fn fill(stream: &Stream, attr: &mut Attr) -> Result<(), PalError> {
    attr.kind = stream.ops.kind();
    attr.flags = stream.flags();
    attr.valid = valid::FLAGS;
    stream.ops.attributes(attr)
}

/// `StreamAttributesQueryByHandle`.
pub(crate) fn attributes_query_by_handle(stream: Handle, attr: Out<'_, Attr>, size: u32) -> PalResult {
    let stream = table().get::<Stream>(stream)?;
    check_size(size)?;
    let mut result = Attr::ZERO;
    fill(&stream, &mut result)?;
    user::write(attr, result)?;
    Ok(Status::Ok)
}

/// `StreamAttributesSetByHandle`.
pub(crate) fn attributes_set_by_handle(
    stream: Handle,
    attr: In<'_, Attr>,
    size: u32,
    mask: u32,
) -> PalResult {
    let stream = table().get::<Stream>(stream)?;
    check_size(size)?;
    let attr = user::read(attr)?;
    // The bits below the first that is for queries only, and the three behind those.
    let settable = (valid::FILE - 1) | valid::DISCARD_INPUT | valid::DISCARD_OUTPUT | valid::SEALS;
    if mask & !settable != 0 {
        return Err(PalError::Invalid);
    }
    stream.ops.set_attributes(&attr, mask)?;
    if mask & valid::FLAGS != 0 {
        stream.set_flags(attr.flags);
    }
    Ok(Status::Ok)
}

/// `StreamGetEvent`.
pub(crate) fn get_event(stream: Handle, which: u32, to: Out<'_, Handle>) -> PalResult {
    let stream = table().get::<Stream>(stream)?;
    if which > event::URGENT {
        return Err(PalError::Invalid);
    }
    if which == event::CONTROL && stream.ops.is_console() {
        user::give_object(to, crate::process::control_stream()?)?;
        return Ok(Status::Ok);
    }
    if matches!(stream.ops.event_source(which), WaitSource::None) {
        return Err(PalError::NotSupported);
    }
    user::give_object(to, Arc::new(StreamEvent { stream, which }))?;
    Ok(Status::Ok)
}
