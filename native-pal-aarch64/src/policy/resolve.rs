//! Resolution of guest paths, component by component.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use pal_abi::PalError;
use rustix::fs::{Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat};
use rustix::io::Errno;

use super::{Location, Place, Policy, components, file_error};

/// Links on one path, as Linux allows.
const LINKS_MAX: u32 = 40;
/// Bytes of a path, as Linux allows.
pub(crate) const PATH_MAX: usize = 4096;
/// Bytes of a component.
pub(crate) const NAME_MAX: usize = 255;

/// Whether a link in the last component counts as what it leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Last {
    /// The target.
    Follow,
    /// The link.
    Keep,
}

/// A directory on the way.
#[derive(Clone, Debug)]
enum Dir {
    Virtual,
    Host(Arc<OwnedFd>, usize),
}

struct Walk<'a> {
    policy: &'a Policy,
    /// The names and directories passed, the root of the name space first.
    passed: Vec<(Vec<u8>, Dir)>,
    /// What is left, the next component last.
    todo: Vec<Vec<u8>>,
    links: u32,
}

impl Policy {
    /// Resolves an absolute guest path.
    ///
    /// # Errors
    /// `Invalid` where it is not absolute, and the errors of the components on the way.
    pub(crate) fn resolve(&self, path: &[u8], last: Last) -> Result<Place, PalError> {
        if !path.starts_with(b"/") || path.contains(&0) {
            return Err(PalError::Invalid);
        }
        if path.len() >= PATH_MAX {
            return Err(PalError::NameTooLong);
        }
        let must_be_dir = path.ends_with(b"/") || path.ends_with(b"/.") || path.ends_with(b"/..");
        let last = if must_be_dir { Last::Follow } else { last };
        let mut place = match self.direct(path, last) {
            Some(place) => place,
            None => self.walk(path, last)?,
        };
        if let Place::Host(location) = &mut place {
            location.must_be_dir |= must_be_dir;
        }
        Ok(place)
    }

    /// The mapping whose guest path is exactly this.
    fn root_at(&self, names: &[&[u8]]) -> Option<usize> {
        self.roots
            .iter()
            .rposition(|r| r.guest.len() == names.len() && r.guest.iter().zip(names).all(|(a, b)| a == b))
    }

    /// Whether a mapping lies below.
    fn is_above_a_root(&self, names: &[&[u8]]) -> bool {
        self.roots
            .iter()
            .any(|r| r.guest.len() > names.len() && r.guest.iter().zip(names).all(|(a, b)| a == b))
    }

    /// One `openat2` for the directories on the way, where there are no links, no `..` and nothing hidden.
    fn direct(&self, path: &[u8], last: Last) -> Option<Place> {
        let names: Vec<&[u8]> = components(path).collect();
        let name = *names.last()?;
        if !self.has_openat2() || names.contains(&&b".."[..]) || name.len() > NAME_MAX {
            return None;
        }
        let (index, root) = (0..names.len()).rev().find_map(|n| {
            let index = self.root_at(names.get(..n)?)?;
            Some((index, self.roots.get(index)?))
        })?;
        if root.careful || !root.is_dir || self.root_at(&names).is_some() || self.is_above_a_root(&names) {
            return None;
        }
        let way = names.get(root.guest.len()..names.len() - 1)?.join(&b'/');
        let parent = if way.is_empty() {
            Arc::clone(&root.fd)
        } else {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            match openat2(&*root.fd, way.as_slice(), flags, Mode::empty(), resolve) {
                Ok(fd) => Arc::new(fd),
                Err(Errno::NOSYS | Errno::PERM) => {
                    self.lost_openat2(); // also what a filter of an older container says
                    return None;
                }
                Err(_) => return None,
            }
        };
        if last == Last::Follow && readlinkat(&*parent, name, Vec::new()).is_ok() {
            return None;
        }
        let path = join(&names);
        Some(Place::Host(Location { parent, name: name.to_vec(), path, root: index, must_be_dir: false }))
    }

    fn walk(&self, path: &[u8], last: Last) -> Result<Place, PalError> {
        let mut walk = Walk {
            policy: self,
            passed: vec![(Vec::new(), self.root_at(&[]).map_or(Dir::Virtual, |r| self.root_dir(r)))],
            todo: components(path).rev().map(<[u8]>::to_vec).collect(),
            links: 0,
        };
        while let Some(name) = walk.todo.pop() {
            if let Some(place) = walk.step(&name, last)? {
                return Ok(place);
            }
        }
        let path = join(&walk.names());
        match walk.passed.pop() {
            Some((_, Dir::Host(fd, root))) => {
                Ok(Place::Host(Location { parent: fd, name: b".".to_vec(), path, root, must_be_dir: true }))
            }
            _ => Ok(Place::Virtual(path)),
        }
    }

    fn root_dir(&self, index: usize) -> Dir {
        self.roots.get(index).map_or(Dir::Virtual, |root| Dir::Host(Arc::clone(&root.fd), index))
    }
}

impl Walk<'_> {
    fn names(&self) -> Vec<&[u8]> {
        self.passed.iter().skip(1).map(|(name, _)| name.as_slice()).collect()
    }

    /// Takes one component; tells the place where it was the last.
    fn step(&mut self, name: &[u8], last: Last) -> Result<Option<Place>, PalError> {
        if name == b".." {
            if self.passed.len() > 1 {
                self.passed.pop();
            }
            return Ok(None);
        }
        if name.len() > NAME_MAX {
            return Err(PalError::NameTooLong);
        }
        let mut names = self.names();
        names.push(name);
        if let Some(index) = self.policy.root_at(&names) {
            return self.enter_root(index, name, join(&names));
        }
        let above = self.policy.is_above_a_root(&names);
        let Some((_, Dir::Host(dir, root))) = self.passed.last().cloned() else {
            if above {
                self.passed.push((name.to_vec(), Dir::Virtual));
                return Ok(None);
            }
            return Err(PalError::NotFound);
        };
        let is_last = self.todo.is_empty();
        if is_last && !above {
            let path = join(&names);
            if last == Last::Follow && self.follow(&dir, name)? {
                return Ok(None);
            }
            let location = Location { parent: dir, name: name.to_vec(), path, root, must_be_dir: false };
            return Ok(Some(Place::Host(location)));
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match openat(&*dir, name, flags, Mode::empty()) {
            Ok(fd) => {
                let stat = fstat(&fd).map_err(file_error)?;
                self.policy.check(root, &fd, &stat)?;
                self.passed.push((name.to_vec(), Dir::Host(Arc::new(fd), root)));
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                if !self.follow(&dir, name)? {
                    return Err(PalError::NotDir);
                }
            }
            Err(Errno::NOENT) if above => self.passed.push((name.to_vec(), Dir::Virtual)),
            Err(errno) => return Err(file_error(errno)),
        }
        Ok(None)
    }

    fn enter_root(&mut self, index: usize, name: &[u8], path: Vec<u8>) -> Result<Option<Place>, PalError> {
        let root = self.policy.roots.get(index).ok_or(PalError::NotFound)?;
        if root.is_dir {
            self.passed.push((name.to_vec(), Dir::Host(Arc::clone(&root.fd), index)));
            return Ok(None);
        }
        if !self.todo.is_empty() {
            return Err(PalError::NotDir);
        }
        let (parent, name) = (Arc::clone(&root.parent), root.name.clone());
        Ok(Some(Place::Host(Location { parent, name, path, root: index, must_be_dir: false })))
    }

    /// If `name` is a link, puts its components in front of what is left. They are the guest's names.
    fn follow(&mut self, dir: &OwnedFd, name: &[u8]) -> Result<bool, PalError> {
        let Ok(target) = readlinkat(dir.as_fd(), name, Vec::new()) else { return Ok(false) };
        let target = target.into_bytes();
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(PalError::Loop);
        }
        if target.is_empty() {
            return Err(PalError::NotFound);
        }
        if target.starts_with(b"/") {
            self.passed.truncate(1);
        }
        self.todo.extend(components(&target).rev().map(<[u8]>::to_vec));
        Ok(true)
    }
}

fn join(names: &[&[u8]]) -> Vec<u8> {
    if names.is_empty() {
        return b"/".to_vec();
    }
    names.iter().flat_map(|name| [&b"/"[..], name]).collect::<Vec<_>>().concat()
}
