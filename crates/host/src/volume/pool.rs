//! The pool: one large file with holes that holds an XFS, in which the images of volumes share blocks with their template.
//!
//! **Invariants**: the file gets its name when its file system is complete, and no file system is ever made in a file that
//! has that name; it is mounted at most once.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use coditect_sandbox::storage::loop_device::LoopDevice;
use coditect_sandbox::storage::mounts;
use tracing::info;

use super::record::sync_dir;
use super::tools;
use super::tree::make_private_dir;

/// mkfs.xfs makes none that is smaller, in bytes.
pub(super) const POOL_BYTES_MIN: u64 = 300 << 20;
/// How long an earlier process's last mounts may take to go.
pub(super) const BUSY_PATIENCE: Duration = Duration::from_secs(10);

/// The pool of one host.
#[derive(Debug)]
pub(super) struct Pool {
    file: PathBuf,
    /// Where it is mounted.
    pub(super) point: PathBuf,
}

impl Pool {
    /// The pool below a host's directory, whether it exists or not.
    pub(super) fn below(state_dir: &Path) -> Self {
        Self { file: state_dir.join("pool.xfs"), point: state_dir.join("pool") }
    }

    /// Whether it has been made.
    pub(super) fn exists(&self) -> bool {
        self.file.exists()
    }

    /// Makes it, `bytes` large, of which it takes what is written.
    pub(super) fn make(&self, bytes: u64) -> io::Result<()> {
        if bytes < POOL_BYTES_MIN {
            let text = format!("a pool needs {} MiB, {} MiB are there", POOL_BYTES_MIN >> 20, bytes >> 20);
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        let new = self.file.with_extension("xfs.new");
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        file.set_len(bytes >> 20 << 20)?;
        // Nothing is discarded (-K), so the log keeps its blocks: it can always be written.
        tools::run("mkfs.xfs", &["-q", "-K", "-m", "reflink=1"], &new, &[0])?;
        file.sync_all()?;
        std::fs::rename(&new, &self.file)?;
        if let Some(parent) = self.file.parent() {
            sync_dir(parent)?;
        }
        info!(path = %self.file.display(), mebibytes = bytes >> 20, "made a pool for volumes");
        Ok(())
    }

    /// Mounts it where an earlier process has not left it mounted, and grows it to `bytes` if it is smaller.
    pub(super) fn mount(&self, bytes: Option<u64>) -> io::Result<()> {
        make_private_dir(&self.point)?;
        let device = match mounts::mounted_at(&self.point)? {
            Some(mounted) => LoopDevice::open(mounted.device)?,
            None => {
                let device = attach(&self.file)?;
                mounts::mount_xfs(device.path(), &self.point).map_err(|error| {
                    let file = self.file.display();
                    io::Error::new(
                        error.kind(),
                        format!("{file} cannot be mounted ({error}): check it with `xfs_repair -n {file}`"),
                    )
                })?;
                make_private_dir(&self.point)?;
                device
            }
        };
        let wanted = bytes.unwrap_or(0) >> 20 << 20;
        if wanted > self.file.metadata()?.len() {
            File::options().write(true).open(&self.file)?.set_len(wanted)?;
        }
        // Cheap, and finishes what a crash may have left half done.
        device.read_size_again()?;
        if bytes.is_some() {
            tools::run("xfs_growfs", &["-d"], &self.point, &[0])?;
        }
        Ok(())
    }

    /// Unmounts it if it is mounted.
    pub(super) fn unmount(&self) -> io::Result<()> {
        match mounts::mounted_at(&self.point)? {
            Some(_) => mounts::unmount(&self.point),
            None => Ok(()),
        }
    }
}

/// Attaches an image, which an earlier user may be about to let go.
pub(super) fn attach(image: &Path) -> io::Result<LoopDevice> {
    patiently(|| LoopDevice::attach(image))
}

/// Tries again while something is busy, for [`BUSY_PATIENCE`].
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let started = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && started.elapsed() < BUSY_PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            outcome => return outcome,
        }
    }
}
