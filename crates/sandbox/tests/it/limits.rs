//! What a sandbox may use, held by the kernel.

use std::time::Duration;

use coditect_sandbox::cgroup::Controller;
use coditect_sandbox::control;

use super::harness::{MIB, Sandbox, World, eventually};

/// Forks until it has so many children or may not; says which, and ends them.
fn forks(sandbox: &Sandbox, children: u32) -> String {
    let script = format!(
        "
import os, signal
pids = []
try:
    for _ in range({children}):
        pid = os.fork()
        if pid == 0:
            signal.pause()
        pids.append(pid)
    print('all')
except OSError as error:
    print(error.errno, len(pids))
for pid in pids: os.kill(pid, signal.SIGKILL)
for pid in pids: os.waitpid(pid, 0)
"
    );
    let (code, output) = sandbox.run(&["python3", "-c", &script]);
    assert_eq!(code, 0, "{output}");
    output.trim().to_owned()
}

#[test]
fn a_fork_bomb_stops_at_the_process_limit() {
    let world = World::new();
    let mut spec = world.spec();
    spec.limits.pids = 40;
    let sandbox = world.sandbox_of(spec);
    let output = forks(&sandbox, 10_000);
    let (errno, count) = output.split_once(' ').unwrap_or_else(|| panic!("{output}"));
    assert_eq!(errno, "11", "EAGAIN");
    assert!((20..40).contains(&count.parse::<u32>().unwrap()), "{output}");
    assert!(control::usage(&sandbox.record).unwrap().pids.unwrap() <= 40);
}

#[test]
fn running_out_of_memory_stays_inside() {
    let world = World::new();
    let mut spec = world.spec();
    spec.limits.memory_bytes = 96 * MIB;
    let sandbox = world.sandbox_of(spec);
    let (code, output) = sandbox.run(&["python3", "-c", "x = []\nwhile True: x.append(bytearray(1 << 20))"]);
    assert_eq!(code, 128 + 9, "killed by the kernel: {output}");
    // The agent, its parent, lives, and so does the sandbox.
    assert_eq!(sandbox.sh("echo alive"), "alive");
    assert!(control::usage(&sandbox.record).unwrap().memory_bytes.unwrap() < 96 * MIB);
}

#[test]
fn private_files_are_bounded_by_memory() {
    let world = World::new();
    let mut spec = world.spec();
    spec.limits.memory_bytes = 64 * MIB;
    let sandbox = world.sandbox_of(spec);
    let (code, output) =
        sandbox.run(&["/bin/sh", "-c", "dd if=/dev/zero of=/tmp/big bs=1M count=200 2>&1; ls -l /tmp/big"]);
    assert_eq!(code, 0);
    assert!(output.contains("No space left"), "{output}");
    // One limit for all of them.
    assert_eq!(sandbox.sh("echo x >/dev/shm/x 2>/dev/null && echo room || echo full"), "full");
    assert_eq!(sandbox.sh("rm /tmp/big; echo x >/dev/shm/x && echo room || echo full"), "room");
}

#[test]
fn the_cpu_share_is_held() {
    let world = World::new();
    let mut spec = world.spec();
    spec.limits.cpu_millis = 100;
    let sandbox = world.sandbox_of(spec);
    let before = control::usage(&sandbox.record).unwrap().cpu_us.unwrap();
    let started = std::time::Instant::now();
    sandbox.run(&["timeout", "1", "sh", "-c", "while :; do :; done"]);
    let wall_us = u64::try_from(started.elapsed().as_micros()).unwrap();
    let used_us = control::usage(&sandbox.record).unwrap().cpu_us.unwrap() - before;
    // A tenth, and room for coarse accounting and what the first period grants; a whole core would be ten times as much.
    assert!(used_us < wall_us * 3 / 10, "{used_us} of {wall_us} us");
}

#[test]
fn limits_change_while_it_runs() {
    let world = World::new();
    let mut spec = world.spec();
    spec.limits.pids = 30;
    let sandbox = world.sandbox_of(spec);
    let mut limits = sandbox.spec.limits.clone();
    assert_ne!(forks(&sandbox, 60), "all");
    (limits.pids, limits.memory_bytes, limits.cpu_millis) = (200, 128 * MIB, 4000);
    control::set_limits(&sandbox.record, &limits).unwrap();
    assert_eq!(forks(&sandbox, 60), "all");
    limits.memory_bytes = 64 * MIB;
    control::set_limits(&sandbox.record, &limits).unwrap();
    limits.memory_bytes = 256 * MIB;
    control::set_limits(&sandbox.record, &limits).unwrap();
}

#[test]
fn open_files_and_core_dumps_are_limited() {
    let world = World::new();
    let sandbox = world.sandbox();
    assert_eq!(sandbox.sh("ulimit -Hn; ulimit -Hc"), "4096\n0");
}

#[test]
fn terminals_are_limited() {
    let world = World::new();
    let sandbox = world.sandbox();
    let (code, output) = sandbox.run(&[
        "python3",
        "-c",
        "
import os
fds = []
try:
    while True: fds.append(os.openpty())
except OSError as error: print(error.errno, len(fds))
",
    ]);
    assert_eq!((code, output.as_str()), (0, "28 136\n"), "ENOSPC after the sandbox's 8 and the spare 128");
}

#[test]
fn frozen_means_standing_still() {
    let world = World::new();
    let sandbox = world.sandbox();
    sandbox.sh("(i=0; while :; do i=$((i+1)); echo $i >/workspace/count; done) >/dev/null 2>&1 &");
    let count = || std::fs::read_to_string(sandbox.on_disk("count")).unwrap_or_default();
    eventually("it counts", || count().trim().parse::<u64>().unwrap_or(0) > 10);
    control::freeze(&sandbox.record).unwrap();
    let cpu = || control::usage(&sandbox.record).unwrap().cpu_us.unwrap();
    let before = cpu();
    // Another sandbox works meanwhile: time passes.
    let other = world.sandbox();
    other.run(&["timeout", "0.2", "sh", "-c", "while :; do :; done"]);
    assert_eq!(cpu(), before);
    control::thaw(&sandbox.record).unwrap();
    eventually("it counts on", || cpu() > before + 1000);
    // A frozen sandbox can be ended.
    control::freeze(&sandbox.record).unwrap();
    control::stop(&sandbox.record, Duration::ZERO).unwrap();
    assert!(sandbox.record.is_alive().unwrap().is_none());
}

#[test]
fn what_the_kernel_counts_for_all_is_shared_out() {
    let world = World::new();
    let sandbox = world.sandbox();
    // More processes than one, because each has open files of its own; they hold what they got until all have tried.
    let (code, output) = sandbox.run(&[
        "python3",
        "-c",
        "
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
def take(call, each):
    got, done = os.pipe(), os.pipe()
    pids = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            count = 0
            while count < each and call() >= 0: count += 1
            os.write(got[1], b'%d\\n' % count)
            os.close(done[1])
            os.read(done[0], 1)
            os._exit(0)
        pids.append(pid)
    texts = b''
    while texts.count(b'\\n') < len(pids): texts += os.read(got[0], 64)
    os.close(done[1])
    for pid in pids: os.waitpid(pid, 0)
    return sum(int(text) for text in texts.split())
print('inotify', take(lambda: libc.inotify_init1(0), 2000))
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
libc.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
print('signals', take(lambda: libc.sigqueue(os.getpid(), 40, None), 5000))
",
    ]);
    assert_eq!((code, output.as_str()), (0, "inotify 1024\nsignals 2048\n"));
}

#[test]
fn buffers_of_connections_are_bounded() {
    let world = World::new();
    let mut spec = world.spec();
    spec.limits.memory_bytes = 160 * MIB;
    let sandbox = world.sandbox_of(spec);
    let neighbour = world.sandbox();
    let (code, output) = sandbox.run(&[
        "python3",
        "-c",
        "
import socket
listener = socket.create_server(('127.0.0.1', 0), backlog=512)
held, sent = [], 0
for _ in range(300):
    client = socket.create_connection(listener.getsockname())
    held += [client, listener.accept()[0]]
    client.setblocking(False)
    try:
        while True: sent += client.send(bytes(65536))
    except BlockingIOError: pass
    print(sent >> 20, flush=True)
",
    ]);
    // Where the kernel counts buffers as memory of the sandbox, its OOM killer may be what ends this.
    assert!(code == 0 || code == 128 + 9, "{output}");
    let sent_mib: u64 = output.lines().last().unwrap().parse().unwrap();
    // Version 1 gives them a part of the limit, version 2 counts them with all else.
    let part = if sandbox.record.cgroups.v1.contains_key(&Controller::Memory) { 2 } else { 1 };
    let most = sandbox.spec.limits.memory_bytes / MIB / part;
    assert!(sent_mib < most, "{sent_mib} MiB are buffered, of {most} MiB");
    // What is left of the machine's common pool serves the others.
    let script = "
import socket
listener = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(listener.getsockname())
server = listener.accept()[0]
for _ in range(64):
    client.sendall(bytes(65536))
    left = 65536
    while left: left -= len(server.recv(left))
print('passed')
";
    assert_eq!(neighbour.run(&["timeout", "100", "python3", "-c", script]), (0, "passed\n".to_owned()));
}
