//! One machine's workspaces: their volumes, their sandboxes, and the way to their agents.
//!
//! **Invariants**
//! - A sandbox runs only if its record was written first, so a host that starts again finds every one of them.
//! - A command with a generation older than the newest seen for its workspace is refused.
//! - Two running sandboxes never share a range of user ids.
//!
//! **Boundary**: knows nothing of users, tenants or the store; `control` decides, this crate does.
//! **Not here**: kernel objects (crate `sandbox`), what happens inside a sandbox (crate `agent`).

mod agent_client;
mod ambient;
mod bases;
mod file_watch;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod generations;
mod host;
mod id_ranges;
mod network;
mod notices;
mod port_stream;
mod relay;
mod running;
mod usage;
mod volume;

pub use bases::{Base, BaseError, Bases, MACHINE};
pub use host::{Host, HostConfig, OpenError, StartWorkspace, Status, WarmReport};
pub use network::{Allow, Lease, Network, NetworkConfig, NetworkMode, NetworkReport, Subnet};
pub use port_stream::PortStream;
pub use relay::ConnectError;
pub use running::HostError;
pub use volume::{Resized, StorageConfig, StorageKind, StorageReport, make_private_dir};

/// A descriptor that tokio watches for reading.
pub(crate) fn watchable(fd: std::os::fd::OwnedFd) -> std::io::Result<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>> {
    #[expect(deprecated, reason = "an OwnedFd cannot be closed behind its back; the replacement is an unsafe function")]
    tokio::io::unix::AsyncFd::with_interest(fd, tokio::io::Interest::READABLE)
}
