//! What a sandbox does not see and cannot do.

use super::harness::{World, identity};

const EPERM: i32 = 1;
const ENOSYS: i32 = 38;
const EAFNOSUPPORT: i32 = 97;
const SIGSYS: i32 = 128 + 31;

#[test]
fn the_user_is_1000_with_no_groups_and_no_capabilities() {
    let world = World::new();
    let sandbox = world.sandbox();
    assert_eq!(
        sandbox.sh("id -u; id -g; id -G; id -un; hostname"),
        "1000\n1000\n1000\ndev\n".to_owned() + &identity(&sandbox.spec).hostname
    );
    let status = sandbox.sh("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status");
    for (name, value) in [
        ("CapInh", "0000000000000000"),
        ("CapPrm", "0000000000000000"),
        ("CapEff", "0000000000000000"),
        ("CapBnd", "0000000000000000"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        assert!(status.lines().any(|line| line == format!("{name}:\t{value}")), "{name} in\n{status}");
    }
    let outside = std::fs::read_to_string(format!("/proc/{}/status", sandbox.record.pid)).unwrap();
    let uid = (sandbox.spec.ids.first_host_id + 1000).to_string();
    let uids: Vec<&str> = outside.lines().find(|line| line.starts_with("Uid:")).unwrap().split('\t').skip(1).collect();
    assert_eq!(uids, [uid.as_str(); 4]);
    assert_eq!(sandbox.sh("umask; tr '\\0' ' ' </proc/1/cmdline").lines().next(), Some("0022"));
}

#[test]
fn every_namespace_is_its_own() {
    let world = World::new();
    let (one, two) = (world.sandbox(), world.sandbox());
    for kind in ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup"] {
        let ours = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        let of = |pid| std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
        let (a, b) = (of(one.record.pid), of(two.record.pid));
        assert!(a != ours && b != ours && a != b, "{kind}: {ours:?} {a:?} {b:?}");
    }
    // Pid 1 is the agent, and besides this very look nothing else is to be seen.
    assert_eq!(one.sh("ps -e -o pid=,comm= | grep -v ' sh$\\| tr$\\| ps$\\| grep$' | tr -d ' '"), "1sandbox-testee");
    assert_eq!(one.sh("cat /proc/self/cgroup | cut -d: -f3 | sort -u"), "/");
    assert_eq!(
        one.sh("ls /sys/class/net 2>/dev/null | wc -l; ip -o link 2>/dev/null | wc -l").lines().next(),
        Some("0")
    );
    assert_eq!(one.sh("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '"), "lo");
    let (code, output) = one.run(&["python3", "-c", "
import socket
s = socket.create_server(('127.0.0.1', 8080)); c = socket.create_connection(('127.0.0.1', 8080)); s.accept(); print('lo')
t = socket.socket(); t.settimeout(2)
try: t.connect(('192.0.2.1', 80))
except OSError as e: print(e.errno)
"]);
    assert_eq!((code, output.as_str()), (0, "lo\n101\n"));
}

#[test]
fn nothing_of_the_machine_is_visible_beyond_the_allow_list() {
    let world = World::new();
    let data = world.dir.path().display();
    let sandbox = world.sandbox();
    assert_eq!(
        sandbox.sh("ls -A /"),
        [
            "bin",
            "dev",
            "etc",
            "home",
            "lib",
            "lib32",
            "lib64",
            "libx32",
            "mnt",
            "opt",
            "proc",
            "root",
            "run",
            "sbin",
            "srv",
            "sys",
            "tmp",
            "usr",
            "var",
            "workspace"
        ]
        .into_iter()
        .filter(|name| std::path::Path::new("/").join(name).exists() || *name == "workspace")
        .collect::<Vec<_>>()
        .join("\n")
    );
    assert_eq!(sandbox.sh("ls -A /home /mnt /srv /sys"), "/home:\ndev\n\n/mnt:\n\n/srv:\n\n/sys:\ndevices");
    // Of /sys: how many processors there are, in files of the sandbox's own.
    assert_eq!(sandbox.sh("cd /sys; find . -type f | sort | xargs -n1 basename"), "online\npossible\npresent");
    assert_eq!(sandbox.sh(&format!("test ! -e {data} && ls -A /tmp /var/tmp | grep -v :")), "");
    // Other people of this machine, and its secrets.
    for name in ["shadow", "fstab"] {
        assert_eq!(sandbox.sh(&format!("cat /etc/{name}")), "");
    }
    for name in ["subuid", "passwd-", "ssh", "ssl/private", "sudoers", "gshadow"] {
        assert_eq!(sandbox.sh(&format!("test -e /etc/{name} && echo there || echo hidden")), "hidden", "{name}");
    }
    assert_eq!(sandbox.sh("cut -d: -f1 /etc/passwd"), "root\ndev\nnobody");
    assert_ne!(
        sandbox.sh("cat /etc/machine-id"),
        std::fs::read_to_string("/etc/machine-id").unwrap_or_default().trim()
    );
    // What the base has is there.
    assert_eq!(sandbox.sh("cat /etc/debian_version"), std::fs::read_to_string("/etc/debian_version").unwrap().trim());
    // Mounts tell nothing about where things lie on the host.
    let mounts = sandbox.sh("cut -d' ' -f5 /proc/self/mountinfo");
    assert!(!mounts.contains("volume") && !mounts.contains("/run-"), "{mounts}");
}

#[test]
fn only_the_users_own_places_can_be_written() {
    let world = World::new();
    let sandbox = world.sandbox();
    for place in ["/workspace", "/home/dev", "/tmp", "/var/tmp", "/dev/shm", "/run/user/1000"] {
        sandbox
            .sh(&format!("echo x >{place}/f && mv {place}/f {place}/g && ln {place}/g {place}/h && rm {place}/[gh]"));
    }
    for place in ["/", "/usr", "/usr/bin", "/etc", "/opt", "/var", "/sys", "/home", "/run", "/dev", "/proc"] {
        let answer = sandbox.sh(&format!("touch {place}/f 2>/dev/null && echo written || echo refused"));
        assert_eq!(answer, "refused", "{place}");
    }
    let read_only = sandbox.sh("awk '$5==\"/\"||$5==\"/usr\"||$5==\"/etc\"||$5==\"/opt\"||$5==\"/proc/sys\" {print $5, $6}' /proc/self/mountinfo");
    for line in read_only.lines() {
        assert!(line.contains(" ro,"), "{line}");
    }
    let suid = sandbox.sh("awk '$6 !~ /nosuid/ {print $5}' /proc/self/mountinfo | grep -v '^/dev/\\|^/proc/' || true");
    assert_eq!(suid, "", "mounts on which set-user-id counts");
    // A set-user-id program of the base changes nobody.
    assert!(std::path::Path::new("/usr/bin/su").exists() || std::path::Path::new("/bin/su").exists());
    assert_eq!(sandbox.sh("su -c id root </dev/null >/dev/null 2>&1 && echo root || echo refused"), "refused");
    // Nor does one of the user's own.
    assert_eq!(sandbox.sh("cp /usr/bin/id /workspace/id && chmod 6755 /workspace/id && /workspace/id -u"), "1000");
}

/// Whatever comes to lie on a volume, by a restored backup or a mistake of the host's.
#[test]
fn a_set_user_id_copy_of_roots_and_file_capabilities_count_for_nothing() {
    let world = World::new();
    let sandbox = world.sandbox();
    for (program, name) in [("/usr/bin/id", "id"), ("/usr/bin/cat", "cat")] {
        std::fs::copy(program, sandbox.on_disk(name)).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o6755);
        std::fs::set_permissions(sandbox.on_disk(name), mode).unwrap();
        // Version 2, effective, everything permitted (linux/capability.h).
        let everything: Vec<u8> =
            [0x0200_0001_u32, u32::MAX, 0, u32::MAX, 0].into_iter().flat_map(u32::to_le_bytes).collect();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(sandbox.on_disk(name), "security.capability", &everything, flags).unwrap();
    }
    assert_eq!(sandbox.sh("stat -c '%u %a' id cat"), "0 6755\n0 6755");
    assert_eq!(
        sandbox.sh("./id -u; ./id -ru; ./id -g; ./cat /proc/self/status | grep CapEff"),
        "1000\n1000\n1000\nCapEff:\t0000000000000000"
    );
}

#[test]
fn proc_shows_the_sandbox_and_not_the_machine() {
    let world = World::new();
    let sandbox = world.sandbox();
    for name in [
        "cmdline",
        "interrupts",
        "softirqs",
        "kcore",
        "kallsyms",
        "modules",
        "keys",
        "sysrq-trigger",
        "timer_list",
        "kmsg",
        "diskstats",
        "partitions",
        "swaps",
        "iomem",
        "buddyinfo",
        "zoneinfo",
        "schedstat",
    ] {
        let script = format!("test ! -e /proc/{name} || head -c 1 /proc/{name} 2>/dev/null | wc -c");
        let output = sandbox.sh(&script);
        assert!(output.is_empty() || output == "0", "/proc/{name}: {output}");
    }
    assert_eq!(sandbox.sh("cd /proc; ls acpi scsi bus fs irq pressure driver 2>/dev/null | grep -v : || true"), "");
    assert_eq!(
        sandbox
            .sh("{ echo 1 >/proc/sys/kernel/core_pattern; } 2>/dev/null && echo written || echo refused")
            .lines()
            .last(),
        Some("refused")
    );
    assert_eq!(sandbox.sh("cat /proc/1/comm >/dev/null; test -d /proc/2000000 && echo there || echo none"), "none");
}

#[test]
fn system_calls_that_workspaces_do_not_need_are_refused() {
    let world = World::new();
    let sandbox = world.sandbox();
    for (name, call) in [
        ("mount", libc::SYS_mount),
        ("umount2", libc::SYS_umount2),
        ("pivot_root", libc::SYS_pivot_root),
        ("chroot", libc::SYS_chroot),
        ("open_tree", libc::SYS_open_tree),
        ("move_mount", libc::SYS_move_mount),
        ("fsopen", libc::SYS_fsopen),
        ("fsmount", libc::SYS_fsmount),
        ("mount_setattr", libc::SYS_mount_setattr),
        ("setns", libc::SYS_setns),
        ("bpf", libc::SYS_bpf),
        ("perf_event_open", libc::SYS_perf_event_open),
        ("init_module", libc::SYS_init_module),
        ("finit_module", libc::SYS_finit_module),
        ("kexec_load", libc::SYS_kexec_load),
        ("keyctl", libc::SYS_keyctl),
        ("add_key", libc::SYS_add_key),
        ("request_key", libc::SYS_request_key),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("open_by_handle_at", libc::SYS_open_by_handle_at),
        ("quotactl", libc::SYS_quotactl),
        ("reboot", libc::SYS_reboot),
        ("swapon", libc::SYS_swapon),
        ("settimeofday", libc::SYS_settimeofday),
        ("clock_settime", libc::SYS_clock_settime),
        ("adjtimex", libc::SYS_adjtimex),
        ("acct", libc::SYS_acct),
        ("vhangup", libc::SYS_vhangup),
        ("fanotify_init", libc::SYS_fanotify_init),
        ("syslog", libc::SYS_syslog),
    ] {
        assert_eq!(sandbox.raw(&[call]), EPERM, "{name}");
    }
    for (name, call) in [
        ("clone3", libc::SYS_clone3),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("io_uring_enter", libc::SYS_io_uring_enter),
        ("io_uring_register", libc::SYS_io_uring_register),
        ("io_setup", libc::SYS_io_setup),
        ("open_tree_attr", 467),
        ("one that is not invented yet", 4000),
    ] {
        assert_eq!(sandbox.raw(&[call]), ENOSYS, "{name}");
    }
}

#[test]
fn arguments_of_system_calls_are_looked_at() {
    let world = World::new();
    let sandbox = world.sandbox();
    let flags = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
        0x80,
    ];
    for flag in flags.map(i64::from) {
        assert_eq!(sandbox.raw(&[libc::SYS_unshare, flag]), EPERM, "unshare {flag:#x}");
        if flag != 0x80 {
            assert_eq!(sandbox.raw(&[libc::SYS_clone, flag | i64::from(libc::SIGCHLD)]), EPERM, "clone {flag:#x}");
        }
    }
    assert_eq!(sandbox.raw(&[libc::SYS_unshare, i64::from(libc::CLONE_FILES)]), 0);
    let tiocsti = 0x5412;
    assert_eq!(sandbox.raw(&[libc::SYS_ioctl, 0, tiocsti, 0]), EPERM);
    // The upper half of the argument does not count for the kernel, so it must not for the filter.
    assert_eq!(sandbox.raw(&[libc::SYS_ioctl, 0, tiocsti | 1 << 40, 0]), EPERM);
    assert_eq!(sandbox.raw(&[libc::SYS_ioctl, 0, 0x541c, 0]), EPERM);
    for (family, answer) in [
        (libc::AF_VSOCK, EAFNOSUPPORT),
        (libc::AF_PACKET, EAFNOSUPPORT),
        (libc::AF_ALG, EAFNOSUPPORT),
        (libc::AF_UNIX, 0),
        (libc::AF_INET6, 0),
    ] {
        let stream = i64::from(libc::SOCK_STREAM);
        assert_eq!(sandbox.raw(&[libc::SYS_socket, family.into(), stream, 0]), answer, "family {family}");
    }
    let netlink = |protocol: i32| {
        sandbox.raw(&[libc::SYS_socket, libc::AF_NETLINK.into(), libc::SOCK_RAW.into(), protocol.into()])
    };
    assert_eq!((netlink(libc::NETLINK_ROUTE), netlink(libc::NETLINK_AUDIT)), (0, 93));
    assert_eq!(sandbox.raw(&[libc::SYS_personality, 0x0008]), EPERM);
    assert_eq!(sandbox.raw(&[libc::SYS_personality, 0xffff_ffff]), 0);
    let (name, device) = (0, i64::from(libc::S_IFBLK | 0o600));
    assert_eq!(sandbox.raw(&[libc::SYS_mknodat, libc::AT_FDCWD.into(), name, device, 0]), EPERM);
    assert_eq!(sandbox.sh("mkfifo /workspace/fifo && test -p /workspace/fifo && echo fifo"), "fifo");
    #[cfg(target_arch = "x86_64")]
    assert_eq!(sandbox.raw(&[0x4000_0000 | libc::SYS_getpid]), SIGSYS, "x32");
}

/// Calls of the 32-bit table go round a filter that does not look at the architecture.
#[cfg(target_arch = "x86_64")]
#[test]
fn another_architecture_is_killed() {
    let world = World::new();
    let sandbox = world.sandbox();
    let (code, output) = sandbox.run(&[
        "python3",
        "-c",
        "
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex('b814000000cd80c3'))  # mov eax, 20 (getpid of i386); int 0x80; ret
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print(ctypes.CFUNCTYPE(ctypes.c_int)(address)())
",
    ]);
    // SIGSEGV where the kernel has no 32-bit entry at all.
    assert!(matches!(code, SIGSYS | 139), "{code}: {output}");
}

/// The kernel stacks sixteen rule sets on a process. One that can stack fifteen more stands under one already.
#[test]
fn landlock_is_in_force() {
    let world = World::new();
    let sandbox = world.sandbox();
    let script = "
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
handled = (ctypes.c_uint64 * 1)(1)
layers = 0
while True:
    rules = libc.syscall(444, handled, ctypes.c_size_t(8), 0)
    assert rules >= 0, ctypes.get_errno()
    if libc.syscall(446, rules, 0) != 0: break
    layers += 1
print(layers, ctypes.get_errno())
";
    let (code, output) = sandbox.run(&["python3", "-c", script]);
    assert_eq!((code, output.as_str()), (0, "15 7\n"), "E2BIG after fifteen");
    // It does not stand in the way of what files are for.
    sandbox.sh("mkdir a b && echo x >a/f && mv a/f b/g && ln b/g a/h && mv b ~/b && mv a /tmp/a && rm -r ~/b /tmp/a");
}

#[test]
fn a_hidden_directory_of_the_base_is_empty() {
    let world = World::new();
    let base = tempfile::tempdir().unwrap();
    // A base of its own: the machine's `usr` by link is not possible, so a small one.
    for dir in ["usr/bin", "usr/lib", "etc", "opt/coditect/data/secret", "opt/tool"] {
        std::fs::create_dir_all(base.path().join(dir)).unwrap();
    }
    copy_with_libraries("/bin/busybox", base.path())
        .or_else(|_| copy_with_libraries("/bin/dash", base.path()))
        .unwrap();
    let testee = super::harness::testee();
    copy_libraries(&testee, base.path()).unwrap();
    for link in ["bin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{link}"), base.path().join(link)).unwrap();
    }
    let mut spec = world.spec();
    spec.base = base.path().to_owned();
    spec.hide = vec![base.path().join("opt/coditect/data"), "/elsewhere".into(), base.path().join("usr/none")];
    let sandbox = world.sandbox_of(spec);
    assert_eq!(sandbox.sh("echo /opt/* /opt/coditect/data/*"), "/opt/coditect /opt/tool /opt/coditect/data/*");
    assert_eq!(sandbox.sh("{ echo x >/opt/coditect/data/x; } 2>/dev/null && echo written || echo refused"), "refused");
}

/// Copies a program as `usr/bin/sh` with its libraries.
fn copy_with_libraries(program: &str, base: &std::path::Path) -> std::io::Result<()> {
    std::fs::copy(program, base.join("usr/bin/sh"))?;
    copy_libraries(std::path::Path::new(program), base)
}

fn copy_libraries(program: &std::path::Path, base: &std::path::Path) -> std::io::Result<()> {
    let output = std::process::Command::new("ldd").arg(program).output()?;
    for word in String::from_utf8_lossy(&output.stdout).split_whitespace().filter(|word| word.starts_with('/')) {
        // `/lib` is a link to `usr/lib`, in the base as on the machine.
        let inside = base.join(format!("usr{word}").replacen("usr/usr", "usr", 1));
        std::fs::create_dir_all(inside.parent().unwrap())?;
        std::fs::copy(word, inside)?;
    }
    Ok(())
}
