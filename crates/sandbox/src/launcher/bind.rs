//! Giving a sandbox that waits an identity: its limits, its volume, its names, its run directory, and the word to its agent.
//!
//! **Invariants**: the sandbox's record names the workspace before the run directory does, and the run directory before the
//! agent is told; whatever fails ends the sandbox; the helper is back in its own namespaces before it does anything else.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, Mode as FileMode, OFlags, RenameFlags};
use rustix::mount::{FsPickFlags, MoveMountFlags, fsconfig_reconfigure, fsconfig_set_string, fspick, move_mount};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType, move_into_link_name_space, move_into_thread_name_spaces};

use super::helper::{Context, Step as _, Waiting, mapped_volumes};
use super::{Bind, LaunchError, etc, mounts};
use crate::record::SandboxRecord;
use crate::spec::{HOME, IdRange, Identity, Limits, WORKSPACE};

/// How long the kernel may take to end a sandbox that could not be given an identity.
const KILL_DEADLINE: Duration = Duration::from_secs(5);

/// The helper's own namespaces and root, to come back to.
pub(super) struct Home {
    mounts: OwnedFd,
    names: OwnedFd,
    root: OwnedFd,
}

impl Home {
    /// Where this process is now.
    pub(super) fn here() -> io::Result<Self> {
        let open = |path: &str, flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, FileMode::empty());
        Ok(Self {
            mounts: open("/proc/self/ns/mnt", OFlags::RDONLY)?,
            names: open("/proc/self/ns/uts", OFlags::RDONLY)?,
            root: open("/", OFlags::PATH | OFlags::DIRECTORY)?,
        })
    }

    /// Does `work` in the mount and host-name namespaces of another process, with its root directory as root.
    fn visit<T>(&self, other: BorrowedFd<'_>, work: impl FnOnce() -> Result<T, LaunchError>) -> Result<T, LaunchError> {
        let both = ThreadNameSpaceType::MOUNT | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME;
        move_into_thread_name_spaces(other, both).step(|| "entering the sandbox".to_owned())?;
        let outcome = work();
        if let Err(error) = self.come_back() {
            // In a tenant's namespaces nothing must be made for another: the daemon starts a new helper.
            super::helper::report(&io::Error::other(format!("cannot leave a sandbox: {error}")));
            std::process::exit(1);
        }
        outcome
    }

    fn come_back(&self) -> rustix::io::Result<()> {
        move_into_link_name_space(self.mounts.as_fd(), Some(LinkNameSpaceType::Mount))?;
        move_into_link_name_space(self.names.as_fd(), Some(LinkNameSpaceType::HostNameAndNISDomainName))?;
        // The root of the namespace is not this process's where it was started in a changed root.
        rustix::process::fchdir(&self.root)?;
        rustix::process::chroot(c".")
    }
}

pub(super) fn bind(context: &Context, waiting: Waiting, bind: Bind) -> Result<SandboxRecord, LaunchError> {
    let pidfd = rustix::io::dup(&waiting.pidfd).step(|| "keeping hold of the sandbox".to_owned())?;
    become_of(context, waiting, bind).inspect_err(|_| {
        // It may hold a tenant's volume by now; its agent, whose socket was closed, may not have seen that yet.
        let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
        let _ = crate::control::wait_for_end(&pidfd, KILL_DEADLINE);
    })
}

fn become_of(context: &Context, waiting: Waiting, bind: Bind) -> Result<SandboxRecord, LaunchError> {
    let Waiting { record: before, pidfd, mut agent } = waiting;
    let Bind { identity, limits, run_dir, .. } = bind;
    identity.validate()?;
    limits.validate()?;
    let other_limits = limits != before.limits;
    if other_limits {
        before.cgroups.set_limits(&limits).step(|| "setting the limits".to_owned())?;
    }
    limit_files(before.pid, limits.open_files).step(|| "limiting open files".to_owned())?;
    let volumes = mapped_volumes(&identity.volume, before.ids, before.pid)?;
    context.home.visit(pidfd.as_fd(), || {
        if other_limits {
            resize(&limits, before.ids)?;
        }
        furnish(&identity, &volumes)
    })?;
    let record = SandboxRecord {
        workspace_id: Some(identity.workspace_id),
        generation: identity.generation,
        limits,
        run_dir,
        ..before.clone()
    };
    record.store_in(&before.run_dir).step(|| format!("recording the sandbox in {}", before.run_dir.display()))?;
    // The moment it becomes the workspace's.
    rustix::fs::renameat_with(CWD, &before.run_dir, CWD, &record.run_dir, RenameFlags::NOREPLACE)
        .step(|| format!("making {} the sandbox's run directory", record.run_dir.display()))?;
    super::send(&mut agent, &identity.agent).step(|| "telling the agent whose it is".to_owned())?;
    Ok(record)
}

/// Until now the agent had the launcher's own limit, which can be lowered and not raised.
fn limit_files(pid: u32, most: u64) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let value = Some(getrlimit(Resource::Nofile).maximum.map_or(most, |own| own.min(most)));
    prlimit(Some(pid), Resource::Nofile, Rlimit { current: value, maximum: value })?;
    Ok(())
}

/// Inside: the file systems whose sizes follow from limits that are not those it was made with.
fn resize(limits: &Limits, ids: IdRange) -> Result<(), LaunchError> {
    let size = mounts::private_bytes(limits);
    reconfigure("/", &[("size", &size)])?;
    // Terminals forget every option that is not named again, and the group is read as the helper counts.
    let (max, group) = (mounts::terminals_max(limits), ids.first_host_id + mounts::TERMINALS_GROUP);
    let mut options = mounts::terminal_options(&max);
    let group = group.to_string();
    options.push(("gid", &group));
    reconfigure("/dev/pts", &options)
}

fn reconfigure(point: &str, options: &[(&str, &str)]) -> Result<(), LaunchError> {
    let change = || {
        let context = fspick(CWD, point, FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_NO_AUTOMOUNT)?;
        for (key, value) in options {
            fsconfig_set_string(&context, *key, *value)?;
        }
        fsconfig_reconfigure(&context)
    };
    change().step(|| format!("setting the size of {point} in the sandbox"))
}

/// Inside: the volume, the files of `/etc` that name the workspace, and the host name.
fn furnish(identity: &Identity, volumes: &[OwnedFd]) -> Result<(), LaunchError> {
    for (volume, point) in volumes.iter().zip([WORKSPACE, HOME]) {
        move_mount(volume, c"", CWD, point, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .step(|| format!("mounting {point} in the sandbox"))?;
    }
    for (name, text) in etc::own_files(identity) {
        let path = Path::new(etc::OWN_DIR).join(name);
        let write = || -> io::Result<()> {
            use std::io::Write as _;
            let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::open(&path, flags, FileMode::empty())?;
            std::fs::File::from(file).write_all(text.as_bytes())
        };
        write().step(|| format!("writing {} in the sandbox", path.display()))?;
    }
    rustix::system::sethostname(identity.hostname.as_bytes()).step(|| "setting the host name".to_owned())
}
