//! `open`: from a path and flags to an open file.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pal_abi::PalError;
use pal_abi::flags::{access, node, open as options, with_mode};

use super::file::{HostFile, Object, OpenFile, o, open_host};
use super::path::{self, Last};
use super::pseudo::{self, Node};
use super::stat::mode as st_mode;
use super::text::TextFile;
use super::{directory, host, lookup, pty, table};
use crate::error::Errno;
use crate::pal;
use crate::task::process::process;

/// Opens an absolute path. `mode` counts only where something is created, the mask already taken off.
///
/// # Errors
/// As open(2).
pub fn open(path: &[u8], flags: u32, mode: u32) -> Result<Arc<OpenFile>, Errno> {
    let creating = flags & o::CREAT != 0;
    let temporary = flags & o::TMPFILE == o::TMPFILE;
    if creating && !temporary && path::wants_directory(path) {
        return Err(Errno::EISDIR);
    }
    if flags & o::PATH != 0 {
        return open_path(path, flags);
    }
    let keep = flags & o::NOFOLLOW != 0 || creating && flags & o::EXCL != 0;
    let last = if keep && !path::wants_directory(path) { Last::Keep } else { Last::Follow };
    if let Some(clean) = lookup::plain(path) {
        match below(&clean, path, flags, mode) {
            Ok(file) => return Ok(file),
            // Perhaps a link leads to one of our own.
            Err(Errno::ENOENT) => {}
            Err(error) => return Err(error),
        }
    }
    let resolved = lookup::resolve(path, last)?;
    match pseudo::lookup(&resolved) {
        Some(node) => ours(&resolved, node?, path, flags, last),
        None => below(&resolved, path, flags, mode),
    }
}

/// Opens a path of the layer below.
fn below(clean: &[u8], given: &[u8], flags: u32, mode: u32) -> Result<Arc<OpenFile>, Errno> {
    let wants_directory = flags & o::DIRECTORY != 0 || path::wants_directory(given);
    let temporary = flags & o::TMPFILE == o::TMPFILE;
    if wants_directory && !temporary {
        return open_directory(clean, flags);
    }
    let (mut rights, mut how) = (0, 0);
    match flags & o::ACCMODE {
        o::WRONLY => rights |= access::WRITE,
        o::RDWR => rights |= access::READ | access::WRITE,
        _ => rights |= access::READ,
    }
    let table = [
        (o::TRUNC, options::TRUNCATE),
        (o::NONBLOCK, options::NONBLOCK),
        (o::NOFOLLOW, options::NOFOLLOW),
        (o::DSYNC, options::SYNC),
    ];
    for (bit, option) in table {
        if flags & bit != 0 {
            how |= option;
        }
    }
    if temporary {
        how = with_mode(how | options::TEMPORARY, mode);
    } else if flags & o::CREAT != 0 {
        how |= if flags & o::EXCL != 0 { options::CREATE_NEW } else { options::CREATE };
        how = with_mode(how, mode);
    }
    if rights & access::WRITE != 0 && clean == process().exe() {
        return Err(Errno::ETXTBSY);
    }
    let (handle, attr) = match open_host(clean, rights, how) {
        Ok(opened) => opened,
        Err(PalError::IsDir) if rights == access::READ && flags & o::CREAT == 0 => {
            return open_directory(clean, flags);
        }
        Err(PalError::Interrupted) => return Err(Errno::ERESTARTSYS),
        Err(error) => return Err(error.into()),
    };
    if attr.kind == node::DIRECTORY {
        drop(handle);
        if rights != access::READ || flags & o::CREAT != 0 {
            return Err(Errno::EISDIR);
        }
        return open_directory(clean, flags);
    }
    if attr.kind == node::LINK {
        return Err(Errno::ELOOP);
    }
    let object = Object::Host(HostFile::new(handle, &attr));
    Ok(Arc::new(OpenFile::new(object, flags, clean.to_vec())?))
}

fn open_directory(clean: &[u8], flags: u32) -> Result<Arc<OpenFile>, Errno> {
    if flags & o::NOFOLLOW != 0 && host::attributes(clean, Last::Keep).is_ok_and(|a| a.kind == node::LINK) {
        return Err(if flags & o::DIRECTORY != 0 { Errno::ENOTDIR } else { Errno::ELOOP });
    }
    let directory = directory::open(clean)?;
    if flags & o::ACCMODE != 0 {
        return Err(Errno::EISDIR);
    }
    Ok(Arc::new(OpenFile::new(Object::Directory(directory), flags, clean.to_vec())?))
}

/// Opens something the library OS makes up.
fn ours(resolved: &[u8], node: Node, given: &[u8], flags: u32, last: Last) -> Result<Arc<OpenFile>, Errno> {
    if flags & (o::CREAT | o::EXCL) == o::CREAT | o::EXCL {
        return Err(Errno::EEXIST);
    }
    let directory_only = flags & o::DIRECTORY != 0 || path::wants_directory(given);
    if directory_only && !matches!(node, Node::Directory) {
        return Err(Errno::ENOTDIR);
    }
    let object = match node {
        Node::Directory if flags & o::ACCMODE != 0 => return Err(Errno::EISDIR),
        Node::Directory => Object::Directory(directory::open(resolved)?),
        Node::Text(_) if flags & o::ACCMODE != 0 => return Err(Errno::EACCES),
        Node::Text(text) => Object::Text(TextFile::new(text)),
        Node::Device(device) => Object::Device(device),
        Node::Terminal => return open_terminal(flags),
        Node::Ptmx => return pty::open_master(flags),
        Node::Pts(pts) => return pty::open_slave(pty::find(pts).ok_or(Errno::ENOENT)?, flags),
        Node::Descriptor(fd) if last == Last::Follow => return reopen(fd, flags),
        Node::Descriptor(_) | Node::Link(_) => return Err(Errno::ELOOP),
    };
    Ok(Arc::new(OpenFile::new(object, flags, resolved.to_vec())?))
}

/// `/dev/tty`: the controlling terminal.
fn open_terminal(flags: u32) -> Result<Arc<OpenFile>, Errno> {
    let line = pty::of_session(process().member().session()).ok_or(Errno::ENXIO)?;
    if line.pts().is_some() {
        return pty::open_slave(line, flags | o::NOCTTY);
    }
    let handle = pal::open(b"dev:tty", access::READ | access::WRITE, 0).map_err(|_| Errno::ENXIO)?;
    let attr = pal::attributes(handle.get())?;
    let object = Object::Host(HostFile::new(handle, &attr));
    Ok(Arc::new(OpenFile::new(object, flags, b"/dev/tty".to_vec())?))
}

/// `/proc/self/fd/N` of something that has no path: the object itself, opened anew.
fn reopen(fd: u32, flags: u32) -> Result<Arc<OpenFile>, Errno> {
    let file = table::get(fd)?;
    let object = match &file.object {
        Object::Socket(_) => return Err(Errno::ENXIO),
        Object::Device(device) => Object::Device(*device),
        Object::Text(text) => Object::Text(text.again()),
        _ if file.is_unnamed() => return Err(Errno::ENXIO),
        Object::Host(host) if host.kind == node::MEMORY => Object::Host(host.again()?),
        _ => return same(file, flags),
    };
    Ok(Arc::new(OpenFile::new(object, flags, file.path.clone())?))
}

/// Another reference to the same stream; what it may do does not grow.
fn same(file: Arc<OpenFile>, flags: u32) -> Result<Arc<OpenFile>, Errno> {
    let allowed = match flags & o::ACCMODE {
        o::WRONLY => file.writable,
        o::RDWR => file.readable && file.writable,
        _ => file.readable,
    };
    if allowed { Ok(file) } else { Err(Errno::EACCES) }
}

/// `O_PATH`: a node's name and attributes.
fn open_path(given: &[u8], flags: u32) -> Result<Arc<OpenFile>, Errno> {
    let last = if flags & o::NOFOLLOW != 0 { Last::Keep } else { Last::Follow };
    let stat = lookup::stat(given, last)?;
    if flags & o::DIRECTORY != 0 && stat.kind() != st_mode::DIRECTORY {
        return Err(Errno::ENOTDIR);
    }
    let resolved: Vec<u8> = lookup::resolve(given, last)?;
    Ok(Arc::new(OpenFile::new(Object::Path(stat), flags, resolved)?))
}
