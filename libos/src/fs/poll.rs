//! Readiness of files, and waiting for it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pal_abi::Handle;
use pal_abi::flags::{NEVER, POLL, event, node};

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
            Object::Socket(_) => return events & (bit::OUT | bit::WRNORM) | bit::HUP,
            Object::Epoll(epoll) => return epoll.ready(events, wait),
            Object::Signals(signals) if signals.is_ready() => return events & bit::IN,
            Object::Signals(_) => return 0,
            _ => return events & always,
        };
        // Counters and timers have no normal data, timers and watches cannot be written.
        let events = match host.kind {
            node::COUNTER => events & !(bit::RDNORM | bit::WRNORM),
            node::TIMER => events & !(bit::RDNORM | bit::WRNORM | bit::OUT),
            node::WATCH => events & !(bit::WRNORM | bit::OUT),
            _ => events,
        };
        let pipe_writer = host.kind == node::FIFO && !self.readable;
        let sources = [
            (event::READABLE, bit::IN | bit::RDNORM, self.readable),
            (event::WRITABLE, bit::OUT | bit::WRNORM, self.writable),
            (event::CLOSED, if pipe_writer { bit::ERR } else { bit::HUP }, true),
            // A pipe whose other end is gone has not failed.
            (event::ERROR, bit::ERR, host.kind != node::FIFO),
            (event::READ_CLOSED, bit::RDHUP, events & bit::RDHUP != 0),
            (event::URGENT, bit::PRI, events & bit::PRI != 0),
        ];
        let mut found = 0;
        for (which, means, applies) in sources {
            let wanted = events & means != 0 || means == bit::ERR || means == bit::HUP;
            if !applies || !wanted {
                continue;
            }
            if let Some(handle) = host.event(which) {
                if pal::peek(handle) {
                    found |= means;
                } else {
                    wait.push(handle);
                }
            } else if means & (bit::IN | bit::OUT) != 0 {
                found |= means;
            }
        }
        // At a hang-up a read does not wait either, but only data make the file readable.
        let hung_up = found & bit::HUP != 0 && host.kind == node::FIFO;
        if hung_up && pal::attributes(host.handle.get()).is_ok_and(|attr| attr.available == 0) {
            found &= !(bit::IN | bit::RDNORM);
        }
        found & (events | bit::ERR | bit::HUP)
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
