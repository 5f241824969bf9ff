//! The names of UNIX sockets: which number of the layer below each stands for.
//!
//! The table is in family memory. An entry is taken under its lock and left when its socket is gone, which only the layer
//! below knows: it is looked at when a name, or a place, is wanted again. A path's entry is found by the node that `bind`
//! made there, so links and renaming do what they do on Linux.
//!
//! # Source
//! unix(7); `unix_bind_bsd`, `unix_bind_abstract`, `unix_find_other` of Linux.

use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use pal_abi::flags::family;
use pal_abi::{Handle, Layout as _, PalError, UnixName};

use super::{Socket, address, errno};
use crate::error::Errno;
use crate::fs::stat::{Stat, mode};
use crate::fs::{lookup, node, path};
use crate::pal::{self, Owned, sockets};
use crate::sys::family::{BoundName, FamilyGuard, SUN_PATH, memory};

/// The longest address: the family and a path.
const MAX: usize = 2 + SUN_PATH;

/// What a name is.
enum Name {
    /// None is given: one is to be chosen.
    Any,
    /// An abstract name, the zero byte in front included.
    Abstract(Vec<u8>),
    /// A path.
    Path(Vec<u8>),
}

fn parse(bytes: &[u8]) -> Result<Name, Errno> {
    if bytes.len() > MAX || address::family(bytes) != Some(family::UNIX) {
        return Err(Errno::EINVAL);
    }
    Ok(match &bytes[2..] {
        [] => Name::Any,
        name @ [0, ..] => Name::Abstract(name.to_vec()),
        name => Name::Path(name.iter().copied().take_while(|b| *b != 0).collect()),
    })
}

fn lock() -> FamilyGuard<'static> {
    memory().names_lock.lock()
}

impl BoundName {
    fn lives(&self) -> bool {
        lives(self.kind.load(Relaxed), self.number())
    }

    fn number(&self) -> u32 {
        self.number.load(Acquire)
    }

    fn text(&self) -> Vec<u8> {
        let words = self.name.iter().flat_map(|word| word.load(Relaxed).to_le_bytes());
        words.take((self.size.load(Relaxed) as usize).min(SUN_PATH)).collect()
    }

    /// The node at its path; zeros for abstract names.
    fn node(&self) -> [u32; 4] {
        [0, 1, 2, 3].map(|n| self.node[n].load(Relaxed))
    }

    fn fill(&self, number: u32, kind: u32, node: [u32; 4], text: &[u8]) {
        self.kind.store(kind, Relaxed);
        self.node.iter().zip(node).for_each(|(word, value)| word.store(value, Relaxed));
        self.size.store(u32::try_from(text.len()).unwrap_or(0), Relaxed);
        for (word, bytes) in self.name.iter().zip(text.chunks(4)) {
            let mut value = [0; 4];
            value[..bytes.len()].copy_from_slice(bytes);
            word.store(u32::from_le_bytes(value), Relaxed);
        }
        self.number.store(number, Release);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
fn node_of(stat: &Stat) -> [u32; 4] {
    let device = u64::from(stat.device.major) << 32 | u64::from(stat.device.minor);
    [device as u32, (device >> 32) as u32, stat.inode as u32, (stat.inode >> 32) as u32]
}

fn below(number: u32) -> [u8; size_of::<UnixName>()] {
    let name = UnixName { family: family::UNIX, reserved: 0, number: number.into() };
    let mut bytes = [0; size_of::<UnixName>()];
    bytes.copy_from_slice(name.as_bytes());
    bytes
}

/// Whether a socket of a kind still has that number: another cannot get it then.
fn lives(kind: u32, number: u32) -> bool {
    let mut handle = Handle::NONE;
    if sockets().socket_open(family::UNIX, kind, 0, (&mut handle).into()).is_err() {
        return true; // not known; better kept
    }
    let (probe, name) = (Owned::new(handle), below(number));
    sockets().socket_bind(probe.get(), name.as_slice().into(), name.len()) == Err(PalError::Conflict)
}

fn entries() -> impl Iterator<Item = &'static BoundName> {
    memory().names.iter().filter(|entry| entry.number() != 0)
}

/// Takes an entry, with a number of its own.
fn take(kind: u32, node: [u32; 4], text: &[u8]) -> Result<u32, Errno> {
    let names = &memory().names;
    let free = names.iter().find(|entry| entry.number() == 0);
    let entry = free.or_else(|| names.iter().find(|entry| !entry.lives())).ok_or(Errno::ENOMEM)?;
    let number = match memory().next_name.fetch_add(1, Relaxed).wrapping_add(1) {
        0 => memory().next_name.fetch_add(1, Relaxed).wrapping_add(1),
        number => number,
    };
    entry.fill(number, kind, node, text);
    Ok(number)
}

fn release(number: u32) {
    let _guard = lock();
    entries().filter(|entry| entry.number() == number).for_each(|entry| entry.number.store(0, Release));
}

/// The entry of an abstract name.
fn find_abstract(kind: u32, name: &[u8]) -> Option<&'static BoundName> {
    entries().find(|e| e.node() == [0; 4] && e.kind.load(Relaxed) == kind && e.text() == name)
}

fn take_abstract(kind: u32, name: &[u8]) -> Result<u32, Errno> {
    let _guard = lock();
    match find_abstract(kind, name) {
        Some(entry) if entry.lives() => return Err(Errno::EADDRINUSE),
        Some(entry) => entry.number.store(0, Release),
        None => {}
    }
    take(kind, [0; 4], name)
}

/// A name that nobody has, as Linux chooses one: five digits.
fn take_any(kind: u32) -> Result<u32, Errno> {
    let mut tries = 0;
    loop {
        let mut bytes = [0; 4];
        pal::random(&mut bytes);
        let name = alloc::format!("\0{:05x}", u32::from_le_bytes(bytes) & 0xf_ffff);
        match take_abstract(kind, name.as_bytes()) {
            Err(Errno::EADDRINUSE) if tries < 100 => tries += 1,
            other => return other,
        }
    }
}

fn exists(path: &[u8]) -> bool {
    let at = lookup::absolute(lookup::AT_FDCWD, path);
    at.is_ok_and(|at| lookup::stat(&at, path::Last::Keep).is_ok())
}

/// Gives a socket a name.
///
/// # Errors
/// As bind(2) and unix(7).
pub fn bind(socket: &Socket, bytes: &[u8]) -> Result<(), Errno> {
    let name = parse(bytes)?;
    if socket.name(pal_abi::flags::socket_name::LOCAL)?.len() > 2 {
        return match name {
            // Choosing a name twice changes nothing.
            Name::Any => Ok(()),
            Name::Path(path) if exists(&path) => Err(Errno::EADDRINUSE),
            _ => Err(Errno::EINVAL),
        };
    }
    let number = match name {
        Name::Any => take_any(socket.kind)?,
        Name::Abstract(name) => take_abstract(socket.kind, &name)?,
        Name::Path(path) => {
            let at = lookup::absolute(lookup::AT_FDCWD, &path)?;
            node::make(&at, mode::SOCKET | 0o777, 0)
                .map_err(|e| if e == Errno::EEXIST { Errno::EADDRINUSE } else { e })?;
            let place = node_of(&lookup::stat(&at, path::Last::Keep)?);
            let _guard = lock();
            // Another socket's node that is gone, and had the same number.
            entries().filter(|e| e.node() == place).for_each(|e| e.number.store(0, Release));
            let mut text = path;
            text.push(0);
            text.truncate(SUN_PATH);
            take(socket.kind, place, &text)?
        }
    };
    socket.bind_below(&below(number)).inspect_err(|_| release(number))
}

/// The address below of the socket that has a name.
///
/// # Errors
/// As connect(2) and unix(7).
pub fn meant(kind: u32, bytes: &[u8]) -> Result<Vec<u8>, Errno> {
    if address::family(bytes) == Some(0) && bytes.len() >= 2 {
        return Ok(bytes[..2].to_vec()); // no peer any more
    }
    let number = match parse(bytes)? {
        Name::Any => return Err(Errno::EINVAL),
        Name::Abstract(name) => find_abstract(kind, &name).ok_or(Errno::ECONNREFUSED)?.number(),
        Name::Path(path) => {
            let at = lookup::absolute(lookup::AT_FDCWD, &path)?;
            let stat = lookup::stat(&at, path::Last::Follow)?;
            if stat.kind() != mode::SOCKET {
                return Err(Errno::ECONNREFUSED);
            }
            let node = node_of(&stat);
            let entry = entries().find(|e| e.node() == node).ok_or(Errno::ECONNREFUSED)?;
            if entry.kind.load(Relaxed) != kind && entry.lives() {
                return Err(Errno::EPROTOTYPE);
            }
            entry.number()
        }
    };
    Ok(below(number).to_vec())
}

/// An address of the layer below as the program sees it: without a name, only the family.
#[must_use]
pub fn seen(bytes: &[u8]) -> Vec<u8> {
    let mut address = alloc::vec![1, 0];
    let number = UnixName::read_from(bytes).and_then(|name| u32::try_from(name.number).ok());
    if let Some(entry) = number.and_then(|number| entries().find(|e| e.number() == number)) {
        address.extend(entry.text());
    }
    address
}

/// Why a socket cannot connect.
#[must_use]
pub fn connect_errno(error: PalError) -> Errno {
    match error {
        PalError::NoProtocol => Errno::EPROTOTYPE,
        other => errno(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::family::install_for_test;
    use pal_abi::flags::socket_kind;

    #[test]
    fn names_are_what_they_begin_with() {
        assert!(matches!(parse(b"\x01\0"), Ok(Name::Any)));
        assert!(matches!(parse(b"\x01\0\0ab\0"), Ok(Name::Abstract(name)) if name == b"\0ab\0"));
        assert!(matches!(parse(b"\x01\0/run/x\0rest"), Ok(Name::Path(path)) if path == b"/run/x"));
        assert!(matches!(parse(b"\x02\0\0\0"), Err(Errno::EINVAL)));
        assert!(matches!(parse(&[1; 111]), Err(Errno::EINVAL)));
    }

    #[test]
    fn a_name_is_found_by_its_number_and_back() {
        install_for_test();
        let name = b"\0a name of this test";
        let number = take(socket_kind::STREAM, [0; 4], name).unwrap();
        let sockaddr = [&[1, 0], &name[..]].concat();
        assert_eq!(meant(socket_kind::STREAM, &sockaddr).unwrap(), below(number));
        assert_eq!(meant(socket_kind::DATAGRAM, &sockaddr), Err(Errno::ECONNREFUSED));
        assert_eq!(seen(&below(number)), sockaddr);
        release(number);
        assert_eq!(seen(&below(number)), [1, 0]);
    }
}
