//! What there is to attack: processes, files, sockets and ports of the host and of the neighbour.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use coditect_sandbox::escape::{ForeignProcess, Target};

use super::world::{World, lay_out};
use crate::output::Failure;

/// How long one attempt keeps a resource busy, in milliseconds.
const HOG_MS: u64 = 700;
/// Where clouds tell machines their secrets.
const METADATA: [&str; 3] = ["169.254.169.254:80", "169.254.170.2:80", "100.100.100.200:80"];

/// It is there as long as this is.
pub(super) struct Prey {
    pub(super) target: Target,
    _port: TcpListener,
    _name: UnixListener,
}

impl Prey {
    /// Puts it in place, in the neighbour's sandbox too.
    pub(super) async fn set_out(world: &World) -> Result<Self> {
        let marker = format!("prey-{}", world.secret);
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).context("no port is free")?;
        let port = listener.local_addr()?.port();
        let host_name = format!("{marker}-host");
        let name = bind_abstract(&host_name)?;
        // In the background of a shell, so that it stays when its starter has ended.
        let script = format!(
            "setsid /workspace/.doctor inside prey {marker} {port} </dev/null >/tmp/prey 2>&1 & \
             until grep -q ready /tmp/prey; do sleep 0.05; done"
        );
        let (code, said) = world.exec(world.victim, &["/bin/sh", "-c", &script], b"").await?;
        anyhow::ensure!(code == 0, "the neighbour cannot run a program: {said}");
        let own = world.dir.join("secret");
        lay_out(&own, &world.secret)?;
        let victim = world.pid(world.victim).context("the neighbour has ended")?;
        let addresses = addresses("self").into_iter().chain(addresses(&victim.to_string()));
        let mut reach: Vec<SocketAddr> = addresses.map(|address| SocketAddr::new(IpAddr::V4(address), port)).collect();
        reach.extend(METADATA.iter().filter_map(|text| text.parse::<SocketAddr>().ok()));
        reach.sort();
        reach.dedup();
        let (limits, storage) = (&world.limits, world.host.storage_report());
        let target = Target {
            foreign_processes: vec![ForeignProcess::here(std::process::id())?, ForeignProcess::here(victim)?],
            foreign_marker: marker.clone(),
            foreign_paths: world.keepsake_on_host().into_iter().chain([own]).collect(),
            foreign_secret: world.secret.clone(),
            mounts_are_hidden: false,
            abstract_sockets: vec![host_name, format!("{marker}-victim")],
            addresses: reach,
            pids: limits.pids,
            memory_bytes: limits.memory_bytes,
            open_files: limits.open_files,
            terminals: limits.terminals,
            storage_bytes: storage.bytes_enforced.then_some(limits.storage_bytes),
            inodes: storage.inodes_enforced.then_some(limits.inodes),
            hog_ms: HOG_MS,
        };
        Ok(Self { target, _port: listener, _name: name })
    }
}

fn bind_abstract(name: &str) -> Result<UnixListener> {
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    Ok(UnixListener::bind_addr(&address)?)
}

/// IPv4 addresses that are a process's own, as the kernel's table of routes says; its loopback among them.
fn addresses(process: &str) -> Vec<Ipv4Addr> {
    let text = std::fs::read_to_string(format!("/proc/{process}/net/fib_trie")).unwrap_or_default();
    let mut found = Vec::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(last);
        }
    }
    found
}

/// In the neighbour's sandbox: is there to be found, until the sandbox ends.
pub(super) fn wait_inside(marker: &str, port: u16) -> Result<ExitCode, Failure> {
    let _port = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    let _name = bind_abstract(&format!("{marker}-victim"))?;
    crate::output::line("ready");
    loop {
        std::thread::park();
    }
}
