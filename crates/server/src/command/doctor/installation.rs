//! Data directory, disk, agent, base and addresses: what the configuration comes to on this machine.

use std::net::ToSocketAddrs as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Check, Level};
use crate::client::OPERATOR_TOKEN_FILE;
use crate::config::Config;

/// File systems that forget at a restart, or keep locks and owners elsewhere, by their magic numbers (statfs(2)).
const TMPFS: i64 = 0x0102_1994;
const OVERLAY: i64 = 0x794c_7630;
const REMOTE: [(i64, &str); 4] = [(0x6969, "NFS"), (0x0102_1997, "9p"), (0xff53_4d42, "CIFS"), (0x6573_5546, "FUSE")];
/// Free space below which nobody's work is safe, in bytes, and as a part of the disk.
const FREE_MIN_BYTES: u64 = 1 << 30;
const FREE_MIN_PART: u64 = 20;
/// Name below the workspace domain that no workspace has, to see whether names below it lead anywhere.
const SAMPLE_NAME: &str = "3000--00000000000000000000000000";

pub(super) fn checks(config: &Config, fix: bool) -> Vec<Check> {
    let mut checks = directories(config, fix);
    checks.extend(disk(config));
    checks.push(agent(config));
    checks.extend(base(config));
    checks.extend(addresses(config));
    checks
}

/// The directory, or what exists of its parents.
pub(super) fn existing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

fn directories(config: &Config, fix: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    let data = &config.data_dir;
    let inner = ["store", "host", "run"].map(|name| data.join(name));
    for path in [data.clone()].into_iter().chain(inner).chain([data.join(OPERATOR_TOKEN_FILE)]) {
        let shown = path.display().to_string();
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        let (own, mode) = (meta.uid() == rustix::process::geteuid().as_raw(), meta.mode() & 0o777);
        if meta.is_symlink() {
            checks.push(
                Check::warning("installation", shown, "a symbolic link")
                    .means("whoever can change the link decides where the data lies"),
            );
        } else if !own {
            checks.push(
                Check::failed("installation", &shown, format!("belongs to user {}", meta.uid()))
                    .means("another user of this machine can change what the server believes")
                    .mend(format!("chown -R {} {shown}", rustix::process::geteuid().as_raw())),
            );
        } else if mode & 0o077 != 0 {
            let least = if meta.is_dir() { 0o700 } else { 0o600 };
            let fixed = fix && std::fs::set_permissions(&path, std::fs::Permissions::from_mode(least)).is_ok();
            let found = format!("open to others (mode {mode:o})");
            checks.push(if fixed {
                Check {
                    level: Level::Mended,
                    ..Check::ok("installation", shown, format!("was {found}, is {least:o} now"))
                }
            } else {
                Check::failed("installation", &shown, found)
                    .means("other users of this machine can read passwords' hashes, keys and workspaces")
                    .mend(format!("chmod {least:o} {shown}"))
            });
        } else {
            checks.push(Check::ok("installation", shown, format!("private (mode {mode:o})")));
        }
    }
    if checks.is_empty() {
        checks.push(Check::ok("installation", data.display().to_string(), "not there yet; made at the first start"));
    }
    checks
}

fn disk(config: &Config) -> Vec<Check> {
    let place = existing(&config.data_dir);
    let name = "file system of the data directory";
    let Ok(stat) = rustix::fs::statfs(&place) else {
        return vec![Check::failed("storage", name, format!("{} cannot be looked at", place.display()))];
    };
    #[expect(clippy::useless_conversion, reason = "the kernel's type differs between architectures")]
    let kind = i64::from(stat.f_type);
    let remote = REMOTE.iter().find(|(magic, _)| *magic == kind);
    let mut checks = vec![if let Some((_, name_of)) = remote {
        Check::failed("storage", name, *name_of)
            .means("the store's locks and its durability are not certain there")
            .mend("set `data_dir` to a local file system: ext4, xfs or btrfs")
    } else if kind == TMPFS {
        Check::warning("storage", name, "tmpfs").means("everything is gone when the machine restarts")
    } else if kind == OVERLAY {
        Check::warning("storage", name, "overlay")
            .means("volumes cannot be mapped there: every start gives all files of a volume to other ids")
            .mend("put a volume of the container or a disk at `data_dir`")
    } else {
        Check::ok("storage", name, file_system_name(&place))
    }];
    let block = u64::try_from(stat.f_bsize).unwrap_or(4096);
    let (free, total) = (stat.f_bavail.saturating_mul(block), stat.f_blocks.saturating_mul(block));
    let least = FREE_MIN_BYTES.max(total / FREE_MIN_PART);
    let found = format!("{} GiB of {} GiB free", free >> 30, total >> 30);
    checks.push(if free < least {
        Check::warning("storage", "space", found)
            .means("workspaces are stopped from writing before the disk is full, so that the store can go on")
            .mend("make room, or set `data_dir` to a larger disk")
    } else {
        Check::ok("storage", "space", found)
    });
    let least_files = stat.f_files / FREE_MIN_PART;
    if stat.f_files > 0 && stat.f_ffree < least_files {
        checks.push(
            Check::warning("storage", "inodes", format!("{} of {} free", stat.f_ffree, stat.f_files))
                .means("no more files can be made although there is space"),
        );
    }
    let loops = Path::new("/dev/loop-control").exists();
    checks.push(if loops {
        Check::ok("storage", "loop devices", "there")
    } else {
        Check::warning("storage", "loop devices", "not there")
            .means("volumes are plain directories unless the file system has subvolumes or project quotas: sizes are counted, not limited")
            .mend("modprobe loop; in a container: --device /dev/loop-control and the loop devices")
    });
    checks
}

/// Type of the file system that a path lies on, as the kernel's list of mounts names it.
fn file_system_name(path: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let best = mounts
        .lines()
        .filter_map(|line| {
            let (front, back) = line.split_once(" - ")?;
            Some((front.split(' ').nth(4)?, back.split(' ').next()?))
        })
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| point.len());
    best.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

fn agent(config: &Config) -> Check {
    let path = config.agent_binary.display().to_string();
    let output = Command::new(&config.agent_binary).arg("--version").stdin(Stdio::null()).output();
    let expected = format!("coditect-agent {}", env!("CARGO_PKG_VERSION"));
    match output {
        Err(error) => Check::failed("installation", "agent", format!("{path} cannot be run: {error}"))
            .means("no workspace can start")
            .mend("put `coditect-agent` beside `coditect`, or set `agent_binary`"),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if output.status.success() && said == expected {
                Check::ok("installation", "agent", said)
            } else {
                Check::failed("installation", "agent", format!("{path} is not {expected}"))
                    .means("server and agent of one version are made for each other")
                    .mend("install both from the same release")
            }
        }
    }
}

fn base(config: &Config) -> Vec<Check> {
    let base = config.base.display().to_string();
    let missing: Vec<&str> =
        ["usr", "etc", "bin/bash"].into_iter().filter(|name| !config.base.join(name).exists()).collect();
    if !missing.is_empty() {
        return vec![
            Check::failed("installation", "base", format!("{base} has no {}", missing.join(", ")))
                .means("workspaces have no shell to run")
                .mend("set `base` to an unpacked root file system"),
        ];
    }
    let useful =
        [("git", "usr/bin/git"), ("python3", "usr/bin/python3"), ("vim", "usr/bin/vim"), ("less", "usr/bin/less")];
    let without: Vec<&str> =
        useful.iter().filter(|(_, path)| !config.base.join(path).exists()).map(|(name, _)| *name).collect();
    let mut checks = vec![Check::ok("installation", "base", base)];
    if !without.is_empty() {
        checks.push(
            Check::warning("installation", "tools of the base", format!("without {}", without.join(", ")))
                .means("people will miss them in their terminals"),
        );
    }
    checks
}

fn addresses(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let public = &config.public_url;
    if public.is_trustworthy() {
        checks.push(Check::ok("addresses", "public_url", public.to_string()));
    } else {
        checks.push(
            Check::failed("addresses", "public_url", format!("{public}: not encrypted"))
                .means(
                    "passwords and cookies can be read and changed on the way, and browsers do not protect the cookies",
                )
                .mend("put a proxy with TLS in front and set `public_url` to its https address"),
        );
    }
    let open: Vec<String> =
        config.listen.iter().filter(|address| !address.ip().is_loopback()).map(ToString::to_string).collect();
    if !open.is_empty() && public.scheme() == "https" {
        checks.push(
            Check::warning("addresses", "listen", open.join(", "))
                .means("whoever reaches this address speaks to the server without the proxy's encryption")
                .mend("listen on a loopback address, or let a firewall pass the proxy only"),
        );
    }
    if public.scheme() == "https" && config.trusted_proxies.is_empty() {
        checks.push(
            Check::warning("addresses", "trusted_proxies", "empty")
                .means("all clients seem to have the proxy's address: they share one rate limit, and the logs do not tell them apart")
                .mend("set `trusted_proxies` to the address of the proxy"),
        );
    }
    let domain = &config.workspace_domain;
    let local = |authority: &str| {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        host == "localhost" || host.ends_with(".localhost")
    };
    if !local(domain) {
        if *domain == public.authority() {
            checks.push(
                Check::warning("addresses", "workspace_domain", format!("{domain}, the control origin's own name"))
                    .means("a hostile page of a workspace can fill the visitor's cookies for the common name; it reads nothing")
                    .mend("set `workspace_domain` to a domain of its own"),
            );
        }
        let sample = format!("{SAMPLE_NAME}.{}", domain.rsplit_once(':').map_or(domain.as_str(), |(host, _)| host));
        checks.push(if (sample.as_str(), 443).to_socket_addrs().is_ok_and(|mut found| found.next().is_some()) {
            Check::ok("addresses", "names of workspaces", format!("*.{domain} leads somewhere"))
        } else {
            Check::warning("addresses", "names of workspaces", format!("*.{domain} leads nowhere, seen from here"))
                .means("ports of workspaces cannot be opened")
                .mend(format!("add a wildcard record *.{domain} to the DNS"))
        });
    }
    checks
}
