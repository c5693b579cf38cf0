//! Making the kernel forget the connections of an address.
//!
//! **Why**: what it still knows of an ended workspace would let answers meant for it reach the next one with its address.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;

use netlink_packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable};

use super::netlink::Netlink;
use super::range::Subnet;

/// linux/netfilter/nfnetlink.h and nfnetlink_conntrack.h.
const SUBSYSTEM: u16 = 1 << 8;
const GET: u16 = SUBSYSTEM | 1;
const DELETE: u16 = SUBSYSTEM | 2;
const NESTED: u16 = 0x8000;
const TYPE: u16 = 0x3fff;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_ID: u16 = 12;
const CTA_ZONE: u16 = 18;
const CTA_FILTER: u16 = 25;
const CTA_FILTER_ORIG_FLAGS: u16 = 1;
const CTA_FILTER_REPLY_FLAGS: u16 = 2;
const CTA_TUPLE_IP: u16 = 1;
const CTA_IP_V4_SRC: u16 = 1;
/// In the filter's flags: compare the source address.
const FILTER_SOURCE: u32 = 1;
/// struct nfgenmsg: IPv4, version 0, no resource.
const GENERAL: [u8; 4] = [2, 0, 0, 0];

/// Forgets every connection that began at `address`.
///
/// # Errors
/// The kernel tracks nothing, or does not tell.
pub(super) fn forget(netlink: &mut Netlink, address: Ipv4Addr) -> io::Result<()> {
    // Kernels before 6.8 cannot delete what a filter chooses, but can list it (since 5.8).
    match netlink.ask(Request { kind: DELETE, body: filter(address) }, 0) {
        Ok(()) => return Ok(()),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOENT.raw_os_error()) => return Ok(()),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::OPNOTSUPP.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    forget_one_by_one(netlink, filter(address), |source| source == address)
}

/// Forgets every connection that began at an address of `range` that is not kept.
///
/// # Errors
/// The kernel tracks nothing, or does not tell.
pub(super) fn forget_all(netlink: &mut Netlink, range: Subnet, kept: impl Fn(Ipv4Addr) -> bool) -> io::Result<()> {
    forget_one_by_one(netlink, GENERAL.to_vec(), |source| range.contains(source) && !kept(source))
}

fn forget_one_by_one(netlink: &mut Netlink, listed: Vec<u8>, chosen: impl Fn(Ipv4Addr) -> bool) -> io::Result<()> {
    for entry in netlink.dump(Request { kind: GET, body: listed })? {
        if !source(&entry.body).is_some_and(&chosen) {
            continue;
        }
        let mut body = GENERAL.to_vec();
        for (kind, value) in attributes(entry.body.get(GENERAL.len()..).unwrap_or_default()) {
            if matches!(kind & TYPE, CTA_TUPLE_ORIG | CTA_ID | CTA_ZONE) {
                put(&mut body, kind, value);
            }
        }
        match netlink.ask(Request { kind: DELETE, body }, 0) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOENT.raw_os_error()) => {}
            other => other?,
        }
    }
    Ok(())
}

fn filter(address: Ipv4Addr) -> Vec<u8> {
    let (mut ip, mut tuple, mut flags, mut body) = (Vec::new(), Vec::new(), Vec::new(), GENERAL.to_vec());
    put(&mut ip, CTA_IP_V4_SRC, &address.octets());
    put(&mut tuple, CTA_TUPLE_IP | NESTED, &ip);
    put(&mut flags, CTA_FILTER_ORIG_FLAGS, &FILTER_SOURCE.to_ne_bytes());
    put(&mut flags, CTA_FILTER_REPLY_FLAGS, &0u32.to_ne_bytes());
    put(&mut body, CTA_TUPLE_ORIG | NESTED, &tuple);
    put(&mut body, CTA_FILTER | NESTED, &flags);
    body
}

/// Where the connection of an entry began.
fn source(entry: &[u8]) -> Option<Ipv4Addr> {
    let find = |bytes, wanted| attributes(bytes).find(|(kind, _)| kind & TYPE == wanted).map(|(_, value)| value);
    let tuple = find(entry.get(GENERAL.len()..)?, CTA_TUPLE_ORIG)?;
    let address = find(find(tuple, CTA_TUPLE_IP)?, CTA_IP_V4_SRC)?;
    <[u8; 4]>::try_from(address).ok().map(Ipv4Addr::from)
}

fn put(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    to.extend(length.to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

/// Type and value of each attribute.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, _) = bytes.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let value = bytes.get(4..length)?;
        let kind = u16::from_ne_bytes([head[2], head[3]]);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A message of connection tracking, as it is.
#[derive(Clone, PartialEq, Eq)]
struct Request {
    kind: u16,
    body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({:#x}, {} bytes)", self.kind, self.body.len())
    }
}

impl NetlinkSerializable for Request {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.body.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer[..self.body.len()].copy_from_slice(&self.body);
    }
}

impl NetlinkDeserializable for Request {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { kind: header.message_type, body: payload.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use coditect_sandbox::network::Namespace;

    /// How many connections the kernel tracks that began at `address`.
    fn count(netlink: &mut Netlink, address: Ipv4Addr) -> usize {
        let all = netlink.dump(Request { kind: GET, body: GENERAL.to_vec() }).unwrap();
        all.iter().filter(|entry| source(&entry.body) == Some(address)).count()
    }

    /// In a namespace of its own, as root.
    #[test]
    fn connections_of_one_address_are_forgotten_in_every_way() {
        let work = || {
            let up = std::process::Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
            assert!(up.success());
            // The kernel tracks once somebody wants to know.
            let rules = "table inet t { chain c { type filter hook output priority 0; ct state new accept; }; }";
            super::super::nft::run(rules).unwrap();
            let [one, other, third] = [1, 2, 3].map(|last| Ipv4Addr::new(127, 0, 0, last));
            for address in [one, other, third] {
                for port in [1, 2, 3] {
                    UdpSocket::bind((address, 0)).unwrap().send_to(b"x", (Ipv4Addr::LOCALHOST, port)).unwrap();
                }
            }
            let mut netlink = Netlink::netfilter().unwrap();
            assert_eq!([one, other, third].map(|address| count(&mut netlink, address)), [3, 3, 3]);
            forget(&mut netlink, one).unwrap();
            assert_eq!([one, other, third].map(|address| count(&mut netlink, address)), [0, 3, 3]);
            // As kernels before 6.8 have it done.
            forget_one_by_one(&mut netlink, filter(other), |source| source == other).unwrap();
            assert_eq!([one, other, third].map(|address| count(&mut netlink, address)), [0, 0, 3]);
            forget_all(&mut netlink, "127.0.0.0/8".parse().unwrap(), |address| address == third).unwrap();
            assert_eq!(count(&mut netlink, third), 3);
            forget_all(&mut netlink, "127.0.0.0/8".parse().unwrap(), |_| false).unwrap();
            assert_eq!(count(&mut netlink, third), 0);
            forget(&mut netlink, one).unwrap();
        };
        Namespace::create().unwrap().within(work).unwrap();
    }

    #[test]
    fn damaged_entries_have_no_source() {
        let whole = filter(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(source(&whole), Some(Ipv4Addr::new(192, 0, 2, 1)));
        for length in 0..20 {
            assert_eq!(source(&whole[..length]), None, "{length}");
        }
    }
}
