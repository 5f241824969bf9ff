//! Waiting for objects; references to them.

use std::sync::Arc;

use pal_abi::arg::{InBytes, Out};
use pal_abi::flags::WAIT_ANY_MAX;
use pal_abi::{Handle, PalError, PalResult, Status};

use crate::handle::{Object, WaitSource, table};
use crate::{user, wait};

/// `ObjectsWaitAny`.
pub(crate) fn objects_wait_any(
    handles: InBytes<'_>,
    size: usize,
    deadline: u64,
    flags: u32,
    index: Out<'_, u32>,
) -> PalResult {
    if flags != 0 || !size.is_multiple_of(size_of::<Handle>()) {
        return Err(PalError::Invalid);
    }
    if size > WAIT_ANY_MAX * size_of::<Handle>() {
        return Err(PalError::TooMany);
    }
    let bytes = user::bytes(handles, size, usize::MAX)?;
    let mut objects: Vec<(u32, Arc<dyn Object>)> = Vec::new();
    for (at, word) in (0..).zip(bytes.as_chunks::<4>().0) {
        let handle = Handle(u32::from_ne_bytes(*word));
        if !handle.is_none() {
            objects.push((at, table().object(handle)?));
        }
    }
    if objects.iter().any(|(_, object)| matches!(object.wait_source(), WaitSource::None)) {
        return Err(PalError::WrongType);
    }
    if size != 0 {
        user::probe(index)?;
    }
    match first_signalled(&objects, deadline)? {
        Some(at) => {
            user::write(index, at)?;
            Ok(Status::Ok)
        }
        None => Ok(Status::Timeout),
    }
}

/// The index of the first signalled object, whose state is consumed; `None` at the deadline.
fn first_signalled(objects: &[(u32, Arc<dyn Object>)], deadline: u64) -> Result<Option<u32>, PalError> {
    loop {
        let mut fds = Vec::with_capacity(objects.len());
        let mut ready = Vec::with_capacity(objects.len());
        for (_, object) in objects {
            match object.wait_source() {
                WaitSource::Poll(fd, events) => {
                    fds.push(wait::pollfd(fd, events));
                    ready.push(false);
                }
                WaitSource::Ready => {
                    fds.push(libc::pollfd { fd: -1, events: 0, revents: 0 });
                    ready.push(true);
                }
                WaitSource::None => return Err(PalError::WrongType),
            }
        }
        let until = if ready.contains(&true) { 0 } else { deadline };
        let polled = wait::poll(&mut fds, until)?;
        for (((at, object), fd), ready) in objects.iter().zip(&fds).zip(&ready) {
            if (*ready || fd.revents != 0) && object.consume() {
                return Ok(Some(*at));
            }
        }
        if polled == 0 && !ready.contains(&true) {
            return Ok(None);
        }
        // Whatever was ready, others consumed first: wait again.
    }
}

/// `ObjectReference`.
pub(crate) fn object_reference(object: Handle) -> PalResult {
    table().reference(object).map(|()| Status::Ok)
}

/// `ObjectClose`.
pub(crate) fn object_close(object: Handle) -> PalResult {
    table().close(object).map(|()| Status::Ok)
}
