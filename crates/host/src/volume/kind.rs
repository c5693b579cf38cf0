//! The kinds of volumes, and which of them a machine can have.

use std::io;
use std::path::{Path, PathBuf};

use coditect_sandbox::probe::Mode;
use coditect_sandbox::storage::{btrfs, copy, loop_device, project};
use serde::{Deserialize, Serialize};

use super::tools;

/// How a volume is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageKind {
    /// A btrfs subvolume under a simple quota.
    Subvolume,
    /// An ext4 in a file that shares its first blocks with a template.
    Image,
    /// A directory under a project quota.
    Project,
    /// An [`Self::Image`] in an XFS of our own, which lies in one large file.
    Pool,
    /// An ext4 in a file with holes.
    SparseImage,
    /// A directory that nothing bounds.
    Directory,
}

impl StorageKind {
    /// Every kind, the best first.
    pub const ALL: [Self; 6] =
        [Self::Subvolume, Self::Image, Self::Project, Self::Pool, Self::SparseImage, Self::Directory];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subvolume => "subvolume",
            Self::Image => "image",
            Self::Project => "project",
            Self::Pool => "pool",
            Self::SparseImage => "sparse-image",
            Self::Directory => "directory",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the kernel holds its size.
    #[must_use]
    pub const fn bounds_bytes(self) -> bool {
        !matches!(self, Self::Directory)
    }

    /// Whether the kernel holds its number of files.
    #[must_use]
    pub const fn bounds_inodes(self) -> bool {
        !matches!(self, Self::Directory | Self::Subvolume)
    }

    /// Whether it is an ext4 in a file.
    pub(super) const fn is_image(self) -> bool {
        matches!(self, Self::Image | Self::Pool | Self::SparseImage)
    }
}

/// What the operator wants of volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageConfig {
    /// The kind of new volumes; the best that the machine can have if it is not said.
    pub kind: Option<StorageKind>,
    /// Bytes of the disk that volumes leave free; see [`super::reserve::default_reserve`] if it is not said.
    pub reserve_bytes: Option<u64>,
    /// Size of the pool; what the disk has free beyond the reserve when it is made, if it is not said.
    pub pool_bytes: Option<u64>,
}

/// The kind that new volumes get in `dir`, and what the operator should know about it.
///
/// # Errors
/// The kind that is asked for cannot be had, and why.
pub(super) fn choose(dir: &Path, asked: Option<StorageKind>) -> Result<(StorageKind, Vec<String>), String> {
    if let Some(kind) = asked {
        possible(dir, kind).map_err(|reason| {
            format!(
                "storage.kind: `{}` cannot be had in {}: {reason}. Leave it out to have the best that can.",
                kind.name(),
                dir.display()
            )
        })?;
        return Ok((kind, warnings(kind, &[])));
    }
    let mut refused = Vec::new();
    for kind in StorageKind::ALL {
        match possible(dir, kind) {
            Ok(()) => return Ok((kind, warnings(kind, &refused))),
            Err(reason) => refused.push(format!("{}: {reason}", kind.name())),
        }
    }
    Err("no directory can be made".to_owned())
}

fn warnings(kind: StorageKind, refused: &[String]) -> Vec<String> {
    let mut warnings = Vec::new();
    if !kind.bounds_bytes() {
        let why = if refused.is_empty() { String::new() } else { format!(" ({})", refused.join("; ")) };
        warnings.push(format!("storage limits are NOT enforced: a workspace can fill the disk{why}"));
    } else if !kind.bounds_inodes() {
        warnings.push("the number of files of a workspace is NOT limited: btrfs cannot; its bytes are".to_owned());
    }
    warnings
}

/// Whether a kind can be had, found out by trying; the reason if not.
fn possible(dir: &Path, kind: StorageKind) -> Result<(), String> {
    if kind == StorageKind::Directory {
        return Ok(());
    }
    if Mode::of_this_process() == Mode::Unprivileged {
        return Err("not started as root".to_owned());
    }
    let words = |error: io::Error| error.to_string();
    let image = || {
        tools::find("mkfs.ext4")?;
        loop_device::probe(dir).map_err(|error| format!("no loop devices: {error}"))
    };
    match kind {
        StorageKind::Directory => Ok(()),
        StorageKind::Subvolume => match btrfs::is_btrfs(dir) {
            Ok(true) => btrfs::enable_simple_quotas(dir).map_err(|error| format!("no simple quotas: {error}")),
            Ok(false) => Err("not on btrfs".to_owned()),
            Err(error) => Err(words(error)),
        },
        StorageKind::Image => match copy::shares_blocks(dir) {
            Ok(true) => image(),
            Ok(false) => Err("files cannot share blocks there".to_owned()),
            Err(error) => Err(words(error)),
        },
        StorageKind::Project => match project::enforced(dir) {
            Ok(true) => Ok(()),
            Ok(false) => Err("project quotas are not enforced there (mount option `prjquota`)".to_owned()),
            Err(error) => Err(format!("no project quotas: {error}")),
        },
        StorageKind::Pool => {
            tools::find("mkfs.xfs")?;
            if !kernel_knows("xfs") {
                return Err("the kernel has no XFS".to_owned());
            }
            image()
        }
        StorageKind::SparseImage => image(),
    }
}

fn kernel_knows(file_system: &str) -> bool {
    // A module that is not loaded is not listed; mounting loads it.
    let listed = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let module = || -> Option<bool> {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
        let dir: PathBuf = ["/lib/modules", release.trim(), "kernel/fs", file_system].iter().collect();
        Some(dir.is_dir())
    };
    listed.lines().any(|line| line.split_whitespace().last() == Some(file_system)) || module().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_kinds() {
        for kind in StorageKind::ALL {
            assert_eq!(StorageKind::from_name(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!(StorageKind::from_name("auto"), None);
    }

    #[test]
    fn what_is_not_enforced_is_said() {
        assert!(warnings(StorageKind::Directory, &["image: no".to_owned()])[0].contains("image: no"));
        assert_eq!(warnings(StorageKind::Subvolume, &[]).len(), 1);
        assert!(warnings(StorageKind::Pool, &[]).is_empty());
    }

    #[test]
    fn a_kind_that_cannot_be_had_is_refused_with_the_reason() {
        let reason = choose(Path::new("/proc"), Some(StorageKind::Subvolume)).unwrap_err();
        assert!(reason.contains("subvolume") && reason.contains("not on btrfs"), "{reason}");
    }
}
