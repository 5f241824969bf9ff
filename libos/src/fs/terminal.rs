//! Terminals: settings and window sizes as the program's structures, carried by the layer below as attributes.
//!
//! # Source
//! ioctl_tty(2); `struct termios` of i386.

use pal_abi::flags::attr;
use pal_abi::{Attr, Layout as _};

use super::file::HostFile;
use super::pty::Discipline;
use crate::error::Errno;
use crate::pal;

/// A side of a pseudo-terminal. The command's own terminal has a slave only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// What types and shows.
    Master,
    /// What programs take for their terminal.
    Slave,
}

/// Which terminal of the family a file is, and which side of it. Number 0 is the command's own, N + 1 is `/dev/pts/N`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    number: usize,
    side: Side,
}

impl Line {
    /// The command's own terminal.
    pub const CONSOLE: Self = Self { number: 0, side: Side::Slave };

    /// A side of a terminal.
    #[must_use]
    pub const fn new(number: usize, side: Side) -> Self {
        Self { number, side }
    }

    /// Its number in the family.
    #[must_use]
    pub const fn number(self) -> usize {
        self.number
    }

    /// Its side.
    #[must_use]
    pub const fn side(self) -> Side {
        self.side
    }

    /// Its number in `/dev/pts`.
    #[must_use]
    pub fn pts(self) -> Option<u32> {
        self.number.checked_sub(1).and_then(|pts| u32::try_from(pts).ok())
    }

    /// Both as one word, which is not 0 for a pseudo-terminal.
    #[must_use]
    pub fn word(self) -> u32 {
        u32::try_from(self.number).unwrap_or(0) << 1 | u32::from(self.side == Side::Master)
    }

    /// The line of a word.
    #[must_use]
    pub const fn of_word(word: u32) -> Self {
        let side = if word & 1 != 0 { Side::Master } else { Side::Slave };
        Self { number: (word >> 1) as usize, side }
    }
}

/// Bytes of `struct termios`.
pub const TERMIOS: usize = 36;
/// Bytes of `struct termios2`.
pub const TERMIOS2: usize = 44;

/// When new settings take effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// At once.
    Now,
    /// When output has drained.
    Drain,
    /// When output has drained; input is thrown away.
    Flush,
}

fn query(file: &HostFile, what: u32) -> Result<Attr, Errno> {
    if file.terminal.is_none() {
        return Err(Errno::ENOTTY);
    }
    let attr = pal::attributes(file.handle.get())?;
    if attr.valid & what == 0 { Err(Errno::ENOTTY) } else { Ok(attr) }
}

/// Reads the settings; the long form has the speeds behind.
///
/// # Errors
/// `ENOTTY`.
pub fn settings(file: &HostFile) -> Result<[u8; TERMIOS2], Errno> {
    let a = query(file, attr::TERMIOS)?;
    let mut bytes = [0; TERMIOS2];
    for (n, word) in [a.input_flags, a.output_flags, a.control_flags, a.local_flags].into_iter().enumerate() {
        bytes[n * 4..n * 4 + 4].copy_from_slice(&word.to_le_bytes());
    }
    bytes[16] = a.line;
    bytes[17..36].copy_from_slice(&a.characters);
    bytes[36..40].copy_from_slice(&a.input_speed.to_le_bytes());
    bytes[40..44].copy_from_slice(&a.output_speed.to_le_bytes());
    Ok(bytes)
}

/// Whether writes from the background stop the writer (`TOSTOP`).
///
/// # Errors
/// `ENOTTY`.
pub fn minds_writes(file: &HostFile) -> Result<bool, Errno> {
    const TOSTOP: u32 = 0x100;
    Ok(query(file, attr::TERMIOS)?.local_flags & TOSTOP != 0)
}

/// What decides which typed characters are signals.
///
/// # Errors
/// `ENOTTY`.
pub fn discipline(file: &HostFile) -> Result<Discipline, Errno> {
    let a = query(file, attr::TERMIOS)?;
    Ok(Discipline { input: a.input_flags, local: a.local_flags, characters: a.characters })
}

/// Waits until output has drained.
///
/// # Errors
/// `ENOTTY`.
pub fn drain(file: &HostFile) -> Result<(), Errno> {
    // The settings stay as they are: what matters is the way of setting them.
    set_settings(file, &settings(file)?, When::Drain)
}

/// Throws away what was typed and not read, or written and not taken, or both: the three arguments of `TCFLSH`.
///
/// # Errors
/// `EINVAL` for another argument; `ENOTTY`.
pub fn discard(file: &HostFile, queue: u32) -> Result<(), Errno> {
    let mask = match queue {
        0 => attr::DISCARD_INPUT,
        1 => attr::DISCARD_OUTPUT,
        2 => attr::DISCARD_INPUT | attr::DISCARD_OUTPUT,
        _ => return Err(Errno::EINVAL),
    };
    query(file, attr::TERMIOS)?;
    Ok(pal::set_attributes(file.handle.get(), &Attr::ZERO, mask)?)
}

/// Changes the settings; of a short form the speeds stay.
///
/// # Errors
/// `ENOTTY`.
pub fn set_settings(file: &HostFile, bytes: &[u8], when: When) -> Result<(), Errno> {
    let mut a = query(file, attr::TERMIOS)?;
    let word = |at: usize| {
        let mut four = [0; 4];
        four.copy_from_slice(&bytes[at..at + 4]);
        u32::from_le_bytes(four)
    };
    (a.input_flags, a.output_flags, a.control_flags, a.local_flags) = (word(0), word(4), word(8), word(12));
    a.line = bytes[16];
    a.characters.copy_from_slice(&bytes[17..36]);
    if bytes.len() >= TERMIOS2 {
        (a.input_speed, a.output_speed) = (word(36), word(40));
    }
    let mask = match when {
        When::Now => attr::TERMIOS,
        When::Drain => attr::TERMIOS_DRAIN,
        When::Flush => attr::TERMIOS_FLUSH,
    };
    Ok(pal::set_attributes(file.handle.get(), &a, mask)?)
}

/// Reads `struct winsize`.
///
/// # Errors
/// `ENOTTY`.
pub fn window(file: &HostFile) -> Result<[u8; 8], Errno> {
    let a = query(file, attr::WINDOW)?;
    let mut bytes = [0; 8];
    for (n, half) in [a.rows, a.columns, a.pixels_x, a.pixels_y].into_iter().enumerate() {
        bytes[n * 2..n * 2 + 2].copy_from_slice(&half.to_le_bytes());
    }
    Ok(bytes)
}

/// Changes the window size.
///
/// # Errors
/// `ENOTTY`.
pub fn set_window(file: &HostFile, bytes: [u8; 8]) -> Result<(), Errno> {
    query(file, attr::WINDOW)?;
    let half = |n: usize| u16::from_le_bytes([bytes[n * 2], bytes[n * 2 + 1]]);
    let mut a = Attr::ZERO;
    (a.rows, a.columns, a.pixels_x, a.pixels_y) = (half(0), half(1), half(2), half(3));
    Ok(pal::set_attributes(file.handle.get(), &a, attr::WINDOW)?)
}
