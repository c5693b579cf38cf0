//! One workspace's link: a namespace with one end of a pair of interfaces, and the other end on the machine.
//!
//! There is no shared layer 2: each pair has two addresses, fixed neighbours and fixed routes, so there is nothing to
//! discover and nobody to deceive.
//!
//! **Invariants**: both queues that hold the bandwidth are out of the workspace's reach; nothing of IPv6 is on either end
//! but the workspace's own loopback.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::PathBuf;

use coditect_sandbox::network::Namespace;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};

use super::bandwidth;
use super::netlink::{Netlink, Route};
use super::range::{Subnet, stable_hash};

/// The interface as the workspace sees it.
const INSIDE: &str = "eth0";

/// Names and addresses of the links of one installation.
#[derive(Clone, Debug)]
pub(super) struct Links {
    /// What the machine's ends are called, before the number.
    pub(super) prefix: String,
    /// Where addresses come from.
    pub(super) range: Subnet,
    /// The machine's address on each of them.
    pub(super) gateway: Ipv4Addr,
}

impl Links {
    /// Those of the installation with this name.
    pub(super) fn new(instance: &str, range: Subnet) -> Self {
        let prefix = format!("cd{:07x}-", stable_hash(instance) & 0x0fff_ffff);
        Self { prefix, range, gateway: range.nth(1).unwrap_or(range.first()) }
    }

    /// Name of the machine's end.
    pub(super) fn name(&self, number: u32) -> String {
        format!("{}{number}", self.prefix)
    }

    /// The number in such a name.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        name.strip_prefix(&self.prefix)?.parse().ok()
    }

    /// Makes a namespace and its link, ready for a sandbox.
    pub(super) fn prepare(&self, machine: &mut Netlink, number: u32, kbit: u32) -> io::Result<Namespace> {
        let address = self.range.nth(number).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let namespace = Namespace::create()?;
        let name = self.name(number);
        let [above, below] = [1, 2].map(|end| hardware_address(number, end));
        machine.ask(pair(&name, above, &namespace, below), NLM_F_CREATE | NLM_F_EXCL)?;
        let made = self
            .raise(machine, &name, address, below, kbit)
            .and_then(|()| namespace.within(|| inside(address, self.gateway, above, kbit))?);
        match made {
            Ok(()) => Ok(namespace),
            Err(error) => {
                // The namespace's end takes it along as well; the failure is what matters.
                let _ = remove(machine, &name);
                Err(error)
            }
        }
    }

    /// The machine's end.
    fn raise(&self, machine: &mut Netlink, name: &str, address: Ipv4Addr, to: [u8; 6], kbit: u32) -> io::Result<()> {
        set_interface(name, "ipv6", "disable_ipv6", "1")?;
        // Packets that come from it may go on; see `uplink` for those that come back.
        set_interface(name, "ipv4", "forwarding", "1")?;
        let index = index_of(machine, name)?;
        machine.ask(address_on(index, self.gateway), NLM_F_CREATE | NLM_F_REPLACE)?;
        machine.ask(bandwidth::queue(index, kbit), NLM_F_CREATE | NLM_F_REPLACE)?;
        machine.ask(up(index), 0)?;
        machine.ask(neighbour(index, address, to), NLM_F_CREATE | NLM_F_REPLACE)?;
        machine.ask(route(Subnet::around(address, 32), Via::Link(index)), NLM_F_CREATE | NLM_F_REPLACE)
    }
}

/// The workspace's end, seen from a thread in its namespace.
fn inside(address: Ipv4Addr, gateway: Ipv4Addr, to: [u8; 6], kbit: u32) -> io::Result<()> {
    for (name, value) in [
        ("ipv4/ip_unprivileged_port_start", "0"),
        ("ipv4/ping_group_range", "0 4294967294"),
        ("ipv4/conf/all/accept_redirects", "0"),
        ("ipv4/conf/default/accept_redirects", "0"),
    ] {
        std::fs::write(PathBuf::from("/proc/sys/net").join(name), value)?;
    }
    set_interface(INSIDE, "ipv6", "disable_ipv6", "1")?;
    set_interface("default", "ipv6", "disable_ipv6", "1")?;
    let mut own = Netlink::route()?;
    let loopback = index_of(&mut own, "lo")?;
    own.ask(up(loopback), 0)?;
    let index = index_of(&mut own, INSIDE)?;
    own.ask(address_on(index, address), NLM_F_CREATE | NLM_F_REPLACE)?;
    own.ask(bandwidth::queue(index, kbit), NLM_F_CREATE | NLM_F_REPLACE)?;
    own.ask(up(index), 0)?;
    own.ask(neighbour(index, gateway, to), NLM_F_CREATE | NLM_F_REPLACE)?;
    own.ask(route(Subnet::around(Ipv4Addr::UNSPECIFIED, 0), Via::Gateway(index, gateway)), NLM_F_CREATE | NLM_F_REPLACE)
}

/// Sets the bandwidth of the workspace's end, seen from a thread in its namespace.
pub(super) fn set_bandwidth_inside(kbit: u32) -> io::Result<()> {
    let mut own = Netlink::route()?;
    set_bandwidth(&mut own, INSIDE, kbit)
}

/// Sets the bandwidth of what goes out on an interface.
pub(super) fn set_bandwidth(netlink: &mut Netlink, name: &str, kbit: u32) -> io::Result<()> {
    let index = index_of(netlink, name)?;
    netlink.ask(bandwidth::queue(index, kbit), NLM_F_CREATE | NLM_F_REPLACE)
}

/// Removes an interface, and with it the other end; one that is gone already is fine.
pub(super) fn remove(machine: &mut Netlink, name: &str) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_owned()));
    match machine.ask(Route::DelLink(message), 0) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => Ok(()),
        other => other,
    }
}

/// Names of all interfaces of the machine, by index.
pub(super) fn names(machine: &mut Netlink) -> io::Result<Vec<(u32, String)>> {
    let name = |message: Route| match message {
        Route::NewLink(link) => link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some((link.header.index, name.clone())),
            _ => None,
        }),
        _ => None,
    };
    Ok(machine.dump(Route::GetLink(LinkMessage::default()))?.into_iter().filter_map(name).collect())
}

/// A route of the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownRoute {
    pub(super) to: Subnet,
    pub(super) interface: Option<u32>,
    pub(super) kind: RouteType,
}

/// All IPv4 routes of all its tables.
pub(super) fn routes(machine: &mut Netlink) -> io::Result<Vec<KnownRoute>> {
    let mut request = RouteMessage::default();
    request.header.address_family = AddressFamily::Inet;
    let known = |message: Route| {
        let Route::NewRoute(route) = message else { return None };
        let mut to = Ipv4Addr::UNSPECIFIED;
        let mut interface = None;
        for attribute in &route.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(address)) => to = *address,
                RouteAttribute::Oif(index) => interface = Some(*index),
                RouteAttribute::MultiPath(hops) => interface = hops.first().map(|hop| hop.interface_index),
                _ => {}
            }
        }
        let to = Subnet::around(to, route.header.destination_prefix_length);
        Some(KnownRoute { to, interface, kind: route.header.kind })
    };
    Ok(machine.dump(Route::GetRoute(request))?.into_iter().filter_map(known).collect())
}

/// Makes a subnet lead nowhere, where nothing more exact leads somewhere: the sign that it is taken, and what keeps packets
/// for workspaces that are gone from leaving the machine.
pub(super) fn claim(machine: &mut Netlink, subnet: Subnet) -> io::Result<()> {
    machine.ask(route(subnet, Via::Nowhere), NLM_F_CREATE | NLM_F_REPLACE)
}

/// Takes [`claim`] back.
pub(super) fn disclaim(machine: &mut Netlink, subnet: Subnet) -> io::Result<()> {
    let Route::NewRoute(message) = route(subnet, Via::Nowhere) else { return Ok(()) };
    match machine.ask(Route::DelRoute(message), 0) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Ok(()),
        other => other,
    }
}

/// Sets a setting of an interface. Where the kernel has no IPv6, nothing of it needs to be set.
pub(super) fn set_interface(name: &str, family: &str, setting: &str, value: &str) -> io::Result<()> {
    let path = PathBuf::from("/proc/sys/net").join(family).join("conf").join(name).join(setting);
    match std::fs::write(&path, value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && family == "ipv6" => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        Ok(()) => Ok(()),
    }
}

/// Locally administered, so nobody's; the same two on every machine, so they say nothing.
fn hardware_address(number: u32, end: u8) -> [u8; 6] {
    let [_, high, middle, low] = number.to_be_bytes();
    [0x02, 0xcd, high, middle, low, end]
}

fn pair(name: &str, above: [u8; 6], namespace: &Namespace, below: [u8; 6]) -> Route {
    let mut peer = LinkMessage::default();
    peer.attributes = vec![
        LinkAttribute::IfName(INSIDE.to_owned()),
        LinkAttribute::Address(below.to_vec()),
        LinkAttribute::NetNsFd(namespace.as_fd().as_raw_fd()),
    ];
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::Address(above.to_vec()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]),
    ];
    Route::NewLink(message)
}

fn index_of(netlink: &mut Netlink, name: &str) -> io::Result<u32> {
    let mut request = LinkMessage::default();
    request.attributes.push(LinkAttribute::IfName(name.to_owned()));
    let found = netlink.get(Route::GetLink(request))?.into_iter().find_map(|message| match message {
        Route::NewLink(link) => Some(link.header.index),
        _ => None,
    });
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no interface {name}")))
}

fn up(index: u32) -> Route {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    Route::SetLink(message)
}

fn address_on(index: u32, address: Ipv4Addr) -> Route {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = 32;
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes =
        vec![AddressAttribute::Local(IpAddr::V4(address)), AddressAttribute::Address(IpAddr::V4(address))];
    Route::NewAddress(message)
}

fn neighbour(index: u32, address: Ipv4Addr, hardware: [u8; 6]) -> Route {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = index;
    message.header.state = NeighbourState::Permanent;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)),
        NeighbourAttribute::LinkLayerAddress(hardware.to_vec()),
    ];
    Route::NewNeighbour(message)
}

enum Via {
    Link(u32),
    Gateway(u32, Ipv4Addr),
    Nowhere,
}

fn route(to: Subnet, via: Via) -> Route {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = to.prefix();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.kind = RouteType::Unicast;
    if to.prefix() > 0 {
        message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(to.first())));
    }
    match via {
        Via::Link(index) => {
            message.header.scope = RouteScope::Link;
            message.attributes.push(RouteAttribute::Oif(index));
        }
        Via::Gateway(index, gateway) => {
            message.header.flags = RouteFlags::Onlink;
            message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
            message.attributes.push(RouteAttribute::Oif(index));
        }
        Via::Nowhere => message.header.kind = RouteType::Unreachable,
    }
    Route::NewRoute(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_lead_back_to_their_numbers() {
        let links = Links::new("coditect-0123456789abcdef", "100.96.4.0/22".parse().unwrap());
        assert_eq!(links.gateway, Ipv4Addr::new(100, 96, 4, 1));
        let name = links.name(65_534);
        assert!(name.len() <= 15, "{name}");
        assert_eq!(links.number(&name), Some(65_534));
        for other in ["eth0", "cd", &links.prefix, &format!("{}x", links.prefix)] {
            assert_eq!(links.number(other), None, "{other}");
        }
    }
}
