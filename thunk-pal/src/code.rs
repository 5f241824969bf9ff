//! Memory for translated code, had through downcalls: an anonymous stream, mapped writable and executable. The two places
//! are reservations, so that another stream can take the place of a part.

use pal_abi::flags::{access, alloc, free, map, prot};
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
    /// Reservations of `bytes` bytes, or 0 while there is none.
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
        let mut mapping = CodeMapping { pal: self.pal, writable: 0, executable: 0, bytes };
        for place in [&mut mapping.writable, &mut mapping.executable] {
            let mut size = bytes;
            self.pal.virtual_memory_allocate(place.into(), (&mut size).into(), alloc::RESERVE, prot::NONE)?;
        }
        mapping.fill(0)?;
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

    /// Puts a new zeroed object behind the bytes from `from` on, a multiple of the page.
    ///
    /// # Errors
    /// What the layer below says; the bytes from `from` on may then be inaccessible.
    pub fn renew(&self, from: usize) -> Result<(), PalError> {
        for at in [self.writable, self.executable] {
            self.pal.stream_unmap(at + from, self.bytes - from)?;
        }
        self.fill(from)
    }

    /// Maps an object over the reserved bytes from `from` on.
    fn fill(&self, from: usize) -> Result<(), PalError> {
        let bytes = self.bytes - from;
        let uri = format!("anon:{bytes}");
        let mut stream = Handle::NONE;
        let all = access::READ | access::WRITE | access::EXECUTE;
        self.pal.stream_open(uri.as_str().into(), uri.len(), all, 0, 0, (&mut stream).into())?;
        let place = |at: usize, protection| {
            let mut at = at + from;
            self.pal.stream_map(stream, (&mut at).into(), bytes, 0, protection, map::SHARED)
        };
        let mapped = place(self.writable, prot::READ | prot::WRITE)
            .and_then(|_| place(self.executable, prot::READ | prot::EXECUTE));
        // The mappings keep the object.
        self.pal.object_close(stream)?;
        mapped.map(|_| ())
    }
}

impl Drop for CodeMapping {
    fn drop(&mut self) {
        for at in [self.writable, self.executable] {
            if at != 0 {
                let _ = self.pal.virtual_memory_free(at, self.bytes, free::RELEASE);
            }
        }
    }
}
