//! Waiting for children.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{AcqRel, Relaxed};

use pal_abi::Pal as _;
use pal_abi::flags::NEVER;

use super::exit::note_death;
use super::family::{self, Seen, flag, state};
use super::process::process;
use super::thread::Thread;
use crate::error::Errno;
use crate::pal::pal;
use crate::signal;
use crate::signal::info::code;
use crate::signal::set::{SIGCHLD, SIGCONT};

/// Options of `wait4` and `waitid`.
pub mod option {
    #![allow(missing_docs, reason = "wait(2) has them")]
    pub const NOHANG: u32 = 1;
    pub const UNTRACED: u32 = 2;
    pub const EXITED: u32 = 4;
    pub const CONTINUED: u32 = 8;
    pub const NOWAIT: u32 = 0x0100_0000;
    pub const NOTHREAD: u32 = 0x2000_0000;
    pub const ALL: u32 = 0x4000_0000;
    pub const CLONE: u32 = 0x8000_0000;
}

/// Which children are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// All.
    Any,
    /// One.
    Pid(u32),
    /// A group.
    Group(u32),
}

/// News of a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct News {
    /// Its number.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// `wait4`'s status word.
    pub status: u32,
    /// `CLD_*`.
    pub code: i32,
    /// Exit code or signal.
    pub value: u32,
    /// CPU time, in milliseconds, once it has ended.
    pub cpu_ms: u32,
}

impl Which {
    fn means(self, child: Seen) -> bool {
        match self {
            Self::Any => true,
            Self::Pid(pid) => child.pid() == pid,
            Self::Group(group) => child.group() == group,
        }
    }
}

/// Waits for news of a child; `None` with `NOHANG` where there is none.
///
/// # Errors
/// `ECHILD`; `ERESTARTSYS` where a signal is due.
pub fn wait(thread: &Thread, which: Which, options: u32) -> Result<Option<News>, Errno> {
    let me = process().pid();
    loop {
        let mut any = false;
        for child in family::all().filter(|c| c.parent() == me && which.means(*c)) {
            let odd = child.exit_signal() != SIGCHLD;
            if options & option::ALL == 0 && odd != (options & option::CLONE != 0) {
                continue;
            }
            any = true;
            if let Some(news) = look(child, options) {
                return Ok(Some(news));
            }
        }
        if !any {
            return Err(Errno::ECHILD);
        }
        if options & option::NOHANG != 0 {
            return Ok(None);
        }
        // Held while we wait: another thread may reap a child meanwhile. The dead ones are told already.
        let watched: Vec<_> = {
            let lives = |child: Seen| child.state() != state::ZOMBIE && which.means(child);
            let children = process().children.lock();
            let watched = children.iter().filter(|(pid, _)| family::find(**pid).is_none_or(lives));
            watched.take(250).map(|(pid, handle)| (*pid, Arc::clone(handle))).collect()
        };
        let handles: Vec<_> = watched.iter().map(|(_, handle)| handle.get()).collect();
        if let Some(index) = signal::sleep(thread, &handles, NEVER)?
            && let Some((pid, handle)) = watched.get(index as usize)
        {
            let mut host_code = 0i32;
            let ended = pal().process_get_exit_code(handle.get(), (&mut host_code).into()).is_ok();
            match family::find(*pid) {
                Some(child) if ended && child.parent() == me => note_death(*pid, host_code),
                // It left no zombie.
                _ => drop(process().children.lock().remove(pid)),
            }
        }
    }
}

fn look(child: Seen, options: u32) -> Option<News> {
    let (status, flags) = (child.status(), child.flags());
    let news = |status, code, value| News {
        pid: child.pid(),
        uid: child.uid(),
        status,
        code,
        value,
        cpu_ms: child.cpu_ms(),
    };
    match child.state() {
        state::ZOMBIE if options & option::EXITED != 0 => {
            let signal = status & 0x7f;
            let found = if signal == 0 {
                news(status, code::CLD_EXITED, status >> 8 & 0xff)
            } else {
                news(status, code::CLD_KILLED, signal)
            };
            if options & option::NOWAIT == 0 {
                // Another thread may have been as quick.
                child.0.state.compare_exchange(state::ZOMBIE, state::FREE, AcqRel, Relaxed).ok()?;
                process().children_cpu_ms.fetch_add(found.cpu_ms, Relaxed);
                let handle = process().children.lock().remove(&found.pid);
                drop(handle);
            }
            Some(found)
        }
        state::STOPPED if options & option::UNTRACED != 0 && flags & flag::STOP_NEWS != 0 => {
            if options & option::NOWAIT == 0 {
                child.0.flags.fetch_and(!flag::STOP_NEWS, AcqRel);
            }
            Some(news(status, code::CLD_STOPPED, status >> 8 & 0xff))
        }
        state::RUNNING if options & option::CONTINUED != 0 && flags & flag::CONTINUE_NEWS != 0 => {
            if options & option::NOWAIT == 0 {
                child.0.flags.fetch_and(!flag::CONTINUE_NEWS, AcqRel);
            }
            Some(news(0xffff, code::CLD_CONTINUED, SIGCONT))
        }
        _ => None,
    }
}
