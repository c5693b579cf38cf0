//! Trying what sandboxes need, in a child process that does nothing but system calls.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode as FileMode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags};

use super::Mode;
use crate::spec::{FIRST_HOST_ID, IDS_PER_WORKSPACE, USER_ID};
use crate::sys::{self, MountAttributes};

/// What was possible; the reason where not.
pub(super) struct Tried {
    pub(super) namespaces: Result<(), String>,
    pub(super) mapped_volumes: Result<(), String>,
    pub(super) seccomp: Result<(), String>,
    pub(super) landlock: Result<(), String>,
}

/// Exit codes of the child.
const FINE: u8 = 0;
const NO_TMPFS: u8 = 1;
const NO_PROC: u8 = 2;
const NO_PTS: u8 = 3;
const NO_CGROUP_NAMESPACE: u8 = 4;

/// How long the child may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Tries to make a sandbox's namespaces and what only they allow.
pub(super) fn sandbox(mode: Mode, data_dir: &Path) -> Tried {
    let mut tried = Tried {
        namespaces: Ok(()),
        mapped_volumes: Err("not tried".to_owned()),
        seccomp: seccomp(),
        landlock: landlock(),
    };
    tried.namespaces = namespaces(mode, data_dir, &mut tried.mapped_volumes);
    tried
}

fn namespaces(mode: Mode, data_dir: &Path, mapped: &mut Result<(), String>) -> Result<(), String> {
    let (near, far) = std::os::unix::net::UnixStream::pair().map_err(|error| error.to_string())?;
    let (pid, pidfd) = sys::clone_for_attempt(try_mounts, far.as_fd()).map_err(|error| explain_clone(&error))?;
    drop(far);
    let mapping = map_ids(mode, pid).map_err(|error| {
        format!(
            "user ids cannot be mapped: {error}. In a container, start it with enough ids and CAP_SETUID/CAP_SETGID"
        )
    });
    if mapping.is_ok() && mode == Mode::Privileged {
        *mapped = map_volume(pid, data_dir).map_err(|error| {
            format!(
                "the file system of {} cannot be mapped ({error}): use ext4, xfs, btrfs or tmpfs",
                data_dir.display()
            )
        });
    }
    let verdict = mapping.and_then(|()| {
        use std::io::Write as _;
        (&near).write_all(b"g").map_err(|error| error.to_string())?;
        let ended = crate::control::wait_for_end(&pidfd, DEADLINE).map_err(|error| error.to_string())?;
        if ended { Ok(()) } else { Err("a process in new namespaces did not end".to_owned()) }
    });
    drop(near);
    let _ = rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL);
    let status =
        rustix::process::waitid(rustix::process::WaitId::PidFd(pidfd.as_fd()), rustix::process::WaitIdOptions::EXITED);
    verdict?;
    let code = status.ok().flatten().and_then(|status| status.exit_status());
    match code.and_then(|code| u8::try_from(code).ok()) {
        Some(FINE) => Ok(()),
        Some(NO_TMPFS) => Err("tmpfs cannot be mounted in a user namespace: a security module forbids it \
                               (AppArmor: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run as root)"
            .to_owned()),
        Some(NO_PROC) => Err("/proc cannot be mounted in new namespaces: in a container, start it with an unmasked \
                              /proc (--security-opt systempaths=unconfined)"
            .to_owned()),
        Some(NO_PTS) => Err("terminals (devpts) cannot be mounted in a user namespace".to_owned()),
        Some(NO_CGROUP_NAMESPACE) => Err("this kernel has no cgroup namespaces (CONFIG_CGROUPS)".to_owned()),
        _ => Err("a process in new namespaces ended by a signal".to_owned()),
    }
}

fn explain_clone(error: &io::Error) -> String {
    let advice = match error.raw_os_error() {
        Some(libc::EPERM) => {
            "user namespaces are forbidden here: allow them (sysctl kernel.unprivileged_userns_clone=1, in a container \
             --security-opt seccomp=unconfined) or run as root"
        }
        Some(libc::ENOSPC) => "a limit on namespaces is reached: raise the sysctls user.max_*_namespaces",
        Some(libc::ENOSYS) => "this kernel has no clone3: Linux 5.12 or newer is needed",
        Some(libc::EINVAL) => "this kernel lacks a kind of namespace: it must be built with all of them",
        _ => "the machine is out of processes or memory",
    };
    format!("namespaces cannot be made ({error}): {advice}")
}

/// In the child: mounts what a sandbox mounts, detached, so that nothing stays. Only system calls.
fn try_mounts(pipe: RawFd) -> u8 {
    let mut word = [0_u8; 1];
    // The parent's copy of this descriptor is open as long as the child looks at it.
    let pipe = sys::borrow_inherited(pipe);
    if rustix::io::read(pipe, &mut word) != Ok(1) {
        return FINE;
    }
    for (kind, code) in [(c"tmpfs", NO_TMPFS), (c"proc", NO_PROC), (c"devpts", NO_PTS)] {
        let mount = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).and_then(|context| {
            rustix::mount::fsconfig_create(&context)?;
            rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_NOSUID)
        });
        if mount.is_err() {
            return code;
        }
    }
    if sys::leave_cgroup_namespace().is_err() {
        return NO_CGROUP_NAMESPACE;
    }
    FINE
}

fn map_ids(mode: Mode, pid: u32) -> io::Result<()> {
    let write = |file: &str, text: &str| crate::cgroup::write_control(Path::new(&format!("/proc/{pid}/{file}")), text);
    match mode {
        Mode::Privileged => {
            let map = format!("0 {FIRST_HOST_ID} {IDS_PER_WORKSPACE}\n");
            write("uid_map", &map)?;
            write("gid_map", &map)
        }
        Mode::Unprivileged => {
            let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            write("setgroups", "deny")?;
            write("uid_map", &format!("{USER_ID} {uid} 1\n"))?;
            write("gid_map", &format!("{USER_ID} {gid} 1\n"))
        }
    }
}

fn map_volume(pid: u32, data_dir: &Path) -> io::Result<()> {
    let namespace: OwnedFd =
        rustix::fs::open(format!("/proc/{pid}/ns/user"), OFlags::RDONLY | OFlags::CLOEXEC, FileMode::empty())?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = rustix::mount::open_tree(rustix::fs::CWD, data_dir, flags)?;
    let namespace: BorrowedFd<'_> = namespace.as_fd();
    let change = MountAttributes { user_namespace: Some(namespace), ..MountAttributes::default() };
    sys::change_mount(tree.as_fd(), c"", &change)
}

/// Whether this kernel filters system calls: it lists what a filter can answer.
fn seccomp() -> Result<(), String> {
    let actions = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    let has = |name: &str| actions.split_ascii_whitespace().any(|action| action == name);
    if has("errno") && has("kill_process") {
        Ok(())
    } else {
        Err("this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)".to_owned())
    }
}

/// Whether this kernel has Landlock: making a rule set says so.
fn landlock() -> Result<(), String> {
    use landlock::{ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _};
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .map(|_| ())
        .map_err(|_| "this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK, or not in the lsm= list)".to_owned())
}
