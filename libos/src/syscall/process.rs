//! fork(2), clone(2), execve(2), exit(2), wait(2), and what a thread registers at its start.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Call;
use super::arg::{Fd, Hex, Path, Ptr};
use super::time::put_usage;
use crate::arch::{ldt, tls, user};
use crate::error::{Errno, SysResult};
use crate::fs::file::OpenFile;
use crate::fs::lookup::AT_FDCWD;
use crate::loader::exec::{self, LoadError};
use crate::signal::info::SigInfo;
use crate::signal::set::{SIGCHLD, SIGKILL, SIGSEGV};
use crate::task::clone::{self, Request, flags};
use crate::task::exit::{self, Ending};
use crate::task::process::process;
use crate::task::threads;
use crate::task::vfork::{self, Executes};
use crate::task::wait::{self, Which, option};

pub(super) fn exit(call: &mut Call<'_>, code: u32) -> SysResult {
    exit::end_thread(call.context, call.thread, code);
    call.gone = true;
    Ok(0)
}

pub(super) fn exit_group(call: &mut Call<'_>, code: u32) -> SysResult {
    end(call, Ending::Exited(code))
}

/// Ends the caller's process. What comes back is the process that had lent it its memory.
fn end(call: &mut Call<'_>, ending: Ending) -> SysResult {
    exit::end(call.context, call.thread, ending);
    call.gone = true;
    Ok(0)
}

pub(super) fn fork(call: &mut Call<'_>) -> SysResult {
    let request = Request { exit_signal: SIGCHLD, ..Request::default() };
    clone::clone(call.context, call.thread, &request)
}

pub(super) fn vfork(call: &mut Call<'_>) -> SysResult {
    let request = Request { flags: flags::VM | flags::VFORK, exit_signal: SIGCHLD, ..Request::default() };
    clone::clone(call.context, call.thread, &request)
}

pub(super) fn clone(
    call: &mut Call<'_>,
    all: Hex,
    stack: Ptr,
    parent_tid: Ptr,
    tls: Ptr,
    child_tid: Ptr,
) -> SysResult {
    let has = |bits: u32| all.0 & bits == bits;
    if has(flags::THREAD) && !has(flags::SIGHAND) || has(flags::FS | flags::NEW_FS) {
        return Err(Errno::EINVAL);
    }
    let request = Request {
        flags: all.0 & !flags::SIGNAL,
        exit_signal: all.0 & flags::SIGNAL,
        stack: stack.0,
        parent_tid: parent_tid.0,
        child_tid: child_tid.0,
        tls: tls.0,
        ..Request::default()
    };
    clone::clone(call.context, call.thread, &request)
}

pub(super) fn clone3(call: &mut Call<'_>, args: Ptr, size: u32) -> SysResult {
    /// In the upper half of the flags.
    const CLEAR_SIGHAND: u32 = 1;
    if size < 64 {
        return Err(Errno::EINVAL);
    }
    let word = |n: u32| user::read_u32(args.0.wrapping_add(n * 8));
    let (stack, stack_size) = (word(5)?, word(6)?);
    let (all, more) = (word(0)?, user::read_u32(args.0.wrapping_add(4))?);
    if all & flags::SIGNAL != 0 || more & !CLEAR_SIGHAND != 0 || (stack == 0) != (stack_size == 0) {
        return Err(Errno::EINVAL);
    }
    let request = Request {
        flags: all,
        clears_handlers: more & CLEAR_SIGHAND != 0,
        exit_signal: word(4)? & flags::SIGNAL,
        stack: if stack == 0 { 0 } else { stack.wrapping_add(stack_size) },
        parent_tid: word(3)?,
        child_tid: word(2)?,
        tls: word(7)?,
    };
    clone::clone(call.context, call.thread, &request)
}

/// A list of strings that ends in a null pointer; a null list is empty.
fn strings(list: Ptr) -> Result<Vec<Vec<u8>>, Errno> {
    const MAX: u32 = 1 << 17;
    let mut all = Vec::new();
    let mut total = 0u32;
    if list.0 == 0 {
        return Ok(all);
    }
    loop {
        let n = u32::try_from(all.len()).map_err(|_| Errno::E2BIG)?;
        let at = user::read_u32(list.0.wrapping_add(n * 4))?;
        if at == 0 {
            return Ok(all);
        }
        let text = user::read_string(at, MAX).map_err(|error| match error {
            Errno::ENAMETOOLONG => Errno::E2BIG,
            other => other,
        })?;
        total = total.saturating_add(u32::try_from(text.len()).unwrap_or(MAX) + 5);
        if total > 6 << 20 {
            return Err(Errno::E2BIG);
        }
        all.push(text);
    }
}

/// Whether this process has an executable file open to write.
fn is_open_to_write(dir: Fd, path: &[u8]) -> bool {
    let Ok(at) = crate::fs::lookup::absolute(dir.0, path) else { return false };
    let found = {
        let files = process().files.lock();
        let writes = |file: &OpenFile| file.writable && file.host().is_some() && file.path == at;
        files.iter().find(|(_, entry)| writes(&entry.file)).map(|(_, entry)| Arc::clone(&entry.file))
    };
    found.and_then(|file| file.stat().ok()).is_some_and(|stat| stat.mode & 0o111 != 0)
}

/// What is wrong with arguments is said only of a program that may be run.
fn unless_refused(dir: Fd, path: &[u8], error: Errno) -> Errno {
    if is_open_to_write(dir, path) {
        return Errno::ETXTBSY;
    }
    match exec::prepare(dir.0, path, Vec::new(), &[]).map_err(|e: LoadError| e.errno()) {
        Err(refused) if refused != Errno::ENOEXEC => refused,
        _ => error,
    }
}

pub(super) fn execve(call: &mut Call<'_>, path: Path, argv: Ptr, envp: Ptr) -> SysResult {
    execveat(call, Fd(AT_FDCWD), path, argv, envp, Hex(0))
}

pub(super) fn execveat(
    call: &mut Call<'_>,
    dir: Fd,
    path: Path,
    argv: Ptr,
    envp: Ptr,
    flags: Hex,
) -> SysResult {
    const EMPTY_PATH: u32 = 0x1000;
    let mut path = path.read()?;
    if path.is_empty() && flags.0 & EMPTY_PATH != 0 {
        path = crate::fs::table::get(dir.0)?.path.clone();
    }
    let (argv, envp) = match (strings(argv), strings(envp)) {
        (Ok(argv), Ok(envp)) => (argv, envp),
        (Err(error), _) | (_, Err(error)) => return Err(unless_refused(dir, &path, error)),
    };
    if is_open_to_write(dir, &path) {
        return Err(Errno::ETXTBSY);
    }
    let program =
        exec::prepare(dir.0, &path, argv, &envp).map_err(|error: LoadError| match error.errno() {
            // Linux reads a program without being interrupted.
            Errno::ERESTARTSYS => Errno::ERESTARTNOINTR,
            other => other,
        })?;
    if vfork::separate(call.context, call.thread)? == Executes::Copy {
        call.gone = true;
        return Ok(0);
    }
    if !threads::be_alone() {
        // Another thread executes a program, or has ended the process: this one goes where the others go.
        call.gone = true;
        return Ok(0);
    }
    threads::current().lead(process().member().0);
    if let Err(error) = exec::commit(call.context, call.thread, program, &envp) {
        // The old program is gone and the new one does not fit: Linux kills, too.
        let signal = if error == Errno::EFAULT { SIGSEGV } else { SIGKILL };
        crate::signal::post_self(&SigInfo::kernel(signal));
        return end(call, Ending::Killed(signal));
    }
    Ok(0)
}

pub(super) fn waitpid(call: &mut Call<'_>, pid: i32, status: Ptr, options: Hex) -> SysResult {
    wait4(call, pid, status, options, Ptr(0))
}

pub(super) fn wait4(call: &mut Call<'_>, pid: i32, status: Ptr, options: Hex, usage: Ptr) -> SysResult {
    let known = option::NOHANG | option::UNTRACED | option::CONTINUED;
    if options.0 & !(known | option::NOTHREAD | option::ALL | option::CLONE) != 0 {
        return Err(Errno::EINVAL);
    }
    let which = match pid {
        i32::MIN => return Err(Errno::ESRCH),
        1.. => Which::Pid(pid.cast_unsigned()),
        0 => Which::Group(process().member().group()),
        -1 => Which::Any,
        _ => Which::Group(pid.unsigned_abs()),
    };
    let Some(news) = wait::wait(call.thread, which, options.0 | option::EXITED)? else { return Ok(0) };
    if status.0 != 0 {
        user::write_u32(status.0, news.status)?;
    }
    if usage.0 != 0 {
        put_usage(usage, news.cpu_ms)?;
    }
    Ok(news.pid)
}

pub(super) fn waitid(
    call: &mut Call<'_>,
    which: u32,
    id: u32,
    info: Ptr,
    options: Hex,
    usage: Ptr,
) -> SysResult {
    let kinds = option::EXITED | option::UNTRACED | option::CONTINUED;
    let known = kinds | option::NOHANG | option::NOWAIT | option::NOTHREAD | option::ALL | option::CLONE;
    if options.0 & !known != 0 || options.0 & kinds == 0 {
        return Err(Errno::EINVAL);
    }
    let which = match which {
        0 => Which::Any,
        1 if id != 0 => Which::Pid(id),
        2 if id == 0 => Which::Group(process().member().group()),
        2 => Which::Group(id),
        _ => return Err(Errno::EINVAL),
    };
    let news = wait::wait(call.thread, which, options.0)?;
    if info.0 != 0 {
        // Only the fields up to the status are written, as by Linux.
        let bytes = match news {
            Some(news) => SigInfo::child(news.code, news.pid, news.uid, news.value).encode(),
            None => [0; 128],
        };
        user::write(info.0, &bytes[..24])?;
    }
    if let (Some(news), true) = (news, usage.0 != 0) {
        put_usage(usage, news.cpu_ms)?;
    }
    Ok(0)
}

pub(super) fn set_tid_address(call: &mut Call<'_>, at: Ptr) -> SysResult {
    call.thread.clear_child_tid = at.0;
    Ok(threads::current().tid())
}

pub(super) fn set_robust_list(call: &mut Call<'_>, head: Ptr, len: u32) -> SysResult {
    if len != 12 {
        return Err(Errno::EINVAL);
    }
    call.thread.robust_list = (head.0, len);
    Ok(0)
}

pub(super) fn get_robust_list(call: &mut Call<'_>, pid: u32, head: Ptr, len: Ptr) -> SysResult {
    if pid != 0 && pid != threads::current().tid() {
        return Err(if crate::task::family::find(pid).is_some() { Errno::EPERM } else { Errno::ESRCH });
    }
    user::write_u32(head.0, call.thread.robust_list.0)?;
    user::write_u32(len.0, 12)?;
    Ok(0)
}

pub(super) fn rseq(call: &mut Call<'_>, area: Ptr, len: u32, flags: Hex, signature: Hex) -> SysResult {
    call.thread.rseq.call(area.0, len, flags.0, signature.0)?;
    Ok(0)
}

pub(super) fn set_thread_area(call: &mut Call<'_>, at: Ptr) -> SysResult {
    tls::set_at(call.thread, at.0)?;
    Ok(0)
}

pub(super) fn get_thread_area(call: &mut Call<'_>, at: Ptr) -> SysResult {
    tls::get_at(call.thread, at.0)?;
    Ok(0)
}

pub(super) fn modify_ldt(_: &mut Call<'_>, function: u32, at: Ptr, bytes: u32) -> SysResult {
    ldt::modify(function, at.0, bytes)
}
