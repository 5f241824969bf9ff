//! Restartable sequences: a thread tells where it writes its current critical section, and finds itself at the
//! section's abort handler when something came between.
//!
//! What may come between here is a signal, or an interruption by the layer below; each thread has a processor to
//! itself, so that two never meet on the data of one. Its number may be beyond those of the processors that there are:
//! a program that sizes a table by their count and not by what is possible is not served (the C library aborts where a
//! thread cannot register, so refusing is no way out).
//!
//! # Source
//! rseq(2); `kernel/rseq.c` of Linux 6.15 and later.

use pal_abi::ContextI386;

use crate::arch::user;
use crate::error::Errno;
use crate::layout::USER_END;
use crate::task::threads;

/// Bytes of `struct rseq` as it first was; no less is registered.
const FIRST_SIZE: u32 = 32;
/// Bytes of the fields that are known (`AT_RSEQ_FEATURE_SIZE`).
pub const FEATURE_SIZE: u32 = 28;
/// What it is aligned to (`AT_RSEQ_ALIGN`).
pub const ALIGN: u32 = 32;

/// Flags of the call.
const UNREGISTER: u32 = 1;

/// Where the fields of `struct rseq` stand.
mod at {
    pub(super) const CPU_ID_START: u32 = 0;
    pub(super) const CPU_ID: u32 = 4;
    pub(super) const SECTION: u32 = 8;
    pub(super) const FLAGS: u32 = 16;
    pub(super) const NODE_ID: u32 = 20;
    pub(super) const MM_CID: u32 = 24;
}

/// `RSEQ_CPU_ID_UNINITIALIZED`.
const NO_CPU: u32 = u32::MAX;
/// Flags that once kept a section from being aborted (`RSEQ_CS_NO_RESTART_FLAGS`), in the area or the section: refused.
const NO_RESTART: u32 = 7;

/// What a thread registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rseq {
    area: u32,
    len: u32,
    signature: u32,
}

/// `struct rseq_cs`.
struct Section {
    version: u32,
    flags: u32,
    start: u64,
    length: u64,
    abort: u64,
}

impl Section {
    fn read(at: u32) -> Result<Self, Errno> {
        let word = |n: u32| user::read_u32(at.wrapping_add(n));
        let wide = |n: u32| user::read_u64(at.wrapping_add(n));
        Ok(Self { version: word(0)?, flags: word(4)?, start: wide(8)?, length: wide(16)?, abort: wide(24)? })
    }

    /// Whether it is one that a program can be sent out of: its abort handler lies outside.
    fn is_sound(&self) -> bool {
        let end = u64::from(USER_END);
        let within = self.start < end && self.length < end - self.start && self.abort < end;
        self.version == 0 && within && self.abort.wrapping_sub(self.start) >= self.length
    }
}

impl Rseq {
    /// Nothing is registered.
    pub const NONE: Self = Self { area: 0, len: 0, signature: 0 };

    /// Registers an area, or with the flag takes it back.
    ///
    /// # Errors
    /// `EINVAL` where flags, length or alignment are none, or another area is registered; `EPERM` for another
    /// signature; `EBUSY` where it is registered already; `EFAULT`.
    pub fn call(&mut self, area: u32, len: u32, flags: u32, signature: u32) -> Result<(), Errno> {
        let is_same = self.area != 0 && self.area == area && self.len == len;
        if flags & !UNREGISTER != 0 {
            return Err(Errno::EINVAL);
        }
        if flags == UNREGISTER || self.area != 0 {
            return match (is_same, self.signature == signature) {
                (false, _) => Err(Errno::EINVAL),
                (_, false) => Err(Errno::EPERM),
                _ if flags == UNREGISTER => self.unregister(),
                _ => Err(Errno::EBUSY),
            };
        }
        if len < FIRST_SIZE || !area.is_multiple_of(ALIGN) {
            return Err(Errno::EINVAL);
        }
        user::check(area, len)?;
        // What stands there is of no section of ours.
        user::write_u64(area.wrapping_add(at::SECTION), 0)?;
        set_cpu(area, threads::current().index())?;
        *self = Self { area, len, signature };
        Ok(())
    }

    fn unregister(&mut self) -> Result<(), Errno> {
        set_cpu(self.area, NO_CPU)?;
        *self = Self::NONE;
        Ok(())
    }

    /// Sends a thread that was interrupted inside a critical section to the section's abort handler.
    ///
    /// # Errors
    /// What costs the thread a SIGSEGV: an area or section that cannot be reached or is none, another signature before
    /// the abort handler.
    pub fn interrupt(&self, context: &mut ContextI386) -> Result<(), Errno> {
        if self.area == 0 {
            return Ok(());
        }
        let field = |offset: u32| self.area.wrapping_add(offset);
        let section = user::read_u64(field(at::SECTION))?;
        if section != 0 {
            let section = u32::try_from(section).ok().filter(|at| *at < USER_END).ok_or(Errno::EINVAL)?;
            self.leave(&Section::read(section)?, context)?;
        }
        set_cpu(self.area, threads::current().index())
    }

    fn leave(&self, section: &Section, context: &mut ContextI386) -> Result<(), Errno> {
        if !section.is_sound() {
            return Err(Errno::EINVAL);
        }
        let abort = u32::try_from(section.abort).map_err(|_| Errno::EINVAL)?;
        if user::read_u32(abort.wrapping_sub(4))? != self.signature {
            return Err(Errno::EINVAL);
        }
        let inside = u64::from(context.eip).wrapping_sub(section.start) < section.length;
        if inside {
            let flags = section.flags | user::read_u32(self.area.wrapping_add(at::FLAGS))?;
            if flags & NO_RESTART != 0 {
                return Err(Errno::EINVAL);
            }
        }
        // A section that was left is forgotten, too: it need not be looked at again.
        user::write_u64(self.area.wrapping_add(at::SECTION), 0)?;
        if inside {
            context.eip = abort;
        }
        Ok(())
    }
}

/// Writes the processor into an area, and with it its node and the number among the threads that run.
fn set_cpu(area: u32, cpu: u32) -> Result<(), Errno> {
    let start = if cpu == NO_CPU { 0 } else { cpu };
    for (field, value) in
        [(at::CPU_ID_START, start), (at::CPU_ID, cpu), (at::NODE_ID, 0), (at::MM_CID, start)]
    {
        user::write_u32(area.wrapping_add(field), value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_must_end_before_the_library_os_and_not_hold_its_handler() {
        let section = |start, length, abort| Section { version: 0, flags: 0, start, length, abort };
        assert!(section(0x1000, 16, 0x1010).is_sound());
        assert!(section(0x1000, 16, 0xff0).is_sound());
        assert!(!section(0x1000, 16, 0x100f).is_sound());
        assert!(!section(0x1000, u64::from(USER_END), 0x100).is_sound());
        assert!(!section(0x1000, u64::MAX, 0x100).is_sound());
        assert!(!section(1 << 32, 16, 0x100).is_sound());
        assert!(!Section { version: 1, ..section(0x1000, 16, 0x1010) }.is_sound());
    }

    #[test]
    fn areas_are_checked_before_they_are_touched() {
        let mut rseq = Rseq::NONE;
        assert_eq!(rseq.call(0x1000, 31, 0, 1), Err(Errno::EINVAL));
        assert_eq!(rseq.call(0x1010, 32, 0, 1), Err(Errno::EINVAL));
        assert_eq!(rseq.call(0x1000, 32, 2, 1), Err(Errno::EINVAL));
        assert_eq!(rseq.call(0, 32, UNREGISTER, 1), Err(Errno::EINVAL));
        assert_eq!(rseq.call(USER_END, 32, 0, 1), Err(Errno::EFAULT));
        rseq = Rseq { area: 0x1000, len: 32, signature: 1 };
        assert_eq!(rseq.call(0x2000, 32, 0, 1), Err(Errno::EINVAL));
        assert_eq!(rseq.call(0x1000, 32, 0, 2), Err(Errno::EPERM));
        assert_eq!(rseq.call(0x1000, 32, 0, 1), Err(Errno::EBUSY));
        assert_eq!(rseq.call(0x1000, 64, UNREGISTER, 1), Err(Errno::EINVAL));
        assert_eq!(rseq.call(0x1000, 32, UNREGISTER, 2), Err(Errno::EPERM));
    }
}
