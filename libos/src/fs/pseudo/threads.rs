//! Files of `/proc/PID/task/TID` that are not those of the whole process.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Node;
use crate::task::family;

/// What a path below a thread's folder means, where it is the thread's own.
pub(super) fn lookup(tid: u32, path: &[&[u8]]) -> Option<Node> {
    match path {
        [b"comm"] => Some(Node::Text(Arc::new(move || Ok(comm(tid))))),
        [b"children"] => Some(Node::Text(Arc::new(move || Ok(children(tid))))),
        _ => None,
    }
}

fn comm(tid: u32) -> Vec<u8> {
    let mut text = family::find_thread(tid).map(|t| t.comm()).unwrap_or_default();
    text.push(b'\n');
    text
}

/// The children, which all are the first thread's.
fn children(tid: u32) -> Vec<u8> {
    let children = family::all().filter(|child| child.parent() == tid);
    children.flat_map(|child| format!("{} ", child.pid()).into_bytes()).collect()
}
