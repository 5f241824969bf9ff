//! `null:` — the stream at whose end one always is.

use std::sync::Arc;

use pal_abi::PalError;
use pal_abi::flags::node;

use super::{Ops, Stream, Transfer};
use crate::handle::{Export, WaitSource};
use crate::user::Buffer;

#[derive(Debug)]
pub(crate) struct Null;

/// Opens `null:`.
///
/// # Errors
/// `Invalid` where something follows the colon.
pub(crate) fn open(rest: &[u8], wanted: u32, options: u32) -> Result<Arc<Stream>, PalError> {
    if rest.is_empty() {
        Ok(Stream::new(Null, super::node::stream_flags(wanted, options)))
    } else {
        Err(PalError::Invalid)
    }
}

impl Ops for Null {
    fn kind(&self) -> u32 {
        node::CHARACTER
    }

    fn read(&self, _: u64, _: Buffer, _: bool) -> Result<Transfer, PalError> {
        Ok(Transfer::END)
    }

    fn write(&self, _: u64, buf: Buffer, _: bool) -> Result<Transfer, PalError> {
        Ok(Transfer::of(buf.len))
    }

    fn never_blocks(&self) -> bool {
        true
    }

    fn event_source(&self, which: u32) -> WaitSource<'_> {
        super::always_ready(which)
    }

    fn uri(&self) -> Result<Vec<u8>, PalError> {
        Ok(b"null:".to_vec())
    }

    fn export(&self) -> Result<Export, PalError> {
        Ok(Export { tag: crate::export::NULL, data: Vec::new(), fds: Vec::new() })
    }
}
