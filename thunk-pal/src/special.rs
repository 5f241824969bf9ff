//! The calls that change the window, threads or processes, and so are more than their row in the table.

use crate::kinds::{Frame, GuestDatum, Thunk};
use crate::layer::{Layer, NO_HANDLE};
use crate::serve::interruptible;
use crate::thread::{Thread, UpcallStack};
use frontend_x86::memory::{GuestAddr, GuestMemory};
use frontend_x86::state::{FIRST_TLS_ENTRY, TLS_ENTRIES};
use pal_abi::arg::Out;
use pal_abi::flags::tls;
use pal_abi::kind::{self, KindInfo, Uptr};
use pal_abi::layout::{Layout, ProcessParams, ThreadParams};
use pal_abi::{CallInfo, Cloning, Handle, Pal, PalError, PalResult, Status, WordWait};

/// What came of a special call.
pub(crate) enum Served {
    /// The thread has ended.
    End,
    /// The call's result.
    Result(PalResult),
}

/// Serves the call if it is special.
pub(crate) fn serve(
    layer: &'static Layer,
    thread: &mut Thread,
    info: &CallInfo,
    frame: &Frame<'_>,
) -> Option<Served> {
    let window = layer.window;
    let s = |n: usize| frame.slot(n);
    let result = match info.name {
        "VirtualMemoryAllocate" => {
            placed(frame, 0, Some(1), |base, size| window.allocate(base, size, s(2), s(3)))
        }
        "VirtualMemoryFree" => window.free(s(0), s(1), s(2)),
        "VirtualMemoryProtect" => {
            window.protect(s(0), s(1), s(2)).and_then(|old| put(frame, s(3), &old.to_le_bytes()))
        }
        "StreamMap" => {
            let offset = u64::from(s(4)) << 32 | u64::from(s(3));
            placed(frame, 1, None, |base, _| window.map_stream(Handle(s(0)), base, s(2), offset, s(5), s(6)))
        }
        "StreamUnmap" => window.unmap_stream(s(0), s(1)),
        "StreamRead" if s(6) != 0 => {
            // The host may write the buffer until the operation is final.
            window.pin_for_host_writes(s(3), s(4));
            return None;
        }
        "InstructionCacheFlush" => {
            if s(0).checked_add(s(1)).is_none() {
                Err(PalError::Invalid)
            } else {
                // x86 needs no such announcement: writes were seen when they happened.
                Ok(Status::Ok)
            }
        }
        "ThreadCreate" => create_thread(layer, frame),
        "ThreadExit" => return Some(exit_thread(layer, frame)),
        "ThreadSetTlsBase" => set_tls(thread, frame),
        "ProcessCreate" => create_process(layer, frame),
        "ProcessClone" => clone_process(layer, thread, frame),
        "WaitOnWord" => wait_on_word(layer, thread, frame),
        "WakeWord" => wake_word(layer, frame),
        _ => return None,
    };
    Some(Served::Result(result))
}

/// Writes bytes to the guest, where a place is given.
fn put(frame: &Frame<'_>, at: u32, bytes: &[u8]) -> PalResult {
    if at != 0 && frame.window.write_bytes(GuestAddr(at), bytes).1.is_some() {
        return Err(PalError::Fault);
    }
    Ok(Status::Ok)
}

/// A call with `InOut` base at slot `base_slot`, and maybe `InOut` size at another.
fn placed(
    frame: &Frame<'_>,
    base_slot: usize,
    size_slot: Option<usize>,
    act: impl FnOnce(u32, u32) -> Result<crate::map::Range, PalError>,
) -> PalResult {
    let lift = |slot: usize| {
        let local = <kind::InOut<Uptr> as Thunk>::lift(frame, slot)?;
        Ok::<_, PalError>((frame.slot(slot), local))
    };
    let read = |at: u32| frame.window.load32(GuestAddr(at)).map_err(|_| PalError::Fault);
    let (base_at, _) = lift(base_slot)?;
    let base = read(base_at)?;
    let size = match size_slot {
        Some(slot) => read(lift(slot)?.0)?,
        None => 0,
    };
    let range = act(base, size)?;
    put(frame, base_at, &range.base().to_le_bytes())?;
    match size_slot {
        Some(slot) => put(frame, frame.slot(slot), &range.size().to_le_bytes()),
        None => Ok(Status::Ok),
    }
}

/// Whether an output buffer of the call lies on a page that is watched for code right now.
pub(crate) fn output_is_watched(layer: &Layer, number: u32, frame: &Frame<'_>) -> bool {
    let Some(info) = pal_abi::info::call(number) else { return false };
    let mut slot = 0;
    info.params.iter().any(|p| {
        let here = slot;
        slot += p.slots32;
        p.kind == KindInfo::OutBytes && layer.window.is_watched(frame.slot(here), frame.slot(here + 1))
    })
}

/// Reads a structure of the guest; `size` is what it says it has.
fn structure<T: Layout + GuestDatum<Value = T>>(
    frame: &Frame<'_>,
    at: u32,
    size: u32,
) -> Result<T, PalError> {
    if size < size_of::<T>() as u32 {
        return Err(PalError::Invalid);
    }
    let mut value = T::ZERO;
    match frame.window.read_bytes(GuestAddr(at), value.as_bytes_mut()).1 {
        None => Ok(value),
        Some(_) => Err(PalError::Fault),
    }
}

fn u32_of(value: u64) -> Result<u32, PalError> {
    u32::try_from(value).map_err(|_| PalError::Invalid)
}

/// What a new host thread needs to become a guest thread.
#[derive(Debug)]
pub(crate) struct ThreadStart {
    start: u32,
    param: u32,
    esp: u32,
    upcalls: UpcallStack,
}

fn create_thread(layer: &'static Layer, frame: &Frame<'_>) -> PalResult {
    let params: ThreadParams = structure(frame, frame.slot(0), frame.slot(1))?;
    let stack_end = params.stack_base.checked_add(params.stack_size).ok_or(PalError::Invalid)?;
    let upcall_end = params.upcall_base.checked_add(params.upcall_size).ok_or(PalError::Invalid)?;
    let upcalls = UpcallStack { base: u32_of(params.upcall_base)?, size: u32_of(params.upcall_size)? };
    u32_of(upcall_end)?;
    if upcalls.size != 0 {
        put(frame, upcalls.top().wrapping_sub(8), &params.param.to_le_bytes())?;
    }
    let start = Box::new(ThreadStart {
        start: u32_of(params.start)?,
        param: u32_of(params.param)?,
        esp: u32_of(stack_end)?,
        upcalls,
    });
    // From now on another thread may see the order of memory accesses.
    layer.engine.set_memory_order(frontend_x86::engine::MemoryOrder::Tso);
    let mut thread = NO_HANDLE;
    let token = crate::host::park(start);
    let below = ThreadParams { param: token, ..ThreadParams::ZERO };
    let result =
        layer.pal.thread_create((&below).into(), size_of::<ThreadParams>() as u32, (&mut thread).into());
    if result.is_err() {
        drop(crate::host::unpark(token));
        return result;
    }
    put(frame, frame.slot(2), &thread.0.to_le_bytes())?;
    result
}

/// Runs a guest thread on the host thread that was made for it.
pub(crate) fn thread_main(layer: &'static Layer, start: ThreadStart) {
    let thread = Thread::new(start.upcalls, layer.options.profile);
    let window = layer.window;
    // LibOsThreadStart(start, param), with a return address that faults.
    let mut table = pal_abi::layout::UpcallTable::ZERO;
    let entry = match window.read_bytes(GuestAddr(layer.upcall_slot), table.as_bytes_mut()).1 {
        None => u32::try_from(table.thread_start).unwrap_or(0),
        Some(_) => 0,
    };
    if entry == 0 {
        layer.fatal("a thread was created before the library OS named its thread entry");
    }
    let esp = (start.esp & !15).wrapping_sub(16 + 4);
    let words = [0, start.start, start.param];
    let bytes: Vec<u8> = words.iter().flat_map(|w: &u32| w.to_le_bytes()).collect();
    if let Some(f) = window.write_bytes(GuestAddr(esp), &bytes).1 {
        layer.fatal(&format!("a new thread's stack is not there ({f:?})"));
    }
    thread.cpu.gpr[frontend_x86::state::Gpr::Esp as usize] = esp;
    thread.cpu.eip = entry;
    thread.run(layer);
}

fn exit_thread(layer: &Layer, frame: &Frame<'_>) -> Served {
    // The guest's stack is not used any more by this host thread, so the word may change now.
    let word = frame.slot(0);
    if word != 0 {
        let _ = frame.window.store32(GuestAddr(word), 0);
    }
    let _ = layer;
    Served::End
}

fn set_tls(thread: &mut Thread, frame: &Frame<'_>) -> PalResult {
    let (which, at) = (frame.slot(0), frame.slot(1));
    let index =
        which.checked_sub(tls::GDT + u32::from(FIRST_TLS_ENTRY)).ok_or(PalError::NotSupported)? as usize;
    if index >= TLS_ENTRIES {
        return Err(PalError::NotSupported);
    }
    thread.cpu.tls[index] = frame.window.load64(GuestAddr(at)).map_err(|_| PalError::Fault)?;
    Ok(Status::Ok)
}

fn create_process(layer: &Layer, frame: &Frame<'_>) -> PalResult {
    let mut params: ProcessParams = structure(frame, frame.slot(0), frame.slot(1))?;
    let window = frame.window;
    let read = |at: u64, len: u32| -> Result<Vec<u8>, PalError> {
        let mut bytes = vec![0; len as usize];
        if len != 0 && window.read_bytes(GuestAddr(u32_of(at)?), &mut bytes).1.is_some() {
            return Err(PalError::Fault);
        }
        Ok(bytes)
    };
    let address = |bytes: &[u8]| if bytes.is_empty() { 0 } else { bytes.as_ptr().expose_provenance() as u64 };
    let sized =
        |count: u32, each: u32| count.checked_mul(each).filter(|&b| b <= 1 << 20).ok_or(PalError::Invalid);
    let uri = read(params.uri, params.uri_bytes)?;
    let args = read(params.args, params.args_bytes)?;
    let env = read(params.env, params.env_bytes)?;
    let config = read(params.config, params.config_bytes)?;
    let handles = read(params.handles, sized(params.handle_count, 4)?)?;
    params.uri = address(&uri);
    params.args = address(&args);
    params.env = address(&env);
    params.config = address(&config);
    params.handles = address(&handles);
    // Ranges of the guest say nothing about the host: the child's window is its own.
    params.ranges = 0;
    params.range_count = 0;
    let (mut process, mut channel) = (NO_HANDLE, NO_HANDLE);
    let wants_channel = frame.slot(3) != 0;
    let channel_out = if wants_channel { (&mut channel).into() } else { Out::NONE };
    let result = layer.pal.process_create(
        (&params).into(),
        size_of::<ProcessParams>() as u32,
        (&mut process).into(),
        channel_out,
    )?;
    put(frame, frame.slot(2), &process.0.to_le_bytes())?;
    put(frame, frame.slot(3), &channel.0.to_le_bytes())?;
    Ok(result)
}

fn clone_process(layer: &'static Layer, thread: &Thread, frame: &Frame<'_>) -> PalResult {
    let Some(cloning) = layer.groups.cloning else { return Err(PalError::NotSupported) };
    let (flags, outs) = (frame.slot(0), [frame.slot(1), frame.slot(2), frame.slot(3)]);
    for at in outs.into_iter().filter(|&at| at != 0) {
        frame.window.probe_write(GuestAddr(at), 4).map_err(|_| PalError::Fault)?;
    }
    let (mut is_child, mut process, mut channel) = (0u32, NO_HANDLE, NO_HANDLE);
    layer.engine.before_clone();
    let held = layer.window.hold();
    let result =
        cloning.process_clone(flags, (&mut is_child).into(), (&mut process).into(), (&mut channel).into());
    drop(held);
    let child = result.is_ok() && is_child != 0;
    if child {
        layer.threads.store(1, std::sync::atomic::Ordering::Release);
        thread.signals.seen.store(false, std::sync::atomic::Ordering::Release);
        thread.signals.interrupt.store(0, std::sync::atomic::Ordering::Release);
    }
    layer.engine.after_clone(child);
    let status = result?;
    for (at, value) in outs.into_iter().zip([is_child, process.0, channel.0]) {
        put(frame, at, &value.to_le_bytes())?;
    }
    Ok(status)
}

fn word_address(layer: &Layer, at: u32) -> Result<usize, PalError> {
    if !at.is_multiple_of(4) {
        return Err(PalError::Invalid);
    }
    Ok(usize::try_from(layer.window.base.host(at)).expect("a 64-bit host"))
}

fn wait_on_word(layer: &Layer, thread: &Thread, frame: &Frame<'_>) -> PalResult {
    let Some(group) = layer.groups.word_wait else { return Err(PalError::NotSupported) };
    let word = word_address(layer, frame.slot(0))?;
    let deadline = u64::from(frame.slot(3)) << 32 | u64::from(frame.slot(2));
    interruptible(thread, || group.wait_on_word(crate::guest::word(word), frame.slot(1), deadline))
}

fn wake_word(layer: &Layer, frame: &Frame<'_>) -> PalResult {
    let Some(group) = layer.groups.word_wait else { return Err(PalError::NotSupported) };
    let word = word_address(layer, frame.slot(0))?;
    let mut woken = 0u32;
    let result = group.wake_word(crate::guest::word(word), frame.slot(1), (&mut woken).into())?;
    put(frame, frame.slot(2), &woken.to_le_bytes())?;
    Ok(result)
}
