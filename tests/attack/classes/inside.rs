//! What a workspace can reach of the machine, of its neighbours and of those before it: classes 12, 13 and 15.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::front::{Ask, until};
use super::installation::Canary;
use super::person::Stage;

/// Times that each operation is tried while names are flipped under it.
const RACES: usize = 25;

fn encoded(path: &str) -> String {
    path.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Class 12 (runc's and others' races and escapes): a path that leads out, or begins to while it is used.
#[test]
fn class_12_no_path_leads_out_of_a_workspace() {
    let stage = Stage::new();
    let (front, eve, hers) = (stage.front(), &stage.eve, &stage.hers);
    let canary = Canary::new();
    let out = canary.path().display().to_string();
    let dir = canary.dir.path().display().to_string();
    eve.sh(hers, &format!("mkdir /workspace/real; echo own > /workspace/real/file; ln -s {out} /workspace/link; ln -s {dir} /workspace/dir; ln -s / /workspace/root; mkfifo /workspace/pipe; ln -s loop /workspace/loop"));
    // Reading, listing, writing, moving: by every spelling of a place outside.
    let volumes = stage.at.data_dir().display().to_string();
    for place in [
        out.clone(),
        "/workspace/link".to_owned(),
        "/workspace/dir/canary".to_owned(),
        format!("/workspace/root{out}"),
        format!("/proc/1/root{out}"),
        format!("/proc/self/root{out}"),
        format!("/proc/self/cwd/../../../..{out}"),
        format!("/workspace/../..{out}"),
        format!("/workspace/%2e%2e/%2e%2e{out}"),
        format!("/workspace/x\0{out}"),
        format!("workspace/../..{out}"),
        "/workspace/loop".to_owned(),
        "/proc/1/mem".to_owned(),
        "/dev/mem".to_owned(),
        format!("{volumes}/operator.token"),
        format!("/proc/1/root{volumes}/store/coditect.sqlite"),
    ] {
        for route in ["read", "stat", "list", "archive"] {
            let reply = eve.agent(hers, "GET", &format!("/files/{route}?path={}", encoded(&place)), None);
            assert!(!reply.text().contains(&canary.word), "{route} {place}");
            assert!(reply.status < 500, "{route} {place}: {} {}", reply.status, reply.text());
            // What names no place of hers: not a path, the agent's memory, a device.
            let nowhere = ["..", "\0", "%2e", "/proc/1/mem", "/dev/"].iter().any(|part| place.contains(part));
            let shows = ["read", "list"].contains(&route);
            assert!(!(nowhere && shows) || reply.status >= 400, "{route} {place}: {} {}", reply.status, reply.text());
        }
        for route in ["write", "upload"] {
            let target = format!("/w/{}/v1/files/{route}?path={}", hers.label, encoded(&place));
            let ask = Ask::new("PUT", &target).bearer(&eve.grant(hers)).body("overwritten");
            let reply = front.ask(&ask.header("if-none-match", "*"));
            assert!(reply.status < 500, "{route} {place}: {}", reply.text());
        }
        for (route, body) in [
            ("copy", json!({ "from": place, "to": "/workspace/stolen" })),
            ("move", json!({ "from": place, "to": "/workspace/moved" })),
            ("move", json!({ "from": "/workspace/real/file", "to": place })),
            ("mkdir", json!({ "path": format!("{place}/made"), "parents": true })),
        ] {
            let reply = eve.agent(hers, "POST", &format!("/files/{route}"), Some(body));
            assert!(reply.status < 500, "{route} {place}: {}", reply.text());
            eve.sh(hers, "mkdir -p /workspace/real; echo own > /workspace/real/file");
        }
        canary.assert_untouched();
    }
    let stolen = eve.sh(hers, "grep -rIs canary-coditect /workspace /tmp /home/dev || true");
    assert_eq!(stolen, "", "something of outside is inside");

    // Names that change while they are used: a directory that is a link the next moment.
    eve.sh(hers, "rm -rf /workspace/*; mkdir -p /home/dev/precious/sub; echo kept > /home/dev/precious/sub/file");
    let mut racer = eve.stream(hers, "/exec");
    let flip = "mkdir -p /workspace/race; cd /workspace/race; exec python3 -c '\nimport os, itertools\nfor target in itertools.cycle([\"/home/dev/precious\", \"/etc\", \"/proc/1/root\", \"/\"]):\n    for name in (\"d\", \"t/d\"):\n        try:\n            os.makedirs(\"t\", exist_ok=True)\n            os.symlink(target, name + \".l\")\n            os.makedirs(name + \".r/sub\", exist_ok=True)\n            open(name + \".r/sub/file\", \"w\").close()\n            os.rename(name + \".r\", name) if not os.path.lexists(name) else None\n            os.rename(name, name + \".o\"); os.rename(name + \".l\", name)\n            os.unlink(name); os.rename(name + \".o\", name)\n        except OSError:\n            for left in (name + \".l\",):\n                try: os.unlink(left)\n                except OSError: pass\n'";
    racer.send(Message::text(json!({ "argv": ["/bin/bash", "-c", flip] }).to_string())).unwrap();
    until("the race runs", || eve.try_sh(hers, "test -e /workspace/race/t").code == 0);
    for round in 0..RACES {
        let name = format!("/workspace/race/d/sub/new{round}");
        let put = format!("/w/{}/v1/files/write?path={}", hers.label, encoded(&name));
        let reply = front.ask(&Ask::new("PUT", &put).bearer(&eve.grant(hers)).body("raced"));
        assert!(reply.status < 500, "{}", reply.text());
        for (method, path, body) in [
            ("POST", "/files/delete".to_owned(), Some(json!({ "path": "/workspace/race/t", "permanently": true }))),
            ("POST", "/files/delete".to_owned(), Some(json!({ "path": "/workspace/race/d" }))),
            (
                "POST",
                "/files/copy".to_owned(),
                Some(json!({ "from": "/workspace/race/d", "to": format!("/workspace/copy{round}") })),
            ),
            ("GET", "/files/archive?path=%2Fworkspace%2Frace".to_owned(), None),
        ] {
            let reply = eve.agent(hers, method, &path, body);
            assert!(reply.status < 500, "{method} {path}: {} {}", reply.status, reply.text());
            assert!(!reply.text().contains("root:x:0:0"), "{path} followed a link out");
        }
    }
    let kept =
        eve.sh(hers, "cat /home/dev/precious/sub/file; ls -A /home/dev/precious; test -r /etc/passwd && echo there");
    assert_eq!(kept, "kept\nsub\nthere", "what lay behind a link was changed");
    drop(racer);

    // The host's own work on a volume: counting, handing over, deleting, while it is full of ways out.
    eve.sh(hers, &format!("pkill -f '[i]tertools' || true; cd /workspace; ln -sfn {dir} again; ln -sfn / slash; mkdir -p deep/deep; ln -s {dir} deep/deep/out"));
    let path = format!("/workspaces/{}", hers.id);
    eve.call("POST", &format!("{path}/stop?wait_ms=30000"), None).expect(200);
    eve.call("POST", &format!("{path}/start?wait_ms=30000"), None).expect(200);
    stage.eve_is_served();
    eve.call("DELETE", &path, None).expect(202);
    until("it is gone", || eve.call("GET", &path, None).status == 404);
    canary.assert_untouched();
    stage.bob_is_well();
}

/// IPv4 addresses of this machine.
fn addresses() -> Vec<String> {
    let output = Command::new("ip").args(["-4", "-o", "addr"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| Some(line.split_ascii_whitespace().nth(3)?.split('/').next()?.to_owned())).collect()
}

/// Class 13: what a workspace learns of the machine it is on, and whom it reaches from there.
#[test]
fn class_13_a_workspace_sees_and_reaches_nobody_else() {
    let stage = Stage::new();
    let (eve, hers) = (&stage.eve, &stage.hers);
    stage.bob.serve_app(&stage.his, 4000);
    // What listens on the machine, on every address.
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = reached.clone();
    std::thread::spawn(move || {
        while listener.accept().is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let mut targets: Vec<String> = addresses();
    targets.extend(
        ["127.0.0.1", "0.0.0.0", "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.168.0.1", "10.0.0.1"]
            .map(str::to_owned),
    );
    // The addresses of the workspaces themselves, and the gateway they were given, where they have one.
    let seen_by = |person: &super::person::Person, workspace| {
        person.sh(workspace, "python3 -c '\nimport socket, struct\nfor line in open(\"/proc/net/route\").read().splitlines()[1:]:\n    fields = line.split()\n    for word in (fields[1], fields[2]):\n        print(socket.inet_ntoa(struct.pack(\"<I\", int(word, 16))))\nfor line in open(\"/proc/net/fib_trie\"):\n    if \"|--\" in line: print(line.split()[-1])\n' | sort -u")
    };
    let all = format!("{}\n{}", seen_by(&stage.bob, &stage.his), seen_by(eve, hers));
    targets.extend(
        all.lines()
            .filter(|line| !line.is_empty() && !line.starts_with("127.") && *line != "0.0.0.0")
            .map(str::to_owned),
    );
    targets.sort();
    targets.dedup();
    let probe = "
import socket, sys, threading
def knock(address, port):
    if address in sys.argv[3].split(','): return
    try:
        socket.create_connection((address, port), 3).close()
        print('REACHED', address, port, flush=True)
    except OSError:
        pass
threads = [threading.Thread(target=knock, args=(address, int(port))) for address in sys.argv[1].split(',') for port in sys.argv[2].split(',')]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print('done')";
    let ports = format!("{port},{},4000,80,22", stage.front().port);
    let ran = eve.exec(hers, &["python3", "-c", probe, &targets.join(","), &ports, ""], b"");
    assert_eq!(ran.out.trim(), "done", "{targets:?}: {}", ran.err);
    assert_eq!(reached.load(Ordering::SeqCst), 0, "the machine itself was reached");
    std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    until("the listener works", || reached.load(Ordering::SeqCst) == 1);
    // Her own loopback is hers.
    eve.serve_app(hers, 4000);
    let ran = eve.exec(hers, &["python3", "-c", probe, "127.0.0.1", "4000", ""], b"");
    assert!(ran.out.contains("REACHED 127.0.0.1 4000"), "{}", ran.out);

    // The machine: its name, its maker, its disks, its processes, its log, its other mounts.
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let told = eve.sh(
        hers,
        "hostname; cat /etc/hostname /etc/hosts; env; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; cat /proc/[0-9]*/comm",
    );
    assert!(!told.split_whitespace().any(|word| word == host), "the machine's name {host}: {told}");
    for path in [
        "/sys/class/dmi/id/product_name",
        "/sys/class/dmi/id/board_serial",
        "/sys/class/net",
        "/sys/block",
        "/sys/firmware",
        "/proc/kcore",
        "/proc/kmsg",
        "/dev/kmsg",
        "/dev/mem",
        "/dev/sda",
        "/dev/vda",
        "/dev/loop0",
        "/dev/loop-control",
        "/dev/fuse",
        "/dev/kvm",
        "/proc/sysrq-trigger",
        "/proc/timer_list",
        "/proc/sched_debug",
        "/var/lib",
        "/var/log",
        "/root",
        "/boot",
        "/run/systemd",
        "/var/run/docker.sock",
        "/sys/fs/cgroup",
        "/sys/kernel/debug",
    ] {
        let ran =
            eve.try_sh(hers, &format!("if [ -d {path} ]; then ls -A {path}; else head -c 64 {path}; fi 2>/dev/null"));
        assert_eq!(ran.out.trim(), "", "{path} shows something");
    }
    assert_ne!(eve.try_sh(hers, "dmesg").code, 0, "the kernel's log can be read");
    let pids = eve.sh(hers, "ls /proc | grep -c '^[0-9]*$'");
    assert!(pids.parse::<u32>().unwrap() < 20, "{pids} processes: more than her own");
    assert_ne!(eve.try_sh(hers, &format!("kill -0 {}", stage.at.pid())).code, 0);
    let mounts = eve.sh(hers, "cat /proc/self/mountinfo");
    assert!(!mounts.contains(&stage.his.label), "a neighbour's volume is named: {mounts}");
    stage.bob_is_well();
}

/// Everything of the host that is named after a workspace.
fn named_after(dir: &Path, label: &str) -> Vec<String> {
    let output = Command::new("find").arg(dir).args(["-xdev", "-name", &format!("*{label}*")]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Class 15: what one tenant leaves where the next one comes.
#[test]
fn class_15_nothing_is_left_for_the_next_tenant() {
    let stage = Stage::new();
    let (eve, bob) = (&stage.eve, &stage.bob);
    let word = format!("residue-{}", stage.front().port);
    // Spelled so that it does not find its own command line.
    let rest = &word[1..];
    let leave = format!(
        "for place in /workspace /home/dev /tmp /dev/shm /var/tmp; do echo {word} > $place/{word} 2>/dev/null || true; done; \
         echo 'echo {word}' >> /home/dev/.bashrc; ln -s /etc/passwd /workspace/link; \
         dd if=<(yes {word}) of=/workspace/large bs=1M count=4 iflag=fullblock status=none; sync; \
         ipcmk -M 4096 >/dev/null 2>&1 || true; \
         setsid python3 -c 'import socket,time; s=socket.socket(socket.AF_UNIX); s.bind(\"\\0{word}\"); s.listen(); time.sleep(1000)' </dev/null >/dev/null 2>&1 &"
    );
    bob.sh(&stage.his, &leave.replace("\\0", "\\\\0"));
    let ids = stage.at.record(&stage.his.label)["ids"].clone();
    let host = stage.at.data_dir().join("host");
    assert!(!named_after(&host, &stage.his.label).is_empty(), "it is there before");
    let path = format!("/workspaces/{}", stage.his.id);
    bob.call("DELETE", &path, None).expect(202);
    until("it is gone", || bob.call("GET", &path, None).status == 404);
    assert!(!stage.at.data_dir().join("run").join(&stage.his.label).exists());
    let taken: Vec<serde_json::Value> = (0..3)
        .map(|number| {
            // The next tenant takes the same name; one of these takes the same ids of the machine.
            let next = eve.workspace(&format!("his{number}"));
            let found = eve.sh(
                &next,
                &format!(
                    "set +e; grep -rlaE '[r]{rest}' /workspace /home/dev /tmp /dev/shm /var /run /etc/hostname 2>/dev/null; \
                     cat /proc/net/unix /proc/[0-9]*/cmdline /proc/[0-9]*/environ /proc/sysvipc/* 2>/dev/null | tr '\\0' ' ' | grep -aE '[r]{rest}'; \
                     find / -xdev \\( -nouser -o -nogroup \\) 2>/dev/null | grep -v '^/usr\\|^/opt\\|^/etc' | head; \
                     ls -A /workspace; true"
                ),
            );
            assert_eq!(found, "", "something is left");
            let segments = eve.sh(&next, "cat /proc/sysvipc/shm 2>/dev/null | tail -n +2 | wc -l");
            assert_eq!(segments, "0", "a shared memory segment is left");
            let seen = stage.at.record(&next.label);
            // What was never written reads as nothing, not as what lay on the disk before.
            let old = eve.sh(&next, "fallocate -l 16M /workspace/blank 2>/dev/null || truncate -s 16M /workspace/blank; tr -d '\\0' < /workspace/blank | wc -c");
            assert_eq!(old, "0", "old blocks can be read");
            seen["ids"].clone()
        })
        .collect();
    assert!(taken.contains(&ids), "the ids of the one that is gone were given again: {ids} in {taken:?}");
    until("the volume is freed", || named_after(&host, &stage.his.label).is_empty());
    stage.eve_is_served();
}
