//! Names in the layer below. Paths here are absolute and without `..`.

use alloc::vec::Vec;

use pal_abi::flags::{node, open as options};
use pal_abi::{Attr, Handle, PalError};

use super::path::{Last, Links};
use crate::error::Errno;
use crate::pal::{self, Owned};

/// The URI of a path.
#[must_use]
pub fn uri(path: &[u8]) -> Vec<u8> {
    [b"file:", path].concat()
}

/// The attributes of what lies at a path.
///
/// # Errors
/// Those of `StreamAttributesQuery`.
pub fn attributes(path: &[u8], last: Last) -> Result<Attr, PalError> {
    pal::attributes_of(&uri(path), last)
}

/// Opens a directory to list it.
///
/// # Errors
/// As open(2).
pub fn open_directory(path: &[u8]) -> Result<Owned, Errno> {
    Ok(pal::open(&uri(path), pal_abi::flags::access::READ, options::DIRECTORY)?)
}

/// Opens a directory to change names in it.
///
/// # Errors
/// As open(2).
pub fn open_parent(path: &[u8]) -> Result<Owned, Errno> {
    Ok(pal::open(&uri(path), 0, options::DIRECTORY | options::PATH_ONLY)?)
}

/// Opens a node for its attributes only.
///
/// # Errors
/// As open(2).
pub fn open_node(path: &[u8], last: Last) -> Result<Owned, Errno> {
    let follow = if last == Last::Keep { options::NOFOLLOW } else { 0 };
    Ok(pal::open(&uri(path), 0, options::PATH_ONLY | follow)?)
}

/// The text of a link.
///
/// # Errors
/// As readlink(2).
pub fn read_link(link: Handle) -> Result<Vec<u8>, Errno> {
    let mut text = alloc::vec![0; 4096];
    let mut len = 0u32;
    let cap = text.len();
    pal::nodes().read_link(link, text.as_mut_slice().into(), cap, (&mut len).into())?;
    text.truncate(len as usize);
    Ok(text)
}

/// The links of the mounted files, and those of our own file systems in front of them.
#[derive(Clone, Copy, Debug)]
pub struct Mounted;

impl Links for Mounted {
    fn link(&self, path: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        if let Some(found) = super::pseudo::lookup(path) {
            return Ok(match found? {
                super::pseudo::Node::Link(target) => Some(target),
                _ => None,
            });
        }
        let attr = match attributes(path, Last::Keep) {
            Ok(attr) => attr,
            // A folder in which only names of our own lie.
            Err(_) if super::pseudo::names(path).is_some() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if attr.kind != node::LINK {
            return Ok(None);
        }
        let link = open_node(path, Last::Keep)?;
        read_link(link.get()).map(Some)
    }
}
