//! Nodes under watch.

use pal_abi::arg::Out;
use pal_abi::flags::watch as flags;
use pal_abi::{Handle, PalError, PalResult, Status};

use super::stream;
use crate::handle::table;
use crate::stream::{Stream, watch as instances};
use crate::user;

/// What a mask may have of `flags::watch`.
const KNOWN: u32 = ALL_EVENTS
    | flags::ONLY_DIRECTORY
    | flags::EXCLUDE_UNLINKED
    | flags::MASK_CREATE
    | flags::MASK_ADD
    | flags::ONE_SHOT;
/// All that can be asked for.
const ALL_EVENTS: u32 = 0xfff;

/// `Watch`.
pub(crate) fn watch(watches: Handle, object: Handle, mask: u32, number: Out<'_, u32>) -> PalResult {
    let watches = table().get::<Stream>(watches)?;
    let object = stream(object)?;
    if mask == 0 || mask & !KNOWN != 0 {
        return Err(PalError::Invalid);
    }
    let node = object.ops.node()?;
    let instance = watches.ops.watches()?;
    user::probe(number)?;
    user::write(number, instances::add(instance, node.fd, mask)?)?;
    Ok(Status::Ok)
}
