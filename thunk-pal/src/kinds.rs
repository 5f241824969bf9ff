//! The kinds of parameter in 32 bits: how each is lifted from the guest's stack, passed below, and written back.
//!
//! All checking of guest pointers sits here. Values of fixed size are bounced through a local, so the layer below never
//! sees where the guest keeps them; buffers are passed in place, because the window is the layer below's own memory.

use crate::window::Window;
use frontend_x86::memory::{GuestAddr, GuestMemory};
use pal_abi::kind::{Datum, Handle, I32, In, InBytes, InOut, Len, Out, OutBytes, U32, U64, Uptr, Wire};
use pal_abi::{PalError, arg};

/// The 32-bit stack slots of one call.
#[derive(Debug)]
pub(crate) struct Frame<'w> {
    pub(crate) window: &'w Window,
    slots: [u32; 8],
}

impl<'w> Frame<'w> {
    /// Reads `count` slots of a call's parameters from the guest stack at `at`.
    pub(crate) fn read(window: &'w Window, at: u32, count: usize) -> Result<Self, PalError> {
        let mut slots = [0; 8];
        for (n, slot) in slots.iter_mut().take(count).enumerate() {
            let place = GuestAddr(at).wrapping_add(4 * n as u32);
            *slot = window.load32(place).map_err(|_| PalError::Fault)?;
        }
        Ok(Self { window, slots })
    }

    /// Slot `n` as it is.
    pub(crate) fn slot(&self, n: usize) -> u32 {
        self.slots[n]
    }

    pub(crate) fn slots(&self) -> &[u32; 8] {
        &self.slots
    }
}

/// A kind of parameter on the 32-bit side.
pub(crate) trait Thunk: Wire {
    /// What lives across the call.
    type Local;
    /// Reads and checks the parameter at slot `n`.
    fn lift(frame: &Frame<'_>, n: usize) -> Result<Self::Local, PalError>;
    /// The parameter for the layer below.
    fn pass(local: &mut Self::Local) -> Self::Host<'_>;
    /// Writes results back.
    fn lower(_local: &Self::Local, _frame: &Frame<'_>, _n: usize) -> Result<(), PalError> {
        Ok(())
    }
}

macro_rules! scalar {
    ($($kind:ident: $local:ty = |$slot:ident, $next:ident| $value:expr;)*) => { $(
        impl Thunk for $kind {
            type Local = $local;
            fn lift(frame: &Frame<'_>, n: usize) -> Result<$local, PalError> {
                let $slot = frame.slot(n);
                let $next = || frame.slot(n + 1);
                let _ = &$next;
                Ok($value)
            }
            fn pass(local: &mut $local) -> $local { *local }
        }
    )* };
}

scalar! {
    U32: u32 = |slot, next| slot;
    I32: i32 = |slot, next| slot.cast_signed();
    U64: u64 = |slot, next| u64::from(next()) << 32 | u64::from(slot);
    Uptr: usize = |slot, next| slot as usize;
    Len: usize = |slot, next| slot as usize;
    Handle: Handle = |slot, next| Handle(slot);
}

/// A datum in guest memory: the bytes at its 32-bit width and the value at ours.
pub(crate) trait GuestDatum: Datum {
    /// The value of `BYTES32` bytes.
    fn from_guest(bytes: &[u8]) -> Self::Value;
    /// Fills in the `BYTES32` bytes of a value.
    fn to_guest(value: &Self::Value, bytes: &mut [u8]) -> Result<(), PalError>;
}

macro_rules! int_datum {
    ($($kind:ident: $ty:ty;)*) => { $(
        impl GuestDatum for $kind {
            fn from_guest(bytes: &[u8]) -> $ty {
                <$ty>::from_le_bytes(bytes.try_into().expect("BYTES32 bytes"))
            }
            fn to_guest(value: &$ty, bytes: &mut [u8]) -> Result<(), PalError> {
                bytes.copy_from_slice(&value.to_le_bytes());
                Ok(())
            }
        }
    )* };
}
int_datum! { U32: u32; I32: i32; U64: u64; }

impl GuestDatum for Uptr {
    fn from_guest(bytes: &[u8]) -> usize {
        U32::from_guest(bytes) as usize
    }
    fn to_guest(value: &usize, bytes: &mut [u8]) -> Result<(), PalError> {
        let value = u32::try_from(*value).map_err(|_| PalError::Invalid)?;
        U32::to_guest(&value, bytes)
    }
}

impl GuestDatum for Handle {
    fn from_guest(bytes: &[u8]) -> Self {
        Self(U32::from_guest(bytes))
    }
    fn to_guest(value: &Self, bytes: &mut [u8]) -> Result<(), PalError> {
        U32::to_guest(&value.0, bytes)
    }
}

macro_rules! layout_datum {
    ($($ty:ident)*) => { $(
        impl GuestDatum for pal_abi::$ty {
            fn from_guest(bytes: &[u8]) -> Self {
                <Self as pal_abi::Layout>::read_from(bytes).expect("BYTES32 bytes")
            }
            fn to_guest(value: &Self, bytes: &mut [u8]) -> Result<(), PalError> {
                bytes.copy_from_slice(pal_abi::Layout::as_bytes(value));
                Ok(())
            }
        }
        const _: () = assert!(size_of::<pal_abi::$ty>() <= LARGEST);
    )* };
}
layout_datum! { Attr FsInfo IoResult LockRange ProcessParams SocketMessage ThreadParams }

/// Bytes of the largest datum.
const LARGEST: usize = 280;

/// A value of fixed size in guest memory, bounced.
#[derive(Debug)]
pub(crate) struct Bounce<V> {
    at: u32,
    before: [u8; LARGEST],
    value: Option<V>,
}

impl<V> Bounce<V> {
    fn lift<T: GuestDatum<Value = V>>(frame: &Frame<'_>, n: usize, writes: bool) -> Result<Self, PalError> {
        let at = frame.slot(n);
        let mut before = [0; LARGEST];
        if at == 0 {
            return Ok(Self { at, before, value: None });
        }
        let bytes = &mut before[..T::BYTES32];
        if frame.window.read_bytes(GuestAddr(at), bytes).1.is_some() {
            return Err(PalError::Fault);
        }
        let value = Some(T::from_guest(bytes));
        if writes {
            frame.window.probe_write(GuestAddr(at), T::BYTES32 as u32).map_err(|_| PalError::Fault)?;
        }
        Ok(Self { at, before, value })
    }

    fn lower<T: GuestDatum<Value = V>>(&self, frame: &Frame<'_>) -> Result<(), PalError> {
        let Some(value) = &self.value else { return Ok(()) };
        let mut after = [0; LARGEST];
        let after = &mut after[..T::BYTES32];
        T::to_guest(value, after)?;
        if *after == self.before[..T::BYTES32] {
            return Ok(());
        }
        match frame.window.write_bytes(GuestAddr(self.at), after).1 {
            None => Ok(()),
            Some(_) => Err(PalError::Fault),
        }
    }
}

impl<T: GuestDatum> Thunk for In<T> {
    type Local = Bounce<T::Value>;
    fn lift(frame: &Frame<'_>, n: usize) -> Result<Self::Local, PalError> {
        Bounce::lift::<T>(frame, n, false)
    }
    fn pass(local: &mut Self::Local) -> arg::In<'_, T::Value> {
        local.value.as_ref().map_or(arg::In::NONE, Into::into)
    }
}

impl<T: GuestDatum> Thunk for Out<T> {
    type Local = Bounce<T::Value>;
    fn lift(frame: &Frame<'_>, n: usize) -> Result<Self::Local, PalError> {
        Bounce::lift::<T>(frame, n, true)
    }
    fn pass(local: &mut Self::Local) -> arg::Out<'_, T::Value> {
        local.value.as_mut().map_or(arg::Out::NONE, Into::into)
    }
    fn lower(local: &Self::Local, frame: &Frame<'_>, _n: usize) -> Result<(), PalError> {
        local.lower::<T>(frame)
    }
}

impl<T: GuestDatum> Thunk for InOut<T> {
    type Local = Bounce<T::Value>;
    fn lift(frame: &Frame<'_>, n: usize) -> Result<Self::Local, PalError> {
        Bounce::lift::<T>(frame, n, true)
    }
    fn pass(local: &mut Self::Local) -> arg::InOut<'_, T::Value> {
        local.value.as_mut().map_or(arg::InOut::NONE, Into::into)
    }
    fn lower(local: &Self::Local, frame: &Frame<'_>, _n: usize) -> Result<(), PalError> {
        local.lower::<T>(frame)
    }
}

/// A buffer of the guest, checked to lie within its 4 GiB; whether it is mapped, the access itself tells.
fn buffer(frame: &Frame<'_>, n: usize) -> Result<(u32, u32), PalError> {
    let (at, len) = (frame.slot(n), frame.slot(n + 1));
    at.checked_add(len).map(|_| (at, len)).ok_or(PalError::Fault)
}

fn host_address(frame: &Frame<'_>, at: u32) -> usize {
    usize::try_from(frame.window.base.host(at)).expect("a 64-bit host")
}

impl Thunk for InBytes {
    type Local = usize;
    fn lift(frame: &Frame<'_>, n: usize) -> Result<usize, PalError> {
        let (at, len) = buffer(frame, n)?;
        Ok(if at == 0 && len == 0 { 0 } else { host_address(frame, at) })
    }
    fn pass(local: &mut usize) -> arg::InBytes<'_> {
        crate::guest::in_bytes(*local)
    }
}

impl Thunk for OutBytes {
    type Local = usize;
    fn lift(frame: &Frame<'_>, n: usize) -> Result<usize, PalError> {
        let (at, len) = buffer(frame, n)?;
        // The host writes there itself: translations of those pages must go first.
        frame.window.prepare_host_write(at, len);
        Ok(if at == 0 && len == 0 { 0 } else { host_address(frame, at) })
    }
    fn pass(local: &mut usize) -> arg::OutBytes<'_> {
        crate::guest::out_bytes(*local)
    }
}
