//! What `stat` tells, and the four forms in which it is told.
//!
//! # Source
//! `arch/x86/include/asm/compat.h` (`struct compat_stat`), `arch/x86/include/uapi/asm/stat.h` (`struct stat64`),
//! statx(2).

use pal_abi::{Attr, TimeStamp};

use crate::error::Errno;

/// `S_IFMT` and its values.
pub mod mode {
    #![allow(missing_docs, reason = "inode(7) has them")]
    pub const TYPE: u32 = 0o170_000;
    pub const FIFO: u32 = 0o010_000;
    pub const CHARACTER: u32 = 0o020_000;
    pub const DIRECTORY: u32 = 0o040_000;
    pub const REGULAR: u32 = 0o100_000;
    pub const LINK: u32 = 0o120_000;
    pub const SOCKET: u32 = 0o140_000;
}

/// A moment: seconds and nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Time {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds.
    pub nanoseconds: u32,
}

impl From<TimeStamp> for Time {
    fn from(stamp: TimeStamp) -> Self {
        Self { seconds: stamp.seconds, nanoseconds: stamp.nanoseconds }
    }
}

/// A device number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Device {
    /// Major.
    pub major: u32,
    /// Minor.
    pub minor: u32,
}

impl Device {
    /// The form in which the layer below tells it.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    pub const fn from_pal(value: u64) -> Self {
        Self { major: (value >> 32) as u32, minor: value as u32 }
    }

    /// `new_encode_dev`.
    #[must_use]
    pub const fn encode(self) -> u32 {
        self.minor & 0xff | self.major << 8 | (self.minor & !0xff) << 12
    }
}

/// Everything known about a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stat {
    /// Device it lies on.
    pub device: Device,
    /// Number there.
    pub inode: u64,
    /// Type and permissions.
    pub mode: u32,
    /// Names.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device it is.
    pub node: Device,
    /// Bytes.
    pub size: u64,
    /// Best size of a transfer.
    pub block_size: u32,
    /// 512-byte blocks.
    pub blocks: u64,
    /// Last access.
    pub atime: Time,
    /// Last change of contents.
    pub mtime: Time,
    /// Last change of attributes.
    pub ctime: Time,
    /// Birth, where known.
    pub btime: Option<Time>,
    /// Mount.
    pub mount: u64,
    /// `stx_attributes` and their mask.
    pub attributes: (u64, u64),
}

impl Stat {
    /// Of what the layer below tells.
    #[must_use]
    pub fn from_attr(attr: &Attr) -> Self {
        let birth = Time::from(attr.btime);
        Self {
            device: Device::from_pal(attr.device),
            inode: attr.inode,
            mode: type_bits(attr.kind) | attr.mode & 0o7777,
            links: attr.nlink,
            uid: attr.uid,
            gid: attr.gid,
            node: Device::from_pal(attr.node_device),
            size: attr.size,
            block_size: attr.block_size,
            blocks: attr.blocks,
            atime: attr.atime.into(),
            mtime: attr.mtime.into(),
            ctime: attr.ctime.into(),
            btime: (birth != Time::default()).then_some(birth),
            mount: attr.mount,
            attributes: (attr.attributes, attr.attributes_mask),
        }
    }

    /// The type bits.
    #[must_use]
    pub const fn kind(&self) -> u32 {
        self.mode & mode::TYPE
    }

    /// `struct stat64`.
    #[must_use]
    pub fn encode_stat64(&self) -> [u8; 96] {
        let mut w = Words([0; 96]);
        w.put(0, self.device.encode());
        w.put(12, low(self.inode));
        w.put(16, self.mode);
        w.put(20, self.links);
        w.put(24, self.uid);
        w.put(28, self.gid);
        w.put(32, self.node.encode());
        w.put64(44, self.size);
        w.put(52, self.block_size);
        w.put64(56, self.blocks);
        for (at, time) in [(64, self.atime), (72, self.mtime), (80, self.ctime)] {
            w.put(at, low(time.seconds.cast_unsigned()));
            w.put(at + 4, time.nanoseconds);
        }
        w.put64(88, self.inode);
        w.0
    }

    /// The old `struct stat`.
    ///
    /// # Errors
    /// `EOVERFLOW` where inode, links or size do not fit.
    pub fn encode_stat(&self) -> Result<[u8; 64], Errno> {
        let inode = u32::try_from(self.inode).map_err(|_| Errno::EOVERFLOW)?;
        let links = u16::try_from(self.links).map_err(|_| Errno::EOVERFLOW)?;
        let size = i32::try_from(self.size).map_err(|_| Errno::EOVERFLOW)?;
        let mut w = Words([0; 64]);
        w.put(0, self.device.encode());
        w.put(4, inode);
        w.put(8, self.mode & 0xffff | u32::from(links) << 16);
        w.put(12, old_id(self.uid) | old_id(self.gid) << 16);
        w.put(16, self.node.encode());
        w.put(20, size.cast_unsigned());
        w.put(24, self.block_size);
        w.put(28, low(self.blocks));
        for (at, time) in [(32, self.atime), (40, self.mtime), (48, self.ctime)] {
            w.put(at, low(time.seconds.cast_unsigned()));
            w.put(at + 4, time.nanoseconds);
        }
        Ok(w.0)
    }

    /// `struct statx`.
    #[must_use]
    pub fn encode_statx(&self) -> [u8; 256] {
        const BASIC: u32 = 0x7ff;
        const BTIME: u32 = 0x800;
        const MOUNT: u32 = 0x1000;
        let mut w = Words([0; 256]);
        w.put(0, BASIC | MOUNT | if self.btime.is_some() { BTIME } else { 0 });
        w.put(4, self.block_size);
        w.put64(8, self.attributes.0);
        w.put(16, self.links);
        w.put(20, self.uid);
        w.put(24, self.gid);
        w.put(28, self.mode & 0xffff);
        w.put64(32, self.inode);
        w.put64(40, self.size);
        w.put64(48, self.blocks);
        w.put64(56, self.attributes.1);
        let birth = self.btime.unwrap_or_default();
        for (at, time) in [(64, self.atime), (80, birth), (96, self.ctime), (112, self.mtime)] {
            w.put64(at, time.seconds.cast_unsigned());
            w.put(at + 8, time.nanoseconds);
        }
        for (at, device) in [(128, self.node), (136, self.device)] {
            w.put(at, device.major);
            w.put(at + 4, device.minor);
        }
        w.put64(144, self.mount);
        w.0
    }
}

/// The type bits of a kind of node, of `flags::node`. What stands for no node has none, but memory is a file.
const fn type_bits(kind: u32) -> u32 {
    match kind {
        0..16 => kind << 12,
        pal_abi::flags::node::MEMORY => mode::REGULAR,
        _ => 0,
    }
}

/// What `stat` tells of a descriptor of ours that stands for no node (`anon_inode`).
#[must_use]
pub fn unnamed(number: usize) -> Stat {
    let inode = u64::try_from(number).unwrap_or(0) + 1;
    Stat { device: super::pseudo::DEV, inode, mode: 0o600, links: 1, block_size: 4096, ..Stat::default() }
}

/// `high2lowuid`: what does not fit in 16 bits is 65534.
const fn old_id(id: u32) -> u32 {
    if id > 0xffff { 0xfffe } else { id }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half")]
const fn low(value: u64) -> u32 {
    value as u32
}

struct Words<const N: usize>([u8; N]);

impl<const N: usize> Words<N> {
    fn put(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    fn put64(&mut self, at: usize, value: u64) {
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Stat {
        Stat {
            device: Device { major: 8, minor: 0x301 },
            inode: 0x1_2345_6789,
            mode: 0o100_644,
            links: 1,
            uid: 70000,
            size: 5 << 30,
            mtime: Time { seconds: 9, nanoseconds: 7 },
            ..Stat::default()
        }
    }

    #[test]
    fn stat64_stands_as_i386_has_it() {
        let bytes = sample().encode_stat64();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(word(0), 0x0030_0801);
        assert_eq!((word(12), word(88), word(92)), (0x2345_6789, 0x2345_6789, 1));
        assert_eq!((word(44), word(48)), (0x4000_0000, 1));
        assert_eq!((word(72), word(76)), (9, 7));
    }

    #[test]
    fn the_old_form_overflows() {
        assert_eq!(sample().encode_stat(), Err(Errno::EOVERFLOW));
        let small = Stat { inode: 5, size: 6, ..sample() };
        assert_eq!(small.encode_stat().unwrap()[12..14], [0xfe, 0xff]);
    }
}
