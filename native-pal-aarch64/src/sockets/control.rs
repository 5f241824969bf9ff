//! Control records: the caller's, in their own order, and the host's `cmsghdr`s.
//!
//! Handles travel as descriptors of the host, in one SCM_RIGHTS message: first one of memory that holds their
//! descriptions (`birth::message`, each with its length in front), then theirs in turn. So the kernel ties them to the
//! bytes they were sent with, whatever the kind of socket.

use std::io::{Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};

use pal_abi::flags::control as kinds;
use pal_abi::{ControlRecord, Handle, Layout, PalError, PassedHandle};
use rustix::fs::MemfdFlags;

use super::options::peer_id;
use crate::handle::table;
use crate::sys::socket as host;
use crate::{birth, export};

/// `SOL_SOCKET`.
const GENERAL: u32 = 1;
/// Bytes in front of the data of the host's control message.
const HEAD: usize = 16;
/// Descriptors of one message (`SCM_MAX_FD`).
const FDS_MAX: usize = 253;
/// Bytes of descriptions, at most.
const DESCRIPTIONS_MAX: u64 = 1 << 20;
/// Levels of which the caller may send records: IP, UDP and IPv6.
const SENDABLE: [u32; 3] = [0, 17, 41];

/// Bytes that hold any control messages that the host delivers here.
pub(super) const ROOM: usize = HEAD + 4 * FDS_MAX + 4 + 2048;

/// One message, the caller's or the host's.
struct Part<'a> {
    level: u32,
    kind: u32,
    data: &'a [u8],
}

/// The records of the caller.
fn records(mut bytes: &[u8]) -> Result<Vec<Part<'_>>, PalError> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let head = ControlRecord::read_from(bytes).ok_or(PalError::Invalid)?;
        let (whole, data) = (head.record_size as usize, head.data_size as usize);
        let end = size_of::<ControlRecord>().checked_add(data).filter(|&end| end <= whole);
        let data = end.and_then(|end| bytes.get(size_of::<ControlRecord>()..end)).ok_or(PalError::Invalid)?;
        bytes = bytes.get(whole..).filter(|_| whole.is_multiple_of(8)).ok_or(PalError::Invalid)?;
        parts.push(Part { level: head.level, kind: head.kind, data });
    }
    Ok(parts)
}

fn push_host(to: &mut Vec<u8>, level: u32, kind: u32, data: &[u8]) {
    to.extend((HEAD + data.len()).to_ne_bytes());
    to.extend(level.to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(data);
    to.resize(to.len().next_multiple_of(8), 0);
}

/// Control messages for the host, and the descriptors that must stay open until they are sent.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pub(super) control: host::Control,
    _fds: Vec<OwnedFd>,
}

/// The host's messages for the caller's records.
///
/// # Errors
/// `Invalid` for what cannot be sent; `BadHandle`, `NotSupported` for handles that cannot; `TooMany`.
pub(super) fn outgoing(bytes: &[u8]) -> Result<Outgoing, PalError> {
    let (mut messages, mut fds) = (Vec::new(), Vec::new());
    for part in records(bytes)? {
        match (part.level, part.kind) {
            (GENERAL, kinds::RIGHTS) if fds.is_empty() => {
                fds = descriptors(part.data)?;
                let numbers: Vec<u8> = fds.iter().flat_map(|fd| fd.as_raw_fd().to_ne_bytes()).collect();
                if !numbers.is_empty() {
                    push_host(&mut messages, GENERAL, kinds::RIGHTS, &numbers);
                }
            }
            (level, _) if SENDABLE.contains(&level) => {
                push_host(&mut messages, level, part.kind, part.data);
            }
            _ => return Err(PalError::Invalid),
        }
    }
    Ok(Outgoing { control: host::Control::from_bytes(&messages), _fds: fds })
}

/// The descriptors of handles, with their descriptions in front; none for none.
fn descriptors(handles: &[u8]) -> Result<Vec<OwnedFd>, PalError> {
    let (mut descriptions, mut fds) = (Vec::new(), Vec::new());
    for record in handles.chunks(size_of::<PassedHandle>()) {
        let passed = PassedHandle::read_from(record).ok_or(PalError::Invalid)?;
        let export = table().object(passed.handle)?.export()?;
        let message = birth::message(&export, passed.tag)?;
        descriptions.extend(u32::try_from(message.len()).unwrap_or(u32::MAX).to_le_bytes());
        descriptions.extend(message);
        fds.extend(export.fds);
    }
    if descriptions.is_empty() {
        return Ok(fds);
    }
    if fds.len() >= FDS_MAX {
        return Err(PalError::TooMany);
    }
    let memory = rustix::fs::memfd_create("handles", MemfdFlags::CLOEXEC).map_err(|_| PalError::TooMany)?;
    let mut memory = std::fs::File::from(memory);
    memory.write_all(&descriptions).and_then(|()| memory.rewind()).map_err(|_| PalError::NoMemory)?;
    fds.insert(0, memory.into());
    Ok(fds)
}

/// What came of the host's control messages.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// The caller's records.
    pub(super) records: Vec<u8>,
    /// The handles in them, new in the table.
    pub(super) handles: Vec<Handle>,
    /// Whether there were more than fit.
    pub(super) is_cut: bool,
    /// The user that sent it, where the host tells.
    pub(super) uid: Option<u32>,
}

impl Incoming {
    fn push(&mut self, cap: usize, level: u32, kind: u32, data: &[u8]) -> bool {
        let whole = (size_of::<ControlRecord>() + data.len()).next_multiple_of(8);
        if self.records.len() + whole > cap {
            self.is_cut = true;
            return false;
        }
        let size = |n: usize| u32::try_from(n).unwrap_or(0);
        let head = ControlRecord { record_size: size(whole), level, kind, data_size: size(data.len()) };
        let end = self.records.len() + whole;
        self.records.extend(head.as_bytes());
        self.records.extend(data);
        self.records.resize(end, 0);
        true
    }

    /// Closes the handles, which could not be told.
    pub(super) fn discard(&self) {
        for handle in &self.handles {
            // New, and known to nobody.
            let _ = table().close(*handle);
        }
    }
}

/// The host's messages.
fn host_messages(mut bytes: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let number = |at: &[u8]| at.first_chunk::<4>().map_or(0, |b| u32::from_ne_bytes(*b));
    while let Some((len, rest)) = bytes.split_first_chunk::<8>() {
        let len = usize::from_ne_bytes(*len);
        let Some(data) = bytes.get(HEAD..len) else { break };
        parts.push(Part { level: number(rest), kind: number(rest.get(4..).unwrap_or(&[])), data });
        bytes = bytes.get(len.next_multiple_of(8)..).unwrap_or(&[]);
    }
    parts
}

/// The caller's records for the host's messages, at most `cap` bytes. Descriptors become handles; what is left of them is
/// closed.
pub(super) fn incoming(bytes: &[u8], cap: usize) -> Incoming {
    let mut result = Incoming::default();
    let mut fds = Vec::new();
    for part in host_messages(bytes) {
        match (part.level, part.kind) {
            (GENERAL, kinds::RIGHTS) => {
                let numbers = part.data.chunks_exact(4).filter_map(|n| n.first_chunk::<4>());
                fds.extend(numbers.filter_map(|n| host::received(i32::from_ne_bytes(*n))));
            }
            (GENERAL, kinds::CREDENTIALS) => {
                let word = |n: usize| part.data.get(4 * n..).and_then(|b| b.first_chunk::<4>().copied());
                let (Some(pid), Some(uid), Some(gid)) = (word(0), word(1), word(2)) else { continue };
                let uid = u32::from_ne_bytes(uid);
                result.uid = Some(uid);
                let id = peer_id(i32::from_ne_bytes(pid), uid, u32::from_ne_bytes(gid));
                result.push(cap, GENERAL, kinds::CREDENTIALS, &id);
            }
            (level, kind) => {
                result.push(cap, level, kind, part.data);
            }
        }
    }
    if !fds.is_empty() {
        handles(fds, cap, &mut result);
    }
    result
}

/// Makes handles of descriptors.
fn handles(mut fds: Vec<OwnedFd>, cap: usize, result: &mut Incoming) {
    let descriptions = read_descriptions(fds.remove(0)).unwrap_or_default();
    let (mut rest, mut fds) = (descriptions.as_slice(), fds.into_iter());
    let mut data = Vec::new();
    while let Some((len, tail)) = rest.split_first_chunk::<4>() {
        let Some((message, tail)) = tail.split_at_checked(u32::from_le_bytes(*len) as usize) else { break };
        rest = tail;
        // The number of its descriptors stands behind the tag and the type.
        let count =
            message.get(12..16).and_then(|b| b.first_chunk::<4>()).map_or(0, |b| u32::from_le_bytes(*b));
        let its_own: Vec<OwnedFd> = fds.by_ref().take(count as usize).collect();
        let Ok((export, tag)) = birth::parse_message(message, its_own) else { break };
        let room = result.records.len() + size_of::<ControlRecord>() + data.len() + size_of::<PassedHandle>();
        let made = if room > cap { None } else { export::import(export).ok() };
        let Some(handle) = made.and_then(|object| table().insert(object).ok()) else {
            result.is_cut = true;
            continue;
        };
        result.handles.push(handle);
        data.extend(PassedHandle { handle, reserved: 0, tag }.as_bytes());
    }
    // The host dropped those that it had no room for.
    result.is_cut |= !rest.is_empty() || descriptions.is_empty();
    if !data.is_empty() {
        result.push(cap, GENERAL, kinds::RIGHTS, &data);
    }
}

/// What a received descriptor of descriptions holds; `None` for one that is nothing of the kind.
fn read_descriptions(fd: OwnedFd) -> Option<Vec<u8>> {
    let stat = rustix::fs::fstat(&fd).ok()?;
    let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile;
    let len = u64::try_from(stat.st_size).ok().filter(|&len| is_file && len <= DESCRIPTIONS_MAX)?;
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    std::os::unix::fs::FileExt::read_exact_at(&std::fs::File::from(fd), &mut bytes, 0).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(level: u32, kind: u32, data: &[u8]) -> Vec<u8> {
        let mut one = Incoming::default();
        assert!(one.push(1000, level, kind, data));
        one.records
    }

    #[test]
    fn records_become_the_hosts_and_return_unchanged() {
        let bytes = [record(0, 8, &[7; 12]), record(41, 50, &[9; 20])].concat();
        let sent = outgoing(&bytes).unwrap().control;
        assert_eq!(incoming(&sent.bytes(HEAD + 16 + HEAD + 24), 1000).records, bytes);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let good = record(0, 8, &[7; 12]);
        for len in 1..good.len() {
            assert_eq!(outgoing(&good[..len]).err(), Some(PalError::Invalid), "{len} bytes");
        }
        let mut long = good;
        long[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(outgoing(&long).err(), Some(PalError::Invalid));
        assert_eq!(outgoing(&record(1, 5, &[])).err(), Some(PalError::Invalid));
        assert_eq!(outgoing(&record(1, 1, &[0; 15])).err(), Some(PalError::Invalid));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let sent = outgoing(&record(0, 8, &[7; 12])).unwrap().control.bytes(HEAD + 16);
        let got = incoming(&sent, 31);
        assert!(got.is_cut && got.records.is_empty());
    }
}
