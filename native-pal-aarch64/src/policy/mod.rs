//! Which of the host's files exist for the guest, and where.
//!
//! The guest's name space is made of mappings. A path is resolved in *that* name space: `..` and symbolic links are
//! dealt with here, and the host kernel only ever sees one component at a time with `O_NOFOLLOW`, below a descriptor
//! that was reached the same way. So no path, link or race leaves the mappings. Where the host has `openat2`, the
//! common case (no links on the way) is one call with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`; anything it refuses goes
//! the long way. Directories that exist only because a mapping lies below them are *virtual*.

pub(crate) mod resolve;

use std::fs::canonicalize;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use pal_abi::PalError;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, fstatfs, openat};
use rustix::io::Errno;

use crate::boot::Mapping;
use crate::sys::errno::pal_error;

/// `PROC_SUPER_MAGIC`: files there act on host processes.
const PROC_MAGIC: u64 = 0x9fa0;

/// A mapping, opened.
#[derive(Debug)]
pub(crate) struct Root {
    /// Components of the guest path.
    guest: Vec<Vec<u8>>,
    /// The object itself, `O_PATH`.
    fd: Arc<OwnedFd>,
    /// Where it lies on the host; for a mapped file, to open it by name.
    parent: Arc<OwnedFd>,
    name: Vec<u8>,
    is_dir: bool,
    /// Whether writes are refused.
    pub(crate) read_only: bool,
    device: u64,
    /// Whether something hidden may lie below.
    careful: bool,
}

/// The mappings of a process.
#[derive(Debug)]
pub(crate) struct Policy {
    roots: Vec<Root>,
    /// Device and inode of hidden directories and files.
    hidden: Vec<(u64, u64)>,
    openat2: AtomicBool,
}

/// Where a path leads.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A directory made by the mappings alone.
    Virtual(Vec<u8>),
    /// A name in a host directory; nothing may have it yet.
    Host(Location),
}

/// A name in a host directory.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    /// The directory, `O_PATH`.
    pub(crate) parent: Arc<OwnedFd>,
    /// One component, or `.`.
    pub(crate) name: Vec<u8>,
    /// The guest's absolute path.
    pub(crate) path: Vec<u8>,
    /// Index of the mapping.
    pub(crate) root: usize,
    /// The path ended in a slash.
    pub(crate) must_be_dir: bool,
}

/// Why a policy could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    /// The guest path is not absolute.
    #[error("the guest path {0:?} does not begin with a slash")]
    NotAbsolute(String),
    /// The host path cannot be opened.
    #[error("cannot map {}: {error}", path.display())]
    Host {
        /// The path.
        path: PathBuf,
        /// What the host says.
        error: std::io::Error,
    },
    /// The host path is, or lies in, something hidden.
    #[error("cannot map {}: it belongs to this program's own files", .0.display())]
    Hidden(PathBuf),
    /// The host path is on procfs.
    #[error("cannot map {}: files of /proc act on the host itself", .0.display())]
    Proc(PathBuf),
}

static POLICY: OnceLock<Policy> = OnceLock::new();

/// Sets the policy of this process, once.
pub(crate) fn set(policy: Policy) {
    // A second picoprocess in the same process does not exist; the first policy stands.
    let _ = POLICY.set(policy);
}

/// The policy of this process; without one, nothing exists.
pub(crate) fn policy() -> &'static Policy {
    POLICY.get_or_init(|| Policy { roots: Vec::new(), hidden: Vec::new(), openat2: AtomicBool::new(true) })
}

/// The components of a path, without `.` and empty ones.
pub(crate) fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|c| !c.is_empty() && *c != b".")
}

fn identity(stat: &Stat) -> (u64, u64) {
    #[expect(clippy::allow_attributes, reason = "the width of st_dev differs between hosts")]
    #[allow(clippy::useless_conversion, reason = "as above")]
    (u64::from(stat.st_dev), u64::from(stat.st_ino))
}

impl Policy {
    /// Opens the mappings.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub(crate) fn new(maps: &[Mapping], hidden: &[PathBuf]) -> Result<Self, PolicyError> {
        let hidden_paths: Vec<PathBuf> = hidden.iter().filter_map(|p| canonicalize(p).ok()).collect();
        let mut ids = Vec::new();
        for path in &hidden_paths {
            if let Ok(fd) = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
                && let Ok(stat) = fstat(&fd)
            {
                ids.push(identity(&stat));
            }
        }
        let roots = maps.iter().map(|map| Self::root(map, &hidden_paths)).collect::<Result<_, _>>()?;
        Ok(Self { roots, hidden: ids, openat2: AtomicBool::new(true) })
    }

    fn root(map: &Mapping, hidden: &[PathBuf]) -> Result<Root, PolicyError> {
        if !map.guest.starts_with(b"/") {
            return Err(PolicyError::NotAbsolute(String::from_utf8_lossy(&map.guest).into_owned()));
        }
        let failed = |error: std::io::Error| PolicyError::Host { path: map.host.clone(), error };
        let host = canonicalize(&map.host).map_err(failed)?;
        if hidden.iter().any(|h| host.starts_with(h)) {
            return Err(PolicyError::Hidden(map.host.clone()));
        }
        let open = |path: &std::path::Path, flags: OFlags| {
            openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC | flags, Mode::empty())
                .map(Arc::new)
                .map_err(|e| PolicyError::Host { path: map.host.clone(), error: e.into() })
        };
        let fd = open(&host, OFlags::NOFOLLOW)?;
        let parent = open(host.parent().unwrap_or(&host), OFlags::DIRECTORY)?;
        let name = host.file_name().map_or(b".".to_vec(), |n| n.as_bytes().to_vec());
        let stat = fstat(&fd).map_err(|e| failed(e.into()))?;
        if on_proc(&fd) {
            return Err(PolicyError::Proc(map.host.clone()));
        }
        Ok(Root {
            guest: components(&map.guest).map(<[u8]>::to_vec).collect(),
            fd,
            parent,
            name,
            is_dir: FileType::from_raw_mode(stat.st_mode) == FileType::Directory,
            read_only: map.read_only,
            device: identity(&stat).0,
            careful: hidden.iter().any(|h| h.starts_with(&host)),
        })
    }

    /// Whether a mapping refuses writes.
    pub(crate) fn read_only(&self, root: usize) -> bool {
        self.roots.get(root).is_none_or(|r| r.read_only)
    }

    /// Refuses what a mapping must not show: hidden objects, and procfs mounted below it.
    ///
    /// # Errors
    /// `Denied`.
    pub(crate) fn check(&self, root: usize, fd: &OwnedFd, stat: &Stat) -> Result<(), PalError> {
        let id = identity(stat);
        let elsewhere = self.roots.get(root).is_none_or(|r| r.device != id.0);
        if self.hidden.contains(&id) || (elsewhere && on_proc(fd)) { Err(PalError::Denied) } else { Ok(()) }
    }

    /// Refuses a name that leads to something hidden.
    ///
    /// # Errors
    /// `Denied`.
    pub(crate) fn check_name(&self, location: &Location) -> Result<(), PalError> {
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        let is_hidden = !self.hidden.is_empty()
            && rustix::fs::statat(&*location.parent, &location.name[..], flags)
                .is_ok_and(|stat| self.hidden.contains(&identity(&stat)));
        if is_hidden { Err(PalError::Denied) } else { Ok(()) }
    }

    /// Whether a mapping is at a path or below it.
    pub(crate) fn is_mapped(&self, path: &[u8]) -> bool {
        let names: Vec<&[u8]> = components(path).collect();
        self.roots
            .iter()
            .any(|r| r.guest.len() >= names.len() && r.guest.iter().zip(&names).all(|(a, b)| a == b))
    }

    /// The names that mappings put into a directory of the guest.
    pub(crate) fn mapped_children(&self, path: &[u8]) -> Vec<(Vec<u8>, bool)> {
        let dir: Vec<&[u8]> = components(path).collect();
        let mut names: Vec<(Vec<u8>, bool)> = Vec::new();
        for root in &self.roots {
            let below = root.guest.len() > dir.len() && root.guest.iter().zip(&dir).all(|(a, b)| a == b);
            if below && let Some(name) = root.guest.get(dir.len()) {
                let is_dir = root.is_dir || root.guest.len() > dir.len() + 1;
                if !names.iter().any(|(n, _)| n == name) {
                    names.push((name.clone(), is_dir));
                }
            }
        }
        names
    }

    /// Never uses `openat2`, as on hosts that lack it.
    #[cfg(test)]
    fn without_openat2(self) -> Self {
        self.openat2.store(false, Ordering::Relaxed);
        self
    }

    fn has_openat2(&self) -> bool {
        self.openat2.load(Ordering::Relaxed)
    }

    fn lost_openat2(&self) {
        self.openat2.store(false, Ordering::Relaxed);
    }
}

fn on_proc(fd: &OwnedFd) -> bool {
    #[expect(clippy::allow_attributes, reason = "the type of f_type differs between hosts")]
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, reason = "as above; magics are positive")]
    fstatfs(fd.as_fd()).is_ok_and(|fs| fs.f_type as u64 == PROC_MAGIC)
}

/// The ABI's error for a failed file call.
pub(crate) fn file_error(errno: Errno) -> PalError {
    match errno {
        Errno::BADF | Errno::NOTTY => PalError::Denied, // not open for it
        Errno::AGAIN => PalError::Busy,
        other => pal_error(other),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
