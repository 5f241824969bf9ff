//! Signals that wait, in family memory: those for a process as a whole, and those for one of its threads.
//!
//! A standard signal waits once; the first one's information is kept. Each real-time signal waits by itself, in a
//! pool that all processes share: a place of it names its owner, the signal and its turn. There are no links between
//! places, so whatever another process wrote there, a search ends; and one word, written last, makes a place taken,
//! so a sender that dies leaves nothing half done. Everything but looking is done under the family lock.
//!
//! # Source
//! signal(7), "Queueing and delivery semantics"; `__send_signal_locked`, `collect_signal`, `prepare_signal` of Linux.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::info::{SigInfo, code};
use super::set::{SIGCONT, SIGKILL, SIGRTMIN, SigSet};
use crate::error::Errno;
use crate::sys::family::{Member, Pending, QUEUE, Queued, SignalWords, memory};
use crate::task::family::{self, Seen, flag, state};
use crate::task::process::process;
use crate::task::threads;

/// Whom a signal is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The process: `kill`, `sigqueue`, news of children, timers.
    Process,
    /// A thread: faults, `tgkill`.
    Thread,
}

impl Scope {
    const fn of(self, member: &Member) -> &Pending {
        match self {
            Self::Process => &member.shared,
            Self::Thread => &member.private,
        }
    }

    /// How a place of the pool names an owner. A number is given to a second process only when nothing of the first
    /// is left.
    fn owner(self, member: &Member) -> u32 {
        member.pid.load(Relaxed) << 1 | u32::from(self == Self::Thread)
    }
}

/// A count that is another one after a signal arrived for the calling process or a thread of it.
#[must_use]
pub fn arrivals() -> u32 {
    process().member().0.arrivals.load(Acquire)
}

/// Which signals wait.
#[must_use]
pub fn set(pending: &Pending) -> SigSet {
    SigSet::from_words([pending.set[0].load(Acquire), pending.set[1].load(Acquire)])
}

/// The word of a set that holds a signal, and its bit.
fn bit(pending: &Pending, signal: u32) -> (&AtomicU32, u32) {
    let n = signal.wrapping_sub(1);
    (&pending.set[(n / 32 % 2) as usize], 1 << (n % 32))
}

fn store(words: &SignalWords, info: &SigInfo) {
    words.code.store(info.code.cast_unsigned(), Relaxed);
    words.pid.store(info.first, Relaxed);
    words.uid.store(info.second, Relaxed);
    words.value.store(info.third, Relaxed);
}

fn load(words: &SignalWords, signal: u32) -> SigInfo {
    SigInfo {
        signal,
        code: words.code.load(Relaxed).cast_signed(),
        first: words.pid.load(Relaxed),
        second: words.uid.load(Relaxed),
        third: words.value.load(Relaxed),
    }
}

/// The places of the pool that have ever been taken.
fn places() -> &'static [Queued] {
    let memory = memory();
    memory.queue.get(..memory.queue_places.load(Acquire) as usize).unwrap_or(&memory.queue)
}

/// The places an owner has, of some signals.
fn places_of(owner: u32, signals: SigSet) -> impl Iterator<Item = &'static Queued> {
    let means = move |place: &&Queued| {
        place.owner.load(Acquire) == owner && {
            let signal = place.signal.load(Relaxed);
            (SIGRTMIN..=64).contains(&signal) && signals.has(signal)
        }
    };
    places().iter().filter(means)
}

/// Standard signals that wait for a process.
fn standard(seen: Seen) -> u32 {
    const STANDARD: u64 = (1 << (SIGRTMIN - 1)) - 1;
    [&seen.0.shared, &seen.0.private].map(|pending| (set(pending).0 & STANDARD).count_ones()).iter().sum()
}

/// Signals that wait for a process, each instance counted.
#[must_use]
pub fn queued(seen: Seen) -> u32 {
    let real_time = [Scope::Process, Scope::Thread]
        .into_iter()
        .flat_map(|scope| places_of(scope.owner(seen.0), SigSet(u64::MAX)));
    standard(seen).saturating_add(u32::try_from(real_time.count()).unwrap_or(u32::MAX))
}

/// Whether one more signal may wait for a process, and a free place of the pool. What waits for all processes of a
/// user counts.
fn room(to: Seen) -> (bool, Option<&'static Queued>) {
    let uid = to.uid();
    let (mut waiting, mut free) = (0u32, None);
    for place in places() {
        if place.owner.load(Acquire) == 0 {
            free = free.or(Some(place));
        } else if place.user.load(Relaxed) == uid {
            waiting += 1;
        }
    }
    let members = family::all().filter(|seen| seen.uid() == uid && seen.state() != state::ZOMBIE);
    let waiting = members.fold(waiting, |sum, seen| sum.saturating_add(standard(seen)));
    (waiting < to.0.signal_limit.load(Relaxed), free)
}

/// A place that was never taken, or one that an ended process left.
fn another_place() -> Option<&'static Queued> {
    let (memory, used) = (memory(), places().len());
    if used < QUEUE {
        memory.queue_places.store(u32::try_from(used + 1).unwrap_or(0), Release);
        return memory.queue.get(used);
    }
    let lives =
        |owner: u32| family::find_thread(owner >> 1).is_some_and(|seen| seen.state() != state::ZOMBIE);
    let left = places().iter().find(|place| !lives(place.owner.load(Acquire)))?;
    left.owner.store(0, Release);
    Some(left)
}

/// A place for a real-time signal, if one more may wait.
fn place_for(to: Seen) -> Option<&'static Queued> {
    let (may_wait, free) = room(to);
    if may_wait { free.or_else(another_place) } else { None }
}

/// Throws away what waits of some signals.
fn drop_all(member: &Member, signals: SigSet) {
    for scope in [Scope::Process, Scope::Thread] {
        for (word, bits) in scope.of(member).set.iter().zip(signals.words()) {
            word.fetch_and(!bits, AcqRel);
        }
        places_of(scope.owner(member), signals).for_each(|place| place.owner.store(0, Release));
    }
}

/// Begins or ends a process's life with nothing pending. Under the family lock.
pub fn clear(member: &Member) {
    drop_all(member, SigSet(u64::MAX));
}

/// Throws away what waits of some signals.
pub fn discard(member: &'static Member, signals: SigSet) {
    let _guard = family::lock();
    drop_all(member, signals);
}

/// Continues a process that is stopped or about to be, when the signal is sent: whoever takes it may be another thread
/// than the one that stopped.
fn go_on(to: Seen) {
    let process = if to.is_thread() { family::find(to.process()) } else { Some(to) };
    if let Some(Seen(process)) = process {
        process.flags.fetch_and(!flag::STOPS, AcqRel);
        // It runs, or has ended: nothing to do.
        _ = process.state.compare_exchange(state::STOPPED, state::RUNNING, AcqRel, Relaxed);
    }
}

/// Adds a signal to what is pending for a process or thread, and rings it. A member found dead is left to its parent.
///
/// # Errors
/// `EAGAIN` where it is a real-time signal with information and no more may wait. Others only lose what came with
/// them.
pub fn send(to: Seen, scope: Scope, info: &SigInfo) -> Result<(), Errno> {
    let (signal, member) = (info.signal, to.0);
    {
        let _guard = family::lock();
        if threads::is_left_over() {
            // Its parent may know of its end, and the number may be another's.
            return Err(Errno::ESRCH);
        }
        if signal == SIGCONT || signal == SIGKILL {
            // Continuing and stopping drive each other out.
            drop_all(member, SigSet::STOPPING);
            if signal == SIGCONT {
                go_on(to);
            }
        } else if SigSet::STOPPING.has(signal) {
            drop_all(member, SigSet::of(SIGCONT));
        }
        let pending = scope.of(member);
        let (word, bit) = bit(pending, signal);
        if let Some(words) = pending.infos.get((signal - 1) as usize) {
            if word.load(Acquire) & bit == 0 {
                let nothing = SigInfo { signal, ..SigInfo::default() };
                // Of standard signals only those of `sigqueue` are held against the limit.
                let is_kept = info.code >= 0 || room(to).0;
                store(words, if is_kept { info } else { &nothing });
            }
        } else if let Some(place) = place_for(to) {
            place.user.store(to.uid(), Relaxed);
            place.signal.store(signal, Relaxed);
            place.order.store(memory().next_signal.fetch_add(1, Relaxed), Relaxed);
            store(&place.info, info);
            place.owner.store(scope.owner(member), Release);
        } else if info.code != code::SI_USER {
            return Err(Errno::EAGAIN);
        }
        let process = if to.is_thread() { family::find(to.process()) } else { Some(to) };
        if let Some(process) = process {
            process.0.arrivals.fetch_add(1, AcqRel);
        }
        word.fetch_or(bit, Release);
    }
    if !family::ring(member) {
        match scope {
            Scope::Process => threads::alert(member, signal),
            Scope::Thread => threads::alert_thread(member),
        }
    }
    Ok(())
}

/// Takes the first pending signal of a set; a thread's own come before its process's.
#[must_use]
pub fn take(process: &'static Member, thread: &'static Member, from: SigSet) -> Option<SigInfo> {
    let mut info = {
        let _guard = family::lock();
        let info = take_at(thread, Scope::Thread, from).or_else(|| take_at(process, Scope::Process, from))?;
        if SigSet::STOPPING.has(info.signal) {
            process.flags.fetch_or(flag::STOPS, AcqRel);
        }
        info
    };
    if info.code == code::TIMER {
        info.code = code::SI_TIMER;
        info.second = super::posix::taken(process.pid.load(Relaxed), info.first);
    }
    Some(info)
}

/// Whether some words tell of a timer.
fn is_of_timer(words: &SignalWords, timer: u32) -> bool {
    words.code.load(Relaxed) == code::TIMER.cast_unsigned() && words.pid.load(Relaxed) == timer
}

/// Whether the signal of a timer of this process waits.
#[must_use]
pub fn has_timer(of: Seen, scope: Scope, signal: u32, timer: u32) -> bool {
    let _guard = family::lock();
    let pending = scope.of(of.0);
    match pending.infos.get((signal - 1) as usize) {
        Some(words) => set(pending).has(signal) && is_of_timer(words, timer),
        None => places_of(scope.owner(of.0), SigSet::of(signal)).any(|place| is_of_timer(&place.info, timer)),
    }
}

/// Takes back the signal of a timer of this process, if it waits.
pub fn withdraw(of: Seen, scope: Scope, signal: u32, timer: u32) {
    let _guard = family::lock();
    let pending = scope.of(of.0);
    let (word, bit) = bit(pending, signal);
    if let Some(words) = pending.infos.get((signal - 1) as usize) {
        if word.load(Acquire) & bit != 0 && is_of_timer(words, timer) {
            word.fetch_and(!bit, AcqRel);
        }
        return;
    }
    let places = || places_of(scope.owner(of.0), SigSet::of(signal));
    if let Some(place) = places().find(|place| is_of_timer(&place.info, timer)) {
        place.owner.store(0, Release);
        if places().next().is_none() {
            word.fetch_and(!bit, AcqRel);
        }
    }
}

fn take_at(member: &'static Member, scope: Scope, from: SigSet) -> Option<SigInfo> {
    let pending = scope.of(member);
    let signal = (set(pending) & from).first()?;
    let (word, bit) = bit(pending, signal);
    if let Some(words) = pending.infos.get((signal - 1) as usize) {
        // SIGKILL is for every thread: it stays until the process has ended.
        if signal != SIGKILL {
            word.fetch_and(!bit, AcqRel);
        }
        return Some(load(words, signal));
    }
    let age = |place: &&Queued| memory().next_signal.load(Relaxed).wrapping_sub(place.order.load(Relaxed));
    // One that found no place comes without information.
    let mut info = SigInfo { signal, ..SigInfo::default() };
    let mut waiting = 0;
    let all = places_of(scope.owner(member), SigSet::of(signal)).inspect(|_| waiting += 1);
    if let Some(first) = all.max_by_key(age) {
        info = load(&first.info, signal);
        first.owner.store(0, Release);
    }
    if waiting < 2 {
        word.fetch_and(!bit, AcqRel);
    }
    Some(info)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::set::{SIGCHLD, SIGTSTP, SIGUSR1};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    const EVERY: SigSet = SigSet(u64::MAX);

    /// A process of its own user, alone with the queue.
    struct One(&'static Member, #[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

    impl One {
        fn new(limit: u32) -> Self {
            static ALONE: Mutex<()> = Mutex::new(());
            let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
            crate::sys::family::install_for_test();
            let member = family::reserve().unwrap();
            member.uid.store(member.pid.load(Relaxed), Relaxed);
            member.signal_limit.store(limit, Relaxed);
            member.state.store(state::RUNNING, Relaxed);
            Self(member, alone)
        }

        fn send(&self, scope: Scope, signal: u32, code: i32, value: u32) -> Result<(), Errno> {
            send(Seen(self.0), scope, &SigInfo { signal, code, first: 1, second: 2, third: value })
        }

        fn takes(&self) -> std::vec::Vec<(u32, u32)> {
            std::iter::from_fn(|| take(self.0, self.0, EVERY)).map(|info| (info.signal, info.third)).collect()
        }
    }

    impl Drop for One {
        fn drop(&mut self) {
            self.0.state.store(state::FREE, Relaxed);
        }
    }

    #[test]
    fn standard_signals_wait_once_and_leave_in_order() {
        let one = One::new(100);
        let seen = family::find(one.0.pid.load(Relaxed)).unwrap();
        family::post(seen, &SigInfo::child(1, 7, 8, 9));
        family::post(seen, &SigInfo::child(2, 7, 8, 9));
        family::post(seen, &SigInfo::kernel(SIGUSR1));
        family::post(seen, &SigInfo::kernel(SIGTSTP));
        family::post(seen, &SigInfo::kernel(SIGCONT));
        assert_eq!(take(one.0, one.0, EVERY), Some(SigInfo::kernel(SIGUSR1)));
        assert_eq!(take(one.0, one.0, SigSet::of(SIGCHLD)), Some(SigInfo::child(1, 7, 8, 9)));
        assert_eq!(take(one.0, one.0, EVERY), Some(SigInfo::kernel(SIGCONT)));
        assert_eq!(take(one.0, one.0, EVERY), None);
    }

    #[test]
    fn real_time_signals_queue_lowest_first_and_in_turn() {
        let one = One::new(100);
        // The count of turns may pass its end.
        memory().next_signal.store(u32::MAX - 1, Relaxed);
        for (signal, value) in [(40, 1), (35, 2), (40, 3), (35, 4), (64, 5), (40, 6)] {
            one.send(Scope::Process, signal, code::SI_QUEUE, value).unwrap();
        }
        assert_eq!(queued(Seen(one.0)), 6);
        assert_eq!(one.takes(), [(35, 2), (35, 4), (40, 1), (40, 3), (40, 6), (64, 5)]);
        assert_eq!(queued(Seen(one.0)), 0);
    }

    #[test]
    fn the_threads_own_come_first() {
        let one = One::new(100);
        one.send(Scope::Process, 34, code::SI_QUEUE, 1).unwrap();
        one.send(Scope::Thread, 40, code::SI_QUEUE, 2).unwrap();
        one.send(Scope::Process, SIGUSR1, code::SI_USER, 3).unwrap();
        one.send(Scope::Thread, SIGUSR1, code::SI_TKILL, 4).unwrap();
        assert_eq!(one.takes(), [(SIGUSR1, 4), (40, 2), (SIGUSR1, 3), (34, 1)]);
    }

    #[test]
    fn a_full_queue_refuses_what_carries_news() {
        let one = One::new(2);
        assert_eq!(one.send(Scope::Process, 40, code::SI_QUEUE, 1), Ok(()));
        assert_eq!(one.send(Scope::Process, SIGUSR1, code::SI_QUEUE, 2), Ok(()));
        assert_eq!(one.send(Scope::Process, 40, code::SI_QUEUE, 3), Err(Errno::EAGAIN));
        assert_eq!(one.send(Scope::Process, 41, code::SI_TKILL, 4), Err(Errno::EAGAIN));
        assert_eq!(one.send(Scope::Process, 42, code::SI_USER, 5), Ok(()));
        assert_eq!(one.send(Scope::Process, SIGCHLD, code::SI_USER, 6), Ok(()));
        assert_eq!(one.send(Scope::Process, SIGTSTP, code::SI_QUEUE, 7), Ok(()));
        assert_eq!(one.takes(), [(SIGUSR1, 2), (SIGCHLD, 6), (SIGTSTP, 0), (40, 1), (42, 0)]);
    }

    #[test]
    fn what_ended_processes_left_makes_room() {
        let one = One::new(u32::MAX);
        for n in 0..u32::try_from(QUEUE).unwrap() {
            one.send(Scope::Process, 40, code::SI_QUEUE, n).unwrap();
        }
        assert_eq!(one.send(Scope::Process, 40, code::SI_QUEUE, 0), Err(Errno::EAGAIN));
        drop(one);
        let next = One::new(1);
        assert_eq!(next.send(Scope::Process, 40, code::SI_QUEUE, 7), Ok(()));
        assert_eq!(next.takes(), [(40, 7)]);
    }

    #[test]
    fn rubbish_in_the_pool_is_nobodys() {
        let one = One::new(100);
        one.send(Scope::Process, 40, code::SI_QUEUE, 1).unwrap();
        let place = places_of(Scope::Process.owner(one.0), EVERY).next().unwrap();
        for rubbish in [0, 5, 65, u32::MAX] {
            place.signal.store(rubbish, Relaxed);
            assert_eq!(places_of(Scope::Process.owner(one.0), EVERY).count(), 0);
        }
        memory().queue_places.store(u32::MAX, Relaxed);
        assert_eq!(one.takes(), [(40, 0)]);
    }
}
