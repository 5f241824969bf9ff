//! From a path as a program gives it to what it names.
//!
//! The layer below resolves whole paths itself, links included, so one downcall usually suffices. That is not so
//! where the way leads through the library OS's own `/dev` and `/proc`, or through `..`: such paths, and those the layer
//! below does not find, are walked here, component by component.

use alloc::vec::Vec;

use super::path::{self, Last};
use super::pseudo::{self, Node};
use super::stat::{Stat, mode};
use super::{host, pty, table};
use crate::error::Errno;
use crate::task::process::process;

/// `AT_FDCWD`.
pub const AT_FDCWD: u32 = (-100i32).cast_unsigned();

/// The absolute path of `path` relative to a descriptor's folder.
///
/// # Errors
/// `ENOENT` for an empty path, `EBADF`, `ENOTDIR`.
pub fn absolute(dir: u32, path: &[u8]) -> Result<Vec<u8>, Errno> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    if path.starts_with(b"/") {
        return Ok(path.to_vec());
    }
    if dir == AT_FDCWD {
        return Ok(path::join(&process().fs.lock().cwd, path));
    }
    let file = table::get(dir)?;
    if file.stat()?.kind() != mode::DIRECTORY {
        return Err(Errno::ENOTDIR);
    }
    Ok(path::join(&file.path, path))
}

/// The path without empty components and `.`, if the layer below can be asked for it as a whole.
#[must_use]
pub fn plain(path: &[u8]) -> Option<Vec<u8>> {
    let mut clean = Vec::with_capacity(path.len());
    for component in path::components(path) {
        if component == b".." {
            return None;
        }
        clean.push(b'/');
        clean.extend_from_slice(component);
    }
    if clean.is_empty() {
        clean.push(b'/');
    }
    (!pseudo::is_ours(&clean)).then_some(clean)
}

/// The path without links and `..` that an absolute path leads to.
///
/// # Errors
/// As path_resolution(7).
pub fn resolve(path: &[u8], last: Last) -> Result<Vec<u8>, Errno> {
    path::resolve(&host::Mounted, path, last)
}

fn demand_directory(path: &[u8], stat: Stat) -> Result<Stat, Errno> {
    if path::wants_directory(path) && stat.kind() != mode::DIRECTORY { Err(Errno::ENOTDIR) } else { Ok(stat) }
}

/// What `stat` tells of an absolute path.
///
/// # Errors
/// As stat(2).
pub fn stat(path: &[u8], last: Last) -> Result<Stat, Errno> {
    let last = if path::wants_directory(path) { Last::Follow } else { last };
    if let Some(clean) = plain(path)
        && let Ok(attr) = host::attributes(&clean, last)
    {
        return demand_directory(path, Stat::from_attr(&attr));
    }
    let resolved = resolve(path, last)?;
    match pseudo::lookup(&resolved) {
        Some(node) => demand_directory(path, stat_node(&resolved, node?, last)?),
        None => match host::attributes(&resolved, Last::Keep) {
            Ok(attr) => demand_directory(path, Stat::from_attr(&attr)),
            Err(_) if pseudo::names(&resolved).is_some() => Ok(pseudo::directory_stat(&resolved)),
            Err(error) => Err(error.into()),
        },
    }
}

fn stat_node(path: &[u8], node: Node, last: Last) -> Result<Stat, Errno> {
    match node {
        Node::Descriptor(fd) if last == Last::Follow => table::get(fd)?.stat(),
        Node::Link(_) | Node::Descriptor(_) => Ok(pseudo::link_stat(path)),
        Node::Directory => Ok(pseudo::directory_stat(path)),
        Node::Device(device) => Ok(device.stat()),
        Node::Terminal => Ok(pseudo::terminal_stat()),
        Node::Ptmx => Ok(pseudo::ptmx_stat()),
        Node::Pts(pts) => pty::slave_stat(pts),
        Node::Text(_) => Ok(pseudo::text_stat(path)),
    }
}

/// A place in which a name can be made, changed or removed.
#[derive(Debug)]
pub struct Place {
    /// The folder, without links.
    pub folder: Vec<u8>,
    /// The name in it.
    pub name: Vec<u8>,
}

impl Place {
    /// The whole path.
    #[must_use]
    pub fn path(&self) -> Vec<u8> {
        path::join(&self.folder, &self.name)
    }
}

/// Why a path's last component is no name that can be worked on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unnamed {
    /// It is `/`.
    Root,
    /// It is `.`.
    Dot,
    /// It is `..`.
    DotDot,
}

/// The place of the last component of an absolute path, which is not followed itself.
///
/// # Errors
/// As path_resolution(7) for the folder; `unnamed` decides about paths without a last name.
pub fn place(path: &[u8], unnamed: impl Fn(Unnamed) -> Errno) -> Result<Place, Errno> {
    let trimmed = match path.iter().rposition(|&b| b != b'/') {
        Some(end) => &path[..=end],
        None => return Err(unnamed(Unnamed::Root)),
    };
    let (folder, name) = path::split(trimmed);
    match name {
        b"." => return Err(unnamed(Unnamed::Dot)),
        b".." => return Err(unnamed(Unnamed::DotDot)),
        _ if name.len() > 255 => return Err(Errno::ENAMETOOLONG),
        _ => {}
    }
    let folder = match plain(folder) {
        Some(clean) => clean,
        None => resolve(folder, Last::Follow)?,
    };
    match pseudo::lookup(&folder) {
        None | Some(Ok(Node::Directory)) => {}
        Some(Ok(_)) => return Err(Errno::ENOTDIR),
        Some(Err(error)) => return Err(error),
    }
    if pseudo::is_ours(&folder) && pseudo::lookup(&path::join(&folder, name)).is_some() {
        return Err(Errno::EPERM);
    }
    Ok(Place { folder, name: name.to_vec() })
}

/// Opens a place's folder, following links through our own file systems where need be.
///
/// # Errors
/// As path_resolution(7).
pub fn open_folder(place: &mut Place) -> Result<crate::pal::Owned, Errno> {
    match host::open_parent(&place.folder) {
        Err(Errno::ENOENT) => {
            place.folder = resolve(&place.folder, Last::Follow)?;
            host::open_parent(&place.folder)
        }
        result => result,
    }
}
