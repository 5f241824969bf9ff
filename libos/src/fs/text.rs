//! Open files whose text is made up: as on Linux it is made when it is read from its beginning, not when it is opened, and
//! anew at each such read. seq_file of Linux.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::pseudo::Text;
use crate::error::Errno;
use crate::sys::lock::Lock;

/// An open generated file.
pub struct TextFile {
    make: Text,
    made: Lock<Arc<Vec<u8>>>,
}

impl core::fmt::Debug for TextFile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TextFile")
    }
}

impl TextFile {
    /// One that was not read yet.
    #[must_use]
    pub fn new(make: Text) -> Self {
        Self { make, made: Lock::new(Arc::new(Vec::new())) }
    }

    /// The same file, opened once more.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::new(Arc::clone(&self.make))
    }

    /// The text as a read at an offset finds it.
    ///
    /// # Errors
    /// Those of what makes it.
    pub fn at(&self, offset: u64) -> Result<Arc<Vec<u8>>, Errno> {
        let known = Arc::clone(&self.made.lock());
        if offset != 0 && !known.is_empty() {
            return Ok(known);
        }
        // Made under no lock: it may look at anything.
        let text = Arc::new((self.make)()?);
        *self.made.lock() = Arc::clone(&text);
        Ok(text)
    }

    /// At most `len` bytes from an offset on.
    ///
    /// # Errors
    /// As [`TextFile::at`].
    pub fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, Errno> {
        let text = self.at(offset)?;
        let rest = usize::try_from(offset).ok().and_then(|from| text.get(from..)).unwrap_or(&[]);
        Ok(rest[..rest.len().min(len)].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

    #[test]
    fn a_text_is_made_anew_when_it_is_read_from_its_beginning() {
        static TIMES: AtomicU8 = AtomicU8::new(0);
        let make = || Ok(alloc::vec![b'0' + TIMES.fetch_add(1, Relaxed), b'x']);
        let file = TextFile::new(Arc::new(make));
        assert_eq!(file.read(0, 1), Ok(b"0".to_vec()));
        assert_eq!(file.read(1, 5), Ok(b"x".to_vec()));
        assert_eq!(file.read(0, 9), Ok(b"1x".to_vec()));
        assert_eq!(file.read(2, 9), Ok(Vec::new()));
        assert_eq!(file.again().read(0, 9), Ok(b"2x".to_vec()));
    }
}
