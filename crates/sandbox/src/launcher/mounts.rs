//! The file system of a sandbox: an allow-list of what it sees, built from nothing.
//!
//! One small tmpfs is the root (read-only once it is built) and also what is private and writable: `/tmp`, `/var/tmp`,
//! `/run` and `/dev/shm` are writable views of its directories, so one size limit holds for all of them and their pages
//! count as the sandbox's memory. Everything else is mounted from outside: `usr`, `opt` and `etc` of the base,
//! read-only; six devices; a `/proc` of its own with the machine's affairs masked; its terminals; its volume.
//!
//! **Invariants**: nothing of the host is visible but what [`Root::build`] names; no mount can be executed set-user-id;
//! no mount event passes between sandbox and host.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode as FileMode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree, unmount,
};

use super::LaunchError;
use super::etc;
use super::helper::Step;
use crate::probe::Mode;
use crate::spec::{Limits, Network, SPARE_TERMINALS, SandboxSpec, USER_ID};
use crate::sys::{MountAttributes, change_mount};
use crate::volume::{HOME_DIR, WORKSPACE_DIR};

/// Files and directories of one sandbox's private file system.
const PRIVATE_INODES: &str = "500000";
/// The group that terminals belong to inside: `tty`.
pub(super) const TERMINALS_GROUP: u32 = 5;
/// Devices a sandbox has.
const DEVICES: [&CStr; 6] = [c"null", c"zero", c"full", c"random", c"urandom", c"tty"];
/// Names that are symbolic links into `usr` on merged systems and directories of their own on others.
const MERGED: [&CStr; 6] = [c"bin", c"sbin", c"lib", c"lib32", c"lib64", c"libx32"];
/// Files of `/proc` that show or steer the machine: all that container engines mask, and what else names the hardware or
/// counts what others do. What tools need stays, though it is the whole machine's: `cpuinfo`, `meminfo`, `stat`,
/// `loadavg`, `uptime`, `vmstat`, `version`, `cgroups`, `filesystems`.
const MASKED_FILES: [&CStr; 25] = [
    // May hold what an operator tells the machine at boot, secrets included.
    c"cmdline",
    c"bootconfig",
    // Count every keystroke, packet, disk access and allocation of the machine: what others do can be timed by them.
    c"interrupts",
    c"softirqs",
    c"schedstat",
    c"diskstats",
    c"buddyinfo",
    c"zoneinfo",
    // Names of disks and devices.
    c"partitions",
    c"swaps",
    c"mdstat",
    c"iomem",
    c"ioports",
    c"mtrr",
    // The kernel: its memory, its symbols, its modules, its keys, its log, its timers.
    c"kcore",
    c"kallsyms",
    c"modules",
    c"keys",
    c"key-users",
    c"kmsg",
    c"latency_stats",
    c"sched_debug",
    c"sysrq-trigger",
    c"timer_list",
    c"timer_stats",
];
/// Directories of `/proc` that show the machine's hardware, its file systems and how pressed it is.
const MASKED_DIRS: [&CStr; 9] =
    [c"acpi", c"asound", c"bus", c"driver", c"dynamic_debug", c"fs", c"irq", c"pressure", c"scsi"];
/// Directories of `/proc` that are shown but not changed.
const READ_ONLY_DIRS: [&CStr; 1] = [c"sys"];

/// What the kernel counts for each user namespace and for the machine as a whole: without a share of its own, one
/// sandbox could take all there is. By name below `/proc`.
const SHARES: [(&CStr, u32); 2] =
    [(c"sys/user/max_inotify_instances", 1024), (c"sys/user/max_inotify_watches", 524_288)];

/// What a sandbox sees of its base: detached, read-only mounts.
pub(super) struct BaseTrees {
    usr: OwnedFd,
    etc: OwnedFd,
    opt: Option<OwnedFd>,
    merged: Vec<(&'static CStr, Merged)>,
}

enum Merged {
    Link(CString),
    Tree(OwnedFd),
}

impl BaseTrees {
    /// Clones the mounts. Needs the rights over the mount namespace that the caller is in.
    pub(super) fn open(base: &Path) -> Result<Self, LaunchError> {
        let dir = rustix::fs::open(base, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, FileMode::empty())
            .step(|| format!("opening the base {}", base.display()))?;
        let tree = |name: &str| read_only_tree(&dir, Path::new(name), base);
        let optional = |result: Result<OwnedFd, LaunchError>| match result {
            Err(LaunchError::Step { errno: Some(libc::ENOENT), .. }) => Ok(None),
            other => other.map(Some),
        };
        let mut merged = Vec::new();
        for name in MERGED {
            match rustix::fs::readlinkat(&dir, name, Vec::new()) {
                Ok(target) => merged.push((name, Merged::Link(target))),
                Err(Errno::NOENT) => {}
                Err(Errno::INVAL) => {
                    let path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
                    merged.push((name, Merged::Tree(read_only_tree(&dir, path, base)?)));
                }
                Err(error) => return Err(error).step(|| format!("looking at {}", base.display())),
            }
        }
        Ok(Self { usr: tree("usr")?, etc: tree("etc")?, opt: optional(tree("opt"))?, merged })
    }
}

fn read_only_tree(dir: &OwnedFd, path: &Path, base: &Path) -> Result<OwnedFd, LaunchError> {
    let tree = clone_tree(dir, path, true)?;
    let change = MountAttributes {
        read_only: true,
        no_suid_no_dev: true,
        private: true,
        recursive: true,
        ..MountAttributes::default()
    };
    change_mount(tree.as_fd(), c"", &change).step(|| format!("making {} read-only", base.join(path).display()))?;
    Ok(tree)
}

/// A detached copy of the mount at a path, with those below it if asked.
pub(super) fn clone_tree(dir: impl AsFd, path: &Path, recursive: bool) -> Result<OwnedFd, LaunchError> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    open_tree(dir, path, flags).step(|| format!("opening {} for a mount", path.display()))
}

/// The sandbox's root, attached on top of the old one.
pub(super) struct Root {
    dir: OwnedFd,
}

impl Root {
    /// Builds the tree. Runs in the sandbox's own namespaces, as their root.
    pub(super) fn build(
        mode: Mode,
        spec: &SandboxSpec,
        trees: Option<BaseTrees>,
        volumes: Vec<OwnedFd>,
    ) -> Result<Self, LaunchError> {
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            .step(|| "cutting mounts off from the host".to_owned())?;
        rustix::process::umask(FileMode::empty());
        // In unprivileged mode nothing was opened outside, because nothing could be.
        let trees = match trees {
            Some(trees) => trees,
            None => BaseTrees::open(&spec.base)?,
        };
        let volumes = match mode {
            Mode::Privileged => volumes,
            Mode::Unprivileged => own_volumes(spec)?,
        };
        let root = Self { dir: private_tmpfs(spec)? };
        root.directories()?;
        root.processors()?;
        root.own_files(spec)?;
        root.attach(&root.dir, CWD, c"/")?;
        rustix::process::fchdir(&root.dir).step(|| "entering the new root".to_owned())?;
        root.base(spec, trees)?;
        root.devices(mode, spec)?;
        root.proc()?;
        for (volume, name) in volumes.iter().zip([c"workspace", c"home/dev"]) {
            root.attach(volume, &root.dir, name)?;
        }
        for name in [c"tmp", c"var/tmp", c"run", c"dev/shm"] {
            let view = root.view(name)?;
            root.attach(&view, &root.dir, name)?;
        }
        let seal = MountAttributes { read_only: true, no_suid_no_dev: true, ..MountAttributes::default() };
        change_mount(root.dir.as_fd(), c"", &seal).step(|| "making the root read-only".to_owned())?;
        Ok(root)
    }

    /// Makes it the root, and lets the old one go.
    pub(super) fn enter(self) -> Result<(), LaunchError> {
        let step = || "changing the root".to_owned();
        rustix::process::fchdir(&self.dir).step(step)?;
        // The old root comes to lie where the new one is, on top of it (pivot_root(2), "pivot_root(".", ".")").
        rustix::process::pivot_root(c".", c".").step(step)?;
        unmount(c".", UnmountFlags::DETACH).step(|| "leaving the old root".to_owned())?;
        rustix::process::chdir(c"/").step(step)
    }

    fn directories(&self) -> Result<(), LaunchError> {
        let user = format!("run/user/{USER_ID}");
        for (name, mode) in [
            ("usr", 0o755),
            ("opt", 0o755),
            ("etc", 0o755),
            ("dev", 0o755),
            ("dev/pts", 0o755),
            ("dev/shm", 0o1777),
            ("proc", 0o555),
            ("sys", 0o555),
            ("sys/devices", 0o555),
            ("sys/devices/system", 0o555),
            ("sys/devices/system/cpu", 0o555),
            ("run", 0o755),
            ("run/lock", 0o1777),
            ("run/user", 0o755),
            (&user, 0o700),
            ("tmp", 0o1777),
            ("var", 0o755),
            ("var/tmp", 0o1777),
            ("var/log", 0o755),
            ("var/cache", 0o755),
            ("var/lib", 0o755),
            ("home", 0o755),
            ("home/dev", 0o700),
            ("workspace", 0o700),
            ("root", 0o700),
            ("mnt", 0o755),
            ("srv", 0o755),
        ] {
            rustix::fs::mkdirat(&self.dir, name, FileMode::from_raw_mode(mode))
                .step(|| format!("making /{name} in the sandbox"))?;
        }
        let owner = (Some(rustix::fs::Uid::from_raw(USER_ID)), Some(rustix::fs::Gid::from_raw(USER_ID)));
        rustix::fs::chownat(&self.dir, user.as_str(), owner.0, owner.1, AtFlags::empty())
            .step(|| format!("giving /{user} away"))?;
        for (name, target) in [(c"var/run", c"/run"), (c"var/lock", c"/run/lock")] {
            self.link(name, target)?;
        }
        Ok(())
    }

    /// The files that name the workspace, empty while there is none. They are the user's: whoever wants other names for
    /// other machines writes them there.
    fn own_files(&self, spec: &SandboxSpec) -> Result<(), LaunchError> {
        let dir = etc::OWN_DIR.trim_start_matches('/');
        let step = || format!("making {} in the sandbox", etc::OWN_DIR);
        rustix::fs::mkdirat(&self.dir, dir, FileMode::from_raw_mode(0o755)).step(step)?;
        let texts = spec.identity.as_ref().map(etc::own_files);
        let (uid, gid) = (Some(rustix::fs::Uid::from_raw(USER_ID)), Some(rustix::fs::Gid::from_raw(USER_ID)));
        for (index, name) in etc::OWN.into_iter().enumerate() {
            let path = format!("{dir}/{name}");
            write_file(&self.dir, &path, texts.as_ref().map_or("", |texts| &texts[index].1))?;
            rustix::fs::chownat(&self.dir, path.as_str(), uid, gid, AtFlags::empty()).step(step)?;
        }
        rustix::fs::chownat(&self.dir, dir, uid, gid, AtFlags::empty()).step(step)
    }

    /// How many processors there are, which is all of `/sys` that tools cannot do without (lscpu, some allocators).
    fn processors(&self) -> Result<(), LaunchError> {
        for name in ["online", "possible", "present"] {
            let path = format!("sys/devices/system/cpu/{name}");
            // Where the launcher sees no such file, programs ask elsewhere.
            if let Ok(text) = std::fs::read_to_string(Path::new("/").join(&path)) {
                write_file(&self.dir, &path, &text)?;
            }
        }
        Ok(())
    }

    fn base(&self, spec: &SandboxSpec, trees: BaseTrees) -> Result<(), LaunchError> {
        self.attach(&trees.usr, &self.dir, c"usr")?;
        if let Some(opt) = &trees.opt {
            self.attach(opt, &self.dir, c"opt")?;
        }
        for (name, merged) in &trees.merged {
            match merged {
                Merged::Link(target) => self.link(name, target)?,
                Merged::Tree(tree) => {
                    rustix::fs::mkdirat(&self.dir, *name, FileMode::from_raw_mode(0o755))
                        .step(|| format!("making /{} in the sandbox", name.to_string_lossy()))?;
                    self.attach(tree, &self.dir, name)?;
                }
            }
        }
        self.etc(spec.network, &trees.etc)?;
        for hidden in &spec.hide {
            let Ok(inside) = hidden.strip_prefix(&spec.base) else { continue };
            if ["usr", "opt"].iter().any(|top| inside.starts_with(top)) {
                let inside = c_path(inside)?;
                if self.exists(&inside) {
                    self.cover_directory(&inside)?;
                }
            }
        }
        Ok(())
    }

    /// The base's `/etc` below the sandbox's own files and above nothing: an overlay without a writable layer, or, where
    /// that is not to be had, the base's with single files covered.
    fn etc(&self, network: Network, base: &OwnedFd) -> Result<(), LaunchError> {
        let own = rustix::fs::openat(
            &self.dir,
            c"etc",
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            FileMode::empty(),
        )
        .step(|| "opening /etc in the sandbox".to_owned())?;
        let files = etc::files(network);
        for (name, text) in &files {
            write_file(&own, name, text)?;
        }
        for name in etc::OWN {
            rustix::fs::symlinkat(format!("{}/{name}", etc::OWN_DIR), &own, name)
                .step(|| format!("making /etc/{name} in the sandbox"))?;
        }
        for parent in etc::HIDDEN_PARENTS {
            rustix::fs::mkdirat(&own, parent, FileMode::from_raw_mode(0o755))
                .step(|| format!("making /etc/{parent} in the sandbox"))?;
        }
        for name in etc::HIDDEN {
            // A whiteout: overlayfs hides what has this name below (Documentation/filesystems/overlayfs.rst).
            if rustix::fs::statat(base, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                rustix::fs::mknodat(&own, name, FileType::CharacterDevice, FileMode::empty(), 0)
                    .step(|| format!("hiding /etc/{name}"))?;
            }
        }
        self.attach(base, &self.dir, c"mnt")?;
        match overlay(c"etc:mnt") {
            Ok(merged) => {
                // The base moves below the overlay, so that it is seen nowhere else.
                move_mount(&self.dir, c"mnt", &self.dir, c"etc", MoveMountFlags::empty())
                    .step(|| "mounting /etc in the sandbox".to_owned())?;
                self.attach(&merged, &self.dir, c"etc")
            }
            Err(_) => self.cover_etc(&own, &files),
        }
    }

    fn cover_etc(&self, own: &OwnedFd, files: &[(&str, String)]) -> Result<(), LaunchError> {
        let mut covers = Vec::new();
        for (name, _) in files {
            covers.push((*name, clone_tree(own, Path::new(name), false)?));
        }
        for name in etc::OWN {
            let path = Path::new(etc::OWN_DIR.trim_start_matches('/')).join(name);
            covers.push((name, clone_tree(&self.dir, &path, false)?));
        }
        move_mount(&self.dir, c"mnt", &self.dir, c"etc", MoveMountFlags::empty())
            .step(|| "mounting /etc in the sandbox".to_owned())?;
        for (name, cover) in covers {
            let path = c_path(&Path::new("etc").join(name))?;
            // A symbolic link leads into what the sandbox does not have; a missing file cannot be covered.
            if self.kind(&path) == Some(FileType::RegularFile) {
                self.attach(&cover, &self.dir, &path)?;
            }
        }
        for name in etc::HIDDEN {
            let path = c_path(&Path::new("etc").join(name))?;
            match self.kind(&path) {
                Some(FileType::Directory) => self.cover_directory(&path)?,
                Some(FileType::RegularFile) => {
                    let null = clone_tree(CWD, Path::new("/dev/null"), false)?;
                    self.attach(&null, &self.dir, &path)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn devices(&self, mode: Mode, spec: &SandboxSpec) -> Result<(), LaunchError> {
        for name in DEVICES {
            let text = name.to_string_lossy();
            write_file(&self.dir, &format!("dev/{text}"), "")?;
            let device = clone_tree(CWD, &PathBuf::from(format!("/dev/{text}")), false)?;
            self.attach(&device, &self.dir, &c_path(Path::new(&format!("dev/{text}")))?)?;
        }
        for (name, target) in [
            (c"dev/fd", c"/proc/self/fd"),
            (c"dev/stdin", c"/proc/self/fd/0"),
            (c"dev/stdout", c"/proc/self/fd/1"),
            (c"dev/stderr", c"/proc/self/fd/2"),
            (c"dev/ptmx", c"pts/ptmx"),
        ] {
            self.link(name, target)?;
        }
        let max = terminals_max(&spec.limits);
        let group = TERMINALS_GROUP.to_string();
        let mut options = terminal_options(&max);
        if mode == Mode::Privileged {
            options.push(("gid", &group));
        }
        let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let terminals = new_mount("devpts", &options, flags).step(|| "mounting terminals in the sandbox".to_owned())?;
        self.attach(&terminals, &self.dir, c"dev/pts")
    }

    fn proc(&self) -> Result<(), LaunchError> {
        let flags =
            MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let proc = new_mount("proc", &[], flags).step(|| "mounting /proc in the sandbox".to_owned())?;
        self.attach(&proc, &self.dir, c"proc")?;
        // The namespace of whoever opens these is the one they count for, so this is done in here, before they can no
        // longer be written to.
        for (name, most) in SHARES {
            let path = in_proc(name)?;
            let write = || {
                let flags = OFlags::WRONLY | OFlags::CLOEXEC;
                let file = rustix::fs::openat(&self.dir, &path, flags, FileMode::empty())?;
                rustix::io::write(&file, most.to_string().as_bytes())
            };
            match write() {
                // A kernel without inotify.
                Err(Errno::NOENT) => {}
                other => other.map(drop).step(|| format!("limiting {}", name.to_string_lossy()))?,
            }
        }
        for name in MASKED_FILES {
            let path = in_proc(name)?;
            if self.exists(&path) {
                let null = clone_tree(CWD, Path::new("/dev/null"), false)?;
                self.attach(&null, &self.dir, &path)?;
            }
        }
        for name in MASKED_DIRS {
            let path = in_proc(name)?;
            if self.exists(&path) {
                self.cover_directory(&path)?;
            }
        }
        for name in READ_ONLY_DIRS {
            let path = in_proc(name)?;
            if self.exists(&path) {
                let view = self.view(&path)?;
                let change = MountAttributes { read_only: true, ..MountAttributes::default() };
                change_mount(view.as_fd(), c"", &change).step(|| format!("making /{path:?} read-only"))?;
                self.attach(&view, &self.dir, &path)?;
            }
        }
        Ok(())
    }

    /// An empty, read-only directory in place of this one.
    fn cover_directory(&self, path: &CStr) -> Result<(), LaunchError> {
        let empty = self.view(c"srv")?;
        let change = MountAttributes { read_only: true, no_exec: true, ..MountAttributes::default() };
        change_mount(empty.as_fd(), c"", &change).step(|| format!("hiding /{}", path.to_string_lossy()))?;
        self.attach(&empty, &self.dir, path)
    }

    /// A second view of a directory of the new root, as a mount of its own.
    fn view(&self, path: &CStr) -> Result<OwnedFd, LaunchError> {
        clone_tree(&self.dir, Path::new(std::ffi::OsStr::from_bytes(path.to_bytes())), false)
    }

    fn attach(&self, mount: &OwnedFd, dir: impl AsFd, path: &CStr) -> Result<(), LaunchError> {
        move_mount(mount, c"", dir, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .step(|| format!("mounting /{} in the sandbox", path.to_string_lossy()))
    }

    fn link(&self, name: &CStr, target: &CStr) -> Result<(), LaunchError> {
        rustix::fs::symlinkat(target, &self.dir, name)
            .step(|| format!("making /{} in the sandbox", name.to_string_lossy()))
    }

    fn exists(&self, path: &CStr) -> bool {
        self.kind(path).is_some()
    }

    fn kind(&self, path: &CStr) -> Option<FileType> {
        let stat = rustix::fs::statat(&self.dir, path, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(stat.st_mode))
    }
}

/// Size of the private file system, in bytes.
pub(super) fn private_bytes(limits: &Limits) -> String {
    (limits.memory_bytes / 2).to_string()
}

/// Options of the file system of terminals, but for their group.
pub(super) fn terminal_options(max: &str) -> Vec<(&'static str, &str)> {
    vec![("mode", "620"), ("ptmxmode", "666"), ("max", max)]
}

/// Terminals of one sandbox.
pub(super) fn terminals_max(limits: &Limits) -> String {
    limits.terminals.saturating_add(SPARE_TERMINALS).to_string()
}

/// The one private file system. Its pages count as the sandbox's memory, of which it may be half.
fn private_tmpfs(spec: &SandboxSpec) -> Result<OwnedFd, LaunchError> {
    let size = private_bytes(&spec.limits);
    let options = [("size", size.as_str()), ("nr_inodes", PRIVATE_INODES), ("mode", "0755")];
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    new_mount("tmpfs", &options, flags).step(|| "mounting the sandbox's root".to_owned())
}

/// The volume's directories, opened by the user whose they are.
fn own_volumes(spec: &SandboxSpec) -> Result<Vec<OwnedFd>, LaunchError> {
    let Some(identity) = &spec.identity else { return Ok(Vec::new()) };
    let mut volumes = Vec::with_capacity(2);
    for name in [WORKSPACE_DIR, HOME_DIR] {
        let tree = clone_tree(CWD, &identity.volume.join(name), false)?;
        let change = MountAttributes { no_suid_no_dev: true, private: true, ..MountAttributes::default() };
        change_mount(tree.as_fd(), c"", &change).step(|| format!("mounting the volume's {name}"))?;
        volumes.push(tree);
    }
    Ok(volumes)
}

fn overlay(lower: &CStr) -> rustix::io::Result<OwnedFd> {
    let lower = lower.to_str().map_err(|_| Errno::INVAL)?;
    let flags =
        MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    new_mount("overlay", &[("lowerdir", lower)], flags)
}

fn new_mount(kind: &str, options: &[(&str, &str)], flags: MountAttrFlags) -> rustix::io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", "coditect")?;
    for (key, value) in options {
        fsconfig_set_string(&context, *key, *value)?;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

fn write_file(dir: &OwnedFd, name: &str, text: &str) -> Result<(), LaunchError> {
    let write = || -> rustix::io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(dir, name, flags, FileMode::from_raw_mode(0o644))?;
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            rest = &rest[rustix::io::write(&file, rest)?..];
        }
        Ok(())
    };
    write().step(|| format!("writing {name} in the sandbox"))
}

fn in_proc(name: &CStr) -> Result<CString, LaunchError> {
    c_path(&Path::new("proc").join(std::ffi::OsStr::from_bytes(name.to_bytes())))
}

fn c_path(path: &Path) -> Result<CString, LaunchError> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(std::io::Error::from)
        .step(|| format!("the path {}", path.display()))
}
