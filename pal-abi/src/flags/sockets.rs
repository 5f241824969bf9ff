//! The values of the group `Sockets`.

flags! {
    /// `family` of `SocketOpen`, and the first word of an address: Linux's `AF_*`.
    family {
        /// Within the family of processes: the address is a `UnixName`.
        UNIX = 1;
        /// IPv4: the address is Linux's `sockaddr_in`.
        INET = 2;
        /// IPv6: the address is Linux's `sockaddr_in6`.
        INET6 = 10;
    }
    /// `kind` of `SocketOpen`: Linux's `SOCK_*`.
    socket_kind {
        /// Bytes.
        STREAM = 1;
        /// Messages.
        DATAGRAM = 2;
        /// Messages over a connection.
        SEQUENCED = 5;
    }
    /// `which` of `SocketGetName`.
    socket_name {
        /// The socket's own address.
        LOCAL = 0;
        /// Its peer's.
        PEER = 1;
    }
    /// `SocketMessage::flags` and `result_flags`: Linux's `MSG_*`.
    message {
        /// Urgent data.
        OUT_OF_BAND = 1;
        /// What is received stays.
        PEEK = 2;
        /// Not through a gateway.
        DONT_ROUTE = 4;
        /// Result: control records were dropped.
        CONTROL_CUT = 8;
        /// The message had more. Received with it: the length tells how much.
        CUT = 0x20;
        /// This call does not wait.
        DONT_WAIT = 0x40;
        /// The end of a record.
        END_OF_RECORD = 0x80;
        /// As many bytes as the buffer holds.
        WAIT_ALL = 0x100;
        /// The peer is alive.
        CONFIRM = 0x800;
        /// From the queue of errors.
        ERROR_QUEUE = 0x2000;
        /// More is to come.
        MORE = 0x8000;
    }
    /// `ControlRecord::kind` at `ControlRecord::level` 1: Linux's `SCM_*`.
    control {
        /// Handles: `PassedHandle`s.
        RIGHTS = 1;
        /// Who sent it: a `PeerId`; received only.
        CREDENTIALS = 2;
    }
}
