//! Pipes: two streams of the layer below.

use alloc::format;
use alloc::sync::Arc;

use pal_abi::flags::access;
use pal_abi::{Handle, Pal as _};

use super::file::{HostFile, Object, OpenFile, o};
use crate::error::Errno;
use crate::pal::{self, Owned, pal};

/// The other end of an unnamed stream.
fn peer(of: &Owned) -> Result<Owned, Errno> {
    let mut handle = Handle::NONE;
    pal().stream_wait_for_client(of.get(), 0, (&mut handle).into())?;
    Ok(Owned::new(handle))
}

fn file(handle: Owned, flags: u32, kind: &str) -> Result<Arc<OpenFile>, Errno> {
    let attr = pal::attributes(handle.get())?;
    let name = format!("{kind}:[{}]", attr.inode).into_bytes();
    Ok(Arc::new(OpenFile::new(Object::Host(HostFile::new(handle, &attr)), flags, name)?))
}

/// A pipe: the end to read, the end to write. `flags`: `O_NONBLOCK` and the like.
///
/// # Errors
/// `EMFILE`, `ENFILE`.
pub fn pipe(flags: u32) -> Result<(Arc<OpenFile>, Arc<OpenFile>), Errno> {
    let reader = pal::open(b"pipe:", access::READ, 0)?;
    let writer = peer(&reader)?;
    Ok((file(reader, flags, "pipe")?, file(writer, flags | o::WRONLY, "pipe")?))
}
