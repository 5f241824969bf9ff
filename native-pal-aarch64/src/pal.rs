//! The table's calls, each handed to the module that knows it.

use pal_abi::arg::{In, InBytes, InOut, Out, OutBytes};
use pal_abi::{
    Attr, Cloning, Family, FsInfo, Handle, HandlePassing, IoResult, LockRange, Nodes, Pal, PalResult,
    ProcessParams, Singleton, ThreadParams, WordWait,
};

use crate::wait::Inside;
use crate::{completion, event, family, memory, misc, nodes, objects, process, stream, thread, word};

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
        let _inside = Inside::enter();
        memory::allocate(base, size, what, prot)
    }

    fn virtual_memory_free(&self, base: usize, size: usize, what: u32) -> PalResult {
        let _inside = Inside::enter();
        memory::free(base, size, what)
    }

    fn virtual_memory_protect(&self, base: usize, size: usize, prot: u32, old: Out<'_, u32>) -> PalResult {
        let _inside = Inside::enter();
        memory::protect(base, size, prot, old)
    }

    fn process_create(
        &self,
        params: In<'_, ProcessParams>,
        size: u32,
        process: Out<'_, Handle>,
        channel: Out<'_, Handle>,
    ) -> PalResult {
        let _inside = Inside::enter();
        process::create(params, size, process, channel)
    }

    fn process_exit(&self, code: i32) -> PalResult {
        let _inside = Inside::enter();
        process::exit(code)
    }

    fn process_get_exit_code(&self, process: Handle, code: Out<'_, i32>) -> PalResult {
        let _inside = Inside::enter();
        process::get_exit_code(process, code)
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
        let _inside = Inside::enter();
        stream::open(uri, uri_len, access, share, options, stream)
    }

    fn stream_wait_for_client(&self, server: Handle, options: u32, client: Out<'_, Handle>) -> PalResult {
        let _inside = Inside::enter();
        stream::wait_for_client(server, options, client)
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
        let _inside = Inside::enter();
        stream::read(stream, offset, buf, len, done, completion)
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
        let _inside = Inside::enter();
        stream::write(stream, offset, buf, len, done, completion)
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
        let _inside = Inside::enter();
        memory::map_stream(stream, base, size, offset, prot, flags)
    }

    fn stream_unmap(&self, base: usize, size: usize) -> PalResult {
        let _inside = Inside::enter();
        memory::unmap_stream(base, size)
    }

    fn stream_set_length(&self, stream: Handle, length: u64) -> PalResult {
        let _inside = Inside::enter();
        stream::set_length(stream, length)
    }

    fn stream_flush(&self, stream: Handle) -> PalResult {
        let _inside = Inside::enter();
        stream::flush(stream)
    }

    fn stream_delete(&self, stream: Handle, mode: u32) -> PalResult {
        let _inside = Inside::enter();
        stream::delete(stream, mode)
    }

    fn stream_rename(&self, stream: Handle, uri: InBytes<'_>, uri_len: usize, flags: u32) -> PalResult {
        let _inside = Inside::enter();
        stream::rename(stream, uri, uri_len, flags)
    }

    fn stream_get_name(&self, stream: Handle, buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> PalResult {
        let _inside = Inside::enter();
        stream::get_name(stream, buf, cap, len)
    }

    fn stream_enumerate_children(
        &self,
        dir: Handle,
        cookie: InOut<'_, u64>,
        buf: OutBytes<'_>,
        cap: usize,
        len: Out<'_, u32>,
    ) -> PalResult {
        let _inside = Inside::enter();
        stream::enumerate_children(dir, cookie, buf, cap, len)
    }

    fn stream_attributes_query(
        &self,
        uri: InBytes<'_>,
        uri_len: usize,
        attr: Out<'_, Attr>,
        size: u32,
        flags: u32,
    ) -> PalResult {
        let _inside = Inside::enter();
        stream::attributes_query(uri, uri_len, attr, size, flags)
    }

    fn stream_attributes_query_by_handle(&self, stream: Handle, attr: Out<'_, Attr>, size: u32) -> PalResult {
        let _inside = Inside::enter();
        stream::attributes_query_by_handle(stream, attr, size)
    }

    fn stream_attributes_set_by_handle(
        &self,
        stream: Handle,
        attr: In<'_, Attr>,
        size: u32,
        mask: u32,
    ) -> PalResult {
        let _inside = Inside::enter();
        stream::attributes_set_by_handle(stream, attr, size, mask)
    }

    fn stream_get_event(&self, stream: Handle, which: u32, event: Out<'_, Handle>) -> PalResult {
        let _inside = Inside::enter();
        stream::get_event(stream, which, event)
    }

    fn async_poll(&self, operation: Handle, result: Out<'_, IoResult>) -> PalResult {
        let _inside = Inside::enter();
        completion::poll(operation, result)
    }

    fn async_cancel(&self, operation: Handle) -> PalResult {
        let _inside = Inside::enter();
        completion::cancel(operation)
    }

    fn thread_create(&self, params: In<'_, ThreadParams>, size: u32, thread: Out<'_, Handle>) -> PalResult {
        let _inside = Inside::enter();
        thread::create(params, size, thread)
    }

    fn thread_exit(&self, word: Out<'_, u32>) -> PalResult {
        let _inside = Inside::enter();
        thread::exit(word)
    }

    fn thread_yield_execution(&self) -> PalResult {
        let _inside = Inside::enter();
        thread::yield_execution()
    }

    fn thread_delay_execution(&self, deadline: u64) -> PalResult {
        let _inside = Inside::enter();
        thread::delay_execution(deadline)
    }

    fn thread_interrupt(&self, thread: Handle) -> PalResult {
        let _inside = Inside::enter();
        thread::interrupt(thread)
    }

    fn thread_set_tls_base(&self, which: u32, value: usize) -> PalResult {
        let _inside = Inside::enter();
        thread::set_tls_base(which, value)
    }

    fn notification_event_create(&self, initial: u32, event: Out<'_, Handle>) -> PalResult {
        let _inside = Inside::enter();
        event::notification_event_create(initial, event)
    }

    fn synchronization_event_create(&self, initial: u32, event: Out<'_, Handle>) -> PalResult {
        let _inside = Inside::enter();
        event::synchronization_event_create(initial, event)
    }

    fn semaphore_create(&self, initial: u32, max: u32, semaphore: Out<'_, Handle>) -> PalResult {
        let _inside = Inside::enter();
        event::semaphore_create(initial, max, semaphore)
    }

    fn event_set(&self, event: Handle) -> PalResult {
        let _inside = Inside::enter();
        event::event_set(event)
    }

    fn event_clear(&self, event: Handle) -> PalResult {
        let _inside = Inside::enter();
        event::event_clear(event)
    }

    fn event_peek(&self, event: Handle, state: Out<'_, u32>) -> PalResult {
        let _inside = Inside::enter();
        event::event_peek(event, state)
    }

    fn semaphore_release(&self, semaphore: Handle, count: u32, previous: Out<'_, u32>) -> PalResult {
        let _inside = Inside::enter();
        event::semaphore_release(semaphore, count, previous)
    }

    fn semaphore_peek(&self, semaphore: Handle, count: Out<'_, u32>) -> PalResult {
        let _inside = Inside::enter();
        event::semaphore_peek(semaphore, count)
    }

    fn objects_wait_any(
        &self,
        handles: InBytes<'_>,
        size: usize,
        deadline: u64,
        flags: u32,
        index: Out<'_, u32>,
    ) -> PalResult {
        let _inside = Inside::enter();
        objects::objects_wait_any(handles, size, deadline, flags, index)
    }

    fn object_reference(&self, object: Handle) -> PalResult {
        let _inside = Inside::enter();
        objects::object_reference(object)
    }

    fn object_close(&self, object: Handle) -> PalResult {
        let _inside = Inside::enter();
        objects::object_close(object)
    }

    fn system_time_query(&self, clock: u32, time: Out<'_, u64>) -> PalResult {
        let _inside = Inside::enter();
        misc::system_time_query(clock, time)
    }

    fn random_bits_read(&self, buf: OutBytes<'_>, len: usize) -> PalResult {
        let _inside = Inside::enter();
        misc::random_bits_read(buf, len)
    }

    fn instruction_cache_flush(&self, base: usize, size: usize) -> PalResult {
        let _inside = Inside::enter();
        misc::instruction_cache_flush(base, size)
    }

    fn debug_string_print(&self, text: InBytes<'_>, len: usize) -> PalResult {
        let _inside = Inside::enter();
        misc::debug_string_print(text, len)
    }
}

impl WordWait for NativePal {
    fn wait_on_word(&self, word: In<'_, u32>, expected: u32, deadline: u64) -> PalResult {
        let _inside = Inside::enter();
        word::wait_on_word(word, expected, deadline)
    }

    fn wake_word(&self, word: In<'_, u32>, count: u32, woken: Out<'_, u32>) -> PalResult {
        let _inside = Inside::enter();
        word::wake_word(word, count, woken)
    }
}

impl HandlePassing for NativePal {
    fn stream_send_handle(&self, channel: Handle, object: Handle, tag: u64) -> PalResult {
        let _inside = Inside::enter();
        process::send_handle(channel, object, tag)
    }

    fn stream_receive_handle(
        &self,
        channel: Handle,
        object: Out<'_, Handle>,
        tag: Out<'_, u64>,
    ) -> PalResult {
        let _inside = Inside::enter();
        process::receive_handle(channel, object, tag)
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
        let _inside = Inside::enter();
        process::clone_process(flags, is_child, process, channel)
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
        let _inside = Inside::enter();
        nodes::open_at(dir, name, name_len, access, options, stream)
    }

    fn unlink_at(&self, dir: Handle, name: InBytes<'_>, name_len: usize, flags: u32) -> PalResult {
        let _inside = Inside::enter();
        nodes::unlink_at(dir, name, name_len, flags)
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
        let _inside = Inside::enter();
        nodes::rename_at(from, to, names, names_len, split, flags)
    }

    fn link_at(
        &self,
        from: Handle,
        to: Handle,
        names: InBytes<'_>,
        names_len: usize,
        split: u32,
    ) -> PalResult {
        let _inside = Inside::enter();
        nodes::link_at(from, to, names, names_len, split)
    }

    fn symlink_at(
        &self,
        dir: Handle,
        name: InBytes<'_>,
        name_len: usize,
        text: InBytes<'_>,
        text_len: usize,
    ) -> PalResult {
        let _inside = Inside::enter();
        nodes::symlink_at(dir, name, name_len, text, text_len)
    }

    fn read_link(&self, link: Handle, buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> PalResult {
        let _inside = Inside::enter();
        nodes::read_link(link, buf, cap, len)
    }

    fn make_node(
        &self,
        dir: Handle,
        name: InBytes<'_>,
        name_len: usize,
        mode: u32,
        device: u64,
    ) -> PalResult {
        let _inside = Inside::enter();
        nodes::make_node(dir, name, name_len, mode, device)
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
        let _inside = Inside::enter();
        nodes::xattr_get(object, name, name_len, buf, cap, len)
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
        let _inside = Inside::enter();
        nodes::xattr_set(object, name, name_len, value, value_len, flags)
    }

    fn xattr_list(&self, object: Handle, buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> PalResult {
        let _inside = Inside::enter();
        nodes::xattr_list(object, buf, cap, len)
    }

    fn xattr_remove(&self, object: Handle, name: InBytes<'_>, name_len: usize) -> PalResult {
        let _inside = Inside::enter();
        nodes::xattr_remove(object, name, name_len)
    }

    fn stat_fs(&self, object: Handle, result: Out<'_, FsInfo>, size: u32) -> PalResult {
        let _inside = Inside::enter();
        nodes::stat_fs(object, result, size)
    }

    fn lock(&self, stream: Handle, what: u32, range: InOut<'_, LockRange>, size: u32) -> PalResult {
        let _inside = Inside::enter();
        nodes::lock(stream, what, range, size)
    }

    fn watch(&self, object: Handle, mask: u32, watch: Out<'_, Handle>) -> PalResult {
        let _inside = Inside::enter();
        nodes::watch(object, mask, watch)
    }

    fn hole(&self, stream: Handle, what: u32, offset: InOut<'_, u64>, length: u64) -> PalResult {
        let _inside = Inside::enter();
        nodes::hole(stream, what, offset, length)
    }
}

impl Family for NativePal {
    fn family_self(&self, id: Out<'_, u32>) -> PalResult {
        let _inside = Inside::enter();
        family::self_id(id)
    }

    fn family_ring(&self, id: u32) -> PalResult {
        let _inside = Inside::enter();
        family::ring(id)
    }

    fn family_stop(&self, signal: u32) -> PalResult {
        let _inside = Inside::enter();
        family::stop(signal.cast_signed())
    }
}
