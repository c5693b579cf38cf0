//! Every attempt of `coditect_sandbox::escape`, made inside one sandbox beside another.

use std::net::{SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use coditect_host::StorageKind;
use coditect_sandbox::escape::{self, Attempt, ForeignProcess, Outcome, Target};

use super::world::{World, limits};

/// How long one attempt keeps a resource busy.
const HOG_MS: u64 = 700;
/// This test program, inside the attacker's sandbox, and what it is told there.
const PROGRAM: &str = "/workspace/attempt";
const NAME: &str = "CODITECT_TEST_ATTEMPT";
const TARGET: &str = "CODITECT_TEST_TARGET";

/// What runs inside: one attempt.
#[test]
#[ignore = "run in a sandbox by whatever_is_tried_inside_is_refused_or_held_and_the_neighbour_works_on"]
fn inside() {
    #[expect(clippy::disallowed_methods, reason = "how the test that starts this copy says what to try")]
    let (name, target) = (std::env::var(NAME).unwrap(), std::env::var(TARGET).unwrap());
    println!("\n{}", escape::run_json(&name, &target).unwrap());
}

/// Processes and sockets of the host and of the victim that the attacker is told of.
struct Prey {
    target: Target,
    process: Child,
    _tcp: TcpListener,
    _abstract: std::os::unix::net::UnixListener,
}

impl Prey {
    async fn of(world: &World) -> Self {
        let marker = format!("prey-{}", world.secret);
        let process = Command::new("sleep").arg0(&marker).arg("600").spawn().unwrap();
        let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        let name = format!("{marker}-host");
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let listener = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
        // The victim has a process, an abstract socket and a server too; they run until its sandbox ends.
        let server = format!(
            "import socket, time\n\
             a = socket.socket(socket.AF_UNIX); a.bind('\\0{marker}-victim'); a.listen()\n\
             t = socket.create_server(('0.0.0.0', {port}))\n\
             print('ready', flush=True); time.sleep(600)"
        );
        let script = format!(
            "(exec -a {marker} python3 -c \"$0\") > /tmp/prey 2>&1 & until grep -q ready /tmp/prey; do :; done"
        );
        let (code, output) = world.exec(world.victim, &["/bin/bash", "-c", &script, &server], &[], b"").await;
        assert_eq!(code, 0, "{output}");
        let addresses = |text: &str| -> Vec<SocketAddr> {
            text.split_whitespace()
                .filter_map(|address| address.parse().ok())
                .map(|address| SocketAddr::new(address, port))
                .collect()
        };
        let mut reach = addresses("127.0.0.1 169.254.169.254");
        reach.push("169.254.169.254:80".parse().unwrap());
        reach.extend(addresses(&String::from_utf8_lossy(&Command::new("hostname").arg("-I").output().unwrap().stdout)));
        reach.extend(addresses(&world.sh(world.victim, "hostname -I || true").await));
        let own = world.dir.path().join("host-secret");
        std::fs::write(&own, &world.secret).unwrap();
        let limits = limits();
        let kind = world.host.storage_report().kind;
        let target = Target {
            foreign_processes: [std::process::id(), process.id(), world.pid(world.victim)]
                .map(|pid| ForeignProcess::here(pid).unwrap())
                .to_vec(),
            foreign_marker: marker.clone(),
            foreign_paths: vec![world.keepsake_on_host(), own],
            foreign_secret: world.secret.clone(),
            mounts_are_hidden: matches!(kind, StorageKind::Image | StorageKind::Pool | StorageKind::SparseImage),
            abstract_sockets: vec![name, format!("{marker}-victim")],
            addresses: reach,
            pids: limits.pids,
            memory_bytes: limits.memory_bytes,
            open_files: limits.open_files,
            terminals: limits.terminals,
            storage_bytes: kind.bounds_bytes().then_some(limits.storage_bytes),
            inodes: kind.bounds_inodes().then_some(limits.inodes),
            hog_ms: HOG_MS,
        };
        Self { target, process, _tcp: tcp, _abstract: listener }
    }
}

impl Drop for Prey {
    fn drop(&mut self) {
        // It may be gone already, which is what the test is about.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Puts this very program into the attacker's workspace.
pub(crate) async fn move_in(world: &World) {
    let small = world.dir.path().join("attempt");
    let stripped = Command::new("strip").arg("-o").arg(&small).arg(std::env::current_exe().unwrap()).status().unwrap();
    assert!(stripped.success());
    let program = std::fs::read(&small).unwrap();
    let script = format!("cat > {PROGRAM} && chmod 755 {PROGRAM}");
    let (code, output) = world.exec(world.attacker, &["/bin/sh", "-c", &script], &[], &program).await;
    assert_eq!(code, 0, "{output}");
}

pub(crate) async fn attempt(world: &World, attempt: &Attempt, target: &str) -> escape::Report {
    let argv = [PROGRAM, "--exact", "tenant::attempts::inside", "--ignored", "--nocapture", "--test-threads=1"];
    let (code, output) = world.exec(world.attacker, &argv, &[(NAME, attempt.name), (TARGET, target)], b"").await;
    escape::judge(attempt, code, &output)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_tried_inside_is_refused_or_held_and_the_neighbour_works_on() {
    let world = World::new().await;
    let mut prey = Prey::of(&world).await;
    let target = serde_json::to_string(&prey.target).unwrap();
    move_in(&world).await;
    println!("volumes are of the kind {}", world.host.storage_report().kind.name());
    let mut escaped = Vec::new();
    for one in escape::attempts() {
        let began = std::time::Instant::now();
        let report = attempt(&world, one, &target).await;
        let victim = world.victim_works().await;
        println!("{:24} {:?} in {:?}; the neighbour answers in {victim:?}", one.name, report.outcome, began.elapsed());
        if let Outcome::Escaped(how) = report.outcome {
            escaped.push(format!("{}: {how}", one.name));
        }
        assert!(prey.process.try_wait().unwrap().is_none(), "{} ended a process of the host", one.name);
    }
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
    drop(prey);
    world.end().await;
}
