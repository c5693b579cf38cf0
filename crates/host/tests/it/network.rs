//! Workspaces on a machine with an internet of its own: what they reach, what they do not, and what is left of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use coditect_host::{Host, NetworkConfig, NetworkMode, StartWorkspace};
use coditect_model::id::WorkspaceId;
use coditect_model::workspace::Generation;
use coditect_sandbox::spec::Network;

use super::inside::{self, run};
use super::internet::{FORBIDDEN, MACHINE, RESOLVER, Seen, WEB, ip, on_a_machine, output};
use crate::{Machine, kill, start, until, workspace};

fn config() -> NetworkConfig {
    NetworkConfig {
        mode: Some(NetworkMode::Nat),
        resolvers: vec![format!("{RESOLVER}:53").parse().unwrap()],
        ready: 2,
        ..NetworkConfig::default()
    }
}

/// A program that tries to reach what it is told, all at once, and prints what became of each as JSON.
const REACH: &str = r#"
import json, socket, sys, threading
def attempt(kind, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as s:
            s.settimeout(8)
            s.connect((address, port))
            if kind == "udp":
                s.send(b"x")
            return s.recv(100).decode().strip() or "closed"
    except Exception as error:
        return "failed: " + str(error)
results = {}
def run(target):
    kind, rest = target.split("/", 1)
    address, port = rest.rsplit("/", 1)
    results[target] = attempt(kind, address, int(port))
threads = [threading.Thread(target=run, args=(target,)) for target in sys.argv[1:]]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(results))
"#;

async fn sh(host: &Host, id: WorkspaceId, script: &str) -> String {
    inside::sh(host, id, 1, script).await
}

async fn python(host: &Host, id: WorkspaceId, program: &str, arguments: &[&str]) -> String {
    let argv: Vec<&str> = ["python3", "-c", program].iter().chain(arguments).copied().collect();
    let (code, printed) = run(host, id, 1, &argv).await;
    assert_eq!(code, 0, "{printed}");
    printed.trim_end().to_owned()
}

async fn reach(host: &Host, id: WorkspaceId, targets: &[String]) -> BTreeMap<String, String> {
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    serde_json::from_str(&python(host, id, REACH, &targets).await).unwrap()
}

/// What the machine's end of a workspace's link is called, and its address.
fn link_of(host: &Host, machine: &Machine, id: WorkspaceId) -> (String, String) {
    let record = coditect_sandbox::record::SandboxRecord::load(&machine.run_dir().join(id.label())).unwrap().unwrap();
    let Network::Given { address, .. } = record.network else { panic!("{:?}", record.network) };
    let route = output("ip", &["-4", "route", "show", &address.to_string()]);
    assert!(host.network().report().range.unwrap().contains(address));
    let interface = route.split_ascii_whitespace().skip_while(|word| *word != "dev").nth(1).unwrap();
    (interface.to_owned(), address.to_string())
}

/// Nothing of an installation is left in this network: no interface, table, route or tracked connection.
fn assert_nothing_left(machine: &Machine) {
    machine.assert_clean();
    assert_eq!(output("nft", &["list", "tables"]), "");
    let links = output("ip", &["-o", "link"]);
    assert_eq!(links.lines().count(), 2, "only `lo` and `wan`: {links}");
    assert!(!output("ip", &["-4", "route", "show", "table", "all"]).contains("unreachable"));
}

#[test]
fn a_workspace_reaches_the_internet_and_nothing_else() {
    on_a_machine(|seen| async move {
        let machine = Machine::new();
        let host = machine.open_with(config());
        assert_eq!(host.network().report().mode, NetworkMode::Nat, "{:?}", host.network().report());
        assert_eq!(host.network().report().warnings, Vec::<String>::new());
        let (id, other) = (workspace(41), workspace(42));
        for id in [id, other] {
            host.start(start(id, 1)).await.unwrap();
        }
        let ((_, own), (_, neighbour)) = (link_of(&host, &machine, id), link_of(&host, &machine, other));
        // The neighbour serves, on a port below 1024, and so does the machine, on all its addresses.
        let serve = "import socket, threading\n\
                     def serve(kind):\n s = socket.socket(socket.AF_INET, kind); s.bind(('0.0.0.0', 80))\n \
                     kind == socket.SOCK_STREAM and s.listen()\n print('ready', flush=True)\n threading.Event().wait()\n\
                     threading.Thread(target=serve, args=(socket.SOCK_DGRAM,)).start(); serve(socket.SOCK_STREAM)";
        sh(&host, other, &format!("setsid python3 -c \"{serve}\" > ready 2>&1 & until [ -s ready ]; do :; done")).await;
        let gateway = sh(&host, id, "sed -n 's/^nameserver //p' /etc/resolv.conf").await;
        let services = std::net::TcpListener::bind("0.0.0.0:8080").unwrap();
        let _datagrams = std::net::UdpSocket::bind("0.0.0.0:8080").unwrap();

        let open = [format!("tcp/{WEB}/80"), format!("tcp/{WEB}/443"), format!("udp/{WEB}/7")];
        let found = reach(&host, id, &open).await;
        assert_eq!(found[&open[0]], MACHINE, "behind the machine's address");
        assert_eq!((found[&open[1]].as_str(), found[&open[2]].as_str()), (MACHINE, "x"));

        let mut closed = Vec::new();
        for address in FORBIDDEN {
            closed.push(format!("tcp/{address}/80"));
            closed.push(format!("udp/{address}/7"));
        }
        for address in [MACHINE, &gateway] {
            closed.push(format!("tcp/{address}/8080"));
            closed.push(format!("udp/{address}/8080"));
        }
        closed.push(format!("tcp/{neighbour}/80"));
        closed.push(format!("udp/{neighbour}/80"));
        closed.push(format!("tcp/{WEB}/25"));
        closed.push("udp/203.0.113.255/7".to_owned());
        closed.push("udp/224.0.0.1/7".to_owned());
        closed.push("tcp/2001:db8::1/80".to_owned());
        closed.push("tcp/fe80::1/80".to_owned());
        let before = seen.connections.load(Ordering::Relaxed);
        let found = reach(&host, id, &closed).await;
        for target in &closed {
            assert!(found[target].starts_with("failed"), "{target}: {}", found[target]);
        }
        assert_eq!(seen.connections.load(Ordering::Relaxed), before, "none of them was even connected to");
        services.set_nonblocking(true).unwrap();
        assert!(services.accept().is_err(), "nor was the machine");
        // An echo without any right: what ping(8) sends, and the answer.
        let ping = "import socket, sys\n\
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); s.settimeout(20)\n\
            s.connect((sys.argv[1], 0)); s.send(bytes([8, 0, 0, 0, 0, 0, 0, 1])); print(s.recv(99)[0])";
        assert_eq!(python(&host, id, ping, &[WEB]).await, "0");
        // Its own loopback is its own, IPv6 too.
        sh(
            &host,
            id,
            "python3 -c 'import socket; s = socket.create_server((\"::1\", 3000), family=socket.AF_INET6); \
             socket.create_connection((\"::1\", 3000))'",
        )
        .await;

        // Nor is anything let in: the machine's own processes cannot open a connection to a workspace.
        let knock = move |address: String| {
            std::net::TcpStream::connect_timeout(
                &format!("{address}:80").parse().unwrap(),
                std::time::Duration::from_millis(300),
            )
        };
        assert!(knock(neighbour.clone()).is_err());
        assert_ne!(own, neighbour);
        // The neighbour's port is reached as every port is: through its agent.
        assert!(host.connect_port(other, Generation(1), 80).await.is_ok());
        end(&machine, &host, &[id, other]).await;
    });
}

async fn end(machine: &Machine, host: &Host, ids: &[WorkspaceId]) {
    for id in ids {
        host.delete(*id, Generation(9)).await.unwrap();
    }
    host.close().await;
    assert_nothing_left(machine);
}

#[test]
fn what_the_operator_allows_is_reached_and_no_more() {
    on_a_machine(|_| async move {
        let machine = Machine::new();
        let allow = ["10.99.0.0/24:443", "169.254.0.0/16", "192.168.0.0/16"].map(|text| text.parse().unwrap());
        let host = machine.open_with(NetworkConfig { allow: allow.to_vec(), smtp: true, ..config() });
        let id = workspace(43);
        host.start(start(id, 1)).await.unwrap();
        let targets = ["tcp/10.99.0.1/443", "tcp/192.168.7.7/80", "tcp/10.99.0.1/80", "tcp/169.254.169.254/80"];
        let mut targets = targets.map(str::to_owned).to_vec();
        targets.push(format!("tcp/{WEB}/25"));
        let found = reach(&host, id, &targets).await;
        for (target, open) in targets.iter().zip([true, true, false, false, true]) {
            assert_eq!(found[target] == MACHINE, open, "{target}: {}", found[target]);
        }
        end(&machine, &host, &[id]).await;
    });
}

#[test]
fn names_are_looked_up_over_both_protocols() {
    on_a_machine(|seen| async move {
        let machine = Machine::new();
        let host = machine.open_with(config());
        let id = workspace(44);
        host.start(start(id, 1)).await.unwrap();
        // The C library's own way, and by hand over TCP.
        assert_eq!(sh(&host, id, "getent ahostsv4 example.com | head -1 | cut -d' ' -f1").await, WEB);
        let by_tcp = "import socket, struct, sys\n\
                      q = b'\\xab\\xcd\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\7example\\3com\\0\\0\\1\\0\\1'\n\
                      s = socket.create_connection((sys.argv[1], 53), 8)\n\
                      s.sendall(struct.pack('>H', len(q)) + q)\n\
                      f = s.makefile('rb')\n\
                      print(socket.inet_ntoa(f.read(struct.unpack('>H', f.read(2))[0])[-4:]))";
        let gateway = sh(&host, id, "sed -n 's/^nameserver //p' /etc/resolv.conf").await;
        assert_eq!(python(&host, id, by_tcp, &[&gateway]).await, WEB);
        assert!(seen.questions.load(Ordering::Relaxed) >= 2);
        // A resolver on the way is asked like any other server in the internet, not hijacked.
        assert_eq!(python(&host, id, by_tcp, &[RESOLVER]).await, WEB);
        end(&machine, &host, &[id]).await;

        // Nobody to ask: an answer in words comes at once, not silence.
        let nobody = NetworkConfig { resolvers: vec!["203.0.113.2:9".parse().unwrap()], ..config() };
        let host = machine.open_with(nobody);
        host.start(start(id, 10)).await.unwrap();
        let by_udp = "import socket, sys\n\
                      q = b'\\xab\\xcd\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\7example\\3com\\0\\0\\1\\0\\1'\n\
                      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20); s.connect((sys.argv[1], 53))\n\
                      s.send(q); print(s.recv(500)[3] & 15)";
        let (_, code) = run(&host, id, 10, &["python3", "-c", by_udp, &gateway]).await;
        assert_eq!(code.trim(), "2", "SERVFAIL");
        host.delete(id, Generation(11)).await.unwrap();
        host.close().await;
        assert_nothing_left(&machine);
    });
}

#[test]
fn offline_means_loopback_only() {
    on_a_machine(|_| async move {
        let machine = Machine::new();
        let host = machine.open_with(NetworkConfig { mode: Some(NetworkMode::Offline), ..config() });
        assert!(host.network().report().warnings[0].contains("no network"));
        let id = workspace(45);
        host.start(start(id, 1)).await.unwrap();
        assert_eq!(sh(&host, id, "grep -c : /proc/net/dev").await, "1");
        assert!(reach(&host, id, &[format!("tcp/{WEB}/80")]).await[&format!("tcp/{WEB}/80")].starts_with("failed"));
        end(&machine, &host, &[id]).await;
    });
}

#[test]
fn a_tenant_cannot_pretend_or_reach_round_the_rules() {
    on_a_machine(|_| async move {
        let machine = Machine::new();
        let host = machine.open_with(config());
        let (attacker, victim) = (workspace(46), workspace(47));
        for id in [attacker, victim] {
            host.start(start(id, 1)).await.unwrap();
        }
        let (_, address) = link_of(&host, &machine, victim);
        // No raw packets, no ARP, no address or route of one's own choice, no rules, no other sources.
        let tricks = "import socket, sys, errno\n\
            def refused(what, work):\n\
            \x20try: work()\n\
            \x20except OSError as error: print(what, errno.errorcode[error.errno]); return\n\
            \x20print(what, 'WORKED')\n\
            refused('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP))\n\
            refused('packet', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0608))\n\
            refused('arp', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0x0608))\n\
            refused('source', lambda: socket.socket().bind((sys.argv[1], 0)))\n\
            def transparent():\n\
            \x20s = socket.socket(); s.setsockopt(0, 19, 1); s.bind((sys.argv[1], 0))\n\
            refused('transparent', transparent)\n\
            refused('abstract', lambda: socket.socket(socket.AF_UNIX).connect('\\0' + sys.argv[2]))\n";
        let name = format!("coditect-test-{}", std::process::id());
        let abstract_address =
            <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(&name).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind_addr(&abstract_address).unwrap();
        let answers = python(&host, attacker, tricks, &[&address, &name]).await;
        assert_eq!(answers.lines().count(), 6, "{answers}");
        assert!(!answers.contains("WORKED"), "{answers}");
        for command in [
            "ip link set eth0 down",
            "ip address add 10.0.0.1/24 dev eth0",
            "ip route add 192.0.2.0/24 dev eth0",
            "ip neighbour replace 192.0.2.9 lladdr 02:00:00:00:00:01 dev eth0",
            "tc qdisc del dev eth0 root",
            "nft list ruleset",
            "echo 1 > /proc/sys/net/ipv4/ip_forward",
            "echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6",
        ] {
            assert_ne!(run(&host, attacker, 1, &["/bin/bash", "-c", command]).await.0, 0, "{command}");
        }
        // What even root inside could not do: somebody in the namespace who may do everything sends as the neighbour.
        let record = coditect_sandbox::record::SandboxRecord::load(&machine.run_dir().join(attacker.label())).unwrap();
        let inside = coditect_sandbox::network::Namespace::of(&record.unwrap()).unwrap().unwrap();
        inside.within(|| ip(&[&format!("address add {address}/32 dev eth0")])).unwrap();
        let spoofed = inside.within(|| {
            let socket = std::net::TcpListener::bind((address.as_str(), 0)).map(drop);
            assert!(socket.is_ok(), "the address is there");
            std::process::Command::new("python3").args(["-c", &format!(
                "import socket; s = socket.socket(); s.settimeout(2); s.bind(('{address}', 0)); s.connect(('{WEB}', 80))"
            )]).output().unwrap()
        });
        assert!(!spoofed.unwrap().status.success());
        let target = format!("tcp/{WEB}/80");
        assert_eq!(reach(&host, victim, std::slice::from_ref(&target)).await[&target], MACHINE, "the neighbour works");
        end(&machine, &host, &[attacker, victim]).await;
    });
}

#[test]
fn a_flood_of_connections_is_bounded_and_the_neighbour_goes_on() {
    on_a_machine(|seen| async move {
        let machine = Machine::new();
        let host = machine.open_with(NetworkConfig { connections: 40, new_connections_per_second: 20, ..config() });
        let (flooder, victim) = (workspace(48), workspace(49));
        for id in [flooder, victim] {
            host.start(start(id, 1)).await.unwrap();
        }
        let flood = "import socket, sys, time\n\
            kept = []\n\
            for port in range(600):\n\
            \x20s = socket.socket(); s.setblocking(False)\n\
            \x20try: s.connect((sys.argv[1], 80))\n\
            \x20except BlockingIOError: kept.append(s)\n\
            \x20except OSError: pass\n\
            names = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(600)]\n\
            for s in names: s.sendto(b'\\0' * 40, (sys.argv[2], 53))\n\
            print('held', flush=True); time.sleep(600)";
        let gateway = sh(&host, flooder, "sed -n 's/^nameserver //p' /etc/resolv.conf").await;
        sh(
            &host,
            flooder,
            &format!(
                "setsid python3 -c \"{flood}\" {WEB} {gateway} > held 2>&1 & until [ -s held ]; do :; done; cat held"
            ),
        )
        .await;
        let (_, address) = link_of(&host, &machine, flooder);
        let tracked = std::fs::read_to_string("/proc/thread-self/net/nf_conntrack").unwrap();
        let own = tracked.lines().filter(|line| line.contains(&format!("src={address} "))).count();
        assert!(own <= 41, "{own} connections are tracked");
        assert!(seen.connections.load(Ordering::Relaxed) <= 41);
        // The neighbour resolves and connects while that goes on.
        assert_eq!(sh(&host, victim, "getent ahostsv4 example.com | head -1 | cut -d' ' -f1").await, WEB);
        let target = format!("tcp/{WEB}/80");
        assert_eq!(reach(&host, victim, std::slice::from_ref(&target)).await[&target], MACHINE);
        end(&machine, &host, &[flooder, victim]).await;
    });
}

#[test]
fn bandwidth_is_held_both_ways_and_changed_live() {
    on_a_machine(|_| async move {
        let machine = Machine::new();
        let host = machine.open_with(config());
        let id = workspace(50);
        let mut limits = crate::limits();
        limits.network_kbit = 2_000;
        let start = StartWorkspace { workspace: id, generation: Generation(1), limits: limits.clone() };
        host.start(start).await.unwrap();
        let timed = "import socket, sys, time\n\
            s = socket.create_connection((sys.argv[1], 80)); s.recv(100)\n\
            t = time.monotonic(); n = 0\n\
            if sys.argv[2] == 'down':\n\
            \x20s.sendall(b'g')\n\
            \x20while n < 1 << 20: n += len(s.recv(1 << 16)) or 1 << 30\n\
            else:\n\
            \x20s.sendall(b'p' * (1 << 20)); s.shutdown(1); s.recv(1)\n\
            print(time.monotonic() - t)";
        let megabyte = async |way: &str| -> f64 { python(&host, id, timed, &[WEB, way]).await.parse().unwrap() };
        // A megabyte takes 4.2 s at two megabits, less the burst: never faster, however loaded the machine is.
        for way in ["down", "up"] {
            let seconds = megabyte(way).await;
            assert!(seconds > 3.0, "{way}: {seconds} s");
        }
        limits.network_kbit = 1_000_000;
        assert_eq!(host.set_limits(id, Generation(1), &limits).await.unwrap(), []);
        let (interface, _) = link_of(&host, &machine, id);
        assert!(output("tc", &["qdisc", "show", "dev", &interface]).contains("rate 1Gbit"));
        for way in ["down", "up"] {
            let seconds = megabyte(way).await;
            assert!(seconds < 3.0, "{way}: {seconds} s");
        }
        end(&machine, &host, &[id]).await;
    });
}

#[test]
fn running_workspaces_keep_their_network_over_a_restart() {
    on_a_machine(|_| async move {
        let machine = Machine::new();
        let (kept, ended) = (workspace(51), workspace(52));
        let first = machine.open_with(config());
        for id in [kept, ended] {
            first.start(start(id, 1)).await.unwrap();
        }
        let range = first.network().report().range;
        let before = link_of(&first, &machine, kept);
        let (_, lost) = link_of(&first, &machine, ended);
        let target = format!("tcp/{WEB}/80");
        assert_eq!(reach(&first, ended, std::slice::from_ref(&target)).await[&target], MACHINE);
        let victim = first.list().into_iter().find(|status| status.workspace == ended).unwrap();
        first.close().await;
        kill(victim.pid);
        until("the killed sandbox is gone", || Host::list_records(&machine.run_dir()).unwrap().len() == 1).await;
        // What a server that was killed left besides: a link that no sandbox has.
        let stray = format!("{}777", before.0.trim_end_matches(char::is_numeric));
        ip(&[&format!("link add {stray} type veth peer name gone")]);
        let tracked = || std::fs::read_to_string("/proc/thread-self/net/nf_conntrack").unwrap();
        assert!(tracked().contains(&format!("src={lost} ")));

        let second = machine.open_with(config());
        second.adopt().await.unwrap();
        assert_eq!(second.network().report().range, range);
        assert_eq!(link_of(&second, &machine, kept), before);
        assert_eq!(reach(&second, kept, std::slice::from_ref(&target)).await[&target], MACHINE);
        assert_eq!(sh(&second, kept, "getent ahostsv4 example.com | head -1 | cut -d' ' -f1").await, WEB);
        assert_eq!(second.set_limits(kept, Generation(1), &crate::limits()).await.unwrap(), []);
        assert!(!tracked().contains(&format!("src={lost} ")), "of the one that ended while nobody was there");
        until("strays are cleared away", || !output("ip", &["-o", "link"]).contains(&stray)).await;
        end(&machine, &second, &[kept]).await;
    });
}

#[test]
fn nothing_of_an_earlier_tenant_is_seen_by_the_next_with_its_address() {
    on_a_machine(|_| async move {
        let machine = Machine::new();
        // Four addresses for workspaces, so that one comes round soon.
        let narrow = NetworkConfig { range: Some("100.97.3.0/29".parse().unwrap()), ready: 1, ..config() };
        let host = machine.open_with(narrow);
        let first = workspace(53);
        host.start(start(first, 1)).await.unwrap();
        let (interface, address) = link_of(&host, &machine, first);
        sh(
            &host,
            first,
            &format!(
                "python3 -c \"import socket; s = socket.create_connection(('{WEB}', 80)); s.recv(99); s.close()\"; \
             getent ahostsv4 example.com > /dev/null"
            ),
        )
        .await;
        let tracked = || std::fs::read_to_string("/proc/thread-self/net/nf_conntrack").unwrap();
        let rules = || output("nft", &["list", "ruleset"]);
        assert!(sh(&host, first, "cat /proc/net/tcp").await.lines().count() > 1, "TIME_WAIT is there");
        assert!(tracked().contains(&format!("src={address} ")) && rules().contains(&format!("{address} ")));
        host.delete(first, Generation(2)).await.unwrap();
        until("everything of it is forgotten", || {
            !tracked().contains(&format!("src={address} "))
                && !rules().contains(&format!("{address} "))
                && !output("ip", &["neighbour", "show", "nud", "all"]).contains(&format!("{address} "))
                && !output("ip", &["-o", "link"]).contains(&format!("{interface}@"))
        })
        .await;
        // Addresses rest: others come first.
        let mut generation = 10;
        loop {
            let next = workspace(54);
            host.start(start(next, generation)).await.unwrap();
            let (_, again) = link_of(&host, &machine, next);
            if again == address {
                break;
            }
            assert!(generation < 30, "the address never comes back");
            host.stop(next, Generation(generation + 1)).await.unwrap();
            generation += 2;
        }
        assert!(generation > 10, "it came back before others were used");
        let (_, seen) = run(
            &host,
            workspace(54),
            generation,
            &[
                "/bin/bash",
                "-c",
                "cat /proc/net/tcp /proc/net/udp | grep -vc sl; ip neighbour; cat /proc/net/dev | grep eth0",
            ],
        )
        .await;
        let lines: Vec<&str> = seen.lines().collect();
        assert_eq!(lines[0], "0", "sockets of somebody else: {seen}");
        assert!(lines[1].contains("PERMANENT") && lines.len() == 3, "{seen}");
        assert_eq!(lines[2].split_ascii_whitespace().nth(1), Some("0"), "bytes of somebody else: {seen}");
        host.delete(workspace(54), Generation(40)).await.unwrap();
        host.close().await;
        assert_nothing_left(&machine);
    });
}

#[test]
fn a_way_out_that_comes_later_is_opened_too() {
    on_a_machine(|_| async move {
        let machine = Machine::new();
        let host = machine.open_with(config());
        let forwarding =
            |name: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{name}/forwarding")).unwrap();
        assert_eq!((forwarding("wan").trim(), forwarding("lo").trim()), ("1", "0"), "not the whole machine");
        assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap().trim(), "0");
        ip(&[
            "link add late type veth peer name beyond",
            "link set late up",
            "link set beyond up",
            "address add 192.0.2.2/24 dev late",
        ]);
        assert_eq!(forwarding("late").trim(), "0");
        ip(&["route add 128.0.0.0/1 via 192.0.2.1"]);
        until("it is opened", || forwarding("late").trim() == "1").await;
        let opened = || output("nft", &["list", "set", "inet", &machine.instance, "opened"]);
        until("nothing is forwarded between the two", || opened().contains("\"late\"")).await;
        assert!(opened().contains("\"wan\""));
        host.close().await;
        ip(&["link delete late"]);
        assert_nothing_left(&machine);
    });
}

#[test]
fn two_installations_share_a_machine_and_nothing_else() {
    on_a_machine(|_| async move {
        let (one, other) = (Machine::new(), Machine::new());
        let (first, second) = (one.open_with(config()), other.open_with(config()));
        let range = |host: &Host| host.network().report().range.unwrap();
        assert!(!range(&first).overlaps(range(&second)));
        let (id, neighbour) = (workspace(55), workspace(56));
        first.start(start(id, 1)).await.unwrap();
        second.start(start(neighbour, 1)).await.unwrap();
        let (_, address) = link_of(&second, &other, neighbour);
        let gateway = range(&second).nth(1).unwrap();
        let targets = [format!("tcp/{WEB}/80"), format!("tcp/{address}/80"), format!("udp/{gateway}/53")];
        let found = reach(&first, id, &targets).await;
        assert_eq!(found[&targets[0]], MACHINE);
        assert!(found[&targets[1]].starts_with("failed") && found[&targets[2]].starts_with("failed"), "{found:?}");
        // Addresses that somebody has are not taken, even if they are asked for.
        let third = Machine::new();
        let taken = NetworkConfig { range: Some(range(&first)), ..config() };
        let error = coditect_host::Network::open(&taken, &third.instance, third.dir.path()).unwrap_err();
        assert!(error.to_string().contains("network.range"), "{error}");
        // Nor if they are remembered from before somebody else had them.
        std::fs::create_dir_all(third.dir.path().join("host")).unwrap();
        let remembered = format!("{{\"range\": \"{}\"}}", range(&first));
        std::fs::write(third.dir.path().join("host/network.json"), remembered).unwrap();
        let later = third.open_with(config());
        assert!(!range(&later).overlaps(range(&first)) && !range(&later).overlaps(range(&second)));
        later.close().await;
        first.delete(id, Generation(2)).await.unwrap();
        first.close().await;
        let target = targets[0].clone();
        let found = reach(&second, neighbour, std::slice::from_ref(&target)).await;
        assert_eq!(found[&target], MACHINE, "the end of one does not touch the other");
        end(&other, &second, &[neighbour]).await;
    });
}

#[test]
fn another_firewall_that_lets_nothing_through_is_named() {
    on_a_machine(|_| async move {
        let rules =
            "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }";
        output("nft", &[rules]);
        let machine = Machine::new();
        let host = machine.open_with(config());
        let warnings = &host.network().report().warnings;
        assert!(warnings.len() == 1 && warnings[0].contains("`ip filter FORWARD`"), "{warnings:?}");
        host.close().await;
        assert_eq!(output("nft", &["list", "tables"]).trim(), "table ip filter", "theirs is left alone");
    });
}

#[test]
fn networks_are_ready_before_they_are_needed_and_refilled() {
    on_a_machine(|_: Arc<Seen>| async move {
        let machine = Machine::new();
        let host = machine.open_with(NetworkConfig { ready: 3, ..config() });
        until("three are ready", || host.network().ready() == 3).await;
        let began = std::time::Instant::now();
        let lease = host.network().take(50_000).unwrap().unwrap();
        eprintln!("a network that is ready is taken in {:?}", began.elapsed());
        until("three are ready again", || host.network().ready() == 3).await;
        host.network().release(lease.network);
        drop(lease);
        host.close().await;
        assert_nothing_left(&machine);
    });
}
