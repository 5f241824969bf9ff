//! Pseudo-terminals: `/dev/ptmx` and `/dev/pts`.
//!
//! The line discipline is that of the layer below (`pty:`). Here is what the kernel keeps beside it: numbers, locks,
//! whose session a terminal is, the group in its foreground, and the signals these get. All that stands in family
//! memory, since the sides of a terminal are usually in different processes. What a process needs to open a slave by its
//! number it has from when the terminal was made, by it or by one of its ancestors.
//!
//! # Source
//! pts(4); `drivers/tty/pty.c`, `tty_jobctrl.c` and `n_tty.c` of Linux.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use pal_abi::flags::{access, event, open as options, ready};
use pal_abi::{Handle, Pal as _, PalError};

use super::file::{HostFile, Object, OpenFile, o};
use super::stat::{self, Stat};
use super::terminal::{Line, Side};
use crate::error::Errno;
use crate::pal::{self, Owned, pal};
use crate::signal::info::SigInfo;
use crate::signal::set::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTSTP};
use crate::sys::family::{TERMINALS, Terminal, memory};
use crate::sys::lock::Lock;
use crate::task::family::{self, Seen};

/// `Terminal::state`, as bits.
mod state {
    /// The slave may not be opened yet (`TIOCSPTLCK`).
    pub(super) const LOCKED: u32 = 1;
    /// The master is closed.
    pub(super) const HUNG_UP: u32 = 2;
    /// The next character typed has no meaning (`VLNEXT`).
    pub(super) const LITERAL: u32 = 4;
}

/// The device number of `/dev/pts`.
pub const DEVPTS: stat::Device = stat::Device { major: 0, minor: 24 };
/// The major number of slaves.
pub const MAJOR: u32 = 136;

/// What this process can open slaves with, by line: of which generation it is, and the name below.
static NAMES: Lock<BTreeMap<usize, (u32, Arc<Owned>)>> = Lock::new(BTreeMap::new());

/// A terminal's words.
#[must_use]
pub fn terminal(line: Line) -> &'static Terminal {
    &memory().terminals[line.number() % TERMINALS]
}

/// The line a session has as its controlling terminal.
#[must_use]
pub fn of_session(session: u32) -> Option<Line> {
    let at = memory().terminals.iter().position(|t| session != 0 && t.session.load(Relaxed) == session)?;
    Some(Line::new(at, Side::Slave))
}

/// The group in the foreground of a session's terminal; 0: none.
#[must_use]
pub fn foreground_of(session: u32) -> u32 {
    of_session(session).map_or(0, |line| terminal(line).foreground.load(Relaxed))
}

/// The encoded device number of a session's terminal, as `/proc` shows it; 0: none.
#[must_use]
pub fn device_of(session: u32) -> u32 {
    let line = of_session(session).and_then(Line::pts);
    line.map_or(0, |pts| stat::Device { major: MAJOR, minor: pts }.encode())
}

/// The numbers in `/dev/pts`.
pub fn all() -> impl Iterator<Item = u32> {
    let there = |t: &Terminal| t.files.load(Relaxed) != 0 && t.state.load(Relaxed) & state::HUNG_UP == 0;
    (0u32..).zip(&memory().terminals[1..]).filter(move |(_, t)| there(t)).map(|(n, _)| n)
}

fn peer(of: Handle, how: u32) -> Result<Owned, PalError> {
    let mut handle = Handle::NONE;
    pal().stream_wait_for_client(of, how, (&mut handle).into())?;
    Ok(Owned::new(handle))
}

/// Takes the lowest free number.
fn allot() -> Result<Line, Errno> {
    let _guard = family::lock();
    let free = |t: &Terminal| t.files.load(Acquire) == 0;
    let at = memory().terminals.iter().skip(1).position(free).ok_or(Errno::ENOSPC)? + 1;
    let taken = &memory().terminals[at];
    for word in [&taken.session, &taken.foreground] {
        word.store(0, Relaxed);
    }
    taken.state.store(state::LOCKED, Relaxed);
    taken.generation.fetch_add(1, Relaxed);
    taken.files.store(1, Release);
    Ok(Line::new(at, Side::Master))
}

fn file(handle: Owned, line: Line, flags: u32) -> Result<Arc<OpenFile>, Errno> {
    let attr = pal::attributes(handle.get())?;
    let path = match line.pts() {
        Some(pts) if line.side() == Side::Slave => format!("/dev/pts/{pts}").into_bytes(),
        _ => b"/dev/ptmx".to_vec(),
    };
    let object = Object::Host(HostFile::of_line(handle, &attr, line));
    let file = OpenFile::new(object, flags, path)?;
    file.slot.set_terminal(line.word());
    Ok(Arc::new(file))
}

/// Opens `/dev/ptmx`: a new terminal's master.
///
/// # Errors
/// `ENOSPC` where there are too many; `EMFILE`.
pub fn open_master(flags: u32) -> Result<Arc<OpenFile>, Errno> {
    let line = allot()?;
    let opened = pal::open(b"pty:", access::READ | access::WRITE, 0).and_then(|master| {
        let name = peer(master.get(), options::PATH_ONLY)?;
        Ok((master, name))
    });
    let made = opened.map_err(Errno::from).and_then(|(master, name)| {
        let stale =
            |at: usize, generation: u32| memory().terminals[at].generation.load(Relaxed) != generation;
        let mut names = NAMES.lock();
        let old: Vec<usize> =
            names.iter().filter(|(at, (g, _))| stale(**at, *g)).map(|(at, _)| *at).collect();
        let mut dropped: Vec<_> = old.into_iter().filter_map(|at| names.remove(&at)).collect();
        let generation = terminal(line).generation.load(Relaxed);
        dropped.extend(names.insert(line.number(), (generation, Arc::new(name))));
        drop(names);
        drop(dropped); // closes handles, under no lock
        file(master, line, flags)
    });
    if made.is_err() {
        terminal(line).files.store(0, Release);
    }
    made
}

/// Opens the slave of a terminal. A session leader without a terminal gets it as its own.
///
/// # Errors
/// `EIO` where the terminal is locked or has hung up, or this process has no way to it.
pub fn open_slave(line: Line, flags: u32) -> Result<Arc<OpenFile>, Errno> {
    let line = Line::new(line.number(), Side::Slave);
    let name = {
        let names = NAMES.lock();
        let (generation, name) = names.get(&line.number()).ok_or(Errno::EIO)?;
        (terminal(line).generation.load(Relaxed) == *generation)
            .then(|| Arc::clone(name))
            .ok_or(Errno::EIO)?
    };
    if terminal(line).state.load(Relaxed) & (state::LOCKED | state::HUNG_UP) != 0 {
        return Err(Errno::EIO);
    }
    let handle = peer(name.get(), 0)
        .map_err(|error| if error == PalError::Broken { Errno::EIO } else { error.into() })?;
    terminal(line).files.fetch_add(1, AcqRel);
    let made = file(handle, line, flags);
    if made.is_err() {
        closed(line.word());
    }
    let me = crate::task::process::process().member();
    if flags & o::NOCTTY == 0 && flags & o::ACCMODE != o::WRONLY && me.session() == me.pid() {
        acquire(line, me);
    }
    made
}

/// The line of a number in `/dev/pts`, where there is one.
#[must_use]
pub fn find(pts: u32) -> Option<Line> {
    all().any(|there| there == pts).then(|| Line::new(pts as usize + 1, Side::Slave))
}

/// What `stat` tells of a slave.
///
/// # Errors
/// `EIO` where this process has no way to it.
pub fn slave_stat(pts: u32) -> Result<Stat, Errno> {
    let line = find(pts).ok_or(Errno::ENOENT)?;
    let name = NAMES.lock().get(&line.number()).map(|(_, name)| Arc::clone(name)).ok_or(Errno::EIO)?;
    Ok(dress(line, Stat::from_attr(&pal::attributes(name.get())?)))
}

/// Puts the numbers that the guest knows a terminal by into what the layer below tells.
#[must_use]
pub fn dress(line: Line, stat: Stat) -> Stat {
    match line.pts() {
        Some(pts) if line.side() == Side::Slave => Stat {
            device: DEVPTS,
            inode: u64::from(pts) + 3,
            node: stat::Device { major: MAJOR, minor: pts },
            ..stat
        },
        Some(_) => super::pseudo::ptmx_stat(),
        None => stat,
    }
}

/// Makes a free terminal the controlling one of a session that has none; tells whether it is now.
#[must_use]
fn take(line: Line, leader: Seen) -> bool {
    let (terminal, session) = (terminal(line), leader.session());
    let free = of_session(session).is_none()
        && terminal.session.compare_exchange(0, session, AcqRel, Relaxed).is_ok();
    if free {
        terminal.foreground.store(leader.group(), Relaxed);
    }
    free
}

/// What opening a terminal does for a session leader.
pub fn acquire(line: Line, leader: Seen) {
    // Where it is another's, or the leader has one, nothing changes.
    _ = take(line, leader);
}

/// `TIOCSCTTY`.
///
/// # Errors
/// `EPERM` for others than session leaders without a terminal, and where it is another session's, unless `steal`.
pub fn control(line: Line, me: Seen, steal: bool) -> Result<(), Errno> {
    let terminal = terminal(line);
    let leads = me.session() == me.pid();
    if leads && terminal.session.load(Relaxed) == me.session() {
        return Ok(());
    }
    if !leads || of_session(me.session()).is_some() {
        return Err(Errno::EPERM);
    }
    if steal {
        terminal.session.store(0, Relaxed);
    }
    if take(line, me) { Ok(()) } else { Err(Errno::EPERM) }
}

fn to_group(group: u32, signal: u32) {
    if group != 0 {
        let info = SigInfo::kernel(signal);
        family::all().filter(|to| to.group() == group).for_each(|to| family::post(to, &info));
    }
}

/// Sends the group in the foreground a signal.
pub fn signal_foreground(line: Line, signal: u32) {
    to_group(terminal(line).foreground.load(Relaxed), signal);
}

/// Takes the controlling terminal from a session: at its leader's end, or when that gives it up.
pub fn leave(leader: Seen, at_end: bool) {
    let Some(line) = of_session(leader.session()).filter(|_| leader.session() == leader.pid()) else {
        return;
    };
    let group = terminal(line).foreground.swap(0, AcqRel);
    terminal(line).session.store(0, Release);
    to_group(group, SIGHUP);
    if !at_end {
        to_group(group, SIGCONT);
    }
}

/// An open file of a terminal is closed, the last of one that several processes had. `word` is its line's.
pub fn closed(word: u32) {
    let line = Line::of_word(word);
    let terminal = terminal(line);
    if line.side() == Side::Master {
        terminal.state.fetch_or(state::HUNG_UP, AcqRel);
        let session = terminal.session.swap(0, AcqRel);
        terminal.foreground.store(0, Relaxed);
        if let Some(leader) = family::find(session) {
            family::post(leader, &SigInfo::kernel(SIGHUP));
            family::post(leader, &SigInfo::kernel(SIGCONT));
        }
    }
    terminal.files.fetch_sub(1, AcqRel);
}

/// Whether this is what is left of a terminal whose master is closed.
#[must_use]
pub fn has_hung_up(line: Line) -> bool {
    line.side() == Side::Slave && terminal(line).state.load(Relaxed) & state::HUNG_UP != 0
}

/// Locks or unlocks the slave.
pub fn set_lock(line: Line, locked: bool) {
    let state = &terminal(line).state;
    if locked {
        state.fetch_or(state::LOCKED, AcqRel);
    } else {
        state.fetch_and(!state::LOCKED, AcqRel);
    }
}

/// Whether the slave is locked.
#[must_use]
pub fn is_locked(line: Line) -> bool {
    terminal(line).state.load(Relaxed) & state::LOCKED != 0
}

/// What of the settings decides which characters are signals: input and local flags, and the control characters.
#[derive(Clone, Copy, Debug)]
pub struct Discipline {
    /// `c_iflag`.
    pub input: u32,
    /// `c_lflag`.
    pub local: u32,
    /// `c_cc`.
    pub characters: [u8; 19],
}

/// The first signal that typed bytes send, with the number of bytes up to it; the bytes before it that none does send.
/// `literal` says whether the next byte is taken as it is.
fn first_signal(discipline: &Discipline, bytes: &[u8], literal: &mut bool) -> Option<(usize, u32)> {
    const ISTRIP: u32 = 0o40;
    const IXON: u32 = 0o2000;
    const ISIG: u32 = 1;
    const ICANON: u32 = 2;
    const IEXTEN: u32 = 0o100_000;
    let (input, local, c) = (discipline.input, discipline.local, discipline.characters);
    let (intr, quit, start, stop, susp, lnext) = (c[0], c[1], c[8], c[9], c[10], c[15]);
    for (n, &byte) in bytes.iter().enumerate() {
        let byte = if input & ISTRIP != 0 { byte & 0x7f } else { byte };
        // 0 is what disables a character.
        if core::mem::take(literal) || byte == 0 || input & IXON != 0 && (byte == start || byte == stop) {
            continue;
        }
        if local & ISIG != 0 {
            let signals = [(intr, SIGINT), (quit, SIGQUIT), (susp, SIGTSTP)];
            if let Some((_, signal)) = signals.into_iter().find(|(character, _)| *character == byte) {
                return Some((n + 1, signal));
            }
        }
        *literal = local & ICANON != 0 && local & IEXTEN != 0 && byte == lnext;
    }
    None
}

/// Waits until the layer below has looked at what was typed: a signal's character discards input and output there, and
/// what the signal's receiver writes must come after that, as on Linux, where both happen under one lock.
fn settle(line: Line) {
    const TRIES: u32 = 50;
    let Some((_, name)) = NAMES.lock().get(&line.number()).cloned() else { return };
    let Ok(slave) = peer(name.get(), 0) else { return };
    let Ok(readable) = pal::event(slave.get(), event::READABLE) else { return };
    for _ in 0..TRIES {
        // To ask whether there is input is what makes the discipline look; afterwards there is none.
        if pal::readiness(readable.get()) & ready::READABLE == 0 {
            return;
        }
        // Whatever ends the sleep, the question is asked again.
        _ = pal::wait_any(&[], pal::now() + 1_000_000);
    }
}

/// Types bytes at the master: as many as up to the first signal they mean, which is sent. `write` passes them on, and tells
/// how many went.
///
/// # Errors
/// Those of `write`.
pub fn type_some(
    line: Line,
    discipline: &Discipline,
    bytes: &[u8],
    write: impl FnOnce(&[u8]) -> Result<u32, PalError>,
) -> Result<u32, PalError> {
    const NOFLSH: u32 = 0x80;
    let state = &terminal(line).state;
    let mut literal = state.load(Relaxed) & state::LITERAL != 0;
    let signal = first_signal(discipline, bytes, &mut literal);
    let end = signal.map_or(bytes.len(), |(end, _)| end);
    let went = write(&bytes[..end])?;
    if literal {
        state.fetch_or(state::LITERAL, AcqRel);
    } else {
        state.fetch_and(!state::LITERAL, AcqRel);
    }
    if let Some((_, signal)) = signal.filter(|_| went as usize == end) {
        if discipline.local & NOFLSH == 0 {
            settle(line);
        }
        signal_foreground(line, signal);
    }
    Ok(went)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a new terminal has them: ^C, ^\, ^Z, ^Q, ^S, ^V.
    fn usual() -> Discipline {
        let mut characters = [0; 19];
        for (at, byte) in [(0, 3), (1, 28), (8, 17), (9, 19), (10, 26), (15, 22)] {
            characters[at] = byte;
        }
        Discipline { input: 0o2400, local: 0o105_073, characters }
    }

    #[test]
    fn characters_send_signals_unless_they_are_literal_or_disabled() {
        let d = usual();
        let first = |d: &Discipline, bytes: &[u8], before: bool| {
            let mut literal = before;
            (first_signal(d, bytes, &mut literal), literal)
        };
        assert_eq!(first(&d, b"a\x03b\x1a", false).0, Some((2, SIGINT)));
        assert_eq!(first(&d, b"b\x1a\x1c", false).0, Some((2, SIGTSTP)));
        assert_eq!(first(&d, b"\x16\x03\x1c", false), (Some((3, SIGQUIT)), false));
        assert_eq!(first(&d, b"\x16", false), (None, true));
        assert_eq!(first(&d, b"\x03", true), (None, false));
        assert_eq!(first(&Discipline { local: 0, ..d }, b"\x16\x03", false), (None, false));
        let mut disabled = d;
        disabled.characters[0] = 0;
        assert_eq!(first(&disabled, b"\0", false).0, None);
    }
}
