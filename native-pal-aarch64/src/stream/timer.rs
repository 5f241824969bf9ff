//! `timer:CLOCK` — timers, each a timerfd of the host; CLOCK is WALL, MONOTONIC or BOOT of `flags::clock`.
//!
//! A `TimerSetting` written to one starts or stops it. A read at offset 0 waits until it has expired and gives how
//! often (8 bytes); one at offset [`TIMER_SETTING_OFFSET`] gives what is left as a `TimerSetting`, at once.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use pal_abi::flags::{NEVER, TIMER_SETTING_OFFSET, clock, node, open as options_of, stream as bits, timer};
use pal_abi::{Attr, Layout, PalError, TimerSetting};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_gettime,
    timerfd_settime,
};

use super::{Ops, Stream, Transfer, io};
use crate::handle::{Export, WaitSource};
use crate::sys::copy;
use crate::sys::errno::pal_error;
use crate::user::Buffer;
use crate::wait;

const SECOND: u64 = 1_000_000_000;

/// A timer.
#[derive(Debug)]
struct Timer {
    fd: OwnedFd,
    clock: u32,
}

/// Opens `timer:`.
///
/// # Errors
/// Those of `StreamOpen`.
pub(crate) fn open(rest: &[u8], options: u32) -> Result<Arc<Stream>, PalError> {
    let number = std::str::from_utf8(rest).ok().and_then(|text| text.parse().ok());
    let (clock, of_host) = match number.ok_or(PalError::Invalid)? {
        clock::WALL => (clock::WALL, TimerfdClockId::Realtime),
        clock::MONOTONIC => (clock::MONOTONIC, TimerfdClockId::Monotonic),
        clock::BOOT => (clock::BOOT, TimerfdClockId::Boottime),
        _ => return Err(PalError::Invalid),
    };
    let fd = timerfd_create(of_host, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK).map_err(pal_error)?;
    let nonblock = if options & options_of::NONBLOCK == 0 { 0 } else { bits::NONBLOCK };
    Ok(Stream::new(Timer { fd, clock }, bits::READ | bits::WRITE | nonblock))
}

/// A timer that was passed on.
pub(crate) fn import(fd: OwnedFd, clock: u8, flags: u32) -> Arc<Stream> {
    Stream::new(Timer { fd, clock: u32::from(clock) }, flags)
}

fn timespec(ns: u64) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(ns / SECOND).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(ns % SECOND).unwrap_or(0),
    }
}

fn nanoseconds(time: &Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(SECOND).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

impl Timer {
    fn setting(&self) -> Result<TimerSetting, PalError> {
        let now = timerfd_gettime(&self.fd).map_err(pal_error)?;
        Ok(TimerSetting {
            value: nanoseconds(&now.it_value),
            interval: nanoseconds(&now.it_interval),
            flags: 0,
            reserved: 0,
        })
    }

    fn set(&self, setting: &TimerSetting) -> Result<(), PalError> {
        let mut flags = TimerfdTimerFlags::empty();
        if setting.flags & !(timer::ABSOLUTE | timer::CANCEL_ON_SET) != 0 || setting.reserved != 0 {
            return Err(PalError::Invalid);
        }
        if setting.flags & timer::ABSOLUTE != 0 {
            flags |= TimerfdTimerFlags::ABSTIME;
        }
        if setting.flags & timer::CANCEL_ON_SET != 0 {
            flags |= TimerfdTimerFlags::CANCEL_ON_SET;
        }
        let (it_value, it_interval) = (timespec(setting.value), timespec(setting.interval));
        timerfd_settime(&self.fd, flags, &Itimerspec { it_interval, it_value }).map(drop).map_err(pal_error)
    }
}

impl Ops for Timer {
    fn kind(&self) -> u32 {
        node::TIMER
    }

    fn read(&self, offset: u64, buf: Buffer, nonblocking: bool) -> Result<Transfer, PalError> {
        if offset == TIMER_SETTING_OFFSET {
            let setting = self.setting()?;
            let bytes = setting.as_bytes();
            if buf.len < bytes.len() {
                return Err(PalError::Invalid);
            }
            copy::write_bytes(buf.addr, bytes)?;
            return Ok(Transfer::of(bytes.len()));
        }
        loop {
            match io::read_waiting(self.fd.as_fd(), buf, true) {
                // The host answers so, without news, where a change of the clock took an expiry back.
                Ok(Transfer { done: 0, .. }) | Err(PalError::WouldBlock) if !nonblocking => {
                    wait::ready(self.fd.as_fd(), libc::POLLIN, NEVER)?;
                }
                Ok(Transfer { done: 0, .. }) => return Err(PalError::WouldBlock),
                other => return other,
            }
        }
    }

    fn write(&self, _: u64, buf: Buffer, _: bool) -> Result<Transfer, PalError> {
        if buf.len != size_of::<TimerSetting>() {
            return Err(PalError::Invalid);
        }
        self.set(&copy::read::<TimerSetting>(buf.addr)?)?;
        Ok(Transfer::of(buf.len))
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        match which {
            pal_abi::flags::event::WRITABLE => WaitSource::None,
            which => super::polled(self.fd.as_fd(), which),
        }
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(format!("timer:{}", self.clock).into_bytes())
    }

    fn attributes(&self, attr: &mut Attr) -> Result<(), PalError> {
        super::unnamed_attributes(self.fd.as_fd(), node::TIMER, attr)
    }

    fn export(&self) -> Result<Export, PalError> {
        let fd = self.fd.try_clone().map_err(|_| PalError::TooMany)?;
        let clock = u8::try_from(self.clock).unwrap_or(0);
        Ok(Export { tag: crate::export::TIMER, data: vec![clock], fds: vec![fd] })
    }
}
