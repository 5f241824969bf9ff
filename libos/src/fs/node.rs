//! Making nodes: directories, FIFOs, sockets, devices and empty files.

use super::lookup::{self, open_folder};
use super::pseudo;
use crate::error::{Errno, SysResult};
use crate::pal;
use crate::task::process::process;

/// Makes a node at an absolute path; `mode` with the type bits, before the mask.
///
/// # Errors
/// As mknod(2) and mkdir(2).
pub fn make(at: &[u8], mode: u32, device: u64) -> SysResult {
    let mut place = match lookup::place(at, |_| Errno::EEXIST) {
        // What we make up ourselves exists.
        Err(Errno::EPERM) => return Err(Errno::EEXIST),
        other => other?,
    };
    if pseudo::lookup(&place.path()).is_some()
        || pseudo::lookup(&place.folder).is_some_and(|n| n.is_ok()) && place.folder.starts_with(b"/proc")
    {
        return Err(Errno::EEXIST);
    }
    let folder = open_folder(&mut place)?;
    let mode = mode & !process().fs.lock().umask;
    let name = place.name.as_slice();
    pal::nodes().make_node(folder.get(), name.into(), name.len(), mode, device)?;
    Ok(0)
}
