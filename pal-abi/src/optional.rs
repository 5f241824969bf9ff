//! The optional groups: calls outside the closed 45, each group a table of its own.
//!
//! A group is found by name and version among the `ConfigEntry`s of the start-up block, and is absent where the
//! layer below does not have it. Rows as in [`mod@crate::calls`]; the numbers continue at 64 in table order, and
//! are the gate numbers of the 32-bit ABI.

/// Passes the optional groups, in order, to the macro `$mac`.
#[macro_export]
macro_rules! for_each_optional_call { ($mac:path) => { $mac! {
    /// Blocking on a word of memory: the futex fast path.
    group WordWait WordWaitTable ("word-wait", 1) {
        /// Blocks while `*word == expected`, until woken or `deadline`. Interruptible.
        ///
        /// A word in shared memory is known by its object: this works across processes. `WouldBlock` where the
        /// word has another value already; `Timeout` at the deadline.
        64 WaitOnWord => wait_on_word(word: In<U32>, expected: U32, deadline: U64)
            fails(WouldBlock, Interrupted);

        /// Wakes at most `count` waiters; `woken`, if given, receives how many.
        65 WakeWord => wake_word(word: In<U32>, count: U32, woken: Out<U32>)
            fails();
    }

    /// Passing handles between picoprocesses.
    group HandlePassing HandlePassingTable ("handle-passing", 1) {
        /// Sends a reference to `object` over a channel or a connected pipe, with a tag.
        66 StreamSendHandle => stream_send_handle(channel: Handle, object: Handle, tag: U64)
            fails(Denied, Broken, WouldBlock, Interrupted, TooMany, NotSupported);

        /// Receives one handle; blocks as the channel does. Plain data met first is `NoData`.
        67 StreamReceiveHandle => stream_receive_handle(channel: Handle, object: Out<Handle>, tag: Out<U64>)
            fails(Broken, WouldBlock, Interrupted, NoData, TooMany, NotSupported);
    }

    /// Copying a running picoprocess.
    group Cloning CloningTable ("process-clone", 1) {
        /// Copies the calling process, private memory copy-on-write; only the calling thread lives on in the copy.
        ///
        /// In the child `*is_child` is 1, `process` none and `channel` the other end of the parent's `channel`.
        68 ProcessClone => process_clone(flags: U32, is_child: Out<U32>, process: Out<Handle>, channel: Out<Handle>)
            fails(TooMany, Denied, NotSupported);
    }

    /// File-system nodes by directory handle and one name component.
    group Nodes NodesTable ("nodes", 1) {
        /// Opens the child `name` of a directory (one component; empty: the object itself again).
        ///
        /// A symbolic link is not followed: it is `Loop`, or with `open::PATH_ONLY` the link itself.
        69 OpenAt => open_at(dir: Handle, name: InBytes, name_len: Len, access: U32, options: U32, stream: Out<Handle>)
            fails(Denied, NotPermitted, NotFound, Exists, NotDir, IsDir, Loop, NameTooLong, ReadOnly, NoSpace, Quota,
                  TextBusy, TooBig, Busy, Interrupted, TooMany, NoDevice, NotSupported, Io);

        /// Removes a child; with `flags::unlink::DIRECTORY` an empty directory.
        70 UnlinkAt => unlink_at(dir: Handle, name: InBytes, name_len: Len, flags: U32)
            fails(Denied, NotPermitted, NotFound, NotDir, IsDir, NotEmpty, Busy, NameTooLong, ReadOnly, Loop, Io);

        /// Moves a child. `names` holds the old name and then the new one, `split` the length of the old.
        71 RenameAt => rename_at(from: Handle, to: Handle, names: InBytes, names_len: Len, split: U32, flags: U32)
            fails(Denied, NotPermitted, NotFound, Exists, NotDir, IsDir, NotEmpty, Busy, NameTooLong, ReadOnly, CrossDevice,
                  NoSpace, Quota, TooMany, Loop, NotSupported, Io);

        /// Gives a file a second name. `names` as in `RenameAt`; an empty old name means the object `from` itself.
        72 LinkAt => link_at(from: Handle, to: Handle, names: InBytes, names_len: Len, split: U32)
            fails(Denied, NotPermitted, NotFound, Exists, NotDir, NameTooLong, ReadOnly, CrossDevice, NoSpace, Quota,
                  TooMany, Loop, NotSupported, Io);

        /// Makes a symbolic link `name` with the given text.
        73 SymlinkAt => symlink_at(dir: Handle, name: InBytes, name_len: Len, text: InBytes, text_len: Len)
            fails(Denied, NotPermitted, NotFound, Exists, NotDir, NameTooLong, ReadOnly, NoSpace, Quota, Loop, Io);

        /// Tells the text of a symbolic link opened `PATH_ONLY`; cut at `cap`, `len` receives what was stored.
        74 ReadLink => read_link(link: Handle, buf: OutBytes, cap: Len, len: Out<U32>)
            fails(Denied, NotFound, Io);

        /// Makes a directory, FIFO, socket, device or empty file: `mode` is Linux's `st_mode` with the type bits.
        75 MakeNode => make_node(dir: Handle, name: InBytes, name_len: Len, mode: U32, device: U64)
            fails(Denied, NotPermitted, NotFound, Exists, NotDir, NameTooLong, ReadOnly, NoSpace, Quota, TooMany, Loop, Io);

        /// Reads an extended attribute; capacity 0 asks for the size only.
        76 XattrGet => xattr_get(object: Handle, name: InBytes, name_len: Len, buf: OutBytes, cap: Len, len: Out<U32>)
            fails(Denied, NotPermitted, NoData, BufferTooSmall, NameTooLong, NotSupported, Io);

        /// Sets an extended attribute (`flags::xattr`).
        77 XattrSet => xattr_set(object: Handle, name: InBytes, name_len: Len, value: InBytes, value_len: Len, flags: U32)
            fails(Denied, NotPermitted, NoData, Exists, NameTooLong, TooBig, ReadOnly, NoSpace, Quota, NotSupported, Io);

        /// Lists the names of extended attributes, each ended by a zero byte; capacity 0 asks for the size only.
        78 XattrList => xattr_list(object: Handle, buf: OutBytes, cap: Len, len: Out<U32>)
            fails(Denied, BufferTooSmall, TooBig, NotSupported, Io);

        /// Removes an extended attribute.
        79 XattrRemove => xattr_remove(object: Handle, name: InBytes, name_len: Len)
            fails(Denied, NotPermitted, NoData, NameTooLong, ReadOnly, NotSupported, Io);

        /// Tells the figures of the file system an object lies on.
        80 StatFs => stat_fs(object: Handle, result: Out<FsInfo>, size: U32)
            fails(NotSupported, Interrupted, Io);

        /// Takes, tests or drops a lock (`flags::lock`) on a byte range, owned by the open stream. Interruptible.
        ///
        /// A test writes the first lock in the way into `range`, or kind `UNLOCKED`.
        81 Lock => lock(stream: Handle, what: U32, range: InOut<LockRange>, size: U32)
            fails(WouldBlock, Interrupted, Denied, Deadlock, TooMany, NotSupported, Io);

        /// Puts an object under watch for `watches`, a `watch:` stream, which gives `WatchRecord`s from then on.
        ///
        /// `mask` is of `flags::watch`; `number` receives the watch's number, the one it has where it was there before.
        82 Watch => watch(watches: Handle, object: Handle, mask: U32, number: Out<U32>)
            fails(Denied, TooMany, Exists, NotDir, NotSupported);

        /// Works on the holes of a file (`flags::hole`): punch, zero, allocate, or seek data and holes.
        83 Hole => hole(stream: Handle, what: U32, offset: InOut<U64>, length: U64)
            fails(NoData, Denied, NotPermitted, NoSpace, Quota, TooBig, TextBusy, ReadOnly, NoDevice, Interrupted,
                  NotSupported, Io);
    }

    /// The processes one command started.
    group Family FamilyTable ("family", 1) {
        /// Tells the caller's number in the family; unique while it lives.
        84 FamilySelf => family_self(id: Out<U32>)
            fails();

        /// Interrupts the first thread of member `id`, as `ThreadInterrupt` does.
        85 FamilyRing => family_ring(id: U32)
            fails(NotFound);

        /// Stops the command as the host's SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU stops a program; returns when the host
        /// continues it.
        ///
        /// All members are stopped with it, and the terminal has the settings it had before the command. Where the
        /// host has nobody to continue it (an orphaned group), only SIGSTOP stops it.
        86 FamilyStop => family_stop(signal: U32)
            fails();
    }

    /// Sockets as Linux has them, addresses and options in Linux's form. A socket is a stream: it is read, written,
    /// waited for and shut down (`StreamDelete`) as one, and a listening one is accepted from with
    /// `StreamWaitForClient`.
    group Sockets SocketsTable ("sockets", 1) {
        /// Makes a socket (`flags::family`, `flags::socket_kind`). `Denied` where the network is not allowed.
        87 SocketOpen => socket_open(family: U32, kind: U32, protocol: U32, socket: Out<Handle>)
            fails(Denied, NotPermitted, NoFamily, NoProtocol, TooMany);

        /// Makes two connected UNIX sockets.
        88 SocketPair => socket_pair(kind: U32, one: Out<Handle>, other: Out<Handle>)
            fails(NoProtocol, TooMany);

        /// Gives a socket its own address.
        89 SocketBind => socket_bind(socket: Handle, address: InBytes, address_len: Len)
            fails(Denied, NotPermitted, Conflict, AddressUnavailable, NoFamily);

        /// Lets clients connect; `backlog` may wait to be accepted.
        90 SocketListen => socket_listen(socket: Handle, backlog: U32)
            fails(Conflict, NoDestination, NotSupported);

        /// Connects to an address, or (family 0) ends what a datagram socket had. `Pending` where a non-blocking socket
        /// goes on by itself, or at the deadline; `Busy` where it does so already. Interruptible; made again, it goes on.
        91 SocketConnect => socket_connect(socket: Handle, address: InBytes, address_len: Len, deadline: U64)
            fails(Denied, NotPermitted, Conflict, AddressUnavailable, Refused, Unreachable, NetUnreachable, TimedOut, Reset,
                  Connected, Busy, WouldBlock, NoFamily, NoProtocol, NotSupported, Interrupted);

        /// Tells an address (`flags::socket_name`).
        92 SocketGetName => socket_get_name(socket: Handle, which: U32, address: OutBytes, cap: Len, len: Out<U32>)
            fails(NotConnected, BufferTooSmall);

        /// Sends bytes, with an address and control records where given. Interruptible.
        ///
        /// A blocking stream socket sends all; an interruption after a part tells that part.
        93 SocketSend => socket_send(socket: Handle, buf: InBytes, len: Len, control: InBytes, control_len: Len,
                                     message: InOut<SocketMessage>)
            fails(Denied, NotPermitted, Broken, Refused, Reset, Unreachable, NetUnreachable, AddressUnavailable, TimedOut,
                  NotConnected, Connected, NoDestination, NoFamily, NoProtocol, NotSupported, TooBig, TooMany, WouldBlock,
                  Interrupted);

        /// Receives bytes, with where they come from and control records. Interruptible.
        ///
        /// Handles that find no room in `control`, or none in the table, are dropped: CONTROL_CUT.
        94 SocketReceive => socket_receive(socket: Handle, buf: OutBytes, len: Len, control: OutBytes, control_cap: Len,
                                           message: InOut<SocketMessage>)
            fails(Refused, Reset, Unreachable, NetUnreachable, TimedOut, NotConnected, NotSupported, WouldBlock,
                  Interrupted);

        /// Tells an option, by Linux's level and name, in its 64-bit form; the peer's credentials as a `PeerId`.
        95 SocketGetOption => socket_get_option(socket: Handle, level: U32, name: U32, value: OutBytes, cap: Len,
                                                len: Out<U32>)
            fails(NoOption, NotConnected, NotSupported);

        /// Sets an option.
        96 SocketSetOption => socket_set_option(socket: Handle, level: U32, name: U32, value: InBytes, len: Len)
            fails(NoOption, NotPermitted, Conflict, AddressUnavailable, NoDevice, NotFound,
                  TooMany, Overflow, NotSupported);
    }
} } }
