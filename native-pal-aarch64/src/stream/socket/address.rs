//! Addresses: in URIs, and in front of datagrams.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use pal_abi::{PalError, SockAddr};
use rustix::net::SocketAddrAny;

/// The two ends a URI names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ends {
    pub(super) remote: Option<SocketAddr>,
    pub(super) local: Option<SocketAddr>,
}

impl Ends {
    /// Parses `[ADDRESS][?local=ADDRESS]`.
    pub(super) fn parse(text: &[u8]) -> Result<Self, PalError> {
        let text = std::str::from_utf8(text).map_err(|_| PalError::Invalid)?;
        let address = |text: &str| text.parse::<SocketAddr>().map_err(|_| PalError::Invalid);
        let (remote, query) = match text.split_once('?') {
            Some((remote, query)) => (remote, Some(query)),
            None => (text, None),
        };
        let remote = if remote.is_empty() { None } else { Some(address(remote)?) };
        let local = match query {
            None => None,
            Some(query) => Some(address(query.strip_prefix("local=").ok_or(PalError::Invalid)?)?),
        };
        Ok(Self { remote, local })
    }
}

/// An address of the host's.
pub(super) fn from_host(address: SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(address).ok()
}

/// The record of an address.
pub(super) fn to_record(address: Option<SocketAddr>) -> SockAddr {
    let mut record = SockAddr::default();
    match address {
        None => {}
        Some(SocketAddr::V4(v4)) => {
            record.family = 4;
            record.port = v4.port();
            record.address[..4].copy_from_slice(&v4.ip().octets());
        }
        Some(SocketAddr::V6(v6)) => {
            record.family = 6;
            record.port = v6.port();
            record.flow = v6.flowinfo();
            record.scope = v6.scope_id();
            record.address = v6.ip().octets();
        }
    }
    record
}

/// The address in a record; `None` where it names none (family 0).
pub(super) fn from_record(record: &SockAddr) -> Result<Option<SocketAddr>, PalError> {
    let [a, b, c, d, ..] = record.address;
    match record.family {
        0 => Ok(None),
        4 => Ok(Some(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), record.port)))),
        6 => {
            let ip = Ipv6Addr::from(record.address);
            Ok(Some(SocketAddr::V6(SocketAddrV6::new(ip, record.port, record.flow, record.scope))))
        }
        _ => Err(PalError::Invalid),
    }
}

/// The address of any host, of the same family.
pub(super) fn any_like(address: SocketAddr) -> SocketAddr {
    let ip =
        if address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    SocketAddr::new(ip, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_name_two_ends() {
        let parse = |text: &str| Ends::parse(text.as_bytes());
        let v4: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let v6: SocketAddr = "[::1]:0".parse().unwrap();
        assert_eq!(parse("127.0.0.1:80"), Ok(Ends { remote: Some(v4), local: None }));
        assert_eq!(parse("127.0.0.1:80?local=[::1]:0"), Ok(Ends { remote: Some(v4), local: Some(v6) }));
        assert_eq!(parse("?local=[::1]:0"), Ok(Ends { remote: None, local: Some(v6) }));
        assert_eq!(parse(""), Ok(Ends { remote: None, local: None }));
        for bad in ["localhost:80", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:80?x=1", "127.0.0.1:80?local="]
        {
            assert_eq!(parse(bad), Err(PalError::Invalid), "{bad}");
        }
    }

    #[test]
    fn records_return_unchanged() {
        for text in ["1.2.3.4:5", "[fe80::1%7]:65535"] {
            let address = text.parse().unwrap();
            assert_eq!(from_record(&to_record(Some(address))), Ok(Some(address)));
        }
        assert_eq!(from_record(&to_record(None)), Ok(None));
        assert_eq!(from_record(&SockAddr { family: 5, ..SockAddr::default() }), Err(PalError::Invalid));
    }
}
