//! Readiness of files, and waiting for it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pal_abi::Handle;
use pal_abi::flags::{POLL, event};

use super::file::{Object, OpenFile};
use crate::error::Errno;
use crate::pal;
use crate::signal;
use crate::task::thread::Thread;

/// Bits of `poll`.
pub mod bit {
    #![allow(missing_docs, reason = "poll(2) has them")]
    pub const IN: u32 = 1;
    pub const PRI: u32 = 2;
    pub const OUT: u32 = 4;
    pub const ERR: u32 = 8;
    pub const HUP: u32 = 0x10;
    pub const NVAL: u32 = 0x20;
    pub const RDNORM: u32 = 0x40;
    pub const RDBAND: u32 = 0x80;
    pub const WRNORM: u32 = 0x100;
    pub const WRBAND: u32 = 0x200;
    pub const RDHUP: u32 = 0x2000;
}

/// A file to watch, and for what; no file: a descriptor that is not open.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The file.
    pub file: Option<Arc<OpenFile>>,
    /// Of [`bit`].
    pub events: u32,
}

impl OpenFile {
    /// What is the case of `events` now. Events that may tell of it later are added to `wait`.
    fn ready(&self, events: u32, wait: &mut Vec<Handle>) -> u32 {
        let always = bit::IN | bit::OUT | bit::RDNORM | bit::WRNORM;
        let host = match &self.object {
            Object::Host(host) if !host.seekable => host,
            Object::Socket(socket) => &socket.host,
            _ => return events & always,
        };
        let wanted = [
            (event::READABLE, bit::IN | bit::RDNORM),
            (event::WRITABLE, bit::OUT | bit::WRNORM),
            (event::READ_CLOSED, bit::RDHUP),
            (event::URGENT, bit::PRI),
            // A peer that goes, and a failure, are told in any case.
            (event::CLOSED, u32::MAX),
        ];
        let handles = wanted.into_iter().filter(|(_, means)| events & means != 0 || *means == u32::MAX);
        let handles: Vec<Handle> = handles.filter_map(|(which, _)| host.event(which)).collect();
        let Some(first) = handles.first() else { return events & always };
        let found = pal::readiness(*first) & (events | bit::ERR | bit::HUP);
        if found == 0 {
            wait.extend(handles);
        }
        found
    }
}

/// Waits until some file is ready; what each is ready for. All zero at the deadline.
///
/// # Errors
/// `ERESTARTSYS` where a signal is due.
pub fn wait(thread: &Thread, watched: &[Watched], deadline: u64) -> Result<Vec<u32>, Errno> {
    loop {
        let mut handles = Vec::new();
        let ready: Vec<u32> = watched
            .iter()
            .map(|w| w.file.as_ref().map_or(bit::NVAL, |file| file.ready(w.events, &mut handles)))
            .collect();
        if ready.iter().any(|r| *r != 0) || deadline == POLL || pal::now() >= deadline {
            return Ok(ready);
        }
        // More than fit are looked at again from time to time.
        let limited = handles.len() > 250;
        handles.truncate(250);
        let until = if limited { deadline.min(pal::now() + 10_000_000) } else { deadline };
        signal::sleep(thread, &handles, until)?;
    }
}
