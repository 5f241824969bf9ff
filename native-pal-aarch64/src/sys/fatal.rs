//! The end of a process that cannot go on: one line on standard error, written without locks or allocation.

use core::fmt::Write;

use pal_abi::Exception;

/// A line in a fixed buffer.
struct Line {
    text: [u8; 256],
    used: usize,
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        for byte in s.bytes() {
            if let Some(place) = self.text.get_mut(self.used) {
                *place = byte;
                self.used += 1;
            }
        }
        Ok(())
    }
}

/// Prints `trunnion: …` as one line.
pub(crate) fn line(text: core::fmt::Arguments<'_>) {
    let mut line = Line { text: [0; 256], used: 0 };
    // Writing to the buffer cannot fail.
    let _ = writeln!(line, "trunnion: {text}");
    let Some(bytes) = line.text.get(..line.used) else { return };
    // SAFETY: the bytes are ours; a failing write leaves nothing to be done.
    unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
}

/// Says what happened and ends the process, as if `signal` had killed it.
pub(crate) fn end(signal: libc::c_int, what: &Exception, pc: usize, why: &str) -> ! {
    let access = match (what.code, what.info[0]) {
        (1 | 8, 1) => "write ",
        (1 | 8, 2) => "execute ",
        (1 | 8, _) => "read ",
        _ => "",
    };
    line(format_args!("fatal: host signal {signal} ({access}at {:#x}) at {pc:#x}: {why}", what.address,));
    crate::family::exit(-signal)
}
