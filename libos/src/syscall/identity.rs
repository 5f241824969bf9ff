//! Process numbers, groups, sessions, users, groups, capabilities.

use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use super::Call;
use super::arg::Ptr;
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::task::credentials::Ids;
use crate::task::family::{self, Seen, flag};
use crate::task::process::process;
use crate::task::threads;

pub(super) fn getpid(_: &mut Call<'_>) -> SysResult {
    Ok(process().pid())
}

pub(super) fn gettid(_: &mut Call<'_>) -> SysResult {
    Ok(threads::current().tid())
}

pub(super) fn getppid(_: &mut Call<'_>) -> SysResult {
    Ok(process().member().parent())
}

/// The process of a number, where 0 means the caller.
fn of(pid: u32) -> Result<Seen, Errno> {
    if pid == 0 { Ok(process().member()) } else { family::find(pid).ok_or(Errno::ESRCH) }
}

pub(super) fn getpgrp(_: &mut Call<'_>) -> SysResult {
    Ok(process().member().group())
}

pub(super) fn getpgid(_: &mut Call<'_>, pid: u32) -> SysResult {
    Ok(of(pid)?.group())
}

pub(super) fn getsid(_: &mut Call<'_>, pid: u32) -> SysResult {
    Ok(of(pid)?.session())
}

pub(super) fn setpgid(_: &mut Call<'_>, pid: u32, group: u32) -> SysResult {
    if group.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let me = process().member();
    let target = of(pid)?;
    let group = if group == 0 { target.pid() } else { group };
    if target.pid() != me.pid() {
        if target.parent() != me.pid() {
            return Err(Errno::ESRCH);
        }
        if target.session() != me.session() {
            return Err(Errno::EPERM);
        }
        if target.flags() & flag::EXECUTED != 0 {
            return Err(Errno::EACCES);
        }
    }
    if target.session() == target.pid() {
        return Err(Errno::EPERM);
    }
    let exists = family::all().any(|p| p.group() == group && p.session() == target.session());
    if group != target.pid() && !exists {
        return Err(Errno::EPERM);
    }
    target.0.group.store(group, Relaxed);
    Ok(0)
}

pub(super) fn setsid(_: &mut Call<'_>) -> SysResult {
    let me = process().member();
    if family::all().any(|p| p.group() == me.pid()) {
        return Err(Errno::EPERM);
    }
    me.0.group.store(me.pid(), Relaxed);
    me.0.session.store(me.pid(), Relaxed);
    Ok(me.pid())
}

/// What does not fit in 16 bits.
const fn low(id: u32) -> u32 {
    if id > 0xffff { 0xfffe } else { id }
}

/// A 16-bit number: 65535 means "leave it".
const fn widen(id: u32) -> u32 {
    if id & 0xffff == 0xffff { u32::MAX } else { id & 0xffff }
}

macro_rules! getters {
    ($($name:ident, $name16:ident = $field:ident;)*) => { $(
        pub(super) fn $name(_: &mut Call<'_>) -> SysResult {
            Ok(process().ids.lock().$field)
        }
        pub(super) fn $name16(_: &mut Call<'_>) -> SysResult {
            Ok(low(process().ids.lock().$field))
        }
    )* };
}

getters! {
    getuid, getuid16 = uid;
    geteuid, geteuid16 = euid;
    getgid, getgid16 = gid;
    getegid, getegid16 = egid;
}

/// Tells other processes who this one belongs to.
fn tell(ids: &Ids) {
    let member = process().member().0;
    member.uid.store(ids.uid, Relaxed);
    member.gid.store(ids.gid, Relaxed);
}

macro_rules! setters {
    ($($real:ident $effective:ident $saved:ident: $set:ident $set16:ident $setre:ident $setres:ident $getres:ident;)*) => { $(
        pub(super) fn $set(_: &mut Call<'_>, id: u32) -> SysResult {
            let mut ids = process().ids.lock();
            if ids.euid == 0 {
                (ids.$real, ids.$effective, ids.$saved) = (id, id, id);
            } else if id == ids.$real || id == ids.$saved {
                ids.$effective = id;
            } else {
                return Err(Errno::EPERM);
            }
            tell(&ids);
            Ok(0)
        }

        pub(super) fn $set16(call: &mut Call<'_>, id: u32) -> SysResult {
            $set(call, id & 0xffff)
        }

        pub(super) fn $setre(call: &mut Call<'_>, real: u32, effective: u32) -> SysResult {
            let (real, effective) = if real | effective > 0xffff { (real, effective) } else { (widen(real), widen(effective)) };
            let saved = if real != u32::MAX || effective != u32::MAX && effective != process().ids.lock().$real {
                effective
            } else {
                u32::MAX
            };
            $setres(call, real, effective, saved)
        }

        pub(super) fn $setres(_: &mut Call<'_>, real: u32, effective: u32, saved: u32) -> SysResult {
            let mut ids = process().ids.lock();
            let known = [ids.$real, ids.$effective, ids.$saved];
            let keeps = |id: u32| id == u32::MAX || known.contains(&id);
            if ids.euid != 0 && ![real, effective, saved].into_iter().all(keeps) {
                return Err(Errno::EPERM);
            }
            for (field, id) in [(0, real), (1, effective), (2, saved)] {
                if id != u32::MAX {
                    match field {
                        0 => ids.$real = id,
                        1 => ids.$effective = id,
                        _ => ids.$saved = id,
                    }
                }
            }
            tell(&ids);
            Ok(0)
        }

        pub(super) fn $getres(_: &mut Call<'_>, real: Ptr, effective: Ptr, saved: Ptr) -> SysResult {
            let ids = process().ids.lock().clone();
            user::write_u32(real.0, ids.$real)?;
            user::write_u32(effective.0, ids.$effective)?;
            user::write_u32(saved.0, ids.$saved)?;
            Ok(0)
        }
    )* };
}

setters! {
    uid euid suid: setuid setuid16 setreuid setresuid getresuid;
    gid egid sgid: setgid setgid16 setregid setresgid getresgid;
}

pub(super) fn setfsuid(_: &mut Call<'_>, _uid: u32) -> SysResult {
    Ok(process().ids.lock().euid)
}

pub(super) fn setfsgid(_: &mut Call<'_>, _gid: u32) -> SysResult {
    Ok(process().ids.lock().egid)
}

fn put_groups(size: u32, list: Ptr, bytes: u32) -> SysResult {
    let groups = process().ids.lock().groups.clone();
    let count = u32::try_from(groups.len()).map_err(|_| Errno::EINVAL)?;
    if size == 0 {
        return Ok(count);
    }
    if size < count || size.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    for (n, group) in (0u32..).zip(groups) {
        let at = list.0.wrapping_add(n * bytes);
        if bytes == 2 {
            user::write(at, &low(group).to_le_bytes()[..2])?;
        } else {
            user::write_u32(at, group)?;
        }
    }
    Ok(count)
}

fn take_groups(size: u32, list: Ptr, bytes: u32) -> SysResult {
    const NGROUPS_MAX: u32 = 65536;
    if process().ids.lock().euid != 0 {
        return Err(Errno::EPERM);
    }
    if size > NGROUPS_MAX {
        return Err(Errno::EINVAL);
    }
    let mut groups = Vec::new();
    for n in 0..size {
        let at = list.0.wrapping_add(n * bytes);
        groups.push(if bytes == 2 {
            u32::from(u16::from_le_bytes(user::read_array(at)?))
        } else {
            user::read_u32(at)?
        });
    }
    process().ids.lock().groups = groups;
    Ok(0)
}

pub(super) fn getgroups(_: &mut Call<'_>, size: u32, list: Ptr) -> SysResult {
    put_groups(size, list, 4)
}

pub(super) fn getgroups16(_: &mut Call<'_>, size: u32, list: Ptr) -> SysResult {
    put_groups(size, list, 2)
}

pub(super) fn setgroups(_: &mut Call<'_>, size: u32, list: Ptr) -> SysResult {
    take_groups(size, list, 4)
}

pub(super) fn setgroups16(_: &mut Call<'_>, size: u32, list: Ptr) -> SysResult {
    take_groups(size, list, 2)
}

const CAP_VERSION: u32 = 0x2008_0522;

/// The words of a version's data: one set of three, or two.
fn cap_sets(header: Ptr) -> Result<u32, Errno> {
    match user::read_u32(header.0)? {
        0x1998_0330 => Ok(1),
        0x2007_1026 | CAP_VERSION => Ok(2),
        _ => {
            user::write_u32(header.0, CAP_VERSION)?;
            Err(Errno::EINVAL)
        }
    }
}

pub(super) fn capget(_: &mut Call<'_>, header: Ptr, data: Ptr) -> SysResult {
    let sets = match cap_sets(header) {
        Err(Errno::EINVAL) if data.0 == 0 => return Ok(0),
        other => other?,
    };
    of(user::read_u32(header.0.wrapping_add(4))?)?;
    if data.0 == 0 {
        return Ok(0);
    }
    let all = if process().ids.lock().euid == 0 { [u32::MAX, 0x1ff] } else { [0; 2] };
    for (n, bits) in (0..sets).zip(all) {
        for (word, value) in (0u32..).zip([bits, bits, 0]) {
            user::write_u32(data.0.wrapping_add(n * 12 + word * 4), value)?;
        }
    }
    Ok(0)
}

/// Dropping capabilities is accepted; they decide nothing here.
pub(super) fn capset(_: &mut Call<'_>, header: Ptr, _data: Ptr) -> SysResult {
    cap_sets(header)?;
    Ok(0)
}
