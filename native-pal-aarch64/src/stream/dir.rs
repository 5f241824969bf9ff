//! `dir:` — directories, real ones and those the mappings make.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use pal_abi::flags::{access, delete as deleting, node, open, stream as bits};
use pal_abi::{Attr, DirRecord, Layout, PalError};
use rustix::fs::{FileType, Mode, OFlags, RawDir, SeekFrom, openat, seek};
use rustix::io::Errno;

use super::node::{NodeBase, stream_flags};
use super::{Node, Ops, Stream};
use crate::handle::{Export, WaitSource};
use crate::policy::{file_error, policy};

/// Cookies of the children that mappings add, after the host's.
const MAPPED: u64 = 1 << 63;

/// A directory of the host.
#[derive(Debug)]
pub(crate) struct Dir {
    base: NodeBase,
    /// A description of its own, whose position nobody shares: made at the first enumeration, and again in the
    /// child of a clone.
    list: Mutex<Option<OwnedFd>>,
}

impl Dir {
    /// An open directory.
    pub(crate) fn new(base: NodeBase) -> Self {
        Self { base, list: Mutex::new(None) }
    }

    /// Records of the host's children from `cookie` on; whether the end was reached.
    fn host_children(&self, records: &mut Records, cookie: u64) -> Result<bool, Errno> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let fd = match &mut *list {
            Some(fd) => fd,
            none => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                none.insert(openat(&self.base.fd, c".", flags, Mode::empty())?)
            }
        };
        seek(fd.as_fd(), SeekFrom::Start(cookie))?;
        let mut buf = Vec::with_capacity(32 << 10);
        let mut entries = RawDir::new(fd.as_fd(), buf.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                records.skip(entry.next_entry_cookie());
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => node::UNKNOWN,
                known => super::node::kind_of(known.as_raw_mode()),
            };
            if !records.push(name, kind, entry.ino(), entry.next_entry_cookie()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Directory records being collected.
struct Records {
    bytes: Vec<u8>,
    cap: usize,
    next: u64,
}

impl Records {
    fn new(cap: usize, cookie: u64) -> Self {
        Self { bytes: Vec::new(), cap, next: cookie }
    }

    /// Adds a record; `false` where it does not fit.
    fn push(&mut self, name: &[u8], kind: u32, id: u64, next: u64) -> bool {
        let size = (size_of::<DirRecord>() + name.len()).next_multiple_of(8);
        if self.bytes.len() + size > self.cap {
            return false;
        }
        let (Ok(record_size), Ok(name_size)) = (u32::try_from(size), u32::try_from(name.len())) else {
            return false;
        };
        let record = DirRecord { record_size, kind, id, next, name_size, reserved: 0 };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record.as_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.resize(start + size, 0);
        self.next = next;
        true
    }

    fn skip(&mut self, next: u64) {
        if self.bytes.is_empty() {
            self.next = next;
        }
    }
}

/// Adds the children that mappings make, those the host does not have itself.
fn mapped_children(path: &[u8], records: &mut Records, cookie: u64, host: Option<&NodeBase>) -> bool {
    let from = usize::try_from(cookie & !MAPPED).unwrap_or(usize::MAX);
    for (index, (name, is_dir)) in policy().mapped_children(path).into_iter().enumerate().skip(from) {
        let next = MAPPED | (index as u64 + 1);
        let exists = host.is_some_and(|h| {
            rustix::fs::statat(&h.fd, &name[..], rustix::fs::AtFlags::SYMLINK_NOFOLLOW).is_ok()
        });
        if exists {
            records.skip(next);
            continue;
        }
        let kind = if is_dir { node::DIRECTORY } else { node::FILE };
        // No host object stands behind it: a number of its own, never 0.
        if !records.push(&name, kind, next, next) {
            return false;
        }
    }
    true
}

fn finish(records: Records, complete: bool) -> Result<(Vec<u8>, u64), PalError> {
    if records.bytes.is_empty() && !complete {
        return Err(PalError::BufferTooSmall);
    }
    Ok((records.bytes, records.next))
}

impl Ops for Dir {
    fn kind(&self) -> u32 {
        node::DIRECTORY
    }

    fn read(&self, _: u64, _: crate::user::Buffer, _: bool) -> Result<super::Transfer, PalError> {
        Err(PalError::IsDir)
    }

    fn write(&self, _: u64, _: crate::user::Buffer, _: bool) -> Result<super::Transfer, PalError> {
        Err(PalError::IsDir)
    }

    fn set_length(&self, _: u64) -> Result<(), PalError> {
        Err(PalError::IsDir)
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        super::always_ready(which)
    }

    fn enumerate(&self, cookie: u64, cap: usize) -> Result<(Vec<u8>, u64), PalError> {
        if self.base.path_only {
            return Err(PalError::Denied);
        }
        let mut records = Records::new(cap, cookie);
        let mut complete = true;
        if cookie & MAPPED == 0 {
            complete = self.host_children(&mut records, cookie).map_err(file_error)?;
        }
        if complete {
            complete = mapped_children(
                &self.base.location().path,
                &mut records,
                if cookie & MAPPED == 0 { 0 } else { cookie },
                Some(&self.base),
            );
        }
        finish(records, complete)
    }

    fn flush(&self) -> Result<(), PalError> {
        if self.base.path_only {
            return Err(PalError::Denied);
        }
        match rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.base.fd)) {
            Err(Errno::INVAL | Errno::ROFS) => Ok(()),
            other => other.map_err(file_error),
        }
    }

    fn delete(&self, mode: u32) -> Result<(), PalError> {
        match mode {
            deleting::ALL => self.base.delete(),
            deleting::READ | deleting::WRITE => Err(PalError::NotSupported),
            _ => Err(PalError::Invalid),
        }
    }

    fn rename(&self, uri: &[u8], flags: u32) -> Result<(), PalError> {
        let path =
            uri.strip_prefix(b"dir:").or_else(|| uri.strip_prefix(b"file:")).ok_or(PalError::Invalid)?;
        self.base.rename(path, flags)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok([b"dir:", &self.base.location().path[..]].concat())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        self.base.attributes(attr)
    }

    fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        self.base.set_attributes(attr, mask)
    }

    fn node(&self) -> Result<Node<'_>, PalError> {
        Ok(Node { fd: self.base.fd.as_fd(), base: &self.base })
    }

    fn export(&self) -> Result<Export, PalError> {
        crate::export::node(&self.base, false)
    }

    fn after_clone(&self) {
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A directory that exists because mappings lie below it.
#[derive(Debug)]
pub(crate) struct VirtualDir {
    path: Vec<u8>,
}

/// Opens a virtual directory.
///
/// # Errors
/// `IsDir` where it would be written, `Exists` where it would be created.
pub(crate) fn open_virtual(
    path: Vec<u8>,
    wanted: u32,
    options: u32,
) -> Result<std::sync::Arc<Stream>, PalError> {
    if options & open::CREATE_NEW != 0 {
        return Err(PalError::Exists);
    }
    if wanted & access::WRITE != 0 || options & (open::CREATE | open::TRUNCATE | open::TEMPORARY) != 0 {
        return Err(PalError::IsDir);
    }
    Ok(Stream::new(VirtualDir { path }, stream_flags(wanted, options) & !bits::SEEKABLE))
}

impl VirtualDir {
    /// Its path.
    fn fill(attr: &mut Attr) {
        attr.valid |= pal_abi::flags::attr::MODE | pal_abi::flags::attr::FILE;
        attr.kind = node::DIRECTORY;
        attr.mode = 0o555;
        attr.nlink = 2;
        attr.inode = 1;
        attr.block_size = 4096;
    }
}

/// The attributes of a virtual directory.
pub(crate) fn virtual_attributes(attr: &mut Attr) {
    VirtualDir::fill(attr);
}

impl Ops for VirtualDir {
    fn kind(&self) -> u32 {
        node::DIRECTORY
    }

    fn read(&self, _: u64, _: crate::user::Buffer, _: bool) -> Result<super::Transfer, PalError> {
        Err(PalError::IsDir)
    }

    fn write(&self, _: u64, _: crate::user::Buffer, _: bool) -> Result<super::Transfer, PalError> {
        Err(PalError::IsDir)
    }

    fn set_length(&self, _: u64) -> Result<(), PalError> {
        Err(PalError::IsDir)
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        super::always_ready(which)
    }

    fn enumerate(&self, cookie: u64, cap: usize) -> Result<(Vec<u8>, u64), PalError> {
        let mut records = Records::new(cap, cookie);
        let complete = mapped_children(&self.path, &mut records, cookie, None);
        finish(records, complete)
    }

    fn delete(&self, mode: u32) -> Result<(), PalError> {
        if mode > deleting::WRITE { Err(PalError::Invalid) } else { Err(PalError::Busy) }
    }

    fn rename(&self, _: &[u8], _: u32) -> Result<(), PalError> {
        Err(PalError::Busy)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok([b"dir:", &self.path[..]].concat())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        Self::fill(attr);
        Ok(())
    }

    fn set_attributes(&self, _: &Attr, mask: u32) -> Result<(), PalError> {
        if mask & !pal_abi::flags::attr::FLAGS == 0 { Ok(()) } else { Err(PalError::ReadOnly) }
    }

    fn virtual_path(&self) -> Option<&[u8]> {
        Some(&self.path)
    }
}
