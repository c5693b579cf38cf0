//! The machine's ways out, which have to let answers through.
//!
//! A packet that comes in is forwarded only where its interface has `forwarding` set. Setting it for the few interfaces
//! that lead out changes less than `net.ipv4.ip_forward`, which makes a router of the whole machine.
//!
//! **Invariants**: an interface that forwards already is left alone.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use netlink_packet_route::route::RouteType;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use tracing::{info, warn};

use super::link::{self, KnownRoute};
use super::netlink::Netlink;
use super::range::Subnet;

/// Routes with at most this many fixed bits lead out: the default route, and the two halves that VPNs put before it.
const OUTWARD_PREFIX_MAX: u8 = 1;
/// How long changes of routes may go on before they are acted on.
const SETTLE: Duration = Duration::from_millis(200);

/// Which interfaces lead to where workspaces may go.
fn outward(routes: &[KnownRoute], allowed: &[Subnet], own: impl Fn(u32) -> bool) -> BTreeSet<u32> {
    let leads = |route: &&KnownRoute| {
        route.kind == RouteType::Unicast
            && (route.to.prefix() <= OUTWARD_PREFIX_MAX || allowed.iter().any(|subnet| subnet.overlaps(route.to)))
    };
    routes.iter().filter(leads).filter_map(|route| route.interface).filter(|&index| !own(index)).collect()
}

/// Makes the interfaces that lead out forward; answers the names of those that did not before.
pub(super) fn open(machine: &mut Netlink, allowed: &[Subnet], prefix: &str) -> io::Result<Vec<String>> {
    let names = link::names(machine)?;
    let name_of = |index: u32| names.iter().find(|(found, _)| *found == index).map(|(_, name)| name.as_str());
    let own = |index: u32| name_of(index).is_none_or(|name| name.starts_with(prefix) || name == "lo");
    let mut opened = Vec::new();
    for index in outward(&link::routes(machine)?, allowed, own) {
        let Some(name) = name_of(index) else { continue };
        let path = PathBuf::from("/proc/sys/net/ipv4/conf").join(name).join("forwarding");
        if std::fs::read_to_string(&path)?.trim() == "0" {
            link::set_interface(name, "ipv4", "forwarding", "1")?;
            info!(interface = name, "answers to workspaces are let through");
            opened.push(name.to_owned());
        }
    }
    Ok(opened)
}

/// Follows the machine's routes: an interface that leads out from now on is opened as well.
#[derive(Debug)]
pub(super) struct Watch {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins. `changed` is told the names of interfaces that were opened.
    ///
    /// # Errors
    /// No socket or thread.
    pub(super) fn start(
        allowed: Vec<Subnet>,
        prefix: String,
        changed: impl Fn(Vec<String>) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = rustix::event::eventfd(0, EventfdFlags::CLOEXEC)?;
        let (news, mut machine, told) = (Netlink::route_changes()?, Netlink::route()?, stop.try_clone()?);
        let thread = std::thread::Builder::new().name("routes".to_owned()).spawn(move || {
            while let Ok(true) = next_change(&news, &told) {
                match open(&mut machine, &allowed, &prefix) {
                    Ok(opened) if opened.is_empty() => {}
                    Ok(opened) => changed(opened),
                    Err(error) => warn!(%error, "a new way out of the machine could not be opened for workspaces"),
                }
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // An event counter that is written to once is never full.
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Waits for changes of the routes and until they are over; `false` when told to stop.
fn next_change(news: &Netlink, stop: &OwnedFd) -> io::Result<bool> {
    let settle = Timespec::try_from(SETTLE).map_err(io::Error::other)?;
    let mut changed = false;
    loop {
        let mut fds = [PollFd::new(stop, PollFlags::IN), PollFd::new(news, PollFlags::IN)];
        match rustix::event::poll(&mut fds, changed.then_some(&settle)) {
            Ok(0) => return Ok(true),
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        if !fds[0].revents().is_empty() {
            return Ok(false);
        }
        news.drain();
        changed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_out_are_default_routes_and_what_leads_to_allowed_places() {
        let route =
            |to: &str, index| KnownRoute { to: to.parse().unwrap(), interface: Some(index), kind: RouteType::Unicast };
        let routes = [
            route("0.0.0.0/0", 2),
            route("128.0.0.0/1", 3),
            route("10.1.0.0/24", 4),
            route("10.2.0.0/16", 5),
            route("0.0.0.0/0", 9),
            KnownRoute { kind: RouteType::Unreachable, ..route("0.0.0.0/0", 6) },
        ];
        let allowed: Vec<Subnet> = vec!["10.1.0.0/16".parse().unwrap()];
        assert_eq!(outward(&routes, &allowed, |index| index == 9), BTreeSet::from([2, 3, 4]));
        assert_eq!(outward(&routes, &[], |_| false), BTreeSet::from([2, 3, 9]));
    }
}
