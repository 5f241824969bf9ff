//! Attributes, records and results of streams.

use super::layout;

layout! {
    /// A moment since 1970, UTC.
    pub struct TimeStamp = 16 {
        /// Seconds.
        0x00 seconds: i64,
        /// Nanoseconds.
        0x08 nanoseconds: u32,
        /// 0.
        0x0c reserved: u32,
    }

    /// The attributes of a stream: all that `statx`, `termios`, window size and socket options tell.
    pub struct Attr = 0x118 {
        /// Which parts hold values, of `flags::attr`.
        0x00 valid: u32,
        /// Of `flags::node`.
        0x04 kind: u32,
        /// Permission bits, 07777.
        0x08 mode: u32,
        /// Names.
        0x0c nlink: u32,
        /// Owner.
        0x10 uid: u32,
        /// Group.
        0x14 gid: u32,
        /// Of `flags::stream`.
        0x18 flags: u32,
        /// Best size of a transfer.
        0x1c block_size: u32,
        /// Device it lies on: major << 32 | minor.
        0x20 device: u64,
        /// Number on that device.
        0x28 inode: u64,
        /// Device it is, in the same form.
        0x30 node_device: u64,
        /// Bytes.
        0x38 size: u64,
        /// 512-byte blocks in use.
        0x40 blocks: u64,
        /// Mount it lies on.
        0x48 mount: u64,
        /// `stx_attributes`.
        0x50 attributes: u64,
        /// `stx_attributes_mask`.
        0x58 attributes_mask: u64,
        /// Last access.
        0x60 atime: TimeStamp,
        /// Last change of contents.
        0x70 mtime: TimeStamp,
        /// Last change of attributes.
        0x80 ctime: TimeStamp,
        /// Birth, or 0.
        0x90 btime: TimeStamp,
        /// Terminal: `c_iflag`, with Linux's values, as in all four.
        0xa0 input_flags: u32,
        /// Terminal: `c_oflag`.
        0xa4 output_flags: u32,
        /// Terminal: `c_cflag`.
        0xa8 control_flags: u32,
        /// Terminal: `c_lflag`.
        0xac local_flags: u32,
        /// Terminal: line discipline.
        0xb0 line: u8,
        /// Terminal: control characters, by Linux's indices.
        0xb1 characters: [u8; 19],
        /// Terminal: input speed.
        0xc4 input_speed: u32,
        /// Terminal: output speed.
        0xc8 output_speed: u32,
        /// Terminal window: rows.
        0xcc rows: u16,
        /// Terminal window: columns.
        0xce columns: u16,
        /// Terminal window: pixels across.
        0xd0 pixels_x: u16,
        /// Terminal window: pixels down.
        0xd2 pixels_y: u16,
        /// Socket: 4 or 6, or 0.
        0xd4 socket_family: u32,
        /// Socket: 1 stream, 2 datagram.
        0xd8 socket_type: u32,
        /// Socket: pending error as a wire status, or 0.
        0xdc socket_error: i32,
        /// Socket: options that are on, of `flags::socket`.
        0xe0 socket_options: u32,
        /// Socket: options to change.
        0xe4 socket_mask: u32,
        /// Socket: bytes of send buffer.
        0xe8 send_buffer: u32,
        /// Socket: bytes of receive buffer.
        0xec receive_buffer: u32,
        /// Socket: seconds to linger.
        0xf0 linger_s: u32,
        /// Socket: time to live.
        0xf4 ttl: u32,
        /// Bytes that can be read without waiting.
        0xf8 available: u64,
        /// Bytes written but not sent.
        0x100 queued: u64,
        /// Where the next read or write at offset ~0 happens, of an inherited seekable stream.
        0x108 position: u64,
        /// Memory: its seals, of `flags::seal`.
        0x110 seals: u32,
        /// 0.
        0x114 reserved: u32,
    }

    /// The state of an asynchronous operation.
    pub struct IoResult = 16 {
        /// Wire status: `Pending` or final.
        0x00 status: i32,
        /// 0.
        0x04 reserved: u32,
        /// Bytes moved.
        0x08 done: u64,
    }

    /// A child of a directory; its name follows, and zeros up to a multiple of 8.
    pub struct DirRecord = 32 {
        /// Bytes to the next record.
        0x00 record_size: u32,
        /// Of `flags::node`.
        0x04 kind: u32,
        /// Inode.
        0x08 id: u64,
        /// The cookie that continues after this record.
        0x10 next: u64,
        /// Bytes of the name.
        0x18 name_size: u32,
        /// 0.
        0x1c reserved: u32,
    }

    /// A network address, in front of each datagram.
    pub struct SockAddr = 32 {
        /// 4 or 6.
        0x00 family: u16,
        /// Port, as a number.
        0x02 port: u16,
        /// IPv6 flow.
        0x04 flow: u32,
        /// IPv6 scope.
        0x08 scope: u32,
        /// 0.
        0x0c reserved: u32,
        /// Address in network order; IPv4 in the first four.
        0x10 address: [u8; 16],
    }

    /// The address of a UNIX socket: a number, known to this family of processes only.
    pub struct UnixName = 16 {
        /// `flags::family::UNIX`.
        0x00 family: u32,
        /// 0.
        0x04 reserved: u32,
        /// The number.
        0x08 number: u64,
    }

    /// What goes with the bytes of a message, and what comes of it.
    pub struct SocketMessage = 0xa0 {
        /// Of `flags::message`.
        0x00 flags: u32,
        /// Of `flags::message` (out).
        0x04 result_flags: u32,
        /// When waiting ends, on the monotonic clock.
        0x08 deadline: u64,
        /// Bytes moved (out); of a message received with CUT, all of them.
        0x10 done: u64,
        /// Bytes of `address` that hold one, or 0.
        0x18 address_size: u32,
        /// Bytes of control records (out).
        0x1c control_size: u32,
        /// Where it goes to, or comes from.
        0x20 address: [u8; 128],
    }

    /// A control record; its data follows, and zeros up to a multiple of 8.
    pub struct ControlRecord = 16 {
        /// Bytes to the next record.
        0x00 record_size: u32,
        /// Linux's `cmsg_level`.
        0x04 level: u32,
        /// Linux's `cmsg_type`.
        0x08 kind: u32,
        /// Bytes of the data: Linux's, as 64-bit programs know them.
        0x0c data_size: u32,
    }

    /// A handle in a control record.
    pub struct PassedHandle = 16 {
        /// The handle: the sender's, or the receiver's new one.
        0x00 handle: crate::Handle,
        /// 0.
        0x04 reserved: u32,
        /// Comes with it.
        0x08 tag: u64,
    }

    /// Who is at the other end.
    pub struct PeerId = 16 {
        /// Number in the family, or 0.
        0x00 member: u32,
        /// User on the host.
        0x04 uid: u32,
        /// Group on the host.
        0x08 gid: u32,
        /// 0.
        0x0c reserved: u32,
    }

    /// A change of a wait set, written to it.
    pub struct WaitRecord = 24 {
        /// Of `flags::wait_op`.
        0x00 op: u32,
        /// Any waitable object.
        0x04 handle: crate::Handle,
        /// Of `flags::ready`.
        0x08 mask: u32,
        /// Of `flags::wait_flags`.
        0x0c flags: u32,
        /// Comes back when ready.
        0x10 cookie: u64,
    }

    /// A ready object, read from a wait set.
    pub struct ReadyRecord = 16 {
        /// That of the `WaitRecord`.
        0x00 cookie: u64,
        /// The object.
        0x08 handle: crate::Handle,
        /// Of `flags::ready`.
        0x0c ready: u32,
    }

    /// The figures of a file system.
    pub struct FsInfo = 88 {
        /// Linux's magic of its type.
        0x00 kind: u64,
        /// Best size of a transfer.
        0x08 block_size: u64,
        /// Bytes of a block.
        0x10 fragment_size: u64,
        /// Blocks.
        0x18 blocks: u64,
        /// Free blocks.
        0x20 blocks_free: u64,
        /// Blocks anyone may use.
        0x28 blocks_available: u64,
        /// Inodes.
        0x30 files: u64,
        /// Free inodes.
        0x38 files_free: u64,
        /// Its number.
        0x40 id: u64,
        /// Greatest bytes of a name.
        0x48 name_max: u64,
        /// Linux's `ST_*` flags.
        0x50 flags: u64,
    }

    /// A byte range and the lock on it.
    pub struct LockRange = 24 {
        /// Of `flags::lock_kind`.
        0x00 kind: u32,
        /// Who holds it, where known (out).
        0x04 owner: u32,
        /// First byte.
        0x08 start: u64,
        /// Bytes; 0: to the end.
        0x10 length: u64,
    }

    /// Something happened to a node under watch: Linux's `inotify_event`. A name follows, and zeros.
    pub struct WatchRecord = 16 {
        /// The watch, as `Watch` numbered it.
        0x00 number: u32,
        /// Of `flags::watch`.
        0x04 mask: u32,
        /// Joins the two halves of a move.
        0x08 cookie: u32,
        /// Bytes to the next record: the name with at least one zero, or 0 where there is none.
        0x0c name_size: u32,
    }

    /// When a `timer:` expires; written to it, and read from it at `TIMER_SETTING_OFFSET`.
    pub struct TimerSetting = 24 {
        /// Nanoseconds to the first expiry; 0: the timer stands still.
        0x00 value: u64,
        /// Nanoseconds between one and the next; 0: there is one only.
        0x08 interval: u64,
        /// Of `flags::timer`; 0 when read.
        0x10 flags: u32,
        /// 0.
        0x14 reserved: u32,
    }
}
