//! What people do in a workspace works: POSIX files, and everyday tools.

use std::os::unix::fs::MetadataExt as _;

use super::harness::World;

#[test]
fn the_volume_is_an_ordinary_file_system() {
    let world = World::new();
    let sandbox = world.sandbox();
    assert_eq!(
        sandbox.sh("stat -c '%u:%g %a' /workspace /home/dev /home/dev/.bashrc"),
        "1000:1000 700\n1000:1000 700\n1000:1000 644"
    );
    let (code, output) = sandbox.run(&["python3", "-c", "
import os, fcntl, mmap, socket, errno
os.chdir('/workspace')
os.mkdir('a'); open('a/f', 'w').write('one')
os.link('a/f', 'g'); assert os.stat('g').st_nlink == 2
os.rename('g', 'a/h'); os.rename('a', 'b'); assert open('b/h').read() == 'one'
os.symlink('b/h', 'link'); assert open('link').read() == 'one'
f = open('b/f'); fcntl.flock(f, fcntl.LOCK_EX)
g = open('b/f')
try: fcntl.flock(g, fcntl.LOCK_EX | fcntl.LOCK_NB); raise SystemExit('two locks')
except OSError as e: assert e.errno == errno.EWOULDBLOCK
h = open('b/f', 'r+'); fcntl.lockf(h, fcntl.LOCK_EX)
m = open('m', 'w+b'); m.truncate(4096); v = mmap.mmap(m.fileno(), 4096); v[0:3] = b'map'; v.flush(); assert open('m','rb').read(3) == b'map'
os.mkfifo('p'); s = socket.socket(socket.AF_UNIX); s.bind('s')
os.setxattr('m', 'user.note', b'x'); assert os.getxattr('m', 'user.note') == b'x'
os.chmod('m', 0o640); os.utime('m', (1, 2)); assert os.stat('m').st_mtime == 2
fd = os.open('.', os.O_TMPFILE | os.O_RDWR); os.write(fd, b'tmp'); d = os.open('.', os.O_PATH); os.link(f'/proc/self/fd/{fd}', 'named', src_dir_fd=d); assert open('named').read() == 'tmp'
os.fsync(fd); os.posix_fallocate(fd, 0, 8192); os.removexattr('m', 'user.note')
print('posix')
"]);
    assert_eq!((code, output.as_str()), (0, "posix\n"));
    // On disk it is 1000's, whatever the sandbox's host ids.
    let meta = sandbox.on_disk("b/f").metadata().unwrap();
    assert_eq!((meta.uid(), meta.gid()), (1000, 1000));
}

#[test]
fn everyday_tools_run() {
    let world = World::new();
    let mut spec = world.spec();
    spec.limits.memory_bytes = 2 << 30;
    let sandbox = world.sandbox_of(spec);
    assert_eq!(
        sandbox.sh(
            "git init -q r && cd r && git config user.email a@b.c && git config user.name A && echo x >f && git add f && \
             git commit -qm one && git clone -q . ../clone && git -C ../clone log --format=%s"
        ),
        "one"
    );
    assert_eq!(sandbox.sh("python3 -c 'import multiprocessing as m; print(sum(m.Pool(2).map(abs, [-1, -2])))'"), "3");
    assert_eq!(sandbox.sh("tmux -S /tmp/t new-session -d 'sleep 100' && tmux -S /tmp/t list-sessions | wc -l && tmux -S /tmp/t kill-server"), "1");
    assert_eq!(sandbox.sh("bash -ic 'echo $HOME; alias ll' 2>/dev/null"), "/home/dev\nalias ll='ls -alF'");
    assert_eq!(
        sandbox
            .sh("echo 'int main(){return 7;}' >/tmp/a.c && cc -o /workspace/a /tmp/a.c && (/workspace/a || echo $?)"),
        "7"
    );
    for (tool, script) in [
        (
            "node",
            "node -e 'const {execSync}=require(\"child_process\"); console.log(execSync(\"echo hi\")+os.cpus().length>0)'",
        ),
        ("strace", "strace -f -o /tmp/trace sh -c 'echo hi' && grep -q execve /tmp/trace && echo traced"),
        ("gdb", "gdb -q -batch -ex run -ex 'info program' --args /bin/true 2>&1 | grep -c exited"),
        ("vim", "vim -es -u NONE -c 'call writefile([\"v\"], \"/tmp/v\")' -c q; cat /tmp/v"),
        ("script", "script -qec 'stty size >/dev/null && echo tty' /dev/null | tr -d '\\r'"),
    ] {
        let installed = std::path::Path::new("/usr/bin").join(tool).exists();
        assert!(installed || tool != "script", "util-linux is everywhere");
        if installed {
            let (code, output) = sandbox.run(&["/bin/sh", "-c", script]);
            assert!(code == 0 && !output.trim().is_empty(), "{tool}: {code} {output}");
        }
    }
    // `script` and `tmux` found terminals under their own group.
    assert_eq!(
        sandbox.sh("stat -c %G /dev/pts/ptmx /dev/null | head -c 4 >/dev/null; ls /dev"),
        "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero"
    );
}
