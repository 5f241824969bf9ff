//! System calls of one thread that fail as told: the host's own filter (seccomp) answers them with an error number.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use pal_abi::Handle;
use pal_abi::arg::{In, Out};

use crate::checked;
use crate::harness::{Env, now};

/// A system call by its name and its number on this host.
pub(crate) type HostCall = (&'static str, libc::c_long);

macro_rules! host_calls {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name)),*] };
}

/// The system calls that are made to fail: those that act on what a call of the table is about. Not those that the
/// thread itself lives by (waiting, signals, its end, giving memory back).
pub(crate) const HOST_CALLS: &[HostCall] = host_calls! {
    SYS_accept4 SYS_bind SYS_clone SYS_clone3 SYS_connect SYS_dup SYS_dup3 SYS_epoll_create1 SYS_epoll_ctl
    SYS_epoll_pwait SYS_eventfd2 SYS_fallocate SYS_fchmod SYS_fchmodat SYS_fchown SYS_fchownat SYS_fcntl SYS_fdatasync
    SYS_fgetxattr SYS_flistxattr SYS_flock SYS_fremovexattr SYS_fsetxattr SYS_fstat SYS_fstatfs SYS_fsync SYS_ftruncate
    SYS_getdents64 SYS_getpeername SYS_getrandom SYS_getsockname SYS_getsockopt SYS_getxattr SYS_inotify_add_watch
    SYS_inotify_init1 SYS_ioctl SYS_linkat SYS_listen SYS_listxattr SYS_lseek SYS_memfd_create SYS_mkdirat SYS_mknodat
    SYS_mmap SYS_mprotect SYS_newfstatat SYS_openat SYS_openat2 SYS_pidfd_open SYS_pidfd_send_signal SYS_pipe2
    SYS_pread64 SYS_pwrite64 SYS_pwritev2 SYS_read SYS_readlinkat SYS_recvfrom SYS_recvmsg SYS_removexattr SYS_renameat
    SYS_renameat2 SYS_sendmsg SYS_sendto SYS_setsockopt SYS_setxattr SYS_shutdown SYS_socket SYS_socketpair SYS_statx
    SYS_symlinkat SYS_unlinkat SYS_utimensat SYS_write
};

/// The ways to fail. Not EINTR, EAGAIN and ECONNABORTED, which mean "again", nor EFAULT, which speaks of the caller's
/// memory.
pub(crate) const ERRORS: &[i32] = &[
    libc::EPERM,
    libc::ENOENT,
    libc::EIO,
    libc::ENXIO,
    libc::ENOMEM,
    libc::EACCES,
    libc::EBUSY,
    libc::EEXIST,
    libc::EXDEV,
    libc::ENODEV,
    libc::ENOTDIR,
    libc::EISDIR,
    libc::EINVAL,
    libc::ENFILE,
    libc::EMFILE,
    libc::ENOTTY,
    libc::ETXTBSY,
    libc::EFBIG,
    libc::ENOSPC,
    libc::ESPIPE,
    libc::EROFS,
    libc::EMLINK,
    libc::EPIPE,
    libc::ENAMETOOLONG,
    libc::ENOLCK,
    libc::ENOSYS,
    libc::ENOTEMPTY,
    libc::ELOOP,
    libc::ENODATA,
    libc::EOVERFLOW,
    libc::EOPNOTSUPP,
    libc::EDEADLK,
    libc::EADDRINUSE,
    libc::EADDRNOTAVAIL,
    libc::ENETUNREACH,
    libc::ECONNRESET,
    libc::ENOBUFS,
    libc::ENOTCONN,
    libc::ETIMEDOUT,
    libc::ECONNREFUSED,
    libc::EHOSTUNREACH,
    libc::ESTALE,
    libc::EDQUOT,
];

/// Whether this failure is one of a client that has gone again: whoever accepts goes on to the next.
pub(crate) fn means_again(host_call: HostCall, error: i32) -> bool {
    host_call.1 == libc::SYS_accept4 && error == libc::EHOSTUNREACH
}

/// Makes `host_call` fail with `error` in the calling thread, for the rest of its life. `false`: the host cannot.
fn fail(host_call: HostCall, error: i32) -> bool {
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    const FAIL: u32 = 0x0005_0000;
    let number = u32::try_from(host_call.1).expect("a number");
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = [
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_IF_EQUAL, 0, 1, number),
        step(RETURN, 0, 0, FAIL | error.cast_unsigned()),
        step(RETURN, 0, 0, ALLOW),
    ];
    let filter = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers.
    let unprivileged = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: the program lives across the call.
    let set = unsafe { libc::syscall(libc::SYS_seccomp, 1, 0, &raw const filter) };
    unprivileged == 0 && set == 0
}

fn at(word: &AtomicU32) -> In<'_, u32> {
    // SAFETY: a live word, which the callee only compares.
    unsafe { In::from_addr(word.as_ptr().expose_provenance()) }
}

/// Not done yet, done, and that the host cannot.
const RUNS: u32 = 0;
const DONE: u32 = 1;
const CANNOT: u32 = 2;

/// Runs a call in a thread in which a system call fails; the handles it made are closed. Tells what the calls in it
/// answered, by their numbers; `None`: the host cannot.
pub(crate) fn while_failing(
    env: &Env,
    host_call: HostCall,
    error: i32,
    call: impl FnOnce() -> Vec<Handle> + Send + 'static,
) -> Option<Vec<(u32, i32)>> {
    let state = Arc::new((AtomicU32::new(RUNS), Mutex::new((Vec::new(), Vec::new()))));
    let seen = Arc::clone(&state);
    let words = env.words.expect("words");
    let thread = env.spawn(move || {
        let can = fail(host_call, error);
        if can {
            let (made, answers) = checked::record(call);
            *seen.1.lock().unwrap() = (made, answers);
        }
        seen.0.store(if can { DONE } else { CANNOT }, Ordering::SeqCst);
        let _ = words.wake_word(at(&seen.0), 1, Out::NONE);
    });
    // Its end may not be told: that, too, takes a system call. So the thread is not waited for.
    let limit = env.soon(30_000);
    while state.0.load(Ordering::SeqCst) == RUNS {
        assert!(now(env.pal) < limit, "hangs while {} fails with {error}", host_call.0);
        let _ = words.wait_on_word(at(&state.0), RUNS, limit);
    }
    env.close(thread);
    let (made, answers) = std::mem::take(&mut *state.1.lock().unwrap());
    made.into_iter().for_each(|handle| env.close(handle));
    (state.0.load(Ordering::SeqCst) == DONE).then_some(answers)
}
