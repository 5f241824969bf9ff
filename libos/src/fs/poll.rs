//! Readiness of files, and waiting for it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pal_abi::Handle;
use pal_abi::flags::{NEVER, POLL, event};

use super::file::{Object, OpenFile, o};
use crate::error::{Errno, SysResult};
use crate::pal;
use crate::signal;
use crate::signal::set::SigSet;
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
    /// The signals whose arrival makes it ready.
    #[must_use]
    pub fn watched_signals(&self) -> SigSet {
        match &self.object {
            Object::Epoll(epoll) => epoll.signals(),
            Object::Signals(signals) => signals.mask(),
            _ => SigSet::EMPTY,
        }
    }

    /// What is the case of `events` now. Events that may tell of it later are added to `wait`.
    pub fn ready(&self, events: u32, wait: &mut Vec<Handle>) -> u32 {
        let always = bit::IN | bit::OUT | bit::RDNORM | bit::WRNORM;
        let host = match &self.object {
            Object::Host(host) if !host.seekable => host,
            Object::Socket(socket) => &socket.host,
            Object::Epoll(epoll) => return epoll.ready(events, wait),
            Object::Signals(signals) if signals.is_ready() => return events & bit::IN,
            Object::Signals(_) => return 0,
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
    let files = || watched.iter().filter_map(|w| w.file.as_ref());
    loop {
        // Told before looking, so that nothing arrives in between.
        let _watch = signal::watch(files().fold(SigSet::EMPTY, |all, file| all | file.watched_signals()));
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

/// Repeats a read that found nothing though its file may block: of files of our own, which nobody below waits for.
///
/// # Errors
/// Those of the call; `ERESTARTSYS` where a signal is due.
pub fn until_ready(thread: &Thread, file: &Arc<OpenFile>, mut call: impl FnMut() -> SysResult) -> SysResult {
    loop {
        match call() {
            Err(Errno::EAGAIN)
                if matches!(file.object, Object::Signals(_)) && file.slot.flags() & o::NONBLOCK == 0 =>
            {
                wait(thread, &[Watched { file: Some(Arc::clone(file)), events: bit::IN }], NEVER)?;
            }
            result => return result,
        }
    }
}
