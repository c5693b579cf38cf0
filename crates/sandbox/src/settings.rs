//! Settings of the machine that all workspaces share: what they must be at least, why, and raising them.
//!
//! **Not here**: what a kernel can do at all ([`crate::probe`]).

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use crate::cgroup::{read_number, write_control};

/// inotify instances that all workspaces of a machine share.
const INOTIFY_INSTANCES_MIN: u64 = 65_536;
/// inotify watches that all workspaces of a machine share.
const INOTIFY_WATCHES_MIN: u64 = 4 << 20;

/// One setting below `/proc/sys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As sysctl(8) names it.
    pub name: &'static str,
    /// What it should be at least.
    pub least: u64,
    /// What is short when it is less.
    pub why: &'static str,
    /// Whether `serve` raises it by itself: what only bounds numbers. The others bound memory, or an administrator may
    /// have meant them.
    pub at_start: bool,
}

/// All of them. What a few hundred busy workspaces would use up: each has 128 spare terminals, and each open file costs
/// its own sandbox memory anyway.
pub const SETTINGS: [Setting; 16] = [
    Setting {
        name: "fs.inotify.max_user_instances",
        least: INOTIFY_INSTANCES_MIN,
        why: "the kernel counts the inotify instances of every user namespace that root made together; its own 128 are \
              used up by a hundred workspaces, and then no editor and no build sees files change",
        at_start: true,
    },
    Setting {
        name: "fs.inotify.max_user_watches",
        least: INOTIFY_WATCHES_MIN,
        why: "all workspaces share the directories that may be watched",
        at_start: true,
    },
    Setting {
        name: "fs.fanotify.max_user_groups",
        least: 16_384,
        why: "the server watches each running workspace's files with one; the kernel's own 128 are used up by as many",
        at_start: true,
    },
    Setting { name: "kernel.pty.max", least: 1 << 20, why: "all workspaces share the terminals", at_start: true },
    Setting { name: "kernel.pid_max", least: 4 << 20, why: "all workspaces share the process numbers", at_start: true },
    Setting { name: "fs.file-max", least: 1 << 32, why: "all workspaces share the open files", at_start: true },
    Setting {
        name: "net.ipv4.neigh.default.gc_thresh3",
        least: 16_384,
        why: "the neighbour table is one for all network namespaces; with hundreds of them packets are dropped",
        at_start: true,
    },
    Setting {
        name: "net.netfilter.nf_conntrack_max",
        least: 262_144,
        why: "all workspaces share the table of connections; when it is full, new ones fail for everybody",
        at_start: true,
    },
    Setting {
        name: "kernel.threads-max",
        least: 32_768,
        why: "all workspaces share the threads the machine can have",
        at_start: false,
    },
    namespaces("user.max_user_namespaces"),
    namespaces("user.max_mnt_namespaces"),
    namespaces("user.max_pid_namespaces"),
    namespaces("user.max_ipc_namespaces"),
    namespaces("user.max_uts_namespaces"),
    namespaces("user.max_net_namespaces"),
    namespaces("user.max_cgroup_namespaces"),
];

const fn namespaces(name: &'static str) -> Setting {
    Setting { name, least: 8_192, why: "every workspace has a namespace of each kind", at_start: false }
}

impl Setting {
    /// Where it is read and written.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/proc/sys").join(self.name.replace('.', "/"))
    }

    /// What it is; `None` on a kernel that has no such setting (yet: some come with a module).
    ///
    /// # Errors
    /// It cannot be read.
    pub fn now(&self) -> io::Result<Option<u64>> {
        match read_number(&self.path()) {
            Ok(number) => Ok(Some(number)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Raises it where it is less; whether that was needed.
    ///
    /// # Errors
    /// It cannot be read, or this process may not write it.
    pub fn raise(&self) -> io::Result<bool> {
        match self.now()? {
            Some(now) if now < self.least => write_control(&self.path(), &self.least.to_string()).map(|()| true),
            Some(_) | None => Ok(false),
        }
    }
}

/// The text of a file for `/etc/sysctl.d` that keeps these over a restart of the machine.
#[must_use]
pub fn drop_in(settings: &[Setting]) -> String {
    let mut text = "# Raised for Coditect: all workspaces of this machine share these.\n".to_owned();
    for setting in settings {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{} = {}", setting.name, setting.least);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_where_its_name_says() {
        for setting in SETTINGS {
            let known = setting.now().unwrap_or_else(|error| panic!("{}: {error}", setting.name));
            assert!(known.is_some() || setting.name.contains("nf_conntrack"), "{} is not there", setting.name);
        }
        let text = drop_in(&SETTINGS[..1]);
        assert!(text.ends_with("fs.inotify.max_user_instances = 65536\n"), "{text}");
    }
}
