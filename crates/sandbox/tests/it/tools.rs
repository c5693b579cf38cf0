//! What people do in a workspace works: POSIX files, and everyday tools.

use std::os::unix::fs::MetadataExt as _;

use super::harness::{World, identity};

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

/// Mounts an overlay, whose owners cannot be mapped, until it is dropped.
struct Overlay(std::path::PathBuf);

impl Overlay {
    fn mount(point: &std::path::Path, options: &str) -> Self {
        let options = std::ffi::CString::new(options).unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("overlay", point, "overlay", flags, Some(options.as_c_str())).unwrap();
        Self(point.to_owned())
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

#[test]
fn a_volume_whose_owners_cannot_be_mapped_changes_hands() {
    let world = World::new();
    let spec = world.spec();
    std::fs::write(identity(&spec).volume.join("workspace/old"), "old").unwrap();
    std::os::unix::fs::chown(identity(&spec).volume.join("workspace/old"), Some(1000), Some(1000)).unwrap();
    let dir = world.dir.path();
    for name in ["upper", "work"] {
        std::fs::create_dir(dir.join(name)).unwrap();
    }
    let (lower, upper, work) = (identity(&spec).volume.display(), dir.join("upper"), dir.join("work"));
    let options = format!("lowerdir={lower},upperdir={},workdir={}", upper.display(), work.display());
    let _overlay = Overlay::mount(&identity(&spec).volume, &options);
    let sandbox = world.sandbox_of(spec);
    assert_eq!(
        sandbox.sh("stat -c %u:%a . old /home/dev; echo new >new; cat old new"),
        "1000:700\n1000:644\n1000:700\noldnew"
    );
    let host_id = sandbox.spec.ids.first_host_id + 1000;
    assert_eq!(sandbox.on_disk("new").metadata().unwrap().uid(), host_id);
    // With other host ids it changes hands again.
    let mut spec = sandbox.spec.clone();
    drop(sandbox);
    spec.ids.first_host_id += spec.ids.count;
    let sandbox = world.sandbox_of(spec);
    assert_eq!(sandbox.sh("echo newer >new; cat new; rm old"), "newer");
}

#[test]
fn where_overlays_cannot_be_stacked_etc_is_covered_file_by_file() {
    let world = World::new();
    let base = world.dir.path().join("base");
    let lower = world.dir.path().join("lower");
    for dir in ["base/usr", "base/etc", "lower", "middle", "empty1", "empty2"] {
        std::fs::create_dir_all(world.dir.path().join(dir)).unwrap();
    }
    for (name, text) in
        [("passwd", "secret:x:0:0::/:/bin/sh"), ("shadow", "secret"), ("subuid", "secret"), ("issue", "base")]
    {
        std::fs::write(lower.join(name), text).unwrap();
    }
    std::fs::create_dir(lower.join("sudoers.d")).unwrap();
    std::fs::write(lower.join("sudoers.d/secret"), "secret").unwrap();
    let machine = std::path::Path::new("/etc");
    std::fs::copy(machine.join("ld.so.cache"), lower.join("ld.so.cache")).unwrap();
    for link in ["bin", "lib", "lib64"] {
        if let Ok(target) = std::fs::read_link(std::path::Path::new("/").join(link)) {
            std::os::unix::fs::symlink(target, base.join(link)).unwrap();
        }
    }
    rustix::mount::mount_bind("/usr", base.join("usr")).unwrap();
    let _usr = Overlay(base.join("usr"));
    // Two overlays on each other are as many as the kernel stacks.
    let at = |name: &str| world.dir.path().join(name).display().to_string();
    let _one = Overlay::mount(&world.dir.path().join("middle"), &format!("lowerdir={}:{}", at("lower"), at("empty1")));
    let _two = Overlay::mount(&base.join("etc"), &format!("lowerdir={}:{}", at("middle"), at("empty2")));
    let mut spec = world.spec();
    spec.base = base;
    let sandbox = world.sandbox_of(spec);
    assert_eq!(sandbox.sh("cat /etc/issue; cut -d: -f1 /etc/passwd"), "baseroot\ndev\nnobody");
    assert_eq!(sandbox.sh("cat /etc/shadow /etc/subuid; ls /etc/sudoers.d"), "");
    assert_eq!(sandbox.sh("touch /etc/x 2>/dev/null && echo written || echo refused"), "refused");
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
