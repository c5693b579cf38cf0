//! Requests to the kernel over netlink: one at a time, each acknowledged.
//!
//! **Invariants**: a socket speaks of the network namespace that the thread was in when it was opened.
//! **Not here**: what is asked for (`link`, `conntrack`).

use std::fmt::Debug;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
use netlink_packet_route::RouteNetlinkMessage;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

/// NETLINK_ROUTE: number 0, which is how "none" is written.
const ROUTE: Option<Protocol> = None;
/// Largest piece of an answer, in bytes: the kernel makes none longer than 32 KiB.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// A netlink socket.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    /// For links, addresses, routes and queues.
    pub(super) fn route() -> io::Result<Self> {
        Self::open(ROUTE, 0)
    }

    /// For connection tracking.
    pub(super) fn netfilter() -> io::Result<Self> {
        Self::open(Some(netlink::NETFILTER), 0)
    }

    /// Hears of every change of the IPv4 routes.
    pub(super) fn route_changes() -> io::Result<Self> {
        const RTMGRP_IPV4_ROUTE: u32 = 0x40;
        Self::open(ROUTE, RTMGRP_IPV4_ROUTE)
    }

    fn open(protocol: Option<Protocol>, groups: u32) -> io::Result<Self> {
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Throws away what has arrived: that something did is the news.
    pub(super) fn drain(&self) {
        let mut buffer = [0; 4096];
        // An overrun (ENOBUFS) is news as well; when nothing is left, that is the end.
        while !matches!(
            rustix::net::recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::BADF)
        ) {}
    }

    /// Asks for a change and waits until it is made.
    ///
    /// # Errors
    /// The kernel's answer.
    pub(super) fn ask<M>(&mut self, message: M, flags: u16) -> io::Result<()>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Debug,
    {
        self.exchange(message, flags | NLM_F_ACK, |_: M| {})
    }

    /// Asks for one thing.
    ///
    /// # Errors
    /// The kernel's answer.
    pub(super) fn get<M>(&mut self, message: M) -> io::Result<Vec<M>>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Debug,
    {
        let mut found = Vec::new();
        self.exchange(message, NLM_F_ACK, |item| found.push(item))?;
        Ok(found)
    }

    /// Asks for everything of a kind.
    ///
    /// # Errors
    /// The kernel's answer.
    pub(super) fn dump<M>(&mut self, message: M) -> io::Result<Vec<M>>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Debug,
    {
        let mut found = Vec::new();
        self.exchange(message, NLM_F_DUMP, |item| found.push(item))?;
        Ok(found)
    }

    fn exchange<M>(&mut self, message: M, flags: u16, mut each: impl FnMut(M)) -> io::Result<()>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Debug,
    {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        rustix::io::retry_on_intr(|| rustix::net::send(&self.socket, &bytes, SendFlags::empty()))?;
        let mut buffer = vec![0; ANSWER_MAX_BYTES];
        loop {
            let (_, length) =
                rustix::io::retry_on_intr(|| rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::TRUNC))?;
            let mut rest = buffer.get(..length).ok_or_else(|| invalid("an answer is too long"))?;
            while !rest.is_empty() {
                let answer = NetlinkMessage::<M>::deserialize(rest).map_err(|error| invalid(&error.to_string()))?;
                let aligned = (answer.header.length as usize).next_multiple_of(4).max(16);
                rest = rest.get(aligned..).unwrap_or_default();
                if answer.header.sequence_number != self.sequence {
                    continue;
                }
                match answer.payload {
                    NetlinkPayload::InnerMessage(item) => each(item),
                    NetlinkPayload::Error(error) => return error.code.map_or(Ok(()), |_| Err(error.to_io())),
                    NetlinkPayload::Done(_) => return Ok(()),
                    _ => {}
                }
            }
        }
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("netlink: {text}"))
}

/// What [`Netlink::ask`] and [`Netlink::dump`] take for links, addresses, routes and queues.
pub(super) type Route = RouteNetlinkMessage;
