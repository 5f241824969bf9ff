//! The handle table: numbers above, counted references to typed objects below.
//!
//! A handle is a slot number and the slot's generation, so a stale handle is `BadHandle`, not another object. It
//! never is, or reveals, a host address or descriptor. Objects are known by their Rust type: asking for another
//! type is `WrongType`.

use std::any::Any;
use std::fmt::Debug;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, RwLock, RwLockWriteGuard};

use pal_abi::{Handle, PalError};

/// How an object says that it is signalled.
#[derive(Debug)]
pub(crate) enum WaitSource<'a> {
    /// It cannot be waited for.
    None,
    /// It always is.
    Ready,
    /// When a descriptor has one of these events (`libc::POLL*`).
    Poll(BorrowedFd<'a>, i16),
}

/// What a handle can refer to.
pub(crate) trait Object: Any + Send + Sync + Debug {
    /// How to wait for it.
    fn wait_source(&self) -> WaitSource<'_> {
        WaitSource::None
    }

    /// After its source was found ready: takes what a wait consumes. `false`: somebody else was faster.
    fn consume(&self) -> bool {
        true
    }

    /// What another process needs to have the object too: a description and descriptors (see `process`).
    ///
    /// # Errors
    /// `NotSupported` for objects that stay in their process.
    fn export(&self) -> Result<Export, PalError> {
        Err(PalError::NotSupported)
    }

    /// Called in the child of `ProcessClone`, while no other thread exists.
    fn after_clone(&self) {}

    /// Called there when every object has come to rest behind its own descriptors.
    fn after_clones(&self) {}
}

/// An object on its way to another process. `tag` selects the import function, `data` is the type's own record.
#[derive(Debug)]
pub(crate) struct Export {
    /// Of [`crate::export`].
    pub(crate) tag: u32,
    /// The type's own record.
    pub(crate) data: Vec<u8>,
    /// Its descriptors, duplicated.
    pub(crate) fds: Vec<OwnedFd>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// References by handle, and the object; `None` while free.
    entry: Option<(u32, Arc<dyn Object>)>,
}

#[derive(Debug)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    limit: usize,
}

/// The table of a process.
#[derive(Debug)]
pub(crate) struct HandleTable(RwLock<Slots>);

const INDEX_BITS: u32 = 20;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: u32 = (1 << (32 - INDEX_BITS)) - 1;
/// References one handle can have.
const REFERENCES_MAX: u32 = 1 << 30;
/// Handles a process can have.
const LIMIT: usize = 1 << 18;

static TABLE: HandleTable = HandleTable::new();

/// The table of this process.
pub(crate) fn table() -> &'static HandleTable {
    &TABLE
}

impl HandleTable {
    const fn new() -> Self {
        Self(RwLock::new(Slots { slots: Vec::new(), free: Vec::new(), limit: LIMIT }))
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Slots> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A handle with one reference to `object`.
    ///
    /// # Errors
    /// `TooMany`.
    pub(crate) fn insert(&self, object: Arc<dyn Object>) -> Result<Handle, PalError> {
        let mut slots = self.lock();
        let index = match slots.free.pop() {
            Some(index) => index,
            None if slots.slots.len() >= slots.limit => return Err(PalError::TooMany),
            None => {
                slots.slots.push(Slot { generation: 1, entry: None });
                u32::try_from(slots.slots.len() - 1).map_err(|_| PalError::TooMany)?
            }
        };
        let slot = slots.slots.get_mut(index as usize).ok_or(PalError::TooMany)?;
        slot.entry = Some((1, object));
        Ok(Handle(slot.generation << INDEX_BITS | index))
    }

    /// A handle for an object that is yet to be made.
    ///
    /// # Errors
    /// `TooMany`.
    pub(crate) fn reserve(&'static self) -> Result<Reserved, PalError> {
        self.insert(Arc::new(Nothing)).map(|handle| Reserved { table: self, handle })
    }

    /// The object behind a handle.
    ///
    /// # Errors
    /// `BadHandle`.
    pub(crate) fn object(&self, handle: Handle) -> Result<Arc<dyn Object>, PalError> {
        let slots = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let slot = slots.slots.get((handle.0 & INDEX_MASK) as usize).ok_or(PalError::BadHandle)?;
        match &slot.entry {
            Some((_, object)) if slot.generation == handle.0 >> INDEX_BITS => Ok(Arc::clone(object)),
            _ => Err(PalError::BadHandle),
        }
    }

    /// The object behind a handle, if it is of that type.
    ///
    /// # Errors
    /// `BadHandle`, `WrongType`.
    pub(crate) fn get<T: Object>(&self, handle: Handle) -> Result<Arc<T>, PalError> {
        let object: Arc<dyn Any + Send + Sync> = self.object(handle)?;
        object.downcast().map_err(|_| PalError::WrongType)
    }

    /// Adds a reference.
    ///
    /// # Errors
    /// `BadHandle`, `TooMany`.
    pub(crate) fn reference(&self, handle: Handle) -> Result<(), PalError> {
        let mut slots = self.lock();
        let (count, _) = slots.entry(handle)?;
        if *count >= REFERENCES_MAX {
            return Err(PalError::TooMany);
        }
        *count += 1;
        Ok(())
    }

    /// Drops a reference, and with the last one the handle. Operations in progress keep the object alive.
    ///
    /// # Errors
    /// `BadHandle`.
    pub(crate) fn close(&self, handle: Handle) -> Result<(), PalError> {
        let object = {
            let mut slots = self.lock();
            let (count, _) = slots.entry(handle)?;
            *count -= 1;
            if *count > 0 {
                return Ok(());
            }
            let index = handle.0 & INDEX_MASK;
            let slot = slots.slots.get_mut(index as usize).ok_or(PalError::BadHandle)?;
            slot.generation = (slot.generation + 1) & GENERATION_MASK;
            if slot.generation == 0 {
                slot.generation = 1;
            }
            let object = slot.entry.take();
            slots.free.push(index);
            object
        };
        drop(object); // outside the lock: an object may own handles
        Ok(())
    }

    /// Every object, for `ProcessClone`.
    pub(crate) fn objects(&self) -> Vec<Arc<dyn Object>> {
        let slots = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        slots.slots.iter().filter_map(|s| s.entry.as_ref().map(|(_, o)| Arc::clone(o))).collect()
    }
}

impl Slots {
    fn entry(&mut self, handle: Handle) -> Result<&mut (u32, Arc<dyn Object>), PalError> {
        let slot = self.slots.get_mut((handle.0 & INDEX_MASK) as usize).ok_or(PalError::BadHandle)?;
        if slot.generation != handle.0 >> INDEX_BITS {
            return Err(PalError::BadHandle);
        }
        slot.entry.as_mut().ok_or(PalError::BadHandle)
    }
}

/// What a reserved handle refers to.
#[derive(Debug)]
struct Nothing;

impl Object for Nothing {}

/// A handle that no object has yet: what cannot be undone is begun only where there is room for it.
#[derive(Debug)]
pub(crate) struct Reserved {
    table: &'static HandleTable,
    handle: Handle,
}

impl Reserved {
    /// Gives it to an object.
    pub(crate) fn fill(self, object: Arc<dyn Object>) -> Handle {
        // Whoever guessed the handle and closed it meanwhile has lost the object.
        if let Ok((_, slot)) = self.table.lock().entry(self.handle) {
            *slot = object;
        }
        let handle = self.handle;
        core::mem::forget(self);
        handle
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // As above: it may be closed already.
        let _ = self.table.close(self.handle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Thing;
    impl Object for Thing {}
    #[derive(Debug)]
    struct Other;
    impl Object for Other {}

    #[test]
    fn a_handle_knows_its_type_and_dies_with_its_last_reference() {
        let table = HandleTable::new();
        let handle = table.insert(Arc::new(Thing)).unwrap();
        assert!(table.get::<Thing>(handle).is_ok());
        assert_eq!(table.get::<Other>(handle).err(), Some(PalError::WrongType));
        table.reference(handle).unwrap();
        table.close(handle).unwrap();
        assert!(table.object(handle).is_ok());
        table.close(handle).unwrap();
        assert_eq!(table.object(handle).err(), Some(PalError::BadHandle));
        assert_eq!(table.close(handle), Err(PalError::BadHandle));
    }

    #[test]
    fn a_reused_slot_has_another_handle() {
        let table = HandleTable::new();
        let first = table.insert(Arc::new(Thing)).unwrap();
        table.close(first).unwrap();
        let second = table.insert(Arc::new(Other)).unwrap();
        assert_ne!(first, second);
        assert_eq!(table.object(first).err(), Some(PalError::BadHandle));
        assert_eq!(table.object(Handle::NONE).err(), Some(PalError::BadHandle));
    }
}
