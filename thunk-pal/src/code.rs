//! Memory for translated code, had through downcalls: one anonymous stream, mapped writable and executable at two places.

use pal_abi::flags::{access, map, prot};
use pal_abi::{Handle, Pal, PalError, PalTable};

/// Gives out code memory of the layer below.
#[derive(Clone, Copy, Debug)]
pub struct CodeSource {
    pal: &'static PalTable,
}

/// One object at two addresses, for as long as the value lives.
#[derive(Debug)]
pub struct CodeMapping {
    pal: &'static PalTable,
    stream: Handle,
    writable: usize,
    executable: usize,
    bytes: usize,
}

impl CodeSource {
    pub(crate) fn new(pal: &'static PalTable) -> Self {
        Self { pal }
    }

    /// Maps a new zeroed object.
    ///
    /// # Errors
    /// What the layer below says of opening or mapping it.
    pub fn map(&self, bytes: usize) -> Result<CodeMapping, PalError> {
        let uri = format!("anon:{bytes}");
        let mut mapping =
            CodeMapping { pal: self.pal, stream: Handle::NONE, writable: 0, executable: 0, bytes };
        let all = access::READ | access::WRITE | access::EXECUTE;
        self.pal.stream_open(uri.as_str().into(), uri.len(), all, 0, 0, (&mut mapping.stream).into())?;
        let stream = mapping.stream;
        let place = |at: &mut usize, protection| {
            self.pal.stream_map(stream, at.into(), bytes, 0, protection, map::SHARED)
        };
        place(&mut mapping.writable, prot::READ | prot::WRITE)?;
        place(&mut mapping.executable, prot::READ | prot::EXECUTE)?;
        Ok(mapping)
    }
}

impl CodeMapping {
    /// Address at which it is readable and writable.
    #[must_use]
    pub fn writable(&self) -> usize {
        self.writable
    }
    /// Address at which it is readable and executable.
    #[must_use]
    pub fn executable(&self) -> usize {
        self.executable
    }
    /// Its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for CodeMapping {
    fn drop(&mut self) {
        for at in [self.writable, self.executable] {
            if at != 0 {
                let _ = self.pal.stream_unmap(at, self.bytes);
            }
        }
        if self.stream != Handle::NONE {
            let _ = self.pal.object_close(self.stream);
        }
    }
}
