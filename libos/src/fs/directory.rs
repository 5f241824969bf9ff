//! Open directories: streams of the layer below, listings of our own, or both.

use alloc::vec::Vec;

use pal_abi::flags::node;
use pal_abi::{DirRecord, Layout as _, Pal as _, Status};

use super::dirent::{Entry, Form};
use super::stat::Stat;
use super::{host, path, pseudo};
use crate::error::Errno;
use crate::pal::{self, Owned, pal};

/// An open directory.
///
/// Positions: 0 is `.`, 1 is `..`, and n+2 the cookie n of the layer below or the n-th name of a listing.
#[derive(Debug)]
pub struct Directory {
    /// The directory of the layer below.
    pub handle: Option<Owned>,
    /// The listing taken when it was opened, where not all comes from below.
    pub listing: Option<Vec<Entry>>,
    /// What the library OS says of a directory of its own.
    pub own: Option<Stat>,
    /// Where it is.
    pub path: Vec<u8>,
}

impl Directory {
    /// What `stat` tells.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn stat(&self) -> Result<Stat, Errno> {
        match (&self.handle, &self.own) {
            (Some(handle), _) => Ok(Stat::from_attr(&pal::attributes(handle.get())?)),
            (None, Some(own)) => Ok(*own),
            (None, None) => Err(Errno::ENOENT),
        }
    }

    fn dot(&self, position: u64) -> Entry {
        let name: &[u8] = if position == 0 { b"." } else { b".." };
        let inode = if position == 0 {
            self.stat().map_or(1, |stat| stat.inode)
        } else {
            super::lookup::stat(path::split(&self.path).0, path::Last::Follow).map_or(1, |stat| stat.inode)
        };
        Entry { inode, next: position + 1, kind: 4, name: name.to_vec() }
    }

    /// Records from `position` on, at most `room` bytes; the new position.
    ///
    /// # Errors
    /// `EINVAL` where not even one fits.
    pub fn read(&self, mut position: u64, form: Form, room: usize) -> Result<(Vec<u8>, u64), Errno> {
        let mut bytes = Vec::new();
        let mut add = |entry: &Entry, position: &mut u64| {
            if bytes.len() + entry.size(form) > room {
                return false;
            }
            entry.encode(form, &mut bytes);
            *position = entry.next;
            true
        };
        let mut full = false;
        while position < 2 && !full {
            full = !add(&self.dot(position), &mut position);
        }
        while !full {
            let entries = self.entries(position - 2)?;
            if entries.is_empty() {
                break;
            }
            for entry in &entries {
                full = !add(entry, &mut position);
                if full {
                    break;
                }
            }
        }
        if bytes.is_empty() && full { Err(Errno::EINVAL) } else { Ok((bytes, position)) }
    }

    /// Some entries from a cookie on; none at the end.
    fn entries(&self, cookie: u64) -> Result<Vec<Entry>, Errno> {
        if let Some(listing) = &self.listing {
            let from = usize::try_from(cookie).unwrap_or(usize::MAX);
            return Ok(listing.get(from..).unwrap_or(&[]).to_vec());
        }
        match &self.handle {
            Some(handle) => children(handle, cookie),
            None => Ok(Vec::new()),
        }
    }
}

/// Some children of a directory of the layer below, from a cookie on.
fn children(handle: &Owned, mut cookie: u64) -> Result<Vec<Entry>, Errno> {
    loop {
        let mut buffer = alloc::vec![0; 8192];
        let mut len = 0u32;
        let cap = buffer.len();
        let status = pal().stream_enumerate_children(
            handle.get(),
            (&mut cookie).into(),
            buffer.as_mut_slice().into(),
            cap,
            (&mut len).into(),
        )?;
        if status == Status::EndOfStream || len == 0 {
            return Ok(Vec::new());
        }
        let entries = parse(buffer.get(..len as usize).unwrap_or(&[]));
        if !entries.is_empty() {
            return Ok(entries);
        }
    }
}

fn parse(mut bytes: &[u8]) -> Vec<Entry> {
    const HEAD: usize = size_of::<DirRecord>();
    let mut entries = Vec::new();
    while let Some(record) = DirRecord::read_from(bytes) {
        let name = bytes.get(HEAD..HEAD + record.name_size as usize).unwrap_or(&[]);
        if name != b"." && name != b".." && !name.is_empty() {
            let kind = if record.kind < 16 { record.kind } else { node::UNKNOWN };
            let kind = u8::try_from(kind).unwrap_or(0);
            entries.push(Entry {
                inode: record.id,
                next: record.next.wrapping_add(2),
                kind,
                name: name.to_vec(),
            });
        }
        match bytes.get(record.record_size as usize..) {
            Some(rest) if record.record_size as usize >= HEAD => bytes = rest,
            _ => break,
        }
    }
    entries
}

/// Opens the directory at an absolute path without links.
///
/// # Errors
/// As open(2).
pub fn open(at: &[u8]) -> Result<Directory, Errno> {
    let own = pseudo::names(at);
    // `/proc` is all ours; beside what we put into `/dev` and the root lies what is mounted there.
    let below = if path::is_below(at, b"/proc") {
        if own.is_none() {
            return Err(Errno::ENOENT);
        }
        None
    } else {
        match host::open_directory(at) {
            Ok(handle) => Some(handle),
            Err(_) if own.is_some() => None,
            Err(error) => return Err(error),
        }
    };
    let mut listing = None;
    if let Some(own) = own {
        let mut all = own;
        if let Some(handle) = &below {
            let mut cookie = 0;
            loop {
                let some = children(handle, cookie)?;
                let Some(last) = some.last() else { break };
                cookie = last.next.wrapping_sub(2);
                for entry in some {
                    if !all.iter().any(|known| known.name == entry.name) {
                        all.push(entry);
                    }
                }
            }
        }
        for (n, entry) in (3u64..).zip(&mut all) {
            entry.next = n;
        }
        listing = Some(all);
    }
    let own = if below.is_none() { Some(pseudo::directory_stat(at)) } else { None };
    Ok(Directory { handle: below, listing, own, path: at.to_vec() })
}
