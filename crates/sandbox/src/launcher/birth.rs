//! The child between clone and exec: from a copy of the launcher to pid 1 of a sandbox.
//!
//! **Invariants**: it waits for the launcher's word before it builds anything, and ends if the launcher dies first;
//! what fails is told over the same socket; nothing of the launcher's descriptors or signal choices reaches the agent.

use std::convert::Infallible;
use std::ffi::CString;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::fs::{Mode as FileMode, OFlags};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::helper::{Context, Step};
use super::{LaunchError, confine, mounts};
use crate::fds::recv_fds;
use crate::probe::Mode;
use crate::spec::{AGENT_FD, HOME, IDENTITY_FD, Network, PORTS_FD, SHELL, SandboxSpec, USER_NAME, WORKSPACE};
use crate::sys;

/// Descriptors from here on are closed at exec; those between the agent's own and these before it.
const PARKED_FD: i32 = 100;

/// Name of the machine inside while it is nobody's.
const NOBODYS_HOSTNAME: &str = "workspace";

/// What the child was born with.
pub(super) struct Birth<'a> {
    pub(super) context: &'a Context,
    pub(super) spec: &'a SandboxSpec,
    pub(super) sync: UnixStream,
    pub(super) agent: UnixListener,
    pub(super) ports: UnixListener,
    /// Where the agent of a sandbox without identity waits for one.
    pub(super) identity: Option<UnixStream>,
    pub(super) log: OwnedFd,
    pub(super) trees: Option<mounts::BaseTrees>,
}

/// Never returns: becomes the agent, or tells the launcher why not and ends.
pub(super) fn run(birth: Birth<'_>) -> ! {
    let mut sync = match birth.sync.try_clone() {
        Ok(sync) => sync,
        Err(_) => std::process::exit(2),
    };
    match become_agent(birth) {
        Ok(never) => match never {},
        Err(error) => {
            // If the launcher is gone there is nobody to tell.
            let _ = sync.write_all(&serde_json::to_vec(&error).unwrap_or_default());
            std::process::exit(1)
        }
    }
}

fn become_agent(birth: Birth<'_>) -> Result<Infallible, LaunchError> {
    let Birth { context, spec, sync, agent, ports, identity, log, trees } = birth;
    // Until the word comes: what needs no ids.
    rustix::process::setsid().step(|| "making a session".to_owned())?;
    sys::default_signals().step(|| "resetting signals".to_owned())?;
    if spec.network == Network::Isolated {
        sys::raise_loopback().step(|| "raising the loopback interface".to_owned())?;
    }
    let hostname = spec.identity.as_ref().map_or(NOBODYS_HOSTNAME, |identity| &identity.hostname);
    rustix::system::sethostname(hostname.as_bytes()).step(|| "setting the host name".to_owned())?;

    let mut word = [0];
    let (count, volumes) = recv_fds(&sync, &mut word).step(|| "waiting for the launcher".to_owned())?;
    if count == 0 {
        std::process::exit(0);
    }

    sys::leave_cgroup_namespace().step(|| "making the cgroup namespace".to_owned())?;
    if context.mode == Mode::Privileged {
        become_id(0).step(|| "becoming the sandbox's root".to_owned())?;
    }
    let root = mounts::Root::build(context.mode, spec, trees, volumes)?;
    root.enter()?;
    rustix::process::umask(FileMode::WGRP | FileMode::WOTH);
    confine::limit(spec.identity.as_ref().map(|_| spec.limits.open_files))?;
    // Without an identity there is no volume to make rules for: then the agent does this when it has one.
    let landlock = spec.identity.as_ref().map(|_| confine::Landlock::prepare(Some(&context.program))).transpose()?;
    sys::drop_bounding_set().step(|| "dropping capabilities".to_owned())?;
    if context.mode == Mode::Privileged {
        become_id(crate::spec::USER_ID).step(|| "becoming the sandbox's user".to_owned())?;
    }
    if spec.identity.is_some() {
        rustix::process::chdir(WORKSPACE).step(|| format!("entering {WORKSPACE}"))?;
    }
    let (arguments, environment) = (arguments(spec)?, environment()?);

    let park = |fd: &dyn std::os::fd::AsFd| {
        rustix::io::fcntl_dupfd_cloexec(fd.as_fd(), PARKED_FD).step(|| "arranging descriptors".to_owned())
    };
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, FileMode::empty())
        .step(|| "opening /dev/null in the sandbox".to_owned())?;
    let (null, log, agent, ports) = (park(&null)?, park(&log)?, park(&agent)?, park(&ports)?);
    let identity = identity.as_ref().map(|socket| park(socket)).transpose()?;
    let program = park(&context.program)?;
    let mut sync = UnixStream::from(park(&sync)?);

    confine::shed_capabilities()?;
    if let Some(landlock) = landlock {
        landlock.enforce()?;
    }
    let given = [(&null, 0), (&null, 1), (&log, 2), (&agent, AGENT_FD), (&ports, PORTS_FD)];
    let given = given.into_iter().chain(identity.as_ref().map(|socket| (socket, IDENTITY_FD)));
    let first = given.clone().count();
    for (fd, target) in given {
        sys::place_descriptor(fd.as_fd(), target).step(|| "arranging descriptors".to_owned())?;
    }
    let parked = PARKED_FD.unsigned_abs();
    let first = u32::try_from(first).expect("a handful of descriptors");
    // From here on only what is parked may be used; the sender of `run` is closed, and this one takes its place.
    sys::close_all_from(first, parked).step(|| "closing descriptors".to_owned())?;
    let failed = seccompiler::apply_filter(&context.filter).map_err(|error| LaunchError::Step {
        step: "installing the system-call filter".to_owned(),
        reason: error.to_string(),
        errno: None,
    });
    let failed: Result<Infallible, LaunchError> = failed.and_then(|()| {
        sync.write_all(b"r").step(|| "reporting to the launcher".to_owned())?;
        let error = sys::execute(program.as_fd(), &arguments, &environment);
        Err(error).step(|| "starting the agent".to_owned())
    });
    if let Err(error) = &failed {
        // If the launcher is gone there is nobody to tell.
        let _ = sync.write_all(&serde_json::to_vec(error).unwrap_or_default());
    }
    std::process::exit(1)
}

fn become_id(id: u32) -> rustix::io::Result<()> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(id), rustix::fs::Gid::from_raw(id));
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

fn arguments(spec: &SandboxSpec) -> Result<Vec<CString>, LaunchError> {
    let config = spec.identity.as_ref().map(|identity| serde_json::to_string(&identity.agent)).transpose();
    let config = config.map_err(std::io::Error::from).step(|| "writing the agent's configuration".to_owned())?;
    ["coditect-agent", "agent"].into_iter().chain(config.as_deref()).map(c_string).collect()
}

fn environment() -> Result<Vec<CString>, LaunchError> {
    [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        "LANG=C.UTF-8".to_owned(),
        format!("HOME={HOME}"),
        format!("USER={USER_NAME}"),
        format!("LOGNAME={USER_NAME}"),
        format!("SHELL={SHELL}"),
        format!("XDG_RUNTIME_DIR=/run/user/{}", crate::spec::USER_ID),
    ]
    .iter()
    .map(|text| c_string(text))
    .collect()
}

fn c_string(text: &str) -> Result<CString, LaunchError> {
    CString::new(text).map_err(std::io::Error::from).step(|| "writing the agent's arguments".to_owned())
}
