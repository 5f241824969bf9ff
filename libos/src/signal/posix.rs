//! POSIX timers: each sends its signal, and sends none while that waits.
//!
//! What expires meanwhile is counted when the signal is taken (`si_overrun`). The helper (`super::timer`) watches the
//! clocks; a thread that sleeps looks for itself. Deadlines of all clocks but that of CPU time are kept on the monotonic
//! one: a clock that is set later is not followed. A standard signal that waits already takes a timer's in, where Linux
//! would give both.
//!
//! # Source
//! timer_create(2); `kernel/time/posix-timers.c` of Linux 6.18, where a signal of a timer that was deleted or set anew
//! before it was taken is dropped.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use pal_abi::flags::clock;

use super::info::{SigInfo, code};
use super::pending::{self, Scope};
use crate::error::Errno;
use crate::pal::{clock_ns, now};
use crate::sys::lock::Lock;
use crate::task::process::process;
use crate::task::{family, threads};

/// How often a timer whose signal waits is looked at: it may have been thrown away.
const LOOK_AGAIN_NS: i64 = 20_000_000;
/// `DELAYTIMER_MAX`.
const OVERRUN_MAX: i64 = i32::MAX as i64;
/// Timers of a process.
const TIMERS_MAX: usize = 1 << 16;

/// What a timer does when it expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notify {
    /// Nothing (`SIGEV_NONE`).
    Nothing,
    /// Sends its process, or a thread of a number, a signal with a value.
    Signal {
        /// The signal.
        signal: u32,
        /// The thread.
        thread: Option<u32>,
        /// `sigev_value`; nothing: the timer's number.
        value: Option<u32>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    /// Of `flags::clock`.
    clock: u32,
    notify: Notify,
    /// When it expires next, on the monotonic clock or in CPU time; in the past where that was asked for.
    deadline: Option<i64>,
    /// Nanoseconds, 0: it expires once.
    period: i64,
    /// Whether its signal waits, and when that is looked at again.
    waits: Option<i64>,
    /// What `timer_getoverrun` tells.
    overrun: u32,
}

/// By process and number.
static TIMERS: Lock<BTreeMap<(u32, u32), Timer>> = Lock::new(BTreeMap::new());
/// The next number of each process.
static NUMBERS: Lock<BTreeMap<u32, u32>> = Lock::new(BTreeMap::new());

fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

/// The clock that a timer's deadline is on.
fn time_of(which: u32) -> i64 {
    signed(if which == clock::PROCESS_CPU { clock_ns(which) } else { now() })
}

impl Timer {
    /// How often it expired up to a moment, beyond the deadline it had; the deadline is moved.
    fn pass(&mut self, time: i64) -> i64 {
        let Some(deadline) = self.deadline.filter(|at| *at <= time) else { return 0 };
        let steps = (time.saturating_sub(deadline) / self.period.max(1)).saturating_add(1);
        self.deadline =
            (self.period != 0).then(|| deadline.saturating_add(steps.saturating_mul(self.period)));
        if self.period == 0 { 1 } else { steps }
    }

    /// Time left and period.
    fn left(&self) -> (u64, u64) {
        let time = time_of(self.clock);
        let left = match self.deadline {
            None => 0,
            Some(at) if at > time => at - time,
            Some(at) if self.period != 0 => self.period - time.saturating_sub(at) % self.period,
            // One that is due, but has not been heard of, has the shortest time left.
            Some(_) => i64::from(self.notify != Notify::Nothing),
        };
        (left.unsigned_abs(), self.period.unsigned_abs())
    }

    /// Whom its signal is for, where it still is there, and the signal.
    fn target(&self, pid: u32) -> Option<(family::Seen, Scope, u32)> {
        let Notify::Signal { signal, thread, .. } = self.notify else { return None };
        match thread {
            None => Some((family::find(pid)?, Scope::Process, signal)),
            Some(tid) => {
                let seen = family::find_thread(tid).filter(|seen| seen.process() == pid)?;
                Some((seen, Scope::Thread, signal))
            }
        }
    }
}

/// Makes a timer of this process, on a clock of `flags::clock`; its number.
///
/// # Errors
/// `EAGAIN` where there are too many, or no helper can be made.
pub fn create(clock: u32, notify: Notify) -> Result<u32, Errno> {
    super::timer::start_helper()?;
    let pid = process().pid();
    let mut timers = TIMERS.lock();
    if timers.range((pid, 0)..=(pid, u32::MAX)).count() >= TIMERS_MAX {
        return Err(Errno::EAGAIN);
    }
    let mut numbers = NUMBERS.lock();
    let next = numbers.entry(pid).or_insert(0);
    while timers.contains_key(&(pid, *next)) {
        *next = (*next + 1) & 0x7fff_ffff;
    }
    let number = *next;
    *next = (*next + 1) & 0x7fff_ffff;
    let timer = Timer { clock, notify, deadline: None, period: 0, waits: None, overrun: 0 };
    timers.insert((pid, number), timer);
    Ok(number)
}

/// Runs something on a timer of this process.
fn with<T>(number: u32, run: impl FnOnce(&mut Timer) -> T) -> Result<T, Errno> {
    TIMERS.lock().get_mut(&(process().pid(), number)).map(run).ok_or(Errno::EINVAL)
}

/// Sets a timer to expire after some time, or at a moment of its clock, and then at each interval; a value of 0 stops
/// it. What was left before, and the interval.
///
/// # Errors
/// `EINVAL` where there is none of that number.
pub fn set(number: u32, value: u64, interval: u64, is_absolute: bool) -> Result<(u64, u64), Errno> {
    let (before, old) = with(number, |timer| {
        let (before, old) = (timer.left(), *timer);
        (timer.waits, timer.overrun, timer.period) = (None, 0, signed(interval));
        let time = time_of(timer.clock);
        timer.deadline = (value != 0).then(|| {
            let from = if is_absolute { time - signed(clock_ns(timer.clock)) } else { time };
            from.saturating_add(signed(value))
        });
        (before, old)
    })?;
    withdraw(process().pid(), number, &old);
    super::timer::wake_helper();
    Ok(before)
}

/// What is left of a timer, and its interval.
///
/// # Errors
/// `EINVAL`.
pub fn get(number: u32) -> Result<(u64, u64), Errno> {
    with(number, |timer| timer.left())
}

/// How often a timer expired between when its last signal was sent and when it was taken.
///
/// # Errors
/// `EINVAL`.
pub fn overrun(number: u32) -> Result<u32, Errno> {
    with(number, |timer| timer.overrun)
}

/// Deletes a timer.
///
/// # Errors
/// `EINVAL`.
pub fn delete(number: u32) -> Result<(), Errno> {
    let pid = process().pid();
    let old = TIMERS.lock().remove(&(pid, number)).ok_or(Errno::EINVAL)?;
    withdraw(pid, number, &old);
    Ok(())
}

/// Takes back the signal of a timer.
fn withdraw(pid: u32, number: u32, timer: &Timer) {
    if let Some((seen, scope, signal)) = timer.target(pid) {
        pending::withdraw(seen, scope, signal, number);
    }
}

/// Deletes all timers of a process: it executes another program, or has gone.
pub fn clear(pid: u32) {
    let timers: Vec<(u32, Timer)> = TIMERS
        .lock()
        .range((pid, 0)..=(pid, u32::MAX))
        .map(|((_, number), timer)| (*number, *timer))
        .collect();
    for (number, timer) in timers {
        TIMERS.lock().remove(&(pid, number));
        withdraw(pid, number, &timer);
    }
}

/// In a copy of the process there are none.
pub fn after_copy() {
    TIMERS.lock().clear();
    NUMBERS.lock().clear();
}

/// A timer's signal was taken by a process: how often it expired since it was sent.
pub fn taken(pid: u32, number: u32) -> u32 {
    let overrun = TIMERS.lock().get_mut(&(pid, number)).map_or(0, |timer| {
        timer.waits = None;
        let passed = if timer.period == 0 { 0 } else { timer.pass(time_of(timer.clock)) };
        timer.overrun = u32::try_from(passed.min(OVERRUN_MAX)).unwrap_or(0);
        timer.overrun
    });
    super::timer::wake_helper();
    overrun
}

/// When a timer of this process expires next that is on no clock of CPU time.
#[must_use]
pub fn next() -> Option<u64> {
    let pid = process().pid();
    let timers = TIMERS.lock();
    let real = timers.range((pid, 0)..=(pid, u32::MAX)).filter(|(_, timer)| timer.is_real());
    real.filter_map(|(_, timer)| timer.look_at()).min().map(|at| u64::try_from(at).unwrap_or(1).max(1))
}

impl Timer {
    fn is_real(&self) -> bool {
        self.clock != clock::PROCESS_CPU && self.notify != Notify::Nothing
    }

    /// When it is to be looked at.
    fn look_at(&self) -> Option<i64> {
        self.deadline.map(|at| self.waits.map_or(at, |again| again.max(at)))
    }
}

/// Has all timers that are due send their signals, of one process or of all in this memory. When the next is due on the
/// monotonic clock, nothing being on it: never.
pub fn fire(only: Option<u32>) -> Option<u64> {
    let mut due: Vec<(u32, u32, Timer)> = Vec::new();
    let mut next: Option<i64> = None;
    let (time, cpu) = (signed(now()), signed(clock_ns(clock::PROCESS_CPU)));
    for ((pid, number), timer) in TIMERS.lock().iter_mut() {
        if only.is_some_and(|only| only != *pid) || timer.notify == Notify::Nothing {
            continue;
        }
        let is_real = timer.is_real();
        let own_time = if is_real { time } else { cpu };
        if timer.look_at().is_some_and(|at| at <= own_time) {
            due.push((*pid, *number, *timer));
            timer.waits = Some(own_time + LOOK_AGAIN_NS);
        }
        if let Some(at) = timer.look_at() {
            // CPU time passes faster than time only by the number of threads; it is looked at before it can have.
            let at = if is_real { at } else { time + ((at - cpu) / signed(threads::count())).max(1_000_000) };
            next = Some(next.map_or(at, |next| next.min(at)));
        }
    }
    for (pid, number, timer) in due {
        send(pid, number, &timer);
    }
    next.map(|at| u64::try_from(at).unwrap_or(1))
}

/// Sends the signal of a timer that was due, unless it waits already.
fn send(pid: u32, number: u32, due: &Timer) {
    let Some((seen, scope, signal)) = due.target(pid) else {
        // The thread has ended.
        TIMERS.lock().entry((pid, number)).and_modify(|timer| timer.deadline = None);
        return;
    };
    if due.waits.is_some() && pending::has_timer(seen, scope, signal, number) {
        return;
    }
    let Notify::Signal { value, .. } = due.notify else { return };
    let is_dropped = threads::ignores(seen, signal);
    {
        // Expired, and counted from here on.
        let mut timers = TIMERS.lock();
        let Some(timer) = timers.get_mut(&(pid, number)).filter(|timer| timer.deadline == due.deadline)
        else {
            return;
        };
        if is_dropped {
            timer.waits = None;
            timer.pass(time_of(timer.clock));
            return;
        }
        timer.deadline = (timer.period != 0).then(|| due.deadline.unwrap_or(0).saturating_add(timer.period));
    }
    let info =
        SigInfo { signal, code: code::TIMER, first: number, second: 0, third: value.unwrap_or(number) };
    if pending::send(seen, scope, &info).is_err() {
        // No room: tried again.
        let mut timers = TIMERS.lock();
        if let Some(timer) = timers.get_mut(&(pid, number)) {
            (timer.deadline, timer.waits) = (due.deadline, Some(time_of(timer.clock) + LOOK_AGAIN_NS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_expiries_are_counted() {
        let notify = Notify::Signal { signal: 14, thread: None, value: None };
        let mut timer = Timer { clock: 1, notify, deadline: Some(100), period: 30, waits: None, overrun: 0 };
        assert_eq!((timer.pass(99), timer.deadline), (0, Some(100)));
        assert_eq!((timer.pass(165), timer.deadline), (3, Some(190)));
        timer = Timer { period: 0, ..timer };
        assert_eq!((timer.pass(500), timer.deadline), (1, None));
        assert_eq!(timer.left(), (0, 0));
        timer = Timer { deadline: Some(i64::MIN), period: 1, ..timer };
        assert!(timer.pass(i64::MAX) > OVERRUN_MAX);
    }
}
