//! Signals of the host: what its terminal and its programs send the command.
//!
//! They wait in a queue of the layer below, which rings the family's first process after each; that process passes
//! them on. What the terminal sends goes to the group in its foreground, what a program sends goes to the first process,
//! for which the command stands.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use pal_abi::flags::{attr, event, stream};
use pal_abi::{Attr, Handle, Layout as _, PalError};

use super::info::{SigInfo, code};
use super::set::{COUNT, SIGCONT};
use crate::fs::pty;
use crate::fs::terminal::Line;
use crate::pal;
use crate::sys::family::self_id;
use crate::task::family;
use crate::task::process::process;
use crate::task::threads;

/// Bytes of a record: the signal, and who sent it.
const RECORD: usize = 8;
/// The terminal did.
const BY_KERNEL: u32 = 1;

/// The queue, and the process that reads it.
static QUEUE: AtomicU32 = AtomicU32::new(0);
static READER: AtomicU32 = AtomicU32::new(0);

/// Begins to listen, through one of the command's streams. Where there is none, the host's signals end the family.
pub fn listen(streams: &[Handle]) {
    let open = |stream: &Handle| pal::event(*stream, event::CONTROL).ok();
    let Some(queue) = streams.iter().filter(|stream| !stream.is_none()).find_map(open) else { return };
    let mut change = Attr::ZERO;
    change.flags = stream::NONBLOCK;
    if pal::set_attributes(queue.get(), &change, attr::FLAGS).is_ok() {
        QUEUE.store(queue.get().0, Relaxed);
        READER.store(self_id(), Relaxed);
        core::mem::forget(queue); // for the rest of the family's life
    }
}

/// Passes on what the host sent, where the layer below rang.
pub fn look() {
    if !pal::take_ring() {
        return;
    }
    // One thread is rung for all.
    threads::pass_on();
    if QUEUE.load(Relaxed) == 0 || READER.load(Relaxed) != self_id() {
        return;
    }
    let mut record = [0; RECORD];
    loop {
        match pal::read(Handle(QUEUE.load(Relaxed)), 0, record.as_mut_slice().into(), 8) {
            Ok(8) => {
                let [a, b, c, d, e, f, g, h] = record;
                pass(u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]) == BY_KERNEL);
            }
            // Another ring: what it was for is looked at here, too, or pending when we return.
            Err(PalError::Interrupted) => {}
            _ => return,
        }
    }
}

fn pass(signal: u32, by_terminal: bool) {
    if !(1..=COUNT).contains(&signal) {
        return;
    }
    let me = process().member();
    // A command that is continued is continued as the group it was started as.
    let foreground =
        if signal == SIGCONT { me.group() } else { pty::terminal(Line::CONSOLE).foreground.load(Relaxed) };
    if by_terminal && foreground != 0 {
        let info = SigInfo::kernel(signal);
        family::all().filter(|to| to.group() == foreground).for_each(|to| family::post(to, &info));
    } else {
        family::post(me, &SigInfo { signal, code: code::SI_USER, ..SigInfo::default() });
    }
}
