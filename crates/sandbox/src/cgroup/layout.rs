//! Finding this process's own groups from `/proc/self/mountinfo` and `/proc/self/cgroup`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::{CgroupLayout, Controller, write_control};

/// Group below its own that a version 2 parent moves itself to, so that its own group can hand controllers on ("no
/// internal processes", Documentation/admin-guide/cgroup-v2.rst).
pub(crate) const LEAF: &str = "coditect-serve";

/// How often processes are looked for again in a group that is being emptied.
const VACATE_ROUNDS: u32 = 16;

/// Version 1 controllers that are looked for.
const V1: [Controller; 6] =
    [Controller::Cpu, Controller::Memory, Controller::Pids, Controller::Cpuacct, Controller::Freezer, Controller::Io];

impl CgroupLayout {
    /// Finds the groups of this process.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn detect() -> io::Result<Self> {
        Self::detect_below(Path::new("/"))
    }

    /// As [`Self::detect`], for a tree of files that stands for a machine.
    ///
    /// # Errors
    /// Its `proc/self` cannot be read.
    pub fn detect_below(root: &Path) -> io::Result<Self> {
        let mountinfo = std::fs::read_to_string(root.join("proc/self/mountinfo"))?;
        let membership = std::fs::read_to_string(root.join("proc/self/cgroup"))?;
        let mut layout = parse(&mountinfo, &membership);
        let below = |path: &PathBuf| root.join(path.strip_prefix("/").unwrap_or(path));
        layout.v2 = layout.v2.as_ref().map(below).filter(|path| path.is_dir());
        layout.v1 = layout.v1.iter().map(|(&controller, path)| (controller, below(path))).collect();
        layout.v1.retain(|_, path| path.is_dir());
        if let Some(own) = &layout.v2 {
            let names = std::fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
            for controller in [Controller::Cpu, Controller::Memory, Controller::Pids, Controller::Io] {
                if names.split_ascii_whitespace().any(|name| name == controller.name()) {
                    layout.v2_controllers.insert(controller);
                }
            }
            // Version 2 counts CPU time and freezes without any controller.
            layout.v1.remove(&Controller::Cpuacct);
            layout.v1.remove(&Controller::Freezer);
        }
        layout.v1.retain(|controller, _| !layout.v2_controllers.contains(controller));
        Ok(layout)
    }

    /// Keeps only the groups below which this process may make others.
    #[must_use]
    pub fn writable(mut self) -> Self {
        let writable = |path: &PathBuf| {
            rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
                && rustix::fs::access(path.join("cgroup.procs"), rustix::fs::Access::WRITE_OK).is_ok()
        };
        self.v1.retain(|_, path| writable(path));
        if !self.v2.as_ref().is_some_and(writable) {
            self.v2 = None;
            self.v2_controllers.clear();
        }
        self
    }

    /// Whether some hierarchy limits this resource.
    #[must_use]
    pub fn has(&self, controller: Controller) -> bool {
        self.v2_controllers.contains(&controller) || self.v1.contains_key(&controller)
    }

    /// In a word: `v2`, `v1`, `hybrid` or `none`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match (self.v2.is_some(), self.v1.is_empty()) {
            (true, true) => "v2",
            (true, false) => "hybrid",
            (false, false) => "v1",
            (false, true) => "none",
        }
    }

    /// Empties the own version 2 group, so that it can hand controllers on: all its processes go to a leaf below it.
    /// Nothing is done where that is not needed: no controllers, or the own group is the root of the hierarchy.
    ///
    /// # Errors
    /// The group is not delegated to this process.
    pub(crate) fn vacate_own_group(&self) -> io::Result<()> {
        let Some(own) = &self.v2 else { return Ok(()) };
        // The root group has no `cgroup.type`, and the rule does not hold for it.
        if self.v2_controllers.is_empty() || !own.join("cgroup.type").exists() {
            return Ok(());
        }
        let leaf = own.join(LEAF);
        match std::fs::create_dir(&leaf) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        for round in 1.. {
            for pid in std::fs::read_to_string(own.join("cgroup.procs"))?.split_ascii_whitespace() {
                match write_control(&leaf.join("cgroup.procs"), pid) {
                    // It ended meanwhile.
                    Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                    other => other?,
                }
            }
            match self.hand_on_controllers(own) {
                // A process forked while its parent was being moved.
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy && round < VACATE_ROUNDS => {}
                other => return other,
            }
        }
        Ok(())
    }

    /// Lets processes join version 1 groups without waiting for an RCU grace period (8 ms on a busy machine, 0.2 ms with
    /// this), at the price of slightly slower forks: the kernel's `favordynmods`, which holds for all hierarchies once one
    /// has it. Nothing is done where no version 1 group is used: into version 2 groups sandboxes are born.
    ///
    /// # Errors
    /// The kernel is older than 6.0, or this process is in a cgroup namespace of its own.
    pub(crate) fn favour_joining(&self) -> io::Result<()> {
        use rustix::mount::{
            FsOpenFlags, FsPickFlags, fsconfig_create, fsconfig_reconfigure, fsconfig_set_flag, fsopen, fspick,
        };
        if self.v1.is_empty() {
            return Ok(());
        }
        let mountinfo = std::fs::read_to_string("/proc/self/mountinfo")?;
        let mounted = mountinfo.lines().filter_map(Mount::parse).find(|mount| mount.fs_type == "cgroup2");
        let Some(mounted) = mounted else {
            // The hierarchy exists without a mount, and keeps its options without one.
            let context = fsopen("cgroup2", FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_set_flag(&context, "favordynmods")?;
            return Ok(fsconfig_create(&context)?);
        };
        if mounted.options.split(',').any(|option| option == "favordynmods") {
            return Ok(());
        }
        let context = fspick(rustix::fs::CWD, &*mounted.point, FsPickFlags::FSPICK_CLOEXEC)?;
        // What is not named again would be switched off.
        for option in mounted.options.split(',').filter(|option| !matches!(*option, "rw" | "ro")) {
            fsconfig_set_flag(&context, option)?;
        }
        fsconfig_set_flag(&context, "favordynmods")?;
        Ok(fsconfig_reconfigure(&context)?)
    }

    /// Whether the controllers are on for the groups below `group`.
    pub(crate) fn hands_on(&self, group: &Path) -> io::Result<bool> {
        if self.v2_controllers.is_empty() {
            return Ok(true);
        }
        let on = std::fs::read_to_string(group.join("cgroup.subtree_control"))?;
        Ok(self.v2_controllers.iter().all(|wanted| on.split_ascii_whitespace().any(|name| name == wanted.name())))
    }

    /// Turns the controllers on for the groups below `group`.
    ///
    /// # Errors
    /// The group is not delegated to this process, or has processes of its own.
    pub(crate) fn hand_on_controllers(&self, group: &Path) -> io::Result<()> {
        if self.v2_controllers.is_empty() {
            return Ok(());
        }
        let wanted: Vec<String> = self.v2_controllers.iter().map(|c| format!("+{}", c.name())).collect();
        write_control(&group.join("cgroup.subtree_control"), &wanted.join(" ")).map_err(|error| {
            if error.raw_os_error() == Some(libc::EBUSY) {
                let text = format!(
                    "{} has processes of its own, so it cannot limit groups below it; under systemd set Delegate=yes, \
                     elsewhere start the server in a group of its own",
                    group.display()
                );
                return io::Error::new(io::ErrorKind::ResourceBusy, text);
            }
            io::Error::new(error.kind(), format!("{}: {error}", group.display()))
        })
    }
}

/// Own groups by hierarchy, as absolute paths; which controllers version 2 has is left open.
pub(crate) fn parse(mountinfo: &str, membership: &str) -> CgroupLayout {
    let own: BTreeMap<&str, &str> = membership
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .flat_map(|(names, path)| names.split(',').map(move |name| (name, path)))
        .collect();
    let mut layout = CgroupLayout::default();
    for line in mountinfo.lines() {
        let Some(mount) = Mount::parse(line) else { continue };
        if mount.fs_type == "cgroup2" {
            if let Some(path) = own.get("") {
                // A later mount of the same hierarchy may show less of it; the first is the machine's.
                layout.v2.get_or_insert_with(|| mount.locate(path));
            }
        } else if mount.fs_type == "cgroup" {
            for controller in V1 {
                let mounted_here = mount.options.split(',').any(|option| option == controller.v1_name());
                if let (true, Some(path)) = (mounted_here, own.get(controller.v1_name())) {
                    layout.v1.entry(controller).or_insert_with(|| mount.locate(path));
                }
            }
        }
    }
    layout
}

/// One line of mountinfo (proc_pid_mountinfo(5)).
pub(crate) struct Mount<'a> {
    root: String,
    pub(crate) point: String,
    fs_type: &'a str,
    pub(crate) source: String,
    options: &'a str,
}

impl<'a> Mount<'a> {
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let (front, back) = line.split_once(" - ")?;
        let mut front = front.split(' ').skip(3);
        let (root, point) = (unescape(front.next()?), unescape(front.next()?));
        let mut back = back.split(' ');
        let fs_type = back.next()?;
        let source = unescape(back.next().unwrap_or_default());
        Some(Self { root, point, fs_type, source, options: back.next().unwrap_or_default() })
    }

    /// Where the group `path` of this hierarchy is. A mount may show only the part of the hierarchy below its root (a
    /// container's); a group outside that part, seen as `/..`, stands for the part itself.
    fn locate(&self, path: &str) -> PathBuf {
        let path = Path::new(path);
        let path = if path.file_name().is_some_and(|name| name == LEAF) { path.parent().unwrap_or(path) } else { path };
        let point = PathBuf::from(&self.point);
        match path.strip_prefix(&self.root) {
            Ok(rest) if !rest.components().any(|part| part == Component::ParentDir) => {
                if rest.as_os_str().is_empty() {
                    point
                } else {
                    point.join(rest)
                }
            }
            _ => point,
        }
    }
}

/// Undoes mountinfo's octal escapes (space, tab, newline, backslash).
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        match after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(char::from(byte));
                rest = &after[3..];
            }
            None => {
                plain.push('\\');
                rest = after;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a tree of files that stands for a machine.
    fn machine(mountinfo: &str, membership: &str, groups: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("proc/self")).unwrap();
        std::fs::write(root.path().join("proc/self/mountinfo"), mountinfo).unwrap();
        std::fs::write(root.path().join("proc/self/cgroup"), membership).unwrap();
        for (group, controllers) in groups {
            let dir = root.path().join(group);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join("cgroup.controllers"), controllers).unwrap();
        }
        root
    }

    fn v1(root: &Path, layout: &CgroupLayout) -> Vec<(Controller, PathBuf)> {
        layout.v1.iter().map(|(&c, path)| (c, path.strip_prefix(root).unwrap().to_owned())).collect()
    }

    #[test]
    fn pure_v2_with_delegation_to_a_service() {
        let root = machine(
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
            "0::/system.slice/coditect.service\n",
            &[("sys/fs/cgroup/system.slice/coditect.service", "cpuset cpu io memory hugetlb pids\n")],
        );
        let layout = CgroupLayout::detect_below(root.path()).unwrap();
        assert_eq!(layout.v2, Some(root.path().join("sys/fs/cgroup/system.slice/coditect.service")));
        assert_eq!(
            layout.v2_controllers.iter().copied().collect::<Vec<_>>(),
            [Controller::Cpu, Controller::Memory, Controller::Pids, Controller::Io]
        );
        assert_eq!((layout.kind(), layout.v1.len()), ("v2", 0));
        // After it has moved itself to its leaf, the same group is found.
        std::fs::write(root.path().join("proc/self/cgroup"), format!("0::/system.slice/coditect.service/{LEAF}\n"))
            .unwrap();
        assert_eq!(CgroupLayout::detect_below(root.path()).unwrap(), layout);
    }

    #[test]
    fn systemd_hybrid_has_limits_on_v1_and_the_rest_on_v2() {
        let root = machine(
            "31 23 0:27 / /sys/fs/cgroup/unified rw shared:1 - cgroup2 cgroup2 rw\n\
             32 23 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
             33 23 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:2 - cgroup cgroup rw,cpu,cpuacct\n\
             34 23 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             35 23 0:31 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
             36 23 0:32 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n",
            "5:freezer:/\n4:pids:/user.slice\n3:memory:/user.slice\n2:cpu,cpuacct:/user.slice\n1:name=systemd:/x\n0::/user.slice\n",
            &[
                ("sys/fs/cgroup/unified/user.slice", ""),
                ("sys/fs/cgroup/cpu,cpuacct/user.slice", ""),
                ("sys/fs/cgroup/memory/user.slice", ""),
                ("sys/fs/cgroup/pids/user.slice", ""),
                ("sys/fs/cgroup/freezer", ""),
            ],
        );
        let layout = CgroupLayout::detect_below(root.path()).unwrap();
        assert_eq!(layout.kind(), "hybrid");
        assert_eq!(layout.v2, Some(root.path().join("sys/fs/cgroup/unified/user.slice")));
        assert_eq!(
            v1(root.path(), &layout),
            [
                (Controller::Cpu, PathBuf::from("sys/fs/cgroup/cpu,cpuacct/user.slice")),
                (Controller::Memory, PathBuf::from("sys/fs/cgroup/memory/user.slice")),
                (Controller::Pids, PathBuf::from("sys/fs/cgroup/pids/user.slice")),
            ]
        );
    }

    #[test]
    fn pure_v1_also_counts_and_freezes_on_v1() {
        let mountinfo = "1 0 0:1 / /cg/cpu\\040cpuacct rw - cgroup none rw,cpuacct,cpu\n\
                         2 0 0:2 / /cg/freezer rw - cgroup none rw,freezer\n";
        let root = machine(
            mountinfo,
            "2:freezer:/a\n1:cpu,cpuacct:/a/b\n",
            &[("cg/cpu cpuacct/a/b", ""), ("cg/freezer/a", "")],
        );
        let layout = CgroupLayout::detect_below(root.path()).unwrap();
        assert_eq!((layout.kind(), layout.v2.is_none()), ("v1", true));
        assert_eq!(
            v1(root.path(), &layout),
            [
                (Controller::Cpu, PathBuf::from("cg/cpu cpuacct/a/b")),
                (Controller::Cpuacct, PathBuf::from("cg/cpu cpuacct/a/b")),
                (Controller::Freezer, PathBuf::from("cg/freezer/a")),
            ]
        );
        assert!(!layout.has(Controller::Memory));
    }

    #[test]
    fn in_a_container_the_mount_shows_only_its_part() {
        // Docker without a cgroup namespace binds its part of each hierarchy.
        let root = machine(
            "9 1 0:3 /docker/4f2a /sys/fs/cgroup/memory ro,nosuid master:20 - cgroup cgroup rw,memory\n\
             8 1 0:4 /docker/4f2a /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n",
            "4:memory:/docker/4f2a/inner\n3:pids:/../other\n",
            &[("sys/fs/cgroup/memory/inner", ""), ("sys/fs/cgroup/pids", "")],
        );
        let layout = CgroupLayout::detect_below(root.path()).unwrap();
        assert_eq!(
            v1(root.path(), &layout),
            [
                (Controller::Memory, PathBuf::from("sys/fs/cgroup/memory/inner")),
                (Controller::Pids, PathBuf::from("sys/fs/cgroup/pids")),
            ]
        );
    }

    #[test]
    fn a_machine_without_control_groups_and_damaged_lines_give_nothing() {
        let root = machine("garbage\n1 2 3\n - cgroup2\n", "nonsense\n::\n", &[]);
        let layout = CgroupLayout::detect_below(root.path()).unwrap();
        assert_eq!((layout.kind(), layout), ("none", CgroupLayout::default()));
    }
}
