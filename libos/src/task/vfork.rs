//! `vfork`: a child that runs in its parent's memory, while the calling thread waits, until it executes a program or
//! ends.
//!
//! No host process is made for it at first. The calling thread becomes the child's: the parent's registers and its
//! thread's state are laid aside as those of a *lender*, and the thread belongs to the child. The parent's other threads
//! go on. The child may lend in its turn, so a thread's lenders form a stack. The last one goes on when the child
//! - ends ([`give_back`]);
//! - executes a program ([`separate`]): now the host process is copied, the copy is the child's alone, and in the
//!   original the lender goes on. (A copy made by `fork` forgets the lenders as well.)
//!
//! Signals for a lender's thread stay pending until it goes on, SIGKILL for its process among them where it has no other;
//! its alarm rings meanwhile.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use pal_abi::ContextI386;

use super::clone::{Request, Side, begin_child, copy_host, flags};
use super::exit::cpu_ms;
use super::family::state;
use super::process::{Process, process, trace};
use super::thread::Thread;
use super::threads::{self, Cell};
use crate::arch::context::{self, EAX};
use crate::arch::{tls, user};
use crate::error::Errno;
use crate::signal::timer;
use crate::sys::family::{Member, self_id};
use crate::sys::lock::Lock;

/// A thread that waits for its memory.
#[derive(Debug)]
struct Lender {
    cell: &'static Cell,
    process: &'static Process,
    /// Its entry in the family.
    member: &'static Member,
    thread: Thread,
    context: ContextI386,
    /// CPU time of the host process when the memory was lent.
    cpu_ms: u32,
}

/// The lenders of all threads, a thread's last one behind its others.
static LENDERS: Lock<Vec<Lender>> = Lock::new(Vec::new());

impl Lender {
    fn lends_to(&self, cell: &Cell) -> bool {
        core::ptr::eq(self.cell, cell)
    }
}

/// Whether the memory is another's.
#[must_use]
pub fn has_lender() -> bool {
    let me = threads::current();
    LENDERS.lock().iter().any(|lender| lender.lends_to(me))
}

/// Whether a thread will be a process's again when its child has ended.
pub fn has_lent(cell: &Cell, process: &'static Process) -> bool {
    LENDERS.lock().iter().any(|lender| lender.lends_to(cell) && core::ptr::eq(lender.process, process))
}

/// Forgets the lenders, in a copy of the host process: it is the child's alone.
pub fn forget_lenders() {
    drop(core::mem::take(&mut *LENDERS.lock()));
}

/// Lends the memory to a child, which the caller is from here on.
pub fn lend(context: &mut ContextI386, thread: &mut Thread, request: &Request, child: &'static Member) {
    let pid = child.pid.load(Relaxed);
    if request.flags & flags::PARENT_SETTID != 0 {
        // As Linux: a bad address is the program's own trouble.
        _ = user::write_u32(request.parent_tid, pid);
    }
    child.family.store(self_id(), Relaxed);
    child.state.store(state::RUNNING, SeqCst);
    let mut registers = *context;
    registers.fxsave = context::floating_point(context);
    registers.header.has_fp = 1;
    let (me, parent) = (threads::current(), process());
    let lender = Lender {
        cell: me,
        process: parent,
        member: me.member().0,
        thread: thread.clone(),
        context: registers,
        cpu_ms: cpu_ms(),
    };
    LENDERS.lock().push(lender);
    me.set_process(parent.beget(child, request.flags));
    me.lead(child);
    begin_child(context, thread, request, pid);
}

/// The last lender goes on, with this process's number as what `vfork` returns. `false`: there is none.
pub fn give_back(context: &mut ContextI386, thread: &mut Thread) -> bool {
    let me = threads::current();
    let lender = {
        let mut all = LENDERS.lock();
        let Some(at) = all.iter().rposition(|lender| lender.lends_to(me)) else { return false };
        all.remove(at)
    };
    let child = process();
    let pid = child.pid();
    timer::forget(pid);
    me.set_process(lender.process);
    me.lead(lender.member);
    child.vacate();
    *thread = lender.thread;
    tls::load_all(thread);
    *context = lender.context;
    context.gpr[EAX] = pid;
    if process().traces(trace::SYSCALLS) {
        crate::syscall::trace::call("vfork()", Ok(pid));
    }
    true
}

/// Who executes the program after [`separate`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Executes {
    /// The caller.
    Caller,
    /// Its copy; the caller is the lender now.
    Copy,
}

/// Gives a child that is about to execute a program a host process of its own.
///
/// # Errors
/// Those of `copy_host`; the child goes on in the memory it borrowed.
pub fn separate(context: &mut ContextI386, thread: &mut Thread) -> Result<Executes, Errno> {
    if !has_lender() {
        return Ok(Executes::Caller);
    }
    let child = process().member();
    match copy_host(child.0)? {
        Side::Copy => {
            // The alarm is the child's own, and `execve` keeps it.
            timer::after_copy(timer::get(timer::Which::Real));
            Ok(Executes::Caller)
        }
        Side::Original(copy) => {
            if thread.clear_child_tid != 0 {
                _ = user::write_u32(thread.clear_child_tid, 0);
            }
            let pid = child.pid();
            give_back(context, thread);
            process().children.lock().insert(pid, Arc::new(copy));
            Ok(Executes::Copy)
        }
    }
}

/// What of the host process's CPU time is not this process's.
#[must_use]
pub fn cpu_ms_before() -> u32 {
    let me = threads::current();
    LENDERS.lock().iter().rfind(|lender| lender.lends_to(me)).map_or(0, |lender| lender.cpu_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::context::ESP;
    use crate::task::credentials::Ids;
    use crate::task::exit::note_death;
    use crate::task::family::reserve;
    use crate::task::process::install;
    use pal_abi::Layout as _;

    /// One test, for there is one process.
    #[test]
    fn a_lender_goes_on_as_it_was_and_dies_with_its_child() {
        crate::sys::family::install_for_test();
        let me = install(Ids::of(0, 0), 1, b"/".to_vec(), Vec::new(), 0);
        let (own, child) = (reserve().unwrap(), reserve().unwrap());
        me.set_member(own);
        threads::current().lead(own);
        let (mut context, mut thread) = (ContextI386::ZERO, Thread::new());
        context.gpr[ESP] = 1;
        thread.clear_child_tid = 4;

        let request = Request { stack: 2, flags: flags::FILES, ..Request::default() };
        lend(&mut context, &mut thread, &request, child);
        let pid = child.pid.load(Relaxed);
        assert_eq!((process().pid(), threads::current().tid()), (pid, pid));
        assert_eq!((context.gpr[ESP], thread.clear_child_tid), (2, 0));
        process().fs.lock().umask = 0o777;
        assert!(give_back(&mut context, &mut thread));
        let number = own.pid.load(Relaxed);
        assert_eq!((process().pid(), threads::current().tid()), (number, number));
        assert_eq!((context.gpr[ESP], thread.clear_child_tid), (1, 4));
        assert_eq!((context.gpr[EAX], process().fs.lock().umask), (pid, 0o022));
        assert!(!give_back(&mut context, &mut thread));

        // Of two children of a lender's parent one lends; then the host kills it.
        let [lender, borrower, other] = [7, 7, 8].map(|host| {
            let member = reserve().unwrap();
            member.parent.store(me.pid(), Relaxed);
            member.family.store(host, Relaxed);
            member.state.store(state::RUNNING, Relaxed);
            member
        });
        borrower.parent.store(lender.pid.load(Relaxed), Relaxed);
        note_death(lender.pid.load(Relaxed), -9);
        let states = [lender, borrower, other].map(|member| member.state.load(Relaxed));
        assert_eq!((states, lender.status.load(Relaxed)), ([state::ZOMBIE, state::FREE, state::RUNNING], 9));
    }
}
