//! Objects on their way to another process: a tag, the type's own record, and descriptors.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use pal_abi::PalError;
use pal_abi::flags::stream as bits;

use crate::event::{Event, Reset};
use crate::handle::{Export, Object};
use crate::policy::Location;
use crate::stream::node::NodeBase;
use crate::stream::{anon, channel, console, counter, dir, file, pipe, pty, timer, watch};

/// `null:`.
pub(crate) const NULL: u32 = 1;
/// `anon:`.
pub(crate) const ANON: u32 = 2;
/// `console:`.
pub(crate) const CONSOLE: u32 = 3;
/// `dev:`.
pub(crate) const DEVICE: u32 = 4;
/// `pipe:`.
pub(crate) const PIPE: u32 = 5;
/// `pipe.srv:`.
pub(crate) const PIPE_SERVER: u32 = 6;
/// A file-system node.
pub(crate) const NODE: u32 = 7;
/// An event.
pub(crate) const EVENT: u32 = 8;
/// A channel between processes.
pub(crate) const CHANNEL: u32 = 9;
/// A process.
pub(crate) const PROCESS: u32 = 10;
/// `tcp:`.
pub(crate) const TCP: u32 = 11;
/// `tcp.srv:`.
pub(crate) const TCP_SERVER: u32 = 12;
/// `udp:`.
pub(crate) const UDP: u32 = 13;
/// A socket of the group `Sockets`.
pub(crate) const SOCKET: u32 = 14;
/// `counter:`.
pub(crate) const COUNTER: u32 = 15;
/// `timer:`.
pub(crate) const TIMER: u32 = 16;
/// `watch:`.
pub(crate) const WATCH: u32 = 17;
/// `pty:`.
pub(crate) const PTY: u32 = 18;

/// Descriptors of an export, at most.
pub(crate) const FDS_MAX: usize = 2;

/// The export of a node: its descriptor, that of the directory it was found in, and its names.
///
/// # Errors
/// `TooMany`.
pub(crate) fn node(base: &NodeBase, writes: bool) -> Result<Export, PalError> {
    let location = base.location();
    let copy = |fd: &OwnedFd| fd.try_clone().map_err(|_| PalError::TooMany);
    let mut data = vec![u8::from(writes), u8::from(base.path_only)];
    data.extend(base.kind.to_ne_bytes());
    data.extend(u32::try_from(base.root).unwrap_or(u32::MAX).to_ne_bytes());
    data.extend(u32::try_from(location.name.len()).unwrap_or(0).to_ne_bytes());
    data.extend(&location.name);
    data.extend(&location.path);
    Ok(Export { tag: NODE, data, fds: vec![copy(&base.fd)?, copy(&location.parent)?] })
}

fn word(data: &[u8], at: usize) -> Result<u32, PalError> {
    let bytes = data.get(at..at + 4).and_then(|b| b.try_into().ok()).ok_or(PalError::Invalid)?;
    Ok(u32::from_ne_bytes(bytes))
}

fn import_node(data: &[u8], mut fds: Vec<OwnedFd>, flags: u32) -> Result<Arc<dyn Object>, PalError> {
    let (Some(parent), Some(fd)) = (fds.pop(), fds.pop()) else { return Err(PalError::Invalid) };
    let &[writes, path_only, ..] = data else { return Err(PalError::Invalid) };
    let (kind, root, name) = (word(data, 2)?, word(data, 6)? as usize, word(data, 10)? as usize);
    let location = Location {
        parent: Arc::new(parent),
        name: data.get(14..14 + name).ok_or(PalError::Invalid)?.to_vec(),
        path: data.get(14 + name..).ok_or(PalError::Invalid)?.to_vec(),
        root,
        must_be_dir: false,
    };
    let base = NodeBase::from_parts(fd, kind, path_only != 0, location);
    Ok(match kind {
        pal_abi::flags::node::DIRECTORY => crate::stream::Stream::new(dir::Dir::new(base), flags),
        pal_abi::flags::node::FIFO if path_only == 0 => {
            crate::stream::Stream::new(pipe::Fifo::new(base), flags)
        }
        _ => crate::stream::Stream::new(file::import(base, writes != 0), flags),
    })
}

/// An object from another process of the family; its record is hostile until proven whole.
///
/// # Errors
/// `Invalid` where the record is not whole, `NotSupported` for a tag nobody knows.
pub(crate) fn import(mut export: Export) -> Result<Arc<dyn Object>, PalError> {
    if export.tag == EVENT {
        let reset = if export.data.first() == Some(&1) { Reset::Auto } else { Reset::Manual };
        return Ok(Arc::new(Event::import(export.fds.pop().ok_or(PalError::Invalid)?, reset)));
    }
    if export.tag == PROCESS {
        return crate::process::import(export);
    }
    let flags = word(&export.data, 0)?;
    export.data.drain(..4);
    let first = export.data.first().copied().unwrap_or(0);
    if export.tag == NODE {
        return import_node(&export.data, export.fds, flags);
    }
    if export.tag == NULL {
        return Ok(crate::stream::null(flags));
    }
    if export.tag == CHANNEL {
        return Ok(channel::import(export.fds)?);
    }
    let fd = export.fds.pop().ok_or(PalError::Invalid)?;
    Ok(match export.tag {
        ANON => anon::from_fd(fd, flags & !bits::SEEKABLE),
        CONSOLE => {
            let name: &[u8] = match first {
                0 => b"console:stdin",
                1 => b"console:stdout",
                2 => b"console:stderr",
                _ => b"console:",
            };
            console::from_fd(fd, name, flags)
        }
        DEVICE => crate::stream::device(fd, &export.data, flags)?,
        PIPE => pipe::import(fd, first != 0, flags),
        PTY => pty::import(fd, first, flags),
        PIPE_SERVER => pipe::serving(fd, &export.data, flags),
        COUNTER => counter::import(fd, first != 0, flags),
        TIMER => timer::import(fd, first, flags),
        WATCH => watch::import(fd, flags),
        tag => crate::stream::socket::import(tag, fd, flags)?,
    })
}
