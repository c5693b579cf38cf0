//! The network of workspaces: an address of its own for each, a way out, and what keeps it from everything else.
//!
//! Each workspace has a network namespace that the host made and no sandbox can change, joined to the machine by a pair of
//! interfaces of its own. One nftables table decides what may leave; answers come back, and nothing else comes in: ports
//! are reached through the agent. Where the machine lacks what this needs, workspaces have no network, and the report says
//! why.
//!
//! **Invariants**
//! - No namespace is used by two sandboxes; no address is given out again before the kernel has forgotten its last user.
//! - What lives when this is closed keeps its network, and whoever opens it again finds it.
//!
//! **Not here**: what a sandbox does inside its network (crate `sandbox`).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use coditect_sandbox::launcher::Launcher;
use coditect_sandbox::network::Namespace;
use coditect_sandbox::probe::Mode;
use coditect_sandbox::record::SandboxRecord;
use coditect_sandbox::spec::{self, SandboxSpec};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::running::HostError;

mod bandwidth;
mod conntrack;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod link;
mod names;
mod netlink;
mod nft;
mod policy;
mod pool;
mod range;
mod resolvers;
mod uplink;

pub use policy::Allow;
pub use range::Subnet;

use link::Links;
use names::Names;
use netlink::Netlink;
use policy::Policy;
use pool::Pool;
use resolvers::Resolvers;

/// Where an installation's addresses are taken from unless the configuration says so, in this order: the shared address
/// space (RFC 6598), then private ones.
const POOLS: [&str; 3] = ["100.96.0.0/12", "10.224.0.0/12", "172.24.0.0/14"];
/// Bits that all addresses of an installation share when they are chosen: 1,021 workspaces.
const PART_PREFIX: u8 = 22;
/// File in the state directory.
const STATE_FILE: &str = "network.json";

/// Whether and how workspaces reach the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkMode {
    /// Through the machine, behind its address.
    Nat,
    /// Not at all.
    Offline,
}

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// `None`: the best that this machine can do.
    pub mode: Option<NetworkMode>,
    /// The addresses of workspaces; chosen when absent.
    pub range: Option<Subnet>,
    /// What may be reached although it is private.
    pub allow: Vec<Allow>,
    /// Whether workspaces may send mail (TCP port 25).
    pub smtp: bool,
    /// Who is asked for names; those of the machine when empty.
    pub resolvers: Vec<SocketAddr>,
    /// Connections one workspace may have at once.
    pub connections: u32,
    /// Connections one workspace may open in a second.
    pub new_connections_per_second: u32,
    /// Networks kept ready for workspaces that start.
    pub ready: usize,
    /// Bandwidth they are made ready with: that of most starts.
    pub ready_kbit: u32,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            mode: None,
            range: None,
            allow: Vec::new(),
            smtp: false,
            resolvers: Vec::new(),
            connections: 2048,
            new_connections_per_second: 100,
            ready: 4,
            ready_kbit: 50_000,
        }
    }
}

/// What this machine does about the network of workspaces, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkReport {
    /// How.
    pub mode: NetworkMode,
    /// The addresses of workspaces.
    pub range: Option<Subnet>,
    /// What holds.
    pub enforced: Vec<String>,
    /// What does not, or deserves an operator's attention.
    pub warnings: Vec<String>,
}

/// A network for one sandbox, which nobody else has had.
#[derive(Debug)]
pub struct Lease {
    /// For the sandbox's specification.
    pub network: spec::Network,
    /// To be handed over with the launch. The sandbox's processes keep it alive from then on.
    pub namespace: Namespace,
}

/// The networks of an installation. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Network {
    nat: Option<Arc<Nat>>,
    report: Arc<NetworkReport>,
}

#[derive(Debug)]
struct Nat {
    pool: Pool,
    links: Links,
    table: String,
    parts: Mutex<Parts>,
}

/// What ends at the close.
#[derive(Debug, Default)]
struct Parts {
    names: Option<Names>,
    routes: Option<uplink::Watch>,
    closed: bool,
}

impl Network {
    /// Makes the network ready as far as this machine lets it.
    ///
    /// # Errors
    /// What was configured cannot be had. What was not is replaced by what can be, and the report says so.
    pub fn open(config: &NetworkConfig, instance: &str, state_dir: &Path) -> io::Result<Self> {
        let reason = match config.mode {
            Some(NetworkMode::Offline) => "offline mode is configured".to_owned(),
            mode => match Nat::open(config, instance, state_dir) {
                Ok((nat, warnings)) => {
                    let report = nat.report(config, warnings);
                    return Ok(Self { nat: Some(Arc::new(nat)), report: Arc::new(report) });
                }
                Err(error) if mode.is_some() => return Err(error),
                Err(error) => error.to_string(),
            },
        };
        let report = NetworkReport {
            mode: NetworkMode::Offline,
            range: None,
            enforced: vec!["workspaces reach nothing but themselves".to_owned()],
            warnings: vec![format!("workspaces have no network: {reason}")],
        };
        Ok(Self { nat: None, report: Arc::new(report) })
    }

    /// What holds on this machine and what does not.
    #[must_use]
    pub fn report(&self) -> &NetworkReport {
        &self.report
    }

    /// Takes a network for a sandbox that is about to start. `None`: workspaces have none here.
    ///
    /// # Errors
    /// `AddrNotAvailable` when all addresses are in use; else why none could be made.
    pub fn take(&self, kbit: u32) -> io::Result<Option<Lease>> {
        let Some(nat) = &self.nat else { return Ok(None) };
        let taken = nat.pool.take(kbit)?.ok_or_else(|| {
            let text = format!("all addresses of {} are in use", nat.links.range);
            io::Error::new(io::ErrorKind::AddrNotAvailable, text)
        })?;
        let network = spec::Network::Given { address: taken.address, nameserver: nat.links.gateway };
        Ok(Some(Lease { network, namespace: taken.namespace }))
    }

    /// Makes a sandbox with a network of its own, of this bandwidth each way; without one where workspaces have none.
    pub(crate) fn launch(
        &self,
        launcher: &Launcher,
        mut spec: SandboxSpec,
        kbit: u32,
    ) -> Result<SandboxRecord, HostError> {
        let Some(lease) = self.take(kbit).map_err(HostError::Network)? else { return Ok(launcher.launch(&spec)?) };
        spec.network = lease.network;
        let launched = launcher.launch_in(&spec, lease.namespace.as_fd());
        // A sandbox that was made all the same, and could not be ended, has no way out then.
        launched.inspect_err(|_| self.release(lease.network)).map_err(HostError::from)
    }

    /// Takes over the network of a sandbox that an earlier process of this host started.
    pub fn adopt(&self, record: &SandboxRecord) {
        let (Some(nat), spec::Network::Given { address, .. }) = (&self.nat, record.network) else { return };
        if !nat.pool.adopt(address) {
            let sandbox = record.group_name();
            warn!(sandbox, %address, "an adopted workspace has lost its network; it has one again after a restart");
        }
    }

    /// Clears away the networks that were found at the start and adopted by nobody.
    pub fn sweep(&self) {
        if let Some(nat) = &self.nat {
            nat.pool.sweep();
        }
    }

    /// Changes the bandwidth of a running sandbox, each way, in thousands of bits per second.
    ///
    /// # Errors
    /// Its link is not there.
    pub fn set_limits(&self, record: &SandboxRecord, kbit: u32) -> io::Result<()> {
        let (Some(nat), spec::Network::Given { address, .. }) = (&self.nat, record.network) else { return Ok(()) };
        match Namespace::of(record)? {
            Some(namespace) => nat.pool.set_bandwidth(address, &namespace, kbit),
            None => Ok(()),
        }
    }

    /// Gives back the network of a sandbox of which nothing lives. It is cleared away soon, and its address rests.
    pub fn release(&self, network: spec::Network) {
        if let (Some(nat), spec::Network::Given { address, .. }) = (&self.nat, network) {
            nat.pool.release(address);
        }
    }

    /// How many networks wait to be taken: for tests and measurements.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.nat.as_ref().map_or(0, |nat| nat.pool.ready())
    }

    /// Ends what this process does for the network. What is in use goes on; where nothing is, nothing is left.
    pub fn close(&self) {
        if let Some(nat) = &self.nat {
            nat.close();
        }
    }
}

impl Nat {
    fn open(config: &NetworkConfig, instance: &str, state_dir: &Path) -> io::Result<(Self, Vec<String>)> {
        if Mode::of_this_process() == Mode::Unprivileged {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it needs root"));
        }
        let mut warnings = Vec::new();
        let mut machine = Netlink::route()?;
        let state = Arc::new(Remembered::load(state_dir.join(STATE_FILE))?);
        let range = claim_range(&mut machine, config, instance, &state, &mut warnings)?;
        let links = Links::new(instance, range);
        let table = policy::table_name(instance);
        let made = Self::open_on(config, &mut machine, links.clone(), table.clone(), state, &mut warnings);
        let made = made.inspect_err(|_| {
            let in_use =
                link::names(&mut machine).is_ok_and(|names| names.iter().any(|(_, name)| links.number(name).is_some()));
            if !in_use {
                // The failure is what matters; what cannot be removed is taken over by the next attempt.
                let _ = nft::run(&policy::removed(&table));
                let _ = link::disclaim(&mut machine, range);
            }
        })?;
        Ok((made, warnings))
    }

    fn open_on(
        config: &NetworkConfig,
        machine: &mut Netlink,
        links: Links,
        table: String,
        state: Arc<Remembered>,
        warnings: &mut Vec<String>,
    ) -> io::Result<Self> {
        let range = links.range;
        let names = match Names::start(links.gateway, range, Resolvers::fixed(config.resolvers.clone())) {
            Ok(names) => Some(names),
            Err(error) => {
                warnings.push(format!("workspaces cannot look names up: {error}"));
                None
            }
        };
        let policy = Policy {
            table: table.clone(),
            interfaces: links.prefix.clone(),
            range,
            gateway: links.gateway,
            names_port: names.as_ref().map(Names::port),
            allow: config.allow.clone(),
            smtp: config.smtp,
            connections: config.connections,
            new_connections_per_second: config.new_connections_per_second,
        };
        nft::run(&policy.rules())?;
        let allowed: Vec<Subnet> = config.allow.iter().map(|allow| allow.subnet).collect();
        match uplink::open(machine, &allowed, &links.prefix) {
            Ok(opened) => state.add_opened(opened),
            Err(error) => warnings.push(format!("answers to workspaces may not come back: {error}")),
        }
        nft::run(&policy::opened(&table, &state.opened()))?;
        let changed = {
            let (state, table) = (state.clone(), table.clone());
            move |opened| {
                state.add_opened(opened);
                if let Err(error) = nft::run(&policy::opened(&table, &state.opened())) {
                    warn!(%error, "the machine may forward between its own interfaces");
                }
            }
        };
        let routes = uplink::Watch::start(allowed, links.prefix.clone(), changed)?;
        let parts = Parts { names, routes: Some(routes), closed: false };
        let pool = Pool::open(links.clone(), table.clone(), config.ready, config.ready_kbit)?;
        Ok(Self { pool, links, table, parts: Mutex::new(parts) })
    }

    fn report(&self, config: &NetworkConfig, mut warnings: Vec<String>) -> NetworkReport {
        if let Some(most) = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max")
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok())
        {
            let workspaces = most / u64::from(config.connections.max(1));
            if workspaces < 16 {
                warnings.push(format!(
                    "{workspaces} workspaces with all their connections fill the machine's table of connections: raise \
                     the sysctl net.netfilter.nf_conntrack_max or lower network.connections"
                ));
            }
        }
        if let Some(chain) = nft::chains_that_drop().unwrap_or_default().first() {
            warnings.push(format!(
                "the chain `{chain}` of another firewall drops what is forwarded: let the interfaces `{}*` through it, or \
                 workspaces reach nothing",
                self.links.prefix
            ));
        }
        let mut enforced = vec![
            format!("each workspace has an address of its own in {}", self.links.range),
            "no link-local, metadata, private or reserved addresses, not this machine, no other workspace".to_owned(),
            "nothing comes in but answers; nothing of IPv6 goes out".to_owned(),
            "bandwidth by tier, each way".to_owned(),
            format!(
                "{} connections at once and {} new ones a second for each workspace",
                config.connections, config.new_connections_per_second
            ),
        ];
        if !config.smtp {
            enforced.push("no mail (port 25)".to_owned());
        }
        NetworkReport { mode: NetworkMode::Nat, range: Some(self.links.range), enforced, warnings }
    }

    fn close(&self) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut parts.closed, true) {
            return;
        }
        parts.names = None;
        parts.routes = None;
        if !self.pool.close() {
            // The table last: as long as it is there, the addresses are known to be ours.
            let removed = Netlink::route()
                .and_then(|mut machine| link::disclaim(&mut machine, self.links.range))
                .and_then(|()| nft::run(&policy::removed(&self.table)));
            if let Err(error) = removed {
                warn!(%error, "the network's rules could not be removed");
            }
        }
    }
}

impl Drop for Nat {
    fn drop(&mut self) {
        self.close();
    }
}

/// Finds addresses that nothing else on this machine has, and makes that known. Installations that start at the same time
/// do this one after the other.
fn claim_range(
    machine: &mut Netlink,
    config: &NetworkConfig,
    instance: &str,
    state: &Remembered,
    warnings: &mut Vec<String>,
) -> io::Result<Subnet> {
    // A lock for all processes in this network namespace, which needs no file of its own.
    let turn = Namespace::current()?;
    rustix::fs::flock(&turn, FlockOperation::LockExclusive)?;
    let remembered = state.range();
    let names = link::names(machine)?;
    let prefix = Links::new(instance, Subnet::around(Ipv4Addr::UNSPECIFIED, 0)).prefix;
    let own: Vec<u32> = names.iter().filter(|(_, name)| name.starts_with(&prefix)).map(|(index, _)| *index).collect();
    let routes = link::routes(machine)?;
    // What is remembered may be of an earlier boot, and somebody else's by now: the table says whether the claim is ours.
    let is_ours = !own.is_empty() || nft::has_table(&policy::table_name(instance));
    let is_own = |route: &link::KnownRoute| {
        route.interface.is_some_and(|index| own.contains(&index))
            || (is_ours && route.interface.is_none() && Some(route.to) == remembered)
    };
    let taken: Vec<Subnet> =
        routes.iter().filter(|route| route.to.prefix() > 0 && !is_own(route)).map(|route| route.to).collect();
    let free = |subnet: Subnet| !taken.iter().any(|other| other.overlaps(subnet));
    let range = match (remembered, config.range) {
        (Some(kept), wanted) if !own.is_empty() && wanted.is_none_or(|wanted| wanted != kept) => {
            if let Some(wanted) = wanted {
                warnings.push(format!("addresses are still those of {kept}: {wanted} is used once nothing runs"));
            }
            kept
        }
        (_, Some(wanted)) if free(wanted) => wanted,
        (_, Some(wanted)) => {
            let text = format!("the addresses {wanted} are in use on this machine: choose another `network.range`");
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        (Some(kept), None) if free(kept) => kept,
        (_, None) => POOLS
            .iter()
            .filter_map(|pool| pool.parse().ok())
            .find_map(|pool| range::choose(pool, PART_PREFIX, instance, &taken))
            .ok_or_else(|| {
                let text = "no private addresses are free on this machine: set `network.range`";
                io::Error::new(io::ErrorKind::AddrInUse, text)
            })?,
    };
    // Before the claim: one that is not remembered would never be taken back.
    state.set_range(range)?;
    if let Some(old) = remembered.filter(|&old| is_ours && old != range) {
        link::disclaim(machine, old)?;
    }
    link::claim(machine, range)?;
    Ok(range)
}

/// What the next process has to know.
#[derive(Debug)]
struct Remembered {
    path: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// The addresses in use.
    #[serde(default)]
    range: Option<String>,
    /// Interfaces that were made to forward.
    #[serde(default)]
    opened: Vec<String>,
}

impl Remembered {
    fn load(path: PathBuf) -> io::Result<Self> {
        let kept = match std::fs::read(&path) {
            // Damaged by a machine that lost power: nothing of that boot is left either.
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, kept: Mutex::new(kept) })
    }

    fn range(&self) -> Option<Subnet> {
        self.lock().range.as_ref()?.parse().ok()
    }

    fn set_range(&self, range: Subnet) -> io::Result<()> {
        let mut kept = self.lock();
        kept.range = Some(range.to_string());
        self.store(&kept)
    }

    fn opened(&self) -> Vec<String> {
        self.lock().opened.clone()
    }

    fn add_opened(&self, names: Vec<String>) {
        let mut kept = self.lock();
        for name in names {
            if !kept.opened.contains(&name) {
                kept.opened.push(name);
            }
        }
        if let Err(error) = self.store(&kept) {
            warn!(%error, "the host's state of the network could not be written");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, kept: &Kept) -> io::Result<()> {
        let temporary = self.path.with_extension("json.new");
        std::fs::write(&temporary, serde_json::to_vec(kept)?)?;
        std::fs::rename(&temporary, &self.path)
    }
}
