//! Open files that travel over UNIX sockets (SCM_RIGHTS).
//!
//! The layer below carries a handle, with the number of the open file's slot as its tag. While it is under way it holds a
//! reference to the slot, which becomes the receiver's: offset and status flags stay shared with the sender.
//!
//! What is lost with a socket that nobody reads keeps its slot until the family ends.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pal_abi::flags::node;
use pal_abi::{Handle, Layout as _, Pal as _, PassedHandle};

use super::Socket;
use crate::error::Errno;
use crate::fs::directory::Directory;
use crate::fs::file::{HostFile, Object, OpenFile};
use crate::fs::shared::Slot;
use crate::fs::table;
use crate::pal::{self, Owned, pal};

/// Most descriptors of one message (`SCM_MAX_FD`).
pub const MAX: usize = 253;

/// Files on their way. Dropped unsent, they give their references back.
#[derive(Debug, Default)]
pub struct Parcel {
    files: Vec<Arc<OpenFile>>,
    sent: bool,
}

impl Parcel {
    /// Files that can travel.
    ///
    /// # Errors
    /// `EBADF`; `EINVAL` for more than fit, `EOPNOTSUPP` for a file that the library OS makes up itself.
    pub fn of(fds: &[u32]) -> Result<Self, Errno> {
        if fds.len() > MAX {
            return Err(Errno::EINVAL);
        }
        let files = fds.iter().map(|&fd| table::get(fd)).collect::<Result<Vec<_>, _>>()?;
        if files.iter().any(|file| handle_of(file).is_none()) {
            return Err(Errno::EOPNOTSUPP);
        }
        files.iter().for_each(|file| file.slot.lend());
        Ok(Self { files, sent: false })
    }

    /// Whether there is anything in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What the layer below is given.
    #[must_use]
    pub fn records(&self) -> Vec<u8> {
        let record = |file: &Arc<OpenFile>| {
            let handle = handle_of(file).unwrap_or(Handle::NONE);
            PassedHandle { handle, reserved: 0, tag: file.slot.number() as u64 }.as_bytes().to_vec()
        };
        self.files.iter().flat_map(record).collect()
    }

    /// It is under way.
    pub fn sent(mut self) {
        self.sent = true;
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if !self.sent {
            self.files.iter().for_each(|file| file.slot.take_back());
        }
    }
}

fn handle_of(file: &OpenFile) -> Option<Handle> {
    match &file.object {
        Object::Host(host) => Some(host.handle.get()),
        Object::Socket(socket) => Some(socket.handle()),
        Object::Directory(Directory { handle: Some(handle), .. }) => Some(handle.get()),
        _ => None,
    }
}

/// The files of a message. What cannot be taken over is left out; `peeked`: the message stays where it is.
#[must_use]
pub fn received(records: &[u8], peeked: bool) -> Vec<Arc<OpenFile>> {
    let passed = records.chunks(size_of::<PassedHandle>()).filter_map(PassedHandle::read_from);
    passed.filter_map(|passed| file(Owned::new(passed.handle), passed.tag, peeked).ok()).collect()
}

fn file(handle: Owned, tag: u64, peeked: bool) -> Result<Arc<OpenFile>, Errno> {
    let slot = Slot::adopt(usize::try_from(tag).map_err(|_| Errno::EINVAL)?)?;
    if peeked {
        slot.lend();
    }
    let attr = pal::attributes(handle.get())?;
    let path = path(&handle, attr.kind, attr.inode);
    let object = match attr.kind {
        node::SOCKET => Object::Socket(Socket::received(handle)?),
        node::DIRECTORY => Object::Directory(Directory {
            handle: Some(handle),
            listing: None,
            own: None,
            path: path.clone(),
        }),
        _ => Object::Host(HostFile::new(handle, &attr)),
    };
    Ok(Arc::new(OpenFile::shared(object, slot, path)))
}

/// Where `/proc` says it is.
fn path(handle: &Owned, kind: u32, inode: u64) -> Vec<u8> {
    let of = match kind {
        node::SOCKET => return format!("socket:[{inode}]").into_bytes(),
        node::FIFO => format!("pipe:[{inode}]").into_bytes(),
        _ => Vec::new(),
    };
    let mut uri = alloc::vec![0; 4096 + 16];
    let (cap, mut len) = (uri.len(), 0u32);
    let told = pal().stream_get_name(handle.get(), uri.as_mut_slice().into(), cap, (&mut len).into());
    uri.truncate(len as usize);
    match uri.strip_prefix(b"file:").or_else(|| uri.strip_prefix(b"dir:")) {
        Some(path) if told.is_ok() => path.to_vec(),
        _ => of,
    }
}
