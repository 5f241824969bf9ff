//! The table's calls, each handed to the module that knows it.

use pal_abi::arg::{In, InBytes, InOut, Out, OutBytes};
use pal_abi::{
    Attr, Cloning, Family, FsInfo, Handle, HandlePassing, IoResult, LockRange, Nodes, Pal, PalError,
    PalResult, ProcessParams, Singleton, SocketMessage, Sockets, ThreadParams, WordWait,
};

use crate::wait::Inside;
use crate::{
    completion, event, family, memory, misc, nodes, objects, process, sockets, stream, thread, word,
};

/// Makes call `number` of the table: inside the PAL, and with an answer of its closed list.
fn inside(number: u32, call: impl FnOnce() -> PalResult) -> PalResult {
    let _inside = Inside::enter();
    call().map_err(|error| closed(number, error))
}

/// What the host answered to a call's system calls and the call's list has no word for is a failure of the host.
#[cold]
fn closed(number: u32, error: PalError) -> PalError {
    match pal_abi::info::call(number) {
        Some(call) if call.may_fail_with(error) => error,
        Some(call) if call.may_fail_with(PalError::Io) => PalError::Io,
        _ => PalError::NoMemory, // implicit everywhere
    }
}

/// The native PAL: one per process.
#[derive(Clone, Copy, Debug)]
pub struct NativePal;

impl Singleton for NativePal {
    fn instance() -> &'static Self {
        &Self
    }
}

impl Pal for NativePal {
    fn virtual_memory_allocate(
        &self,
        base: InOut<'_, usize>,
        size: InOut<'_, usize>,
        what: u32,
        prot: u32,
    ) -> PalResult {
        inside(1, || memory::allocate(base, size, what, prot))
    }

    fn virtual_memory_free(&self, base: usize, size: usize, what: u32) -> PalResult {
        inside(2, || memory::free(base, size, what))
    }

    fn virtual_memory_protect(&self, base: usize, size: usize, prot: u32, old: Out<'_, u32>) -> PalResult {
        inside(3, || memory::protect(base, size, prot, old))
    }

    fn process_create(
        &self,
        params: In<'_, ProcessParams>,
        size: u32,
        process: Out<'_, Handle>,
        channel: Out<'_, Handle>,
    ) -> PalResult {
        inside(4, || process::create(params, size, process, channel))
    }

    fn process_exit(&self, code: i32) -> PalResult {
        inside(5, || process::exit(code))
    }

    fn process_get_exit_code(&self, process: Handle, code: Out<'_, i32>) -> PalResult {
        inside(6, || process::get_exit_code(process, code))
    }

    fn stream_open(
        &self,
        uri: InBytes<'_>,
        uri_len: usize,
        access: u32,
        share: u32,
        options: u32,
        stream: Out<'_, Handle>,
    ) -> PalResult {
        inside(7, || stream::open(uri, uri_len, access, share, options, stream))
    }

    fn stream_wait_for_client(&self, server: Handle, options: u32, client: Out<'_, Handle>) -> PalResult {
        inside(8, || stream::wait_for_client(server, options, client))
    }

    fn stream_read(
        &self,
        stream: Handle,
        offset: u64,
        buf: OutBytes<'_>,
        len: usize,
        done: Out<'_, usize>,
        completion: Out<'_, Handle>,
    ) -> PalResult {
        inside(9, || stream::read(stream, offset, buf, len, done, completion))
    }

    fn stream_write(
        &self,
        stream: Handle,
        offset: u64,
        buf: InBytes<'_>,
        len: usize,
        done: Out<'_, usize>,
        completion: Out<'_, Handle>,
    ) -> PalResult {
        inside(10, || stream::write(stream, offset, buf, len, done, completion))
    }

    fn stream_map(
        &self,
        stream: Handle,
        base: InOut<'_, usize>,
        size: usize,
        offset: u64,
        prot: u32,
        flags: u32,
    ) -> PalResult {
        inside(11, || memory::map_stream(stream, base, size, offset, prot, flags))
    }

    fn stream_unmap(&self, base: usize, size: usize) -> PalResult {
        inside(12, || memory::unmap_stream(base, size))
    }

    fn stream_set_length(&self, stream: Handle, length: u64) -> PalResult {
        inside(13, || stream::set_length(stream, length))
    }

    fn stream_flush(&self, stream: Handle) -> PalResult {
        inside(14, || stream::flush(stream))
    }

    fn stream_delete(&self, stream: Handle, mode: u32) -> PalResult {
        inside(15, || stream::delete(stream, mode))
    }

    fn stream_rename(&self, stream: Handle, uri: InBytes<'_>, uri_len: usize, flags: u32) -> PalResult {
        inside(16, || stream::rename(stream, uri, uri_len, flags))
    }

    fn stream_get_name(&self, stream: Handle, buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> PalResult {
        inside(17, || stream::get_name(stream, buf, cap, len))
    }

    fn stream_enumerate_children(
        &self,
        dir: Handle,
        cookie: InOut<'_, u64>,
        buf: OutBytes<'_>,
        cap: usize,
        len: Out<'_, u32>,
    ) -> PalResult {
        inside(18, || stream::enumerate_children(dir, cookie, buf, cap, len))
    }

    fn stream_attributes_query(
        &self,
        uri: InBytes<'_>,
        uri_len: usize,
        attr: Out<'_, Attr>,
        size: u32,
        flags: u32,
    ) -> PalResult {
        inside(19, || stream::attributes_query(uri, uri_len, attr, size, flags))
    }

    fn stream_attributes_query_by_handle(&self, stream: Handle, attr: Out<'_, Attr>, size: u32) -> PalResult {
        inside(20, || stream::attributes_query_by_handle(stream, attr, size))
    }

    fn stream_attributes_set_by_handle(
        &self,
        stream: Handle,
        attr: In<'_, Attr>,
        size: u32,
        mask: u32,
    ) -> PalResult {
        inside(21, || stream::attributes_set_by_handle(stream, attr, size, mask))
    }

    fn stream_get_event(&self, stream: Handle, which: u32, event: Out<'_, Handle>) -> PalResult {
        inside(22, || stream::get_event(stream, which, event))
    }

    fn async_poll(&self, operation: Handle, result: Out<'_, IoResult>) -> PalResult {
        inside(23, || completion::poll(operation, result))
    }

    fn async_cancel(&self, operation: Handle) -> PalResult {
        inside(24, || completion::cancel(operation))
    }

    fn thread_create(&self, params: In<'_, ThreadParams>, size: u32, thread: Out<'_, Handle>) -> PalResult {
        inside(25, || thread::create(params, size, thread))
    }

    fn thread_exit(&self, word: Out<'_, u32>) -> PalResult {
        inside(26, || thread::exit(word))
    }

    fn thread_yield_execution(&self) -> PalResult {
        inside(27, thread::yield_execution)
    }

    fn thread_delay_execution(&self, deadline: u64) -> PalResult {
        inside(28, || thread::delay_execution(deadline))
    }

    fn thread_interrupt(&self, thread: Handle) -> PalResult {
        inside(29, || thread::interrupt(thread))
    }

    fn thread_set_tls_base(&self, which: u32, value: usize) -> PalResult {
        inside(30, || thread::set_tls_base(which, value))
    }

    fn notification_event_create(&self, initial: u32, event: Out<'_, Handle>) -> PalResult {
        inside(31, || event::notification_event_create(initial, event))
    }

    fn synchronization_event_create(&self, initial: u32, event: Out<'_, Handle>) -> PalResult {
        inside(32, || event::synchronization_event_create(initial, event))
    }

    fn semaphore_create(&self, initial: u32, max: u32, semaphore: Out<'_, Handle>) -> PalResult {
        inside(33, || event::semaphore_create(initial, max, semaphore))
    }

    fn event_set(&self, event: Handle) -> PalResult {
        inside(34, || event::event_set(event))
    }

    fn event_clear(&self, event: Handle) -> PalResult {
        inside(35, || event::event_clear(event))
    }

    fn event_peek(&self, event: Handle, state: Out<'_, u32>) -> PalResult {
        inside(36, || event::event_peek(event, state))
    }

    fn semaphore_release(&self, semaphore: Handle, count: u32, previous: Out<'_, u32>) -> PalResult {
        inside(37, || event::semaphore_release(semaphore, count, previous))
    }

    fn semaphore_peek(&self, semaphore: Handle, count: Out<'_, u32>) -> PalResult {
        inside(38, || event::semaphore_peek(semaphore, count))
    }

    fn objects_wait_any(
        &self,
        handles: InBytes<'_>,
        size: usize,
        deadline: u64,
        flags: u32,
        index: Out<'_, u32>,
    ) -> PalResult {
        inside(39, || objects::objects_wait_any(handles, size, deadline, flags, index))
    }

    fn object_reference(&self, object: Handle) -> PalResult {
        inside(40, || objects::object_reference(object))
    }

    fn object_close(&self, object: Handle) -> PalResult {
        inside(41, || objects::object_close(object))
    }

    fn system_time_query(&self, clock: u32, time: Out<'_, u64>) -> PalResult {
        inside(42, || misc::system_time_query(clock, time))
    }

    fn random_bits_read(&self, buf: OutBytes<'_>, len: usize) -> PalResult {
        inside(43, || misc::random_bits_read(buf, len))
    }

    fn instruction_cache_flush(&self, base: usize, size: usize) -> PalResult {
        inside(44, || misc::instruction_cache_flush(base, size))
    }

    fn debug_string_print(&self, text: InBytes<'_>, len: usize) -> PalResult {
        inside(45, || misc::debug_string_print(text, len))
    }
}

impl WordWait for NativePal {
    fn wait_on_word(&self, word: In<'_, u32>, expected: u32, deadline: u64) -> PalResult {
        inside(64, || word::wait_on_word(word, expected, deadline))
    }

    fn wake_word(&self, word: In<'_, u32>, count: u32, woken: Out<'_, u32>) -> PalResult {
        inside(65, || word::wake_word(word, count, woken))
    }
}

impl HandlePassing for NativePal {
    fn stream_send_handle(&self, channel: Handle, object: Handle, tag: u64) -> PalResult {
        inside(66, || process::send_handle(channel, object, tag))
    }

    fn stream_receive_handle(
        &self,
        channel: Handle,
        object: Out<'_, Handle>,
        tag: Out<'_, u64>,
    ) -> PalResult {
        inside(67, || process::receive_handle(channel, object, tag))
    }
}

impl Cloning for NativePal {
    fn process_clone(
        &self,
        flags: u32,
        is_child: Out<'_, u32>,
        process: Out<'_, Handle>,
        channel: Out<'_, Handle>,
    ) -> PalResult {
        inside(68, || process::clone_process(flags, is_child, process, channel))
    }
}

impl Nodes for NativePal {
    fn open_at(
        &self,
        dir: Handle,
        name: InBytes<'_>,
        name_len: usize,
        access: u32,
        options: u32,
        stream: Out<'_, Handle>,
    ) -> PalResult {
        inside(69, || nodes::open_at(dir, name, name_len, access, options, stream))
    }

    fn unlink_at(&self, dir: Handle, name: InBytes<'_>, name_len: usize, flags: u32) -> PalResult {
        inside(70, || nodes::unlink_at(dir, name, name_len, flags))
    }

    fn rename_at(
        &self,
        from: Handle,
        to: Handle,
        names: InBytes<'_>,
        names_len: usize,
        split: u32,
        flags: u32,
    ) -> PalResult {
        inside(71, || nodes::rename_at(from, to, names, names_len, split, flags))
    }

    fn link_at(
        &self,
        from: Handle,
        to: Handle,
        names: InBytes<'_>,
        names_len: usize,
        split: u32,
    ) -> PalResult {
        inside(72, || nodes::link_at(from, to, names, names_len, split))
    }

    fn symlink_at(
        &self,
        dir: Handle,
        name: InBytes<'_>,
        name_len: usize,
        text: InBytes<'_>,
        text_len: usize,
    ) -> PalResult {
        inside(73, || nodes::symlink_at(dir, name, name_len, text, text_len))
    }

    fn read_link(&self, link: Handle, buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> PalResult {
        inside(74, || nodes::read_link(link, buf, cap, len))
    }

    fn make_node(
        &self,
        dir: Handle,
        name: InBytes<'_>,
        name_len: usize,
        mode: u32,
        device: u64,
    ) -> PalResult {
        inside(75, || nodes::make_node(dir, name, name_len, mode, device))
    }

    fn xattr_get(
        &self,
        object: Handle,
        name: InBytes<'_>,
        name_len: usize,
        buf: OutBytes<'_>,
        cap: usize,
        len: Out<'_, u32>,
    ) -> PalResult {
        inside(76, || nodes::xattr_get(object, name, name_len, buf, cap, len))
    }

    fn xattr_set(
        &self,
        object: Handle,
        name: InBytes<'_>,
        name_len: usize,
        value: InBytes<'_>,
        value_len: usize,
        flags: u32,
    ) -> PalResult {
        inside(77, || nodes::xattr_set(object, name, name_len, value, value_len, flags))
    }

    fn xattr_list(&self, object: Handle, buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> PalResult {
        inside(78, || nodes::xattr_list(object, buf, cap, len))
    }

    fn xattr_remove(&self, object: Handle, name: InBytes<'_>, name_len: usize) -> PalResult {
        inside(79, || nodes::xattr_remove(object, name, name_len))
    }

    fn stat_fs(&self, object: Handle, result: Out<'_, FsInfo>, size: u32) -> PalResult {
        inside(80, || nodes::stat_fs(object, result, size))
    }

    fn lock(&self, stream: Handle, what: u32, range: InOut<'_, LockRange>, size: u32) -> PalResult {
        inside(81, || nodes::lock(stream, what, range, size))
    }

    fn watch(&self, watches: Handle, object: Handle, mask: u32, number: Out<'_, u32>) -> PalResult {
        inside(82, || nodes::watch(watches, object, mask, number))
    }

    fn hole(&self, stream: Handle, what: u32, offset: InOut<'_, u64>, length: u64) -> PalResult {
        inside(83, || nodes::hole(stream, what, offset, length))
    }
}

impl Family for NativePal {
    fn family_self(&self, id: Out<'_, u32>) -> PalResult {
        inside(84, || family::self_id(id))
    }

    fn family_ring(&self, id: u32) -> PalResult {
        inside(85, || family::ring(id))
    }

    fn family_stop(&self, signal: u32) -> PalResult {
        let _inside = Inside::enter();
        family::stop(signal.cast_signed())
    }
}

impl Sockets for NativePal {
    fn socket_open(&self, family: u32, kind: u32, protocol: u32, socket: Out<'_, Handle>) -> PalResult {
        inside(87, || sockets::open(family, kind, protocol, socket))
    }

    fn socket_pair(&self, kind: u32, one: Out<'_, Handle>, other: Out<'_, Handle>) -> PalResult {
        inside(88, || sockets::pair(kind, one, other))
    }

    fn socket_bind(&self, socket: Handle, address: InBytes<'_>, len: usize) -> PalResult {
        inside(89, || sockets::bind(socket, address, len))
    }

    fn socket_listen(&self, socket: Handle, backlog: u32) -> PalResult {
        inside(90, || sockets::listen(socket, backlog))
    }

    fn socket_connect(&self, socket: Handle, address: InBytes<'_>, len: usize, deadline: u64) -> PalResult {
        inside(91, || sockets::connect(socket, address, len, deadline))
    }

    fn socket_get_name(
        &self,
        socket: Handle,
        which: u32,
        address: OutBytes<'_>,
        cap: usize,
        len: Out<'_, u32>,
    ) -> PalResult {
        inside(92, || sockets::get_name(socket, which, address, cap, len))
    }

    fn socket_send(
        &self,
        socket: Handle,
        buf: InBytes<'_>,
        len: usize,
        control: InBytes<'_>,
        control_len: usize,
        message: InOut<'_, SocketMessage>,
    ) -> PalResult {
        inside(93, || sockets::send(socket, buf, len, control, control_len, message))
    }

    fn socket_receive(
        &self,
        socket: Handle,
        buf: OutBytes<'_>,
        len: usize,
        control: OutBytes<'_>,
        cap: usize,
        message: InOut<'_, SocketMessage>,
    ) -> PalResult {
        inside(94, || sockets::receive(socket, buf, len, control, cap, message))
    }

    fn socket_get_option(
        &self,
        socket: Handle,
        level: u32,
        name: u32,
        value: OutBytes<'_>,
        cap: usize,
        len: Out<'_, u32>,
    ) -> PalResult {
        inside(95, || sockets::get_option(socket, level, name, value, cap, len))
    }

    fn socket_set_option(
        &self,
        socket: Handle,
        level: u32,
        name: u32,
        value: InBytes<'_>,
        len: usize,
    ) -> PalResult {
        inside(96, || sockets::set_option(socket, level, name, value, len))
    }
}
