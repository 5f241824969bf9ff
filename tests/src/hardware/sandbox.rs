//! A seccomp filter for the worker: system calls of 32-bit code become SIGSYS, and 64-bit ones are few.
//!
//! Unsafe here: two `prctl` calls.

use std::io;

const ARCH_OFFSET: u32 = 4;
const AUDIT_ARCH_I386: u32 = 0x4000_0003;
const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;

/// What the worker itself needs: its pipes, its allocator, its signal frames, its end.
const ALLOWED: [libc::c_long; 13] = [
    libc::SYS_rt_sigreturn,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_arch_prctl,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Installs the filter for the calling process, for good.
///
/// # Errors
/// The kernel has no seccomp.
pub(super) fn install() -> io::Result<()> {
    let stmt = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let equal = |k, jt, jf| libc::sock_filter { code: 0x15, jt, jf, k };
    let load = |at| stmt(0x20, at);
    let give = |what| stmt(0x06, what);
    let mut program = vec![
        load(ARCH_OFFSET),
        equal(AUDIT_ARCH_I386, 0, 1),
        give(libc::SECCOMP_RET_TRAP),
        equal(AUDIT_ARCH_X86_64, 1, 0),
        give(libc::SECCOMP_RET_KILL_PROCESS),
        load(0),
    ];
    for number in ALLOWED {
        program.push(equal(u32::try_from(number).map_err(io::Error::other)?, 0, 1));
        program.push(give(libc::SECCOMP_RET_ALLOW));
    }
    program.push(give(libc::SECCOMP_RET_KILL_PROCESS));
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: takes integers only.
    let first = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if first != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `filter` points at a program that lives until the call returns; the kernel copies it.
    let second = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    if second != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
