//! Files and devices of the machine and of others.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dev, FileType, Mode, OFlags, makedev, mknodat, openat};

use super::{Attempt, Class, Outcome, Target, Tries};
use crate::spec::WORKSPACE;

pub(super) const ATTEMPTS: &[Attempt] = &[
    Attempt {
        name: "foreign-paths",
        class: Class::Files,
        about: "a neighbour's and the host's files by their paths, also around by /proc and `..`",
        deadly: false,
        run: foreign_paths,
    },
    Attempt {
        name: "devices-opened",
        class: Class::Files,
        about: "memory, disks, loop devices, KVM, FUSE, tunnels, the kernel's log",
        deadly: false,
        run: devices_opened,
    },
    Attempt {
        name: "devices-made",
        class: Class::Files,
        about: "device nodes of one's own in every place that can be written to",
        deadly: false,
        run: devices_made,
    },
    Attempt {
        name: "machine-steered",
        class: Class::Files,
        about: "core_pattern, binfmt_misc, sysrq, module loading, release_agent, every other switch below /proc and /sys",
        deadly: false,
        run: machine_steered,
    },
    Attempt {
        name: "machine-seen",
        class: Class::Files,
        about: "the boot command line, kernel memory, keys, log, interrupts, DMI, hardware",
        deadly: false,
        run: machine_seen,
    },
    Attempt {
        name: "mounts-seen",
        class: Class::Files,
        about: "paths of the host in the list of mounts and in the table of sockets",
        deadly: false,
        run: mounts_seen,
    },
    Attempt {
        name: "base-changed",
        class: Class::Files,
        about: "writing to programs and settings that all workspaces share, also through hard links",
        deadly: false,
        run: base_changed,
    },
    Attempt {
        name: "own-program-overwritten",
        class: Class::Files,
        about: "the agent's program, and this one's, through /proc/self/exe",
        deadly: false,
        run: programs_overwritten,
    },
];

fn foreign_paths(target: &Target) -> Outcome {
    let mut tries = Tries::new();
    let roots = [
        "/",
        "/proc/self/root/",
        "/proc/self/cwd/../../../../../../",
        "/proc/1/root/",
        "/proc/thread-self/root/../../",
    ];
    for path in &target.foreign_paths {
        let inside = path.strip_prefix("/").unwrap_or(path);
        for root in roots {
            let here = Path::new(root).join(inside);
            let mut text = String::new();
            match File::open(&here).and_then(|mut file| file.read_to_string(&mut text)) {
                // A path that exists inside too is no escape unless it leads to the same file.
                Ok(_) if !text.contains(&target.foreign_secret) => tries.expect("another file has that path", true),
                other => tries.expect_error(&here.display().to_string(), other),
            }
        }
    }
    tries.outcome()
}

fn devices_opened(_: &Target) -> Outcome {
    let mut tries = Tries::new();
    for name in [
        "mem",
        "kmem",
        "port",
        "kmsg",
        "kvm",
        "fuse",
        "net/tun",
        "vhost-net",
        "vhost-vsock",
        "vsock",
        "loop-control",
        "loop0",
        "vda",
        "vda1",
        "sda",
        "nvme0n1",
        "dm-0",
        "mapper/control",
        "btrfs-control",
        "cpu/0/msr",
        "hpet",
        "tty0",
        "tty1",
        "console",
        "ttyS0",
        "input/event0",
        "dri/card0",
        "snd/timer",
        "uinput",
        "userfaultfd",
        "autofs",
        "rtc0",
    ] {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        tries.expect_error(name, openat(CWD, format!("/dev/{name}"), flags, Mode::empty()));
    }
    tries.outcome()
}

fn devices_made(_: &Target) -> Outcome {
    let mut tries = Tries::new();
    let (null, whiteout): (Dev, Dev) = (makedev(1, 3), makedev(0, 0));
    for place in [WORKSPACE, "/home/dev", "/tmp", "/dev/shm", "/run/user/1000", "/dev/pts", "/dev"] {
        for (kind, device, what) in [
            (FileType::CharacterDevice, null, "a character device"),
            (FileType::CharacterDevice, whiteout, "a whiteout"),
            (FileType::BlockDevice, makedev(7, 0), "a block device"),
        ] {
            let path = format!("{place}/.escape-device");
            let made = mknodat(CWD, &path, kind, Mode::RUSR | Mode::WUSR, device);
            if made.is_ok() {
                // Only tidies up.
                let _ = std::fs::remove_file(&path);
            }
            tries.expect_error(&format!("{what} in {place}"), made);
        }
    }
    tries.outcome()
}

fn machine_steered(_: &Target) -> Outcome {
    let mut tries = Tries::new();
    for path in [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/hotplug",
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/pid_max",
        "/proc/sys/kernel/randomize_va_space",
        "/proc/sys/kernel/unprivileged_bpf_disabled",
        "/proc/sys/kernel/yama/ptrace_scope",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/fs/binfmt_misc/register",
        "/proc/sys/fs/file-max",
        "/proc/sys/fs/suid_dumpable",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/net/ipv4/conf/all/rp_filter",
        "/proc/sys/user/max_user_namespaces",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity",
        "/proc/mtrr",
        "/proc/dynamic_debug/control",
        "/proc/1/oom_score_adj",
        "/proc/1/uid_map",
        "/proc/self/uid_map",
        "/proc/self/gid_map",
        "/proc/self/loginuid",
        "/sys/fs/cgroup/release_agent",
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/rdma/release_agent",
        "/sys/kernel/uevent_helper",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/power/state",
        "/sys/fs/selinux/enforce",
        "/sys/kernel/security/apparmor/.remove",
    ] {
        // Opened, never written to.
        let open = File::options().write(true).open(path);
        match open {
            // What is masked is the device that swallows everything.
            Ok(file) if is_null(&file) => tries.expect(&format!("{path} swallows what is written"), true),
            // A process may write its own maps' files open, once; what counts is that nothing can be written then.
            Ok(mut file) if path.starts_with("/proc/self/") => {
                tries.expect_error(path, std::io::Write::write(&mut file, b"0 0 4294967295\n"));
            }
            other => tries.expect_error(path, other),
        }
    }
    let adjust = std::fs::write("/proc/self/oom_score_adj", "-1000");
    tries.expect_error("being spared when memory runs out", adjust);
    tries.outcome()
}

fn is_null(file: &File) -> bool {
    file.metadata().is_ok_and(|meta| meta.rdev() == makedev(1, 3))
}

/// Nothing, an error, or only zeroes may be read.
fn machine_seen(_: &Target) -> Outcome {
    let mut tries = Tries::new();
    for path in [
        "/proc/cmdline",
        "/proc/kcore",
        "/proc/kmsg",
        "/proc/keys",
        "/proc/key-users",
        "/proc/interrupts",
        "/proc/softirqs",
        "/proc/timer_list",
        "/proc/sched_debug",
        "/proc/schedstat",
        "/proc/latency_stats",
        "/proc/slabinfo",
        "/proc/vmallocinfo",
        "/proc/pagetypeinfo",
        "/proc/buddyinfo",
        "/proc/zoneinfo",
        "/proc/diskstats",
        "/proc/partitions",
        "/proc/swaps",
        "/proc/modules",
        "/proc/iomem",
        "/proc/ioports",
        "/proc/mdstat",
        "/proc/kpagecount",
        "/proc/bootconfig",
        "/proc/pressure/cpu",
        "/proc/pressure/io",
        "/proc/pressure/memory",
        "/proc/bus/pci/devices",
        "/proc/bus/input/devices",
        "/proc/scsi/scsi",
        "/proc/acpi/wakeup",
        "/proc/asound/cards",
        "/proc/driver/rtc",
        "/proc/sys/fs/binfmt_misc/status",
        "/sys/class/dmi/id/product_uuid",
        "/sys/class/dmi/id/product_name",
        "/sys/firmware/dmi/tables/DMI",
        "/sys/firmware/acpi/tables/DSDT",
        "/sys/kernel/debug/sched/debug",
        "/sys/class/net/eth0/address",
        "/sys/block/vda/size",
        "/sys/hypervisor/uuid",
        "/sys/kernel/vmcoreinfo",
        "/sys/fs/cgroup/cgroup.controllers",
    ] {
        let mut start = [0_u8; 64];
        match File::open(path).and_then(|mut file| file.read(&mut start)) {
            Ok(count) => tries.expect(&format!("{path} says nothing"), start[..count].iter().all(|byte| *byte == 0)),
            Err(error) => tries.refused.push(format!("{path}: {error}")),
        }
    }
    // Addresses of the kernel, for whoever finds a bug in it.
    if let Ok(mut file) = File::open("/proc/kallsyms") {
        let mut start = [0_u8; 16];
        let count = file.read(&mut start).unwrap_or(0);
        tries.expect("/proc/kallsyms holds no addresses", start[..count].iter().all(|byte| *byte == b'0'));
    }
    tries.outcome()
}

fn mounts_seen(target: &Target) -> Outcome {
    let mut tries = Tries::new();
    let parents: Vec<&Path> = target.foreign_paths.iter().filter_map(|path| path.parent()).collect();
    let mut lists = vec!["/proc/net/unix", "/proc/locks"];
    if target.mounts_are_hidden {
        lists.extend(["/proc/self/mountinfo", "/proc/self/mounts", "/proc/self/mountstats"]);
    }
    for list in lists {
        let text = std::fs::read_to_string(list).unwrap_or_default();
        let named = parents.iter().any(|parent| text.contains(&*parent.to_string_lossy()));
        tries.expect(&format!("{list} names no place of the host"), !named);
    }
    // Its own group is all it sees of control groups.
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    tries.expect("/proc/self/cgroup names no group of the host", groups.lines().all(|line| line.ends_with(":/")));
    tries.outcome()
}

fn base_changed(_: &Target) -> Outcome {
    let mut tries = Tries::new();
    for place in [
        "/", "/usr", "/usr/bin", "/usr/lib", "/etc", "/opt", "/var", "/root", "/mnt", "/srv", "/sys", "/proc", "/dev",
        "/run",
    ] {
        let file = Path::new(place).join(".escape");
        let made = File::create_new(&file);
        if made.is_ok() {
            // Only tidies up.
            let _ = std::fs::remove_file(&file);
        }
        tries.expect_error(&format!("a file in {place}"), made);
    }
    for name in ["/usr/bin/env", "/etc/passwd", "/etc/resolv.conf", "/bin/sh", "/etc/ld.so.cache"] {
        tries.expect_error(&format!("writing to {name}"), File::options().write(true).open(name));
        let link = format!("{WORKSPACE}/.escape-link");
        let linked = std::fs::hard_link(name, &link);
        if linked.is_ok() {
            // Only tidies up.
            let _ = std::fs::remove_file(&link);
        }
        tries.expect_error(&format!("a hard link to {name}"), linked);
        let mode = std::fs::metadata(name).map_or(0o644, |meta| meta.mode() & 0o7777);
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        tries.expect_error(&format!("the mode of {name}"), std::fs::set_permissions(name, permissions));
    }
    tries.outcome()
}

fn programs_overwritten(_: &Target) -> Outcome {
    let mut tries = Tries::new();
    for path in ["/proc/self/exe", "/proc/1/exe"] {
        // Through a descriptor without rights, which is how a container runtime was overwritten once.
        let opened = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let Ok(program) = opened else {
            tries.expect_error(path, opened);
            continue;
        };
        let own = path == "/proc/self/exe";
        let again = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&program.as_fd())));
        let written = File::options().write(true).open(again);
        match written {
            // This very program may be the user's own file; a running one cannot be written to all the same.
            Ok(_) if own => tries.expect("a running program cannot be written to", false),
            other => tries.expect_error(&format!("writing to {path}"), other),
        }
        let flags = AtFlags::EMPTY_PATH;
        if !own {
            tries.expect_error(
                "a link to the agent's program",
                rustix::fs::linkat(&program, "", CWD, format!("{WORKSPACE}/.escape"), flags),
            );
        }
    }
    tries.outcome()
}
