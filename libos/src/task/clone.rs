//! `fork`, `clone` and their relatives: a copy of this process, a child in its memory ([`vfork`]), a thread.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};

use pal_abi::{ContextI386, Handle};

use super::family::{self, Seen, flag, state};
use super::process::process;
use super::rseq::Rseq;
use super::thread::Thread;
use super::{threads, vfork};
use crate::arch::context::ESP;
use crate::arch::{tls, user};
use crate::error::{Errno, SysResult};
use crate::fs::shared;
use crate::pal::{self, Owned};
use crate::signal::timer;
use crate::sys::family::{Member, learn_self_id, self_id};
use crate::sys::gate;

/// Flags of `clone`.
pub mod flags {
    #![allow(missing_docs, reason = "clone(2) has them")]
    pub const SIGNAL: u32 = 0xff;
    pub const VM: u32 = 0x100;
    pub const FS: u32 = 0x200;
    pub const FILES: u32 = 0x400;
    pub const SIGHAND: u32 = 0x800;
    pub const VFORK: u32 = 0x4000;
    pub const PARENT: u32 = 0x8000;
    pub const THREAD: u32 = 0x1_0000;
    pub const SETTLS: u32 = 0x8_0000;
    pub const PARENT_SETTID: u32 = 0x10_0000;
    pub const CHILD_CLEARTID: u32 = 0x20_0000;
    pub const CHILD_SETTID: u32 = 0x100_0000;
    pub const NEW_FS: u32 = 0x2_0000;
    pub const NAMESPACES: u32 = 0x7e02_0000;
}

/// What a new process is to be like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// Of [`flags`], without the signal.
    pub flags: u32,
    /// Whether handlers become the default actions (`CLONE_CLEAR_SIGHAND`).
    pub clears_handlers: bool,
    /// Signal the parent gets at the end.
    pub exit_signal: u32,
    /// Stack pointer of the child, or 0.
    pub stack: u32,
    /// Where the parent wants the number.
    pub parent_tid: u32,
    /// Where the child wants the number, now or cleared at its end.
    pub child_tid: u32,
    /// Address of a TLS descriptor.
    pub tls: u32,
}

/// Makes a process.
///
/// # Errors
/// As clone(2); `EAGAIN` also for a process that would go on beside its parent in the same memory, and a thread that has
/// not all in common with its process.
pub fn clone(context: &mut ContextI386, thread: &mut Thread, request: &Request) -> SysResult {
    let has = |flag: u32| request.flags & flag != 0;
    if has(flags::NAMESPACES) {
        return Err(Errno::EPERM);
    }
    if has(flags::THREAD | flags::SIGHAND) && !has(flags::VM)
        || has(flags::SIGHAND) && request.clears_handlers
    {
        return Err(Errno::EINVAL);
    }
    if has(flags::THREAD) {
        const ALL: u32 = flags::VM | flags::FILES | flags::FS | flags::SIGHAND;
        return match request.flags & ALL {
            ALL if !has(flags::VFORK) => new_thread(context, thread, request),
            _ if !has(flags::SIGHAND) => Err(Errno::EINVAL),
            _ => Err(Errno::EAGAIN),
        };
    }
    let shares = has(flags::VM | flags::FILES | flags::FS);
    if shares && !has(flags::VFORK) {
        return Err(Errno::EAGAIN);
    }
    let member = new_member(request)?;
    if has(flags::VM) {
        vfork::lend(context, thread, request, member);
        Ok(0)
    } else {
        fork(context, thread, request, member)
    }
}

/// Makes a thread of this process.
fn new_thread(context: &ContextI386, thread: &Thread, request: &Request) -> SysResult {
    let has = |flag: u32| request.flags & flag != 0;
    let me = process().member();
    let member = family::reserve()?;
    let tid = member.pid.load(Relaxed);
    member.process.store(me.pid(), Relaxed);
    member.parent.store(me.parent(), Relaxed);
    member.group.store(me.group(), Relaxed);
    member.session.store(me.session(), Relaxed);
    member.uid.store(me.uid(), Relaxed);
    member.gid.store(me.gid(), Relaxed);
    member.signal_limit.store(me.0.signal_limit.load(Relaxed), Relaxed);
    member.start_ticks.store(u32::try_from(pal::now() / 10_000_000).unwrap_or(0), Relaxed);
    member.family.store(self_id(), Relaxed);
    for (to, from) in member.comm.iter().zip(&threads::current().member().0.comm) {
        to.store(from.load(Relaxed), Relaxed);
    }

    let mut new =
        Thread { blocked: thread.blocked, settings: thread.settings, tls: thread.tls, ..Thread::new() };
    let mut registers = *context;
    registers.fxsave = crate::arch::context::floating_point(context);
    registers.header.has_fp = 1;
    registers.gpr[crate::arch::context::EAX] = 0;
    if request.stack != 0 {
        registers.gpr[ESP] = request.stack;
    }
    if has(flags::CHILD_CLEARTID) {
        new.clear_child_tid = request.child_tid;
    }
    let ready = || {
        if has(flags::SETTLS) {
            tls::put(&mut new, request.tls)?;
        }
        // As Linux: a bad address is the program's own trouble.
        if has(flags::PARENT_SETTID) {
            _ = user::write_u32(request.parent_tid, tid);
        }
        if has(flags::CHILD_SETTID) {
            _ = user::write_u32(request.child_tid, tid);
        }
        member.state.store(state::RUNNING, SeqCst);
        threads::create(member, new, registers)
    };
    let result: Result<(), Errno> = ready();
    match result {
        Ok(()) => Ok(tid),
        Err(error) => {
            member.state.store(state::FREE, SeqCst);
            Err(error)
        }
    }
}

/// A child's entry in the family, not yet running.
fn new_member(request: &Request) -> Result<&'static Member, Errno> {
    let me = process().member();
    let member = family::reserve()?;
    let has = |flag: u32| request.flags & flag != 0;
    let inherited = me.flags() & (flag::NO_ZOMBIES | flag::NO_STOP_SIGNAL);
    let waits = if has(flags::VFORK) && !has(flags::VM) { flag::VFORK } else { 0 };
    member.parent.store(if has(flags::PARENT) { me.parent() } else { me.pid() }, Relaxed);
    member.group.store(me.group(), Relaxed);
    member.session.store(me.session(), Relaxed);
    member.uid.store(me.uid(), Relaxed);
    member.gid.store(me.gid(), Relaxed);
    member.signal_limit.store(me.0.signal_limit.load(Relaxed), Relaxed);
    member.flags.store(inherited | waits, Relaxed);
    member.exit_signal.store(request.exit_signal, Relaxed);
    member.start_ticks.store(u32::try_from(pal::now() / 10_000_000).unwrap_or(0), Relaxed);
    member.pages.store(process().mm.lock().tree.total() / 4096, Relaxed);
    member.family.store(u32::MAX, Relaxed);
    for (to, from) in member.comm.iter().zip(&me.0.comm).chain(member.cmdline.iter().zip(&me.0.cmdline)) {
        to.store(from.load(Relaxed), Relaxed);
    }
    member.cmdline_size.store(me.0.cmdline_size.load(Relaxed), Relaxed);
    Ok(member)
}

/// Makes a copy of this process.
fn fork(
    context: &mut ContextI386,
    thread: &mut Thread,
    request: &Request,
    member: &'static Member,
) -> SysResult {
    member.state.store(state::RUNNING, SeqCst);
    let pid = member.pid.load(Relaxed);
    match copy_host(member) {
        Err(error) => {
            member.state.store(state::FREE, SeqCst);
            Err(error)
        }
        Ok(Side::Copy) => {
            let me = process();
            drop(core::mem::take(&mut *me.children.lock()));
            me.children_cpu_ms.store(0, Relaxed);
            timer::after_copy(timer::Alarm::default());
            begin_child(context, thread, request, pid);
            Ok(0)
        }
        Ok(Side::Original(child)) => {
            if request.flags & flags::PARENT_SETTID != 0 {
                // As Linux: a bad address is the program's own trouble.
                _ = user::write_u32(request.parent_tid, pid);
            }
            let handle = child.get();
            process().children.lock().insert(pid, Arc::new(child));
            if request.flags & flags::VFORK != 0 {
                wait_for_exec(Seen(member), pid, handle);
            }
            Ok(pid)
        }
    }
}

/// Where one finds oneself after the host process was copied.
#[derive(Debug)]
pub enum Side {
    /// In the copy.
    Copy,
    /// In the original, with the handle of the copy.
    Original(Owned),
}

/// Copies the host process, and of its threads the calling one; the copy is to be `member`'s.
///
/// # Errors
/// `EAGAIN`.
pub fn copy_host(member: &'static Member) -> Result<Side, Errno> {
    // Nobody is rung for it before the copy knows its number: what is sent by then is seen when the call returns.
    let before = member.family.swap(u32::MAX, SeqCst);
    let gate = gate::shut();
    shared::share_all();
    let (mut is_copy, mut copy, mut channel) = (0u32, Handle::NONE, Handle::NONE);
    let cloned =
        pal::cloning().process_clone(0, (&mut is_copy).into(), (&mut copy).into(), (&mut channel).into());
    if cloned.is_ok() && is_copy != 0 {
        gate.after_copy();
        crate::sys::family::forget_other_threads();
    }
    if cloned.is_err() {
        shared::release_all();
    }
    drop(gate);
    if cloned.is_err() {
        member.family.store(before, SeqCst);
        return Err(Errno::EAGAIN);
    }
    drop(Owned::new(channel));
    if is_copy == 0 {
        return Ok(Side::Original(Owned::new(copy)));
    }
    learn_self_id();
    member.family.swap(self_id(), SeqCst);
    process().set_member(member);
    threads::after_copy(member);
    process().remain_alone();
    Ok(Side::Copy)
}

/// What is new in a child, wherever it runs.
pub fn begin_child(context: &mut ContextI386, thread: &mut Thread, request: &Request, pid: u32) {
    thread.restart = None;
    thread.clear_child_tid = 0;
    thread.robust_list = (0, 0);
    if request.flags & flags::VM != 0 {
        thread.rseq = Rseq::NONE;
    }
    if request.clears_handlers {
        process().reset_handlers();
    }
    if request.stack != 0 {
        context.gpr[ESP] = request.stack;
    }
    if request.flags & flags::CHILD_SETTID != 0 {
        _ = user::write_u32(request.child_tid, pid);
    }
    if request.flags & flags::CHILD_CLEARTID != 0 {
        thread.clear_child_tid = request.child_tid;
    }
    if request.flags & flags::SETTLS != 0 {
        _ = tls::set_at(thread, request.tls);
    }
}

/// `CLONE_VFORK` without `CLONE_VM`: a copy, and its maker waits nonetheless.
fn wait_for_exec(child: Seen, pid: u32, handle: Handle) {
    loop {
        let waits = child.0.flags.load(Acquire) & flag::VFORK != 0;
        let lives =
            child.0.pid.load(Relaxed) == pid && matches!(child.state(), state::RUNNING | state::STOPPED);
        if !waits || !lives || crate::signal::is_killed() {
            return;
        }
        if let Ok(Some(_)) = pal::wait_any(&[handle], pal_abi::flags::NEVER) {
            return;
        }
    }
}

/// Tells a parent that waits for this process's `execve` or end that it need not any longer.
pub fn release_parent() {
    let me = process().member();
    if me.0.flags.fetch_and(!flag::VFORK, AcqRel) & flag::VFORK != 0
        && let Some(parent) = family::find(me.parent())
    {
        family::rouse(parent.0);
    }
}
