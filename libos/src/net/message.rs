//! Messages: bytes with an address and control data, to and from the layer below.

use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use pal_abi::arg::{InBytes, OutBytes};
use pal_abi::flags::{control, family, message as bits};
use pal_abi::{ControlRecord, Layout as _, PalError, PassedHandle, PeerId, SocketMessage};

use super::rights::Parcel;
use super::{SOL_SOCKET, Socket, errno};
use crate::error::Errno;
use crate::pal::{note_ring, sockets};
use crate::task::family as members;

/// `MSG_NOSIGNAL`.
pub const NO_SIGNAL: u32 = 0x4000;
/// What of a program's flags the layer below knows when sending.
const SENDING: u32 =
    bits::OUT_OF_BAND | bits::DONT_ROUTE | bits::DONT_WAIT | bits::END_OF_RECORD | bits::CONFIRM | bits::MORE;
/// What of them it knows when receiving.
const RECEIVING: u32 =
    bits::OUT_OF_BAND | bits::PEEK | bits::DONT_WAIT | bits::WAIT_ALL | bits::CUT | bits::ERROR_QUEUE;
/// Room for control records.
const RECORDS_ROOM: usize = 2048;
/// Room for those of `rights::MAX` handles beside them.
const RIGHTS_ROOM: usize = size_of::<PassedHandle>() * super::rights::MAX + RECORDS_ROOM;

/// What a message is sent with.
#[derive(Debug, Default)]
pub struct Ancillary {
    /// Records of other levels, as the layer below takes them.
    pub records: Vec<u8>,
    /// Open files.
    pub parcel: Parcel,
}

/// Appends a control record.
pub fn push_record(to: &mut Vec<u8>, level: u32, kind: u32, data: &[u8]) {
    let whole = (size_of::<ControlRecord>() + data.len()).next_multiple_of(8);
    let size = |n: usize| u32::try_from(n).unwrap_or(0);
    let head = ControlRecord { record_size: size(whole), level, kind, data_size: size(data.len()) };
    let end = to.len() + whole;
    to.extend_from_slice(head.as_bytes());
    to.extend_from_slice(data);
    to.resize(end, 0);
}

fn failed(error: PalError) -> Errno {
    if error == PalError::Interrupted {
        note_ring();
    }
    errno(error)
}

impl Socket {
    /// Sends bytes; `to`: an address of the layer below, or none; `status`: the file's flags. How many went.
    ///
    /// # Errors
    /// As sendmsg(2).
    pub fn send(
        &self,
        status: u32,
        (from, len): (InBytes<'_>, u32),
        flags: u32,
        to: &[u8],
        ancillary: &mut Ancillary,
        deadline: u64,
    ) -> Result<u32, Errno> {
        self.host.apply_blocking(status);
        let mut message = SocketMessage::ZERO;
        message.flags = flags & SENDING;
        message.deadline = deadline;
        message.address_size = u32::try_from(to.len()).unwrap_or(0);
        message.address.get_mut(..to.len()).ok_or(Errno::EINVAL)?.copy_from_slice(to);
        let mut records = ancillary.records.clone();
        if !ancillary.parcel.is_empty() {
            push_record(&mut records, SOL_SOCKET, control::RIGHTS, &ancillary.parcel.records());
        }
        let control = if records.is_empty() { InBytes::NONE } else { records.as_slice().into() };
        let (socket, size) = (self.handle(), records.len());
        sockets()
            .socket_send(socket, from, len as usize, control, size, (&mut message).into())
            .map_err(|error| if error == PalError::TooMany { Errno::ETOOMANYREFS } else { failed(error) })?;
        core::mem::take(&mut ancillary.parcel).sent();
        Ok(u32::try_from(message.done).unwrap_or(len))
    }

    /// Receives bytes, and control records where they are wanted.
    ///
    /// # Errors
    /// As recvmsg(2).
    pub fn receive(
        &self,
        status: u32,
        (to, len): (OutBytes<'_>, u32),
        flags: u32,
        deadline: u64,
        wants_control: bool,
    ) -> Result<Received, Errno> {
        self.host.apply_blocking(status);
        let mut message = SocketMessage::ZERO;
        message.flags = flags & RECEIVING;
        message.deadline = deadline;
        // Files that come are taken, and closed here where the program has no room for them.
        let cap = match self.family {
            family::UNIX => RIGHTS_ROOM,
            _ if wants_control => RECORDS_ROOM,
            _ => 0,
        };
        let mut control = alloc::vec![0; cap];
        let records = if cap == 0 { OutBytes::NONE } else { control.as_mut_slice().into() };
        sockets()
            .socket_receive(self.handle(), to, len as usize, records, cap, (&mut message).into())
            .map_err(failed)?;
        control.truncate(message.control_size as usize);
        let address = message.address.get(..message.address_size as usize).unwrap_or(&[]);
        Ok(Received {
            done: u32::try_from(message.done).unwrap_or(len),
            flags: message.result_flags,
            address: address.to_vec(),
            control,
        })
    }

    /// Whether the program wants to know who sends.
    #[must_use]
    pub fn tells_sender(&self) -> bool {
        self.passes_credentials.load(Relaxed)
    }
}

/// A message that came.
#[derive(Debug)]
pub struct Received {
    /// Bytes of it that were stored, or (`MSG_TRUNC` asked for) all of it.
    pub done: u32,
    /// `MSG_*`.
    pub flags: u32,
    /// The address below that it came from.
    pub address: Vec<u8>,
    /// Control records of the layer below.
    pub control: Vec<u8>,
}

/// A control record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// `cmsg_level`.
    pub level: u32,
    /// `cmsg_type`.
    pub kind: u32,
    /// The data, as the layer below has it.
    pub data: &'a [u8],
}

impl Received {
    /// The control records.
    #[must_use]
    pub fn records(&self) -> Vec<Record<'_>> {
        let (mut rest, mut all) = (self.control.as_slice(), Vec::new());
        while let Some(head) = ControlRecord::read_from(rest) {
            let start = size_of::<ControlRecord>();
            let data = rest.get(start..start + head.data_size as usize);
            all.push(Record { level: head.level, kind: head.kind, data: data.unwrap_or(&[]) });
            rest = rest.get((head.record_size as usize).max(start)..).unwrap_or(&[]);
        }
        all
    }
}

/// `struct ucred` for a process of the layer below: its number, user and group here.
#[must_use]
pub fn credentials(id: &[u8]) -> [u8; 12] {
    const NOBODY: u32 = 65534;
    let peer = PeerId::read_from(id).and_then(|id| members::find_below(id.member));
    let (pid, uid, gid) = peer.map_or((0, NOBODY, NOBODY), |peer| (peer.pid(), peer.uid(), peer.gid()));
    let mut bytes = [0; 12];
    for (place, word) in bytes.chunks_mut(4).zip([pid, uid, gid]) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_again() {
        let mut control = Vec::new();
        push_record(&mut control, 0, 8, &[1; 12]);
        push_record(&mut control, 1, 2, &[2; 16]);
        let got = Received { done: 0, flags: 0, address: Vec::new(), control };
        let records = got.records();
        assert_eq!(
            records.iter().map(|r| (r.level, r.kind, r.data.len())).collect::<Vec<_>>(),
            [(0, 8, 12), (1, 2, 16)]
        );
    }
}
