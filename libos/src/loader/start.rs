//! The start of the library OS: from the start-up block to the first program.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use pal_abi::{ContextI386, Handle};

use super::exec;
use crate::error::Errno;
use crate::fs::file::{HostFile, Object, OpenFile, o};
use crate::fs::terminal::Line;
use crate::fs::{lookup, pty, table};
use crate::pal::{self, Owned};
use crate::signal::host;
use crate::signal::set::SIGCHLD;
use crate::sys;
use crate::task::credentials::Ids;
use crate::task::exit::{self, Ending};
use crate::task::family::{self, INIT_PID, state};
use crate::task::process::{self, trace};
use crate::task::thread::Thread;
use crate::task::threads;

/// What the start-up block says, taken out of it.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// Arguments.
    pub argv: Vec<Vec<u8>>,
    /// Environment.
    pub envp: Vec<Vec<u8>>,
    /// The program's path; empty: the first argument's.
    pub program: Vec<u8>,
    /// The current folder.
    pub cwd: Vec<u8>,
    /// What to print, by names.
    pub trace: Vec<u8>,
    /// The host name.
    pub host_name: Vec<u8>,
    /// Standard input, output and error.
    pub streams: [Handle; 3],
    /// The thread that runs.
    pub thread: Handle,
    /// Processors.
    pub cpus: u32,
}

/// Exit codes of a command that cannot be run, as shells have them.
const NOT_FOUND: u32 = 127;
const NOT_RUNNABLE: u32 = 126;

/// Takes the words of a comma list.
fn trace_bits(list: &[u8]) -> u32 {
    list.split(|&b| b == b',').fold(0, |bits, word| match word {
        b"syscalls" => bits | trace::SYSCALLS,
        b"signals" => bits | trace::SIGNALS,
        b"all" => bits | trace::SYSCALLS | trace::SIGNALS,
        _ => bits,
    })
}

/// Sets the process up and prepares the first program's registers. Ends the process where it cannot be run.
pub fn start(boot: Boot, context: &mut ContextI386, thread: &mut Thread) {
    if map_family().is_err() {
        pal::debug(b"libos: no memory to share with children");
        exit::leave(NOT_RUNNABLE);
    }
    sys::family::learn_self_id();
    for word in &sys::family::memory().boot_id {
        let mut bytes = [0; 4];
        pal::random(&mut bytes);
        word.store(u32::from_le_bytes(bytes), Relaxed);
    }
    threads::current().set_host(boot.thread);
    let ids = own_ids();
    let cwd = if boot.cwd.is_empty() { b"/".to_vec() } else { boot.cwd };
    let host_name = if boot.host_name.is_empty() { b"trunnion".to_vec() } else { boot.host_name };
    let me = process::install(ids, boot.cpus, cwd, host_name, trace_bits(&boot.trace));
    if let Ok(member) = family::reserve() {
        let pid = member.pid.load(Relaxed);
        for word in [&member.group, &member.session] {
            word.store(pid, Relaxed);
        }
        member.parent.store(INIT_PID, Relaxed);
        member.exit_signal.store(SIGCHLD, Relaxed);
        member.uid.store(me.ids.lock().uid, Relaxed);
        member.gid.store(me.ids.lock().gid, Relaxed);
        member.signal_limit.store(me.limits.lock().signals(), Relaxed);
        member.family.store(sys::family::self_id(), Relaxed);
        member.start_ticks.store(u32::try_from(pal::now() / 10_000_000).unwrap_or(0), Relaxed);
        member.state.store(state::RUNNING, SeqCst);
        me.set_member(member);
        threads::current().lead(member);
        let terminal = pty::terminal(Line::CONSOLE);
        terminal.foreground.store(pid, Relaxed);
        terminal.session.store(pid, Relaxed);
    }
    host::listen(&boot.streams);
    for (fd, handle) in (0u32..).zip(boot.streams) {
        if let Err(error) = open_stream(fd, handle) {
            pal::debug(format!("libos: stream {fd} cannot be used ({})", error.name()).as_bytes());
        }
    }
    let path = match (boot.program.is_empty(), boot.argv.first()) {
        (true, Some(first)) => first.clone(),
        (true, None) => fail(context, thread, b"", "no program given", NOT_RUNNABLE),
        _ => boot.program,
    };
    let program = match exec::prepare(lookup::AT_FDCWD, &path, boot.argv, &boot.envp) {
        Ok(program) => program,
        Err(error) => {
            let missing = error == exec::LoadError::File(Errno::ENOENT);
            let code = if missing { NOT_FOUND } else { NOT_RUNNABLE };
            fail(context, thread, &path, &format!("{error}"), code)
        }
    };
    if let Err(error) = exec::commit(context, thread, program, &boot.envp) {
        fail(context, thread, &path, &format!("cannot be loaded ({})", error.name()), NOT_RUNNABLE);
    }
}

/// Says on standard error why the program cannot be run, and ends.
fn fail(context: &mut ContextI386, thread: &mut Thread, path: &[u8], why: &str, code: u32) -> ! {
    let line = [b"trunnion: ", path, b": ", why.as_bytes(), b"\n"].concat();
    let printed = table::get(2).and_then(|file| file.write_bytes(&line));
    if printed.is_err() {
        pal::debug(&line);
    }
    // Nobody has lent us anything: this does not come back.
    exit::end(context, thread, Ending::Exited(code));
    exit::leave(code)
}

/// The user this process runs as below: the owner of what it makes.
fn own_ids() -> Ids {
    match pal::open(b"anon:4096", 3, 0).and_then(|handle| pal::attributes(handle.get())) {
        Ok(attr) => Ids::of(attr.uid, attr.gid),
        Err(_) => Ids::of(0, 0),
    }
}

fn map_family() -> Result<(), Errno> {
    let size = u32::try_from(size_of::<sys::family::FamilyMemory>()).map_err(|_| Errno::ENOMEM)?;
    let size = crate::layout::page_up(size).ok_or(Errno::ENOMEM)?;
    let memory = crate::mm::shared::SharedMemory::new(size)?;
    sys::family::map(memory.handle.get(), size)
}

fn open_stream(fd: u32, handle: Handle) -> Result<(), Errno> {
    if handle.is_none() {
        return Ok(());
    }
    let attr = pal::attributes(handle)?;
    let rights = attr.flags & (pal_abi::flags::stream::READ | pal_abi::flags::stream::WRITE);
    let access = match (rights, fd) {
        (0x10, _) => 0,
        (0x20, _) => o::WRONLY,
        (0, 0) => 0,
        (0, _) => o::WRONLY,
        _ => o::RDWR,
    };
    let append = if attr.flags & pal_abi::flags::stream::APPEND != 0 { o::APPEND } else { 0 };
    let host = HostFile::new(Owned::new(handle), &attr);
    let name =
        if host.terminal.is_some() { b"/dev/tty".to_vec() } else { format!("pipe:[{fd}]").into_bytes() };
    let file = OpenFile::new(Object::Host(host), access | append | o::LARGEFILE, name)?;
    table::add(Arc::new(file), false).map(drop)
}
