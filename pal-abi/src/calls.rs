//! The table: the 45 downcalls and the 3 upcalls, described once.
//!
//! A consumer passes the name of its own macro to [`for_each_pal_call!`]; that macro receives every row.
//! Row grammar: documentation, `number Name => name(parameter: Kind, …) fails(Error, …);`. Kinds are the types of
//! [`crate::kind`]; a consumer brings them into scope. `fails` is the closed list of errors *beyond* the ones
//! implicit in the kinds (see [`crate::CallInfo::may_fail_with`]).
//!
//! Rules, checked by the tests of this crate: numbers are dense from 1; one parameter is one C parameter, six at
//! most; `InBytes` and `OutBytes` are directly followed by their `Len`.

/// Passes the 45 downcalls, in order, to the macro `$mac`.
#[macro_export]
macro_rules! for_each_pal_call { ($mac:path) => { $mac! {
    // ---- virtual memory -------------------------------------------------------------------------------------

    /// Reserves or commits memory; committed pages read as zero.
    ///
    /// `what` is of `flags::alloc`, `prot` of `flags::prot`. `*base` ≠ 0: exactly there, or `Conflict`; 0: the
    /// callee chooses. Both values are rounded to pages and written back. Committing inside a reservation made
    /// before is the ordinary use; committing committed pages keeps their contents.
    1 VirtualMemoryAllocate => virtual_memory_allocate(base: InOut<Uptr>, size: InOut<Uptr>, what: U32, prot: U32)
        fails(Conflict, Denied, NotFound);

    /// Decommits pages (their contents are lost, the reservation stays) or releases the reservation.
    ///
    /// `what` is `flags::free`. A hole inside the range is `NotFound`, and nothing is changed.
    2 VirtualMemoryFree => virtual_memory_free(base: Uptr, size: Uptr, what: U32)
        fails(NotFound);

    /// Changes the protection of committed or mapped pages; `old`, if given, receives that of the first page.
    ///
    /// With `prot::GUARD` the first access raises `GUARD` and removes the bit. A hole is `NotFound`.
    3 VirtualMemoryProtect => virtual_memory_protect(base: Uptr, size: Uptr, prot: U32, old: Out<U32>)
        fails(NotFound, Denied);

    // ---- processes ------------------------------------------------------------------------------------------

    /// Starts a picoprocess that runs the same layers (or the list in `params`) and inherits nothing but the
    /// handles named in `params`.
    ///
    /// `size` is that of the caller's `ProcessParams`. `channel`, if asked for, is a byte stream to the child.
    4 ProcessCreate => process_create(params: In<ProcessParams>, size: U32, process: Out<Handle>, channel: Out<Handle>)
        fails(Denied, NotFound, TooMany, NotSupported);

    /// Ends the calling process and all its threads. Does not return.
    5 ProcessExit => process_exit(code: I32)
        fails();

    /// Tells how a process ended; `Busy` while it runs. The process handle itself is waitable.
    ///
    /// `code` is what was given to `ProcessExit`, or −n when the host killed the process with signal n.
    6 ProcessGetExitCode => process_get_exit_code(process: Handle, code: Out<I32>)
        fails(Busy);

    // ---- streams --------------------------------------------------------------------------------------------

    /// Opens the resource a URI names.
    ///
    /// `access` is of `flags::access`, `share` of `flags::share`, `options` of `flags::open` with the file mode in
    /// its upper half. Which resources exist is decided by the manifest. With `open::NONBLOCK` a connection still
    /// being made is `Pending`, and its WRITABLE event tells the end.
    7 StreamOpen => stream_open(uri: InBytes, uri_len: Len, access: U32, share: U32, options: U32, stream: Out<Handle>)
        fails(Denied, NotPermitted, NotFound, Exists, NotDir, IsDir, Loop, NameTooLong, ReadOnly, NoSpace, Quota,
              TextBusy, TooBig, Busy, Conflict, Refused, Unreachable, Reset, TimedOut, Interrupted, TooMany, NoDevice,
              NotSupported, Io);

    /// Accepts one connection of a server stream. Interruptible; `Pending` if the stream is NONBLOCK and none waits.
    ///
    /// Of a stream that is one end of an unnamed pair (`pipe:`), the other end, once. Of a pseudo-terminal's (`pty:`), its
    /// slave, as often as is asked for; with `open::PATH_ONLY` a stream that is good for nothing but this call and holds
    /// neither side open. `Broken`: the terminal has hung up.
    8 StreamWaitForClient => stream_wait_for_client(server: Handle, options: U32, client: Out<Handle>)
        fails(Interrupted, Broken, TooMany);

    /// Reads up to `len` bytes at `offset` into `buf`; `done` receives the count, `EndOfStream` the end.
    ///
    /// `offset` counts for files and memory only. `completion` none: synchronous, interruptible, `WouldBlock` where the
    /// stream is NONBLOCK. Otherwise the call may return `Pending` with an asynchronous handle; `buf` must then stay
    /// mapped until it is final or cancelled. For `udp:` the data begin with a `SockAddr`; a datagram cut short is
    /// `TooBig` with `done` set.
    9 StreamRead => stream_read(stream: Handle, offset: U64, buf: OutBytes, len: Len, done: Out<Uptr>, completion: Out<Handle>)
        fails(Denied, Broken, Reset, TimedOut, Refused, Unreachable, NotConnected, WouldBlock, Interrupted, IsDir,
              TooBig, TooMany, Cancelled, Io);

    /// Writes up to `len` bytes; as `StreamRead`. Offset `flags::APPEND_OFFSET` appends atomically.
    10 StreamWrite => stream_write(stream: Handle, offset: U64, buf: InBytes, len: Len, done: Out<Uptr>, completion: Out<Handle>)
        fails(Denied, NotPermitted, Broken, Reset, TimedOut, Refused, Unreachable, NotConnected, WouldBlock, Interrupted,
              IsDir, TooBig, NoSpace, Quota, TooMany, Io);

    /// Maps a stream, private (copy on write) or shared (`flags::map`).
    ///
    /// `*base` as in `VirtualMemoryAllocate`; a range inside a reservation may be replaced, committed pages may
    /// not. An access past the end raises `IN_PAGE_ERROR`. A layer may answer `NotSupported`.
    11 StreamMap => stream_map(stream: Handle, base: InOut<Uptr>, size: Uptr, offset: U64, prot: U32, flags: U32)
        fails(Conflict, Denied, NotPermitted, NoDevice, TextBusy, NotSupported);

    /// Removes mappings made by `StreamMap`; what lay in a reservation is reserved again.
    12 StreamUnmap => stream_unmap(base: Uptr, size: Uptr)
        fails(NotFound);

    /// Sets the length of a file or of shareable memory.
    13 StreamSetLength => stream_set_length(stream: Handle, length: U64)
        fails(Denied, NotPermitted, ReadOnly, NoSpace, Quota, TooBig, TextBusy, IsDir, Interrupted, Io);

    /// Makes written data durable before it returns.
    14 StreamFlush => stream_flush(stream: Handle)
        fails(Denied, ReadOnly, NoSpace, Quota, Io);

    /// Deletes the named file (`flags::delete::ALL`), shuts sides of a connection, or kills a process.
    15 StreamDelete => stream_delete(stream: Handle, mode: U32)
        fails(Denied, NotPermitted, NotFound, NotEmpty, Busy, ReadOnly, NotConnected, NotSupported, Io);

    /// Gives a file or directory another URI; `flags::rename::REPLACE` allows an existing one to be replaced.
    16 StreamRename => stream_rename(stream: Handle, uri: InBytes, uri_len: Len, flags: U32)
        fails(Denied, NotPermitted, NotFound, Exists, NotEmpty, NotDir, IsDir, Loop, NameTooLong, ReadOnly, CrossDevice,
              NoSpace, Quota, Busy, TooMany, NotSupported, Io);

    /// Tells the canonical URI; of a connection, with both addresses: `tcp:remote?local=…`.
    ///
    /// `len` always receives the length needed.
    17 StreamGetName => stream_get_name(stream: Handle, buf: OutBytes, cap: Len, len: Out<U32>)
        fails(BufferTooSmall, NotConnected, NotFound, NotSupported);

    /// Fills `buf` with `DirRecord`s from `*cookie` on (0: the start); `EndOfStream` when there are no more.
    18 StreamEnumerateChildren => stream_enumerate_children(dir: Handle, cookie: InOut<U64>, buf: OutBytes, cap: Len, len: Out<U32>)
        fails(BufferTooSmall, Denied, NotFound, TooMany, Io);

    /// Tells the attributes of the resource a URI names. With `flags::query::NOFOLLOW`, those of a link itself.
    19 StreamAttributesQuery => stream_attributes_query(uri: InBytes, uri_len: Len, attr: Out<Attr>, size: U32, flags: U32)
        fails(Denied, NotFound, NotDir, Loop, NameTooLong, TooMany, NotSupported, Io);

    /// Tells the attributes of an open stream.
    20 StreamAttributesQueryByHandle => stream_attributes_query_by_handle(stream: Handle, attr: Out<Attr>, size: U32)
        fails(Denied, NotSupported, Io);

    /// Sets the attributes that `mask` (of `flags::attr`) selects, all or none where the host can.
    21 StreamAttributesSetByHandle => stream_attributes_set_by_handle(stream: Handle, attr: In<Attr>, size: U32, mask: U32)
        fails(Denied, NotPermitted, ReadOnly, NoSpace, Quota, Busy, NotSupported, Io);

    /// Gives a level-triggered notification event owned by the stream (`flags::event`).
    22 StreamGetEvent => stream_get_event(stream: Handle, which: U32, event: Out<Handle>)
        fails(NotSupported, TooMany);

    /// Tells the state of an asynchronous operation: status `Pending`, or the final one. The handle is waitable.
    23 AsyncPoll => async_poll(operation: Handle, result: Out<IoResult>)
        fails();

    /// Cancels an asynchronous operation; after it returns, the buffer is no longer touched and the result is final.
    24 AsyncCancel => async_cancel(operation: Handle)
        fails();

    // ---- threads --------------------------------------------------------------------------------------------

    /// Starts a thread on the caller's stack, in the upcall `LibOsThreadStart(start, param)`.
    25 ThreadCreate => thread_create(params: In<ThreadParams>, size: U32, thread: Out<Handle>)
        fails(TooMany, NotSupported);

    /// Ends the calling thread. Does not return.
    ///
    /// `word`, if given, receives 0 once the thread's stack is no longer used; nobody is woken.
    26 ThreadExit => thread_exit(word: Out<U32>)
        fails();

    /// Lets other threads run.
    27 ThreadYieldExecution => thread_yield_execution()
        fails();

    /// Sleeps until `deadline` (ns of the monotonic clock). Interruptible.
    28 ThreadDelayExecution => thread_delay_execution(deadline: U64)
        fails(Interrupted);

    /// Makes a thread leave its current or next interruptible downcall with `Interrupted`; a thread that runs above
    /// the ABI takes `LibOsExceptionDispatch(INTERRUPT)`. Pending until consumed; does not queue.
    29 ThreadInterrupt => thread_interrupt(thread: Handle)
        fails(NotFound);

    /// Sets a thread-local base of the calling thread (`flags::tls`); the host does not choose the location.
    30 ThreadSetTlsBase => thread_set_tls_base(which: U32, value: Uptr)
        fails(NotSupported);

    // ---- synchronisation and objects --------------------------------------------------------------------------

    /// Creates a manual-reset event.
    31 NotificationEventCreate => notification_event_create(initial: U32, event: Out<Handle>)
        fails(TooMany);

    /// Creates an auto-reset event, which releases one waiter per set.
    32 SynchronizationEventCreate => synchronization_event_create(initial: U32, event: Out<Handle>)
        fails(TooMany);

    /// Creates a counting semaphore; `max` is at least 1 and `initial` at most `max`.
    33 SemaphoreCreate => semaphore_create(initial: U32, max: U32, semaphore: Out<Handle>)
        fails(TooMany);

    /// Sets an event, with release ordering.
    34 EventSet => event_set(event: Handle)
        fails();

    /// Clears an event.
    35 EventClear => event_clear(event: Handle)
        fails();

    /// Tells whether an event is set: 0 or 1; consumes nothing. Of an event that belongs to a stream, it tells all that is
    /// the case with the stream, of `flags::ready`.
    36 EventPeek => event_peek(event: Handle, state: Out<U32>)
        fails();

    /// Adds `count` ≥ 1 to a semaphore; `Overflow`, and no change, where that would exceed its maximum.
    37 SemaphoreRelease => semaphore_release(semaphore: Handle, count: U32, previous: Out<U32>)
        fails(Overflow);

    /// Tells a semaphore's count.
    38 SemaphorePeek => semaphore_peek(semaphore: Handle, count: Out<U32>)
        fails();

    /// Waits until one of the objects is signalled, with acquire ordering; `index` receives which.
    ///
    /// `handles` is an array of at most 256 handles, `size` its bytes; 0 entries are ignored, an empty array sleeps.
    /// Only the returned object's auto-reset state is consumed. `Timeout` at the deadline. Interruptible.
    39 ObjectsWaitAny => objects_wait_any(handles: InBytes, size: Len, deadline: U64, flags: U32, index: Out<U32>)
        fails(Interrupted, TooMany);

    /// Adds one reference to a handle.
    40 ObjectReference => object_reference(object: Handle)
        fails(TooMany);

    /// Drops one reference to a handle; the last one frees the object.
    41 ObjectClose => object_close(object: Handle)
        fails();

    // ---- miscellaneous ----------------------------------------------------------------------------------------

    /// Tells a clock (`flags::clock`) in nanoseconds.
    42 SystemTimeQuery => system_time_query(clock: U32, time: Out<U64>)
        fails();

    /// Fills `buf` with random bits of cryptographic quality; never short.
    43 RandomBitsRead => random_bits_read(buf: OutBytes, len: Len)
        fails();

    /// Makes code written to the range visible to instruction fetch.
    44 InstructionCacheFlush => instruction_cache_flush(base: Uptr, size: Uptr)
        fails();

    /// Prints a line for the developer, as far as possible.
    45 DebugStringPrint => debug_string_print(text: InBytes, len: Len)
        fails();
} } }

/// Passes the 3 upcalls, in order, to the macro `$mac`. Upcalls return nothing.
#[macro_export]
macro_rules! for_each_upcall { ($mac:path) => { $mac! {
    /// The entry point of an image, on the first thread's stack.
    ///
    /// Before anything that can fault or create a thread, the callee stores an `UpcallTable` at
    /// `startup.upcall_slot`. Does not return on success.
    1 LibOsInitialize => lib_os_initialize(startup: InOut<Startup>);

    /// The first code of every further thread. Does not return: it ends in `ThreadExit`.
    2 LibOsThreadStart => lib_os_thread_start(start: Uptr, param: Uptr);

    /// A synchronous fault, an interruption, or the request to end.
    ///
    /// Returning resumes `context` as edited.
    3 LibOsExceptionDispatch => lib_os_exception_dispatch(exception: In<Exception>, context: InOut<ContextHeader>);
} } }
