//! Caller memory, as the calls see it: values and byte strings copied in and out.

use std::sync::Arc;

use pal_abi::arg::{In, InBytes, InOut, Out, OutBytes};
use pal_abi::{Handle, PalError};

use crate::handle::{Object, Reserved, table};
use crate::sys::copy::{self, Plain};

/// The value of an `In`.
///
/// # Errors
/// `Fault`.
pub(crate) fn read<T: Plain>(from: In<'_, T>) -> Result<T, PalError> {
    copy::read(from.addr())
}

/// The value of an `InOut`.
///
/// # Errors
/// `Fault`.
pub(crate) fn read_inout<T: Plain>(from: InOut<'_, T>) -> Result<T, PalError> {
    copy::read(from.addr())
}

/// Writes an `InOut` back.
///
/// # Errors
/// `Fault`.
pub(crate) fn write_inout<T: Plain>(to: InOut<'_, T>, value: T) -> Result<(), PalError> {
    copy::write(to.addr(), &value)
}

/// Writes a result that must be wanted.
///
/// # Errors
/// `Fault`.
pub(crate) fn write<T: Plain>(to: Out<'_, T>, value: T) -> Result<(), PalError> {
    copy::write(to.addr(), &value)
}

/// Writes a result if it is wanted.
///
/// # Errors
/// `Fault`.
pub(crate) fn write_if<T: Plain>(to: Out<'_, T>, value: T) -> Result<(), PalError> {
    if to.is_none() { Ok(()) } else { copy::write(to.addr(), &value) }
}

/// Makes sure that a result can be written, before anything is done that could not be undone. The place is zeroed.
///
/// # Errors
/// `Fault`.
pub(crate) fn probe<T: Plain + Default>(to: Out<'_, T>) -> Result<(), PalError> {
    copy::write(to.addr(), &T::default())
}

/// Copies `len` bytes in.
///
/// # Errors
/// `Fault`; `NameTooLong` above `max`.
pub(crate) fn bytes(from: InBytes<'_>, len: usize, max: usize) -> Result<Vec<u8>, PalError> {
    if len > max {
        return Err(PalError::NameTooLong);
    }
    let mut buf = vec![0; len];
    copy::read_bytes(from.addr(), &mut buf)?;
    Ok(buf)
}

/// Copies a string in.
///
/// # Errors
/// `Fault`; `Invalid` where it holds a zero byte; `NameTooLong` above `max`.
pub(crate) fn name(from: InBytes<'_>, len: usize, max: usize) -> Result<Vec<u8>, PalError> {
    let bytes = bytes(from, len, max)?;
    if bytes.contains(&0) { Err(PalError::Invalid) } else { Ok(bytes) }
}

/// Copies a result out into a buffer of capacity `cap` and tells its length in `len`.
///
/// # Errors
/// `BufferTooSmall` (with `len` telling what is needed), `Fault`.
pub(crate) fn give(text: &[u8], buf: OutBytes<'_>, cap: usize, len: Out<'_, u32>) -> Result<(), PalError> {
    write_if(len, u32::try_from(text.len()).map_err(|_| PalError::TooBig)?)?;
    if text.len() > cap {
        return Err(PalError::BufferTooSmall);
    }
    copy::write_bytes(buf.addr(), text)
}

/// A buffer in caller memory: where the kernel itself reads or writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    /// Its address.
    pub(crate) addr: usize,
    /// Its bytes.
    pub(crate) len: usize,
}

impl Buffer {
    /// A buffer the caller gave to read from.
    pub(crate) fn input(buf: InBytes<'_>, len: usize) -> Self {
        Self { addr: buf.addr(), len }
    }

    /// A buffer the caller gave to write to.
    pub(crate) fn output(buf: OutBytes<'_>, len: usize) -> Self {
        Self { addr: buf.addr(), len }
    }
}

/// Where the handle of an object goes that is about to be made: there is room for it, and it can be told.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    to: Out<'a, Handle>,
    reserved: Reserved,
}

/// Makes sure of a place, before anything is done that could not be undone.
///
/// # Errors
/// `Fault`, `TooMany`.
pub(crate) fn place(to: Out<'_, Handle>) -> Result<Place<'_>, PalError> {
    probe(to)?;
    Ok(Place { to, reserved: table().reserve()? })
}

impl Place<'_> {
    /// Tells the object's handle, or drops the object where it can be told no more.
    ///
    /// # Errors
    /// `Fault`.
    pub(crate) fn give(self, object: Arc<dyn Object>) -> Result<(), PalError> {
        let handle = self.reserved.fill(object);
        tell(self.to, handle)
    }
}

fn tell(to: Out<'_, Handle>, handle: Handle) -> Result<(), PalError> {
    write(to, handle).inspect_err(|_| {
        // The handle was never told: dropping it cannot fail.
        let _ = table().close(handle);
    })
}

/// Gives a new object's handle to the caller, or drops the object where it cannot be told.
///
/// # Errors
/// `Fault`, `TooMany`.
pub(crate) fn give_object(to: Out<'_, Handle>, object: Arc<dyn Object>) -> Result<(), PalError> {
    tell(to, table().insert(object)?)
}
