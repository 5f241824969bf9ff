//! Folders of files whose texts are made when they are opened, as a table of paths.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::dirent::Entry;
use super::{DT_DIR, DT_REG, Node, entry};
use crate::fs::path::join;

/// A file: its path below the tree's root, and what makes its text.
pub(super) type File = (&'static str, fn() -> Vec<u8>);

/// What a path below the root of a tree means; `None`: nothing. The root is the empty path.
pub(super) fn lookup(tree: &[File], path: &[u8]) -> Option<Node> {
    if let Some((_, make)) = tree.iter().find(|(name, _)| name.as_bytes() == path) {
        let make = *make;
        return Some(Node::Text(Arc::new(move || Ok(make()))));
    }
    tree.iter().any(|(name, _)| below(name, path).is_some()).then_some(Node::Directory)
}

/// What of a file's path lies below a folder.
fn below<'a>(name: &'a str, folder: &[u8]) -> Option<&'a [u8]> {
    if folder.is_empty() {
        return Some(name.as_bytes());
    }
    name.as_bytes().strip_prefix(folder)?.strip_prefix(b"/")
}

/// The names in a folder of a tree whose root is at `root`.
pub(super) fn names(tree: &[File], root: &[u8], folder: &[u8]) -> Vec<Entry> {
    let at = if folder.is_empty() { root.to_vec() } else { join(root, folder) };
    let mut all: Vec<Entry> = Vec::new();
    for rest in tree.iter().filter_map(|(name, _)| below(name, folder)) {
        let child = rest.split(|&b| b == b'/').next().unwrap_or(rest);
        if !all.iter().any(|known| known.name == child) {
            all.push(entry(&at, child, if child.len() == rest.len() { DT_REG } else { DT_DIR }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_from_the_paths_of_files() {
        let tree: &[File] =
            &[("a/b", || b"1".to_vec()), ("a/c/d", || b"2".to_vec()), ("e", || b"3".to_vec())];
        let list = |folder: &str| -> Vec<Vec<u8>> {
            names(tree, b"/proc", folder.as_bytes()).into_iter().map(|e| e.name).collect()
        };
        assert_eq!(list(""), [b"a", b"e"]);
        assert_eq!(list("a"), [b"b", b"c"]);
        assert!(list("a/b").is_empty());
        assert!(matches!(lookup(tree, b"a/c"), Some(Node::Directory)));
        assert!(matches!(lookup(tree, b"e"), Some(Node::Text(_))));
        assert!(lookup(tree, b"a/x").is_none());
    }
}
