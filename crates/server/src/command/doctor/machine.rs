//! Kernel, isolation, limits of processes, memory, clock: what the machine is, whatever is configured.

use std::path::Path;

use coditect_sandbox::cgroup::CgroupLayout;
use coditect_sandbox::probe::{self, Feature, Mode};

use super::Check;
use crate::config::Config;

/// Oldest kernel that has every system call the launcher makes (`mount_setattr`).
const KERNEL_MIN: (u32, u32) = (5, 12);
/// Oldest kernel on which everything holds (user namespaces' inotify counts, Landlock 3, tmpfs id mappings).
const KERNEL_GOOD: (u32, u32) = (6, 3);
/// Landlock's interface from which on it scopes signals and abstract sockets too.
const LANDLOCK_GOOD: u32 = 6;
/// Open files that the server may need: two for each connection, one for each sandbox and its parts.
const OPEN_FILES_MIN: u64 = 65_536;
/// The clock cannot be right before this: 1 January 2026, in milliseconds.
const CLOCK_MIN_MS: i64 = 1_767_225_600_000;

pub(super) fn checks(config: &Config) -> Vec<Check> {
    let mut checks = kernel();
    checks.extend(isolation(config));
    checks.extend(checks_beside_the_probe());
    checks
}

/// What the probe of the sandboxes, which `serve` tells of by itself, does not say.
pub(super) fn checks_beside_the_probe() -> Vec<Check> {
    let mut checks = vec![vulnerabilities(), landlock()];
    checks.extend(rights());
    checks.extend(groups());
    checks.push(open_files());
    checks.push(swap());
    checks.extend(clock());
    checks.extend(network_tools());
    checks
}

fn kernel() -> Vec<Check> {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    let machine = uname.machine().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let found = format!("Linux {release}, {machine}");
    let version = if version < KERNEL_MIN {
        Check::failed("kernel", "version", found)
            .means("sandboxes need system calls this kernel does not have")
            .mend("install Linux 5.12 or newer")
    } else if version < KERNEL_GOOD {
        Check::warning("kernel", "version", found)
            .means("it works, but newer kernels isolate better and are mended longer")
            .mend("install Linux 6.3 or newer")
    } else {
        Check::ok("kernel", "version", found)
    };
    let known = matches!(machine.as_str(), "x86_64" | "aarch64");
    let architecture = if known {
        Check::ok("kernel", "architecture", machine)
    } else {
        Check::failed("kernel", "architecture", machine).means("the system-call filter is made for x86_64 and aarch64")
    };
    vec![version, architecture]
}

/// What the processor leaks between programs, as the kernel knows it.
fn vulnerabilities() -> Check {
    let entries = std::fs::read_dir("/sys/devices/system/cpu/vulnerabilities").into_iter().flatten().flatten();
    let mut open: Vec<String> = entries
        .filter(|entry| std::fs::read_to_string(entry.path()).is_ok_and(|text| text.starts_with("Vulnerable")))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    open.sort();
    if open.is_empty() {
        return Check::ok("kernel", "processor", "no leak that this kernel knows of is open");
    }
    Check::warning("kernel", "processor", format!("open to {}", open.join(", ")))
        .means("a tenant may read a neighbour's memory by timing it; no sandbox on a shared processor prevents that")
        .mend("update microcode and kernel, and do not boot with mitigations=off")
}

fn landlock() -> Check {
    match probe::landlock_version() {
        Ok(version) if version >= LANDLOCK_GOOD => Check::ok("kernel", "Landlock", format!("version {version}")),
        Ok(version) => {
            Check::ok("kernel", "Landlock", format!("version {version}: files, not yet signals and sockets"))
        }
        Err(error) => Check::warning("kernel", "Landlock", format!("not there ({error})"))
            .means("one wall fewer around files; the others hold without it")
            .mend("boot with `lsm=landlock,…` on a kernel built with CONFIG_SECURITY_LANDLOCK"),
    }
}

fn isolation(config: &Config) -> Vec<Check> {
    let found = probe::probe(&super::installation::existing(&config.data_dir), &config.base);
    let mut checks = Vec::new();
    if let Some(reason) = &found.fatal {
        checks.push(Check::failed("isolation", "sandboxes", reason.clone()).means("no workspace can be run"));
    }
    checks.push(match found.mode {
        Mode::Privileged => Check::ok("isolation", "mode", "as root: each workspace has user ids of its own"),
        Mode::Unprivileged => Check::warning("isolation", "mode", "as an ordinary user")
            .means(
                "all workspaces share this user's id on the machine, and limits hold only where a group is delegated",
            )
            .mend("run it as root"),
    });
    checks.extend(found.enforced.iter().map(|feature| Check::ok("isolation", feature.title(), "enforced")));
    for (feature, reason) in &found.not_enforced {
        let check = Check::warning("isolation", feature.title(), format!("NOT enforced: {reason}"));
        checks.push(check.means(without(*feature)));
    }
    checks
}

/// What happens without it.
const fn without(feature: Feature) -> &'static str {
    match feature {
        Feature::Namespaces => "no workspace can be run",
        Feature::OwnIds => "a tenant who got out would be the server's own user",
        Feature::MappedVolumes => {
            "every start gives the volume's files to other ids, which takes time in large volumes"
        }
        Feature::CpuLimit => "one workspace can take all processors",
        Feature::MemoryLimit => "one workspace can take all memory, and the kernel may end anything",
        Feature::PidsLimit => "one workspace can use up the machine's processes",
        Feature::Freeze => "idle workspaces cannot be paused",
        Feature::Seccomp => "tenants reach the whole of the kernel's interface",
        Feature::Landlock => "one wall fewer around files",
    }
}

/// Capabilities beyond those that the probe tries, which containers often lack.
fn rights() -> Option<Check> {
    use rustix::thread::{CapabilitySet, capabilities};
    if Mode::of_this_process() == Mode::Unprivileged {
        return None;
    }
    let has = capabilities(None).map(|sets| sets.effective).unwrap_or(CapabilitySet::empty());
    let wanted = [
        (CapabilitySet::SYS_RESOURCE, "CAP_SYS_RESOURCE", "volumes grow at the next start instead of at once"),
        (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN", "workspaces have no network of their own"),
        (CapabilitySet::SYSLOG, "CAP_SYSLOG", "what was ended for want of memory is not named"),
    ];
    let missing: Vec<_> = wanted.iter().filter(|(right, ..)| !has.contains(*right)).collect();
    Some(if missing.is_empty() {
        Check::ok("isolation", "rights", "all")
    } else {
        let (names, means): (Vec<&str>, Vec<&str>) = missing.iter().map(|(_, name, means)| (*name, *means)).unzip();
        Check::warning("isolation", "rights", format!("without {}", names.join(", ")))
            .means(means.join("; "))
            .mend("start the server (or its container) with these capabilities")
    })
}

fn groups() -> Vec<Check> {
    let layout = match CgroupLayout::detect() {
        Ok(layout) => layout.writable(),
        Err(error) => return vec![Check::warning("isolation", "control groups", format!("cannot be found: {error}"))],
    };
    let mut checks = vec![match layout.kind() {
        "none" => Check::warning("isolation", "control groups", "none that this process may use")
            .means("nothing limits CPU, memory and processes")
            .mend("systemd: Delegate=yes in the unit; as root: mount -t cgroup2 none /sys/fs/cgroup"),
        kind => Check::ok("isolation", "control groups", format!("{kind}, as seen from here")),
    }];
    if !layout.v1.is_empty() {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let favoured = mounts.lines().any(|line| line.contains(" - cgroup ") && line.contains("favordynmods"));
        checks.push(if favoured || Mode::of_this_process() == Mode::Privileged {
            Check::ok("isolation", "favordynmods", if favoured { "set" } else { "set by the server when it starts" })
        } else {
            Check::warning("isolation", "favordynmods", "not set")
                .means("a start waits some milliseconds for the kernel")
                .mend("boot with cgroup_favordynmods=true")
        });
    }
    checks
}

fn open_files() -> Check {
    use rustix::process::{Resource, getrlimit};
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < OPEN_FILES_MIN => {
            Check::warning("limits", "open files of the server", format!("{most}, should be {OPEN_FILES_MIN} or more"))
                .means("connections are refused when it is reached")
                .mend("systemd: LimitNOFILE=1048576; shell: ulimit -Hn 1048576")
        }
        Some(most) => Check::ok("limits", "open files of the server", most.to_string()),
        None => Check::ok("limits", "open files of the server", "no limit"),
    }
}

fn swap() -> Check {
    let text = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    let devices: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    let on_disk = devices.iter().any(|device| !device.contains("zram"));
    if on_disk {
        return Check::warning("limits", "swap", devices.join(", "))
            .means("tenants' memory can reach the disk, and a tenant's swapping slows the disk for all")
            .mend("use zram, or an encrypted swap device");
    }
    let found = if devices.is_empty() { "none".to_owned() } else { devices.join(", ") };
    Check::ok("limits", "swap", found)
}

fn clock() -> Vec<Check> {
    use coditect_model::ambient::Clock as _;
    let now = crate::ambient::SystemClock.now();
    if now.0 < CLOCK_MIN_MS {
        return vec![
            Check::failed("clock", "time", "before 2026")
                .means("tokens would be expired or good for ever, and the store's order of events wrong")
                .mend("timedatectl set-ntp true"),
        ];
    }
    vec![match probe::clock_is_kept() {
        Ok(true) => Check::ok("clock", "time", "kept by something"),
        Ok(false) => Check::warning("clock", "time", "nothing says that it is kept right")
            .means("tokens expire too early or too late by as much as it is wrong; it must not jump back")
            .mend("timedatectl set-ntp true, or run chrony"),
        Err(error) => Check::warning("clock", "time", format!("the kernel does not say whether it is kept: {error}")),
    }]
}

/// The programs that the network of workspaces is made with.
fn network_tools() -> Vec<Check> {
    let places = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin"];
    let missing: Vec<&str> = ["nft", "ip", "tc"]
        .into_iter()
        .filter(|name| !places.iter().any(|place| Path::new(place).join(name).exists()))
        .collect();
    vec![if missing.is_empty() {
        Check::ok("network", "programs", "nft, ip, tc")
    } else {
        Check::warning("network", "programs", format!("without {}", missing.join(", ")))
            .means("workspaces are offline: only their ports are reached, through the router")
            .mend("apt-get install nftables iproute2")
    }]
}
