//! The table of system calls: number, name, arguments, function. Numbers are those of i386.

use alloc::string::String;

use super::arg::{Arg, Fd, Hex, Mode, Path, Ptr};
use super::{
    Call, attributes, copy, descriptor, directory, epoll, event, futex, identity, inotify, ioctl, iovec,
    memfd, memory, message, names, network, open, policy, poll, prctl, process, read, seek, signal, sockopt,
    stat, system, time, timer, timerfd, xattr,
};
use crate::error::SysResult;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Its number.
    pub(super) number: u32,
    /// Its name.
    pub(super) name: &'static str,
    /// Takes the arguments from the registers and runs the function.
    pub(super) run: fn(&mut Call<'_>, [u32; 6]) -> SysResult,
    /// Shows the arguments.
    pub(super) show: fn([u32; 6], &mut String),
}

macro_rules! syscalls {
    ($($number:literal $name:ident = $module:ident::$function:ident($($arg:ident: $kind:ty),*);)*) => {
        static TABLE: &[Entry] = &[$(Entry {
            number: $number,
            name: stringify!($name),
            run: |call, registers| {
                let mut _registers = registers.into_iter();
                $(let $arg = <$kind as Arg>::from_register(_registers.next().unwrap_or(0));)*
                $module::$function(call, $($arg),*)
            },
            show: |registers, _to| {
                let mut _registers = registers.into_iter();
                let mut _first = true;
                $(
                    if !core::mem::take(&mut _first) {
                        _to.push_str(", ");
                    }
                    let $arg = <$kind as Arg>::from_register(_registers.next().unwrap_or(0));
                    $arg.show(_to);
                )*
            },
        }),*];
    };
}

syscalls! {
    0 restart_syscall = time::restart_syscall();
    1 exit = process::exit(code: u32);
    2 fork = process::fork();
    3 read = read::read(fd: Fd, buf: Ptr, count: u32);
    4 write = read::write(fd: Fd, buf: Ptr, count: u32);
    5 open = open::open(path: Path, flags: Hex, mode: Mode);
    6 close = open::close(fd: Fd);
    7 waitpid = process::waitpid(pid: i32, status: Ptr, options: Hex);
    8 creat = open::creat(path: Path, mode: Mode);
    9 link = names::link(old: Path, new: Path);
    10 unlink = names::unlink(path: Path);
    11 execve = process::execve(path: Path, argv: Ptr, envp: Ptr);
    12 chdir = directory::chdir(path: Path);
    13 time = time::time(at: Ptr);
    14 mknod = names::mknod(path: Path, mode: Mode, device: Hex);
    15 chmod = attributes::chmod(path: Path, mode: Mode);
    16 lchown = attributes::lchown16(path: Path, uid: u32, gid: u32);
    19 lseek = seek::lseek(fd: Fd, offset: i32, whence: u32);
    20 getpid = identity::getpid();
    23 setuid = identity::setuid16(uid: u32);
    24 getuid = identity::getuid16();
    26 ptrace = system::not_permitted();
    27 alarm = time::alarm(seconds: u32);
    29 pause = signal::pause();
    30 utime = attributes::utime(path: Path, times: Ptr);
    33 access = attributes::access(path: Path, mode: Mode);
    34 nice = system::nice(by: i32);
    36 sync = system::sync();
    37 kill = signal::kill(pid: i32, signal: u32);
    38 rename = names::rename(old: Path, new: Path);
    39 mkdir = names::mkdir(path: Path, mode: Mode);
    40 rmdir = names::rmdir(path: Path);
    41 dup = descriptor::dup(fd: Fd);
    42 pipe = descriptor::pipe(fds: Ptr);
    43 times = time::times(at: Ptr);
    45 brk = memory::brk(end: Ptr);
    46 setgid = identity::setgid16(gid: u32);
    47 getgid = identity::getgid16();
    48 signal = signal::signal(signal: u32, handler: Ptr);
    49 geteuid = identity::geteuid16();
    50 getegid = identity::getegid16();
    54 ioctl = ioctl::ioctl(fd: Fd, request: Hex, arg: Ptr);
    55 fcntl = descriptor::fcntl(fd: Fd, command: u32, arg: Hex);
    57 setpgid = identity::setpgid(pid: u32, group: u32);
    60 umask = attributes::umask(mask: Mode);
    61 chroot = system::not_permitted();
    63 dup2 = descriptor::dup2(old: Fd, new: Fd);
    64 getppid = identity::getppid();
    65 getpgrp = identity::getpgrp();
    66 setsid = identity::setsid();
    67 sigaction = signal::sigaction(signal: u32, new: Ptr, old: Ptr);
    68 sgetmask = signal::sgetmask();
    69 ssetmask = signal::ssetmask(mask: Hex);
    70 setreuid = identity::setreuid(real: u32, effective: u32);
    71 setregid = identity::setregid(real: u32, effective: u32);
    72 sigsuspend = signal::sigsuspend(unused1: u32, unused2: u32, mask: Hex);
    73 sigpending = signal::sigpending(at: Ptr);
    74 sethostname = system::sethostname(name: Ptr, len: u32);
    75 setrlimit = system::setrlimit(resource: u32, at: Ptr);
    76 getrlimit = system::old_getrlimit(resource: u32, at: Ptr);
    77 getrusage = time::getrusage(who: i32, at: Ptr);
    78 gettimeofday = time::gettimeofday(at: Ptr, zone: Ptr);
    79 settimeofday = system::not_permitted();
    80 getgroups = identity::getgroups16(size: u32, list: Ptr);
    81 setgroups = identity::setgroups16(size: u32, list: Ptr);
    82 select = poll::old_select(args: Ptr);
    83 symlink = names::symlink(text: Path, path: Path);
    85 readlink = names::readlink(path: Path, buf: Ptr, size: u32);
    90 mmap = memory::old_mmap(args: Ptr);
    91 munmap = memory::munmap(addr: Ptr, len: u32);
    92 truncate = attributes::truncate(path: Path, len: i32);
    93 ftruncate = attributes::ftruncate(fd: Fd, len: i32);
    94 fchmod = attributes::fchmod(fd: Fd, mode: Mode);
    95 fchown = attributes::fchown16(fd: Fd, uid: u32, gid: u32);
    96 getpriority = system::getpriority(which: u32, who: u32);
    97 setpriority = system::setpriority(which: u32, who: u32, value: i32);
    99 statfs = stat::statfs(path: Path, at: Ptr);
    100 fstatfs = stat::fstatfs(fd: Fd, at: Ptr);
    102 socketcall = network::socketcall(call: u32, args: Ptr);
    104 setitimer = time::setitimer(which: u32, new: Ptr, old: Ptr);
    105 getitimer = time::getitimer(which: u32, at: Ptr);
    106 stat = stat::stat(path: Path, at: Ptr);
    107 lstat = stat::lstat(path: Path, at: Ptr);
    108 fstat = stat::fstat(fd: Fd, at: Ptr);
    114 wait4 = process::wait4(pid: i32, status: Ptr, options: Hex, usage: Ptr);
    116 sysinfo = system::sysinfo(at: Ptr);
    118 fsync = descriptor::fsync(fd: Fd);
    119 sigreturn = signal::sigreturn();
    120 clone = process::clone(flags: Hex, stack: Ptr, parent_tid: Ptr, tls: Ptr, child_tid: Ptr);
    121 setdomainname = system::not_permitted();
    122 uname = system::uname(at: Ptr);
    123 modify_ldt = process::modify_ldt(function: u32, at: Ptr, bytes: u32);
    125 mprotect = memory::mprotect(addr: Ptr, len: u32, prot: Hex);
    126 sigprocmask = signal::sigprocmask(how: u32, new: Ptr, old: Ptr);
    132 getpgid = identity::getpgid(pid: u32);
    133 fchdir = directory::fchdir(fd: Fd);
    136 personality = system::personality(persona: Hex);
    138 setfsuid = identity::setfsuid(uid: u32);
    139 setfsgid = identity::setfsgid(gid: u32);
    140 _llseek = seek::llseek(fd: Fd, high: u32, low: u32, result: Ptr, whence: u32);
    141 getdents = directory::getdents(fd: Fd, buf: Ptr, size: u32);
    142 _newselect = poll::select(n: u32, read: Ptr, write: Ptr, except: Ptr, timeout: Ptr);
    143 flock = descriptor::flock(fd: Fd, operation: Hex);
    144 msync = memory::msync(addr: Ptr, len: u32, flags: Hex);
    145 readv = iovec::readv(fd: Fd, list: Ptr, count: u32);
    146 writev = iovec::writev(fd: Fd, list: Ptr, count: u32);
    147 getsid = identity::getsid(pid: u32);
    148 fdatasync = descriptor::fsync(fd: Fd);
    150 mlock = memory::mlock(addr: Ptr, len: u32);
    151 munlock = memory::mlock(addr: Ptr, len: u32);
    152 mlockall = memory::mlockall(flags: Hex);
    153 munlockall = memory::mlockall(flags: Hex);
    154 sched_setparam = system::sched_setparam(pid: u32, at: Ptr);
    155 sched_getparam = system::sched_getparam(pid: u32, at: Ptr);
    156 sched_setscheduler = system::sched_setscheduler(pid: u32, policy: u32, at: Ptr);
    157 sched_getscheduler = system::sched_getscheduler(pid: u32);
    158 sched_yield = system::sched_yield();
    159 sched_get_priority_max = system::sched_priority_max(policy: u32);
    160 sched_get_priority_min = system::sched_priority_min(policy: u32);
    161 sched_rr_get_interval = policy::sched_rr_get_interval(pid: u32, at: Ptr);
    162 nanosleep = time::nanosleep(request: Ptr, remaining: Ptr);
    163 mremap = memory::mremap(old: Ptr, old_len: u32, new_len: u32, flags: Hex, new: Ptr);
    168 poll = poll::poll(records: Ptr, count: u32, timeout: i32);
    172 prctl = prctl::prctl(option: u32, a: Hex, b: Hex, c: Hex, d: Hex);
    173 rt_sigreturn = signal::rt_sigreturn();
    174 rt_sigaction = signal::rt_sigaction(signal: u32, new: Ptr, old: Ptr, size: u32);
    175 rt_sigprocmask = signal::rt_sigprocmask(how: u32, new: Ptr, old: Ptr, size: u32);
    176 rt_sigpending = signal::rt_sigpending(at: Ptr, size: u32);
    177 rt_sigtimedwait = signal::rt_sigtimedwait(set: Ptr, info: Ptr, timeout: Ptr, size: u32);
    178 rt_sigqueueinfo = signal::rt_sigqueueinfo(pid: u32, signal: u32, info: Ptr);
    179 rt_sigsuspend = signal::rt_sigsuspend(mask: Ptr, size: u32);
    180 pread64 = read::pread64(fd: Fd, buf: Ptr, count: u32, low: u32, high: u32);
    181 pwrite64 = read::pwrite64(fd: Fd, buf: Ptr, count: u32, low: u32, high: u32);
    182 chown = attributes::chown16(path: Path, uid: u32, gid: u32);
    183 getcwd = directory::getcwd(buf: Ptr, size: u32);
    184 capget = identity::capget(header: Ptr, data: Ptr);
    185 capset = identity::capset(header: Ptr, data: Ptr);
    186 sigaltstack = signal::sigaltstack(new: Ptr, old: Ptr);
    187 sendfile = copy::sendfile(out: Fd, input: Fd, offset: Ptr, count: u32);
    190 vfork = process::vfork();
    191 ugetrlimit = system::ugetrlimit(resource: u32, at: Ptr);
    192 mmap2 = memory::mmap2(addr: Ptr, len: u32, prot: Hex, flags: Hex, fd: Fd, page: u32);
    193 truncate64 = attributes::truncate64(path: Path, low: u32, high: u32);
    194 ftruncate64 = attributes::ftruncate64(fd: Fd, low: u32, high: u32);
    195 stat64 = stat::stat64(path: Path, at: Ptr);
    196 lstat64 = stat::lstat64(path: Path, at: Ptr);
    197 fstat64 = stat::fstat64(fd: Fd, at: Ptr);
    198 lchown32 = attributes::lchown(path: Path, uid: u32, gid: u32);
    199 getuid32 = identity::getuid();
    200 getgid32 = identity::getgid();
    201 geteuid32 = identity::geteuid();
    202 getegid32 = identity::getegid();
    203 setreuid32 = identity::setreuid(real: u32, effective: u32);
    204 setregid32 = identity::setregid(real: u32, effective: u32);
    205 getgroups32 = identity::getgroups(size: u32, list: Ptr);
    206 setgroups32 = identity::setgroups(size: u32, list: Ptr);
    207 fchown32 = attributes::fchown(fd: Fd, uid: u32, gid: u32);
    208 setresuid32 = identity::setresuid(real: u32, effective: u32, saved: u32);
    209 getresuid32 = identity::getresuid(real: Ptr, effective: Ptr, saved: Ptr);
    210 setresgid32 = identity::setresgid(real: u32, effective: u32, saved: u32);
    211 getresgid32 = identity::getresgid(real: Ptr, effective: Ptr, saved: Ptr);
    212 chown32 = attributes::chown(path: Path, uid: u32, gid: u32);
    213 setuid32 = identity::setuid(uid: u32);
    214 setgid32 = identity::setgid(gid: u32);
    215 setfsuid32 = identity::setfsuid(uid: u32);
    216 setfsgid32 = identity::setfsgid(gid: u32);
    218 mincore = memory::mincore(addr: Ptr, len: u32, vector: Ptr);
    219 madvise = memory::madvise(addr: Ptr, len: u32, advice: u32);
    220 getdents64 = directory::getdents64(fd: Fd, buf: Ptr, size: u32);
    221 fcntl64 = descriptor::fcntl64(fd: Fd, command: u32, arg: Hex);
    224 gettid = identity::gettid();
    225 readahead = descriptor::readahead(fd: Fd);
    226 setxattr = xattr::setxattr(path: Path, name: Path, value: Ptr, size: u32, flags: Hex);
    227 lsetxattr = xattr::lsetxattr(path: Path, name: Path, value: Ptr, size: u32, flags: Hex);
    228 fsetxattr = xattr::fsetxattr(fd: Fd, name: Path, value: Ptr, size: u32, flags: Hex);
    229 getxattr = xattr::getxattr(path: Path, name: Path, value: Ptr, size: u32);
    230 lgetxattr = xattr::lgetxattr(path: Path, name: Path, value: Ptr, size: u32);
    231 fgetxattr = xattr::fgetxattr(fd: Fd, name: Path, value: Ptr, size: u32);
    232 listxattr = xattr::listxattr(path: Path, list: Ptr, size: u32);
    233 llistxattr = xattr::llistxattr(path: Path, list: Ptr, size: u32);
    234 flistxattr = xattr::flistxattr(fd: Fd, list: Ptr, size: u32);
    235 removexattr = xattr::removexattr(path: Path, name: Path);
    236 lremovexattr = xattr::lremovexattr(path: Path, name: Path);
    237 fremovexattr = xattr::fremovexattr(fd: Fd, name: Path);
    238 tkill = signal::tkill(tid: i32, signal: u32);
    239 sendfile64 = copy::sendfile64(out: Fd, input: Fd, offset: Ptr, count: u32);
    240 futex = futex::futex(word: Ptr, operation: Hex, value: u32, timeout: Ptr, second: Ptr, third: u32);
    241 sched_setaffinity = system::sched_setaffinity(pid: u32, size: u32, mask: Ptr);
    242 sched_getaffinity = system::sched_getaffinity(pid: u32, size: u32, mask: Ptr);
    243 set_thread_area = process::set_thread_area(at: Ptr);
    244 get_thread_area = process::get_thread_area(at: Ptr);
    250 fadvise64 = descriptor::fadvise(fd: Fd);
    252 exit_group = process::exit_group(code: u32);
    254 epoll_create = epoll::epoll_create(size: i32);
    255 epoll_ctl = epoll::epoll_ctl(set: Fd, operation: u32, fd: Fd, event: Ptr);
    256 epoll_wait = epoll::epoll_wait(set: Fd, events: Ptr, max: i32, timeout: i32);
    258 set_tid_address = process::set_tid_address(at: Ptr);
    259 timer_create = timer::timer_create(which: i32, event: Ptr, number: Ptr);
    260 timer_settime = timer::timer_settime(number: u32, flags: Hex, new: Ptr, old: Ptr);
    261 timer_gettime = timer::timer_gettime(number: u32, at: Ptr);
    262 timer_getoverrun = timer::timer_getoverrun(number: u32);
    263 timer_delete = timer::timer_delete(number: u32);
    264 clock_settime = system::not_permitted();
    265 clock_gettime = time::clock_gettime(clock: i32, at: Ptr);
    266 clock_getres = time::clock_getres(clock: i32, at: Ptr);
    267 clock_nanosleep = time::clock_nanosleep(clock: i32, flags: Hex, request: Ptr, remaining: Ptr);
    268 statfs64 = stat::statfs64(path: Path, size: u32, at: Ptr);
    269 fstatfs64 = stat::fstatfs64(fd: Fd, size: u32, at: Ptr);
    270 tgkill = signal::tgkill(group: i32, tid: i32, signal: u32);
    271 utimes = attributes::utimes(path: Path, times: Ptr);
    272 fadvise64_64 = descriptor::fadvise(fd: Fd);
    274 mbind = policy::mbind(addr: Ptr, len: u32, mode: Hex, mask: Ptr, max: u32, flags: Hex);
    275 get_mempolicy = policy::get_mempolicy(mode: Ptr, mask: Ptr, max: u32, addr: Ptr, flags: Hex);
    276 set_mempolicy = policy::set_mempolicy(mode: Hex, mask: Ptr, max: u32);
    284 waitid = process::waitid(which: u32, id: u32, info: Ptr, options: Hex, usage: Ptr);
    289 ioprio_set = system::accepted();
    290 ioprio_get = system::accepted();
    291 inotify_init = inotify::inotify_init();
    292 inotify_add_watch = inotify::inotify_add_watch(fd: Fd, path: Path, mask: Hex);
    293 inotify_rm_watch = inotify::inotify_rm_watch(fd: Fd, number: u32);
    295 openat = open::openat(dir: Fd, path: Path, flags: Hex, mode: Mode);
    296 mkdirat = names::mkdirat(dir: Fd, path: Path, mode: Mode);
    297 mknodat = names::mknodat(dir: Fd, path: Path, mode: Mode, device: Hex);
    298 fchownat = attributes::fchownat(dir: Fd, path: Path, uid: u32, gid: u32, flags: Hex);
    299 futimesat = attributes::futimesat(dir: Fd, path: Path, times: Ptr);
    300 fstatat64 = stat::fstatat64(dir: Fd, path: Path, at: Ptr, flags: Hex);
    301 unlinkat = names::unlinkat(dir: Fd, path: Path, flags: Hex);
    302 renameat = names::renameat(old_dir: Fd, old: Path, new_dir: Fd, new: Path);
    303 linkat = names::linkat(old_dir: Fd, old: Path, new_dir: Fd, new: Path, flags: Hex);
    304 symlinkat = names::symlinkat(text: Path, dir: Fd, path: Path);
    305 readlinkat = names::readlinkat(dir: Fd, path: Path, buf: Ptr, size: u32);
    306 fchmodat = attributes::fchmodat(dir: Fd, path: Path, mode: Mode);
    307 faccessat = attributes::faccessat(dir: Fd, path: Path, mode: Mode);
    308 pselect6 = poll::pselect6(n: u32, read: Ptr, write: Ptr, except: Ptr, timeout: Ptr, mask: Ptr);
    309 ppoll = poll::ppoll(records: Ptr, count: u32, timeout: Ptr, mask: Ptr, size: u32);
    311 set_robust_list = process::set_robust_list(head: Ptr, len: u32);
    312 get_robust_list = process::get_robust_list(pid: u32, head: Ptr, len: Ptr);
    314 sync_file_range = descriptor::sync_file_range(fd: Fd);
    318 getcpu = system::getcpu(cpu: Ptr, node: Ptr);
    319 epoll_pwait = epoll::epoll_pwait(set: Fd, events: Ptr, max: i32, timeout: i32, mask: Ptr, size: u32);
    320 utimensat = attributes::utimensat(dir: Fd, path: Path, times: Ptr, flags: Hex);
    321 signalfd = event::signalfd(fd: Fd, mask: Ptr, size: u32);
    322 timerfd_create = timerfd::timerfd_create(which: i32, flags: Hex);
    323 eventfd = event::eventfd(value: u32);
    324 fallocate = descriptor::fallocate(fd: Fd, mode: Hex, low: u32, high: u32, len_low: u32, len_high: u32);
    325 timerfd_settime = timerfd::timerfd_settime(fd: Fd, flags: Hex, new: Ptr, old: Ptr);
    326 timerfd_gettime = timerfd::timerfd_gettime(fd: Fd, at: Ptr);
    327 signalfd4 = event::signalfd4(fd: Fd, mask: Ptr, size: u32, flags: Hex);
    328 eventfd2 = event::eventfd2(value: u32, flags: Hex);
    329 epoll_create1 = epoll::epoll_create1(flags: Hex);
    330 dup3 = descriptor::dup3(old: Fd, new: Fd, flags: Hex);
    331 pipe2 = descriptor::pipe2(fds: Ptr, flags: Hex);
    332 inotify_init1 = inotify::inotify_init1(flags: Hex);
    333 preadv = iovec::preadv(fd: Fd, list: Ptr, count: u32, low: u32, high: u32);
    334 pwritev = iovec::pwritev(fd: Fd, list: Ptr, count: u32, low: u32, high: u32);
    335 rt_tgsigqueueinfo = signal::rt_tgsigqueueinfo(group: i32, tid: i32, signal: u32, info: Ptr);
    337 recvmmsg = message::recvmmsg(fd: Fd, messages: Ptr, count: u32, flags: Hex, timeout: Ptr);
    340 prlimit64 = system::prlimit64(pid: u32, resource: u32, new: Ptr, old: Ptr);
    344 syncfs = descriptor::sync_file_range(fd: Fd);
    345 sendmmsg = message::sendmmsg(fd: Fd, messages: Ptr, count: u32, flags: Hex);
    351 sched_setattr = policy::sched_setattr(pid: u32, at: Ptr, flags: Hex);
    352 sched_getattr = policy::sched_getattr(pid: u32, at: Ptr, size: u32, flags: Hex);
    353 renameat2 = names::renameat2(old_dir: Fd, old: Path, new_dir: Fd, new: Path, flags: Hex);
    355 getrandom = system::getrandom(buf: Ptr, len: u32, flags: Hex);
    356 memfd_create = memfd::memfd_create(name: Ptr, flags: Hex);
    358 execveat = process::execveat(dir: Fd, path: Path, argv: Ptr, envp: Ptr, flags: Hex);
    359 socket = network::socket(family: u32, kind: Hex, protocol: u32);
    360 socketpair = network::socketpair(family: u32, kind: Hex, protocol: u32, fds: Ptr);
    361 bind = network::bind(fd: Fd, address: Ptr, len: u32);
    362 connect = network::connect(fd: Fd, address: Ptr, len: u32);
    363 listen = network::listen(fd: Fd, backlog: u32);
    364 accept4 = network::accept4(fd: Fd, address: Ptr, len_at: Ptr, flags: Hex);
    365 getsockopt = sockopt::getsockopt(fd: Fd, level: u32, name: u32, value: Ptr, len_at: Ptr);
    366 setsockopt = sockopt::setsockopt(fd: Fd, level: u32, name: u32, value: Ptr, len: u32);
    367 getsockname = network::getsockname(fd: Fd, address: Ptr, len_at: Ptr);
    368 getpeername = network::getpeername(fd: Fd, address: Ptr, len_at: Ptr);
    369 sendto = message::sendto(fd: Fd, buf: Ptr, len: u32, flags: Hex, to: Ptr, to_len: u32);
    370 sendmsg = message::sendmsg(fd: Fd, message: Ptr, flags: Hex);
    371 recvfrom = message::recvfrom(fd: Fd, buf: Ptr, len: u32, flags: Hex, from: Ptr, len_at: Ptr);
    372 recvmsg = message::recvmsg(fd: Fd, message: Ptr, flags: Hex);
    373 shutdown = network::shutdown(fd: Fd, how: u32);
    376 mlock2 = memory::mlock2(addr: Ptr, len: u32, flags: Hex);
    377 copy_file_range = copy::copy_file_range(input: Fd, in_off: Ptr, out: Fd, out_off: Ptr, len: u32, flags: Hex);
    378 preadv2 = iovec::preadv2(fd: Fd, list: Ptr, count: u32, low: u32, high: u32, flags: Hex);
    379 pwritev2 = iovec::pwritev2(fd: Fd, list: Ptr, count: u32, low: u32, high: u32, flags: Hex);
    383 statx = stat::statx(dir: Fd, path: Path, flags: Hex, mask: Hex, at: Ptr);
    384 arch_prctl = policy::arch_prctl(option: Hex);
    386 rseq = process::rseq(area: Ptr, len: u32, flags: Hex, signature: Hex);
    403 clock_gettime64 = time::clock_gettime64(clock: i32, at: Ptr);
    404 clock_settime64 = system::not_permitted();
    406 clock_getres_time64 = time::clock_getres64(clock: i32, at: Ptr);
    407 clock_nanosleep_time64 = time::clock_nanosleep64(clock: i32, flags: Hex, request: Ptr, remaining: Ptr);
    408 timer_gettime64 = timer::timer_gettime64(number: u32, at: Ptr);
    409 timer_settime64 = timer::timer_settime64(number: u32, flags: Hex, new: Ptr, old: Ptr);
    410 timerfd_gettime64 = timerfd::timerfd_gettime64(fd: Fd, at: Ptr);
    411 timerfd_settime64 = timerfd::timerfd_settime64(fd: Fd, flags: Hex, new: Ptr, old: Ptr);
    412 utimensat_time64 = attributes::utimensat64(dir: Fd, path: Path, times: Ptr, flags: Hex);
    413 pselect6_time64 = poll::pselect6_64(n: u32, read: Ptr, write: Ptr, except: Ptr, timeout: Ptr, mask: Ptr);
    414 ppoll_time64 = poll::ppoll64(records: Ptr, count: u32, timeout: Ptr, mask: Ptr, size: u32);
    417 recvmmsg_time64 = message::recvmmsg64(fd: Fd, messages: Ptr, count: u32, flags: Hex, timeout: Ptr);
    421 rt_sigtimedwait_time64 = signal::rt_sigtimedwait64(set: Ptr, info: Ptr, timeout: Ptr, size: u32);
    422 futex_time64 = futex::futex64(word: Ptr, operation: Hex, value: u32, timeout: Ptr, second: Ptr, third: u32);
    423 sched_rr_get_interval_time64 = policy::sched_rr_get_interval64(pid: u32, at: Ptr);
    435 clone3 = process::clone3(args: Ptr, size: u32);
    436 close_range = open::close_range(first: u32, last: u32, flags: Hex);
    439 faccessat2 = attributes::faccessat2(dir: Fd, path: Path, mode: Mode, flags: Hex);
    441 epoll_pwait2 = epoll::epoll_pwait2(set: Fd, events: Ptr, max: i32, timeout: Ptr, mask: Ptr, size: u32);
}

/// Names of calls that are not served, for tracing.
static UNSERVED: &[(u32, &str)] = &[
    (86, "uselib"),
    (88, "reboot"),
    (101, "ioperm"),
    (103, "syslog"),
    (117, "ipc"),
    (128, "init_module"),
    (131, "quotactl"),
    (217, "pivot_root"),
    (245, "io_setup"),
    (253, "lookup_dcookie"),
    (257, "remap_file_pages"),
    (277, "mq_open"),
    (286, "add_key"),
    (310, "unshare"),
    (313, "splice"),
    (315, "tee"),
    (316, "vmsplice"),
    (336, "perf_event_open"),
    (338, "fanotify_init"),
    (341, "name_to_handle_at"),
    (346, "setns"),
    (347, "process_vm_readv"),
    (349, "kcmp"),
    (354, "seccomp"),
    (357, "bpf"),
    (374, "userfaultfd"),
    (375, "membarrier"),
    (393, "semget"),
    (395, "shmget"),
    (399, "msgget"),
    (424, "pidfd_send_signal"),
    (425, "io_uring_setup"),
    (434, "pidfd_open"),
    (437, "openat2"),
    (438, "pidfd_getfd"),
    (444, "landlock_create_ruleset"),
    (449, "futex_waitv"),
];

/// The row of a number. The table is in ascending order.
pub(super) fn find(number: u32) -> Option<&'static Entry> {
    TABLE.binary_search_by_key(&number, |entry| entry.number).ok().and_then(|at| TABLE.get(at))
}

/// The name of a call that is not served.
pub(super) fn name(number: u32) -> Option<&'static str> {
    UNSERVED.iter().find(|(n, _)| *n == number).map(|(_, name)| *name)
}

impl Entry {
    /// Whether the call may end or replace the program, so that a trace shows it before.
    pub(super) const fn may_not_return(&self) -> bool {
        matches!(self.number, 1 | 11 | 252 | 358)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_named_once() {
        assert!(TABLE.windows(2).all(|pair| pair[0].number < pair[1].number));
        assert!(UNSERVED.iter().all(|(number, _)| find(*number).is_none()));
        assert_eq!(find(4).map(|e| e.name), Some("write"));
        assert!(find(17).is_none());
    }

    #[test]
    fn arguments_are_shown_by_kind() {
        let mut text = String::new();
        (find(6).unwrap().show)([0xffff_ff9c, 0, 0, 0, 0, 0], &mut text);
        assert_eq!(text, "AT_FDCWD");
        text.clear();
        (find(192).unwrap().show)([0, 4096, 3, 0x22, 0xffff_ffff, 0], &mut text);
        assert_eq!(text, "NULL, 4096, 0x3, 0x22, -1, 0");
    }
}
