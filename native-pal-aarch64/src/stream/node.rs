//! File-system nodes: opening, identity, attributes, deletion and renaming, for every kind of node.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

use pal_abi::flags::{access, attr as valid, open, rename as renaming, stream as bits};
use pal_abi::{Attr, PalError, TimeStamp};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, StatxFlags, Timespec, Timestamps, fstat, openat,
    renameat_with, statat, statx, unlinkat,
};
use rustix::io::Errno;

use crate::policy::resolve::Last;
use crate::policy::{Location, Place, file_error, policy};
use crate::wait;

/// An open node.
#[derive(Debug)]
pub(crate) struct NodeBase {
    pub(crate) fd: Arc<OwnedFd>,
    /// Of `flags::node`.
    pub(crate) kind: u32,
    /// The index of the mapping it was found through.
    pub(crate) root: usize,
    /// Opened `PATH_ONLY`.
    pub(crate) path_only: bool,
    /// Where it was found; moves along with `StreamRename`.
    location: Mutex<Location>,
}

/// The path of a descriptor in procfs, to reach a node through a descriptor that is `O_PATH`.
pub(crate) fn magic_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// The kind of node, of `flags::node`, in a Linux mode.
pub(crate) fn kind_of(mode: u32) -> u32 {
    mode >> 12 & 15
}

/// The host's flags for an open.
///
/// # Errors
/// `Invalid` for combinations without meaning.
fn host_flags(wanted: u32, options: u32) -> Result<OFlags, PalError> {
    let known_access = access::READ | access::WRITE | access::EXECUTE;
    let known = open::CREATE
        | open::CREATE_NEW
        | open::TRUNCATE
        | open::NONBLOCK
        | open::APPEND
        | open::DIRECTORY
        | open::NOFOLLOW
        | open::PATH_ONLY
        | open::SYNC
        | open::TEMPORARY
        | open::HAS_MODE;
    let low = options & 0xffff;
    if wanted & !known_access != 0
        || low & !known != 0
        || (options >> 16 != 0 && options & open::HAS_MODE == 0)
    {
        return Err(PalError::Invalid);
    }
    let mut flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
    if options & open::PATH_ONLY != 0 {
        if low & !(open::PATH_ONLY | open::DIRECTORY | open::NOFOLLOW | open::NONBLOCK) != 0 {
            return Err(PalError::Invalid);
        }
        flags |= OFlags::PATH;
    } else {
        flags |= match wanted & (access::READ | access::WRITE) {
            access::WRITE => OFlags::WRONLY,
            0 if wanted == 0 => return Err(PalError::Invalid),
            0 | access::READ => OFlags::RDONLY,
            _ => OFlags::RDWR,
        };
    }
    let pairs = [
        (open::CREATE, OFlags::CREATE),
        (open::CREATE_NEW, OFlags::CREATE | OFlags::EXCL),
        (open::TRUNCATE, OFlags::TRUNC),
        (open::APPEND, OFlags::APPEND),
        (open::DIRECTORY, OFlags::DIRECTORY),
        (open::SYNC, OFlags::SYNC),
        (open::TEMPORARY, OFlags::TMPFILE),
    ];
    for (bit, host) in pairs {
        if options & bit != 0 {
            flags |= host;
        }
    }
    if options & open::TEMPORARY != 0 && flags.contains(OFlags::CREATE) {
        return Err(PalError::Invalid);
    }
    Ok(flags)
}

impl NodeBase {
    /// Opens what is at a location. Interruptible where the open waits (FIFOs).
    ///
    /// # Errors
    /// Those of `StreamOpen`.
    pub(crate) fn open(location: Location, wanted: u32, options: u32) -> Result<Self, PalError> {
        let mut flags = host_flags(wanted, options)?;
        if location.must_be_dir {
            if flags.contains(OFlags::CREATE) {
                return Err(PalError::IsDir);
            }
            flags |= OFlags::DIRECTORY;
        }
        let writes = wanted & access::WRITE != 0 || options & (open::TRUNCATE | open::TEMPORARY) != 0;
        if policy().read_only(location.root) && options & open::PATH_ONLY == 0 {
            if writes {
                // What is missing is missing rather than unwritable.
                let exists = statat(&*location.parent, &location.name[..], AtFlags::SYMLINK_NOFOLLOW);
                let creates = options & (open::CREATE | open::CREATE_NEW) != 0;
                return Err(if exists.is_err() && !creates {
                    PalError::NotFound
                } else {
                    PalError::ReadOnly
                });
            }
            if flags.contains(OFlags::CREATE) {
                if statat(&*location.parent, &location.name[..], AtFlags::SYMLINK_NOFOLLOW).is_err() {
                    return Err(PalError::ReadOnly);
                }
                if flags.contains(OFlags::EXCL) {
                    return Err(PalError::Exists);
                }
                flags.remove(OFlags::CREATE);
            }
        }
        let mode = Mode::from_raw_mode(pal_abi::flags::mode_of(options));
        let mut may_wait = false;
        if !flags.contains(OFlags::PATH)
            && let Ok(stat) = statat(&*location.parent, &location.name[..], AtFlags::SYMLINK_NOFOLLOW)
        {
            match FileType::from_raw_mode(stat.st_mode) {
                // Devices are the PAL's own affair (`dev:`): opening one may already act.
                FileType::CharacterDevice | FileType::BlockDevice => return Err(PalError::Denied),
                FileType::Fifo if options & open::NONBLOCK == 0 => may_wait = true,
                FileType::Fifo => flags |= OFlags::NONBLOCK,
                _ => {}
            }
        }
        let fd = if may_wait {
            open_waiting(&location, flags, mode)
        } else {
            // Nonblocking: should the name have become a FIFO since, the open does not hang.
            openat(&*location.parent, &location.name[..], flags | OFlags::NONBLOCK, mode)
        }
        .map_err(file_error)?;
        let stat = fstat(&fd).map_err(file_error)?;
        policy().check(location.root, &fd, &stat)?;
        let kind = kind_of(stat.st_mode);
        if matches!(FileType::from_raw_mode(stat.st_mode), FileType::CharacterDevice | FileType::BlockDevice)
            && !flags.contains(OFlags::PATH)
        {
            return Err(PalError::Denied);
        }
        if may_wait {
            // The description is the PAL's own: blocking is done by polling, see the head of `stream`.
            rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK).map_err(file_error)?;
        }
        let path_only = flags.contains(OFlags::PATH);
        Ok(Self { fd: Arc::new(fd), kind, root: location.root, path_only, location: Mutex::new(location) })
    }

    /// The same object, open in another way; reached through its descriptor, whatever became of its name.
    ///
    /// # Errors
    /// Those of `OpenAt`.
    pub(crate) fn reopen(&self, wanted: u32, options: u32, found: Location) -> Result<Self, PalError> {
        let mut flags = host_flags(wanted, options)?;
        if flags.intersects(OFlags::CREATE | OFlags::TMPFILE) {
            return Err(if options & open::CREATE_NEW != 0 { PalError::Exists } else { PalError::Invalid });
        }
        let writes = wanted & access::WRITE != 0 || options & open::TRUNCATE != 0;
        if writes && self.read_only() {
            return Err(PalError::ReadOnly);
        }
        if !flags.contains(OFlags::PATH)
            && !matches!(self.kind, pal_abi::flags::node::FILE | pal_abi::flags::node::FIFO)
        {
            return Err(PalError::Denied);
        }
        flags.remove(OFlags::NOFOLLOW); // the magic link itself
        let fd =
            openat(rustix::fs::CWD, magic_path(self.fd.as_fd()), flags | OFlags::NONBLOCK, Mode::empty())
                .map_err(file_error)?;
        let path_only = flags.contains(OFlags::PATH);
        Ok(Self {
            fd: Arc::new(fd),
            kind: self.kind,
            root: self.root,
            path_only,
            location: Mutex::new(found),
        })
    }

    /// The same, remembered as found elsewhere.
    pub(crate) fn found_at(self, location: Location) -> Self {
        Self { root: location.root, location: Mutex::new(location), ..self }
    }

    /// A node whose name is unknown or does not matter any more.
    pub(crate) fn from_parts(fd: OwnedFd, kind: u32, path_only: bool, location: Location) -> Self {
        Self { fd: Arc::new(fd), kind, root: location.root, path_only, location: Mutex::new(location) }
    }

    /// Where it was found.
    pub(crate) fn location(&self) -> Location {
        self.location.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether its mapping refuses writes.
    pub(crate) fn read_only(&self) -> bool {
        policy().read_only(self.root)
    }

    /// Whether the name it was found by still leads to it.
    fn still_there(&self, location: &Location) -> Result<(), PalError> {
        let here = fstat(&self.fd).map_err(file_error)?;
        let there =
            statat(&*location.parent, &location.name[..], AtFlags::SYMLINK_NOFOLLOW).map_err(file_error)?;
        let same = here.st_dev == there.st_dev && here.st_ino == there.st_ino;
        if same && location.name != b"." { Ok(()) } else { Err(PalError::NotFound) }
    }

    /// Deletes the name it was found by.
    ///
    /// # Errors
    /// Those of `StreamDelete`.
    pub(crate) fn delete(&self) -> Result<(), PalError> {
        if self.read_only() {
            return Err(PalError::ReadOnly);
        }
        let location = self.location();
        if location.name == b"." {
            return Err(PalError::Busy); // the root of a mapping
        }
        self.still_there(&location)?;
        let flags =
            if self.kind == pal_abi::flags::node::DIRECTORY { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        unlinkat(&*location.parent, &location.name[..], flags).map_err(file_error)
    }

    /// Gives it another name.
    ///
    /// # Errors
    /// Those of `StreamRename`.
    pub(crate) fn rename(&self, path: &[u8], flags: u32) -> Result<(), PalError> {
        if flags & !(renaming::REPLACE | renaming::EXCHANGE) != 0 || flags.count_ones() > 1 {
            return Err(PalError::Invalid);
        }
        let Place::Host(to) = policy().resolve(path, Last::Keep)? else { return Err(PalError::Exists) };
        if self.read_only() || policy().read_only(to.root) {
            return Err(PalError::ReadOnly);
        }
        let from = self.location();
        if from.name == b"." || to.name == b"." {
            return Err(PalError::Busy);
        }
        self.still_there(&from)?;
        policy().check_name(&to)?;
        rename_at((from.parent.as_fd(), &from.name), (to.parent.as_fd(), &to.name), flags)?;
        *self.location.lock().unwrap_or_else(PoisonError::into_inner) = to;
        Ok(())
    }

    /// Fills in everything a file has.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        file_attributes(self.fd.as_fd(), attr).map_err(file_error)
    }

    /// Sets mode, owner and times.
    ///
    /// # Errors
    /// Those of `StreamAttributesSetByHandle`.
    pub(crate) fn set_attributes(&self, attr: &Attr, mask: u32) -> Result<(), PalError> {
        if mask & !(FILE_ATTRIBUTES | valid::FLAGS) != 0 {
            return Err(PalError::NotSupported);
        }
        if self.read_only() && mask & FILE_ATTRIBUTES != 0 {
            return Err(PalError::ReadOnly);
        }
        set_file_attributes(self.fd.as_fd(), self.path_only, attr, mask).map_err(file_error)
    }
}

/// The attributes of files that can be set.
pub(crate) const FILE_ATTRIBUTES: u32 =
    valid::MODE | valid::UID | valid::GID | valid::ATIME | valid::MTIME | valid::ATIME_NOW | valid::MTIME_NOW;

fn open_waiting(location: &Location, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let name = std::ffi::CString::new(location.name.clone()).map_err(|_| Errno::INVAL)?;
    let parent = usize::try_from(location.parent.as_raw_fd()).map_err(|_| Errno::BADF)?;
    let args = [parent, name.as_ptr().expose_provenance(), flags.bits() as usize, mode.bits() as usize, 0, 0];
    let fd = wait::syscall(libc::SYS_openat, args)?;
    own(fd)
}

/// Takes a descriptor that a system call just returned.
#[expect(unsafe_code, reason = "the number is fresh from the kernel")]
pub(crate) fn own(fd: usize) -> Result<OwnedFd, Errno> {
    let fd = RawFd::try_from(fd).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel just made it for this caller.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `renameat2`, and without it what comes nearest for "do not replace".
///
/// # Errors
/// Those of `RenameAt`.
pub(crate) fn rename_at(
    from: (BorrowedFd<'_>, &[u8]),
    to: (BorrowedFd<'_>, &[u8]),
    flags: u32,
) -> Result<(), PalError> {
    let host = match flags {
        renaming::EXCHANGE => RenameFlags::EXCHANGE,
        renaming::REPLACE => RenameFlags::empty(),
        _ => RenameFlags::NOREPLACE,
    };
    match renameat_with(from.0, from.1, to.0, to.1, host) {
        Err(Errno::NOSYS | Errno::INVAL) if flags == 0 => {}
        Err(Errno::NOSYS) => return Err(PalError::NotSupported),
        other => return other.map_err(file_error),
    }
    // A hard link never replaces; directories have none, and an empty target directory may be lost to a race here.
    match rustix::fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty()) {
        Ok(()) => unlinkat(from.0, from.1, AtFlags::empty()).map_err(file_error),
        Err(Errno::PERM | Errno::OPNOTSUPP) => {
            if statat(to.0, to.1, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                return Err(PalError::Exists);
            }
            rustix::fs::renameat(from.0, from.1, to.0, to.1).map_err(file_error)
        }
        Err(errno) => Err(file_error(errno)),
    }
}

fn stamp(seconds: i64, nanoseconds: u32) -> TimeStamp {
    TimeStamp { seconds, nanoseconds, reserved: 0 }
}

fn device(major: u32, minor: u32) -> u64 {
    u64::from(major) << 32 | u64::from(minor)
}

/// What `statx` tells, or `fstat` where the host has no `statx`.
///
/// # Errors
/// Those of `statx`.
pub(crate) fn file_attributes(fd: BorrowedFd<'_>, attr: &mut Attr) -> Result<(), Errno> {
    let s = match statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS | StatxFlags::BTIME) {
        Ok(s) => s,
        Err(Errno::NOSYS | Errno::PERM) => return plain_attributes(&fstat(fd)?, attr),
        Err(errno) => return Err(errno),
    };
    attr.valid |= valid::MODE | valid::UID | valid::GID | valid::ATIME | valid::MTIME | valid::FILE;
    attr.kind = kind_of(u32::from(s.stx_mode));
    attr.mode = u32::from(s.stx_mode) & 0o7777;
    (attr.nlink, attr.uid, attr.gid) = (s.stx_nlink, s.stx_uid, s.stx_gid);
    attr.block_size = s.stx_blksize;
    attr.device = device(s.stx_dev_major, s.stx_dev_minor);
    attr.node_device = device(s.stx_rdev_major, s.stx_rdev_minor);
    (attr.inode, attr.size, attr.blocks, attr.mount) = (s.stx_ino, s.stx_size, s.stx_blocks, s.stx_mnt_id);
    (attr.attributes, attr.attributes_mask) = (s.stx_attributes.bits(), s.stx_attributes_mask.bits());
    attr.atime = stamp(s.stx_atime.tv_sec, s.stx_atime.tv_nsec);
    attr.mtime = stamp(s.stx_mtime.tv_sec, s.stx_mtime.tv_nsec);
    attr.ctime = stamp(s.stx_ctime.tv_sec, s.stx_ctime.tv_nsec);
    attr.btime = stamp(s.stx_btime.tv_sec, s.stx_btime.tv_nsec);
    Ok(())
}

#[expect(clippy::allow_attributes, reason = "the fields' types differ between hosts")]
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unnecessary_fallible_conversions,
    clippy::useless_conversion,
    reason = "as above"
)]
fn plain_attributes(s: &Stat, attr: &mut Attr) -> Result<(), Errno> {
    attr.valid |= valid::MODE | valid::UID | valid::GID | valid::ATIME | valid::MTIME | valid::FILE;
    attr.kind = kind_of(s.st_mode);
    attr.mode = s.st_mode & 0o7777;
    (attr.nlink, attr.uid, attr.gid) = (s.st_nlink as u32, s.st_uid, s.st_gid);
    attr.block_size = s.st_blksize as u32;
    let split = |d: u64| device(rustix::fs::major(d), rustix::fs::minor(d));
    (attr.device, attr.node_device) = (split(s.st_dev), split(s.st_rdev));
    (attr.inode, attr.size, attr.blocks) = (s.st_ino, s.st_size as u64, s.st_blocks as u64);
    attr.atime = stamp(s.st_atime as i64, s.st_atime_nsec as u32);
    attr.mtime = stamp(s.st_mtime as i64, s.st_mtime_nsec as u32);
    attr.ctime = stamp(s.st_ctime as i64, s.st_ctime_nsec as u32);
    Ok(())
}

fn time_of(attr: TimeStamp, mask: u32, set: u32, now: u32) -> Timespec {
    let nanoseconds = if mask & now != 0 {
        rustix::fs::UTIME_NOW
    } else if mask & set != 0 {
        attr.nanoseconds.into()
    } else {
        rustix::fs::UTIME_OMIT
    };
    Timespec { tv_sec: attr.seconds, tv_nsec: nanoseconds }
}

/// Sets mode, owner and times of a node, also of one opened `O_PATH`.
///
/// # Errors
/// Those of `fchmod`, `fchown` and `utimensat`.
pub(crate) fn set_file_attributes(
    fd: BorrowedFd<'_>,
    path_only: bool,
    attr: &Attr,
    mask: u32,
) -> Result<(), Errno> {
    if attr.atime.nanoseconds >= 1_000_000_000 || attr.mtime.nanoseconds >= 1_000_000_000 {
        return Err(Errno::INVAL);
    }
    if mask & (valid::UID | valid::GID) != 0 {
        let uid = (mask & valid::UID != 0).then(|| rustix::fs::Uid::from_raw(attr.uid));
        let gid = (mask & valid::GID != 0).then(|| rustix::fs::Gid::from_raw(attr.gid));
        if mask & valid::UID != 0 && attr.uid == u32::MAX || mask & valid::GID != 0 && attr.gid == u32::MAX {
            return Err(Errno::INVAL);
        }
        rustix::fs::chownat(fd, c"", uid, gid, AtFlags::EMPTY_PATH)?;
    }
    if mask & valid::MODE != 0 {
        let mode = Mode::from_raw_mode(attr.mode & 0o7777);
        if path_only { rustix::fs::chmod(magic_path(fd), mode)? } else { rustix::fs::fchmod(fd, mode)? }
    }
    if mask & (valid::ATIME | valid::MTIME | valid::ATIME_NOW | valid::MTIME_NOW) != 0 {
        let times = Timestamps {
            last_access: time_of(attr.atime, mask, valid::ATIME, valid::ATIME_NOW),
            last_modification: time_of(attr.mtime, mask, valid::MTIME, valid::MTIME_NOW),
        };
        if path_only {
            match rustix::fs::utimensat(fd, c"", &times, AtFlags::EMPTY_PATH) {
                Err(Errno::NOENT | Errno::INVAL | Errno::BADF) => {
                    rustix::fs::utimensat(rustix::fs::CWD, magic_path(fd), &times, AtFlags::empty())?;
                }
                other => other?,
            }
        } else {
            rustix::fs::futimens(fd, &times)?;
        }
    }
    Ok(())
}

/// The stream flags of an open.
pub(crate) fn stream_flags(wanted: u32, options: u32) -> u32 {
    let mut flags = 0;
    for (set, bit) in [
        (wanted & (access::READ | access::EXECUTE) != 0, bits::READ),
        (wanted & access::WRITE != 0, bits::WRITE),
        (options & open::NONBLOCK != 0, bits::NONBLOCK),
        (options & open::APPEND != 0, bits::APPEND),
    ] {
        if set {
            flags |= bit;
        }
    }
    if options & open::PATH_ONLY != 0 { flags & bits::NONBLOCK | bits::PATH_ONLY } else { flags }
}
