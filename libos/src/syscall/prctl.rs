//! prctl(2), as far as a program sees what it set.

use core::sync::atomic::Ordering::Relaxed;

use super::Call;
use super::arg::Hex;
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::signal::set::COUNT;
use crate::task::family;
use crate::task::process::process;

/// Its options.
mod option {
    pub(super) const SET_PDEATHSIG: u32 = 1;
    pub(super) const GET_PDEATHSIG: u32 = 2;
    pub(super) const GET_DUMPABLE: u32 = 3;
    pub(super) const SET_DUMPABLE: u32 = 4;
    pub(super) const GET_KEEPCAPS: u32 = 7;
    pub(super) const SET_KEEPCAPS: u32 = 8;
    pub(super) const GET_TIMING: u32 = 13;
    pub(super) const SET_NAME: u32 = 15;
    pub(super) const GET_NAME: u32 = 16;
    pub(super) const GET_SECCOMP: u32 = 21;
    pub(super) const CAPBSET_READ: u32 = 23;
    pub(super) const CAPBSET_DROP: u32 = 24;
    pub(super) const GET_TSC: u32 = 25;
    pub(super) const SET_TSC: u32 = 26;
    pub(super) const GET_SECUREBITS: u32 = 27;
    pub(super) const SET_SECUREBITS: u32 = 28;
    pub(super) const SET_TIMERSLACK: u32 = 29;
    pub(super) const GET_TIMERSLACK: u32 = 30;
    pub(super) const SET_CHILD_SUBREAPER: u32 = 36;
    pub(super) const GET_CHILD_SUBREAPER: u32 = 37;
    pub(super) const SET_NO_NEW_PRIVS: u32 = 38;
    pub(super) const GET_NO_NEW_PRIVS: u32 = 39;
    pub(super) const GET_TID_ADDRESS: u32 = 40;
    pub(super) const SET_THP_DISABLE: u32 = 41;
    pub(super) const GET_THP_DISABLE: u32 = 42;
    pub(super) const CAP_AMBIENT: u32 = 47;
    pub(super) const SET_PTRACER: u32 = 0x5961_6d61;
}

/// The last capability there is.
const LAST_CAPABILITY: u32 = 40;

pub(super) fn prctl(call: &mut Call<'_>, option: u32, a: Hex, b: Hex, c: Hex, d: Hex) -> SysResult {
    let member = process().member();
    let settings = &mut call.thread.settings;
    let rest = b.0 | c.0 | d.0;
    match option {
        option::SET_PDEATHSIG if a.0 > COUNT => Err(Errno::EINVAL),
        option::SET_PDEATHSIG => {
            member.0.death_signal.store(a.0, Relaxed);
            Ok(0)
        }
        option::GET_PDEATHSIG => put(a, member.0.death_signal.load(Relaxed)),
        option::GET_DUMPABLE => Ok(settings.dumpable),
        option::SET_DUMPABLE if a.0 <= 1 => set(&mut settings.dumpable, a.0),
        option::GET_KEEPCAPS => Ok(settings.keep_capabilities),
        option::SET_KEEPCAPS if a.0 <= 1 => set(&mut settings.keep_capabilities, a.0),
        option::GET_TIMING | option::GET_SECCOMP => Ok(0),
        option::SET_NAME => {
            let mut name = [0; 16];
            for (n, byte) in (0u32..15).zip(&mut name) {
                let [one] = user::read_array::<1>(a.0.wrapping_add(n))?;
                if one == 0 {
                    break;
                }
                *byte = one;
            }
            family::set_comm(member.0, &name);
            Ok(0)
        }
        option::GET_NAME => {
            let mut name = member.comm();
            name.resize(16, 0);
            user::write(a.0, &name)?;
            Ok(0)
        }
        option::CAPBSET_READ if a.0 <= LAST_CAPABILITY => Ok(1),
        // Dropping is accepted: capabilities decide nothing here.
        option::CAPBSET_DROP if a.0 <= LAST_CAPABILITY => {
            if process().ids.lock().euid == 0 {
                Ok(0)
            } else {
                Err(Errno::EPERM)
            }
        }
        // The time-stamp counter may always be read.
        option::GET_TSC => put(a, 1),
        option::SET_TSC if a.0 == 1 => Ok(0),
        option::GET_SECUREBITS => Ok(0),
        option::SET_SECUREBITS if a.0 == 0 && process().ids.lock().euid == 0 => Ok(0),
        option::SET_SECUREBITS => Err(Errno::EPERM),
        option::CAP_AMBIENT => ambient(a.0, b.0, c.0 | d.0),
        // Nobody may trace, so anybody may be allowed to.
        option::SET_PTRACER => Ok(0),
        option::SET_TIMERSLACK => {
            settings.timer_slack = if a.0 == 0 { settings.first_timer_slack } else { a.0 };
            Ok(0)
        }
        option::GET_TIMERSLACK => Ok(settings.timer_slack),
        option::SET_NO_NEW_PRIVS if a.0 == 1 && rest == 0 => set(&mut settings.no_new_privileges, 1),
        option::GET_NO_NEW_PRIVS if a.0 | rest == 0 => Ok(settings.no_new_privileges),
        option::SET_CHILD_SUBREAPER | option::SET_THP_DISABLE | option::GET_THP_DISABLE => Ok(0),
        option::GET_CHILD_SUBREAPER => put(a, 0),
        option::GET_TID_ADDRESS => put(a, call.thread.clear_child_tid),
        _ => Err(Errno::EINVAL),
    }
}

/// Ambient capabilities: nobody has any.
fn ambient(what: u32, capability: u32, rest: u32) -> SysResult {
    const IS_SET: u32 = 1;
    const RAISE: u32 = 2;
    const LOWER: u32 = 3;
    const CLEAR_ALL: u32 = 4;
    match what {
        _ if rest != 0 => Err(Errno::EINVAL),
        CLEAR_ALL if capability == 0 => Ok(0),
        IS_SET | LOWER if capability <= LAST_CAPABILITY => Ok(0),
        RAISE if capability <= LAST_CAPABILITY => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

fn set(word: &mut u32, value: u32) -> SysResult {
    *word = value;
    Ok(0)
}

fn put(at: Hex, value: u32) -> SysResult {
    user::write_u32(at.0, value)?;
    Ok(0)
}
