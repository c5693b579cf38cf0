//! Sockets and packets.

use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream};
use std::path::Path;
use std::time::Duration;

use super::calls::each;
use super::{Attempt, Class, Outcome, Target, Tries};
use crate::sys::{forbidden, hostile};

/// How long a connection that must not come about may take.
const CONNECT_LIMIT: Duration = Duration::from_millis(700);

pub(super) const ATTEMPTS: &[Attempt] = &[
    Attempt {
        name: "sockets",
        class: Class::Network,
        about: "raw, packet, vsock, crypto, TIPC and other sockets, netlink beyond one's own addresses",
        deadly: false,
        run: |_| each(forbidden::SOCKETS),
    },
    Attempt {
        name: "foreign-addresses",
        class: Class::Network,
        about: "ports of the host and of neighbours, metadata services",
        deadly: false,
        run: foreign_addresses,
    },
    Attempt {
        name: "abstract-sockets",
        class: Class::Network,
        about: "abstract Unix sockets of the host and of neighbours",
        deadly: false,
        run: abstract_sockets,
    },
    Attempt {
        name: "network-steered",
        class: Class::Network,
        about: "other addresses, spoofed packets, marks, transparent proxying",
        deadly: false,
        run: network_steered,
    },
    Attempt {
        name: "platform-sockets",
        class: Class::Network,
        about: "the agent's own sockets and those of container engines, from inside",
        deadly: false,
        run: platform_sockets,
    },
];

fn foreign_addresses(target: &Target) -> Outcome {
    let tries = std::thread::scope(|scope| {
        let waits: Vec<_> = target
            .addresses
            .iter()
            .map(|address| scope.spawn(move || (address, TcpStream::connect_timeout(address, CONNECT_LIMIT))))
            .collect();
        let mut tries = Tries::new();
        for wait in waits {
            match wait.join() {
                Ok((address, result)) => tries.expect_error(&address.to_string(), result),
                Err(_) => tries.expect("a try ends", false),
            }
        }
        tries
    });
    tries.outcome()
}

fn abstract_sockets(target: &Target) -> Outcome {
    let mut tries = Tries::new();
    for name in &target.abstract_sockets {
        let address = UnixAddr::from_abstract_name(name.as_bytes());
        tries.expect_error(&format!("@{name}"), address.and_then(|address| UnixStream::connect_addr(&address)));
    }
    tries.outcome()
}

fn network_steered(_: &Target) -> Outcome {
    let mut tries = Tries::new();
    tries.expect_error("changing an interface", hostile::reconfigure_loopback());
    match UdpSocket::bind(("127.0.0.1", 0)) {
        Ok(socket) => {
            for (level, option, name) in [
                (libc::SOL_IP, libc::IP_TRANSPARENT, "IP_TRANSPARENT"),
                (libc::SOL_SOCKET, libc::SO_MARK, "SO_MARK"),
                (libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, "SO_SNDBUFFORCE"),
                (libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, "SO_RCVBUFFORCE"),
                (libc::SOL_SOCKET, libc::SO_DEBUG, "SO_DEBUG"),
            ] {
                tries.expect_error(name, hostile::set_option(socket.as_fd(), level, option));
            }
        }
        Err(error) => tries.refused.push(format!("a socket: {error}")),
    }
    // What nobody gave this sandbox as an address.
    tries.expect_error("another's address", UdpSocket::bind(("192.0.2.77", 0)));
    tries.outcome()
}

fn platform_sockets(target: &Target) -> Outcome {
    let mut tries = Tries::new();
    for path in [
        "/run/docker.sock",
        "/var/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/systemd/private",
        "/run/dbus/system_bus_socket",
        "/run/podman/podman.sock",
        "/run/crio/crio.sock",
        "/run/coditect/agent.sock",
    ] {
        tries.expect_error(path, UnixStream::connect(path));
    }
    for path in target.foreign_paths.iter().filter_map(|path| path.parent()) {
        for name in [crate::spec::AGENT_SOCKET, crate::spec::PORTS_SOCKET] {
            tries.expect_error(name, UnixStream::connect(path.join(name)));
        }
    }
    // Sockets of this network namespace that have a path: one that does not exist in here was made from outside (the
    // agent's are), and its name must lead nowhere.
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    for path in sockets.lines().skip(1).filter_map(|line| line.split_whitespace().nth(7)) {
        if path.starts_with('/') && !Path::new(path).exists() {
            tries.expect_error(path, UnixStream::connect(path));
        }
    }
    tries.outcome()
}
