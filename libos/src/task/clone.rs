//! `fork`, `vfork` and `clone`, as far as they make processes.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};

use pal_abi::{ContextI386, Handle};

use super::family::{self, Seen, flag, state};
use super::process::process;
use super::rseq::Rseq;
use super::thread::Thread;
use crate::arch::context::ESP;
use crate::arch::{tls, user};
use crate::error::{Errno, SysResult};
use crate::fs::shared;
use crate::pal::{self, Owned};
use crate::signal::timer;
use crate::sys::family::Member;

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

/// Makes a copy of this process.
///
/// # Errors
/// As clone(2); `EAGAIN` also for what would be a thread.
pub fn fork(context: &mut ContextI386, thread: &mut Thread, request: &Request) -> SysResult {
    let asked = request.flags;
    if asked & flags::NAMESPACES != 0 {
        return Err(Errno::EPERM);
    }
    if asked & (flags::THREAD | flags::SIGHAND) != 0 && asked & flags::VM == 0 {
        return Err(Errno::EINVAL);
    }
    let shares = asked & (flags::VM | flags::FILES | flags::FS) != 0;
    if asked & flags::THREAD != 0 || shares && asked & flags::VFORK == 0 {
        return Err(Errno::EAGAIN);
    }
    let me = process().member();
    let member = family::reserve()?;
    let pid = member.pid.load(Relaxed);
    let inherited = me.flags() & (flag::NO_ZOMBIES | flag::NO_STOP_SIGNAL);
    let vfork = if asked & flags::VFORK != 0 { flag::VFORK } else { 0 };
    member.parent.store(if asked & flags::PARENT != 0 { me.parent() } else { me.pid() }, Relaxed);
    member.group.store(me.group(), Relaxed);
    member.session.store(me.session(), Relaxed);
    member.uid.store(me.uid(), Relaxed);
    member.signal_limit.store(me.0.signal_limit.load(Relaxed), Relaxed);
    member.flags.store(inherited | vfork, Relaxed);
    member.exit_signal.store(request.exit_signal, Relaxed);
    member.start_ticks.store(u32::try_from(pal::now() / 10_000_000).unwrap_or(0), Relaxed);
    member.pages.store(process().mm.lock().tree.total() / 4096, Relaxed);
    member.family.store(u32::MAX, Relaxed);
    for (to, from) in member.comm.iter().zip(&me.0.comm).chain(member.cmdline.iter().zip(&me.0.cmdline)) {
        to.store(from.load(Relaxed), Relaxed);
    }
    member.cmdline_size.store(me.0.cmdline_size.load(Relaxed), Relaxed);
    shared::share_all();
    member.state.store(state::RUNNING, SeqCst);

    let (mut is_child, mut child, mut channel) = (0u32, Handle::NONE, Handle::NONE);
    let cloned =
        pal::cloning().process_clone(0, (&mut is_child).into(), (&mut child).into(), (&mut channel).into());
    if cloned.is_err() {
        member.state.store(state::FREE, SeqCst);
        shared::release_all();
        return Err(Errno::EAGAIN);
    }
    drop(Owned::new(channel));
    if is_child != 0 {
        become_child(context, thread, request, member);
        return Ok(0);
    }
    let child = Owned::new(child);
    if asked & flags::PARENT_SETTID != 0 {
        user::write_u32(request.parent_tid, pid)?;
    }
    let handle = child.get();
    process().children.lock().insert(pid, child);
    if vfork != 0 {
        wait_for_exec(Seen(member), pid, handle);
    }
    Ok(pid)
}

fn become_child(context: &mut ContextI386, thread: &mut Thread, request: &Request, member: &'static Member) {
    let me = process();
    crate::sys::family::learn_self_id();
    me.set_member(member);
    let pid = me.pid();
    // From now on rings reach us; what was sent before is seen when the call returns.
    member.family.swap(crate::sys::family::self_id(), SeqCst);
    drop(core::mem::take(&mut *me.children.lock()));
    me.children_cpu_ms.store(0, Relaxed);
    timer::after_fork();
    thread.restart = None;
    thread.clear_child_tid = 0;
    thread.robust_list = (0, 0);
    if request.flags & flags::VM != 0 {
        thread.rseq = Rseq::NONE;
    }
    if request.stack != 0 {
        context.gpr[ESP] = request.stack;
    }
    if request.flags & flags::CHILD_SETTID != 0 {
        // As Linux: a bad address is the program's own trouble.
        _ = user::write_u32(request.child_tid, pid);
    }
    if request.flags & flags::CHILD_CLEARTID != 0 {
        thread.clear_child_tid = request.child_tid;
    }
    if request.flags & flags::SETTLS != 0 {
        _ = tls::set_at(thread, request.tls);
    }
}

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

/// Tells a parent that waits in `vfork` that it need not any longer.
pub fn release_parent(executed: bool) {
    let me = process().member();
    if executed {
        me.0.flags.fetch_or(flag::EXECUTED, AcqRel);
    }
    if me.0.flags.fetch_and(!flag::VFORK, AcqRel) & flag::VFORK != 0
        && let Some(parent) = family::find(me.parent())
    {
        family::ring(parent.0);
    }
}
