//! `execve`: first everything is checked that can fail, then the old program is gone.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::Ordering::{AcqRel, Relaxed};

use pal_abi::ContextI386;

use super::elf::{ElfError, HEADER_SIZE, Header, Image};
use super::stack::{self, Contents, at};
use super::{image, script, vdso};
use crate::arch::{context, cpu, ldt, tls, user};
use crate::error::Errno;
use crate::fs::file::OpenFile;
use crate::fs::path::Last;
use crate::fs::stat::{Stat, mode};
use crate::fs::{lookup, open};
use crate::layout::{PAGE, PIE_BASE, STACK_SIZE, STACK_TOP, page_up};
use crate::mm::vma::{Backing, PROT_EXEC, PROT_READ, PROT_WRITE, Vma};
use crate::pal;
use crate::signal::frame::AltStack;
use crate::signal::posix;
use crate::task::clone::release_parent;
use crate::task::credentials::Ids;
use crate::task::family::{self, flag};
use crate::task::process::process;
use crate::task::rseq::{self, Rseq};
use crate::task::thread::Thread;

/// How often a script may name a script.
const MAX_SCRIPTS: usize = 5;
/// The longest argument or variable.
const MAX_STRING: usize = 32 * PAGE as usize;

/// Why a program cannot be run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// It cannot be opened or may not be executed.
    File(Errno),
    /// It is no program.
    Format(ElfError),
    /// It needs an interpreter, which cannot be used.
    Interpreter {
        /// Its path.
        path: Vec<u8>,
        /// Why not.
        error: Errno,
    },
}

impl LoadError {
    /// What `execve` returns.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            Self::File(error) | Self::Interpreter { error, .. } => *error,
            Self::Format(_) => Errno::ENOEXEC,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(Errno::ENOENT) => f.write_str("not found"),
            Self::File(Errno::EACCES) => f.write_str("permission denied"),
            Self::File(Errno::EISDIR) => f.write_str("is a directory"),
            Self::File(error) => write!(f, "cannot be run ({})", error.name()),
            Self::Format(error) => error.fmt(f),
            Self::Interpreter { path, error } => {
                let path = String::from_utf8_lossy(path);
                match *error {
                    Errno::ENOENT => write!(f, "needs the interpreter {path}, which is not there"),
                    Errno::ELIBBAD => write!(f, "needs the interpreter {path}, which is not an i386 program"),
                    error => {
                        write!(f, "needs the interpreter {path}, which cannot be used ({})", error.name())
                    }
                }
            }
        }
    }
}

impl From<Errno> for LoadError {
    fn from(error: Errno) -> Self {
        Self::File(error)
    }
}

/// A program that can be run.
#[derive(Debug)]
pub struct Program {
    file: Arc<OpenFile>,
    image: Image,
    interpreter: Option<(Arc<OpenFile>, Image)>,
    argv: Vec<Vec<u8>>,
    execfn: Vec<u8>,
}

/// Whether a file may be executed by a process.
#[must_use]
pub fn may_execute(stat: &Stat, ids: &Ids) -> bool {
    let shift = match () {
        () if ids.euid == 0 => return stat.mode & 0o111 != 0,
        () if ids.euid == stat.uid => 6,
        () if ids.in_group(stat.gid) => 3,
        () => 0,
    };
    stat.mode >> shift & 1 != 0
}

fn open_executable(path: &[u8]) -> Result<Arc<OpenFile>, Errno> {
    let stat = lookup::stat(path, Last::Follow)?;
    if stat.kind() != mode::REGULAR || !may_execute(&stat, &process().ids.lock()) {
        return Err(Errno::EACCES);
    }
    open::open(path, 0, 0)
}

/// The image a file holds.
fn read_image(file: &OpenFile) -> Result<Result<Image, ElfError>, Errno> {
    let mut head = [0; HEADER_SIZE];
    let got = file.read_at(0, &mut head)? as usize;
    let header = match Header::parse(&head[..got]) {
        Ok(header) => header,
        Err(error) => return Ok(Err(error)),
    };
    let mut table = alloc::vec![0; header.table_size()];
    let got = file.read_at(u64::from(header.table_offset), &mut table)? as usize;
    Ok(Image::parse(header, &table[..got], file.stat()?.size))
}

fn check_strings(argv: &[Vec<u8>], envp: &[Vec<u8>]) -> Result<(), Errno> {
    let limit = process().limits.lock().0[crate::task::limits::STACK].0 / 4;
    let limit = u32::try_from(limit.min(6 << 20)).unwrap_or(6 << 20).max(32 * PAGE);
    let too_long = argv.iter().chain(envp).any(|text| text.len() >= MAX_STRING);
    if too_long || stack::weight(argv, envp) > limit { Err(Errno::E2BIG) } else { Ok(()) }
}

/// Checks everything about a program. `path` is as the caller gave it, relative to the descriptor `dir`.
///
/// # Errors
/// As execve(2).
pub fn prepare(
    dir: u32,
    path: &[u8],
    mut argv: Vec<Vec<u8>>,
    envp: &[Vec<u8>],
) -> Result<Program, LoadError> {
    let execfn = path.to_vec();
    let mut at = lookup::absolute(dir, path)?;
    let mut named = path.to_vec();
    check_strings(&argv, envp)?;
    for _ in 0..=MAX_SCRIPTS {
        let file = open_executable(&at)?;
        let mut head = [0; script::HEAD];
        let got = file.read_at(0, &mut head)? as usize;
        if head.starts_with(b"#!") {
            let (interpreter, argument) =
                script::parse(&head[..got]).ok_or(LoadError::Format(ElfError::NotElf))?;
            let rest = argv.drain(..).skip(1).collect::<Vec<_>>();
            argv.push(interpreter.to_vec());
            argv.extend(argument.map(<[u8]>::to_vec));
            argv.push(named);
            argv.extend(rest);
            check_strings(&argv, envp)?;
            named = interpreter.to_vec();
            at = lookup::absolute(lookup::AT_FDCWD, interpreter)?;
            continue;
        }
        let image = read_image(&file)?.map_err(LoadError::Format)?;
        let interpreter = load_interpreter(&file, &image)?;
        return Ok(Program { file, image, interpreter, argv, execfn });
    }
    Err(LoadError::File(Errno::ELOOP))
}

fn load_interpreter(file: &OpenFile, image: &Image) -> Result<Option<(Arc<OpenFile>, Image)>, LoadError> {
    let Some((offset, size)) = image.interpreter else { return Ok(None) };
    let mut path = alloc::vec![0; size as usize];
    let got = file.read_at(u64::from(offset), &mut path)? as usize;
    if got != path.len() || path.pop() != Some(0) {
        return Err(LoadError::Format(ElfError::Malformed));
    }
    let fail = |error| LoadError::Interpreter { path: path.clone(), error };
    let at = lookup::absolute(lookup::AT_FDCWD, &path).map_err(fail)?;
    let file = open_executable(&at).map_err(fail)?;
    let image = read_image(&file).map_err(fail)?.map_err(|_| fail(Errno::ELIBBAD))?;
    Ok(Some((file, image)))
}

/// Replaces the running program. There is no way back: an error here means the process must die.
///
/// # Errors
/// `ENOMEM` and what mapping the files may say.
pub fn commit(
    context: &mut ContextI386,
    thread: &mut Thread,
    program: Program,
    envp: &[Vec<u8>],
) -> Result<(), Errno> {
    let me = process();
    forget_old(thread);
    let Program { file, image: main, interpreter, argv, execfn } = program;

    let mut mm = me.mm.lock();
    mm.clear();
    mm.read_implies_exec = main.read_implies_exec;
    let stack_prot = PROT_READ | PROT_WRITE | if main.executable_stack { PROT_EXEC } else { 0 };
    let bottom = STACK_TOP - STACK_SIZE;
    mm.establish(Vma {
        start: bottom,
        end: STACK_TOP,
        prot: stack_prot,
        shared: false,
        backing: Backing::Stack,
    })?;
    let placed = image::map(&mut mm, &file, &main, PIE_BASE)?;
    mm.brk_start = page_up(placed.end).ok_or(Errno::ENOMEM)?;
    mm.brk = mm.brk_start;
    let program_entry = main.header.entry.wrapping_add(placed.bias);
    let (mut entry, mut base) = (program_entry, 0);
    if let Some((file, linker)) = &interpreter {
        let (low, high) = linker.span().ok_or(Errno::ENOEXEC)?;
        let at = mm.tree.find_free(high - low).ok_or(Errno::ENOMEM)?;
        let placed = image::map(&mut mm, file, linker, at)?;
        base = placed.bias;
        entry = linker.header.entry.wrapping_add(placed.bias);
    }
    let page = mm.tree.find_free(PAGE).ok_or(Errno::ENOMEM)?;
    let vdso = Vma {
        start: page,
        end: page + PAGE,
        prot: PROT_READ | PROT_WRITE,
        shared: false,
        backing: Backing::Vdso,
    };
    mm.establish(vdso)?;
    user::write(page, &vdso::build())?;
    mm.protect(page, page + PAGE, PROT_READ | PROT_EXEC)?;
    mm.vdso = page;

    let ids = me.ids.lock().clone();
    let table = if main.table_address == 0 { 0 } else { main.table_address.wrapping_add(placed.bias) };
    let aux = [
        (at::SYSINFO, page + vdso::ENTRIES.vsyscall),
        (at::SYSINFO_EHDR, page),
        (at::HWCAP, cpu::features()),
        (at::PAGESZ, PAGE),
        (at::CLKTCK, 100),
        (at::PHDR, table),
        (at::PHENT, 32),
        (at::PHNUM, u32::from(main.header.table_count)),
        (at::BASE, base),
        (at::FLAGS, 0),
        (at::ENTRY, program_entry),
        (at::UID, ids.uid),
        (at::EUID, ids.euid),
        (at::GID, ids.gid),
        (at::EGID, ids.egid),
        (at::SECURE, 0),
        (at::RANDOM, 0),
        (at::HWCAP2, 0),
        (at::EXECFN, 0),
        (at::PLATFORM, 0),
        (at::RSEQ_FEATURE_SIZE, rseq::FEATURE_SIZE),
        (at::RSEQ_ALIGN, rseq::ALIGN),
    ];
    let mut random = [0; 16];
    pal::random(&mut random);
    // Without arguments a program gets one empty one (Linux since 5.18).
    let empty = [Vec::new()];
    let argv: &[Vec<u8>] = if argv.is_empty() { &empty } else { &argv };
    let stack = stack::build(STACK_TOP, &Contents { argv, envp, execfn: &execfn, random, aux: &aux });
    user::write(stack.pointer, &stack.bytes)?;
    (mm.stack_start, mm.args, mm.env) = (stack.pointer, stack.args, stack.env);
    mm.aux = aux.to_vec();
    let pages = mm.tree.total() / PAGE;
    drop(mm);

    let member = me.member();
    let name = execfn.rsplit(|&b| b == b'/').next().unwrap_or(&execfn);
    family::set_comm(member.0, name);
    family::set_cmdline(member.0, argv);
    member.0.pages.store(pages, Relaxed);
    me.set_exe(file.path.clone());
    context::start(context, entry, stack.pointer);
    member.0.flags.fetch_or(flag::EXECUTED, AcqRel);
    release_parent();
    Ok(())
}

/// Lets go of what a new program does not inherit.
fn forget_old(thread: &mut Thread) {
    let me = process();
    if thread.clear_child_tid != 0 {
        // The address belongs to the old program, which is past caring.
        _ = user::write_u32(thread.clear_child_tid, 0);
    }
    thread.clear_child_tid = 0;
    thread.robust_list = (0, 0);
    thread.rseq = Rseq::NONE;
    thread.settings.after_exec();
    thread.alt = AltStack::DISABLED;
    thread.restart = None;
    tls::clear(thread);
    ldt::clear();
    me.reset_handlers();
    posix::clear(me.pid());
    let closed = me.files.lock().take_close_on_exec();
    drop(closed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn errors_say_what_is_wrong() {
        let missing = LoadError::Interpreter { path: b"/lib/ld-linux.so.2".to_vec(), error: Errno::ENOENT };
        assert_eq!(format!("{missing}"), "needs the interpreter /lib/ld-linux.so.2, which is not there");
        let arm = LoadError::Format(ElfError::Machine { class: 2, machine: 183 });
        assert_eq!(format!("{arm}"), "an ARM64 program; only i386 programs can be run");
        assert_eq!(arm.errno(), Errno::ENOEXEC);
    }

    #[test]
    fn root_needs_one_execute_bit() {
        let stat = Stat { mode: 0o100_644, uid: 7, gid: 8, ..Stat::default() };
        assert!(!may_execute(&stat, &Ids::of(0, 0)));
        let stat = Stat { mode: 0o100_654, ..stat };
        assert!(may_execute(&stat, &Ids::of(0, 0)));
        assert!(may_execute(&stat, &Ids::of(1, 8)));
        assert!(!may_execute(&stat, &Ids::of(7, 8)));
    }
}
