//! What a created process is given, on its way from its creator through the boot socket.
//!
//! The supervisor forwards the socket unread. The parcel is one block of bytes, its length in front, followed by one
//! message with descriptors per object. When the child has read it all, the socket is the channel between the two.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use pal_abi::{AddressRange, Handle, Layout, PalError, ProcessParams};
use rustix::net::{RecvFlags, SendFlags};

use crate::handle::{Export, Object, table};
use crate::sys::{copy, parcel};
use crate::{export, stream};

/// Bytes of a message that describes an object.
pub(crate) const MESSAGE_MAX: usize = 64 << 10;
/// Bytes of each blob a creator may hand over.
const BLOB_MAX: usize = 256 << 20;
/// Handles a creator may hand over.
const HANDLES_MAX: u32 = 1 << 16;
/// Bytes in front of an object's own record: user's tag, kind, descriptors, length.
const HEAD: usize = 8 + 4 + 4 + 4;

/// Strings, each ended by a zero byte, and how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strings {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: u32,
}

impl Strings {
    /// The strings, each with its zero byte.
    pub(crate) fn of(strings: &[Vec<u8>]) -> Self {
        let mut bytes = Vec::new();
        for string in strings {
            bytes.extend(string);
            bytes.push(0);
        }
        Self { bytes, count: u32::try_from(strings.len()).unwrap_or(u32::MAX) }
    }

    fn read(addr: u64, bytes: u32, count: u32) -> Result<Self, PalError> {
        let bytes = blob(addr, u64::from(bytes))?;
        let ends = bytes.iter().filter(|&&b| b == 0).count();
        let is_whole = bytes.last().is_none_or(|&b| b == 0);
        if !is_whole || ends != count as usize {
            return Err(PalError::Invalid);
        }
        Ok(Self { bytes, count })
    }
}

/// Caller memory of a parameter block.
fn blob(addr: u64, bytes: u64) -> Result<Vec<u8>, PalError> {
    let len = usize::try_from(bytes).map_err(|_| PalError::Invalid)?;
    if len > BLOB_MAX {
        return Err(PalError::NoMemory);
    }
    let mut buf = vec![0; len];
    if len > 0 {
        copy::read_bytes(usize::try_from(addr).map_err(|_| PalError::Fault)?, &mut buf)?;
    }
    Ok(buf)
}

/// What a creator hands over.
#[derive(Debug)]
pub(crate) struct Parcel {
    bytes: Vec<u8>,
    objects: Vec<Export>,
}

/// What a new process finds besides what the command gave.
#[derive(Debug)]
pub(crate) struct Inheritance {
    pub(crate) args: Strings,
    pub(crate) env: Strings,
    pub(crate) config: Vec<u8>,
    pub(crate) ranges: Vec<AddressRange>,
    /// The image to load instead of the command's.
    pub(crate) image: Option<Arc<dyn Object>>,
    pub(crate) handles: Vec<Arc<dyn Object>>,
    /// The child's end of the channel.
    pub(crate) channel: Arc<dyn Object>,
}

impl Parcel {
    /// Packs what the parameters name.
    ///
    /// # Errors
    /// Those of `ProcessCreate`.
    pub(crate) fn pack(params: &ProcessParams) -> Result<Self, PalError> {
        if params.flags != 0 || params.reserved0 != 0 || params.reserved1 != 0 || params.reserved2 != 0 {
            return Err(PalError::Invalid);
        }
        if params.handle_count > HANDLES_MAX {
            return Err(PalError::TooMany);
        }
        let args = Strings::read(params.args, params.args_bytes, params.argc)?;
        let env = Strings::read(params.env, params.env_bytes, params.envc)?;
        let config = blob(params.config, u64::from(params.config_bytes))?;
        let ranges = blob(params.ranges, u64::from(params.range_count) * size_of::<AddressRange>() as u64)?;
        let handles = blob(params.handles, u64::from(params.handle_count) * 4)?;

        let mut objects = Vec::new();
        let has_image = params.uri != 0 && params.uri_bytes > 0;
        if has_image {
            let uri = blob(params.uri, u64::from(params.uri_bytes))?;
            objects.push(stream::open_image(&uri)?.export()?);
        }
        for chunk in handles.chunks_exact(4) {
            let handle = Handle(u32::from_le_bytes(chunk.try_into().map_err(|_| PalError::Invalid)?));
            objects.push(table().object(handle)?.export()?);
        }
        let mut bytes = Vec::new();
        for number in [args.count, env.count, u32::from(has_image), params.handle_count] {
            bytes.extend(number.to_le_bytes());
        }
        for part in [&args.bytes, &env.bytes, &config, &ranges] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        Ok(Self { bytes, objects })
    }

    /// Sends it to the child, which reads as fast as it can.
    ///
    /// # Errors
    /// `Broken` where the child is gone.
    pub(crate) fn send(self, socket: BorrowedFd<'_>) -> Result<(), PalError> {
        send_all(socket, &(self.bytes.len() as u64).to_le_bytes(), &[])?;
        send_all(socket, &self.bytes, &[])?;
        for object in &self.objects {
            let bytes = message(object, 0)?;
            let fds: Vec<_> = object.fds.iter().map(AsFd::as_fd).collect();
            send_all(socket, &bytes, &fds)?;
        }
        Ok(())
    }

    /// Receives one, and what is left is the channel. The second socket carries its handles.
    ///
    /// # Errors
    /// `Broken` where the creator is gone, or is not one.
    pub(crate) fn receive(socket: OwnedFd, handle_socket: OwnedFd) -> Result<Inheritance, PalError> {
        let mut length = [0; 8];
        receive_all(socket.as_fd(), &mut length, &mut Vec::new())?;
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| PalError::Broken)?;
        let mut bytes = vec![0; length];
        receive_all(socket.as_fd(), &mut bytes, &mut Vec::new())?;
        let mut rest = bytes.as_slice();
        let [argc, envc, images, handle_count] =
            [word(&mut rest)?, word(&mut rest)?, word(&mut rest)?, word(&mut rest)?];
        let args = Strings { bytes: part(&mut rest)?, count: argc };
        let env = Strings { bytes: part(&mut rest)?, count: envc };
        let config = part(&mut rest)?;
        let ranges = part(&mut rest)?;
        let ranges =
            ranges.chunks_exact(size_of::<AddressRange>()).filter_map(AddressRange::read_from).collect();
        let image = if images > 0 { Some(receive_object(socket.as_fd())?) } else { None };
        let handles = (0..handle_count).map(|_| receive_object(socket.as_fd())).collect::<Result<_, _>>()?;
        let channel = stream::channel::Channel::new(socket, handle_socket)?.into_stream();
        Ok(Inheritance { args, env, config, ranges, image, handles, channel })
    }
}

/// An object as one message; its descriptors go with the first byte.
///
/// # Errors
/// `NotSupported` for what cannot go in one message.
pub(crate) fn message(object: &Export, tag: u64) -> Result<Vec<u8>, PalError> {
    if object.fds.len() > parcel::FDS_MAX || object.data.len() > MESSAGE_MAX - HEAD {
        return Err(PalError::NotSupported);
    }
    let length = |n: usize| u32::try_from(n).map_err(|_| PalError::NotSupported);
    let mut bytes = tag.to_le_bytes().to_vec();
    for number in [object.tag, length(object.fds.len())?, length(object.data.len())?] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(&object.data);
    Ok(bytes)
}

/// The object of a message, and its tag.
///
/// # Errors
/// `Broken` for what is none.
pub(crate) fn parse_message(bytes: &[u8], fds: Vec<OwnedFd>) -> Result<(Export, u64), PalError> {
    let (user_tag, mut rest) = bytes.split_first_chunk::<8>().ok_or(PalError::Broken)?;
    let [tag, fd_count, data_len] = [word(&mut rest)?, word(&mut rest)?, word(&mut rest)?];
    if fds.len() != fd_count as usize {
        // The host had no room for all of them.
        return Err(PalError::TooMany);
    }
    if rest.len() != data_len as usize {
        return Err(PalError::Broken);
    }
    Ok((Export { tag, data: rest.to_vec(), fds }, u64::from_le_bytes(*user_tag)))
}

fn receive_object(socket: BorrowedFd<'_>) -> Result<Arc<dyn Object>, PalError> {
    let mut bytes = vec![0; HEAD];
    let mut fds = Vec::new();
    receive_all(socket, &mut bytes, &mut fds)?;
    let data_len = bytes.last_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b)) as usize;
    if data_len > MESSAGE_MAX {
        return Err(PalError::Broken);
    }
    bytes.resize(HEAD + data_len, 0);
    receive_all(socket, bytes.get_mut(HEAD..).unwrap_or(&mut []), &mut fds)?;
    let (export, _) = parse_message(&bytes, fds)?;
    export::import(export)
}

fn word(rest: &mut &[u8]) -> Result<u32, PalError> {
    let (head, tail) = rest.split_first_chunk::<4>().ok_or(PalError::Broken)?;
    *rest = tail;
    Ok(u32::from_le_bytes(*head))
}

fn part(rest: &mut &[u8]) -> Result<Vec<u8>, PalError> {
    let (head, tail) = rest.split_first_chunk::<8>().ok_or(PalError::Broken)?;
    let len = usize::try_from(u64::from_le_bytes(*head)).map_err(|_| PalError::Broken)?;
    let (part, tail) = tail.split_at_checked(len).ok_or(PalError::Broken)?;
    *rest = tail;
    Ok(part.to_vec())
}

fn send_all(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), PalError> {
    let mut rest = bytes;
    let mut fds = fds;
    while !rest.is_empty() {
        let sent = parcel::send(socket, rest, fds, SendFlags::empty()).map_err(|_| PalError::Broken)?;
        rest = rest.get(sent..).unwrap_or(&[]);
        fds = &[];
    }
    Ok(())
}

fn receive_all(socket: BorrowedFd<'_>, bytes: &mut [u8], fds: &mut Vec<OwnedFd>) -> Result<(), PalError> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match parcel::receive(socket, rest, fds, RecvFlags::empty()) {
            Ok(0) | Err(_) => return Err(PalError::Broken),
            Ok(got) => done += got,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_returns_unchanged() {
        let export = Export { tag: 7, data: b"record".to_vec(), fds: Vec::new() };
        let bytes = message(&export, 99).unwrap();
        let (back, tag) = parse_message(&bytes, Vec::new()).unwrap();
        assert_eq!((back.tag, back.data.as_slice(), tag), (7, &b"record"[..], 99));
        assert!(parse_message(&bytes[..bytes.len() - 1], Vec::new()).is_err());
    }

    #[test]
    fn strings_are_counted() {
        let text = b"a\0bc\0";
        let at = text.as_ptr().expose_provenance() as u64;
        assert_eq!(Strings::read(at, 5, 2).map(|s| s.count), Ok(2));
        assert_eq!(Strings::read(at, 5, 3), Err(PalError::Invalid));
        assert_eq!(Strings::read(at, 4, 1), Err(PalError::Invalid));
        assert_eq!(Strings::read(0, 0, 0), Ok(Strings::default()));
    }
}
