//! What people run in a workspace works, and the system-call filter is measured against it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use coditect_sandbox::launcher::permitted_calls;

use super::harness::{Sandbox, World};

/// Calls that programs try and do without: each with what they do instead.
const DONE_WITHOUT: [(&str, &str); 6] = [
    ("clone3", "clone"),
    ("io_uring_setup", "threads and epoll (node)"),
    ("get_mempolicy", "one node (java)"),
    ("mbind", "one node (java)"),
    ("set_mempolicy", "one node (java)"),
    ("io_pgetevents", "threads"),
];

/// A program: what shows that it is installed, whether the tests need it, and what it must print at last.
struct Tool {
    name: &'static str,
    installed: &'static str,
    needed: bool,
    traced: Traced,
    script: &'static str,
    prints: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Traced {
    Always,
    /// Takes many times as long as without.
    OnDemand,
    /// Debuggers cannot be traced while they trace.
    Never,
}

const fn tool(name: &'static str, installed: &'static str, script: &'static str, prints: &'static str) -> Tool {
    Tool { name, installed, needed: true, traced: Traced::Always, script, prints }
}

const fn optional(name: &'static str, installed: &'static str, script: &'static str, prints: &'static str) -> Tool {
    Tool { needed: false, ..tool(name, installed, script, prints) }
}

const fn slow(tool: Tool) -> Tool {
    Tool { traced: Traced::OnDemand, ..tool }
}

const TOOLS: [Tool; 27] = [
    tool(
        "git",
        "/usr/bin/git",
        "git init -q r; cd r; git config user.email a@b.c; git config user.name A; seq 9999 >f; git add f; \
         git commit -qm one; git clone -q . ../c; cd ../c; git gc -q --aggressive; git worktree add -q ../w HEAD; \
         git -C ../w log --format=%s",
        "one",
    ),
    tool(
        "node",
        "/usr/bin/node",
        "cat >n.js <<'E'
const { Worker } = require('worker_threads'), fs = require('fs'), http = require('http'), os = require('os');
const { execSync } = require('child_process');
let x = 0; for (let i = 0; i < 3e6; i++) x = (x * 31 + i) | 0;
fs.watch('.', () => {}).close();
os.cpus(); os.freemem(); os.networkInterfaces();
const compiled = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
new Worker('require(\"worker_threads\").parentPort.postMessage(6 * 7)', { eval: true }).on('message', answer => {
  const server = http.createServer((_, r) => r.end(String(answer))).listen(0, '127.0.0.1', async () => {
    const text = await (await fetch(`http://127.0.0.1:${server.address().port}`)).text();
    await fs.promises.writeFile('n.out', text + execSync('echo !'));
    console.log((await fs.promises.readFile('n.out', 'utf8')).trim()); process.exit();
  });
});
E
node n.js",
        "42!",
    ),
    slow(tool(
        "npm",
        "/usr/bin/npm",
        "mkdir -p p app; cd p; echo '{\"name\":\"p\",\"version\":\"1.0.0\",\"main\":\"i.js\",\"scripts\":{\"install\":\"node -e 0\"}}' >package.json; \
         echo 'module.exports=5' >i.js; npm pack --silent >/dev/null; cd ../app; echo '{}' >package.json; \
         npm install --offline --no-audit --no-fund --silent ../p/p-1.0.0.tgz; node -p 'require(\"p\")'",
        "5",
    )),
    tool(
        "python3",
        "/usr/bin/python3",
        "cat >t.py <<'E'
import asyncio, ctypes, mmap, multiprocessing as m, os, shutil, signal, socket, sqlite3, subprocess, tempfile, threading
def square(x): return x * x
async def main():
    p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=-1); out, _ = await p.communicate()
    s = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0); s.close(); return out
if __name__ == '__main__':
    with m.Pool(2) as pool: total = sum(pool.map(square, range(4)))
    assert asyncio.run(main()) == b'hi\\n'
    db = sqlite3.connect('t.db'); db.execute('pragma journal_mode=wal'); db.execute('create table a(b)')
    db.execute('insert into a values (7)'); db.commit(); b = mmap.mmap(-1, 4096); b[:2] = b'ok'
    t = threading.Thread(target=signal.getsignal, args=(2,)); t.start(); t.join()
    shutil.copy('t.py', 'u.py'); os.sendfile; os.getrandom(4); signal.setitimer(signal.ITIMER_REAL, 9); signal.alarm(0)
    from multiprocessing import shared_memory as sm; x = sm.SharedMemory(create=True, size=10); x.close(); x.unlink()
    lock = m.get_context('spawn').Lock(); socket.getaddrinfo('localhost', 80); print(total, os.cpu_count() > 0)
E
python3 t.py",
        "14 True",
    ),
    tool(
        "gcc, make",
        "/usr/bin/make",
        "printf 'int f(void){return 3;}' >f.c; printf 'int f(void);int main(){return f();}' >m.c; \
         printf 'm: m.o f.o\\n\\tcc -flto -o m m.o f.o\\n' >Makefile; make -s -j2; ./m || echo $?",
        "3",
    ),
    optional(
        "g++",
        "/usr/bin/g++",
        "printf '#include <iostream>\\n#include <thread>\\nint main(){try{throw 4;}catch(int i){std::thread([=]{std::cout<<i;}).join();}}' \
         >a.cc; g++ -O1 -pthread -o a a.cc; ./a",
        "4",
    ),
    slow(optional(
        "cmake",
        "/usr/bin/cmake",
        "mkdir -p k; cd k; printf 'project(k C)\\nadd_executable(k k.c)' >CMakeLists.txt; \
         printf 'int main(){return 0;}' >k.c; cmake . >/dev/null; cmake --build . >/dev/null; ./k; echo built",
        "built",
    )),
    tool(
        "cargo, rustc",
        "/workspace/rust/bin/cargo",
        "export PATH=/workspace/rust/bin:$PATH CARGO_HOME=/tmp/cargo; cargo new -q --vcs none hello; cd hello; \
         echo 'fn main() { println!(\"{}\", std::thread::spawn(|| 8).join().unwrap()) } #[test] fn t() {}' >src/main.rs; \
         cargo test -q >/dev/null; cargo run -q",
        "8",
    ),
    // Programs made by Go; building one would build its library first.
    slow(optional(
        "go",
        "/usr/local/go/bin/go",
        "export GOCACHE=/tmp/go GOPATH=/tmp/gopath GOTOOLCHAIN=local; printf 'package  a\\n' >g.go; \
         /usr/local/go/bin/gofmt -w g.go; /usr/local/go/bin/go list std | grep -c ^net/http$; cat g.go",
        "package a",
    )),
    optional(
        "java",
        "/usr/bin/java",
        "printf 'public class J{public static void main(String[] a)throws Exception{var t=new Thread(()->System.out.print(1));\
         t.start();t.join();System.gc();new ProcessBuilder(\"true\").start().waitFor();System.out.println(Runtime.getRuntime().availableProcessors()>0);}}' >J.java; \
         if test -x /usr/bin/javac; then javac J.java; java -Xmx64m J; else java -Xmx64m -version 2>/dev/null; echo 1true; fi",
        "1true",
    ),
    optional(
        "perl",
        "/usr/bin/perl",
        "perl -e 'open my $f, \">\", \"p\"; flock $f, 2; print fork ? (wait, \"p\") && \"p\" : exit'",
        "p",
    ),
    optional(
        "sqlite3",
        "/usr/bin/sqlite3",
        "sqlite3 s.db 'pragma journal_mode=wal; create table t(a); insert into t values(1); pragma mmap_size=1048576; vacuum; select count(*) from t' | tail -1",
        "1",
    ),
    slow(optional(
        "postgres",
        "/usr/local/bin/postgres",
        "B=$(ls -d /usr/lib/postgresql/*/bin | tail -1); $B/initdb -D pg -A trust >/dev/null; \
         $B/pg_ctl -D pg -o '-k /tmp -c shared_buffers=16MB' -w -l pg.log start >/dev/null; \
         $B/psql -h /tmp -d postgres -Atc 'create table t as select generate_series(1,9) a; select sum(a) from t' | tail -1; \
         $B/pg_ctl -D pg -m fast stop >/dev/null",
        "45",
    )),
    tool("vim", "/usr/bin/vim", "vim -es -u NONE -c 'call writefile([\"v\"], \"v\")' -c q; cat v", "v"),
    tool(
        "tmux",
        "/usr/bin/tmux",
        "tmux -S /tmp/t new-session -d 'exec cat'; tmux -S /tmp/t send-keys typed Enter; \
         until tmux -S /tmp/t capture-pane -p | grep -q typed; do :; done; tmux -S /tmp/t kill-server; echo seen",
        "seen",
    ),
    tool("less", "/usr/bin/less", "echo line >l; script -qec 'less -FX l' /dev/null | grep -o line", "line"),
    tool(
        "htop",
        "/usr/bin/htop",
        "TERM=xterm script -qec 'timeout -s INT 2 htop -d 1' h.out >/dev/null || true; grep -aqi 'load average' h.out; echo shown",
        "shown",
    ),
    tool(
        "procps",
        "/usr/bin/top",
        "top -bn1 | head -1 | cut -c1-3; ps aux >/dev/null; free >/dev/null; uptime >/dev/null; vmstat >/dev/null; pgrep -x bash >/dev/null; echo ps",
        "ps",
    ),
    tool("lscpu", "/usr/bin/lscpu", "lscpu | grep -q Architecture; nproc >/dev/null; df >/dev/null; echo seen", "seen"),
    tool(
        "ssh-keygen",
        "/usr/bin/ssh-keygen",
        "rm -f k k.pub; ssh-keygen -q -t ed25519 -N '' -f k; eval $(ssh-agent) >/dev/null; ssh-add -q k; \
         ssh-add -l | grep -c ED25519; kill $SSH_AGENT_PID",
        "1",
    ),
    tool(
        "curl",
        "/usr/bin/curl",
        "python3 -m http.server -b 127.0.0.1 8123 >/dev/null 2>&1 & until curl -s http://127.0.0.1:8123/ >/dev/null; do :; done; \
         curl -s -o /dev/null -w '%{http_code}' http://localhost:8123/; kill %1 2>/dev/null || kill $!",
        "200",
    ),
    tool(
        "archives",
        "/usr/bin/tar",
        "mkdir -p d; echo x >d/f; tar czf d.tgz d; tar tzf d.tgz >/dev/null; tar xzf d.tgz; cp -a --reflink=auto d e; find e -name f -delete; \
         dd if=/dev/zero of=z bs=1M count=4 conv=fsync status=none; sync z; truncate -s 1M z; fallocate -l 2M z; flock z true; mktemp >/dev/null; xargs -P2 true </dev/null; echo kept",
        "kept",
    ),
    optional("rsync", "/usr/bin/rsync", "mkdir -p y; echo 1 >y/a; rsync -a y/ z.d/; cat z.d/a", "1"),
    optional(
        "ip",
        "/usr/sbin/ip",
        "/usr/sbin/ip -o link | grep -c LOOPBACK; /usr/sbin/ip addr >/dev/null; ss -ltn >/dev/null 2>&1 || true; echo lo",
        "lo",
    ),
    slow(optional(
        "chromium",
        "/usr/bin/chromium",
        "chromium --no-sandbox --headless --disable-gpu --disable-dev-shm-usage --user-data-dir=/tmp/chromium --dump-dom \
         'data:text/html,<script>document.write(6*7)</script>' 2>/dev/null | grep -o '42<' ",
        "42<",
    )),
    Tool {
        traced: Traced::Never,
        ..tool("strace", "/usr/bin/strace", "strace -f -o s sh -c 'echo hi' >/dev/null; grep -c 'execve(.*sh' s", "1")
    },
    Tool {
        traced: Traced::Never,
        ..tool(
            "gdb",
            "/usr/bin/gdb",
            "printf 'int g(int a){return a+1;}int main(){return g(1);}' >g.c; cc -g -o gd g.c; \
             gdb -q -batch -ex 'break g' -ex run -ex 'print a' -ex finish ./gd 2>/dev/null | grep -o '^.1 = 1'; \
             sleep 99 & gdb -q -batch -p $! -ex detach >/dev/null 2>&1; kill $!; echo debugged",
            "debugged",
        )
    },
];

/// The Rust toolchain of the machine, which lies in a home directory that no sandbox sees.
fn bring_rust(sandbox: &Sandbox) {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap().stdout;
    let sysroot = PathBuf::from(String::from_utf8(sysroot).unwrap().trim());
    let to = sandbox.on_disk("rust");
    // Hard links where they can be made: it is hundreds of megabytes.
    let copy = |from: &Path, to: &Path| {
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let linked = Command::new("cp").arg("-alL").arg(from).arg(to).output().unwrap().status.success();
        assert!(linked || Command::new("cp").arg("-aL").arg(from).arg(to).status().unwrap().success());
    };
    for name in ["bin/cargo", "bin/rustc"] {
        copy(&sysroot.join(name), &to.join(name));
    }
    let host = format!("lib/rustlib/{}-unknown-linux-gnu", std::env::consts::ARCH);
    for part in ["bin", "lib"] {
        copy(&sysroot.join(&host).join(part), &to.join(&host).join(part));
    }
    for library in std::fs::read_dir(sysroot.join("lib")).unwrap().flatten() {
        if library.file_name().to_string_lossy().contains(".so") {
            copy(&library.path(), &to.join("lib").join(library.file_name()));
        }
    }
}

/// Names of the calls in a summary of strace.
fn calls_in(summary: &str) -> BTreeSet<String> {
    let name = |line: &str| Some(line.split_whitespace().last()?.to_owned());
    let is_call =
        |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    summary
        .lines()
        .filter_map(name)
        .filter(is_call)
        .filter(|name| !["syscall", "total", "name"].contains(&name.as_str()))
        .collect()
}

#[test]
fn every_call_that_tools_use_is_on_the_list() {
    run_all(&[Traced::Always]);
}

#[test]
#[ignore = "takes minutes: cargo test -p coditect-sandbox -- --ignored --nocapture every_call_of_slow_tools"]
fn every_call_of_slow_tools_is_on_the_list_too() {
    run_all(&[Traced::Always, Traced::OnDemand]);
}

#[expect(clippy::print_stdout, reason = "what was measured, and loudly what was not")]
fn run_all(trace: &[Traced]) {
    let world = World::new();
    let mut spec = world.spec();
    spec.limits.memory_bytes = 3 << 30;
    spec.limits.pids = 1024;
    let sandbox = world.sandbox_of(spec);
    bring_rust(&sandbox);
    let permitted: BTreeSet<&str> = permitted_calls().into_iter().collect();
    let mut users: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut broken = Vec::new();
    for tool in &TOOLS {
        let there = sandbox.run(&["test", "-e", tool.installed]).0 == 0;
        if !there {
            assert!(!tool.needed, "{} is missing: run scripts/setup test", tool.installed);
            println!("NOT INSTALLED, so not tried: {}", tool.name);
            continue;
        }
        let is_traced = trace.contains(&tool.traced);
        let began = std::time::Instant::now();
        let inside = format!("mkdir -p /workspace/t; cd /workspace/t; {}", tool.script);
        let summary = "/tmp/calls";
        let plain = ["timeout", "50", "/bin/bash", "-euc", &inside];
        let traced =
            ["timeout", "50", "strace", "-f", "-qqq", "-c", "-U", "name", "-o", summary, "/bin/bash", "-euc", &inside];
        let (code, output) = sandbox.run(if is_traced { &traced } else { &plain });
        if code != 0 || output.trim_end().lines().last() != Some(tool.prints) {
            broken.push(format!("{}: exit code {code}: {output}", tool.name));
        }
        if is_traced {
            let calls = calls_in(&sandbox.sh(&format!("cat {summary}; rm {summary}")));
            assert!(calls.len() > 10, "{}: {calls:?}", tool.name);
            for call in calls {
                users.entry(call).or_default().push(tool.name);
            }
        }
        sandbox.sh("rm -rf /workspace/t");
        println!("{}: {:?}", tool.name, began.elapsed());
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    for (call, tools) in &users {
        println!("{call}: {}", tools.join(", "));
    }
    let known = |call: &&String| permitted.contains(call.as_str()) || DONE_WITHOUT.iter().any(|(name, _)| name == call);
    let missing: Vec<_> = users.iter().filter(|(call, _)| !known(call)).collect();
    assert!(missing.is_empty(), "used and not on the list: {missing:?}");
    let unused: Vec<_> = permitted.iter().filter(|call| !users.contains_key(**call)).collect();
    println!("{} calls used; {} permitted and not seen: {unused:?}", users.len(), unused.len());
}

/// What the filter costs: measured on demand, asserted never.
#[test]
#[ignore = "a measurement: cargo test -p coditect-sandbox --release -- --ignored --nocapture the_filter_costs"]
fn the_filter_costs() {
    let world = World::new();
    let sandbox = world.sandbox();
    let program = "#define _GNU_SOURCE\n#include <stdio.h>\n#include <time.h>\n#include <unistd.h>\n#include <sys/ioctl.h>\n#include <sys/syscall.h>\n\
        static double now(void){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec*1e9+t.tv_nsec;}\n\
        int main(void){double a=now();for(int i=0;i<2000000;i++)syscall(SYS_getppid);double b=now();int n;\n\
        for(int i=0;i<2000000;i++)ioctl(0,FIONREAD,&n);double c=now();\n\
        printf(\"getppid %.0f ns, ioctl %.0f ns\\n\",(b-a)/2e6,(c-b)/2e6);}";
    let source = world.dir.path().join("cost.c");
    let binary = world.dir.path().join("cost");
    std::fs::write(&source, program).unwrap();
    assert!(Command::new("cc").arg("-O1").arg("-o").arg(&binary).arg(&source).status().unwrap().success());
    std::fs::copy(&binary, sandbox.on_disk("cost")).unwrap();
    let outside = Command::new(&binary).stdin(std::process::Stdio::null()).output().unwrap().stdout;
    println!("outside: {}inside:  {}", String::from_utf8_lossy(&outside), sandbox.sh("/workspace/cost </dev/null"));
}
