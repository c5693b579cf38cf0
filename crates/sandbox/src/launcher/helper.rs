//! The helper process: takes requests from its socket, makes sandboxes, reaps those that end.
//!
//! **Invariants**: one thread, small memory; it ends when its socket does, and its sandboxes do not, but for those that
//! wait for an identity: nobody else could give them one.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode as FileMode, OFlags};
use rustix::process::Signal;
use rustix::thread::LinkNameSpaceType;

use super::bind::Home;
use super::birth::{self, Birth};
use super::{LaunchError, NO_NAMESPACE, Reply, Request, mounts, seccomp};
use crate::cgroup::{CgroupLayout, Cgroups};
use crate::fds::{bind_unix, recv_fd, send_fds};
use crate::probe::Mode;
use crate::record::{SandboxRecord, boot_id, start_time_ticks};
use crate::spec::{AGENT_LOG, AGENT_SOCKET, IdRange, Network, PORTS_SOCKET, SandboxSpec, SpecError, USER_ID};
use crate::sys::{self, Cloned, Net, SingleThreaded};
use crate::volume::{HOME_DIR, WORKSPACE_DIR, hand_over};

/// Longest report of a failing child that is read, in bytes.
const REPORT_MAX_BYTES: usize = 8 * 1024;

/// Sandboxes that may wait for an identity at once; each holds two descriptors.
const WAITING_MAX: usize = 256;

/// Names the step that failed.
pub(super) trait Step<T> {
    fn step(self, what: impl FnOnce() -> String) -> Result<T, LaunchError>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, what: impl FnOnce() -> String) -> Result<T, LaunchError> {
        self.map_err(|error| {
            let error: io::Error = error.into();
            LaunchError::Step { step: what(), errno: error.raw_os_error(), reason: error.to_string() }
        })
    }
}

/// What stays the same from launch to launch.
pub(super) struct Context {
    single_threaded: SingleThreaded,
    pub(super) mode: Mode,
    pub(super) program: OwnedFd,
    pub(super) filter: seccompiler::BpfProgram,
    layout: CgroupLayout,
    boot_id: String,
    /// The helper's own network namespace, into which it returns from those it launches in.
    home_network: OwnedFd,
    pub(super) home: Home,
}

/// A sandbox that waits for an identity.
pub(super) struct Waiting {
    pub(super) record: SandboxRecord,
    pub(super) pidfd: OwnedFd,
    /// Its agent ends when this is closed before an identity came.
    pub(super) agent: UnixStream,
}

/// The `launcher` subcommand of the agent's binary: serves launch requests on the inherited socket `fd`
/// ([`super::HELPER_FD`]) until the other side closes it, then ends the process. Must be called before any thread is
/// started.
pub fn main(fd: RawFd) -> ! {
    let code = match serve(fd) {
        Ok(()) => 0,
        Err(error) => {
            report(&error);
            1
        }
    };
    std::process::exit(code)
}

#[expect(clippy::print_stderr, reason = "the helper has no log but the daemon's standard error")]
pub(super) fn report(error: &io::Error) {
    eprintln!("coditect launcher: {error}");
}

fn serve(fd: RawFd) -> io::Result<()> {
    let single_threaded = SingleThreaded::check()?;
    let mut socket = UnixStream::from(sys::take_inherited(fd)?);
    // Signals typed at the daemon's terminal are not for sandboxes or their maker. A process group leader cannot make
    // a session; then it has its own group already.
    let _ = rustix::process::setsid();
    let ended = sys::signal_descriptor()?;
    let context = Context {
        single_threaded,
        mode: Mode::of_this_process(),
        program: rustix::fs::open("/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, FileMode::empty())?,
        filter: seccomp::program(),
        layout: CgroupLayout::detect()?.writable(),
        boot_id: boot_id()?,
        home_network: rustix::fs::open("/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, FileMode::empty())?,
        home: Home::here()?,
    };
    let mut waiting: BTreeMap<String, Waiting> = BTreeMap::new();
    loop {
        let mut fds = [PollFd::new(&socket, PollFlags::IN), PollFd::new(&ended, PollFlags::IN)];
        match rustix::event::poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let (asked, child_ended) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
        if child_ended {
            let mut news = [0; 512];
            // Only empties the descriptor: what ended is asked below.
            let _ = rustix::io::read(&ended, &mut news);
            while let Some(exit) = crate::children::reap()? {
                waiting.retain(|_, sandbox| sandbox.record.pid != exit.pid);
            }
        }
        if asked {
            let (request, network) = super::receive_with_fd(&mut socket)?;
            let was_given = network.is_some();
            let made = match request {
                Some(Request::Launch(spec)) if spec.identity.is_none() && waiting.len() >= WAITING_MAX => {
                    let text = format!("{WAITING_MAX} prepared sandboxes wait already");
                    Err(LaunchError::Helper(text))
                }
                Some(Request::Launch(spec)) => context.launch(&spec, network).map(|(record, agent)| {
                    if let Some((pidfd, agent)) = agent {
                        let sandbox = Waiting { record: record.clone(), pidfd, agent };
                        waiting.insert(record.name.clone(), sandbox);
                    }
                    record
                }),
                Some(Request::Bind(bind)) => match waiting.remove(&bind.name) {
                    Some(sandbox) => super::bind::bind(&context, sandbox, *bind),
                    None => Err(LaunchError::NotWaiting(bind.name)),
                },
                None => return Ok(()),
            };
            if was_given {
                // The next sandbox must not be born into a namespace that was handed over for this one: where there is
                // no way back, this process ends.
                let home = context.home_network.as_fd();
                rustix::thread::move_into_link_name_space(home, Some(LinkNameSpaceType::Network))?;
            }
            super::send(&mut socket, &Reply::Launched(made))?;
        }
    }
}

/// A sandbox, and how to reach its agent if that waits for an identity.
type Launched = (SandboxRecord, Option<(OwnedFd, UnixStream)>);

impl Context {
    fn launch(&self, spec: &SandboxSpec, network: Option<OwnedFd>) -> Result<Launched, LaunchError> {
        spec.validate()?;
        if spec.identity.is_none() && self.mode == Mode::Unprivileged {
            return Err(SpecError("sandboxes cannot be prepared ahead by an ordinary user".to_owned()).into());
        }
        let net = match (spec.network, network) {
            (Network::Isolated, _) => Net::New,
            (Network::Given { .. }, Some(namespace)) => {
                rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .step(|| "entering the prepared network namespace".to_owned())?;
                Net::Parents
            }
            (Network::Given { .. }, None) => return Err(SpecError(NO_NAMESPACE.to_owned()).into()),
        };
        if let Some(dead) = refuse_if_running(spec)? {
            crate::control::stop(&dead, Duration::ZERO).step(|| "removing what an earlier sandbox left".to_owned())?;
        }
        let groups = Cgroups::create(&self.layout, &spec.instance, &spec.name, &spec.limits)
            .step(|| "making the control groups".to_owned())?;
        self.launch_into(spec, net, &groups).inspect_err(|_| {
            // The failure is what matters; what cannot be removed now is swept at the next start.
            let _ = groups.remove();
            for name in [AGENT_SOCKET, PORTS_SOCKET, crate::spec::RECORD_FILE] {
                let _ = std::fs::remove_file(spec.run_dir.join(name));
            }
        })
    }

    fn launch_into(&self, spec: &SandboxSpec, net: Net, groups: &Cgroups) -> Result<Launched, LaunchError> {
        let run_dir = || spec.run_dir.display();
        let agent = bind_unix(&spec.run_dir, AGENT_SOCKET).step(|| format!("making a socket in {}", run_dir()))?;
        let ports = bind_unix(&spec.run_dir, PORTS_SOCKET).step(|| format!("making a socket in {}", run_dir()))?;
        let log = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let log = rustix::fs::open(spec.run_dir.join(AGENT_LOG), log, FileMode::RUSR | FileMode::WUSR)
            .step(|| format!("making the log in {}", run_dir()))?;
        let trees = match self.mode {
            Mode::Privileged => Some(mounts::BaseTrees::open(&spec.base)?),
            Mode::Unprivileged => None,
        };
        let group = groups.v2.as_ref().map(|path| open_path(path)).transpose();
        let group = group.step(|| "opening the control group".to_owned())?;
        let (ours, theirs) = UnixStream::pair().step(|| "making a socket pair".to_owned())?;
        let (tell, told) = match &spec.identity {
            Some(_) => (None, None),
            None => {
                let (tell, told) = UnixStream::pair().step(|| "making a socket pair".to_owned())?;
                (Some(tell), Some(told))
            }
        };
        let cloned = sys::clone_into_namespaces(&self.single_threaded, net, group.as_ref().map(|fd| fd.as_fd()))
            .step(|| "making the namespaces".to_owned())?;
        match cloned {
            Cloned::Child => {
                // The child must not keep the launcher's ends, or it would not see the launcher die.
                drop((ours, tell));
                let birth = Birth { context: self, spec, sync: theirs, agent, ports, identity: told, log, trees };
                birth::run(birth)
            }
            Cloned::Parent(pid, pidfd) => {
                drop((theirs, told));
                let record = self.let_go(spec, groups, pid, &ours).inspect_err(|_| {
                    // A child that waits for its word ends by itself once `ours` is closed; this is for all others.
                    let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
                    let _ = crate::control::wait_for_end(&pidfd, Duration::from_secs(5));
                })?;
                Ok((record, tell.map(|tell| (pidfd, tell))))
            }
        }
    }

    /// Everything the child cannot do for itself; then its record; then the word that it may go on.
    fn let_go(
        &self,
        spec: &SandboxSpec,
        groups: &Cgroups,
        pid: u32,
        sync: &UnixStream,
    ) -> Result<SandboxRecord, LaunchError> {
        self.map_ids(spec, pid).step(|| "mapping the user ids of the user namespace".to_owned())?;
        groups.attach(pid, groups.v2.is_some()).step(|| "joining the control groups".to_owned())?;
        let volumes = match (&spec.identity, self.mode) {
            (Some(identity), Mode::Privileged) => mapped_volumes(&identity.volume, spec.ids, pid)?,
            (None, _) | (_, Mode::Unprivileged) => Vec::new(),
        };
        let record = SandboxRecord {
            name: spec.name.clone(),
            workspace_id: spec.identity.as_ref().map(|identity| identity.workspace_id),
            generation: spec.identity.as_ref().map_or(0, |identity| identity.generation),
            pid,
            start_time_ticks: start_time_ticks(pid).step(|| "reading the child's start time".to_owned())?,
            boot_id: self.boot_id.clone(),
            mode: self.mode,
            ids: spec.ids,
            base: spec.base.clone(),
            network: spec.network,
            limits: spec.limits.clone(),
            run_dir: spec.run_dir.clone(),
            cgroups: groups.clone(),
        };
        record.store().step(|| format!("recording the sandbox in {}", spec.run_dir.display()))?;
        let fds: Vec<BorrowedFd<'_>> = volumes.iter().map(|fd| fd.as_fd()).collect();
        send_fds(sync, b"g", &fds).step(|| "letting the sandbox go".to_owned())?;
        await_exec(sync)?;
        Ok(record)
    }

    fn map_ids(&self, spec: &SandboxSpec, pid: u32) -> io::Result<()> {
        let write =
            |file: &str, text: &str| crate::cgroup::write_control(Path::new(&format!("/proc/{pid}/{file}")), text);
        match self.mode {
            Mode::Privileged => {
                let map = format!("0 {} {}\n", spec.ids.first_host_id, spec.ids.count);
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
}

/// Refuses if the run directory's sandbox lives; answers the record of a dead one.
pub(super) fn refuse_if_running(spec: &SandboxSpec) -> Result<Option<SandboxRecord>, LaunchError> {
    let what = || format!("looking for an earlier sandbox in {}", spec.run_dir.display());
    let Some(record) = SandboxRecord::load(&spec.run_dir).step(what)? else { return Ok(None) };
    if record.is_alive().step(what)?.is_some() {
        return Err(LaunchError::AlreadyRunning {
            workspace_id: record.workspace_id.map_or(record.name, |id| format!("workspace {id}")),
            pid: record.pid,
        });
    }
    Ok(Some(record))
}

/// The volume's two directories as mounts in which 1000 on disk is the user of this sandbox.
pub(super) fn mapped_volumes(volume: &Path, ids: IdRange, pid: u32) -> Result<Vec<OwnedFd>, LaunchError> {
    let namespace = format!("/proc/{pid}/ns/user");
    let namespace = rustix::fs::open(namespace, OFlags::RDONLY | OFlags::CLOEXEC, FileMode::empty())
        .step(|| "opening the user namespace".to_owned())?;
    let mut volumes = Vec::with_capacity(2);
    for name in [WORKSPACE_DIR, HOME_DIR] {
        let path = volume.join(name);
        let mut tree = mounts::clone_tree(rustix::fs::CWD, &path, false)?;
        let change = sys::MountAttributes {
            no_suid_no_dev: true,
            private: true,
            user_namespace: Some(namespace.as_fd()),
            ..sys::MountAttributes::default()
        };
        match sys::change_mount(tree.as_fd(), c"", &change) {
            Ok(()) => {}
            // This file system cannot be mapped: the files themselves change hands.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                hand_over(&path, ids.first_host_id + USER_ID)
                    .step(|| format!("giving {} to the sandbox's user", path.display()))?;
                tree = mounts::clone_tree(rustix::fs::CWD, &path, false)?;
                let change = sys::MountAttributes { user_namespace: None, ..change };
                sys::change_mount(tree.as_fd(), c"", &change).step(|| format!("mounting {}", path.display()))?;
            }
            Err(error) => return Err(error).step(|| format!("mapping the owners in {}", path.display())),
        }
        volumes.push(tree);
    }
    Ok(volumes)
}

/// Waits for the child's exec, which closes its end: before that it says `r` (ready), or what failed.
fn await_exec(sync: &UnixStream) -> Result<(), LaunchError> {
    let mut report = Vec::new();
    let mut buffer = [0; 1024];
    while report.len() < REPORT_MAX_BYTES {
        let (count, _) = recv_fd(sync, &mut buffer).step(|| "waiting for the sandbox".to_owned())?;
        if count == 0 {
            break;
        }
        report.extend_from_slice(&buffer[..count]);
    }
    match report.split_first() {
        Some((b'r', [])) => Ok(()),
        Some((b'r', rest)) => Err(read_report(rest)),
        Some(_) => Err(read_report(&report)),
        None => Err(read_report(b"")),
    }
}

fn read_report(text: &[u8]) -> LaunchError {
    serde_json::from_slice(text).unwrap_or_else(|_| LaunchError::Step {
        step: "setting the sandbox up".to_owned(),
        reason: "its process ended without a word (out of memory?)".to_owned(),
        errno: None,
    })
}

fn open_path(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, FileMode::empty())?)
}
