//! The first moments of an agent whose sandbox was made before anybody needed it: it waits to be told whose it is.
//!
//! It waits on the inherited socket [`IDENTITY_FD`], whose only other end the launcher's helper has. One message comes on
//! it, or its end: then nobody will ever need this sandbox, and the agent ends.
//!
//! **Invariants**: one identity, once: the socket is closed before anything is served. Nothing of a tenant runs before the
//! process is restricted by Landlock as the agent of a sandbox made in one go is.
//!
//! Landlock is entered here and not at birth because its rules name directories by inode, and a rule on a mount point does
//! not hold for what is mounted on it later (security/landlock/fs.c, `is_access_to_paths_allowed`: "Ignores hidden mount
//! points").

use std::io;
use std::os::unix::net::UnixStream;

use crate::agent_config::AgentConfig;
use crate::launcher::{confine, receive};
use crate::spec::IDENTITY_FD;
use crate::sys;

/// Waits for the identity, takes it on, and answers the agent's configuration; `None`: there will be none. To be called
/// before any thread is started.
///
/// # Errors
/// The socket was not inherited or said something else, or the process cannot be restricted. Then it must end.
pub fn wait() -> io::Result<Option<AgentConfig>> {
    let mut socket = UnixStream::from(sys::take_inherited(IDENTITY_FD)?);
    let Some(config) = receive::<AgentConfig>(&mut socket)? else { return Ok(None) };
    drop(socket);
    rustix::process::chdir(config.workspace.as_str())?;
    confine::Landlock::prepare(None).and_then(confine::Landlock::enforce).map_err(io::Error::other)?;
    Ok(Some(config))
}
