//! Volumes: one per workspace, made at its first start, mounted while its sandbox runs, kept until the workspace is
//! deleted; their size is held by the best means the machine has.
//!
//! On disk, below the host's directory: `volumes/{label}/` (directories, subvolumes, projects) or `volumes/{label}.img`, or
//! `pool/{label}.img` in the pool, whose file is `pool.xfs`; `volumes/{label}.json` says which; `mounts/{label}/` is where an
//! image is mounted while its workspace runs.
//!
//! **Invariants**: a volume that exists is never made anew, and what its record promises is never replaced by an empty one;
//! volumes of unfinished making carry another name; no mount outlives its sandbox but by a crash, which [`Volumes::adopt`]
//! clears away.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use coditect_model::tier::Limits;
use coditect_sandbox::storage::{btrfs, mounts, project};
use tracing::{info, warn};

mod image;
mod kind;
mod pool;
mod record;
mod reserve;
mod space;
mod tools;
mod tree;

use image::Image;
pub use kind::{StorageConfig, StorageKind};
use pool::Pool;
use record::Record;
use reserve::Stage;
pub use space::StorageReport;
pub(crate) use space::Victim;
use tree::allocated_bytes;
pub use tree::make_private_dir;
pub(crate) use tree::remove_tree;

/// Prefix of volumes that are being removed. No label starts with a dot.
const REMOVING: &str = ".removing-";
/// Prefix of volumes that are being made.
const MAKING: &str = ".making-";
/// First of the projects that volumes are given, far above those that people number by hand.
const FIRST_PROJECT: u32 = 0x4344_0000;

/// On btrfs removing a file takes space for a moment: what a subvolume that is held back keeps for it, in bytes.
const BTRFS_ROOM_TO_DELETE_BYTES: u64 = 4 << 20;

/// When a changed size holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resized {
    /// It does.
    Now,
    /// At the workspace's next start: the reason, in words.
    AtNextStart(String),
}

/// Where volumes live.
#[derive(Debug)]
pub(crate) struct Volumes {
    /// Records, and all volumes but those in the pool.
    root: PathBuf,
    mounts: PathBuf,
    pool: Pool,
    /// Of new volumes.
    kind: StorageKind,
    warnings: Vec<String>,
    reserve_bytes: Option<u64>,
    in_use: Mutex<InUse>,
    /// One template and one project number at a time are made.
    making: Mutex<()>,
}

/// What is mounted or may be written to.
#[derive(Debug, Default)]
struct InUse {
    by_label: HashMap<String, Ready>,
    stage: Stage,
}

/// A volume that a sandbox may run on.
#[derive(Clone, Debug)]
struct Ready {
    record: Record,
    path: PathBuf,
    /// Its image and the device that is mounted.
    image: Option<(Image, u64)>,
    /// Bytes it took when last looked at while space was short.
    seen_bytes: Option<u64>,
    /// Its sandbox is being ended for want of space.
    ending: bool,
}

impl Volumes {
    /// Opens (and makes) what is needed below a host's directory, closed to everybody else.
    pub(crate) fn open(state_dir: &Path, config: &StorageConfig) -> io::Result<Self> {
        let (root, mounts, pool) = (state_dir.join("volumes"), state_dir.join("mounts"), Pool::below(state_dir));
        make_private_dir(&root)?;
        make_private_dir(&mounts)?;
        let (mut kind, mut warnings) = kind::choose(&root, config.kind).map_err(io::Error::other)?;
        if kind == StorageKind::Pool && !pool.exists() {
            let space = space::of(&root)?;
            let reserve = config.reserve_bytes.unwrap_or_else(|| reserve::default_reserve(space.total));
            let bytes = config.pool_bytes.unwrap_or_else(|| space.free.saturating_sub(reserve));
            match pool.make(bytes) {
                Err(error) if config.kind.is_none() => {
                    warnings.push(format!("volumes are kept in sparse images, not in a pool: {error}"));
                    kind = StorageKind::SparseImage;
                }
                other => other?,
            }
        }
        if pool.exists() {
            pool.mount(config.pool_bytes)?;
        }
        let volumes = Self {
            root,
            mounts,
            pool,
            kind,
            warnings,
            reserve_bytes: config.reserve_bytes,
            in_use: Mutex::default(),
            making: Mutex::default(),
        };
        volumes.clear_unfinished()?;
        Ok(volumes)
    }

    fn in_use(&self) -> MutexGuard<'_, InUse> {
        // A plain map, consistent between any two statements: a panic elsewhere does not spoil it.
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Directories that hold images.
    fn image_dirs(&self) -> [&Path; 2] {
        [&self.root, &self.pool.point]
    }

    fn image(&self, kind: StorageKind, label: &str) -> Image {
        let dir = if kind == StorageKind::Pool { &self.pool.point } else { &self.root };
        Image { file: dir.join(format!("{label}.img")), point: self.mounts.join(label) }
    }

    /// What an earlier process had begun to make and never finished.
    fn clear_unfinished(&self) -> io::Result<()> {
        for dir in self.image_dirs() {
            for name in names_with(dir, MAKING)? {
                self.destroy(dir, &name)?;
            }
        }
        Ok(())
    }

    /// Removes `dir/name`, whatever it is.
    fn destroy(&self, dir: &Path, name: &str) -> io::Result<()> {
        let path = dir.join(name);
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
            Ok(meta) if !meta.is_dir() => return std::fs::remove_file(&path),
            Ok(_) => {}
        }
        if btrfs::is_subvolume(&path)? {
            match btrfs::destroy(dir, name) {
                // Subvolumes inside: the tree is emptied first.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                other => return other,
            }
        }
        let project = project::project_of(&path).unwrap_or(0);
        remove_tree(&path)?;
        if project >= FIRST_PROJECT {
            // The number may be used again for another volume, which sets its own limits.
            let _ = project::limit(dir, project, u64::MAX >> 10, u64::MAX);
        }
        Ok(())
    }

    /// The record of a volume: the one written down, or what is there shows. `None`: there is no such volume.
    fn record(&self, label: &str) -> io::Result<Option<Record>> {
        if let Some(record) = Record::load(&self.root, label)? {
            return Ok(Some(record));
        }
        let found = |kind| Some(Record { kind, bytes: u64::MAX, inodes: u64::MAX, project: None });
        for kind in [StorageKind::Pool, StorageKind::SparseImage] {
            if self.image(kind, label).file.exists() {
                return Ok(found(kind));
            }
        }
        let path = self.root.join(label);
        if !path.exists() {
            return Ok(None);
        }
        if btrfs::is_subvolume(&path)? {
            return Ok(found(StorageKind::Subvolume));
        }
        Ok(match project::project_of(&path) {
            Ok(number) if number >= FIRST_PROJECT => {
                found(StorageKind::Project).map(|record| Record { project: Some(number), ..record })
            }
            _ => found(StorageKind::Directory),
        })
    }

    /// Makes a workspace's volume if there is none, grows it to its tier's size if it is smaller, and mounts it; answers
    /// the directory to give to [`coditect_sandbox::volume::create`] and to the sandbox. Does little when it is ready.
    pub(crate) fn ready(&self, label: &str, limits: &Limits) -> io::Result<PathBuf> {
        if let Some(path) = self.in_use().by_label.get(label).map(|ready| ready.path.clone()) {
            return Ok(path);
        }
        let existing = self.record(label)?;
        let (stage, ..) = self.look()?;
        if existing.is_none() && stage != Stage::Free {
            return Err(self.short_of_space("a new volume"));
        }
        let kind = existing.as_ref().map_or(self.kind, |record| record.kind);
        let is_there = existing.is_some();
        let mut record = Record {
            kind,
            bytes: limits.storage_bytes,
            inodes: limits.inodes,
            project: existing.as_ref().and_then(|record| record.project),
        };
        let image = kind.is_image().then(|| self.image(kind, label));
        let path = image.as_ref().map_or_else(|| self.root.join(label), |image| image.point.clone());
        let lies_at = image.as_ref().map_or(&path, |image| &image.file);
        if is_there && !lies_at.exists() {
            let text = format!(
                "it is recorded as `{}` but {} is missing: put it back from a backup, or delete the workspace",
                kind.name(),
                lies_at.display()
            );
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        let image = match (kind, image) {
            (_, Some(image)) => {
                if !is_there {
                    let _one = self.making.lock().unwrap_or_else(PoisonError::into_inner);
                    image.make(record.bytes, record.inodes)?;
                }
                let device = image.mount(record.bytes, stage == Stage::Free)?;
                Some((image, device))
            }
            (StorageKind::Subvolume, None) => {
                if !is_there {
                    self.make_subvolume(label, record.bytes)?;
                }
                btrfs::confine(&self.root, label, record.bytes)?;
                None
            }
            (StorageKind::Project, None) => {
                let number = match record.project {
                    Some(number) => number,
                    None => self.make_project(label)?,
                };
                record.project = Some(number);
                project::limit(&path, number, record.bytes, record.inodes)?;
                None
            }
            _ => {
                make_private_dir(&path)?;
                None
            }
        };
        let ready = Ready { record, path: path.clone(), image, seen_bytes: None, ending: false };
        let mut in_use = self.in_use();
        if in_use.stage != Stage::Free
            && let Err(error) = ready.brake()
        {
            warn!(label, %error, "a volume cannot be held back while disk space is short");
        }
        in_use.by_label.insert(label.to_owned(), ready);
        Ok(path)
    }

    fn make_subvolume(&self, label: &str, bytes: u64) -> io::Result<()> {
        let name = format!("{MAKING}{label}");
        self.destroy(&self.root, &name)?;
        btrfs::create(&self.root, &name, bytes)?;
        make_private_dir(&self.root.join(&name))?;
        std::fs::rename(self.root.join(&name), self.root.join(label))
    }

    fn make_project(&self, label: &str) -> io::Result<u32> {
        let _one = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = BTreeSet::new();
        for entry in std::fs::read_dir(&self.root)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                taken.insert(project::project_of(&entry.path())?);
            }
        }
        let number = (FIRST_PROJECT..).find(|number| !taken.contains(number)).unwrap_or(FIRST_PROJECT);
        let making = self.root.join(format!("{MAKING}{label}"));
        make_private_dir(&making)?;
        project::assign(&making, number)?;
        std::fs::rename(making, self.root.join(label))?;
        Ok(number)
    }

    /// Writes down of which kind a volume in use is, once it is safe on the disk. Not needed for a start, so not on its way.
    pub(crate) fn settle(&self, label: &str) -> io::Result<()> {
        let Some(ready) = self.in_use().by_label.get(label).cloned() else { return Ok(()) };
        if Record::load(&self.root, label)?.as_ref() == Some(&ready.record) {
            return Ok(());
        }
        match &ready.image {
            Some((image, _)) => image.sync()?,
            None => record::sync_dir(&self.root)?,
        }
        // It may have been removed meanwhile; then nothing is to be written down.
        let in_use = self.in_use();
        if in_use.by_label.contains_key(label) { ready.record.store(&self.root, label) } else { Ok(()) }
    }

    /// Unmounts a volume whose sandbox has ended. Does nothing when it is not in use.
    pub(crate) fn release(&self, label: &str) -> io::Result<()> {
        let Some(ready) = self.in_use().by_label.remove(label) else { return Ok(()) };
        if let Some((image, _)) = &ready.image {
            return image.unmount();
        }
        // A limit that was lowered to hold its writers back is the tier's again at its next start.
        Ok(())
    }

    /// Takes over the volumes of the sandboxes that run, and unmounts all others: to be called once, before the first
    /// start.
    pub(crate) fn adopt(&self, running: &BTreeSet<String>) -> io::Result<()> {
        let mounted: HashMap<PathBuf, u64> =
            mounts::mounted_below(&self.mounts)?.into_iter().map(|mounted| (mounted.point, mounted.device)).collect();
        for label in running {
            let Some(record) = self.record(label)? else {
                warn!(label, "a workspace runs whose volume is not there");
                continue;
            };
            let image = record.kind.is_image().then(|| self.image(record.kind, label));
            let path = image.as_ref().map_or_else(|| self.root.join(label), |image| image.point.clone());
            let image = match image {
                None => None,
                Some(image) => match mounted.get(&image.point) {
                    Some(&device) => Some((image, device)),
                    None => {
                        warn!(label, "a workspace runs whose volume is not mounted where it should be");
                        continue;
                    }
                },
            };
            let ready = Ready { record, path, image, seen_bytes: None, ending: false };
            // The process that put the brake on may not have lived to lift it.
            if let Err(error) = ready.hold_to_limit() {
                warn!(label, %error, "the size of a volume cannot be set again");
            }
            self.in_use().by_label.insert(label.clone(), ready);
        }
        for entry in std::fs::read_dir(&self.mounts)? {
            let entry = entry?;
            let label = entry.file_name().to_string_lossy().into_owned();
            if !running.contains(&label) {
                let image = Image { file: PathBuf::new(), point: entry.path() };
                match image.unmount() {
                    Ok(()) => info!(label, "unmounted a volume whose sandbox has ended"),
                    Err(error) => warn!(label, %error, "a volume that nobody uses cannot be unmounted"),
                }
            }
        }
        Ok(())
    }

    /// Where the volume of a running workspace is.
    pub(crate) fn directory(&self, label: &str) -> Option<PathBuf> {
        self.in_use().by_label.get(label).map(|ready| ready.path.clone())
    }

    /// Gives a volume the size of other limits: at once if it is in use and the kernel lets it.
    pub(crate) fn resize(&self, label: &str, limits: &Limits) -> io::Result<Resized> {
        let mut in_use = self.in_use();
        let stage = in_use.stage;
        let Some(ready) = in_use.by_label.get_mut(label) else { return Ok(Resized::Now) };
        let (bytes, inodes) = (limits.storage_bytes, limits.inodes);
        if (ready.record.bytes, ready.record.inodes) == (bytes, inodes) {
            return Ok(Resized::Now);
        }
        if stage != Stage::Free && bytes > ready.record.bytes {
            drop(in_use);
            return Err(self.short_of_space("a larger volume"));
        }
        let outcome = match (&ready.image, ready.record.project) {
            (Some((image, device)), _) => image.resize_mounted(*device, bytes)?,
            (None, Some(number)) => {
                project::limit(&ready.path, number, bytes, inodes)?;
                Resized::Now
            }
            (None, None) if ready.record.kind == StorageKind::Subvolume => {
                btrfs::confine(&self.root, label, bytes)?;
                Resized::Now
            }
            (None, None) => Resized::Now,
        };
        ready.record.bytes = bytes;
        ready.record.inodes = inodes;
        if stage != Stage::Free {
            ready.brake()?;
        }
        ready.record.store(&self.root, label)?;
        Ok(outcome)
    }

    /// Takes a volume out of sight at once; [`Self::free`] frees its space. No error when there is none.
    pub(crate) fn remove(&self, label: &str) -> io::Result<()> {
        self.release(label)?;
        let image = format!("{label}.img");
        for (dir, name) in [(&self.root, label), (&self.root, image.as_str()), (&self.pool.point, image.as_str())] {
            match std::fs::rename(dir.join(name), dir.join(format!("{REMOVING}{name}"))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        // Last: without it, whoever asks again finds that nothing is left to do.
        Record::remove(&self.root, label)
    }

    /// Frees the space of one removed volume. Slow. No error when there is none.
    pub(crate) fn free(&self, label: &str) -> io::Result<()> {
        for dir in self.image_dirs() {
            for name in [format!("{REMOVING}{label}"), format!("{REMOVING}{label}.img")] {
                self.destroy(dir, &name)?;
            }
        }
        Ok(())
    }

    /// Frees the space of all removed volumes, those that a crash left half removed. Slow; safe to repeat.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        for dir in self.image_dirs() {
            for name in names_with(dir, REMOVING)? {
                self.destroy(dir, &name)?;
            }
        }
        Ok(())
    }

    /// Bytes that a volume in use holds, where the kernel counts them; else [`Self::counted_bytes`] does.
    pub(crate) fn used_bytes(&self, label: &str) -> Option<u64> {
        self.in_use().by_label.get(label)?.used_bytes().ok().flatten()
    }

    /// Bytes that a volume in use holds, by looking at its files.
    pub(crate) fn counted_bytes(&self, label: &str) -> io::Result<u64> {
        let path = self.in_use().by_label.get(label).map(|ready| ready.path.clone());
        allocated_bytes(&path.unwrap_or_else(|| self.root.join(label)))
    }

    /// Lets go of the pool if no volume is in use. What is in use stays mounted.
    pub(crate) fn close(&self) {
        let in_use = self.in_use();
        if !in_use.by_label.is_empty() {
            return;
        }
        if let Err(error) = self.pool.unmount() {
            warn!(%error, "the pool stays mounted");
        }
    }
}

impl Ready {
    /// Bytes it holds, if the kernel counts them.
    fn used_bytes(&self) -> io::Result<Option<u64>> {
        if self.image.is_some() {
            let statfs = rustix::fs::statfs(&self.path)?;
            let block = u64::try_from(statfs.f_bsize).unwrap_or(0);
            return Ok(Some(statfs.f_blocks.saturating_sub(statfs.f_bfree) * block));
        }
        match (self.record.kind, self.record.project) {
            (StorageKind::Project, Some(number)) => project::used(&self.path, number).map(|(bytes, _)| Some(bytes)),
            (StorageKind::Subvolume, _) => btrfs::used_bytes(&self.path).map(Some),
            _ => Ok(None),
        }
    }

    /// Bytes it takes from the disk, if that can be told quickly.
    fn taken_bytes(&self) -> io::Result<Option<u64>> {
        match &self.image {
            Some((image, _)) => image.allocated_bytes().map(Some),
            None => self.used_bytes(),
        }
    }

    /// Lets nobody take anything more.
    fn brake(&self) -> io::Result<()> {
        match (&self.image, self.record.kind, self.record.project) {
            (Some((image, device)), ..) => image.brake(*device),
            (None, StorageKind::Project, Some(number)) => {
                let (bytes, inodes) = project::used(&self.path, number)?;
                project::limit(&self.path, number, bytes, inodes)
            }
            (None, StorageKind::Subvolume, _) => {
                self.confine_subvolume(btrfs::used_bytes(&self.path)? + BTRFS_ROOM_TO_DELETE_BYTES)
            }
            _ => Ok(()),
        }
    }

    fn confine_subvolume(&self, bytes: u64) -> io::Result<()> {
        match (self.path.parent(), self.path.file_name().and_then(|name| name.to_str())) {
            (Some(parent), Some(name)) => btrfs::confine(parent, name, bytes),
            _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }

    /// Lets its users take what their tier gives them.
    fn hold_to_limit(&self) -> io::Result<()> {
        match (&self.image, self.record.kind, self.record.project) {
            (Some((image, device)), ..) => image.hold_to(*device, self.record.bytes),
            (None, StorageKind::Project, Some(number)) => {
                project::limit(&self.path, number, self.record.bytes, self.record.inodes)
            }
            (None, StorageKind::Subvolume, _) => self.confine_subvolume(self.record.bytes),
            _ => Ok(()),
        }
    }
}

/// Names in `dir` that begin with `prefix`; a directory that is not there has none.
fn names_with(dir: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(prefix) {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
