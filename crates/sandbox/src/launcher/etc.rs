//! The files of `/etc` that are a sandbox's own, and the names of the machine's that it does not see.

use crate::spec::{HOME, Identity, Network, SHELL, USER_ID, USER_NAME};

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

/// Where the files that name the workspace are: its user's own, and written when it is known whose the sandbox is.
pub(super) const OWN_DIR: &str = "/run/coditect";
/// Their names, there and in `/etc`.
pub(super) const OWN: [&str; 3] = ["hostname", "hosts", "machine-id"];

/// Name and content of the files that name the workspace.
pub(super) fn own_files(identity: &Identity) -> [(&'static str, String); 3] {
    let host = &identity.hostname;
    let id = u128::from_be_bytes(identity.workspace_id.to_bytes());
    let [hostname, hosts, machine_id] = OWN;
    [
        (hostname, format!("{host}\n")),
        (hosts, format!("127.0.0.1\tlocalhost\n127.0.1.1\t{host}\n::1\tlocalhost ip6-localhost ip6-loopback\n")),
        // Stable for the workspace, unlike the machine's, which it must not know.
        (machine_id, format!("{id:032x}\n")),
    ]
}

/// Name and content of the synthetic files that do not name the workspace.
pub(super) fn files(network: Network) -> [(&'static str, String); 5] {
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
        ("resolv.conf", resolv_conf(network)),
        ("fstab", String::new()),
    ]
}

fn resolv_conf(network: Network) -> String {
    match network {
        Network::Isolated => "# This workspace has no network beyond itself.\n".to_owned(),
        Network::Given { nameserver, .. } => format!("nameserver {nameserver}\n"),
    }
}
