//! A network namespace that was made before the sandbox: its processes live in it and cannot change it.

use std::os::fd::AsFd as _;

use coditect_sandbox::launcher::LaunchError;
use coditect_sandbox::network::Namespace;
use coditect_sandbox::spec::Network;

use super::harness::{Sandbox, World};

fn identity(fd: impl std::os::fd::AsFd) -> u64 {
    rustix::fs::fstat(fd).unwrap().st_ino
}

#[test]
fn a_given_network_is_lived_in_and_out_of_reach() {
    let world = World::new();
    let namespace = Namespace::create().unwrap();
    let here = identity(Namespace::current().unwrap());
    assert_ne!(identity(&namespace), here, "a new one, and this thread stays where it was");
    let mut spec = world.spec();
    spec.network = Network::Given { address: "192.0.2.7".parse().unwrap(), nameserver: "192.0.2.1".parse().unwrap() };
    assert!(matches!(world.launcher.launch(&spec), Err(LaunchError::Spec(_))), "described, but not handed over");
    let record = world.launcher.launch_in(&spec, namespace.as_fd()).unwrap();
    let sandbox = Sandbox { spec, record };
    assert_eq!(sandbox.record.network, sandbox.spec.network);
    assert_eq!(identity(Namespace::of(&sandbox.record).unwrap().unwrap()), identity(&namespace));
    assert_eq!(sandbox.sh("cat /etc/resolv.conf"), "nameserver 192.0.2.1");
    // Loopback was left down, and nobody inside can raise it.
    assert_eq!(sandbox.sh("cat /sys/class/net/lo/operstate 2>/dev/null || grep -c lo: /proc/net/dev"), "1");
    assert_ne!(sandbox.run(&["ip", "link", "set", "lo", "up"]).0, 0);
    assert_ne!(sandbox.run(&["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]).0, 0);
    // The helper is back where it was: the next sandbox is isolated, in a namespace of its own.
    let next = world.sandbox();
    let of_next = identity(Namespace::of(&next.record).unwrap().unwrap());
    assert!(of_next != identity(&namespace) && of_next != here);
    assert!(next.sh("cat /etc/resolv.conf").starts_with('#'));
}
