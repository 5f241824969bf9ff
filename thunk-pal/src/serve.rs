//! Downcalls of the guest: from a gate to the call below, and back into EAX.
//!
//! Most calls are made by the table alone: lift each parameter by its kind, call, write back. The few that change
//! the window, threads or processes are in `special.rs`.

use crate::kinds::{Frame, Thunk};
use crate::layer::{Layer, print};
use crate::special;
use crate::thread::Thread;
use crate::upcall;
use frontend_x86::engine::Exception as Cpu;
use frontend_x86::state::Gpr;
use pal_abi::info::call;
use pal_abi::kind::{Handle, I32, In, InBytes, InOut, Len, Out, OutBytes, U32, U64, Uptr, Wire};
use pal_abi::{
    Attr, CallInfo, Cloning, Family, FsInfo, HandlePassing, IoResult, LockRange, Nodes, Pal, PalError,
    PalResult, ProcessParams, SocketMessage, Sockets, ThreadParams, WordWait, encode,
};
use std::sync::atomic::Ordering;

/// What becomes of the thread after a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum After {
    /// It goes on.
    Continue,
    /// It has ended.
    End,
}

/// Serves the gate that the thread has just passed.
pub(crate) fn gate(layer: &'static Layer, thread: &mut Thread, number: u16) -> After {
    if number == upcall::RETURN_GATE {
        upcall::resume(layer, thread);
        return After::Continue;
    }
    let Some(info) = call(u32::from(number)) else {
        // A gate opcode that no table names is what its bytes are on a processor: undefined.
        thread.cpu.eip = thread.cpu.eip.wrapping_sub(4);
        upcall::exception(layer, thread, Cpu::InvalidOpcode);
        return After::Continue;
    };
    let result =
        match Frame::read(layer.window, thread.cpu.gpr[Gpr::Esp as usize].wrapping_add(4), info.slots32()) {
            Err(error) => Err(error),
            Ok(frame) => match special::serve(layer, thread, info, &frame) {
                Some(special::Served::End) => return After::End,
                Some(special::Served::Result(result)) => result,
                None => interruptible(thread, || generic(layer, info.number, &frame)),
            },
        };
    trace(layer, thread, info, result);
    thread.cpu.gpr[Gpr::Eax as usize] = encode(result).cast_unsigned();
    After::Continue
}

/// Makes a call that an interrupt may end. One that came before the call is pending in the layer below, or will be
/// dispatched on the way back to the application.
pub(crate) fn interruptible(thread: &Thread, call: impl FnOnce() -> PalResult) -> PalResult {
    let result = call();
    if result == Err(PalError::Interrupted) {
        thread.signals.seen.store(false, Ordering::Release);
    }
    result
}

fn trace(layer: &Layer, thread: &Thread, info: &CallInfo, result: PalResult) {
    if !layer.options.trace_calls || info.name == "DebugStringPrint" {
        return;
    }
    let esp = thread.cpu.gpr[Gpr::Esp as usize];
    let mut slot = 0;
    let mut text = format!("[{}(", info.name);
    if let Ok(frame) = Frame::read(layer.window, esp.wrapping_add(4), info.slots32()) {
        for (n, p) in info.params.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let value = frame.slots()[slot];
            text += &match p.slots32 {
                2 => format!(
                    "{comma}{}={:#x}",
                    p.name,
                    u64::from(frame.slots()[slot + 1]) << 32 | u64::from(value)
                ),
                _ => format!("{comma}{}={value:#x}", p.name),
            };
            slot += p.slots32;
        }
    }
    let outcome = match result {
        Ok(status) => status.name(),
        Err(error) => error.name(),
    };
    print(layer.pal, &format!("{text}) = {outcome}]\n"));
}

/// One call by its row: the parameters are lifted in order, the call is made below, results are written back.
macro_rules! row {
    ($below:expr, $frame:expr, $name:ident($($arg:ident: $kind:ty),*)) => {{
        let slot = 0;
        $(
            let $arg = slot;
            let slot = slot + <$kind as Wire>::SLOTS32;
        )*
        let _ = slot;
        row!(@call $below, $frame, $name [$($arg: $kind),*])
    }};
    (@call $below:expr, $frame:expr, $name:ident [$($arg:ident: $kind:ty),*]) => {{
        // Shadowing keeps the slot number in a tuple beside the lifted value.
        $(let mut $arg = ($arg, <$kind as Thunk>::lift($frame, $arg)?);)*
        let result = $below.$name($(<$kind as Thunk>::pass(&mut $arg.1)),*);
        $(<$kind as Thunk>::lower(&$arg.1, $frame, $arg.0)?;)*
        result
    }};
}

macro_rules! core_calls {
    ($($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
        fails($($error:ident),* $(,)?);)*) => {
        fn core(layer: &Layer, number: u32, frame: &Frame<'_>) -> Option<PalResult> {
            Some((|| -> PalResult { match number {
                $($number => row!(layer.pal, frame, $name($($arg: $kind),*)),)*
                _ => Err(PalError::NotSupported),
            } })())
            .filter(|_| number <= pal_abi::table::COUNT)
        }
    };
}
pal_abi::for_each_pal_call!(core_calls);

macro_rules! optional_calls {
    ($($(#[doc = $gdoc:literal])* group $Trait:ident $Table:ident ($gname:literal, $version:literal) {
        $($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
            fails($($error:ident),* $(,)?);)*
    })*) => {
        fn optional(layer: &Layer, number: u32, frame: &Frame<'_>) -> PalResult {
            match number {
                $($($number => match <pal_abi::$Table as GroupOf>::of(layer) {
                    Some(group) => row!(group, frame, $name($($arg: $kind),*)),
                    None => Err(PalError::NotSupported),
                },)*)*
                _ => Err(PalError::NotSupported),
            }
        }
    };
}
pal_abi::for_each_optional_call!(optional_calls);

/// Finds a group's table among those that the layer below offers.
trait GroupOf: Sized {
    fn of(layer: &Layer) -> Option<&'static Self>;
}

macro_rules! groups {
    ($($table:ident => $field:ident;)*) => { $(
        impl GroupOf for pal_abi::$table {
            fn of(layer: &Layer) -> Option<&'static Self> { layer.groups.$field }
        }
    )* };
}
groups! {
    WordWaitTable => word_wait;
    HandlePassingTable => handle_passing;
    CloningTable => cloning;
    NodesTable => nodes;
    FamilyTable => family;
    SocketsTable => sockets;
}

/// Makes a call as its row says. A buffer whose pages another thread began to execute meanwhile is not writable for the
/// host at that moment: such a call is made again.
fn generic(layer: &Layer, number: u32, frame: &Frame<'_>) -> PalResult {
    for _ in 0..8 {
        let result = core(layer, number, frame).unwrap_or_else(|| optional(layer, number, frame));
        if result != Err(PalError::Fault) || !special::output_is_watched(layer, number, frame) {
            return result;
        }
    }
    Err(PalError::Fault)
}
