//! Anonymous memory that a fork shares: a stream of the layer below.

use alloc::format;

use pal_abi::flags::access;

use crate::error::Errno;
use crate::pal::{self, Owned};

/// A stream of zeroes, to be mapped.
#[derive(Debug)]
pub struct SharedMemory {
    /// The stream.
    pub handle: Owned,
}

impl SharedMemory {
    /// So many bytes.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(size: u32) -> Result<Self, Errno> {
        let uri = format!("anon:{size}");
        let rights = access::READ | access::WRITE | access::EXECUTE;
        let handle = pal::open(uri.as_bytes(), rights, 0).map_err(|_| Errno::ENOMEM)?;
        Ok(Self { handle })
    }
}
