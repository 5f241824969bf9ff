//! poll(2), select(2), and the forms of both that change the signal mask.

use alloc::vec::Vec;

use pal_abi::flags::NEVER;

use super::Call;
use super::arg::Ptr;
use super::time::{Form, read_timespec, read_timeval, write_timespec, write_timeval};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::fs::poll::{self, Watched, bit};
use crate::fs::table;
use crate::pal::now;
use crate::signal::blockable;
use crate::signal::set::SigSet;
use crate::task::process::process;
use crate::task::thread::Restart;

pub(super) fn poll(call: &mut Call<'_>, records: Ptr, count: u32, timeout: i32) -> SysResult {
    let deadline = match u64::try_from(timeout) {
        Ok(0) => 0,
        Ok(ms) => now() + ms * 1_000_000,
        Err(_) => NEVER,
    };
    poll_until(call, records, count, deadline)
}

pub(super) fn poll_until(call: &mut Call<'_>, records: Ptr, count: u32, deadline: u64) -> SysResult {
    match poll_records(call, records, count, deadline) {
        Err(Errno::ERESTARTSYS) => {
            call.thread.restart = Some(Restart::Poll { records: records.0, count, deadline });
            Err(Errno::ERESTART_RESTARTBLOCK)
        }
        result => result,
    }
}

fn poll_records(call: &Call<'_>, records: Ptr, count: u32, deadline: u64) -> SysResult {
    if u64::from(count) > process().limits.lock().0[crate::task::limits::NOFILE].0 {
        return Err(Errno::EINVAL);
    }
    let mut watched = Vec::new();
    let mut places = Vec::new();
    for n in 0..count {
        let at = records.0.wrapping_add(n * 8);
        let (fd, events) = (user::read_u32(at)?, user::read_u32(at.wrapping_add(4))? & 0xffff);
        if fd.cast_signed() >= 0 {
            watched.push(Watched { file: table::get(fd).ok(), events });
            places.push(at);
        } else {
            user::write(at.wrapping_add(6), &[0, 0])?;
        }
    }
    let ready = poll::wait(call.thread, &watched, deadline)?;
    let mut found = 0;
    for (at, ready) in places.into_iter().zip(ready) {
        let [low, high, ..] = ready.to_le_bytes();
        user::write(at.wrapping_add(6), &[low, high])?;
        found += u32::from(ready != 0);
    }
    Ok(found)
}

/// Runs a call with another signal mask, which goes back at its end or, where a signal interrupts it, after that.
pub(super) fn with_mask(
    call: &mut Call<'_>,
    mask: Option<SigSet>,
    run: impl FnOnce(&mut Call<'_>) -> SysResult,
) -> SysResult {
    let Some(mask) = mask else { return run(call) };
    let old = core::mem::replace(&mut call.thread.blocked, blockable(mask));
    let result = run(call);
    if matches!(result, Err(Errno::ERESTARTNOHAND | Errno::EINTR)) {
        call.thread.saved_mask = Some(old);
    } else {
        call.thread.blocked = old;
    }
    result
}

pub(super) fn read_mask(at: Ptr, size: u32) -> Result<Option<SigSet>, Errno> {
    if at.0 == 0 {
        return Ok(None);
    }
    if size != 8 {
        return Err(Errno::EINVAL);
    }
    user::read_u64(at.0).map(|bits| Some(SigSet(bits)))
}

/// Deadline of an optional relative time; nothing means never.
pub(super) fn deadline_of(timeout: Ptr, form: Form) -> Result<u64, Errno> {
    if timeout.0 == 0 {
        return Ok(NEVER);
    }
    match read_timespec(timeout, form)? {
        0 => Ok(0),
        ns => Ok(now().saturating_add(ns)),
    }
}

fn put_remaining(timeout: Ptr, deadline: u64, form: Form) -> Result<(), Errno> {
    if timeout.0 == 0 { Ok(()) } else { write_timespec(timeout, deadline.saturating_sub(now()), form) }
}

/// What an interruption becomes where only a handler ends the call.
fn no_hand(result: SysResult) -> SysResult {
    result.map_err(|error| if error == Errno::ERESTARTSYS { Errno::ERESTARTNOHAND } else { error })
}

fn ppoll_as(
    call: &mut Call<'_>,
    records: Ptr,
    count: u32,
    timeout: Ptr,
    mask: Option<SigSet>,
    form: Form,
) -> SysResult {
    let deadline = deadline_of(timeout, form)?;
    let result = with_mask(call, mask, |call| no_hand(poll_records(call, records, count, deadline)));
    put_remaining(timeout, deadline, form)?;
    result
}

pub(super) fn ppoll(
    call: &mut Call<'_>,
    records: Ptr,
    count: u32,
    timeout: Ptr,
    mask: Ptr,
    size: u32,
) -> SysResult {
    let mask = read_mask(mask, size)?;
    ppoll_as(call, records, count, timeout, mask, Form::Narrow)
}

pub(super) fn ppoll64(
    call: &mut Call<'_>,
    records: Ptr,
    count: u32,
    timeout: Ptr,
    mask: Ptr,
    size: u32,
) -> SysResult {
    let mask = read_mask(mask, size)?;
    ppoll_as(call, records, count, timeout, mask, Form::Wide)
}

/// The three sets of `select`, as addresses.
#[derive(Clone, Copy)]
struct Sets {
    n: u32,
    read: Ptr,
    write: Ptr,
    except: Ptr,
}

const READY_READ: u32 = bit::IN | bit::RDNORM | bit::RDBAND | bit::HUP | bit::ERR;
const READY_WRITE: u32 = bit::OUT | bit::WRNORM | bit::WRBAND | bit::ERR;
const READY_EXCEPT: u32 = bit::PRI;

impl Sets {
    fn words(&self) -> u32 {
        self.n.div_ceil(32)
    }

    fn load(&self, at: Ptr) -> Result<Vec<u32>, Errno> {
        (0..self.words())
            .map(|n| if at.0 == 0 { Ok(0) } else { user::read_u32(at.0.wrapping_add(n * 4)) })
            .collect()
    }

    fn wait(&self, call: &Call<'_>, deadline: u64) -> SysResult {
        if self.n.cast_signed() < 0 {
            return Err(Errno::EINVAL);
        }
        let this = Self { n: self.n.min(process().limits.lock().files()), ..*self };
        let wanted = [this.load(this.read)?, this.load(this.write)?, this.load(this.except)?];
        let masks = [READY_READ, READY_WRITE, READY_EXCEPT];
        let has = |set: &Vec<u32>, fd: u32| set[fd as usize / 32] >> (fd % 32) & 1 != 0;
        let (mut fds, mut watched) = (Vec::new(), Vec::new());
        for fd in 0..this.n {
            let events =
                wanted.iter().zip(masks).filter(|(set, _)| has(set, fd)).fold(0, |all, (_, mask)| all | mask);
            if events != 0 {
                watched.push(Watched { file: Some(table::get(fd)?), events });
                fds.push(fd);
            }
        }
        let ready = poll::wait(call.thread, &watched, deadline)?;
        let mut found = 0;
        for ((place, set), mask) in [this.read, this.write, this.except].into_iter().zip(&wanted).zip(masks) {
            let mut result = alloc::vec![0u32; this.words() as usize];
            for (&fd, &ready) in fds.iter().zip(&ready) {
                if has(set, fd) && ready & mask != 0 {
                    result[fd as usize / 32] |= 1 << (fd % 32);
                    found += 1;
                }
            }
            if place.0 != 0 {
                for (n, word) in (0u32..).zip(result) {
                    user::write_u32(place.0.wrapping_add(n * 4), word)?;
                }
            }
        }
        Ok(found)
    }
}

pub(super) fn select(
    call: &mut Call<'_>,
    n: u32,
    read: Ptr,
    write: Ptr,
    except: Ptr,
    timeout: Ptr,
) -> SysResult {
    let deadline = match timeout.0 {
        0 => NEVER,
        _ => match read_timeval(timeout)? {
            0 => 0,
            ns => now().saturating_add(ns),
        },
    };
    let result = no_hand(Sets { n, read, write, except }.wait(call, deadline));
    if timeout.0 != 0 {
        write_timeval(timeout, deadline.saturating_sub(now()))?;
    }
    result
}

pub(super) fn old_select(call: &mut Call<'_>, args: Ptr) -> SysResult {
    let mut words = [0; 5];
    for (n, word) in (0u32..).zip(&mut words) {
        *word = user::read_u32(args.0.wrapping_add(n * 4))?;
    }
    let [n, read, write, except, timeout] = words;
    select(call, n, Ptr(read), Ptr(write), Ptr(except), Ptr(timeout))
}

fn pselect_as(call: &mut Call<'_>, sets: Sets, timeout: Ptr, mask: Ptr, form: Form) -> SysResult {
    let mask = if mask.0 == 0 {
        None
    } else {
        let (at, size) = (user::read_u32(mask.0)?, user::read_u32(mask.0.wrapping_add(4))?);
        read_mask(Ptr(at), size)?
    };
    let deadline = deadline_of(timeout, form)?;
    let result = with_mask(call, mask, |call| no_hand(sets.wait(call, deadline)));
    put_remaining(timeout, deadline, form)?;
    result
}

pub(super) fn pselect6(
    call: &mut Call<'_>,
    n: u32,
    read: Ptr,
    write: Ptr,
    except: Ptr,
    timeout: Ptr,
    mask: Ptr,
) -> SysResult {
    pselect_as(call, Sets { n, read, write, except }, timeout, mask, Form::Narrow)
}

pub(super) fn pselect6_64(
    call: &mut Call<'_>,
    n: u32,
    read: Ptr,
    write: Ptr,
    except: Ptr,
    timeout: Ptr,
    mask: Ptr,
) -> SysResult {
    pselect_as(call, Sets { n, read, write, except }, timeout, mask, Form::Wide)
}
