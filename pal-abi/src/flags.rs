//! The values of the flag and selector parameters, one module per parameter.
//!
//! A bit that a call does not know is `Invalid`.

macro_rules! flags {
    ($($(#[$doc:meta])* $module:ident { $($(#[$fdoc:meta])* $name:ident = $value:expr;)* })*) => { $(
        $(#[$doc])*
        pub mod $module {
            $($(#[$fdoc])* pub const $name: u32 = $value;)*

            /// Every value with its name, for tracing and documents.
            pub const NAMES: &[(&str, u32)] = &[$((stringify!($name), $name)),*];
        }
    )* };
}

mod sockets;

pub use sockets::{control, family, message, socket_kind, socket_name};

flags! {
    /// `what` of `VirtualMemoryAllocate`.
    alloc {
        /// Takes address space.
        RESERVE = 1;
        /// Puts memory behind it.
        COMMIT = 2;
        /// Below 4 GiB, where the callee chooses.
        LOW4G = 0x100;
    }
    /// `what` of `VirtualMemoryFree`.
    free {
        /// Drops the memory, keeps the address space.
        DECOMMIT = 1;
        /// Gives both back.
        RELEASE = 2;
    }
    /// Protections.
    prot {
        /// No access.
        NONE = 0;
        /// Reads.
        READ = 1;
        /// Writes.
        WRITE = 2;
        /// Instruction fetch.
        EXECUTE = 4;
        /// The next access raises GUARD and removes this bit.
        GUARD = 8;
        /// Writes go to a private copy (mapped streams).
        WRITE_COPY = 16;
    }
    /// `flags` of `StreamMap`.
    map {
        /// Writes reach the stream and everybody who maps it.
        SHARED = 0;
        /// Writes stay with the caller.
        PRIVATE = 1;
    }
    /// `access` of `StreamOpen` and `OpenAt`.
    access {
        /// To read.
        READ = 1;
        /// To write.
        WRITE = 2;
        /// To map executable.
        EXECUTE = 4;
    }
    /// `share` of `StreamOpen`: what others may do meanwhile. Advisory here: Linux hosts share everything.
    share {
        /// Others may read.
        READ = 1;
        /// Others may write.
        WRITE = 2;
        /// Others may delete.
        DELETE = 4;
    }
    /// `options` of `StreamOpen` and `OpenAt`; the upper half is a Linux file mode for what is created.
    open {
        /// It must exist (CREATE_NEVER).
        EXISTING = 0;
        /// Created if missing (CREATE_TRY).
        CREATE = 1;
        /// It must not exist (CREATE_ALWAYS new).
        CREATE_NEW = 2;
        /// Cut to length 0.
        TRUNCATE = 4;
        /// Calls that would wait answer at once.
        NONBLOCK = 8;
        /// Every write appends.
        APPEND = 0x10;
        /// It must be a directory.
        DIRECTORY = 0x20;
        /// A link in the last component is not followed.
        NOFOLLOW = 0x40;
        /// The node itself: attributes, names and `OpenAt` only; opens links, and what may not be read.
        PATH_ONLY = 0x80;
        /// Writes return when durable.
        SYNC = 0x100;
        /// An unnamed file inside the directory.
        TEMPORARY = 0x200;
        /// `tcp.srv`, `udp`: the address may be reused.
        REUSE_ADDRESS = 0x400;
        /// `tcp.srv`, `udp`: several may bind the same port.
        REUSE_PORT = 0x800;
        /// IPv6 only.
        V6_ONLY = 0x1000;
        /// The upper half holds a mode; else 0666.
        HAS_MODE = 0x8000;
    }
    /// `mode` of `StreamDelete`.
    delete {
        /// The name; the connection; the process.
        ALL = 0;
        /// The reading side of a connection.
        READ = 1;
        /// The writing side of a connection.
        WRITE = 2;
    }
    /// `flags` of `StreamRename`.
    rename {
        /// What has the new name is replaced; else it is `Exists`.
        REPLACE = 1;
        /// The two names change places.
        EXCHANGE = 2;
    }
    /// `flags` of `UnlinkAt`.
    unlink {
        /// An empty directory, not a file.
        DIRECTORY = 1;
    }
    /// `flags` of `StreamAttributesQuery`.
    query {
        /// Of the link itself.
        NOFOLLOW = 1;
    }
    /// `which` of `StreamGetEvent`.
    event {
        /// A read would not wait.
        READABLE = 0;
        /// A write would not wait.
        WRITABLE = 1;
        /// The stream has failed.
        ERROR = 2;
        /// A client waits to be accepted.
        CLIENT = 3;
        /// The peer is gone.
        CLOSED = 4;
        /// Console: resize, or a signal of the host to the family.
        CONTROL = 5;
        /// The peer will write no more.
        READ_CLOSED = 6;
        /// Urgent data.
        URGENT = 7;
    }
    /// `which` of `ThreadSetTlsBase`; 0x100+n is an entry of the GDT, 0x10000+n of the LDT.
    tls {
        /// The base of FS.
        FS = 0;
        /// The base of GS.
        GS = 1;
        /// `TPIDR_EL0`.
        TPIDR = 2;
        /// The first GDT selector of this form; `value` is the address of an 8-byte descriptor.
        GDT = 0x100;
        /// The first LDT selector of this form.
        LDT = 0x10000;
    }
    /// `clock` of `SystemTimeQuery`.
    clock {
        /// Since 1970, UTC.
        WALL = 0;
        /// Deadlines are on this one.
        MONOTONIC = 1;
        /// CPU time of the process.
        PROCESS_CPU = 2;
        /// CPU time of the thread.
        THREAD_CPU = 3;
        /// Since boot, sleep included.
        BOOT = 4;
    }
    /// `flags` of `THREAD_PARAMS`.
    thread {
        /// The upcall stack is given and used.
        ALT_STACK = 1;
    }
    /// `flags` of `ProcessClone`.
    clone {
        /// The child gets a channel to the parent.
        CHANNEL = 1;
    }
    /// `mask` of `StreamAttributesSetByHandle`, and which fields of an `Attr` hold a value.
    attr {
        /// `mode`.
        MODE = 1;
        /// `uid`.
        UID = 2;
        /// `gid`.
        GID = 4;
        /// `atime`.
        ATIME = 8;
        /// `mtime`.
        MTIME = 0x10;
        /// `flags::NONBLOCK` and `APPEND`.
        FLAGS = 0x20;
        /// The terminal settings.
        TERMIOS = 0x40;
        /// The window size.
        WINDOW = 0x80;
        /// `socket_options` (of those set in `socket_mask`).
        SOCKET_OPTIONS = 0x100;
        /// `send_buffer`.
        SEND_BUFFER = 0x200;
        /// `receive_buffer`.
        RECEIVE_BUFFER = 0x400;
        /// `linger_s`.
        LINGER = 0x800;
        /// `ttl`.
        TTL = 0x1000;
        /// Atime becomes now.
        ATIME_NOW = 0x2000;
        /// Mtime becomes now.
        MTIME_NOW = 0x4000;
        /// The terminal settings, after output has drained.
        TERMIOS_DRAIN = 0x8000;
        /// The terminal settings, after output has drained; input is discarded.
        TERMIOS_FLUSH = 0x10000;
        /// `device`, `inode`, `size`, times and the like (query only).
        FILE = 0x20000;
        /// `available` and `queued` (query only).
        COUNTS = 0x40000;
        /// `socket_error` (query only; reading clears it on the host).
        SOCKET = 0x80000;
        /// A terminal's input that was not read is discarded (set only).
        DISCARD_INPUT = 0x10_0000;
        /// A terminal's output that was not taken is discarded (set only).
        DISCARD_OUTPUT = 0x20_0000;
        /// `seals`; what is set is added.
        SEALS = 0x40_0000;
    }
    /// `Attr::flags`.
    stream {
        /// Calls that would wait answer `WouldBlock`.
        NONBLOCK = 1;
        /// Every write appends.
        APPEND = 2;
        /// A terminal.
        TERMINAL = 4;
        /// Offsets count.
        SEEKABLE = 8;
        /// Open to read.
        READ = 0x10;
        /// Open to write.
        WRITE = 0x20;
        /// A path-only handle.
        PATH_ONLY = 0x40;
    }
    /// `Attr::socket_options`.
    socket {
        /// `SO_REUSEADDR`.
        REUSE_ADDRESS = 1;
        /// `SO_REUSEPORT`.
        REUSE_PORT = 2;
        /// `SO_KEEPALIVE`.
        KEEP_ALIVE = 4;
        /// `TCP_NODELAY`.
        NO_DELAY = 8;
        /// `TCP_CORK`.
        CORK = 0x10;
        /// `SO_BROADCAST`.
        BROADCAST = 0x20;
        /// `IPV6_V6ONLY`.
        V6_ONLY = 0x40;
        /// `SO_OOBINLINE`.
        OOB_INLINE = 0x80;
        /// `SO_LINGER` is on, with `linger_s`.
        LINGER = 0x100;
        /// Accepts connections.
        LISTENING = 0x200;
    }
    /// `Attr::kind` and `DirRecord::kind`: Linux's `S_IFMT` >> 12, and objects that are no nodes.
    node {
        /// Unknown.
        UNKNOWN = 0;
        /// FIFO or pipe.
        FIFO = 1;
        /// Character device.
        CHARACTER = 2;
        /// Directory.
        DIRECTORY = 4;
        /// Block device.
        BLOCK = 6;
        /// Regular file.
        FILE = 8;
        /// Symbolic link.
        LINK = 10;
        /// Socket.
        SOCKET = 12;
        /// Shareable memory.
        MEMORY = 0x100;
        /// A wait set.
        WAIT_SET = 0x101;
        /// A process.
        PROCESS = 0x102;
        /// Nodes under watch.
        WATCH = 0x103;
        /// A counter.
        COUNTER = 0x104;
        /// A timer.
        TIMER = 0x105;
    }
    /// `op` of a wait-set record.
    wait_op {
        /// Adds an object.
        ADD = 1;
        /// Changes mask and flags of what was added with this handle and cookie.
        CHANGE = 2;
        /// Removes what was added with this handle and cookie.
        REMOVE = 3;
    }
    /// `mask` of wait-set records: Linux's `EPOLL*` values, so that readiness loses nothing.
    ready {
        /// A read would not wait; an object is signalled.
        READABLE = 1;
        /// Urgent data.
        URGENT = 2;
        /// A write would not wait.
        WRITABLE = 4;
        /// The stream has failed; always reported.
        ERROR = 8;
        /// The peer is gone; always reported.
        CLOSED = 0x10;
        /// Normal data can be read.
        READ_NORMAL = 0x40;
        /// Data with priority can be read.
        READ_BAND = 0x80;
        /// Normal data can be written.
        WRITE_NORMAL = 0x100;
        /// Data with priority can be written.
        WRITE_BAND = 0x200;
        /// `EPOLLMSG`, which no stream of Linux has.
        MESSAGE = 0x400;
        /// The peer will write no more.
        READ_CLOSED = 0x2000;
    }
    /// `flags` of wait-set records.
    wait_flags {
        /// Report changes, not states.
        EDGE = 1;
        /// Disable after one report.
        ONE_SHOT = 2;
        /// Wake one waiter only.
        EXCLUSIVE = 4;
    }
    /// `what` of `Lock`.
    lock {
        /// Takes or drops at once, or `WouldBlock`.
        TRY = 0;
        /// Waits.
        WAIT = 1;
        /// Tells who is in the way.
        TEST = 2;
        /// With TRY or WAIT: the whole file (`flock`).
        WHOLE = 0x10;
    }
    /// `LockRange::kind`.
    lock_kind {
        /// Shared.
        READ = 0;
        /// Exclusive.
        WRITE = 1;
        /// None.
        UNLOCKED = 2;
    }
    /// `flags` of `XattrSet`.
    xattr {
        /// It must not exist.
        CREATE = 1;
        /// It must exist.
        REPLACE = 2;
    }
    /// `what` of `Hole`.
    hole {
        /// Allocates, and lengthens the file.
        ALLOCATE = 0;
        /// Allocates, keeps the length.
        RESERVE = 1;
        /// Frees the blocks; reads zero.
        PUNCH = 2;
        /// Zeroes.
        ZERO = 3;
        /// `*offset` becomes that of the next data.
        SEEK_DATA = 4;
        /// `*offset` becomes that of the next hole.
        SEEK_HOLE = 5;
    }
    /// `TimerSetting::flags`.
    timer {
        /// The value is a moment on the timer's clock.
        ABSOLUTE = 1;
        /// With ABSOLUTE on the WALL clock: a read answers `Cancelled` when that clock was set.
        CANCEL_ON_SET = 2;
    }
    /// `Attr::seals`: Linux's `F_SEAL_*`.
    seal {
        /// No more seals.
        SEAL = 1;
        /// It does not become shorter.
        SHRINK = 2;
        /// It does not become longer.
        GROW = 4;
        /// It is not written.
        WRITE = 8;
        /// It is not written but through maps there are.
        FUTURE_WRITE = 0x10;
        /// Its permission to execute stays.
        EXECUTE = 0x20;
    }
    /// `mask` of `Watch`: Linux's `IN_*` values.
    watch {
        /// Read.
        ACCESS = 1;
        /// Written.
        MODIFY = 2;
        /// Attributes changed.
        ATTRIBUTES = 4;
        /// Closed after writing.
        CLOSE_WRITE = 8;
        /// Closed otherwise.
        CLOSE_OTHER = 0x10;
        /// Opened.
        OPEN = 0x20;
        /// A child moved away.
        MOVED_FROM = 0x40;
        /// A child moved in.
        MOVED_TO = 0x80;
        /// A child created.
        CREATE = 0x100;
        /// A child deleted.
        DELETE = 0x200;
        /// The object deleted.
        DELETE_SELF = 0x400;
        /// The object moved.
        MOVE_SELF = 0x800;
        /// Only a directory.
        ONLY_DIRECTORY = 0x100_0000;
        /// Children that have lost their names are silent.
        EXCLUDE_UNLINKED = 0x400_0000;
        /// It must not be under watch already.
        MASK_CREATE = 0x1000_0000;
        /// Adds to the mask of a watch there is.
        MASK_ADD = 0x2000_0000;
        /// Ends with what happens first.
        ONE_SHOT = 0x8000_0000;
        /// Told only: the file system is gone.
        UNMOUNTED = 0x2000;
        /// Told only: more happened than is kept.
        OVERFLOW = 0x4000;
        /// Told only: the watch has ended.
        ENDED = 0x8000;
        /// Told only: it is a directory.
        IS_DIRECTORY = 0x4000_0000;
    }
    /// `Startup::flags`.
    startup {
        /// Another layer lies below.
        NESTED = 1;
        /// This is a copy made by `ProcessClone`'s fallback.
        FORK_CHILD = 2;
        /// This was restored from a checkpoint.
        RESTORED = 4;
        /// A developer watches.
        DEBUG = 8;
    }
    /// `Exception::code`.
    exception {
        /// An access the protection forbids; `info[0]` is of `access`, `address` the place.
        ACCESS = 1;
        /// A guard page was touched; it is one no more.
        GUARD = 2;
        /// An undefined instruction.
        ILLEGAL = 3;
        /// An integer division fault.
        DIVIDE = 4;
        /// A floating-point exception.
        FLOAT = 5;
        /// A break point.
        BREAK = 6;
        /// A single step.
        STEP = 7;
        /// A mapped page could not be read (past the end of its file).
        IN_PAGE_ERROR = 8;
        /// A raw system call.
        RAW_SYSCALL = 9;
        /// `ThreadInterrupt`.
        INTERRUPT = 10;
        /// The host asks the process to end.
        TERMINATE = 11;
        /// A misaligned access where alignment is demanded.
        ALIGNMENT = 12;
    }
    /// `Exception::flags`.
    exception_flags {
        /// The program counter was inside a lower layer.
        IN_HOST = 1;
        /// Set by the layer above during INTERRUPT: it did not take it, so the next interruptible downcall shall.
        KEEP_PENDING = 2;
    }
    /// `Exception::info[0]` of ACCESS and IN_PAGE_ERROR.
    fault {
        /// A read.
        READ = 0;
        /// A write.
        WRITE = 1;
        /// An instruction fetch.
        EXECUTE = 2;
    }
    /// The mode a context resumes in.
    mode {
        /// The library OS itself: interrupts stay pending.
        LIBOS = 0;
        /// The application above it.
        APP = 1;
    }
}

/// The `StreamWrite` offset that means: at the end, atomically. `done` then receives the count, and
/// `StreamAttributesQueryByHandle` tells the new end.
pub const APPEND_OFFSET: u64 = u64::MAX;

/// The deadline that never comes.
pub const NEVER: u64 = u64::MAX;

/// The deadline that has passed already: do not wait.
pub const POLL: u64 = 0;

/// The `StreamRead` offset at which a `timer:` stream gives its `TimerSetting`.
pub const TIMER_SETTING_OFFSET: u64 = 8;

/// The greatest number of handles `ObjectsWaitAny` takes.
pub const WAIT_ANY_MAX: usize = 256;

/// The `options` of an open that creates with a Linux file mode.
#[must_use]
pub const fn with_mode(options: u32, mode: u32) -> u32 {
    options | open::HAS_MODE | (mode & 0o7777) << 16
}

/// The Linux file mode in the `options` of an open.
#[must_use]
pub const fn mode_of(options: u32) -> u32 {
    if options & open::HAS_MODE == 0 { 0o666 } else { options >> 16 & 0o7777 }
}
