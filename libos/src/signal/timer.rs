//! Interval timers: a helper thread sleeps until the deadline, sends the signal and interrupts the program.
//!
//! The thread is made when the first timer is set, and made anew in a copy of the process, where it is gone. It serves
//! every process in this memory (`vfork`), and POSIX timers ([`posix`]). All CPU time counts as the program's own, so
//! `ITIMER_VIRTUAL` and `ITIMER_PROF` go by the same clock.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use alloc::collections::BTreeMap;

use pal_abi::flags::{NEVER, clock};
use pal_abi::{Handle, Pal as _, PalError};

use super::info::SigInfo;
use super::posix;
use super::set::{SIGALRM, SIGPROF, SIGVTALRM};
use crate::error::Errno;
use crate::pal::{self, pal};
use crate::sys::lock::Lock;
use crate::task::process::process;
use crate::task::{family, threads};

/// The interval timers of a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Which {
    /// `ITIMER_REAL`.
    Real,
    /// `ITIMER_VIRTUAL`.
    Virtual,
    /// `ITIMER_PROF`.
    Profiling,
}

impl Which {
    const fn signal(self) -> u32 {
        match self {
            Self::Real => SIGALRM,
            Self::Virtual => SIGVTALRM,
            Self::Profiling => SIGPROF,
        }
    }

    /// The time on its clock.
    #[must_use]
    pub fn now(self) -> u64 {
        if self == Self::Real { pal::now() } else { pal::clock_ns(clock::PROCESS_CPU) }
    }
}

/// An interval timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Alarm {
    /// When it rings, on its clock; 0: never.
    pub deadline: u64,
    /// What is added then; 0: it rings once.
    pub period: u64,
}

impl Alarm {
    /// Time left and period.
    #[must_use]
    pub fn left(&self, now: u64) -> (u64, u64) {
        // An alarm that is due reports the shortest time, not none.
        let left = if self.deadline == 0 { 0 } else { self.deadline.saturating_sub(now).max(1000) };
        (left, self.period)
    }

    /// Whether it rings at a moment; the next deadline is set.
    pub fn ring(&mut self, now: u64) -> bool {
        if self.deadline == 0 || now < self.deadline {
            return false;
        }
        // Of a period only whole steps are left out, so that it stays in time.
        self.deadline = match (now - self.deadline).checked_div(self.period) {
            None => 0,
            Some(passed) => self.deadline + (passed + 1) * self.period,
        };
        true
    }
}

/// How long CPU time is left alone at least, in nanoseconds.
const TICK: u64 = 1_000_000;

/// Whether the helper runs, and the event that tells it of changes.
static HELPER_RUNS: AtomicBool = AtomicBool::new(false);
static WAKE: AtomicU32 = AtomicU32::new(0);
/// The interval timers, by process number: those who lent a process its memory have theirs as well.
static ALARMS: Lock<BTreeMap<(u32, Which), Alarm>> = Lock::new(BTreeMap::new());

/// Sets the alarm, to ring first after some time (0: never); gives the one before.
///
/// # Errors
/// `EAGAIN` where no helper can be made.
pub fn set(which: Which, first: u64, period: u64) -> Result<Alarm, Errno> {
    let mut alarm = Alarm { deadline: 0, period };
    if first != 0 {
        // The time counts from when somebody watches it: a helper may be slow to make.
        start_helper()?;
        alarm.deadline = which.now().saturating_add(first);
    }
    Ok(replace(which, alarm))
}

/// Puts an alarm in the place of this process's, and tells the helper.
fn replace(which: Which, alarm: Alarm) -> Alarm {
    let key = (process().pid(), which);
    let old = {
        let mut alarms = ALARMS.lock();
        if alarm.deadline == 0 { alarms.remove(&key) } else { alarms.insert(key, alarm) }
    };
    wake_helper();
    old.unwrap_or_default()
}

/// Has the helper look at what is set.
pub(super) fn wake_helper() {
    if HELPER_RUNS.load(Relaxed) {
        // The event is ours and lives for ever.
        _ = pal().event_set(Handle(WAKE.load(Relaxed)));
    }
}

/// A timer of this process.
#[must_use]
pub fn get(which: Which) -> Alarm {
    ALARMS.lock().get(&(process().pid(), which)).copied().unwrap_or_default()
}

/// When it rings next. A thread that sleeps wakes for it by itself: the helper may be slow to come.
#[must_use]
pub fn next() -> u64 {
    let alarm = match get(Which::Real).deadline {
        0 => NEVER,
        deadline => deadline,
    };
    posix::next().map_or(alarm, |other| alarm.min(other))
}

/// Sends this process the signals for which it is time.
pub fn ring() {
    let now = pal::now();
    let key = (process().pid(), Which::Real);
    if ALARMS.lock().get_mut(&key).is_some_and(|alarm| alarm.ring(now)) {
        super::post_self(&SigInfo::kernel(SIGALRM));
    }
    posix::fire(Some(key.0));
}

/// Forgets the timers of a process that is not in this memory any more.
pub fn forget(pid: u32) {
    ALARMS.lock().retain(|(of, _), _| *of != pid);
    posix::clear(pid);
}

/// In a copy of the process the helper is gone, and all timers but the alarm to keep.
pub fn after_copy(kept: Alarm) {
    ALARMS.lock().clear();
    posix::after_copy();
    HELPER_RUNS.store(false, Relaxed);
    // Without room for a helper it does not ring: nobody is there to hear of it.
    if kept.deadline != 0 && start_helper().is_ok() {
        replace(Which::Real, kept);
    }
}

/// Makes the helper, unless it is there.
///
/// # Errors
/// `EAGAIN`.
pub(super) fn start_helper() -> Result<(), Errno> {
    if HELPER_RUNS.load(Relaxed) {
        return Ok(());
    }
    let mut event = Handle::NONE;
    pal().synchronization_event_create(0, (&mut event).into())?;
    WAKE.store(event.0, Relaxed);
    threads::spawn_helper()?;
    HELPER_RUNS.store(true, Relaxed);
    Ok(())
}

/// The helper's work. Never returns.
pub fn run_helper() -> ! {
    loop {
        let now = pal::now();
        let (rings, deadline) = {
            let mut alarms = ALARMS.lock();
            let rings = alarms.iter_mut().find_map(|(key, alarm)| alarm.ring(key.1.now()).then_some(*key));
            let set = alarms.iter().filter(|(_, alarm)| alarm.deadline != 0);
            let deadlines = set.map(|((_, which), alarm)| match which {
                Which::Real => alarm.deadline,
                // CPU time passes faster than time only by the number of threads.
                _ => now + (alarm.deadline.saturating_sub(which.now()) / threads::count()).max(TICK),
            });
            (rings, deadlines.min())
        };
        if let Some((pid, which)) = rings {
            if let Some(member) = family::find(pid) {
                family::post(member, &SigInfo::kernel(which.signal()));
            }
            continue;
        }
        let deadline = posix::fire(None).into_iter().chain(deadline).min();
        let wake = WAKE.load(Relaxed).to_le_bytes();
        let (deadline, mut index) = (deadline.unwrap_or(NEVER), 0u32);
        // Woken, late or interrupted: the alarm is looked at again.
        if pal().objects_wait_any(wake.as_slice().into(), wake.len(), deadline, 0, (&mut index).into())
            == Err(PalError::Interrupted)
        {
            // It is the one that the layer below rings, where it is older than all others.
            threads::interrupt_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_skips_what_was_missed() {
        let mut alarm = Alarm { deadline: 100, period: 30 };
        assert!(!alarm.ring(99));
        assert!(alarm.ring(165));
        assert_eq!(alarm.deadline, 190);
        alarm = Alarm { deadline: 5, period: 0 };
        assert!(alarm.ring(5));
        assert_eq!(alarm.deadline, 0);
        assert_eq!(Alarm { deadline: 50, period: 7 }.left(60), (1000, 7));
    }
}
