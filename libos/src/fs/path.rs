//! Paths as text: joining, taking apart, and following links.
//!
//! The walk is in the guest's own name space: `..` above the root stays there, links are those the mounted files and
//! the library OS's own `/dev` and `/proc` have. What may be reached is decided below, not here.

use alloc::vec::Vec;

use crate::error::Errno;

/// How many links a walk follows.
const MAX_LINKS: u32 = 40;
/// The longest component.
const NAME_MAX: usize = 255;

/// Puts a path behind the folder it is relative to.
#[must_use]
pub fn join(base: &[u8], path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        return path.to_vec();
    }
    let mut joined = base.to_vec();
    if joined.last() != Some(&b'/') {
        joined.push(b'/');
    }
    joined.extend_from_slice(path);
    joined
}

/// The components, without empty ones and `.`.
pub fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|c| !c.is_empty() && *c != b".")
}

/// Whether the path's form demands a directory: it ends in a slash, `.` or `..`.
#[must_use]
pub fn wants_directory(path: &[u8]) -> bool {
    matches!(path.rsplit(|&b| b == b'/').next(), Some(b"" | b"." | b".."))
}

/// Splits an absolute path without `..` into its folder and its last component.
#[must_use]
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(0) => (b"/", &path[1..]),
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"/", path),
    }
}

/// Whether `path` is `root` or lies below it.
#[must_use]
pub fn is_below(path: &[u8], root: &[u8]) -> bool {
    root == b"/" || path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// What a walk asks about the nodes on its way.
pub trait Links {
    /// The text of the link at an absolute path without links in its folders; `None` where it is no link.
    ///
    /// # Errors
    /// `ENOENT` where nothing is, `ENOTDIR`, `EACCES`.
    fn link(&self, path: &[u8]) -> Result<Option<Vec<u8>>, Errno>;
}

/// What becomes of a link in the last component.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Last {
    /// It is followed.
    Follow,
    /// It is the result.
    Keep,
}

fn push(path: &mut Vec<u8>, component: &[u8]) {
    if path.len() > 1 {
        path.push(b'/');
    }
    path.extend_from_slice(component);
}

fn pop(path: &mut Vec<u8>) {
    let end = path.iter().rposition(|&b| b == b'/').unwrap_or(0);
    path.truncate(end.max(1));
}

/// The absolute path, without links and `..`, that `path` (absolute) leads to. The last component need not exist.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES` from the way; `ELOOP`, `ENAMETOOLONG`.
pub fn resolve(links: &dyn Links, path: &[u8], last: Last) -> Result<Vec<u8>, Errno> {
    let mut done = b"/".to_vec();
    let mut todo: Vec<Vec<u8>> = components(path).rev().map(<[u8]>::to_vec).collect();
    let mut trailing = wants_directory(path);
    let mut followed = 0;
    while let Some(component) = todo.pop() {
        if component == b".." {
            pop(&mut done);
            continue;
        }
        if component.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let before = done.len();
        push(&mut done, &component);
        let is_last = todo.is_empty();
        if is_last && last == Last::Keep && !trailing {
            break;
        }
        match links.link(&done) {
            Ok(Some(target)) => {
                followed += 1;
                if followed > MAX_LINKS {
                    return Err(Errno::ELOOP);
                }
                if target.is_empty() {
                    return Err(Errno::ENOENT);
                }
                if is_last && wants_directory(&target) {
                    trailing = true;
                }
                todo.extend(components(&target).rev().map(<[u8]>::to_vec));
                done.truncate(if target.starts_with(b"/") { 1 } else { before });
            }
            Ok(None) => {}
            Err(Errno::ENOENT) if is_last => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::string::String;

    struct Fake(BTreeMap<&'static str, Option<&'static str>>);

    impl Links for Fake {
        fn link(&self, path: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
            let path = core::str::from_utf8(path).unwrap();
            match self.0.get(path) {
                Some(target) => Ok(target.map(|t| t.as_bytes().to_vec())),
                None => Err(Errno::ENOENT),
            }
        }
    }

    fn fake() -> Fake {
        Fake(BTreeMap::from([
            ("/a", None),
            ("/a/b", None),
            ("/a/up", Some("../c")),
            ("/c", None),
            ("/c/f", None),
            ("/abs", Some("/a/b")),
            ("/loop", Some("loop")),
            ("/dangling", Some("/nowhere")),
        ]))
    }

    fn walk(path: &str, last: Last) -> Result<String, Errno> {
        resolve(&fake(), path.as_bytes(), last).map(|p| String::from_utf8(p).unwrap())
    }

    #[test]
    fn links_and_parents_are_followed_physically() {
        assert_eq!(walk("/a/up/f", Last::Follow).as_deref(), Ok("/c/f"));
        assert_eq!(walk("/a/up/../a/b", Last::Follow).as_deref(), Ok("/a/b"));
        assert_eq!(walk("/abs", Last::Follow).as_deref(), Ok("/a/b"));
        assert_eq!(walk("/abs", Last::Keep).as_deref(), Ok("/abs"));
        assert_eq!(walk("/abs/", Last::Keep).as_deref(), Ok("/a/b"));
        assert_eq!(walk("/../../a/./b//", Last::Follow).as_deref(), Ok("/a/b"));
        assert_eq!(walk("/a/new", Last::Follow).as_deref(), Ok("/a/new"));
        assert_eq!(walk("/dangling", Last::Follow).as_deref(), Ok("/nowhere"));
    }

    #[test]
    fn dead_ends_are_told_apart() {
        assert_eq!(walk("/x/y", Last::Follow), Err(Errno::ENOENT));
        assert_eq!(walk("/loop", Last::Follow), Err(Errno::ELOOP));
        assert_eq!(walk("/dangling/x", Last::Follow), Err(Errno::ENOENT));
    }
}
