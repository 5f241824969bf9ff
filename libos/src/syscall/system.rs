//! uname(2), sysinfo(2), limits, scheduling, prctl(2), getrandom(2), personality(2).

use core::sync::atomic::Ordering::Relaxed;

use pal_abi::Pal as _;
use pal_abi::flags::clock;

use super::Call;
use super::arg::{Hex, Ptr};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::pal::{clock_ns, pal};
use crate::task::family;
use crate::task::limits::{COUNT, INFINITY, MAX_FILES, NOFILE};
use crate::task::process::process;
use crate::task::threads;

const FIELD: usize = 65;

pub(super) fn uname(_: &mut Call<'_>, at: Ptr) -> SysResult {
    let host = process().hostname();
    let fields: [&[u8]; 6] = [b"Linux", &host, b"6.1.0-trunnion", b"#1 SMP", b"i686", b"(none)"];
    let mut bytes = [0; FIELD * 6];
    for (n, field) in fields.into_iter().enumerate() {
        let field = field.get(..FIELD - 1).unwrap_or(field);
        bytes[n * FIELD..n * FIELD + field.len()].copy_from_slice(field);
    }
    user::write(at.0, &bytes)?;
    Ok(0)
}

pub(super) fn sethostname(_: &mut Call<'_>, name: Ptr, len: u32) -> SysResult {
    if process().ids.lock().euid != 0 {
        return Err(Errno::EPERM);
    }
    if len > 64 {
        return Err(Errno::EINVAL);
    }
    let mut bytes = alloc::vec![0; len as usize];
    user::read(name.0, &mut bytes)?;
    process().set_hostname(bytes);
    Ok(0)
}

/// `struct sysinfo`, 64 bytes on i386.
pub(super) fn sysinfo(_: &mut Call<'_>, at: Ptr) -> SysResult {
    const MEMORY: u32 = 3 << 30;
    let mut bytes = [0; 64];
    let mut put = |at: usize, value: u32| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    let used = process().mm.lock().tree.total();
    put(0, u32::try_from(clock_ns(clock::BOOT) / 1_000_000_000).unwrap_or(u32::MAX));
    put(16, MEMORY);
    put(20, MEMORY - used.min(MEMORY));
    let processes = u32::try_from(family::pids().len()).unwrap_or(0);
    put(40, processes);
    put(52, 1);
    user::write(at.0, &bytes)?;
    Ok(0)
}

/// What needs rights nobody has here.
pub(super) fn not_permitted(_: &mut Call<'_>) -> SysResult {
    Err(Errno::EPERM)
}

/// What is taken note of and changes nothing.
pub(super) fn accepted(_: &mut Call<'_>) -> SysResult {
    Ok(0)
}

pub(super) fn sync(_: &mut Call<'_>) -> SysResult {
    Ok(0)
}

fn slot(resource: u32) -> Result<usize, Errno> {
    usize::try_from(resource).ok().filter(|r| *r < COUNT).ok_or(Errno::EINVAL)
}

fn change_limit(resource: u32, soft: u64, hard: u64) -> Result<(), Errno> {
    let resource = slot(resource)?;
    if soft > hard {
        return Err(Errno::EINVAL);
    }
    let privileged = process().ids.lock().euid == 0;
    let mut limits = process().limits.lock();
    if hard > limits.0[resource].1 && !privileged || resource == NOFILE && hard > MAX_FILES {
        return Err(Errno::EPERM);
    }
    limits.0[resource] = (soft, hard);
    // Who sends looks at the receiver's limit.
    process().member().0.signal_limit.store(limits.signals(), Relaxed);
    Ok(())
}

/// A 64-bit limit in 32 bits.
fn narrow(limit: u64, infinity: u32) -> u32 {
    u32::try_from(limit).unwrap_or(infinity).min(infinity)
}

fn put_limit(resource: u32, at: Ptr, infinity: u32) -> SysResult {
    let (soft, hard) = process().limits.lock().0[slot(resource)?];
    user::write_u32(at.0, narrow(soft, infinity))?;
    user::write_u32(at.0.wrapping_add(4), narrow(hard, infinity))?;
    Ok(0)
}

pub(super) fn ugetrlimit(_: &mut Call<'_>, resource: u32, at: Ptr) -> SysResult {
    put_limit(resource, at, u32::MAX)
}

pub(super) fn old_getrlimit(_: &mut Call<'_>, resource: u32, at: Ptr) -> SysResult {
    put_limit(resource, at, 0x7fff_ffff)
}

pub(super) fn setrlimit(_: &mut Call<'_>, resource: u32, at: Ptr) -> SysResult {
    let widen = |limit: u32| if limit == u32::MAX { INFINITY } else { u64::from(limit) };
    let (soft, hard) = (user::read_u32(at.0)?, user::read_u32(at.0.wrapping_add(4))?);
    change_limit(resource, widen(soft), widen(hard))?;
    Ok(0)
}

pub(super) fn prlimit64(_: &mut Call<'_>, pid: u32, resource: u32, new: Ptr, old: Ptr) -> SysResult {
    if pid != 0 && pid != process().pid() {
        return Err(if family::find(pid).is_some() { Errno::EPERM } else { Errno::ESRCH });
    }
    let was = process().limits.lock().0[slot(resource)?];
    if new.0 != 0 {
        change_limit(resource, user::read_u64(new.0)?, user::read_u64(new.0.wrapping_add(8))?)?;
    }
    if old.0 != 0 {
        user::write_u64(old.0, was.0)?;
        user::write_u64(old.0.wrapping_add(8), was.1)?;
    }
    Ok(0)
}

pub(super) fn getrandom(_: &mut Call<'_>, buf: Ptr, len: u32, flags: Hex) -> SysResult {
    if flags.0 & !7 != 0 || flags.0 & 6 == 6 {
        return Err(Errno::EINVAL);
    }
    crate::fs::device::Device::Urandom.read(buf.0, len.min(0x01ff_ffff))
}

pub(super) fn personality(_: &mut Call<'_>, persona: Hex) -> SysResult {
    const PER_LINUX32: u32 = 8;
    match persona.0 {
        u32::MAX | 0 | PER_LINUX32 => Ok(0),
        // Address-space randomisation is off as it is.
        0x0004_0000 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn sched_yield(_: &mut Call<'_>) -> SysResult {
    // A yield has no news.
    _ = pal().thread_yield_execution();
    Ok(0)
}

pub(super) fn exists(pid: u32) -> Result<(), Errno> {
    if pid.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    if pid == 0 || family::find(pid).is_some() { Ok(()) } else { Err(Errno::ESRCH) }
}

pub(super) fn sched_getaffinity(_: &mut Call<'_>, pid: u32, size: u32, mask: Ptr) -> SysResult {
    if !size.is_multiple_of(4) || size * 8 < process().cpus {
        return Err(Errno::EINVAL);
    }
    exists(pid)?;
    let cpus = process().cpus.min(64);
    let bits = if cpus == 64 { u64::MAX } else { (1 << cpus) - 1 };
    let len = size.min(8);
    user::write(mask.0, &bits.to_le_bytes()[..len as usize])?;
    Ok(len)
}

pub(super) fn sched_setaffinity(_: &mut Call<'_>, pid: u32, _size: u32, _mask: Ptr) -> SysResult {
    exists(pid).map(|()| 0)
}

pub(super) fn sched_getscheduler(_: &mut Call<'_>, pid: u32) -> SysResult {
    exists(pid).map(|()| 0)
}

pub(super) fn sched_getparam(_: &mut Call<'_>, pid: u32, at: Ptr) -> SysResult {
    exists(pid)?;
    user::write_u32(at.0, 0)?;
    Ok(0)
}

pub(super) fn sched_setparam(_: &mut Call<'_>, pid: u32, at: Ptr) -> SysResult {
    exists(pid)?;
    if user::read_u32(at.0)? == 0 { Ok(0) } else { Err(Errno::EINVAL) }
}

pub(super) fn sched_setscheduler(_: &mut Call<'_>, pid: u32, policy: u32, at: Ptr) -> SysResult {
    exists(pid)?;
    let priority = user::read_u32(at.0)?;
    match policy {
        0 | 3 | 5 if priority == 0 => Ok(0),
        1 | 2 if (1..=99).contains(&priority) => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn sched_priority_max(_: &mut Call<'_>, policy: u32) -> SysResult {
    match policy {
        1 | 2 => Ok(99),
        0 | 3 | 5 | 6 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn sched_priority_min(_: &mut Call<'_>, policy: u32) -> SysResult {
    match policy {
        1 | 2 => Ok(1),
        0 | 3 | 5 | 6 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn getcpu(_: &mut Call<'_>, cpu: Ptr, node: Ptr) -> SysResult {
    let number = threads::current().index() % process().cpus;
    for (at, value) in [(cpu, number), (node, 0)].into_iter().filter(|(at, _)| at.0 != 0) {
        user::write_u32(at.0, value)?;
    }
    Ok(0)
}

/// Priorities: all run alike. The kernel's form is 20 less the nice value.
pub(super) fn getpriority(_: &mut Call<'_>, which: u32, _who: u32) -> SysResult {
    if which > 2 { Err(Errno::EINVAL) } else { Ok(20) }
}

pub(super) fn setpriority(_: &mut Call<'_>, which: u32, _who: u32, value: i32) -> SysResult {
    match which {
        0..=2 if value < 0 && process().ids.lock().euid != 0 => Err(Errno::EACCES),
        0..=2 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn nice(_: &mut Call<'_>, by: i32) -> SysResult {
    if by < 0 && process().ids.lock().euid != 0 { Err(Errno::EPERM) } else { Ok(0) }
}
