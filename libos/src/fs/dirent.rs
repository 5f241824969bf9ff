//! Directory entries, in the two forms of `getdents`.

use alloc::vec::Vec;

/// One name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Inode.
    pub inode: u64,
    /// The position behind it.
    pub next: u64,
    /// `DT_*`: the type bits of the mode, shifted.
    pub kind: u8,
    /// The name.
    pub name: Vec<u8>,
}

/// The form of the records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `struct linux_dirent`: 32-bit fields, the type in the last byte.
    Old,
    /// `struct linux_dirent64`.
    New,
}

impl Entry {
    /// Bytes of the record.
    #[must_use]
    pub fn size(&self, form: Form) -> usize {
        match form {
            Form::Old => (10 + self.name.len() + 2).next_multiple_of(4),
            Form::New => (19 + self.name.len() + 1).next_multiple_of(8),
        }
    }

    /// Appends the record to `bytes`.
    pub fn encode(&self, form: Form, bytes: &mut Vec<u8>) {
        let size = self.size(form);
        let end = bytes.len() + size;
        let reclen = u16::try_from(size).unwrap_or(u16::MAX).to_le_bytes();
        match form {
            Form::Old => {
                bytes.extend_from_slice(&self.inode.to_le_bytes()[..4]);
                bytes.extend_from_slice(&self.next.to_le_bytes()[..4]);
                bytes.extend_from_slice(&reclen);
                bytes.extend_from_slice(&self.name);
                bytes.resize(end - 1, 0);
                bytes.push(self.kind);
            }
            Form::New => {
                bytes.extend_from_slice(&self.inode.to_le_bytes());
                bytes.extend_from_slice(&self.next.to_le_bytes());
                bytes.extend_from_slice(&reclen);
                bytes.push(self.kind);
                bytes.extend_from_slice(&self.name);
                bytes.resize(end, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_long_as_they_say() {
        for (form, at, len) in [(Form::Old, 8, 16), (Form::New, 16, 24)] {
            let entry = Entry { inode: 7, next: 3, kind: 8, name: b"name".to_vec() };
            let mut bytes = Vec::new();
            entry.encode(form, &mut bytes);
            assert_eq!((bytes.len(), bytes[at]), (len, u8::try_from(len).unwrap()));
            assert_eq!(entry.size(form), len);
        }
    }
}
