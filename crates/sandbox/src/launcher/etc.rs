//! The files of `/etc` that are a sandbox's own, and the names of the machine's that it does not see.

use crate::spec::{HOME, Network, SHELL, SandboxSpec, USER_ID, USER_NAME};

/// Names in the base's `/etc` that say something about the machine, its users or the platform. Most cannot be read by
/// a sandbox's user anyway; not seeing them is simpler to be sure of.
pub(super) const HIDDEN: [&str; 21] = [
    "coditect",
    "crypttab",
    "exports",
    "group-",
    "gshadow",
    "gshadow-",
    "iscsi",
    "NetworkManager",
    "netplan",
    "passwd-",
    "shadow-",
    "ssh",
    "ssl/private",
    "subgid",
    "subgid-",
    "subuid",
    "subuid-",
    "sudoers",
    "sudoers.d",
    "systemd/network",
    "wireguard",
];

/// Directories of [`HIDDEN`] names that are deeper than one level.
pub(super) const HIDDEN_PARENTS: [&str; 2] = ["ssl", "systemd"];

/// Name and content of the synthetic files.
pub(super) fn files(spec: &SandboxSpec) -> [(&'static str, String); 8] {
    let host = &spec.hostname;
    let id = u128::from_be_bytes(spec.workspace_id.to_bytes());
    [
        (
            "passwd",
            format!(
                "root:x:0:0:root:/root:/usr/sbin/nologin\n\
                 {USER_NAME}:x:{USER_ID}:{USER_ID}:Developer:{HOME}:{SHELL}\n\
                 nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
            ),
        ),
        ("group", format!("root:x:0:\ntty:x:5:\n{USER_NAME}:x:{USER_ID}:\nnogroup:x:65534:\n")),
        ("shadow", String::new()),
        ("hostname", format!("{host}\n")),
        ("hosts", format!("127.0.0.1\tlocalhost\n127.0.1.1\t{host}\n::1\tlocalhost ip6-localhost ip6-loopback\n")),
        ("resolv.conf", resolv_conf(spec.network)),
        // Stable for the workspace, unlike the machine's, which it must not know.
        ("machine-id", format!("{id:032x}\n")),
        ("fstab", String::new()),
    ]
}

fn resolv_conf(network: Network) -> String {
    match network {
        Network::Isolated => "# This workspace has no network beyond itself.\n".to_owned(),
        Network::Given { nameserver, .. } => format!("nameserver {nameserver}\n"),
    }
}
