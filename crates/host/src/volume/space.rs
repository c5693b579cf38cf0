//! Keeping the disk's reserve: measured again and again while something runs.

use std::io;
use std::path::Path;

use tracing::{info, warn};

use super::reserve::{self, Stage, default_reserve, fastest};
use super::{StorageKind, Volumes};

const MIB: u64 = 1 << 20;

/// Space of a file system, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    /// That can be had.
    pub(super) free: u64,
    /// That can be had or is in use.
    pub(super) total: u64,
}

/// Space of the file system that `dir` lies on.
pub(super) fn of(dir: &Path) -> io::Result<Space> {
    let statfs = rustix::fs::statfs(dir)?;
    let block = u64::try_from(statfs.f_bsize).unwrap_or(0);
    let used = statfs.f_blocks.saturating_sub(statfs.f_bfree);
    Ok(Space { free: statfs.f_bavail * block, total: (statfs.f_bavail + used) * block })
}

/// A workspace that must be ended because it goes on taking disk space that there is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Victim {
    /// Its label.
    pub(crate) label: String,
    /// Why, in words for its user.
    pub(crate) reason: String,
}

/// How volumes are kept on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageReport {
    /// Kind of new volumes.
    pub kind: StorageKind,
    /// Whether the kernel holds their size.
    pub bytes_enforced: bool,
    /// Whether the kernel holds their number of files.
    pub inodes_enforced: bool,
    /// Bytes that can be had where volumes lie: of the pool and the disk below it the scarcer.
    pub free_bytes: u64,
    /// Bytes that are kept free there.
    pub reserve_bytes: u64,
    /// Whether writers are held back now because less is free.
    pub short_of_space: bool,
    /// Volumes in use.
    pub in_use: usize,
    /// What an operator should know, in words.
    pub warnings: Vec<String>,
}

impl Volumes {
    /// The file system whose space is scarcest: the disk's, or the pool's in it.
    pub(super) fn scarcest(&self) -> io::Result<(Space, u64)> {
        let measure = |dir: &Path| {
            let space = of(dir)?;
            io::Result::Ok((space, self.reserve_bytes.unwrap_or_else(|| default_reserve(space.total))))
        };
        let disk = measure(&self.root)?;
        if !self.pool.exists() {
            return Ok(disk);
        }
        let pool = measure(&self.pool.point)?;
        let spare = |(space, reserve): &(Space, u64)| i128::from(space.free) - i128::from(*reserve);
        Ok(if spare(&pool) < spare(&disk) { pool } else { disk })
    }

    /// Why something that takes space is refused.
    pub(super) fn short_of_space(&self, what: &str) -> io::Error {
        let numbers = self.scarcest().map_or_else(
            |error| format!("its free space cannot be told: {error}"),
            |(space, reserve)| format!("{} MiB are free, {} MiB are kept in reserve", space.free / MIB, reserve / MIB),
        );
        let text = format!("this host is short of disk space, so there is no room for {what} now ({numbers})");
        io::Error::new(io::ErrorKind::StorageFull, text)
    }

    /// Looks at the free space: holds every volume's writers back, or lets them go on. Answers who must be ended, and
    /// whether to look again soon.
    pub(crate) fn watch(&self) -> io::Result<(Option<Victim>, bool)> {
        let (stage, space, reserve) = self.look()?;
        let mut in_use = self.in_use();
        let victim = if stage == Stage::Shedding { in_use.grown_most() } else { None };
        if stage != Stage::Shedding {
            in_use.by_label.values_mut().for_each(|ready| ready.seen_bytes = None);
        }
        let soon = space.free < reserve.saturating_mul(2);
        let victim = victim.map(|label| Victim {
            label,
            reason: format!(
                "it was stopped because it went on taking disk space although the host has only {} MiB left",
                space.free / MIB
            ),
        });
        Ok((victim, soon))
    }

    /// Measures the free space, and holds volumes back or lets them go where that calls for it.
    pub(super) fn look(&self) -> io::Result<(Stage, Space, u64)> {
        let (space, reserve) = self.scarcest()?;
        let mut in_use = self.in_use();
        let before = in_use.stage;
        in_use.stage = reserve::stage(before, space.free, reserve);
        let stage = in_use.stage;
        if stage != before {
            let free_mib = space.free / MIB;
            match stage {
                Stage::Free => info!(free_mib, "there is disk space again: workspaces may write"),
                Stage::Braked => {
                    warn!(free_mib, "disk space is short: workspaces cannot write more until there is some")
                }
                Stage::Shedding => warn!(free_mib, "disk space is nearly gone: workspaces that take more are ended"),
            }
        }
        for (label, ready) in &mut in_use.by_label {
            let held = match (before, stage) {
                (Stage::Free, Stage::Braked | Stage::Shedding) => ready.brake(),
                (Stage::Braked | Stage::Shedding, Stage::Free) => ready.hold_to_limit(),
                _ => Ok(()),
            };
            if let Err(error) = held {
                warn!(label, %error, "the size of a volume cannot be changed");
            }
        }
        Ok((stage, space, reserve))
    }

    /// How volumes are kept here, and what does not hold.
    pub(crate) fn report(&self) -> StorageReport {
        let mut warnings = self.warnings.clone();
        let (free_bytes, reserve_bytes) = match self.scarcest() {
            Ok((space, reserve)) => (space.free, reserve),
            Err(error) => {
                warnings.push(format!("the free space cannot be told: {error}"));
                (0, 0)
            }
        };
        if free_bytes < reserve_bytes {
            warnings.push(format!(
                "disk space is short: {} MiB are free, {} MiB are to be kept in reserve; new volumes are refused",
                free_bytes / MIB,
                reserve_bytes / MIB
            ));
        }
        let in_use = self.in_use();
        StorageReport {
            kind: self.kind,
            bytes_enforced: self.kind.bounds_bytes(),
            inodes_enforced: self.kind.bounds_inodes(),
            free_bytes,
            reserve_bytes,
            short_of_space: in_use.stage != Stage::Free,
            in_use: in_use.by_label.len(),
            warnings,
        }
    }
}

impl super::InUse {
    /// The volume that took most since it was last looked at, while nobody else is being ended: one at a time, because
    /// what the end of one gives back may be enough.
    fn grown_most(&mut self) -> Option<String> {
        let busy = self.by_label.values().any(|ready| ready.ending);
        let mut growth = Vec::new();
        for (label, ready) in &mut self.by_label {
            let Ok(Some(taken)) = ready.taken_bytes() else { continue };
            let before = ready.seen_bytes.replace(taken).unwrap_or(taken);
            growth.push((label.clone(), taken.saturating_sub(before)));
        }
        if busy {
            return None;
        }
        let label = fastest(growth.iter().map(|(label, bytes)| (label.as_str(), *bytes)))?.to_owned();
        if let Some(ready) = self.by_label.get_mut(&label) {
            ready.ending = true;
        }
        Some(label)
    }
}
