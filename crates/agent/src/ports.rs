//! Which TCP ports something in the workspace listens on.
//!
//! **Invariants**: nothing is read while nobody asks; the processes behind the ports are looked up only when the set of
//! listening sockets has changed, and off the runtime thread.
//! **Not here**: connecting to them (`connect`).

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coditect_api::agent::Port;
use tokio::sync::watch;
use tokio::time::sleep;

/// How often the kernel is asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// Most of one of the kernel's tables that is read, in bytes: about 27,000 sockets.
const TABLE_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// The state `LISTEN` in the kernel's tables (`include/net/tcp_states.h`).
const LISTEN: &str = "0A";

/// Watches the ports while there are subscribers.
pub struct Ports {
    sender: watch::Sender<Vec<Port>>,
    running: AtomicBool,
}

impl Default for Ports {
    fn default() -> Self {
        Self { sender: watch::Sender::new(Vec::new()), running: AtomicBool::new(false) }
    }
}

/// Inode of a listening socket by port: one of them when there are several.
type Listening = BTreeMap<u16, u64>;

impl Ports {
    /// The ports now and whenever they change.
    pub fn subscribe(self: &Arc<Self>) -> watch::Receiver<Vec<Port>> {
        let receiver = self.sender.subscribe();
        if !self.running.swap(true, Ordering::Relaxed) {
            tokio::spawn(Arc::clone(self).watch());
        }
        receiver
    }

    async fn watch(self: Arc<Self>) {
        let mut known: Option<Listening> = None;
        while self.sender.receiver_count() > 0 {
            let listening = listening();
            if known.as_ref() != Some(&listening) {
                let wanted = listening.clone();
                let named = tokio::task::spawn_blocking(move || describe(&wanted)).await;
                known = Some(listening);
                let ports = named.unwrap_or_default();
                self.sender.send_if_modified(|old| std::mem::replace(old, ports.clone()) != ports);
            }
            sleep(INTERVAL).await;
        }
        self.running.store(false, Ordering::Relaxed);
    }
}

fn listening() -> Listening {
    let mut ports = Listening::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let mut text = String::new();
        // Without IPv6 the second table does not exist.
        if let Ok(file) = std::fs::File::open(table)
            && file.take(TABLE_MAX_BYTES).read_to_string(&mut text).is_ok()
        {
            for (port, inode) in text.lines().skip(1).filter_map(listener) {
                ports.entry(port).or_insert(inode);
            }
        }
    }
    ports
}

/// Port and inode of a line of `/proc/net/tcp{,6}`, if it is a socket that listens where `connect` reaches it.
fn listener(line: &str) -> Option<(u16, u64)> {
    let mut fields = line.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    let reachable =
        address.bytes().all(|byte| byte == b'0') || LOOPBACK.iter().any(|loopback| native(loopback) == address);
    (state == LISTEN && reachable).then_some((u16::from_str_radix(port, 16).ok()?, inode.parse().ok()?))
}

/// Loopback as IPv4, as IPv6, and IPv4's loopback and "any" as IPv6 sockets show them.
const LOOPBACK: [&[u8]; 4] = [
    &[127, 0, 0, 1],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0],
];

/// An address as the kernel prints it: words of its memory, as numbers.
fn native(address: &[u8]) -> String {
    let words = address.chunks_exact(4).map(|word| <[u8; 4]>::try_from(word).unwrap_or_default());
    words.map(|word| format!("{:08X}", u32::from_ne_bytes(word))).collect()
}

/// Finds the processes that hold these sockets, as far as they are ours to look into.
fn describe(listening: &Listening) -> Vec<Port> {
    let mut holders: HashMap<u64, u32> = HashMap::new();
    let wanted: std::collections::HashSet<u64> = listening.values().copied().collect();
    if !wanted.is_empty() {
        find_holders(&wanted, &mut holders);
    }
    let port = |(&port, inode)| {
        let pid = holders.get(inode).copied();
        Port { port, pid, command: pid.and_then(command) }
    };
    listening.iter().map(port).collect()
}

fn find_holders(wanted: &std::collections::HashSet<u64>, holders: &mut HashMap<u64, u32>) {
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Processes come and go, and some are not ours.
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else { continue };
        for descriptor in descriptors.flatten() {
            let Ok(target) = std::fs::read_link(descriptor.path()) else { continue };
            let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            if let Some(inode) = inode.filter(|inode| wanted.contains(inode)) {
                holders.entry(inode).or_insert(pid);
            }
        }
        if holders.len() == wanted.len() {
            return;
        }
    }
}

fn command(pid: u32) -> Option<String> {
    let name = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(crate::terminal::model::clean(&String::from_utf8_lossy(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_sockets_are_found_and_named() {
        let four = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let any = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        let six = std::net::TcpListener::bind("[::1]:0").unwrap();
        let connected = std::net::TcpStream::connect(four.local_addr().unwrap()).unwrap();
        let ports = describe(&listening());
        for socket in [&four, &any, &six] {
            let port = socket.local_addr().unwrap().port();
            let found = ports.iter().find(|found| found.port == port).unwrap();
            assert_eq!(found.pid, Some(std::process::id()));
            assert!(found.command.is_some());
        }
        let client = connected.local_addr().unwrap().port();
        assert!(ports.iter().all(|found| found.port != client));
    }

    #[test]
    fn hostile_lines_are_ignored() {
        for line in
            ["", "x", "0: 0100007F 0 0A", "0: :: 0 0A 0 0 0 0 0 0", "0: 00000000:FFFFF 00000000:0000 0A 0 0 0 0 0 1 1"]
        {
            assert_eq!(listener(line), None, "{line:?}");
        }
    }
}
