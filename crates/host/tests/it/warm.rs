//! Sandboxes prepared ahead: taken by starts, never by two tenants, gone with the host, and nothing of them left.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use coditect_host::{Host, NetworkConfig};
use coditect_model::id::WorkspaceId;
use coditect_model::warm::Policy;
use coditect_model::workspace::Generation;

use super::inside::{run, sh};
use super::{DEADLINE, Machine, get, kill, start, until, workspace};

const ONE: Policy = Policy { max: 1, memory_bytes: 1 << 30 };

impl Machine {
    fn warm(policy: Policy) -> Self {
        let mut machine = Self::new();
        machine.warm = policy;
        machine
    }

    /// Process ids of the sandboxes that wait.
    fn waiting(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        for entry in std::fs::read_dir(self.run_dir()).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with(".warm-")
                && let Ok(text) = std::fs::read_to_string(entry.path().join("sandbox.json"))
                && let Ok(record) = serde_json::from_str::<serde_json::Value>(&text)
            {
                pids.push(u32::try_from(record["pid"].as_u64().unwrap()).unwrap());
            }
        }
        pids
    }
}

async fn ready(host: &Host, count: usize) {
    until("sandboxes are prepared", || host.warm_report().ready == count).await;
}

fn pid_of(host: &Host, id: WorkspaceId) -> u32 {
    host.list().into_iter().find(|status| status.workspace == id).unwrap().pid
}

fn ids_of(host: &Host, id: WorkspaceId) -> String {
    std::fs::read_to_string(format!("/proc/{}/uid_map", pid_of(host, id))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_takes_a_prepared_sandbox_and_another_is_made() {
    let machine = Machine::warm(ONE);
    let host = machine.open();
    host.adopt().await.unwrap();
    host.keep_warm();
    ready(&host, 1).await;
    let waiting = machine.waiting();
    let id = workspace(31);
    host.start(start(id, 1)).await.unwrap();
    assert_eq!(vec![pid_of(&host, id)], waiting, "the very sandbox that waited");
    assert!(get(&host, id, 1, "/v1/status").await.contains(&id.to_string()));
    let seen =
        sh(&host, id, 1, "pwd; umask; hostname; cat /etc/hostname; echo x >kept; echo $HOME; cat /etc/machine-id")
            .await;
    let label = id.label();
    let name = format!("ws-{}", &label[..8]);
    let number = u128::from_be_bytes(id.to_bytes());
    assert_eq!(seen, format!("/workspace\n0022\n{name}\n{name}\n/home/dev\n{number:032x}"));
    ready(&host, 1).await;
    // What the first limits were made for or not: the tier's hold.
    assert!(host.usage(id).unwrap().memory_bytes > 0);
    assert_eq!(sh(&host, id, 1, "ulimit -n").await, super::limits().open_files.min(own_files()).to_string());
    host.stop(id, Generation(2)).await.unwrap();
    host.start(start(id, 3)).await.unwrap();
    assert_eq!(sh(&host, id, 3, "cat kept").await, "x");
    let report = host.warm_report();
    assert_eq!((report.bound, report.missed, report.off), (2, 0, None), "{report:?}");

    // With none left a start is a cold one.
    until("only one may wait", || machine.waiting().len() == 1).await;
    let killed = machine.waiting()[0];
    kill(killed);
    until("it has ended", || std::fs::read_link(format!("/proc/{killed}/exe")).is_err()).await;
    let cold = workspace(32);
    host.start(start(cold, 1)).await.unwrap();
    assert_eq!(host.warm_report().bound + host.warm_report().missed, 3);
    assert_eq!(sh(&host, cold, 1, "pwd").await, "/workspace");
    ready(&host, 1).await;

    // The helper dies and takes the waiting ones with it: the next start is served, and others are prepared.
    let waiting = machine.waiting();
    kill(parent_of(waiting[0]));
    until("it has ended", || !Path::new(&format!("/proc/{}/exe", waiting[0])).exists()).await;
    let third = workspace(33);
    host.start(start(third, 1)).await.unwrap();
    assert_eq!(sh(&host, third, 1, "pwd").await, "/workspace");
    ready(&host, 1).await;
    for (id, generation) in [(id, 4), (cold, 2), (third, 2)] {
        host.delete(id, Generation(generation)).await.unwrap();
    }
    host.close().await;
    machine.assert_clean();
}

fn own_files() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

fn parent_of(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Leaves the word `$1` wherever a program of a workspace can leave one.
const PLANT: &str = r#"
word=$1
for dir in /tmp /var/tmp /dev/shm /run/coditect /run/lock /run/user/1000; do echo $word >$dir/$word; done
echo "127.0.0.1 $word" >>/etc/hosts; echo $word >/etc/hostname
mkfifo /tmp/pipe; mkdir -p /tmp/deep/$word
python3 - $word <<'PYTHON'
import ctypes, os, socket, subprocess, sys
word = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
shm = libc.shmget(0x6361, 4096, 0o1666)
at = libc.shmat(shm, 0, 0)
ctypes.memmove(at, word.encode(), len(word))
assert libc.semget(0x6361, 1, 0o1666) >= 0 and libc.msgget(0x6361, 0o1666) >= 0
# Landlock knows no path to a message queue, so it refuses them.
assert libc.mq_open(b"/" + word.encode(), os.O_CREAT | os.O_RDWR, 0o666, None) >= 0 or ctypes.get_errno() == 13
if os.fork() == 0:
    os.setsid()
    libc.prctl(15, word[:15].encode(), 0, 0, 0)
    named = socket.socket(socket.AF_UNIX); named.bind("\0" + word); named.listen()
    tcp = socket.socket(); tcp.bind(("127.0.0.1", 4711)); tcp.listen()
    watch = libc.inotify_init(); libc.inotify_add_watch(watch, b"/tmp", 0xfff)
    master, slave = os.openpty(); os.write(slave, word.encode())
    for fd in (0, 1, 2):
        os.dup2(os.open("/dev/null", os.O_RDWR), fd)
    if os.fork() == 0:
        os.execve("/bin/sleep", [word, "9999"], {"WORD": word})
    open("/tmp/planted", "w").write(word)
    libc.pause()
PYTHON
for _ in $(seq 1000); do test -e /tmp/planted && break; sleep 0.01; done; test -e /tmp/planted
"#;

/// Looks for the word `$1` wherever one could be, and for what a new workspace has none of; prints what it finds.
const HUNT: &str = r#"
word=$1
grep -rlsF $word /tmp /var /dev/shm /dev/mqueue /run /etc /home /workspace /mnt /srv /opt 2>/dev/null | sed 's/^/file /'
find / -xdev -name "*$word*" 2>/dev/null | sed 's/^/name /'
for p in /proc/[0-9]*; do
  for f in environ cmdline comm maps mountinfo; do
    { tr '\0' ' ' <$p/$f; } 2>/dev/null | grep -F "${word:0:12}" | grep -vF "hunt" | sed "s|^|process $f |"
  done
done
grep -F $word /proc/net/unix | sed 's/^/socket /'
awk 'NR > 1 && $4 == "0A" { print "listens " $2 }' /proc/net/tcp /proc/net/tcp6
for f in shm sem msg; do awk -v f=$f 'NR > 1 { print "sysv " f " " $0 }' /proc/sysvipc/$f; done
python3 - $word <<'PYTHON'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.mq_open(b"/" + sys.argv[1].encode(), os.O_RDWR) >= 0:
    print("queue")
for name, call in (("keyctl", 250), ("add_key", 248)):
    if libc.syscall(call, 0, 0, 0, 0, 0) >= 0:
        print("keyring", name)
PYTHON
ls /dev/pts | grep -v ptmx | sed 's/^/terminal /'
pgrep -v -f hunt -l | grep -vE '^1 |bash|pgrep|sed|grep' | sed 's/^/process /'
true
"#;

async fn script(host: &Host, id: WorkspaceId, generation: u64, script: &str, word: &str) -> String {
    let (code, output) = run(host, id, generation, &["/bin/bash", "-uc", script, "hunt", word]).await;
    assert_eq!(code, 0, "{output}");
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_tenant_is_found_by_the_next_in_the_same_place() {
    let machine = Machine::warm(ONE);
    let host = machine.open();
    host.adopt().await.unwrap();
    host.keep_warm();
    ready(&host, 1).await;
    let (first, between, second) = (workspace(41), workspace(42), workspace(43));
    let word = format!("canary{:x}", std::process::id());
    host.start(start(first, 1)).await.unwrap();
    script(&host, first, 1, PLANT, &word).await;
    let own = script(&host, first, 1, HUNT, &word).await;
    for kind in [
        "file /tmp",
        "file /dev/shm",
        "file /run/coditect",
        "file /var/tmp",
        "file /run/coditect/hosts",
        "name /",
        "process environ",
        "process cmdline",
        "process comm",
        "socket",
        "listens",
        "sysv shm",
        "sysv sem",
        "sysv msg",
        "terminal 0",
    ] {
        assert!(own.lines().any(|line| line.starts_with(kind)), "the hunt does not find `{kind}`:\n{own}");
    }
    let used = host.usage(first).unwrap();
    let place = ids_of(&host, first);
    host.stop(first, Generation(2)).await.unwrap();
    // The next but one is prepared in the place that the first had: the ids that are free again.
    ready(&host, 1).await;
    host.start(start(between, 1)).await.unwrap();
    ready(&host, 1).await;
    host.start(start(second, 1)).await.unwrap();
    assert_eq!(ids_of(&host, second), place, "the same ids");
    assert_eq!(host.warm_report().bound, 3);
    let found = script(&host, second, 1, HUNT, &word).await;
    assert_eq!(found, "", "the second tenant finds traces of the first");
    let terminals = get(&host, second, 1, "/v1/terminals").await;
    assert!(terminals.ends_with("[]"), "{terminals}");
    assert!(host.usage(second).unwrap().cpu_ms < used.cpu_ms + 1000, "its counters began anew");
    assert_ne!(sh(&host, second, 1, "cat /etc/machine-id").await, sh(&host, between, 1, "cat /etc/machine-id").await);
    for (id, generation) in [(first, 3), (between, 2), (second, 2)] {
        host.delete(id, Generation(generation)).await.unwrap();
    }
    host.close().await;
    machine.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_when_the_host_is_closed_ends_with_it() {
    let machine = Machine::warm(Policy { max: 3, ..ONE });
    let host = machine.open();
    host.adopt().await.unwrap();
    host.keep_warm();
    host.keep_warm();
    ready(&host, 1).await;
    let ids = [workspace(51), workspace(52), workspace(53)];
    for id in ids {
        host.start(start(id, 1)).await.unwrap();
    }
    // Three came at once, so three wait for the next.
    ready(&host, 3).await;
    host.close().await;
    assert!(machine.waiting().is_empty());
    let next = machine.open();
    assert_eq!(next.adopt().await.unwrap().len(), 3, "those of workspaces live on");
    for id in ids {
        next.delete(id, Generation(2)).await.unwrap();
    }
    machine.assert_clean();
}

/// Where the copy of this program that is to be killed has its host.
const DOOMED_DIR: &str = "CODITECT_TEST_DOOMED_HOST";
/// The installation's name for it.
const DOOMED_INSTANCE: &str = "CODITECT_TEST_DOOMED_INSTANCE";

/// Kills a host's process at many moments of preparing and starting: what it leaves is adopted whole or cleared away.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_leaves_whole_workspaces_and_nothing_else() {
    let (mut adopted, mut rounds) = (0, 0);
    for delay_ms in [0, 3, 6, 9, 12, 16, 20, 25, 30, 40, 60, 90] {
        rounds += 1;
        let machine = Machine::warm(Policy { max: 3, ..ONE });
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "warm::as_a_host_that_is_killed", "--ignored", "--nocapture"])
            .env(DOOMED_DIR, machine.dir.path())
            .env(DOOMED_INSTANCE, &machine.instance)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = machine.dir.path().join("begun");
        until("the host has begun", || begun.exists()).await;
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let host = machine.open();
        let found = tokio::time::timeout(DEADLINE, host.adopt()).await.unwrap().unwrap();
        assert!(machine.waiting().is_empty(), "round {delay_ms}");
        for status in &found {
            adopted += 1;
            let answer = get(&host, status.workspace, status.generation.0, "/v1/status").await;
            assert!(answer.contains(&status.workspace.to_string()), "round {delay_ms}: {answer}");
            assert_eq!(sh(&host, status.workspace, status.generation.0, "pwd").await, "/workspace");
        }
        for (_, outcome) in host.stop_all().await {
            outcome.unwrap();
        }
        host.close().await;
        machine.assert_clean();
    }
    println!("{adopted} workspaces adopted in {rounds} rounds");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a_host_that_is_killed_leaves_whole_workspaces_and_nothing_else"]
async fn as_a_host_that_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "how the test that starts this copy names its directory")]
    let (dir, instance) = (std::env::var(DOOMED_DIR).unwrap(), std::env::var(DOOMED_INSTANCE).unwrap());
    let host = super::open_in(&PathBuf::from(&dir), &instance, Policy { max: 3, ..ONE }, NetworkConfig::default());
    host.adopt().await.unwrap();
    host.keep_warm();
    ready(&host, 1).await;
    std::fs::write(Path::new(&dir).join("begun"), "").unwrap();
    for seed in 60.. {
        host.start(start(workspace(seed), 1)).await.unwrap();
    }
}

/// Starts that are measured of each kind.
const MEASURED: u64 = 200;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: cargo test -p coditect-host --test it -- --ignored --nocapture starts_take"]
async fn starts_take() {
    for policy in [ONE, Policy::OFF] {
        let machine = Machine::warm(policy);
        let host = machine.open();
        host.adopt().await.unwrap();
        host.keep_warm();
        let mut times = Vec::new();
        for number in 0..MEASURED {
            ready(&host, policy.max).await;
            let mut bytes = [77; 16];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            let id = WorkspaceId::from_bytes(bytes);
            let begun = std::time::Instant::now();
            host.start(start(id, 1)).await.unwrap();
            times.push(begun.elapsed());
            host.delete(id, Generation(1)).await.unwrap();
        }
        times.sort_unstable();
        let quantile = |share: usize| times[times.len() * share / 100];
        println!("at most {} prepared: p50 {:?}, p99 {:?}", policy.max, quantile(50), quantile(99));
        ready(&host, policy.max).await;
        for pid in machine.waiting() {
            let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
            let own = rollup.lines().filter(|line| line.starts_with("Pss:") || line.starts_with("Private"));
            println!("an agent that waits: {}", own.collect::<Vec<_>>().join(", "));
        }
        host.close().await;
        machine.assert_clean();
    }
}
