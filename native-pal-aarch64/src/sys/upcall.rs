//! The calls upward: into the code a layer registered.
//!
//! The layer above is trusted code of this process (it got the table and runs); its `UpcallTable` names functions of
//! the types in `pal_abi::table`.

use pal_abi::{
    ContextHeader, Exception, LibOsExceptionDispatch, LibOsInitialize, LibOsThreadStart, Startup, UpcallTable,
};

use crate::arch::Context;

/// `LibOsInitialize`.
pub(crate) fn initialize(entry: LibOsInitialize, startup: &mut Startup) {
    // SAFETY: the entry takes the address of a start-up block, which lives as long as the process.
    unsafe { entry(startup) };
}

/// `LibOsThreadStart`.
pub(crate) fn thread_start(table: &UpcallTable, start: usize, param: usize) {
    let Ok(addr) = usize::try_from(table.thread_start) else { return };
    let entry: *const () = core::ptr::with_exposed_provenance(addr);
    // SAFETY: the layer registered a function of this type (module head).
    let entry: LibOsThreadStart = unsafe { core::mem::transmute(entry) };
    // SAFETY: the parameters are the layer's own.
    unsafe { entry(start, param) };
}

/// `LibOsExceptionDispatch`.
pub(crate) fn exception_dispatch(table: &UpcallTable, what: &mut Exception, context: &mut Context) {
    let Ok(addr) = usize::try_from(table.exception_dispatch) else { return };
    let entry: *const () = core::ptr::with_exposed_provenance(addr);
    // SAFETY: the layer registered a function of this type (module head).
    let entry: LibOsExceptionDispatch = unsafe { core::mem::transmute(entry) };
    let context: *mut ContextHeader = core::ptr::from_mut(context).cast();
    // SAFETY: both structures live until the call returns, and the context begins with its header.
    unsafe { entry(what, context) };
}
