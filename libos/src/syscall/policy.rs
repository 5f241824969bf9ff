//! Policies of placing memory and of sharing processors. There is one memory node, and all threads run alike: what is
//! asked for is checked as Linux does, remembered where a program can ask for it, and changes nothing.
//!
//! # Source
//! set_mempolicy(2), get_mempolicy(2), mbind(2), sched_setattr(2), sched_rr_get_interval(2); `mm/mempolicy.c` of Linux.

use super::Call;
use super::arg::{Hex, Ptr};
use super::system::exists;
use super::time::{Form, write_timespec};
use crate::arch::user;
use crate::error::{Errno, SysResult};
use crate::layout::{PAGE, page_up};
use crate::task::process::process;

/// Modes of a memory policy.
mod mode {
    pub(super) const DEFAULT: u32 = 0;
    pub(super) const PREFERRED: u32 = 1;
    pub(super) const LOCAL: u32 = 4;
    pub(super) const LAST: u32 = 5;
    /// What may stand beside the mode: static and relative nodes, and balancing.
    pub(super) const FLAGS: u32 = 0xe000;
}

/// The bits of a mask of nodes. Only node 0 is there.
fn nodes(mask: Ptr, max: u32) -> Result<u32, Errno> {
    let bits = max.wrapping_sub(1);
    if max <= 1 || mask.0 == 0 {
        return Ok(0);
    }
    if bits > PAGE * 8 {
        return Err(Errno::EINVAL);
    }
    let mut first = 0;
    for n in 0..bits.div_ceil(32) {
        let mut word = user::read_u32(mask.0.wrapping_add(n * 4))?;
        if bits - n * 32 < 32 {
            word &= (1 << (bits - n * 32)) - 1;
        }
        if n == 0 {
            first = word & 1;
            word &= !1;
        }
        if word != 0 {
            return Err(Errno::EINVAL);
        }
    }
    Ok(first)
}

/// A policy of memory as given: its mode, and its nodes.
fn memory_policy(given: u32, mask: Ptr, max: u32) -> Result<(u32, u32), Errno> {
    let kind = given & !mode::FLAGS;
    let nodes = nodes(mask, max)?;
    match kind {
        _ if kind > mode::LAST => Err(Errno::EINVAL),
        mode::DEFAULT | mode::LOCAL if nodes == 0 => Ok((kind, 0)),
        mode::DEFAULT | mode::LOCAL => Err(Errno::EINVAL),
        // Preferred without a node is local.
        mode::PREFERRED if nodes == 0 => Ok((mode::LOCAL, 0)),
        _ if nodes == 0 => Err(Errno::EINVAL),
        _ => Ok((given, nodes)),
    }
}

pub(super) fn set_mempolicy(call: &mut Call<'_>, mode: Hex, mask: Ptr, max: u32) -> SysResult {
    call.thread.settings.memory_policy = memory_policy(mode.0, mask, max)?;
    Ok(0)
}

pub(super) fn get_mempolicy(
    call: &mut Call<'_>,
    mode: Ptr,
    mask: Ptr,
    max: u32,
    addr: Ptr,
    flags: Hex,
) -> SysResult {
    const NODE: u32 = 1;
    const ADDR: u32 = 2;
    const ALLOWED: u32 = 4;
    if flags.0 & !(NODE | ADDR | ALLOWED) != 0 || mask.0 != 0 && max < 1 {
        return Err(Errno::EINVAL);
    }
    let (own, own_nodes) = call.thread.settings.memory_policy;
    let (kind, nodes) = match flags.0 {
        ALLOWED => (mode::DEFAULT, 1),
        f if f & ALLOWED != 0 => return Err(Errno::EINVAL),
        f if f & ADDR != 0 => {
            let page = addr.0 & !(PAGE - 1);
            if !process().mm.lock().tree.covers(page, page.saturating_add(PAGE)) {
                return Err(Errno::EFAULT);
            }
            // Where the page lies: on node 0. Its policy is the thread's: none is kept by mapping.
            if f & NODE != 0 { (0, 0) } else { (own, own_nodes) }
        }
        _ if addr.0 != 0 => return Err(Errno::EINVAL),
        // The next node of a policy that takes turns.
        NODE if own & !mode::FLAGS == 3 => (0, own_nodes),
        NODE => return Err(Errno::EINVAL),
        _ => (own, own_nodes),
    };
    if mode.0 != 0 {
        user::write_u32(mode.0, kind)?;
    }
    if mask.0 != 0 {
        for n in 0..max.saturating_sub(1).min(PAGE * 8).div_ceil(32) {
            user::write_u32(mask.0.wrapping_add(n * 4), if n == 0 { nodes } else { 0 })?;
        }
    }
    Ok(0)
}

pub(super) fn mbind(
    _: &mut Call<'_>,
    addr: Ptr,
    len: u32,
    mode: Hex,
    mask: Ptr,
    max: u32,
    flags: Hex,
) -> SysResult {
    const KNOWN: u32 = 7;
    if flags.0 & !KNOWN != 0 || !addr.0.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    memory_policy(mode.0, mask, max)?;
    let size = page_up(len).ok_or(Errno::EINVAL)?;
    let end = addr.0.checked_add(size).ok_or(Errno::EINVAL)?;
    if size != 0 && !process().mm.lock().tree.covers(addr.0, end) {
        return Err(Errno::EFAULT);
    }
    Ok(0)
}

fn interval(pid: u32, at: Ptr, form: Form) -> SysResult {
    /// As the usual policy's, a slice of a few milliseconds.
    const SLICE_NS: u64 = 3_000_000;
    exists(pid)?;
    write_timespec(at, SLICE_NS, form)?;
    Ok(0)
}

pub(super) fn sched_rr_get_interval(_: &mut Call<'_>, pid: u32, at: Ptr) -> SysResult {
    interval(pid, at, Form::Narrow)
}

pub(super) fn sched_rr_get_interval64(_: &mut Call<'_>, pid: u32, at: Ptr) -> SysResult {
    interval(pid, at, Form::Wide)
}

/// Bytes of the first form of `struct sched_attr`, and of the one with clamps.
const ATTR_FIRST: u32 = 48;
const ATTR: u32 = 56;

pub(super) fn sched_getattr(_: &mut Call<'_>, pid: u32, at: Ptr, size: u32, flags: Hex) -> SysResult {
    if at.0 == 0 || flags.0 != 0 || !(ATTR_FIRST..=PAGE).contains(&size) {
        return Err(Errno::EINVAL);
    }
    exists(pid)?;
    let size = size.min(ATTR);
    let mut bytes = [0; ATTR as usize];
    bytes[..4].copy_from_slice(&size.to_le_bytes());
    bytes[52..56].copy_from_slice(&1024u32.to_le_bytes()); // the upper clamp
    user::write(at.0, &bytes[..size as usize])?;
    Ok(0)
}

pub(super) fn sched_setattr(_: &mut Call<'_>, pid: u32, at: Ptr, flags: Hex) -> SysResult {
    if at.0 == 0 || flags.0 != 0 {
        return Err(Errno::EINVAL);
    }
    let size = match user::read_u32(at.0)? {
        0 => ATTR_FIRST,
        size => size,
    };
    if !(ATTR_FIRST..=PAGE).contains(&size) {
        user::write_u32(at.0, ATTR)?;
        return Err(Errno::E2BIG);
    }
    exists(pid)?;
    let (policy, priority) = (user::read_u32(at.0.wrapping_add(4))?, user::read_u32(at.0.wrapping_add(20))?);
    match policy {
        0 | 3 | 5 if priority == 0 => Ok(0),
        1 | 2 if (1..=99).contains(&priority) => Err(Errno::EPERM),
        6 => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

/// arch_prctl(2) of a 32-bit program: CPUID never faults, and there are no shadow stacks.
pub(super) fn arch_prctl(_: &mut Call<'_>, option: Hex) -> SysResult {
    const GET_CPUID: u32 = 0x1011;
    if option.0 == GET_CPUID { Ok(1) } else { Err(Errno::EINVAL) }
}
