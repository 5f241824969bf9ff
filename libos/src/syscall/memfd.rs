//! memfd_create(2), and the seals of such files (fcntl(2), `F_ADD_SEALS`).

use alloc::sync::Arc;

use pal_abi::flags::{access, attr, node, seal};
use pal_abi::{Attr, Layout as _};

use super::Call;
use super::arg::{Hex, Ptr};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::file::{HostFile, Object, OpenFile, o};
use crate::fs::table;
use crate::pal;

/// The longest name, with its zero (`MFD_NAME_MAX_LEN`).
const NAME_MAX: u32 = 250;

pub(super) fn memfd_create(_: &mut Call<'_>, name: Ptr, flags: Hex) -> SysResult {
    const CLOEXEC: u32 = 1;
    const ALLOW_SEALING: u32 = 2;
    const HUGETLB: u32 = 4;
    const NOEXEC_SEAL: u32 = 8;
    const EXEC: u32 = 0x10;
    if flags.0 & HUGETLB != 0 {
        // As a kernel without them.
        return Err(if flags.0 & !0xfc00_001f == 0 { Errno::ENOSYS } else { Errno::EINVAL });
    }
    let executable = flags.0 & (NOEXEC_SEAL | EXEC);
    if flags.0 & !(CLOEXEC | ALLOW_SEALING | NOEXEC_SEAL | EXEC) != 0 || executable == NOEXEC_SEAL | EXEC {
        return Err(Errno::EINVAL);
    }
    let name = user::read_string(name.0, NAME_MAX).map_err(|error| match error {
        Errno::ENAMETOOLONG => Errno::EINVAL,
        other => other,
    })?;
    let sealable = flags.0 & (ALLOW_SEALING | NOEXEC_SEAL) != 0;
    let uri: &[u8] = if sealable { b"anon:,sealable" } else { b"anon:" };
    let handle = pal::open(uri, access::READ | access::WRITE, 0)?;
    if executable == NOEXEC_SEAL {
        let mut change = Attr::ZERO;
        (change.mode, change.seals) = (0o666, seal::EXECUTE);
        pal::set_attributes(handle.get(), &change, attr::MODE)?;
        pal::set_attributes(handle.get(), &change, attr::SEALS)?;
    }
    let attr = pal::attributes(handle.get())?;
    let host = HostFile::new(handle, &attr);
    let path = [b"/memfd:", name.as_slice(), b" (deleted)"].concat();
    let file = OpenFile::new(Object::Host(host), o::RDWR | o::LARGEFILE, path)?;
    table::add(Arc::new(file), flags.0 & CLOEXEC != 0)
}

/// The memory behind a file.
fn memory(file: &OpenFile) -> Result<&HostFile, Errno> {
    file.host().filter(|host| host.kind == node::MEMORY).ok_or(Errno::EINVAL)
}

/// `F_GET_SEALS`.
pub(super) fn seals(file: &OpenFile) -> SysResult {
    Ok(pal::attributes(memory(file)?.handle.get())?.seals)
}

/// `F_ADD_SEALS`.
pub(super) fn add_seals(file: &OpenFile, seals: u32) -> SysResult {
    // That it may be written comes before what it is.
    if !file.writable {
        return Err(Errno::EPERM);
    }
    let mut change = Attr::ZERO;
    change.seals = seals;
    pal::set_attributes(memory(file)?.handle.get(), &change, attr::SEALS)?;
    Ok(0)
}
