//! sigaction(2), sigprocmask(2), kill(2), sigreturn(2) and their relatives, old and new.

use core::sync::atomic::Ordering::AcqRel;

use super::Call;
use super::arg::{Hex, Ptr};
use super::time::{Form, read_timespec};
use crate::arch::context::{EAX, ESP};
use crate::arch::{cpu, user};
use crate::error::{Errno, SysResult};
use crate::pal::now;
use crate::signal::frame::{self, AltStack, CONTEXT_SIZE};
use crate::signal::info::{self, SigInfo, code};
use crate::signal::pending;
use crate::signal::set::{COUNT, SIG_IGN, SIGCHLD, SigAction, SigSet, sa};
use crate::signal::{self as signals, blockable, fpstate};
use crate::task::family::flag;
use crate::task::process::process;
use crate::task::threads;

fn check(signal: u32) -> Result<u32, Errno> {
    if (1..=COUNT).contains(&signal) { Ok(signal) } else { Err(Errno::EINVAL) }
}

/// Sets what is done at a signal; gives what was.
fn change(signal: u32, new: Option<SigAction>) -> Result<SigAction, Errno> {
    check(signal)?;
    if new.is_some() && SigSet::UNBLOCKABLE.has(signal) {
        return Err(Errno::EINVAL);
    }
    let mut actions = process().actions.lock();
    let slot = &mut actions[(signal - 1) as usize];
    let old = *slot;
    if let Some(mut new) = new {
        new.mask = blockable(new.mask);
        new.flags &= sa::KNOWN;
        *slot = new;
        drop(actions);
        let member = process().member();
        if signal == SIGCHLD {
            let silent = new.handler == SIG_IGN || new.flags & sa::NOCLDWAIT != 0;
            let mut bits = if silent { flag::NO_ZOMBIES } else { 0 };
            if new.flags & sa::NOCLDSTOP != 0 {
                bits |= flag::NO_STOP_SIGNAL;
            }
            member.0.flags.fetch_and(!(flag::NO_ZOMBIES | flag::NO_STOP_SIGNAL), AcqRel);
            member.0.flags.fetch_or(bits, AcqRel);
        }
        if new.ignores(signal) {
            // What is pending is thrown away, blocked or not.
            pending::discard(member.0, SigSet::of(signal));
            threads::of(process()).for_each(|cell| pending::discard(cell.member().0, SigSet::of(signal)));
        }
    }
    Ok(old)
}

pub(super) fn rt_sigaction(_: &mut Call<'_>, signal: u32, new: Ptr, old: Ptr, size: u32) -> SysResult {
    if size != 8 {
        return Err(Errno::EINVAL);
    }
    let wanted = if new.0 == 0 {
        None
    } else {
        let word = |n: u32| user::read_u32(new.0.wrapping_add(n * 4));
        let mask = SigSet::from_words([word(3)?, word(4)?]);
        Some(SigAction { handler: word(0)?, flags: word(1)?, restorer: word(2)?, mask })
    };
    let was = change(signal, wanted)?;
    if old.0 != 0 {
        let [low, high] = was.mask.words();
        for (n, word) in (0u32..).zip([was.handler, was.flags, was.restorer, low, high]) {
            user::write_u32(old.0.wrapping_add(n * 4), word)?;
        }
    }
    Ok(0)
}

pub(super) fn sigaction(_: &mut Call<'_>, signal: u32, new: Ptr, old: Ptr) -> SysResult {
    let wanted = if new.0 == 0 {
        None
    } else {
        let word = |n: u32| user::read_u32(new.0.wrapping_add(n * 4));
        let mask = SigSet(u64::from(word(1)?));
        Some(SigAction { handler: word(0)?, flags: word(2)?, restorer: word(3)?, mask })
    };
    let was = change(signal, wanted)?;
    if old.0 != 0 {
        for (n, word) in (0u32..).zip([was.handler, was.mask.words()[0], was.flags, was.restorer]) {
            user::write_u32(old.0.wrapping_add(n * 4), word)?;
        }
    }
    Ok(0)
}

pub(super) fn signal(_: &mut Call<'_>, signal: u32, handler: Ptr) -> SysResult {
    let flags = sa::RESETHAND | sa::NODEFER;
    let new = SigAction { handler: handler.0, flags, ..SigAction::default() };
    Ok(change(signal, Some(new))?.handler)
}

fn change_mask(call: &mut Call<'_>, how: u32, set: SigSet) -> Result<(), Errno> {
    let old = call.thread.blocked;
    call.thread.blocked = blockable(match how {
        0 => old | set,
        1 => old & !set,
        2 => set,
        _ => return Err(Errno::EINVAL),
    });
    Ok(())
}

pub(super) fn rt_sigprocmask(call: &mut Call<'_>, how: u32, new: Ptr, old: Ptr, size: u32) -> SysResult {
    if size != 8 {
        return Err(Errno::EINVAL);
    }
    let was = call.thread.blocked;
    if new.0 != 0 {
        change_mask(call, how, SigSet(user::read_u64(new.0)?))?;
    }
    if old.0 != 0 {
        user::write_u64(old.0, was.0)?;
    }
    Ok(0)
}

pub(super) fn sigprocmask(call: &mut Call<'_>, how: u32, new: Ptr, old: Ptr) -> SysResult {
    let was = call.thread.blocked;
    if new.0 != 0 {
        let mut set = SigSet(u64::from(user::read_u32(new.0)?));
        if how == 2 {
            set = set | SigSet(was.0 & !0xffff_ffff);
        }
        change_mask(call, how, set)?;
    }
    if old.0 != 0 {
        user::write_u32(old.0, was.words()[0])?;
    }
    Ok(0)
}

pub(super) fn sgetmask(call: &mut Call<'_>) -> SysResult {
    Ok(call.thread.blocked.words()[0])
}

pub(super) fn ssetmask(call: &mut Call<'_>, mask: Hex) -> SysResult {
    let was = call.thread.blocked;
    call.thread.blocked = blockable(SigSet(u64::from(mask.0)));
    Ok(was.words()[0])
}

fn held_back(call: &Call<'_>) -> SigSet {
    signals::waiting() & call.thread.blocked
}

pub(super) fn rt_sigpending(call: &mut Call<'_>, at: Ptr, size: u32) -> SysResult {
    if size > 8 {
        return Err(Errno::EINVAL);
    }
    user::write(at.0, &held_back(call).0.to_le_bytes()[..size as usize])?;
    Ok(0)
}

pub(super) fn sigpending(call: &mut Call<'_>, at: Ptr) -> SysResult {
    user::write_u32(at.0, held_back(call).words()[0])?;
    Ok(0)
}

/// Sleeps until a handler has run.
fn wait_for_handler(call: &Call<'_>) -> SysResult {
    loop {
        match signals::sleep(call.thread, &[], pal_abi::flags::NEVER) {
            Ok(_) => {}
            Err(_) => return Err(Errno::ERESTARTNOHAND),
        }
    }
}

fn suspend(call: &mut Call<'_>, mask: SigSet) -> SysResult {
    call.thread.saved_mask = Some(core::mem::replace(&mut call.thread.blocked, blockable(mask)));
    wait_for_handler(call)
}

pub(super) fn rt_sigsuspend(call: &mut Call<'_>, mask: Ptr, size: u32) -> SysResult {
    if size != 8 {
        return Err(Errno::EINVAL);
    }
    let mask = SigSet(user::read_u64(mask.0)?);
    suspend(call, mask)
}

pub(super) fn sigsuspend(call: &mut Call<'_>, _: u32, _: u32, mask: Hex) -> SysResult {
    suspend(call, SigSet(u64::from(mask.0)))
}

pub(super) fn pause(call: &mut Call<'_>) -> SysResult {
    wait_for_handler(call)
}

pub(super) fn sigaltstack(call: &mut Call<'_>, new: Ptr, old: Ptr) -> SysResult {
    const DISABLE: u32 = 2;
    const AUTODISARM: u32 = 0x8000_0000;
    const MINSIGSTKSZ: u32 = 2048;
    let (was, esp) = (call.thread.alt, call.context.gpr[ESP]);
    if new.0 != 0 {
        let word = |n: u32| user::read_u32(new.0.wrapping_add(n * 4));
        let wanted = AltStack { base: word(0)?, flags: word(1)?, size: word(2)? };
        if was.holds(esp) {
            return Err(Errno::EPERM);
        }
        call.thread.alt = match wanted.flags & !AUTODISARM {
            DISABLE => AltStack::DISABLED,
            // SS_ONSTACK is accepted and means nothing.
            0 | 1 if wanted.size < MINSIGSTKSZ => return Err(Errno::ENOMEM),
            0 | 1 => wanted,
            _ => return Err(Errno::EINVAL),
        };
    }
    if old.0 != 0 {
        for (n, word) in (0u32..).zip([was.base, was.reported_flags(esp), was.size]) {
            user::write_u32(old.0.wrapping_add(n * 4), word)?;
        }
    }
    Ok(0)
}

/// A signal from this process, by `kill` or to a thread.
fn sent(signal: u32, code: i32) -> SigInfo {
    let me = process();
    SigInfo { signal, code, first: me.pid(), second: me.ids.lock().uid, third: 0 }
}

pub(super) fn kill(_: &mut Call<'_>, pid: i32, signal: u32) -> SysResult {
    if pid == i32::MIN {
        return Err(Errno::ESRCH);
    }
    signals::kill(pid, &sent(signal, code::SI_USER))
}

/// A number of a process or thread.
fn number(of: i32) -> Result<u32, Errno> {
    u32::try_from(of).ok().filter(|n| *n > 0).ok_or(Errno::EINVAL)
}

pub(super) fn tkill(_: &mut Call<'_>, tid: i32, signal: u32) -> SysResult {
    signals::send_to_thread(0, number(tid)?, &sent(signal, code::SI_TKILL))
}

pub(super) fn tgkill(_: &mut Call<'_>, group: i32, tid: i32, signal: u32) -> SysResult {
    signals::send_to_thread(number(group)?, number(tid)?, &sent(signal, code::SI_TKILL))
}

/// What a program hands over with a signal: to others it must not look like the kernel's, or like `kill`.
fn queued(pid: u32, signal: u32, at: Ptr) -> Result<SigInfo, Errno> {
    let info = SigInfo::decode(signal, &user::read_array::<{ info::SIZE }>(at.0)?);
    let pretends = info.code >= 0 || info.code == code::SI_TKILL;
    if pretends && pid != process().pid() { Err(Errno::EPERM) } else { Ok(info) }
}

pub(super) fn rt_sigqueueinfo(_: &mut Call<'_>, pid: u32, signal: u32, info: Ptr) -> SysResult {
    signals::send_to(pid, &queued(pid, signal, info)?)
}

pub(super) fn rt_tgsigqueueinfo(_: &mut Call<'_>, group: i32, tid: i32, signal: u32, info: Ptr) -> SysResult {
    let info = user::read_array::<{ info::SIZE }>(info.0).map(|_| info)?;
    if group <= 0 || tid <= 0 {
        return Err(Errno::EINVAL);
    }
    let info = queued(tid.cast_unsigned(), signal, info)?;
    signals::send_to_thread(number(group)?, number(tid)?, &info)
}

fn timed_wait(call: &mut Call<'_>, set: Ptr, info: Ptr, timeout: Ptr, size: u32, form: Form) -> SysResult {
    if size != 8 {
        return Err(Errno::EINVAL);
    }
    let wanted = blockable(SigSet(user::read_u64(set.0)?));
    let deadline = match timeout.0 {
        0 => pal_abi::flags::NEVER,
        _ => now().saturating_add(read_timespec(timeout, form)?),
    };
    let member = process().member();
    // While it waits, the signals are let through to here, not to their handlers.
    let old = call.thread.blocked;
    loop {
        if let Some(found) = pending::take(member.0, threads::current().member().0, wanted) {
            call.thread.blocked = old;
            if info.0 != 0 {
                user::write(info.0, &found.encode())?;
            }
            return Ok(found.signal);
        }
        if now() >= deadline {
            return Err(Errno::EAGAIN);
        }
        call.thread.blocked = old | wanted;
        let woken = signals::sleep(call.thread, &[], deadline);
        call.thread.blocked = old;
        if woken.is_err() {
            return Err(Errno::EINTR);
        }
    }
}

pub(super) fn rt_sigtimedwait(
    call: &mut Call<'_>,
    set: Ptr,
    info: Ptr,
    timeout: Ptr,
    size: u32,
) -> SysResult {
    timed_wait(call, set, info, timeout, size, Form::Narrow)
}

pub(super) fn rt_sigtimedwait64(
    call: &mut Call<'_>,
    set: Ptr,
    info: Ptr,
    timeout: Ptr,
    size: u32,
) -> SysResult {
    timed_wait(call, set, info, timeout, size, Form::Wide)
}

/// Registers and floating-point state from a frame; gives the first word of the mask.
fn restore(call: &mut Call<'_>, at: u32) -> Result<u32, Errno> {
    let bytes = user::read_array::<CONTEXT_SIZE>(at)?;
    let mut context = *call.context;
    let (mask, fp) = frame::restore(&bytes, &mut context);
    context.fxsave = if fp == 0 { fpstate::initial() } else { floating_point(fp)? };
    context.header.has_fp = 1;
    *call.context = context;
    Ok(mask)
}

/// The floating-point state of a frame.
fn floating_point(at: u32) -> Result<[u8; fpstate::FXSAVE], Errno> {
    let bytes = user::read_array::<{ fpstate::SIZE }>(at)?;
    if !cpu::has_xsave() {
        return Ok(fpstate::decode(&bytes));
    }
    let image = at.wrapping_add(fpstate::LEGACY_BYTES);
    if let Some((size, wanted)) = fpstate::area(&bytes)
        && user::read_u32(image.wrapping_add(size))? == fpstate::MAGIC2
    {
        let header = user::read_array(image.wrapping_add(fpstate::FXSAVE_BYTES))?;
        return fpstate::decode_extended(&bytes, Some((&header, wanted)));
    }
    fpstate::decode_extended(&bytes, None)
}

/// A frame that cannot be read kills, unless a handler for that is set.
fn bad_frame(call: &mut Call<'_>) -> SysResult {
    signals::force(call.thread, &SigInfo::kernel(crate::signal::set::SIGSEGV));
    Ok(0)
}

pub(super) fn sigreturn(call: &mut Call<'_>) -> SysResult {
    call.finished = false;
    // The handler's return has taken the address, `popl %eax` the signal's number.
    let at = call.context.gpr[ESP].wrapping_sub(8);
    let high = user::read_u32(at.wrapping_add(frame::OLD_EXTRAMASK));
    match (high, restore(call, at.wrapping_add(frame::OLD_CONTEXT))) {
        (Ok(high), Ok(low)) => {
            call.thread.blocked = blockable(SigSet::from_words([low, high]));
            Ok(call.context.gpr[EAX])
        }
        _ => bad_frame(call),
    }
}

pub(super) fn rt_sigreturn(call: &mut Call<'_>) -> SysResult {
    call.finished = false;
    let at = call.context.gpr[ESP].wrapping_sub(4);
    let uc = at.wrapping_add(frame::RT_UCONTEXT);
    let mask = user::read_u64(uc.wrapping_add(frame::UC_MASK));
    let stack = user::read_array::<12>(uc.wrapping_add(frame::UC_STACK));
    match (mask, stack, restore(call, uc.wrapping_add(frame::UC_CONTEXT))) {
        (Ok(mask), Ok(stack), Ok(_)) => {
            call.thread.blocked = blockable(SigSet(mask));
            let word = |n: usize| u32::from_le_bytes([stack[n], stack[n + 1], stack[n + 2], stack[n + 3]]);
            let alt = AltStack { base: word(0), flags: word(4) & !1, size: word(8) };
            if !call.thread.alt.holds(call.context.gpr[ESP]) {
                call.thread.alt = if alt.size == 0 || alt.flags & 2 != 0 { AltStack::DISABLED } else { alt };
            }
            Ok(call.context.gpr[EAX])
        }
        _ => bad_frame(call),
    }
}
